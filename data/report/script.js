// A film's controls stand there from the first click on. A table is sorted by the clicked column: numbers by data-v, what
// has none stays at the end.
for (const video of document.querySelectorAll("video")) {
  const play = () => { video.controls = true; video.parentNode.classList.remove("still"); video.play(); };
  video.controls = false;
  video.tabIndex = 0;
  video.parentNode.classList.add("still");
  for (const kind of ["click", "keydown"]) video.addEventListener(kind, event => {
    if (video.controls || (kind === "keydown" && event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    play();
  });
}
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending", sign = up ? 1 : -1;
      const key = row => row.cells[column].dataset.v ?? row.cells[column].textContent;
      const order = (a, b) => {
        const x = key(a), y = key(b);
        if (x === "" || y === "") return (x === "") - (y === "");
        const both = !isNaN(x) && !isNaN(y);
        return sign * (both ? x - y : x.localeCompare(y));
      };
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      body.append(...[...body.rows].sort(order));
    });
  });
}

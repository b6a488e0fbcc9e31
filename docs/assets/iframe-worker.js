/* A page that is opened from the disk may start no Worker; the search then runs in a hidden frame instead. */
(function () {
  if (location.protocol !== "file:") return;
  function IFrameWorker(url) {
    var worker = this, target = document.createElement("span");
    var frame = document.createElement("iframe");
    this.addEventListener = target.addEventListener.bind(target);
    this.removeEventListener = target.removeEventListener.bind(target);
    this.terminate = function () { frame.remove(); };
    frame.hidden = true;
    document.body.appendChild(frame);
    var inside = frame.contentWindow;
    var loaded = new Promise(function (resolve) {
      inside.document.open();
      inside.postMessage = function (data) {
        var event = new MessageEvent("message", { data: data });
        target.dispatchEvent(event);
        if (worker.onmessage) worker.onmessage(event);
      };
      inside.importScripts = function () { return Promise.reject(new Error("no other language than English is built")); };
      inside.searchIsReady = resolve;
      inside.document.write('<script src="' + url + '" onload="searchIsReady()"></scr' + "ipt>");
      inside.document.close();
    });
    this.postMessage = function (data) {
      loaded.then(function () { inside.dispatchEvent(new inside.MessageEvent("message", { data: data })); });
    };
  }
  window.IFrameWorker = window.Worker = IFrameWorker;
})();

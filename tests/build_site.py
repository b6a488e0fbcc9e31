"""Build the documentation site, strictly, and check it: `make docs` writes site/, whose pages open without a server or a network.

Every link between its pages leads somewhere, and no page takes anything from elsewhere: no fonts, no scripts, no pictures.
"""

import os
import re
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parent.parent
FETCHED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src")}
ONLY_SAID = {"canonical", "edit", "alternate"}  # kinds of <link> that no browser fetches


class Links(HTMLParser):
    """What a page leads to, what it takes, and the places in it."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.leads: list[str] = []
        self.takes: list[str] = []
        self.places: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: unescape(value or "") for name, value in attrs}
        self.places |= {said[name] for name in ("id", "name") if name in said}
        if tag == "a" and "href" in said:
            self.leads.append(said["href"])
        for fetching, name in FETCHED:
            if tag == fetching and name in said and said.get("rel") not in ONLY_SAID:
                self.takes.append(said[name])


def build(site: Path) -> str:
    """What mkdocs said; raises RuntimeError where it warned of anything."""
    line = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(site)]
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT / "tests")}
    done = subprocess.run(line, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return done.stdout + done.stderr


def mistakes_in(site: Path) -> list[str]:
    """Links that lead nowhere, and what comes from elsewhere."""
    pages = {page.resolve(): Links(page) for page in site.rglob("*.html")}
    found = []
    for page, links in pages.items():
        if page.name == "404.html":  # its links are from the root of a server
            continue
        name = page.relative_to(site.resolve())
        found += [f"{name} takes {url} from elsewhere" for url in links.takes if urlsplit(url).netloc]
        for url in links.leads + links.takes:
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                found.append(f"{name} leads to {url}, which is not there")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].places:
                found.append(f"{name} leads to {url}: there is no such place")
    for style in site.rglob("*.css"):
        taken = re.findall(r"url\([\"']?(https?:[^)\"']+)", style.read_text(encoding="utf-8"))
        found += [f"{style.name} takes {url} from elsewhere" for url in taken]
    return sorted(set(found))


def main() -> None:
    site = ROOT / "site"
    try:
        build(site)
    except RuntimeError as error:
        raise SystemExit(str(error)) from None
    if found := mistakes_in(site):
        raise SystemExit("\n".join(found))
    print(f"{len(list(site.rglob('*.html')))} pages in {site}; open {site / 'index.html'}")


if __name__ == "__main__":
    main()

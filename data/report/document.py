"""A page as one self-contained HTML document: styles and script inside, nothing asked of the network."""

import base64
import hashlib
from importlib import resources

from data.report.markup import Html, join, tag

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:"


def document(title: str, *body: str, style: str = "", interactive: bool = False) -> str:
    """The whole document; `style` comes after the reports' own. `interactive`: tables sort, films show their poster first."""
    css = resources.files("data.report").joinpath("style.css").read_text(encoding="utf-8") + style
    script = resources.files("data.report").joinpath("script.js").read_text(encoding="utf-8") if interactive else ""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"{POLICY}; script-src 'sha256-{digest}'" if script else POLICY
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Html(css)),
    )
    parts = [*body, tag("script", Html(script))] if script else body
    return f"<!DOCTYPE html>\n{tag('html', head, tag('body', join(parts)), lang='en')}\n"


def data_uri(kind: str, content: bytes) -> str:
    """`content` of the media type `kind` as an address, so that it lies in the page itself."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def film(video: bytes, poster: bytes, label: str) -> Html:
    """An MP4 that plays without script; with it the controls wait for a click, so that the poster (JPEG, b"": none) can be seen."""
    picture = data_uri("image/jpeg", poster) if poster else None
    source = data_uri("video/mp4", video)
    shown = tag("video", src=source, poster=picture, controls=True, preload="none", playsinline=True, aria_label=label)
    return tag("div", shown, class_="reel")

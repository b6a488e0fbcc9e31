"""Markup: HTML and SVG elements whose text is escaped unless it is markup itself."""

import html
from collections.abc import Iterable

VOID = {"br", "img", "meta"}


class Html(str):
    """Text that is markup already. Only `tag`, `join` and constants of this package make it."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: str | float | bool | None) -> Html:
    """An element: tag("td", "a < b", class_="n", data_v=3). A None attribute is left out, True stands alone."""
    words = "".join(_attribute(key, value) for key, value in attributes.items() if value is not None and value is not False)
    inner = "" if name in VOID else f"{join(children)}</{name}>"
    return Html(f"<{name}{words}>{inner}")


def join(children: Iterable[str]) -> Html:
    return Html("".join(child if isinstance(child, Html) else html.escape(child) for child in children))


def _attribute(key: str, value: str | float | bool) -> str:
    name = key.rstrip("_").replace("_", "-").replace("viewbox", "viewBox")
    if value is True:
        return f" {name}"
    text = f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
    return f' {name}="{html.escape(text)}"'

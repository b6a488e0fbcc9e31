"""What the documentation site needs of us: formulas as MathML, which browsers draw without any script."""

from typing import Any

from latex2mathml.converter import convert


def mathml(source: str, language: str, css_class: str, options: dict[str, Any], md: Any, **kwargs: Any) -> str:
    """A fenced block of language `math`, in LaTeX."""
    return f'<div class="{css_class}">{convert(source.strip(), display="block")}</div>'

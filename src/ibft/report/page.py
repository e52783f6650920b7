"""The page is one HTML file without network or outside files, and nothing that a sample wrote is ever run in it.

Everything that came from a model, a dataset or a label passes Jinja's escaping or is packed data; the page's script
puts it on screen as text alone. A Content-Security-Policy forbids any connection as well.
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup, escape

from ibft.figures.catalogue import CATALOGUE
from ibft.report.sentences import Finding
from ibft.runtime.errors import UserError
from ibft.store.manifests import verify
from ibft.tables.headline import blocks, number
from ibft.tables.render import TextTable
from ibft.visible import SPELLED, visible

_FOLDER = Path(__file__).parent
_MEDIA = {".svg": "image/svg+xml", ".png": "image/png"}


@dataclass(frozen=True)
class Picture:
    """A figure of the report has a title, a subject, a caption, and its content as a data: URI."""

    title: str
    subject: str
    caption: str
    source: str


@dataclass(frozen=True)
class Section:
    """A section shows tables under one heading."""

    title: str
    anchor: str
    tables: list[TextTable]


def picture(key: str, path: Path) -> Picture:
    """Read the figure NAME or NAME/SUBJECT that lies at `path`, and add its caption.

    Raises:
        UserError: it is no PNG or SVG, or no figure of that name exists.
    """
    name, _, subject = key.partition("/")
    if name not in CATALOGUE:
        raise UserError(f"unknown figure {name!r}; valid are {', '.join(CATALOGUE)}")
    if path.suffix not in _MEDIA:
        raise UserError(f"the report can show PNG and SVG, but {path} is neither")
    verify(path)
    content = base64.b64encode(path.read_bytes()).decode("ascii")
    entry = CATALOGUE[name]
    return Picture(entry.title, subject, entry.caption, f"data:{_MEDIA[path.suffix]};base64,{content}")


def render(
    *,
    findings: list[Finding],
    warnings: list[str],
    headline: pd.DataFrame,
    pictures: list[Picture],
    sections: list[Section],
    config: str,
    index: Mapping[str, Any],
    chunks: Mapping[str, str],
) -> str:
    """Render the whole page.

    Args:
        warnings: sentences on what makes some numbers doubtful.
        headline: HEADLINE.
        config: the configuration as it is to be read, usually YAML.
        index: `ibft.report.sample_browser.index`.
        chunks: packed data by the id of its element.
    """
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            findings=findings,
            warnings=warnings,
            blocks=list(blocks(headline)),
            number=number,
            pictures=pictures,
            sections=[section for section in sections if section.tables],
            config=config,
            index=embedded_json(index),
            chunks=chunks,
            style=stylesheet(),
            script=Markup((_FOLDER / "browser.js").read_text()),  # noqa: S704 - our own file
        )
    )


def environment() -> jinja2.Environment:
    """Return the templates' environment, in which every text is escaped and shown with nothing unseen in it."""
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["marked"] = marked
    found.filters["with_code"] = with_code
    return found


def stylesheet() -> Markup:
    return Markup((_FOLDER / "style.css").read_text())  # noqa: S704 - our own file


def marked(text: str, keep: str = "") -> Markup:
    """Write `text` as HTML, in which characters that `visible` spells out stand apart from the others."""
    spelled = re.sub(f"({SPELLED})", r'<span class="unseen">\1</span>', str(escape(visible(text, keep))))
    return Markup(spelled)  # noqa: S704 - escaped above


def with_code(text: str) -> Markup:
    """Write a sentence of ours as HTML, in which `...` is code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(marked(text))))  # noqa: S704 - escaped in `marked`


def _shown(value: Any) -> Any:
    """Escape a text that the template prints, also within attributes, with nothing unseen left. Markup is our own."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def embedded_json(content: Any) -> Markup:
    """Write JSON that is inert inside a <script>: no character of it can end the element or open a comment."""
    text = json.dumps(content, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - escaped above

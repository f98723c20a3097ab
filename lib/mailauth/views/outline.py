"""Markdown to HTML for pages: headings in order and with a name to jump to, links that lead somewhere, no raw HTML."""

import html
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import mistune

from mailauth import escape

__all__ = ["Heading", "Outline", "first_title"]


@dataclass(frozen=True)
class Heading:
    """A heading of the page below its title.

    Args:
        level: 2 or deeper, and never more than one deeper than the heading before it.
        name: The part of the page's address after ``#``.
        words: Plain text.
    """

    level: int
    name: str
    words: str


def first_title(cells: Iterable[Any]) -> str:
    """Return the first heading of the first level in a notebook's cells, whether they are shown or not."""
    texts = (cell["source"] for cell in cells if cell["cell_type"] == "markdown")
    found = (re.search(r"^# +(.+?)[ #]*$", text, re.MULTILINE) for text in texts)
    return next((match[1] for match in found if match), "")


@dataclass
class Outline:
    """The headings of one page; filled while the notebook's cells are read in order.

    Args:
        beside: Names of notebooks whose pages lie in the same folder.
    """

    beside: Collection[str] = ()
    title: str = ""
    headings: list[Heading] = field(default_factory=list)

    @property
    def contents(self) -> tuple[Heading, ...]:
        """The headings that a table of contents lists."""
        return tuple(heading for heading in self.headings if heading.level == _TOP)

    def markdown(self, source: str) -> str:
        """Return a markdown cell's HTML for a reader, who has no cell to run.

        The first heading of the first level becomes the page's title, the table under it (what the notebook needs and
        changes) is left out, and so is a paragraph that begins with a bold "Expect".
        """
        render = mistune.create_markdown(renderer=_Renderer(self), plugins=["strikethrough", "table"])
        return str(render(source))

    def add(self, level: int, words: str) -> Heading | None:
        """Take in a heading and return it as the page shows it, or None for the title."""
        if level == 1 and not self.title:
            self.title = words
            return None
        deepest = self.headings[-1].level + 1 if self.headings else _TOP
        heading = Heading(min(max(level, _TOP), deepest), self._name(words), words)
        self.headings.append(heading)
        return heading

    def _name(self, words: str) -> str:
        taken = {heading.name for heading in self.headings}
        # Letters of any language stay; a name that is taken gets a number.
        plain = re.sub(r"[^\w]+", "-", words.lower()).strip("-_") or "part"
        plain = f"part-{plain}"
        return next(name for name in (plain, *(f"{plain}-{n}" for n in range(2, 10_000))) if name not in taken)


_TOP = 2


class _Renderer(mistune.HTMLRenderer):
    """mistune's renderer, stricter: no raw HTML, no picture from elsewhere, no link that leads nowhere."""

    def __init__(self, outline: Outline) -> None:
        super().__init__(escape=True)
        self._outline = outline
        self._under_title = False

    def heading(self, text: str, level: int, **attrs: object) -> str:
        heading = self._outline.add(level, _words(text))
        self._under_title = heading is None
        if heading is None:
            return ""
        return f'<h{heading.level} id="{heading.name}">{text}</h{heading.level}>\n'

    def paragraph(self, text: str) -> str:
        return "" if text.startswith("<strong>Expect</strong>") else super().paragraph(text)

    def link(self, text: str, url: str, title: str | None = None) -> str:
        target = self._target(url)
        return f'<a href="{escape.html(target)}" rel="noreferrer">{text}</a>' if target else text

    def _target(self, url: str) -> str:
        notebook = re.fullmatch(r"(?:\./)?([\w-]+)\.ipynb", url)
        if notebook:
            return f"{notebook[1]}.html" if notebook[1] in self._outline.beside else ""
        return url if re.fullmatch(r"https://[^\s\"'<>\\]+", url) else ""

    def image(self, text: str, url: str, title: str | None = None) -> str:
        return text

    def block_code(self, code: str, info: str | None = None) -> str:
        return f'<pre class="plain" tabindex="0"><code>{escape.html(code)}</code></pre>\n'

    # The table plugin's tokens look for these two on the renderer before they use its own.
    def table(self, text: str) -> str:
        return "" if self._under_title else f'<div class="mailauth table"><table>{text}</table></div>\n'

    def table_cell(self, text: str, align: str | None = None, head: bool = False) -> str:
        return f'<th scope="col">{text}</th>\n' if head else f"<td>{text}</td>\n"


def _words(rendered: str) -> str:
    """Return a heading's plain text: without tags, entities resolved."""
    return html.unescape(re.sub(r"<[^>]+>", "", rendered))

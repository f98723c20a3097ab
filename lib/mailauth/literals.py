"""Values as PowerShell writes them: text that stays text whatever is in it, and comments that nothing leaves.

Names and addresses come from outside. What is executed is ASCII alone: a letter beyond it stands as ``\\u00fc`` inside
``[regex]::Unescape``. Windows PowerShell reads a file without a byte order mark in the machine's old code page, where
the bytes of a harmless letter can be a quote that ends a string. Comments keep their letters: a person reads them.
"""

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from . import escape
from .plan import Ref, Value

__all__ = ["BARE", "NEWLINE", "Column", "comment", "encoded", "literal", "quoted"]

NEWLINE: Final = "\r\n"
"""What ends a line: a comment in an old double-byte code page may swallow one character after it, and not two."""

_WIDTH: Final = 110

BARE = re.compile(r"[A-Za-z][A-Za-z0-9]*")
"""What names a parameter, and a key that needs no quotes."""

# Beyond printable ASCII, and the backslash, which is its own escape there.
_ESCAPED = re.compile(r"[^\x20-\x5b\x5d-\x7e]")
_PLAIN = re.compile(r"[\x20-\x7e]*")


@dataclass(frozen=True)
class Column(Ref):
    """A value that differs from row to row of a table.

    Args:
        flag: Whether it is a boolean in any of them, which a switch takes after a colon only.
    """

    flag: bool = False


def encoded(text: str) -> bytes:
    """Return a script as a file holds it: UTF-8 with a byte order mark, by which PowerShell 5.1 knows it."""
    return text.encode("utf-8-sig", errors="replace")


def quoted(text: str) -> str:
    """Return *text* as an expression that PowerShell takes for exactly that text, whatever is in it.

    Single quotes, in which nothing is expanded. Line ends, control characters, quotes from a word processor (which
    PowerShell takes for quotes) and all else beyond ASCII are escaped.
    """
    if _PLAIN.fullmatch(text):
        return "'" + text.replace("'", "''") + "'"
    escaped = _ESCAPED.sub(_escape, text).replace("'", "''")
    return f"([regex]::Unescape('{escaped}'))"


def _escape(found: re.Match[str]) -> str:
    if found[0] == "\\":
        return "\\\\"
    units = found[0].encode("utf-16-be", errors="surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def literal(value: Value, *, indent: int | None = None) -> str:
    """Return *value* as an expression.

    Args:
        value: Text, a number, a boolean, nothing, a `Ref`, or lists and mappings of them.
        indent: How far in the line it begins stands; what is too long for a line is laid out over several. None for
            one line, however long.

    Raises:
        ValueError: A mapping has two keys that differ in case only, which PowerShell cannot tell apart.
    """
    if isinstance(value, Ref):
        return f"${'Row' if isinstance(value, Column) else 'Known'}[{quoted(value.name)}]"
    if value is None:
        return "$null"
    if isinstance(value, bool):
        return "$true" if value else "$false"
    if isinstance(value, int):
        return str(value) if value >= 0 else f"({value})"
    if isinstance(value, str):
        return quoted(value)
    inner = None if indent is None else indent + 4
    if isinstance(value, Mapping):
        return _bracketed("@{", _pairs(value, inner), "}", indent)
    each = [literal(one, indent=inner) for one in value]
    # A list alone in a list would be taken for the list itself.
    lonely = len(value) == 1 and isinstance(value[0], Sequence) and not isinstance(value[0], str)
    return _bracketed("@(", [f", {each[0]}"] if lonely else each, ")", indent)


def _pairs(value: Mapping[str, Value], indent: int | None) -> list[str]:
    if len({key.lower() for key in value}) < len(value):
        raise ValueError(f"keys that differ in case only: {', '.join(sorted(value))}")
    names = {key: key if BARE.fullmatch(key) else quoted(key) for key in value}
    return [f"{names[key]} = {literal(each, indent=indent)}" for key, each in value.items()]


def _bracketed(start: str, parts: Sequence[str], end: str, indent: int | None) -> str:
    blank, between, line_end = (" ", "; ", "") if end == "}" else ("", ", ", ",")
    line = f"{start}{blank}{between.join(parts)}{blank}{end}" if parts else f"{start}{end}"
    if indent is None or (len(line) + indent <= _WIDTH and "\n" not in line):
        return line
    margin = " " * (indent + 4)
    return f"{start}\n" + f"{line_end}\n".join(margin + part for part in parts) + f"\n{' ' * indent}{end}"


def comment(text: str, *, label: str = "") -> list[str]:
    """Return *text* as lines of comment that no character in it can leave.

    Args:
        text: Text from outside, of whatever length.
        label: What stands before it; lines that follow are set in.
    """
    safe = escape.line(" ".join(f"{label}{text}".split(" ")), limit=10_000)
    lines = textwrap.wrap(safe, _WIDTH, subsequent_indent="  ", break_on_hyphens=False) or [""]
    # Where the code page is not ours, a last letter of several bytes may take the line's end with it.
    return [f"# {line}" if line.isascii() or line[-1:].isascii() else f"# {line} #" for line in lines]

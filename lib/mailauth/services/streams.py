"""JSON as it comes: lines, pages, arrays, printed objects, however long and however broken."""

import codecs
import json
import re
from collections.abc import Iterator
from typing import Final

from .exports import Export, Source
from .records import Lost, Read, normalise

__all__ = ["of_line", "read_json"]

_BUFFER_LIMIT: Final = 1 << 26

_DECODER: Final = json.JSONDecoder()
_OPENING: Final = re.compile(
    r'\s*\{\s*(?:"@[\w.]+"\s*:\s*(?:"(?:[^"\\]|\\.)*"|-?\d+|null|true|false)\s*,\s*)*"(?:value|records)"\s*:\s*\['
)
# After the last record of a page stand its link to the next and a brace.
_CLOSING: Final = re.compile(r'\]\s*(?:,\s*"@[\w.]+"\s*:\s*(?:"(?:[^"\\]|\\.)*"|-?\d+|null|true|false)\s*)*\}')
_BETWEEN: Final = re.compile(r"[\s,\ufeff\x1e]*")
_RECORD: Final = re.compile(r'\{\s*"(?:id|@odata\.type|time|createdDateTime|CreatedDateTime|TimeGenerated|TenantId)"')


def of_line(line: bytes) -> list[Read]:
    """Return what one line of JSON Lines holds: one record, or several that lost their line end."""
    text = line.decode("utf-8", "replace").strip("\ufeff\0 \t\r\n")
    try:
        return _of_value(json.loads(text))
    except RecursionError:
        return [Lost("nested too deeply")]
    except ValueError:
        pass
    found: list[Read] = []
    while text:
        try:
            value, end = _DECODER.raw_decode(text)
        except (ValueError, RecursionError):
            return [*found, Lost("a line is broken")]
        found += _of_value(value)
        text = text[end:].lstrip(" ,\t\r")
    return found


def read_json(export: Export, source: Source) -> Iterator[Read]:
    """Yield the records of pages, arrays and printed objects, however long the file is.

    After a break it goes on at the next sign-in that reads whole; the break counts as one
    lost record, and `source` is told.
    """
    decode = codecs.getincrementaldecoder(export.encoding)("replace")
    chunks = (decode.decode(chunk) for chunk in source)
    for value in _values(chunks, source):
        yield from [value] if isinstance(value, Lost) else _of_value(value)


def _values(chunks: Iterator[str], source: Source) -> Iterator[object]:
    text, at, depth = "", 0, 0
    searching = False
    for chunk, final in _with_end(chunks):
        text, at = text[at:] + chunk, 0
        while True:
            if searching:
                met = _RECORD.search(text, at)
                at = met.start() if met else max(at, len(text) - (0 if final else 64))
                if met is None:
                    break
            at = _skipped(text, at)
            if at == len(text):
                break
            end, value = _next(text, at, final=final)
            if value is _WAIT:
                break
            if isinstance(value, Lost):
                if not searching:
                    yield value
                    source.tell(value.reason, cut=value is _CUT)
                searching, at = True, at + 1
                continue
            at = end
            if value is _OPENED or value is _CLOSED:
                depth += 1 if value is _OPENED else -1
            elif value is not _SKIPPED and not (searching and not _is_sign_in(value)):
                searching = False
                yield value
    if depth > 0:
        source.tell("the file ends before its closing bracket", cut=True)


_WAIT: Final = object()
_SKIPPED: Final = object()
_OPENED: Final = object()
_CLOSED: Final = object()
_CUT: Final = Lost("the file ends in the middle of a record")


def _with_end(chunks: Iterator[str]) -> Iterator[tuple[str, bool]]:
    for chunk in chunks:
        yield chunk, False
    yield "", True


def _skipped(text: str, at: int) -> int:
    met = _BETWEEN.match(text, at)
    return met.end() if met else at


def _next(text: str, at: int, *, final: bool) -> tuple[int, object]:
    """Return where the next value ends and what it is, or what stands in its way."""
    for frame, what in ((_OPENING, _OPENED), (_CLOSING, _CLOSED)):
        if met := frame.match(text, at):
            return met.end(), what
    if text[at] in "[]}":
        if not final and text[at] == "]" and len(text) - at < 4096:
            return at, _WAIT  # the rest of a page's end may be in the next chunk
        return at + 1, {"[": _OPENED, "]": _CLOSED, "}": _SKIPPED}[text[at]]
    try:
        value, end = _DECODER.raw_decode(text, at)
        return end, value
    except RecursionError:
        return at, Lost("a record is nested too deeply")
    except json.JSONDecodeError as error:
        # An error at the very end means that the rest has not been read yet.
        unfinished = error.pos >= len(text) - 16 or error.msg.startswith("Unterminated string")
        if unfinished and not final and len(text) - at < _BUFFER_LIMIT:
            return at, _WAIT
        return at, _CUT if unfinished and final else Lost("a record is broken")
    except ValueError:
        return at, Lost("a record is broken")


def _is_sign_in(value: object) -> bool:
    return isinstance(value, dict) and bool({"createdDateTime", "CreatedDateTime", "properties"} & value.keys())


def _of_value(value: object) -> list[Read]:
    if isinstance(value, dict) and "properties" not in value:
        for name in ("value", "records", "Results", "results"):
            if isinstance(value.get(name), list):
                return [normalise(record) for record in value[name]]
        if isinstance(value.get("tables"), list):
            return [normalise(record) for table in value["tables"] for record in _of_answer(table)]
    return [normalise(value)]


def _of_answer(table: object) -> Iterator[object]:
    """Yield the rows of a table as the Log Analytics API answers it: names here, values there."""
    told = table if isinstance(table, dict) else {}
    names = [str(column.get("name")) for column in told.get("columns") or () if isinstance(column, dict)]
    for row in told.get("rows") or ():
        yield dict(zip(names, row, strict=False)) if isinstance(row, list) else row

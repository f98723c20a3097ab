"""Rows as the query API sends them: one table as JSON, cut off where it gets too long."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import duckdb
from duckdb_kql.types import kusto_type

from practice.limits import LogLimits

__all__ = ["Answer", "read"]

_AT_A_TIME: Final = 2_000


@dataclass
class Answer:
    """What a query found.

    Args:
        columns: Names with Kusto types.
        parts: The rows, as JSON texts that each hold some of them, to be joined by commas.
        rows: How many they are.
        size: How long the texts are, in bytes.
        cut: Why rows are missing; empty where none are.
    """

    columns: Sequence[tuple[str, str]]
    parts: list[bytes] = field(default_factory=list)
    rows: int = 0
    size: int = 0
    cut: str = ""

    def table(self) -> Iterator[bytes]:
        """Yield the table as JSON, in pieces."""
        columns = [{"name": name, "type": kind} for name, kind in self.columns]
        yield f'{{"name":"PrimaryResult","columns":{json.dumps(columns)},"rows":['.encode()
        for number, part in enumerate(self.parts):
            yield b"," + part if number else part
        yield b"]}"


def read(found: duckdb.DuckDBPyConnection, limits: LogLimits) -> Answer:
    """Return the rows that a connection has ready, as many as fit."""
    answer = Answer([(one[0], kusto_type(one[1])) for one in found.description or ()])
    kinds = [kind for _, kind in answer.columns]
    while rows := found.fetchmany(_AT_A_TIME):
        texts = [_row(kinds, row) for row in rows]
        fitting = _fitting(answer, texts, limits)
        if fitting:
            answer.parts.append(b",".join(texts[:fitting]))
            answer.rows += fitting
            answer.size += sum(map(len, texts[:fitting])) + fitting
        if fitting < len(texts):
            answer.cut = (
                f"Results of this query exceed the set limit of {limits.rows} records. (E_QUERY_RESULT_SET_TOO_LARGE)"
                if answer.rows >= limits.rows
                else f"The results of this query exceed the set limit of {limits.answer_bytes} bytes, so not all "
                "records were returned. (E_QUERY_RESULT_SET_TOO_LARGE, 0x80DA0003)"
            )
            break
    return answer


def _fitting(answer: Answer, texts: Sequence[bytes], limits: LogLimits) -> int:
    size = answer.size
    for number, text in enumerate(texts):
        size += len(text) + 1
        if answer.rows + number >= limits.rows or size > limits.answer_bytes:
            return number
    return len(texts)


def _row(kinds: Sequence[str], row: Sequence[Any]) -> bytes:
    values = [_wire(kind, value) for kind, value in zip(kinds, row, strict=True)]
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _wire(kind: str, value: Any) -> Any:
    match value:
        case None:
            return "" if kind == "string" else None
        case bool() | int():
            return value
        case str():
            # A dynamic value travels as its JSON text.
            return value
        case float():
            return value if math.isfinite(value) else {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
        case datetime():
            return (value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value).isoformat() + "Z"
        case date():
            return f"{value.isoformat()}T00:00:00Z"
        case timedelta():
            return _timespan(value)
        case list() | dict() | tuple():
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)
        case bytes():
            return value.decode("utf-8", "replace")
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date | timedelta):
        return _wire("dynamic", value)
    return str(value) if not isinstance(value, Decimal) else format(value, "f")


def _timespan(value: timedelta) -> str:
    sign, value = ("-", -value) if value < timedelta() else ("", value)
    hours, seconds = divmod(value.seconds, 3_600)
    fraction = f".{value.microseconds:06}0" if value.microseconds else ""
    days = f"{value.days}." if value.days else ""
    return f"{sign}{days}{hours:02}:{seconds // 60:02}:{seconds % 60:02}{fraction}"

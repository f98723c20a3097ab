"""What can run a query: Log Analytics, Azure Data Explorer or the local archive, all alike.

A query's text is the same for each of them. An engine says what columns it has, runs a
text and answers plain rows; what it could not look at it says as coverage.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from .coverage import Coverage, Window

__all__ = ["Engine", "Reply", "Row", "Schema"]

Row = dict[str, object]
"""One answered row: column name to ``str``, ``int``, ``float``, ``bool`` or aware UTC ``datetime``."""

Schema = Mapping[str, Mapping[str, str]]
"""Table name to column name to Kusto type; a table that is not there is absent."""


@dataclass(frozen=True)
class Reply:
    """The rows of one query.

    Args:
        rows: The rows, in no order that a caller may rely on.
        partial: Why rows are missing, in a sentence; empty when the answer is whole.
    """

    rows: list[Row]
    partial: str = ""


class Engine(Protocol):
    """A place that holds sign-in tables and answers KQL."""

    @property
    def name(self) -> str:
        """The witness this engine is: ``files``, ``graph``, ``workspace`` or ``kusto``."""

    @property
    def coverage(self) -> tuple[Coverage, ...]:
        """What the engine could not look at, as far as it knows by now."""

    def schema(self) -> Schema:
        """Return the tables and columns that are there."""

    def run(self, text: str, window: Window | None = None) -> Reply:
        """Answer *text*.

        Args:
            text: A whole query; it filters event time itself.
            window: The event times asked for, where the engine can narrow by record time as
                well; None for no narrowing.

        Raises:
            QueryError: The engine refuses the text.
            SourceError: The engine cannot be used.
        """

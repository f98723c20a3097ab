"""What engines behind a service have in common: a schema that is asked for once, rows of plain values, a connection.

Log Analytics and Kusto answer the same language over different clients. How a text is sent, and what a refusal
means, each says itself.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self

from mailauth import kql
from mailauth.coverage import Coverage, Window
from mailauth.engines import Reply, Schema
from mailauth.errors import QueryError

__all__ = ["UNKNOWN_NAME", "Remote", "plain"]

UNKNOWN_NAME: Final = "SemanticError"
"""What stands in a `QueryError`'s code where the text names something that is not there, such as a table."""


class Remote(ABC):
    """A service as an engine; leaving its block gives the connection back."""

    name: str
    _schema: Schema | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Give the connection back."""

    @abstractmethod
    def run(self, text: str, window: Window | None = None) -> Reply:
        """Answer *text*; see `engines.Engine`."""

    @property
    def coverage(self) -> tuple[Coverage, ...]:
        """Nothing of its own: what is missing shows in the schema and in the answers."""
        return ()

    def schema(self) -> Schema:
        """Return the tables and columns that are there, asked once; a table that nothing was ever sent to is absent.

        Raises:
            AccessError: The service refuses us.
            SourceError: There is no such place, or it cannot be reached.
        """
        if self._schema is None:
            found = ((table, self._columns(table)) for table in kql.TABLES)
            self._schema = {table: columns for table, columns in found if columns}
        return self._schema

    def _columns(self, table: str) -> Mapping[str, str]:
        try:
            reply = self.run(f"{table} | getschema | project ColumnName, ColumnType")
        except QueryError as error:
            if UNKNOWN_NAME in error.code:
                return {}
            raise
        return {str(row["ColumnName"]): str(row["ColumnType"]) for row in reply.rows}


def plain(kind: str, value: Any) -> object:
    """Return a client's *value* as an engine's row holds it.

    Args:
        kind: The column's Kusto type.
        value: As the client read it; a time without a zone is UTC.
    """
    if kind == "string":
        return "" if value is None else str(value)
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if kind in ("long", "int"):
        return int(value)
    return bool(value) if kind == "bool" else value

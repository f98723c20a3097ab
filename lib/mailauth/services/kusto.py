"""Azure Data Explorer or a Fabric Eventhouse as an engine, for archives that outgrow one machine.

The same text as everywhere, sent by azure-kusto-data, which is an extra: the error that asks
for it names it. The database holds the sign-in tables under their Log Analytics names.
"""

import importlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Final, Self

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError

from mailauth import kql
from mailauth.clouds import Cloud
from mailauth.coverage import Coverage, Window
from mailauth.engines import Reply, Row, Schema
from mailauth.errors import AccessError, ConfigurationError, MailauthError, QueryError, SourceError, UnreachableError

from . import http

__all__ = ["Kusto"]

_TIMEOUT: Final = timedelta(minutes=10)

# What the service says when a query was too much for it; less of the window may be fine.
_TOO_MUCH: Final = ("E_QUERY_RESULT_SET_TOO_LARGE", "E_LOW_MEMORY_CONDITION", "E_RUNAWAY_QUERY", "Request timed out")

# A name in the query that the database does not know, as our error's code, and in the service's own words.
_SEMANTIC: Final = "SemanticError"
_NAMES: Final = ("SemanticException", "SemanticError", "Semantic error", "SEM0")


class Kusto:
    """One database of a cluster, read as one identity.

    Args:
        cloud: How to reach hosts (certificates, proxy); the cluster names itself.
        credential: What signs in.
        cluster: The query address, such as ``https://logs.westeurope.kusto.windows.net``.
        database: The database that holds the sign-in tables.

    Raises:
        ConfigurationError: azure-kusto-data is not installed, or the cluster is no host of Microsoft's.
    """

    name = "kusto"

    def __init__(self, cloud: Cloud, credential: TokenCredential, cluster: str, database: str) -> None:
        self._library = _library()
        self.cluster = cluster.rstrip("/")
        self.database = database
        self._schema: Schema | None = None
        connection = self._library.KustoConnectionStringBuilder.with_azure_token_credential(
            self.cluster, _Borrowed(credential)
        )
        self._client = self._library.KustoClient(connection)
        # The client has a setter for a proxy and none for certificates; it sends by its session alone.
        self._client._session = http.session(cloud)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()

    @property
    def coverage(self) -> tuple[Coverage, ...]:
        """Nothing of its own: what is missing shows in the schema and in the answers."""
        return ()

    def schema(self) -> Schema:
        """Return the tables and columns of the database, asked once.

        Raises:
            SourceError: The database cannot be read.
        """
        if self._schema is None:
            found = ((table, self._columns(table)) for table in kql.TABLES)
            self._schema = {table: columns for table, columns in found if columns}
        return self._schema

    def run(self, text: str, window: Window | None = None) -> Reply:
        """Answer *text*, which holds its window itself; see `engines.Engine`.

        Raises:
            QueryError: The service refuses the text.
            AccessError: The service refuses us.
            UnreachableError: Nothing answered.
        """
        properties = self._library.ClientRequestProperties()
        properties.set_option("servertimeout", _TIMEOUT)
        try:
            table = self._client.execute_query(self.database, text, properties).primary_results[0]
        except AzureError as error:
            raise AccessError(
                f"No token for {self.cluster}: {_first_line(error)}",
                remedy="Sign in again, or check the credential that the tenants file names under admin.",
                code="token",
            ) from error
        except self._library.exceptions.KustoError as error:
            if found := next((name for name in _TOO_MUCH if name in str(error)), ""):
                return Reply([], f"The cluster gave up on the query ({found}).")
            raise self._refusal(error) from error
        kinds = [(column.column_name, column.column_type) for column in table.columns]
        return Reply([_row(kinds, row) for row in table])

    def _columns(self, table: str) -> Mapping[str, str]:
        try:
            reply = self.run(f"{table} | getschema | project ColumnName, ColumnType")
        except QueryError as error:
            if _SEMANTIC in error.code:
                return {}
            raise
        return {str(row["ColumnName"]): str(row["ColumnType"]) for row in reply.rows}

    def _refusal(self, error: Exception) -> MailauthError:
        here = f"Database {self.database} at {self.cluster}"
        response: Any = getattr(error, "http_response", None)
        status = response.status_code if response is not None else 0
        said = _first_line(error)
        match status:
            case 0:
                remedy = "Check the cluster's address, the network and the proxy in the tenants file."
                return UnreachableError(f"{here} cannot be reached: {said}", remedy=remedy, code="unreachable")
            case 400 | 404 if _is_about_database(response):
                remedy = "Compare the name with the cluster's list of databases."
                return SourceError(f"{here} does not exist.", remedy=remedy, code=str(status))
            case 400:
                code = f"400 {_SEMANTIC}" if _is_about_names(response) else "400"
                return QueryError(f"{here} does not accept the query: {said}", code=code)
            case 401 | 403:
                remedy = "Give the account or app the database role Viewer."
                return AccessError(f"{here} may not be read by this identity.", remedy=remedy, code=str(status))
        return UnreachableError(f"{here} answered {status}: {said}", remedy="Run again later.", code=str(status))


class _Borrowed:
    """A credential that other services use too: the client closes what it is given."""

    def __init__(self, credential: TokenCredential) -> None:
        self.get_token = credential.get_token

    def close(self) -> None:
        """Leave it open."""


def _library() -> Any:
    """Return azure-kusto-data, of which only a part has types."""
    try:
        importlib.import_module("azure.kusto.data.exceptions")
        return importlib.import_module("azure.kusto.data")
    except ImportError:
        raise ConfigurationError(
            "signin_logs: kusto needs the package azure-kusto-data.",
            remedy="Install it beside the runbook: .venv/bin/python -m pip install azure-kusto-data",
        ) from None


def _is_about_database(response: Any) -> bool:
    try:
        error = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        return False
    told = f"{error.get('code', '')} {error.get('@type', '')}"
    return "DatabaseNotFound" in told or "EntityNotFound" in told


def _is_about_names(response: Any) -> bool:
    """Whether a refusal is about a name that the query uses, such as a table's."""
    try:
        error = response.json()["error"]
        told = f"{error.get('code', '')} {error.get('@type', '')} {error.get('@message', '')}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    return any(word in told for word in _NAMES)


def _row(kinds: list[tuple[str, str]], row: Any) -> Row:
    return {name: _value(kind, value) for (name, kind), value in zip(kinds, row, strict=True)}


def _value(kind: str, value: Any) -> object:
    if kind == "string":
        return "" if value is None else str(value)
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if kind in ("long", "int"):
        return int(value)
    return bool(value) if kind == "bool" else value


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]

"""Azure Data Explorer or a Fabric Eventhouse as an engine, for archives that outgrow one machine.

The same text as everywhere, sent by azure-kusto-data, which is an extra: the error that asks
for it names it. The database holds the sign-in tables under their Log Analytics names.
"""

import importlib
from datetime import timedelta
from typing import Any, Final

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError

from mailauth.clouds import Cloud
from mailauth.coverage import Window
from mailauth.engines import Reply, Row
from mailauth.errors import AccessError, ConfigurationError, MailauthError, QueryError, SourceError, UnreachableError

from . import http, refusals, remote

__all__ = ["Kusto"]

_TIMEOUT: Final = timedelta(minutes=10)

# What the service says when a query was too much for it; less of the window may be fine.
_TOO_MUCH: Final = ("E_QUERY_RESULT_SET_TOO_LARGE", "E_LOW_MEMORY_CONDITION", "E_RUNAWAY_QUERY", "Request timed out")

# A name in the query that the database does not know, in the service's own words.
_NAMES: Final = ("SemanticException", "SemanticError", "Semantic error", "SEM0")


class Kusto(remote.Remote):
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
        self._cloud = cloud
        connection = self._library.KustoConnectionStringBuilder.with_azure_token_credential(
            self.cluster, _Borrowed(credential)
        )
        self._client = self._library.KustoClient(connection)
        # The client has a setter for a proxy and none for certificates; it sends by its session alone.
        self._client._session = http.session(cloud)

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()

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
            raise refusals.no_token(self.cluster, error) from error
        except self._library.exceptions.KustoError as error:
            if found := next((name for name in _TOO_MUCH if name in str(error)), ""):
                return Reply([], f"The cluster gave up on the query ({found}).")
            raise self._refusal(error) from error
        kinds = [(column.column_name, column.column_type) for column in table.columns]
        return Reply([_row(kinds, row) for row in table])

    def _refusal(self, error: Exception) -> MailauthError:
        here = f"Database {self.database} at {self.cluster}"
        response: Any = getattr(error, "http_response", None)
        status = response.status_code if response is not None else 0
        said = refusals.first_line(error)
        match status:
            case 0:
                remedy = "Check the cluster's address, the network and the proxy in the tenants file."
                return refusals.unreachable(here, error, remedy=refusals.silent(self._cloud, remedy))
            case 400 | 404 if _is_about_database(response):
                remedy = "Compare the name with the cluster's list of databases."
                return SourceError(f"{here} does not exist.", remedy=remedy, code=str(status))
            case 400:
                code = f"400 {remote.UNKNOWN_NAME}" if _is_about_names(response) else "400"
                return QueryError(f"{here} does not accept the query: {said}", code=code)
            case 401 | 403:
                remedy = 'Ask the owner of the database: "Please give the account or app the database role Viewer."'
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
    error = refusals.body(response)
    told = f"{error.get('code', '')} {error.get('@type', '')}"
    return "DatabaseNotFound" in told or "EntityNotFound" in told


def _is_about_names(response: Any) -> bool:
    """Whether a refusal is about a name that the query uses, such as a table's."""
    error = refusals.body(response)
    told = f"{error.get('code', '')} {error.get('@type', '')} {error.get('@message', '')}"
    return any(word in told for word in _NAMES)


def _row(kinds: list[tuple[str, str]], row: Any) -> Row:
    return {name: remote.plain(kind, value) for (name, kind), value in zip(kinds, row, strict=True)}

"""A Kusto cluster on loopback: the REST endpoint of duckdb-kql behind TLS, for the real client."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trustme
from duckdb_kql.server import KustoRestServer, RestColumn, Result
from duckdb_kql.types import kusto_type

from mailauth.clouds import Cloud
from tests.loganalytics import Tables, cloud, engine, tls, translated


class _Server(KustoRestServer):
    """The endpoint, with queries translated once for all tests that ask alike."""

    def __init__(self, tables: Tables) -> None:
        self.engine = engine(tables)
        super().__init__(self.engine, port=0, quiet=True)
        self._names = tuple(tables)
        self._one_at_a_time = threading.Lock()

    def run(self, csl: str, *_about: Any) -> Result:
        """Answer a query."""
        sql = translated(csl, self._names)
        with self._one_at_a_time:
            found = self.engine.execute(sql, sql.parameters)
            columns = [RestColumn.derived(one[0], kusto_type(one[1])) for one in found.description or ()]
            return Result(columns, found.fetchall())


@contextmanager
def serving(tables: Tables, folder: Path) -> Iterator[tuple[Cloud, str]]:
    """Serve *tables* as the database ``memory`` and give the cloud that reaches it, and its address."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    server = _Server(tables)
    server.socket = tls(authority).wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    url = f"https://localhost:{server.server_address[1]}"
    try:
        yield cloud(url, folder / "ca.pem"), url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        server.engine.close()

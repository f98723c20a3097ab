"""A Kusto cluster on loopback: the REST endpoint of duckdb-kql behind TLS, for the real client."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme
from duckdb_kql.server import KustoRestServer

from mailauth.clouds import Cloud
from tests.loganalytics import Tables, cloud, engine, tls


@contextmanager
def serving(tables: Tables, folder: Path) -> Iterator[tuple[Cloud, str]]:
    """Serve *tables* as the database ``memory`` and give the cloud that reaches it, and its address."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    connection = engine(tables)
    server = KustoRestServer(connection, port=0, quiet=True)
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
        connection.close()

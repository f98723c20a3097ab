"""JupyterLab as a person starts it, for tests that step notebooks in a browser."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

__all__ = ["serving"]


@contextmanager
def serving(folder: Path, **environment: str) -> Iterator[str]:
    """Give the address of a JupyterLab over *folder* that answers; its settings and data lie there, too."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    given = (
        "--no-browser",
        "--allow-root",
        f"--port={port}",
        "--IdentityProvider.token=",
        f"--ServerApp.root_dir={folder}",
    )
    folders = {"JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"), "JUPYTER_DATA_DIR": str(folder / "data")}
    known = {**os.environ, **folders, **environment, "PYTHONPATH": os.pathsep.join(sys.path)}
    with (folder / "lab.log").open("w") as said:
        server = subprocess.Popen([sys.executable, "-m", "jupyterlab", *given], env=known, stdout=said, stderr=said)
        address = f"http://127.0.0.1:{port}"
        try:
            _answers(address)
            yield address
        finally:
            server.terminate()
            server.wait(20)


def _answers(address: str) -> None:
    for _ in range(120):
        try:
            urlopen(f"{address}/api", timeout=5).close()
        except URLError:
            time.sleep(0.5)
        else:
            return
    pytest.fail("JupyterLab did not start within a minute")

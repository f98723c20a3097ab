"""Facts that ship with the library, as values: what Microsoft 365 names things and when it changes them.

The files are `lib/facts/*.toml` and `lib/facts/tables/*.csv`. They hold data and their
sources, never code; the practice world reads the same ones.
"""

import csv
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

__all__ = ["columns", "table", "text"]

_FACTS = resources.files("facts")


@cache
def table(name: str) -> Mapping[str, Any]:
    """Return the facts of ``lib/facts/<name>.toml``, read once; not to be changed by the caller.

    Raises:
        LookupError: No such file ships with the library.
    """
    return MappingProxyType(tomllib.loads(text(name)))


def text(name: str) -> str:
    """Return ``lib/facts/<name>.toml`` as it is written.

    Raises:
        LookupError: No such file ships with the library.
    """
    return _text(f"{name}.toml")


@cache
def columns(table: str) -> Mapping[str, str]:
    """Return the columns of a Log Analytics table with their Kusto types, in the published order.

    Raises:
        LookupError: The library holds no schema of that table.
    """
    rows = csv.DictReader(_text(f"tables/{table}.csv").splitlines())
    return MappingProxyType({row["name"]: row["type"] for row in rows})


def _text(path: str) -> str:
    file = _FACTS
    for part in path.split("/"):
        file = file / part
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        raise LookupError(f"no facts in {path}") from None

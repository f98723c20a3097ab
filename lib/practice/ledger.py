"""The practice tenants' sign-in rows: the stories' own, and those that the cloud's faces add."""

import threading
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

__all__ = ["Ledger"]


class Ledger:
    """Sign-in rows by tenant, in the shape that Graph beta gives a ``signIn``."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._rows: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give files back."""

    def record(self, tenant_id: str, row: Mapping[str, Any]) -> None:
        """Take in a sign-in that happened just now."""
        with self._lock:
            self._rows[tenant_id].append(row)

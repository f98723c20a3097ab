"""The receipt while it is being written: a line before a step is sent and one after, each on the disk before the next.

Whatever ends the run, what was sent stands in the file; a step that was sent and of which nothing follows is unclear.
"""

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from mailauth import receipts
from mailauth.errors import ConfigurationError, MailauthError
from mailauth.plan import Entry, Plan, Receipt

from . import store

__all__ = ["Journal", "read"]


class Journal:
    """Writes one receipt; the file is made with the first line.

    Args:
        path: The file; there must be none yet.
        plan: What is carried out.
        by: As whom.
        where: The file's name as a person writes it.
        undoes: The id of the plan that this one takes back; empty for any other.

    Raises:
        EvidenceError: The plan could not be read again from its receipt.
    """

    def __init__(self, path: Path, plan: Plan, *, by: str, where: str = "", undoes: str = "") -> None:
        self._path = path
        self._plan = plan
        self._by = by
        self._where = where or str(path)
        self._undoes = undoes
        self._header = receipts.header(plan, by=by, undoes=undoes)
        self._begun = False

    def sending(self, step: str, at: datetime) -> None:
        """Note that a step is about to be sent."""
        self._append(receipts.sending(step, at))

    def entry(self, of: Entry) -> None:
        """Note what became of a step."""
        self._append(receipts.entry(of))

    def receipt(self, entries: Sequence[Entry]) -> Receipt:
        """Return the receipt with *entries*; without one, nothing was tried and there is no file."""
        return Receipt(self._plan, tuple(entries), self._by, self._where if self._begun else "", self._undoes)

    def _append(self, line: str) -> None:
        try:
            self._write(line if self._begun else self._header + line)
        except OSError as error:
            raise MailauthError(
                f"{self._path} cannot be written: {error.strerror}; nothing further is sent.",
                remedy="Make room or choose another folder, then plan again: what is done is not sent again.",
            ) from None
        self._begun = True

    def _write(self, text: str) -> None:
        store.private_folder(self._path.parent)
        once = 0 if self._begun else os.O_CREAT | os.O_EXCL
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | once, 0o600)
        with os.fdopen(handle, "ab") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())


def read(path: Path, *, where: str, tenant_id: str, cloud: str) -> Receipt:
    """Return the receipt in a file.

    Args:
        path: The file.
        where: Its name as a person writes it.
        tenant_id: The directory that is open.
        cloud: The name of its cloud.

    Raises:
        ConfigurationError: There is none, or it is not one that may be used here.
    """
    try:
        with path.open("rb") as file:
            text = file.read(receipts.LARGEST + 1).decode()
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or "it is not text"
        raise ConfigurationError(f"receipt: {where} cannot be read: {said}.") from None
    return receipts.read(text, where=where, tenant_id=tenant_id, cloud=cloud)

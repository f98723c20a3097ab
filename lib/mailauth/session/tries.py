"""What this machine notes of a password that is tried, before it is sent and after: one that got lost is a try too.

No password stands in it, and only its owner reads it.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ..closable import Proof
from ..errors import ConfigurationError
from ..guids import is_guid
from ..services import store

__all__ = ["LOST", "Noted"]

LOST: Final = "the try was begun, and what came of it was not kept"
"""What is known of a try whose run ended before its answer."""


@dataclass(frozen=True)
class Noted:
    """The notes of one tenant's tries, the last of each mailbox.

    Args:
        folder: The tenant's folder of reports.
        tenant_id: The tenant; another one's notes do not count.
    """

    folder: Path
    tenant_id: str

    @property
    def path(self) -> Path:
        """Where they are."""
        return self.folder / "receipts" / "password-tries.json"

    def read(self) -> tuple[Proof, ...]:
        """Return the tries.

        Raises:
            ConfigurationError: The file cannot be read, so that nobody knows what was tried.
        """
        try:
            record = json.loads(self.path.read_text(encoding="utf-8"))
            tries = tuple(_proof(each) for each in record["tries"])
            return tries if _may_be(record["tenant_id"], self.tenant_id) else ()
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            raise ConfigurationError(
                f"{self.path.name} cannot be read: which passwords were tried is not known.",
                remedy=f"Look at {self.path}, and remove it a day after the last try.",
            ) from None

    def trying(self, mailbox: str, at: datetime) -> None:
        """Note that a password is about to be sent.

        Args:
            mailbox: The mailbox.
            at: Now, aware.
        """
        self.note(Proof(mailbox, "password", False, at, LOST))

    def note(self, made: Proof) -> None:
        """Note a try in the place of the one before on its mailbox."""
        others = [each for each in self.read() if each.mailbox.lower() != made.mailbox.lower()]
        self._write([*others, made])

    def forget(self, mailbox: str, before: tuple[Proof, ...]) -> None:
        """Put back what stood there *before* a try on *mailbox* that sent nothing."""
        others = [each for each in self.read() if each.mailbox.lower() != mailbox.lower()]
        self._write([*others, *(each for each in before if each.mailbox.lower() == mailbox.lower())])

    def _write(self, tries: list[Proof]) -> None:
        told = [
            {"mailbox": each.mailbox, "at": each.at.astimezone(UTC).isoformat(), "good": each.good, "said": each.said}
            for each in tries
        ]
        store.write_evidence(self.path, {"tenant_id": self.tenant_id, "tries": told})


def _may_be(noted: str, tenant_id: str) -> bool:
    """Whether two ids may be of one tenant: a tenants file may write it in other letters, or by a domain of it."""
    return noted.lower() == tenant_id.lower() or is_guid(noted) is not is_guid(tenant_id)


def _proof(told: Any) -> Proof:
    at = datetime.fromisoformat(told["at"])
    if at.tzinfo is None:
        raise ValueError(told["at"])
    return Proof(told["mailbox"], "password", bool(told["good"]), at, told["said"])

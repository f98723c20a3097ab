"""Graph's refusals: a status, a code, a sentence, in the envelope that its clients read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

__all__ = ["Refusal", "bad", "body", "conflict", "denied", "missing", "read_only", "unknown_path", "wrong_value"]

_BAD = "Request_BadRequest"


@dataclass
class Refusal(Exception):
    """What Graph says no with.

    Args:
        status: The HTTP status.
        code: Graph's own code.
        message: Its sentence.
        details: Further codes, as ``details`` has them.
        headers: Headers to send along.
    """

    status: int
    code: str
    message: str
    details: tuple[Mapping[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.status} {self.code}"


_DENIED: Final = "Insufficient privileges to complete the operation."


def bad(message: str, code: str = _BAD, details: tuple[Mapping[str, str], ...] = ()) -> Refusal:
    """Return a 400."""
    return Refusal(400, code, message, details)


def denied(message: str = _DENIED, code: str = "Authorization_RequestDenied") -> Refusal:
    """Return a 403."""
    return Refusal(403, code, message)


def missing(key: str) -> Refusal:
    """Return a 404 for an object that is not there, or has not reached this replica yet."""
    return Refusal(
        404,
        "Request_ResourceNotFound",
        f"Resource '{key[:200]}' does not exist or one of its queried reference-property objects are not present.",
    )


def conflict(message: str, status: int = 409) -> Refusal:
    """Return the refusal of a second object of the same key."""
    return Refusal(status, "Request_MultipleObjectsWithSameKeyValue", message)


def unknown_path(segment: str) -> Refusal:
    """Return a 400 for an address that leads nowhere."""
    return bad(f"Resource not found for the segment '{segment[:200]}'.", "BadRequest")


def wrong_value(name: str, kind: str) -> Refusal:
    """Return a 400 for a property whose value cannot be taken."""
    return bad(f"Invalid value specified for property '{name[:200]}' of resource '{kind}'.")


def read_only(name: str) -> Refusal:
    """Return a 400 for a property that cannot be set (wording ≈)."""
    return bad(f"Property '{name[:200]}' is read-only and cannot be set.")


def body(refusal: Refusal, now: datetime, request_id: str, client_request_id: str) -> dict[str, Any]:
    """Return the JSON that a refusal is told in."""
    error: dict[str, Any] = {"code": refusal.code, "message": refusal.message}
    if refusal.details:
        error["details"] = [dict(one) for one in refusal.details]
    error["innerError"] = {
        "date": now.strftime("%Y-%m-%dT%H:%M:%S"),
        "request-id": request_id,
        "client-request-id": client_request_id,
    }
    return {"error": error}

"""What went wrong on the way to a service, in the words that all of them share."""

from collections.abc import Mapping
from typing import Any, Final

from mailauth.clouds import Cloud
from mailauth.errors import AccessError, UnreachableError

__all__ = ["CHECK", "body", "first_line", "no_token", "silent", "unreachable"]

CHECK: Final = "Check the network, the proxy and the certificate authority of this cloud in the tenants file."
"""What to do where nothing, or something else than the service, answered."""


_REHEARSAL: Final = (
    "This cloud is one to rehearse on, and it did not answer: a fault may be armed, or it has ended; run the cell that "
    "opens the tenant again, which starts it where that can be done from here."
)


def silent(cloud: Cloud, remedy: str = CHECK) -> str:
    """Return what to do where *cloud* does not answer: *remedy*, unless it is one that a rehearsal brings along."""
    return _REHEARSAL if cloud.rehearsal else remedy


def no_token(place: str, error: Exception) -> AccessError:
    """Return the error for a sign-in that failed before *place* was asked."""
    return AccessError(
        f"No token for {place}: {first_line(error)}",
        remedy="Sign in again, or check the credential that the tenants file names under admin.",
        code="token",
    )


def unreachable(place: str, error: Exception, *, remedy: str = CHECK) -> UnreachableError:
    """Return the error for a *place* that no answer came from."""
    return UnreachableError(f"{place} cannot be reached: {first_line(error)}", remedy=remedy, code="unreachable")


def body(response: Any) -> Mapping[str, Any]:
    """Return what a refusal says under ``error``, as Microsoft's services write it; empty where it is not theirs."""
    try:
        found = response.json().get("error")
    except (ValueError, AttributeError):
        return {}
    return found if isinstance(found, Mapping) else {}


def first_line(error: Exception) -> str:
    """Return the first line of what *error* says, or its name; no longer than a sentence may be."""
    said = (str(error).splitlines() or [type(error).__name__])[0]
    # What lies under requests prints its own objects here, which tell a reader nothing more.
    return "the connection broke off" if said.startswith("('Connection ") else said[:300]

"""The canary: the one mailbox on which a password is tried. It is nobody's, as each try counts towards a lockout."""

from collections.abc import Iterator
from typing import Final

from .checks import Check
from .closable import NO_CANARY, Known, Refusal
from .waves import Record, Wave

__all__ = ["judged", "unfit", "used"]

# Our own tries stand in the log as well, one for each wave.
_OURS: Final = 5


def used(wave: Wave, known: Known) -> str:
    """Return by what a canary is used: what else the tenants file names it, or what notebook 10 saw of it; or nothing.

    Args:
        wave: A wave, which says which mailbox is the canary.
        known: What is known.
    """
    if wave.canary_is or known.findings is None:
        return wave.canary_is
    data, names = known.findings["data"], _names(wave, known)
    people = (each for each in data["adoption"].get("users", ()) if each["user"].lower() in names)
    if person := next(people, None):
        return ", ".join(person["protocols"])
    often = (each for each in data["groups"] if _is_of(names, each) and each["successes"] > _OURS)
    if group := next(often, None):
        return str(group["protocol"])
    sent = (each for each in data["reported"] if {str(each[key]).lower() for key in ("account", "address")} & names)
    return "the mail report shows that it sends" if next(sent, None) else ""


def _names(wave: Wave, known: Known) -> frozenset[str]:
    """Return every name of the canary, its account's id too: that stays when it is renamed."""
    box = known.organization.mailbox(wave.canary)
    return frozenset({wave.canary, *((*box.names, box.object_id.lower()) if box else ())} - {""})


def _is_of(names: frozenset[str], group: Record) -> bool:
    return not names.isdisjoint((group["user"].lower(), group.get("user_id", "").lower()))


def unfit(wave: Wave, known: Known) -> Iterator[Refusal]:
    """Yield that the canary is somebody's: nothing is begun that would end in a try of a person's password."""
    if wave.canary and (person := used(wave, known)):
        found = f"it is in use ({person}): a canary is a mailbox that nobody signs in to"
        yield Refusal("canary", wave.canary, found, NO_CANARY)


def judged(wave: Wave, known: Known) -> Iterator[Check]:
    """Yield what is known of the canary, and what no record that is read would show."""
    if wave.canary and known.findings is not None and not used(wave, known):
        found = "no mail program was seen to sign in to it; whether somebody opens it with Outlook or on the web is not"
        yield Check(f"canary: {wave.canary}", "ok", f"{found} in what 10 reads: make sure that it is nobody's")

"""What notebook 40 shows: how Exchange knows the app, what it can open, what senders put into From, the script."""

from collections.abc import Mapping, Sequence
from typing import Final

from ..checks import Check
from ..mailboxes import Found
from ..mailgrants import Opening
from ..organization import Principal
from . import listings
from .markup import Badge, Cell
from .tables import Table

__all__ = ["froms", "known", "open_today", "people", "reach", "tested"]

_NO_APP: Final = "Not configured: no mail app is registered. Run 20 first."
_PROTOCOLS: Final = {"imap": "IMAP", "pop": "POP", "smtp": "SMTP AUTH"}


def known(found: Found) -> Table:
    """Return the entries that Exchange has for the app, beside the ids that the directory has."""
    app, entries = found.app, found.organization.principals
    related = {app.client_id, app.object_id} - {""}
    rows = [_entry(one, found) for one in entries or () if {one.app_id, one.object_id} & related]
    note = (
        f"Application id {app.client_id or 'not known'}; enterprise application {app.object_id or 'not read'}; "
        f"registration {app.registration_id or 'not read'}. Exchange has to hold the enterprise application's id."
    )
    missing = f"Exchange does not know {app.called} yet." if entries is not None else "Cannot know: it was not read."
    if not app.client_id:
        missing = _NO_APP
    elif not app.alone:
        missing = f"People sign in to {app.called}: Exchange need not know it."
    return Table(
        ("Entry", "Application id", "Object id", "SID", "Is it right?"),
        rows,
        "The app in Exchange",
        note,
        empty=missing,
    )


def _entry(one: Principal, found: Found) -> Sequence[Cell]:
    fits = (one.app_id, one.object_id) == (found.app.client_id, found.app.object_id)
    if not found.app.object_id:
        verdict = Badge("cannot know", "know")
    elif fits:
        verdict = Badge("right", "ok")
    else:
        ours = one.object_id == found.app.registration_id
        verdict = Badge("the registration's id" if ours else "wrong", "bad")
    return one.name, one.app_id, one.object_id, one.sid, verdict


def open_today(found: Found) -> Table:
    """Return what the app itself can open or send as, beside what it is meant to."""
    held = found.openings
    there = {each.mailbox for each in held if each.wanted}
    rows = [_opening(each, _by_sid(found)) for each in sorted(held, key=lambda each: each.wanted)]
    rows += [
        (each.address, [_PROTOCOLS[one] for one in each.protocols], "", Badge("not open yet", "warn"))
        for each in found.wanted
        if found.app.alone and _address(found, each.address) not in there
    ]
    note = "A right is not yet an open door: the protocol has to be on, and the token has to be for it."
    empty = "Nothing." if found.app.alone else f"People sign in to {found.app.called}, and open what is theirs."
    empty = empty if found.app.client_id else _NO_APP
    return Table(
        ("Mailbox", "Right", "By", "Is it meant?"), rows, f"What {found.app.called} can open today", note, empty=empty
    )


def _opening(each: Opening, apps: Mapping[str, str]) -> Sequence[Cell]:
    verdict = Badge("wanted", "ok") if each.wanted else Badge("nobody asked", "bad")
    return each.mailbox, each.right, _named(each.by, apps), verdict


def _by_sid(found: Found) -> Mapping[str, str]:
    return {one.sid.lower(): one.name for one in found.organization.principals or ()}


def _named(trustee: str, apps: Mapping[str, str]) -> Sequence[str]:
    return [part for part in (apps.get(trustee.lower()), trustee) if part]


def _address(found: Found, name: str) -> str:
    known_box = found.organization.mailbox(name)
    return (known_box.address if known_box else name).lower()


def people(found: Found) -> Table:
    """Return who can open each mailbox that is wanted, people and programs; apps by name where Exchange knows them."""
    apps = _by_sid(found)
    rows = [
        (
            each.address,
            _named(row.trustee, apps),
            list(row.rights),
            Badge("denied", "bad") if row.deny else "",
        )
        for each in found.wanted
        for row in found.organization.rights_of(each.address) or ()
        if "\\" not in row.trustee
    ]
    return Table(
        ("Mailbox", "Who", "Rights", "Denied?"), rows, "Who else can open them", empty="Nobody beside the owner."
    )


def froms(found: Found) -> Table:
    """Return the addresses that each sender puts into From, and what becomes of each."""
    planned = {(account, each) for account, uses in found.senders.items() for each in uses}
    rows: list[Sequence[Cell]] = []
    for each in found.froms:
        box = found.organization.mailbox(each.account)
        for use in each.others(found.organization):
            sure = box is not None and (box.address.lower(), use.address) in planned
            what = Badge("SendAs is wanted", "info") if sure else Badge("ask: others send from there too", "warn")
            rows.append((each.account, use.address, use.messages, use.last.date(), list(use.networks), what))
    rows += [
        (each.address, address, None, None, "the tenants file", Badge("SendAs is wanted", "info"))
        for each in found.wanted
        for address in each.send_as
    ]
    columns = ("Sender", "From", "Messages", "Last", "Seen from", "What becomes of it")
    note = "An address that is not here was not seen, which is not the same as not used."
    return Table(columns, rows, "From addresses that are not the sender's own", note, empty="None was seen.")


def tested(found: Sequence[Check]) -> Table:
    """Return what Exchange itself says of the app's role over each mailbox."""
    return listings.checks(found, caption="The role, as Exchange tests it without its cache")


def reach(found: Found) -> Table:
    """Return how far the look reached."""
    return listings.coverage(found.coverage)

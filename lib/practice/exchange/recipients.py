"""Finds what an identity names: mailboxes, users, apps, and whoever can be given a right."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Final, TypeVar

from practice.state import ExchangePrincipal, Mailbox, User

from . import errors
from .cmdlets import Run

__all__ = ["SELF", "alias", "mailbox", "mailboxes", "principal", "sid", "trustee", "trustee_named", "user"]

_Found = TypeVar("_Found")

SELF: Final = "NT AUTHORITY\\SELF"
"""Whom Exchange shows as the owner of a mailbox."""


def mailbox(run: Run, identity: str, *, mail_users: bool = False, removed: bool = False) -> Mailbox:
    """Return the mailbox that an identity names.

    Args:
        run: The call.
        identity: A guid, an object id, an address, a sign-in name, an alias or a display name.
        mail_users: Whether a mail user will do, who has no mailbox here.
        removed: Whether a mailbox that was removed is meant.

    Raises:
        errors.CmdletError: None has it, or several have.
    """
    among = [one for one in mailboxes(run, mail_users=mail_users) if one.soft_deleted is removed]
    return _only(run, identity, [one for one in among if identity.lower() in _names(run, one)])


def mailboxes(run: Run, *, mail_users: bool = False) -> list[Mailbox]:
    """Return the organization's mailboxes by display name, removed ones too."""
    found = [one for one in run.exchange.mailboxes if mail_users or one.kind != "MailUser"]
    return sorted(found, key=lambda one: (one.display_name.lower(), one.guid))


def alias(box: Mailbox) -> str:
    """Return a mailbox's alias."""
    return box.primary_smtp.partition("@")[0]


def user(run: Run, identity: str) -> User:
    """Return the account that an identity names.

    Raises:
        errors.CmdletError: None has it, or several have.
    """
    wanted = identity.lower()
    owners = {one.user_id for one in run.exchange.mailboxes if wanted in (one.guid, one.primary_smtp.lower())}
    found = [
        one
        for one in run.directory.users
        if one.id in owners or wanted in (one.id, one.user_principal_name.lower(), one.display_name.lower())
    ]
    return _only(run, identity, found)


def principal(run: Run, identity: str) -> ExchangePrincipal:
    """Return the app that an identity names: by object id, application id, guid, SID or display name.

    Raises:
        errors.CmdletError: None has it, or several have.
    """
    wanted = identity.lower()
    found = [
        one
        for one in run.exchange.principals
        if wanted in (one.object_id, one.app_id, one.guid, one.sid.lower(), one.display_name.lower())
    ]
    return _only(run, identity, found)


def trustee(run: Run, identity: str) -> str:
    """Return what a permission keeps of whoever *identity* names: a user's id or an app's SID.

    An app is found by what ``Get-ServicePrincipal`` shows as ObjectId, Identity, Sid or Guid, not by its display
    name nor by the id of its registration (E3). That its application id is refused too follows from "identity
    must be EXO service principal"; no transcript of it is known.

    Raises:
        errors.CmdletError: Nobody has it, or several have.
    """
    wanted = identity.lower()
    apps = [one for one in run.exchange.principals if wanted in (one.object_id, one.guid, one.sid.lower())]
    people = [
        one for one in run.directory.users if wanted in (one.id, one.user_principal_name.lower(), sid(one).lower())
    ]
    if not people:
        owners = {one.user_id for one in run.exchange.mailboxes if wanted in _names(run, one)}
        people = [one for one in run.directory.users if one.id in owners]
    if len(apps) + len(people) > 1:
        raise errors.ambiguous(identity)
    if not apps and not people:
        raise errors.unfit(identity)
    return apps[0].sid if apps else people[0].id


def trustee_named(run: Run, held: str) -> str:
    """Return how a permission shows its trustee: a user by sign-in name, an app by its SID."""
    person = run.people.get(held)
    return person.user_principal_name if person else held


def sid(person: User) -> str:
    """Return a user's SID, which is made from the object id: nothing in this cloud issues one."""
    digest = sha256(person.id.encode()).digest()
    parts = [int.from_bytes(digest[place : place + 4], "big") for place in (0, 4, 8)]
    return f"S-1-5-21-{parts[0]}-{parts[1]}-{parts[2]}-{int.from_bytes(digest[12:15], 'big')}"


def _names(run: Run, box: Mailbox) -> set[str]:
    owner = run.people.get(box.user_id)
    names = [box.guid, box.user_id, box.primary_smtp, *box.aliases, box.display_name, alias(box)]
    return {one.lower() for one in (*names, owner.user_principal_name if owner else box.guid)}


def _only(run: Run, identity: str, found: Iterable[_Found]) -> _Found:
    listed = list(found)
    if not listed:
        raise errors.not_found(identity, domain=run.initial_domain)
    if len(listed) > 1:
        raise errors.ambiguous(identity)
    return listed[0]

"""Accounts as an administrator of users changes them: made, renamed, blocked, licensed, signed out, deleted.

Left out: ``mailNickname`` and ``usageLocation`` are asked for nowhere, deleted accounts cannot be brought back, and
of the products only the one with Exchange's plan is given to single people.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from practice.state import Directory, Exchange, Mailbox, Tenant, User

from . import bodies, errors, licences, queries, wire
from .callers import Access
from .calls import Answer, Call, Key, Operation

__all__ = ["OPERATIONS"]

_KIND: Final = "User"
_PROFILE: Final = "passwordProfile"
_PLAIN: Final = frozenset({"accountEnabled", "displayName", "userPrincipalName", "userType"})
_FIXED: Final = wire.USER.properties - _PLAIN
_ADMINS: Final = ("Global Administrator", "User Administrator")
_WRITERS: Final = ("User.ReadWrite.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All")
_RESETTERS: Final = ("User-PasswordProfile.ReadWrite.All", "Directory.AccessAsUser.All")

_WRITE: Final = Access(_WRITERS, roles=_ADMINS)
_WRITE_OR_RESET: Final = Access((*_WRITERS, *_RESETTERS), roles=_ADMINS)
# Which role may sign somebody else out is looked at when it is known who that is.
_REVOKE: Final = Access(("User.RevokeSessions.All", *_WRITERS))
_LICENSE: Final = Access(("LicenseAssignment.ReadWrite.All", *_WRITERS), roles=(*_ADMINS, "License Administrator"))

_NAME: Final = re.compile(r"[\w.'#^~!+-]{1,64}@[A-Za-z0-9.-]{1,253}", re.ASCII)
_KINDS_OF_LETTERS: Final = tuple(map(re.compile, ("[a-z]", "[A-Z]", "[0-9]", "[^a-zA-Z0-9]")))


@dataclass(frozen=True)
class _Profile:
    """A ``passwordProfile``: the word, None where it stays, and whether it must be changed at the next sign-in."""

    word: str | None
    force: bool | None

    def apply(self, call: Call, user: User) -> None:
        """Set a user's password: what they were signed in with ends (50173), and so does a lockout."""
        if self.force is not None:
            user.password_expired = self.force
        if self.word is not None:
            user.password = self.word
            user.password_expired = bool(self.force)
            user.failed_sign_ins, user.locked_until = 0, None
            user.sessions_valid_from = call.now


def _profile(given: Mapping[str, Any]) -> _Profile | None:
    """Return the password profile of a body, None where it has none.

    Raises:
        Refusal: It is none, or the word is too simple.
    """
    if _PROFILE not in given:
        return None
    held = given[_PROFILE]
    force = "forceChangePasswordNextSignIn"
    known = {"password", force, "forceChangePasswordNextSignInWithMfa"}
    if not isinstance(held, dict) or not known.issuperset(held):
        raise errors.wrong_value(_PROFILE, _KIND)
    word = held.get("password")
    flags = [held.get(name) for name in known - {"password"}]
    if not isinstance(word, str | None) or not all(isinstance(one, bool | None) for one in flags):
        raise errors.wrong_value(_PROFILE, _KIND)
    if word is not None and not (
        8 <= len(word) <= 256 and sum(bool(one.search(word)) for one in _KINDS_OF_LETTERS) > 2
    ):
        raise errors.bad(
            "The specified password does not comply with password complexity requirements. Please provide a different"
            " password."
        )
    return _Profile(word, any(flags) if any(one is not None for one in flags) else None)


def _post(call: Call) -> Answer:
    nickname = {"mailNickname"}
    given = bodies.fields(call.body, _KIND, _PLAIN | nickname | {_PROFILE}, _FIXED)
    for name in ("displayName", "userPrincipalName", *nickname):
        bodies.text(given, name, _KIND, longest=256)
    profile = _profile(given)
    if profile is None or profile.word is None or not isinstance(given.get("accountEnabled"), bool):
        raise errors.wrong_value("accountEnabled" if profile and profile.word else _PROFILE, _KIND)
    values = {name: value for name, value in given.items() if name in _PLAIN}
    with call.changing() as (seen, directory):
        made = bodies.made(User, {**values, "licensed": False}, _KIND)
        _check_name(seen, directory, made)
        profile.apply(call, made)
        made.sessions_valid_from = None
        directory.users.append(made)
    return call.one("users", wire.user(made), 201)


def _patch(call: Call) -> Answer:
    given = bodies.fields(call.body, _KIND, _PLAIN | {_PROFILE}, _FIXED)
    profile = _profile(given)
    plain = {name: value for name, value in given.items() if name in _PLAIN}
    if (plain and not call.caller.has(*_WRITERS)) or (profile and not call.caller.has(*_RESETTERS)):
        raise errors.denied()
    with call.changing() as (seen, directory):
        user = _managed(call, seen, directory, sensitive=bool(profile or set(plain) - {"displayName"}))
        if user.on_premises_sync_enabled:
            raise errors.bad(
                "Unable to update the specified properties for on-premises mastered Directory Sync objects or objects"
                " currently undergoing migration."
            )
        for name in plain.keys() & {"displayName", "userPrincipalName"}:
            bodies.text(plain, name, _KIND, longest=256)
        bodies.merged(user, plain, _KIND)
        if "userPrincipalName" in plain:
            _check_name(seen, directory, user)
        if profile:
            profile.apply(call, user)
    return Answer()


def _managed(call: Call, seen: Directory, directory: Directory, *, sensitive: bool) -> User:
    """Return the user that the address names, to change.

    Raises:
        Refusal: There is none, or it is an administrator, whom only a Global Administrator changes in what matters.
    """
    user = _named(directory, _named(seen, call.keys[0].of("id", "userPrincipalName")).id)
    if sensitive and seen.roles_of(user.id) and not call.caller.holds(seen, ("Global Administrator",)):
        raise errors.denied()
    return user


def _named(directory: Directory, name: str) -> User:
    user = directory.user(name)
    if user is None:
        raise errors.missing(name)
    return user


def _check_name(seen: Directory, directory: Directory, user: User) -> None:
    name = user.user_principal_name.lower()
    if not _NAME.fullmatch(name):
        raise errors.bad("Property userPrincipalName is invalid.")
    if name.rpartition("@")[2] not in {one.id for one in seen.domains if one.is_verified}:
        raise errors.bad(
            "The domain portion of the userPrincipalName property is invalid. You must use one of the verified domain"
            " names in your organization."
        )
    if any(one.user_principal_name.lower() == name for one in directory.users if one.id != user.id):
        said = "Another object with the same value for property userPrincipalName already exists."
        raise errors.bad(said, details=({"code": "ObjectConflict", "message": said, "target": "userPrincipalName"},))


def _delete(call: Call) -> Answer:
    with call.changing_everything() as (tenant, directory, exchange):
        user = _managed(call, tenant.directory_in_force(call.now), directory, sensitive=True)
        directory.users.remove(user)
        for group in directory.groups:
            group.members = [one for one in group.members if one != user.id]
        for principal in directory.service_principals:
            principal.assigned_to = [one for one in principal.assigned_to if one != user.id]
        directory.grants = [one for one in directory.grants if one.principal_id != user.id]
        directory.role_assignments = [one for one in directory.role_assignments if one.principal_id != user.id]
        for box in exchange.mailboxes:
            box.soft_deleted = box.soft_deleted or box.user_id == user.id
    return Answer()


def _revoke(call: Call) -> Answer:
    return _signed_out(call, call.keys[0])


def _revoke_mine(call: Call) -> Answer:
    if not call.caller.delegated:
        raise errors.bad("/me request is only valid with delegated authentication flow.", "BadRequest")
    return _signed_out(call, Key(call.caller.object_id))


def _signed_out(call: Call, key: Key) -> Answer:
    bodies.fields(call.body, _KIND, ())
    with call.changing() as (seen, directory):
        user = _named(directory, _named(seen, key.of("id", "userPrincipalName")).id)
        own = call.caller.delegated and call.caller.object_id == user.id
        if call.caller.delegated and not own and not call.caller.holds(seen, _ADMINS):
            raise errors.denied()
        user.sessions_valid_from = call.now
    return Answer({"@odata.context": call.context("Edm.Boolean"), "value": True})


def _license(call: Call) -> Answer:
    given = bodies.fields(call.body, _KIND, {"addLicenses", "removeLicenses"})
    added, removed = given.get("addLicenses"), given.get("removeLicenses")
    if not isinstance(added, list) or not isinstance(removed, list):
        raise errors.wrong_value("removeLicenses" if isinstance(added, list) else "addLicenses", _KIND)
    wanted = [one.get("skuId") if isinstance(one, dict) else None for one in added]
    with call.changing_everything() as (tenant, directory, exchange):
        for sku_id in (*wanted, *removed):
            _check_product(tenant, sku_id)
        user = _managed(call, tenant.directory_in_force(call.now), directory, sensitive=False)
        if removed and not user.licensed:
            raise errors.bad("User does not have a corresponding license.")
        user.licensed = bool(wanted) or (user.licensed and not removed)
        if wanted:
            _give_mailbox(exchange, user)
        return queries.single(call, wire.USER, wire.user(user))


def _check_product(tenant: Tenant, sku_id: object) -> None:
    sku = licences.bought(tenant, sku_id) if isinstance(sku_id, str) else None
    if sku is None:
        raise errors.bad(f"License {str(sku_id)[:64]} does not correspond to a valid company License.")
    if sku is not licences.EXCHANGE_PLAN:
        raise errors.bad(f"{sku.name} is the whole tenant's in the practice cloud, and not given to single users.")


def _give_mailbox(exchange: Exchange, user: User) -> None:
    """Have Exchange make what a licence brings, with what the default plan says."""
    address = user.mail or user.user_principal_name
    there = [one for one in (exchange.mailbox(user.id), exchange.mailbox(address)) if one and not one.soft_deleted]
    if user.user_type == "Guest" or there:
        return
    if removed := exchange.mailbox(user.id):
        # The account's own mailbox comes back with its licence within the 30 days (general knowledge, unverified).
        removed.soft_deleted = False
        return
    plan = next((one for one in exchange.cas_mailbox_plans if one.is_default), None)
    switches = plan.model_dump(include={"imap_enabled", "pop_enabled", "active_sync_enabled"}) if plan else {}
    user.mail = address
    exchange.mailboxes.append(
        Mailbox(
            user_id=user.id,
            display_name=user.display_name,
            primary_smtp=address,
            plan=plan.name if plan else "",
            **switches,
        )
    )


OPERATIONS: Final = (
    Operation("POST", "users", _post, _WRITE),
    Operation("PATCH", "users/{}", _patch, _WRITE_OR_RESET),
    Operation("DELETE", "users/{}", _delete, _WRITE),
    Operation("POST", "users/{}/revokeSignInSessions", _revoke, _REVOKE),
    Operation("POST", "users/{}/assignLicense", _license, _LICENSE),
    Operation("POST", "me/revokeSignInSessions", _revoke_mine, _REVOKE),
)

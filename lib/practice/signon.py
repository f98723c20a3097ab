"""What a sign-in comes to, from the tenant's state alone, and the row that it leaves.

    with backend.states.changing(tenant_id) as tenant:
        done = signon.password(tenant, name, word, Attempt("IMAP4", ip, backend.now()))
    if done.seen:
        backend.ledger.record(tenant_id, signon.row(tenant, done))

The mail servers ask here on behalf of whoever brings a password, as Exchange asks Entra; Entra's own
pages and token endpoint ask for everybody else.
"""

import hmac
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from .access import MODERN, Attempt, Ruling, SignOn, client_app_type, conditional_access
from .rows import principal_row, row
from .state import Directory, Tenant, User
from .wellknown import ROLES

__all__ = ["MODERN", "Attempt", "SignOn", "completed", "conditional_access", "password", "principal_row", "row"]

_LOCKING: Final = 10
_LOCKED_FOR: Final = timedelta(minutes=1)

_ADMINS: Final = frozenset(
    ROLES[name]
    for name in (
        "Global Administrator",
        "Exchange Administrator",
        "Cloud Application Administrator",
        "Application Administrator",
        "Privileged Role Administrator",
        "Conditional Access Administrator",
    )
)
"""Roles that security defaults ask for a second factor at every sign-in; of everybody else only now and then."""


def password(tenant: Tenant, name: str, word: str, attempt: Attempt) -> SignOn:
    """Return what a name and a password come to; call it under `States.changing`, for it counts failures.

    Args:
        tenant: Where.
        name: The sign-in name; no other address and no id does.
        word: The password.
        attempt: By what, to what.
    """
    directory = tenant.directory_in_force(attempt.at)
    user = _named(directory, name)
    federated = _federated(directory, name)
    code = _first_factor(tenant, user, word, federated=federated, now=attempt.at)
    ruling = Ruling("0")
    if user and code == "0":
        ruling = _second_look(directory, user, attempt)
        code = ruling.code
    seen = not (federated and code in ("50126", "50056", "50034"))
    return SignOn(code, user, name, attempt, ruling, federated=federated, seen=seen)


def completed(
    tenant: Tenant, user: User, attempt: Attempt, *, mfa: bool, since: datetime | None = None, transfer: str = ""
) -> SignOn:
    """Return what a modern sign-in comes to whose first factor was right, or which brings a token of an earlier one.

    Args:
        tenant: Where.
        user: Who.
        attempt: By what, to what; its client is one of `MODERN`.
        mfa: Whether a second factor was given.
        since: When they gave their password, where a policy may find that too long ago.
        transfer: ``deviceCodeFlow`` where another device showed the code.
    """
    directory = tenant.directory_in_force(attempt.at)
    name = user.user_principal_name
    held = _named(directory, name)
    ruling = Ruling("0")
    if held is None:
        code = "50034"
    elif not held.account_enabled:
        code = "50057"
    else:
        ruling = _second_look(directory, held, attempt, mfa=mfa, transfer=transfer)
        code = ruling.code
        if code == "0" and since and ruling.lasts is not None and attempt.at - since > ruling.lasts:
            code = "70043"
    return SignOn(code, user, name, attempt, ruling, mfa=mfa, federated=_federated(directory, name))


def _named(directory: Directory, name: str) -> User | None:
    wanted = name.strip().lower()
    return next((one for one in directory.users if one.user_principal_name.lower() == wanted), None)


def _federated(directory: Directory, name: str) -> bool:
    domain = name.rpartition("@")[2].strip().lower()
    return any(one.id.lower() == domain and one.authentication_type == "Federated" for one in directory.domains)


def _first_factor(tenant: Tenant, user: User | None, word: str, *, federated: bool, now: datetime) -> str:
    if user is None:
        return "50034"
    right = bool(user.password) and hmac.compare_digest(user.password.encode(), word.encode("utf-8", "replace"))
    if federated:
        # The identity provider looks first, keeps its own count of failures, and Entra hears of success alone.
        return "50126" if not right else "0" if user.account_enabled else "50057"
    if not user.account_enabled:
        return "50057"
    # Failures are counted where they are kept, whatever replica knows the account.
    kept = next((one for one in tenant.directory.users if one.id == user.id), None)
    if kept and kept.locked_until and now < kept.locked_until:
        return "50053"
    if kept:
        _count(kept, right=right, now=now)
    if not user.password:
        return "50056"
    if not right:
        return "50126"
    return "50055" if user.password_expired else "0"


def _count(user: User, *, right: bool, now: datetime) -> None:
    user.failed_sign_ins = 0 if right else user.failed_sign_ins + 1
    user.locked_until = now + _LOCKED_FOR if user.failed_sign_ins >= _LOCKING else None


def _second_look(
    directory: Directory, user: User, attempt: Attempt, *, mfa: bool = False, transfer: str = ""
) -> Ruling:
    if directory.policies.security_defaults:
        if attempt.legacy:
            return Ruling("530035")
        asked = bool(directory.roles_of(user.id) & _ADMINS)
        code = "0" if mfa or not asked else _second_factor(user)
        return Ruling(code, mfa_asked=asked)
    ruling = conditional_access(
        directory,
        user,
        client_app_type=client_app_type(attempt.client_app),
        app_ids=[attempt.resource_app_id],
        mfa=mfa,
        transfer=transfer,
    )
    return replace(ruling, code=_second_factor(user)) if ruling.code == "50076" else ruling


def _second_factor(user: User) -> str:
    return "50076" if user.mfa else "50079"

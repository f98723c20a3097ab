"""What a sign-in comes to, from the tenant's state alone, and the row that it leaves.

    with backend.states.changing(tenant_id) as tenant:
        done = signon.password(tenant, name, word, client_app="IMAP4", address=ip, now=backend.now())
    if done.seen:
        backend.ledger.record(tenant_id, signon.row(tenant, done))

The mail servers ask here on behalf of whoever brings a password, as Exchange asks Entra; Entra's own
pages and token endpoint ask for everybody else.
"""

import hmac
from datetime import datetime, timedelta
from typing import Final

from .access import MODERN, ClientAppType, Ruling, SignOn, conditional_access
from .rows import principal_row, row
from .state import Directory, Tenant, User

__all__ = ["MODERN", "SignOn", "completed", "conditional_access", "password", "principal_row", "row"]

_EXCHANGE: Final = "00000002-0000-0ff1-ce00-000000000000"
_LOCKING: Final = 10
_LOCKED_FOR: Final = timedelta(minutes=1)

_ADMINS: Final = frozenset(
    {
        "62e90394-69f5-4237-9190-012177145e10",
        "29232cdf-9323-42fd-ade2-1d097af3e4de",
        "158c047a-c907-4556-b7ef-446551a6b5f7",
        "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3",
        "e8611ab8-c189-46e8-94e1-60213ab1f814",
        "b1be1c3e-b65d-4f19-8427-f6fa0d97feb9",
    }
)
"""Roles that security defaults ask for a second factor at every sign-in; of everybody else only now and then."""


def password(
    tenant: Tenant,
    name: str,
    word: str,
    *,
    client_app: str,
    app_id: str = _EXCHANGE,
    resource_app_id: str = _EXCHANGE,
    address: str,
    now: datetime,
) -> SignOn:
    """Return what a name and a password come to; call it under `States.changing`, for it counts failures.

    Args:
        tenant: Where.
        name: The sign-in name; no other address and no id does.
        word: The password.
        client_app: ``clientAppUsed``: ``Authenticated SMTP``, ``IMAP4``, ``POP3``, ``Exchange ActiveSync`` and the
            like are legacy, those in `MODERN` are not.
        app_id: The client's application id; Exchange's own where Exchange asks.
        resource_app_id: The application id of what is to be reached.
        address: Where the sign-in comes from.
        now: The cloud's time.
    """
    directory = tenant.directory_in_force(now)
    user = _named(directory, name)
    federated = _federated(directory, name)
    code = _first_factor(tenant, user, word, federated=federated, now=now)
    ruling = Ruling("0")
    if user and code == "0":
        ruling = _second_look(directory, user, client_app, resource_app_id)
        code = ruling.code
    return SignOn(
        code=code,
        user=user,
        name=name,
        client_app=client_app,
        app_id=app_id,
        resource_app_id=resource_app_id,
        address=address,
        at=now,
        ruling=ruling,
        federated=federated,
        seen=not (federated and code in ("50126", "50056", "50034")),
    )


def completed(
    tenant: Tenant,
    user: User,
    *,
    client_app: str,
    app_id: str,
    resource_app_id: str,
    address: str,
    now: datetime,
    mfa: bool,
    transfer: str = "",
) -> SignOn:
    """Return what a modern sign-in comes to whose first factor was right, or which brings a token of an earlier one.

    Args:
        tenant: Where.
        user: Who.
        client_app: One of `MODERN`.
        app_id: The client's application id.
        resource_app_id: The application id of what is to be reached.
        address: Where the sign-in comes from.
        now: The cloud's time.
        mfa: Whether a second factor was given.
        transfer: ``deviceCodeFlow`` where another device showed the code.
    """
    directory = tenant.directory_in_force(now)
    held = _named(directory, user.user_principal_name)
    ruling = Ruling("0")
    if held is None:
        code = "50034"
    elif not held.account_enabled:
        code = "50057"
    else:
        ruling = _second_look(directory, held, client_app, resource_app_id, mfa=mfa, transfer=transfer)
        code = ruling.code
    return SignOn(
        code=code,
        user=user,
        name=user.user_principal_name,
        client_app=client_app,
        app_id=app_id,
        resource_app_id=resource_app_id,
        address=address,
        at=now,
        ruling=ruling,
        mfa=mfa,
        federated=_federated(directory, user.user_principal_name),
    )


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
    directory: Directory, user: User, client_app: str, resource_app_id: str, *, mfa: bool = False, transfer: str = ""
) -> Ruling:
    legacy = client_app not in MODERN
    if directory.policies.security_defaults:
        if legacy:
            return Ruling("530035")
        asked = bool(directory.roles_of(user.id) & _ADMINS)
        code = "0" if mfa or not asked else _second_factor(user)
        return Ruling(code, mfa_asked=asked)
    ruling = conditional_access(
        directory,
        user,
        client_app_type=_client_app_type(client_app),
        app_ids=[resource_app_id],
        mfa=mfa,
        transfer=transfer,
    )
    code = _second_factor(user) if ruling.code == "50076" else ruling.code
    return Ruling(code, ruling.applied, ruling.mfa_asked)


def _second_factor(user: User) -> str:
    return "50076" if user.mfa else "50079"


def _client_app_type(client_app: str) -> ClientAppType:
    if client_app == "Browser":
        return "browser"
    if client_app in MODERN:
        return "mobileAppsAndDesktopClients"
    return "exchangeActiveSync" if client_app.lower().startswith("exchange active") else "other"

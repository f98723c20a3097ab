"""Who is signed in to the browser, and who somebody is in the tenant that is asked."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final

from flask import Response, g, request

from practice.state import Tenant, User
from practice.tokens import TokenError

from .errors import Refused
from .pages import SESSION
from .persons import Person
from .realms import Realm, home_of, tenants

__all__ = ["Account", "accounts", "keep", "person", "signing_in", "user_of"]

_MOST: Final = 8


@dataclass(frozen=True)
class Account:
    """Somebody who is signed in to this browser.

    Args:
        tenant: The id of the tenant whose account it is.
        user: Its object id there.
        mfa: Whether a second factor was given.
        since: When they signed in, in seconds since 1970.
    """

    tenant: str
    user: str
    mfa: bool
    since: float


def accounts() -> list[Account]:
    """Return who is signed in to the browser that asks; nobody whose sessions were revoked since."""
    try:
        content = g.backend.keys.unseal(request.cookies.get(SESSION, ""))
    except TokenError:
        return []
    if content.get("kind") != "session":
        return []
    return [one for one in (Account(**each) for each in content["accounts"]) if _alive(one)]


def keep(answer: Response, account: Account) -> Response:
    """Return *answer* with *account* first among those that the browser is signed in to."""
    others = [one for one in accounts() if one.user != account.user]
    content = {"kind": "session", "accounts": [asdict(one) for one in [account, *others][:_MOST]]}
    answer.set_cookie(SESSION, g.backend.keys.seal(content), secure=True, httponly=True, samesite="Lax")
    return answer


def user_of(account: Account) -> tuple[Tenant, User]:
    """Return the account and its tenant.

    Raises:
        Refused: 50034 where it is gone.
    """
    for tenant in tenants(g.backend):
        if tenant.tenant_id == account.tenant:
            users = tenant.directory_in_force(g.backend.now()).users
            found = next((one for one in users if one.id == account.user), None)
            if found:
                return tenant, found
    raise Refused("50034", tenant="")


def person(realm: Realm, account: Account, *, app_id: str, app: str, transfer: str = "") -> Person:
    """Return who *account* is in the tenant that is asked: itself, or the guest that it is there.

    Raises:
        Refused: 50020 where it is nobody there, 50034 where it is gone.
    """
    home, user = user_of(account)
    tenant = realm.tenant or home
    here: User | None = user
    if realm.name == "consumers":
        here = None
    elif tenant is not home:
        here = _guest(tenant, user)
    if here is None:
        raise Refused(
            "50020",
            user=user.user_principal_name,
            idp=f"https://sts.windows.net/{home.tenant_id}/",
            tenant=realm.tenant.title if realm.tenant else realm.name,
            app=app_id,
            name=app,
        )
    since = datetime.fromtimestamp(account.since, UTC)
    return Person(here, tenant, home.tenant_id, mfa=account.mfa, since=since, transfer=transfer)


def signing_in(realm: Realm, name: str) -> Tenant | None:
    """Return the tenant whose account a sign-in name is; None where no tenant owns its domain and it is no guest."""
    home = home_of(g.backend, name)
    if home or realm.tenant is None:
        return home
    return realm.tenant


def _guest(tenant: Tenant, user: User) -> User | None:
    known: Iterable[User] = tenant.directory_in_force(g.backend.now()).users
    names = {user.user_principal_name.lower(), (user.mail or "").lower()} - {""}
    return next((one for one in known if one.user_type == "Guest" and (one.mail or "").lower() in names), None)


def _alive(account: Account) -> bool:
    try:
        _, user = user_of(account)
    except Refused:
        return False
    return user.sessions_valid_from is None or account.since >= user.sessions_valid_from.timestamp()

"""What is wrong with an app for mail in Entra: its registration, what it signs in with, what it may."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from ..state import Application, KeyCredential, PasswordCredential, ServicePrincipal, Tenant, User
from .meant import APP_ROLES, SCOPES, Work, held_roles, held_scopes, listed

__all__ = ["faults", "given_up"]

_ALWAYS: Final = datetime.min.replace(tzinfo=UTC)
_NEVER: Final = datetime.max.replace(tzinfo=UTC)

_OLD_THUNDERBIRD: Final = "08162f7c-0fd2-4200-a84a-f25a4db0b584"
_THUNDERBIRD: Final = "9e5f94bc-e8a4-4e73-b8be-63364c29d753"
_ELSEWHERE: Final[Mapping[str, str]] = {
    "full_access_as_app": "EWS",
    "EWS.AccessAsUser.All": "EWS",
    "Mail.Read": "Microsoft Graph",
    "Mail.Send": "Microsoft Graph",
}
"""What each permission is for that is taken for one for IMAP, POP or SMTP."""


def faults(tenant: Tenant, work: Work, now: datetime) -> Iterator[str]:
    """Yield what is wrong with one app."""
    principal = tenant.directory.principal(work.app.app_id)
    if work.app.disabled_by_microsoft:
        yield f"Microsoft has disabled {work.name}: another app has to take its place."
    if principal is None:
        yield f"{work.name} has no enterprise application in the tenant, so nothing can sign in to it or consent to it."
    yield from _credentials(work, now)
    if work.by_scope and not _takes_people(work.app):
        yield (
            f"People cannot sign in to {work.name}: it has no redirect address, such as http://localhost of a public "
            "client, and allows no public client flows."
        )
    yield from _unasked(tenant, work)
    if principal is not None:
        yield from _principal(tenant, work, principal)
        yield from _unconsented(tenant, work)
        yield from _wrong(tenant, work)


def given_up(tenant: Tenant) -> Iterator[str]:
    """Yield who has consented to an app that its publisher gave up."""
    old = tenant.directory.principal(_OLD_THUNDERBIRD)
    grants = [one for one in tenant.directory.grants if old and one.client_id == old.id]
    if grants:
        people = [tenant.directory.user(one.principal_id) if one.principal_id else None for one in grants]
        who = listed([one.display_name if one else "an administrator" for one in people])
        yield (
            f"{who[0].upper()}{who[1:]} consented to Thunderbird under the id {_OLD_THUNDERBIRD}, which its publisher "
            f"gave up in August 2024; it should be {_THUNDERBIRD}."
        )


def _credentials(work: Work, now: datetime) -> Iterator[str]:
    app = work.app
    kinds: Mapping[str, Sequence[PasswordCredential | KeyCredential]] = {
        "client secret": app.password_credentials,
        "certificate": app.key_credentials,
    }
    if (work.by_role or work.by_exchange) and not (any(kinds.values()) or app.federated_credentials):
        yield f"{work.name} has no certificate, secret or federated credential, so it cannot sign in as itself."
    for kind, held in kinds.items():
        spans = [(one.start_date_time or _ALWAYS, one.end_date_time or _NEVER) for one in held]
        if not spans or any(begins <= now < ends for begins, ends in spans):
            continue
        if coming := [begins for begins, _ in spans if begins > now]:
            yield f"The {kind} of {work.name} counts from {min(coming):%Y-%m-%d} on only; it needs one that counts now."
        else:
            yield f"The {kind} of {work.name} expired on {max(ends for _, ends in spans):%Y-%m-%d}; it needs a new one."


def _takes_people(app: Application) -> bool:
    redirects = (*app.public_client.redirect_uris, *app.web.redirect_uris, *app.spa.redirect_uris)
    return bool(redirects or app.is_fallback_public_client)


def _unasked(tenant: Tenant, work: Work) -> Iterator[str]:
    had = {*work.asks, *_held(tenant, work)}
    wanted = [*(SCOPES[one] for one in work.by_scope), *(APP_ROLES[one] for one in work.by_role)]
    if missing := [value for value in wanted if value not in had]:
        yield f"The registration of {work.name} does not ask for {listed(missing, 6)}, as its work wants."


def _principal(tenant: Tenant, work: Work, principal: ServicePrincipal) -> Iterator[str]:
    if not principal.account_enabled:
        yield f"The enterprise application {work.name} is disabled; sign-in to it has to be enabled."
    if principal.app_role_assignment_required and work.by_scope:
        out = [one.user_principal_name for one in _people(tenant, work) if not _assigned(tenant, principal, one)]
        if out or not principal.assigned_to:
            who = f"{listed(out)} {_are(out)} not" if out else "nobody is"
            yield f"{work.name} wants its users assigned, and {who}."


def _assigned(tenant: Tenant, principal: ServicePrincipal, user: User) -> bool:
    groups = {one.id for one in tenant.directory.groups if user.id in one.members}
    return bool({user.id, *groups}.intersection(principal.assigned_to))


def _unconsented(tenant: Tenant, work: Work) -> Iterator[str]:
    held = _held(tenant, work)
    if missing := [value for value in work.asks if value not in held and value not in _ELSEWHERE]:
        yield f"{work.name} asks for {listed(missing, 6)}, and nobody has consented to {_it(missing)}."
    wanted = {SCOPES[one] for one in work.by_scope} & held
    for user in _people(tenant, work):
        lacking = sorted(wanted - held_scopes(tenant, work.app.app_id, user.id))
        if lacking:
            yield (
                f"Neither {user.user_principal_name} nor an administrator for everybody has consented to "
                f"{listed(lacking)} for {work.name}."
            )


def _wrong(tenant: Tenant, work: Work) -> Iterator[str]:
    roles, held = held_roles(tenant, work.app.app_id), _held(tenant, work)
    right = [APP_ROLES[one] for one in work.by_role or work.by_scope if APP_ROLES[one] not in roles]
    instead = f"it needs {listed(right)} in its place" if right else "it has to go"
    for value, kind in _ELSEWHERE.items():
        # People may well let an app read by Graph too; EWS ends for everybody.
        if value in roles or (kind == "EWS" and value in (*held, *work.asks)):
            has = "holds" if value in held else "asks for"
            yield f"{work.name} {has} {value}, which is for {kind} and opens nothing by IMAP, POP or SMTP; {instead}."
    if work.by_exchange and APP_ROLES["smtp"] in roles:
        yield (
            f"{work.name} may send by a role in Exchange and holds SMTP.SendAsApp too, which spoils the role: the "
            "permission has to go."
        )


def _held(tenant: Tenant, work: Work) -> set[str]:
    return held_roles(tenant, work.app.app_id) | held_scopes(tenant, work.app.app_id)


def _people(tenant: Tenant, work: Work) -> list[User]:
    """Return the accounts that are to sign in to an app for a mailbox of their own."""
    boxes = [tenant.exchange.mailbox(use.address) for use in work.uses if use.by_people and not use.shared]
    owners = [tenant.directory.user(box.user_id) for box in boxes if box and work.by_scope]
    return [one for one in owners if one is not None]


def _are(some: Sequence[str]) -> str:
    return "is" if len(some) == 1 else "are"


def _it(some: Sequence[str]) -> str:
    return "it" if len(some) == 1 else "them"

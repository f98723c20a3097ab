"""Who calls, and which cmdlets their roles hold.

A token is taken when it is for Exchange and this tenant. What its bearer may do then follows from the
directory roles and the management roles that they hold in the tenant, not from the token.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from practice.state import Directory, Tenant
from practice.tokens import tenant_of
from practice.wellknown import EXCHANGE, ROLES

from .cmdlets import Cmdlet

__all__ = ["GROUPS", "MANAGEMENT_ROLES", "VIEW_ONLY", "AccessError", "Caller", "caller", "members"]

_RECIPIENT_ADMINISTRATOR: Final = "31392ffb-586c-42d1-9346-e59415a2cc4e"
# The second is what the official module's own app brings (general knowledge, in no capture).
_SCOPES: Final = frozenset({"Exchange.Manage", "AdminApi.AccessAsUser.All"})
VIEW_ONLY: Final = frozenset({"View-Only Configuration", "View-Only Recipients"})
"""The management roles that hold every cmdlet that only reads."""

MANAGEMENT_ROLES: Final = (
    "Mail Recipients",
    "Message Tracking",
    "Organization Client Access",
    "Organization Configuration",
    "Organization Transport Settings",
    "Remote and Accepted Domains",
    "Role Management",
    "View-Only Configuration",
    "View-Only Recipients",
)
"""The administrative roles that hold the cmdlets of this cloud."""

GROUPS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "Organization Management": frozenset(MANAGEMENT_ROLES),
        "Recipient Management": frozenset({"Mail Recipients", "Message Tracking"}),
        "View-Only Organization Management": VIEW_ONLY,
    }
)
"""Role groups, and the management roles that each gives."""

_DIRECTORY_ROLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        ROLES["Global Administrator"]: "Organization Management",
        ROLES["Exchange Administrator"]: "Organization Management",
        ROLES["Global Reader"]: "View-Only Organization Management",
        _RECIPIENT_ADMINISTRATOR: "Recipient Management",
    }
)
"""The role group that a directory role puts its holder in, by the role's template id."""


class AccessError(Exception):
    """A bearer who may not come in.

    Args:
        status: 401 or 403.
        text: What the service says.
        diagnostics: The ``x-ms-diagnostics`` header; its numbers are known from public transcripts where they are
            given here, its presence on this endpoint is unverified.
    """

    def __init__(self, status: int, text: str, diagnostics: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.diagnostics = diagnostics


@dataclass(frozen=True)
class Caller:
    """Whoever a token stands for, as this tenant knows them.

    Args:
        key: The object id of the user or the service principal.
        roles: The management roles that they hold.
    """

    key: str
    roles: frozenset[str]

    def may(self, cmdlet: Cmdlet) -> bool:
        """Whether one of their roles holds the cmdlet."""
        return cmdlet.role in self.roles or (not cmdlet.changes and bool(self.roles & VIEW_ONLY))


def caller(claims: Mapping[str, Any], tenant: Tenant, now: datetime) -> Caller:
    """Return who the bearer of a token is.

    Args:
        claims: The token's claims; its signature and its times are checked already.
        tenant: The tenant that the call is for.
        now: The moment of the call.

    Raises:
        AccessError: The token is for something else, or its bearer has no business here.
    """
    directory = tenant.directory_in_force(now)
    if not _for_exchange(str(claims.get("aud", "")), directory):
        raise AccessError(
            401,
            "The audience claim value is invalid.",
            '2000003;reason="The audience claim value is invalid \'aud\'.";error_category="invalid_resource"',
        )
    if tenant_of(claims) != tenant.tenant_id:
        # Unverified: what the service says of another tenant's token.
        raise AccessError(403, "The token was issued by another tenant than the one that the request names.")
    scopes = str(claims.get("scp") or "").split()
    return _person(claims, scopes, tenant, directory) if scopes else _app(claims, directory)


def members(directory: Directory, group: str) -> list[str]:
    """Return the object ids of those whom a directory role puts in a role group."""
    return [
        one.principal_id for one in directory.role_assignments if _DIRECTORY_ROLES.get(one.role_template_id) == group
    ]


def _for_exchange(audience: str, directory: Directory) -> bool:
    resource = directory.principal(EXCHANGE)
    names = {EXCHANGE, *(resource.service_principal_names if resource else ())}
    return audience.rstrip("/") in names


def _groups(principal_id: str, directory: Directory) -> set[str]:
    return {_DIRECTORY_ROLES[role] for role in directory.roles_of(principal_id) if role in _DIRECTORY_ROLES}


def _app(claims: Mapping[str, Any], directory: Directory) -> Caller:
    app_id = str(claims.get("appid", ""))
    principal = directory.principal(str(claims.get("oid") or app_id))
    roles = claims.get("roles")
    if not isinstance(roles, list) or "Exchange.ManageAsApp" not in roles:
        raise _without_permission()
    if principal is None or not principal.account_enabled:
        raise AccessError(401, "The application is unknown in this tenant, or disabled.")
    groups = _groups(principal.id, directory)
    if not groups:
        # The text is what the module shows. A public capture of such a 403 holds nothing but NUL bytes, which would
        # teach nobody anything.
        raise AccessError(
            403,
            f"The role assigned to application {app_id} isn't supported in this scenario. Please check online "
            "documentation for assigning correct Directory Roles to Azure AD Application for EXO App-Only "
            "Authentication.",
        )
    return Caller(principal.id, frozenset().union(*(GROUPS[one] for one in groups)))


def _person(claims: Mapping[str, Any], scopes: list[str], tenant: Tenant, directory: Directory) -> Caller:
    if _SCOPES.isdisjoint(scopes):
        raise _without_permission()
    user = directory.user(str(claims.get("oid", "")))
    if user is None or not user.account_enabled:
        raise AccessError(401, "The user is unknown in this tenant, or blocked.")
    held = [GROUPS[one] for one in _groups(user.id, directory)]
    assigned = {
        one.role
        for one in tenant.exchange.role_assignments
        if one.assignee_type == "User" and one.assignee == user.id and one.role in MANAGEMENT_ROLES
    }
    # Without any role a user comes in, and every cmdlet is unknown to them (E2).
    return Caller(user.id, frozenset(assigned).union(*held))


def _without_permission() -> AccessError:
    return AccessError(
        401,
        "The token contains no permissions, or permissions can not be understood.",
        '2000008;reason="The token should have valid permissions or linked account associated with partner '
        'application.";error_category="invalid_grant"',
    )

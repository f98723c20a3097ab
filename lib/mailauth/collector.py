"""A script that only reads, for an administrator where nobody of ours may sign in, and what comes of its file.

The script asks Exchange and Graph what the notebooks ask, and writes one JSON file: settings, addresses and ids, no
messages and no passwords. What is refused to whoever runs it is noted in the file, and the rest is read all the same.
The file comes back as the values that a sign-in would have brought. It is somebody else's file: it is checked whole.

The script has not been run in PowerShell; the tests read it with a PowerShell grammar.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any, Final

import fastjsonschema

from . import cmdlets, conditions, escape, grants, permissions, reference
from .conditions import Conditions
from .coverage import Coverage
from .errors import ConfigurationError
from .grants import Found, Held
from .literals import NEWLINE, comment, literal, quoted
from .organization import (
    ASKED_FOR_ALL,
    ASKED_ONCE,
    EVERYTHING,
    SMTP_ROLE,
    Answer,
    Missing,
    Organization,
    named,
    organization,
)
from .plan import Cmdlet
from .powershell import functions, invoked
from .tenants import Tenant

__all__ = ["FIELDS", "SCHEMA", "Collected", "read", "script"]

SCHEMA: Final = "mailauth/collected/1"

_SOURCE: Final = "script"
_LONGEST: Final = 200_000_000  # characters; a tenant of 10,000 mailboxes fills a tenth
_SCOPES: Final = ("Application.Read.All", "Directory.Read.All", "Policy.Read.All")

FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "Get-TransportConfig": ("SmtpClientAuthenticationDisabled", "AllowLegacyTLSClients"),
    "Get-OrganizationConfig": (
        *("DefaultAuthenticationPolicy", "IsDehydrated", "RejectDirectSend"),
        *("EwsEnabled", "EwsAllowedAppIDs"),
    ),
    "Get-AuthenticationPolicy": (
        "Name",
        "Identity",
        *(name for name in cmdlets.known()["New-AuthenticationPolicy"].parameters if name.startswith("AllowBasicAuth")),
    ),
    "Get-CASMailboxPlan": ("Identity", "Name", "DisplayName", "ImapEnabled", "PopEnabled", "ActiveSyncEnabled"),
    "Get-AcceptedDomain": ("DomainName", "Name", "Default", "DomainType"),
    "Get-ServicePrincipal": ("ObjectId", "ServiceId", "AppId", "DisplayName", "Sid", "Guid", "ExchangeObjectId"),
    "Get-ManagementScope": ("Name", "Identity", "RecipientFilter"),
    "Get-ManagementRoleAssignment": (
        "Name",
        "Identity",
        "Role",
        "App",
        "RoleAssignee",
        "RoleAssigneeName",
        "CustomResourceScope",
        "CustomRecipientWriteScope",
        "Enabled",
    ),
    "Get-ManagementRole": ("Name",),
    "Get-RecipientPermission": ("Identity", "Trustee", "AccessRights", "IsInherited"),
    "Get-Mailbox": (
        "PrimarySmtpAddress",
        "UserPrincipalName",
        "EmailAddresses",
        "Guid",
        "ExchangeGuid",
        "ExternalDirectoryObjectId",
        "Identity",
        "Name",
        "RecipientTypeDetails",
        "SKUAssigned",
        "AccountDisabled",
        "IsDirSynced",
        "MessageCopyForSMTPClientSubmissionEnabled",
        "MailboxPlan",
        "ProhibitSendQuota",
        "IsSoftDeletedByRemove",
    ),
    "Get-CASMailbox": (
        "ExternalDirectoryObjectId",
        "Guid",
        "ExchangeObjectId",
        "ImapEnabled",
        "PopEnabled",
        "ActiveSyncEnabled",
        "SmtpClientAuthenticationDisabled",
    ),
    "Get-User": (
        "ExternalDirectoryObjectId",
        "Guid",
        "ExchangeObjectId",
        "UserPrincipalName",
        "AuthenticationPolicy",
        "AccountDisabled",
        "IsDirSynced",
    ),
    "Get-Recipient": (
        "PrimarySmtpAddress",
        "EmailAddresses",
        "Guid",
        "ExternalDirectoryObjectId",
        "Identity",
        "Name",
        "RecipientTypeDetails",
    ),
    "Get-MailboxPermission": ("User", "AccessRights", "Deny", "IsInherited", "InheritanceType"),
    "Get-MailboxStatistics": ("TotalItemSize",),
}
"""What is kept of each cmdlet's rows: what `organization` reads, without the display names of people."""

_ONCE: Final = (
    *ASKED_ONCE,
    Cmdlet("Get-ManagementRole", {"Identity": SMTP_ROLE}),
    Cmdlet("Get-RecipientPermission", EVERYTHING),
)
_PER_MAILBOX: Final = {"rights": "Get-MailboxPermission", "statistics": "Get-MailboxStatistics"}

_ACCOUNT: Final = "id,userPrincipalName,accountEnabled,userType,onPremisesSyncEnabled,assignedPlans"

_GRAPH: Final[Mapping[str, str]] = {
    "securityDefaults": "/v1.0/policies/identitySecurityDefaultsEnforcementPolicy",
    "conditionalAccess": "/v1.0/identity/conditionalAccess/policies",
    "domains": "/v1.0/domains?$select=id,authenticationType",
    "authorizationPolicy": "/v1.0/policies/authorizationPolicy",
    "permissionGrantPolicies": "/v1.0/policies/permissionGrantPolicies",
    "adminConsentRequestPolicy": "/v1.0/policies/adminConsentRequestPolicy",
}
_WHAT: Final[Mapping[str, str]] = {
    "securityDefaults": "security defaults",
    "conditionalAccess": "Conditional Access policies",
    "users": "accounts behind the mailboxes",
    "roleAssignments": "holders of roles that policies name",
    "domains": "how the domains sign in",
}


@dataclass(frozen=True)
class Collected:
    """What a file of the script brought.

    Args:
        tenant_id: The directory that Exchange was connected to; empty where it did not say.
        cloud: The cloud the script was made for.
        at: When it was collected.
        versions: Of PowerShell and its modules, by name; empty for one that was not loaded.
        mailboxes: The mailboxes that were asked about; none for all.
        organization: What Exchange holds.
        conditions: What Entra puts before a mailbox.
        consents: What the directory holds about consent for the tenant's own apps.
    """

    tenant_id: str
    cloud: str
    at: datetime
    versions: Mapping[str, str]
    mailboxes: tuple[str, ...]
    organization: Organization
    conditions: Conditions
    consents: Found

    @property
    def coverage(self) -> tuple[Coverage, ...]:
        """How far the script saw."""
        return (*self.organization.coverage, *self.conditions.coverage, *self.consents.coverage)


# --- the script -----------------------------------------------------------------------------------


def script(tenant: Tenant, *, mailboxes: Sequence[str] = (), now: datetime) -> str:
    """Return the script for a tenant, as a file holds it after `literals.encoded`.

    Args:
        tenant: The tenant; consent is read for its mail apps.
        mailboxes: The mailboxes to read, with who may open them and how full they are; none for the settings of all.
        now: The clock.

    Raises:
        ConfigurationError: One of *mailboxes* is no address.
    """
    addresses = list(dict.fromkeys(named(each) for each in mailboxes))
    lines = [
        *_head(tenant, addresses, now),
        "Set-StrictMode -Version 3.0",
        "$ErrorActionPreference = 'Stop'",
        "",
        *functions("fields", "exchange", "graph", "collect"),
        *_connected(tenant),
        *_exchange(),
        *_graph([app.client_id for app in tenant.mail_apps if app.client_id]),
        *_written(tenant),
    ]
    return NEWLINE.join(line for text in lines for line in text.split("\n")) + NEWLINE


def _head(tenant: Tenant, addresses: Sequence[str], now: datetime) -> Iterator[str]:
    facts, modules = reference.table("powershell"), reference.table("cmdlets")["modules"]
    yield from comment(f"Collect how mail is set up in {tenant.name}. It only reads.")
    yield "#"
    yield from comment(f"{tenant.tenant_id}, cloud {tenant.cloud.name}", label="Tenant:  ")
    yield from comment(f"{now.astimezone(UTC):%Y-%m-%d %H:%M} UTC", label="Made:    ")
    yield from comment(
        "settings, addresses, ids and permissions. No messages, no passwords, no keys.", label="Keeps:   "
    )
    yield from comment(f"Global Reader should do; in Graph {', '.join(_SCOPES)}.", label="Needs:   ")
    yield from comment("what is refused is noted in the file, and the rest is read all the same.", label="Refused: ")
    yield from comment("one JSON file, named at the end. Look through it, and send it back.", label="Result:  ")
    yield from comment(
        "a PowerShell grammar has read it; it has not been run before it came to you.", label="Checked: "
    )
    yield "#"
    yield f"#Requires -Version {facts['versions']['powershell']}"
    name, version = modules["exchange"]["name"], facts["versions"]["exchange"]
    yield f"#Requires -Modules @{{ ModuleName = '{name}'; ModuleVersion = '{version}' }}"
    yield ""
    yield "[CmdletBinding()]"
    yield "param("
    yield "    # The mailboxes to read; none for the settings of all."
    yield f"    [string[]] $Mailbox = {literal(addresses, indent=4)},"
    yield ""
    yield "    # The file to write; left out, one named after the moment in the folder that you are in."
    yield "    [string] $Path = '',"
    yield ""
    yield "    # Leave Microsoft Graph out, where its module is not installed."
    yield "    [switch] $NoGraph"
    yield ")"


def _connected(tenant: Tenant) -> list[str]:
    names = reference.table("powershell")["environments"].get(tenant.cloud.name, {})
    wanted = quoted(tenant.tenant_id)
    exchange, graph = quoted(names.get("exchange", "")), quoted(names.get("graph", ""))
    return [
        f"Connect-ExchangeTenant -TenantId {wanted} -Environment {exchange}",
        "$GraphError = ''",
        "if ($NoGraph) { $GraphError = 'Microsoft Graph was left out.' }",
        "else {",
        f"    try {{ Connect-GraphTenant -TenantId {wanted} -Environment {graph} -Scopes {literal(_SCOPES)} }}",
        "    catch {",
        "        # Another tenant's answers would be worse than none.",
        "        if ((Get-ErrorText $_) -match 'this script is for') { throw }",
        "        $GraphError = Get-ErrorText $_",
        "    }",
        "}",
        "",
    ]


def _exchange() -> Iterator[str]:
    yield "# What Exchange holds."
    yield "$Exchange = @{}"
    yield from (_part(cmdlet, "Get-Part") for cmdlet in _ONCE)
    yield "if ($Mailbox.Count -eq 0) {"
    yield from (f"    {_part(cmdlet, 'Get-Part')}" for cmdlet in ASKED_FOR_ALL)
    yield "}"
    yield "else {"
    yield from (
        f"    {_part(Cmdlet(cmdlet.name), 'Get-PartOfEach', ' -Identity $Address')}" for cmdlet in ASKED_FOR_ALL
    )
    yield "}"
    yield from (f"${name.capitalize()} = @{{}}" for name in _PER_MAILBOX)
    yield "foreach ($Address in $Mailbox) {"
    yield "    Write-Progress -Activity 'Mailboxes' -Status $Address"
    for name, cmdlet in _PER_MAILBOX.items():
        ask = _asked(Cmdlet(cmdlet), " -Identity $Address")
        yield f"    ${name.capitalize()}[$Address] = Get-Part -Fields {literal(FIELDS[cmdlet])} -Ask {ask}"
    yield "}"
    yield "Write-Progress -Activity 'Mailboxes' -Completed"
    yield ""


def _part(cmdlet: Cmdlet, function: str, more: str = "") -> str:
    fields = literal(FIELDS[cmdlet.name])
    return f"$Exchange['{cmdlet.name}'] = {function} -Fields {fields} -Ask {_asked(cmdlet, more)}"


def _asked(cmdlet: Cmdlet, more: str) -> str:
    own = (
        " | Where-Object { (Get-Field $_ 'Trustee') -ne 'NT AUTHORITY\\SELF' }"
        if cmdlet.name == "Get-RecipientPermission"
        else ""
    )
    return f"{{ {invoked(cmdlet)}{more}{own} }}"


def _graph(app_ids: Iterable[str]) -> Iterator[str]:
    yield "# What the directory holds."
    yield "$Graph = @{}"
    yield "$Members = @{}"
    yield "$Principals = @{}"
    yield "if (-not $GraphError) {"
    yield from (f"    $Graph['{name}'] = {_rows(quoted(uri))}" for name, uri in _GRAPH.items())
    yield "    $Graph['roleAssignments'] = Get-Part -Fields @() -Ask { Get-RoleRows }"
    everybody = "('/v1.0/users' + $Account + '&$top=999')"
    yield f"    $Account = {quoted(f'?$select={_ACCOUNT}')}"
    yield f"    if ($Mailbox.Count -eq 0) {{ $Graph['users'] = {_rows(everybody)} }}"
    yield "    else {"
    yield "        $Ids = @(foreach ($Row in $Exchange['Get-Mailbox']['rows']) { $Row['ExternalDirectoryObjectId'] })"
    yield "        $Graph['users'] = Get-Part -Fields @() -Ask {"
    yield "            foreach ($Id in $Ids) { if ($Id) { Get-GraphRows -Uri ('/v1.0/users/' + $Id + $Account) } }"
    yield "        }"
    yield "    }"
    yield "    foreach ($Id in @(Get-GroupIds $Graph['conditionalAccess']['rows'] $Graph['roleAssignments']['rows'])) {"
    members = "('/v1.0/groups/' + $Id + '/transitiveMembers?$select=id&$top=999')"
    yield f"        if ($Id) {{ $Members[$Id] = {_rows(members, ('id',))} }}"
    yield "    }"
    yield f"    foreach ($Id in {literal([*permissions.APP_IDS.values(), *app_ids])}) {{"
    yield "        $App = @{}"
    for name, uri in _OF_APP.items():
        path = " + $Id + ".join(quoted(piece) for piece in uri.split("{}"))
        yield f"        $App['{name}'] = {_rows(f'({path})')}"
    yield "        $Principals[$Id] = $App"
    yield "    }"
    yield "}"
    yield ""


_PRINCIPAL: Final = "/v1.0/servicePrincipals(appId='{}')"
_OF_APP: Final[Mapping[str, str]] = {
    "registration": "/v1.0/applications(appId='{}')?$select=appId,requiredResourceAccess,publicClient,web,spa",
    "principal": f"{_PRINCIPAL}?$select=id,appId,displayName,accountEnabled,appRoleAssignmentRequired,"
    "disabledByMicrosoftStatus,replyUrls,appRoles,oauth2PermissionScopes",
    "roles": f"{_PRINCIPAL}/appRoleAssignments",
    "scopes": f"{_PRINCIPAL}/oauth2PermissionGrants",
}


def _rows(uri: str, fields: Sequence[str] = ()) -> str:
    return f"Get-Part -Fields {literal(fields)} -Ask {{ Get-GraphRows -Uri {uri} }}"


def _written(tenant: Tenant) -> list[str]:
    return [
        "# One file, written whole.",
        "$Connection = @(Get-ConnectionInformation | Where-Object { (Get-Field $_ 'State') -eq 'Connected' })[0]",
        "$Now = (Get-Date).ToUniversalTime()",
        "$Versions = @{",
        "    PowerShell = $PSVersionTable['PSVersion'].ToString()",
        "    ExchangeOnlineManagement = Get-ModuleVersion 'ExchangeOnlineManagement'",
        "    'Microsoft.Graph.Authentication' = Get-ModuleVersion 'Microsoft.Graph.Authentication'",
        "}",
        "$Collected = @{",
        f"    schema = '{SCHEMA}'",
        "    tenant_id = [string] (Get-Field $Connection 'TenantID')",
        f"    tenant = {quoted(tenant.tenant_id)}",
        f"    cloud = {quoted(tenant.cloud.name)}",
        "    collected_at = Get-Plain $Now",
        "    versions = $Versions",
        "    mailboxes = $Mailbox",
        "    exchange = $Exchange",
        "    rights = $Rights",
        "    statistics = $Statistics",
        "    graph = $Graph",
        "    graph_error = $GraphError",
        "    members = $Members",
        "    apps = $Principals",
        "}",
        "if (-not $Path) { $Path = 'collected-' + $Now.ToString('yyyyMMdd-HHmmss') + '.json' }",
        "$Full = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Path)",
        "[System.IO.File]::WriteAllText($Full, (Get-Json $Collected))",
        "$Full",
    ]


# --- the file -------------------------------------------------------------------------------------


def read(text: str, *, tenant: Tenant | None = None) -> Collected:
    """Return what a file of the script says.

    Args:
        text: The file's text.
        tenant: The tenant that it is meant to be of; None where that does not matter.

    Raises:
        ConfigurationError: It is not such a file, a field of it is wrong, or it is another tenant's; the text names
            the field.
    """
    held = _checked(_parsed(text))
    if tenant is not None:
        _belongs(held, tenant)
    try:
        return _collected(held, _moment(held["collected_at"]))
    except (AttributeError, KeyError, TypeError, ValueError):
        # The schema leaves Graph's records open: they grow by fields all the time.
        raise _wrong("graph or apps", "a record has a shape that Graph does not return") from None


def _collected(held: Mapping[str, Any], at: datetime) -> Collected:
    return Collected(
        tenant_id=held["tenant_id"],
        cloud=held["cloud"],
        at=at,
        versions=held["versions"],
        mailboxes=tuple(held["mailboxes"]),
        organization=organization(
            {name: _answer(part) for name, part in held["exchange"].items()},
            rights={name: _answer(part) for name, part in held["rights"].items()},
            statistics={name: _answer(part) for name, part in held["statistics"].items()},
            source=_SOURCE,
        ),
        conditions=_conditions(held),
        consents=_consents(held),
    )


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise _wrong("collected_at", f"found {text}, which is no day") from None


def _parsed(text: str) -> Any:
    if len(text) > _LONGEST:
        raise _wrong("the file", f"found {len(text):,} characters; expected at most {_LONGEST:,}")
    try:
        return _lists(json.loads(text.removeprefix("\ufeff"), parse_constant=_constant))
    except (ValueError, RecursionError) as error:
        raise _wrong("the file", f"is not JSON: {escape.line(str(error), limit=120)}") from None


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _lists(value: Any) -> Any:
    """Return *value* with lists where Windows PowerShell 5.1 wrote its wrapper of a list."""
    if isinstance(value, dict):
        if value.keys() == {"value", "Count"} and isinstance(value["value"], list):
            return _lists(value["value"])
        return {key: _lists(each) for key, each in value.items()}
    return [_lists(each) for each in value] if isinstance(value, list) else value


def _checked(held: Any) -> Mapping[str, Any]:
    try:
        _validator()(held)
    except fastjsonschema.JsonSchemaValueException:
        # The slower validator says more; it takes a second to import.
        from jsonschema import Draft202012Validator

        errors = Draft202012Validator(_schema()).iter_errors(held)
        wrong = max(errors, key=lambda each: len(each.absolute_path))
        place = ".".join(map(str, wrong.absolute_path)) or "the file"
        raise _wrong(escape.line(place, limit=120), escape.line(wrong.message, limit=200)) from None
    checked: Mapping[str, Any] = held
    return checked


@cache
def _schema() -> Mapping[str, Any]:
    path = resources.files("mailauth") / "schemas" / "collected.json"
    found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@cache
def _validator() -> Any:
    return fastjsonschema.compile(dict(_schema()))


def _belongs(held: Mapping[str, Any], tenant: Tenant) -> None:
    found = {held["tenant"].lower(), held["tenant_id"].lower()} - {""}
    if tenant.tenant_id.lower() not in found:
        shown = escape.line(held["tenant_id"] or held["tenant"], limit=80)
        raise _wrong("tenant_id", f"found {shown}; expected {tenant.tenant_id}, as {tenant.name} has it")
    if held["cloud"] != tenant.cloud.name:
        shown = escape.line(held["cloud"], limit=80)
        raise _wrong("cloud", f"found {shown}; expected {tenant.cloud.name}, as {tenant.name} has it")


def _wrong(place: str, complaint: str) -> ConfigurationError:
    return ConfigurationError(
        f"collected: {place}: {complaint}.", remedy="Run the collector script again, and give the file as it is."
    )


def _answer(part: Mapping[str, Any]) -> Answer:
    if not part["error"]:
        return list(part["rows"])
    return Missing(part["error"], "Let somebody run the script who may read it.", absent=part["absent"])


def _conditions(held: Mapping[str, Any]) -> Conditions:
    parts, members = held["graph"], held["members"]
    read = {name: parts[name]["rows"] for name in parts if not parts[name]["error"]}
    known = {**read, "groupMembers": {name: part["rows"] for name, part in members.items() if not part["error"]}}
    known["securityDefaults"] = next(iter(read.get("securityDefaults", ())), None)
    return conditions.of(known, coverage=[*_covered(held, _WHAT), *_unread_groups(members), _CHANGES])


# Names of administrators and their addresses on the internet: more than a look at settings needs.
_CHANGES: Final = Coverage(
    "who changed policies",
    "absent",
    _SOURCE,
    reason="The script does not collect it: it would be a list of what people did.",
    remedy="Sign in with AuditLog.Read.All to see it.",
)


def _covered(held: Mapping[str, Any], what: Mapping[str, str]) -> Iterator[Coverage]:
    for name, title in what.items():
        part = held["graph"].get(name)
        error = held["graph_error"] or "The file does not hold it." if part is None else part["error"]
        yield _reach(title, error)


def _reach(title: str, error: str) -> Coverage:
    if not error:
        return Coverage(title, "complete", _SOURCE)
    return Coverage(title, "unknown", _SOURCE, reason=error, remedy="Let somebody run the script who may read it.")


def _unread_groups(members: Mapping[str, Any]) -> Iterator[Coverage]:
    errors = [part["error"] for part in members.values() if part["error"]]
    if members:
        told = _reach("members of groups that policies name", errors[0] if errors else "")
        yield replace(told, lost=len(errors))


_POLICIES: Final[Mapping[str, str]] = {
    "authorizationPolicy": "what users can consent to",
    "permissionGrantPolicies": "the rules of what users can consent to",
    "adminConsentRequestPolicy": "requests for admin consent",
}


def _consents(held: Mapping[str, Any]) -> Found:
    apps, coverage = held["apps"], list(_covered(held, _POLICIES))
    resources_ = {app_id: name for name, app_id in permissions.APP_IDS.items()}
    offers = [
        grants.offer(name, one) for app_id, name in resources_.items() if (one := _first(apps.get(app_id), "principal"))
    ]
    own = {app_id: parts for app_id, parts in apps.items() if app_id not in resources_}
    for app_id, parts in own.items():
        errors = [part["error"] for part in parts.values() if part["error"] and not part["absent"]]
        coverage.append(_reach(f"consent for {app_id}", errors[0] if errors else ""))
    authorization = _first(held["graph"], "authorizationPolicy")
    requests = _first(held["graph"], "adminConsentRequestPolicy")
    rules = held["graph"].get("permissionGrantPolicies", {}).get("rows", ())
    return Found(
        offers=tuple(offers),
        held={app_id: _held(parts) for app_id, parts in own.items() if _whole(parts)},
        assigned=_assigned(authorization),
        rules={str(each.get("id")): each for each in rules},
        requests=requests.get("isEnabled") is True if requests else None,
        coverage=tuple(coverage),
    )


def _first(parts: Mapping[str, Any] | None, name: str) -> Mapping[str, Any] | None:
    rows = (parts or {}).get(name, {}).get("rows", ())
    return next(iter(rows), None)


def _whole(parts: Mapping[str, Any]) -> bool:
    return all(not part["error"] or part["absent"] for part in parts.values())


def _held(parts: Mapping[str, Any]) -> Held:
    registered, principal = _first(parts, "registration"), _first(parts, "principal")
    asks, redirects = grants.registration(registered or {})
    known = () if principal is None else tuple(map(str, principal.get("replyUrls") or ()))
    return Held(
        enterprise=grants.enterprise(principal) if principal else None,
        scopes=tuple(map(grants.scopes, parts["scopes"]["rows"])),
        roles=frozenset((str(each.get("resourceId")), str(each.get("appRoleId"))) for each in parts["roles"]["rows"]),
        asks=asks if registered else None,
        redirect_uris=(*redirects, *known),
    )


def _assigned(policy: Mapping[str, Any] | None) -> tuple[str, ...] | None:
    if policy is None:
        return None
    given = policy.get("defaultUserRolePermissions") or {}
    return tuple(map(str, given.get("permissionGrantPoliciesAssigned") or ()))

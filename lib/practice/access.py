"""Conditional Access: which of a tenant's policies a sign-in meets, and whether they let it pass.

Conditions that nothing here can meet (a risk, a named location, a device that is known) make a policy
pass the sign-in by, as they do in Entra where nothing is known of the device and no risk was found.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final, Literal

from .state import ConditionalAccessPolicy, Directory, ServicePrincipal, User
from .wellknown import EXCHANGE

__all__ = [
    "MODERN",
    "Applied",
    "Attempt",
    "ClientAppType",
    "Reporting",
    "Ruling",
    "SignOn",
    "client_app_type",
    "conditional_access",
    "sign_in_frequency",
    "workload_access",
]

MODERN: Final = ("Browser", "Mobile Apps and Desktop clients")
"""The two values of ``clientAppUsed`` that can answer more than a password."""

ClientAppType = Literal["browser", "mobileAppsAndDesktopClients", "exchangeActiveSync", "other"]

_MOST_DAYS: Final = 365
"""The highest value of a sign-in frequency."""
_LEGACY: Final = ("exchangeActiveSync", "other")
_REPORTS: Final = "enabledForReportingButNotEnforced"

_OFFICE: Final = frozenset(
    {
        "00000002-0000-0ff1-ce00-000000000000",
        "00000003-0000-0ff1-ce00-000000000000",
        "cc15fd57-2c6c-4117-a88c-83b1d56b4bbe",
    }
)
"""What the group of apps ``Office365`` covers here: Exchange Online, SharePoint Online, Teams."""

_CODES: Final[Mapping[str, str]] = {
    "compliantDevice": "53000",
    "domainJoinedDevice": "53001",
    "approvedApplication": "53002",
}
"""What a modern sign-in is told when it lacks the control; any other control that it lacks is 53003."""

_SHOWN: Final[Mapping[str, str]] = {
    "block": "Block",
    "mfa": "Mfa",
    "compliantDevice": "RequireCompliantDevice",
    "domainJoinedDevice": "RequireDomainJoinedDevice",
    "approvedApplication": "RequireApprovedApp",
    "compliantApplication": "RequireCompliantApp",
    "passwordChange": "RequirePasswordChange",
}


@dataclass(frozen=True)
class Applied:
    """What a policy made of a sign-in, as a sign-in row lists it."""

    id: str
    name: str
    controls: tuple[str, ...]
    result: str

    def as_graph(self) -> dict[str, Any]:
        """Return the entry of ``appliedConditionalAccessPolicies``."""
        return {
            "id": self.id,
            "displayName": self.name,
            "enforcedGrantControls": list(self.controls),
            "enforcedSessionControls": [],
            "result": self.result,
        }


@dataclass(frozen=True)
class Ruling:
    """What all policies together say.

    Args:
        code: "0", or the number of what stops the sign-in; "50076" where a second factor would help.
        applied: Each policy's part, those that are off and those that only report included.
        mfa_asked: Whether an enforced policy asks for a second factor.
        lasts: How long a sign-in is good for at the most, as the sign-in frequency of an enforced policy has it; None
            where none limits it.
    """

    code: str
    applied: tuple[Applied, ...] = ()
    mfa_asked: bool = False
    lasts: timedelta | None = None

    @property
    def status(self) -> str:
        """``conditionalAccessStatus``."""
        results = {one.result for one in self.applied}
        return next((word for word in ("failure", "success") if word in results), "notApplied")


@dataclass(frozen=True)
class Attempt:
    """A client on its way to a resource, whatever comes of it.

    Args:
        client_app: ``clientAppUsed``: ``Authenticated SMTP``, ``IMAP4``, ``POP3``, ``Exchange ActiveSync`` and the like
            are legacy, those in `MODERN` are not.
        address: Where it comes from.
        at: The cloud's time.
        app_id: The client's application id; Exchange's own where Exchange asks.
        app_name: What the client is called, for a tenant that does not know it.
        resource_app_id: The application id of what is to be reached.
    """

    client_app: str
    address: str
    at: datetime
    app_id: str = EXCHANGE
    app_name: str = ""
    resource_app_id: str = EXCHANGE

    @property
    def legacy(self) -> bool:
        """Whether the client can show nothing but a password."""
        return self.client_app not in MODERN


@dataclass(frozen=True)
class SignOn:
    """What a sign-in came to.

    Args:
        code: "0", or the number behind AADSTS.
        user: Whose account it is; None where the name is nobody's.
        name: The name as it was given.
        attempt: What was tried.
        ruling: What Conditional Access said of it; empty where it was not asked.
        mfa: Whether a second factor was given.
        federated: Whether another identity provider looked at the password.
        seen: Whether Entra saw it: a wrong password of a federated domain never gets there, so it leaves no row.
    """

    code: str
    user: User | None
    name: str
    attempt: Attempt
    ruling: Ruling = field(default_factory=lambda: Ruling("0"))
    mfa: bool = False
    federated: bool = False
    seen: bool = True

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return self.code == "0"


def conditional_access(
    directory: Directory,
    user: User,
    *,
    client_app_type: ClientAppType,
    app_ids: Iterable[str],
    mfa: bool = False,
    transfer: str = "",
) -> Ruling:
    """Return what the tenant's policies say of a person's sign-in.

    Args:
        directory: The directory in force.
        user: Who signs in, their first factor being right.
        client_app_type: How, in the words of ``clientAppTypes``.
        app_ids: The application ids of what is reached.
        mfa: Whether a second factor was given.
        transfer: ``deviceCodeFlow`` where the sign-in comes from another device.
    """
    reached = {one.lower() for one in app_ids}
    judged, spans = [], []
    for policy in directory.policies.conditional_access:
        if (
            _names_user(directory, user, policy.conditions.get("users"))
            and _names_app(policy.conditions.get("applications"), reached)
            and _names_client(policy, client_app_type)
            and not _out_of_reach(policy.conditions, transfer)
        ):
            judged.append(_judged(policy, mfa=mfa, legacy=client_app_type in _LEGACY))
            spans.append(sign_in_frequency(policy) if policy.state == "enabled" else None)
        else:
            judged.append(_passed_by(policy))
    return replace(_together(judged), lasts=min((one for one in spans if one is not None), default=None))


def client_app_type(client_app: str) -> ClientAppType:
    """Return a client in the words of ``clientAppTypes``, from ``clientAppUsed``."""
    if client_app == "Browser":
        return "browser"
    if client_app in MODERN:
        return "mobileAppsAndDesktopClients"
    return "exchangeActiveSync" if client_app.lower().startswith("exchange active") else "other"


@dataclass(frozen=True)
class Reporting:
    """What a tenant's policies that only report say of a story's sign-ins, each since it has its present form.

    Args:
        directory: The directory as it stands; not changed any more.
    """

    directory: Directory
    _known: dict[tuple[str, str, str, bool], tuple[Applied, ...]] = field(default_factory=dict, compare=False)

    def entries(self, user_id: str, client_app: str, resource: str, *, mfa: bool, at: datetime) -> list[dict[str, Any]]:
        """Return the entries of ``appliedConditionalAccessPolicies`` for a sign-in whose first factor was right.

        Args:
            user_id: Whose; somebody whom the directory does not know has none.
            client_app: ``clientAppUsed``.
            resource: The application id of what is reached.
            mfa: Whether a second factor was given.
            at: When.
        """
        key = (user_id, client_app, resource, mfa)
        if key not in self._known:
            self._known[key] = self._applied(*key)
        return [one.as_graph() for one in self._known[key] if self._since[one.id] <= at]

    def _applied(self, user_id: str, client_app: str, resource: str, mfa: bool) -> tuple[Applied, ...]:
        user = self.directory.user(user_id)
        if user is None or not self._since:
            return ()
        kind = client_app_type(client_app)
        ruling = conditional_access(self.directory, user, client_app_type=kind, app_ids=[resource], mfa=mfa)
        return tuple(one for one in ruling.applied if one.id in self._since)

    @cached_property
    def _since(self) -> Mapping[str, datetime]:
        observed = (one for one in self.directory.policies.conditional_access if one.state == _REPORTS)
        began = ((one.id, one.modified_date_time or one.created_date_time) for one in observed)
        return {policy_id: at for policy_id, at in began if at}


def workload_access(directory: Directory, principal: ServicePrincipal, app_ids: Iterable[str]) -> Ruling:
    """Return what the policies for workload identities say of an app that signs in as itself."""
    reached = {one.lower() for one in app_ids}
    own = any(one.app_id == principal.app_id for one in directory.applications)
    judged = []
    for policy in directory.policies.conditional_access:
        named = _mapping(policy.conditions.get("clientApplications"))
        include, exclude = (_words(named.get(f"{kind}ServicePrincipals")) for kind in ("include", "exclude"))
        covered = principal.id in include or ("serviceprincipalsinmytenant" in include and own)
        if (
            covered
            and principal.id not in exclude
            and _names_app(policy.conditions.get("applications"), reached)
            and not _out_of_reach(policy.conditions, "")
        ):
            judged.append(_judged(policy, mfa=False, legacy=True))
        else:
            judged.append(_passed_by(policy))
    return _together(judged)


_Judged = tuple[Applied, str]
"""A policy's part, and the code that it stops the sign-in with where it does."""


def _together(judged: list[_Judged]) -> Ruling:
    codes = [code for _, code in judged if code]
    # A block cannot be answered, so it is told before a second factor is asked for.
    code = next((one for one in codes if one != "50076"), codes[0] if codes else "0")
    enforced = [one for one, _ in judged if one.result in ("success", "failure")]
    return Ruling(code, tuple(one for one, _ in judged), any("Mfa" in one.controls for one in enforced))


def _passed_by(policy: ConditionalAccessPolicy) -> _Judged:
    result = {"enabled": "notApplied", "disabled": "notEnabled"}.get(policy.state, "reportOnlyNotApplied")
    return Applied(policy.id, policy.display_name, (), result), ""


def _judged(policy: ConditionalAccessPolicy, *, mfa: bool, legacy: bool) -> _Judged:
    if policy.state == "disabled":
        return _passed_by(policy)
    controls = _controls(policy)
    code = _missing(policy, controls, mfa=mfa, legacy=legacy)
    shown = tuple(_SHOWN.get(one, one) for one in controls)
    if policy.state == "enabled":
        return Applied(policy.id, policy.display_name, shown, "failure" if code else "success"), code
    result = "reportOnlySuccess" if not code else "reportOnlyInterrupted" if code == "50076" else "reportOnlyFailure"
    return Applied(policy.id, policy.display_name, shown, result), ""


def sign_in_frequency(policy: ConditionalAccessPolicy) -> timedelta | None:
    """Return how long a sign-in is good for by the policy's sign-in frequency; None where it has none."""
    control = _mapping((policy.session_controls or {}).get("signInFrequency"))
    value = control.get("value")
    if not control or control.get("isEnabled") is False:
        return None
    if control.get("frequencyInterval") == "everyTime":
        # ≈ Entra allows five minutes, so that nobody is asked twice within one sign-in.
        return timedelta(minutes=5)
    if not isinstance(value, int) or not 0 < value <= _MOST_DAYS:
        return None
    return timedelta(days=value) if control.get("type") == "days" else timedelta(hours=value)


def _controls(policy: ConditionalAccessPolicy) -> tuple[str, ...]:
    grant = policy.grant_controls or {}
    built_in = [str(one) for one in _list(grant.get("builtInControls"))]
    if grant.get("authenticationStrength") and "mfa" not in built_in:
        built_in.append("mfa")
    others = [*_list(grant.get("termsOfUse")), *_list(grant.get("customAuthenticationFactors"))]
    return (*built_in, *map(str, others))


def _missing(policy: ConditionalAccessPolicy, controls: tuple[str, ...], *, mfa: bool, legacy: bool) -> str:
    """Return the code for what *controls* still want, '' where they are content."""
    if not controls:
        return ""
    if "block" in controls:
        return "53003"
    lacking = [one for one in controls if one != "mfa" or not mfa]
    either = str((policy.grant_controls or {}).get("operator", "OR")).upper() == "OR"
    if not lacking or (either and len(lacking) < len(controls)):
        return ""
    # A protocol that only takes a password can show neither a second factor nor a device.
    if legacy:
        return "53003"
    if "mfa" in lacking and (either or len(lacking) == 1):
        return "50076"
    return next((_CODES.get(one, "53003") for one in lacking if one != "mfa"), "53003")


def _names_user(directory: Directory, user: User, condition: object) -> bool:
    users = _mapping(condition)
    return _listed(directory, user, users, "include") and not _listed(directory, user, users, "exclude")


def _listed(directory: Directory, user: User, users: Mapping[str, Any], kind: str) -> bool:
    guest = user.user_type == "Guest"
    names = _words(users.get(f"{kind}Users"))
    groups = {one.id for one in directory.groups if user.id in one.members}
    return (
        bool(names & {"all", user.id, user.user_principal_name.lower()})
        or (guest and "guestsorexternalusers" in names)
        or (guest and bool(users.get(f"{kind}GuestsOrExternalUsers")))
        or bool(_words(users.get(f"{kind}Groups")) & groups)
        or bool(_words(users.get(f"{kind}Roles")) & directory.roles_of(user.id))
    )


def _names_app(condition: object, reached: set[str]) -> bool:
    apps = _mapping(condition)
    return _covers(_words(apps.get("includeApplications")), reached) and not _covers(
        _words(apps.get("excludeApplications")), reached
    )


def _covers(named: set[str], reached: set[str]) -> bool:
    return "all" in named or bool(named & reached) or ("office365" in named and bool(reached & _OFFICE))


def _names_client(policy: ConditionalAccessPolicy, client_app_type: str) -> bool:
    kinds = _words(policy.conditions.get("clientAppTypes")) or {"all"}
    return bool(kinds & {"all", client_app_type.lower()})


def _out_of_reach(conditions: Mapping[str, Any], transfer: str) -> bool:
    """Whether a condition asks for what no practice sign-in has: a risk, a place, a platform, a known device."""
    locations = _words(_mapping(conditions.get("locations")).get("includeLocations"))
    platforms = _words(_mapping(conditions.get("platforms")).get("includePlatforms"))
    flows = str(_mapping(conditions.get("authenticationFlows")).get("transferMethods") or "")
    device = _mapping(_mapping(conditions.get("devices")).get("deviceFilter"))
    return (
        any(
            _list(conditions.get(name)) for name in ("userRiskLevels", "signInRiskLevels", "servicePrincipalRiskLevels")
        )
        or bool(locations and "all" not in locations)
        or bool(platforms and "all" not in platforms)
        or (bool(flows) and transfer not in [one.strip() for one in flows.split(",")])
        or device.get("mode") == "include"
    )


def _words(value: object) -> set[str]:
    return {str(one).lower() for one in _list(value)}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}

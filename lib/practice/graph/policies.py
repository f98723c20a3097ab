"""The tenant's policies: who may register and consent, which credentials apps may have, security defaults."""

from collections.abc import Mapping
from typing import Any, Final

from practice.state import Directory, new_id
from practice.wellknown import EXCHANGE, GRAPH

from . import bodies, errors, queries, wire
from .callers import Access
from .calls import Answer, Call, Key, Operation
from .registrations import found as application

__all__ = ["OPERATIONS"]

_ADMINS: Final = ("Global Administrator", "Privileged Role Administrator")
_SECURITY: Final = ("Global Administrator", "Conditional Access Administrator", "Security Administrator")
_APPS: Final = ("Global Administrator", "Application Administrator", "Cloud Application Administrator")
_READ: Final = Access(("Policy.Read.All", "Policy.ReadWrite.ApplicationConfiguration"))
_WRITE_AUTHORIZATION: Final = Access(("Policy.ReadWrite.Authorization",), roles=_ADMINS)
_WRITE_REQUESTS: Final = Access(("Policy.ReadWrite.ConsentRequest",), roles=("Global Administrator",))
_WRITE_APPS: Final = Access(("Policy.ReadWrite.ApplicationConfiguration",), roles=_APPS)
_WRITE_DEFAULTS: Final = Access(
    ("Policy.ReadWrite.SecurityDefaults", "Policy.ReadWrite.ConditionalAccess"), roles=_SECURITY
)

# One id in every tenant.
_DEFAULTS_ID: Final = "00000000-0000-0000-0000-000000000005"
_DEFAULT_APPS_ID: Final = "00000000-0000-0000-0000-000000000000"


# Who may register, and consent.


def _authorization(call: Call) -> Answer:
    with call.directory() as directory:
        return call.one("policies/authorizationPolicy", _authorization_shown(directory))


def _authorization_shown(directory: Directory) -> dict[str, Any]:
    policies = directory.policies
    return {
        "id": "authorizationPolicy",
        "displayName": "Authorization Policy",
        "description": "Used to manage authorization related settings across the company.",
        "defaultUserRolePermissions": {
            "allowedToCreateApps": policies.allowed_to_create_apps,
            "permissionGrantPoliciesAssigned": list(policies.permission_grant_policies),
        },
    }


def _patch_authorization(call: Call) -> Answer:
    given = bodies.fields(call.body, "AuthorizationPolicy", {"defaultUserRolePermissions"}, {"id"})
    inner = given.get("defaultUserRolePermissions", {})
    if not isinstance(inner, dict):
        raise errors.wrong_value("defaultUserRolePermissions", "AuthorizationPolicy")
    inner = bodies.fields(
        inner, "DefaultUserRolePermissions", {"allowedToCreateApps", "permissionGrantPoliciesAssigned"}
    )
    names = {
        "allowedToCreateApps": "allowedToCreateApps",
        "permissionGrantPoliciesAssigned": "permissionGrantPolicies",
    }
    with call.changing() as (_, directory):
        bodies.merged(directory.policies, {names[name]: value for name, value in inner.items()}, "AuthorizationPolicy")
    return Answer()


_REQUEST_DETAILS: Final[Mapping[str, Any]] = {
    "notifyReviewers": True,
    "remindersEnabled": True,
    "requestDurationInDays": 30,
    "version": 0,
    "reviewers": [],
}


def _requests(call: Call) -> Answer:
    with call.directory() as directory:
        shown = {
            **_REQUEST_DETAILS,
            **directory.policies.admin_consent_details,
            "isEnabled": directory.policies.admin_consent_requests,
        }
        return call.one("policies/adminConsentRequestPolicy", shown)


def _put_requests(call: Call) -> Answer:
    given = bodies.fields(call.body, "AdminConsentRequestPolicy", {"isEnabled", *_REQUEST_DETAILS})
    enabled = _switch(given)
    for name, usual in _REQUEST_DETAILS.items():
        if type(given.get(name, usual)) is not type(usual):
            raise errors.wrong_value(name, "AdminConsentRequestPolicy")
    with call.changing() as (_, directory):
        directory.policies.admin_consent_requests = enabled
        directory.policies.admin_consent_details = {one: given[one] for one in _REQUEST_DETAILS if one in given}
    return Answer()


_GRANT_POLICY: Final = queries.Kind(
    "permissionGrantPolicy",
    "policies/permissionGrantPolicies",
    frozenset({"id", "displayName", "description", "includes", "excludes"}),
)


def _grant_policies(call: Call) -> Answer:
    with call.directory() as directory:
        return queries.listed(call, _GRANT_POLICY, _grant_policies_shown(directory))


def _grant_policy(call: Call) -> Answer:
    with call.directory() as directory:
        for one in _grant_policies_shown(directory):
            if one["id"] == call.keys[0].value:
                return queries.single(call, _GRANT_POLICY, one)
    raise errors.missing(call.keys[0].value)


def _grant_policies_shown(directory: Directory) -> list[dict[str, Any]]:
    """Return the built-in policies; which mail permissions the recommended one leaves out, this directory says."""
    everything = [_rule({})]
    mail = ("IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "EAS.AccessAsUser.All", "EWS.AccessAsUser.All")
    left_out = [
        _rule({"resourceApplication": resource.app_id, "permissions": ids})
        for resource in directory.service_principals
        if resource.app_id in (EXCHANGE, GRAPH)
        and (ids := [one.id for one in resource.oauth2_permission_scopes if one.value in mail])
    ]
    return [
        _grant_policy_shown("microsoft-user-default-legacy", "User consent for all apps", everything, []),
        _grant_policy_shown(
            "microsoft-user-default-low",
            "User consent for apps from verified publishers, for selected permissions",
            [_rule({"permissionClassification": "low", "clientApplicationsFromVerifiedPublisherOnly": True})],
            [],
        ),
        _grant_policy_shown(
            "microsoft-user-default-recommended", "Microsoft recommended user consent", everything, left_out
        ),
        _grant_policy_shown("microsoft-company-admin", "Company administrator", everything, []),
    ]


def _grant_policy_shown(identity: str, name: str, includes: object, excludes: object) -> dict[str, Any]:
    return {"id": identity, "displayName": name, "description": name, "includes": includes, "excludes": excludes}


def _rule(details: Mapping[str, Any]) -> dict[str, Any]:
    rule = {
        "permissionClassification": "all",
        "permissionType": "delegated",
        "resourceApplication": "any",
        "permissions": ["all"],
        "clientApplicationIds": ["all"],
        "clientApplicationTenantIds": ["all"],
        "clientApplicationPublisherIds": ["all"],
        "clientApplicationsFromVerifiedPublisherOnly": False,
        **details,
    }
    return {"id": wire.derived_id("rule", *map(str, rule.values())), **rule}


# Which credentials apps may have.

_DEFAULT_FIELDS: Final = frozenset(
    {"isEnabled", "applicationRestrictions", "servicePrincipalRestrictions", "displayName", "description"}
)
_APP_FIELDS: Final = frozenset({"displayName", "description", "isEnabled", "restrictions"})
_APP_POLICY: Final = queries.Kind("appManagementPolicy", "policies/appManagementPolicies", _APP_FIELDS | {"id"})
_EMPTY: Final[Mapping[str, Any]] = {"passwordCredentials": [], "keyCredentials": []}


def _default_apps(call: Call) -> Answer:
    with call.directory() as directory:
        shown = {
            "id": _DEFAULT_APPS_ID,
            "displayName": "Default app management tenant policy",
            "description": "Default tenant policy that enforces app management restrictions on applications and"
            " service principals.",
            "isEnabled": False,
            "applicationRestrictions": _EMPTY,
            "servicePrincipalRestrictions": _EMPTY,
            **directory.policies.app_management,
        }
        return call.one("policies/defaultAppManagementPolicy", shown)


def _patch_default_apps(call: Call) -> Answer:
    given = bodies.fields(call.body, "TenantAppManagementPolicy", _DEFAULT_FIELDS, {"id"})
    _check_policy(given, ("applicationRestrictions", "servicePrincipalRestrictions"), "TenantAppManagementPolicy")
    with call.changing() as (_, directory):
        directory.policies.app_management = {**directory.policies.app_management, **given}
    return Answer()


def _check_policy(given: Mapping[str, Any], parts: tuple[str, ...], kind: str) -> None:
    if not isinstance(given.get("isEnabled", False), bool):
        raise errors.wrong_value("isEnabled", kind)
    for name in ("displayName", "description"):
        bodies.text(given, name, kind, needed=False)
    for name in parts:
        restrictions = given.get(name, {})
        if not isinstance(restrictions, dict):
            raise errors.wrong_value(name, kind)
        for credentials, found in bodies.fields(restrictions, kind, set(_EMPTY)).items():
            if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
                raise errors.wrong_value(credentials, kind)


def _app_policies(call: Call) -> Answer:
    with call.directory() as directory:
        return queries.listed(call, _APP_POLICY, map(_app_policy_shown, directory.policies.managed_app_policies))


def _app_policy(call: Call) -> Answer:
    with call.directory() as directory:
        return queries.single(call, _APP_POLICY, _app_policy_shown(_policy(directory, call.keys[0])))


def _policy(directory: Directory, key: Key) -> dict[str, Any]:
    policy = next((one for one in directory.policies.managed_app_policies if one.get("id") == key.guid), None)
    if policy is None:
        raise errors.missing(key.value)
    return policy


def _app_policy_shown(policy: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in policy.items() if name in _APP_POLICY.properties}


def _post_app_policy(call: Call) -> Answer:
    given = bodies.fields(call.body, "AppManagementPolicy", _APP_FIELDS, {"id"})
    bodies.text(given, "displayName", "AppManagementPolicy")
    _check_policy(given, ("restrictions",), "AppManagementPolicy")
    made = {"description": "", "isEnabled": False, "restrictions": _EMPTY, **given, "id": new_id(), "appliesTo": []}
    with call.changing() as (_, directory):
        directory.policies.managed_app_policies = [*directory.policies.managed_app_policies, made]
    return call.one(_APP_POLICY.collection, _app_policy_shown(made), 201)


def _patch_app_policy(call: Call) -> Answer:
    given = bodies.fields(call.body, "AppManagementPolicy", _APP_FIELDS, {"id"})
    _check_policy(given, ("restrictions",), "AppManagementPolicy")
    with call.changing() as (seen, directory):
        _policy(seen, call.keys[0])
        _policy(directory, call.keys[0]).update(given)
    return Answer()


def _delete_app_policy(call: Call) -> Answer:
    with call.changing() as (seen, directory):
        gone = _policy(seen, call.keys[0])["id"]
        kept = [one for one in directory.policies.managed_app_policies if one.get("id") != gone]
        directory.policies.managed_app_policies = kept
    return Answer()


def _applies_to(call: Call) -> Answer:
    with call.directory() as directory:
        ids = _policy(directory, call.keys[0]).get("appliesTo", [])
        apps = [
            {"@odata.type": "#microsoft.graph.application", **wire.application(one)}
            for one in directory.applications
            if one.id in ids
        ]
        return queries.listed(call, wire.APPLICATION, apps)


def _policies_of_app(call: Call) -> Answer:
    with call.directory() as directory:
        app = application(directory, call.keys[0])
        policies = [one for one in directory.policies.managed_app_policies if app.id in one.get("appliesTo", [])]
        return queries.listed(call, _APP_POLICY, map(_app_policy_shown, policies))


def _assign(call: Call) -> Answer:
    wanted = bodies.reference(call.body)
    with call.changing() as (seen, directory):
        app = application(seen, call.keys[0])
        _policy(seen, Key(wanted))
        if any(app.id in one.get("appliesTo", []) for one in directory.policies.managed_app_policies):
            # ≈
            raise errors.bad("An app management policy is already assigned to the object.")
        policy = _policy(directory, Key(wanted))
        policy["appliesTo"] = [*policy.get("appliesTo", []), app.id]
    return Answer()


def _unassign(call: Call) -> Answer:
    with call.changing() as (seen, directory):
        app = application(seen, call.keys[0])
        policy = _policy(directory, call.keys[1])
        if app.id not in policy.get("appliesTo", []):
            raise errors.missing(call.keys[1].value)
        policy["appliesTo"] = [one for one in policy["appliesTo"] if one != app.id]
    return Answer()


# Security defaults.


def _defaults(call: Call) -> Answer:
    with call.directory() as directory:
        shown = {
            "id": _DEFAULTS_ID,
            "displayName": "Security Defaults",
            "description": "Security defaults is a set of basic identity security mechanisms recommended by Microsoft.",
            "isEnabled": directory.policies.security_defaults,
        }
        return call.one("policies/identitySecurityDefaultsEnforcementPolicy", shown)


def _patch_defaults(call: Call) -> Answer:
    enabled = _switch(call.body)
    with call.changing() as (_, directory):
        directory.policies.security_defaults = enabled
    return Answer()


def _switch(body: Mapping[str, Any]) -> bool:
    enabled = body.get("isEnabled")
    if not isinstance(enabled, bool):
        raise errors.wrong_value("isEnabled", "Policy")
    return enabled


_APP: Final = "policies/appManagementPolicies"
_DEFAULT_APP: Final = "policies/defaultAppManagementPolicy"
_ENFORCEMENT: Final = "policies/identitySecurityDefaultsEnforcementPolicy"

OPERATIONS: Final = (
    Operation("GET", "policies/authorizationPolicy", _authorization, _READ),
    Operation("GET", "policies/authorizationPolicy/authorizationPolicy", _authorization, _READ),
    Operation("PATCH", "policies/authorizationPolicy", _patch_authorization, _WRITE_AUTHORIZATION),
    Operation("PATCH", "policies/authorizationPolicy/authorizationPolicy", _patch_authorization, _WRITE_AUTHORIZATION),
    Operation("GET", "policies/adminConsentRequestPolicy", _requests, _READ),
    Operation("PUT", "policies/adminConsentRequestPolicy", _put_requests, _WRITE_REQUESTS),
    Operation("GET", "policies/permissionGrantPolicies", _grant_policies, _READ),
    Operation("GET", "policies/permissionGrantPolicies/{}", _grant_policy, _READ),
    Operation("GET", _DEFAULT_APP, _default_apps, _READ),
    Operation("PATCH", _DEFAULT_APP, _patch_default_apps, _WRITE_APPS),
    Operation("GET", _APP, _app_policies, _READ),
    Operation("POST", _APP, _post_app_policy, _WRITE_APPS),
    Operation("GET", f"{_APP}/{{}}", _app_policy, _READ),
    Operation("PATCH", f"{_APP}/{{}}", _patch_app_policy, _WRITE_APPS),
    Operation("DELETE", f"{_APP}/{{}}", _delete_app_policy, _WRITE_APPS),
    Operation("GET", f"{_APP}/{{}}/appliesTo", _applies_to, _READ),
    Operation("GET", "applications/{}/appManagementPolicies", _policies_of_app, _READ),
    Operation("POST", "applications/{}/appManagementPolicies/$ref", _assign, _WRITE_APPS),
    Operation("DELETE", "applications/{}/appManagementPolicies/{}/$ref", _unassign, _WRITE_APPS),
    Operation("GET", _ENFORCEMENT, _defaults, _READ),
    Operation("PATCH", _ENFORCEMENT, _patch_defaults, _WRITE_DEFAULTS),
)

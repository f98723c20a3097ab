"""The tenant itself: its name, domains and licences."""

from typing import Any, Final

from practice.state import Domain

from . import errors, licences, queries
from .callers import Access
from .calls import Answer, Call, Operation

__all__ = ["OPERATIONS"]

_EVERYTHING: Final = ("Directory.Read.All", "Directory.ReadWrite.All")
_READ: Final = Access(("Organization.Read.All", "User.Read", *_EVERYTHING))
_READ_DOMAINS: Final = Access(("Domain.Read.All", "Domain.ReadWrite.All", *_EVERYTHING))
_READ_SKUS: Final = Access(("LicenseAssignment.Read.All", "Organization.Read.All", *_EVERYTHING))

_ORGANIZATION: Final = queries.Kind(
    "organization",
    "organization",
    frozenset({"id", "displayName", "tenantType", "verifiedDomains", "assignedPlans", "onPremisesSyncEnabled"}),
)
_DOMAIN: Final = queries.Kind(
    "domain",
    "domains",
    frozenset({"id", "authenticationType", "isAdminManaged", "isDefault", "isInitial", "isRoot", "isVerified",
               "supportedServices"}),
)  # fmt: skip
_SKU: Final = queries.Kind(
    "subscribedSku",
    "subscribedSkus",
    frozenset({"id", "skuId", "skuPartNumber", "appliesTo", "capabilityStatus", "consumedUnits", "prepaidUnits",
               "servicePlans"}),
)  # fmt: skip


def _organization(call: Call) -> Answer:
    return queries.listed(call, _ORGANIZATION, [_organization_shown(call)])


def _one_organization(call: Call) -> Answer:
    shown = _organization_shown(call)
    if call.keys[0].guid != shown["id"]:
        raise errors.missing(call.keys[0].value)
    return queries.single(call, _ORGANIZATION, shown)


def _organization_shown(call: Call) -> dict[str, Any]:
    with call.tenant() as tenant:
        directory = tenant.directory_in_force(call.now)
        synced = any(one.on_premises_sync_enabled for one in directory.users)
        return {
            "id": tenant.tenant_id,
            "displayName": tenant.title,
            "tenantType": "AAD",
            "onPremisesSyncEnabled": True if synced else None,
            "assignedPlans": licences.plans(tenant),
            "verifiedDomains": [
                {
                    "name": one.id,
                    "type": one.authentication_type,
                    "isDefault": one.is_default,
                    "isInitial": one.is_initial,
                    "capabilities": "Email, OfficeCommunicationsOnline",
                }
                for one in directory.domains
                if one.is_verified
            ],
        }


def _domain_shown(domain: Domain) -> dict[str, Any]:
    shown = domain.model_dump(mode="json", by_alias=True)
    services = ["Email", "OfficeCommunicationsOnline"] if domain.is_verified else []
    return {**shown, "isAdminManaged": True, "isRoot": True, "supportedServices": services}


def _domains(call: Call) -> Answer:
    with call.directory() as directory:
        return queries.listed(call, _DOMAIN, map(_domain_shown, directory.domains))


def _domain(call: Call) -> Answer:
    with call.directory() as directory:
        for one in directory.domains:
            if one.id == call.keys[0].of("id"):
                return queries.single(call, _DOMAIN, _domain_shown(one))
    raise errors.missing(call.keys[0].value)


def _skus(call: Call) -> Answer:
    with call.tenant() as tenant:
        return queries.listed(call, _SKU, licences.skus(tenant, tenant.directory_in_force(call.now)))


OPERATIONS: Final = (
    Operation("GET", "organization", _organization, _READ),
    Operation("GET", "organization/{}", _one_organization, _READ),
    Operation("GET", "domains", _domains, _READ_DOMAINS),
    Operation("GET", "domains/{}", _domain, _READ_DOMAINS),
    Operation("GET", "subscribedSkus", _skus, _READ_SKUS),
)

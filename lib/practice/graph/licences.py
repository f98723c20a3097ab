"""What the tenant has bought: SKUs and the service plans in them."""

from dataclasses import dataclass
from typing import Any, Final

from practice.state import Directory, Tenant

__all__ = ["EXCHANGE_PLAN", "PREMIUM", "Sku", "bought", "plans", "skus"]


@dataclass(frozen=True)
class Sku:
    """A product that is sold by the seat; names and ids as Microsoft's list of service plans has them.

    Args:
        sku_id: The product's id.
        name: Its part number.
        plan_id: The id of the service plan in it that matters here.
        plan: That plan's name.
        service: The service that the plan opens.
    """

    sku_id: str
    name: str
    plan_id: str
    plan: str
    service: str


EXCHANGE_PLAN: Final = Sku(
    "4b9405b0-7788-4568-add1-99614e613b69",
    "EXCHANGESTANDARD",
    "9aaf7827-d63c-4b61-89c3-182f06f82e5c",
    "EXCHANGE_S_STANDARD",
    "exchange",
)
PREMIUM: Final = Sku(
    "078d2b04-f1bd-4111-bbd4-b4b1b354cef4",
    "AAD_PREMIUM",
    "41781fb2-bc02-4b7c-bd55-b576c07bb09d",
    "AAD_PREMIUM",
    "AADPremiumService",
)


def skus(tenant: Tenant, directory: Directory) -> list[dict[str, Any]]:
    """Return what *tenant* has, as ``subscribedSkus`` shows it; *directory* says who holds a seat."""
    seats = sum(one.licensed for one in directory.users)
    return [_shown(tenant, one, seats) for one in _bought(tenant)]


def plans(tenant: Tenant) -> list[dict[str, Any]]:
    """Return the service plans of *tenant*, as its ``organization`` shows them."""
    return [
        {"assignedDateTime": None, "capabilityStatus": "Enabled", "service": one.service, "servicePlanId": one.plan_id}
        for one in _bought(tenant)
    ]


def bought(tenant: Tenant, sku_id: str) -> Sku | None:
    """Return the product of this id, if *tenant* has it."""
    return next((one for one in _bought(tenant) if one.sku_id == sku_id.lower()), None)


def _bought(tenant: Tenant) -> list[Sku]:
    return [EXCHANGE_PLAN, PREMIUM] if tenant.premium else [EXCHANGE_PLAN]


def _shown(tenant: Tenant, sku: Sku, seats: int) -> dict[str, Any]:
    return {
        "id": f"{tenant.tenant_id}_{sku.sku_id}",
        "skuId": sku.sku_id,
        "skuPartNumber": sku.name,
        "appliesTo": "User",
        "capabilityStatus": "Enabled",
        "consumedUnits": seats,
        "prepaidUnits": {"enabled": seats, "suspended": 0, "warning": 0, "lockedOut": 0},
        "servicePlans": [
            {
                "servicePlanId": sku.plan_id,
                "servicePlanName": sku.plan,
                "provisioningStatus": "Success",
                "appliesTo": "User",
            }
        ],
    }

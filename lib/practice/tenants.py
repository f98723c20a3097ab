"""The practice tenants: each one's story, its state at first, its files, and its entry in a tenants file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from . import decisions, files
from .adatum import ADATUM
from .adatum_estate import MAIL_APPS as ADATUM_APPS
from .adatum_estate import PROOFS as ADATUM_PROOFS
from .adatum_estate import adatum
from .contoso import CONTOSO
from .contoso_estate import MAIL_APPS as CONTOSO_APPS
from .contoso_estate import PROOFS as CONTOSO_PROOFS
from .contoso_estate import contoso
from .credentials import Credentials
from .fabrikam import FABRIKAM
from .fabrikam_estate import MAIL_APPS as FABRIKAM_APPS
from .fabrikam_estate import PROOFS as FABRIKAM_PROOFS
from .fabrikam_estate import fabrikam
from .firms import OPERATOR, READER, MailApp, Proof
from .northwind import NORTHWIND
from .northwind_estate import MAIL_APPS as NORTHWIND_APPS
from .northwind_estate import PROOFS as NORTHWIND_PROOFS
from .northwind_estate import northwind
from .state import Tenant
from .world import World

__all__ = [
    "DEFAULT",
    "NAMES",
    "PARTNER",
    "add_operator",
    "build",
    "decided",
    "entry",
    "mail_apps",
    "proofs",
    "world_of",
    "write_exports",
]

Decided = Callable[[date], str]


@dataclass(frozen=True)
class _Told:
    """One tenant: its story, what makes its state, and what of it is files and settings.

    Args:
        world: The story.
        build: Makes the state from a moment and the apps' credentials.
        apps: The mail apps that the tenants file names.
        proofs: The mailboxes that it names.
        logs: Patterns of exported sign-ins under the tenant's folder; where there are none, its workspace is asked.
        decided: Makes the decisions file; None where nobody has decided anything.
        pilot: The account with which passwords begin to end; empty where nobody has planned that, or it is done.
        groups: The accounts that follow it, by the name of each group.
        canary: Whether a mailbox is there on which it may be tried whether passwords are taken.
    """

    world: World
    build: Callable[[datetime, Credentials], Tenant]
    apps: tuple[MailApp, ...]
    proofs: tuple[Proof, ...]
    logs: tuple[str, ...] = ()
    decided: Decided | None = None
    pilot: str = ""
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    canary: bool = True


_TOLD: Final[Mapping[str, _Told]] = MappingProxyType(
    {
        one.world.name: one
        for one in (
            _Told(CONTOSO, contoso, CONTOSO_APPS, CONTOSO_PROOFS, decided=decisions.contoso),
            _Told(
                FABRIKAM,
                fabrikam,
                FABRIKAM_APPS,
                FABRIKAM_PROOFS,
                files.FABRIKAM_SIGNINS,
                decided=decisions.fabrikam,
                pilot="sara.vogel",
                groups={"copiers": ("scanner", "copier.bristol")},
            ),
            _Told(NORTHWIND, northwind, NORTHWIND_APPS, NORTHWIND_PROOFS, files.NORTHWIND_SIGNINS, canary=False),
            _Told(ADATUM, adatum, ADATUM_APPS, ADATUM_PROOFS, pilot="mona.dahl"),
        )
    }
)

NAMES: Final = tuple(_TOLD)
"""The tenants' names."""

DEFAULT: Final = CONTOSO.name
"""Which tenant is meant where none is named."""


PARTNER: Final = CONTOSO.name
"""Which of them looks after others."""


def world_of(name: str) -> World:
    """Return a tenant's story.

    Raises:
        KeyError: There is no such tenant.
    """
    return _TOLD[name].world


def build(name: str, now: datetime, given: Credentials) -> Tenant:
    """Return a tenant's state as it is at first.

    Args:
        name: One of `NAMES`.
        now: From what its dates are reckoned.
        given: What its apps sign in with. The stories tell of sign-ins with the certificates for five weeks back.
    """
    return _TOLD[name].build(now, given)


def add_operator(tenant: Tenant, given: Credentials) -> bool:
    """Give a tenant that an older edition made the app that changes it; return whether anything was missing.

    Where somebody deleted the app, it stays deleted.
    """
    app_id = world_of(tenant.name).id_of(f"app/{OPERATOR}")
    here = tenant.directory
    if any(one.app_id == app_id for one in (*here.applications, *here.deleted_applications)):
        return False
    anew = build(tenant.name, tenant.made or datetime.now(UTC), given).directory
    app, principal = anew.application(app_id), anew.principal(app_id)
    assert app is not None
    assert principal is not None
    here.applications.append(app)
    here.service_principals.append(principal)
    here.app_role_assignments += [one for one in anew.app_role_assignments if one.principal_id == principal.id]
    here.role_assignments += [one for one in anew.role_assignments if one.principal_id == principal.id]
    return True


def mail_apps(name: str) -> tuple[MailApp, ...]:
    """Return the mail apps that the tenants file names."""
    return _TOLD[name].apps


def proofs(name: str) -> tuple[Proof, ...]:
    """Return the mailboxes that the tenants file names for proof."""
    return _TOLD[name].proofs


def write_exports(folder: Path, today: date, *, told: Callable[[str], World] = world_of) -> None:
    """Write what the tenants have as files: a folder for each, with exported logs and reports.

    Args:
        folder: Where.
        today: The UTC day that the stories are told on.
        told: Gives a tenant's story.
    """
    files.fabrikam_files(folder / FABRIKAM.name, told(FABRIKAM.name), today)
    files.northwind_files(folder / NORTHWIND.name, told(NORTHWIND.name), today)
    for name in NAMES:
        (folder / name).mkdir(parents=True, exist_ok=True)
        if told(name).reported:
            files.smtp_report(folder / name / files.REPORT, told(name))


def decided(name: str, today: date) -> str:
    """Return what the people of a tenant have decided so far, as a decisions file."""
    told = _TOLD[name]
    return told.decided(today) if told.decided else decisions.nothing(told.world.title)


def entry(name: str, where: str) -> dict[str, Any]:
    """Return a tenant's entry in a tenants file.

    Args:
        name: One of `NAMES`.
        where: The folder that `write_exports` filled, relative to the file, with forward slashes. Decisions are in
            ``decisions/<name>.yaml`` beside the file, where people change them.
    """
    told = _TOLD[name]
    world, folder = told.world, f"{where}/{name}"
    logs: list[dict[str, Any]] = (
        [{"files": [f"{folder}/{pattern}" for pattern in told.logs]}]
        if told.logs
        else [{"workspace": world.id_of("workspace")}]
    )
    if world.reported:
        logs.append({"smtp_report": f"{folder}/{files.REPORT}"})
    return {
        "name": name,
        "tenant_id": world.tenant_id,
        "cloud": "practice",
        "signin_logs": logs,
        "admin": {"client_id": world.id_of(f"app/{READER}"), **_certificate(f"{name}-reader", "flow")},
        "operator": {"client_id": world.id_of(f"app/{OPERATOR}"), **_certificate(f"{name}-operator", "flow")},
        "mail_apps": [_app(world, app) for app in told.apps],
        "mailboxes": [_proof(world, proof) for proof in told.proofs],
        "decisions": f"decisions/{name}.yaml",
        "members_hint": sum(person.population == "member" for person in world.people),
        **({"closing": _closing(told)} if told.canary else {}),
    }


def _closing(told: _Told) -> dict[str, Any]:
    world = told.world
    return {
        **({"pilot": world.address(told.pilot)} if told.pilot else {}),
        "canary": {"address": world.address("canary"), "password": f"file:keys/{world.name}-canary.secret"},
        "groups": {name: [world.address(one) for one in accounts] for name, accounts in told.groups.items()},
    }


def _app(world: World, app: MailApp) -> dict[str, Any]:
    flows: dict[str, dict[str, str]] = {
        "interactive": {"kind": "interactive"},
        "certificate": _certificate(f"{world.name}-mail", "kind"),
        "secret": {"kind": "secret", "secret": f"file:keys/{world.name}-mail.secret"},
    }
    return {"name": app.name, "client_id": world.app(app.app).app_id, "flows": [flows[flow] for flow in app.flows]}


def _proof(world: World, proof: Proof) -> dict[str, Any]:
    found: dict[str, Any] = {
        "address": world.address(proof.account),
        "protocols": list(proof.protocols),
        "kind": proof.kind,
    }
    if proof.send_as:
        found["send_as"] = [world.address(account) for account in proof.send_as]
    return found


def _certificate(name: str, word: str) -> dict[str, str]:
    return {word: "certificate", "certificate": f"file:keys/{name}.pem"}

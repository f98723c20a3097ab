"""What was pasted and what is behind it, as one value: what was read, its causes, and what its token opens.

Text in, values out. Who asks for more, the tenant's directory or Exchange, hands in what was found.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from . import catalogue, causes, clouds, evidence, tokens
from .catalogue import Cause
from .causes import Diagnosis, Ranked
from .clouds import Cloud
from .coverage import Coverage
from .grants import Found
from .guids import is_guid
from .organization import Organization
from .pasted import Pasted
from .recently import Recent
from .tenants import MailApp, Protocol, Tenant
from .tokens import Claims, Finding, Need

__all__ = ["Diagnosed", "Known", "Opening", "app", "causes_record", "diagnosed", "mailbox", "need", "record"]

_PROTOCOLS: Final[tuple[Protocol, ...]] = ("imap", "pop", "smtp")
_MOST_TEXT: Final = 18_000


@dataclass(frozen=True, kw_only=True)
class Known:
    """What was found out beside what was pasted; None, or nothing, for what nobody looked at.

    Args:
        mailbox: The mailbox that it is about, where somebody says so.
        app: The app of the tenants file that it is about.
        consents: What the directory holds.
        organization: What Exchange holds.
        recent: What was changed from this machine lately.
        coverage: How far the look reached.
    """

    mailbox: str = ""
    app: MailApp | None = None
    consents: Found | None = None
    organization: Organization | None = None
    recent: tuple[Recent, ...] = ()
    coverage: tuple[Coverage, ...] = ()


@dataclass(frozen=True)
class Opening:
    """What a token says about one protocol.

    Args:
        protocol: Which.
        findings: Where it does not fit.
    """

    protocol: Protocol
    findings: tuple[Finding, ...] = ()

    @property
    def stops(self) -> frozenset[str]:
        """For which checks a server that keeps to the rules refuses it; none where it fits."""
        return frozenset(each.check for each in self.findings if each.weight == "stops")


@dataclass(frozen=True)
class Diagnosed:
    """What was pasted, read and explained.

    Args:
        pasted: What was read; no secret is in it.
        diagnosis: Its causes.
        openings: What its token opens, by protocol; none without a token.
        known: What else was found out.
        looked: Whether the tenant was asked.
        mailbox: Which mailbox it is about; empty where nobody knows.
        app_id: Which app it is about.
    """

    pasted: Pasted
    diagnosis: Diagnosis
    openings: tuple[Opening, ...] = ()
    known: Known = field(default_factory=Known)
    looked: bool = False
    mailbox: str = ""
    app_id: str = ""

    @property
    def by_token(self) -> tuple[tuple[Finding, Cause], ...]:
        """What stops the token by every protocol, with rows of the catalogue, where no refusal was pasted with it."""
        if self.diagnosis.causes or not self.openings:
            return ()
        first, *others = self.openings
        return tuple(
            (each, catalogue.causes()[each.rows[0]])
            for each in first.findings
            if each.weight == "stops" and each.rows and all(each.check in other.stops for other in others)
        )

    @property
    def recognised(self) -> bool:
        """Whether there is anything to say."""
        return bool(self.diagnosis.causes or self.openings or self.pasted.observations)


def mailbox(pasted: Pasted, tenant: Tenant | None = None) -> str:
    """Return which mailbox it is about, by a SASL string or as the only one of the tenants file that is named."""
    if pasted.mailbox or tenant is None:
        return pasted.mailbox
    text = pasted.text.lower()
    named = [each.address for each in tenant.mailboxes if each.address.lower() in text]
    return named[0] if len(named) == 1 else ""


def app(pasted: Pasted, tenant: Tenant) -> MailApp | None:
    """Return which of the tenants file's apps it is about, by its id in the text, or because there is one only."""
    apps = [each for each in tenant.mail_apps if each.client_id]
    if pasted.token and pasted.token.app_id:
        return next((each for each in apps if each.client_id.lower() == pasted.token.app_id.lower()), None)
    named = [each for each in apps if each.client_id.lower() in pasted.text.lower()]
    if len(named) == 1:
        return named[0]
    return apps[0] if len(apps) == 1 else None


def diagnosed(
    pasted: Pasted, *, now: datetime, tenant: Tenant | None = None, known: Known | None = None, looked: bool = False
) -> Diagnosed:
    """Return *pasted* explained.

    Args:
        pasted: What was read.
        now: The clock.
        tenant: The tenant that it is about; None where nobody says so, and then its cloud is the token's own.
        known: What else was found out.
        looked: Whether the tenant was asked.
    """
    more = known or Known()
    box = more.mailbox or mailbox(pasted, tenant)
    app_id = (pasted.token.app_id if pasted.token else "") or (more.app.client_id if more.app else "")
    openings = tuple(_openings(pasted, tenant, box, more.app, now))
    own = [each.findings for each in openings if each.protocol == pasted.protocol]
    told = pasted.evidence(
        mailbox=box,
        app_id=app_id,
        findings=own[0] if own else None,
        **(_of_tenant(tenant, more, box, app_id) if tenant else {}),
    )
    return Diagnosed(pasted, causes.diagnose(told, now=now), openings, more, looked, box, app_id)


def need(found: Diagnosis) -> Mapping[str, frozenset[str]]:
    """Return where looking would tell causes apart, with the signs it would answer: ``exchange``, ``consent``."""
    return {
        look: frozenset(each.sign for each in found.deciding if each.look == look) for look in ("exchange", "consent")
    }


def _of_tenant(tenant: Tenant, known: Known, box: str, app_id: str) -> dict[str, Any]:
    held = known.consents.held.get(app_id) if known.consents else None
    names = {box, *(found.names if known.organization and (found := known.organization.mailbox(box)) else ())}
    return {
        "tenant_id": tenant.tenant_id if is_guid(tenant.tenant_id) else "",
        "audiences": tokens.audiences(tenant.cloud),
        "rbac": known.app.smtp == "rbac" if known.app else None,
        "enterprise_id": held.enterprise.object_id if held and held.enterprise else "",
        "held": held,
        "policies": known.consents.assigned if known.consents else None,
        "organization": known.organization,
        "changes": tuple(each.change for each in known.recent if each.concerns(names, app_id)) or None,
    }


# --- the token ------------------------------------------------------------------------------------


def _openings(
    pasted: Pasted, tenant: Tenant | None, box: str, known_app: MailApp | None, now: datetime
) -> Iterator[Opening]:
    token = pasted.token
    if token is None:
        return
    cloud = tenant.cloud if tenant else _cloud(token)
    shared = [each.address.lower() for each in tenant.mailboxes if each.kind != "user"] if tenant else []
    for protocol in _PROTOCOLS if pasted.protocol is None else (pasted.protocol,):
        asked = Need(
            protocol=protocol,
            mailbox=box or token.user,
            cloud=cloud,
            tenant_id=tenant.tenant_id if tenant else "",
            shared=box.lower() in shared,
            smtp=known_app.smtp if known_app else "consent",
        )
        yield Opening(protocol, tokens.lint(token, asked, now=now))


def _cloud(token: Claims) -> Cloud:
    """Return the cloud that issued the token, by its issuer's host; the public one where that is none we know."""
    known = clouds.built_in()
    host = urlsplit(token.iss).hostname or "" if token.iss.isprintable() else ""
    same = [each for each in known.values() if host and host == urlsplit(each.login).hostname]
    for_mail = [each for each in known.values() if token.aud.rstrip("/") in tokens.audiences(each)]
    return next(iter((*same, *for_mail)), known["public"])


# --- for machines ---------------------------------------------------------------------------------


def record(tenant: Tenant, found: Diagnosed, *, made_at: datetime) -> dict[str, Any]:
    """Return the record of notebook 80; of what was pasted it holds what is left without secrets.

    Raises:
        EvidenceError: The record does not fit its schema; the text names the field.
    """
    pasted = found.pasted
    said: dict[str, Any] = {
        "tenant_id": tenant.tenant_id if found.looked else "",
        "looked": found.looked,
        "tool": pasted.tool,
        "protocol": pasted.protocol or "",
        "mailbox": found.mailbox,
        "client_id": found.app_id,
        "text": pasted.text[-_MOST_TEXT:],
        "left_out": pasted.cut + max(0, len(pasted.text) - _MOST_TEXT),
        "observations": pasted.observations,
        "claims": pasted.claims,
        "openings": found.openings,
        "causes": list(causes_record(found.diagnosis.causes)),
        "by_token": [{"id": cause.id, "title": cause.title, "said": each.said} for each, cause in found.by_token],
        "undecided": found.diagnosis.undecided,
        "deciding": found.diagnosis.deciding,
        "too_early": [{"said": each.said, "retest_at": each.retest_at} for each in found.diagnosis.too_early],
        "ruled_out": [{"id": row, "because": because} for row, because in found.diagnosis.ruled_out],
    }
    return evidence.envelope("diagnosis", tenant, found.known.coverage, evidence.plain(said), made_at)


def causes_record(found: Sequence[Ranked]) -> Iterator[dict[str, Any]]:
    """Yield each cause as evidence has it."""
    for each in found:
        row = each.cause
        yield {
            "id": row.id,
            "title": row.title,
            "confidence": row.confidence,
            "standing": each.standing,
            "because": list(each.because),
            "against": list(each.against),
            "remedy": row.remedy,
            "notebook": row.notebook,
        }

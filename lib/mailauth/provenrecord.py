"""What notebook 50 leaves for machines: every attempt with its causes and its transcript, and a table of them.

Neither holds a token, a secret or a SASL string: what is written down here was redacted where it was heard.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from . import evidence
from .diagnosed import causes_record
from .proof import Line
from .proving import Closed, Explained, Proof, Tried, sentence
from .tenants import Tenant

__all__ = ["attempt", "record"]

# A folder list of a large mailbox is longer than anybody reads.
_MOST_LINES: Final = 400


def record(tenant: Tenant, proof: Proof, closed: Closed | None = None, *, made_at: datetime) -> dict[str, Any]:
    """Return the record of notebook 50.

    Args:
        tenant: The tenant.
        proof: What was tried, and explained.
        closed: The try with a password, where one was made.
        made_at: The moment, aware.

    Raises:
        EvidenceError: The record does not fit its schema; the text names the field.
    """
    data = {
        "tenant_id": tenant.tenant_id,
        "outcome": "ok" if proof.good else "not ok",
        "sentence": sentence(proof),
        "interrupted": proof.interrupted,
        "retest_at": evidence.plain(proof.retest_at),
        "attempts": [attempt(each, proof.of(each)) for each in proof.tried],
        "controls": [attempt(each, None) for each in proof.controls],
        "password": _password(closed) if closed else None,
    }
    return evidence.envelope("attempts", tenant, proof.gathered.coverage, data, made_at)


def attempt(tried: Tried, known: Explained | None) -> dict[str, Any]:
    """Return an attempt as evidence has it, with its causes and its transcript."""
    one, talk = tried.attempt, tried.attempt.talk
    said: dict[str, Any] = {
        "mailbox": tried.row.mailbox,
        "user": one.mailbox,
        "signed_in": one.user,
        "protocol": one.protocol,
        "app": one.app,
        "client_id": one.client_id,
        "flow": one.flow,
        "outcome": one.outcome,
        "at": one.at,
        "stage": talk.stage if talk else "",
        "reply": talk.reply if talk else "",
        "said": talk.said if talk else one.said,
        "host": talk.host if talk else "",
        "server": talk.server if talk else "",
        "address": talk.address if talk else "",
        "took_ms": talk.took_ms if talk else 0,
        "tls": talk.tls if talk else None,
        "token": {"characters": tried.characters, "claims": one.claims, "findings": tried.findings},
        "no_token": one.no_token,
        "causes": list(_causes(known)) if known else [],
        "undecided": known.diagnosis.undecided if known else "",
        "retest_at": known.retest_at if known else None,
        "transcript": _transcript(talk.lines) if talk else [],
    }
    plain: dict[str, Any] = evidence.plain(said)
    return plain


def _causes(known: Explained) -> Iterator[dict[str, Any]]:
    for finding, cause in known.by_token:
        said = {"standing": "confirmed", "because": [finding.said], "against": [], "remedy": finding.remedy}
        yield {"id": cause.id, "title": cause.title, "confidence": cause.confidence, **said, "notebook": cause.notebook}
    yield from causes_record(known.diagnosis.causes)


def _transcript(lines: tuple[Line, ...]) -> list[Line]:
    if len(lines) <= _MOST_LINES:
        return list(lines)
    half = _MOST_LINES // 2
    left_out = Line(lines[half].at_ms, "note", f"({len(lines) - _MOST_LINES:,} lines are left out here)")
    return [*lines[:half], left_out, *lines[-half:]]


def _password(closed: Closed) -> dict[str, Any]:
    said = {"mailbox": closed.mailbox, "protocol": closed.talk.protocol, "state": closed.state, "said": closed.said}
    plain: dict[str, Any] = evidence.plain({**said, "reply": closed.talk.reply, "at": closed.at})
    return {**plain, "cause": closed.cause.id if closed.cause else ""}

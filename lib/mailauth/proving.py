"""What proving mail on the wire came to, as one value: each attempt, what its token lacks, and why it was refused."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Literal

from . import catalogue, causes, tokens
from .admission import Effective
from .catalogue import Cause
from .causes import Diagnosis
from .coverage import Coverage
from .grants import Found
from .guids import is_guid
from .matrix import Row
from .organization import Organization
from .proof import Attempt, Talk
from .recently import Recent
from .signs import Change, Evidence
from .tenants import Tenant
from .tokens import Finding
from .wording import counted

__all__ = [
    "OTHER_DOOR",
    "Closed",
    "Explained",
    "Gathered",
    "Proof",
    "Tried",
    "by_policy",
    "closed",
    "elsewhere",
    "evidence",
    "explained",
    "need",
    "sentence",
    "was_shown",
]

_ELSEWHERE: Final = frozenset({"graph", "audience"})
_SENDER: Final = re.compile(r"MAIL FROM:<([^>]*)>")


@dataclass(frozen=True)
class Tried:
    """An attempt, beside what was to be tried.

    Args:
        row: What was to be tried.
        attempt: What came of it.
        findings: What its token does not fit.
        characters: How long the token is; 0 where there was none.
    """

    row: Row
    attempt: Attempt
    findings: tuple[Finding, ...] = ()
    characters: int = 0

    @property
    def withheld(self) -> bool:
        """Whether there was a token, and it was not sent because it is another service's."""
        return self.attempt.outcome == "skipped" and elsewhere(self.findings)

    @property
    def good(self) -> bool | None:
        """Whether a command succeeded; None where nothing was tried on purpose."""
        if self.attempt.outcome == "skipped" and self.row.said:
            return None
        return self.attempt.outcome == "ok"


@dataclass(frozen=True)
class Explained:
    """A refusal and what is behind it.

    Args:
        tried: The attempt.
        diagnosis: Its causes.
    """

    tried: Tried
    diagnosis: Diagnosis

    @property
    def retest_at(self) -> datetime | None:
        """When it is worth trying again; None where it is not too early to judge."""
        return max((each.retest_at for each in self.diagnosis.too_early), default=None)

    @property
    def by_token(self) -> tuple[tuple[Finding, Cause], ...]:
        """For a token that was not sent: what it does not fit, with the row of the catalogue."""
        stops = [each for each in self.tried.findings if each.weight == "stops" and each.rows]
        return tuple((each, catalogue.causes()[each.rows[0]]) for each in stops) if self.tried.withheld else ()


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """What was read about refusals; None, or nothing, for what was not.

    Args:
        organization: What Exchange holds.
        consents: What the directory holds.
        effective: What each refused mailbox lets in.
        recent: What was changed from this machine lately.
        known: Signs that a test answered, by mailbox in lower case and client id.
        coverage: How far the look reached.
    """

    organization: Organization | None = None
    consents: Found | None = None
    effective: tuple[Effective, ...] = ()
    recent: tuple[Recent, ...] = ()
    known: Mapping[tuple[str, str], Mapping[str, bool]] = field(default_factory=dict)
    coverage: tuple[Coverage, ...] = ()


@dataclass(frozen=True)
class Closed:
    """Whether the door for passwords is shut, by one try.

    Args:
        mailbox: Whose password.
        talk: The conversation.
        state: ``closed``, ``open``, or ``unknown`` where the refusal says nothing about passwords as such.
        said: Why, in a sentence.
        cause: The catalogue's row for the refusal; None where it has none.
        at: When the password was about to be sent, aware; None where that is not known.
    """

    mailbox: str
    talk: Talk
    state: Literal["closed", "open", "unknown"]
    said: str
    cause: Cause | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class Proof:
    """All attempts, and all refusals explained.

    Args:
        tried: Every attempt, in the matrix's order.
        explained: Those that were refused or got no token, in the same order.
        gathered: What was read to explain them.
        controls: Attempts that were made to tell causes apart.
        interrupted: Whether somebody stopped it before all were made.
    """

    tried: tuple[Tried, ...]
    explained: tuple[Explained, ...] = ()
    gathered: Gathered = field(default_factory=Gathered)
    controls: tuple[Tried, ...] = ()
    interrupted: bool = False

    @property
    def good(self) -> bool:
        """Whether everything that was to be tried went well, and something was."""
        judged = [each.good for each in self.tried if each.good is not None]
        return bool(judged) and all(judged) and not self.interrupted

    @property
    def retest_at(self) -> datetime | None:
        """The first moment at which trying a refusal again is worth it; None where it is too early for none."""
        return min((each.retest_at for each in self.explained if each.retest_at), default=None)

    def of(self, tried: Tried) -> Explained | None:
        """Return the explanation of an attempt."""
        return next((each for each in self.explained if each.tried is tried), None)


def elsewhere(findings: Sequence[Finding]) -> bool:
    """Whether a token is another service's by what is wrong with it; such a token is not sent to a mail server."""
    return any(each.check in _ELSEWHERE and each.weight == "stops" for each in findings)


def evidence(tried: Tried, all_tried: Sequence[Tried], gathered: Gathered, tenant: Tenant) -> Evidence:
    """Return what is known about one refusal; what was not read stays unknown.

    Args:
        tried: The refusal.
        all_tried: Everything that was tried.
        gathered: What was read.
        tenant: The tenant.
    """
    one, consents = tried.attempt, gathered.consents
    held = consents.held.get(one.client_id) if consents else None
    enterprise = held.enterprise.object_id if held and held.enterprise else ""
    return Evidence(
        attempt=one,
        sender=_sender(one),
        tenant_id=tenant.tenant_id if is_guid(tenant.tenant_id) else "",
        audiences=tokens.audiences(tenant.cloud),
        findings=tried.findings if tried.characters else None,
        rbac=tried.row.app.smtp == "rbac",
        enterprise_id=enterprise,
        held=held,
        policies=consents.assigned if consents else None,
        organization=gathered.organization,
        others=tuple(each.attempt for each in all_tried if each is not tried),
        changes=_changes(tried, gathered),
        known=gathered.known.get((one.mailbox.lower(), one.client_id), {}),
    )


def _changes(tried: Tried, gathered: Gathered) -> tuple[Change, ...] | None:
    """Return the changes that it may depend on; None where none is known: others may have made one."""
    one = tried.attempt
    box = gathered.organization.mailbox(one.mailbox) if gathered.organization else None
    names = {one.mailbox, tried.row.mailbox, *(box.names if box else ())}
    return tuple(each.change for each in gathered.recent if each.concerns(names, one.client_id)) or None


def _sender(one: Attempt) -> str:
    """Return the first sender that was refused, or else the first."""
    if one.talk is None:
        return ""
    texts = [line.text for line in one.talk.lines]
    asked = [found[1] for text in texts if (found := _SENDER.match(text))]
    refused = [each for each in asked if f"{each} cannot send here" in texts]
    return next(iter((*refused, *asked)), "")


def explained(
    tried: Sequence[Tried], more: Sequence[Tried], gathered: Gathered, tenant: Tenant, *, now: datetime
) -> tuple[Explained, ...]:
    """Return each attempt that did not go well with its causes.

    Args:
        tried: The matrix.
        more: What else was tried, to tell causes apart.
        gathered: What was read.
        tenant: The tenant.
        now: The clock.
    """
    known = (*tried, *more)
    return tuple(
        Explained(each, causes.diagnose(evidence(each, known, gathered, tenant), now=now))
        for each in tried
        if each.withheld or (each.row.flow and each.attempt.outcome in ("refused", "no_token", "unreachable"))
    )


def need(found: Sequence[Explained]) -> Mapping[str, frozenset[str]]:
    """Return where looking would tell causes apart, with the signs that it would answer: ``exchange``, ``consent``."""
    open_checks = [check for each in found for check in each.diagnosis.deciding]
    return {
        look: frozenset(check.sign for check in open_checks if check.look == look) for look in ("exchange", "consent")
    }


def closed(mailbox: str, talk: Talk, *, now: datetime) -> Closed:
    """Return what one try with a password says of the door for passwords; *now* is when it was about to be sent."""
    return replace(_closed(mailbox, talk, now), at=now)


def _closed(mailbox: str, talk: Talk, now: datetime) -> Closed:
    if talk.outcome == "ok":
        return Closed(mailbox, talk, "open", "The password was taken: Basic authentication still works here.")
    if talk.outcome == "unreachable":
        return Closed(mailbox, talk, "unknown", talk.said or "The server could not be asked.")
    known = Evidence(texts=(talk.reply,), protocol=talk.protocol, kind="password", mailbox=mailbox)
    first = causes.diagnose(known, now=now).first
    found = first.cause if first else None
    if found is None or found.id not in _SHUT:
        said = found.title if found else "The refusal is not one that the catalogue knows."
        return Closed(mailbox, talk, "unknown", f"{said}. It does not say that passwords are refused as such.", found)
    return Closed(mailbox, talk, "closed", f"{found.title}.", found)


# The rows that say that no password is taken; others say only that this one was not.
_SHUT: Final = frozenset({"S3", "S5", "S6", "S7", "I9", "P4"})


# Of these, what Exchange says by its own rules; the others are another door's words, and it has its own exceptions.
_BY_POLICY: Final = frozenset({"S3", "S7"})

OTHER_DOOR: Final = (
    "That is Conditional Access or security defaults, another door: it proves nothing of accounts that it leaves out."
)
"""What a password stopped after it was checked shows of an authentication policy."""


def by_policy(cause: Cause | str | None) -> bool:
    """Whether a refusal of SMTP shows that Exchange itself takes no passwords, and no door before it.

    By which of its own rules it does not tell: an authentication policy's, or the default that Microsoft sets at the
    end of 2026, which answers in the same words and which an administrator can switch back.

    Args:
        cause: The catalogue's row, or its id; None or empty where it has none.
    """
    return (cause if isinstance(cause, str) else cause.id if cause else "") in _BY_POLICY


def was_shown(talk: Talk) -> bool:
    """Whether a server may have got the password: what ended before the login has sent none."""
    return talk.outcome != "unreachable" or talk.stage in ("authenticate", "command", "done")


def sentence(proof: Proof) -> str:
    """Return what came of it, for somebody who has never seen a transcript."""
    boxes = {each.row.mailbox.lower() for each in proof.tried}
    works = {each.row.mailbox.lower() for each in proof.tried if each.good}
    fails = {each.row.mailbox.lower() for each in proof.tried if each.good is False}
    made = sum(each.attempt.outcome not in ("skipped", "no_token") for each in proof.tried)
    if not made:
        return f"Nothing was proven: no token was sent to any of {counted(len(boxes), 'mailbox', 'mailboxes')}."
    if not fails:
        return (
            f"OAuth works: {counted(len(works), 'mailbox', 'mailboxes')} answered a command after signing in with a "
            f"token, in {counted(made, 'attempt')}."
        )
    whole, all_boxes = len(works - fails), counted(len(boxes), "mailbox", "mailboxes")
    return (
        f"OAuth works for {whole} of {all_boxes} by every way that was tried; by at least one way it does not work for "
        f"{len(fails)}."
    )

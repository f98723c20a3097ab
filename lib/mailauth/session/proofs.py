"""Notebook 50's part of a session: every mailbox tried on the wire, each refusal explained, and tried again."""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from .. import admission, basic, matrix, provenrecord, proving, secretrefs, tables, tokens
from ..admission import Effective
from ..clouds import Cloud
from ..coverage import Coverage
from ..dialogue import SignIn, bearer
from ..errors import ConfigurationError, MailauthError, SaslError, SecretError
from ..grants import Found
from ..matrix import Row
from ..organization import Organization, Principal, named
from ..proof import Attempt, NoToken, Outcome, Talk
from ..proving import Closed, Gathered, Proof, Tried
from ..services import conditions, mail, mailpool, secrets, store
from ..services import organization as holdings
from ..services.exchange import Exchange
from ..services.mailtokens import MailTokens, Token
from ..tenants import Protocol
from ..tokens import Finding, Need
from . import looking
from .tenancy import Tenancy, attended, project

__all__ = ["MOST_MINUTES", "Proving"]

MOST_MINUTES: Final = 24 * 60
"""The longest that a retest may be waited for: no change takes longer to count."""

# Whom a mailbox lets in costs a request each.
_MOST_ASKED: Final = 200
_MOST_CONTROLS: Final = 5
_STEP_S: Final = 30.0
_INTERRUPTED: Final = "It was stopped before this one's turn."


@dataclass(frozen=True)
class Proving:
    """What notebook 50 asks of a tenant. It changes nothing in it.

    Args:
        tenancy: The tenant, opened.
    """

    tenancy: Tenancy

    def rows(self, **asked: str) -> tuple[Row, ...]:
        """Return what is to be tried; the parameters are those of `matrix.rows`.

        Raises:
            ConfigurationError: One of them is wrong.
        """
        return matrix.rows(self.tenancy.tenant, **asked)

    def prove(self, **asked: str) -> Proof:
        """Return what comes of trying the rows that are asked for, explained; the parameters are those of `rows`.

        Raises:
            ConfigurationError: One of them is wrong.
        """
        return self.diagnosed(self.attempts(self.rows(**asked)))

    def record(self, proof: Proof, closed: Closed | None = None) -> Mapping[str, Any]:
        """Return what `keep` writes as evidence; writes nothing."""
        return provenrecord.record(self.tenancy.tenant, proof, closed, made_at=self.tenancy.now())

    def attempts(
        self,
        rows: Sequence[Row],
        *,
        send: bool = False,
        show_folders: bool = False,
        fresh: bool = False,
        timeout_s: float = mail.TIMEOUT_S,
        at_once: int = mailpool.AT_ONCE,
    ) -> Proof:
        """Try every row on the wire, many at once, and return what came of it, not explained yet.

        Tokens are got and read before anything is sent, and one that is for another service is not sent. At Ctrl-C
        what ended is returned, and the rest says that it was not come to.

        Args:
            rows: What to try.
            send: Whether a mail really goes out, from each mailbox to itself.
            show_folders: Whether transcripts show the names of folders, which are people's own words.
            fresh: Whether to have new tokens issued: an old one still says what held before a change.
            timeout_s: How long one conversation may take.
            at_once: The most conversations at once; no mailbox gets more than one for reading and one for sending.

        Raises:
            ConfigurationError: The cloud's ``ca_file`` cannot be read.
        """
        self.tenancy.renew()
        how = _How(self.tenancy, self._tokens, {"send": send, "names": show_folders, "timeout_s": timeout_s})
        ended: dict[int, Tried] = {}
        jobs = [_Job(place, row) for place, row in enumerate(rows)]

        def talk(job: _Job) -> None:
            # Noted in the job's own thread, where no interrupt comes in between.
            ended[job.place] = how.tried(job.row)

        try:
            how.prepare(rows, fresh=fresh)
            for _ in mailpool.many(jobs, talk, at_once=at_once, tell=self.tenancy.tell):
                pass
        except KeyboardInterrupt:
            left = [job.place not in ended for job in jobs]
            found = tuple(ended.get(job.place) or how.skipped(job.row, _INTERRUPTED) for job in jobs)
            return Proof(found, interrupted=any(left))
        return Proof(tuple(ended[job.place] for job in jobs))

    def diagnosed(self, proof: Proof) -> Proof:
        """Return *proof* with each refusal explained; only what would tell causes apart is read, as far as it may be.

        What cannot be read stays unknown, and the coverage says why. Nothing is read where nothing was refused.
        At Ctrl-C each refusal is explained by what it shows itself.
        """
        if proof.interrupted:
            return self._explained(proof, proof.gathered)
        recent, lost = looking.recent(self.tenancy)
        gathered = replace(proof.gathered, recent=recent, coverage=lost)
        first = self._explained(proof, gathered)
        needed = proving.need(first.explained)
        if not first.explained or not (needed["exchange"] or needed["consent"]):
            return first
        try:
            gathered = self._gathered(first, gathered, needed)
            second = self._explained(proof, gathered)
            known = self._tested(second, gathered)
        except KeyboardInterrupt:
            return replace(first, interrupted=True)
        finally:
            self.tenancy.tell("")
        return self._explained(proof, replace(gathered, known=known)) if known else second

    def explained(self, proof: Proof, *, minutes: int = 0, experiments: bool = False) -> Proof:
        """Return *proof* with each refusal explained, tried again where it was too early, and by experiments if asked.

        Args:
            proof: What came of trying.
            minutes: How long to wait, at the most, where it is too early to judge.
            experiments: Whether what would tell causes apart is tried too.

        Raises:
            ConfigurationError: *minutes* is out of range.
        """
        found = self.retest(self.diagnosed(proof), minutes=minutes)
        return self.control(found) if experiments else found

    def controls(self, proof: Proof) -> tuple[Row, ...]:
        """Return the experiments that would tell causes apart and were not made: at most a few, each for one refusal.

        The same app with another mailbox or protocol, or the same mailbox with another flow of the app.
        """
        rows = [each.row for each in (*proof.tried, *proof.controls)]
        found: list[Row] = []
        for each in proof.explained:
            deciding = each.diagnosis.deciding
            trials = [check.trial for check in deciding if check.trial] + (["another-flow"] if deciding else [])
            for trial in trials:
                found += matrix.controls(self.tenancy.tenant, each.tried.row, trial, [*rows, *found])
        return tuple(found[:_MOST_CONTROLS])

    def control(self, proof: Proof) -> Proof:
        """Make the experiments of `controls`, and return *proof* with refusals explained by them too."""
        made = self.attempts(self.controls(proof))
        whole = replace(
            proof, controls=(*proof.controls, *made.tried), interrupted=proof.interrupted or made.interrupted
        )
        return self._explained(whole, proof.gathered)

    def retest(self, proof: Proof, *, minutes: int) -> Proof:
        """Wait until it is not too early any more, for *minutes* at the most, and try again with fresh tokens.

        What is still refused then, and is still too early, is waited for again as long as minutes are left. Returns
        *proof* as it is where it is too early for nothing, or the time is longer off than that.

        Raises:
            ConfigurationError: *minutes* is out of range.
        """
        if not 0 <= minutes <= MOST_MINUTES:
            raise ConfigurationError(f"minutes to wait: found {minutes}; expected 0 to {MOST_MINUTES}.")
        until = self.tenancy.now() + timedelta(minutes=minutes)
        while minutes and not proof.interrupted and (at := proof.retest_at) is not None and at <= until:
            before = self.tenancy.now()
            try:
                self._wait(at)
            except KeyboardInterrupt:
                return replace(proof, interrupted=True)
            proof = self._again(proof)
            if self.tenancy.now() - before < timedelta(seconds=1):
                # What is to be tried at once and is refused again would go round without a pause.
                self.tenancy.sleep(_STEP_S)
        return proof

    def try_password(
        self, text: str, *, protocol: Protocol | None = None, sending: Callable[[], object] = lambda: None
    ) -> Closed | None:
        """Try once to sign in with a password, which is to be refused; None where nobody asked.

        A password that is refused often locks an account, and a policy that was assigned lately may let it in until
        it counts. The password is read at the last moment, sent after TLS was verified, and kept nowhere.

        Args:
            text: ``address=reference``: whose, and where the password is kept; empty for none.
            protocol: By which; None for sending, where the mailbox sends.
            sending: Called right before a server is asked.

        Raises:
            ConfigurationError: It is not of that form, or the secret cannot be read.
        """
        if not text.strip():
            return None
        address, _, reference = text.partition("=")
        try:
            mailbox = named(address.strip())
            word = secrets.read(secretrefs.parse(reference, base=project()))
        except SecretError as error:
            raise SecretError(f"try_password_of: {error.message}", remedy=error.remedy) from None
        except ConfigurationError as error:
            raise ConfigurationError(f"try_password_of: {error.message}", remedy=error.remedy) from None
        self.tenancy.renew()
        by = protocol or self._read_by(mailbox)
        sending()
        at = self.tenancy.now()
        return proving.closed(mailbox, _with_password(self.tenancy.tenant.cloud, by, mailbox, word), now=at)

    def keep(self, proof: Proof, closed: Closed | None = None) -> tuple[Path, ...]:
        """Write notebook 50's evidence and its table, and return where they are."""
        record, folder = self.record(proof, closed), self.tenancy.folder
        return (
            store.write_evidence(folder / "evidence" / "50-prove-mail-oauth.json", record),
            *(store.write_bytes(folder / "tables" / f"{name}.csv", text) for name, text in tables.of(record).items()),
        )

    @cached_property
    def _tokens(self) -> MailTokens:
        kept = self.tenancy.remembering
        return MailTokens(self.tenancy.tenant, attended=attended(), now=self.tenancy.now, **kept)

    def _explained(self, proof: Proof, gathered: Gathered) -> Proof:
        found = proving.explained(proof.tried, proof.controls, gathered, self.tenancy.tenant, now=self.tenancy.now())
        return replace(proof, explained=found, gathered=gathered)

    # Trying again.

    def _wait(self, at: datetime) -> None:
        while (left := (at - self.tenancy.now()).total_seconds()) > 0:
            self.tenancy.tell(f"too early to judge: trying again at {at:%H:%M} UTC, in {left / 60:.0f} minutes")
            self.tenancy.sleep(min(left, _STEP_S))
        self.tenancy.tell("")

    def _again(self, proof: Proof) -> Proof:
        early = [each.tried for each in proof.explained if each.retest_at]
        again = self.attempts([each.row for each in early], fresh=True)
        new = {id(old): made for old, made in zip(early, again.tried, strict=True)}
        # What was read before a change counted is read again.
        whole = Proof(tuple(new.get(id(each), each) for each in proof.tried), interrupted=again.interrupted)
        return self.diagnosed(replace(whole, controls=proof.controls))

    # Reading.

    def _gathered(self, proof: Proof, gathered: Gathered, needed: Mapping[str, frozenset[str]]) -> Gathered:
        """Return what was gathered with what Exchange and the directory say about the refusals."""
        coverage = list(gathered.coverage)
        consents: Found | None = None
        organization: Organization | None = None
        effective: tuple[Effective, ...] = ()
        if needed["consent"] or needed["exchange"]:
            apps = {each.tried.row.app.client_id: each.tried.row.app.name for each in proof.explained}
            consents = looking.consents(self.tenancy, apps)
            coverage += consents.coverage
        if needed["exchange"]:
            organization, lost = self._organization(proof, needed["exchange"])
            coverage += lost
        if organization is not None:
            effective, lost = self._effective(proof, organization, consents)
            coverage += lost
        return replace(
            gathered, consents=consents, organization=organization, effective=effective, coverage=tuple(coverage)
        )

    def _organization(self, proof: Proof, signs: frozenset[str]) -> tuple[Organization | None, tuple[Coverage, ...]]:
        boxes = _addresses(proof)
        asked = boxes[:_MOST_ASKED]
        held, lost = looking.organization(self.tenancy, asked, senders="no_send_as" in signs)
        if held is None:
            return None, lost
        said = f"{len(boxes)} mailboxes were refused; of {len(asked)} it was asked whom they let in."
        more = Coverage("whom mailboxes let in", "partial", "exchange", reason=said, remedy="Prove fewer at a time.")
        return held, (*lost, *([more] if len(boxes) > len(asked) else ()))

    def _effective(
        self, proof: Proof, held: Organization, consents: Found | None
    ) -> tuple[tuple[Effective, ...], tuple[Coverage, ...]]:
        """Return what the refused mailboxes let in."""
        boxes = _addresses(proof)[:_MOST_ASKED]
        ids = [box.object_id for each in boxes if (box := held.mailbox(each))]
        try:
            self.tenancy.tell("reading what Entra asks of sign-ins")
            found = conditions.read(self.tenancy.tenant.cloud, self.tenancy.reader(), ids)
        except MailauthError as error:
            found = conditions.unread(error)
        first = next(iter(proof.explained)).tried.attempt.client_id
        app = consents.held.get(first) if consents else None
        object_id = app.enterprise.object_id if app and app.enterprise else ""
        calendar = self.tenancy.tenant.calendar
        told = admission.every(held, found, now=self.tenancy.now(), app=object_id, only=boxes, calendar=calendar)
        return told, found.coverage

    def _tested(self, proof: Proof, gathered: Gathered) -> Mapping[tuple[str, str], Mapping[str, bool]]:
        """Return, for apps that send by a role, whether Exchange says that it covers the mailbox."""
        held = gathered.organization
        asked = [
            (each.tried.attempt, principal)
            for each in proof.explained
            if any(check.sign == "rbac_missing" for check in each.diagnosis.deciding)
            and held is not None
            and (principal := held.principal(each.tried.attempt.client_id))
        ]
        if not asked:
            return {}
        found: dict[tuple[str, str], Mapping[str, bool]] = {}
        with contextlib.suppress(MailauthError), self.tenancy.exchange() as exchange:
            for one, principal in asked[:_MOST_ASKED]:
                covered = _covered(exchange, principal, one.mailbox)
                if covered is not None:
                    found[one.mailbox.lower(), one.client_id] = {"rbac_missing": not covered}
        return found

    def _read_by(self, mailbox: str) -> Protocol:
        """Return by which protocol a password is tried: sending, where the mailbox sends."""
        boxes = (box for box in self.tenancy.tenant.mailboxes if box.address.lower() == mailbox.lower())
        box = next(boxes, None)
        return "smtp" if box is None or "smtp" in box.protocols else box.protocols[0]


@dataclass(frozen=True)
class _Job:
    """A row with its place."""

    place: int
    row: Row

    @property
    def mailbox(self) -> str:
        """Who signs in: limits are for each account."""
        return self.row.user

    @property
    def protocol(self) -> str:
        return self.row.protocol


@dataclass(frozen=True)
class _How:
    """Tries rows: whose they are, where tokens come from, and how to talk."""

    tenancy: Tenancy
    tokens: MailTokens
    options: Mapping[str, Any]
    scopes: dict[tuple[object, ...], tuple[Protocol, ...]] = field(default_factory=dict)
    refused: dict[tuple[object, ...], NoToken] = field(default_factory=dict)

    def prepare(self, rows: Iterable[Row], *, fresh: bool) -> None:
        """Get every token once, before anything is sent, for all protocols that it is to open."""
        firsts: dict[tuple[object, ...], Row] = {}
        for row in rows:
            if row.flow and not row.said:
                key = _key(row)
                firsts.setdefault(key, row)
                self.scopes[key] = tuple(dict.fromkeys((*self.scopes.get(key, ()), row.protocol)))
        for key, row in firsts.items():
            self.tenancy.tell(f"getting a token for {row.app.name}")
            found = self._token(row, fresh=fresh)
            if isinstance(found, NoToken):
                # As long as this run lasts: a person who has said no is not asked once for each mailbox.
                self.refused[key] = found
        self.tenancy.tell("")

    def tried(self, row: Row) -> Tried:
        """Try one row; what stands in the way is a value."""
        if row.flow is None and not row.app.name:
            return self._attempt(row, "no_token", no_token=NoToken("not_registered", said=row.said))
        if row.flow is None or row.said:
            return self.skipped(row, row.said)
        token = self.refused.get(_key(row)) or self._token(row)
        if isinstance(token, NoToken):
            return self._attempt(row, "no_token", no_token=token)
        findings = tokens.lint(token.claims, self._need(row), now=self.tenancy.now()) if token.claims else ()
        if proving.elsewhere(findings):
            said = "The token was not sent: it is for another service."
            return self._attempt(row, "skipped", token, findings=findings, said=said)
        began = self.tenancy.now()
        try:
            talk = self._talk(row, token)
        except SaslError as error:
            return self._attempt(row, "skipped", token, findings=findings, said=f"Nothing was sent: {error}")
        return self._attempt(row, talk.outcome, token, at=began, findings=findings, talk=talk)

    def skipped(self, row: Row, said: str) -> Tried:
        """Return a row that is not tried."""
        return self._attempt(row, "skipped", said=said)

    def _token(self, row: Row, *, fresh: bool = False) -> Token | NoToken:
        assert row.flow is not None
        return self.tokens.token(row.app, row.flow, self.scopes[_key(row)], account=row.account, fresh=fresh)

    def _talk(self, row: Row, token: Token) -> Talk:
        options = {**self.options, "names": self.options["names"] and row.protocol == "imap"}
        cloud, revealed = self.tenancy.tenant.cloud, token.reveal()
        try:
            return mail.talk(cloud, row.protocol, bearer(row.user, revealed), senders=row.senders, **options)
        finally:
            # A traceback may show what its frames hold.
            del revealed

    def _need(self, row: Row) -> Need:
        tenant = self.tenancy.tenant
        return Need(
            protocol=row.protocol,
            mailbox=row.user,
            cloud=tenant.cloud,
            tenant_id=tenant.tenant_id,
            app_id=row.app.client_id,
            as_app=None if row.flow is None or row.flow.kind == "token" else not row.person,
            shared=row.box.kind != "user",
            smtp=row.app.smtp,
        )

    def _attempt(
        self,
        row: Row,
        outcome: Outcome,
        token: Token | None = None,
        *,
        at: datetime | None = None,
        findings: tuple[Finding, ...] = (),
        **more: Any,
    ) -> Tried:
        claims = token.claims if token else None
        attempt = Attempt(
            mailbox=row.user,
            protocol=row.protocol,
            app=row.app.name,
            client_id=row.app.client_id,
            flow=row.flow.kind if row.flow else "",
            outcome=outcome,
            at=at or self.tenancy.now(),
            user=(claims.user if claims else "") or row.account,
            claims=claims.record() if claims else {},
            **more,
        )
        return Tried(row, attempt, findings, len(token) if token else 0)


def _key(row: Row) -> tuple[object, ...]:
    """Return whose token a row needs."""
    return row.app.client_id, row.flow, row.account.casefold()


def _addresses(proof: Proof) -> tuple[str, ...]:
    """Return the mailboxes that were refused, as Exchange can be asked about them, each once."""
    return looking.addresses(
        [name for each in proof.explained for name in (each.tried.row.mailbox, each.tried.attempt.user)]
    )


def _covered(exchange: Exchange, app: Principal, mailbox: str) -> bool | None:
    try:
        return bool(holdings.covering(exchange, app.object_id, mailbox))
    except MailauthError:
        return None


_PASSWORD: Final[Mapping[Protocol, Callable[[str, str], SignIn]]] = {
    "smtp": basic.auth_login,
    "imap": basic.imap_login,
    "pop": basic.pop_user,
}


def _with_password(cloud: Cloud, protocol: Protocol, mailbox: str, word: secrets.Secret) -> Talk:
    return mail.talk(cloud, protocol, _PASSWORD[protocol](mailbox, word.reveal()))

"""Whether a wave may be closed: what is known of it, what has been proven since the last change, and what forbids it.

Nothing here takes what was not read for closed, and no proof that is older than the last change for a proof. What was
changed from this machine stands in the receipts, with the moment until which the old state may still act; what somebody
else changed counts once the cloud had time for it (`Known.settles`, a day) since 60 or a watch first saw it: a policy
of its own, or the default for whoever comes to follow it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Final, Literal

from . import catalogue, moving, waves
from .checks import Check
from .closingsteps import ASSIGNED, POLICY
from .conditions import Conditions
from .findings import MAY_BE_SMTP
from .organization import AuthenticationPolicy, Mailbox, Organization, is_policy
from .plan import Cmdlet, Operation, Receipt, Step, Value
from .proving import OTHER_DOOR, by_policy
from .reach import USER_TABLES
from .verdicts import Thresholds
from .waves import Record, Wave, primary
from .wording import counted, few, moment, moment_by, span

__all__ = [
    "NO_CANARY",
    "UNPROVEN",
    "Before",
    "Known",
    "Proof",
    "Refusal",
    "RefusalKind",
    "closes_passwords",
    "flipped",
    "frozen_until",
    "has_canary",
    "is_ambiguous",
    "is_on",
    "is_triable",
    "lacking",
    "logged",
    "may_send",
    "may_try",
    "open_senders",
    "proofs",
    "proven",
    "refuses",
    "remembered",
    "reopened",
    "resting",
    "seen",
    "settled_at",
    "switches",
    "unnamed",
    "unproven",
    "unread",
    "unseen",
    "untaken",
    "untried",
    "was_ended",
]

RefusalKind = Literal["sender", "coverage", "freeze", "proof", "policy", "wave", "canary"]

_EVERYWHERE: Final = ""
_OF_POLICIES: Final = frozenset({ASSIGNED, POLICY})
_TOUCHED: Final = frozenset({"done", "unclear", "already"})
# Who may be a stranger is nobody to make an exception for.
_OPEN: Final = frozenset({"basic_sender", "basic_unconfirmed"}) | moving.STRANGERS
_NO_PASSWORD: Final = frozenset({"modern", "not_mail", "ropc_mail_app"})
_SMTP: Final = "SMTP AUTH"
# An audit log does not name the protocol, so what it shows may have been SMTP.


@dataclass(frozen=True)
class Refusal:
    """Something that forbids the next step of a wave.

    Args:
        kind: What: a sender that has not moved, coverage that cannot know, a freeze, a proof that is missing or older
            than the last change, a policy that does not count yet, a wave that comes first, the canary.
        about: Which: an account, an address, a wave; text from outside.
        found: What was found, in a few words.
        remedy: What to do.
    """

    kind: RefusalKind
    about: str
    found: str
    remedy: str = ""

    def check(self) -> Check:
        """Return it as a checkpoint."""
        unknown = self.kind in ("coverage", "canary")
        return Check(f"{self.kind}: {self.about}", "cannot know" if unknown else "wrong", self.found, self.remedy)


@dataclass(frozen=True)
class Proof:
    """What a try on the wire showed.

    Args:
        mailbox: The mailbox's address.
        kind: ``oauth`` for a token, ``password`` for one try with a password.
        good: Whether the token was taken and a command worked, or the password was refused as such.
        at: When, aware.
        said: What the server made of it; text from outside.
    """

    mailbox: str
    kind: Literal["oauth", "password"]
    good: bool
    at: datetime
    said: str = ""


@dataclass(frozen=True)
class _Change:
    """Something that was changed from this machine, and until when the old state may act."""

    at: datetime
    settles_at: datetime
    title: str
    group: str
    sets: str | None = None  # the state of a switch, or the name of a policy
    back: bool = False  # whether it took something back


@dataclass(frozen=True)
class Before:
    """What the look before saw of SMTP AUTH switches.

    Args:
        at: When that was.
        switches: ``on``, ``off``, ``inherit`` or ``unknown`` by mailbox, ``""`` for the organization's; None where the
            mailboxes were not read.
        flipped: When each was last seen to be set otherwise, by nobody's receipt.
    """

    at: datetime
    switches: Mapping[str, str] | None
    flipped: Mapping[str, datetime] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Known:
    """Everything that is known of a tenant when a wave is looked at.

    Args:
        organization: What Exchange holds now.
        conditions: What Entra holds now.
        findings: The evidence of notebook 10; None where there is none.
        proofs: What was tried on the wire.
        receipts: Every receipt of the tenant, those of undone plans too.
        since: Since when passwords were seen to be refused for each mailbox, by its own policy or the default; ``""``
            for the organization's default itself; see `seen`.
        loose: The mailboxes that the look before saw with a policy of their own that takes passwords; None where it did
            not read them.
        flipped: When each SMTP AUTH switch was last seen to be set otherwise without a receipt; see `flipped`.
        looked: When the look before was; None where there was none.
        moved: Sender ids, or addresses in lower case, that are known to have moved by more than the log.
        freezes: The first and the last day of each change freeze.
        settles: How long at most until a change counts in this cloud.
        default_off: From which day on Microsoft refuses passwords for SMTP by default; None where no day is known.
        now: The clock.
    """

    organization: Organization
    conditions: Conditions
    findings: Record | None
    now: datetime
    proofs: tuple[Proof, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    since: Mapping[str, datetime] = field(default_factory=dict, hash=False)
    loose: frozenset[str] | None = frozenset()
    flipped: Mapping[str, datetime] = field(default_factory=dict, hash=False)
    looked: datetime | None = None
    moved: frozenset[str] = frozenset()
    freezes: tuple[tuple[date, date], ...] = ()
    settles: timedelta = timedelta(hours=24)
    default_off: date | None = None

    @cached_property
    def _changes(self) -> Mapping[str, Sequence[_Change]]:
        """Every change by the mailbox that it is about, by primary address; ``""`` for all of them."""
        found: dict[str, list[_Change]] = {}
        for receipt in self.receipts:
            steps = {step.id: step for step in receipt.plan.steps}
            for entry in receipt.entries:
                step = steps.get(entry.step)
                if step and entry.outcome in _TOUCHED and step.group in _watched():
                    about = _about(self.organization, step.do, mailbox=step.group in _of_mailboxes())
                    settles = max(entry.settles_at or entry.at, entry.at + step.lag)
                    one = _Change(entry.at, settles, step.title, step.group, _sets(step), bool(receipt.undoes))
                    found.setdefault(about, []).append(one)
        for place, at in self.flipped.items():
            found.setdefault(place, []).append(_Change(at, at + min(_SWITCH_LAG, self.settles), _BY_HAND, _SWITCH))
        return found

    def at(self, place: str) -> Sequence[_Change]:
        """Return what was changed about a mailbox; ``""`` for what is about all of them."""
        return self._changes.get(place, ())

    def changes(self, address: str) -> Iterator[_Change]:
        """Yield what was changed about a mailbox, and about all of them."""
        yield from self.at(address)
        box = self.organization.mailbox(address)
        has_own = bool(box and box.authentication_policy)
        # Whoever has a policy of their own is not touched by what the default becomes.
        yield from (each for each in self.at(_EVERYWHERE) if not (has_own and each.group == ASSIGNED))

    def tried(self, address: str, kind: Literal["oauth", "password"]) -> Proof | None:
        """Return the latest try of a kind on a mailbox; None where there was none."""
        return self._tried.get((kind, address))

    def refused(self, address: str) -> Proof | None:
        """Return the latest try of a password on a mailbox that was refused as such; None where there was none."""
        found = [each for each in self.proofs if each.kind == "password" and each.good]
        mine = [each for each in found if primary(self.organization, each.mailbox) == address]
        return max(mine, key=lambda each: each.at, default=None)

    @cached_property
    def _tried(self) -> Mapping[tuple[str, str], Proof]:
        ordered = sorted(self.proofs, key=lambda each: each.at)
        return {(each.kind, primary(self.organization, each.mailbox)): each for each in ordered}


_SWITCH: Final = "SMTP AUTH switch, by hand"
_SWITCH_LAG: Final = timedelta(hours=1)
_BY_HAND: Final = "its SMTP AUTH switch, or the organization's, was seen to be set otherwise"
_STATES: Final[Mapping[Value, str]] = {True: "off", False: "on", None: "inherit"}
_DISABLED: Final = "SmtpClientAuthenticationDisabled"
_NAMES: Final = ("AuthenticationPolicy", "DefaultAuthenticationPolicy")


def _sets(step: Step) -> str | None:
    """Return the state of a switch, or the name of the policy, that a step sets; None for anything else."""
    after = step.after or {}
    if _DISABLED in after:
        return _STATES.get(after[_DISABLED])
    return next((str(after[name]) for name in _NAMES if after.get(name)), None)


def switches(organization: Organization) -> Mapping[str, str]:
    """Return how each SMTP AUTH switch stands, by primary address; ``""`` for the organization's."""
    off = organization.settings.smtp_off
    every = {box.address.lower(): box.smtp for box in organization.mailboxes or ()}
    return {**every, _EVERYWHERE: "unknown" if off is None else _STATES[off]}


def flipped(known: Known, before: Before | None) -> Mapping[str, datetime]:
    """Return when each SMTP AUTH switch was last seen to be set otherwise, though no receipt says so.

    Args:
        known: What is known now.
        before: What the look before saw; None where nobody has looked yet.
    """
    if before is None:
        return {}
    states = {place: state for place, state in switches(known.organization).items() if state != "unknown"}
    mine = {place: _explained(known, place, state, before.at) for place, state in states.items()}
    # A mailbox that is new has not been set otherwise; one that was not read may have been.
    was = states if before.switches is None else before.switches
    other = [place for place, state in states.items() if was.get(place, state) != state and not mine[place]]
    unseen = [place for place in states if before.switches is None and not mine[place]]
    return {**before.flipped, **dict.fromkeys((*other, *unseen), known.now)}


def _explained(known: Known, place: str, state: str, after: datetime) -> bool:
    return any(each.at > after and each.sets == state for each in known.at(place))


def _watched() -> frozenset[str]:
    """Return the groups of steps that a login may depend on."""
    return frozenset(group for lag in catalogue.lags().values() for group in lag.groups)


def _of_mailboxes() -> frozenset[str]:
    names = ("full_access", "send_as", "switch", "policy")
    return frozenset(group for name in names for group in catalogue.lags()[name].groups) - {POLICY}


def _about(organization: Organization, do: Operation, *, mailbox: bool) -> str:
    identity = do.parameters.get("Identity") if isinstance(do, Cmdlet) and mailbox else None
    return primary(organization, identity) if isinstance(identity, str) else _EVERYWHERE


# --- policies -----------------------------------------------------------------------------------------


def closes_passwords(organization: Organization, box: Mailbox) -> bool | None:
    """Whether a mailbox's authentication policy, or else the default, refuses passwords; None where it was not read."""
    own = box.authentication_policy
    if own is None:
        return None
    name = own or organization.settings.default_policy
    if name is None:
        return None
    return _refuses(organization.policy(name), organization) if name else False


def _refuses(held: AuthenticationPolicy | None, organization: Organization) -> bool | None:
    if held is None or organization.policies is None or held.allow_smtp is None:
        return None
    return not held.allow_smtp


def refuses(organization: Organization, place: str) -> bool | None:
    """Whether passwords are refused for a mailbox, by primary address, or for ``""`` by the default itself.

    None where that was not read.
    """
    if place:
        box = organization.mailbox(place)
        return closes_passwords(organization, box) if box else None
    default = organization.settings.default_policy
    return _refuses(organization.policy(default), organization) if default else None if default is None else False


def seen(organization: Organization, before: Collection[str]) -> frozenset[str]:
    """Return for whom passwords are refused, by primary address; ``""`` for the default itself.

    Args:
        organization: What Exchange holds now.
        before: What this returned at the look before: what was not read now is as it was then.
    """
    here = {box.address.lower() for box in organization.mailboxes or ()}
    found = {place: refuses(organization, place) for place in (*here, _EVERYWHERE)}
    dark = {place for place, closes in found.items() if closes is None}
    if organization.mailboxes is None:
        dark |= {*before}
    return frozenset(place for place, closes in found.items() if closes) | (dark & {*before})


def settled_at(known: Known, address: str) -> datetime:
    """Return when the policy that refuses passwords counts for a mailbox at the latest.

    Args:
        known: What is known.
        address: Its primary address in lower case; a policy of it, or the default, refuses passwords now.
    """
    first = _first_seen(known, address)
    if _follows(known, address):
        # Each may be the later one: that the default refuses passwords, and that it is the mailbox's.
        first = max(first, _first_seen(known, _EVERYWHERE))
    told = (each.settles_at for each in known.changes(address) if each.group in (ASSIGNED, POLICY))
    # Nobody says when somebody else assigned it: it counts when the cloud had time for it since.
    return max((first + known.settles, *told))


def _follows(known: Known, place: str) -> bool:
    """Whether a mailbox has no policy of its own, so that the default is its."""
    box = known.organization.mailbox(place) if place else None
    return bool(place) and not (box and box.authentication_policy)


def _first_seen(known: Known, place: str) -> datetime:
    """Return since when a policy that refuses passwords is known: our own change, where it came after the last look."""
    if place in known.since:
        return known.since[place]
    if _follows(known, place):
        # Who is new got the default with the mailbox; who had a policy that takes passwords came to the default since.
        was_open = known.loose is None or place in known.loose
        return known.now if was_open else _first_seen(known, _EVERYWHERE)
    box = known.organization.mailbox(place) if place else None
    name = (box.authentication_policy if box else known.organization.settings.default_policy) or ""
    # Where nobody has looked yet, an older change says nothing of what others did since.
    after = known.looked or known.now - known.settles
    new = (each for each in known.at(place) if each.at > after)
    ours = (each.at for each in new if each.group == ASSIGNED and is_policy(name, each.sets or ""))
    return max(ours, default=known.now)


def remembered(known: Known) -> Mapping[str, datetime]:
    """Return since when passwords were seen to be refused for each mailbox, for the next look."""
    return {place: _first_seen(known, place) for place in seen(known.organization, known.since)}


# --- what speaks against it ---------------------------------------------------------------------------


def unread(wave: Wave, known: Known) -> Iterator[Refusal]:
    """Yield what of Exchange was not read, and would have to be known."""
    held = known.organization
    parts = {
        "mailboxes": held.mailboxes,
        "authentication policies": held.policies,
        "the organization's SMTP AUTH switch": held.settings.smtp_off,
        "the default authentication policy": held.settings.default_policy,
    }
    for name, value in parts.items():
        if value is None:
            yield Refusal("coverage", name, "not read", _READ)
    boxes = [box for address in wave.mailboxes if (box := held.mailbox(address))]
    dark = [box.address for box in boxes if box.authentication_policy is None or box.smtp == "unknown"]
    if dark:
        yield Refusal("coverage", few(dark), "its policy or its SMTP AUTH switch was not read", _READ)
    names = dict.fromkeys(box.authentication_policy or held.settings.default_policy or "" for box in boxes)
    mute = [each.name for name in names if (each := held.policy(name)) and each.allow_smtp is None]
    if mute:
        yield Refusal("coverage", few(mute), "whether this policy takes passwords by SMTP was not read", _READ)
    if wave.unknown:
        found = "Exchange Online has no such mailbox"
        yield Refusal("coverage", few(wave.unknown), found, "Correct it under closing in the tenants file.")
    if not (wave.mailboxes or wave.unknown or wave.left_out) and held.mailboxes is not None:
        yield Refusal("coverage", wave.name, "no mailbox is in this wave", _EMPTY)


_EMPTY: Final = "Name some under closing in the tenants file, or end an exception there or in the decisions file."
_READ: Final = "Sign in with somebody who may read Exchange (View-Only Organization Management), and look again."


def unseen(known: Known) -> Iterator[Refusal]:
    """Yield why nobody can say who still sends with a password."""
    record, remedy = known.findings, "Run 10, then look again."
    if record is None:
        yield Refusal("coverage", "sign-ins", "nobody has looked: notebook 10 has left no evidence", remedy)
        return
    made = datetime.fromisoformat(record["made_at"])
    fresh = timedelta(days=Thresholds.standard().fresh_days)
    if known.now - made > fresh:
        yield Refusal("coverage", "sign-ins", f"last looked at {moment(made)}, more than {fresh.days} days ago", remedy)
    if record["data"]["state"]["word"] == "cannot know":
        bad = [each for each in record["coverage"] if each["state"] in ("absent", "unknown", "partial")]
        if not bad:
            yield Refusal("coverage", "sign-ins", record["data"]["state"]["sentence"], remedy)
        for each in bad:
            yield Refusal("coverage", each["what"], each["reason"] or each["state"], each["remedy"] or remedy)
        return
    if found := _hole(record, known.now):
        lacking = _lacking(record)
        said = f"{found}. {lacking['reason']}" if lacking.get("reason") else found
        mend = lacking.get("remedy") or "Add the records of these days."
        yield Refusal("coverage", "sign-ins", said, f"{mend} Then run 10, and look again.")


def _lacking(record: Record) -> Record:
    """Return the first row about people's sign-ins that are not whole; an empty one where all are."""
    tables = (each for each in record["coverage"] if each["what"] in USER_TABLES.values())
    return next((each for each in tables if each["state"] != "complete"), {})


def _hole(record: Record, now: datetime) -> str:
    """Return why the records do not speak of every one of the last days; empty where they do."""
    data, days = record["data"], Thresholds.standard().quiet_days
    start = now - timedelta(days=days)
    window = f"of the {days} days from {start.date().isoformat()} to {now.date().isoformat()}"
    if data["last_look"]:
        return f"{window}: the records end on {data['last_look']}, too early to speak of today"
    if gap := moving.Evidence(record, now).gap:
        return f"{window}: {gap}"
    first = datetime.fromisoformat(data["held"]["from"])
    return f"{window}: the records begin only on {first.date().isoformat()}" if first > start else ""


def frozen_until(known: Known) -> Iterator[Refusal]:
    """Yield the change freeze that is on."""
    for first, last in known.freezes:
        if first <= known.now.date() <= last:
            found = f"nothing is to be changed from {first.isoformat()} to {last.isoformat()}"
            remedy = f"Wait until {(last + timedelta(days=1)).isoformat()}, or take the freeze out of the tenants file."
            yield Refusal("freeze", first.isoformat(), found, remedy)


def open_senders(wave: Wave, known: Known) -> Iterator[Refusal]:
    """Yield each sender in the wave that still uses a password, and is neither moved nor excepted by name."""
    data = known.findings["data"] if known.findings else {"groups": (), "reported": ()}
    mine, spared = frozenset(wave.mailboxes), frozenset(each.address for each in wave.excepted)
    ended = {each.address: each for each in wave.ended}
    for group in data["groups"]:
        account = _account(known, group)
        sends = group["verdict"] in _OPEN and group["protocol"] in MAY_BE_SMTP and group["population"] == "member"
        # A canary sends nothing: whoever has its password right tries it, which `logged` and `reopened` judge.
        tried = account == wave.canary and group["protocol"] == _SMTP
        here = account in mine or (wave.kind == "tenant" and account not in spared)
        if sends and here and not tried and not group["moved"] and not known.moved & {group["sender_id"], account}:
            late = ended.get(account)
            past = f"; its exception ended on {late.until.isoformat()}" if late else ""
            how = f"signs in with a password by {group['protocol']}{_place(group)}"
            found = f"{how}, last on {group['last_seen'][:10]}{past}"
            yield Refusal("sender", group["user"], found, _CONFIRM if group["verdict"] in moving.STRANGERS else _MOVE)
    for row in data["reported"]:
        account = waves.account(known.organization, row["account"] or row["address"])
        here = account in mine or (wave.kind == "tenant" and account not in spared)
        if row["basic"] and not row["known"] and here and account not in known.moved:
            found = f"{counted(row['basic'], 'message')} sent with a password, which only the mail report shows"
            yield Refusal("sender", row["address"], found, _REPORTED)


_MOVE: Final = (
    "Move it and look again with 10; or leave it out until a last day: by exception_until of this sender in the "
    "decisions file, or under closing.exceptions in the tenants file, with a reason."
)


_CONFIRM: Final = (
    "Settle it first (10, attention). Whoever has writes it under done of this sender in the decisions file, with a "
    "day after the last of its sign-ins, and of a suspected compromise with road: reset, once its password was reset "
    "and its sessions were revoked; then look again with 10."
)


_REPORTED: Final = (
    "Move it, and export the report anew once it looks back on no such day: it holds 90. Or leave it out until a last "
    "day: by exception_until of this sender in the decisions file, or under closing.exceptions in the tenants file."
)


def reopened(wave: Wave, known: Known) -> Iterator[Refusal]:
    """Yield each password that SMTP AUTH took in the wave after it was last refused on the canary."""
    proof = known.refused(wave.canary) if wave.canary else None
    if proof is None:
        return
    for at, group in _successes(wave, known):
        account = _account(known, group)
        # Before its policy counts, a password is taken by right.
        if at > proof.at and closes_since(known, account) and at >= settled_at(known, account):
            found = f"a password was taken at {moment(at)}{_place(group)}, after it was refused on {wave.canary}"
            yield Refusal("sender", group["user"], found, _REOPENED)


_REOPENED: Final = "Look at its policy and its switch, close what is open, then try a password on the canary again."


def _successes(wave: Wave, known: Known) -> Iterator[tuple[datetime, Record]]:
    """Yield when each group of the wave's accounts last got in by SMTP AUTH with a password."""
    mine = {*wave.mailboxes, wave.canary}
    for group in known.findings["data"]["groups"] if known.findings else ():
        takes = group["protocol"] == _SMTP and group["verdict"] not in _NO_PASSWORD and group["successes"]
        if takes and _account(known, group) in mine:
            yield datetime.fromisoformat(group.get("last_success") or group["last_seen"]), group


def unnamed(wave: Wave, known: Known) -> Iterator[Refusal]:
    """Yield each mailbox that an app may send from which signs in as itself: its records name no mailbox."""
    apps = [each["app"] or each["app_id"] for each in _adopted(known) if not each["user"]]
    boxes = (known.organization.mailbox(address) for address in wave.mailboxes) if apps else ()
    for box in boxes:
        if box and box.smtp == "on" and box.address.lower() not in wave.senders | {wave.canary}:
            found = f"its SMTP AUTH switch is on, and {few(dict.fromkeys(apps))} may send from it as itself"
            yield Refusal("sender", box.address, found, _UNNAMED)


_UNNAMED: Final = (
    "Ask its owner. If an app sends from it, name it under mailboxes with smtp in the tenants file; if none does, have "
    "its switch follow the organization by hand."
)


def unproven(wave: Wave, known: Known) -> Iterator[Refusal]:
    """Yield each sender that no app of the file can try, and that was not seen to send since the last change."""
    seen_last = _seen_last(known)
    for address in sorted(wave.senders - wave.provable - resting(wave, known)):
        counts, proof = _counts(known, address), known.tried(address, "oauth")
        tried = proof and proof.good and proof.at >= counts
        # A record of that day may be older than the change.
        if not tried and seen_last.get(address, "") <= counts.date().isoformat():
            off = "" if may_send(known, address) else ". SMTP AUTH is off for it: where it is to send, 40 turns it on"
            found = f"not proven: it sends with OAuth, and was not seen to since the last change ({moment(counts)})"
            yield Refusal("proof", address, f"{found}{off}", UNPROVEN)


UNPROVEN: Final = (
    "Run 10 once it has sent again, or prove it with 50. For that, name it under mailboxes with smtp in the tenants "
    "file, beside an app under mail_apps. Where another account sends in its name, write it under send_as of that one."
)
"""What to do about a sender that no app of the tenants file can try."""


def resting(wave: Wave, known: Known) -> frozenset[str]:
    """Return who was seen to send with a token long ago, is named nowhere and has SMTP AUTH off: nothing is to prove.

    No login of theirs by SMTP gets in, with whatever, and nobody knows whether one is to.
    """
    quiet = (known.now - timedelta(days=Thresholds.standard().quiet_days)).date().isoformat()
    old = {address for address, last in _seen_last(known).items() if last < quiet}
    return frozenset(each for each in wave.senders - wave.named if each in old and not may_send(known, each))


def _seen_last(known: Known) -> Mapping[str, str]:
    """Return the day on which each account was last seen to get in by SMTP AUTH with a token."""
    rows = sorted(_adopted(known), key=lambda each: str(each["last"]))
    return {waves.account(known.organization, each["user"]): each["last"] for each in rows if each["user"]}


def _adopted(known: Known) -> Iterator[Record]:
    """Yield who was seen to get in by SMTP AUTH with a token."""
    data = known.findings["data"] if known.findings else {}
    return (each for each in data.get("adoption", {}).get("users", ()) if _SMTP in each["protocols"])


def _account(known: Known, group: Record) -> str:
    return waves.account(known.organization, group["user"], group.get("user_id", ""))


def _place(group: Record) -> str:
    network = group["network"]
    place = network["label"] or network["address"]
    return f" from {place}" if place else ""


# --- proofs -------------------------------------------------------------------------------------------


def proofs(record: Record | None) -> tuple[Proof, ...]:
    """Return what the evidence of notebook 50 says was tried by SMTP; nothing where there is none."""
    if record is None:
        return ()
    data, made = record["data"], datetime.fromisoformat(record["made_at"])
    tried: dict[str, list[Proof]] = {}
    for each in data["attempts"]:
        if each["protocol"] == "smtp" and each["outcome"] != "skipped":
            # Who sends for a shared mailbox signs in as itself, and it is its switch and its policy that let it.
            at, user = datetime.fromisoformat(each["at"]), each["user"]
            proof = Proof(user, "oauth", each["outcome"] == "ok", at, each["reply"])
            tried.setdefault(user.lower(), []).append(proof)
    # An app may have several ways to a token: one that works is enough.
    found = [max(some, key=lambda each: (each.good, each.at)) for some in tried.values()]
    closed = data["password"]
    if closed and closed["protocol"] == "smtp":
        good = closed["state"] == "closed" and by_policy(closed["cause"])
        door = closed["state"] == "closed" and not good
        said = f"{closed['said']} {OTHER_DOOR}" if door else closed["said"]
        sent = datetime.fromisoformat(closed["at"]) if closed.get("at") else None
        # The record may be much younger than the try: without its own time, a refusal may be of before the last change.
        if sent or not good:
            found.append(Proof(closed["mailbox"], "password", good, sent or made, said))
    return tuple(found)


def logged(canary: str, known: Known) -> Iterator[Proof]:
    """Yield the last tries of a canary's password that the sign-in log shows, from wherever they were made.

    Nobody uses a canary, so whoever had its password right tried it. What Exchange refused left no record.

    Args:
        canary: Its primary address in lower case.
        known: What is known.
    """
    for group in known.findings["data"]["groups"] if known.findings else ():
        mine = group["protocol"] == _SMTP and _account(known, group) == canary
        if not mine or group["verdict"] in _NO_PASSWORD:
            continue
        if group["successes"]:
            at = datetime.fromisoformat(group.get("last_success") or group["last_seen"])
            yield Proof(canary, "password", good=False, at=at, said="The sign-in log shows that it was taken.")
        elif group["right_password_blocks"]:
            at = _last_right(group)
            said = f"The sign-in log shows that it was right, and stopped in Entra. {OTHER_DOOR}"
            yield Proof(canary, "password", good=False, at=at, said=said)


def _last_right(group: Record) -> datetime:
    """Return until when the password may last have been right: later ones of the group were wrong, and are no tries."""
    days = [each["day"] for each in group.get("by_day", ()) if each["right_password_blocks"]]
    last = datetime.fromisoformat(group["last_seen"])
    return min(last, datetime.fromisoformat(max(days)).replace(tzinfo=UTC) + timedelta(days=1)) if days else last


def is_ambiguous(wave: Wave, known: Known) -> bool:
    """Whether Microsoft's own default may have refused the canary's password, so that no try speaks of the policy."""
    proof = known.tried(wave.canary, "password") if wave.canary else None
    return bool(proof and proof.good and known.default_off and proof.at.date() >= known.default_off)


def lacking(wave: Wave, known: Known) -> Iterator[Refusal]:
    """Yield what is not proven since the last change: that tokens are taken, and that a password is refused."""
    yield from untaken(wave, known)
    yield from reopened(wave, known)
    yield from has_canary(wave)
    if wave.canary:
        yield from _taken(wave, known)


def has_canary(wave: Wave) -> Iterator[Refusal]:
    """Yield that no canary is named."""
    if not wave.canary:
        yield Refusal("canary", "closing.canary", "none is named, so that no password can be tried", NO_CANARY)


NO_CANARY: Final = "Make a mailbox that nobody uses, and name it under closing.canary in the tenants file."
"""What to do where there is no canary, or where it is none."""


def untaken(wave: Wave, known: Known) -> Iterator[Refusal]:
    """Yield each sender of which no token was taken since the last change."""
    for address in sorted(wave.provable):
        yield from _unproven(known, address)


def _untaken(known: Known, address: str, last: _Change | None) -> Iterator[Refusal]:
    """Yield why no token was taken of a mailbox after a change."""
    proof = known.tried(address, "oauth")
    if proof is None:
        yield Refusal("proof", address, "no token was tried on it by SMTP", _ANEW)
    elif not proof.good:
        yield Refusal("proof", address, f"at {moment(proof.at)} a token was not taken", "See 80 for the cause.")
    elif last and proof.at < last.settles_at:
        found = f"proven at {moment(proof.at)}, and changed since ({moment(last.at)}: {last.title})"
        if proof.at >= last.at:
            counts = f"counts from {moment(last.settles_at)} ({last.title})"
            found = f"proven at {moment(proof.at)}, and the last change {counts}"
        yield Refusal("proof", address, found, _ANEW)


_ANEW: Final = "Prove it with a token by SMTP: 60 tries one, or 50."


def _unproven(known: Known, address: str) -> Iterator[Refusal]:
    found = next(_untaken(known, address, _last(known, address)), None)
    proof = known.tried(address, "oauth")
    if found:
        yield found
    elif proof and closes_since(known, address) and proof.at < settled_at(known, address):
        early = f"proven at {moment(proof.at)}, before its policy counted ({moment(settled_at(known, address))})"
        yield Refusal("proof", address, early, _ANEW)


def untried(wave: Wave, known: Known) -> Iterator[Refusal]:
    """Yield each sender whose password a policy would end before a token was taken of it.

    A policy is nothing that a token depends on, so what it needs can be tried before: the app, its rights, the switch.
    """
    for address in sorted(wave.provable):
        if may_send(known, address) and not closes_since(known, address):
            needed = [each for each in known.changes(address) if each.group not in _OF_POLICIES]
            yield from _untaken(known, address, max(needed, key=lambda each: each.settles_at, default=None))


def was_ended(known: Known, address: str) -> bool:
    """Whether the password of a mailbox was ended from here, and that was not taken back, whoever opened it since."""
    given = [each for each in known.at(address) if each.group == ASSIGNED]
    return bool(given) and not max(given, key=lambda each: each.at).back


def is_triable(known: Known, address: str) -> bool:
    """Whether a token that is not taken on a mailbox would be news: its switch is on, or its turn has come."""
    return may_send(known, address) or closes_since(known, address)


def may_send(known: Known, address: str) -> bool:
    """Whether SMTP AUTH is on for a mailbox, so that a token can be tried on it."""
    box = known.organization.mailbox(address)
    return bool(box and is_on(known.organization, box))


def closes_since(known: Known, address: str) -> bool:
    """Whether a policy refuses passwords for a mailbox now."""
    box = known.organization.mailbox(address)
    return bool(box and closes_passwords(known.organization, box))


def _last(known: Known, address: str) -> _Change | None:
    return max(known.changes(address), key=lambda each: each.settles_at, default=None)


def _taken(wave: Wave, known: Known) -> Iterator[Refusal]:
    """Yield why it is not proven that a password is refused."""
    box, proof = known.organization.mailbox(wave.canary), known.tried(wave.canary, "password")
    counts = max((_refuses_from(known, address) for address in {*wave.mailboxes, wave.canary}), default=known.now)
    if box is None or box.remote:
        yield Refusal("canary", wave.canary, "Exchange Online has no such mailbox", NO_CANARY)
    elif not closes_passwords(known.organization, box):
        found = "no authentication policy keeps passwords out of it, so that it shows nothing"
        yield Refusal("canary", wave.canary, found, "It goes with the first wave: close that one first.")
    elif not is_on(known.organization, box):
        found = "SMTP AUTH is off for it, so that a refusal would speak of the switch and not of passwords"
        yield Refusal("canary", wave.canary, found, "Apply the switches of this wave: the canary's is among them.")
    elif known.now < counts:
        yield Refusal("proof", wave.canary, f"too early to try a password: retest at {moment_by(counts)}", _LATER)
    elif proof is None or proof.at < counts:
        when = f"last at {moment(proof.at)}" if proof else "never"
        found = f"a password was tried on it {when}, and the last change counts from {moment(counts)}"
        yield Refusal("proof", wave.canary, found, "Try one password on it, once.")
    elif not proof.good:
        found = f"at {moment(proof.at)} a password was not refused as such: {proof.said}"
        yield Refusal("proof", wave.canary, found, f"{_LOOK} One more try may be made {span(known.settles)} after it.")


_LOOK: Final = "Look at the policy and the switches again before anything else."
_LATER: Final = "Look again then; nothing is to be done until it is time."


def may_try(wave: Wave, known: Known) -> datetime | None:
    """Return from when on a refused password speaks of what is set now; None where it would show nothing at all."""
    box = known.organization.mailbox(wave.canary) if wave.canary else None
    if box is None or box.remote or not (closes_passwords(known.organization, box) and is_on(known.organization, box)):
        return None
    # A password that was taken since leaves the last try behind.
    taken = (at for at, _ in _successes(wave, known))
    return max((*(_refuses_from(known, address) for address in {*wave.mailboxes, wave.canary}), *taken))


def is_on(organization: Organization, box: Mailbox) -> bool:
    """Whether SMTP AUTH is known to be on for a mailbox."""
    return box.smtp == "on" or (box.smtp == "inherit" and organization.settings.smtp_off is False)


def _refuses_from(known: Known, address: str) -> datetime:
    """Return from when on a refused password speaks of what is set now: of policies and switches, and of no app."""
    return _counted(known, address, (each for each in known.changes(address) if each.group in _of_passwords()))


def _of_passwords() -> frozenset[str]:
    return frozenset(group for name in ("policy", "switch") for group in catalogue.lags()[name].groups) | {_SWITCH}


def _counts(known: Known, address: str) -> datetime:
    """Return from when on a token that is taken speaks of what is set now."""
    return _counted(known, address, known.changes(address))


def _counted(known: Known, address: str, changes: Iterable[_Change]) -> datetime:
    changed = [each.settles_at for each in changes]
    settled = [settled_at(known, address)] if closes_since(known, address) else []
    return max((*changed, *settled), default=datetime.min.replace(tzinfo=UTC))


def proven(wave: Wave, known: Known) -> bool:
    """Whether everything is proven since the last change."""
    return not any(lacking(wave, known))

"""Whether a mailbox lets a sign-in in, by protocol and kind: switches of Exchange and policies of Entra together.

Each rule of `_RULES` looks at one thing that is set somewhere, in the order in which the service asks, and says whether
it passes a sign-in, closes the door, or cannot be known. The answer follows from the chain alone:

    any rule closes             closed, and the first that does decides
    else any cannot be known    unknown: what could not be read is never taken for open
    else                        open

It is the door that is spoken of. Who holds a key (consent, FullAccess, a management role) is another question.
"""

from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias

from . import deadlines
from .checks import Check, Outcome
from .conditions import AccessPolicy, Account, Client, Conditions
from .deadlines import Calendar
from .organization import Mailbox, Organization

__all__ = [
    "DOORS",
    "ORDER",
    "Answer",
    "Conflict",
    "Effective",
    "Kind",
    "Link",
    "Protocol",
    "State",
    "Verdict",
    "as_record",
    "conflicts",
    "effective",
    "every",
    "guard",
    "safe_to_open",
]

Protocol = Literal["imap", "pop", "smtp", "eas"]
Kind = Literal["password", "delegated", "app"]
State = Literal["open", "closed", "unknown"]
Verdict = Literal["passes", "excepts", "closes", "unknown", "remark"]

DOORS: Final[tuple[tuple[Protocol, Kind], ...]] = (
    *((protocol, kind) for protocol in ("smtp", "imap", "pop") for kind in ("password", "delegated", "app")),
    ("eas", "password"),
    ("eas", "delegated"),  # ActiveSync has no permission for an app of its own
)
"""Every protocol with every kind of sign-in that it has."""

ORDER: Final = (
    "Assign an authentication policy with AllowBasicAuthSmtp off to the mailboxes, and read it back.",
    "Switch SMTP AUTH on for these mailboxes, and for no others.",
    "Prove that OAuth works, on the wire.",
    "Prove that a password is refused.",
    "Set every other mailbox back to follow the organization.",
    "Switch SMTP AUTH off for the organization.",
    "A person turns Conditional Access against legacy authentication from report-only to on.",
)
"""The order in which SMTP AUTH is opened for OAuth without opening it for passwords."""

_BOTH_WAYS: Final = "Whether OAuth over SMTP AUTH works beside it is documented both ways: prove it on the wire."
# Mailboxes that belong to no person, and need no licence to exist.
_UNLICENSED: Final = frozenset({"SharedMailbox", "RoomMailbox", "EquipmentMailbox", "SchedulingMailbox"})


@dataclass(frozen=True, slots=True)
class Link:
    """What one setting says about a sign-in.

    Args:
        rule: What was looked at.
        verdict: What follows for the sign-in; ``excepts`` where it would stop others and leaves this account out.
        found: How it is set, in words; may hold text from outside.
        where: Where it is set: a cmdlet with its parameter, or a place in the portal.
        since: Since when, as far as anything tells.
        by: Who set it, as far as anything tells; text from outside.
        note: What else has to be known.
    """

    rule: str
    verdict: Verdict
    found: str
    where: str = ""
    since: datetime | None = None
    by: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether one door of a mailbox is open.

    Args:
        protocol: Which protocol.
        kind: ``password``, ``delegated`` (a person signs in with OAuth) or ``app`` (an app signs in as itself).
        chain: What was looked at, in order.
    """

    protocol: Protocol
    kind: Kind
    chain: tuple[Link, ...]

    @property
    def state(self) -> State:
        """``open``, ``closed`` or ``unknown``."""
        return _STATES[self.decides.verdict]

    @property
    def decides(self) -> Link:
        """The link that decides: the first that closes, else the first unknown, else the switch that lets it in."""
        for verdict in ("closes", "unknown"):
            for link in self.chain:
                if link.verdict == verdict:
                    return link
        return next((link for link in self.chain if link.rule in _OPENING), self.chain[0])

    @property
    def exceptions(self) -> tuple[Link, ...]:
        """The links that leave the account out of what stops others."""
        return tuple(link for link in self.chain if link.verdict == "excepts")


_STATES: Final[dict[Verdict, State]] = {"closes": "closed", "unknown": "unknown", "passes": "open"}
_SMTP_SWITCH: Final = "SMTP AUTH switch"
_ACCESS: Final = "Conditional Access"
_ACCOUNT: Final = "account"
# What refuses a password unchecked, what lasts first.
_GUARDS: Final = ("authentication policy", "security defaults", "mailbox", _ACCOUNT)
_ORACLE: Final = (
    "it acts once the password was found right, so that whoever guesses is told, and one exclusion opens the door"
)
_OPENING: Final = frozenset({"protocol switch", _SMTP_SWITCH})


@dataclass(frozen=True)
class Effective:
    """What a mailbox lets in.

    Args:
        mailbox: The mailbox.
        answers: One for each of `DOORS`.
        opened: What SMTP AUTH would say to a password if the mailbox's own switch were on.
    """

    mailbox: Mailbox
    answers: tuple[Answer, ...]
    opened: Answer

    def answer(self, protocol: Protocol, kind: Kind) -> Answer:
        """Return one answer.

        Raises:
            LookupError: The protocol has no such sign-in.
        """
        for each in self.answers:
            if (each.protocol, each.kind) == (protocol, kind):
                return each
        raise LookupError(f"{protocol} has no sign-in of the kind {kind!r}; expected one of DOORS")


@dataclass(frozen=True)
class Conflict:
    """What "turn SMTP AUTH off" and "let apps send with OAuth" come to for some mailboxes.

    Args:
        shut: Those whose switch keeps OAuth out today; without the switch no token sends.
        guarded: Of these, those on which a password would stay refused, as `safe_to_open` says.
        exposed: Those on which the switch would let passwords in too, or Conditional Access alone stops them.
        unclear: Those of which that cannot be known.
        open_now: Mailboxes, of all, on which SMTP AUTH takes a password today.
    """

    shut: tuple[Effective, ...] = ()
    guarded: tuple[Effective, ...] = ()
    exposed: tuple[Effective, ...] = ()
    unclear: tuple[Effective, ...] = ()
    open_now: tuple[Effective, ...] = ()


def every(
    organization: Organization,
    conditions: Conditions,
    *,
    now: datetime,
    app: str = "",
    only: Iterable[str] | None = None,
    calendar: Calendar | None = None,
) -> tuple[Effective, ...]:
    """Return what each mailbox lets in, in the order in which they were read.

    Args:
        organization: What Exchange holds.
        conditions: What Entra holds.
        now: The clock.
        app: The object id of the enterprise application that signs in as itself; empty for any.
        only: Names of the mailboxes that are asked about; None for all.
        calendar: What ends when; None for what ships with the library.
    """
    if only is None:
        boxes: Iterable[Mailbox] = organization.mailboxes or ()
    else:
        boxes = (box for name in only if (box := organization.mailbox(name)))
    known: _Known = {}
    dates = calendar or deadlines.built_in()
    return tuple(_effective(_About(box, organization, conditions, now, app, known, dates)) for box in boxes)


def effective(
    box: Mailbox, organization: Organization, conditions: Conditions, *, now: datetime, app: str = ""
) -> Effective:
    """Return what *box* lets in; arguments as for `every`."""
    return _effective(_About(box, organization, conditions, now, app))


def _effective(about: "_About") -> Effective:
    answers = tuple(_answer(about, protocol, kind) for protocol, kind in DOORS)
    return Effective(about.box, answers, _with_switch_on(answers[0]))


def _with_switch_on(password: Answer) -> Answer:
    """Return the answer of SMTP AUTH to a password as it were with the mailbox's own switch on."""
    verdict, found = _OWN["on"]
    chain = (
        replace(link, verdict=verdict, found=found) if link.rule == _SMTP_SWITCH else link for link in password.chain
    )
    return Answer(password.protocol, password.kind, tuple(chain))


def conflicts(found: Iterable[Effective], *, sending: Container[str] | None = None) -> Conflict:
    """Return where a baseline that turns SMTP AUTH off and OAuth for sending contradict each other.

    Args:
        found: What each mailbox lets in.
        sending: The addresses, in lower case, of those that need SMTP AUTH; None for all.
    """
    found = tuple(found)
    needed = (each for each in found if sending is None or each.mailbox.address.lower() in sending)
    shut = tuple(each for each in needed if _shut(each))
    outcomes = [(safe_to_open(each).outcome, each) for each in shut]
    by = {name: tuple(each for said, each in outcomes if said == name) for name in ("ok", "wrong", "cannot know")}
    open_now = tuple(each for each in found if each.answer("smtp", "password").state == "open")
    return Conflict(shut, by["ok"], by["wrong"], by["cannot know"], open_now)


def guard(opened: Answer) -> Link | None:
    """Return what refuses a password before anybody checks it; None where nothing does, as far as is known.

    Conditional Access is none: it acts once the password was found right, so that whoever guesses is told, and one
    exclusion opens the door.

    Args:
        opened: What SMTP AUTH would say to a password if the mailbox's own switch were on.
    """
    closing = {link.rule: link for link in opened.chain if link.verdict == "closes"}
    return next((closing[rule] for rule in _GUARDS if rule in closing), None)


def safe_to_open(found: Effective, *, told: bool = False) -> Check:
    """Return whether SMTP AUTH may be switched on for a mailbox, as OAuth needs it, without letting passwords in.

    Args:
        found: The mailbox.
        told: Whether the engineer named this mailbox to be opened all the same.
    """
    opened, name = found.opened, f"SMTP AUTH for {found.mailbox.address}"
    if link := guard(opened):
        until = "; whoever lets it sign in opens the door to passwords" if link.rule == _ACCOUNT else ""
        return Check(name, "ok", f"a password stays refused: {link.rule}, {link.found}{until}")
    outcome, doubt = _doubt(opened)
    if told:
        return Check(name, "ok", f"{doubt}; opened because it was named")
    remedy = f"{ORDER[0]} Notebook 60 plans it. Or name this mailbox to open it all the same."
    return Check(name, outcome, doubt, remedy)


def _doubt(opened: Answer) -> tuple[Outcome, str]:
    unread = [link for link in opened.chain if link.verdict == "unknown"]
    link = next((each for each in unread if each.rule in _GUARDS), opened.decides)
    if opened.state == "closed" and link.verdict == "closes":
        why = _ORACLE if link.rule == _ACCESS else "which is no lock"
        return "wrong", f"{link.rule} alone stops a password ({link.found}): {why}"
    if opened.state == "open":
        return "wrong", "a password would be let in too"
    return "cannot know", f"cannot know: {link.rule}, {link.found}"


def as_record(found: Effective) -> Mapping[str, object]:
    """Return what a mailbox lets in as evidence holds it; times in RFC 3339, UTC."""
    return {
        "mailbox": found.mailbox.address,
        "kind": found.mailbox.kind,
        "answers": [
            {
                "protocol": each.protocol,
                "kind": each.kind,
                "state": each.state,
                "decides": each.decides.rule,
                "chain": [_link_record(link) for link in each.chain],
            }
            for each in found.answers
        ],
        "if_switched_on": found.opened.state,
    }


def _link_record(link: Link) -> Mapping[str, object]:
    since = link.since.astimezone(UTC).isoformat().replace("+00:00", "Z") if link.since else None
    return {
        "rule": link.rule,
        "verdict": link.verdict,
        "found": link.found,
        "where": link.where,
        "since": since,
        "by": link.by,
        "note": link.note,
    }


def _shut(found: Effective) -> bool:
    answer = found.answer("smtp", "app")
    return answer.state == "closed" and answer.decides.rule == _SMTP_SWITCH


_Known: TypeAlias = "dict[tuple[Client, Hashable], tuple[Link, ...]]"


@dataclass(frozen=True)
class _About:
    """One mailbox and all that is known around it; `known` keeps what the policies said of others like it."""

    box: Mailbox
    organization: Organization
    conditions: Conditions
    now: datetime
    app: str = ""
    known: _Known = field(default_factory=dict)
    calendar: Calendar = field(default_factory=deadlines.built_in)

    @property
    def account(self) -> Account | None:
        return self.conditions.account(self.box.object_id)

    @property
    def licensed(self) -> bool | None:
        if self.box.licensed is not None:
            return self.box.licensed
        return self.account.licensed if self.account else None

    @property
    def enabled(self) -> bool | None:
        if self.account and self.account.enabled is not None:
            return self.account.enabled
        return None if self.box.account_disabled is None else not self.box.account_disabled

    @property
    def shared(self) -> bool:
        return self.box.kind in _UNLICENSED

    def policies(self, client: Client) -> tuple[Link, ...]:
        key = client, self.conditions.standing(self.box.object_id)
        if key not in self.known:
            self.known[key] = tuple(_policies(self, client))
        return self.known[key]


@dataclass(frozen=True)
class _Rule:
    """One thing that is looked at, and for which doors."""

    name: str
    look: Callable[[str, _About, Protocol, Kind], Iterable[Link]]
    protocols: frozenset[Protocol] = frozenset({"imap", "pop", "smtp", "eas"})
    kinds: frozenset[Kind] = frozenset({"password", "delegated", "app"})


def _answer(about: _About, protocol: Protocol, kind: Kind) -> Answer:
    chain = (link for rule in _BY_DOOR[protocol, kind] for link in rule.look(rule.name, about, protocol, kind))
    return Answer(protocol, kind, tuple(chain))


# --- the rules ------------------------------------------------------------------------------------


def _mailbox(rule: str, about: _About, protocol: Protocol, kind: Kind) -> Iterator[Link]:
    box = about.box
    if box.soft_deleted:
        yield Link(rule, "closes", "it was removed", "Remove-Mailbox")
    elif box.remote:
        yield Link(rule, "closes", f"the mailbox is not in Exchange Online ({box.kind})", "on-premises Exchange")
    elif not box.kind:
        yield Link(rule, "unknown", "what kind of mailbox it is was not read", "Get-Mailbox")
    else:
        yield Link(rule, "passes", box.kind, "Set-Mailbox -Type")
    if protocol in ("imap", "pop") and box.upn and box.upn.lower() != box.address.lower():
        note = f"Sign in as {box.upn}: IMAP and POP have been seen not to find a mailbox by another address."
        yield Link("sign-in name", "remark", "differs from the primary address", "Set-Mailbox", note=note)


def _basic_is_gone(rule: str, about: _About, protocol: Protocol, kind: Kind) -> Iterator[Link]:
    yield Link(rule, "closes", "passwords are off in the service, and nobody can switch them on", "Exchange Online")


_SWITCHES: Final = {
    "imap": ("imap", "ImapEnabled"),
    "pop": ("pop", "PopEnabled"),
    "eas": ("active_sync", "ActiveSyncEnabled"),
}
_CLOSING: Final[dict[bool | None, Verdict]] = {True: "passes", False: "closes", None: "unknown"}
_SAID: Final = {True: "on", False: "off", None: "not read"}


def _switch(rule: str, about: _About, protocol: Protocol, kind: Kind) -> Iterator[Link]:
    field, parameter = _SWITCHES[protocol]
    on: bool | None = getattr(about.box, field)
    yield Link(rule, _CLOSING[on], f"{_SAID[on]} for the mailbox", f"Set-CASMailbox -{parameter}")


# The mailbox's own switch, and where it has none the organization's.
_SMTP: Final[dict[tuple[str, bool | None], tuple[Verdict, str]]] = {
    ("inherit", False): ("passes", "on for the organization, which the mailbox follows"),
    ("inherit", True): ("closes", "off for the organization, which the mailbox follows"),
    ("inherit", None): ("unknown", "the mailbox follows the organization, whose switch was not read"),
    ("unknown", None): ("unknown", "not read"),
}
_OWN: Final[dict[str, tuple[Verdict, str]]] = {
    "on": ("passes", "on for the mailbox, whatever the organization says"),
    "off": ("closes", "off for the mailbox"),
    "unknown": ("unknown", "the mailbox's own switch was not read"),
}


def _smtp_switch(rule: str, about: _About, protocol: Protocol, kind: Kind) -> Iterator[Link]:
    own = about.box.smtp
    if own == "inherit":
        verdict, found = _SMTP[own, about.organization.settings.smtp_off]
        yield Link(rule, verdict, found, "Set-TransportConfig -SmtpClientAuthenticationDisabled")
    else:
        verdict, found = _OWN[own]
        yield Link(rule, verdict, found, "Set-CASMailbox -SmtpClientAuthenticationDisabled")


def _sign_in(rule: str, about: _About, protocol: Protocol, kind: Kind) -> Iterator[Link]:
    if kind == "delegated" and about.shared:
        yield Link(rule, "remark", "a person with FullAccess signs in", note="The policies for that person count.")
        return
    found = {True: "may sign in", False: "nobody can sign in to it", None: "whether it may sign in was not read"}
    yield Link(rule, _CLOSING[about.enabled], found[about.enabled], "Entra: Users, Account enabled")


def _licence(rule: str, about: _About, protocol: Protocol, kind: Kind) -> Iterator[Link]:
    if about.shared or about.box.remote:
        return
    found = {True: "assigned", False: "none: there is no mailbox behind the account", None: "not read"}
    yield Link(rule, _CLOSING[about.licensed], found[about.licensed], "Entra: Users, Licenses")


def _shared(rule: str, about: _About, protocol: Protocol, kind: Kind) -> Iterator[Link]:
    if about.box.kind != "SharedMailbox" or about.licensed:
        return
    note = "Sign in as the delegate and send as the shared mailbox, with SendAs; or license it; or use an app."
    if about.licensed is None:
        yield Link(rule, "unknown", "whether it has a licence was not read", "Entra: Users, Licenses", note=note)
    elif kind == "delegated":
        yield Link(
            rule, "closes", "without a licence it cannot sign in to SMTP AUTH", "Entra: Users, Licenses", note=note
        )
    else:
        found = "without a licence it should not sign in to SMTP AUTH; seen for OAuth only"
        yield Link(rule, "unknown", found, "Entra: Users, Licenses", note=note)


def _policy(rule: str, about: _About, protocol: Protocol, kind: Kind) -> Iterator[Link]:
    link = _authentication_policy(rule, about)
    if kind == "password":
        yield link
    elif link.verdict == "closes":
        yield replace(link, verdict="remark", note=_BOTH_WAYS)


def _authentication_policy(rule: str, about: _About) -> Link:
    own, default = about.box.authentication_policy, about.organization.settings.default_policy
    if own is None:
        return Link(rule, "unknown", "the account's own was not read", "Set-User -AuthenticationPolicy")
    where = "Set-User -AuthenticationPolicy" if own else "Set-OrganizationConfig -DefaultAuthenticationPolicy"
    if not own and default is None:
        return Link(rule, "unknown", "none of its own, and the organization's default was not read", where)
    if not own and not default:
        return Link(rule, "passes", "none of its own, and no default", where)
    name = own or default or ""
    held, whose = about.organization.policy(name), "the account's own" if own else "the organization's default"
    if held is None or held.allow_smtp is None:
        return Link(rule, "unknown", f"{whose}, “{name}”, was not read", where)
    found = f"{whose}, “{held.name}”, {'lets' if held.allow_smtp else 'does not let'} passwords in"
    return Link(rule, "passes" if held.allow_smtp else "closes", found, f"{where}; Set-AuthenticationPolicy")


def _deadline(rule: str, about: _About, protocol: Protocol, kind: Kind) -> Iterator[Link]:
    end = about.calendar.get("smtp-auth-default-off")
    gone = end.passed(about.now.date())
    found = f"off by default: {end.when}" if gone else f"off by default from {end.when}"
    yield Link(rule, "unknown" if gone else "remark", found, "Microsoft", note=end.note)


def _defaults(rule: str, about: _About, protocol: Protocol, kind: Kind) -> Iterator[Link]:
    on, where = about.conditions.defaults, "Entra: Properties, Security defaults"
    if kind == "password":
        verdict: Verdict = "unknown" if on is None else "closes" if on else "passes"
        yield Link(rule, verdict, _SAID[on], where)
    elif on:
        yield Link(rule, "remark", "on", where, note=_BOTH_WAYS if protocol == "smtp" else "")


_PORTAL: Final = "Entra: Conditional Access"


def _conditional(rule: str, about: _About, protocol: Protocol, kind: Kind) -> Iterator[Link]:
    # Whoever opens a shared mailbox is judged by the policies for their own account.
    if kind == "delegated" and about.shared:
        return
    yield from about.policies("other" if kind == "password" else "mobileAppsAndDesktopClients")
    if protocol == "eas":
        yield from (link for policy in about.conditions.policies or () for link in _active_sync(rule, about, policy))


def _policies(about: _About, client: Client) -> Iterator[Link]:
    rule = _ACCESS
    if about.conditions.policies is None:
        yield Link(rule, "unknown", "the policies were not read", _PORTAL)
    for policy in about.conditions.policies or ():
        if policy.reaches(client):
            yield from _covering(rule, about, policy, client)


def _covering(rule: str, about: _About, policy: AccessPolicy, client: Client) -> Iterator[Link]:
    conditions, account_id = about.conditions, about.box.object_id
    effect = policy.effect(client)
    included = conditions.includes(policy, account_id)
    if policy.state == "disabled" or effect == "nothing" or included is False:
        return
    excluded = conditions.excludes(policy, account_id)
    if excluded:
        yield _exception(rule, about, policy)
    elif policy.state == "enabledForReportingButNotEnforced":
        yield _told(rule, about, policy, "remark", f"only reports; {_would(effect)}", note=_managed(policy))
    elif policy.state != "enabled":
        yield _told(rule, about, policy, "unknown", f"is in a state that is not known here: {policy.state}")
    elif effect == "asks":
        yield _told(rule, about, policy, "passes", f"asks for {', '.join(policy.controls)}")
    elif excluded is None or included is None:
        yield _told(rule, about, policy, "unknown", "stops it, and whether it is for this account was not read")
    elif policy.narrowed:
        yield _told(rule, about, policy, "unknown", f"stops it, depending on {', '.join(policy.narrowed)}")
    elif effect == "depends":
        yield _told(
            rule, about, policy, "unknown", f"asks for {', '.join(policy.controls)}, which depends on the device"
        )
    else:
        yield _told(rule, about, policy, "closes", _stops(policy))


def _active_sync(rule: str, about: _About, policy: AccessPolicy) -> Iterator[Link]:
    only = policy.reaches("exchangeActiveSync") and not policy.reaches("mobileAppsAndDesktopClients")
    if not only or policy.state != "enabled" or policy.effect("exchangeActiveSync") != "stops":
        return
    covered = about.conditions.includes(policy, about.box.object_id) is not False
    if covered and not about.conditions.excludes(policy, about.box.object_id):
        found = "stops ActiveSync; whether one with a token counts is not verified"
        yield _told(rule, about, policy, "unknown", found)


def _stops(policy: AccessPolicy) -> str:
    if "block" in policy.controls:
        return "blocks it"
    return f"asks for {', '.join(policy.controls)}, which a password alone cannot give"


def _would(effect: str) -> str:
    return {"stops": "on, it would stop this", "asks": "on, it would ask a person for more"}.get(
        effect, "on, it would depend on the device"
    )


def _managed(policy: AccessPolicy) -> str:
    day = policy.switches_on
    return f"Microsoft switches it on, not before {day:%Y-%m-%d}, unless somebody decides otherwise." if day else ""


def _exception(rule: str, about: _About, policy: AccessPolicy) -> Link:
    """Return that a policy leaves the account out, through what, and since when as far as the log remembers."""
    through = about.conditions.excluded_by(policy, about.box.object_id)
    change = about.conditions.changed(policy, excluding=through) if through else None
    since, by = (change.at, change.by) if change else (None, "")
    if through == about.box.object_id.lower():
        return Link(rule, "excepts", f"“{policy.name}” leaves the account out by name", _PORTAL, since, by)
    said = "guests" if not through else "a role that it holds"
    if through in policy.exclude.groups:
        said = f"the group “{about.conditions.names.get(through, through)}”, which it is in"
    note = "Since when the account is among them was not read."
    return Link(rule, "excepts", f"“{policy.name}” leaves out {said}", _PORTAL, since, by, note)


def _told(rule: str, about: _About, policy: AccessPolicy, verdict: Verdict, found: str, *, note: str = "") -> Link:
    """Return what a policy says, since its last change, and by whom as far as the log remembers."""
    change = about.conditions.changed(policy)
    since, by = (change.at, change.by) if change else (policy.changed_at or policy.made_at, "")
    return Link(rule, verdict, f"“{policy.name}” {found}", _PORTAL, since, by, note)


def _workload(rule: str, about: _About, protocol: Protocol, kind: Kind) -> Iterator[Link]:
    if about.conditions.policies is None:
        yield Link(rule, "unknown", "the policies were not read", _PORTAL)
        return
    app = about.app.lower()
    for policy in about.conditions.policies:
        stops = policy.principals and policy.exchange and policy.state == "enabled" and "block" in policy.controls
        if not stops or app in policy.spared:
            continue
        if app in policy.principals and not policy.narrowed:
            yield _told(rule, about, policy, "closes", "blocks this app")
        elif not app or policy.principals & {app, "serviceprincipalsinmytenant"}:
            yield _told(rule, about, policy, "unknown", "blocks apps; whether this one is among them is not known")


def _federated(rule: str, about: _About, protocol: Protocol, kind: Kind) -> Iterator[Link]:
    if about.conditions.federated(about.box.upn):
        note = "A wrong password never reaches Entra, and leaves no row in its log."
        yield Link(rule, "remark", "another identity provider checks the password", "Entra: Domains", note=note)


_PERSON: Final = frozenset[Kind]({"password", "delegated"})
_PASSWORD: Final = frozenset[Kind]({"password"})
_READING: Final = frozenset[Protocol]({"imap", "pop", "eas"})
_SENDING: Final = frozenset[Protocol]({"smtp"})

_RULES: Final = (
    _Rule("mailbox", _mailbox),
    _Rule("Basic authentication", _basic_is_gone, _READING, _PASSWORD),
    _Rule("protocol switch", _switch, _READING),
    _Rule(_SMTP_SWITCH, _smtp_switch, _SENDING),
    _Rule(_ACCOUNT, _sign_in, kinds=_PERSON),
    _Rule("licence", _licence),
    _Rule("shared mailbox", _shared, _SENDING, _PERSON),
    _Rule("authentication policy", _policy, _SENDING),
    _Rule("Microsoft's date", _deadline, _SENDING, _PASSWORD),
    _Rule("security defaults", _defaults, _SENDING, _PERSON),
    _Rule("security defaults", _defaults, _READING, frozenset({"delegated"})),
    # For passwords on the other protocols the service has decided, whatever the policies say.
    _Rule(_ACCESS, _conditional, _SENDING, _PERSON),
    _Rule(_ACCESS, _conditional, _READING, frozenset({"delegated"})),
    _Rule(_ACCESS, _workload, kinds=frozenset({"app"})),
    _Rule("federated domain", _federated, _SENDING, _PASSWORD),
)
"""In the order in which they are asked."""

_BY_DOOR: Final[dict[tuple[Protocol, Kind], Sequence[_Rule]]] = {
    (protocol, kind): [rule for rule in _RULES if protocol in rule.protocols and kind in rule.kinds]
    for protocol, kind in DOORS
}

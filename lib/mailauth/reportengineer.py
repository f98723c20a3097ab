"""The engineer's block of a report: the same state in the terms of the services, dense, with ids."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from . import impacts, verdicts
from .findings import ATTENTION
from .phrases import Named, Phrase, joined, phrase, words
from .report import Action, Changes, Engineer, Line, Mailbox
from .reportactions import Made
from .reportevidence import Held, at
from .reportsenders import ends, moved, rows
from .wording import counted

__all__ = ["of"]

_GRANTS: Final = "40-grant-mailboxes"


def of(held: Held, made: Made, *, actions: Sequence[Action], changes: Changes) -> Engineer:
    """Return the engineer's block.

    Args:
        held: The records.
        made: The report's parts so far.
        actions: What comes next.
        changes: What changed since the run before.
    """
    lines = (
        Line("State", tuple(_state(held, made))),
        Line("Coverage", tuple(_coverage(held))),
        Line("Effective SMTP AUTH", tuple(_smtp(held, made.mailboxes))),
        Line("Authentication policy and Conditional Access", tuple(_policies(held))),
        Line("Calendar", tuple(_dates(held))),
        Line("Not senders", tuple(_others(held))),
        Line("Apps", tuple(_apps(held, made))),
        Line("Next", tuple(_next(actions))),
        Line("Changed", tuple(each.said for each in changes.lines) or (changes.said,)),
    )
    return Engineer(lines, rows(held))


def _dates(held: Held) -> Iterator[Phrase]:
    """Yield which dates count here, and what each of them breaks."""
    calendar = held.tenant.calendar
    yield calendar.said
    found = impacts.of(calendar, held.found, held.settings, today=held.now.date())
    for each in found:
        if each.state != "nothing seen":
            end = each.deadline
            yield phrase("{title} ({when}): {said}", title=words(end.title), when=words(end.when), said=each.said)
    if quiet := sum(each.state == "nothing seen" for each in found):
        yield words(f"{counted(quiet, 'more date')}: nothing was seen that it touches")


def _state(held: Held, made: Made) -> Iterator[Phrase]:
    yield words(made.state.word)
    worst = made.urgent[:1]
    if worst:
        count = sum(each.verdict == worst[0].verdict for each in made.urgent)
        yield words(f"worst: {verdicts.title(worst[0].verdict)}, {counted(count, 'time')}")
    headline = held.found["headline"] if held.found else None
    if headline:
        yield words(
            f"{counted(headline['senders'], 'password sender')} of {counted(headline['accounts'], 'account')}, "
            f"{headline['unconfirmed']:,} unconfirmed, {headline['certificate_users']:,} with certificates, "
            f"{headline['only_reported']:,} in the mail report only"
        )


def _coverage(held: Held) -> Iterator[Phrase]:
    record = held.reading.held.get("10-find-basic-auth")
    if record is None:
        yield words("no evidence of notebook 10")
        return
    alike: dict[str, list[Phrase]] = {}
    for each in record["coverage"]:
        lost = f", {each['lost']:,} lost" if each["lost"] else ""
        # What a record speaks of may be the name of a file.
        told = phrase("{what}{source}", what=Named("word", each["what"]), source=words(f" ({each['source']}{lost})"))
        alike.setdefault(each["state"], []).append(told)
    for state, found in alike.items():
        yield phrase("{state}: {found}", state=words(state), found=joined(found, "; "))


def _smtp(held: Held, mailboxes: Sequence[Mailbox]) -> Iterator[Phrase]:
    doors = [door for each in mailboxes for door in each.doors if door.protocol == "smtp"]
    if not doors:
        yield words("not looked at: notebook 40 reads the switches, policies and Conditional Access")
        return
    states = Counter(door.password for door in doors)
    made = held.made_at(_GRANTS)
    told = ", ".join(f"{states[word]:,} {word}" for word in ("open", "closed", "unknown") if states[word])
    yield words(f"a password gets in: {told}, of {counted(len(doors), 'mailbox', 'mailboxes')} of the tenants file")
    yield from _deciding(held)
    opened = [
        each.address for each in mailboxes for door in each.doors if (door.protocol, door.password) == ("smtp", "open")
    ]
    if opened:
        yield phrase("open: {who}", who=joined(phrase("{a}", a=Named("address", name)) for name in opened))
    if made:
        yield phrase("seen {at}", at=made)


def _deciding(held: Held) -> Iterator[Phrase]:
    """Yield what decides about a password, and for how many mailboxes."""
    record = held.data(_GRANTS)
    decides = Counter(
        (door["decides"], door["state"])
        for each in (record["mailboxes"] if record else ())
        for door in each["doors"]
        if (door["protocol"], door["kind"]) == ("smtp", "password")
    )
    for (rule, state), count in decides.most_common():
        yield words(f"{rule} decides for {counted(count, 'mailbox', 'mailboxes')}: {state}")


def _policies(held: Held) -> Iterator[Phrase]:
    settings = held.settings
    if settings is None:
        yield words("not looked at")
        return
    yield words(f"SMTP AUTH where a mailbox says nothing: {_SWITCHED[settings['smtp_off']]}")
    default = settings["default_policy"]
    own = (
        phrase("“{name}”", name=Named("free", default)) if default else words("not read" if default is None else "none")
    )
    yield phrase("default authentication policy: {own}", own=own)
    yield words(f"security defaults: {_ON[settings['security_defaults']]}")
    if settings["access"] is None:
        yield words("Conditional Access: not read")
    yield from (_policy(each) for each in settings["access"] or ())
    if settings["access"] == []:
        yield words("Conditional Access: no policy is about programs that show a password")


_NOT_COUNTED: Final = ATTENTION | {"attack_noise", "modern"}
_SWITCHED: Final = {True: "off", False: "on", None: "not read"}
_ON: Final = {True: "on", False: "off", None: "not read"}
_STATES: Final = {
    "enabled": "on",
    "disabled": "off",
    "enabledForReportingButNotEnforced": "report-only",
}


def _policy(each: Mapping[str, Any]) -> Phrase:
    does = "stops passwords" if each["stops"] else "does not stop passwords"
    whose = ", Microsoft-managed" if each["managed"] else ""
    spared = f", {counted(each['excludes'], 'exclusion')}" if each["excludes"] else ""
    turns = (
        phrase(", may switch itself on from {day}", day=at(each["switches_on"]).date())
        if each["switches_on"]
        else Phrase()
    )
    return phrase(
        "Conditional Access “{name}”{whose}: {state}, {does}{spared}{turns}",
        name=Named("free", each["name"]),
        whose=words(whose),
        state=words(_STATES[each["state"]]),
        does=words(does),
        spared=words(spared),
        turns=turns,
    )


def _others(held: Held) -> Iterator[Phrase]:
    if held.found is None:
        yield words("not looked at")
        return
    counts: Counter[tuple[str, str]] = Counter()
    users: dict[tuple[str, str], set[str]] = {}
    for group in held.groups:
        if group["verdict"] in _NOT_COUNTED or ends(group) or moved(group):
            continue
        key = group["protocol"], verdicts.title(group["verdict"])
        counts[key] += group["successes"] or group["right_password_blocks"] or group["failures"]
        users.setdefault(key, set()).add(group["user"])
    for (protocol, title), count in counts.most_common():
        yield words(f"{protocol}, {title}: {counted(count, 'sign-in')}, {counted(len(users[protocol, title]), 'user')}")
    noise = held.found["attacks"]
    yield words(
        f"attack noise: {counted(noise['sign_ins'], 'failure')}, {counted(noise['networks'], 'network')} at least, "
        f"{counted(noise['names'], 'name')} tried that do not exist"
    )


def _apps(held: Held, made: Made) -> Iterator[Phrase]:
    for each in made.apps:
        states = (
            ("registration", each.registration.word),
            ("consent", each.consent.word),
            ("grants", each.grants.word),
            ("proof", each.proof.word),
        )
        told = ", ".join(f"{name} {word}" for name, word in states)
        client = Named("id", each.client_id) if each.client_id else words("no id")
        yield phrase("{app} ({client}): {told}", app=Named("app", each.name), client=client, told=words(told))
    for one in made.credentials:
        day = phrase("{day}", day=one.ends.date()) if one.ends else words("never")
        kind = words(f"{one.kind} {one.word}")
        yield phrase("{app}: {kind}, ends {day}", app=Named("app", one.app), kind=kind, day=day)
    if not made.apps:
        yield words("none registered")


def _next(actions: Sequence[Action]) -> Iterator[Phrase]:
    for number, each in enumerate(actions, 1):
        yield phrase("{number} {title} ({notebook})", number=number, title=each.title, notebook=words(each.notebook))

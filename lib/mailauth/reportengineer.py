"""The engineer's block of a report: the same state in the terms of the services, dense, with ids."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from . import verdicts
from .phrases import Named, Phrase, joined, phrase, words
from .report import Action, Changes, Engineer, Line, Mailbox
from .reportactions import Made
from .reportevidence import Held
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
        Line("Not senders", tuple(_others(held))),
        Line("Apps", tuple(_apps(held, made))),
        Line("Next", tuple(_next(actions))),
        Line("Changed", tuple(each.said for each in changes.lines) or (changes.said,)),
    )
    return Engineer(lines, rows(held))


def _state(held: Held, made: Made) -> Iterator[Phrase]:
    yield words(made.state.word)
    worst = made.urgent[:1]
    if worst:
        count = sum(each.verdict == worst[0].verdict for each in made.urgent)
        yield words(f"worst: {verdicts.title(worst[0].verdict)}, {count} times")
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
    for each in record["coverage"]:
        lost = f", {each['lost']:,} lost" if each["lost"] else ""
        why = phrase(": {reason}", reason=Named("free", each["reason"])) if each["reason"] else Phrase()
        told = f"{each['what']} ({each['source']}): {each['state']}{lost}"
        # What a record speaks of may be the name of a file.
        what = (
            words(told)
            if not each["what"].startswith("file ")
            else phrase("{what}: {state}", what=Named("free", each["what"]), state=words(f"{each['state']}{lost}"))
        )
        yield phrase("{what}{why}", what=what, why=why)


def _smtp(held: Held, mailboxes: Sequence[Mailbox]) -> Iterator[Phrase]:
    doors = [door for each in mailboxes for door in each.doors if door.protocol == "smtp"]
    if not doors:
        yield words("not looked at: notebook 40 reads the switches, policies and Conditional Access")
        return
    states = Counter(door.password for door in doors)
    made = held.made_at(_GRANTS)
    told = ", ".join(f"{states[word]:,} {word}" for word in ("open", "closed", "unknown") if states[word])
    yield words(f"a password gets in: {told}, of {counted(len(doors), 'mailbox', 'mailboxes')} of the tenants file")
    opened = [
        each.address for each in mailboxes for door in each.doors if (door.protocol, door.password) == ("smtp", "open")
    ]
    if opened:
        yield phrase("open: {who}", who=joined(phrase("{a}", a=Named("address", name)) for name in opened))
    if made:
        yield phrase("seen {at}", at=made)


def _policies(held: Held) -> Iterator[Phrase]:
    record = held.data(_GRANTS)
    if record is None:
        yield words("not looked at")
        return
    decides = Counter(
        (door["decides"], door["state"])
        for each in record["mailboxes"]
        for door in each["doors"]
        if (door["protocol"], door["kind"]) == ("smtp", "password")
    )
    for (rule, state), count in decides.most_common():
        yield words(f"{rule} decides for {counted(count, 'mailbox', 'mailboxes')}: {state}")
    if not decides:
        yield words("no mailbox was read")


def _others(held: Held) -> Iterator[Phrase]:
    if held.found is None:
        yield words("not looked at")
        return
    counts: Counter[tuple[str, str]] = Counter()
    users: dict[tuple[str, str], set[str]] = {}
    for group in held.groups:
        if group["verdict"] in ("attack_noise", "modern") or ends(group) or moved(group):
            continue
        key = group["protocol"], verdicts.title(group["verdict"])
        counts[key] += group["successes"] or group["failures"]
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

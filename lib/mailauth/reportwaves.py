"""What takes no password any more, wave by wave, as notebook 60 saw it."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, Final

from .phrases import Named, Phrase, joined, phrase, words
from .report import LeftOut, Wave
from .reportevidence import Held, at
from .wording import counted

__all__ = ["of", "said"]

_CLOSES: Final = "60-close-basic"


def of(held: Held) -> tuple[Wave, ...]:
    """Return the waves in their order, the tenant last; none where notebook 60 has left no evidence."""
    record = held.data(_CLOSES)
    return tuple(_wave(held, each) for each in record["waves"]) if record else ()


def _wave(held: Held, each: dict[str, Any]) -> Wave:
    left_out = (LeftOut(one["address"], date.fromisoformat(one["until"])) for one in each["excepted"])
    return Wave(
        name=_name(each),
        word=each["word"],
        # Earlier versions noted no moment.
        since=at(each["closed_at"]) if each.get("closed_at") else None,
        mailboxes=len(each["mailboxes"]),
        senders=len(each["senders"]),
        with_token=sum((one.lower(), "smtp") in held.proven for one in each["senders"]),
        left_out=tuple(sorted(left_out, key=lambda one: (one.until, one.address))),
    )


def _name(each: dict[str, Any]) -> Phrase:
    plain = {"pilot": "the pilot", "tenant": "the whole tenant"}.get(each["kind"])
    return words(plain) if plain else phrase("the group {name}", name=Named("free", each["name"]))


def said(held: Held, waves: Sequence[Wave]) -> Iterator[Phrase]:
    """Yield what is closed already, what is not, and who is left out, in sentences."""
    made = held.made_at(_CLOSES)
    closed = [each for each in waves if each.word == "closed"]
    if not made or not closed:
        return
    lead = "Notebook 60 saw closed and proven, when it looked on {day}: {what}."
    yield phrase(lead, day=made.date(), what=joined(map(_closed, closed), "; "))
    if rest := [each for each in waves if each.word not in ("closed", "left out")]:
        yield phrase("Not closed then: {what}.", what=joined((each.name for each in rest), "; "))
    days = {each.address: each.until for wave in waves for each in wave.left_out}
    if days:
        who = "mailbox is" if len(days) == 1 else "mailboxes are"
        yield phrase(f"{len(days):,} {who} left out by name, until {{day}} at the latest.", day=max(days.values()))


def _closed(wave: Wave) -> Phrase:
    about = [words(counted(wave.mailboxes, "mailbox", "mailboxes"))]
    if wave.since:
        about.append(phrase("since {day}", day=wave.since.date()))
    if wave.senders:
        about.append(words(f"a token was taken for {wave.with_token:,} of {counted(wave.senders, 'sender')}"))
    return phrase("{name} ({about})", name=wave.name, about=joined(about, ", "))

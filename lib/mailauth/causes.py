"""Why a login was refused: the causes that fit what is known, in order, and what would decide between them.

What was shown gives the candidates, the signs sort them:

    a sign that rules it out, or no to all that would confirm it   left out
    a sign that confirms it, or words that leave no other cause    confirmed
    more signs for it than against it                              likely
    nothing known for or against it                                possible
    signs against it only                                          unlikely

Only what is confirmed, well known (confidence high), names one thing, stands alone and has nothing left to look at that
could speak against it is certain. A cause that hangs on a change which may not be in force yet is likely at the most:
then it is too early to judge.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Literal

from . import catalogue, signs, symptoms
from .catalogue import LAYERS, Cause, Look, Trial
from .literals import quoted
from .signs import Change, Evidence
from .symptoms import Recognised, recognise
from .wording import counted

__all__ = ["Behind", "Deciding", "Diagnosis", "Ranked", "Standing", "TooEarly", "diagnose"]

Standing = Literal["certain", "confirmed", "likely", "possible", "unlikely"]

_ORDER: Final[tuple[Standing, ...]] = ("certain", "confirmed", "likely", "possible", "unlikely")
_CONFIDENCE: Final = ("high", "medium", "low")
_LOOKS: Final[tuple[Look, ...]] = ("token", "transcript", "consent", "exchange", "experiment", "person")
_LOOKUP: Final = "https://login.microsoftonline.com/error?code="
_MOST_NAMED: Final = 5


@dataclass(frozen=True)
class Ranked:
    """A cause that fits.

    Args:
        cause: The row of the catalogue.
        standing: How sure it is.
        because: What speaks for it, a sentence each; may hold text from outside.
        against: What speaks against it.
        unknown: The signs about it that nothing tells.
        rows: Its own row and those that stand for it in this protocol, such as ``S8`` for ``I5``.
        early: Whether it hangs on a change that may not be in force yet.
    """

    cause: Cause
    standing: Standing
    because: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    early: bool = False


@dataclass(frozen=True)
class Deciding:
    """A check that would tell causes apart.

    Args:
        sign: What it answers; for a row that names several possibilities, that row.
        look: Where the answer is found.
        ask: The check, in a sentence.
        rows: The causes that it would confirm or rule out.
        cmdlet: How Exchange is asked; empty for what is not in Exchange.
        trial: Which experiment; empty for what is none.
    """

    sign: str
    look: Look
    ask: str
    rows: tuple[str, ...]
    cmdlet: str = ""
    trial: Trial = ""


@dataclass(frozen=True)
class Behind:
    """What is wrong too and was not come to: it will be met once the cause is mended.

    Args:
        cause: The row of the catalogue.
        because: What speaks for it, a sentence each; may hold text from outside.
    """

    cause: Cause
    because: tuple[str, ...]


@dataclass(frozen=True)
class TooEarly:
    """A change that may not be in force yet.

    Args:
        change: The change.
        retest_at: When it is worth trying again.
        settles_at: From when on the change is no excuse.
        said: All this in a sentence; times as the clock that was given has them.
    """

    change: Change
    retest_at: datetime
    settles_at: datetime
    said: str


@dataclass(frozen=True)
class Diagnosis:
    """What is behind a refusal, as far as it can be told.

    Args:
        causes: Those that fit, the likeliest first; none where nothing was refused or nothing recognised.
        undecided: What cannot be told, in a sentence; empty where one cause is certain or nothing is wrong.
        deciding: The checks that would decide: cheap ones first, and of these those that settle most.
        too_early: The changes that make it too early to judge, the latest to settle first.
        ruled_out: The rows that would fit what was shown and are ruled out, with what rules them out.
        recognised: What was recognised.
        behind: What is wrong too and was not come to yet, as far as what Exchange holds was read.
    """

    causes: tuple[Ranked, ...] = ()
    undecided: str = ""
    deciding: tuple[Deciding, ...] = ()
    too_early: tuple[TooEarly, ...] = ()
    ruled_out: tuple[tuple[str, str], ...] = ()
    recognised: Recognised = field(default_factory=Recognised)
    behind: tuple[Behind, ...] = ()

    @property
    def first(self) -> Ranked | None:
        """The likeliest cause."""
        return self.causes[0] if self.causes else None

    @property
    def equal(self) -> tuple[Ranked, ...]:
        """The causes that nothing known tells from the likeliest one, that one among them."""
        return tuple(each for each in self.causes if _weight(each) == _weight(self.causes[0]))


def diagnose(evidence: Evidence, *, now: datetime) -> Diagnosis:
    """Return which causes fit *evidence*; none for an attempt that went well or was not made.

    Args:
        evidence: Whatever is known.
        now: The clock.
    """
    known = evidence.whole(now=now)
    if known.attempt and known.attempt.outcome in ("ok", "skipped"):
        return Diagnosis()
    shown = recognise(known.texts, token=signs.answer("token_used", known) is True)
    candidates = _candidates(known, shown)
    if not candidates:
        return Diagnosis(undecided=_unrecognised(known, shown), recognised=shown)
    early = _early(known, candidates)
    judged = [_judge(each, known, early, shown) for each in candidates]
    fit = _superseded([each for each in judged if isinstance(each, Ranked)])
    latent = [each for each in fit if each.cause.quiet and each.standing == "possible"]
    kept = _mixed(sorted((each for each in fit if each not in latent), key=_rank), known)
    if not latent and all(_seen(each, known, shown) is not None for each in catalogue.causes().values()):
        kept = _alone(kept)
    deciding = tuple(_deciding(kept, latent, known))
    return Diagnosis(
        causes=tuple(kept),
        undecided=_undecided(kept, deciding),
        deciding=deciding,
        too_early=tuple(_too_early(each, now) for each in early),
        ruled_out=tuple(each for each in judged if isinstance(each, tuple)),
        recognised=shown,
        behind=tuple(_behind(kept, known, shown)),
    )


# --- which rows fit what was shown ----------------------------------------------------------------


def _candidates(known: Evidence, shown: Recognised) -> list[Cause]:
    rows = catalogue.causes().values()
    fit = [each for each in rows if _shows(each, known, shown) and _belongs(each, known, shown)]
    ids = {each.id for each in fit}
    # A row that only stands for others is no cause beside them.
    return [each for each in fit if each.confirmed_by or ids.isdisjoint(each.covers)]


def _shows(cause: Cause, known: Evidence, shown: Recognised) -> bool:
    return _worded(cause, known, shown) or _ended_at(cause, known) or _seen(cause, known, shown) is True


def _worded(cause: Cause, known: Evidence, shown: Recognised) -> bool:
    return cause.id in shown.rows and (not cause.mail or _of_mail(cause, known) is not False)


def _of_mail(cause: Cause, known: Evidence) -> bool | None:
    return True if known.attempt else symptoms.about_mail(cause, known.texts)


def _seen(cause: Cause, known: Evidence, shown: Recognised) -> bool | None:
    """Return whether a sign shows *cause* in what was pasted; None where none tells. An attempt has its stage."""
    if known.attempt or not cause.seen_by or (shown.rows and set(cause.beside).isdisjoint(shown.symptoms)):
        return False
    found = [signs.answer(each, known) for each in cause.seen_by]
    return True if True in found else None if None in found else False


def _ended_at(cause: Cause, known: Evidence) -> bool:
    """Whether the connection ended, without a word of the server's, where *cause* ends it."""
    talk = known.attempt.talk if known.attempt else None
    return talk is not None and not talk.reply and talk.stage in cause.at


def _belongs(cause: Cause, known: Evidence, shown: Recognised) -> bool:
    if known.protocol and cause.protocols and known.protocol not in cause.protocols:
        return False
    # A number says what it says, whatever a pasted text lets one think of who signed in.
    numbered = known.attempt is None and not set(cause.codes).isdisjoint(shown.numbers)
    return numbered or not (known.kind and cause.kinds and known.kind not in cause.kinds)


# --- what speaks for a row, and against it --------------------------------------------------------


def _judge(cause: Cause, known: Evidence, early: Sequence[Change], shown: Recognised) -> Ranked | tuple[str, str]:
    """Return how *cause* stands, or its row with the sentence that rules it out."""
    fresh = {sign for change in early for sign in change.lag.signs}
    found = {sign: signs.answer(sign, known) for sign in cause.signs}
    # What was put in order a moment ago may not be in order yet.
    trusted = {sign: None if sign in fresh and not answer else answer for sign, answer in found.items()}
    out = next((sign for sign in cause.ruled_out_by if trusted[sign]), "")
    needed = cause.confirmed_by or (cause.hinted_by if cause.quiet else ())
    if out or (needed and all(trusted[sign] is False for sign in needed)):
        return cause.id, signs.said(out or needed[0], bool(out), known)
    hangs = any(sign in fresh for sign in cause.confirmed_by) or any(cause.id in each.lag.rows for each in early)
    because, against = _sentences(cause, trusted, known)
    said = cause.says and _worded(cause, known, shown)
    # Other services use the same words: only Entra has the number, and only mail is meant where TLS is spoken of.
    worded = said and (_unnumbered(cause, shown) or (cause.mail and _of_mail(cause, known) is None))
    return Ranked(
        cause,
        "likely" if worded else _standing(cause, trusted, said=said, early=hangs),
        ((_words(cause, worded=worded),) if said else ()) + because,
        against,
        tuple(sign for sign in cause.signs if found[sign] is None and signs.matters(sign, known)),
        _rows(cause, known, shown),
        hangs,
    )


def _standing(cause: Cause, found: dict[str, bool | None], *, said: bool, early: bool) -> Standing:
    hints = [found[sign] for sign in cause.hinted_by]
    if said or any(found[sign] for sign in cause.confirmed_by):
        return "likely" if early else "confirmed"
    if hints.count(True) > hints.count(False):
        return "likely"
    return "unlikely" if hints.count(False) > hints.count(True) else "possible"


def _sentences(cause: Cause, found: dict[str, bool | None], known: Evidence) -> tuple[tuple[str, ...], tuple[str, ...]]:
    told = dict.fromkeys((*cause.confirmed_by, *cause.hinted_by))
    because = [signs.said(sign, True, known) for sign in told if found[sign]]
    because += [each.said for each in known.findings or () if cause.id in each.rows and each.weight != "remark"]
    against = [signs.said(sign, False, known) for sign in told if found[sign] is False]
    return tuple(because), tuple(against)


def _unnumbered(cause: Cause, shown: Recognised) -> bool:
    return bool(cause.codes) and set(cause.codes).isdisjoint(shown.numbers)


def _words(cause: Cause, *, worded: bool) -> str:
    if worded and cause.codes:
        return "Words were shown that stand beside its number, and the number was not."
    if worded:
        return "The words that were shown say it, if they are about a mail server."
    return "The number that was shown says it." if cause.codes else "The words that were shown say it."


def _rows(cause: Cause, known: Evidence, shown: Recognised) -> tuple[str, ...]:
    """Return the row of *cause* and those that stand for it where it was shown."""
    standing = (
        each.id
        for each in catalogue.causes().values()
        if cause.id in each.covers and each.id in shown.rows and _belongs(each, known, shown)
    )
    return (cause.id, *standing)


def _superseded(found: Sequence[Ranked]) -> list[Ranked]:
    """Return *found* without what a confirmed one that stays says better."""
    confirmed = [each.cause for each in found if each.standing == "confirmed"]
    return [each for each in found if not _goes(each.cause.id, confirmed)]


def _goes(row: str, confirmed: Sequence[Cause]) -> bool:
    # What goes takes nothing with it: a row behind a hidden one would come up as confirmed when less is known.
    return any(row in each.instead_of and not _goes(each.id, confirmed) for each in confirmed)


def _mixed(found: Sequence[Ranked], known: Evidence) -> list[Ranked]:
    """Return *found*, rows of apps and of people that fit alike in turn where nobody knows which of them it was."""
    if known.kind is not None:
        return list(found)
    places: dict[tuple[object, ...], int] = {}
    turns: list[tuple[object, ...]] = []
    for each in found:
        group = (*_weight(each), -each.cause.often)
        places[(*group, each.cause.kinds)] = place = places.get((*group, each.cause.kinds), -1) + 1
        turns.append((*group, place))
    return [each for _, each in sorted(zip(turns, found, strict=True), key=lambda pair: pair[0])]


def _alone(found: Sequence[Ranked]) -> list[Ranked]:
    """Return *found*, its only member certain where it may be: nobody looked away from others."""
    if len(found) != 1:
        return list(found)
    one = found[0]
    row = one.cause
    unheard = set(row.hinted_by) & set(one.unknown)
    sure = one.standing == "confirmed" and row.confidence == "high" and not (row.open or one.against or unheard)
    return [replace(one, standing="certain") if sure else one]


def _weight(one: Ranked) -> tuple[int, int]:
    """Return what tells causes apart; of what is confirmed, more words for it make it no surer."""
    hints = 0 if one.standing in ("certain", "confirmed") else len(one.against) - len(one.because)
    return _ORDER.index(one.standing), hints


def _rank(one: Ranked) -> tuple[int, ...]:
    """Return what *one* is sorted by; among those that fit alike, what a login meets first, then what is seen more."""
    confirmed = one.standing == "confirmed"
    layer = LAYERS.index(one.cause.layer)
    alike = (layer, -one.cause.often) if confirmed else (-one.cause.often, layer)
    return (*_weight(one), *alike, _CONFIDENCE.index(one.cause.confidence))


# --- what is behind -------------------------------------------------------------------------------

_LATER: Final = ("mailbox", "submission")
"""The layers that a login comes to after it was let in."""


def _behind(found: Sequence[Ranked], known: Evidence, shown: Recognised) -> Iterator[Behind]:
    """Yield what Exchange holds against a later step of the same login, which no refusal can show yet."""
    if not found or found[0].standing not in ("certain", "confirmed") or found[0].cause.layer in _LATER:
        return
    told = {sign for each in found for sign in each.cause.signs}
    listed = {each.cause.id for each in found}
    for cause in catalogue.causes().values():
        if cause.layer in _LATER and not cause.quiet and cause.id not in listed and _belongs(cause, known, shown):
            own = [sign for sign in (*cause.confirmed_by, *cause.hinted_by) if sign not in told]
            wrong = [sign for sign in own if _of_exchange(sign) and signs.answer(sign, known)]
            if wrong:
                yield Behind(cause, tuple(signs.said(sign, True, known) for sign in wrong))


def _of_exchange(sign: str) -> bool:
    return catalogue.signs()[sign].look == "exchange"


# --- what would decide ----------------------------------------------------------------------------


def _deciding(found: Sequence[Ranked], latent: Sequence[Ranked], known: Evidence) -> Iterator[Deciding]:
    """Yield the checks that are left, those first that cost least and settle most; none where one cause is certain."""
    if found and found[0].standing == "certain":
        return
    yield from (
        Deciding(each.cause.id, "person", each.cause.confirm, (each.cause.id,))
        for each in found
        if each.cause.open and each.standing == "confirmed"
    )
    listed = {each.cause.id for each in found}
    both = (*found, *latent)
    unknown = dict.fromkeys(sign for each in both for sign in each.unknown if sign not in _FOR_TIME)
    checks = [_check(sign, both, known) for sign in unknown]
    yield from sorted(checks, key=lambda each: (listed.isdisjoint(each.rows), _LOOKS.index(each.look), -len(each.rows)))


_FOR_TIME: Final = frozenset({"just_granted"})
"""What only time answers: that is said by `Diagnosis.too_early`."""


def _check(sign: str, found: Iterable[Ranked], known: Evidence) -> Deciding:
    one = catalogue.signs()[sign]
    named = {
        "mailbox": quoted(known.mailbox or "<address>"),
        "client_id": quoted(known.client_id or "<application id>"),
    }
    rows = tuple(each.cause.id for each in found if sign in each.unknown)
    return Deciding(sign, one.look, one.ask, rows, one.cmdlet.format_map(named), one.trial)


def _undecided(found: Sequence[Ranked], deciding: Sequence[Deciding]) -> str:
    if not found:
        return (
            "Every cause that the catalogue has for this is ruled out by what is known. Try again, and look again: "
            "what was read may have changed since. If it stays so, it is a case for the service's support."
        )
    first = found[0]
    if first.standing == "certain":
        return ""
    way = "What would decide is named below." if deciding else "Nothing that is known how to look at would decide."
    equal = [each for each in found if _weight(each) == _weight(first)]
    if len(equal) > 1:
        named = ", ".join(each.cause.id for each in equal[:_MOST_NAMED])
        if first.standing == "confirmed":
            return f"{len(equal)} causes are confirmed ({named}), and each would do alone. Mend them in this order."
        return f"{counted(len(equal), 'cause')} fit equally ({named}). {way}"
    if len(found) > 1:
        rest = counted(len(found) - 1, "other cause")
        return f"{first.cause.id} fits best, and {rest} cannot be ruled out. {way}"
    return f"{first.cause.id} fits, and is not proven. {way}" if first.standing != "confirmed" else _open(first, way)


def _open(one: Ranked, way: str) -> str:
    if one.cause.open:
        return f"{one.cause.id} names more than one possibility. {way}"
    if one.against:
        return f"{one.cause.id} was shown, and something speaks against it. {way}"
    if one.cause.confidence == "high":
        return f"{one.cause.id} is confirmed, and not all that could speak against it was looked at. {way}"
    return f"{one.cause.id} fits alone; how well it explains this is known with {one.cause.confidence} confidence."


def _unrecognised(known: Evidence, shown: Recognised) -> str:
    if shown.numbers:
        named = ", ".join(f"AADSTS{number}" for number in shown.numbers[:_MOST_NAMED])
        return f"The catalogue does not know {named}. Entra explains it at {_LOOKUP}{shown.numbers[0]}."
    if not any(text.strip() for text in known.texts):
        return "Not recognised: nothing was shown."
    if shown.rows:
        return "What was shown is known, and for another protocol or another kind of sign-in."
    return "Not recognised: no words that the catalogue knows are in it."


# --- too early ------------------------------------------------------------------------------------


def _early(known: Evidence, candidates: Sequence[Cause]) -> tuple[Change, ...]:
    """Return the changes that may not be in force and on which a candidate hangs."""
    asked = {sign for each in candidates for sign in each.confirmed_by}
    rows = {each.id for each in candidates}
    return tuple(
        each for each in signs.early(known) if not (asked.isdisjoint(each.lag.signs) and rows.isdisjoint(each.lag.rows))
    )


def _too_early(change: Change, now: datetime) -> TooEarly:
    usual = change.at + change.lag.usual
    retest = usual if now < usual <= change.ends_at else change.ends_at
    minutes = max(0, int((now - change.at).total_seconds() // 60))
    about = f" ({change.what})" if change.what else ""
    said = f"{change.lag.title}{about} {counted(minutes, 'minute')} ago. Too early to judge: "
    said += f"try again at {_clock(retest, now)}" if now < retest else "try again now"
    said += f"; from {_clock(change.ends_at, now)} on this is no reason any more."
    return TooEarly(change, max(retest, now), change.ends_at, said)


def _clock(moment: datetime, now: datetime) -> str:
    """Return a time of day, with the date where that is not today's."""
    moment = moment.astimezone(now.tzinfo)
    return f"{moment:%H:%M}" if moment.date() == now.date() else f"{moment:%Y-%m-%d %H:%M}"

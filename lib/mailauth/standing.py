"""Where a tenant stands: one word, one sentence, and what cannot wait.

Four words say what was found, ``cannot know`` that nobody looked. It outranks all of them but a compromise, because
"nothing found" over an empty log misleads more than any wrong number. ``closed`` needs proof from outside a log
(refused on the wire, every sender seen with the new method), so this module never says it.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from . import deadlines, verdicts
from .calendar import spoken
from .coverage import Coverage, Window
from .deadlines import Calendar
from .findings import ACTIVE_SENDER, ATTENTION, Adoption, Attention, Group, Headline, State
from .protocols import UNNAMED
from .verdicts import Thresholds

__all__ = ["Standing", "attention", "needs_today", "of", "state", "what_ends"]

_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


# What an engine calls the query that finds senders, where it could not answer it.
_QUESTION = "password sign-ins"

_PASSWORDS, _CERTIFICATES = "smtp-auth-default-off", "activesync-certificate"


@dataclass(frozen=True)
class Standing:
    """A tenant's state with its sentence and the numbers behind it.

    Args:
        state: The tenant in one word.
        sentence: The tenant in a few sentences.
        headline: The numbers behind it.
        last_look: The last day of the records, where they end too early to speak of today.
    """

    state: State
    sentence: str
    headline: Headline
    last_look: date | None = None


def of(
    groups: Sequence[Group],
    oauth: Adoption,
    coverage: Sequence[Coverage],
    *,
    engines: Set[str],
    held: Window | None,
    moment: datetime,
    limits: Thresholds,
    dates: Calendar | None = None,
) -> Standing:
    """Return where the tenant stands.

    Args:
        groups: All groups.
        oauth: OAuth for mail.
        coverage: What limits the numbers; its reasons explain why nobody could look.
        engines: The engines that were asked.
        held: From the first to the last record, or None.
        moment: The time to judge from: now, or the end of a window that lies in the past.
        limits: The numbers behind the verdicts.
        dates: What ends when; None for what ships with the library.
    """
    headline = _headline(groups)
    last_look = _last_look(held, moment, limits)
    blind = _blind(groups, headline, coverage, engines, held, last_look)
    hurt = any(group.verdict == "suspected_compromise" for group in groups)
    if blind and not hurt:
        return Standing("cannot know", " ".join(filter(None, (blind, needs_today(headline)))), headline, last_look)
    word = state(headline, begun=_begun(groups, oauth))
    said = (
        what_ends(headline, moment.date(), dates),
        _else(groups, coverage, held, headline),
        _moved(groups),
        needs_today(headline),
        blind,
    )
    return Standing(word, " ".join(filter(None, said)), headline, last_look)


def attention(groups: Sequence[Group]) -> tuple[Attention, ...]:
    """Return what needs somebody today, the worst first and the tenant's own accounts before others."""
    urgent = [group for group in groups if group.verdict in ATTENTION]
    ranked = sorted(urgent, key=lambda group: (_rank(group), not group.member))
    return tuple(
        Attention(
            group,
            verdicts.title(group.verdict),
            _evidence(group),
            verdicts.steps(group.verdict, member=group.member),
        )
        for group in ranked
    )


def _rank(group: Group) -> int:
    return ("suspected_compromise", "password_known", "confirm_today").index(group.verdict)


def _headline(groups: Sequence[Group]) -> Headline:
    ending = [group for group in groups if group.ends_in_2026]
    senders = [group for group in groups if group.sends_with_a_password]
    return Headline(
        senders=len(senders),
        accounts=len({group.user for group in senders}),
        unconfirmed=sum(group.verdict == "basic_unconfirmed" for group in senders),
        unnamed=sum(_is_unnamed(group) for group in groups),
        certificate_users=len({group.user for group in ending if group.verdict == "certificate"}),
        attention=len({group.user for group in groups if group.verdict in ATTENTION}),
    )


def _is_unnamed(group: Group) -> bool:
    return group.member and not group.moved and group.protocol == UNNAMED and group.verdict in ACTIVE_SENDER


def _found(headline: Headline) -> bool:
    return bool(headline.senders or headline.certificate_users or headline.unnamed)


def state(headline: Headline, *, begun: bool) -> State:
    """Return the word for numbers.

    Args:
        headline: The numbers.
        begun: Whether anybody who is to move sends with OAuth, or a mail app of the tenant's own is in use.
    """
    if headline.attention:
        return "exposed"
    if not _found(headline):
        return "quiet"
    return "moving" if begun else "exposed"


def _begun(groups: Sequence[Group], oauth: Adoption) -> bool:
    going = (group for group in groups if group.ends_in_2026 or group.moved)
    return any(group.oauth_days for group in going) or any(user.registered for user in oauth.users)


def _last_look(held: Window | None, moment: datetime, limits: Thresholds) -> date | None:
    """Return the last day of records that end too early to speak of *moment*, None where they do not."""
    if held is None or moment - held.end <= timedelta(days=limits.fresh_days):
        return None
    return held.end.date()


def _blind(
    groups: Sequence[Group],
    headline: Headline,
    coverage: Sequence[Coverage],
    engines: Set[str],
    held: Window | None,
    last_look: date | None,
) -> str:
    """Return why nobody could look, or an empty text."""
    if held is None:
        return f"We could not look. {_why(coverage)}"
    if last_look:
        return (
            f"We could not look at the time since {spoken(last_look)}: there are no records of it. "
            f"The last good look showed {_last_seen(groups, headline)}."
        )
    if _found(headline):
        return ""
    unanswered = [each for each in coverage if each.what == _QUESTION and each.state == "unknown"]
    if unanswered and not engines - {each.source for each in unanswered}:
        return f"We could not look. {unanswered[0].reason}"
    shown = [each.state for each in coverage if each.what.startswith("interactive sign-ins")]
    if "absent" in shown and not {"complete", "partial"} & set(shown):
        return "We could not look where passwords show: there are no records of interactive sign-ins."
    return ""


def _last_seen(groups: Sequence[Group], headline: Headline) -> str:
    senders = headline.senders + headline.unnamed
    if senders:
        return _count(senders, "password sender")
    return "no confirmed password sender" if _suspects(groups) else "no password sender"


def _suspects(groups: Sequence[Group]) -> list[Group]:
    """Return what signed in with a password and may be a stranger, or a sender that nobody has named yet."""
    return [group for group in groups if group.verdict in ATTENTION and group.successes]


def _why(coverage: Sequence[Coverage]) -> str:
    reasons = [each.reason for each in coverage if each.source != "tenant" and each.state != "complete"]
    return next(iter(reasons), "No sign-in record was there to read, which does not mean that nobody signed in.")


def what_ends(headline: Headline, today: date, dates: Calendar | None = None) -> str:
    """Return what stops, and when, in a sentence of numbers only; empty where nothing does.

    Args:
        headline: The numbers.
        today: The day to count from.
        dates: What ends when; None for what ships with the library.
    """
    known = dates or deadlines.built_in()
    said = (
        _senders(headline, known.ends(_PASSWORDS), today),
        _unnamed(headline),
        _phones(headline, known.ends(_CERTIFICATES), today),
    )
    text = "; ".join(filter(None, said))
    return f"{_capital(text)}." if text else ""


def _senders(headline: Headline, end: date, today: date) -> str:
    if not headline.senders:
        return ""
    more = headline.accounts != headline.senders
    what = _count(headline.senders, "sender") + (f" of {_count(headline.accounts, 'account')}" if more else "")
    if today > end:
        return f"{what} signed in with a password, which Microsoft switches off since {_day(end)}"
    return f"{what} will stop sending mail when Microsoft switches off password sign-in {_on(end)}"


def _unnamed(headline: Headline) -> str:
    if not headline.unnamed:
        return ""
    what = _count(headline.unnamed, "more sender" if headline.senders else "sender")
    return f"{what} signed in with a password by a protocol that the records do not name, and may stop as well"


def _phones(headline: Headline, end: date, today: date) -> str:
    if not headline.certificate_users:
        return ""
    what = _count(headline.certificate_users, "account")
    if today > end:
        return f"{what} signed in to ActiveSync with a certificate, which ends since {_day(end)}"
    when = f"with {end.year}" if (end.month, end.day) == (12, 31) else _on(end)
    return f"mail on the phones of {what} that sign in with a certificate stops {when}"


def _else(groups: Sequence[Group], coverage: Sequence[Coverage], held: Window | None, headline: Headline) -> str:
    """Return what an empty headline does not mean, with the span that was looked at."""
    if _found(headline) or held is None:
        return ""
    span = f"the records reach from {spoken(held.start.date())} to {spoken(held.end.date())}"
    trying = len(
        {group.user for group in groups if group.member and group.verdict in ("stale_sender", "blocked_by_policy")}
    )
    tries = (
        f" {_capital(_count(trying, 'account'))} still {'tries' if trying == 1 else 'try'} in vain." if trying else ""
    )
    gaps = any(each.what == _QUESTION and each.state != "complete" for each in coverage)
    torn = ", and a part of them could not be read" if gaps else ""
    suspects = _suspects(groups)
    if suspects:
        return f"No password sender was confirmed, but {_suspicion(suspects)}; {span}{torn}.{tries}"
    return f"No working password sender was seen, but we cannot say that there is none: {span}{torn}.{tries}"


def _suspicion(suspects: Sequence[Group]) -> str:
    who = _count(len({group.user for group in suspects}), "account")
    # A service that a person named is confirmed, and the risk that Entra saw there is not.
    named = any(group.network.confirmed for group in suspects)
    how = "in a way that nobody has confirmed" if named else "from a place that nobody has confirmed"
    return f"{who} signed in with a password {how}"


def _moved(groups: Sequence[Group]) -> str:
    count = len({group.user for group in groups if group.moved and group.member})
    return f"{_capital(_count(count, 'account'))} moved to OAuth, as it seems; that is not proven." if count else ""


def needs_today(headline: Headline) -> str:
    """Return how many accounts cannot wait, in a sentence; empty where none is."""
    count = headline.attention
    return f"{_capital(_count(count, 'account'))} {'needs' if count == 1 else 'need'} attention today." if count else ""


def _evidence(group: Group) -> str:
    right = group.successes or group.right_password_blocks
    did = "signed in" if group.successes else "was stopped after the right password"
    network = group.network
    about = ", ".join(filter(None, (network.country, f"AS{network.asn}" if network.asn else "")))
    place = (
        f"from {network.address}{f' ({about})' if about else ''}"
        if network.address
        else "from a network that no record names"
    )
    times = "once" if right == 1 else f"{right:,} times"
    who = group.user or "an account without a name"
    return f"{who} {did} {times} by {group.protocol} {place}, {_when(group)}. {_doubt(group)}"


def _doubt(group: Group) -> str:
    network = group.network
    said = (
        "" if network.confirmed else "Nobody has confirmed that network",
        f"accounts that failed there: {network.victims}" if network.victims > 1 else "",
        f"Entra ID Protection rated a sign-in {group.risk}" if group.risk else "",
        f"failures beside it: {group.failures:,}" if group.failures else "",
    )
    return _capital("; ".join(filter(None, said))) + "."


def _when(group: Group) -> str:
    days = [day.day for day in group.by_day if day.successes or day.right_password_blocks]
    first, last = min(days), max(days)
    return f"on {spoken(first)}" if first == last else f"between {spoken(first)} and {spoken(last)}"


def _count(number: int, noun: str) -> str:
    word = _WORDS[number] if 0 < number < len(_WORDS) else f"{number:,}"
    return f"{'one' if number == 1 else word} {noun}{'' if number == 1 else 's'}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _on(day: date) -> str:
    return f"{'at' if _is_last(day) else 'on'} {_day(day)}"


def _day(day: date) -> str:
    """Return a day in words; the last of a month stands for a day that nobody has published."""
    return f"the end of {spoken(day).partition(' ')[2]}" if _is_last(day) else spoken(day)


def _is_last(day: date) -> bool:
    return (day + timedelta(days=1)).day == 1

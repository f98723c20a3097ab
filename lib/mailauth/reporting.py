"""A tenant's report, put together from its evidence: nothing is asked of anybody, nothing is read from a disk."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Final

from . import coverage as coverages
from . import (
    reach,
    reportactions,
    reportanswers,
    reportapps,
    reportengineer,
    reportletters,
    reportsenders,
    reportstate,
    reporttime,
    reportwaves,
    roads,
)
from .calendar import spoken
from .phrases import Named, Phrase, joined, phrase, words
from .report import Credential, Ending, Looked, Missed, Progress, Report, Stop, Summary
from .reportactions import Made
from .reportevidence import Held, Reading, at
from .wording import counted

__all__ = ["report"]

_FINDS: Final = "10-find-basic-auth"
_USER_TABLES: Final = ("interactive sign-ins", "non-interactive sign-ins")


def report(reading: Reading) -> Report:
    """Return the report that these records make, in full."""
    held = Held(reading)
    urgent, stops, progress = reportsenders.urgent(held), reportsenders.stops(held), reportsenders.progress(held)
    state = reportstate.of(held, urgent, stops, progress)
    apps, mailboxes, credentials = reportapps.apps(held), reportapps.mailboxes(held), reportapps.credentials(held)
    openings, looked = reportapps.openings(held), _looked(held)
    made = Made(state, urgent, stops, apps, mailboxes, credentials, progress)
    changes, actions = reporttime.changes(held, state), reportactions.actions(held, made)
    summary = _summary(held, made, progress, looked)
    tenant, waves = held.tenant, reportwaves.of(held)
    return Report(
        tenant=tenant.name,
        cloud=tenant.cloud.name,
        rehearsal=tenant.cloud.rehearsal,
        made_at=held.now,
        coverage=tuple(held.coverage()),
        edition="full",
        tenant_id=tenant.tenant_id,
        summary=summary,
        state=state,
        urgent=urgent,
        stops=stops,
        progress=progress,
        if_nothing=tuple(_if_nothing(held, stops)),
        looked=looked,
        endings=_endings(held, stops),
        actions=actions,
        apps=apps,
        mailboxes=mailboxes,
        credentials=credentials,
        openings=openings,
        changes=changes,
        trend=reporttime.trend(held, state),
        answers=reportanswers.of(held, made, looked=looked, openings=openings, changes=changes, waves=waves),
        letters=reportletters.of(held, made),
        engineer=reportengineer.of(held, made, actions=actions, changes=changes),
        purpose=_purpose(held),
        waves=waves,
    )


def _if_nothing(held: Held, stops: Sequence[Stop]) -> Iterator[Phrase]:
    if not stops:
        if held.found is None:
            yield words("What stops cannot be said: nobody has looked.")
            return
        yield words("Nothing that was seen stops. What no record shows may stop all the same.")
        return
    if any(each.kind != "certificate" for each in stops):
        default, final = held.tenant.calendar.get("smtp-auth-default-off"), held.tenant.calendar.get("smtp-auth-final")
        yield words(f"{default.title} {default.then}.")
        yield words(f"From then on mail of {_whose(stops)} is refused, without any message to your people.")
        yield words(f"An administrator can let passwords in again for a time. {final.title} {final.then}.")
    if any(each.kind == "certificate" for each in stops):
        end = held.tenant.calendar.get("activesync-certificate")
        yield words(f"Phones with certificates stop synchronising {end.then}.")


def _whose(stops: Sequence[Stop]) -> str:
    """Return whose mail is refused: the senders that the headline counts, and apart from them those that may be."""
    sure = sum(each.kind == "password" for each in stops)
    told = "the sender above" if sure == 1 else f"the {sure:,} senders above" if sure else ""
    counts = (
        told,
        _up_to(stops, "unnamed", ("sender", "senders"), "whose protocol no record names"),
        _up_to(stops, "reported", ("address", "addresses"), "that only the mail report knows"),
    )
    return " and ".join(filter(None, counts))


def _up_to(stops: Sequence[Stop], kind: str, names: tuple[str, str], which: str) -> str:
    count = sum(each.kind == kind for each in stops)
    return f"up to {counted(count, *names)} {which}" if count else ""


def _looked(held: Held) -> Looked:
    found = held.found
    span = found["held"] if found else None
    days = [date.fromisoformat(each[key]) for each in _reported(held) for key in ("first", "last") if each[key]]
    return Looked(
        word=_word(held),
        lines=tuple(_lines(held)),
        start=at(span["from"]) if span else None,
        end=at(span["to"]) if span else None,
        last_look=date.fromisoformat(found["last_look"]) if found and found["last_look"] else None,
        report_start=min(days, default=None),
        report_end=max(days, default=None),
        missed=tuple(
            Missed(name, date.fromisoformat(day)) for name, day in (found["business"]["missed"] if found else ())
        ),
        missing_days=tuple(map(date.fromisoformat, found["missing_days"] if found else ())),
        federated=tuple(sorted(held.federated or ())),
        sources=held.reading.sources,
    )


def _reported(held: Held) -> Sequence[dict[str, str]]:
    return held.found["reported"] if held.found else ()


def _word(held: Held) -> coverages.State:
    """Return how whole the sign-in records are; what nobody looked at is unknown."""
    record = held.reading.held.get(_FINDS)
    if record is None:
        return "unknown"
    if record["data"]["held"] is None:
        return "absent"
    states = {each["state"] for each in record["coverage"] if each["what"] in _USER_TABLES}
    whole = states == {"complete"} and not record["data"]["missing_days"] and not record["data"]["last_look"]
    return "complete" if whole else "partial"


def _lines(held: Held) -> Iterator[Phrase]:
    found, record = held.found, held.reading.held.get(_FINDS)
    if found is None or record is None:
        yield (
            next(each.said for each in held.reading.sources if each.notebook == _FINDS)
            if held.reading.sources
            else words("Nobody has looked at the sign-in records.")
        )
        return
    span, made = found["held"], held.made_at(_FINDS) or held.now
    sources = ", ".join(dict.fromkeys(each["source"] for each in record["coverage"] if each["what"] in _USER_TABLES))
    if span:
        said = "Sign-in records from {first} to {last} ({sources}), looked at {made}."
        named = {"first": at(span["from"]).date(), "last": at(span["to"]).date()}
        yield phrase(said, sources=words(sources or "no source"), made=made, **named)
    else:
        yield phrase("No sign-in record was read, looked at {made}.", made=made)
    yield from (_report_line(each) for each in record["coverage"] if each["source"] == "smtp_report")
    if missed := found["business"]["missed"]:
        days = joined((phrase(f"the {name} of {{day}}", day=date.fromisoformat(day)) for name, day in missed), ", ")
        yield phrase("Not in the records: {days}. A job that runs on such a day only would not show.", days=days)
    if lost := found["missing_days"]:
        yield words(f"{counted(len(lost), 'day')} within the records {'holds' if len(lost) == 1 else 'hold'} none.")
    yield from (
        _gap(each) for each in record["coverage"] if each["what"] in _USER_TABLES and each["state"] != "complete"
    )
    yield from (phrase("{why}", why=Named("word", each.reason)) for each in reach.unseen(record))
    yield _domains(held)
    yield held.tenant.calendar.said


def _domains(held: Held) -> Phrase:
    """Return what the tenant's own sign-in servers hide."""
    if held.federated is None:
        return words(
            "Whether a domain signs in with its own server was not read (notebook 40 reads it): what such a server "
            "refuses is not visible to us."
        )
    if not held.federated:
        return words("No domain signs in with a server of its own.")
    named = joined((phrase("{name}", name=Named("domain", each)) for each in sorted(held.federated)), ", ", " and ")
    users = {each["user"] for each in held.groups if each["user"].rpartition("@")[2].lower() in held.federated}
    told = counted(len(users), "account") if users else "no account"
    count = words(f"{told} there {'were' if len(users) > 1 else 'was'} seen")
    said = "{named} signs in with a server of its own, whose refusals are not visible to us; {count}."
    return phrase(said, named=named, count=count)


def _report_line(each: dict[str, str]) -> Phrase:
    if each["from"] and each["to"]:
        first, last = at(each["from"]).date(), at(each["to"]).date()
        return phrase("Microsoft's mail report from {first} to {last}.", first=first, last=last)
    if each["state"] == "absent":
        return words("No mail report was read: the sign-in records are the only witness of who sends.")
    return words(
        "Microsoft's mail report, which does not say which days it covers: 7 unless more were chosen, 90 at most."
    )


def _gap(each: dict[str, str]) -> Phrase:
    name = Named("word", each["what"][:1].upper() + each["what"][1:])
    return phrase("{name}: {state}. {why}", name=name, state=words(each["state"]), why=Named("word", each["reason"]))


def _endings(held: Held, stops: Sequence[Stop]) -> tuple[Ending, ...]:
    # The first sentence counts these too; what only may stop is counted apart from them.
    kinds = {"smtp-auth-default-off": "password", "activesync-certificate": "certificate"}
    ends = (
        Ending(
            id=each["id"],
            title=each["title"],
            when=each["when"],
            day=date.fromisoformat(each["day"]) if each["day"] else None,
            passed=bool(each["day"]) and date.fromisoformat(each["day"]) < held.now.date(),
            shows=each["shows"],
            note=each["note"],
            source=each["source"],
            senders=sum(len(stop.accounts) for stop in stops if stop.kind == kinds.get(each["id"])),
        )
        for each in (held.found["deadlines"] if held.found else ())
    )
    return tuple(sorted((*ends, *_access_ends(held)), key=lambda each: each.day or date.max))


def _access_ends(held: Held) -> Iterator[Ending]:
    """Yield the end of our own access, where notebook 00 found that nothing follows it."""
    wrong = reportapps.problems(held, "00-start")
    days = {day for each in wrong if (day := roads.access_ends(each["name"], each["found"]))}
    for day in sorted(days):
        yield Ending(
            id="access",
            title="Our access to the tenant",
            when=spoken(day),
            day=day,
            passed=day < held.now.date(),
            shows="Nothing can be looked at, changed or taken back here any more.",
            note="A new relationship is requested in Partner Center, and approved by the customer.",
            source="notebook 00",
            senders=0,
        )


def _summary(held: Held, made: Made, progress: Progress, looked: Looked) -> Summary:
    headline, today = reportstate.headline(held), held.now.date()
    waiting = reportsenders.waiting(made.stops)
    dates = [each.due or each.propose for each in made.stops]
    unproven = reportapps.unproven(made.mailboxes, progress)
    return Summary(
        word=made.state.word,
        sentence=reportstate.nameless(made.state),
        senders=headline.senders,
        certificates=headline.certificate_users,
        attention=headline.attention,
        undecided=len(waiting),
        overdue=sum(each.due is not None and each.due < today for each in made.stops),
        next_due=min((day for day in dates if day), default=None),
        next_end=_next_end(held, waiting),
        coverage=looked.word,
        blind=bool(held.tenant.sources) and (held.found is None or held.found["held"] is None),
        expiring=_expiring(held, made),
        next_expiry=_next_expiry(made.credentials),
        proven=sum(bool(each.wanted) and not each.unproven for each in made.mailboxes),
        unproven=len(unproven) if unproven or held.found else None,
    )


def _expiring(held: Held, made: Made) -> int | None:
    """Return how many credentials have ended or end soon; None where nobody looked."""
    record = held.data("20-register-app")
    if record is None or (record["app"] is None and record["outcome"] == "cannot know"):
        return None
    return sum(each.word in ("ended", "ending") for each in made.credentials)


def _next_end(held: Held, waiting: Sequence[Stop]) -> str:
    """Return when the next of these rows stops, in words."""
    ids = {"activesync-certificate" if each.kind == "certificate" else "smtp-auth-default-off" for each in waiting}
    coming = sorted((held.tenant.calendar.get(each) for each in ids), key=lambda each: each.day or date.max)
    return coming[0].when if coming else ""


def _next_expiry(found: Sequence[Credential]) -> datetime | None:
    return min((each.ends for each in found if each.ends), default=None)


def _purpose(held: Held) -> Phrase:
    read = [each.what for each in held.reading.sources if each.state == "read"]
    return phrase(
        "This page holds personal data: accounts, networks and times of sign-ins. It is made of {what}, to move mail "
        "from passwords to OAuth. Evidence of earlier runs is kept for {days} days.",
        what=words("; ".join(read) or "no evidence"),
        days=held.tenant.defaults.keep.days,
    )

"""What notebook 50 shows: the matrix, each refusal with its causes, tokens as claims, TLS, and what was said."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from ..matrix import Row
from ..proof import Attempt, Outcome, Talk
from ..proving import Closed, Explained, Proof, Tried, sentence
from ..wording import counted
from . import causes as diagnosed
from . import effective, listings
from .markup import Badge, Cell, Stack, Tone, View
from .tables import Callout, Code, Table

__all__ = [
    "causes",
    "closed",
    "controls",
    "doors",
    "matrix",
    "planned",
    "reach",
    "result",
    "summary",
    "tls",
    "tokens",
    "transcripts",
]

_PROTOCOLS: Final = {"imap": "IMAP", "pop": "POP", "smtp": "SMTP"}
_BADGES: Final[dict[Outcome, Badge]] = {
    "ok": Badge("ok", "ok"),
    "refused": Badge("refused", "bad"),
    "unreachable": Badge("unreachable", "bad"),
    "no_token": Badge("no token", "bad"),
    "skipped": Badge("skipped", "quiet"),
}
_ARROWS: Final = {"sent": ">", "received": "<", "note": "#"}
_MOST_REFUSALS: Final = 50


class Summary(Callout):
    """The callout that stands on top of a page."""

    def about(self) -> dict[str, object]:
        """Return the mark, and that this comes first."""
        return {**super().about(), "mailauth_first": True}


def summary(proof: Proof) -> Summary:
    """Return in words for everybody what works and what does not, and when it is worth trying again."""
    said = [sentence(proof)]
    if at := proof.retest_at:
        said.append(f"For some of it, it is too early to judge: retest at {_clock(at)}.")
    if proof.interrupted:
        said.append("It was stopped before all were tried: what had ended is below.")
    later = sum(each.good is None and each.row.flow is not None for each in proof.tried)
    if later:
        said.append(f"Not made: {counted(later, 'attempt')} for which a person signs in; name the flow to make them.")
    if proof.good:
        return Summary("info", "Mail with OAuth works", said)
    if all(each.attempt.outcome in ("skipped", "no_token") for each in proof.tried):
        return Summary("attention", "Nothing could be proven", [*said, *_untried(proof)])
    return Summary("attention", "Mail with OAuth does not work everywhere", said)


def _untried(proof: Proof) -> Sequence[str]:
    return tuple(dict.fromkeys(each.row.said for each in proof.tried if each.row.said and each.row.flow is None))


def planned(rows: Sequence[Row]) -> Table:
    """Return what is to be tried, a row for each mailbox and app."""
    lots: dict[tuple[str, str, str, str, str], list[str]] = {}
    for row in rows:
        kind = row.flow.kind if row.flow else ""
        key = row.mailbox, row.app.name, kind, row.account, row.said
        lots.setdefault(key, []).append(_PROTOCOLS[row.protocol])
    cells = [
        (box, protocols, app, kind, account or None, said or Badge("is tried", "info"))
        for (box, app, kind, account, said), protocols in lots.items()
    ]
    columns = ("Mailbox", "Protocols", "App", "Flow", "Who signs in", "Tried")
    return Table(columns, cells, f"What is tried: {counted(sum(not row.said for row in rows), 'attempt')}")


def matrix(proof: Proof, *, limit: int = 200) -> Table:
    """Return a row for each attempt; *ok* stands only where a command succeeded after the sign-in."""
    rows = [_row(each, proof.of(each)) for each in proof.tried if each.good is not None]
    note = "ok: LIST, STAT or a mail transaction up to RSET succeeded. A sign-in alone is no proof."
    return Table(
        ("Mailbox", "Protocol", "App", "Flow", "Outcome", "What decided", "First cause"),
        rows,
        "What each mailbox answered",
        note,
        limit=limit,
        rest="tables/attempts.csv",
        empty="Nothing was tried.",
    )


def _row(tried: Tried, known: Explained | None) -> Sequence[Cell]:
    one = tried.attempt
    badge = Badge("not sent", "bad") if tried.withheld else _BADGES[one.outcome]
    return (
        [tried.row.mailbox, *([f"signed in as {one.mailbox}"] if one.mailbox != tried.row.mailbox else [])],
        _PROTOCOLS[one.protocol],
        one.app,
        one.flow,
        badge,
        one.no_token.code if one.no_token and known and known.diagnosis.causes else _decided(tried),
        _first(known) if known else None,
    )


def _decided(tried: Tried) -> Cell:
    one, talk = tried.attempt, tried.attempt.talk
    if one.outcome == "ok" and talk:
        return f"{talk.server or talk.host}, {talk.took_ms:,} ms"
    if one.no_token:
        return one.no_token.said if tried.row.said else [one.no_token.code, one.no_token.said]
    return (talk.reply or talk.said) if talk else one.said


def _first(known: Explained) -> Cell:
    if known.retest_at:
        return Badge(f"too early, retest at {_clock(known.retest_at)}", "warn")
    if known.by_token:
        return known.by_token[0][1].title
    equal = known.diagnosis.equal
    if len(equal) > 1:
        ids = ", ".join(each.cause.id for each in equal)
        sure = equal[0].standing == "confirmed"
        return [f"{len(equal)} confirmed: {ids}" if sure else f"one of {len(equal)}: {ids}", equal[0].cause.title]
    return equal[0].cause.title if equal else None


# --- refusals -------------------------------------------------------------------------------------


def causes(proof: Proof) -> Stack:
    """Return each refusal with its causes, the likeliest first, and what would decide; alike ones share a table."""
    shown = list(_alike(proof.explained))
    views = [view for alike in shown[:_MOST_REFUSALS] for view in _refusal(alike)]
    if len(shown) > _MOST_REFUSALS:
        said = f"{len(shown) - _MOST_REFUSALS:,} more kinds of refusal are in tables/attempts.csv and in the evidence."
        views.append(Callout("info", "Not all are shown", [said]))
    return Stack(views or [_nothing(proof)])


def _nothing(proof: Proof) -> Callout:
    if untried := _untried(proof):
        return Callout("cannot know", "Not all could be tried", untried)
    return Callout("info", "Nothing was refused", ["There is nothing to explain."])


def _alike(found: Iterable[Explained]) -> Iterable[Sequence[Explained]]:
    lots: dict[tuple[object, ...], list[Explained]] = {}
    for each in found:
        one, told = each.tried.attempt, each.diagnosis
        ranked = tuple((cause.cause.id, cause.standing) for cause in told.causes)
        token = tuple(cause.id for _, cause in each.by_token)
        key = (
            "" if one.outcome == "no_token" else one.protocol,
            one.app,
            one.flow,
            one.outcome,
            ranked,
            token,
            each.retest_at,
            _shown(one) if not ranked else "",
        )
        lots.setdefault(key, []).append(each)
    return lots.values()


def _shown(one: Attempt) -> str:
    if one.no_token:
        return one.no_token.said
    return (one.talk.reply or one.talk.said) if one.talk else one.said


def _refusal(alike: Sequence[Explained]) -> Iterator[View]:
    first = alike[0]
    one = first.tried.attempt
    boxes = list(dict.fromkeys(each.tried.row.mailbox for each in alike))
    named = (
        boxes[0] if len(boxes) == 1 else f"{boxes[0]} and {counted(len(boxes) - 1, 'other mailbox', 'other mailboxes')}"
    )
    ways = ", ".join(_PROTOCOLS[way] for way in dict.fromkeys(each.tried.attempt.protocol for each in alike))
    title = f"{named} by {ways}, {one.app} with {one.flow}: {_BADGES[one.outcome].text}"
    yield from diagnosed.diagnosis(first.diagnosis, title, shown=_shown(one), by_token=first.by_token)


def doors(proof: Proof) -> Stack:
    """Return what the refused mailboxes let in, as Exchange and Entra say."""
    found = proof.gathered.effective
    if not found:
        return Stack([Callout("info", "Nothing had to be read", ["No refusal asked for a look into Exchange."])])
    return effective.effective(found)


def controls(proof: Proof, offered: Sequence[Row] = ()) -> Table:
    """Return the experiments that were made, and those that are offered."""
    rows: list[Sequence[Cell]] = [
        (each.row.mailbox, _PROTOCOLS[each.row.protocol], each.row.app.name, each.attempt.flow, _decided(each),
         _BADGES[each.attempt.outcome])
        for each in proof.controls
    ]  # fmt: skip
    rows += [
        (each.mailbox, _PROTOCOLS[each.protocol], each.app.name, each.flow.kind if each.flow else "", None,
         Badge("offered", "info"))
        for each in offered
    ]  # fmt: skip
    columns = ("Mailbox", "Protocol", "App", "Flow", "What decided", "Outcome")
    return Table(columns, rows, "Experiments that tell causes apart", empty="None would decide anything.")


# --- what was said --------------------------------------------------------------------------------


def tokens(proof: Proof) -> Stack:
    """Return what each token says, one table for each, with what does not fit; the token itself is never shown."""
    seen: dict[tuple[object, ...], list[Tried]] = {}
    for each in proof.tried:
        if each.characters:
            seen.setdefault((each.attempt.app, each.attempt.flow, each.attempt.user), []).append(each)
    views: list[View] = []
    for (app, flow, user), tried in seen.items():
        one = tried[0]
        whose = f"{app} with {flow}" + (f", {user}" if user else "")
        rows: list[Sequence[Cell]] = [("(the token)", f"{one.characters:,} characters, not shown")]
        rows += [(name, _claim(value)) for name, value in one.attempt.claims.items()]
        views.append(Table(("Claim", "What it says"), rows, f"The token of {whose}"))
        views += _findings(tried, whose)
    return Stack(views or [Callout("info", "No token was got", ["There is none to read."])])


def _claim(value: object) -> Cell:
    return [str(each) for each in value] if isinstance(value, list) else str(value)


def _findings(tried: Sequence[Tried], whose: str) -> Iterator[View]:
    found = dict.fromkeys((each.attempt.protocol, one) for each in tried for one in each.findings)
    tones: dict[str, Tone] = {"stops": "bad", "doubt": "warn", "remark": "info"}
    rows = [
        (_PROTOCOLS[protocol], Badge(one.weight, tones[one.weight]), one.said, list(one.rows) or None, one.remedy)
        for protocol, one in found
    ]
    if rows:
        yield Table(
            ("For", "How bad", "What does not fit", "Rows", "What to do"), rows, f"What the token of {whose} lacks"
        )


def tls(proof: Proof) -> Table:
    """Return what was negotiated with each server, and the certificate that was verified."""
    talks = {(talk.host, talk.address): talk for each in proof.tried if (talk := each.attempt.talk) and talk.tls}
    rows = [_tls(talk) for talk in talks.values()]
    columns = ("Server", "Address", "TLS", "Cipher", "Certificate of", "For", "Issued by", "Ends")
    note = "Each was verified, with the host's name, before anything secret was sent. There is no way to ask for less."
    return Table(columns, rows, "TLS", note, empty="No connection came so far.")


def _tls(talk: Talk) -> Sequence[Cell]:
    assert talk.tls is not None
    one = talk.tls
    ends = one.ends_at.date() if one.ends_at else None
    return talk.host, talk.address, one.version, one.cipher, one.subject, list(one.names), one.issuer, ends


def transcripts(proof: Proof, *, limit: int = 50) -> Stack:
    """Return what was said in each conversation, folded; first those that did not go well."""
    talked = [each for each in (*proof.tried, *proof.controls) if each.attempt.talk]
    talked.sort(key=lambda each: each.attempt.outcome == "ok")
    views: list[View] = [_transcript(each) for each in talked[:limit]]
    if len(talked) > limit:
        said = f"{len(talked) - limit:,} more are in the evidence."
        views.append(Callout("info", "Not all are shown", [said]))
    return Stack(views or [Callout("info", "Nobody talked", ["No conversation began."])])


def _transcript(tried: Tried) -> Code:
    one, talk = tried.attempt, tried.attempt.talk
    assert talk is not None
    title = f"{_BADGES[one.outcome].text}: {tried.row.mailbox} by {_PROTOCOLS[one.protocol]}, {one.app} with {one.flow}"
    lines = (f"{line.at_ms:>7,} ms {_ARROWS[line.way]} {line.text}" for line in talk.lines)
    note = "> sent, < received, # ours. Redacted where it was heard: there is no token and no secret in it."
    return Code(title, "\n".join((f"{talk.host} at {one.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC", *lines)), note=note)


def closed(found: Closed | None) -> Callout:
    """Return whether one try with a password was refused, as it is to be."""
    if found is None:
        return Callout("info", "No password was tried", ["Nobody asked for it."])
    said = [f"{found.mailbox} by {_PROTOCOLS[found.talk.protocol]}: {found.said}", *filter(None, [found.talk.reply])]
    if found.state == "closed":
        return Callout("info", "A password is refused, as it should be", said)
    if found.state == "open":
        steps = [
            "A policy that was assigned lately may not count yet, which takes a day at most: try again then.",
            "Else close the door in notebook 40 and with an authentication policy.",
        ]
        return Callout("attention", "A password still opens this mailbox", said, steps)
    return Callout("cannot know", "Whether passwords are refused", said)


def reach(proof: Proof) -> Table:
    """Return how far the look into the refusals reached."""
    return listings.coverage(proof.gathered.coverage)


def result(proof: Proof) -> Stack:
    """Return what a terminal, or somebody who tries one mailbox, wants to see: the sentence, the matrix, the causes."""
    said = summary(proof)
    first = Callout(said.kind, said.title, said.body, said.steps)
    return Stack([first, matrix(proof), *(causes(proof).views if proof.explained else ())])


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%H:%M} UTC"

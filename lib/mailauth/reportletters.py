"""The letters of a report: to whoever runs a device, to its maker, to people with phones, to the administrator."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from . import advice, deadlines, letters
from .checks import Check
from .phrases import Named, Phrase, phrase, words
from .report import Letter, Stop
from .reportactions import Made
from .reportapps import problems
from .reportevidence import NOTEBOOKS, Held
from .reportsenders import account, asks_maker, product

__all__ = ["of"]

_MOST: Final = 20
_END: Final = "smtp-auth-default-off"
_CONSENTS: Final = "30-consent"


def of(held: Held, made: Made) -> tuple[Letter, ...]:
    """Return every letter that has a reason; at most so many of a kind that somebody reads them."""
    return (
        *_some(_device_owners(held, made)),
        *_some(_vendors(held, made)),
        *_some(_users(held, made)),
        *_administrator(held),
    )


def _some(found: Iterator[Letter]) -> Iterator[Letter]:
    for _, each in zip(range(_MOST), found, strict=False):
        yield each


def _device_owners(held: Held, made: Made) -> Iterator[Letter]:
    groups = {each["sender_id"]: each for each in held.groups}
    for each in made.stops:
        if each.kind == "certificate" or not each.accounts or (each.decided and not each.questions):
            continue
        group = next((groups[key] for key in each.sender_ids if key in groups), None)
        yield Letter("device owner", _owner(each, group), each.what, _asks(held, each, group))


def _asks(held: Held, each: Stop, group: Mapping[str, Any] | None) -> Phrase:
    due, end = deadlines.answer_by(_due(each), held.now.date()), held.tenant.calendar.get(_END)
    if each.kind == "reported":
        # Whose password it is that sends under the address, no record says.
        return letters.reported(each.accounts[0], last=each.last_seen, questions=each.questions, due=due, end=end)
    return letters.device_owner(
        each.what,
        account=each.accounts[0],
        place=each.where,
        last_seen=each.last_seen,
        questions=_theirs(each, group) if group else each.questions,
        due=due,
        end=end,
    )


def _theirs(each: Stop, group: Mapping[str, Any]) -> tuple[Phrase, ...]:
    """Return the questions that whoever runs a device can answer."""
    asked = (one for one in group["decision"]["questions"] if advice.asks_owner(one["id"]))
    known = (words("When can it be changed, and who does that?"),) if each.owner else ()
    return tuple(words(one["text"]) for one in asked) or known


def _owner(each: Stop, group: Mapping[str, Any] | None) -> Phrase:
    if each.owner:
        return phrase("{owner}", owner=Named("person", each.owner))
    network = group["network"] if group else None
    # At a network that nobody has confirmed, a stranger may read the letter.
    if network and (network["kind"] or network["label"] or network["known_site"]):
        return phrase("whoever is asked at {place}", place=each.where)
    return phrase("whoever answers for {who}", who=account(each.accounts[0]))


def _due(each: Stop) -> date | None:
    return each.due or each.propose


def _vendors(held: Held, made: Made) -> Iterator[Letter]:
    """Yield a mail for each product that senders wait for its maker's word about; what has no name has no maker."""
    asked = {each["sender_id"]: each for each in held.groups if asks_maker(each)}
    waiting: dict[Named, list[Stop]] = {}
    for each in made.stops:
        named = (product(held, asked[key]) for key in each.sender_ids if key in asked)
        for maker in dict.fromkeys(filter(None, named)):
            waiting.setdefault(maker, []).append(each)
    for maker, rows in waiting.items():
        first = min((due for each in rows if (due := _due(each))), default=None)
        by = deadlines.answer_by(first, held.now.date())
        text = letters.vendor(maker, by, held.tenant.calendar.get(_END))
        about = rows[0].what if len(rows) == 1 else words(f"{len(rows):,} rows of “what stops”")
        yield Letter("vendor", phrase("the maker of {product}", product=maker), about, text)


def _users(held: Held, made: Made) -> Iterator[Letter]:
    phones = [each for each in made.stops if each.kind == "certificate"]
    if phones:
        days = {each.due for each in phones}
        end = held.tenant.calendar.get("activesync-certificate")
        # A day that is only proposed, or not everybody's, is nothing to announce.
        text = letters.phones(firm=held.tenant.name, day=days.pop() if len(days) == 1 else None, end=end)
        yield Letter("users", words("everybody whose phone signs in with a certificate"), phones[0].what, text)


def _administrator(held: Held) -> Iterator[Letter]:
    checks = [*_unseen(held), *(Check(**each) for notebook in NOTEBOOKS for each in _checks(held, notebook))]
    text = letters.administrator(dict.fromkeys(checks), tenant=held.tenant.name, links=_links(held))
    if text:
        about = words("what is missing before mail moves from passwords to OAuth")
        yield Letter("administrator", words("the tenant's administrator"), about, text)


def _links(held: Held) -> Iterator[str]:
    """Yield the link of each app for which one agreement is all that is missing."""
    record = held.data(_CONSENTS)
    waiting = [each for each in problems(held, _CONSENTS) if each["remedy"].startswith("Open the link")]
    for each in record["links"] if record else ():
        if each["links"] and any(one["name"].startswith(f"{each['app']}: ") for one in waiting):
            yield each["links"][0]["url"]


def _checks(held: Held, notebook: str) -> tuple[Mapping[str, Any], ...]:
    return () if notebook.startswith(("10", "50", "60")) else problems(held, notebook)


def _unseen(held: Held) -> Iterator[Check]:
    """Yield what a witness of notebook 10 does not hold, and somebody can supply."""
    record = held.reading.held.get("10-find-basic-auth")
    for each in record["coverage"] if record else ():
        if each["state"] != "complete" and each["source"] != "tenant" and each["remedy"]:
            yield Check(each["what"], "cannot know", each["reason"].rstrip("."), each["remedy"])

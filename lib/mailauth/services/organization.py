"""Reads what Exchange holds, in bulk: the number of requests grows with pages of a thousand, not with mailboxes.

Two things have no bulk form: who may open a mailbox, and how full it is. They are asked for named mailboxes only, a
few at a time. Over all mailboxes the first costs one request each: `openings` does that, and goes on where it stopped.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from mailauth import cmdlets
from mailauth.cmdlets import Available
from mailauth.errors import AccessError, SourceError, UnclearError, UnreachableError
from mailauth.organization import (
    ASKED_FOR_ALL,
    ASKED_ONCE,
    EVERYTHING,
    SMTP_ROLE,
    Answer,
    Mailbox,
    Missing,
    Openings,
    Organization,
    Principal,
    Row,
    mailbox_right,
    named,
    opened,
    organization,
    settings,
)
from mailauth.plan import Cmdlet

from .exchange import Exchange, missing, unknown

__all__ = ["AT_ONCE", "covering", "may_run", "openings", "read"]

AT_ONCE: Final = 4
"""How many requests are under way at once. Exchange documents no number; where it says wait, all of them wait."""

_FIRST: Final = Cmdlet("Get-OrganizationConfig")
_LISTED: Final = Cmdlet("Get-OrganizationConfig", {"RetrieveEwsOperationAccessPolicy": True})
_BULK: Final = tuple(each for each in (*ASKED_ONCE, *ASKED_FOR_ALL) if each != _FIRST)

_NOWHERE: Final = Missing("no mailbox here has this address", "Check the spelling.", absent=True)

# How long a list of what an app can open counts as today's.
_FRESH: Final = timedelta(days=1)


def read(
    exchange: Exchange,
    *,
    mailboxes: Sequence[str] = (),
    trustees: Sequence[str] = (),
    sizes: bool = True,
    tell: Callable[[str], None] = lambda _: None,
) -> Organization:
    """Return what Exchange holds; what could not be read is None, and the coverage says why.

    Args:
        exchange: Whom to ask.
        mailboxes: The addresses of which it is read who may open them: a request each.
        sizes: Whether to read how full these are as well: one more request each.
        trustees: Who may send as whom is read for these: a request each. An app by its object id or SID.
        tell: Called with a line of progress.

    Raises:
        AccessError: Exchange lets nobody in with this sign-in; a cmdlet that is refused alone is in the coverage.
        UnreachableError: Nothing answered.
        ConfigurationError: One of *mailboxes* is no address.
    """
    before = exchange.calls
    addresses = list(dict.fromkeys(named(each) for each in mailboxes))
    tell("Exchange: reading the organization")
    # Alone and first: where this one gets no answer at all, the others need not be asked.
    answers: dict[str, Answer] = {_FIRST.name: _answer_or_end(exchange, _FIRST)}
    answers[_FIRST.name] = _with_ews_apps(exchange, answers[_FIRST.name])
    answers |= zip((each.name for each in _BULK), _answers(exchange, _BULK), strict=True)
    answers["Get-ManagementRole"] = _role(exchange)
    if trustees:
        answers["Get-RecipientPermission"] = _senders(exchange, trustees)
    held = organization(answers)
    rights = _of_each(exchange, "Get-MailboxPermission", addresses, held, tell)
    statistics = _of_each(exchange, "Get-MailboxStatistics", addresses if sizes else (), held, tell)
    tell("")
    return organization(answers, rights=rights, statistics=statistics, trustees=trustees, calls=exchange.calls - before)


def covering(exchange: Exchange, app: str, mailbox: str) -> list[Row]:
    """Return what Exchange's own test says of the roles by which an app may send as a mailbox, caches left aside.

    Args:
        exchange: Whom to ask.
        app: The app's object id, as Exchange knows it.
        mailbox: The address.

    Raises:
        SourceError: As `Exchange.rows`.
    """
    rows = exchange.rows(Cmdlet("Test-ServicePrincipalAuthorization", {"Identity": app, "Resource": mailbox}))
    return [row for row in rows if row.get("RoleName") == SMTP_ROLE and str(row.get("InScope")).lower() == "true"]


def _answers(
    exchange: Exchange, asked: Sequence[Cmdlet], ask: Callable[[Exchange, Cmdlet], Answer] | None = None
) -> Iterator[Answer]:
    """Return the answers in order, several being waited for at once; where one raises, the rest is not asked."""
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="exchange") as pool:
        yield from pool.map(partial(ask or _answer, exchange), asked)


def _answer(exchange: Exchange, cmdlet: Cmdlet) -> Answer:
    """Return the answer to one cmdlet, or why there is none: one that a service cannot do must not stop the others."""
    try:
        return _answer_or_end(exchange, cmdlet)
    except UnreachableError as error:
        # Whoever answered with an error, or asked to wait for too long, may answer the next.
        if not error.code[:1].isdigit():
            raise
        return Missing(error.message, error.remedy)


def _answer_or_end(exchange: Exchange, cmdlet: Cmdlet) -> Answer:
    """Return the answer to one cmdlet, or why it was refused; raises where the service cannot be used."""
    try:
        return exchange.invoke(cmdlet)
    except (AccessError, UnreachableError) as error:
        if not unknown(error):
            raise
        return Missing(error.message, error.remedy)
    except SourceError as error:
        return Missing(error.message, error.remedy, absent=missing(error))


def _with_ews_apps(exchange: Exchange, found: Answer) -> Answer:
    """Return the organization with the apps that may use EWS, where it is on; Exchange lists them only when asked.

    A refusal leaves the list unread and costs nothing else.
    """
    if isinstance(found, Missing) or not any(settings(configuration=row).ews == "on" for row in found):
        return found
    listed = _answer(exchange, _LISTED)
    return found if isinstance(listed, Missing) or not listed else listed


def _role(exchange: Exchange) -> Answer:
    """Return the role by which apps send, nothing where this cloud has none."""
    answer = _answer(exchange, Cmdlet("Get-ManagementRole", {"Identity": SMTP_ROLE}))
    return [] if isinstance(answer, Missing) and answer.absent else answer


def _senders(exchange: Exchange, trustees: Sequence[str]) -> Answer:
    """Return for whom the trustees may send, all together; one that Exchange does not know may send as nobody."""
    asked = [Cmdlet("Get-RecipientPermission", {"Trustee": each, **EVERYTHING}) for each in trustees]
    rows: list[Row] = []
    for answer in _answers(exchange, asked):
        if not isinstance(answer, Missing):
            rows += answer
        elif not answer.absent:
            return answer
    return rows


def _of_each(
    exchange: Exchange, cmdlet: str, addresses: Sequence[str], held: Organization, tell: Callable[[str], None]
) -> dict[str, Answer]:
    """Return the answers by address. A mailbox is asked about by its guid, one that does not exist is not asked about.

    Microsoft's pages warn of cmdlets that return everything where the identity names nothing.
    """
    identities = {each: _identity(held, each) for each in addresses}
    found: dict[str, Answer] = {address: _NOWHERE for address, identity in identities.items() if not identity}
    here = {address: identity for address, identity in identities.items() if identity}
    asked = [Cmdlet(cmdlet, {"Identity": each}) for each in here.values()]
    for address, answer in zip(here, _answers(exchange, asked), strict=True):
        found[address] = answer
        tell(f"Exchange: {cmdlet}, {len(found)} of {len(addresses)} mailboxes")
    return found


def _identity(held: Organization, address: str) -> str:
    """Return what names the mailbox with an address beyond doubt; '' where there is none."""
    if held.mailboxes is None:
        return address
    box = held.mailbox(address)
    return (box.guid or address) if box and not box.remote else ""


# --- which mailboxes an app can open --------------------------------------------------------------


def openings(
    exchange: Exchange,
    app: Principal,
    mailboxes: Iterable[Mailbox],
    *,
    kept: Path,
    now: datetime | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Openings:
    """Return which of the mailboxes an app can open: one request for each, four at a time.

    What is known is kept in a file as it comes. Called again within a day, it asks only for the rest.

    Args:
        exchange: Whom to ask.
        app: The app.
        mailboxes: Those to ask about; ones whose mailbox is elsewhere are left out.
        kept: The file, readable by its owner only.
        now: The clock.
        tell: Called with a line of progress.

    Raises:
        AccessError: Exchange lets nobody in with this sign-in.
        UnreachableError: Nothing answers any more; what is known is kept.
    """
    moment = now or datetime.now(UTC)
    here = [each for each in mailboxes if not each.remote and not each.soft_deleted]
    known = _remembered(kept, app, moment)
    waiting = [each for each in here if each.guid not in known]
    trustee = app.sid or app.object_id
    asked = [Cmdlet("Get-MailboxPermission", {"Identity": each.guid, "User": trustee}) for each in waiting]
    unread: dict[str, str] = {}
    with _noting(kept, app, moment, afresh=not known) as note:
        for box, answer in zip(waiting, _answers(exchange, asked, _answer_or_end), strict=True):
            if isinstance(answer, Missing):
                unread[box.address] = answer.reason
            else:
                known[box.guid] = opened(mailbox_right(row, box.address) for row in answer)
                note({"mailbox": box.guid, "opens": known[box.guid]})
            tell(f"Exchange: who may open {len(known) + len(unread)} of {len(here)} mailboxes")
    tell("")
    opens = frozenset(each.address.lower() for each in here if known.get(each.guid))
    closed = sum(known.get(each.guid) is False for each in here)
    return Openings(app, opens, closed, unread)


def _remembered(kept: Path, app: Principal, now: datetime) -> dict[str, bool]:
    """Return what an earlier run within a day found out about the same app, by the mailbox's guid."""
    try:
        lines = kept.read_text(encoding="utf-8").splitlines()
        first = json.loads(lines[0])
        if first["sid"] != app.sid or not timedelta() <= now - datetime.fromisoformat(first["at"]) < _FRESH:
            return {}
        return {each["mailbox"]: each["opens"] for each in map(_note, lines[1:]) if each}
    except (FileNotFoundError, IndexError, KeyError, ValueError):
        return {}


def _note(line: str) -> Mapping[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        # The last line of a run that was killed while it wrote.
        return {}
    return found if isinstance(found, Mapping) else {}


@contextmanager
def _noting(
    kept: Path, app: Principal, now: datetime, *, afresh: bool
) -> Iterator[Callable[[Mapping[str, object]], None]]:
    """Give what writes one line to the file, at once."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    mode = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if afresh else os.O_APPEND)
    with os.fdopen(os.open(kept, mode, 0o600), "w", encoding="utf-8") as file:

        def note(record: Mapping[str, object]) -> None:
            file.write(json.dumps(record) + "\n")
            file.flush()

        if afresh:
            note({"sid": app.sid, "at": now.isoformat()})
        else:
            # Ends a line that a killed run left half written.
            file.write("\n")
        yield note


# --- what whoever is signed in may do -------------------------------------------------------------


def may_run(exchange: Exchange, names: Iterable[str]) -> tuple[Available, ...]:
    """Return whether whoever is signed in may run cmdlets, and which management roles hold those that they may not.

    Each is called without what it cannot do without, and with ``-WhatIf``, so that it changes nothing: a cmdlet that
    no role of the caller holds is not recognized, any other complains of what is missing. That is one request for
    each, and holds for people, apps and partners alike. The documented road, ``Get-ManagementRoleAssignment`` with
    ``-GetEffectiveUsers``, names no apps and no partners. That the role is looked at first is seen, not documented.

    Raises:
        AccessError: Exchange lets nobody in with this sign-in.
        UnreachableError: Nothing answered.
    """
    asked = [Cmdlet(each, {"WhatIf": True} if _what_if(each) else {}) for each in dict.fromkeys(names)]
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="exchange") as pool:
        return tuple(pool.map(lambda each: _available(exchange, each), asked))


def _what_if(name: str) -> bool:
    return name in cmdlets.known() and cmdlets.known()[name].what_if


def _available(exchange: Exchange, cmdlet: Cmdlet) -> Available:
    known = cmdlets.known().get(cmdlet.name)
    if known is None or not (known.required or known.what_if):
        return Available(cmdlet.name, None, reason="whether it may be read shows when it is")
    try:
        exchange.invoke(cmdlet)
    except (AccessError, UnclearError, UnreachableError) as error:
        if isinstance(error, UnclearError):
            return Available(cmdlet.name, None, reason=error.message)
        if not unknown(error):
            raise
        return Available(cmdlet.name, False, _holders(exchange, cmdlet.name))
    except SourceError:
        return Available(cmdlet.name, True)
    return Available(cmdlet.name, True)


def _holders(exchange: Exchange, name: str) -> tuple[str, ...]:
    """Return the management roles that hold a cmdlet, none where that may not be read either."""
    answer = _answer(exchange, Cmdlet("Get-ManagementRole", {"Cmdlet": name}))
    return () if isinstance(answer, Missing) else tuple(str(row.get("Name") or "")[:64] for row in answer)

"""Apps, mailboxes, credentials and rights in a report, each with the notebook that looked and when.

What no notebook has looked at is "not looked at", with the notebook that would; it never reads as fine.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, Literal

from . import mailgrants, reference
from .checks import Check, worst
from .phrases import Named, Phrase, phrase, words
from .report import App, Credential, Door, Found, Mailbox, Opening, Progress, Status, Tried
from .reportevidence import Held, at
from .wording import counted

__all__ = ["about", "apps", "credentials", "mailboxes", "openings", "problems", "unproven"]

Record = Mapping[str, Any]

_SOON: Final = timedelta(days=reference.table("report")["credentials"]["soon_days"])

_REGISTERS, _CONSENTS, _GRANTS, _PROVES = (
    "20-register-app",
    "30-consent",
    "40-grant-mailboxes",
    "50-prove-mail-oauth",
)
_MOST: Final = 3
_DOORS: Final = ("imap", "pop", "smtp", "eas")


def unproven(found: Sequence[Mailbox], progress: Progress) -> frozenset[str]:
    """Return what OAuth has not proven since the last change, in lower case.

    Args:
        found: The mailboxes of the tenants file; each counts once, whatever it lacks.
        progress: The accounts that no longer send with a password count where nothing proves that they moved.
    """
    silent = (each.account for each in progress.known if each.kind == "password" and each.now in ("oauth", "quiet"))
    return frozenset(name.lower() for name in (*(each.address for each in found if each.unproven), *silent))


def apps(held: Held) -> tuple[App, ...]:
    """Return the apps of the tenants file, and those that only the evidence knows, each with what is known of it."""
    return tuple(
        App(
            name=name,
            client_id=client_id,
            registration=_registration(held, name),
            consent=_consent(held, name),
            grants=_grants(held, name),
            proof=_proof(held, name),
        )
        for name, client_id in _names(held).items()
    )


def _names(held: Held) -> Mapping[str, str]:
    """Return the apps' client ids by name."""
    found = {app.name: app.client_id for app in held.tenant.mail_apps}
    registered, granted = held.data(_REGISTERS), held.data(_GRANTS)
    if registered and registered["app"]:
        found[registered["wanted"]["name"]] = registered["app"]["client_id"]
    for each in (*(held.data(_CONSENTS) or {"apps": ()})["apps"], *((granted["app"],) if granted else ())):
        if each["client_id"] and each["client_id"] not in found.values():
            found[each["name"]] = each["client_id"]
    return found


def problems(held: Held, notebook: str) -> tuple[Record, ...]:
    """Return the checkpoints of a notebook's evidence that are not ok."""
    record = held.data(notebook)
    return tuple(each for each in record["checks"] if each["outcome"] != "ok") if record else ()


def about(check: Record, app: str) -> str:
    """Return what a checkpoint is about, without the app's name in front."""
    return str(check["name"]).removeprefix(f"{app}: ")


def _registration(held: Held, name: str) -> Status:
    record = held.data(_REGISTERS)
    if record is None or record["wanted"]["name"] != name:
        return _unseen(held, _REGISTERS)
    return _status(held, _REGISTERS, record["outcome"], record["checks"])


def _consent(held: Held, name: str) -> Status:
    record = held.data(_CONSENTS)
    if record is None or all(each["name"] != name for each in record["apps"]):
        return _unseen(held, _CONSENTS)
    # Which app it is about is said beside it.
    checks = [{**each, "name": about(each, name)} for each in record["checks"] if each["name"].startswith(f"{name}: ")]
    return _status(held, _CONSENTS, _worst(checks), checks)


def _grants(held: Held, name: str) -> Status:
    record = held.data(_GRANTS)
    if record is None or record["app"]["name"] != name:
        return _unseen(held, _GRANTS)
    return _status(held, _GRANTS, record["outcome"], record["checks"])


def _proof(held: Held, name: str) -> Status:
    record = held.data(_PROVES)
    tried = [each for each in record["attempts"] if each["app"] == name] if record else []
    tried = [each for each in tried if each["outcome"] != "skipped"]
    if not tried:
        return _unseen(held, _PROVES)
    good = [each for each in tried if each["outcome"] == "ok"]
    fresh = [each for each in good if not held.is_stale(each)]
    word: Found = "ok" if len(fresh) == len(tried) else "wrong"
    said = [words(f"{len(good):,} of {counted(len(tried), 'attempt')} opened the mailbox with a token.")]
    if len(fresh) < len(good):
        said.append(words(f"{len(good) - len(fresh):,} of them are older than a change and prove nothing any more."))
    causes = dict.fromkeys(_cause(each) for each in tried if each["outcome"] != "ok")
    said += [words(f"{cause}.") for cause in list(causes)[:_MOST] if cause]
    return Status(word, tuple(said), held.made_at(_PROVES), _PROVES)


def _unseen(held: Held, notebook: str) -> Status:
    if held.data(notebook) is None:
        said = words(f"Not looked at: notebook {notebook[:2]} has left no evidence that counts.")
        return Status("not looked at", (said,), None, notebook)
    made = held.made_at(notebook)
    said = words(
        f"Not looked at: notebook {notebook[:2]} last looked at another app, or could not sign in as this one."
    )
    return Status("not looked at", (said,), made, notebook)


def _status(held: Held, notebook: str, outcome: Found, checks: Sequence[Record]) -> Status:
    wrong = [each for each in checks if each["outcome"] != "ok"]
    said = [_checked(each) for each in wrong[:_MOST]]
    if len(wrong) > _MOST:
        said.append(words(f"{len(wrong) - _MOST:,} more."))
    if not said:
        said.append(words(f"{counted(len(checks), 'checkpoint')} ok."))
    return Status(outcome, tuple(said), held.made_at(notebook), notebook)


def _checked(check: Record) -> Phrase:
    # What a checkpoint is called may hold a mailbox or an app; nobody can tell which words those are.
    name = phrase("{name}", name=Named("word", check["name"]))
    said = phrase("{name}: {found}", name=name, found=Named("free", check["found"] or check["outcome"]))
    return phrase("{said}. {remedy}", said=said, remedy=Named("word", check["remedy"])) if check["remedy"] else said


def _worst(checks: Sequence[Record]) -> Found:
    return worst(Check(each["name"], each["outcome"]) for each in checks)


def _cause(attempt: Record) -> str:
    """Return the first cause of a refusal, in words."""
    if attempt["causes"]:
        return str(attempt["causes"][0]["title"])
    return {"ok": "", "no_token": "No token was issued", "unreachable": "The server was not reached"}.get(
        attempt["outcome"], "It was not tried" if attempt["outcome"] == "skipped" else "No cause is known"
    )


# Mailboxes.


def mailboxes(held: Held) -> tuple[Mailbox, ...]:
    """Return the mailboxes of the tenants file, with what they let in and what was proven on them."""
    return tuple(_mailbox(held, each.address, tuple(each.protocols)) for each in held.tenant.mailboxes)


def _mailbox(held: Held, address: str, wanted: tuple[str, ...]) -> Mailbox:
    grants, record = held.data(_GRANTS), held.data(_PROVES)
    known = [each for each in (grants["mailboxes"] if grants else ()) if _same(each["address"], address)]
    tried = [each for each in (record["attempts"] if record else ()) if _same(each["mailbox"], address)]
    return Mailbox(
        address=address,
        kind=known[0]["kind"] if known else "",
        wanted=wanted,
        doors=_doors(known[0]["doors"] if known else ()),
        tried=(*(_tried(held, each) for each in tried), *_closing(held, address)),
        unproven=tuple(each for each in wanted if (address.lower(), each) not in held.proven),
    )


def _closing(held: Held, address: str) -> Iterator[Tried]:
    """Yield what notebook 60 tried on a mailbox, where that counts: its record names neither the app nor a cause."""
    for each in held.closing:
        if _same(each.mailbox, address):
            yield Tried(
                protocol="smtp",
                app="",
                flow="while closing",
                outcome="ok" if each.good else "refused",
                at=each.at,
                stale=held.is_past(each),
                cause="" if each.good else "A token was not taken",
                remedy="" if each.good else "Run notebook 50: it names the cause.",
                retest_at=None,
            )


def _same(one: str, other: str) -> bool:
    return one.lower() == other.lower()


def _doors(told: Sequence[Record]) -> tuple[Door, ...]:
    states = {(each["protocol"], each["kind"]): each for each in told}
    found = []
    for protocol in _DOORS:
        said = {kind: states.get((protocol, kind)) for kind in ("password", "delegated", "app")}
        word: dict[str, Any] = {kind: one["state"] if one else "not looked at" for kind, one in said.items()}
        if any(said.values()):
            decides = said["password"]["decides"] if said["password"] else ""
            found.append(Door(protocol, decides=decides, **word))
    return tuple(found)


def _tried(held: Held, each: Record) -> Tried:
    first = each["causes"][0] if each["causes"] else None
    return Tried(
        protocol=each["protocol"],
        app=each["app"],
        flow=each["flow"],
        outcome=each["outcome"],
        at=at(each["at"]),
        stale=held.is_stale(each),
        cause=_cause(each),
        remedy=first["remedy"] if first else "",
        retest_at=at(each["retest_at"]) if each["retest_at"] else None,
    )


# What an app signs in with, and what it can open.


def credentials(held: Held) -> tuple[Credential, ...]:
    """Return what the app of notebook 20's evidence signs in with, what ends first in front."""
    record, made = held.data(_REGISTERS), held.made_at(_REGISTERS)
    if not record or not record["app"] or not made:
        return ()
    found = []
    for each in record["app"]["credentials"]:
        ends = at(each["ends"]) if each["ends"] else None
        days = (ends - held.now) // timedelta(days=1) if ends else None
        found.append(
            Credential(
                app=record["wanted"]["name"],
                kind=each["kind"],
                id=each["id"],
                name=each["name"],
                ends=ends,
                days=days,
                word="does not end" if ends is None else _word(ends - held.now),
                made_at=made,
            )
        )
    return tuple(sorted(found, key=lambda each: (each.ends is None, each.ends or made, each.id)))


def _word(left: timedelta) -> Literal["ended", "ending", "runs"]:
    if left < timedelta(0):
        return "ended"
    return "ending" if left < _SOON else "runs"


def openings(held: Held) -> tuple[Opening, ...]:
    """Return what the app of notebook 40's evidence can open or send as today."""
    record, made = held.data(_GRANTS), held.made_at(_GRANTS)
    if not record or not made:
        return ()
    return tuple(
        Opening(
            app=record["app"]["name"],
            mailbox=_opened(each["mailbox"]),
            right=each["right"],
            by=_by(each["by"]),
            wanted=each["wanted"],
            take_away=_take_away(record["app"]["name"], each),
            made_at=made,
        )
        for each in record["openings"]
    )


def _opened(mailbox: str) -> Phrase:
    if mailbox == mailgrants.ALL:
        return words(mailgrants.ALL)
    return phrase("{mailbox}", mailbox=Named("address" if "@" in mailbox else "free", mailbox))


def _by(by: str) -> Phrase:
    return words("consent") if by == mailgrants.CONSENT else phrase("{by}", by=Named("id", by))


def _take_away(app: str, each: Record) -> Phrase:
    named = Named("app", app)
    if each["by"] == mailgrants.CONSENT:
        said = "Notebook 30 with remove={right} for the app {app}: it takes the consent back for every mailbox."
        return phrase(said, right=words(each["right"]), app=named)
    said = "Notebook 40 with remove_extra={mailbox} for the app {app}, with a plan first and an undo after."
    return phrase(said, mailbox=_opened(each["mailbox"]), app=named)

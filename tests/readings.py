"""Invented evidence for the tests of a report: notebook 10's from a case, the others' as far as a report reads them."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from mailauth import evidence
from mailauth.cases import Case
from mailauth.phrases import Phrase
from mailauth.report import Source
from mailauth.reportevidence import NOTEBOOKS, Reading
from mailauth.tenants import MailApp, Mailbox, Tenant
from mailauth.wording import capital
from tests.case_invented import NOW, SCANNER, TENANT, case, mail, report

__all__ = [
    "APP_ID",
    "attempt",
    "consents",
    "gone",
    "grants",
    "moved",
    "phrases_of",
    "proofs",
    "reading",
    "registration",
    "stamped",
]

APP_ID = "aaaaaaaa-0000-4000-8000-000000000001"
APP = MailApp(name="relay", client_id=APP_ID)
BOX = Mailbox(address=SCANNER, protocols=("smtp",))
WITH_APP = replace(TENANT, mail_apps=(APP,), mailboxes=(BOX,))


def reading(of: Case | Mapping[str, Any] | None = None, *, tenant: Tenant = TENANT, **more: Any) -> Reading:
    """Return what a report is made from: notebook 10's evidence, and what *more* gives by notebook's number."""
    held = {_name(key): record for key, record in more.pop("held", {}).items()}
    if of is not None:
        held["10-find-basic-auth"] = evidence.findings(of) if isinstance(of, Case) else of
    sources = tuple(_source(name, held) for name in NOTEBOOKS)
    return Reading(tenant=tenant, now=NOW, held=held, sources=sources, **more)


def _name(number: str) -> str:
    return next(name for name in NOTEBOOKS if name.startswith(number))


def _source(name: str, held: Mapping[str, Any]) -> Source:
    what = NOTEBOOKS[name][1]
    state: Any = "read" if name in held else "not there"
    return Source(name, what, state, NOW if name in held else None, 0, Phrase((capital(what),)))


def stamped(record: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """Return a record as if it was made at another time."""
    return {**copy.deepcopy(dict(record)), "made_at": at.isoformat().replace("+00:00", "Z")}


def moved() -> dict[str, Any]:
    """Return notebook 10's record of a tenant whose one sender holds tokens now and sends with a password no more.

    Microsoft's mail report holds twelve of its messages, sent with a token.
    """
    told = report(f"{SCANNER} OAuth 12")
    record = copy.deepcopy(evidence.findings(case([mail(ago=ago) for ago in range(16, 29)], [told])))
    data = record["data"]
    data["groups"][0] |= {"moved": True, "ends_in_2026": False, "oauth_days": 9}
    data["headline"] |= {"senders": 0, "accounts": 0}
    data["state"] = {"word": "quiet", "sentence": "Nothing was seen."}
    return record


def gone() -> dict[str, Any]:
    """Return that record in records of 60 days, with a sender whose password worked 35 days ago for the last time."""
    record = moved()
    data, last = record["data"], (NOW - timedelta(days=35)).isoformat()
    data["held"]["from"] = (NOW - timedelta(days=60)).isoformat()
    data["groups"][0] |= {"last_success": last, "last_seen": last}
    return record


def _envelope(data: dict[str, Any], at: datetime) -> dict[str, Any]:
    return {"made_at": at.isoformat(), "coverage": [], "data": data}


def attempt(outcome: str = "ok", **changes: Any) -> dict[str, Any]:
    """Return an attempt of notebook 50 on the scanner's mailbox, an hour before now."""
    told = {"mailbox": SCANNER, "user": SCANNER, "signed_in": "", "protocol": "smtp", "app": "relay"}
    at = (NOW - timedelta(hours=1)).isoformat()
    more: dict[str, Any] = {
        "client_id": APP_ID,
        "flow": "certificate",
        "outcome": outcome,
        "reply": "",
        "at": at,
        "causes": [],
        "retest_at": None,
    }
    return {**told, **more, **changes}


def proofs(*attempts: dict[str, Any], door: str = "closed", at: datetime = NOW - timedelta(hours=1)) -> dict[str, Any]:
    """Return notebook 50's record; *door* is what came of a password, empty where none was tried."""
    told = {"mailbox": SCANNER, "protocol": "smtp", "state": door, "cause": "", "said": ""}
    password = told if door else None
    return _envelope({"attempts": list(attempts or [attempt()]), "password": password}, at)


def grants(password: str = "closed", **changes: Any) -> dict[str, Any]:
    """Return notebook 40's record of the scanner's mailbox."""
    door = {"protocol": "smtp", "kind": "password", "state": password, "decides": "authentication policy"}
    box = {"address": SCANNER, "protocols": ["smtp"], "kind": "UserMailbox", "doors": [door]}
    app = {"name": "relay", "client_id": APP_ID, "object_id": "e"}
    data = {"app": app, "outcome": "ok", "checks": [], "mailboxes": [box], "openings": [], "senders": {}, **changes}
    return _envelope(data, NOW - timedelta(hours=1))


def registration(*ends: datetime | None) -> dict[str, Any]:
    """Return notebook 20's record of an app with one certificate for each end."""
    held = [
        {"kind": "certificate", "id": f"key-{n}", "name": "", "ends": each.isoformat() if each else None}
        for n, each in enumerate(ends)
    ]
    app = {"name": "Woodgrove relay", "client_id": APP_ID, "credentials": held}
    data = {"wanted": {"name": "relay"}, "app": app, "outcome": "ok", "checks": []}
    return _envelope(data, NOW - timedelta(hours=1))


def consents(*checks: tuple[str, str, str], everybody: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return notebook 30's record with checkpoints of name, outcome and what was found."""
    protocol = {"protocol": "smtp", "everybody": list(everybody), "people": [], "role": False}
    told = [{"name": name, "outcome": outcome, "found": found, "remedy": ""} for name, outcome, found in checks]
    apps = [{"name": "relay", "client_id": APP_ID, "protocols": [protocol]}]
    data = {"apps": apps, "outcome": "ok", "checks": told, "links": []}
    return _envelope(data, NOW - timedelta(hours=1))


def phrases_of(value: Any) -> Iterator[Phrase]:
    """Yield every phrase of a tree."""
    if isinstance(value, Phrase):
        yield value
    elif is_dataclass(value):
        for each in fields(value):
            yield from phrases_of(getattr(value, each.name))
    elif isinstance(value, tuple):
        for inside in value:
            yield from phrases_of(inside)

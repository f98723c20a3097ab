"""Client secrets: the text is shown once, when it is made, and only its hash is kept."""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from string import ascii_letters, digits
from typing import Any, Final

from practice.state import Application, Directory, PasswordCredential

from . import bodies, errors, restrictions, wire
from .calls import Answer, Call, Operation
from .registrations import WRITE, managed

__all__ = ["OPERATIONS", "asked", "made"]

_KIND: Final = "PasswordCredential"
_ALPHABET: Final = ascii_letters + digits + "._~-"
_LENGTH: Final = 40
_FIELDS: Final = frozenset({"displayName", "startDateTime", "endDateTime"})
# Clients send back what they were shown; these say nothing about what is wanted.
_SHOWN: Final = frozenset({"customKeyIdentifier", "hint", "keyId", "secretText"})


def asked(wanted: object) -> list[Mapping[str, Any]]:
    """Return the secrets that a new app registration asks for.

    Raises:
        Refusal: It is no list of them.
    """
    if not isinstance(wanted, list) or not all(isinstance(one, dict) for one in wanted):
        raise errors.wrong_value("passwordCredentials", "Application")
    return wanted


def made(call: Call, seen: Directory, app: Application, wanted: Mapping[str, Any]) -> tuple[PasswordCredential, str]:
    """Return a new secret for *app*, and its text.

    Raises:
        Refusal: What is wanted is none, or a policy forbids it.
    """
    given = bodies.fields({name: value for name, value in wanted.items() if name not in _SHOWN}, _KIND, _FIELDS)
    name = bodies.text(given, "displayName", _KIND, needed=False, longest=256) or None
    start = bodies.moment(given, "startDateTime", _KIND) or call.now
    end = bodies.moment(given, "endDateTime", _KIND) or _two_years(start)
    if end <= start:
        raise errors.bad("The end date of a credential must be after its start date.")
    restrictions.check_secret(seen.policies, app, start, end)
    text = _random_text()
    digest = hashlib.sha256(text.encode()).hexdigest()
    credential = PasswordCredential(
        display_name=name, start_date_time=start, end_date_time=end, hint=text[:3], secret_hash=digest
    )
    return credential, text


def _two_years(start: datetime) -> datetime:
    try:
        return start.replace(year=start.year + 2)
    except ValueError:  # 29 February
        return start + timedelta(days=731)


def _random_text() -> str:
    # Real ones have a tilde in fourth place or so; the first three are shown as a hint.
    first = "".join(secrets.choice(ascii_letters + digits) for _ in range(3))
    return f"{first}8Q~" + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH - 6))


def _add(call: Call) -> Answer:
    wanted = call.body.get("passwordCredential") or {}
    if not isinstance(wanted, dict):
        raise errors.wrong_value("passwordCredential", "Application")
    with call.changing() as (seen, directory):
        app = managed(call, seen, directory, call.keys[0])
        credential, text = made(call, seen, app, wanted)
        app.password_credentials = [*app.password_credentials, credential]
    shown = wire.secret(credential, text)
    return Answer({"@odata.context": call.context("microsoft.graph.passwordCredential"), **shown})


def _remove(call: Call) -> Answer:
    key_id = bodies.text(call.body, "keyId", _KIND).lower()
    with call.changing() as (seen, directory):
        app = managed(call, seen, directory, call.keys[0])
        kept = [one for one in app.password_credentials if one.key_id != key_id]
        if len(kept) == len(app.password_credentials):
            raise errors.bad("No password credential found with keyId.")
        app.password_credentials = kept
    return Answer()


OPERATIONS: Final = (
    Operation("POST", "applications/{}/addPassword", _add, WRITE),
    Operation("POST", "applications/{}/removePassword", _remove, WRITE),
)

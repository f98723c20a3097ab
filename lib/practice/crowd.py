"""A crowd of IMAP sessions: how long they take to come in, and to be answered when all are there."""

import imaplib
import ssl
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from .backend import Backend
from .estates import Estate
from .state import User

__all__ = ["imap_sessions"]

_TENANT: Final = "0f5a4f0d-9a6e-4f0e-8a0c-6c1e7f0b5b11"
_PEOPLE: Final = 20
"""Mailboxes that the sessions spread over, as one takes only so many."""
_HANDS: Final = 8
"""Threads that the clients share: they are not what is measured."""


def imap_sessions(count: int = 200) -> Mapping[str, Any]:
    """Return what *count* sessions at once take: ``sessions`` that were open, ``open_s`` for all to sign in and
    select, ``round_s`` for each to be answered once more, in seconds."""
    from . import cloud

    estate = Estate("crowd", "Crowd", "crowd.example", _TENANT, datetime.now(UTC))
    people = [estate.user(f"person{number}", f"Person {number}") for number in range(_PEOPLE)]
    for one in people:
        estate.mailbox(one, messages=["Subject: hello\r\n\r\nHello\r\n"])
    with cloud.start([estate.tenant]) as practice, ThreadPoolExecutor(_HANDS) as hands:
        context = ssl.create_default_context(cafile=practice.ca_file)
        host, _, port = practice.imap.rpartition(":")
        responses = [_response(practice.backend, one) for one in people]

        def enter(number: int) -> imaplib.IMAP4_SSL:
            client = imaplib.IMAP4_SSL(host, int(port), ssl_context=context, timeout=60)
            client.authenticate("XOAUTH2", lambda _: responses[number % _PEOPLE])
            client.select("INBOX", readonly=True)
            return client

        began = time.monotonic()
        clients = list(hands.map(enter, range(count)))
        opened = time.monotonic()
        answered = sum(client.noop()[0] == "OK" for client in clients)
        ended = time.monotonic()
        for client in clients:
            with suppress(OSError, imaplib.IMAP4.error):
                client.logout()
    return {"sessions": answered, "open_s": opened - began, "round_s": ended - opened}


def _response(backend: Backend, person: User) -> bytes:
    claims = {
        "aud": "https://outlook.office365.com",
        "iss": f"https://sts.windows.net/{_TENANT}/",
        "tid": _TENANT,
        "exp": int(backend.now().timestamp()) + 3600,
        "scp": "IMAP.AccessAsUser.All",
        "oid": person.id,
    }
    return f"user={person.user_principal_name}\x01auth=Bearer {backend.keys.sign(claims)}\x01\x01".encode()

"""Where a Microsoft cloud answers: hosts as data, so that every cloud is the same code.

The four that exist are facts (`lib/facts/clouds.toml`, each value with its source); more
come from the ``clouds`` section of a tenants file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from . import reference

__all__ = ["Cloud", "built_in", "host_and_port"]


@dataclass(frozen=True)
class Cloud:
    """One cloud's hosts and how to reach them.

    Args:
        name: As a tenants file calls it.
        login: Entra's authority, a URL without a slash at its end, like those that follow.
        graph: Microsoft Graph's root.
        logs: The root of the Log Analytics query API.
        exchange: Exchange Online's administration host.
        imap: ``host:port``, TLS from the first byte.
        pop: ``host:port``, TLS from the first byte.
        smtp: ``host:port``, STARTTLS.
        mail_resource: What an app-only mail token is asked for, without ``/.default``.
        portal: The Azure portal; empty where the cloud has none.
        ca_file: Certificates to trust in place of the system's.
        proxy: ``environment``, ``none`` or a URL.
        source: Where the hosts are from, in words.
        title: Its name in words.
        rehearsal: Made for practice; pages about its tenants say so.
        settles_minutes: How long at most until a change counts everywhere, authentication policies included, and for
            how long at most Exchange remembers a good password.
        unverified: The fields whose value no page of the vendor's states, with why it stands here and how to find out.
    """

    name: str
    login: str
    graph: str
    logs: str
    exchange: str
    imap: str
    pop: str
    smtp: str
    mail_resource: str
    portal: str = ""
    ca_file: Path | None = None
    proxy: str = "environment"
    source: str = ""
    title: str = ""
    rehearsal: bool = False
    settles_minutes: float = 1440
    unverified: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def settles(self) -> timedelta:
        """How long at most until what is changed counts."""
        return timedelta(minutes=self.settles_minutes)


@cache
def built_in() -> Mapping[str, Cloud]:
    """Return the clouds that need no entry in a tenants file, by name."""
    return MappingProxyType({name: _cloud(name, entry) for name, entry in reference.table("clouds").items()})


def _cloud(name: str, entry: Mapping[str, Any]) -> Cloud:
    known = {key: value for key, value in entry.items() if key not in ("sources", "unverified")}
    return Cloud(name=name, source="lib/facts/clouds.toml", unverified=dict(entry["unverified"]), **known)


def host_and_port(address: str) -> tuple[str, int]:
    """Return ``host:port`` as its two parts; the brackets of an IPv6 host are gone.

    Raises:
        ValueError: It is not of that form, or the port is not one of 1 to 65535.
    """
    host, colon, port = address.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    plain = host[1:-1] if bracketed else host
    fits = bool(plain) and ((":" in plain) == bracketed) and not set(plain) & set(" /@?#[]\\\t\r\n")
    if not (colon and fits and port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= 65535):
        raise ValueError(f"{address!r} is not host:port")
    return plain, int(port)

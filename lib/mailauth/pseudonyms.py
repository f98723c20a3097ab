"""Names in place of names: the same for the same, told by nobody who lacks the key.

A pseudonym is the beginning of an HMAC-SHA256 over a kind and a value, written so that a person can read it out. It
says what was there (a person, a mailbox, a network) and nothing else of it: of an address neither the name nor the
domain, of a network neither the address nor its prefix. The key stays with its owner, who alone can find out who is
meant.

Eleven signs of 32 hold 55 bits: among 100,000 values, two share a name in one of seven million sets.
"""

import hashlib
import hmac
import ipaddress
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Final

from . import networks, vocabulary
from .guids import is_guid

__all__ = ["LEFT_OUT", "PATTERN", "Pseudonyms"]

LEFT_OUT: Final = "[left out]"
"""What stands in the place of text that nobody can vouch for."""

PATTERN: Final = r"[a-z]+-[0-9a-hjkmnp-tv-z]{11}"
"""What a pseudonym looks like, without groups; of an address both halves do, and the domain ends with ``.example``."""

_NAME: Final = re.compile(PATTERN)
# Without i, l, o and u, which are misread, and without upper case, which is misheard.
_SIGNS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH: Final = 11
_SHORTEST_KEY: Final = 32
_ADDRESS: Final = re.compile(r"(?:.*<)?(?P<name>[^@<>\s][^<>]*)@(?P<domain>[^@<>\s]+)>?")
_PORT: Final = re.compile(r"\d{1,5}")


@dataclass(frozen=True, repr=False)
class Pseudonyms:
    """The names that one key gives.

    Args:
        key: The key, 32 bytes or more; whoever has it can test who is meant.

    Raises:
        ValueError: The key is too short.
    """

    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) < _SHORTEST_KEY:
            raise ValueError(f"key: found {len(self.key)} bytes; expected {_SHORTEST_KEY} or more")

    def name(self, kind: str, value: str) -> str:
        """Return what stands in the place of *value*; an empty one stays empty.

        Args:
            kind: One of `phrases.KINDS`; any other counts as free text.
            value: The value as it came. Hostile text.
        """
        if not value.strip():
            return value if kind == "word" else ""
        return self._named(kind, value)

    def meant(self, pseudonym: str, kind: str, value: str) -> bool:
        """Whether *pseudonym* stands for *value*, or is a half of what does: a mailbox without its domain, say."""
        # A word of our own, a well-known host or what was left out stands for itself and for nobody.
        return bool(_NAME.match(pseudonym)) and pseudonym in self.halves(self.name(kind, value))

    @staticmethod
    def halves(pseudonym: str) -> tuple[str, ...]:
        """Return a pseudonym and what it is made of."""
        local, at, domain = pseudonym.partition("@")
        return (
            (pseudonym, local, domain, domain.removesuffix(_TOP)) if at else (pseudonym, pseudonym.removesuffix(_TOP))
        )

    @cached_property
    def _named(self) -> Callable[[str, str], str]:
        # A log says the same few thousand names a million times.
        return lru_cache(maxsize=1 << 17)(self._of)

    def _of(self, kind: str, value: str) -> str:
        make = _KINDS.get(kind)
        return make(self, value) if make else _reduced(value)

    def _sign(self, kind: str, normal: str) -> str:
        digest = hmac.digest(self.key, f"{kind}\0{normal}".encode("utf-8", "surrogatepass"), hashlib.sha256)
        number = int.from_bytes(digest[:8]) >> (64 - 5 * _LENGTH)
        signs = (_SIGNS[number >> shift & 31] for shift in range(5 * (_LENGTH - 1), -1, -5))
        return f"{kind}-{''.join(signs)}"

    def _who(self, value: str) -> str:
        """Return the name of a person or a mailbox: who is written as an address in one place is the same in all."""
        if is_guid(value.strip()):
            return self._id(value)
        found = _ADDRESS.fullmatch(value.strip())
        if found is None:
            return self._sign("person", _folded(value))
        address = f"{_folded(found['name'])}@{_domain(found['domain'])}"
        return f"{self._sign('mailbox', address)}@{self._domain(found['domain'])}"

    def _domain(self, value: str) -> str:
        return self._sign("domain", _domain(value)) + _TOP

    def _host(self, value: str) -> str:
        text = value.strip()
        host, colon, port = ("", "", "") if _is_network(text) else text.rpartition(":")
        if not _PORT.fullmatch(port):
            host, colon, port = text, "", ""
        if vocabulary.is_everybodys_host(host):
            return text
        named = self._network(host) if _is_network(host) else self._sign("host", _domain(host))
        return named + colon + port

    def _network(self, value: str) -> str:
        text = value.strip()
        system = re.fullmatch(r"(?:AS)?(\d{1,10})", text, re.IGNORECASE)
        if system:
            return self._sign("system", system[1].lstrip("0"))
        return self._sign("network", networks.canonical(text))

    def _id(self, value: str) -> str:
        text = value.strip().strip("{}").lower()
        return text if vocabulary.is_everybodys_id(text) else self._sign("id", _folded(text))

    def _thumbprint(self, value: str) -> str:
        return self._sign("thumbprint", re.sub(r"[\s:-]", "", value).lower())

    def _app(self, value: str) -> str:
        return vocabulary.product(value) or self._sign("app", _folded(value))


_TOP: Final = ".example"


def _reduced(value: str) -> str:
    return vocabulary.product(value) or LEFT_OUT


def _folded(value: str) -> str:
    """Return one spelling for what people take for the same: case, width, blanks, and marks that cannot be seen."""
    text = unicodedata.normalize("NFKC", value).casefold()
    seen = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    return " ".join(seen.split())


def _domain(value: str) -> str:
    text = _folded(value).rstrip(".")
    try:
        return text.encode("idna").decode("ascii")
    except UnicodeError:
        return text


def _is_network(host: str) -> bool:
    try:
        ipaddress.ip_interface(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


_KINDS: Final[Mapping[str, Callable[[Pseudonyms, str], str]]] = MappingProxyType(
    {
        "person": Pseudonyms._who,
        "address": Pseudonyms._who,
        "host": Pseudonyms._host,
        "domain": Pseudonyms._domain,
        "ip": Pseudonyms._network,
        "id": Pseudonyms._id,
        "thumbprint": Pseudonyms._thumbprint,
        "app": Pseudonyms._app,
        "device": lambda own, value: value if vocabulary.is_fact(value) else own._sign("device", _folded(value)),
        "tenant": lambda own, value: own._sign("tenant", _folded(value)),
        "word": lambda _, value: value if vocabulary.is_ours(value) else _reduced(value),
        "place": lambda own, value: own._sign("place", _folded(value)),
    }
)

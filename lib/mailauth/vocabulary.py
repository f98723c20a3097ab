"""What may stay on a page that goes to anybody: the library's own words, and what the whole world calls the same.

A sentence counts as ours where each of its words stands in the facts that ship with the library, spelled as there, and
nothing in it looks like an address or an id. Only fields that the library fills by itself are asked: it is a second
lock, and what others wrote is in fields of other kinds.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from . import clouds, reference
from .guids import GUID

__all__ = ["is_everybodys_host", "is_everybodys_id", "is_fact", "is_ours", "product"]

# Every file of facts with prose in it; names of sources are in them, too, so whole texts of those stay whole.
_FACTS: Final = (
    *("causes", "client_apps", "clouds", "cmdlets", "deadlines", "mail_clients", "permissions", "powershell"),
    *("result_codes", "moving", "roads", "sender_kinds", "signs", "tokens", "verdicts", "words"),
)
_SOURCES: Final = frozenset({"source", "sources", "at"})
_WORD: Final = re.compile(r"[A-Za-z0-9]+(?:['\u2019][a-z]+)?")
_FOREIGN: Final = re.compile(
    r"[^\n\x20-\x7e\u2018-\u201d\u2026\u00d7\u2013\u2014\u00b7\u2192\u00a0]|[@\\]|://"
    r"|\d+\.\d+\.\d+\.\d+|[0-9a-fA-F]{1,4}:[0-9a-fA-F]{0,4}:"
)
# A page that people are sent to; what follows the host is asked like any other text.
_LINK: Final = re.compile(r"https://([a-z0-9.-]{1,253}[a-z0-9])")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?)?")
_BEGINS: Final = re.compile(r"(?:^\s*|[.:?!;\d]\s+|\n\s*|[\u201c\"(]\s*)$")
_LONGEST_NUMBER: Final = 4  # digits of a year; ids and telephone numbers are longer
_NUMBERS: Final = re.compile(r"[0-9][0-9 ().+-]*")  # a telephone number, in whatever groups somebody writes it
_MOST_DIGITS: Final = 8  # of a refusal with its code: 535 5.7.139
_LONGEST: Final = 20_000


def is_ours(text: str) -> bool:
    """Whether *text* is a text of the facts, a sentence of their words and of numbers, a moment, a day or a country."""
    if not text or is_fact(text) or _MOMENT.fullmatch(text) or text in _countries():
        return True
    if len(text) > _LONGEST:
        return False
    rest = _LINK.sub(lambda found: " " if is_everybodys_host(found[1]) else found[0], text)
    if _FOREIGN.search(rest) or any(_is_long(found[0]) for found in _NUMBERS.finditer(_MOMENT.sub(" ", rest))):
        return False
    return all(_is_word(found, rest) for found in _WORD.finditer(rest))


def is_fact(text: str) -> bool:
    """Whether *text* stands in the facts as it is."""
    return text in _texts()


def product(text: str) -> str:
    """Return the product that *text* names as the world knows it, or an empty text.

    Args:
        text: An application's name, a client's name in a log, or a user agent. Hostile text.
    """
    known = _products().get(" ".join(text.split()).casefold())
    if known is not None:
        return known
    lower = text[:_LONGEST].lower()
    return next((each["name"] for each in reference.table("mail_clients")["agent"] if each["holds"] in lower), "")


def is_everybodys_id(text: str) -> bool:
    """Whether *text* is an id that is the same in every tenant: a product's, or a permission's."""
    return text.strip().lower() in _ids()


def is_everybodys_host(text: str) -> bool:
    """Whether *text* is a host of one of Microsoft's clouds."""
    return text.strip().rstrip(".").lower() in _hosts()


def _is_word(found: re.Match[str], text: str) -> bool:
    word = found[0]
    if word.isdigit() and len(word) <= _LONGEST_NUMBER:
        return True
    known = _words()
    if word in known:
        return True
    # A capital makes a name of a word, unless it begins a sentence: "mark" is ours, and "Mark" may be anybody.
    begins = word != text.strip() and _BEGINS.search(text[max(0, found.start() - 4) : found.start()]) is not None
    return begins and word[:1].lower() + word[1:] in known


def _is_long(numbers: str) -> bool:
    return sum(map(str.isdigit, numbers)) > _MOST_DIGITS


@cache
def _countries() -> frozenset[str]:
    return frozenset(reference.table("countries")["codes"].split())


@cache
def _texts() -> frozenset[str]:
    return frozenset(text for name in _FACTS for text in _within(reference.table(name)))


@cache
def _words() -> frozenset[str]:
    prose = (text for name in _FACTS for text in _within(reference.table(name), besides=_SOURCES))
    return frozenset(word for text in prose for word in _WORD.findall(re.sub(GUID, " ", text)))


@cache
def _products() -> dict[str, str]:
    facts, programs = reference.table("client_apps"), reference.table("mail_clients")
    spellings = [spelling for each in facts["protocols"].values() for spelling in each if spelling]
    resources = [each["name"] for each in reference.table("permissions")["resources"].values()]
    names = [
        *(each["name"] for each in programs["app"].values()),
        *(each["name"] for each in programs["agent"]),
        *(*programs["exchange_agents"]["texts"], *facts["modern"], *facts["exchange_resources"], *facts["protocols"]),
        *(*spellings, *resources),
    ]
    return {" ".join(name.split()).casefold(): name for name in names}


@cache
def _ids() -> frozenset[str]:
    texts = (text for name in ("client_apps", "mail_clients", "permissions") for text in _within(reference.table(name)))
    return frozenset(found.lower() for text in texts for found in re.findall(GUID, text))


@cache
def _hosts() -> frozenset[str]:
    addresses = (getattr(cloud, name) for cloud in clouds.built_in().values() for name in _HOSTS)
    return frozenset(re.sub(r"^https://|:\d+$", "", address).lower() for address in addresses if address)


_HOSTS: Final = ("login", "graph", "logs", "exchange", "imap", "pop", "smtp", "mail_resource", "portal")


def _within(value: Any, besides: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield each text in *value*, keys included, but what stands under one of the keys *besides*."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for inside in value:
            yield from _within(inside, besides)
    elif hasattr(value, "items"):
        for key, inside in value.items():
            if key not in besides:
                yield key
                yield from _within(inside, besides)

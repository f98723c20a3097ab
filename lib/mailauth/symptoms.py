"""Recognises what is shown: which rows of the catalogue a text can stand for.

A text may be the server's line, several of them, or what a client makes of them. It is hostile: it is read with
patterns that look a bounded stretch ahead, and only so much of it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from .catalogue import Cause, Symptom, causes, symptoms

__all__ = ["LONGEST", "Recognised", "about_mail", "numbers", "recognise"]

LONGEST: Final = 256 * 1024
"""So many characters are read; what decides stands at the end, so it is the last ones that are."""

_GAP: Final = ".{0,200}?"
_NUMBER: Final = re.compile(r"AADSTS(\d{4,8})(?!\d)", re.IGNORECASE)
_LISTED: Final = re.compile(r"error_codes\W{1,8}((?:\d{4,8}[,\s]{0,4}){1,8})")


@dataclass(frozen=True)
class Recognised:
    """What a text can stand for.

    Args:
        rows: The rows of the catalogue, in its order.
        symptoms: The shared symptoms among what was shown.
        numbers: The AADSTS numbers in it, whether the catalogue knows them or not.
    """

    rows: tuple[str, ...] = ()
    symptoms: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()


def recognise(texts: Iterable[str], *, token: bool = False) -> Recognised:
    """Return what *texts*, in their order, can stand for; nothing where no words of theirs are known.

    Args:
        texts: What was shown.
        token: Whether a token was sent: some words for a refused password mean less then.
    """
    text = "\n".join(texts)[-LONGEST:]
    codes = numbers(text)
    shared = tuple(id for id, each in symptoms().items() if _found(text, _words(each, token=token)))
    rows = [each for each in causes().values() if _shows(each, text, codes, shared)]
    return Recognised(tuple(each.id for each in _apart(rows)), shared, codes)


def _words(symptom: Symptom, *, token: bool) -> tuple[str, ...]:
    return (*symptom.shown, *symptom.clients, *(symptom.of_tokens if token else ()))


def numbers(text: str) -> tuple[int, ...]:
    """Return the AADSTS numbers in *text*, each once."""
    listed = (number for found in _LISTED.finditer(text) for number in re.findall(r"\d+", found[1]))
    return tuple(dict.fromkeys(map(int, (*_NUMBER.findall(text), *listed))))


def _shows(cause: Cause, text: str, codes: Sequence[int], shared: Sequence[str]) -> bool:
    if cause.codes and codes:
        # The number decides: words such as invalid_scope stand beside many of them.
        return not set(cause.codes).isdisjoint(codes)
    own = (*cause.shown, *cause.about, *cause.clients)
    return not set(cause.symptoms).isdisjoint(shared) or _found(text, own)


def about_mail(cause: Cause, texts: Iterable[str]) -> bool | None:
    """Return whether the words of *cause* stand beside a host, port or program of mail; None where nothing tells.

    A line that names a host speaks of that one; a line that names none, of what the rest is about.
    """
    text = "\n".join(texts)[-LONGEST:]
    own = (*cause.shown, *cause.about, *cause.clients)
    told = [_mail(line) for line in text.split("\n") if _found(line, own)]
    known = [each for each in told if each is not None]
    return any(known) if known else _mail(text)


def _mail(text: str) -> bool | None:
    if _MAIL.search(text):
        return True
    return False if _HOST.search(text) else None


# Of a host's name the first word, or what Microsoft calls its own; of a port its number; of a program its name.
_MAIL: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:imap|pop3?|smtp|mail)[\w-]{0,40}\.|outlook[\w-]{0,20}\.(?:office365|office|com|cn)|\.outlook\.com"
    r"|(?::|\bport[ =:']{1,4}|[\"'], )(?:993|995|587|143|110|465|25)\b"
    r"|(?<![a-z])(?:imap|smtp|pop3|smtpd?lib|imaplib|poplib|nodemailer|mailkit|msmtp|mbsync|fetchmail|swaks)(?![a-z])"
    r"|\b[245]\d\d[ -]\d\.\d\.\d{1,3}\b|command: '(?:CONN|AUTH|EHLO|STARTTLS)|SmtpClient|ImapClient",
    re.IGNORECASE,
)
_HOST: Final = re.compile(
    # A source file with its line is no host with its port.
    r"https?://|\bhost[=:]|\bport[ =:]{1,3}\d|\b[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,8}"
    r"\.(?!(?:c|cc|cpp|cs|go|java|js|kt|php|py|rb|rs|ts):)[a-z0-9-]{1,63}:\d{2,5}\b",
    re.IGNORECASE,
)


def _apart(rows: Sequence[Cause]) -> Iterator[Cause]:
    """Yield *rows* without those that mean nothing beside others."""
    others = any(not each.lone for each in rows)
    for each in rows:
        if not (each.lone and others):
            yield each


def _found(text: str, patterns: tuple[str, ...]) -> bool:
    return any(_pattern(each).search(text) for each in patterns)


@cache
def _pattern(words: str) -> re.Pattern[str]:
    parts = (r"\s{1,8}".join(map(re.escape, part.split())) for part in words.split("*"))
    return re.compile(_GAP.join(parts), re.IGNORECASE | re.DOTALL)

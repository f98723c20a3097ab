"""Takes out of pasted text whatever may be a secret, where nobody knows which secrets there are.

`redaction.Redactor` removes secrets that are known. Here none is: a person pasted a log, and what looks like a token, a
SASL string, a key or a password goes, also where it is none. What is shown in its place says how long it was.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from .dialogue import server_name

__all__ = ["mask", "masked"]

_NAMES: Final = (
    r"access_?token|refresh_?token|id_?token|client_?secret|client_?assertion|assertion|secret(?:_?text|_?value)?"
    r"|passw(?:or)?[dt]|kennwort|passwd|pwd|pass|device_?code|user_?code|code_?verifier|authorization_?code|api_?key|sasl|auth_?data"
)
_BASE64: Final = r"[A-Za-z0-9+/_=-]"
_KEYS: Final = re.compile(
    # Without an end it is cut off; what follows goes too.
    r"-----BEGIN [A-Z0-9 ]{1,40}-----(?:.{0,20000}?-----END [A-Z0-9 ]{1,40}-----|.{0,20000})",
    re.DOTALL,
)
_NAMED: Final = re.compile(
    # A name in a query, a form, JSON, a shell's option or a configuration, with what stands behind it.
    rf"(?<![A-Za-z0-9])(?P<name>(?:[A-Za-z0-9]{{1,20}}pass(?:word|wd)?|{_NAMES})[\"']?\s{{0,8}}"
    r"(?:=>|[=:]|\b(?:is|was)\b|\bvalue\s{0,4}=)\s{0,8})"
    r"(?P<value>\"[^\"\r\n]{1,8192}\"|'[^'\r\n]{1,8192}'|[^\s&\"',;}]{1,8192})",
    re.IGNORECASE,
)
_OPTION: Final = re.compile(
    r"(?P<name>--?(?:password[12]?|passwd|auth-password|ap|oauth2-bearer|oauthaccesstoken[12]"
    r"|clientsecret|client-secret|secret)[ =]+)"
    r"(?P<value>\"[^\"\r\n]{1,8192}\"|'[^'\r\n]{1,8192}'|\S{1,8192})",
    re.IGNORECASE,
)
# Of an address that a browser was sent to; elsewhere a code is an error's.
_CODE: Final = re.compile(r"(?P<name>(?:[?&#]|^)code=)(?P<value>[^&\s\"']{1,8192})", re.MULTILINE)
_ELEMENT: Final = re.compile(rf"(?P<name><(?:{_NAMES})>)(?P<value>[^<\r\n]{{1,8192}})", re.IGNORECASE)
# Account and password with a colon between: before the host of an address, and as curl takes them.
_PAIR: Final = re.compile(r"(?P<name>://[^\s:/@]{1,320}(?:@[^\s:/@]{1,255})?:)(?P<value>[^\s/@]{1,400})(?=@)")
_USER: Final = re.compile(r"(?P<name>(?:^|\s)(?:-u|--user)[ =]?[\"']?[^\s:\"']{1,320}:)(?P<value>[^\s\"']{1,400})")
_QUOTED: Final = r"\"[^\"\r\n]{1,8192}\"|'[^'\r\n]{1,8192}'"
# Account and password as a program's own call has them, and as PowerShell makes a password.
_CALL: Final = re.compile(
    r"(?P<name>\b(?:login|authenticate|connect|imap_open|NetworkCredential|ClientSecretCredential)\s{0,4}\(\s{0,4}"
    rf"(?:(?:{_QUOTED})\s{{0,4}},\s{{0,4}}){{1,2}})(?P<value>{_QUOTED})(?=\s{{0,4}}[,)])",
    re.IGNORECASE,
)
_SECURED: Final = re.compile(
    rf"(?P<name>ConvertTo-SecureString\s{{1,8}}(?:-String\s{{1,8}})?)(?P<value>{_QUOTED}|[^\s-]\S{{0,8191}})",
    re.IGNORECASE,
)
# As Postfix maps a relay to an account, and as .netrc and mail programs' own files write it.
_RELAY: Final = re.compile(r"(?P<name>\]:\d{2,5}[\s=]\s{0,8}[^\s:@]{1,200}@[^\s:@]{1,255}:)(?P<value>[^\s}]{1,400})")
_FILE: Final = re.compile(
    r"(?P<name>(?:\blogin\s{1,8}\S{1,320}\s{1,8}|^\s{0,8})password\s{1,8})"
    r"(?P<value>\"[^\"\r\n]{1,400}\"|(?=[a-z]{0,400}[^a-z\s])\S{6,400})(?=\s{0,8}$)",
    re.MULTILINE,
)
# As a device-code sign-in asks a person for it: until it ends, who has it can be signed in as.
_ENTER: Final = re.compile(
    r"(?P<name>\benter (?:the )?(?:code )?)(?P<value>(?=[A-Z0-9-]{0,11}\d|[A-Z]{8})[A-Z0-9-]{8,12})(?=[\s.,;]|$)"
)
_BEARER: Final = re.compile(r"(?P<name>\bBearer\s{1,4})(?P<value>[^\s\"'\x01\\<]{1,65536})", re.IGNORECASE)
# What a server offers is no secret, and what support looks for.
_MECHANISM: Final = r"(?:XOAUTH2|OAUTHBEARER|PLAIN|LOGIN|CRAM-MD5|NTLM|GSSAPI|SCRAM-[A-Z0-9-]{1,20})(?![A-Za-z0-9+/=])"
_COMMANDS: Final = (
    re.compile(
        r"(?P<name>\bAUTH(?:ENTICATE)?\s{1,4}[\"']?(?:XOAUTH2|OAUTHBEARER|PLAIN|LOGIN|CRAM-MD5|NTLM)[\"']?\s{1,4})"
        rf"(?P<value>(?!{_MECHANISM}|(?:command|failed)\b)[^\s<'\"\\]{{1,65536}})",
        re.IGNORECASE,
    ),
    # LOGIN user password, as IMAP has it; the name stays.
    re.compile(
        r"(?P<name>\bLOGIN\s{1,4}(?:\"[^\"\r\n]{1,400}\"|[^\s\"]{1,400}@[^\s\"]{1,400})\s{1,4})"
        r"(?P<value>\"[^\"\r\n]{1,400}\"|(?!\{\d{1,6}\+?\})[^\s\"'\\]{1,400})"
    ),
    # A name that is no address: only where a tag stands in front and nothing but the password behind.
    re.compile(
        r"(?P<name>\b(?!AUTH\s)[A-Za-z0-9.]{1,20}\sLOGIN\s(?!completed|failed)[^\s\"]{1,320}\s)"
        r"(?P<value>[^\s\"'\\]{1,400})(?=(?:\\r\\n)?['\"]?\s{0,4}$)",
        re.MULTILINE,
    ),
    re.compile(r"(?P<name>(?:^|[\s'\":>])PASS\s{1,4})(?P<value>[^\r\n'\\]{1,400})", re.MULTILINE),
)
# Control-A, also as programs write it.
_FIELDS: Final = re.compile(
    rf"(?P<name>auth=)(?P<value>(?!Bearer <|{_MECHANISM})[^\x01\r\n\"']{{1,65536}})", re.IGNORECASE
)
_ENTRA: Final = re.compile(r"[A-Za-z0-9_.~-]{0,8}\dQ~[A-Za-z0-9_.~-]{20,64}")
_JWT: Final = re.compile(r"\beyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]{0,65536}){0,4}")
# Longer than any id, and than what people name things; a thumbprint has 40 or 64 signs of hex.
_LONG: Final = re.compile(r"[A-Za-z0-9+/_=~.-]{48,}")
_HOST: Final = re.compile(r"(?:[A-Za-z0-9-]{1,63}\.){2,10}[A-Za-z]{2,24}\.?")
_HEX: Final = re.compile(r"[0-9A-Fa-f]{64}")
_CONTINUED: Final = re.compile(
    rf"^(?P<name>.{{0,80}}?(?:\s|[>:'\"]|^))(?P<value>{_BASE64}{{4,65536}})(?P<end>(?:\\r\\n)?['\"]?\s{{0,8}})$"
)
_ASKED: Final = re.compile(r"(?:\b334\b|(?:^|\s|'|\")\+(?:\s|$|\\r))")
_MASKED: Final = re.compile(r"<\d[\d,]* characters>")


def mask(text: str) -> str:
    """Return *text* with what may be a secret in it replaced by its length."""
    text = _KEYS.sub(lambda found: _length(found[0]), "\n".join(_literals(text.split("\n"))))
    for pattern in (
        _BEARER,
        *_COMMANDS,
        _CALL,
        _SECURED,
        _RELAY,
        _FILE,
        _FIELDS,
        _OPTION,
        _ELEMENT,
        _PAIR,
        _USER,
        _NAMED,
        _CODE,
        _ENTER,
    ):
        text = pattern.sub(_named, text)
    for pattern, masked in _RUNS:
        text = pattern.sub(masked, text)
    return "\n".join(_continued(text.split("\n")))


def masked(text: str) -> bool:
    """Whether something was taken out of *text*, which `mask` returned."""
    return _MASKED.search(text) is not None


def _length(secret: str) -> str:
    return f"<{len(secret):,} characters>"


def _named(found: re.Match[str]) -> str:
    value = found["value"].strip("\"'")
    if _MASKED.search(value) or value.lower() in ("bearer", "null", "none", "true", "false"):
        return found[0]
    return found["name"] + _length(value)


def _long(found: re.Match[str]) -> str:
    run = found[0]
    name = server_name(f"[{run}]")
    if name:
        return name
    return run if _HOST.fullmatch(run) or _HEX.fullmatch(run) or not _mixed(run) else _length(run)


def _mixed(run: str) -> bool:
    """Whether a run looks like no words and no ruler: nothing secret repeats one sign, or is a path of short words."""
    if len(set(run)) < 8:
        return False
    return max(map(len, re.split(r"[/._=-]", run))) >= 20


_RUNS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...]] = (
    (_JWT, lambda found: _length(found[0])),
    (_ENTRA, lambda found: _length(found[0])),
    (_LONG, _long),
)


def _continued(lines: list[str]) -> Iterator[str]:
    """Yield *lines* without base64 that follows a challenge, or what was masked at a line's end and goes on below."""
    before = ""
    for line in lines:
        found = _CONTINUED.match(line.rstrip("\r"))
        goes_on = found is not None and before.rstrip().endswith("characters>") and not found["name"].strip()
        asked = found is not None and _ASKED.search(before) is not None and _decodes(found["value"])
        before = f"{found['name']}{_length(found['value'])}{found['end']}" if found and (goes_on or asked) else line
        yield before


# IMAP's literals: {16} at a line's end, and so many bytes on the next; the server's + may stand in between.
_LITERAL: Final = re.compile(r"\{\d{1,6}\+?\}(?:\\r\\n)?['\"]?\s{0,8}$")
_LOGIN: Final = re.compile(r"\bLOGIN\s{1,4}(?P<rest>.{0,700})$", re.IGNORECASE)
_GO_ON: Final = re.compile(r"(?:^|[\s'\"])\+(?:\s|\\r|['\"]|$)")
_MARKED: Final = re.compile(
    r"^(?P<name>.{0,160}?(?:-->|->|C:|>>>|send:|SendData:|[<>])\s{0,4}(?:b?['\"])?)?(?P<value>.{1,8192})$"
)


def _literals(lines: Iterable[str]) -> Iterator[str]:
    """Yield *lines* without what LOGIN sends as a literal: the password, and what may be one."""
    missing = 0  # of LOGIN's two words, those that come on the next lines
    for line in lines:
        if missing and not _GO_ON.search(line):
            missing, line = _sent(missing, line)
        elif not missing and (login := _LOGIN.search(line)) and _LITERAL.search(line):
            missing = 2 if login["rest"].lstrip("\"'").startswith("{") else 1
        yield line


def _sent(missing: int, line: str) -> tuple[int, str]:
    """Return how many words are missing after *line*, and what of it may be shown: the account, where it is one."""
    found = _MARKED.match(line)
    if found is None:
        return missing, line
    front, value = found["name"] or "", found["value"]
    account, blank, rest = value.partition(" ")
    shown = account if "@" in account else _length(account)
    if missing == 2 and blank and _LITERAL.fullmatch(rest):
        return 1, f"{front}{shown} {rest}"
    if missing == 2 and blank and "@" in account:
        return 0, f"{front}{account} {_length(rest)}"
    return 0, front + _length(value)


def _decodes(value: str) -> bool:
    """Whether *value* is base64 of something, or too long for a word."""
    if len(value) >= 24:
        return True
    try:
        return bool(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        return False

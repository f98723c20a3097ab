"""The log of a mail program, line by line: which program wrote it, who said what, by which protocol, how it signed in.

Text in, values out; nothing is opened. The text is hostile: it is read with patterns that take linear time.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple

from .tenants import Protocol

__all__ = ["Account", "Shown", "Way", "account", "as_app", "lines", "protocol", "shown", "tool"]

Way = Literal["sent", "heard"]
Shown = Literal["", "token", "password"]
"""What a client signed in with; empty where the log does not show it."""

_TOOLS: Final[Mapping[str, str]] = {
    "openssl s_client": r"^CONNECTED\([0-9A-F]{8}\)|^SSL-Session:|^Certificate chain",
    "Get-IMAPAccessToken.ps1": (
        r"Get-IMAPAccessToken|ERROR during authentication|Accessing Sharedmailbox|^A01 (?:OK AUTHENTICATE|NO AUTH)"
    ),
    "email-oauth2-proxy": (
        r"Email OAuth 2\.0 Proxy|emailproxy|(?:IMAP|POP|SMTP) \([^)\n]{1,200}\) ?(?:-->|<--)"
        r"|Error requesting access token with scope"
    ),
    "MailKit": r"^Connected to (?:imaps?|pops?|smtps?)://|MailKit\.|\b(?:Imap|Smtp|Pop3)\.[SC]: ",
    "Thunderbird": r"[DIE]/(?:IMAP|POP3|SMTP)\b|mailnews\.(?:smtp|imap|pop3)|ImapLogger",
    "offlineimap": r"OfflineIMAP|Establishing connection to .{1,200}:\d{2,5} \(",
    "imapsync": r"^Here is imapsync|imapsync --|\bHost[12](?::| failure| capability| info)",
    "mbsync": r"^IMAP command '|Authenticating with SASL mechanism|Opening far side store",
    "fetchmail": r"^fetchmail: ",
    "msmtp": r"^msmtp: |\.msmtprc",
    "PHPMailer": r"(?:SERVER -> CLIENT|CLIENT -> SERVER): |^SMTP Error: Could not|PHPMailer",
    "Jakarta Mail": r"^DEBUG (?:IMAPS?|POP3S?|SMTPS?): |(?:javax|jakarta)\.mail\.",
    "nodemailer": r"\bcode: '(?:EAUTH|ECONNECTION|ESOCKET|ETIMEDOUT|EENVELOPE)'|SMTPConnection|nodemailer",
    "imapflow": r"\"component\":\s?\"imap-connection\"|ImapFlow",
    "Postfix": r"postfix/smtp\[",
    "swaks": r"^=== (?:Trying|Connected)|^<\*\* |^ -> (?:EHLO|AUTH)|^<-  ",
    "curl": r"^curl: \(\d{1,3}\)|^\* (?:Connected to|Trying|  Trying|TLSv1)",
    "smtplib": r"^(?:send: ['\"]|reply: (?:b['\"]|retcode))|smtplib\.",
    "imaplib": r"^ {0,4}\d\d:\d\d\.\d\d [<>] |imaplib\.",
    "mutt": r"^\[[^\]\n]{1,40}\] ?\d[<>] ",
}
"""By which marks the log of a tool is known, the more telling ones first."""

_FRONT: Final = r"^(?:.{0,160}?\s)?"
_TEXT: Final = r"\s{0,4}(?P<text>.{1,16384})$"
# Marks in front of what a client sends and of what it hears, with the time and the channel that stand before. PHP and
# Ruby print their arrays with => too: there it counts only before a quote, at the line's beginning or after a colon.
_WAYS: Final[tuple[tuple[Way, re.Pattern[str]], ...]] = (
    ("heard", re.compile(_FRONT + r"SERVER -> CLIENT:" + _TEXT)),
    ("sent", re.compile(_FRONT + r"CLIENT -> SERVER:" + _TEXT)),
    (
        "sent",
        re.compile(
            _FRONT
            + r"(?:-->|->|~>|(?:\w{1,8}\.)?C:|\[C\]|>>>|send:|\d>|(?:IMAP|POP3|SMTP)>|\S{1,80}SendData:|Sending:)"
            + _TEXT
        ),
    ),
    (
        "heard",
        re.compile(
            _FRONT
            + r"(?:<--|<-|<\*\*|<~\*?|(?:\w{1,8}\.)?S:|\[S\]|<<<|reply:|\d<|(?:IMAP|POP3|SMTP)<"
            + r"|\S{1,80}CreateNewLineFromSocket:|Read:)"
            + _TEXT
        ),
    ),
    ("sent", re.compile(r"^(?: {0,4}\d\d:\d\d\.\d\d )?> (?P<text>.{1,16384})$")),
    ("heard", re.compile(r"^(?: {0,4}\d\d:\d\d\.\d\d )?< (?P<text>.{1,16384})$")),
    ("sent", re.compile(r"^.{0,160}?postfix/\S{1,40}: > \S{1,200}: (?P<text>.{1,16384})$")),
    ("heard", re.compile(r"^.{0,160}?postfix/\S{1,40}: < \S{1,200}: (?P<text>.{1,16384})$")),
    ("sent", re.compile(r"^(?:.{0,80}?: )?=> (?P<text>['\"].{1,16384})$")),
    ("heard", re.compile(r"^(?:.{0,80}?: )?<= (?P<text>['\"].{1,16384})$")),
    ("sent", re.compile(r"^\{.{0,300}?\"src\":\s?\"c\",\s?\"msg\":\s?\"(?P<text>[^\"]{1,16384})\"")),
    ("heard", re.compile(r"^\{.{0,300}?\"src\":\s?\"s\",\s?\"msg\":\s?\"(?P<text>[^\"]{1,16384})\"")),
)
_BYTES: Final = re.compile(r"^b?(?P<mark>['\"])(?P<text>.*)(?P=mark)$")


def tool(text: str) -> str:
    """Return which tool wrote *text*; empty where no mark of one is in it."""
    return next((name for name, marks in _TOOLS.items() if re.search(marks, text, re.MULTILINE)), "")


def lines(text: str) -> Iterator[tuple[Way, str]]:
    """Yield each line out of its marks; what has none counts as heard."""
    for line in text.split("\n"):
        found = ((way, match["text"]) for way, pattern in _WAYS if (match := pattern.match(line)))
        way, said = next(found, ("heard", ""))
        yield (way, _bare(said)) if said else ("heard", line)


def _bare(text: str) -> str:
    """Return *text* out of the quotes that a program writes bytes in, without the line end in them."""
    found = _BYTES.match(text.strip())
    return (found["text"] if found else text).removesuffix("\\r\\n").strip()


# --- which protocol -------------------------------------------------------------------------------

_SPOKEN: Final[tuple[tuple[Protocol, str], ...]] = (
    (
        "smtp",
        r"smtp[\w.-]*\.(?:office365|outlook|partner)|:587\b|port=587|\b(?:535|550|530|554|454)[ :-]{1,2}\d\.\d"
        r"|\b5\.7\.\d{1,3} (?:Authentication|Client|SMTP)"
        r"|Microsoft ESMTP|\bEHLO\b|smtplib|nodemailer|command: '(?:CONN|AUTH)|[Ss]mtpClient|System\.Net\.Mail|msmtp",
    ),
    ("pop", r":995\b|POP3 service|\bpop[\w-]*\.|-ERR |poplib|pops?://"),
    ("imap", r":993\b|IMAP4 service|\bAUTHENTICATE\b|IMAP4rev1|imaps?://|imaplib|SimpleIMAPSSL|imapsync|mbsync"),
)
_REFUSED: Final[tuple[tuple[Protocol, re.Pattern[str]], ...]] = (
    ("smtp", re.compile(r"\b5(?:35|50|30|54)[ :-]{1,2}\(?(?:b['\"])?\d\.\d|\b5\.7\.\d{1,3}\b")),
    ("pop", re.compile(r"-ERR ")),
    ("imap", re.compile(r"\bNO (?:AUTHENTICATE|LOGIN)|\bBAD User is|AUTHENTICATE failed|BAD Command|\* BYE ")),
)


def protocol(text: str) -> Protocol | None:
    """Return the one protocol that the text speaks of, of several the one that was refused last; None where none is."""
    found = [name for name, marks in _SPOKEN if re.search(marks, text)]
    if len(found) < 2:
        return found[0] if found else None
    last = {name: max((each.start() for each in words.finditer(text)), default=-1) for name, words in _REFUSED}
    refused = max(found, key=lambda name: last[name])
    return refused if last[refused] >= 0 else None


# --- how it signed in -----------------------------------------------------------------------------

# What a server offers is nobody's sign-in.
_OFFER: Final = re.compile(
    r"\b250[ -]AUTH\b|\bCAPABILITY\b|\bcapability before\b|^SASL |mechanisms:|not supported", re.IGNORECASE
)
_TOKEN: Final = re.compile(
    r"\bAUTH(?:ENTICATE)?\s{1,2}[\"']?(?:XOAUTH2|OAUTHBEARER)|\bauth \[XOAUTH2|SASL mechanism XOAUTH2|method XOAUTH2",
    re.IGNORECASE,
)
_PASSWORD: Final = re.compile(
    r"(?i:\bAUTH(?:ENTICATE)? (?:PLAIN|LOGIN)\b|(?:^|['\" ])[A-Z]{0,6}\d{1,8} LOGIN (?!failed|completed)"
    r"|\bauth \[(?:LOGIN|PLAIN)\]|Password command failed)|^\S{1,3} LOGIN (?!failed|completed)|^PASS\b|^USER \S{1,320}$"
)


def shown(text: str) -> Shown:
    """Return what the client signed in with at last: a proxy is given a password, and shows a token itself."""
    found: Shown = ""
    for way, line in lines(text):
        if way == "heard" and _OFFER.search(line):
            continue
        if _TOKEN.search(line):
            found = "token"
        elif _PASSWORD.search(line):
            found = "password"
    return found


_APP: Final = re.compile(
    r"client_credentials|client credentials|\bAccessAsApp|\.AccessAsApp|\.SendAsApp|acquire_token_for_client"
    r"|AcquireTokenForClient|New-ServicePrincipal|\bservice principals?\b|with Accesstoken of User \.",
    re.IGNORECASE,
)
_PEOPLE: Final = re.compile(
    r"AccessAsUser\.All|/SMTP\.Send\b|authorization_code|device_code|acquire_token_interactive|AcquireTokenInteractive"
    r"|refresh_token|with Accesstoken of User \S{1,200}@",
    re.IGNORECASE,
)


def as_app(text: str) -> bool | None:
    """Return whether an app got the token for itself, and no person did; None where the text says neither, or both."""
    app, people = _APP.search(text) is not None, _PEOPLE.search(text) is not None
    return app if app != people else None


class Account(NamedTuple):
    """Whose mailbox was to be opened, and who had signed in; empty where that is not said."""

    mailbox: str = ""
    user: str = ""


_SEED: Final = re.compile(r"Accessing Sharedmailbox (\S{1,320}) with Accesstoken of User (\S{0,320}?)\.(?:\s|$)")
_FIELDS: Final = re.compile(
    r"\buser=([^\s\x01^\\<>\"']{1,320}@[^\s\x01^\\<>\"']{1,255}?)(?:\x01|\^A|\\x01|\\001|\\u0001)auth=", re.IGNORECASE
)


def account(text: str) -> Account:
    """Return whose mailbox the text speaks of: as the seed script tells it, or in a SASL string in clear."""
    if found := _SEED.search(text):
        return Account(found[1], found[2])
    clear = _FIELDS.search(text)
    return Account(clear[1]) if clear else Account()

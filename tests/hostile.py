"""What a stranger may write into a sign-in log, in every column that takes text, and a tenant whose export holds it."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests import exported

ALARM = "window.hostile=1"
TEXTS: Sequence[str] = (
    f"<script>{ALARM}</script>",
    f"<img src=x onerror={ALARM}>",
    f'"><svg/onload={ALARM}><a href="https://evil.example/a">click</a>',
    f"'onmouseover='{ALARM}' x='",
    "</td></tr></table></div><style>*{display:none!important}</style><meta http-equiv=refresh content=0>",
    "<iframe src=https://evil.example/b></iframe><base href=https://evil.example/><form action=//evil.example>",
    "</script><!--<script>",
    "[click](https://evil.example/c) ![x](https://evil.example/d.png) <https://evil.example/e> www.evil.example",
    "javascript:window.hostile=1//",
    '=HYPERLINK("https://evil.example/f","x")',
    "+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "\t=1+1",
    "\r\n=1+1",
    "\ufeff=1+1",
    '"=1+1"',
    "\uff1d1+1",
    "; =1+1",
    "safe\u202egpj.exe\u2066\u2067\u2069",
    "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd",
    "\u0430\u0440\u0440\u04cf\u0435.example",
    "pay\u200bpal\u2060\u00ad\u180e",
    "Z" + "\u0301\u0489\u20dd" * 60 + "algo",
    "\x00\x07\x1b[31mred\x9b2J\x7f",
    "W" * 3_000,
    "\ufdfd" * 50,
    "{{7*7}} ${7*7} <%= 7*7 %> $\\href{https://evil.example/g}{x}$ `code`",
    "half \ud83d pair",
)

# What says which row it is: ids, times, the protocol and what came of it. Everything else takes a stranger's text.
_KEPT = {"id", "createdDateTime", "userId", "tenantId", "isInteractive", "status", "authenticationDetails"}
_STRUCTURE = {
    *("clientAppUsed", "ipAddress", "userType", "homeTenantId", "resourceTenantId", "authenticationProtocol"),
    *("resourceId", "resourceDisplayName", "riskLevelDuringSignIn"),
}


def rows(now: datetime) -> Iterator[dict[str, Any]]:
    """Yield sign-ins of five kinds of sender for each text, on several days up to *now*."""
    number = 0
    for place, text in enumerate(TEXTS):
        for kind, (client, code, step) in enumerate(_KINDS):
            for ago in _DAYS:
                number += 1
                user = _user(text, place) if kind else f"{text}{place}@woodgrove.example"
                changes = _filled(text) | {
                    "createdDateTime": f"{now - timedelta(days=ago, hours=3):%Y-%m-%dT%H:%M:%S.000Z}",
                    "userPrincipalName": user,
                    "userId": f"33333333-3333-4333-8333-{place:08}{kind:04}",
                    "clientAppUsed": client,
                    "ipAddress": (f"203.0.113.{place + 1}", f"198.51.100.{place + 1}", text)[max(0, kind - 3)],
                    "riskLevelDuringSignIn": "high" if kind == 4 else "none",
                    "appId": f"55555555-5555-4555-8555-{place:012}",
                    "status": {"errorCode": code, "failureReason": text, "additionalDetails": text},
                    "authenticationDetails": [_step(step, text, code == 0)],
                }
                yield exported.graph(number, **changes)
    # Rows in which even what decides is a stranger's text.
    for text in TEXTS:
        number += 1
        whole = {name: text for name, value in exported.graph().items() if isinstance(value, str) and name not in _KEPT}
        yield exported.graph(number, **whole, createdDateTime=f"{now - timedelta(days=2):%Y-%m-%dT%H:%M:%S.000Z}")


_DAYS = (1, 2, 3)
_KINDS = (
    ("Authenticated SMTP", 0, "Password"),
    ("IMAP4", 50126, "Password"),
    ("Exchange ActiveSync", 0, "X.509 Certificate"),
    ("Authenticated SMTP", 53003, "Password"),
    ("IMAP4", 0, "Password"),
    ("POP3", 0, "Password"),
)


def _filled(text: str) -> dict[str, Any]:
    """Return a stranger's text for every column of text that decides nothing."""
    plain = {name for name, value in exported.graph().items() if isinstance(value, str)} - _KEPT - _STRUCTURE
    return dict.fromkeys(plain, text) | {
        "location": {"city": text, "state": text, "countryOrRegion": text},
        "deviceDetail": {"displayName": text, "operatingSystem": text, "browser": text, "deviceId": text},
        "appliedConditionalAccessPolicies": [{"id": text, "displayName": text, "result": "failure"}],
        "authenticationProcessingDetails": [{"key": text, "value": text}],
    }


def _user(text: str, place: int) -> str:
    """Return a user name that a decision may name: without blanks, and with one at sign."""
    return f"{''.join(text.split()).replace('@', '')}{place}@woodgrove.example"


def _step(method: str, text: str, succeeded: bool) -> dict[str, Any]:
    return {
        "authenticationStepDateTime": "2026-06-15T12:40:24Z",
        "authenticationMethod": method,
        "authenticationMethodDetail": text,
        "succeeded": succeeded,
        "authenticationStepResultDetail": text,
        "authenticationStepRequirement": text,
    }


def tenant(folder: Path, *, now: datetime | None = None) -> Path:
    """Write a tenants file with one tenant into *folder*, its export and a person's decisions; return the file."""
    moment = now or datetime.now(UTC)
    exported.write(folder / "exports" / "signins.json", exported.lines(rows(moment)))
    written = [text[:120] for text in TEXTS if text.isprintable()]
    decisions = {
        # A key of YAML's own has no more than 1,024 characters.
        "networks": {
            f"203.0.113.{place}": {"name": f"{place} {text}"[:60], "note": text}
            for place, text in enumerate(written, start=1)
        },
        "senders": [
            {"user": _user(text, place), "what": text, "owner": text, "note": text, "vendor": text}
            for place, text in enumerate(TEXTS)
            if text in written
        ],
        "vendors": {text: {"oauth": "no", "note": text} for text in written},
    }
    # JSON is YAML.
    (folder / "decisions.yaml").write_text(json.dumps(decisions), encoding="utf-8")
    file = folder / "tenants.yaml"
    file.write_text(
        f"tenants:\n  - {{name: woodgrove, tenant_id: {exported.TENANT},\n"
        "     signin_logs: [{files: exports/*.json}], decisions: decisions.yaml}\n",
        encoding="utf-8",
    )
    return file

"""``python -m practice``: the practice cloud by itself, for mail programs, scripts and trainers.

(nothing)       starts it or joins it, says what is there, and keeps it up until Ctrl-C
practise --reset [--tenant NAME]    makes tenants as they were at first
practise --answers NAME             says what is wrong with a tenant
"""

import argparse
import json
import ssl
import sys
import threading
from collections.abc import Sequence
from contextlib import closing
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from .attending import Attendance, PracticeError, attend
from .configuration import chosen_home

__all__ = ["main"]

_DESCRIPTION: Final = """\
A Microsoft 365 cloud on this machine, to rehearse on: Entra, Microsoft Graph, Log Analytics, the Exchange
administration, IMAP, POP and SMTP for four invented tenants. It listens on loopback only and stays up while anything
uses it. What is changed in a tenant stays until --reset."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when it did what was asked, 2 when it could not, 130 when it was interrupted early."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if asked.serve:
        from .serving import serve

        serve(asked.home)
        return 0
    try:
        attendance = attend(asked.home)
        if asked.reset:
            return _reset(attendance, asked.tenant)
        if asked.answers:
            return _answers(attendance, asked.answers)
        return _stay(attendance)
    except (PracticeError, _RefusedError) as error:
        print(f"practice: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="run.py practice", description=_DESCRIPTION)
    parser.add_argument("--reset", action="store_true", help="make the tenants as they were at first, and end")
    parser.add_argument("--tenant", default="", help="with --reset: only this tenant")
    parser.add_argument("--answers", metavar="TENANT", default="", help="for trainers: what is wrong with a tenant")
    parser.add_argument("--home", type=_folder, default=chosen_home(), help="where its state is kept (%(default)s)")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    return parser


def _folder(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _stay(attendance: Attendance) -> int:
    told = _ask(attendance, "GET", "/tenants")["tenants"]
    print(_said(attendance, told), flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print("\nGoing; it stays up while anything else uses it.")
    return 0


def _said(attendance: Attendance, told: Sequence[dict[str, Any]]) -> str:
    from .wellknown import SIGN_IN_WORD

    width = max(len(one["name"]) for one in told)
    lines = [
        "The practice cloud is up, on this machine only.",
        "",
        *(f"  {one['name']:<{width}}  {one['title']}; sign in as {', '.join(one['administrators'])}" for one in told),
        "",
        f"Every account signs in with  {SIGN_IN_WORD}",
        f"Entra, Graph, logs, Exchange {attendance.base_url}",
        f"IMAP {attendance.imap} (TLS), POP {attendance.pop} (TLS), SMTP {attendance.smtp} (STARTTLS)",
        f"Certificate to trust         {attendance.ca_file}",
        f"Tenants file                 {attendance.tenants_file}",
        "",
        "Ctrl-C leaves; what you changed is kept. Another terminal: run.py practice --reset, --answers TENANT.",
    ]
    return "\n".join(lines)


def _reset(attendance: Attendance, tenant: str) -> int:
    done = _ask(attendance, "POST", "/reset", {"tenants": [tenant]} if tenant else {})
    print(f"As at first: {', '.join(done['tenants'])}.")
    return 0


def _answers(attendance: Attendance, tenant: str) -> int:
    story = _ask(attendance, "GET", f"/tenants/{tenant}/answers")["story"]
    print("\n".join(f"- {line}" for line in story) if story else "Nothing is wrong with it.")
    return 0


class _RefusedError(Exception):
    """The trainer's door says no; the text says why."""


def _ask(attendance: Attendance, method: str, path: str, content: object = None) -> Any:
    context = ssl.create_default_context(cafile=attendance.ca_file)
    host = attendance.base_url.removeprefix("https://")
    # Spoken to directly: a proxy that the environment names has no business with loopback.
    with closing(HTTPSConnection(host, context=context, timeout=60)) as connection:
        body = None if content is None else json.dumps(content)
        headers = {"Authorization": f"Bearer {attendance.door_key}", "Content-Type": "application/json"}
        connection.request(method, f"/practice{quote(path)}", body, headers)
        answer = connection.getresponse()
        told = json.load(answer)
    if answer.status >= 400:
        raise _RefusedError(told["error"])
    return told


if __name__ == "__main__":
    sys.exit(main())

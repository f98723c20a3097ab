"""``run.py practice``: the practice cloud by itself, for mail programs, scripts and trainers."""

import argparse
import json
import os
import shlex
import ssl
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from .attending import Attendance, PracticeError, attend, has_gone
from .configuration import chosen_home

__all__ = ["main"]

_DESCRIPTION: Final = """\
A Microsoft 365 cloud on this machine, to rehearse on: Entra, Microsoft Graph, Log Analytics, the Exchange
administration, IMAP, POP and SMTP for four invented tenants. It listens on loopback only and stays up while anything
uses it. Without options this command says what is there and keeps it up until Ctrl-C. What is changed in a tenant
stays until --reset."""

_EXAMPLES: Final = """\
for trainers:
  --answers fabrikam                                     what is wrong with a tenant, as it is now
  --fault face=graph,kind=throttle,seconds=5,times=3     the next three Graph requests get 429
  --fault face=imap,kind=drop,tenant=contoso             lib/practice/faults.py explains the fields
  --set skew_s=86400                                     a day ahead; also directory_lag_s, exchange_lag_s, policy_lag_s
  --tenant adatum --set basic_smtp=removed               as announced | on | off by default | removed
  --tenant adatum --set moved=printer                    as if its owner had moved it to OAuth a fortnight ago
  --clear                                                everything works again"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when it did what was asked, 2 when it could not, 130 when it was interrupted early."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if asked.tenant and not (asked.reset or asked.set):
        parser.error("--tenant goes with --reset or --set")
    if asked.answers and (asked.reset or asked.set or asked.fault or asked.clear):
        parser.error("--answers goes alone")
    if asked.serve:
        from .serving import serve

        serve(asked.home)
        # All is closed by now. What the interpreter does next makes DuckDB's bindings list what they call leaks, and
        # the log's last line is what a failed start is told by.
        sys.stdout.flush()
        os._exit(0)
    try:
        attendance = attend(asked.home)
        wished = _wished(attendance, asked)
        return wished if wished is not None else _stay(attendance)
    except (PracticeError, _RefusedError) as error:
        print(f"practice: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="run.py practice",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--reset", action="store_true", help="make the tenants as they were at first, and end")
    parser.add_argument("--tenant", default="", help="with --reset or --set: this tenant")
    parser.add_argument("--answers", metavar="TENANT", default="", help="say what is wrong with a tenant, and end")
    parser.add_argument("--fault", metavar="FIELDS", action="append", default=[], help="arm a fault, and end")
    parser.add_argument(
        "--set", metavar="NAME=VALUE", action="append", default=[], help="set a lag or the clock, and end"
    )
    parser.add_argument("--clear", action="store_true", help="no faults, the usual lags, the right time, and end")
    parser.add_argument("--home", type=_folder, default=chosen_home(), help="where its state is kept (%(default)s)")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    return parser


def _wished(attendance: Attendance, asked: argparse.Namespace) -> int | None:
    """Do what the options ask for and return 0; None where they ask for nothing."""
    if asked.reset:
        return _reset(attendance, asked.tenant)
    if asked.answers:
        return _answers(attendance, asked.answers)
    if not (asked.clear or asked.fault or asked.set):
        return None
    if asked.clear:
        _ask(attendance, "DELETE", "/faults")
    for text in asked.fault:
        _ask(attendance, "POST", "/faults", _fields(text))
    for text in asked.set:
        place = f"/tenants/{asked.tenant}" if asked.tenant else "/settings"
        _ask(attendance, "PATCH", place, _fields(text))
    now = _ask(attendance, "GET", "/faults")
    print(f"{len(now.pop('faults'))} faults armed; " + ", ".join(f"{name} {value:g}" for name, value in now.items()))
    return 0


def _fields(text: str) -> dict[str, object]:
    """Return ``name=value,…`` as fields: numbers where they look like one."""
    pairs = [part.partition("=") for part in text.split(",")]
    if wrong := [name for name, equals, _ in pairs if not (name and equals)]:
        raise _RefusedError(f"found {wrong[0]!r}; expected name=value, several with commas")
    return {name.strip(): _number(value.strip()) for name, _, value in pairs}


def _number(text: str) -> object:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _folder(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _stay(attendance: Attendance) -> int:
    print(_said(attendance, _ask(attendance, "GET", "/tenants")), flush=True)
    try:
        while True:
            time.sleep(1)
            if has_gone(attendance.home):
                attend(attendance.home)
                print("It had gone, and is up again.", flush=True)
    except KeyboardInterrupt:
        print("\nGoing; it stays up while anything else uses it.")
    return 0


def _said(attendance: Attendance, told: Mapping[str, Any]) -> str:
    from . import tenants
    from .wellknown import SIGN_IN_WORD

    described = {one["name"]: one for one in told["tenants"]}
    lines = [
        "The practice cloud is up, on this machine only.",
        "",
        *(line for name in tenants.NAMES if name in described for line in _described(described[name])),
        *(f"  {name} could not be read and is kept; its tenant was made anew." for name in told["unreadable"]),
        "",
        f"Every account signs in with  {SIGN_IN_WORD}",
        f"Entra, Graph, logs, Exchange {attendance.base_url}",
        f"IMAP {attendance.imap} (TLS), POP {attendance.pop} (TLS), SMTP {attendance.smtp} (STARTTLS)",
        f"Certificate to trust         {attendance.ca_file}",
        f"Tenants file                 {attendance.tenants_file}",
        "",
        "A token, and a mailbox opened with it (in a POSIX shell):",
        *_example(attendance),
        "",
        "msal wants instance_discovery=False and verify= with that certificate; REQUESTS_CA_BUNDLE would overrule it.",
        "Ctrl-C leaves; what you changed is kept. For trainers, in another terminal: run.py practice --help.",
    ]
    return "\n".join(lines)


def _described(one: Mapping[str, Any]) -> Iterator[str]:
    yield f"  {one['name']:<10} {one['title']}, directory {one['tenant_id']}"
    yield f"  {'':<10} {one['mailboxes']} mailboxes; administrator {', '.join(one['administrators'])}"


def _example(attendance: Attendance) -> Iterator[str]:
    """Yield two commands that work: a secret's token, and IMAP with it."""
    from . import tenants

    world = tenants.world_of(tenants.DEFAULT)
    app = next(one for one in tenants.mail_apps(tenants.DEFAULT) if "secret" in one.flows)
    mailbox = next(one for one in tenants.proofs(tenants.DEFAULT) if "imap" in one.protocols)
    secret = attendance.home / "keys" / f"{world.name}-mail.secret"
    yield (
        f"  TOKEN=$(curl -s --cacert {shlex.quote(str(attendance.ca_file))} -d grant_type=client_credentials"
        f" -d client_id={world.app(app.app).app_id} -d scope=https://outlook.office365.com/.default"
        f" --data-urlencode client_secret@{shlex.quote(str(secret))}"
        f" {attendance.base_url}/{world.tenant_id}/oauth2/v2.0/token"
        """ | python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])')"""
    )
    yield (
        f'  curl --cacert {shlex.quote(str(attendance.ca_file))} --oauth2-bearer "$TOKEN"'
        f" -u {world.address(mailbox.account)}: imaps://{attendance.imap}/"
    )


def _reset(attendance: Attendance, tenant: str) -> int:
    done = _ask(attendance, "POST", "/reset", {"tenants": [tenant]} if tenant else {})
    print(f"As at first: {', '.join(done['tenants'])}.")
    return 0


def _answers(attendance: Attendance, tenant: str) -> int:
    told = _ask(attendance, "GET", f"/tenants/{tenant}/answers")["answers"]
    print("\n".join(f"- {line}" for line in told) if told else "Nothing is wrong with it.")
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

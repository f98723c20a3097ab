"""How quick the practice cloud is, and how much memory it holds: ``python -m practice.measure WHAT`` prints JSON.

``ready``: a warm start, from nothing running to the first user's greeting. ``imap``: a crowd of sessions. ``kql``:
summaries over many rows, over HTTPS as a client sees it, with the stories' rows in place and one more tenant beside
them that has many; and the memory that is held then. Each wants a process of its own.
"""

import argparse
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import partial
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any, Final

import duckdb

from .attending import SERVER
from .crowd import imap_sessions
from .estates import Estate
from .ledger import Copy, Ledger, copies
from .signins import deliveries, events
from .world import World

__all__ = ["imap_sessions", "main", "ready_seconds", "taken"]

ROWS: Final = 200_000
_READER: Final = "measurer"
_TENANT: Final = "5d1f0f5e-8f0b-4e47-9b5f-64f5a5a1d0b7"

# What a report of legacy sign-ins asks: the latest copy of each, its kind, who and how often.
_QUESTIONS: Final = (
    "SigninLogs | summarize sign_ins = count(), users = dcount(UserPrincipalName), "
    "first_seen = min(CreatedDateTime), last_seen = max(CreatedDateTime) by ClientAppUsed, ResultType",
    "SigninLogs | summarize arg_max(TimeGenerated, CreatedDateTime, UserPrincipalName, ClientAppUsed, ResultType, "
    'AuthenticationDetails) by Id | extend step = iff(AuthenticationDetails matches regex "(?i)certificate", '
    '"certificate", "other") | summarize sign_ins = count(), days = dcount(bin(CreatedDateTime, 1d)) '
    "by UserPrincipalName, ClientAppUsed, step",
    "SigninLogs | extend code = toint(Status.errorCode) | summarize count() by code, bin(CreatedDateTime, 1h)",
)


def taken(rows: int = ROWS) -> Mapping[str, Any]:
    """Return what ``kql`` measures (``rows``, ``kql_s``, ``memory_mb``), from one process started for it.

    ``kql_s`` is what the slowest of a few summaries over *rows* rows took, in seconds; ``memory_mb`` what the cloud's
    process held after them, 0 where the system does not say.
    """
    command = [sys.executable, "-m", "practice.measure", "kql", "--rows", str(rows)]
    told: Mapping[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return told


def ready_seconds(home: Path) -> float:
    """Return how long a warm start of the cloud of *home* takes, in seconds: its day's stories are there already."""
    command = [sys.executable, "-c", _ATTEND]
    environment = {**os.environ, "MAILAUTH_PRACTICE_HOME": str(home)}
    subprocess.run(command, env=environment, check=True, capture_output=True)
    while (home / SERVER).exists():
        time.sleep(0.1)
    told = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return float(told.stdout)


_ATTEND: Final = """
import time
from practice.configuration import configuration
began = time.monotonic()
configuration()
print(time.monotonic() - began)
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m practice.measure", description="Measure the practice cloud.")
    parser.add_argument("what", choices=("ready", "imap", "kql"))
    parser.add_argument("--rows", type=int, default=ROWS, help="for kql: how many rows the summaries go over")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        match asked.what:
            case "ready":
                found: Mapping[str, Any] = {"ready_s": ready_seconds(Path(folder))}
            case "imap":
                found = imap_sessions()
            case _:
                found = _measured(Path(folder), asked.rows)
    print(json.dumps(found))


def _measured(home: Path, rows: int) -> Mapping[str, Any]:
    # A cloud takes a third of a second to import; whoever asks for the figures alone does not need it.
    from . import cloud

    _multiply(home / "signins", rows)
    estate = Estate("measured", "Measured", "measured.example", _TENANT, datetime.now(UTC))
    reader = estate.user(_READER, "Measurer")
    estate.workspace(readers=[reader.id], retention_days=4_000)
    with cloud.start([estate.tenant], home=home) as practice:
        issued = {"iss": f"https://sts.windows.net/{_TENANT}/", "tid": _TENANT, "exp": time.time() + 600}
        claims = {"aud": f"{practice.base_url}/logs", "oid": reader.id, **issued}
        headers = {"Authorization": f"Bearer {practice.backend.keys.sign(claims)}", "Content-Type": "application/json"}
        path = f"/logs/v1/workspaces/{estate.tenant.logs.workspace_id}/query"
        context = ssl.create_default_context(cafile=practice.ca_file)
        line = HTTPSConnection(practice.base_url.partition("//")[2], context=context, timeout=120)

        def ask(text: str) -> tuple[float, Any]:
            began = time.monotonic()
            line.request("POST", path, json.dumps({"query": text}), headers)
            answer = line.getresponse()
            told = json.load(answer)
            if answer.status != 200 or "error" in told:
                raise RuntimeError(f"the query API answered {answer.status}: {told.get('error')}")
            return time.monotonic() - began, told

        _, counted = ask("SigninLogs | count")
        slowest = max(ask(text)[0] for text in _QUESTIONS)
        return {"rows": counted["tables"][0]["rows"][0][0], "kql_s": slowest, "memory_mb": _resident_mb()}


def _multiply(folder: Path, rows: int) -> None:
    """Put the stories in a ledger, and for one more tenant the interactive sign-ins of one, until they are *rows*."""
    from .adatum import ADATUM
    from .contoso import CONTOSO
    from .fabrikam import FABRIKAM
    from .northwind import NORTHWIND

    today = date.today()
    with Ledger(folder) as ledger:
        for world in (CONTOSO, FABRIKAM, NORTHWIND, ADATUM):
            ledger.fill(world.tenant_id, "measured", partial(_story, world, today))
    with duckdb.connect(str(folder / "signins.duckdb")) as database:
        # Each copy of the whole gets its own first eight digits of every id, so that none is a repeat of another's.
        database.execute(
            "INSERT INTO copies FROM copies, range(?) AS numbers(number) SELECT copies.* REPLACE "
            "(? AS _tenant, printf('%08x', number) || Id[9:] AS Id) "
            "WHERE _tenant = ? AND _table = 'SigninLogs' LIMIT ?",
            [rows // 1_000 + 1, _TENANT, FABRIKAM.tenant_id, rows],
        )


def _story(world: World, today: date) -> Iterator[Copy]:
    return copies(world, deliveries(events(world, today), today))


def _resident_mb() -> float:
    if sys.platform == "win32":
        held = 0.0
    elif sys.platform == "linux":
        import resource

        held = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize() / 1e6
    else:
        import resource

        # The most that it ever held; what it holds now is not told without another library.
        held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return held


if __name__ == "__main__":
    main()

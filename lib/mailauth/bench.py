"""``run.py bench``: how fast the local engine is, against what the machine can do at best, and how fast a rehearsal.

Invented diagnostic-settings blobs go to a folder of their own and are removed again. Every figure is
taken in a process of its own, after its imports, on files that the system has in memory already.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from . import benchfleet
from .benchlines import Figure, limited, show

__all__ = ["TENANT", "Figure", "invent", "limited", "main", "show"]

TENANT: Final = "11111111-1111-1111-1111-111111111111"
_EXCHANGE: Final = "00000002-0000-0ff1-ce00-000000000000"
_START: Final = datetime(2026, 10, 1, tzinfo=UTC)
_DAYS: Final = 30
_GB: Final = 1_000_000_000
_PART: Final = _GB // 2
_ROUNDS: Final = 3
_PANDAS_BYTES: Final = 200_000_000
_HOURLY: Final = "hourly"

_BARE_LIMIT: Final = 2.0
_MEMORY_LIMIT_MB: Final = 2_000
_PANDAS_LIMIT: Final = 10.0
_AGAIN_LIMIT: Final = 0.1
_FLAT_LIMIT: Final = 1.25
_READY_LIMIT_S: Final = 2.0
_KQL_LIMIT_S: Final = 1.5
_CLOUD_LIMIT_MB: Final = 300
_REPORT_LIMIT_S: Final = 30.0
_PROVE_LIMIT: Final = 10.0
_ALONE: Final = 12  # attempts that are made one after the other: each takes as long as the next


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 0 when every limit held, 1 when one did not."""
    asked = _parser().parse_args(arguments)
    if asked.measure:
        print(json.dumps(_MEASURES[asked.measure](Path(asked.folder), asked.gb)))
        return 0
    folder = Path(tempfile.mkdtemp(prefix="mailauth-bench-", dir=asked.folder or None))
    try:
        figures = [
            figure for name, part in _PARTS.items() if asked.only in ("", name) for figure in part(folder, asked)
        ]
    except _NoRoomError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    show(figures)
    return 1 if any(figure.held is False for figure in figures) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="run.py bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, one round, nothing judged: does it run?")
    parser.add_argument("--only", choices=tuple(_PARTS), default="", help="one part of the figures (all of them)")
    parser.add_argument("--size", type=float, default=2.0, help="gigabytes for the main figures (2)")
    parser.add_argument("--sizes", default="0.5,1,2,4", help="gigabytes for the time per gigabyte (0.5,1,2,4)")
    parser.add_argument("--runs", type=int, default=200, help="notebooks for the growth of a worker's memory (200)")
    parser.add_argument("--folder", default="", help="where the invented files go for the time (the system's place)")
    parser.add_argument("--measure", choices=sorted(_MEASURES), help=argparse.SUPPRESS)
    parser.add_argument("--gb", type=float, default=0.0, help=argparse.SUPPRESS)
    return parser


class _NoRoomError(Exception):
    """The disk cannot hold what is to be measured."""


# --- the table ------------------------------------------------------------------------------------


def _fleet(folder: Path, asked: argparse.Namespace) -> Iterator[Figure]:
    return benchfleet.figures(folder, runs=2 if asked.quick else asked.runs, judged=not asked.quick)


def _engine(folder: Path, asked: argparse.Namespace) -> list[Figure]:
    """Measure the local engine on invented files."""
    judged = not asked.quick
    sizes = (0.02, 0.04) if asked.quick else tuple(sorted({float(size) for size in asked.sizes.split(",")}))
    rounds = 1 if asked.quick else _ROUNDS
    main_size = sizes[-1] if asked.quick else min(sizes, key=lambda size: abs(size - asked.size))
    needed = int(max(sizes) * _GB * 1.2) + 500_000_000
    if (free := shutil.disk_usage(folder).free) < needed:
        raise _NoRoomError(
            f"{folder}: found {free / _GB:.1f} GB free; expected {needed / _GB:.1f}. Name another --folder."
        )
    _say(f"writing {max(sizes):g} GB of invented sign-ins")
    _generate(folder / "logs", max(sizes))
    opened = {size: _best(folder, ["open"], size, rounds)["open"] for size in sizes if size != main_size}
    # In turns, so that whatever else the machine does meets all three alike.
    best = _best(folder, ["open", "again", "bare"], main_size, rounds)
    opened[main_size], again, bare = best["open"], best["again"], best["bare"]
    pandas = _measured(folder, "pandas", main_size)
    hourly = _measured(folder, "hourly", main_size)
    return [
        *_main_figures(opened[main_size], bare, again, pandas, main_size, judged=judged),
        *_flat(opened, judged=judged),
        Figure(f"seconds per GB in {hourly['files']:,.0f} hourly blobs", f"{hourly['seconds'] / hourly['gb']:.2f} s"),
    ]


def _rehearsal(folder: Path, asked: argparse.Namespace) -> Iterator[Figure]:
    """Measure the practice cloud and a report on its tenants; it is known here as a command, like any other."""
    judged = not asked.quick
    ready, crowd, kql = (_printed(["practice.measure", what]) for what in ("ready", "imap", "kql"))
    yield limited("practice cloud: ready on a warm start", ready["ready_s"], _READY_LIMIT_S, "s", judged=judged)
    opened = f"{crowd['sessions']:,.0f}, signed in after {crowd['open_s']:.2f} s"
    yield Figure("practice cloud: IMAP sessions at once", opened)
    rows = f"practice cloud: a KQL summary over {kql['rows']:,.0f} rows"
    yield limited(rows, kql["kql_s"], _KQL_LIMIT_S, "s", judged=judged)
    if kql["memory_mb"]:
        yield limited("practice cloud: memory then", kql["memory_mb"], _CLOUD_LIMIT_MB, "MB", judged=judged)
    kept = {"MAILAUTH_HOME": str(folder / "data"), "MAILAUTH_PRACTICE_HOME": str(folder / "practice")}
    command = [sys.executable, "-m", "mailauth", "report", "--no-open", "--out", str(folder / "reports")]
    seconds = 0.0
    for _ in range(2):
        began = time.perf_counter()
        subprocess.run(command, env={**os.environ, **kept}, capture_output=True, check=True)
        seconds = time.perf_counter() - began
        _say(f"report on the practice tenants: {seconds:.1f} s")
    yield limited("report on the practice tenants, warm", seconds, _REPORT_LIMIT_S, "s", judged=judged)


def _proving(folder: Path, asked: argparse.Namespace) -> Iterator[Figure]:
    """Measure how much is won by trying many mailboxes at once."""
    place = folder / "proving"
    place.mkdir()
    found = _measured(place, "prove", 0.0)
    faster = found["in_turn_s"] / found["at_once_s"]
    held = None if asked.quick else faster >= _PROVE_LIMIT
    said = f"{faster:.0f} times faster than one after the other"
    yield Figure(f"prove: {found['attempts']:,.0f} attempts at 50 ms", said, f"at least {_PROVE_LIMIT:g} times", held)


_PARTS: Final[dict[str, Callable[[Path, argparse.Namespace], Iterable[Figure]]]] = {
    "rehearsal": _rehearsal,
    "prove": _proving,
    "fleet": _fleet,
    "engine": _engine,
}


def _prove(folder: Path, _gb: float) -> dict[str, float]:
    """Return what an attempt takes, in seconds, one after the other and among all of them at once."""
    from . import session
    from .services import mailpool

    command = [sys.executable, "-m", "practice.slowmail", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as served:
        assert served.stdin is not None
        assert served.stdout is not None
        part = session.open("far", config=served.stdout.readline().strip(), out=str(folder)).proofs
        rows = part.rows()
        seconds = {}
        for name, some, at_once in (("in_turn_s", rows[:_ALONE], 1), ("at_once_s", rows, mailpool.AT_ONCE)):
            began = time.perf_counter()
            proof = part.attempts(some, at_once=at_once)
            seconds[name] = (time.perf_counter() - began) / len(some)
            if not proof.good:
                raise RuntimeError(f"not all went well: {proof.tried}")
        served.stdin.close()
    return {**seconds, "attempts": len(rows)}


def _main_figures(
    opened: dict[str, float],
    bare: dict[str, float],
    again: dict[str, float],
    pandas: dict[str, float],
    size: float,
    *,
    judged: bool,
) -> Iterator[Figure]:
    yield Figure(f"sign-ins in {size:g} GB", f"{opened['records']:,.0f} in {opened['files']:,.0f} files")
    yield Figure("one bare COPY of the same fields", f"{bare['seconds']:.2f} s")
    yield Figure("opening", f"{opened['open']:.2f} s")
    yield Figure("answering all of notebook 10", f"{opened['answer']:.2f} s, {opened['rows']:,.0f} rows")
    ratio = opened["seconds"] / bare["seconds"]
    yield limited("opening and answering, against the bare COPY", ratio, _BARE_LIMIT, "times", judged=judged)
    if opened["peak_mb"]:
        yield limited("memory at its peak", opened["peak_mb"], _MEMORY_LIMIT_MB, "MB", judged=judged)
    else:
        yield Figure("memory at its peak", "not measured: this system does not tell a process its own")
    if pandas["seconds"]:
        faster = pandas["seconds"] / opened["seconds"]
        held = faster >= _PANDAS_LIMIT if judged else None
        yield Figure("against pandas, scaled", f"{faster:.0f} times faster", f"at least {_PANDAS_LIMIT:g} times", held)
    else:
        yield Figure("against pandas", "not measured: pandas is not installed")
    yield limited(
        "a second opening, against the first", again["open"] / opened["open"], _AGAIN_LIMIT, "times", judged=judged
    )


def _flat(opened: dict[float, dict[str, float]], *, judged: bool) -> Iterator[Figure]:
    per_gb = {size: found["seconds"] / size for size, found in sorted(opened.items())}
    for size, seconds in per_gb.items():
        yield Figure(f"seconds per GB at {size:g} GB", f"{seconds:.2f} s")
    sizes = sorted(per_gb)
    growth = per_gb[sizes[-1]] / per_gb[sizes[0]]
    yield limited("growth of the time per GB", growth, _FLAT_LIMIT, "times", judged=judged)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


# --- measuring ------------------------------------------------------------------------------------


def _best(folder: Path, these: Sequence[str], size: float, rounds: int) -> dict[str, dict[str, float]]:
    found = [{what: _measured(folder, what, size) for what in these} for _ in range(rounds)]
    return {what: min((one[what] for one in found), key=lambda figure: figure["seconds"]) for what in these}


def _measured(folder: Path, what: str, size: float) -> dict[str, float]:
    return _printed(["mailauth.bench", "--measure", what, "--folder", str(folder), "--gb", str(size)])


def _printed(module: Sequence[str]) -> dict[str, float]:
    """Return what a module prints that is run as a program of its own: figures by name."""
    done = subprocess.run([sys.executable, "-m", *module], capture_output=True, text=True, check=False)
    told = " ".join(word for word in module if not word.startswith("-"))
    if done.returncode:
        raise RuntimeError(f"{told} failed: {done.stderr.strip()[-2_000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    _say(f"{told}: {json.dumps(found)}")
    return found


def _open(folder: Path, gb: float) -> dict[str, float]:
    shutil.rmtree(folder / "cache", ignore_errors=True)
    return _opened(folder, gb)


def _hourly(folder: Path, gb: float) -> dict[str, float]:
    return _opened(folder, gb, [_HOURLY], folder / "hourly-cache")


def _opened(folder: Path, gb: float, patterns: Sequence[str] = (), cache: Path | None = None) -> dict[str, float]:
    from . import answers, signins
    from .coverage import Window
    from .services import archive
    from .verdicts import Thresholds

    window = Window(_START, _START + timedelta(days=_DAYS + 1))
    asked = answers.Parameters.standard(Thresholds.standard())
    now = window.end
    _warm(folder, gb)
    began = time.perf_counter()
    patterns, cache = patterns or _patterns(gb), cache or folder / "cache"
    # As `session` opens it.
    foreseen = answers.texts(window, asked, archive.SCHEMA).values()
    with archive.open(TENANT, patterns, base=folder / "logs", cache=cache, foreseen=foreseen) as engine:
        ready = time.perf_counter()
        heard = answers.ask(engine, window=window, parameters=asked, now=now)
        signins.assess(heard, tenant_id=TENANT, now=now, window=window)
        ended = time.perf_counter()
        records = sum(one.rows for one in engine.readings)
        files = len(engine.readings)
    refused = [one.reason for one in heard.coverage if one.state == "unknown"]
    if not heard.mail or refused:
        raise RuntimeError(f"the queries gave no answer: {refused}")
    return {
        "seconds": ended - began,
        "open": ready - began,
        "answer": ended - ready,
        "records": records,
        "files": files,
        "gb": sum(one.size for one in engine.readings) / _GB,
        "rows": len(heard.mail) + len(heard.networks) + len(heard.adoption) + len(heard.tables),
        "peak_mb": _peak_mb(),
    }


def _bare(folder: Path, gb: float) -> dict[str, float]:
    import duckdb

    from .services import ndjson

    files = "[" + ", ".join(f"'{path}'" for path in _files(folder, gb)) + "]"
    target = folder / "bare.parquet"
    copy = f"COPY (FROM read_ndjson({files}, columns = {ndjson.columns_sql('diagnostic')}, hive_partitioning = false)"
    copy += f" SELECT {ndjson.fields_sql('diagnostic')}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
    _warm(folder, gb)
    with duckdb.connect() as connection:
        began = time.perf_counter()
        connection.execute(copy)
        seconds = time.perf_counter() - began
    target.unlink()
    return {"seconds": seconds}


def _pandas(folder: Path, gb: float) -> dict[str, float]:
    try:
        import pandas
    except ImportError:
        return {"seconds": 0.0}
    _warm(folder, gb)
    began = time.perf_counter()
    records: list[Any] = []
    read = 0
    for path in _files(folder, gb):
        content = path.read_bytes()
        read += len(content)
        records += [json.loads(line) for line in content.splitlines() if line]
        if read >= _PANDAS_BYTES:
            break
    frame = pandas.json_normalize(records)
    day = frame["properties.createdDateTime"].str.slice(0, 10)
    frame.drop_duplicates("properties.id", keep="last").groupby(
        ["properties.userPrincipalName", "properties.clientAppUsed", "properties.ipAddress", "resultType", day]
    ).size()
    whole = sum(path.stat().st_size for path in _files(folder, gb))
    return {"seconds": (time.perf_counter() - began) * whole / read}


_MEASURES: Final[dict[str, Callable[[Path, float], dict[str, float]]]] = {
    "open": _open,
    "again": _opened,
    "hourly": _hourly,
    "bare": _bare,
    "pandas": _pandas,
    "prove": _prove,
}


def _peak_mb() -> float:
    """Return the most memory that this process has held; 0 where the system does not say."""
    if sys.platform == "win32":
        peak = 0.0
    else:
        import resource

        bytes_per_unit = 1 if sys.platform == "darwin" else 1_024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * bytes_per_unit / 1e6
    return peak


def _patterns(gb: float) -> list[str]:
    return [f"part{number:02}" for number in range(_parts(gb))]


def _parts(gb: float) -> int:
    return max(1, round(gb * _GB / _part_bytes(gb)))


def _part_bytes(gb: float) -> int:
    return _PART if gb * _GB >= _PART else 20_000_000


def _files(folder: Path, gb: float) -> list[Path]:
    return [path for part in _patterns(gb) for path in sorted((folder / "logs" / part).rglob("PT1H.json"))]


def _warm(folder: Path, gb: float) -> None:
    for path in [*_files(folder, gb), *(folder / "logs" / _HOURLY).rglob("PT1H.json")]:
        with path.open("rb") as file:
            while file.read(1 << 22):
                pass


# --- invented sign-ins ----------------------------------------------------------------------------


def _generate(folder: Path, gb: float) -> None:
    """Write parts of equal size, each a whole month; the same ones every time."""
    for number in range(_parts(gb)):
        invent(folder / f"part{number:02}", seed=number, size=_part_bytes(gb), hours=240)
    # What a storage account really holds: many small blobs, one an hour.
    invent(folder / _HOURLY, seed=99, size=_part_bytes(gb) // 2, hours=1)


def invent(folder: Path, *, seed: int, size: int, hours: int) -> None:
    """Write about *size* bytes of a month's sign-ins to *folder*, a blob for every *hours* and category."""
    rng = random.Random(seed)
    spans = range(0, _DAYS * 24, hours)
    per_blob = size // len(spans) // len(_MIX)
    for hour in spans:
        moment = _START + timedelta(hours=hour)
        for category, kinds in _MIX.items():
            place = f"insights-logs-{category.lower()}/tenantId={TENANT}/{moment:y=%Y/m=%m/d=%d/h=%H}/m=00"
            blob = folder / place / "PT1H.json"
            blob.parent.mkdir(parents=True)
            blob.write_bytes(_blob(rng, moment, timedelta(hours=hours), kinds, per_blob))


def _blob(rng: random.Random, start: datetime, span: timedelta, kinds: Sequence["_Kind"], size: int) -> bytes:
    lines: list[bytes] = []
    held = 0
    weights = [kind.weight for kind in kinds]
    while held < size:
        (kind,) = rng.choices(kinds, weights)
        line = kind.line(rng, start + rng.random() * span)
        # A few records in a hundred are delivered twice.
        copies = 2 if rng.random() < 0.03 else 1
        lines += [line] * copies
        held += len(line) * copies
    return b"".join(lines)


@dataclass(frozen=True)
class _Kind:
    """One kind of sign-in: its record as a template, and who makes it from where."""

    weight: int
    template: bytes
    users: int
    networks: int
    prefix: bytes

    def line(self, rng: random.Random, moment: datetime) -> bytes:
        user = rng.randrange(self.users)
        network = user % self.networks if self.networks < 100 else rng.randrange(self.networks)
        return self.template % {
            b"id": b"%032x" % rng.getrandbits(128),
            b"correlation": b"%032x" % rng.getrandbits(128),
            b"created": moment.strftime("%Y-%m-%dT%H:%M:%S.%f").encode(),
            b"time": (moment + timedelta(seconds=rng.randrange(60, 3_000))).strftime("%Y-%m-%dT%H:%M:%S").encode(),
            b"user": self.prefix + b"%d" % user,
            b"user_id": b"%08x" % (user + 1),
            b"address": b"%d.%d.%d" % (network >> 16 & 255, network >> 8 & 255, network & 255),
        }


def _kind(
    weight: int, category: str, *, users: int, networks: int, prefix: str, first_octet: int, **told: Any
) -> _Kind:
    code = told.pop("code", "0")
    record = _record(category, code, first_octet, **told)
    text = json.dumps(record, separators=(",", ":")).replace("%", "%%")
    for name in ("id", "correlation", "created", "time", "user", "user_id", "address"):
        text = text.replace(f"<{name}>", f"%({name})s")
    return _Kind(weight, text.encode() + b"\r\n", users, networks, prefix.encode())


def _record(category: str, code: str, first_octet: int, **told: Any) -> dict[str, Any]:
    properties = {
        "id": "<id>",
        "createdDateTime": "<created>Z",
        "userDisplayName": "Somebody <user>",
        "userPrincipalName": "<user>@contoso.example",
        "userId": "<user_id>-0000-4000-8000-000000000000",
        "userType": "member",
        "appId": "9199bf20-a13f-4107-85dc-02114787ef48",
        "appDisplayName": "One Outlook Web",
        "ipAddress": f"{first_octet}.<address>",
        "autonomousSystemNumber": 64500,
        "clientAppUsed": "Browser",
        "userAgent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140",
        "correlationId": "<correlation>",
        "conditionalAccessStatus": "success",
        "isInteractive": category == "SignInLogs",
        "authenticationProtocol": "oAuth2",
        "incomingTokenType": "none",
        "authenticationRequirement": "singleFactorAuthentication",
        "crossTenantAccessType": "none",
        "homeTenantId": TENANT,
        "resourceTenantId": TENANT,
        "resourceDisplayName": "Office 365 Exchange Online",
        "resourceId": _EXCHANGE,
        "riskLevelDuringSignIn": "none",
        "status": {"errorCode": int(code), "failureReason": "Other.", "additionalDetails": None},
        "location": {"city": "Leeds", "state": "England", "countryOrRegion": "GB"},
        "deviceDetail": {"deviceId": "", "operatingSystem": "Windows10", "browser": "Edge 140.0.0"},
        "authenticationDetails": [
            {
                "authenticationStepDateTime": "<created>Z",
                "authenticationMethod": "Password",
                "authenticationMethodDetail": "Password in the cloud",
                "succeeded": code == "0",
                "authenticationStepResultDetail": "Correct password",
                "authenticationStepRequirement": "",
            }
        ],
        "authenticationProcessingDetails": [
            {"key": "Legacy TLS (TLS 1.0, 1.1, 3DES)", "value": "False"},
            {"key": "Oauth Scope Info", "value": '["User.Read"]'},
        ],
        "appliedConditionalAccessPolicies": [_policy(number) for number in range(9)],
    } | told
    return {
        "time": "<time>Z",
        "resourceId": f"/tenants/{TENANT}/providers/Microsoft.aadiam",
        "operationName": "Sign-in activity",
        "operationVersion": "1.0",
        "category": category,
        "tenantId": TENANT,
        "resultType": code,
        "resultSignature": "None",
        "durationMs": 0,
        "callerIpAddress": properties["ipAddress"],
        "correlationId": "<correlation>",
        "identity": properties["userDisplayName"],
        "Level": 4,
        "location": "GB",
        "properties": properties,
    }


def _policy(number: int) -> dict[str, Any]:
    return {
        "id": f"{number:08}-1111-4222-8333-444444444444",
        "displayName": f"Baseline policy number {number} for everybody in the company",
        "enforcedGrantControls": ["Mfa"],
        "enforcedSessionControls": [],
        "result": "notApplied",
        "conditionsSatisfied": "application,users",
        "conditionsNotSatisfied": "clientType",
    }


_BASIC: Final[dict[str, Any]] = {
    "appId": _EXCHANGE,
    "appDisplayName": "Office 365 Exchange Online",
    "authenticationProtocol": "ropc",
    "userAgent": "BAV2ROPC",
}
_OAUTH: Final = [{"key": "Oauth Scope Info", "value": '["IMAP.AccessAsUser.All","SMTP.Send"]'}]
_MIX: Final[dict[str, tuple[_Kind, ...]]] = {
    "SignInLogs": (
        _kind(60, "SignInLogs", users=2_000, networks=8, prefix="person", first_octet=10),
        _kind(
            20, "SignInLogs", users=2_000, networks=8, prefix="person", first_octet=10,
            authenticationRequirement="multiFactorAuthentication",
        ),
        _kind(
            6, "SignInLogs", users=40, networks=8, prefix="scanner", first_octet=10,
            clientAppUsed="Authenticated SMTP", **_BASIC,
        ),
        _kind(
            12, "SignInLogs", users=500, networks=3_000, prefix="person", first_octet=100, code="50126",
            clientAppUsed="IMAP4", **_BASIC,
        ),
        _kind(
            2, "SignInLogs", users=3_000, networks=3_000, prefix="guess", first_octet=100, code="50034", userId="",
            clientAppUsed="Authenticated SMTP", **_BASIC,
        ),
    ),
    "NonInteractiveUserSignInLogs": (
        _kind(
            95, "NonInteractiveUserSignInLogs", users=2_000, networks=8, prefix="person", first_octet=10,
            clientAppUsed="Mobile Apps and Desktop clients", incomingTokenType="refreshToken",
        ),
        _kind(
            5, "NonInteractiveUserSignInLogs", users=60, networks=8, prefix="person", first_octet=10,
            clientAppUsed="Mobile Apps and Desktop clients", authenticationProcessingDetails=_OAUTH,
        ),
    ),
}  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())

"""A worker that speaks the fleet's protocol and runs no notebook: what becomes of a tenant stands in its job.

``parameters["acts"]`` names what it does at each attempt, the last of them from then on. What it was asked stands in
``asked.jsonl`` beside the pages, a line per order.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

from mailauth.errors import HeldError
from mailauth.services import store


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        job = order["job"]
        out = Path(job["out"])
        asked = out / "asked.jsonl"
        before = sum(f'"{job["tenant"]}"' in row for row in asked.read_text().splitlines()) if asked.exists() else 0
        with asked.open("a") as file:
            file.write(json.dumps([job["tenant"], order["killed"], order["limit_s"], os.getpid()]) + "\n")
        acts, salvage = job["parameters"].get("acts") or ["whole"], job["parameters"].get("salvage", "salvage")
        try:
            with store.lock(job["tenant"]):
                said = act(salvage if order["killed"] else acts[min(before, len(acts) - 1)], job, order)
        except HeldError as error:
            said = {"outcome": {"tenant": job["tenant"], "assessed": False, "ended": "held", "sentence": str(error)}}
        print("a library's own words\n" + json.dumps(said), flush=True)


def act(name: str, job: dict[str, object], order: dict[str, object]) -> dict[str, object]:
    tenant = str(job["tenant"])
    row: dict[str, object] = {"tenant": tenant, "assessed": True, "state": "quiet", "sentence": "Nothing was seen."}
    print(json.dumps({"progress": f"{name}\x1b[2J"}), flush=True)
    if name == "killed, and holds on" and sys.platform != "win32":
        # A process that was forked holds the lock as well.
        if os.fork() == 0:
            time.sleep(1)
            os._exit(0)
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "reached, then killed":
        store.write_text(Path(str(job["out"]), tenant, "evidence", "10-find-basic-auth.json"), '"tonight"')
    if name in ("killed", "reached, then killed"):
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    if name == "waits":
        # As a worker does that is told to end, or whose parent is gone.
        sys.stdin.read()
        sys.exit(130)
    if name == "hangs":
        time.sleep(60)
    if name in ("slow", "slow, and throttled"):
        time.sleep(0.5)
    if name == "defect":
        raise ValueError("a defect")
    if name == "out of memory":
        return {"died": "out of memory", "transient": True}
    if name == "refused":
        return {"outcome": row | {"assessed": False, "ended": "stopped", "sentence": "AccessError: refused\x1b[2J"}}
    if name == "throttled":
        why = "UnreachableError: throttled"
        return {"outcome": row | {"assessed": False, "ended": "stopped", "passing": True, "sentence": why}}
    store.write_text(
        Path(str(job["out"]), tenant, "index.html"), f"<title>{tenant}</title>" + "x" * 100_000 + "</html>"
    )
    if name == "stopped by a throttled source":
        said = "UnreachableError: throttled"
        return {"outcome": row | {"assessed": False, "ended": "stopped", "throttled": True, "sentence": said}}
    if name == "worse":
        store.write_text(Path(str(job["out"]), tenant, "evidence", "20-register-app.json"), '"tonight"')
        store.write_text(Path(str(job["out"]), tenant, "10-find-basic-auth.html"), "up to where it stopped")
        return {"outcome": row | {"assessed": False, "ended": "stopped", "sentence": "AccessError: refused"}}
    if name in ("whole but throttled", "slow, and throttled"):
        row |= {"throttled": True, "coverage": "partial"}
    if name == "salvage":
        why = str(order["killed"])
        return {"outcome": row | {"assessed": False, "ended": "died", "sentence": why, "page": f"{tenant}/index.html"}}
    return {"outcome": row | {"page": f"{tenant}/index.html", "made_at": "2026-11-23T10:00:00Z"}}


if __name__ == "__main__":
    main()

"""A warm parent whose jobs are a line of Python each; ``answer`` is what it answers with."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mailauth.warm import parent

assert sys.platform != "win32"

LEAKED: list[str] = []


def work(request: Mapping[str, Any]) -> Mapping[str, Any]:
    here: dict[str, Any] = {"answer": None, "os": os, "leaked": LEAKED, "progress": os.environ[parent.PROGRESS]}
    exec(request["job"], here)
    return {"outcome": here["answer"]}


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Note for the next job to see that a group was signalled whose number may be another's by then."""
    if event == "os.killpg" and not Path(f"/proc/{arguments[0]}").exists():
        LEAKED.append("a group that is gone was signalled")


if __name__ == "__main__":
    if sys.platform == "linux":
        sys.addaudithook(watch)
    parent.serve(work, grace_s=float(sys.argv[1]))

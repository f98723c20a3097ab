"""A warm parent whose jobs are a line of Python each; ``answer`` is what it answers with."""

import os
import sys
from collections.abc import Mapping
from typing import Any

from mailauth.warm import parent

assert sys.platform != "win32"

LEAKED: list[str] = []


def work(request: Mapping[str, Any]) -> Mapping[str, Any]:
    here: dict[str, Any] = {"answer": None, "os": os, "leaked": LEAKED, "progress": os.environ[parent.PROGRESS]}
    exec(request["job"], here)
    return {"outcome": here["answer"]}


if __name__ == "__main__":
    parent.serve(work, grace_s=float(sys.argv[1]))

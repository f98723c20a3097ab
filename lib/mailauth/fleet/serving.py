"""A worker's side of the orders: tenants one after the other, each in a process of its own where one can be forked.

An order is a line of JSON, ``{"job": …, "limit_s": …, "killed": …}`` with the arguments of `working.work`, or
``{"stop": "why"}``, which ends the running job. What is said, a line each: ``{"ready": true}`` when the imports are
done, ``{"progress": "…"}``, and once per job ``{"outcome": …}`` or ``{"died": "why", "transient": …}``.
"""

import importlib
import json
import os
import pkgutil
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

from mailauth import evidence, warm
from mailauth.findings import TrendRow
from mailauth.services import children, store
from mailauth.services.beside import beside
from mailauth.views import figures, pages

from .jobs import Job
from .working import stopping, work

__all__ = ["in_turn", "main", "ready"]

# Told to end, a worker that forks none ends its kernel in good order, if that is quick.
_END_S = 3
_MOMENT_S = 0.02

# What notebooks import when they come to it.
_LATER = (
    "azure.core.rest._requests_basic",
    "azure.monitor.query",
    "duckdb",
    "encodings.unicode_escape",
    "encodings.utf_8_sig",
    "ipywidgets",
    "jsonschema",
    "jwt",
    "msal",
    "msal_extensions",
    "papermill",
    "plotly.graph_objs._bar",
    "plotly.graph_objs._figure",
    "plotly.graph_objs._scatter",
    "plotly.offline",
    "pydantic.dataclasses",
    "pytz",
)
_OURS = ("mailauth.session", "mailauth.services", "mailauth.views")


def main() -> None:
    """Answer orders until standard input ends."""
    # A shell that starts something in the background switches Ctrl-C off for it, and here it means: end.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        _serve()
    except KeyboardInterrupt:
        sys.exit(130)


def _serve() -> None:
    if sys.platform != "win32" and warm.CAN_FORK:
        from mailauth.warm import engine, parent

        ready()
        parent.serve(lambda order: _done_apart(order) | engine.spent)
    else:
        in_turn()


def ready() -> None:
    """Do once what each tenant's process would do: imports, templates, a chart."""
    # With it, jsonschema takes a second to build grammars, for formats that neither notebooks nor evidence name.
    sys.modules.setdefault("rfc3987_syntax", ModuleType("rfc3987_syntax"))
    for package in _OURS:
        for module in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
            # A source whose extra is not installed stays closed.
            with suppress(ImportError):
                importlib.import_module(module.name)
    for name in (*_LATER, *(("mailauth.warm.engine",) if warm.CAN_FORK else ())):
        with suppress(ImportError):
            importlib.import_module(name)
    evidence.prepare()
    pages.render(_sample())


def _sample() -> Any:
    """Return a notebook with a chart, the smallest that takes a page through all of its making."""
    v4: Any = importlib.import_module("nbformat.v4")
    chart = figures.trend([TrendRow(date(2026, 1, 1), "IMAP", 1, 0, 0, 0)])
    data, about = chart.bundle()
    output = v4.new_output("display_data", data, metadata=about)
    return v4.new_notebook(cells=[v4.new_markdown_cell("# Sample"), v4.new_code_cell("1", outputs=[output])])


def _done(order: Mapping[str, Any]) -> dict[str, Any]:
    """Return what came of one order."""
    job = Job(**order["job"] | {"notebooks": tuple(order["job"]["notebooks"])})
    try:
        return {"outcome": asdict(work(job, limit_s=order.get("limit_s"), killed=order.get("killed", "")))}
    except Exception as error:
        traceback.print_exc()
        return {"died": f"{type(error).__name__}: {error}", "transient": isinstance(error, MemoryError)}


def _done_apart(order: Mapping[str, Any]) -> dict[str, Any]:
    """As `_done`, in a process that is told to end by a signal."""

    def told(*_: object) -> None:
        stopping.set()
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, told)
    return _done(order)


# ---- one process for all: where none can be forked


def in_turn() -> None:
    """Answer orders in this process, with papermill's own engine."""
    orders: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(orders,), daemon=True).start()
    while (order := orders.get()) is not None:
        progress = store.write_text(store.home() / "progress" / f"{os.getpid()}.log", "")
        os.environ["MAILAUTH_PROGRESS"] = str(progress)
        try:
            with _followed(progress, lambda line: _say({"progress": line})):
                answer = _done(order)
        finally:
            progress.unlink(missing_ok=True)
        _say(answer)
    # The signal that ends a run under way comes next, and is not to meet an interpreter that closes down already.
    while True:
        time.sleep(_MOMENT_S)


def _listen(orders: "queue.SimpleQueue[dict[str, Any] | None]") -> None:
    """Pass orders on; end this process when it is told to stop, or when whoever gives the orders is gone."""
    for line in children.lines_given():
        order = json.loads(line)
        if "job" in order:
            orders.put(order)
        else:
            break
    orders.put(None)
    stopping.set()
    signal.raise_signal(signal.SIGINT)
    time.sleep(_END_S)
    # A kernel ends when this process does.
    os._exit(130)


def _say(message: Mapping[str, object]) -> None:
    print(json.dumps(message), flush=True)


@contextmanager
def _followed(path: Path, tell: Callable[[str], None]) -> Iterator[None]:
    """Pass each line that the run appends to *path* on to *tell* while the block runs."""

    def follow(over: threading.Event) -> None:
        with path.open(encoding="utf-8") as lines:
            while True:
                last_look = over.is_set()
                for line in lines:
                    tell(line.rstrip())
                if last_look:
                    return
                over.wait(0.3)

    with beside(follow):
        yield

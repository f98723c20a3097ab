"""Notebooks that do what notebooks do, made for comparing two engines; and what of a run may differ."""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

__all__ = ["EVERYTHING", "Cells", "lines", "write"]

# A cell, or a cell with its tag.
Cells = Sequence["str | tuple[str, str]"]

_FAILS = "raises-exception"

EVERYTHING: Cells = (
    "print('one'); print('two', end='')",
    "import sys\nprint('out'); print('err', file=sys.stderr); print('out again')",
    "40 + 2",
    "None",
    "",
    "_ + 1, Out[3], len(In), __name__, sys.path[0], '__file__' in globals()",
    "from IPython.display import HTML, JSON, Image, Markdown, clear_output, display, update_display\n"
    "display(HTML('<b>bold</b>'), Markdown('*it*'), JSON({'a': [1, None]}))",
    "shown = display('first', display_id='mine')",
    "display({'text/plain': 'raw', 'application/json': {'x': float(1)}}, raw=True, metadata={'mailauth': {'k': 1}})",
    "update_display('second', display_id='mine'); shown.update('third')",
    "print('gone'); clear_output(); print('stays')",
    "print('gone'); clear_output(wait=True)\ndisplay('in its place')",
    "Image(data=b'\\x89PNG\\r\\n\\x1a\\n', format='png', alt='nothing')",
    "import plotly.graph_objects as graph\nfigure = graph.Figure(graph.Bar(x=['a', 'b'], y=[1, 2])); figure",
    "figure.show()",
    "import ipywidgets as widgets\nbox = widgets.VBox([widgets.IntSlider(value=3), widgets.HTML('x')]); box",
    "box.children[0].value = 7\nheard = widgets.Output()\ndisplay(heard)\nwith heard:\n    print('in there'); 1 / 1",
    "widgets.interact(lambda n: n + 1, n=4);",
    "%precision 3\n3.14159265",
    "%env MAILAUTH_TRIED=1",
    "said = !echo shell\nsaid",
    "%%capture caught\nprint('held back')",
    "caught.stdout, get_ipython().__class__.__name__",
    "print?",
    "import asyncio\nawait asyncio.sleep(0)\n'awaited'",
    "async def later():\n    await asyncio.sleep(0.05); print('from a task')\ntask = asyncio.create_task(later())",
    "await task",
    ("input('who? ')", _FAILS),
    ("import getpass; getpass.getpass()", _FAILS),
    ("this is no Python", _FAILS),
    ("def f():\n    raise KeyError('k')\ntry:\n    f()\nexcept KeyError as e:\n    raise ValueError from e", _FAILS),
    ("print('before'); raise SystemExit(3)", _FAILS),
    ("raise KeyboardInterrupt", _FAILS),
    ("class Odd:\n    def __repr__(self):\n        raise RuntimeError('no repr')\nOdd()", _FAILS),
    "import os, time\nn = os.write(1, b'to the descriptor\\n'); time.sleep(0.3)",
    "import subprocess\nn = subprocess.run(['echo', 'from a child']).returncode; time.sleep(0.3); n",
    "import threading\nt = threading.Thread(target=print, args=('from a thread',)); t.start(); t.join()",
    "import logging; logging.warning('logged'); logging.getLogger('a').info('not shown')",
    "import warnings\nwarnings.warn('a user is warned')\nwarnings.warn('old', DeprecationWarning)",
    "import signal\nsignal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)",
    "sys.argv[0], sys.stdin.isatty() if sys.stdin else None, sys.stdout.isatty(), sys.flags.safe_path",
    "logging.getLogger().handlers, logging.getLogger().level, asyncio.get_running_loop().is_running()",
    "print('x' * 70_000); print('\\n'.join(map(str, range(2_000))))",
    "'\\u202e', '\\x00', 'na\\u00efve \\U0001f600'",
    "os.environ['PWD_IS_CWD'] = str(os.path.samefile(os.getcwd(), '.')); os.environ['PWD_IS_CWD']",
    "exit_code = %sx true\nexit_code",
)  # fmt: skip


def write(path: Path, cells: Cells) -> Path:
    """Write a notebook of code cells."""
    made = [cell if isinstance(cell, tuple) else (cell, "") for cell in cells]
    book = {
        "cells": [
            {"cell_type": "markdown", "id": "title", "metadata": {}, "source": "# Title"},
            *(
                {
                    "cell_type": "code",
                    "id": f"c{number}",
                    "metadata": {"tags": [tag] if tag else []},
                    "source": source,
                    "execution_count": None,
                    "outputs": [],
                }
                for number, (source, tag) in enumerate(made)
            ),
        ],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(book), encoding="utf-8")
    return path


# Made up anew by every run: ids of widgets, messages, plans and processes, keys of a page, addresses, moments, room.
_ANEW = re.compile(
    r"[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|ipykernel_\d+|0x[0-9a-f]{6,16}"
    r"|\d{8}T\d{6}-[0-9a-f]{6}|mailauth-[0-9a-f]{16}|MIIBIj[A-Za-z0-9+/]+|\d{4}-\d\d-\d\d \d\d:\d\d UTC"
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[0-9.]*(?:Z|\+00:00)?|[0-9.,]+ GB free"
)
_ADDED = {"papermill-error-cell-tag", "injected-parameters"}
_CLOCK = {"start_time", "end_time", "duration", "output_path"}


def lines(path: Path) -> list[str]:
    """Return an executed notebook as lines in which only what may not differ differs."""
    book = json.loads(path.read_text(encoding="utf-8"))
    widgets = book["metadata"].pop("widgets", {})
    met: dict[str, str] = {}
    named = _ANEW.sub(lambda found: met.setdefault(found[0], f"new-{len(met)}"), json.dumps(_still(book), indent=1))
    # The file orders them by their ids, which are made up.
    states = [state for kind in widgets.values() for state in kind["state"].values()]
    masked = sorted(_ANEW.sub("new", json.dumps(state, indent=1)) for state in states)
    return [*named.splitlines(), *(line for state in masked for line in state.splitlines())]


def _still(value: Any) -> Any:
    """Return *value* without what the clock or chance decides."""
    if isinstance(value, list):
        return [_still(each) for each in value]
    if not isinstance(value, dict):
        return value
    kept = {name: _still(each) for name, each in value.items() if name not in _CLOCK}
    if "cell_type" in kept:
        kept["metadata"]["execution"] = sorted(kept["metadata"].get("execution", ()))
        kept["outputs"] = list(_joined(kept.get("outputs", ())))
        # A cell that papermill adds has an id by chance.
        if _ADDED & set(kept["metadata"].get("tags", ())):
            del kept["id"]
    return kept


def _joined(outputs: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """Yield outputs with neighbouring pieces of a stream as one: where they part, the clock decides."""
    last: dict[str, Any] | None = None
    for output in outputs:
        stream = output["output_type"] == "stream"
        if stream and last is not None and last.get("name") == output["name"]:
            last["text"] = ["".join([*last["text"], *output["text"]])]
            continue
        last = output | {"text": ["".join(output["text"])]} if stream else None
        yield output if last is None else last

"""Runs notebooks with papermill in this one process, which has no thread but its own: orders on standard input.

A test's own process has threads, and papermill then takes its own engine.
"""

import json
import sys

import papermill


def main() -> None:
    done = []
    for order in json.load(sys.stdin):
        try:
            papermill.execute_notebook(**order, kernel_name="python3", progress_bar=False)
            done.append("")
        except Exception as error:
            done.append(type(error).__name__)
    print(json.dumps(done))


if __name__ == "__main__":
    main()

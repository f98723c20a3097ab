"""A big archive made from a small story: ``python -m practice.bulk --bytes 2GB --out DIR``.

Every copy of a record gets an Id and a correlation id of its own and keeps everything else, so
the senders stay the same and only their sign-ins multiply.
"""

import argparse
import dataclasses
import re
import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from .fabrikam import FABRIKAM
from .files import diagnostics
from .signins import SEED, deliveries, events

__all__ = ["main", "write"]

_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}
_IDS = re.compile(rb'("(?:id|correlationId)":")[0-9a-f]{8}(?=-[0-9a-f]{4}-4)')


def write(folder: Path, size: int, today: date, *, seed: int = SEED) -> int:
    """Write at least *size* bytes as a diagnostic-settings tree and return how many it became.

    Args:
        folder: Where the tree begins.
        size: In bytes.
        today: The day that the story ends before.
        seed: As in `signins.events`.
    """
    # A user agent of 200,000 characters in every copy would be all that is measured.
    world = dataclasses.replace(FABRIKAM, attacks=tuple(one for one in FABRIKAM.attacks if one.key != "loud"))
    with tempfile.TemporaryDirectory() as small:
        rows = deliveries(events(world, today, seed=seed), today)
        blobs = [
            (path.relative_to(small), path.read_bytes())
            for path in diagnostics(Path(small), world, rows, packed_before=date.min)
        ]
    copies = -(-size // sum(len(blob) for _, blob in blobs))
    written = 0
    for path, blob in blobs:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            for number in range(copies):
                written += file.write(_IDS.sub(rb"\g<1>%08x" % number, blob))
    return written


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m practice.bulk", description="Write a big practice archive.")
    parser.add_argument("--bytes", type=_size, required=True, help="how much, such as 500MB or 2GB")
    parser.add_argument("--out", type=Path, required=True, help="the folder that the tree is written to")
    parser.add_argument("--seed", type=int, default=SEED, help="another seed gives other numbers")
    chosen = parser.parse_args(arguments)
    written = write(chosen.out, chosen.bytes, datetime.now(UTC).date(), seed=chosen.seed)
    print(f"{written:,} bytes in {chosen.out}")


def _size(text: str) -> int:
    match = re.fullmatch(r"(\d+)\s*(KB|MB|GB)?", text.strip(), re.IGNORECASE)
    if not match:
        raise argparse.ArgumentTypeError(f"found {text!r}; expected a number of bytes such as 2000000, 500MB or 2GB")
    return int(match[1]) * _UNITS[(match[2] or "").upper()]


if __name__ == "__main__":
    main()

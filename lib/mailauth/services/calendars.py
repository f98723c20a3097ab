"""Finds a newer file of dates than the one that ships with the library: the tenant's own, or the data home's."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Final

from mailauth import deadlines, documents
from mailauth.deadlines import Calendar
from mailauth.errors import ConfigurationError
from mailauth.phrases import Named, joined, phrase
from mailauth.tenants import Tenant

from . import store

__all__ = ["NAME", "read", "used"]

NAME: Final = "deadlines.toml"
"""What the file is called in the data home."""

_LARGEST: Final = 1_000_000  # bytes; the built-in one has fewer than twenty thousand


def read(tenant: Tenant, *, today: date) -> Calendar:
    """Return the calendar that counts for a tenant, the newest of those there are.

    Args:
        tenant: The tenant.
        today: No file may have been read from its sources after it.

    Raises:
        ConfigurationError: A file is missing, too large or wrong: one line for each problem.
    """
    return deadlines.newest([_one(path, today) for path in _files(tenant)])


def used(tenant: Tenant, *, today: date) -> Calendar:
    """Return the calendar that counts; where a file is wrong, the best of the others, with what is wrong in its note.

    Whoever opens a tenant for another reason is not stopped by a file of dates.

    Args:
        tenant: The tenant.
        today: As for `read`.
    """
    held, wrong = [], []
    for path in _files(tenant):
        try:
            held.append(_one(path, today))
        except ConfigurationError as error:
            first = error.message.splitlines()[0]
            wrong.append(phrase("{file} was not used: {why}", file=Named("free", path.name), why=Named("free", first)))
    best = deadlines.newest(held)
    return replace(best, note=joined((best.note, *wrong), " "))


def _files(tenant: Tenant) -> Iterator[Path]:
    if tenant.calendar_file:
        yield tenant.calendar_file
    kept = store.home() / NAME
    if kept.exists():
        yield kept


def _one(path: Path, today: date) -> Calendar:
    if path.is_file() and path.stat().st_size > _LARGEST:
        raise ConfigurationError(f"{path}: found more than {_LARGEST:,} bytes; expected a file of dates.")
    text = documents.read(path, expected="a file of dates (lib/facts/deadlines.toml is one)")
    return deadlines.parse(text, path.name, today=today)

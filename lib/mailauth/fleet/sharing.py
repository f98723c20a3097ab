"""The edition for others: pages, evidence and tables of tenants with pseudonyms in the place of names.

A tenant's evidence is mapped field by field, and its page is drawn by notebook 90 from the mapped record alone, in a
process of its own that has never seen a name: it gets a tenants file and a folder with nothing but pseudonyms in them.
Only HTML, JSON and CSV are written.
"""

import contextlib
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from mailauth import editions, evidence, tables
from mailauth.errors import EvidenceError, MailauthError
from mailauth.pseudonyms import PATTERN, Pseudonyms
from mailauth.services import sharing, store
from mailauth.views import pages

from . import outcomes
from .jobs import Job

__all__ = ["FOLDER", "PAGE", "Meant", "forget", "lookup", "ready", "share"]

FOLDER: Final = "shareable"
"""Where the edition lies in the folder of all reports, unless somebody says otherwise."""

PAGE: Final = "90-tenant-report"
"""The notebook whose evidence is the whole report, and which draws the page."""

_TENANTS: Final = """# Made for one page: the tenant's name is a pseudonym, and nothing is asked.
tenants:
  - name: {name}
    tenant_id: {name}.example
"""
# A file of another name is none of ours, and its name may be anybody's.
_NOTEBOOKS: Final = frozenset(
    {
        *("00-start", "10-find-basic-auth", "20-register-app", "30-consent", "40-grant-mailboxes"),
        *("50-prove-mail-oauth", "60-close-basic", "80-diagnose", PAGE),
    }
)
_LIMIT_S: Final = 2 * 60  # of a cell, which draws from a record and takes a second


@dataclass(frozen=True)
class Meant:
    """What a pseudonym stands for.

    Args:
        kind: Of what kind it is.
        value: The value, as a record holds it. Hostile text.
        tenant: Whose record that is.
        place: Where in it.
    """

    kind: str
    value: str
    tenant: str
    place: str


def ready(out: Path) -> tuple[str, ...]:
    """Return the tenants under *out* that have a report."""
    return tuple(sorted(path.parents[1].name for path in out.glob(f"*/evidence/{PAGE}.json")))


def share(
    out: Path,
    tenants: Sequence[str],
    names: Pseudonyms,
    to: Path,
    *,
    project: Path,
    say: Callable[[str], None],
    fresh_key: bytes = b"",
) -> list[Path]:
    """Write the edition for others and return each tenant's page, in the order of *tenants*.

    Args:
        out: The folder of all reports.
        tenants: Whose reports.
        names: The pseudonyms.
        to: Where the edition goes, a folder for each tenant by its pseudonym; with several tenants, a page over them.
        project: The folder that holds ``notebooks``.
        say: Where a line goes when a tenant is done.
        fresh_key: The key that *names* were made with, where it is a new one; it is kept once everything is drawn, and
            what an older one has named is removed from *to*. From the folder where the edition lies by default, that is
            removed in any case.

    Raises:
        MailauthError: A tenant has no report, its page could not be drawn, or *to* holds reports with real names;
            nothing was written, and the key is as it was.
    """
    _refuse(out, tenants, to)
    alone = bool(fresh_key) or to == out / FOLDER
    own = {names.name("tenant", tenant) for tenant in ready(out)}
    made = {names.name("tenant", tenant): tenant for tenant in tenants}
    with sharing.begun(), sharing.staged(to) as stage:
        kept = [name for name in _shared(to) if name not in made and (name in own or not alone)]
        before, rows = _standing(to, kept, say), []
        indexed = len({*before, *made}) > 1
        # In the order of the new names: a folder that is packed as it lies has that in which its files were made.
        for number, (name, tenant) in enumerate(sorted(made.items()), 1):
            _write(stage / name, _files(_mapped(out, tenant, names, say), name, project, indexed=indexed))
            rows.append(_row(stage, name))
            say(f"{tenant}: {name} ({number} of {len(made)})")
        known = {**before, **{row.tenant: row for row in rows}}
        if indexed:
            outcomes.draw(stage, [known[name] for name in sorted(known)], pseudonyms=True)
        if fresh_key:
            sharing.keep_key(fresh_key)
    if alone:
        _remove_others(to, known)
    return [to / known[names.name("tenant", tenant)].page for tenant in tenants]


def _refuse(out: Path, tenants: Sequence[str], to: Path) -> None:
    for tenant in set(tenants).difference(ready(out)):
        raise MailauthError(f"{tenant} has no report.", remedy=f"Run `mailauth report --tenant {tenant}` first.")
    if to == out or any(not re.fullmatch(PATTERN, tenant) for tenant in ready(to)):
        raise MailauthError(
            f"--to: found {to.name}, which holds reports with real names; expected a folder of its own.",
            remedy="Name an empty folder, or leave --to out.",
        )


def _standing(to: Path, names: Sequence[str], say: Callable[[str], None]) -> dict[str, outcomes.Outcome]:
    """Return what is known of editions that lie in *to* and stay."""
    found = {}
    for name in names:
        try:
            found[name] = _row(to, name)
        except (EvidenceError, LookupError, TypeError, ValueError):
            say(f"{name}: what lies there is of another version, and is left off the page over all tenants")
    return found


def _remove_others(to: Path, known: Mapping[str, outcomes.Outcome]) -> None:
    """Remove the tenants that older names stand for, and the page over them where there is no new one."""
    for name in _shared(to):
        if name not in known:
            sharing.removed(to / name)
    if len(known) == 1:
        for name in ("index.html", outcomes.FLEET):
            (to / name).unlink(missing_ok=True)


def _shared(to: Path) -> list[str]:
    """Return the pseudonyms of the tenants whose edition lies in *to*."""
    found = (path.parents[1].name for path in to.glob(f"tenant-*/evidence/{PAGE}.json"))
    return sorted(name for name in found if re.fullmatch(PATTERN, name))


def _mapped(out: Path, tenant: str, names: Pseudonyms, say: Callable[[str], None]) -> dict[str, dict[str, Any]]:
    """Return a tenant's evidence as others may see it; what an older version left and no longer fits is left out."""
    with store.lock(tenant):
        held = sharing.records(out / tenant)
    mapped = {}
    for notebook in sorted(held.keys() & _NOTEBOOKS):
        try:
            mapped[notebook] = _edition(held[notebook], names)
        except (EvidenceError, LookupError) as error:
            if notebook == PAGE:
                raise MailauthError(
                    f"{tenant}: {error}", remedy=f"Run `mailauth report --tenant {tenant}` again."
                ) from None
            say(f"{tenant}: the evidence of {notebook} does not fit its schema and is left out")
    return mapped


def _edition(record: Mapping[str, Any], names: Pseudonyms) -> dict[str, Any]:
    name = _kind(record)
    evidence.check(name, record)
    mapped = editions.shareable(record, evidence.schema(name), names)
    evidence.check(name, mapped)
    return mapped


def _kind(record: Mapping[str, Any]) -> str:
    """Return the name of a record's schema."""
    parts = str(record.get("schema", "")).split("/")
    if len(parts) != 3:
        raise EvidenceError("a record names no schema.")
    return parts[1]


_File = tuple[str, str | bytes | Mapping[str, Any]]


def _files(mapped: Mapping[str, dict[str, Any]], name: str, project: Path, *, indexed: bool) -> Iterator[_File]:
    """Yield what is written of a tenant, each file by its path."""
    for notebook, record in mapped.items():
        yield f"evidence/{notebook}.json", record
        for table, content in tables.of(record).items():
            yield f"tables/{table}.csv", content
    yield "index.html", _page(mapped[PAGE], name, project, indexed=indexed)


def _write(folder: Path, files: Iterator[_File]) -> None:
    for path, content in files:
        match content:
            case str():
                store.write_text(folder / path, content)
            case bytes():
                store.write_bytes(folder / path, content)
            case _:
                store.write_evidence(folder / path, content)


def _row(folder: Path, name: str) -> outcomes.Outcome:
    """Return what the page over several tenants says of one, from its shared evidence alone."""
    record = sharing.records(folder / name)[PAGE]
    job = Job(tenant=name, config="", out=str(folder), project="", rehearsal=bool(record["rehearsal"]))
    return outcomes.of(job, {})


def _page(record: Mapping[str, Any], name: str, project: Path, *, indexed: bool) -> str:
    """Return the page that notebook 90 draws of a mapped record; where others are beside it, it leads to them."""
    with tempfile.TemporaryDirectory(prefix="mailauth-") as folder:
        config = store.write_text(Path(folder, "tenants.yaml"), _TENANTS.format(name=name))
        store.write_evidence(Path(folder, name, "evidence", f"{PAGE}.json"), record)
        node = _executed(project / "notebooks" / f"{PAGE}.ipynb", Path(folder), config, name)
    made_at = datetime.fromisoformat(record["made_at"])
    return pages.render(
        node,
        tenant=name,
        rehearsal=bool(record["rehearsal"]),
        made_at=made_at,
        over="../index.html" if indexed else "",
        pseudonyms=True,
        front=True,
    )


def _executed(notebook: Path, folder: Path, config: Path, name: str) -> Any:
    """Return the notebook as it ran, without what it was told."""
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    nbformat: Any = import_module("nbformat")
    target = folder / "executed.ipynb"
    told = {"tenant": name, "config": str(config), "out": str(folder), "edition": editions.EDITION}
    for last in (False, True):
        try:
            _run(notebook, target, told)
            break
        except (CellTimeoutError, DeadKernelError):
            # Now and then a kernel on ports loses a message, and it and its client wait for one another.
            if last:
                raise MailauthError(f"{name}: its page could not be drawn: the kernel does not answer.") from None
    node = nbformat.read(str(target), as_version=4)
    node["metadata"].get("papermill", {})["parameters"] = {}
    return node


def _run(notebook: Path, target: Path, told: Mapping[str, str]) -> None:
    import papermill

    try:
        with tempfile.TemporaryDirectory(prefix="mailauth-") as links:
            papermill.execute_notebook(
                str(notebook),
                str(target),
                parameters=dict(told),
                # papermill's own engine: a kernel that the warm one forks would hold what this process has read.
                engine_name=None,
                kernel_name="python3",
                progress_bar=False,
                log_output=False,
                cwd=str(notebook.parent),
                execution_timeout=_LIMIT_S,
                config=_links(Path(links)),
            )
    except papermill.PapermillExecutionError as error:
        name = told["tenant"]
        raise MailauthError(f"{name}: its page could not be drawn: {error.ename}: {error.evalue}") from None


def _links(folder: Path) -> Any:
    """Return how the kernel is spoken to: over sockets in a folder of its owner's, and ports only on Windows."""
    config: Any = import_module("traitlets.config").Config()
    if sys.platform != "win32":
        # What goes over a port is not encrypted, and every account of the machine can listen in.
        config.KernelManager.transport = "ipc"
        config.KernelManager.connection_file = str(folder / "kernel.json")
    return config


def lookup(out: Path, pseudonym: str, names: Pseudonyms) -> list[Meant]:
    """Return what a pseudonym stands for, found again in the owner's own evidence; each value once.

    Args:
        out: The folder of all reports.
        pseudonym: A name as a page shows it, or the mailbox or the domain of an address.
        names: The pseudonyms of the key it was made with.
    """
    found: dict[tuple[str, str], Meant] = {}
    asked: set[tuple[str, str]] = set()
    for tenant, record, schema in _all(out):
        for leaf in editions.leaves(record, schema):
            if (leaf.kind, leaf.value) not in asked:
                asked.add((leaf.kind, leaf.value))
                if names.meant(pseudonym.strip(), leaf.kind, leaf.value):
                    found[leaf.kind, leaf.value] = Meant(leaf.kind, leaf.value, tenant, leaf.path)
    return list(found.values())


def forget(out: Path, tenant: str) -> tuple[Path, ...]:
    """Remove a tenant's edition for others from where it lies by default, and return what is gone."""
    folder = out / FOLDER
    if not folder.is_dir():
        return ()
    name = Pseudonyms(sharing.key()).name("tenant", tenant)
    with sharing.begun():
        gone = sharing.removed(folder / name)
        if gone and (folder / outcomes.FLEET).exists():
            known = outcomes.recall(folder)
            outcomes.draw(folder, [known[name] for name in sorted(known)], pseudonyms=True)
    return gone


def _all(out: Path) -> Iterator[tuple[str, dict[str, Any], Mapping[str, Any]]]:
    """Yield each record under *out* with its tenant and its schema, those of earlier runs last."""
    for folder in sorted(path for path in out.glob("*") if (path / "evidence").is_dir()):
        for record in (*sharing.records(folder).values(), *sharing.past(folder)):
            # What another version left may still hold the value that is asked for.
            with contextlib.suppress(EvidenceError, LookupError):
                yield folder.name, record, evidence.schema(_kind(record))

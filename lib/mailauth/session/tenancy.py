"""A tenant, opened: who signs in to it, where its things go, and the clock; what every part of a session stands on."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import Any

from azure.core.credentials import TokenCredential

from .. import escape, parameters, plan, signing
from ..errors import ConfigurationError, MailauthError
from ..plan import Entry, Plan, Receipt, Service
from ..services import changes, client, exchange, identity, journal, progress, store
from ..services import signing as looks
from ..tenants import PEOPLE, Admin, Configuration, Tenant

__all__ = ["Tenancy", "attended", "history", "plain_errors", "project", "shown"]

# Writes to the directory are counted by cost, with limits that are not published; Retry-After says when it is too much.
_PACE = (10, 1.0)
_REPLICA_PAUSES_S = (1.0, 2.0, 5.0, 10.0)
_APP = "the app that the runbook changes with"
_LONGEST = 2_000  # characters of an error's line
_LACKS = "the plan names what each step needs"


@dataclass(frozen=True)
class Tenancy:
    """One tenant, opened.

    Args:
        configuration: The tenants file it is from.
        tenant: The tenant.
        folder: Where its pages, evidence, tables and receipts go.
        tell: Called with a line of progress.
        now: The clock.
        renew: Called before anything is asked: what the configuration starts may have ended since.
        sleep: Waits for a number of seconds.
    """

    configuration: Configuration
    tenant: Tenant
    folder: Path
    tell: Callable[[str], None] = field(default_factory=progress.teller)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    renew: Callable[[], object] = lambda: None
    sleep: Callable[[float], None] = time.sleep

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.tenant.name!r}, cloud {self.tenant.cloud.name!r})"

    def reader(self) -> TokenCredential:
        """Return who signs in to read.

        Raises:
            ConfigurationError: Nobody is configured.
        """
        if self.tenant.admin is None:
            raise ConfigurationError(
                f"{self.tenant.name} names nobody who signs in.",
                remedy="Add admin: to the tenant, for example admin: {flow: interactive, client_id: …}.",
            )
        return self._reader

    def operator(self) -> TokenCredential:
        """Return who signs in to change the tenant: never who reads it, and never in a headless report.

        Raises:
            ConfigurationError: Nobody is configured.
        """
        if self.tenant.operator is None:
            raise ConfigurationError(
                f"{self.tenant.name} names nobody who may change it.",
                remedy="Run `mailauth runbook-app` once: it makes an app registration of your own to sign in with, and "
                "notes it as the tenant's operator.",
            )
        return self._operator

    # One each, so that a person is asked once, however many parts of a session read.
    @cached_property
    def _reader(self) -> TokenCredential:
        assert self.tenant.admin is not None
        return self._signed_in(self.tenant.admin, **self._remembering(store.sign_in_file))

    @cached_property
    def _operator(self) -> TokenCredential:
        assert self.tenant.operator is not None
        # In memory: what can change a tenant does not outlive the run.
        return self._signed_in(self.tenant.operator)

    @property
    def remembering(self) -> Mapping[str, Any]:
        """How people's sign-ins to mail are kept for the next run: as the tenant says of whoever reads it."""
        return self._remembering(store.mail_sign_in_file)

    def _remembering(self, file: Callable[[str, str], Path]) -> Mapping[str, Any]:
        kept = self.tenant.admin.remember if self.tenant.admin else ""
        where = None if kept == "never" else file(self.tenant.name, self.tenant.tenant_id)
        return {"remember": where, "strict": kept == "encrypted", "plain": kept == "plain"}

    def considered(self, change: Plan) -> Plan:
        """Return the plan with what this tenant has to say about its day: whether its change freeze covers today."""
        freeze, today = self.tenant.defaults.freeze, self.now().date()
        if freeze is None or not freeze[0] <= today <= freeze[1]:
            return change
        return replace(change, checks=(plan.frozen(*freeze), *change.checks))

    def carry_out(self, change: Plan, *, apply: bool, first: Callable[[Plan], Plan] = lambda change: change) -> Receipt:
        """Carry a plan out and return what became of each step; without *apply* nobody is asked and nothing is done.

        Args:
            change: The plan.
            apply: Whether to do it.
            first: Called with the plan right before anything is changed, when no other run can; what it returns is
                carried out, and what it raises forbids it.

        Raises:
            ConfigurationError: The plan is another tenant's, nobody may change this one, or a secret has no place.
            AccessError: Whoever changes the tenant cannot sign in.
            MailauthError: Another run of the tenant is under way on this machine.
        """
        self._check_ours(change)
        return self._applied(change, first=first) if apply and change.steps else Receipt(change)

    def take_back(self, where: str | Path, *, apply: bool) -> Receipt:
        """Take back what a receipt says was done, last first; without *apply* its plan is all that is returned.

        Args:
            where: The receipt, as `Receipt.where` names it; a relative path is meant from the project folder.
            apply: Whether to do it.

        Raises:
            ConfigurationError: It is no receipt of this tenant; else as `carry_out` says.
        """
        path = Path(where) if Path(where).is_absolute() else project() / where
        done = journal.read(path, where=shown(path), tenant_id=self.tenant.tenant_id, cloud=self.tenant.cloud.name)
        back = plan.undo(done, id=plan.new_id(self.now()), now=self.now())
        if not (apply and back.steps):
            return Receipt(back, undoes=done.plan.id)
        changed_at = max(entry.at for entry in done.entries)
        first = partial(self._insisted_before_undo, done)
        return self._applied(back, undoes=done.plan.id, changed_at=changed_at, first=first)

    def _insisted_before_undo(self, done: Receipt, back: Plan) -> Plan:
        """Return *back*, which takes *done* back; raise where that would open what nobody asked to open."""
        return back

    def undo(self, receipt: Receipt, where: str = "", *, apply: bool = False) -> Receipt:
        """Take back what *where* says was done; without it return what would take *receipt* back, which is not done.

        Args:
            receipt: What this run has carried out.
            where: As for `take_back`; empty for none.
            apply: Whether to take back what *where* says.

        Raises:
            ConfigurationError: As `take_back` says.
        """
        if where:
            return self.take_back(where, apply=apply)
        now = self.now()
        return Receipt(plan.undo(receipt, id=plan.new_id(now), now=now), undoes=receipt.plan.id)

    def _applied(
        self, change: Plan, *, first: Callable[[Plan], Plan], undoes: str = "", changed_at: datetime | None = None
    ) -> Receipt:
        path = self.folder / "receipts" / f"{change.id}.jsonl"
        self.renew()
        with self.alone():
            change = first(change)
            # An undo asks for nothing that the change had not asked for.
            whole, agreed = (change, ()) if undoes else self._asked(change)
            with self._doers(whole) as doers:
                kept = journal.Journal(path, whole, by=self._operator_name(), where=shown(path), undoes=undoes)
                return changes.apply(
                    whole,
                    doers,
                    kept,
                    tell=self.tell,
                    now=self.now,
                    sleep=self.sleep,
                    changed_at=changed_at,
                    known=agreed,
                )

    def _asked(self, change: Plan) -> tuple[Plan, tuple[Entry, ...]]:
        """Have the operator sign in, and return the plan with what was agreed to on the page as steps that are done."""
        who, cloud = self.tenant.operator, self.tenant.cloud
        credential = self.operator()
        if who is None or who.flow not in PEOPLE:
            return change, ()
        needs = [*filter(_is_permission, change.needs("graph")), signing.REMOVES]
        before = self._granted(who)
        # What takes a consent back is asked for with it: asked for later, it would add to what is to be taken back.
        credential.get_token(*(f"{cloud.graph}/{need}" for need in dict.fromkeys(needs)))
        if any(step.service == "exchange" for step in change.steps):
            credential.get_token(f"{cloud.mail_resource or cloud.exchange}/.default")
        after = self._granted(who, until=needs) if before is not None else None
        if before is None or after is None:
            return replace(change, checks=(*change.checks, signing.unknown(_APP))), ()
        steps = signing.added(before, after, app=_APP)
        return replace(change, steps=(*steps, *change.steps)), signing.done(steps, at=self.now())

    def _granted(self, who: Admin, *, until: Sequence[str] = ()) -> tuple[signing.Grant, ...] | None:
        """Return what the operator's app was granted, as the reader sees it; replicas are waited for a while."""
        if self.tenant.admin is None:
            return None
        for pause_s in (*_REPLICA_PAUSES_S, 0.0):
            found = looks.grants(self.tenant.cloud, self.reader(), who.client_id)
            if found is None or {scope for each in found for scope in each.scopes} >= set(until):
                return found
            self.sleep(pause_s)
        return found

    def _check_ours(self, change: Plan) -> None:
        ours, theirs = (self.tenant.tenant_id, self.tenant.cloud.name), (change.tenant_id, change.cloud)
        if ours != theirs:
            raise ConfigurationError(
                f"plan {change.id} is for {' in '.join(theirs)}; open is {' in '.join(ours)}.",
                remedy=f"Open {change.tenant} to carry it out.",
            )

    @contextlib.contextmanager
    def _doers(self, change: Plan) -> Iterator[changes.Doers]:
        """Sign in to the services that *change* needs, with no more than it needs."""
        who, cloud, services = self.operator(), self.tenant.cloud, {step.service for step in change.steps}
        found: dict[Service, changes.Doer] = {}
        with contextlib.ExitStack() as stack:
            if "graph" in services:
                scopes = [f"{cloud.graph}/{need}" for need in change.needs("graph") if _is_permission(need)]
                graph = client.Graph(cloud, who, pace=client.Pace(*_PACE), needs=_LACKS, scopes=scopes)
                found["graph"] = changes.OnGraph(stack.enter_context(graph))
            if "exchange" in services:
                found["exchange"] = changes.OnExchange(stack.enter_context(self.exchange(change=True)))
            yield found

    def exchange(self, *, change: bool = False) -> exchange.Exchange:
        """Return Exchange, as whoever reads the tenant reaches it, or with *change* who changes it; to be closed.

        Raises:
            ConfigurationError: Nobody is configured.
        """
        who, tenant = self.operator() if change else self.reader(), self.tenant
        account = tenant.operator.account if change and tenant.operator else ""
        anchor = f"UPN:{account}" if account else ""
        return exchange.Exchange(tenant.cloud, who, tenant_id=tenant.tenant_id, anchor=anchor)

    def _operator_name(self) -> str:
        who = self.tenant.operator
        assert who is not None
        return who.account or f"app {who.client_id}"

    def alone(self, *, wait_s: float = 0) -> contextlib.AbstractContextManager[None]:
        """Keep other runs away while the tenant or its archive changes; a headless run holds that lock already.

        Args:
            wait_s: How long to wait for another run to end.
        """
        held = os.environ.get("MAILAUTH_LOCKED") == self.tenant.name
        return contextlib.nullcontext() if held else store.lock(self.tenant.name, wait_s=wait_s)

    def _signed_in(self, admin: Admin, **kept: Any) -> TokenCredential:
        where = self.tenant
        return identity.credential(admin, tenant_id=where.tenant_id, cloud=where.cloud, attended=attended(), **kept)


def shown(path: Path) -> str:
    """Return *path* as a person reads it: from the project folder where it lies there."""
    root = project()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def project() -> Path:
    """Return the folder that holds the notebooks: what run.py names, else the nearest one, else the clone's own."""
    here = Path.cwd()
    named = os.environ.get("MAILAUTH_ROOT", "")
    candidates = [*([Path(named)] if named else []), here, *here.parents, Path(__file__).parents[3]]
    for folder in candidates:
        if (folder / "notebooks" / "00-start.ipynb").is_file():
            return folder
    raise ConfigurationError(
        f"No notebooks folder at or above {here}.", remedy="Start in the cloned project, or through its run.py."
    )


def _is_permission(need: str) -> bool:
    """Whether *need* is a permission of Graph and not the name of a role that a person holds."""
    return "." in need and " " not in need


def attended() -> bool:
    """Whether a person sits there: a headless run names its progress file, papermill injects a cell."""
    return not os.environ.get("MAILAUTH_PROGRESS") and not parameters.injected(history())


def history() -> Sequence[str]:
    """Return the cells that this kernel has run; empty outside a kernel."""
    shell = _shell()
    return () if shell is None else tuple(shell.user_ns.get("In", ()))


def plain_errors() -> None:
    """Have this kernel show an error that a person can act on as its text alone; does nothing outside a kernel.

    The cell fails all the same, and ``%tb`` shows where.
    """
    shell = _shell()
    if shell is not None:
        shell.set_custom_exc((MailauthError,), _plain)


def _plain(
    shell: Any, kind: type[MailauthError], error: MailauthError, trace: TracebackType, tb_offset: int | None = None
) -> list[str]:
    # What IPython itself notes of an error for %tb.
    sys.last_type, sys.last_value, sys.last_traceback = kind, error, trace
    lines = [*f"{kind.__name__}: {error.message}".splitlines(), *error.remedy.splitlines()]
    said = [escape.line(each, limit=_LONGEST) for each in lines]
    shell._showtraceback(kind, error, said)
    return said


def _shell() -> Any:
    """Return the IPython that runs this, or None."""
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython

    return get_ipython()

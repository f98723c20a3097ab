"""Signing in: as whom a notebook acts, and the two apps of the runbook's own to sign in with."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from azure.core.credentials import TokenCredential

from .. import actors, roads, runbookapps, signing
from ..actors import Actor
from ..checks import Check
from ..cmdlets import Available
from ..errors import MailauthError
from ..plan import Bound, Cmdlet, Plan, Receipt, Step, new_id
from ..roads import Relation
from ..runbookapps import BOOTSTRAP, SCOPES, Found
from ..services import actors as reading
from ..services import changes, identity, organization, relations, statefile
from ..services import runbookapps as registered
from ..services import signing as grants
from ..services.client import Graph, Pace
from ..services.journal import Journal
from ..tenants import PEOPLE, PersonKind
from .tenancy import Tenancy, attended, shown

__all__ = ["SigningIn"]

_READS = ("Directory.Read.All",)
_APP = "Microsoft Graph Command Line Tools"
_EXCHANGE = "Exchange.Manage"
_NEEDS = "registering an app needs Application.ReadWrite.All and the role Cloud Application Administrator"
# Requests and seconds.
_PACE = (50, 10.0)


@dataclass(frozen=True)
class SigningIn:
    """Who signs in to a tenant.

    Args:
        tenancy: The tenant, opened.
    """

    tenancy: Tenancy

    def reader(self) -> Actor:
        """Return as whom the tenant is read.

        Raises:
            ConfigurationError: Nobody is configured.
        """
        credential, tenant = self.tenancy.reader(), self.tenancy.tenant
        assert tenant.admin is not None
        return reading.read(tenant.cloud, credential, tenant.admin, tenant_id=tenant.tenant_id)

    def operator(self) -> Actor:
        """Return as whom the tenant would be changed; a person is asked to sign in.

        Raises:
            ConfigurationError: Nobody is configured.
        """
        credential, tenant = self.tenancy.operator(), self.tenancy.tenant
        assert tenant.operator is not None
        who = tenant.cloud, credential, tenant.operator
        return reading.read(*who, tenant_id=tenant.tenant_id, scopes=_READS)

    def relationships(self) -> tuple[tuple[Relation, ...] | None, Check | None]:
        """Return the relationships of the partner's tenant, or why they could not be read; no partner is neither."""
        configuration = self.tenancy.configuration
        if not configuration.partner:
            return None, None
        partner = configuration.tenant(configuration.partner)
        try:
            credential = replace(self.tenancy, tenant=partner).reader()
            return relations.read(partner.cloud, credential), None
        except MailauthError as error:
            return None, Check("relationships with customers", "cannot know", error.message, error.remedy)

    def road(
        self,
        known: tuple[Sequence[Relation] | None, Check | None] | None = None,
        *,
        sources: Sequence[Check] = (),
    ) -> roads.Road:
        """Return the road into the tenant; changes nothing, and what cannot be read is a check.

        Args:
            known: What `relationships` returned; None to ask now.
            sources: What came of asking where the tenant's sign-ins are.
        """
        tenancy = self.tenancy
        found, unread = known or self.relationships()
        actor, refused = self._reader()
        return roads.assess(
            tenancy.tenant,
            now=tenancy.now(),
            actor=actor,
            refused=tuple(each for each in (refused, unread) if each),
            known=found,
            partner=tenancy.tenant.name == tenancy.configuration.partner,
            sources=sources,
        )

    def _reader(self) -> tuple[Actor | None, Check | None]:
        """Return as whom the tenant is read, or why nobody can."""
        if self.tenancy.tenant.admin is None:
            return None, None
        try:
            actor = self.reader()
        except MailauthError as error:
            return None, Check("sign-in", "wrong", error.message, error.remedy)
        first = next((each for each in actor.coverage if each.state == "unknown"), None)
        if first and all(each.state == "unknown" for each in actor.coverage):
            return None, Check("sign-in", "wrong", first.reason, first.remedy)
        return actor, None

    def missing(self, plan: Plan) -> tuple[Actor, tuple[Check, ...]]:
        """Return as whom *plan* would be carried out, and what that account or app lacks for it."""
        actor = self.operator()
        return actor, actors.missing(plan, actor, self._available(plan))

    def _available(self, plan: Plan) -> tuple[Available, ...]:
        """Return what Exchange says of the plan's cmdlets; none where it was not asked, or did not say."""
        names = [step.do.name for step in plan.steps if isinstance(step.do, Cmdlet)]
        try:
            if not names or not self._consented():
                return ()
            with self.tenancy.exchange(change=True) as exchange:
                return organization.may_run(exchange, names)
        except MailauthError:
            return ()

    def _consented(self) -> bool:
        """Whether a sign-in to Exchange adds nothing to the operator's app: what it adds is for `carry_out` to note."""
        tenant = self.tenancy.tenant
        if tenant.operator is None or tenant.operator.flow not in PEOPLE:
            return True
        if tenant.admin is None:
            return False
        held = grants.grants(tenant.cloud, self.tenancy.reader(), tenant.operator.client_id)
        return any(_EXCHANGE in each.scopes for each in held or ())

    def reads(self) -> Actor | None:
        """Return as whom the tenant is read; None where nobody is configured."""
        return self.reader() if self.tenancy.tenant.admin else None

    def changes(self, plan: Plan, *, apply: bool = False) -> tuple[Actor | None, tuple[Check, ...]]:
        """Return what `missing` does; nobody is asked without *apply*, or where nothing is to be changed.

        Raises:
            ConfigurationError: Nobody is configured who may change the tenant.
        """
        return self.missing(plan) if apply and plan.steps else (None, ())

    def plan_apps(self, *, multi: bool = False, flow: PersonKind = "interactive") -> Plan:
        """Return what makes the runbook's own two registrations; changes nothing.

        Args:
            multi: Let other tenants consent to them as well.
            flow: How somebody signs in, where the tenant has nobody who reads it.

        Raises:
            SourceError: The tenant could not be read.
        """
        tenancy = self.tenancy
        who = tenancy.reader() if tenancy.tenant.admin else self._borrowed(flow)
        with self._graph(who, *([] if tenancy.tenant.admin else _READS)) as graph:
            return self._planned(registered.read(graph), multi=multi)

    def make_apps(self, *, multi: bool = False, flow: PersonKind = "interactive") -> Receipt:
        """Make the two registrations, note their ids in the tenant's state file, and return the receipt.

        Somebody signs in to an app of Microsoft's for it, once. What was agreed to on that page stands in the receipt,
        so that the undo takes it back too.

        Args:
            multi: Let other tenants consent to them as well.
            flow: How somebody signs in.

        Raises:
            SourceError: Nobody signed in, or the tenant could not be read; nothing was changed.
            MailauthError: Another run of the tenant is under way on this machine.
        """
        tenancy, tenant = self.tenancy, self.tenancy.tenant
        before = grants.grants(tenant.cloud, tenancy.reader(), BOOTSTRAP.client_id) if tenant.admin else None
        borrowed = self._borrowed(flow)
        with tenancy.alone(), self._graph(borrowed, *SCOPES) as graph:
            plan = self._planned(registered.read(graph), multi=multi)
            if not plan.steps:
                self._note(plan.bound)
                return Receipt(plan)
            after = grants.grants(tenant.cloud, borrowed, BOOTSTRAP.client_id, scopes=_READS)
            agreed = signing.added(before, after, app=_APP) if before is not None and after is not None else None
            by = reading.read(tenant.cloud, borrowed, BOOTSTRAP, tenant_id=tenant.tenant_id, scopes=_READS)
            receipt = self._carried_out(plan, agreed, str(by), graph)
        self._note(receipt.bound)
        return receipt

    def _carried_out(self, plan: Plan, agreed: Sequence[Step] | None, by: str, graph: Graph) -> Receipt:
        whole = replace(plan, steps=(*(agreed or ()), *plan.steps))
        if agreed is None:
            whole = replace(whole, checks=(*plan.checks, signing.unknown(_APP)))
        path = self.tenancy.folder / "receipts" / f"{plan.id}.jsonl"
        # What the page did is written down as done: tried again, it would count as found, and nobody would undo it.
        done = signing.done(agreed or (), at=self.tenancy.now())
        journal = Journal(path, whole, by=by, where=shown(path))
        return changes.apply(
            whole,
            {"graph": changes.OnGraph(graph)},
            journal,
            tell=self.tenancy.tell,
            now=self.tenancy.now,
            sleep=self.tenancy.sleep,
            known=done,
        )

    def _planned(self, found: Found, *, multi: bool) -> Plan:
        now = self.tenancy.now()
        return runbookapps.plan(found, tenant=self.tenancy.tenant, id=new_id(now), now=now, multi=multi)

    def _note(self, bound: Bound) -> None:
        content = runbookapps.state(bound, self.tenancy.tenant)
        if content:
            statefile.merge(self.tenancy.configuration.path, self.tenancy.tenant.name, content)

    def _borrowed(self, flow: PersonKind) -> TokenCredential:
        tenant = self.tenancy.tenant
        admin = replace(BOOTSTRAP, flow=flow)
        return identity.credential(admin, tenant_id=tenant.tenant_id, cloud=tenant.cloud, attended=attended())

    def _graph(self, who: TokenCredential, *scopes: str) -> Graph:
        cloud = self.tenancy.tenant.cloud
        asked = [f"{cloud.graph.rstrip('/')}/{scope}" for scope in scopes]
        return Graph(cloud, who, pace=Pace(*_PACE), needs=_NEEDS, scopes=asked)

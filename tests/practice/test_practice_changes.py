"""services/changes against the practice cloud: each way in which a plan can go wrong, and what stands afterwards."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken

from mailauth import plan as plans
from mailauth.errors import ConfigurationError, SecretError
from mailauth.plan import GraphCall, Look, Plan, Receipt, Ref, Step
from mailauth.services import changes, client, journal
from practice.wellknown import EXCHANGE
from tests.practice import moving
from tests.practice.graphclient import ALL, Lab, lab
from tests.practice.moving import CALLS, NAME, NEEDS, STEPS


@dataclass
class Credential:
    """Signs in as whom the laboratory says, with a fresh token each time: the practice clock runs ahead."""

    lab: Lab
    scopes: str = ALL

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        who = self.lab.made.admin
        token = self.lab.token(
            oid=who.id, appid=self.lab.made.client.app_id, scp=self.scopes, upn=who.user_principal_name
        )
        return AccessToken(token, int(time.time()))


@dataclass
class Mover:
    """Carries plans out in a practice tenant, on the practice clock."""

    lab: Lab
    folder: Path
    told: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    scopes: str = ALL

    def now(self) -> datetime:
        return self.lab.practice.backend.now()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.lab.practice.backend.clock.skew += timedelta(seconds=seconds)

    @contextmanager
    def doers(self) -> Iterator[changes.Doers]:
        pace = client.Pace(1000, 0.0, sleep=self.sleep)
        with client.Graph(self.lab.cloud(), Credential(self.lab, self.scopes), pace=pace) as graph:
            yield {"graph": changes.OnGraph(graph)}

    def apply(self, plan: Plan, *, undoes: str = "", changed_at: datetime | None = None, **how: Any) -> Receipt:
        kept = journal.Journal(self.path(plan), plan, by="Wanda", where=plan.id, undoes=undoes)
        with self.doers() as doers:
            return changes.apply(
                plan,
                how.get("wrap", lambda each: each)(doers),
                kept,
                tell=self.told.append,
                now=self.now,
                sleep=self.sleep,
                changed_at=changed_at,
            )

    def path(self, plan: Plan) -> Path:
        return self.folder / "receipts" / f"{plan.id}.jsonl"

    def read(self, plan: Plan) -> Receipt:
        return journal.read(self.path(plan), where=plan.id, tenant_id=plan.tenant_id, cloud=plan.cloud)

    def undo(self, receipt: Receipt) -> Receipt:
        back = plans.undo(receipt, id=plans.new_id(self.now()), now=self.now())
        latest = max((each.at for each in receipt.entries), default=None)
        return self.apply(back, undoes=receipt.plan.id, changed_at=latest)

    def directory(self) -> Any:
        return self.lab.made.estate.tenant.directory

    def state(self) -> dict[str, Any]:
        """Return the tenant as it is kept, without what Entra keeps of deleted apps and of lags."""
        kept: dict[str, Any] = json.loads(self.lab.made.estate.tenant.written())
        kept.pop("former")
        for name in ("deleted_applications", "deleted_service_principals"):
            kept["directory"].pop(name)
        return kept

    def app(self) -> Any:
        return next((app for app in self.directory().applications if app.unique_name == NAME), None)

    def secret_file(self) -> Path:
        return self.folder / "mover.secret"

    def exchange_id(self) -> str:
        found: str = self.directory().principal(EXCHANGE).id
        return found

    def plan(self) -> Plan:
        """Return a plan that makes an app which may open mailboxes."""
        tenant = self.lab.made.estate.tenant
        return moving.plan(tenant.name, tenant.tenant_id, self.exchange_id(), now=self.now(), secret=self.secret_file())


@pytest.fixture
def mover(tmp_path: Path) -> Iterator[Mover]:
    with lab() as found:
        yield Mover(found, tmp_path)


def outcomes(receipt: Receipt) -> dict[str, str]:
    return {each.step: each.outcome for each in receipt.entries}


def check_made(mover: Mover, receipt: Receipt) -> None:
    """Everything is there, once, and the receipt says so and is what stands in the file."""
    app = mover.app()
    assert outcomes(receipt) == dict.fromkeys(STEPS, "done")
    assert receipt.whole
    principals = [each for each in mover.directory().service_principals if each.app_id == app.app_id]
    assert [each.id for each in principals] == [receipt.bound["principal.id"]]
    assert [each.key_id for each in app.password_credentials] == [receipt.bound["secret.id"]]
    assert [g.scope for g in mover.directory().grants if g.client_id == principals[0].id] == ["IMAP.AccessAsUser.All"]
    held = mover.secret_file().read_text()
    assert app.password_credentials[0].hint == held[:3]
    assert held not in mover.path(receipt.plan).read_text()
    assert replace(mover.read(receipt.plan), where="") == replace(receipt, where="")


def test_a_plan_is_carried_out_and_taken_back(mover: Mover) -> None:
    before = mover.state()
    receipt = mover.apply(mover.plan())
    check_made(mover, receipt)
    assert mover.told[0] == "1 of 5: Register Mover"
    back = mover.undo(mover.read(receipt.plan))
    assert back.whole
    assert back.undoes == receipt.plan.id
    assert mover.state() == before


def test_twice_is_once(mover: Mover) -> None:
    receipt = mover.apply(mover.plan())
    after = mover.state()
    again = replace(receipt.plan, id="again", steps=receipt.plan.steps[:-1])
    assert set(outcomes(mover.apply(again)).values()) == {"already"}
    assert mover.state() == after
    assert mover.undo(receipt).whole
    assert set(outcomes(mover.undo(receipt)).values()) == {"already"}


@pytest.mark.parametrize("kind", ["drop", "truncate"])
@pytest.mark.parametrize("step", STEPS)
def test_a_lost_connection_doubles_nothing_and_loses_nothing(mover: Mover, step: str, kind: Any) -> None:
    before = mover.state()
    mover.lab.practice.backend.faults.add("graph", kind, operation=CALLS[step])
    receipt = mover.apply(mover.plan())
    check_made(mover, receipt)
    assert mover.undo(receipt).whole
    assert mover.state() == before


@pytest.mark.parametrize("lag_s", [5, 60])
def test_replicas_that_lag_are_waited_for(mover: Mover, lag_s: int) -> None:
    before = mover.state()
    mover.lab.practice.backend.faults.directory_lag = timedelta(seconds=lag_s)
    receipt = mover.apply(mover.plan())
    check_made(mover, receipt)
    assert mover.undo(receipt).whole
    mover.sleep(lag_s)
    assert mover.state() == before
    assert sum(mover.slept) > lag_s


@pytest.mark.parametrize("step", STEPS)
def test_a_lost_reply_and_replicas_that_lag_together_double_nothing(mover: Mover, step: str) -> None:
    mover.lab.practice.backend.faults.directory_lag = timedelta(seconds=30)
    mover.lab.practice.backend.faults.add("graph", "truncate", operation=CALLS[step])
    check_made(mover, mover.apply(mover.plan()))


def test_throttling_is_waited_for(mover: Mover) -> None:
    mover.lab.practice.backend.faults.add("graph", "throttle", operation=CALLS["grant"], seconds=7, times=2)
    check_made(mover, mover.apply(mover.plan()))
    assert mover.slept.count(7.0) == 2


def test_a_refusal_stops_the_plan_and_names_what_is_missing(mover: Mover) -> None:
    mover.scopes = "Application.ReadWrite.All Directory.Read.All"
    receipt = mover.apply(mover.plan())
    assert outcomes(receipt) == {
        "app": "done",
        "principal": "done",
        "role": "refused",
        "grant": "not reached",
        "secret": "not reached",
    }
    assert receipt.entries[2].remedy.startswith(
        "This step needs AppRoleAssignment.ReadWrite.All and Cloud Application Administrator."
    )
    assert not receipt.whole
    assert not mover.secret_file().exists()
    assert replace(mover.read(receipt.plan), where="") == replace(receipt, where="")
    assert mover.undo(receipt).whole
    assert mover.app() is None


def test_a_policy_that_forbids_secrets_is_named(mover: Mover) -> None:
    policies = mover.directory().policies
    answer = mover.lab.admin.ask(
        "PATCH",
        "/policies/defaultAppManagementPolicy",
        {
            "isEnabled": True,
            "applicationRestrictions": {
                "passwordCredentials": [
                    {"restrictionType": "passwordAddition", "state": "enabled", "maxLifetime": None}
                ]
            },
        },
    )
    assert answer.status_code == 204, (answer.text, policies)
    entry = mover.apply(mover.plan()).entries[-1]
    assert entry.outcome == "refused"
    assert entry.said.startswith("The tenant's app management policy forbids this kind of credential.")
    assert entry.remedy.startswith("Use a certificate or a federated credential")


def _update() -> Step:
    """Return a step that adds a redirect address to the ones that the app has."""
    ask = GraphCall("GET", ("/v1.0/applications/", Ref("app.id"), "?$select=id,web"))
    return Step(
        id="redirects",
        title="Add a redirect address",
        why="The browser comes back to it.",
        group="App",
        service="graph",
        do=GraphCall(
            "PATCH",
            ("/v1.0/applications/", Ref("app.id")),
            {"web": {"redirectUris": ["https://one.example", "https://two.example"]}},
        ),
        look=Look(ask, fields=("web.redirectUris",)),
        before={"web.redirectUris": ["https://one.example"]},
        after={"web.redirectUris": ["https://one.example", "https://two.example"]},
        undo=GraphCall(
            "PATCH", ("/v1.0/applications/", Ref("app.id")), {"web": {"redirectUris": ["https://one.example"]}}
        ),
        needs=NEEDS,
    )


def test_a_foreign_change_stops_the_plan_and_shows_what_stands(mover: Mover) -> None:
    mover.lab.made.daemon.web.redirect_uris = ["https://one.example"]
    daemon = mover.lab.made.daemon
    plan = replace(mover.plan(), steps=(_update(),), bound={"app.id": daemon.id})
    theirs = ["https://one.example", "https://theirs.example"]
    mover.lab.admin.patch(f"/applications/{daemon.id}", {"web": {"redirectUris": theirs}})
    receipt = mover.apply(plan)
    (entry,) = receipt.entries
    assert (entry.outcome, entry.seen) == ("foreign", {"web.redirectUris": theirs})
    assert daemon.web.redirect_uris == theirs
    assert mover.read(plan).entries[0].seen == entry.seen


@dataclass
class Between:
    """A doer that lets *happen* act once, after what is sent."""

    doer: changes.Doer
    happen: Callable[[], object]

    def look(self, ask: plans.Operation) -> changes.Rows:
        return self.doer.look(ask)

    def send(self, do: plans.Operation) -> Mapping[str, Any]:
        reply = self.doer.send(do)
        self.happen()
        return reply


@dataclass
class Before(Between):
    """The same, before what is sent."""

    def send(self, do: plans.Operation) -> Mapping[str, Any]:
        self.happen()
        return self.doer.send(do)


def test_what_somebody_else_changes_right_after_us_is_shown(mover: Mover) -> None:
    daemon = mover.lab.made.daemon
    daemon.web.redirect_uris = ["https://one.example"]
    plan = replace(mover.plan(), steps=(_update(),), bound={"app.id": daemon.id})
    theirs = {"web": {"redirectUris": ["https://theirs.example"]}}

    def wrap(doers: changes.Doers) -> changes.Doers:
        return {"graph": Between(doers["graph"], lambda: mover.lab.admin.patch(f"/applications/{daemon.id}", theirs))}

    (entry,) = mover.apply(plan, wrap=wrap).entries
    assert (entry.outcome, entry.seen) == ("foreign", {"web.redirectUris": ["https://theirs.example"]})
    assert entry.said == "Somebody else changed this while it was being changed."


def test_two_engineers_at_once_make_one_app_and_each_takes_back_their_own(mover: Mover, tmp_path: Path) -> None:
    before = mover.state()
    other = Mover(mover.lab, tmp_path / "other")
    plan, theirs = mover.plan(), replace(other.plan(), id="theirs")
    # Both have looked and seen no app when the other one's request arrives.
    first: list[Receipt] = []

    def meanwhile() -> None:
        if not first:
            first.append(other.apply(replace(theirs, steps=theirs.steps[:-1])))

    receipt = mover.apply(plan, wrap=lambda doers: {"graph": Before(doers["graph"], meanwhile)})
    assert first[0].whole
    assert list(outcomes(receipt).values()) == ["already", "already", "already", "already", "done"]
    assert len([app for app in mover.directory().applications if app.unique_name == NAME]) == 1
    assert mover.undo(receipt).whole
    assert mover.app().password_credentials == []
    assert other.undo(first[0]).whole
    assert mover.state() == before


def test_ctrl_c_leaves_a_receipt_that_takes_back(mover: Mover) -> None:
    before, plan = mover.state(), mover.plan()
    sent: list[str] = []

    def interrupt() -> None:
        sent.append("")
        if len(sent) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mover.apply(plan, wrap=lambda doers: {"graph": Between(doers["graph"], interrupt)})
    kept = mover.read(plan)
    assert list(outcomes(kept).values()) == ["done", "done", "unclear", "not reached", "not reached"]
    assert mover.undo(kept).whole
    assert mover.state() == before


def test_a_secret_without_a_place_stops_the_plan_before_anything_is_sent(mover: Mover) -> None:
    before, plan = mover.state(), mover.plan()
    mover.secret_file().write_text("in use")
    with pytest.raises(SecretError, match="is there already and would be lost"):
        mover.apply(plan)
    assert (mover.state(), mover.path(plan).exists()) == (before, False)


def test_a_secret_that_could_not_be_kept_is_removed_again(mover: Mover) -> None:
    plan = mover.plan()

    def wrap(doers: changes.Doers) -> changes.Doers:
        return {"graph": Between(doers["graph"], lambda: mover.secret_file().write_text("in use"))}

    entry = mover.apply(plan, wrap=wrap).entries[-1]
    assert (entry.step, entry.outcome) == ("secret", "failed")
    assert mover.app().password_credentials == []


def test_days_later_the_receipt_takes_back(mover: Mover) -> None:
    before = mover.state()
    plan = mover.apply(mover.plan()).plan
    mover.lab.practice.backend.clock.skew += timedelta(days=9)
    assert mover.undo(mover.read(plan)).whole
    assert mover.state() == before


def test_nobody_to_ask_is_said_before_anything_is_sent(mover: Mover) -> None:
    with pytest.raises(ConfigurationError, match="nobody is signed in to graph"):
        mover.apply(mover.plan(), wrap=lambda _: {})


def test_what_was_made_says_when_it_counts_everywhere(mover: Mover) -> None:
    receipt = mover.apply(mover.plan())
    first = receipt.entries[0]
    assert first.settles_at == first.at + timedelta(minutes=2)
    assert receipt.settles_at == max(each.settles_at or datetime.min.replace(tzinfo=UTC) for each in receipt.entries)

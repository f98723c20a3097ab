"""services/changes against the practice Exchange: cmdlets that are watched, and many alike that are counted."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mailauth import closingsteps, mailsteps
from mailauth import plan as plans
from mailauth.organization import Mailbox
from mailauth.plan import Cmdlet, Look, Plan, Receipt, Ref, Step, Value
from mailauth.services import changes, journal
from tests.exchanging import Lab, administering
from tests.practice.woodgrove import DOMAIN, TENANT, Woodgrove, woodgrove

APP = "11111111-1111-1111-1111-111111111111"
OBJECT = "22222222-2222-2222-2222-222222222222"
BOXES = tuple(f"box{number}@{DOMAIN}" for number in range(4))


@dataclass
class Mover:
    """Carries plans out in a practice organization, on a clock that only sleeping moves."""

    lab: Lab
    folder: Path
    told: list[str] = field(default_factory=list)
    moment: datetime = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)

    def apply(self, plan: Plan) -> Receipt:
        kept = journal.Journal(self.folder / f"{plan.id}.jsonl", plan, by="Wanda", where=plan.id)
        doers: changes.Doers = {"exchange": changes.OnExchange(self.lab.exchange)}
        return changes.apply(plan, doers, kept, tell=self.told.append, now=lambda: self.moment, sleep=self.sleep)

    def undo(self, receipt: Receipt) -> Receipt:
        return self.apply(plans.undo(receipt, id=f"{receipt.plan.id}-undo", now=self.moment))

    def state(self) -> Any:
        return self.lab.made.estate.tenant.exchange.model_copy(deep=True)

    def calls(self) -> int:
        return self.lab.exchange.calls


@pytest.fixture
def made() -> Woodgrove:
    tenant = woodgrove()
    for number in range(len(BOXES)):
        tenant.estate.shared(f"box{number}", f"Box {number}")
    return tenant


@pytest.fixture
def mover(made: Woodgrove, tmp_path: Path) -> Iterator[Mover]:
    with administering(made) as lab:
        yield Mover(lab, tmp_path)


def principal() -> Step:
    return Step(
        id="principal",
        title="Make Mover known to Exchange",
        why="Permissions name it.",
        group="Service principal",
        service="exchange",
        do=Cmdlet("New-ServicePrincipal", {"AppId": APP, "ObjectId": OBJECT, "DisplayName": "Mover"}),
        look=Look(Cmdlet("Get-ServicePrincipal", {"Identity": OBJECT}), fields=("AppId",), binds={"mover.sid": "Sid"}),
        before=None,
        after={"AppId": APP},
        undo=Cmdlet("Remove-ServicePrincipal", {"Identity": OBJECT, "Confirm": False}),
        needs=("Role Management",),
    )


def access(address: str) -> Step:
    whom: dict[str, Value] = {"Identity": address, "User": Ref("mover.sid")}
    return Step(
        id=f"access:{address}",
        title=f"Let Mover open {address}",
        why="It reads them.",
        group="FullAccess",
        service="exchange",
        do=Cmdlet("Add-MailboxPermission", {**whom, "AccessRights": ["FullAccess"], "AutoMapping": False}),
        look=Look(Cmdlet("Get-MailboxPermission", whom), fields=("AccessRights",)),
        before=None,
        after={"AccessRights": ["FullAccess"]},
        undo=Cmdlet("Remove-MailboxPermission", {**whom, "AccessRights": ["FullAccess"], "Confirm": False}),
        needs=("Mail Recipients",),
        lag=timedelta(hours=2),
        watched=False,
    )


def switch(address: str) -> Step:
    return Step(
        id=f"imap:{address}",
        title=f"Close IMAP for {address}",
        why="Nobody reads over it.",
        group="Switches",
        service="exchange",
        do=Cmdlet("Set-CASMailbox", {"Identity": address, "ImapEnabled": False}),
        look=Look(Cmdlet("Get-CASMailbox", {"Identity": address}), fields=("ImapEnabled",)),
        before={"ImapEnabled": True},
        after={"ImapEnabled": False},
        undo=Cmdlet("Set-CASMailbox", {"Identity": address, "ImapEnabled": True}),
        needs=("Mail Recipients",),
    )


STEPS = (principal(), *map(access, BOXES), switch(BOXES[0]))


def plan(*steps: Step) -> Plan:
    made_at = datetime(2026, 11, 27, tzinfo=UTC)
    return Plan(
        "20261127T090000-abcdef", "Mover opens mailboxes", "woodgrove", TENANT, "practice", steps, made_at=made_at
    )


def outcomes(receipt: Receipt) -> list[str]:
    return [entry.outcome for entry in receipt.entries]


def test_a_plan_is_carried_out_and_taken_back(mover: Mover) -> None:
    before = mover.state()
    receipt = mover.apply(plan(*STEPS))
    assert (outcomes(receipt), receipt.whole) == (["done"] * 6, True)
    assert receipt.settles_at == mover.moment + timedelta(hours=2)
    assert mover.undo(receipt).whole
    assert mover.state() == before


def test_what_is_not_watched_is_one_call_each(mover: Mover) -> None:
    mover.apply(plan(principal()))
    sid = mover.lab.made.estate.tenant.exchange.principal(OBJECT)
    assert sid is not None
    begun = mover.calls()
    many = Plan(
        "many", "Many", "woodgrove", TENANT, "practice", tuple(map(access, BOXES)), bound={"mover.sid": sid.sid}
    )
    assert mover.apply(many).whole
    assert mover.calls() - begun == len(BOXES)
    assert mover.told[-2] == f"4 of 4: Let Mover open {BOXES[3]}"


def assigned(mover: Mover) -> tuple[Step, ...]:
    """Return the steps that give every box the policy, as many alike."""
    held = [mover.lab.made.estate.tenant.exchange.mailbox(address) for address in BOXES]
    boxes = [
        Mailbox(each.primary_smtp, guid=each.guid, object_id=each.user_id, authentication_policy="")
        for each in held
        if each
    ]
    steps = (closingsteps.assigned(each, "Strict", settles=timedelta(hours=24)) for each in boxes)
    return tuple(Step(**{**vars(step), "watched": False}) for step in steps)


def policies(mover: Mover) -> list[str]:
    held = {each.primary_smtp: each for each in mover.lab.made.estate.tenant.exchange.mailboxes}
    return [held[address].authentication_policy for address in BOXES]


def test_of_many_alike_two_engineers_make_each_once_and_neither_takes_back_the_others(mover: Mover) -> None:
    mover.apply(plan(mailsteps.customization(), closingsteps.policy("Strict"), closingsteps.policy("Sealed")))
    many, begun = replace(plan(*assigned(mover)), id="many"), mover.calls()
    assert outcomes(mover.apply(many)) == ["done"] * 4
    assert (mover.calls() - begun, policies(mover)) == (5, ["Strict"] * 4)
    again = mover.apply(replace(many, id="again"))
    assert (outcomes(again), plans.undo(again, id="x", now=mover.moment).steps) == (["already"] * 4, ())


def test_of_many_alike_a_policy_that_somebody_gave_meanwhile_stays(mover: Mover) -> None:
    mover.apply(plan(mailsteps.customization(), closingsteps.policy("Strict"), closingsteps.policy("Sealed")))
    many = replace(plan(*assigned(mover)), id="many")
    box = mover.lab.made.estate.tenant.exchange.mailbox(BOXES[2])
    assert box is not None
    box.authentication_policy = "Sealed"
    done = mover.apply(many)
    assert outcomes(done) == ["done", "done", "foreign", "not reached"]
    assert policies(mover) == ["Strict", "Strict", "Sealed", ""]
    assert mover.undo(done).whole
    assert policies(mover) == ["", "", "Sealed", ""]


@pytest.mark.parametrize("kind", ["drop", "truncate"])
@pytest.mark.parametrize("name", ["New-ServicePrincipal", "Add-MailboxPermission", "Set-CASMailbox"])
def test_a_lost_connection_doubles_nothing_and_loses_nothing(mover: Mover, name: str, kind: Any) -> None:
    before = mover.state()
    mover.lab.practice.backend.faults.add("exchange", kind, operation=name)
    receipt = mover.apply(plan(*STEPS))
    assert (outcomes(receipt), receipt.whole) == (["done"] * 6, True)
    exchange = mover.lab.made.estate.tenant.exchange
    found = [one for one in exchange.principals if one.app_id == APP]
    assert [one.sid for one in found] == [receipt.bound["mover.sid"]]
    held = [one.mailbox for one in exchange.mailbox_permissions if one.trustee == found[0].sid]
    assert len(held) == len(set(held)) == len(BOXES)
    assert mover.undo(receipt).whole
    assert mover.state() == before


def test_what_is_there_already_is_settled_by_looking(mover: Mover) -> None:
    mover.apply(plan(principal()))
    unwatched = Step(**{**vars(principal()), "watched": False})
    (entry,) = mover.apply(Plan("again", "Again", "woodgrove", TENANT, "practice", (unwatched,))).entries
    assert (entry.outcome, entry.bound["mover.sid"][:6]) == ("already", "S-1-5-")


def test_a_mailbox_that_is_not_there_stops_the_plan_and_says_so(mover: Mover) -> None:
    gone = access(f"gone@{DOMAIN}")
    receipt = mover.apply(plan(principal(), access(BOXES[0]), gone, access(BOXES[1])))
    assert outcomes(receipt) == ["done", "done", "refused", "not reached"]
    assert "couldn't be found" in receipt.entries[2].said


def test_somebody_elses_switch_is_left_alone(mover: Mover) -> None:
    box = mover.lab.made.estate.tenant.exchange.mailbox(BOXES[0])
    assert box is not None
    done = mover.apply(plan(switch(BOXES[0])))
    box.imap_enabled = True
    assert outcomes(mover.undo(done)) == ["already"]
    step = Step(**{**vars(switch(BOXES[0])), "before": {"ImapEnabled": None}})
    (entry,) = mover.apply(Plan("other", "Other", "woodgrove", TENANT, "practice", (step,))).entries
    assert (entry.outcome, entry.seen) == ("foreign", {"ImapEnabled": True})

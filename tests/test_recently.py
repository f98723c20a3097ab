"""From receipts to changes that a login may depend on, each with the mailbox or app that it is about."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mailauth import closingsteps, mailsteps, recently
from mailauth.catalogue import lags
from mailauth.plan import Cmdlet, Entry, GraphCall, Look, Operation, Outcome, Plan, Receipt, Step
from tests import closings

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
APP = "11111111-1111-1111-1111-111111111111"


def receipt(
    do: Operation, group: str = "Protocol switch", outcome: Outcome = "done", settles_at: datetime | None = None
) -> Receipt:
    step = Step(
        id="s", title="A step", why="", group=group, service="exchange" if isinstance(do, Cmdlet) else "graph", do=do,
        look=Look(Cmdlet("Get-CASMailbox", {"Identity": "ada@x.example"})), before=None, after={},
    )  # fmt: skip
    plan = Plan("p", "Plan", "x", "t", "public", (step,), made_at=NOW)
    return Receipt(plan, (Entry("s", outcome, NOW, settles_at=settles_at),))


@pytest.mark.parametrize(
    ("group", "kind"),
    [
        ("Exchange service principal", "principal"),
        ("FullAccess", "full_access"),
        ("SendAs", "send_as"),
        ("Role", "role"),
        ("Protocol switch", "switch"),
        ("App roles", "consent"),
        ("credential", "credential"),
        ("app registration", "registration"),
    ],
)
def test_a_step_that_was_done_is_a_change(group: str, kind: str) -> None:
    [found] = recently.changes([receipt(Cmdlet("Set-CASMailbox", {}), group)])
    assert (found.change.kind, found.change.at, found.change.what) == (kind, NOW, "A step")
    assert kind in lags()


@pytest.mark.parametrize("id", ["", "g-ada"], ids=["by its address", "by its id"])
def test_a_change_of_a_mailbox_is_known_by_the_address_however_the_step_names_it(id: str) -> None:
    ada = closings.box("ada", guid=id, smtp="off")
    steps = [mailsteps.submission(ada), closingsteps.assigned(ada, "Block", settles=closings.DAY)]
    found = recently.changes([closings.receipt(steps, NOW)])
    assert [each.mailbox for each in found] == ["ada@w.example"] * 2
    assert not any(each.concerns(["bob@w.example"], APP) for each in found)


@pytest.mark.parametrize("outcome", ["already", "refused", "failed", "foreign", "not reached"])
def test_a_step_that_changed_nothing_is_none(outcome: Outcome) -> None:
    assert recently.changes([receipt(Cmdlet("Set-CASMailbox", {}), outcome=outcome)]) == ()


def test_a_step_of_which_nobody_knows_may_have_changed_something() -> None:
    assert len(recently.changes([receipt(Cmdlet("Set-CASMailbox", {}), outcome="unclear")])) == 1


@pytest.mark.parametrize(
    "do",
    [
        Cmdlet("Remove-MailboxPermission", {"Identity": "ada@x.example"}),
        GraphCall("DELETE", ("/v1.0/oauth2PermissionGrants/x",)),
    ],
    ids=["a right", "a consent"],
)
def test_what_was_taken_away_is_no_reason_to_wait(do: Operation) -> None:
    assert recently.changes([receipt(do, "FullAccess")]) == ()


def test_what_took_something_back_is_no_reason_to_wait() -> None:
    done = replace(receipt(Cmdlet("Set-CASMailbox", {})), undoes="another")
    assert recently.changes([done]) == ()


def test_the_receipt_says_until_when() -> None:
    until = NOW + timedelta(hours=1)
    [found] = recently.changes([receipt(Cmdlet("Set-CASMailbox", {}), settles_at=until)])
    assert found.change.ends_at == until


def test_a_change_concerns_its_mailbox_or_its_app() -> None:
    [box] = recently.changes([receipt(Cmdlet("Set-CASMailbox", {"Identity": "Ada@x.example"}))])
    [app] = recently.changes([receipt(Cmdlet("New-ServicePrincipal", {"AppId": APP}))])
    [all_of_it] = recently.changes([receipt(Cmdlet("Set-TransportConfig", {}))])
    assert box.concerns(["ada@x.example"], APP)
    assert not box.concerns(["bob@x.example"], APP)
    assert app.concerns(["bob@x.example"], APP.upper())
    assert not app.concerns(["ada@x.example"], "another")
    assert all_of_it.concerns(["bob@x.example"], "another")

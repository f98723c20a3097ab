"""What a plan and a receipt show: few rows, exceptions first, both versions, and an undo that can be pasted."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mailauth.checks import Check
from mailauth.plan import Cmdlet, Entry, Look, Outcome, Plan, Receipt, Seen, Step
from mailauth.views import changing
from mailauth.views.markup import Stack
from mailauth.views.tables import Code
from tests.views_invented import HOSTILE

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)


def step(number: int, group: str = "FullAccess") -> Step:
    address = f"box{number}@adatum.example"
    return Step(
        id=f"{group}:{address}",
        title=f"Open {address} ({group})",
        why="Mail reads it.",
        group=group,
        service="exchange",
        do=Cmdlet("Add-MailboxPermission", {"Identity": address, "User": "s-1", "AccessRights": ["FullAccess"]}),
        look=Look(Cmdlet("Get-MailboxPermission", {"Identity": address}), where={"User": "s-1"}),
        before=None,
        after={"AccessRights": ["FullAccess"]},
        undo=Cmdlet("Remove-MailboxPermission", {"Identity": address, "User": "s-1", "AccessRights": ["FullAccess"]}),
        needs=("Mail Recipients",),
        lag=timedelta(minutes=30),
        leaves="An open connection stays open for an hour.",
    )


def plan(*steps: Step) -> Plan:
    checks = (Check("the app is known", "ok"), Check("an open consent", "wrong", "IMAP for all", "Remove it first."))
    return Plan("20261127T090000-abcdef", "Open mailboxes", "adatum", "t-1", "practice", steps, checks, made_at=NOW)


def entry(of: Step, outcome: Outcome = "done", *, seen: Seen = None, said: str = "", remedy: str = "") -> Entry:
    return Entry(of.id, outcome, NOW, seen=seen, said=said, remedy=remedy, settles_at=NOW + of.lag)


def text(shown: Stack) -> str:
    return "\n".join(map(str, shown.views))


def test_a_thousand_changes_are_read_in_a_handful_of_rows_for_each_group() -> None:
    said = text(changing.plan(plan(*(step(n) for n in range(988)), *(step(n, "SendAs") for n in range(12)))))
    assert "FullAccess: 988, SendAs: 12" in said
    assert "and 983 more: FullAccess" in said
    assert "and 7 more: SendAs" in said
    assert len(said.splitlines()) < 40


def test_an_undo_that_left_what_others_have_set_is_no_stop() -> None:
    switches = [
        replace(step(number), do=Cmdlet("Set-CASMailbox", {"Identity": f"g-{number}"}), takes_back=True)
        for number in (1, 2)
    ]
    entries = (entry(switches[0], "foreign", said="Somebody else changed this."), entry(switches[1]))
    said = text(changing.receipt(Receipt(plan(*switches), entries)))
    assert "done but for others' settings" in said.replace("\u2019", "'")
    assert "1 of 2 changes were left: somebody else has set them since." in said
    assert "stopped" not in said
    refused = (entries[0], entry(switches[1], "refused"))
    assert "stopped" in text(changing.receipt(Receipt(plan(*switches), refused)))


def test_changes_stand_in_the_order_in_which_they_are_carried_out() -> None:
    said = text(changing.plan(plan(step(1), step(2, "Exchange service principal"), step(3))))
    assert said.index("Open box1@") < said.index("Open box2@") < said.index("Open box3@")


def test_groups_that_take_turns_a_thousand_times_are_counted() -> None:
    said = text(changing.plan(plan(*(step(n, "SendAs" if n % 2 else "FullAccess") for n in range(1_000)))))
    assert "and 988 more: FullAccess, SendAs" in said
    assert len(said.splitlines()) < 60


def test_what_stands_in_the_way_comes_first() -> None:
    said = text(changing.plan(plan(step(1))))
    assert said.index("an open consent") < said.index("the app is known") < said.index("Open box1@adatum.example")


def test_a_thousand_checks_are_counted_too() -> None:
    many = tuple(Check(f"box{n}", "wrong", "no mailbox", "Leave it out.") for n in range(1_000))
    said = text(changing.plan(replace(plan(step(1)), checks=many)))
    assert "and 964 more" in said
    assert len(said.splitlines()) < 60


def test_what_a_registration_asks_for_is_read_by_name() -> None:
    imap, other = "5e5addcd-3e8d-4e90-baf5-964efab2b20a", "11111111-2222-3333-4444-555555555555"
    exchange = "00000002-0000-0ff1-ce00-000000000000"
    access = [{"id": imap, "type": "Role"}, {"id": other, "type": "Scope"}]
    asks = {"requiredResourceAccess": [{"resourceAppId": exchange, "resourceAccess": access}]}
    said = text(changing.plan(plan(replace(step(1), after=asks))))
    assert f"requiredResourceAccess: Office 365 Exchange Online: IMAP.AccessAsApp, {other}" in said
    assert imap not in said


def test_a_switch_that_follows_the_organization_is_not_called_empty() -> None:
    switch = replace(
        step(1),
        before={"SmtpClientAuthenticationDisabled": None},
        after={"SmtpClientAuthenticationDisabled": False},
    )
    said = text(changing.plan(plan(switch)))
    assert "SmtpClientAuthenticationDisabled: as the organization has it" in said
    assert "SmtpClientAuthenticationDisabled: no" in said


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        (["done"], "The change stands as wanted."),
        (["done", "already"], "All of 2 changes stand as wanted."),
        (["refused"], "The change does not stand."),
        (["unclear"], "Whether the change stands is not known."),
        (["done", "refused"], "1 of 2 changes stand as wanted; the rest was left alone."),
    ],
)
def test_one_change_is_spoken_of_as_one(outcomes: list[Outcome], said: str) -> None:
    steps = [step(number) for number in range(len(outcomes))]
    entries = tuple(entry(each, outcome) for each, outcome in zip(steps, outcomes, strict=True))
    assert said in text(changing.receipt(Receipt(plan(*steps), entries, "Wanda", "r.jsonl")))


def test_a_plan_without_changes_says_so() -> None:
    assert "Open mailboxes: nothing to change" in text(changing.plan(plan()))
    assert "The plan changes nothing." in text(changing.receipt(Receipt(plan())))


def test_a_plan_that_was_not_applied_has_no_undo() -> None:
    shown = changing.receipt(Receipt(plan(step(1))))
    assert "It was not applied: nobody was asked." in text(shown)
    assert not any(isinstance(view, Code) for view in shown.views)


def test_a_receipt_says_when_it_counts_and_how_it_is_taken_back() -> None:
    where = "reports/adatum/receipts/20261127T090000-abcdef.jsonl"
    shown = changing.receipt(Receipt(plan(step(1)), (entry(step(1)),), "Wanda", where), config="my tenants.yaml")
    assert "at the latest 27 Nov 2026 09:30 UTC" in text(shown)
    assert "An open connection stays open for an hour." in text(shown)
    assert [view.source for view in shown.views if isinstance(view, Code)] == [
        f'run.take_back("{where}", apply=True)',
        f"mailauth undo {where} --config 'my tenants.yaml' --tenant adatum --apply",
    ]


def test_somebody_elses_change_is_shown_beside_ours() -> None:
    theirs = entry(step(1), "foreign", seen={"AccessRights": ["ReadPermission"]}, said="Somebody else changed this.")
    said = text(changing.receipt(Receipt(plan(step(1)), (replace(theirs, settles_at=None),), "Wanda", "r.jsonl")))
    assert "AccessRights: ReadPermission" in said
    assert "AccessRights: FullAccess" in said
    assert "nothing was changed" in said


def test_what_went_wrong_stands_above_what_went_well() -> None:
    steps = [step(n) for n in range(1, 101)]
    entries = [
        *(entry(each) for each in steps[:98]),
        entry(steps[98], "refused", said="No."),
        entry(steps[99], "not reached"),
    ]
    said = text(changing.receipt(Receipt(plan(*steps), tuple(entries), "Wanda", "r.jsonl")))
    assert "98 of 100 changes stand as wanted" in said
    table = said[said.index("Each change") :]
    assert table.index("refused") < table.index("done")
    assert "and 93 more: FullAccess" in table
    assert len(table.splitlines()) < 30


def test_names_from_outside_stay_text() -> None:
    hostile = replace(step(1), title=HOSTILE, why=HOSTILE, group=HOSTILE, leaves=HOSTILE, after={HOSTILE: HOSTILE})
    entries = (entry(hostile, "foreign", seen={HOSTILE: HOSTILE}, said=HOSTILE, remedy=HOSTILE),)
    for shown in (changing.plan(plan(hostile)), changing.receipt(Receipt(plan(hostile), entries, HOSTILE, HOSTILE))):
        assert not any("<script" in view.html() or "<img" in view.html() for view in shown.views)

"""plan: what a look tells apart, how a request is filled in, and what takes a receipt back."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from mailauth import plan
from mailauth.plan import Cmdlet, Entry, GraphCall, Look, Plan, Receipt, Ref, Standing, Step

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
APP = Step(
    id="app",
    title="Register Mover",
    why="It signs in.",
    group="App",
    service="graph",
    do=GraphCall("POST", ("/v1.0/applications",), {"displayName": "Mover"}),
    look=Look(GraphCall("GET", ("/v1.0/applications",)), fields=("displayName",), binds={"app.id": "id"}),
    before=None,
    after={"displayName": "Mover", "id": Ref("app.id")},
    undo=GraphCall("DELETE", ("/v1.0/applications/", Ref("app.id"))),
)


def made(*steps: Step) -> Plan:
    return Plan("20261127T090000-abcdef", "Mover", "woodgrove", "t", "public", steps, made_at=NOW)


def test_ids_are_in_the_order_of_time_within_a_second_too() -> None:
    ids = [plan.new_id(NOW.replace(microsecond=thousandth * 1000)) for thousandth in range(1000)]
    assert ids == sorted(ids)
    assert [each.partition("-")[0] for each in (ids[0], ids[-1])] == ["20261127T090000", "20261127T090000"]


@pytest.mark.parametrize(
    ("seen", "side"),
    [
        pytest.param(None, "before", id="not there: what only a look tells is not asked for"),
        pytest.param({"displayName": "Mover", "id": "a-1"}, "after", id="as wanted"),
        pytest.param({"displayName": "Another's", "id": "a-1"}, "foreign", id="neither"),
    ],
)
def test_a_look_is_on_one_side_of_a_step(seen: Any, side: Standing) -> None:
    assert plan.standing(APP, seen, {"app.id": "a-1"} if seen else {}) == side


def test_where_both_versions_look_alike_there_is_nothing_to_send() -> None:
    assert plan.standing(replace(APP, before={}, after={}), {}, {}) == "after"


@pytest.mark.parametrize(
    ("before", "after", "side"),
    [
        pytest.param({"keys": ["k"]}, {"keys": []}, "after", id="taken out of what is gone"),
        pytest.param({"keys": ["k", "l"]}, {"keys": ["k"]}, "foreign", id="something was to stay"),
        pytest.param({"keys": []}, {"keys": ["k"]}, "foreign", id="put into what is gone"),
        pytest.param(None, {"keys": []}, "before", id="to be made, with nothing in it"),
        pytest.param({"name": "x"}, {}, "foreign", id="to be there is all that counts"),
    ],
)
def test_what_held_it_is_gone(before: Any, after: Any, side: Standing) -> None:
    assert plan.standing(replace(APP, before=before, after=after), None, {}) == side


SWITCH = Step(
    id="switch",
    title="Switch it on",
    why="It sends.",
    group="Switch",
    service="exchange",
    do=Cmdlet("Set-CASMailbox", {"Identity": "g", "Off": False}),
    look=Look(Cmdlet("Get-CASMailbox", {"Identity": "g"}), where={plan.ACCOUNT: "o"}, fields=("Off",)),
    before={"Off": True},
    after={"Off": False},
    undo=Cmdlet("Set-CASMailbox", {"Identity": "g", "Off": True}),
)


def undone(step: Step) -> Step:
    [back] = plan.undo(Receipt(made(step), (Entry(step.id, "done", NOW),)), id="back", now=NOW).steps
    return back


def test_a_setting_is_taken_back_where_its_mailbox_is_gone_and_not_where_it_may_be_called_otherwise() -> None:
    by_address = replace(SWITCH, look=replace(SWITCH.look, where={}))
    assert plan.standing(SWITCH, None, {}) == "foreign"
    assert plan.standing(undone(SWITCH), None, {}) == "after"
    assert plan.standing(undone(by_address), None, {}) == "foreign"
    assert plan.standing(replace(undone(by_address), after={"Off": None}), None, {}) == "foreign"
    assert plan.standing(undone(SWITCH), {"Off": None}, {}) == "foreign"


@pytest.mark.parametrize(
    ("step", "outcome", "settled"),
    [
        pytest.param(SWITCH, "foreign", True, id="one mailbox, set by somebody else"),
        pytest.param(SWITCH, "already", True, id="taken back by hand"),
        pytest.param(SWITCH, "refused", False, id="refused"),
        pytest.param(SWITCH, "unclear", False, id="unclear"),
        pytest.param(SWITCH, "not reached", False, id="not reached"),
        pytest.param(APP, "foreign", False, id="what others stand on"),
    ],
)
def test_an_undo_is_over_when_nothing_but_somebody_elses_setting_is_left(
    step: Step, outcome: Any, settled: bool
) -> None:
    back = undone(step)
    receipt = Receipt(
        made(undone(replace(SWITCH, id="other")), back), (Entry("other", "done", NOW), Entry(back.id, outcome, NOW))
    )
    assert receipt.settled == settled
    assert not Receipt(made(SWITCH), (Entry("switch", "foreign", NOW),)).settled


def test_an_undo_says_which_plan_it_takes_back() -> None:
    receipt = Receipt(made(APP), (Entry("app", "done", NOW),))
    (step,) = plan.undo(receipt, id="back", now=NOW).steps
    assert (step.title, step.why) == ("Take back: Register Mover", "Plan 20261127T090000-abcdef did it.")


def test_what_is_filled_into_a_path_stays_one_key() -> None:
    call = GraphCall("GET", ("/v1.0/applications(uniqueName='", Ref("name"), "')"))
    assert plan.filled(call, {"name": "o'brien/../x?y"}) == replace(
        call, path=("/v1.0/applications(uniqueName='o%27%27brien%2F..%2Fx%3Fy')",)
    )


@pytest.mark.parametrize("value", ["", ".", ".."], ids=["nothing", "here", "one up"])
def test_what_is_no_key_is_filled_into_no_path(value: str) -> None:
    with pytest.raises(KeyError, match=r"app\.id"):
        plan.filled(GraphCall("DELETE", ("/v1.0/applications/", Ref("app.id"), "/users/u")), {"app.id": value})


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        pytest.param(["a", "b"], ["b", "a"], True, id="any order"),
        pytest.param([{"a": 1, "b": [2, 3]}], [{"b": [3, 2], "a": 1}], True, id="any order inside"),
        pytest.param({"a": None, "b": "", "c": []}, {}, True, id="absent is empty"),
        pytest.param("nothing", None, False, id="a text that says nothing"),
        pytest.param(True, "True", False, id="a switch is no text"),
        pytest.param({"a": True}, {"a": 1}, False, id="a switch is no number"),
        pytest.param(["a"], ["a", "a"], False, id="twice is not once"),
    ],
)
def test_two_values_say_the_same(one: object, other: object, alike: bool) -> None:
    assert plan.same(one, other) is alike


def test_values_within_values_are_compared_in_the_time_that_reading_them_takes() -> None:
    deep: object = "'\\"
    for _ in range(100):
        deep = [deep]
    assert plan.same(deep, [deep]) is False


def test_references_are_filled_in_however_deep_they_stand() -> None:
    given = Cmdlet("Add-MailboxPermission", {"User": Ref("sid"), "Names": [{"a": Ref("sid")}, None, True]})
    assert plan.filled(given, {"sid": "S-1"}) == Cmdlet(
        "Add-MailboxPermission", {"User": "S-1", "Names": [{"a": "S-1"}, None, True]}
    )
    with pytest.raises(KeyError, match="sid"):
        plan.filled(given, {})


def test_the_undo_goes_backwards_over_what_was_done_and_what_is_unclear() -> None:
    steps = [replace(APP, id=name, title=name) for name in ("one", "two", "three", "four")]
    entries = [Entry(*each, NOW, bound={"app.id": each[0]}) for each in (("one", "done"), ("two", "already"))]
    entries += [Entry("three", "unclear", NOW), Entry("four", "not reached", NOW)]
    back = plan.undo(Receipt(made(*steps), tuple(entries)), id="back", now=NOW)
    assert [(step.id, step.before, step.after, step.do) for step in back.steps] == [
        ("three", APP.after, None, APP.undo),
        ("one", APP.after, None, APP.undo),
    ]
    assert back.bound == {"app.id": "two"}


def test_what_an_undo_leaves_is_said_once_for_all_that_are_alike() -> None:
    stuck = replace(APP, id="stuck", title="Customize the organization", undo=None)
    many = [replace(APP, id=str(n), title=f"Box {n}", leaves="A token lasts an hour.") for n in range(3)]
    entries = tuple(Entry(step.id, "done", NOW) for step in (stuck, *many))
    checks = plan.undo(Receipt(made(stuck, *many), entries), id="back", now=NOW).checks
    assert [(check.name, check.found) for check in checks] == [
        ("Box 2, and 2 more", "what is not restored: A token lasts an hour."),
        ("Customize the organization", "nothing takes this back"),
    ]


def test_a_look_tells_of_everything_that_it_means() -> None:
    rows = [{"id": "a", "name": "x"}, {"id": "b", "name": "X"}, {"id": "c", "name": "y"}]
    look = Look(GraphCall("GET", ("/v1.0/applications",)), where={"name": "x"}, binds={"it": "id"})
    assert [told["it"] for _, told in plan.each(look, rows, {})] == ["a", "b"]


def test_a_look_means_no_row_that_lacks_what_it_asks_for_or_holds_another_kind_of_value() -> None:
    rows: list[dict[str, Any]] = [
        {"id": "a"},
        {"id": "b", "Deny": "False"},
        {"id": "c", "Deny": None},
        {"id": "d", "Deny": False},
    ]
    look = Look(Cmdlet("Get-MailboxPermission"), where={"Deny": False}, binds={"it": "id"})
    assert [told["it"] for _, told in plan.each(look, rows, {})] == ["d"]
    by_text = replace(look, where={"Deny": "false"})
    assert [told["it"] for _, told in plan.each(by_text, rows, {})] == ["b"]


def test_who_signs_in_to_a_service_is_asked_for_what_its_own_steps_need_and_no_more() -> None:
    graph = replace(APP, needs=("Application.ReadWrite.All",))
    other = replace(APP, id="other", needs=("Application.ReadWrite.All", "Policy.Read.All"))
    exchange = replace(APP, id="x", service="exchange", do=Cmdlet("New-ServicePrincipal"), needs=("Role Management",))
    change = made(graph, exchange, other)
    assert change.needs("graph") == ("Application.ReadWrite.All", "Policy.Read.All")
    assert change.needs("exchange") == ("Role Management",)


def test_a_change_freeze_is_wrong_and_names_its_days() -> None:
    check = plan.frozen(date(2026, 12, 14), date(2027, 1, 6))
    assert (check.outcome, check.found) == ("wrong", "nothing is to be changed from 2026-12-14 to 2027-01-06")

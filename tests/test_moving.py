"""Senders on their way: three witnesses make one closed, and the steps have the names filled in."""

import json
from datetime import date, timedelta
from typing import Any

import pytest

from mailauth import evidence, moving, shapes
from mailauth.moving import Evidence, Moving
from tests.case_invented import NOW, OFFICE, SCANNER, TENANT, case, decided, mail
from tests.readings import WITH_APP, moved

ID = moved()["data"]["groups"][0]["sender_id"]
PROVEN = frozenset({(SCANNER, "smtp")})
SENDS = [mail(ago=ago) for ago in range(1, 20)]


def quiet(**data: Any) -> dict[str, Any]:
    """Return the record of a sender of which nothing was seen for 16 days but what *data* says."""
    record = moved()
    record["data"]["groups"][0]["oauth_days"] = 0
    record["data"] |= {"reported": [], **data}
    return record


def confirmed(on: str = "2026-11-20", road: str = "relay") -> Any:
    return decided(f"senders: [{{user: {SCANNER}, done: {{on: {on}, by: Mei, road: {road}}}}}]")


def only(record: dict[str, Any], **more: Any) -> Moving:
    (one,) = moving.of(Evidence(record, NOW, **more), WITH_APP)
    return one


def test_what_sends_with_a_password_is_moving_once_somebody_decided() -> None:
    record = evidence.findings(case(SENDS))

    assert only(record).word == "not begun"
    assert only(record, decided=decided(f"senders: [{{user: {SCANNER}, action: relay}}]")).word == "moving"
    assert only(record, proven=PROVEN).word == "moving"


def test_three_witnesses_close_a_sender() -> None:
    one = only(moved(), proven=PROVEN)

    assert (one.word, one.missing) == ("closed", ())
    assert [each.said.plain() for each in one.witnesses] == [
        "No password for 16 days of whole records.",
        "OAuth was seen for it. A token opened its mailbox on the wire.",
        "Microsoft's mail report holds 12 messages that it sent with a token.",
    ]


@pytest.mark.parametrize(
    ("more", "lacking"),
    [
        pytest.param({}, ["No OAuth was seen", "Nobody knows that its mail arrives"], id="silence"),
        pytest.param({"proven": PROVEN}, ["Nobody knows that its mail arrives"], id="proven on the wire alone"),
        pytest.param({"arrived": {ID: date(2026, 11, 20)}}, ["No OAuth was seen"], id="mail by nobody knows what"),
        pytest.param(
            {"proven": PROVEN, "arrived": {ID: date(2026, 11, 7)}},
            ["Nobody knows that its mail arrives"],
            id="mail of the time of the password",
        ),
        pytest.param(
            {"decided": confirmed("2026-11-06")}, ["Mei confirmed its road on", "Nobody"], id="word too early"
        ),
        pytest.param({"decided": confirmed("2026-11-30")}, ["Mei confirmed its road on", "Nobody"], id="word to come"),
        pytest.param(
            {"decided": confirmed(road="oauth")}, ["Mei says that it took OAuth, and no"], id="a token unseen"
        ),
    ],
)
def test_a_sender_of_whom_a_witness_is_missing_is_quiet(more: dict[str, Any], lacking: list[str]) -> None:
    one = only(quiet(), **more)

    assert one.word == "quiet"
    assert len(one.missing) == len(lacking)
    for said, part in zip(one.missing, lacking, strict=True):
        assert part in said.plain()


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"decided": confirmed()}, id="a person's word for another road"),
        pytest.param({"proven": PROVEN, "arrived": {ID: date(2026, 11, 20)}}, id="a proof and a trace"),
    ],
)
def test_other_witnesses_do_as_well(more: dict[str, Any]) -> None:
    assert only(quiet(), **more).word == "closed"


def test_a_trace_is_asked_only_about_senders_that_lack_nothing_else_to_say() -> None:
    quiet_one, sends = Evidence(quiet(), NOW), Evidence(evidence.findings(case(SENDS)), NOW)

    assert quiet_one.untold(moving.of(quiet_one, WITH_APP)) == {ID: (SCANNER, OFFICE)}
    assert sends.untold(moving.of(sends, WITH_APP)) == {}


def test_a_gap_in_the_records_takes_the_first_witness_away() -> None:
    one = only(quiet(missing_days=["2026-11-15"]), decided=confirmed())
    old = only(quiet(missing_days=["2026-10-27"]), decided=confirmed())

    assert (one.word, one.witnesses[0].state) == ("quiet", "cannot know")
    assert one.missing[0].plain() == "No password was seen, but 1 day of them is missing."
    assert old.word == "closed"


def test_records_of_one_table_alone_cannot_say_that_it_stopped() -> None:
    record = quiet()
    for each in record["coverage"]:
        if each["what"] == "non-interactive sign-ins":
            each["state"] = "absent"

    assert only(record, decided=confirmed()).missing[0].plain() == (
        "No password was seen, but the non-interactive sign-ins are absent."
    )


def test_who_could_not_look_says_nothing() -> None:
    assert only(quiet(last_look="2026-11-01"), decided=confirmed()).word == "cannot know"
    assert moving.of(Evidence(None, NOW), TENANT) == ()


def test_a_sender_that_left_the_records_is_remembered_and_judged_anew() -> None:
    before = only(evidence.findings(case(SENDS)))
    empty = Evidence(evidence.findings(case([])), NOW + timedelta(days=20))
    again = Evidence(evidence.findings(case([], found=None)), NOW)

    (gone,) = moving.of(empty, WITH_APP, before=[before])
    (unsure,) = moving.of(Evidence(None, NOW), WITH_APP, before=[before])
    (soon,) = moving.of(again, WITH_APP, before=[before])

    assert (gone.account, gone.word) == (SCANNER, "quiet")
    assert unsure == before
    assert (soon.word, soon.missing[0].plain()) == ("not begun", "No password for 1 day of records; 14 are needed.")


def test_its_steps_and_its_letter_say_what_to_enter_where() -> None:
    own = decided(f"senders: [{{user: {SCANNER}, what: copier in Leeds, action: oauth, owner: Mei, due: 2026-12-04}}]")
    one = only(evidence.findings(case(SENDS, own=own)), decided=own)

    assert (one.road, one.owner, one.due) == ("oauth", "Mei", date(2026, 12, 4))
    letter = one.letter.plain()
    assert letter.startswith("Subject: New settings for mail of copier in Leeds, by 4 December 2026\n")
    assert "- Server: smtp.office365.com\n- Port: 587\n- Encryption: STARTTLS\n" in letter
    assert f"- Application (client) id: {WITH_APP.mail_apps[0].client_id}\n" in letter
    assert "whether its mail arrives" in letter
    assert [each.name for each in one.enter][:3] == ["Server", "Port", "Encryption"]
    assert one.steps[-1].plain().startswith("Send one message to yourself")


def test_without_a_road_its_owner_is_asked_and_nothing_is_entered() -> None:
    one = only(evidence.findings(case(SENDS)))

    assert (one.road, one.enter) == ("", ())
    assert one.letter.plain().startswith("Subject: ")
    assert one.due == date(2026, 12, 17)
    assert "Please tell us by 7 December 2026:\n1. " in one.letter.plain()


def test_whoever_tries_in_vain_has_not_left_its_password_and_gets_no_letter() -> None:
    one = only(evidence.findings(case([mail(result="50126", ago=ago) for ago in range(1, 15)])))

    assert (one.word, one.letter.plain()) == ("not begun", "")


def test_whoever_holds_a_phone_is_told_what_to_do_on_it() -> None:
    phone = mail(client_app="Exchange ActiveSync", step="certificate", ago=3)
    one = only(evidence.findings(case([phone])))

    assert (one.road, one.enter[0].value.plain()) == ("profile", "outlook.office365.com")
    assert one.letter.plain().startswith("Subject: Your phone will ask you to sign in for your mail on [DAY]\n")


def test_a_road_that_is_advised_shows_its_settings_and_its_owner_is_asked_all_the_same() -> None:
    own = decided(f"senders: [{{user: {SCANNER}, answers: {{oauth: yes}}}}]")
    one = only(evidence.findings(case(SENDS, own=own)), decided=own)

    assert (one.road, one.enter[0].value.plain()) == ("oauth", "smtp.office365.com")
    assert one.letter.plain().startswith("Subject: Mail from ")


def test_attacks_and_strangers_are_no_senders_to_move() -> None:
    rows = [mail(ago=2, network="192.0.2.66", country="BR", risk="high"), mail(client_app="IMAP4", ago=3)]

    assert moving.of(Evidence(evidence.findings(case(rows)), NOW), TENANT) == ()


def test_a_sender_comes_back_whole_from_its_record() -> None:
    one = only(moved(), proven=PROVEN)

    assert shapes.read(Moving, json.loads(json.dumps(shapes.record(one)))) == one
    assert shapes.schema(Moving)["required"][:3] == ["sender_id", "account", "protocol"]


@pytest.mark.parametrize(
    ("on", "settled"),
    [("2026-11-19", False), ("2026-11-20", False), ("2026-11-21", True), ("2026-11-23", True), ("2026-11-30", False)],
    ids=["before it", "of its day, which may be before it", "of the day after", "of today", "to come"],
)
def test_a_strangers_sign_in_is_settled_by_a_persons_word_that_came_after_it(on: str, settled: bool) -> None:
    record = quiet()
    group = record["data"]["groups"][0]
    group |= {"verdict": "suspected_compromise", "last_success": "2026-11-20T08:00:00Z", "moved": False}
    found = moving.settled(Evidence(record, NOW, decided=confirmed(on, "reset")))
    assert (group["sender_id"] in found) is settled
    assert moving.settled(Evidence(record, NOW)) == frozenset()
    group["verdict"] = "basic_sender"
    assert moving.settled(Evidence(record, NOW, decided=confirmed(on, "reset"))) == frozenset()


@pytest.mark.parametrize(
    ("verdict", "settled"), [("suspected_compromise", False), ("password_known", False), ("confirm_today", True)]
)
def test_once_a_stranger_had_the_password_nothing_but_its_reset_settles_that(verdict: str, settled: bool) -> None:
    record = quiet()
    group = record["data"]["groups"][0]
    group |= {"verdict": verdict, "last_success": "2026-11-20T08:00:00Z", "moved": False}
    moved, reset = (Evidence(record, NOW, decided=confirmed("2026-11-21", road)) for road in ("client", "reset"))
    assert bool(moving.settled(moved)) is settled
    assert moving.settled(reset) == {group["sender_id"]}


def test_a_password_that_was_reset_is_no_road_that_its_sender_took() -> None:
    one = only(quiet(), decided=confirmed("2026-11-21", "reset"))
    assert [each.state for each in one.witnesses] == [each.state for each in only(quiet()).witnesses]

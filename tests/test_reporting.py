"""A tenant's report from its evidence: what it says, in what order, and that it never says more than was seen."""

import copy
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from mailauth import evidence, reach, report, reporting
from mailauth.calendar import spoken
from mailauth.checks import Check
from mailauth.coverage import Coverage
from mailauth.decisions import Decisions
from mailauth.errors import EvidenceError
from mailauth.phrases import Named
from mailauth.plan import Entry, Receipt
from mailauth.report import Report
from mailauth.reportevidence import NOTEBOOKS, read
from mailauth.reportsenders import listed
from mailauth.tenants import Defaults
from tests import planned
from tests.case_invented import NOW, OFFICE, SCANNER, TENANT, case, decided, mail
from tests.case_invented import report as mail_report
from tests.readings import (
    WITH_APP,
    attempt,
    consents,
    gone,
    grants,
    moved,
    phrases_of,
    proofs,
    reading,
    registration,
    stamped,
)

DAILY = [mail(ago=ago) for ago in range(1, 20)]
DORA = mail("dora@woodgrove.example", network="192.0.2.66", country="BR", ago=2, risk="high")
PHONES = [
    mail(f"{name}@woodgrove.example", client_app="Exchange ActiveSync", step="certificate", ago=3) for name in "abc"
]


def made(*args: Any, **more: Any) -> Report:
    return reporting.report(reading(*args, **more))


def closed(**more: Any) -> dict[str, Any]:
    """Return everything that it takes to be closed; *more* replaces a part."""
    held = {"40": grants(), "50": proofs(), "60": waved(), **more.pop("held", {})}
    held = {number: record for number, record in held.items() if record}
    return {"of": gone(), "tenant": WITH_APP, "held": held, **more}


def said(phrases: Any) -> list[str]:
    return [each.plain() for each in phrases]


# The state.


def test_the_first_sentence_names_the_tenant_what_stops_and_who_needs_somebody() -> None:
    state = made(case([*DAILY, DORA])).state

    assert state.word == "exposed"
    assert state.sentence.parts[0] == Named("tenant", "woodgrove")
    assert state.sentence.plain() == (
        "woodgrove: One sender will stop sending mail when Microsoft switches off password sign-in at the end of "
        "December 2026. One account needs attention today."
    )


def test_without_evidence_nothing_can_be_known_and_nothing_reads_as_fine() -> None:
    found = made(tenant=WITH_APP)

    assert found.state.word == "cannot know"
    assert found.state.sentence.plain() == ("woodgrove: Nobody has looked yet: notebook 10 has left no evidence here.")
    assert (found.summary.coverage, found.summary.unproven, found.stops) == ("unknown", 1, ())
    assert {each.registration.word for each in found.apps} == {"not looked at"}
    assert [each.known for each in found.answers if each.number in (1, 4, 8)] == ["cannot know"] * 3
    assert found.actions[0].kind == "look"


def test_a_look_that_is_old_cannot_speak_of_today_and_says_what_the_last_one_showed() -> None:
    found = made(stamped(evidence.findings(case(DAILY)), NOW - timedelta(days=8)))

    assert found.state.word == "cannot know"
    assert found.state.sentence.plain() == (
        "woodgrove: We have not looked since 15 November 2026, more than 7 days ago. The last good look "
        "(23 November 2026) showed 1 password sender."
    )


def test_a_compromise_outranks_that_nobody_has_looked_lately() -> None:
    found = made(stamped(evidence.findings(case([*DAILY, DORA])), NOW - timedelta(days=8)))

    assert found.state.word == "exposed"
    assert any("we have not looked since" in each for each in said(found.state.also))


def test_a_sender_that_only_the_mail_report_knows_keeps_a_quiet_tenant_exposed() -> None:
    found = made(case([], [mail_report("reception@woodgrove.example Basic 3")]))

    assert found.state.word == "exposed"
    assert found.state.sentence.plain().startswith("woodgrove: 1 address sent mail with a password")
    assert [(each.kind, each.accounts) for each in found.stops] == [("reported", ("reception@woodgrove.example",))]


def waved(word: str = "closed", *, good: bool = True, ago: timedelta = timedelta(), spared: str = "") -> dict[str, Any]:
    """Return as much of notebook 60's record as a report reads.

    Args:
        word: How the last wave stands.
        good: Whether the password was refused that was tried on the canary, an hour before it was written.
        ago: How long before 11:30 of today it was written.
        spared: Whose password goes on by name, and until which day: ``erp 2027-03-31, relay 2026-12-31``.
    """
    at = datetime(2026, 11, 23, 11, 30, tzinfo=UTC) - ago
    tried = {"mailbox": "canary@woodgrove.example", "kind": "password", "good": good, "said": ""}
    tried["at"] = (at - timedelta(minutes=30)).isoformat()
    named = [each.split() for each in spared.split(", ") if each]
    excepted = [{"address": f"{name}@woodgrove.example", "until": day} for name, day in named]
    wave = {"name": "tenant", "kind": "tenant", "word": word, "sentence": f"It is {word}.", "excepted": excepted}
    wave |= {"mailboxes": [SCANNER], "senders": [SCANNER]}
    data = {"waves": [wave], "proofs": [tried], "moving": []}
    return {"made_at": at.isoformat(), "coverage": [], "data": data}


def test_who_is_left_out_by_name_stands_in_the_sentence_that_says_closed() -> None:
    found = made(**closed(held={"60": waved(spared="erp 2027-03-31, relay 2026-12-31")}))

    assert found.state.word == "closed"
    assert found.state.sentence.plain().startswith(
        "woodgrove: Closed, but for erp@woodgrove.example and relay@woodgrove.example, whose password goes on by name "
        "until 31 March 2027 at the latest. No password sender"
    )


def test_which_of_many_accounts_a_sentence_names_is_not_the_first_of_the_alphabet() -> None:
    names = [f"{letter}@woodgrove.example" for letter in "abcdefghijklmnopqrst"]
    shown = [str(part) for part in listed(names).parts if isinstance(part, Named)]

    assert listed(names).plain().endswith(" and 17 more")
    assert len(shown) == 3
    assert shown == [str(part) for part in listed(names[::-1]).parts if isinstance(part, Named)]
    assert shown != names[:3]
    assert listed(names[:3]).plain() == "a@woodgrove.example, b@woodgrove.example and c@woodgrove.example"


def test_rows_that_differ_in_nothing_but_their_names_do_not_stand_in_their_order() -> None:
    names = [f"{letter}@woodgrove.example" for letter in "abcdefgh"]
    stands = [each.accounts[0] for each in made(case([mail(name, ago=ago) for name in names for ago in (1, 2)])).stops]

    assert sorted(stands) == names
    assert stands not in (names, names[::-1])


def settling(road: str) -> Decisions:
    """Return a person's word of yesterday about the stranger who signed in as Dora two days ago."""
    done = f"{{on: 2026-11-22, by: Mei, road: {road}}}"
    return decided(f"senders: [{{user: dora@woodgrove.example, network: 192.0.2.66, done: {done}}}]")


def test_a_strangers_sign_in_that_a_person_settled_needs_nobody_today() -> None:
    found = made(case([*DAILY, DORA]), decided=settling("reset"))

    assert (found.urgent, found.summary.attention, found.state.word) == ((), 0, "exposed")
    assert "needs attention" not in found.state.sentence.plain()
    assert [each.kind for each in found.actions if each.kind == "security"] == []
    hacked = " ".join(said(found.answers[3].said))
    assert "dora@woodgrove.example by SMTP AUTH from 192.0.2.66" in hacked
    assert "Mei settled it on 22 November 2026, the password was reset and the sessions were revoked." in hacked
    assert "no stranger used a right password" not in hacked


def test_no_road_settles_that_a_stranger_had_the_password() -> None:
    found = made(case([*DAILY, DORA]), decided=settling("client"))

    assert ([each.account for each in found.urgent], found.summary.attention) == (["dora@woodgrove.example"], 1)


def test_a_tenant_where_only_a_stranger_signed_in_is_quiet_once_that_is_settled() -> None:
    assert made(case([DORA])).state.word == "exposed"
    assert made(case([DORA]), decided=settling("reset")).state.word == "quiet"


def in_waves(word: str = "open") -> dict[str, Any]:
    """Return notebook 60's record of a pilot that is closed, a group that is left out, and a tenant that is not."""
    record = waved(word, spared="erp 2027-03-31, relay 2026-12-31")
    (tenant,) = record["data"]["waves"]
    box, since = "ada@woodgrove.example", "2026-11-20T09:00:00Z"
    pilot = {**tenant, "name": "pilot", "kind": "pilot", "word": "closed", "closed_at": since, "excepted": []}
    group = {**tenant, "name": "copiers", "kind": "group", "word": "left out", "mailboxes": [], "senders": []}
    record["data"]["waves"] = [{**pilot, "mailboxes": [box], "senders": [box]}, group, tenant]
    token = {
        "mailbox": "Ada@woodgrove.example",
        "kind": "oauth",
        "good": True,
        "said": "",
        "at": "2026-11-23T11:00:00Z",
    }
    record["data"]["proofs"].append(token)
    return record


def test_a_page_knows_the_waves_that_60_has_closed_and_who_is_left_out_until_when() -> None:
    found = made(**closed(held={"60": in_waves()}))

    pilot, group, tenant = found.waves
    assert (pilot.word, pilot.since, pilot.mailboxes) == ("closed", datetime(2026, 11, 20, 9, tzinfo=UTC), 1)
    assert (pilot.senders, pilot.with_token) == (1, 1)
    assert (group.word, tenant.word, tenant.since) == ("left out", "open", None)
    assert [(each.address, each.until) for each in tenant.left_out] == [
        ("relay@woodgrove.example", date(2026, 12, 31)),
        ("erp@woodgrove.example", date(2027, 3, 31)),
    ]
    done = said(found.answers[9].said)
    assert done[1:4] == [
        "Notebook 60 saw closed and proven, when it looked on 23 November 2026: the pilot (1 mailbox, since 20 "
        "November 2026, a token was taken for 1 of 1 sender).",
        "Not closed then: the whole tenant.",
        "2 mailboxes are left out by name, until 31 March 2027 at the latest.",
    ]
    assert "No password was tried on the wire" not in " ".join(done)


def test_before_60_has_closed_anything_the_page_names_no_wave_as_closed() -> None:
    assert made(**closed(held={"60": None})).waves == ()
    done = said(made(**closed(held={"60": waved("open")})).answers[9].said)
    assert [each for each in done if "Notebook 60 saw closed" in each] == []


def test_the_report_of_a_version_that_knew_no_waves_is_still_read() -> None:
    record = report.record(WITH_APP, made(**closed()))
    del record["data"]["waves"]

    assert evidence.read("report", json.dumps(record).encode())["data"].keys() == record["data"].keys()
    assert report.read(record).waves == ()


def test_a_door_that_is_open_by_name_is_no_other_door() -> None:
    assert made(**closed(held={"40": at_noon(), "60": waved(spared="scanner 2026-12-31")})).state.word == "closed"


def at_noon() -> dict[str, Any]:
    """Return what notebook 40 read of an open door a quarter of an hour after notebook 60."""
    return {**grants("open"), "made_at": "2026-11-23T11:45:00+00:00"}


def test_what_notebook_40_read_before_60_closed_the_doors_is_old_and_what_it_reads_later_is_not() -> None:
    before = {**grants("open"), "made_at": "2026-11-23T09:00:00+00:00"}

    assert made(**closed(held={"40": before, "60": waved()})).state.word == "closed"
    assert made(**closed(held={"40": at_noon(), "60": waved()})).state.word != "closed"


def test_a_tenant_is_closed_when_the_door_was_tested_and_every_sender_is_proven() -> None:
    found = made(**closed())

    assert (found.state.word, found.state.missing) == ("closed", ())
    assert found.state.sentence.plain() == (
        "woodgrove: Closed. No password sender in 34 days; passwords are refused (tested 23 November 2026 on "
        "canary@woodgrove.example). 1 of 1 sender proven with OAuth."
    )
    assert [(each.account, each.now) for each in found.progress.known] == [(SCANNER, "proven")]
    assert [each.title.plain() for each in found.actions] == ["Look again in a week"]


def _changed(at: datetime) -> Receipt:
    step = planned.full_access(SCANNER)
    return Receipt(planned.plan(step), (Entry(step.id, "done", at),), where="r")


def _without(record: dict[str, Any], **data: Any) -> dict[str, Any]:
    return {**record, "data": {**record["data"], **data}}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        pytest.param(
            {"held": {"50": proofs(door=""), "60": None}}, "No password was tried on the wire", id="no door test"
        ),
        pytest.param(
            {"held": {"60": None}},
            "refused for scanner@woodgrove.example on 23 November 2026, which says nothing of the others",
            id="a door test of one mailbox",
        ),
        pytest.param({"held": {"50": proofs(door="open")}}, "A password still opened SMTP", id="an open door"),
        *(
            pytest.param(
                {"held": {"60": waved(word)}},
                f"Notebook 60 found on 23 November 2026 that it is not closed. It is {word}.",
                id=f"a wave that is {word}",
            )
            for word in ("open", "closing", "cannot know")
        ),
        pytest.param(
            {"held": {"60": waved(good=False)}},
            "no policy refused the password of canary@woodgrove.example",
            id="a password that was taken",
        ),
        pytest.param(
            {"held": {"60": waved(spared="erp 2026-11-22")}},
            "The exception of erp@woodgrove.example ended on 22 November 2026",
            id="an exception that has ended since",
        ),
        pytest.param({"held": {"40": at_noon()}}, "SMTP AUTH lets a password in", id="a switch that is on"),
        pytest.param({"held": {"50": proofs(attempt("refused"))}}, "OAuth was seen; a proof since", id="no proof"),
        pytest.param(
            {"receipts": (_changed(NOW - timedelta(minutes=5)),)}, "OAuth was seen; a proof since", id="a later change"
        ),
        pytest.param(
            {"receipts": (_changed(NOW - timedelta(minutes=5)),)},
            "Something was changed since notebook 60 looked on 23 November 2026",
            id="a change after the look",
        ),
        pytest.param(
            {"of": _without(gone(), missing_days=["2026-11-02"])}, "1 day of the records is missing", id="a gap"
        ),
        pytest.param(
            {"held": {"60": waved(ago=timedelta(days=31))}},
            "The door test of 23 October 2026 is more than 30 days old",
            id="an old test",
        ),
        pytest.param(
            {"held": {"60": waved(ago=timedelta(days=300))}},
            "A password worked on 19 October 2026; the door test of 27 January 2026 was not after that",
            id="a test that a password refutes",
        ),
        pytest.param(
            {"held": {"60": waved(ago=timedelta(days=35))}},
            "the door test of 19 October 2026 was not after that",
            id="a test of the day on which a password worked",
        ),
        pytest.param({"of": moved()}, "No password for 16 days; 30 are needed.", id="a password of this month"),
    ],
)
def test_it_is_only_quiet_where_one_of_them_is_missing(changes: dict[str, Any], complaint: str) -> None:
    state = made(**closed(**changes)).state

    assert state.word == "quiet"
    assert any(complaint in each for each in said(state.missing)), said(state.missing)
    assert "quiet, not proven" in state.sentence.plain()


def test_a_sender_on_a_road_that_a_person_confirmed_needs_no_token() -> None:
    record = _without(gone(), reported=[])
    record["data"]["groups"][0]["oauth_days"] = 0
    held = {"50": proofs(attempt("refused"))}
    sender = f"user: {SCANNER}, action: retire, owner: Mei"
    confirmed = decided(f"senders: [{{{sender}, done: {{on: 2026-11-20, by: Mei, road: retire}}}}]")

    planned_only = made(**closed(of=record, held=held, decided=decided(f"senders: [{{{sender}}}]")))
    found = made(**closed(of=record, held=held, decided=confirmed))

    assert (planned_only.state.word, planned_only.progress.known[0].now) == ("quiet", "quiet")
    assert (found.state.word, found.progress.known[0].now) == ("closed", "other road")


def test_a_proof_on_the_wire_says_nothing_of_mail_that_arrives() -> None:
    found = made(**closed(of=_without(gone(), reported=[])))

    assert (found.state.word, found.progress.known[0].now) == ("quiet", "oauth")
    assert any("a sign that mail arrives, is missing" in each for each in said(found.state.missing))


def test_mail_that_a_trace_held_when_notebook_60_looked_counts() -> None:
    record, traced = _without(gone(), reported=[]), waved()
    sender_id = record["data"]["groups"][0]["sender_id"]
    traced["data"]["moving"] = [{"sender_id": sender_id, "arrived": "2026-11-21"}]

    found = made(**closed(of=record, held={"60": traced}))

    assert (found.state.word, found.progress.known[0].now) == ("closed", "proven")


# What cannot wait, what stops, what to do.


def test_what_cannot_wait_stands_apart_from_what_stops_and_comes_first() -> None:
    found = made(case([*DAILY, DORA]))

    assert [each.account for each in found.urgent] == ["dora@woodgrove.example"]
    assert all("dora" not in name for each in found.stops for name in each.accounts)
    assert "signed in 2 times by SMTP AUTH from 192.0.2.66 (BR, AS64500)" in found.urgent[0].evidence.plain()
    assert found.actions[0].title.plain() == "Reset the password of dora@woodgrove.example and revoke the sessions"
    assert found.summary.attention == 1


def test_a_row_is_open_until_a_decision_an_owner_and_a_date_stand_in_the_file() -> None:
    own = f"senders: [{{user: {SCANNER}, action: relay, owner: J. Ward, due: 2026-12-04}}]"
    (unread,) = made(case(DAILY)).stops
    (row,) = made(case(DAILY), decided=decided(own)).stops

    assert unread.open
    assert unread.decision.plain().startswith("open: ")
    assert not row.open
    assert (row.decision.plain(), row.owner, row.due) == ("Local relay or OAuth proxy", "J. Ward", date(2026, 12, 4))
    assert row.witness.plain() == "sign-in records, 24 October 2026 to 23 November 2026"


def test_phones_that_share_a_decision_are_one_row() -> None:
    own = "senders: [{user: c@woodgrove.example, owner: M. Roy}]"
    rows = made(case(PHONES), decided=decided(own)).stops

    assert [(row.kind, row.accounts, row.owner) for row in rows] == [
        ("certificate", ("a@woodgrove.example", "b@woodgrove.example"), ""),
        ("certificate", ("c@woodgrove.example",), "M. Roy"),
    ]
    assert rows[0].what.plain() == "phones with certificates, 2 accounts"


def _frozen(first: date, last: date) -> Any:
    return replace(WITH_APP, defaults=Defaults(freeze=(first, last)))


def test_what_changes_the_tenant_waits_for_the_end_of_a_change_freeze_and_asking_does_not() -> None:
    held = {"20": registration(NOW + timedelta(days=3))}
    free = made(case(DAILY), tenant=WITH_APP, held=held).actions
    frozen = made(case(DAILY), tenant=_frozen(date(2026, 11, 20), date(2026, 12, 1)), held=held).actions

    assert [each.kind for each in free] == ["credential", "decide", "prove"]
    assert [each.kind for each in frozen] == ["decide", "prove", "credential"]
    assert frozen[-1].when.plain() == (
        "after the change freeze, which ends on 1 December 2026, unless the change is let through"
    )


def test_dates_push_back_everything_but_the_next_step_of_the_road() -> None:
    held = {"00": started(), "20": registration(NOW + timedelta(days=3), NOW + timedelta(days=5))}
    quiet = made(case(DAILY), tenant=WITH_APP, held=held).actions
    urgent = made(case([*DAILY, DORA]), tenant=WITH_APP, held=held).actions

    assert [(each.kind, each.by) for each in quiet] == [
        ("credential", date(2026, 11, 26)),
        ("credential", date(2026, 11, 28)),
        ("prove", None),
    ]
    assert [(each.kind, each.by) for each in urgent] == [
        ("security", None),
        ("credential", date(2026, 11, 26)),
        ("prove", None),
    ]


def test_a_date_within_a_month_that_has_no_place_is_named_in_the_last_one() -> None:
    held = {"00": started(), "20": registration(NOW + timedelta(days=3))}
    *_, one = made(case(DAILY), tenant=WITH_APP, held=held).actions
    *_, several = made(case([*DAILY, DORA]), tenant=WITH_APP, held=held).actions

    renew = "Renew our access: relationship Woodgrove care ends on 12 December 2026 (by 2 December 2026)"
    decide = f"Decide what becomes of scanner, copier or another device ({SCANNER}) (by 7 December 2026)"
    assert one.why.plain() == f"Nobody has tried yet whether a token opens it. One more date: {decide}."
    assert several.why.plain().endswith(f" 2 more dates: {renew}; {decide}.")


def test_a_date_beyond_a_month_waits_for_its_place() -> None:
    held = {"00": started(ends="29 January 2027"), "20": registration(NOW + timedelta(days=3))}
    *_, last = made(case([*DAILY, DORA]), tenant=WITH_APP, held=held).actions
    assert "Decide what becomes of" in last.why.plain()
    assert "Renew our access" not in last.why.plain()


def test_the_next_step_is_one_that_a_change_freeze_allows() -> None:
    own = decided(f"senders: [{{user: {SCANNER}, action: oauth, owner: Mei, due: 2026-11-30}}]")
    held = {"20": registration(), "30": consents(("relay: SMTP for people", "wrong", "SMTP.Send is not granted"))}
    free = made(case(DAILY), tenant=WITH_APP, held=held, decided=own).actions
    frozen = made(case(DAILY), tenant=_frozen(date(2026, 11, 20), date(2026, 12, 1)), held=held, decided=own).actions

    assert [each.kind for each in free] == ["move", "prove"]
    assert [each.kind for each in frozen] == ["prove", "move"]


REPORTED = mail_report("reception@woodgrove.example Basic 3")


def test_one_number_of_senders_stands_everywhere_and_what_only_may_stop_apart_from_it() -> None:
    found = made(case(DAILY, [REPORTED]))
    (end,) = [each for each in found.endings if each.id == "smtp-auth-default-off"]

    assert (found.summary.senders, end.senders, len(found.stops)) == (1, 1, 2)
    assert said(found.if_nothing[:2]) == [
        "Microsoft switches off password sign-in for SMTP AUTH at the end of December 2026 (no day has been "
        "published).",
        "From then on mail of the sender above and up to 1 address that only the mail report knows is refused, without "
        "any message to your people.",
    ]


def test_a_run_counts_as_undecided_what_the_page_does() -> None:
    found = made(case(DAILY, [REPORTED]))

    assert (found.summary.undecided, found.trend.points[-1].undecided) == (2, 2)


def test_a_run_before_counts_as_undecided_what_its_own_evidence_says() -> None:
    was = stamped(evidence.findings(case(DAILY, [REPORTED])), NOW - timedelta(days=7))
    own = decided(f"senders: [{{user: {SCANNER}, action: relay, owner: J. Ward, due: 2026-12-04}}]")
    found = made(case(DAILY, [REPORTED]), first=was, decided=own)

    assert [each.undecided for each in found.trend.points] == [2, 1]


@pytest.mark.parametrize(
    ("own", "day", "answer"),
    [
        pytest.param("", date(2026, 12, 7), date(2026, 12, 7), id="ten days before the change that is proposed"),
        pytest.param(
            f"senders: [{{user: {SCANNER}, due: 2026-12-08}}]",
            date(2026, 11, 27),
            date(2026, 11, 27),
            id="before a person's",
        ),
        pytest.param(
            f"senders: [{{user: {SCANNER}, due: 2026-11-25}}]",
            date(2026, 11, 23),
            date(2026, 11, 25),
            id="today at the latest, and no answer by today",
        ),
    ],
)
def test_deciding_and_asking_come_before_the_change_itself(own: str, day: date, answer: date) -> None:
    found = made(case(DAILY), decided=decided(own) if own else None)
    (decide,) = [each for each in found.actions if each.kind == "decide"]
    asked = [each.text.plain() for each in found.letters if each.kind in ("device owner", "vendor")]

    assert decide.by == day
    assert asked
    assert all(spoken(answer) in each for each in asked), asked


def test_an_app_is_asked_for_only_once_a_sender_is_to_move_to_oauth() -> None:
    tenant = replace(WITH_APP, mail_apps=())
    own = decided(f"senders: [{{user: {SCANNER}, action: oauth}}]")

    assert "move" not in [each.kind for each in made(case(DAILY), tenant=tenant).actions]
    (move,) = [each for each in made(case(DAILY), tenant=tenant, decided=own).actions if each.kind == "move"]
    assert move.why.plain() == "1 sender is to move to OAuth, and no app is named in the tenants file."


def test_of_strangers_nobody_says_that_no_password_was_right_where_one_was() -> None:
    spray = [mail(f"{name}@woodgrove.example", network="192.0.2.9", result="50126", ago=2) for name in "abcdefgh"]
    hurt, well = (said(made(case(rows)).answers[3].said) for rows in ([*DAILY, DORA, *spray], [*DAILY, *spray]))

    assert any("strangers who try passwords, as everywhere." in each for each in hurt), hurt
    assert any("as everywhere; they had none that was right." in each for each in well), well


def test_nobody_says_now_of_a_day_that_was_not_seen_nor_first_of_a_second_look() -> None:
    old = _without(evidence.findings(case(DAILY)), last_look="2026-11-17")
    again = made(case(DAILY), before=made(case(DAILY)))

    assert made(old).progress.sentence.plain().startswith("This is the first look: 1 password sender at the last good")
    assert again.progress.sentence.plain().startswith("No run of an earlier day is known: 1 password sender now.")


def test_only_senders_that_wait_for_their_makers_word_are_said_to() -> None:
    answer = made(case(DAILY, [REPORTED])).answers[6]
    waits = " ".join(said(answer.said))

    assert SCANNER in waits
    assert "reception@" not in waits


def test_an_owner_who_is_known_is_not_asked_which_device_it_is() -> None:
    record = evidence.findings(case(DAILY))
    record["data"]["groups"][0]["decision"] |= {"questions": [], "owner": "J. Ward"}
    (letter,) = [each.text.plain() for each in made(record).letters if each.kind == "device owner"]

    assert "1. When can it be changed, and who does that?" in letter


def test_a_letter_goes_to_a_network_only_where_somebody_knows_whose_it_is() -> None:
    abroad = made(case([mail(network="192.0.2.66", country="BR", ago=ago) for ago in range(1, 20)]))
    here = made(case(DAILY))

    def to(found: Report) -> list[str]:
        return [each.to.plain() for each in found.letters if each.kind == "device owner"]

    assert to(abroad) == [f"whoever answers for {SCANNER}"]
    assert to(here)[0].startswith("whoever is asked at ")


def test_whoever_runs_a_device_is_not_asked_about_a_subscription() -> None:
    record = evidence.findings(case(DAILY))
    asked = [{"id": "azure", "text": "May an Azure subscription be used for it?", "how": ""}]
    asked.append({"id": "outside", "text": "Does it send to people outside the organisation?", "how": ""})
    record["data"]["groups"][0]["decision"]["questions"] = asked
    (letter,) = [each.text.plain() for each in made(record).letters if each.kind == "device owner"]

    assert "1. Does it send to people outside" in letter
    assert "subscription" not in letter


def test_a_credential_that_another_follows_hurries_nobody() -> None:
    held = {"20": registration(NOW + timedelta(days=3), NOW + timedelta(days=300))}
    (retire,) = [each for each in made(case(), tenant=WITH_APP, held=held).actions if each.kind == "credential"]

    assert retire.title.plain().startswith("Retire the certificate of ")
    assert (retire.by, retire.why.plain().endswith("Another credential of the app runs on.")) == (None, True)


def test_a_sender_that_moved_without_a_proof_counts_as_unproven() -> None:
    assert made(moved(), tenant=TENANT).summary.unproven == 1


def test_the_trend_counts_an_account_at_two_networks_twice() -> None:
    rows = [mail(network=network, ago=ago) for network in ("198.51.100.77", OFFICE) for ago in range(1, 20)]
    days = made(case(rows)).trend.days

    assert [each.senders for each in days if each.senders] == [2] * 19


def test_the_first_notebook_that_is_not_in_order_is_the_next_step() -> None:
    held = {"30": consents(("relay: SMTP for people", "wrong", "SMTP.Send is not granted"))}
    actions = made(case(DAILY), tenant=WITH_APP, held=held).actions

    move = next(each for each in actions if each.kind == "move")
    assert move.notebook == "30-consent"
    assert move.title.plain() == "Give the consent that is missing (relay)"


def test_a_sender_that_moved_is_proven_before_anybody_closes_a_door() -> None:
    (unproven,) = made(moved()).actions
    (proven,) = made(**closed(held={"50": proofs(door=""), "60": None})).actions

    assert (unproven.kind, unproven.title.plain()) == ("prove", f"Prove OAuth on the wire for {SCANNER}")
    assert (proven.kind, proven.title.plain()) == ("close", "Test that a password is refused")
    (opened,) = made(**closed(held={"40": grants("open"), "50": proofs(door=""), "60": None})).actions
    assert opened.title.plain() == "Close the door to passwords by policy, then test that it is shut"


def test_what_refused_a_mailbox_is_put_right_before_it_is_tried_again() -> None:
    cause = {"title": "The app may not open the mailbox", "remedy": "Grant it.", "notebook": "40"}
    held = {"50": proofs(attempt("refused", causes=[cause]), door="")}
    (prove,) = [each for each in made(moved(), tenant=WITH_APP, held=held).actions if each.kind == "prove"]

    assert prove.title.plain() == f"The app may not open the mailbox: put it right for {SCANNER}"
    assert (prove.notebook, prove.where.plain()) == (
        "40-grant-mailboxes",
        "Grant it. Then prove again with notebook 50.",
    )


def test_what_notebook_00_found_wrong_is_to_be_done_and_a_lost_access_is_an_end() -> None:
    found = made(case(), tenant=WITH_APP, held={"00": started()})
    renew, right = [each for each in found.actions if each.notebook == "00-start"]
    (end,) = [each for each in found.endings if each.id == "access"]

    assert renew.title.plain() == "Renew our access: relationship Woodgrove care ends on 12 December 2026"
    assert (renew.by, right.by) == (date(2026, 12, 2), None)
    assert right.title.plain() == "Put right what notebook 00 found wrong: role Global Reader"
    assert (end.day, end.title, end.passed) == (date(2026, 12, 12), "Our access to the tenant", False)
    assert any("role Global Reader" in each.what for each in found.coverage)


def started(*, ends: str = "12 December 2026") -> dict[str, Any]:
    """Return notebook 00's record of a tenant whose access ends, in 19 days or on another day, and lacks a role."""
    checks = [
        Check("relationship Woodgrove care", "wrong", f"it ends on {ends}, in 19 days", "Request a new one."),
        Check("role Global Reader", "wrong", "Woodgrove care does not carry it", "Ask for it."),
        Check("role in Exchange", "ok", "Global Reader"),
    ]
    return dict(evidence.start(WITH_APP, checks, (), made_at=NOW))


def test_an_earlier_run_of_the_same_day_is_no_progress() -> None:
    record = evidence.findings(case(DAILY))
    found = made(record, first=stamped(record, NOW - timedelta(hours=2)))

    assert found.progress.since is None
    assert found.progress.sentence.plain() == (
        "No run of an earlier day is known: 1 password sender now. None has moved."
    )


# Apps and credentials.


def test_what_a_notebook_says_of_an_app_stands_with_the_moment_it_looked() -> None:
    held = {"30": consents(("relay: SMTP for people", "wrong", "SMTP.Send is not granted")), "50": proofs()}
    (app,) = made(case(DAILY), tenant=WITH_APP, held=held).apps

    assert (app.registration.word, app.consent.word, app.grants.word, app.proof.word) == (
        *("not looked at", "wrong", "not looked at", "ok"),
    )
    assert app.consent.made_at == NOW - timedelta(hours=1)
    assert app.consent.said[0].plain() == "SMTP for people: SMTP.Send is not granted"


def test_a_proof_from_before_a_change_proves_nothing_any_more() -> None:
    held, later = {"50": proofs()}, _changed(NOW - timedelta(minutes=5))
    found = made(case(DAILY), tenant=WITH_APP, held=held, receipts=(later,))

    assert [each.stale for each in found.mailboxes[0].tried] == [True]
    assert (found.mailboxes[0].unproven, found.apps[0].proof.word) == (("smtp",), "wrong")
    assert (found.summary.proven, found.summary.unproven) == (0, 1)


def _tried_while_closing(*, good: bool, ago: timedelta) -> dict[str, Any]:
    record, at = waved("closing"), (NOW - ago).isoformat()
    record["data"]["proofs"] = [{"mailbox": SCANNER, "kind": "oauth", "good": good, "at": at, "said": "235 ok"}]
    return record


_EARLIER, _LATER = timedelta(hours=2), timedelta(minutes=10)


@pytest.mark.parametrize(
    ("attempts", "closing", "receipts", "unproven"),
    [
        pytest.param((), _tried_while_closing(good=True, ago=_LATER), (), (), id="only 60 tried"),
        pytest.param(
            (attempt("refused"),), _tried_while_closing(good=True, ago=_LATER), (), (), id="60 was let in later"
        ),
        pytest.param(
            (attempt(),), _tried_while_closing(good=False, ago=_LATER), (), ("smtp",), id="60 was refused later"
        ),
        pytest.param((attempt(),), _tried_while_closing(good=False, ago=_EARLIER), (), (), id="50 was let in later"),
        pytest.param(
            (attempt("refused"),),
            _tried_while_closing(good=True, ago=_EARLIER),
            (),
            ("smtp",),
            id="50 was refused later",
        ),
        pytest.param(
            (),
            _tried_while_closing(good=True, ago=_LATER),
            (_changed(NOW - timedelta(minutes=5)),),
            ("smtp",),
            id="changed since 60 was let in",
        ),
    ],
)
def test_of_what_50_and_60_tried_the_later_one_counts(
    attempts: Any, closing: Any, receipts: Any, unproven: tuple[str, ...]
) -> None:
    held = {"60": closing, **({"50": proofs(*attempts, door="")} if attempts else {})}
    found = made(case(DAILY), tenant=WITH_APP, held=held, receipts=receipts)

    assert found.mailboxes[0].unproven == unproven
    assert ("prove" in [each.kind for each in found.actions]) == bool(unproven)


def test_a_try_of_60_that_counts_stands_among_those_of_the_mailbox_and_one_that_50_repeated_does_not() -> None:
    early, late = (_tried_while_closing(good=True, ago=ago) for ago in (_EARLIER, _LATER))
    of = {"50": proofs(door="")}

    tried = [made(case(DAILY), tenant=WITH_APP, held={**of, "60": each}).mailboxes[0].tried for each in (early, late)]
    assert [[each.flow for each in some] for some in tried] == [["certificate"], ["certificate", "while closing"]]


def test_what_60_knew_from_50_is_not_told_twice() -> None:
    record = _tried_while_closing(good=True, ago=timedelta(hours=1))
    record["data"]["proofs"][0]["said"] = ""
    found = made(case(DAILY), tenant=WITH_APP, held={"50": proofs(door=""), "60": record})

    assert [each.flow for each in found.mailboxes[0].tried] == ["certificate"]


def test_credentials_stand_by_the_day_they_end() -> None:
    ends = (None, NOW + timedelta(days=400), NOW + timedelta(days=29), NOW - timedelta(days=6))
    found = made(case(DAILY), tenant=WITH_APP, held={"20": registration(*ends)})

    assert [(each.word, each.days) for each in found.credentials] == [
        ("ended", -6),
        ("ending", 29),
        ("runs", 400),
        ("does not end", None),
    ]
    assert (found.summary.expiring, found.summary.next_expiry) == (2, NOW - timedelta(days=6))


@pytest.mark.parametrize(
    ("held", "known"),
    [
        pytest.param({}, None, id="notebook 20 was not run"),
        pytest.param({"20": _without(registration(), app=None, outcome="cannot know")}, None, id="it could not look"),
        pytest.param({"20": registration(NOW + timedelta(days=300))}, 0, id="it looked and nothing ends soon"),
    ],
)
def test_how_many_credentials_end_is_said_only_where_somebody_looked(held: Any, known: int | None) -> None:
    assert made(case(DAILY), tenant=WITH_APP, held=held).summary.expiring == known


def test_where_nobody_looked_and_no_mailbox_is_named_nobody_knows_what_is_unproven() -> None:
    assert made().summary.unproven is None
    assert made(case(DAILY)).summary.unproven == 0


def test_a_mailbox_without_a_proof_counts_once_whatever_it_lacks_and_whoever_fell_silent_at_it() -> None:
    box = replace(WITH_APP.mailboxes[0], protocols=("imap", "smtp"))

    assert made(moved(), tenant=replace(WITH_APP, mailboxes=(box,))).summary.unproven == 1


def test_what_an_app_can_open_says_how_to_take_it_away() -> None:
    told = {"mailbox": "every mailbox", "right": "IMAP.AccessAsApp", "by": "consent", "wanted": False}
    one = {"mailbox": SCANNER, "right": "FullAccess", "by": "S-1-5-21-1", "wanted": True}
    found = made(case(DAILY), tenant=WITH_APP, held={"40": grants(openings=[told, one])})

    assert [each.take_away.plain().split(" for ")[0] for each in found.openings] == [
        "Notebook 30 with remove=IMAP.AccessAsApp",
        f"Notebook 40 with remove_extra={SCANNER}",
    ]
    assert "Nobody asked for that." in found.answers[7].said[0].plain()


# Over time.


def test_what_changed_since_the_run_before_is_told_by_sender() -> None:
    was = stamped(evidence.findings(case(DAILY)), NOW - timedelta(days=7))
    elsewhere = [mail(ago=ago, network="198.51.100.20") for ago in range(1, 6)]
    new = [mail("erp@woodgrove.example", ago=ago) for ago in range(1, 6)]
    changes = made(case([*DAILY, *elsewhere, *new, DORA]), earlier={"10-find-basic-auth": was}).changes

    assert changes.since == NOW - timedelta(days=7)
    assert sorted((each.kind, each.good) for each in changes.lines) == [
        ("network", False),
        ("sender", False),
        ("sender", False),
    ]
    assert any(
        f"{SCANNER} signs in from one network more: 198.51.100.20" in each.said.plain() for each in changes.lines
    )


def test_what_was_looked_at_for_the_first_time_is_a_change_and_not_nothing() -> None:
    found = evidence.findings(case(DAILY))
    was = stamped(found, NOW - timedelta(days=1))
    tried = {"40": grants(), "50": proofs()}
    first = made(found, tenant=WITH_APP, held=tried, earlier={"10-find-basic-auth": was})
    again = made(found, tenant=WITH_APP, held=tried, before=first, earlier={"10-find-basic-auth": was})

    assert [(each.kind, each.said.plain()) for each in first.changes.lines] == [
        ("look", "Looked at for the first time: 40, 50.")
    ]
    assert (again.changes.lines, again.changes.said.plain()) == ((), "Nothing that was looked at has changed.")


def test_a_sender_that_is_gone_and_a_decision_that_is_new_are_changes() -> None:
    was = stamped(evidence.findings(case([*DAILY, mail("erp@woodgrove.example", ago=9)])), NOW - timedelta(days=7))
    own = decided(f"senders: [{{user: {SCANNER}, owner: J. Ward}}]")
    lines = made(case(DAILY, own=own), earlier={"10-find-basic-auth": was}).changes.lines

    assert (
        "erp@woodgrove.example from 203.0.113.10, where other accounts of the tenant work was not seen any more."
        in said(each.said for each in lines)
    )
    assert f"The owner of {SCANNER} is J. Ward." in said(each.said for each in lines)


def _settings(**changes: Any) -> dict[str, Any]:
    policy = {"id": "p", "name": "Block legacy", "state": "enabled", "managed": False, "stops": True, "excludes": 1}
    policy |= {"changed_at": None, "switches_on": None, **changes}
    return {
        "smtp_off": True,
        "default_policy": "",
        "security_defaults": False,
        "access": [policy],
        "changes": [],
        "domains": None,
    }


@pytest.mark.parametrize(
    ("number", "was", "now", "lines"),
    [
        pytest.param(
            "50",
            proofs(attempt("refused")),
            proofs(),
            [("proof", True, f"{SCANNER} by SMTP with relay is proven now.")],
            id="proven",
        ),
        pytest.param(
            "50",
            proofs(),
            proofs(attempt("refused")),
            [("proof", False, f"{SCANNER} by SMTP with relay fails now.")],
            id="fails",
        ),
        pytest.param("50", proofs(attempt("refused")), proofs(attempt("unreachable")), [], id="no better, no worse"),
        pytest.param(
            "30",
            consents(),
            consents(everybody=("exchange",)),
            [("consent", True, "relay gained consent for SMTP.")],
            id="consent",
        ),
        pytest.param(
            "30",
            consents(everybody=("exchange",)),
            consents(),
            [("consent", None, "relay lost consent for SMTP.")],
            id="no consent any more",
        ),
        pytest.param(
            "40",
            grants("open"),
            grants("closed"),
            [("setting", True, f"{SCANNER} lets a password in by SMTP: it was open and is closed.")],
            id="a door",
        ),
        pytest.param(
            "40",
            grants(settings=_settings()),
            grants(settings=_settings(excludes=3)),
            [("setting", False, "The exclusions of “Block legacy” grew by 2.")],
            id="exclusions",
        ),
        pytest.param(
            "20",
            registration(NOW),
            registration(NOW, NOW + timedelta(days=300)),
            [("credential", None, "relay has a new certificate, key-1.")],
            id="a credential",
        ),
    ],
)
def test_proofs_consents_doors_and_credentials_are_compared_too(
    number: str, was: dict[str, Any], now: dict[str, Any], lines: list[tuple[str, bool | None, str]]
) -> None:
    record = evidence.findings(case(DAILY))
    name = next(each for each in NOTEBOOKS if each.startswith(number))
    earlier = {"10-find-basic-auth": stamped(record, NOW - timedelta(days=7)), name: was}
    found = made(record, tenant=WITH_APP, held={number: now}, earlier=earlier)

    assert [(each.kind, each.good, each.said.plain()) for each in found.changes.lines] == lines


def test_who_could_not_look_says_of_no_sender_that_it_is_gone() -> None:
    was = stamped(evidence.findings(case(DAILY)), NOW - timedelta(days=7))
    blind = evidence.findings(case([], found=_unheld()))
    found = made(blind, earlier={"10-find-basic-auth": was}, first=was)

    assert [each.kind for each in found.changes.lines] == ["state"]
    assert found.progress.known[0].now == "sends"


def _unheld() -> Any:
    from tests.case_invented import find

    return find([], held=False)


def test_how_far_we_looked_says_that_silent_weekends_are_taken_for_granted() -> None:
    why = "No record of any kind arrived on Saturdays and Sundays: they are taken for days on which nobody works."
    whole = evidence.findings(case(DAILY))
    rests = Coverage(reach.UNSEEN, "unknown", "tenant", reason=why).as_record()
    assert why not in said(made(whole).looked.lines)
    assert said(made({**whole, "coverage": [*whole["coverage"], rests]}).looked.lines).count(why) == 1


def test_progress_remembers_every_sender_that_any_run_has_seen() -> None:
    rows = [*DAILY, *(mail("erp@woodgrove.example", ago=ago) for ago in range(20, 28))]
    was = stamped(evidence.findings(case(rows)), NOW - timedelta(days=16))
    before = reporting.report(replace(reading(was), now=NOW - timedelta(days=16)))
    found = made(case(DAILY), before=before)

    assert {each.account: each.now for each in found.progress.known} == {
        SCANNER: "sends",
        "erp@woodgrove.example": "quiet",
    }
    assert found.progress.sentence.plain() == (
        "2 password senders on 7 November 2026, 1 now. 1 no longer sends: 0 proven, 1 not proven."
    )
    assert [each.senders for each in found.trend.points] == [2, 1]


def test_the_trend_has_every_day_and_tells_a_day_without_records_from_one_without_senders() -> None:
    record = _without(evidence.findings(case(DAILY)), missing_days=["2026-11-01"])
    days = {each.day: each for each in made(record).trend.days}

    assert len(days) == 31
    assert days[date(2026, 11, 1)].missing
    assert (days[date(2026, 11, 2)].senders, days[date(2026, 11, 22)].senders) == (0, 1)


def test_changes_by_the_runbook_and_by_conditional_access_are_marks_on_their_day() -> None:
    step = planned.switch(SCANNER)
    receipt = Receipt(planned.plan(step), (Entry(step.id, "done", NOW - timedelta(days=2)),), where="r")
    policy = {"id": "p", "name": "Block legacy", "state": "enabled", "managed": False, "stops": True, "excludes": 0}
    settings = {
        "smtp_off": True,
        "default_policy": "",
        "security_defaults": False,
        "access": [{**policy, "changed_at": "2026-11-07T10:00:00Z", "switches_on": None}],
        "changes": [],
        "domains": [{"name": "plant.woodgrove.example", "kind": "Federated"}],
    }
    found = made(case(DAILY), tenant=WITH_APP, held={"40": grants(settings=settings)}, receipts=(receipt,))

    assert [(each.day, each.kind) for each in found.trend.marks] == [
        (date(2026, 11, 7), "access"),
        (date(2026, 11, 21), "policy"),
    ]
    assert found.looked.federated == ("plant.woodgrove.example",)


# Answers, letters, and the record.


def test_each_of_the_ten_questions_has_an_answer() -> None:
    found = made(case([*DAILY, DORA, *PHONES], [mail_report(f"{SCANNER} Basic 40")]))

    assert [each.number for each in found.answers] == list(range(1, 11))
    assert all(each.said for each in found.answers)
    assert found.answers[0].said[0].plain().startswith("At the end of December 2026 (no day has been published): ")
    assert "535 5.7.139" in found.answers[0].said[0].plain()


def test_what_stops_is_one_sentence_in_small_letters_with_the_unknown_addresses_as_one() -> None:
    told = mail_report(*(f"{name}@woodgrove.example Basic 3" for name in ("post", "door")))
    (stops, *_) = made(case(DAILY, [told])).answers[0].said
    (alone, *_) = made(case(DAILY, [REPORTED])).answers[0].said

    scans = f": scanner, copier or another device ({SCANNER}); and "
    both = "2 addresses that only the mail report knows (post@woodgrove.example and door@woodgrove.example)."
    assert scans + both in stops.plain()
    assert scans + "an address that only the mail report knows (reception@woodgrove.example)." in alone.plain()


def test_a_road_that_is_advised_stands_in_quotation_marks() -> None:
    decisions = {each.decision.plain() for each in made(case(PHONES)).stops}
    assert decisions == {"open: the runbook advises “New profile with OAuth from device management”"}


def test_there_is_a_letter_for_whoever_has_to_act() -> None:
    own = decided(f"senders: [{{user: {SCANNER}, what: Ledgerline ERP}}]")
    found = made(case([*DAILY, *PHONES], own=own), decided=own)

    assert {each.kind for each in found.letters} == {"device owner", "vendor", "users", "administrator"}
    letter = next(each for each in found.letters if each.kind == "device owner")
    assert letter.text.plain().startswith("Subject: ")
    assert SCANNER in letter.text.plain()


def test_the_administrator_is_asked_for_what_is_theirs_and_sent_the_link_that_is_waited_for() -> None:
    checks = [
        ("relay: SMTP for people", "wrong", "SMTP.Send is not granted", "Open the link “all” for relay."),
        ("relay: a new consent", "cannot know", "it may take back POP", "Add to the registration what is needed."),
    ]
    agreed = consents(("relay: enterprise application", "ok", "enabled"))
    links = [{"app": "relay", "links": [{"url": "https://login.example/adminconsent"}]}]
    waiting, none = ({"data": {**agreed["data"], "links": links, "checks": told}} for told in (_checks(checks), []))
    letters = [
        [each.text.plain() for each in made(case(DAILY), tenant=WITH_APP, held={"30": agreed | one}).letters]
        for one in (waiting, none)
    ]
    (asked,), (unasked,) = ([text for text in some if text.startswith("Subject: What we need")] for some in letters)

    assert "   https://login.example/adminconsent\n" in asked
    assert "login.example" not in unasked
    for text in (asked, unasked):
        assert "1. Please open Reports, Mail flow, SMTP AUTH clients report" in text
        assert "2." not in text


def _checks(told: list[tuple[str, str, str, str]]) -> list[dict[str, str]]:
    return [dict(zip(("name", "outcome", "found", "remedy"), each, strict=True)) for each in told]


def test_a_maker_is_asked_once_about_a_product_and_never_about_what_has_no_name() -> None:
    rows = [mail(f"{name}@woodgrove.example", ago=ago) for name in "ab" for ago in range(1, 20)]
    senders = ", ".join(f"{{user: {name}@woodgrove.example, what: Ledgerline ERP}}" for name in "ab")
    own = decided(f"senders: [{senders}]")

    assert [each.kind for each in made(case(rows)).letters].count("vendor") == 0
    (vendor,) = [each for each in made(case(rows, own=own), decided=own).letters if each.kind == "vendor"]
    assert (vendor.to.plain(), vendor.about.plain()) == ("the maker of Ledgerline ERP", "2 rows of “what stops”")


def test_a_phone_is_told_of_no_day_that_nobody_has_decided() -> None:
    days = ["", ", due: 2026-12-04"]
    for due, said in zip(days, ("[DAY]", "Friday, 04 December 2026"), strict=True):
        own = decided("senders: [" + ", ".join(f"{{user: {name}@woodgrove.example{due}}}" for name in "abc") + "]")
        (letter,) = [e for e in made(case(PHONES, own=own), decided=own).letters if e.kind == "users"]
        assert f"On {said} your phone is switched over." in letter.text.plain()


def test_of_an_address_that_only_the_mail_report_knows_no_letter_says_whose_password_it_is() -> None:
    (letter,) = [each for each in made(case([], [REPORTED])).letters if each.kind == "device owner"]

    said = letter.text.plain()
    assert said.startswith("Subject: Mail from reception@woodgrove.example will stop\n")
    assert "Mail from reception@woodgrove.example arrives over a password sign-in" in said
    assert "; we do not know whose." in said
    assert "password of" not in said


def test_a_report_comes_back_whole_from_its_record() -> None:
    held = {"20": registration(NOW + timedelta(days=3)), "40": grants(), "50": proofs()}
    found = made(case([*DAILY, DORA, *PHONES]), tenant=WITH_APP, held=held)

    assert report.read(json.loads(json.dumps(report.record(WITH_APP, found)))) == found


def test_the_schema_that_ships_is_the_one_that_the_classes_say() -> None:
    assert evidence.schema("report")["properties"]["data"] == report.data_schema()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        pytest.param({"summary": None}, r"summary", id="nothing"),
        pytest.param({"edition": "secret"}, r"edition: found 'secret'; expected one of full, shareable", id="a word"),
        pytest.param({"more": 1}, r"expected the fields of Report: more", id="a field too many"),
    ],
)
def test_a_record_that_is_no_report_is_refused_and_the_field_named(changes: dict[str, Any], complaint: str) -> None:
    record = report.record(TENANT, made(case(DAILY)))

    with pytest.raises(EvidenceError, match=complaint):
        report.read({**record, "data": {**record["data"], **changes}})


def test_no_value_of_the_evidence_stands_among_the_plain_words_of_a_phrase() -> None:
    record = evidence.findings(case([*DAILY, DORA, *PHONES], [mail_report("reception@woodgrove.example Basic 3")]))
    canaries = _planted(record["data"]["groups"])
    told = json.dumps(record).replace("reception@woodgrove.example", "canary-0-reception")
    found = made(json.loads(told), tenant=WITH_APP)

    plain = " ".join(part for each in phrases_of(found) for part in each.parts if isinstance(part, str))
    named = {part.value for each in phrases_of(found) for part in each.parts if isinstance(part, Named)}
    assert "canary-" not in plain
    assert {each for each in canaries if each.endswith("-user")} <= named


def _planted(groups: list[dict[str, Any]]) -> set[str]:
    """Put a text of its own into each field of each group that others may write, and return the texts."""
    planted = set()
    for number, group in enumerate(groups):
        for place, key in (
            *((group, key) for key in ("user", "app", "resource", "client_app_used")),
            *((group["network"], key) for key in ("address", "asn", "country", "label")),
            *((group["decision"], key) for key in ("owner", "note", "kind")),
        ):
            place[key] = f"canary-{number}-{key}"
            planted.add(place[key])
        group["decision"]["kind_is_inferred"] = False
        group["user_agents"] = [f"canary-{number}-agent"]
    return planted


# Records that do not count.


def _file(record: Any) -> bytes:
    return json.dumps(record).encode()


@pytest.mark.parametrize(
    ("text", "state", "reason"),
    [
        pytest.param(None, "not there", "", id="none"),
        pytest.param(b'{"schema": "mailauth/fin', "broken", "it is no JSON", id="torn"),
        pytest.param(b"{}", "broken", "lacks the fields", id="empty"),
        pytest.param(b"[" * 100_000, "broken", "it is no JSON", id="deep"),
        pytest.param(
            _file(_without(evidence.findings(case(DAILY)), tenant_id="22222222-2222-2222-2222-222222222222")),
            "another tenant's",
            "another directory",
            id="foreign",
        ),
        pytest.param(
            _file({**evidence.findings(case(DAILY)), "cloud": "china"}), "another tenant's", "cloud", id="another cloud"
        ),
    ],
)
def test_a_record_that_does_not_count_is_named_and_not_used(text: bytes | None, state: str, reason: str) -> None:
    found = read(text, "10-find-basic-auth", TENANT, NOW)

    assert (found.source.state, found.record) == (state, None)
    assert reason in (found.lost.reason if found.lost else "")


def test_a_record_carries_its_age() -> None:
    record = stamped(evidence.findings(case(DAILY)), datetime(2026, 11, 21, 9, tzinfo=UTC))
    found = read(_file(record), "10-find-basic-auth", TENANT, NOW)

    assert (found.source.state, found.source.age_s) == ("read", 51 * 3600)
    assert found.source.said.plain() == "Who still signs in with a password: notebook 10, 2 days old."


def test_what_is_read_is_not_changed() -> None:
    record = evidence.findings(case([*DAILY, DORA]))
    before = copy.deepcopy(record)
    made(record)

    assert record == before

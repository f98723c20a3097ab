"""Dates: what ends when, for whom, and by when to have acted."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from mailauth import deadlines, signins
from mailauth.findings import Adoption, AdoptionUser, Findings, Group
from mailauth.summary import Answers
from tests.groups import group

TODAY = date(2026, 11, 23)
FREEZE = (date(2026, 12, 14), date(2027, 1, 6))
END = deadlines.get("smtp-auth-default-off")


def found(*groups: Group, adoption: Adoption | None = None) -> Findings:
    empty = signins.assess(Answers(), tenant_id="t", now=datetime(2026, 11, 23, 12, tzinfo=UTC))
    return replace(empty, groups=groups, adoption=adoption or Adoption())


def ids(findings: Findings, today: date = TODAY) -> list[str]:
    return [deadline.id for deadline in deadlines.built_in().touching(findings, today=today)]


def test_every_date_says_where_it_is_from_and_how_sure_that_is() -> None:
    for deadline in deadlines.known():
        assert all((deadline.title, deadline.when, deadline.breaks, deadline.shows, deadline.note, deadline.source)), (
            deadline.id
        )
        assert deadline.confidence in ("high", "medium")
    assert deadlines.read_on() == date(2026, 11, 23)


def test_dates_come_in_order_and_once() -> None:
    known = deadlines.known()

    assert list(known) == sorted(known, key=lambda deadline: deadline.day or date.max)
    assert len({deadline.id for deadline in known}) == len(known)


def test_a_day_that_nobody_published_is_not_printed() -> None:
    assert END.when == "end of December 2026, no day published"
    assert "no page was found that says how" in END.note


@pytest.mark.parametrize(
    ("when", "sentence"),
    [
        ("end of December 2026, no day published", "at the end of December 2026 (no day has been published)"),
        ("1 April 2027", "on 1 April 2027"),
        ("September 2028, no day published", "in September 2028 (no day has been published)"),
        ("from 1 October 2026, tenant by tenant", "from 1 October 2026, tenant by tenant"),
        ("by 31 December 2026", "by 31 December 2026"),
        ("to be announced in the second half of 2027", "(to be announced in the second half of 2027)"),
    ],
)
def test_a_date_in_words_fits_into_a_sentence(when: str, sentence: str) -> None:
    assert replace(END, when=when).then == sentence


def test_the_device_is_told_one_of_two_refusals() -> None:
    assert "535 5.7.139 Authentication unsuccessful, basic authentication is disabled." in END.shows
    assert "550 5.7.30 Basic authentication is not supported for Client Submission." in END.shows


@pytest.mark.parametrize(
    ("changes", "touched"),
    [
        pytest.param({}, ["smtp-auth-default-off", "smtp-auth-final"], id="scanner"),
        pytest.param(
            {"verdict": "basic_unconfirmed"}, ["smtp-auth-default-off", "smtp-auth-final"], id="unknown place"
        ),
        pytest.param(
            {"verdict": "certificate", "protocol": "ActiveSync"},
            ["activesync-16-1", "activesync-certificate"],
            id="phone with a certificate",
        ),
        pytest.param({"verdict": "stale_sender", "protocol": "ActiveSync"}, ["activesync-16-1"], id="old phone"),
        pytest.param({"verdict": "accepted_not_opened", "protocol": "IMAP"}, ["mail-tls"], id="IMAP"),
        pytest.param({"verdict": "accepted_not_opened", "protocol": "POP"}, ["mail-tls"], id="POP"),
        pytest.param({"verdict": "accepted_not_opened", "protocol": "EWS"}, ["ews-off", "ews-end"], id="EWS"),
        pytest.param(
            {"verdict": "powershell_password", "protocol": "Exchange PowerShell"},
            ["powershell-credential"],
            id="PowerShell",
        ),
        pytest.param({"verdict": "blocked_by_policy"}, [], id="does not send"),
        pytest.param({"verdict": "suspected_compromise"}, [], id="compromise"),
        pytest.param({"verdict": "attack_noise", "protocol": "EWS"}, [], id="noise"),
        pytest.param({"population": "guest"}, [], id="guest"),
        pytest.param({"moved": True}, [], id="moved"),
        pytest.param({"verdict": "ropc_mail_app", "protocol": "Unknown"}, [], id="a token survives December"),
    ],
)
def test_each_kind_of_sender_is_touched_by_its_own_dates(changes: dict[str, object], touched: list[str]) -> None:
    assert ids(found(group(**changes))) == touched


def test_dates_of_many_senders_are_told_once_and_in_order() -> None:
    phone = group(verdict="certificate", protocol="ActiveSync")
    room = group(verdict="accepted_not_opened", protocol="EWS")

    touched = deadlines.built_in().touching(found(group(), group(), phone, room), today=TODAY)

    assert [deadline.day for deadline in touched] == sorted(deadline.day or date.max for deadline in touched)
    assert len(touched) == len(set(touched)) == 6


def test_old_tls_ends_for_clients_with_tokens_too() -> None:
    user = AdoptionUser("lena@woodgrove.example", "id", "Thunderbird", ("POP",), False, 3, TODAY, TODAY)

    assert ids(found(adoption=Adoption(3, (), (user,)))) == ["mail-tls"]


def test_what_ended_over_a_year_ago_is_no_news() -> None:
    old = group(verdict="stale_sender", protocol="ActiveSync")

    assert ids(found(old), date(2027, 3, 1)) == ["activesync-16-1"]
    assert ids(found(old), date(2027, 3, 2)) == []


def test_nothing_found_is_touched_by_nothing() -> None:
    assert ids(found()) == []


def test_charts_mark_days_within_their_window_and_both_its_ends() -> None:
    marks = deadlines.built_in().marks(date(2026, 10, 1), date(2026, 12, 31))

    assert list(marks) == [date(2026, 10, 1), date(2026, 12, 31)]
    assert marks[date(2026, 10, 1)] == "Exchange Web Services off by default"
    assert "SMTP AUTH passwords off by default; " in marks[date(2026, 12, 31)]
    assert deadlines.built_in().marks(date(2026, 11, 1), TODAY) == {}


@pytest.mark.parametrize(
    ("today", "freeze", "day", "why"),
    [
        pytest.param(TODAY, None, date(2026, 12, 17), "leaves 14 days", id="no freeze"),
        pytest.param(TODAY, FREEZE, date(2026, 12, 11), "before 14 December 2026, when the change", id="freeze"),
        pytest.param(date(2026, 12, 12), FREEZE, date(2026, 12, 12), "before 14 December", id="weekend before it"),
        pytest.param(date(2026, 12, 15), FREEZE, date(2027, 1, 7), "it stops before that", id="inside the freeze"),
        pytest.param(date(2026, 12, 20), FREEZE, date(2027, 1, 7), "unless the change is let", id="late in the freeze"),
        pytest.param(TODAY, (TODAY, date(2026, 12, 4)), date(2026, 12, 17), "leaves 14", id="freeze ends in time"),
        pytest.param(
            date(2026, 12, 18),
            (date(2026, 12, 14), date(2026, 12, 20)),
            date(2026, 12, 21),
            "right after the change freeze",
            id="freeze ends before the day",
        ),
        pytest.param(date(2026, 12, 24), None, date(2026, 12, 24), "fewer than 14 days", id="late"),
        pytest.param(date(2027, 2, 1), FREEZE, None, "has passed", id="over"),
    ],
)
def test_a_change_freeze_orders_the_dates(
    today: date, freeze: deadlines.Freeze | None, day: date | None, why: str
) -> None:
    due = deadlines.due(END, today, freeze)

    assert due.day == day
    assert why in due.why
    assert not (freeze and due.day and freeze[0] <= due.day <= freeze[1])


def test_a_due_day_is_a_working_day() -> None:
    april = replace(END, day=date(2027, 4, 3))

    assert deadlines.due(april, TODAY).day == date(2027, 3, 19)


def test_whoever_gets_a_letter_has_two_working_days_to_answer_it() -> None:
    friday = date(2026, 11, 27)

    assert deadlines.ask_by(date(2026, 12, 11), date(2026, 12, 4)) == date(2026, 12, 4)
    assert deadlines.answer_by(date(2026, 12, 4), friday) == date(2026, 12, 1)
    assert deadlines.answer_by(date(2027, 1, 15), friday) == deadlines.ask_by(date(2027, 1, 15), friday)
    assert deadlines.answer_by(None, friday) is None


def test_what_never_ends_is_never_due() -> None:
    assert deadlines.due(None, TODAY, FREEZE) == deadlines.Due(None, "no date")
    assert deadlines.built_in().of(group(verdict="accepted_not_opened", protocol="IMAP")) is None


def test_an_unknown_date_is_named_with_those_that_there_are() -> None:
    with pytest.raises(LookupError, match=r"found 'doomsday'; expected one of basic-off, "):
        deadlines.get("doomsday")


def test_tenants_that_have_no_password_sign_in_are_named_as_of_the_day_that_is_published() -> None:
    made = deadlines.get("smtp-auth-new-tenants")
    assert made.when == "tenants made after December 2026"
    assert "after December 2026" in made.title


def test_the_setting_that_lets_old_tls_in_is_called_by_its_name() -> None:
    made = deadlines.get("mail-tls")
    assert "AllowLegacyTLSClients" in made.note
    assert "smtp-legacy.office365.com" in made.note

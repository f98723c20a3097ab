"""What a sender is: a person's word first, then what is hardest to forge; the rest is called inference."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mailauth import decisions, kinds
from mailauth.documents import Mark
from mailauth.kinds import Guess, Rhythm, Sender
from mailauth.summary import MailRow
from tests.groups import EXCHANGE, group


def _decision(what: str) -> decisions.Sender:
    mark = Mark("w.yaml", 1)
    return decisions.Sender("scanner@woodgrove.example", "", (), what, "", {}, "", None, "", "", None, mark)


def _row(day: int, time: str, **changes: Any) -> MailRow:
    midnight = datetime(2026, 11, day, tzinfo=UTC)
    hours, minutes = map(int, time.split(":"))
    first = midnight + timedelta(hours=hours, minutes=minutes)
    values: dict[str, Any] = {
        "day": midnight, "user": "erp@woodgrove.example", "user_id": "", "population": "member",
        "client_app": "Authenticated SMTP", "protocol": "ropc", "app_id": EXCHANGE, "app": "", "resource": "",
        "network": "198.51.100.7", "asn": "", "country": "", "step": "", "result": "0", "note": "", "risk": "",
        "interactive": True, "sign_ins": 1, "first": first, "last": first, "user_agent": "",
    }  # fmt: skip
    return MailRow(**(values | changes))


@pytest.mark.parametrize(
    ("changes", "kind", "basis"),
    [
        pytest.param({}, "scanner", "address", id="scanner@"),
        pytest.param({"user": "mfp2.leeds@woodgrove.example"}, "scanner", "address", id="mfp2.leeds@"),
        pytest.param({"user": "no-reply.erp@woodgrove.example"}, "application", "address", id="erp"),
        pytest.param({"user": "backup01@woodgrove.example"}, "script", "address", id="backup"),
        pytest.param({"user": "dora.scanlon@woodgrove.example"}, "unknown", "", id="a person's name"),
        pytest.param({"user": "upsala@woodgrove.example"}, "unknown", "", id="a short word inside another"),
        pytest.param({"protocol": "ActiveSync"}, "phone", "protocol", id="ActiveSync"),
        pytest.param(
            {"app_id": "9e5f94bc-e8a4-4e73-b8be-63364c29d753"}, "mail client", "application id", id="Thunderbird"
        ),
        pytest.param({"verdict": "powershell_password"}, "powershell", "application id", id="PowerShell"),
        pytest.param({"user_agents": ("Python-urllib/3.11",)}, "script", "user agent", id="Python"),
        pytest.param({"user_agents": ("Thunderbird/128",)}, "mail client", "user agent", id="an agent's word"),
    ],
)
def test_what_the_records_suggest(changes: dict[str, Any], kind: str, basis: str) -> None:
    found = kinds.guess(group(**changes))

    assert (found.kind, found.basis) == (kind, basis)
    assert found.inferred == bool(basis)


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ("copier on the second floor", "scanner"),
        ("Thunderbird on the reception's computer", "mail client"),
        ("invoices of the ERP", "application"),
        ("Old cron job.", "script"),
        ("Dora's iPhone", "phone"),
        ("nobody remembers", "unknown"),
    ],
)
def test_a_persons_word_counts_before_everything(what: str, kind: str) -> None:
    found = kinds.guess(group(app_id="9e5f94bc-e8a4-4e73-b8be-63364c29d753"), _decision(what))

    assert (found.kind, found.name, found.basis) == (kind, what, "person")
    assert str(found) == what
    assert not found.inferred


def test_an_inference_says_what_it_rests_on() -> None:
    assert str(kinds.guess(group())) == "scanner, copier or another device (inferred from the address)"
    assert str(Guess()) == "not known"


@pytest.mark.parametrize("basis", ["user agent", "address", "rhythm"])
def test_advice_does_not_rest_on_what_anybody_can_choose(basis: Any) -> None:
    assert not Guess("script", "", basis).certain


@pytest.mark.parametrize(
    ("times", "steady", "at"),
    [
        pytest.param(["02:00", "02:01", "02:04"], True, "02:00", id="nightly"),
        pytest.param(["23:58", "00:03", "23:59", "00:01"], True, "23:58", id="around midnight"),
        pytest.param(["08:12", "07:55", "09:40"], False, "", id="people"),
        pytest.param(["02:00", "02:00"], False, "", id="two days prove nothing"),
    ],
)
def test_a_job_is_known_by_its_hour(times: list[str], steady: bool, at: str) -> None:
    rows = [_row(day, time) for day, time in enumerate(times, start=2)]

    found = kinds.rhythms(rows)

    assert found == {
        Sender("erp@woodgrove.example", "SMTP AUTH", EXCHANGE, "198.51.100.7"): Rhythm(len(times), steady, at)
    }


def test_only_the_first_success_of_a_day_counts_for_the_rhythm() -> None:
    rows = [_row(day, "02:00") for day in (2, 3, 4)]
    rows += [_row(day, "14:30") for day in (2, 3, 4)]
    rows += [_row(day, "00:10", result="50126") for day in (2, 3, 4)]

    (found,) = kinds.rhythms(rows).values()

    assert found == Rhythm(3, True, "02:00")
    assert kinds.guess(group(user="x1@woodgrove.example"), None, found) == Guess("script", "", "rhythm")

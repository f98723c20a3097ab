"""Records for machines: what stands in them, and that nothing else ever does."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from mailauth import evidence
from mailauth.cases import Case
from mailauth.checks import Check
from mailauth.errors import EvidenceError
from mailauth.findings import Findings
from mailauth.services import store
from mailauth.tenants import Admin, MailApp, Source
from tests.case_invented import NOW, OFFICE, SCANNER, TENANT, case, decided, find, mail, report

DAILY = [mail(ago=ago) for ago in range(1, 20)]
CHECKS = (
    Check("Python packages", "ok", "9 of 9"),
    Check("sign-in logs", "cannot know", "403", "Ask for Reports Reader."),
    Check("decisions", "not configured"),
)

# What the design promises to whoever reads notebook 10's record.
PROMISED = {
    *("sender_id", "user", "protocol", "client_app_used", "app", "app_id", "network", "verdict", "sources"),
    *("interactive", "successes", "right_password_blocks", "failures", "days_active", "first_seen", "last_seen"),
    *("by_day", "user_agents", "result_codes", "decision"),
}


def full() -> Case:
    """Return a case with something of everything."""
    rows = [
        *DAILY,
        mail("phone@woodgrove.example", client_app="Exchange ActiveSync", step="certificate", ago=3),
        mail("erp@woodgrove.example", network="198.51.100.20", country="US", ago=2),
        mail("dora@woodgrove.example", network="192.0.2.66", country="BR", ago=2, risk="high"),
        mail("sprayed@woodgrove.example", network="", result="50126", networks=40, sign_ins=500, step=""),
    ]
    own = decided(f"senders:\n  - {{user: {SCANNER}, owner: J. Ward, due: 2026-12-04}}\n  - {{user: gone@b.example}}\n")
    return case(rows, [report(f"{SCANNER} Basic 40", "reception@woodgrove.example Basic 3", dated=True)], own=own)


def test_the_record_of_findings_is_an_envelope_around_data() -> None:
    record = evidence.findings(full())

    assert list(record) == ["schema", "tenant", "cloud", "rehearsal", "made_at", "tool", "coverage", "data"]
    assert (record["schema"], record["tenant"], record["cloud"]) == ("mailauth/findings/1", "woodgrove", "public")
    assert record["made_at"] == "2026-11-23T12:00:00Z"
    assert record["rehearsal"] is False
    assert {each["source"] for each in record["coverage"]} >= {"files", "tenant", "smtp_report"}


def test_each_group_holds_what_is_promised() -> None:
    groups = evidence.findings(full())["data"]["groups"]
    scanner = next(each for each in groups if each["user"] == SCANNER)

    assert all(set(each) >= PROMISED for each in groups)
    assert {"address", "asn", "country", "label", "known_site"} <= set(scanner["network"])
    assert (scanner["verdict"], scanner["successes"], scanner["days_active"]) == ("basic_sender", 38, 19)
    assert (scanner["first_seen"], scanner["by_day"][0]["day"]) == ("2026-11-04T08:00:00Z", "2026-11-04")
    assert {key: scanner["decision"][key] for key in ("owner", "due")} == {"owner": "J. Ward", "due": "2026-12-04"}
    assert {"action", "by"} <= set(scanner["decision"])
    assert scanner["result_codes"] == {"0": 38}


def test_state_attention_and_both_witnesses_are_in_it() -> None:
    made = full()
    data = evidence.findings(made)["data"]

    assert data["state"] == {"word": made.state, "sentence": made.sentence}
    assert [each["user"] for each in data["attention"]] == [each.group.user for each in made.findings.attention]
    assert [(each["address"], each["known"]) for each in data["reported"]] == [
        ("reception@woodgrove.example", False),
        (SCANNER, True),
    ]
    assert data["headline"]["only_reported"] == 1
    assert data["queries"] == {"files/mail_signins": "SigninLogs\n| take 1\n"}
    assert len(data["unmatched"]) == 1
    assert {each["id"] for each in data["deadlines"]} == {each.id for each in made.deadlines} != set()


@pytest.mark.parametrize("made", [full, case, lambda: case(found=find(held=False))])
def test_two_runs_differ_in_made_at_alone(made: Callable[[], Case], tmp_path: Path) -> None:
    first, second = made(), made()
    later = replace(second, findings=replace(second.findings, made_at=NOW + timedelta(hours=1)))
    one, other = evidence.findings(first), evidence.findings(later)

    assert one["made_at"] != other["made_at"]
    assert json.dumps({**one, "made_at": ""}) == json.dumps({**other, "made_at": ""})
    assert json.loads(store.write_evidence(tmp_path / "10.json", one).read_text("utf-8")) == one


def test_practice_says_so() -> None:
    tenant = replace(TENANT, cloud=replace(TENANT.cloud, name="practice", rehearsal=True))

    assert evidence.findings(case(DAILY, tenant=tenant))["rehearsal"] is True
    assert evidence.start(tenant, CHECKS, (), made_at=NOW)["rehearsal"] is True


def test_the_record_of_the_start_says_what_is_configured_and_what_is_not() -> None:
    tenant = replace(
        TENANT,
        sources=(Source(kind="files", patterns=("exports/*.json",), base=Path("/home/somebody")),),
        admin=Admin(flow="managed-identity"),
        mail_apps=(MailApp(name="mail", client_id="99999999-8888-7777-6666-555555555555"),),
    )
    record = evidence.start(tenant, CHECKS, [("Python", "3.11.7")], made_at=NOW)

    assert record["data"]["outcome"] == "cannot know"
    assert record["data"]["checks"][0] == {"name": "Python packages", "outcome": "ok", "found": "9 of 9", "remedy": ""}
    assert record["data"]["versions"] == [{"name": "Python", "version": "3.11.7"}]
    assert record["data"]["configured"]["admin"] == "managed-identity"
    assert [(each["what"], each["state"]) for each in record["coverage"]] == [
        ("sign-in logs", "unknown"),
        ("decisions", "absent"),
    ]
    assert "somebody" not in json.dumps(record)


def test_hostile_text_stays_as_it_came_but_can_be_written(tmp_path: Path) -> None:
    agent = "<script>\u202e=1\x00 \ud83d " + "A" * 50_000
    record = evidence.findings(case([mail(user_agent=agent)]))
    (held,) = record["data"]["groups"][0]["user_agents"]

    assert held.startswith("<script>\u202e=1\x00 ? AAA")
    assert len(held) == 20_000
    assert store.write_evidence(tmp_path / "10.json", record).read_text("utf-8")


def _with(made: Case, **changes: Any) -> Case:
    groups = (replace(made.findings.groups[0], **changes), *made.findings.groups[1:])
    return replace(made, findings=replace(made.findings, groups=groups))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        pytest.param({"verdict": "fine"}, r"groups\[0\]\.verdict: found 'fine'; expected one of", id="word"),
        pytest.param({"successes": "many"}, r"groups\[0\]\.successes: found 'many'; expected integer", id="type"),
        pytest.param({"failures": -1}, r"groups\[0\]\.failures: found -1; expected minimum 0", id="range"),
        pytest.param({"sender_id": "0"}, r"groups\[0\]\.sender_id: found '0'; expected pattern", id="pattern"),
        pytest.param({"risk": None}, r"groups\[0\]\.risk: found None; expected string", id="nothing"),
    ],
)
def test_a_record_that_does_not_fit_is_refused_and_the_field_named(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(EvidenceError, match=rf"^evidence findings: data\.{complaint}"):
        evidence.findings(_with(case(DAILY), **changes))


def test_a_wrong_field_does_not_spill_a_log_into_the_error() -> None:
    with pytest.raises(EvidenceError) as caught:
        evidence.findings(_with(case(DAILY), verdict="\u202e" + "x" * 100_000))

    assert len(str(caught.value)) < 600
    assert "\u202e" not in str(caught.value)


@pytest.mark.parametrize("name", ["start", "findings", "consent"])
def test_the_schemas_are_schemas_and_close_every_object(name: str) -> None:
    shipped = evidence.schema(name)
    Draft202012Validator.check_schema(shipped)

    assert list(_open_objects(shipped)) == []


def test_a_schema_that_does_not_ship_is_named() -> None:
    with pytest.raises(LookupError, match="no schema 'nothing'"):
        evidence.schema("nothing")


def test_every_field_of_the_findings_is_in_the_record_or_told_otherwise() -> None:
    elsewhere = {"tenant_id", "made_at", "state", "sentence", "coverage"}
    data = evidence.findings(full())["data"]

    assert {name for name in Findings.__dataclass_fields__ if name not in data} <= elsewhere


def test_the_module_is_imported_without_the_validator() -> None:
    # Its format checkers cost a second, which a notebook that writes nothing should not pay.
    code = "import sys, mailauth.evidence; sys.exit('jsonschema' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_networks_of_a_person_keep_their_names() -> None:
    own = decided(f"networks:\n  {OFFICE}: Leeds office\n")
    data = evidence.findings(case(DAILY, own=own))["data"]

    assert data["groups"][0]["network"]["address"] == OFFICE
    assert date.fromisoformat(data["trend"][0]["day"]) == date(2026, 11, 4)


def _open_objects(part: Any, place: str = "") -> Any:
    if isinstance(part, dict):
        if part.get("type") in ("object", ["object", "null"]) and "additionalProperties" not in part:
            yield place
        for name, inside in part.items():
            yield from _open_objects(inside, f"{place}/{name}")

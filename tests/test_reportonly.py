"""What policies that only report said: counted once whatever the witnesses, never taken for what it does not say."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

from mailauth import editions, evidence, reportonly
from mailauth.conditions import AccessPolicy, Conditions, People
from mailauth.findings import PolicyCarrier, ReportOnly
from mailauth.pseudonyms import LEFT_OUT, Pseudonyms
from mailauth.reportonly import Said
from mailauth.summary import PolicyRow
from tests.case_invented import SCANNER, case, mail
from tests.closings import group, record

DAY = datetime(2026, 11, 20, tzinfo=UTC)
EXCHANGE = "00000002-0000-0ff1-ce00-000000000000"
BLOCK = AccessPolicy(
    "P-Block",
    "Block",
    "enabledForReportingButNotEnforced",
    People(everybody=True),
    clients=frozenset({"exchangeactivesync", "other"}),
    controls=("block",),
)


def row(**more: Any) -> PolicyRow:
    """Return what a policy said of two of bob's sign-ins by SMTP on one day: it stops one of them."""
    whole: dict[str, Any] = {
        "day": DAY,
        "user": "bob@w.example",
        "client_app": "Authenticated SMTP",
        "app_id": EXCHANGE,
        "policy_id": "p-block",
        "policy": "Block",
        "sign_ins": 2,
        "carried": 2,
        "stopped": 1,
        "first": DAY,
        "last": DAY + timedelta(hours=1),
        "source": "files",
    }
    return PolicyRow(**{**whole, **more})


def ruling(**more: Any) -> dict[str, Any]:
    whole = {
        "user": "bob@w.example",
        "protocol": "SMTP AUTH",
        "policy_id": "p-block",
        "policy": "Block",
        "sign_ins": 2,
        "stopped": 1,
        "first_seen": "2026-11-20T00:00:00Z",
        "last_seen": "2026-11-20T01:00:00Z",
    }
    return {**whole, **more}


def said(*rulings: dict[str, Any], sources: Any = ()) -> dict[str, Any]:
    return {"report_only": {"sources": list(sources), "rulings": list(rulings)}}


def blocked(*groups: dict[str, Any], policies: tuple[AccessPolicy, ...] | None = (BLOCK,), **more: Any) -> Any:
    return reportonly.would_block(record(*groups, **more), Conditions(policies=policies))


def test_slices_of_a_day_add_up_and_two_witnesses_of_it_do_not() -> None:
    [one] = reportonly.summarise(
        [
            row(),
            row(first=DAY + timedelta(hours=5), last=DAY + timedelta(hours=6)),
            row(source="graph", sign_ins=3, stopped=3),
            row(day=DAY + timedelta(days=1), source="graph", sign_ins=7, stopped=0, last=DAY + timedelta(days=1)),
        ]
    ).rulings
    assert (one.user, one.protocol, one.sign_ins, one.stopped) == ("bob@w.example", "SMTP AUTH", 4 + 7, 2)
    assert (one.first_seen, one.last_seen) == (DAY, DAY + timedelta(days=1))


def test_spellings_of_a_client_are_one_protocol_and_the_order_of_rows_changes_nothing() -> None:
    rows = [
        row(client_app="AutoDiscover"),
        row(client_app="Autodiscover", policy="Z", source="kusto", sign_ins=2),
        row(policy_id="p-2", user="ada@w.example"),
        row(policy_id="", policy="", sign_ins=9, carried=4, stopped=0),
    ]
    found = reportonly.summarise(rows)
    assert found == reportonly.summarise(reversed(rows))
    assert [(each.protocol, each.policy) for each in found.rulings] == [("SMTP AUTH", "Block"), ("Autodiscover", "Z")]
    assert found.sources == (PolicyCarrier("files", 9, 4),)


def test_evidence_holds_what_was_said_and_that_of_an_earlier_version_is_read_all_the_same() -> None:
    whole = case([mail(ago=ago) for ago in range(1, 9)])
    told = reportonly.summarise([row(user=SCANNER, policy="<script>\ud800"), row(policy_id="", policy="")])
    made = evidence.findings(dataclasses.replace(whole, findings=dataclasses.replace(whole.findings, report_only=told)))
    assert made["data"]["report_only"]["rulings"][0]["policy"] == "<script>?"
    [found] = reportonly.would_block(made, Conditions(policies=(BLOCK,)))
    assert (found.user, found.basis, found.said) == (SCANNER, "log", (Said("<script>?", 2, 1, legacy=True),))

    del made["data"]["report_only"]
    evidence.check("findings", made)
    assert [(each.user, each.basis) for each in reportonly.would_block(made, Conditions())] == [(SCANNER, "inferred")]
    assert reportonly.carried(made) == {"": "not collected"}


def test_an_edition_for_others_drops_the_names_of_policies_and_renames_accounts_and_ids() -> None:
    whole = case([mail(ago=ago) for ago in range(1, 9)])
    told = reportonly.summarise([row(user=SCANNER, policy="Woodgrove blocks Ada"), row(policy_id="", policy="")])
    record = evidence.findings(
        dataclasses.replace(whole, findings=dataclasses.replace(whole.findings, report_only=told))
    )
    names = Pseudonyms(b"0123456789abcdef0123456789abcdef")
    made = editions.shareable(record, evidence.schema("findings"), names)
    evidence.check("findings", made)
    [held] = made["data"]["report_only"]["rulings"]
    assert held["policy"] == LEFT_OUT
    assert held["user"] == names.name("address", SCANNER)
    assert held["policy_id"] == names.name("id", "p-block")
    assert (held["sign_ins"], held["stopped"]) == (2, 1)
    assert held["first_seen"] == "2026-11-20T00:00:00Z"


def test_where_no_policy_spoke_an_old_client_that_gets_in_is_inferred_to_be_stopped() -> None:
    found = blocked(
        group("bob", successes=4),
        group("bob", successes=3, last_seen="2026-11-25T10:00:00Z"),
        group("phone", protocol="ActiveSync", verdict="certificate", successes=90),
        group("new", protocol="IMAP", verdict="modern"),
        group("old", successes=0, verdict="stale_sender"),
    )
    assert [(each.user, each.sign_ins, each.certificate, each.basis) for each in found] == [
        ("phone@w.example", 90, True, "inferred"),
        ("bob@w.example", 7, False, "inferred"),
    ]


def test_the_log_decides_where_a_policy_against_old_clients_spoke_also_that_it_spares_somebody() -> None:
    [spared] = blocked(group("bob"), **said(ruling(stopped=0), ruling(policy_id="p-mfa", policy="MFA", stopped=2)))
    assert (spared.basis, spared.stopped) == ("log", 0)
    assert spared.said == (Said("Block", 2, 0, legacy=True), Said("MFA", 2, 2))


def test_a_policy_about_something_else_that_does_not_apply_spares_nobody() -> None:
    other = ruling(policy_id="p-admins", policy="MFA for administrators", stopped=0)
    for policies in ((BLOCK,), (), None):
        [found] = blocked(group("bob"), policies=policies, **said(other))
        assert (found.basis, found.said) == ("inferred", ())
    assert blocked(policies=(BLOCK,), **said(other)) == ()


def test_what_a_policy_about_mfa_would_have_stopped_is_no_answer_of_one_against_old_clients() -> None:
    mfa = ruling(policy_id="p-mfa", policy="MFA", stopped=2)
    for policies in ((BLOCK,), None):
        bob, eve = blocked(group("bob"), policies=policies, **said(mfa, {**mfa, "user": "eve@w.example"}))
        assert [(each.basis, each.said) for each in (bob, eve)] == [("inferred", (Said("MFA", 2, 2),))] * 2


def test_a_policy_against_old_clients_in_some_places_alone_is_not_one_against_old_clients() -> None:
    somewhere = dataclasses.replace(BLOCK, narrowed=("locations",))
    [found] = blocked(group("bob"), policies=(somewhere,), **said(ruling(stopped=0)))
    assert (found.basis, found.said) == ("inferred", ())


def test_what_a_look_at_conditional_access_calls_stopping_is_listed_and_what_is_older_too() -> None:
    def look(*policies: dict[str, Any]) -> dict[str, Any]:
        return {"data": {"settings": {"access": list(policies)}}}

    grant = look({"id": "P-1", "stops": True}, {"id": "P-2", "stops": False})
    assert reportonly.stopping([grant, look({"id": "p-3"}, {"id": "p-1", "stops": True})]) == ("p-1", "p-3")
    assert reportonly.stopping([{"data": {"settings": {"access": None}}}]) == ()


def test_who_is_no_sender_of_mail_and_would_be_stopped_is_not_left_out() -> None:
    [script] = blocked(**said(ruling(user="script@w.example", protocol="Other clients", stopped=2)))
    assert (script.user, script.sign_ins, script.basis, script.stopped) == ("script@w.example", 0, "log", 2)


def test_a_source_says_how_far_it_carries_what_policies_said() -> None:
    counts = {"files": (9, 0), "graph": (9, 3), "kusto": (9, 9), "workspace": (0, 0)}
    held = [{"source": name, "sign_ins": all_, "carried": some} for name, (all_, some) in counts.items()]
    assert reportonly.carried(record(**said(sources=held))) == {
        "files": "none",
        "graph": "part",
        "kusto": "all",
        "workspace": "nothing",
    }


def test_nothing_was_read_is_nothing() -> None:
    assert reportonly.summarise(()) == ReportOnly()

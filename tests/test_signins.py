"""From rows to verdicts: the cases of field practice, its rules 1 to 11, and odd rows."""

import dataclasses
import random
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailauth import decisions, reference, signins
from mailauth.coverage import Coverage, Window
from mailauth.findings import ATTENTION, VERDICTS, Findings, Group
from mailauth.summary import AdoptionRow, Answers, MailRow, NetworkRow, NoiseTotal, TableDay
from mailauth.verdicts import Thresholds
from mailauth.views import figures
from tests.mailrows import EXCHANGE, NOW, OFFICE, SCANNER, TENANT_ID, mail, tables

SHELL = "fb78d390-0c51-40cd-8e17-fdbfab77341b"
RELAY = "99999999-8888-7777-6666-555555555555"
WINDOW = Window(NOW - timedelta(days=30), NOW)

HOSTED = "198.51.100.20"
ABROAD = "192.0.2.66"


def daily(days: int, user: str = SCANNER, network: str = OFFICE, result: str = "0", **more: Any) -> list[MailRow]:
    """Return a row for each of so many days up to yesterday."""
    return [mail(user, network, result, ago, **more) for ago in range(1, days + 1)]


def spray(user: str, result: str = "50126", sign_ins: int = 500, **more: Any) -> MailRow:
    """Return failures from passing networks as the query puts them together."""
    fields = {"country": "", "asn": "", "protocol": "", "networks": 40, "sign_ins": sign_ins, "step": ""}
    return mail(user, "", result, **{**fields, **more})


SITE = (NetworkRow(OFFICE, "site", "", 12),)


def spraying(network: str, victims: int = 6) -> NetworkRow:
    return NetworkRow(network, "spray", "", victims)


def assess(rows: Sequence[MailRow], *networks: NetworkRow, **more: Any) -> Findings:
    held = more.pop("tables", tables())
    extra = {name: more.pop(name) for name in ("noise", "not_mail", "adoption", "coverage", "queries") if name in more}
    options = {"tenant_id": TENANT_ID, "now": NOW, "window": WINDOW, **more}
    return signins.assess(Answers(mail=tuple(rows), networks=(*SITE, *networks), tables=held, **extra), **options)


def verdicts(found: Findings) -> dict[str, set[str]]:
    said: dict[str, set[str]] = {}
    for group in found.groups:
        said.setdefault(group.user, set()).add(group.verdict)
    return said


def only(found: Findings) -> Group:
    assert len(found.groups) == 1, [group.verdict for group in found.groups]
    return found.groups[0]


def decided(text: str) -> decisions.Decisions:
    return decisions.parse(text, Path("woodgrove.yaml"))


class TestFieldPractice:
    """The invented rows that the rules were tried on, and the cases that they ask for."""

    def test_the_office_scanner_is_a_basic_sender(self) -> None:
        group = only(assess(daily(20, sign_ins=2)))
        assert (group.verdict, group.successes, group.days_active) == ("basic_sender", 40, 20)
        assert group.network.kind == "members"
        assert group.network.known_site
        assert group.ends_in_2026

    def test_the_scanner_under_attack_stays_and_the_attack_is_a_group_of_its_own(self) -> None:
        rows = [*daily(20), *(mail(SCANNER, ABROAD, "50126", ago) for ago in range(1, 9)), spray(SCANNER)]
        found = assess(rows, spraying(ABROAD))
        sender, attack = found.groups
        assert (sender.verdict, sender.network.address, sender.failures) == ("basic_sender", OFFICE, 0)
        assert (attack.verdict, attack.network.address, attack.failures) == ("attack_noise", "", 508)
        assert sender.sender_id != attack.sender_id

    def test_one_success_from_a_spraying_network_is_a_suspected_compromise(self) -> None:
        found = assess([mail("dora@woodgrove.example", ABROAD, ago=9)], spraying(ABROAD))
        assert only(found).verdict == "suspected_compromise"
        assert "the same network failed for 6 accounts" in only(found).reason

    def test_a_spray_is_also_seen_in_the_rows_themselves(self) -> None:
        victims = [mail(f"u{number}@woodgrove.example", ABROAD, "50126") for number in range(3)]
        found = assess([mail("dora@woodgrove.example", ABROAD), *victims])
        assert verdicts(found)["dora@woodgrove.example"] == {"suspected_compromise"}

    def test_a_block_from_abroad_is_a_password_known_to_a_stranger(self) -> None:
        group = only(assess(daily(3, "amy@woodgrove.example", ABROAD, "53003")))
        assert (group.verdict, group.right_password_blocks, group.failures) == ("password_known", 3, 0)

    def test_a_nightly_job_with_an_old_password_is_no_attack(self) -> None:
        assert only(assess(daily(20, "erp@woodgrove.example", OFFICE, "50126"))).verdict == "stale_sender"

    def test_a_job_that_fails_regularly_from_elsewhere_is_no_attack_either(self) -> None:
        assert only(assess(daily(3, "erp@woodgrove.example", HOSTED, "50126"))).verdict == "stale_sender"
        assert only(assess(daily(2, "erp@woodgrove.example", HOSTED, "50126"))).verdict == "attack_noise"
        found = assess(daily(20, "erp@woodgrove.example", ABROAD, "50126"), spraying(ABROAD))
        assert only(found).verdict == "attack_noise"

    def test_a_hosted_sender_waits_for_a_person_to_name_its_place(self) -> None:
        group = only(assess(daily(20, "erp@woodgrove.example", HOSTED)))
        assert group.verdict == "basic_unconfirmed"
        assert group.ends_in_2026

    def test_one_success_from_a_new_network_is_asked_about_today(self) -> None:
        found = assess([mail("carl@woodgrove.example", ABROAD)])
        assert only(found).verdict == "confirm_today"
        assert [each.group.user for each in found.attention] == ["carl@woodgrove.example"]

    def test_two_days_are_asked_about_and_three_are_a_sender(self) -> None:
        assert only(assess(daily(2, network=HOSTED))).verdict == "confirm_today"
        assert only(assess(daily(3, network=HOSTED))).verdict == "basic_unconfirmed"

    def test_an_office_with_three_stale_phones_keeps_its_scanner(self) -> None:
        phones = [
            mail(f"u{number}@woodgrove.example", OFFICE, "50126", client_app="Exchange ActiveSync")
            for number in range(4)
        ]
        found = assess([*daily(5), *phones], spraying(OFFICE))
        assert verdicts(found)[SCANNER] == {"basic_sender"}
        assert verdicts(found)["u0@woodgrove.example"] == {"stale_sender"}

    def test_a_lockout_at_the_office_during_an_attack_is_a_stale_sender(self) -> None:
        found = assess([mail(result="50053"), spray(SCANNER)])
        assert [group.verdict for group in found.groups] == ["stale_sender", "attack_noise"]
        assert found.attention == ()

    def test_a_malicious_address_is_never_a_regular_sender(self) -> None:
        rows = daily(9, SCANNER, HOSTED, "50053", note="malicious address")
        assert only(assess(rows)).verdict == "attack_noise"
        assert only(assess([*rows, mail(SCANNER, HOSTED, "50126")])).verdict == "stale_sender"

    def test_a_certificate_with_an_interrupted_row_first_is_a_certificate(self) -> None:
        phone: dict[str, Any] = {
            "client_app": "Exchange ActiveSync",
            "user": "ida@woodgrove.example",
            "network": ABROAD,
        }
        rows = [mail(**phone, result="50140", step=""), mail(**phone, step="certificate")]
        group = only(assess(rows))
        assert (group.verdict, group.successes, group.token_events) == ("certificate", 1, 1)
        rows = [mail(**phone, result="50074", step=""), mail(**phone, step="certificate")]
        assert only(assess(rows)).verdict == "certificate"

    def test_ropc_with_the_application_of_exchange_is_basic(self) -> None:
        assert only(assess(daily(5, protocol="ropc"))).verdict == "basic_sender"

    def test_a_policy_that_stops_the_office_scanner_is_named_as_such(self) -> None:
        assert only(assess(daily(5, result="530035"))).verdict == "blocked_by_policy"

    @pytest.mark.parametrize("result", ["53003", "530035", "53001", "50076", "50079", "50158", "65001", "50105"])
    def test_every_stop_after_the_password_counts_as_a_right_password(self, result: str) -> None:
        assert only(assess([mail("amy@woodgrove.example", ABROAD, result)])).verdict == "password_known"
        assert only(assess([mail(result=result)])).verdict == "blocked_by_policy"

    @pytest.mark.parametrize("result", ["50055", "50144"])
    def test_an_expired_password_is_a_strangers_only_where_no_sender_is_seen(self, result: str) -> None:
        assert only(assess([mail(result=result)])).verdict == "stale_sender"
        assert only(assess([mail(network=ABROAD, result=result)])).verdict == "password_known"
        assert only(assess(daily(9, network=HOSTED, result=result))).verdict == "stale_sender"

    @pytest.mark.parametrize("risk", ["medium", "high"])
    def test_a_risky_success_from_an_unknown_network_is_a_suspected_compromise(self, risk: str) -> None:
        assert only(assess(daily(20, network=HOSTED, risk=risk))).verdict == "suspected_compromise"
        assert only(assess(daily(20, risk=risk))).verdict == "basic_sender"

    def test_the_risk_of_a_failure_says_nothing_of_the_success(self) -> None:
        rows = [*daily(9, network=HOSTED), mail(network=HOSTED, result="50126", risk="high")]
        assert only(assess(rows)).verdict == "basic_unconfirmed"

    def test_one_member_makes_a_site_in_a_small_tenant_only(self) -> None:
        alone = NetworkRow(HOSTED, "site", "id of boss", 1)
        assert only(assess(daily(5, network=HOSTED), alone)).verdict == "basic_unconfirmed"
        assert only(assess(daily(5, network=HOSTED), alone, small_tenant=True)).verdict == "basic_sender"

    def test_thresholds_are_data(self) -> None:
        strict = dataclasses.replace(Thresholds.standard(), sender_days=10, members_for_site=99)
        assert only(assess(daily(5), thresholds=strict)).verdict == "confirm_today"
        with pytest.raises(ValueError, match="threshold spray_victims: found 0; expected a whole number from 1"):
            dataclasses.replace(strict, spray_victims=0)

    def test_without_the_column_no_site_is_known_and_the_verdict_says_so(self) -> None:
        rows = [*daily(5), mail("amy@woodgrove.example", OFFICE, "53003")]
        answers = Answers(mail=tuple(rows), tables=tables(with_requirement=0))
        found = signins.assess(answers, tenant_id=TENANT_ID, now=NOW, window=WINDOW)
        assert {group.verdict for group in found.groups} == {"basic_unconfirmed", "password_known"}
        assert all("no network could be recognised" in group.caveats[0] for group in found.groups)
        assert "known sites" in {record.what for record in found.coverage if record.state == "unknown"}


class TestNetworks:
    """Rule 1: a network belongs to a sender, and a person's names survive."""

    def test_two_offices_are_two_senders(self) -> None:
        found = assess([*daily(5), *daily(3, network=HOSTED)])
        assert {(group.network.address, group.verdict) for group in found.groups} == {
            (OFFICE, "basic_sender"),
            (HOSTED, "basic_unconfirmed"),
        }
        assert (found.headline.senders, found.headline.accounts, found.headline.unconfirmed) == (2, 1, 1)

    def test_all_addresses_of_one_ipv6_network_are_one_sender(self) -> None:
        rows = [mail(network="2001:0db8:0000:0001::/64"), mail(network="2001:db8:0:1:aa::1", ago=2)]
        assert only(assess(rows)).network.address == "2001:db8:0:1::/64"

    def test_a_site_named_by_a_person_is_a_known_site(self) -> None:
        named = decided(f"networks: {{{HOSTED}: York office}}")
        group = only(assess([mail(network=HOSTED)], decisions=named))
        assert (group.verdict, group.network.label, group.network.known_site) == ("basic_sender", "York office", True)

    def test_a_hosted_service_is_confirmed_and_no_site(self) -> None:
        named = decided(f"networks: {{{HOSTED}: {{name: Invoice service, kind: hosted}}}}")
        found = assess([mail(network=HOSTED)], spraying(HOSTED), decisions=named)
        group = only(found)
        assert (group.verdict, group.network.known_site, group.network.confirmed) == ("basic_sender", False, True)
        risky = assess([mail(network=HOSTED, risk="high")], decisions=named)
        assert only(risky).verdict == "suspected_compromise"

    def test_a_decision_that_names_the_network_confirms_it_for_that_sender_only(self) -> None:
        named = decided(f"senders: [{{user: {SCANNER}, network: {HOSTED}}}]")
        rows = [*daily(4, network=HOSTED), *daily(4, "erp@woodgrove.example", HOSTED)]
        assert verdicts(assess(rows, decisions=named)) == {
            SCANNER: {"basic_sender"},
            "erp@woodgrove.example": {"basic_unconfirmed"},
        }

    def test_a_record_without_an_address_is_no_known_place(self) -> None:
        group = only(assess([mail(network="", networks=0)], NetworkRow("", "site", "", 50)))
        assert (group.verdict, group.network.address) == ("confirm_today", "")

    def test_the_id_of_a_sender_survives_the_next_run(self) -> None:
        before, after = only(assess(daily(20))), only(assess([mail(ago=3, user_agent="other", app="renamed")]))
        assert before.sender_id == after.sender_id
        assert before.sender_id == signins.sender_id(SCANNER, "SMTP AUTH", EXCHANGE, OFFICE)
        assert len(before.sender_id) == 12


class TestRules:
    """Rules 2 to 11."""

    @pytest.mark.parametrize("client_app", ["IMAP4", "POP3", "Exchange ActiveSync", "Exchange Web Services"])
    def test_a_success_elsewhere_than_smtp_is_no_mail_read(self, client_app: str) -> None:
        found = assess(daily(20, client_app=client_app))
        assert only(found).verdict == "accepted_not_opened"
        assert found.headline.senders == 0
        assert found.state == "quiet"

    def test_a_password_that_opens_no_mailbox_is_still_asked_about_when_its_place_is_unknown(self) -> None:
        found = assess([*daily(4, network=HOSTED, client_app="IMAP4"), mail("amy@woodgrove.example", ABROAD)])
        assert verdicts(found)[SCANNER] == {"basic_unconfirmed"}
        assert found.headline.senders == 0

    def test_certificates_are_a_list_of_their_own_and_end_too(self) -> None:
        phone: dict[str, Any] = {"client_app": "Exchange ActiveSync"}
        rows = [
            *daily(9, "ida@woodgrove.example", OFFICE, step="certificate", **phone),
            *daily(4, "ida@woodgrove.example", HOSTED, step="X.509 Certificate", **phone),
            *daily(5, "jon@woodgrove.example", OFFICE, step="password", **phone),
        ]
        found = assess(rows)
        assert verdicts(found) == {
            "ida@woodgrove.example": {"certificate"},
            "jon@woodgrove.example": {"accepted_not_opened"},
        }
        assert [(row.user, row.with_certificate, row.without_certificate) for row in found.activesync] == [
            ("ida@woodgrove.example", 13, 0),
            ("jon@woodgrove.example", 0, 5),
        ]
        assert found.headline.certificate_users == 1
        assert found.state == "exposed"
        assert "phones of one account that sign in with a certificate stops with 2026" in found.sentence

    def test_certificate_and_password_on_one_key_are_two_groups(self) -> None:
        phone: dict[str, Any] = {"client_app": "Exchange ActiveSync"}
        found = assess([mail(step="certificate", **phone), mail(step="password", **phone), mail(step="", **phone)])
        assert [(group.verdict, group.successes) for group in found.groups] == [
            ("certificate", 1),
            ("accepted_not_opened", 2),
        ]
        assert len({group.sender_id for group in found.groups}) == 2

    def test_without_steps_a_phone_may_have_a_certificate(self) -> None:
        group = only(assess(daily(5, client_app="Exchange ActiveSync", step="")))
        assert any("this may be a certificate" in caveat for caveat in group.caveats)
        assert not any("certificate" in caveat for caveat in only(assess(daily(5, step=""))).caveats)

    def test_senders_are_ranked_by_days_and_not_by_sign_ins(self) -> None:
        found = assess([*daily(9, "erp@woodgrove.example"), *daily(3, sign_ins=5000)])
        assert [group.user for group in found.groups] == ["erp@woodgrove.example", SCANNER]

    def test_a_lockout_and_a_malicious_address_are_two_reasons(self) -> None:
        found = assess([mail(result="50053"), mail(result="50053", note="malicious address", ago=2), mail()])
        counts = {row.reason: (row.sign_ins, row.codes) for row in found.reasons}
        assert counts == {"success": (1, ("0",)), "locked": (1, ("50053",)), "malicious address": (1, ("50053",))}

    @pytest.mark.parametrize(
        ("app_id", "resource", "verdict"),
        [
            pytest.param(EXCHANGE, "Office 365 Exchange Online", "basic_sender", id="Exchange hands it over"),
            pytest.param(RELAY, "Office 365 Exchange Online", "ropc_mail_app", id="an app trades it for a mail token"),
            pytest.param(SHELL, "Office 365 Exchange Online", "powershell_password", id="PowerShell"),
            pytest.param(RELAY, "Microsoft Graph", "not_mail", id="elsewhere"),
        ],
    )
    def test_a_password_grant_is_split_by_whose_fault_it_is(self, app_id: str, resource: str, verdict: str) -> None:
        client = "Authenticated SMTP" if app_id == EXCHANGE else "Other clients"
        found = assess(daily(4, app_id=app_id, resource=resource, client_app=client, protocol="ropc"))
        assert only(found).verdict == verdict
        assert found.headline.senders == (verdict == "basic_sender")

    def test_grants_are_counted_apart_by_fault(self) -> None:
        grant: dict[str, Any] = {"client_app": "Other clients", "protocol": "ropc"}
        rows = [*daily(3), *daily(4, app_id=RELAY, **grant), *daily(5, app_id=SHELL, **grant), spray(SCANNER)]
        found = assess(rows, not_mail={"ropc elsewhere": 7, "blank client": 11})
        assert dataclasses.astuple(found.ropc) == (3, 4, 5, 7, 11)
        assert found.not_mail == {"blank client": 11, "ropc elsewhere": 7}

    def test_a_stolen_password_is_never_an_app_to_migrate(self) -> None:
        grant: dict[str, Any] = {"app_id": RELAY, "client_app": "Other clients", "protocol": "ropc", "network": ABROAD}
        assert only(assess([mail(**grant)], spraying(ABROAD))).verdict == "suspected_compromise"
        assert only(assess([mail(result="53003", **grant)])).verdict == "password_known"
        assert only(assess([mail(result="50126", **grant)])).verdict == "attack_noise"
        assert only(assess([mail(**grant)])).verdict == "ropc_mail_app"

    def test_only_members_stand_in_the_headline(self) -> None:
        rows = [
            *daily(5),
            *daily(5, "guest@other.example", population="guest"),
            *daily(5, "admin@partner.example", population="partner"),
        ]
        found = assess(rows)
        assert found.headline.senders == 1
        assert {(row.user, row.population) for row in found.users} == {
            (SCANNER, "member"),
            ("guest@other.example", "guest"),
            ("admin@partner.example", "partner"),
        }

    def test_names_that_do_not_exist_are_names_tried_and_never_users(self) -> None:
        rows = [
            mail("", "", "50034", networks=30, names=96, sign_ins=400, step="", population="nobody"),
            mail("ghost@woodgrove.example", ABROAD, "50034", population="nobody", user_id=""),
        ]
        found = assess(rows)
        group = only(found)
        assert (group.verdict, group.user, group.population, group.names) == ("attack_noise", "", "nobody", 96)
        assert found.users == ()
        assert (found.attacks.accounts, found.attacks.names, found.attacks.sign_ins) == (0, 96, 401)

    def test_accounts_that_were_only_counted_are_apart_from_names_that_do_not_exist(self) -> None:
        many = spray("", population="member", names=5000)
        nobody = spray("", "50034", population="nobody", names=80)
        found = assess([many, nobody, spray(SCANNER)], noise=(NoiseTotal(1500, 900, 80),))
        assert sorted((group.user, group.population, group.names) for group in found.groups) == [
            ("", "member", 5000),
            ("", "nobody", 80),
            (SCANNER, "member", 0),
        ]
        assert dataclasses.astuple(found.attacks) == (1500, 5001, 900, 80)

    def test_oauth_is_counted_in_sender_days_and_refreshes_count_for_nothing(self) -> None:
        def token(user: str, ago: int, source: str = "files", **more: Any) -> AdoptionRow:
            day = NOW.replace(hour=0) - timedelta(days=ago)
            fields: dict[str, Any] = {"imap": False, "pop": False, "smtp": True, "registered": False, "sign_ins": 9000}
            return AdoptionRow(day, user, RELAY, "Relay", source=source, **{**fields, **more})

        rows = (token("a@woodgrove.example", 1), token("a@woodgrove.example", 1, "graph"), token(SCANNER, 1, imap=True))
        found = assess(
            [], adoption=(*rows, token(SCANNER, 2), token("", 2, smtp=False)), registered_apps=[RELAY.upper()]
        )
        assert found.adoption.sender_days == 4
        assert [(day.smtp, day.imap, day.senders) for day in found.adoption.days] == [(1, 0, 2), (2, 1, 2)]
        by_user = {user.user: user for user in found.adoption.users}
        assert by_user[SCANNER].protocols == ("IMAP", "SMTP AUTH")
        assert by_user[""].protocols == ()
        assert all(user.registered for user in found.adoption.users)

    def test_what_no_log_can_show_is_always_said(self) -> None:
        said = {record.what for record in assess(daily(5)).coverage if record.source == "tenant"}
        assert {
            "passwords refused by Exchange",
            "sign-ins that Exchange remembers",
            "federated domains and mailboxes on premises",
            "business dates",
        } <= said

    def test_thirty_days_say_that_they_miss_the_quarter_end(self) -> None:
        found = assess(daily(5))
        assert found.business.month_ends == (date(2026, 10, 31),)
        assert ("quarter end", date(2026, 9, 30)) in found.business.missed

    def test_a_zero_is_quiet_and_never_closed(self) -> None:
        found = assess([])
        assert found.state == "quiet"
        assert "we cannot say that there is none" in found.sentence
        assert "24 October 2026 to 23 November 2026" in found.sentence

    def test_a_day_without_records_is_named(self) -> None:
        gap = tuple(day for day in tables() if day.day != NOW.replace(hour=0) - timedelta(days=4))
        found = assess(daily(5), tables=gap)
        assert found.missing_days == (date(2026, 11, 19),)
        reasons = [record.reason for record in found.coverage if record.what == "interactive sign-ins"]
        assert reasons == ["1 day in between holds no record of interactive sign-ins: 19 November 2026."]


class TestWitnesses:
    """Two sources may hold the same sign-ins."""

    def test_the_same_sign_ins_from_two_sources_count_once(self) -> None:
        found = assess([*daily(5, sign_ins=3), *daily(5, sign_ins=2, source="graph"), mail(ago=9, source="graph")])
        group = only(found)
        assert (group.successes, group.sources, group.days_active) == (16, ("files", "graph"), 6)

    def test_slices_of_one_source_are_added(self) -> None:
        assert only(assess([mail(sign_ins=3), mail(sign_ins=4, user_agent="other")])).successes == 7

    def test_a_source_without_steps_does_not_turn_certificates_into_passwords(self) -> None:
        phone: dict[str, Any] = {"client_app": "Exchange ActiveSync"}
        rows = [mail(step="certificate", sign_ins=5, **phone), mail(step="", sign_ins=5, source="graph", **phone)]
        assert (only(assess(rows)).verdict, only(assess(rows)).successes) == ("certificate", 5)
        both = [*rows, mail(step="password", sign_ins=2, **phone)]
        both[1] = dataclasses.replace(both[1], sign_ins=7)
        assert [(group.verdict, group.successes) for group in assess(both).groups] == [
            ("certificate", 5),
            ("accepted_not_opened", 2),
        ]

    def test_an_attack_that_two_sources_cut_differently_counts_once(self) -> None:
        rows = [
            spray(SCANNER, sign_ins=100),
            spray(SCANNER, sign_ins=60, source="graph"),
            mail(SCANNER, ABROAD, "50126", sign_ins=40, source="graph"),
        ]
        assert only(assess(rows)).failures == 100

    def test_the_audit_log_is_a_witness_only_of_what_no_other_has_seen(self) -> None:
        audit: dict[str, Any] = {"source": "audit", "client_app": "", "protocol": "", "step": ""}
        seen_twice = [*daily(5), *daily(5, **audit), spray(SCANNER), mail(SCANNER, ABROAD, "50126", **audit)]
        found = assess(seen_twice)
        assert [(group.verdict, group.successes, group.failures) for group in found.groups] == [
            ("basic_sender", 5, 0),
            ("attack_noise", 0, 500),
        ]
        assert found.groups[0].sources == ("audit", "files")
        alone = assess([*daily(5, "erp@woodgrove.example", HOSTED, **audit)])
        assert (only(alone).verdict, only(alone).protocol) == ("basic_unconfirmed", "Unknown")
        assert "it may be SMTP AUTH" in only(alone).caveats[0]
        assert (alone.state, alone.headline.senders, alone.headline.unnamed) == ("exposed", 0, 1)
        assert alone.sentence.startswith("One sender signed in with a password by a protocol that the records do not")

    def test_the_source_that_knows_a_guest_is_believed(self) -> None:
        assert only(assess([mail(sign_ins=9), mail(source="graph", population="guest")])).population == "guest"


class TestStanding:
    """Four words, and cannot know."""

    def test_senders_and_the_day_stand_in_the_first_sentence(self) -> None:
        found = assess([*daily(5), *daily(5, "erp@woodgrove.example"), mail("dora@woodgrove.example", ABROAD)])
        assert found.state == "exposed"
        assert found.sentence == (
            "Two senders will stop sending mail when Microsoft switches off password sign-in at the end of December "
            "2026. One account needs attention today."
        )

    def test_after_the_day_the_sentence_no_longer_promises_it(self) -> None:
        later = datetime(2027, 1, 20, tzinfo=UTC)
        window = Window(later - timedelta(days=1), later)
        day = TableDay("SigninLogs", window.start, TENANT_ID, 5, 5, 5, 5, window.start, later, 0, "files")
        found = assess([mail(first=window.start, last=window.start)], tables=(day,), now=later, window=window)
        assert found.sentence.startswith("One sender signed in with a password, which Microsoft switches off since")

    def test_an_empty_log_is_not_a_quiet_tenant(self) -> None:
        refused = Coverage("interactive sign-ins", "absent", "graph", reason="The account may not read sign-ins.")
        found = assess([], tables=(), coverage=(refused,))
        assert (found.state, found.held) == ("cannot know", None)
        assert found.sentence == "We could not look. The account may not read sign-ins."
        assert "No sign-in record was there" in assess([], tables=()).sentence

    def test_old_records_are_the_last_good_look(self) -> None:
        found = assess(daily(25)[21:], tables=tables(last=21))
        assert found.state == "cannot know"
        assert "since 2 November 2026" in found.sentence
        assert "The last good look showed one password sender." in found.sentence

    def test_a_window_in_the_past_is_judged_from_its_own_end(self) -> None:
        past = Window(NOW - timedelta(days=30), NOW - timedelta(days=20))
        found = assess(daily(25)[21:], tables=tables(last=21), window=past)
        assert found.state == "exposed"

    def test_without_interactive_records_nothing_found_is_not_quiet(self) -> None:
        other = tuple(day for day in tables() if day.table != "SigninLogs")
        found = assess([], tables=other)
        assert found.state == "cannot know"
        assert "where passwords show" in found.sentence
        assert assess(daily(5), tables=other).state == "exposed"

    def test_a_live_reading_without_a_sign_in_was_a_look(self) -> None:
        live = Coverage("interactive sign-ins by legacy mail clients", "complete", "graph", WINDOW.start, WINDOW.end)
        found = assess([], tables=(), coverage=(live,))
        assert (found.state, found.held) == ("quiet", WINDOW)
        assert found.missing_days == ()
        few = tables(first=4, last=4, table="SigninLogs")
        found = assess([mail(ago=4)], tables=few, coverage=(live,))
        assert found.missing_days == ()
        assert [each.state for each in found.coverage if each.what == "interactive sign-ins"] == ["complete"]
        refused = dataclasses.replace(live, state="unknown", start=None, end=None, reason="No licence.")
        assert assess([], tables=(), coverage=(refused,)).sentence == "We could not look. No licence."

    def test_a_query_that_was_not_answered_is_no_zero(self) -> None:
        lost = Coverage("password sign-ins", "unknown", "files", reason="The query was not answered: 504.")
        found = assess([], coverage=(lost,))
        assert (found.state, found.sentence) == ("cannot know", "We could not look. The query was not answered: 504.")
        other = assess([], coverage=(lost,), queries={"files/mail_signins": "", "workspace/mail_signins": ""})
        assert other.state == "quiet"
        torn = dataclasses.replace(lost, state="partial", reason="Some hours are missing.")
        assert "a part of them could not be read" in assess([], coverage=(torn,)).sentence

    def test_what_an_engine_calls_complete_is_partial_where_days_are_missing(self) -> None:
        whole = Coverage("interactive sign-ins", "complete", "files", WINDOW.start, WINDOW.end)
        records = assess([], tables=tables(first=7), coverage=(whole,)).coverage
        assert [each.state for each in records if each.what == "interactive sign-ins"] == ["partial"]
        records = assess([], coverage=(whole,)).coverage
        assert [each.state for each in records if each.what == "interactive sign-ins"] == ["complete"]

    def test_records_dated_in_the_future_are_named_and_not_silently_lost(self) -> None:
        ahead = Coverage("interactive sign-ins", "complete", "files", WINDOW.start, NOW + timedelta(days=380))
        records = assess([], coverage=(ahead,)).coverage
        [named] = [each for each in records if each.what == "interactive sign-ins dated in the future"]
        assert (named.state, named.start, named.end) == ("partial", NOW, NOW + timedelta(days=380))
        assert "are not counted" in named.reason

    def test_a_compromise_outranks_not_knowing(self) -> None:
        found = assess([mail("dora@woodgrove.example", ABROAD, ago=25)], spraying(ABROAD), tables=tables(last=21))
        assert found.state == "exposed"
        assert "One account needs attention today." in found.sentence
        assert "We could not look at the time since" in found.sentence

    def test_tokens_of_a_sender_are_a_move_and_silence_after_them_is_not_proof(self) -> None:
        def token(user: str, ago: int) -> AdoptionRow:
            day = NOW.replace(hour=0) - timedelta(days=ago)
            return AdoptionRow(day, user, RELAY, "Relay", False, False, True, False, 1, "files")

        noreply = "noreply@woodgrove.example"
        rows = [*daily(5), mail(noreply, ago=20)]
        found = assess(rows, adoption=(token(noreply, 10), token("amy@woodgrove.example", 1)))
        moved = next(group for group in found.groups if group.user == noreply)
        assert (moved.moved, moved.oauth_days, moved.ends_in_2026) == (True, 1, False)
        assert (found.state, found.headline.senders) == ("moving", 1)
        stolen = [*rows, mail("carl@woodgrove.example", "192.0.2.1")]
        assert assess(stolen, adoption=(token(noreply, 10),)).state == "exposed"
        assert "One account moved to OAuth, as it seems; that is not proven." in found.sentence
        assert assess(rows[:5], adoption=(token("amy@woodgrove.example", 1),)).state == "exposed"
        assert assess(rows[5:], adoption=(token(noreply, 10),)).state == "quiet"

    def test_a_success_that_nobody_has_confirmed_is_not_passed_over_in_the_first_sentence(self) -> None:
        found = assess([mail("carl@woodgrove.example", ABROAD)])
        assert only(found).verdict == "confirm_today"
        assert found.sentence == (
            "No password sender was confirmed, but one account signed in with a password from a place that nobody has "
            "confirmed; the records reach from 24 October 2026 to 23 November 2026. One account needs attention today."
        )
        two = [mail(f"{name}@woodgrove.example", ABROAD) for name in ("carl", "dora")]
        assert "two accounts signed in with a password from a place" in assess(two, spraying(ABROAD)).sentence
        stopped = assess([mail("amy@woodgrove.example", ABROAD, "53003")]).sentence
        assert stopped.startswith("No working password sender was seen, but")
        named = decided(f"networks: {{{HOSTED}: {{name: Invoice service, kind: hosted}}}}")
        risky = assess([mail(network=HOSTED, risk="high")], decisions=named).sentence
        assert "one account signed in with a password in a way that nobody has confirmed" in risky

    def test_the_last_good_look_does_not_pass_over_what_signed_in(self) -> None:
        def said(**more: Any) -> str:
            return assess([mail(ago=25, **more)], tables=tables(last=21)).sentence

        assert "The last good look showed no confirmed password sender." in said(network=ABROAD)
        assert "The last good look showed one password sender." in said(client_app="")
        assert "The last good look showed no password sender." in said(network=ABROAD, result="50126")

    def test_attention_shows_the_worst_first_with_evidence_and_steps(self) -> None:
        rows = [
            mail("carl@woodgrove.example", "192.0.2.1"),
            mail("amy@woodgrove.example", "192.0.2.2", "53003"),
            mail("dora@woodgrove.example", ABROAD, ago=9),
            mail("guest@other.example", ABROAD, population="guest"),
        ]
        found = assess(rows, spraying(ABROAD))
        assert [each.group.user.partition("@")[0] for each in found.attention] == ["dora", "guest", "amy", "carl"]
        first = found.attention[0]
        assert first.evidence == (
            "dora@woodgrove.example signed in once by SMTP AUTH from 192.0.2.66 (GB, AS64500), on 14 November 2026. "
            "Nobody has confirmed that network; accounts that failed there: 6."
        )
        assert len(first.steps) == 3
        assert "organisation" in found.attention[1].steps[0]
        assert found.headline.attention == 4

    def test_the_account_shows_the_worst_and_the_sender(self) -> None:
        found = assess([*daily(20), mail(network=ABROAD), spray(SCANNER)], spraying(ABROAD))
        account = found.users[0]
        assert (account.worst, account.sender) == ("suspected_compromise", "basic_sender")
        assert account.verdicts == ("suspected_compromise", "basic_sender", "attack_noise")
        assert (account.successes, account.failures, account.attacks) == (21, 0, 500)


class TestSummaries:
    """Tables add up, attacks apart."""

    def test_protocols_apps_and_days_add_up_to_the_groups(self) -> None:
        rows = [*daily(3), mail(result="50126"), mail(client_app="IMAP4", ago=2), spray(SCANNER), spray("a@b.example")]
        found = assess(rows)
        smtp = found.protocols[0]
        assert (smtp.protocol, smtp.successes, smtp.failures, smtp.attacks, smtp.users) == ("SMTP AUTH", 3, 1, 1000, 1)
        assert found.protocols[1].protocol == "IMAP"
        assert [(app.app_id, app.successes, app.attacks) for app in found.apps] == [(EXCHANGE, 4, 1000)]
        assert sum(row.successes for row in found.trend) == 4
        assert sum(row.attacks for row in found.trend) == 1000
        assert [row.day for row in found.trend] == sorted(row.day for row in found.trend)
        assert sum(row.sign_ins for row in found.reasons) == sum(group.sign_ins for group in found.groups)

    def test_certificates_are_rows_of_their_own_by_protocol_and_by_day(self) -> None:
        phone: dict[str, Any] = {"client_app": "Exchange ActiveSync"}
        rows = [
            *daily(3, "ida@woodgrove.example", step="certificate", **phone),
            *daily(2, "jon@woodgrove.example", step="password", **phone),
        ]
        found = assess(rows)
        counted = {row.protocol: (row.groups, row.users, row.successes) for row in found.protocols}
        assert counted == {"ActiveSync with a certificate": (1, 1, 3), "ActiveSync": (1, 1, 2)}
        assert [row.protocol for row in found.trend if row.day == date(2026, 11, 22)] == [
            "ActiveSync",
            "ActiveSync with a certificate",
        ]
        assert figures.protocols(found.protocols).title == "Every password sign-in that went through used ActiveSync"
        alone = assess(rows[:3])
        assert figures.protocols(alone.protocols).title == "No password sign-in was seen, only certificates"
        assert figures.trend(alone.trend).title == "No password sign-in went through on any day of the records"

    def test_tokens_and_what_is_no_mail_are_no_password_sign_ins(self) -> None:
        graph: dict[str, Any] = {"app_id": RELAY, "resource": "Microsoft Graph", "client_app": "Browser"}
        token, other = mail(result="700082"), mail("amy@woodgrove.example", **graph)
        shell = mail("ops@woodgrove.example", app_id=SHELL, client_app="Mobile Apps and Desktop clients")
        found = assess([token, other, shell])
        assert {group.verdict for group in found.groups} == {"modern", "not_mail", "powershell_password"}
        assert [(row.protocol, row.successes) for row in found.protocols] == [("Exchange PowerShell", 1)]
        assert [(row.protocol, row.successes) for row in found.trend] == [("Exchange PowerShell", 1)]

    def test_a_group_names_its_codes_agents_and_times(self) -> None:
        rows = [*daily(2), mail(result="53003", ago=3, interactive=False), mail(result="50126", ago=4, user_agent="")]
        group = only(assess(rows))
        assert group.result_codes == {"0": 2, "50126": 1, "53003": 1}
        assert group.user_agents == ("BAV2ROPC",)
        assert group.interactive == "both"
        assert group.last_success == NOW.replace(hour=9) - timedelta(days=1)
        assert [(day.successes, day.right_password_blocks, day.failures) for day in group.by_day] == [
            (0, 0, 1),
            (0, 1, 0),
            (1, 0, 0),
            (1, 0, 0),
        ]

    def test_spellings_of_one_protocol_are_one_sender(self) -> None:
        rows = [
            mail(client_app="AutoDiscover"),
            mail(client_app="Autodiscover", ago=2),
            mail(client_app="autodiscover ", ago=3),
        ]
        assert only(assess(rows)).protocol == "Autodiscover"

    def test_only_token_events_are_no_password(self) -> None:
        assert only(assess([mail(result="700082")])).verdict == "modern"

    def test_unknown_codes_and_clients_are_named(self) -> None:
        found = assess([mail(result="123456", client_app="Telepathy")])
        reasons = " ".join(record.reason for record in found.coverage)
        assert "result code that this tool does not know (123456)" in reasons
        assert "count as other clients: Telepathy" in reasons

    def test_records_of_another_tenant_are_named(self) -> None:
        other = "22222222-2222-2222-2222-222222222222"
        mixed = (*tables(), *tables(last=29, tenant_id=other))
        for tenant in (TENANT_ID, TENANT_ID.upper(), "woodgrove.example"):
            record = next(
                each for each in assess([], tables=mixed, tenant_id=tenant).coverage if "other tenants" in each.what
            )
            assert record.lost == 3600
            assert other in record.reason

    def test_a_shorter_log_than_asked_for_says_where_it_begins(self) -> None:
        found = assess(daily(5), tables=tables(first=7))
        record = next(each for each in found.coverage if each.what == "interactive sign-ins")
        assert record.state == "partial"
        assert record.reason == "The records of interactive sign-ins begin on 16 November 2026, not on 24 October 2026."

    def test_steps_that_are_nowhere_say_that_certificates_cannot_be_seen(self) -> None:
        found = assess(daily(5), tables=tables(with_steps=0))
        assert any(record.what == "certificates" and record.state == "unknown" for record in found.coverage)


def test_the_facts_name_every_verdict_in_the_order_of_what_a_person_must_see_first() -> None:
    assert tuple(fact["name"] for fact in reference.table("verdicts")["verdict"]) == VERDICTS
    assert set(reference.table("verdicts")["steps"]) - {"not_a_member"} == ATTENTION


HOSTILE = st.sampled_from(
    ["", SCANNER, "=1+1", "<script>alert(1)</script>", "a\x1fb", "\uff21\uff22", "x" * 3000, "\ud83d", "'; drop"]
)
CODES = st.sampled_from(["0", "50126", "53003", "50053", "50055", "50034", "700082", "50140", "77", "", "=cmd"])
PLACES = st.sampled_from([OFFICE, HOSTED, ABROAD, "2001:db8::/64", "::ffff:203.0.113.10", "", "nonsense"])
ROWS = st.builds(
    mail,
    user=HOSTILE,
    network=PLACES,
    result=CODES,
    ago=st.integers(0, 6),
    client_app=st.sampled_from(["Authenticated SMTP", "smtp", "Exchange ActiveSync", "", "Browser", "<b>"]),
    protocol=st.sampled_from(["ropc", "", "none"]),
    app_id=st.sampled_from([EXCHANGE, RELAY, SHELL, ""]),
    app=HOSTILE,
    resource=st.sampled_from(["Office 365 Exchange Online", "Microsoft Graph", ""]),
    step=st.sampled_from(["", "password", "app password", "certificate", "X.509 Certificate"]),
    population=st.sampled_from(["member", "guest", "partner", "nobody"]),
    risk=st.sampled_from(["", "medium", "high"]),
    note=st.sampled_from(["", "malicious address"]),
    interactive=st.booleans(),
    sign_ins=st.integers(1, 50),
    networks=st.integers(0, 40),
    names=st.integers(0, 9),
    user_agent=HOSTILE,
    country=HOSTILE,
    source=st.sampled_from(["files", "graph"]),
)
FACTS = st.builds(
    NetworkRow,
    PLACES,
    st.sampled_from(["site", "spray", "other"]),
    st.sampled_from(["", "u1", "u2", "u3"]),
    st.integers(0, 5),
)
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(st.lists(ROWS, max_size=25), st.lists(FACTS, max_size=8), st.integers(0, 9))
def test_the_order_of_rows_changes_nothing(rows: list[MailRow], facts: list[NetworkRow], seed: int) -> None:
    shuffled = random.Random(seed)
    again, facts_again = shuffled.sample(rows, len(rows)), shuffled.sample(facts, len(facts))
    assert assess(rows, *facts) == assess(again, *facts_again)


@QUICK
@given(st.lists(ROWS, max_size=25), st.lists(FACTS, max_size=8))
def test_no_row_is_lost_and_no_sender_has_two_names(rows: list[MailRow], facts: list[NetworkRow]) -> None:
    one_source = [dataclasses.replace(row, source="files") for row in rows]
    found = assess(one_source, *facts)
    assert sum(group.sign_ins for group in found.groups) == sum(row.sign_ins for row in rows)
    assert len({group.sender_id for group in found.groups}) == len(found.groups)
    assert all(group.verdict in VERDICTS for group in found.groups)
    assert all(group.verdict != "attack_noise" or not group.successes for group in found.groups)


@QUICK
@given(st.lists(ROWS, max_size=20), st.lists(FACTS, max_size=8))
def test_more_noise_never_hides_a_sender(rows: list[MailRow], facts: list[NetworkRow]) -> None:
    attack = [spray(SCANNER), spray("", "50034", population="nobody", names=9)]
    before = {
        (group.sender_id, group.verdict) for group in assess(rows, *facts).groups if group.verdict != "attack_noise"
    }
    after = {(group.sender_id, group.verdict) for group in assess([*rows, *attack], *facts).groups}
    assert before <= after


def test_ten_times_the_rows_take_about_ten_times_as_long() -> None:
    # The least of two: what else the machine does only ever adds.
    few, many = (min(_seconds(number) for _ in range(2)) for number in (1_000, 10_000))
    assert many < 30 * few


def _seconds(number: int) -> float:
    """Return the seconds of this process that so many rows take."""
    rows = [
        mail(f"u{each % 500}@woodgrove.example", f"198.51.{each % 90}.{each % 250}", ago=each % 28)
        for each in range(number)
    ]
    began = time.process_time()
    assert len(assess(rows).users) == 500
    return time.process_time() - began

"""Two witnesses, one case: what each of them knows, and what follows where only one does."""

from dataclasses import replace

from mailauth.coverage import Coverage
from mailauth.tenants import Mailbox, Source
from tests.case_invented import NOW, SCANNER, TENANT, case, decided, find, mail, report

DAILY = [mail(ago=ago) for ago in range(1, 20)]


def test_a_password_that_only_the_mail_report_knows_exposes_a_quiet_tenant() -> None:
    made = case(reports=[report(f"{SCANNER} Basic 12")])

    assert made.findings.state == "quiet"
    assert made.state == "exposed"
    assert made.sentence.startswith(
        "Microsoft's mail report shows 1 address that sent mail with a password. The sign-in records do not show it: no"
    )


def test_a_report_without_passwords_leaves_a_quiet_tenant_quiet() -> None:
    made = case(reports=[report(f"{SCANNER} OAuth 12")])

    assert made.state == "quiet"
    assert made.sentence == made.findings.sentence


def test_the_mail_report_tells_where_no_sign_in_record_does() -> None:
    blind = find(held=False)
    made = case(found=blind, reports=[report(f"{SCANNER} Basic 12", "erp@woodgrove.example Basic 3")])

    assert blind.state == "cannot know"
    assert made.state == "exposed"
    assert (
        "2 addresses that sent mail with a password. The sign-in records cannot confirm it: we could" in made.sentence
    )


def test_without_a_report_nothing_is_made_of_what_cannot_be_known() -> None:
    made = case(found=find(held=False))

    assert (made.state, made.sentence) == ("cannot know", made.findings.sentence)


def test_records_that_end_long_ago_do_not_hide_a_sender_that_they_knew() -> None:
    stale = find([mail(ago=ago) for ago in range(20, 30)], until=15)
    made = case(found=stale, reports=[report(f"{SCANNER} Basic 12")])

    assert stale.state == "cannot know"
    assert made.reported[0].known
    assert made.state == "exposed"


def test_fresh_records_outrank_the_report_about_an_account_that_they_know() -> None:
    refused = [mail(ago=ago, result="53003") for ago in range(1, 9)]
    made = case(refused, [report(f"{SCANNER} Basic 12")])

    assert made.findings.state == "quiet"
    assert made.state == "quiet"


def test_more_addresses_of_the_report_are_named_beside_the_senders_of_the_log() -> None:
    made = case(DAILY, [report(f"{SCANNER} Basic 40", "reception@woodgrove.example Basic 3", "a@b.example OAuth 2")])

    assert made.state == "exposed"
    assert made.sentence.startswith(made.findings.sentence)
    assert "shows 1 more address that sent with a password" in made.sentence
    assert [each.address for each in made.only_reported] == ["reception@woodgrove.example"]


def test_an_address_belongs_to_the_account_of_that_name_in_whatever_case() -> None:
    made = case(DAILY, [report("Scanner@Woodgrove.Example Basic 40", f"{SCANNER} OAuth 2")])
    (found,) = made.reported

    assert found.sender_ids == (made.findings.groups[0].sender_id,)
    assert (found.authentication, found.basic, found.oauth, found.messages) == ("both", 40, 2, 42)
    assert (found.known, found.note) == (True, "")


def test_an_address_that_a_mailbox_may_send_as_belongs_to_it() -> None:
    tenant = replace(TENANT, mailboxes=(Mailbox(address=SCANNER, send_as=("Reception@woodgrove.example",)),))
    (found,) = case(DAILY, [report("reception@woodgrove.example Basic 3")], tenant=tenant).reported

    assert (found.account, found.known) == (SCANNER, True)


def test_an_attack_on_an_account_does_not_make_its_address_known() -> None:
    attack = mail(network="", result="50126", networks=40, sign_ins=500, step="", country="", asn="")
    made = case([attack], [report(f"{SCANNER} Basic 3")])

    assert [group.verdict for group in made.findings.groups] == ["attack_noise"]
    assert not made.reported[0].known
    assert made.state == "exposed"


def test_what_only_one_witness_knows_is_named() -> None:
    rows = [*DAILY, *(mail("erp@woodgrove.example", ago) for ago in range(1, 9))]
    made = case(rows, [report(f"{SCANNER} Basic 40", "reception@woodgrove.example Basic 3")])

    assert [group.user for group in made.unreported] == ["erp@woodgrove.example"]
    assert [each.address for each in made.reported] == ["reception@woodgrove.example", SCANNER]
    assert made.reported[0].note.startswith("Only the mail report knows this address")


def test_without_a_report_no_sender_is_said_to_be_missing_from_it() -> None:
    assert case(DAILY).unreported == ()


def test_messages_of_overlapping_reports_are_not_added_up() -> None:
    week, quarter = report(f"{SCANNER} Basic 7", dated=True), report(f"{SCANNER} Basic 90")
    (found,) = case(reports=[week, quarter]).reported

    assert found.basic == 90
    assert str(found.first) == "2026-11-01"


def test_each_report_says_how_far_it_reaches_and_a_missing_one_is_named() -> None:
    imported = case(reports=[report(f"{SCANNER} Basic 7"), report(f"{SCANNER} Basic 7", dated=True)])
    missing = case(tenant=replace(TENANT, sources=(Source(kind="smtp_report", patterns=("report.csv",)),)))

    assert [each.state for each in imported.reports] == ["partial", "complete"]
    assert imported.coverage == (*imported.findings.coverage, *imported.reports)
    assert [(each.state, each.source) for each in case().reports] == [("absent", "smtp_report")]
    assert "No mail report was imported" in case().reports[0].reason
    assert "no file was found there" in missing.reports[0].reason
    assert all(isinstance(each, Coverage) for each in missing.coverage)


def test_advice_stands_beside_its_group() -> None:
    made = case([*DAILY, mail("imap@woodgrove.example", client_app="IMAP4")])

    assert [each.sender_id for each in made.advice] == [group.sender_id for group in made.findings.groups]
    assert all(made.advice_for(group).sender_id == group.sender_id for group in made.findings.groups)


def test_the_work_list_begins_with_what_works_today_and_holds_no_attack() -> None:
    rows = [
        *(mail(ago=ago) for ago in range(1, 4)),
        *(mail("erp@woodgrove.example", ago) for ago in range(1, 15)),
        *(mail("blocked@woodgrove.example", ago, result="53003") for ago in range(1, 9)),
        mail("sprayed@woodgrove.example", network="", result="50126", networks=40, sign_ins=500, step=""),
    ]
    made = case(rows)

    assert [group.user.partition("@")[0] for group in made.senders()] == ["erp", "scanner", "blocked"]


def test_a_decision_that_belongs_to_nothing_is_named_even_where_an_attack_has_its_name() -> None:
    own = decided("senders:\n  - {user: sprayed@woodgrove.example, owner: J. Ward}\n")
    made = case([mail("sprayed@woodgrove.example", network="", result="50126", networks=40, sign_ins=500)], own=own)

    assert made.unmatched == (
        "woodgrove.yaml line 2: the decision about sprayed@woodgrove.example matches nothing that was found.",
    )


def test_a_persons_decision_reaches_the_advice() -> None:
    own = decided(f"senders:\n  - {{user: {SCANNER}, owner: J. Ward, due: 2026-12-04}}\n")
    (advised,) = case(DAILY, own=own).advice

    assert (advised.owner, str(advised.due)) == ("J. Ward", "2026-12-04")


def test_a_date_touches_what_only_the_report_knows() -> None:
    quiet, exposed = case(), case(reports=[report(f"{SCANNER} Basic 12")])

    assert "smtp-password" not in {kind for each in quiet.deadlines for kind in each.touches}
    assert "smtp-password" in {kind for each in exposed.deadlines for kind in each.touches}


def test_the_same_input_gives_the_same_case() -> None:
    reports = [report(f"{SCANNER} Basic 40", "reception@woodgrove.example Basic 3")]

    assert case(DAILY, reports) == case(DAILY, reports)


def test_an_empty_tenant_is_a_case_too() -> None:
    made = case(found=find(held=False))

    assert (made.reported, made.senders(), made.deadlines, dict(made.marks)) == ((), (), (), {})
    assert repr(made) == "Case('woodgrove', cannot know, 0 groups)"
    assert made.findings.made_at == NOW

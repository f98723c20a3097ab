"""What to do about each sender: roads, missing answers, dates, and a person's own decisions."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from mailauth import advice, decisions, reference
from mailauth.advice import Advice
from mailauth.decisions import Vendor
from mailauth.documents import Mark
from mailauth.findings import VERDICTS, Group, Network
from tests.groups import LEEDS, group

TODAY = date(2026, 11, 23)
FREEZE = (date(2026, 12, 14), date(2027, 1, 6))
HOSTED = Network("198.51.100.20", "64501", "IE", "Mailer Ltd", "hosted")


def decided(**fields: Any) -> decisions.Sender:
    """Return a decision about the scanner that decides nothing, with some of its fields set."""
    nothing: dict[str, Any] = dict.fromkeys(("protocol", "what", "action", "owner", "vendor", "note"), "")
    nothing |= {"networks": (), "answers": {}, "due": None, "exception_until": None}
    mark = Mark("decisions.yaml", 3)
    return decisions.Sender(**{"user": "scanner@woodgrove.example", **nothing, **fields, "mark": mark})


def advise(about: Group | None = None, own: decisions.Sender | None = None, **more: Any) -> Advice:
    return advice.advise(about or group(), decided=own, **{"today": TODAY, "freeze": FREEZE, **more})


def answered(**answers: bool) -> Advice:
    return advise(own=decided(answers=answers))


def asked(said: Advice) -> list[str]:
    return [question.id for question in said.questions]


def ids(said: Advice) -> list[str]:
    return [road.id for road in said.roads]


def test_the_roads_stand_in_the_order_of_preference_and_ews_is_none() -> None:
    order = ["oauth", "client", "graph", "hve", "acs", "connector", "relay", "direct_send"]

    assert [id for id in advice.roads() if id in order] == order
    assert list(advice.roads())[-1] == "retire"
    assert not any("ews" in id or "web services" in road.title.lower() for id, road in advice.roads().items())


def test_every_road_says_what_it_asks_for_how_long_it_lasts_and_what_it_breaks() -> None:
    for road in advice.roads().values():
        assert all((road.title, road.conditions, road.ends, road.breaks, road.needs, road.source)), road.id
        assert set(road.not_in) <= set(reference.table("clouds")), road.id


def test_road_ids_are_what_a_decisions_file_may_say() -> None:
    text = "senders: [{user: scanner@woodgrove.example, action: relay}]"

    assert decisions.parse(text, Path("d.yaml"), actions=tuple(advice.roads())).senders[0].action == "relay"


@pytest.mark.parametrize(
    ("answers", "road"),
    [
        pytest.param({"oauth": True}, "oauth", id="OAuth settles it"),
        pytest.param({"oauth": False, "outside": False}, "hve", id="inside only"),
        pytest.param({"oauth": False, "outside": True, "azure": True}, "acs", id="Azure"),
        pytest.param(
            {"oauth": False, "outside": True, "azure": False, "fixed_address": True}, "connector", id="fixed address"
        ),
        pytest.param({"oauth": False, "outside": True, "azure": False, "fixed_address": False}, "relay", id="nothing"),
    ],
)
def test_answers_lead_to_a_road(answers: dict[str, bool], road: str) -> None:
    said = answered(**answers)

    assert (said.action, said.questions, said.decided) == (road, (), False)
    assert said.title == advice.roads()[road].title
    assert said.roads[0].id == road
    assert said.ends == said.roads[0].ends
    assert said.breaks == said.roads[0].breaks


@pytest.mark.parametrize(
    ("answers", "title", "missing"),
    [
        pytest.param(
            {}, "cannot decide: 2 answers missing (OAuth, mail to outside)", ["oauth", "outside"], id="nothing known"
        ),
        pytest.param({"oauth": False}, "cannot decide: 1 answer missing (mail to outside)", ["outside"], id="no OAuth"),
        pytest.param({"outside": False}, "cannot decide: 1 answer missing (OAuth)", ["oauth"], id="inside"),
        pytest.param(
            {"outside": True}, "cannot decide: 2 answers missing (OAuth, Azure)", ["oauth", "azure"], id="outside"
        ),
        pytest.param(
            {"oauth": False, "outside": True, "azure": False},
            "cannot decide: 1 answer missing (fixed address)",
            ["fixed_address"],
            id="no Azure",
        ),
    ],
)
def test_a_missing_answer_is_asked_for_and_nothing_that_cannot_matter(
    answers: dict[str, bool], title: str, missing: list[str]
) -> None:
    said = answered(**answers)

    assert (said.action, said.title, asked(said)) == ("", title, missing)
    assert all(question.text.endswith("?") and question.how for question in said.questions)


def test_what_an_answer_closes_is_no_possible_road() -> None:
    said = answered(oauth=False, outside=True)

    assert not {"oauth", "hve", "direct_send"}.intersection(ids(said))
    assert ids(said)[-1] == "retire"


@pytest.mark.parametrize("cloud", ["gcc-high", "dod", "china"])
def test_high_volume_email_is_no_road_outside_the_worldwide_cloud(cloud: str) -> None:
    own = decided(answers={"oauth": False, "outside": False, "fixed_address": True})

    said = advise(own=own, cloud=cloud)

    assert said.action == "connector"
    assert "hve" not in ids(said)
    assert advise(own=own, cloud="practice").action == "hve"


def test_a_vendors_answer_counts_and_is_named_with_its_day() -> None:
    vendor = Vendor("Ledgerline ERP", True, date(2026, 11, 11), "from 9.2 on")

    said = advise(own=decided(vendor="Ledgerline ERP"), vendor=vendor)

    assert said.action == "oauth"
    assert "Ledgerline ERP can do OAuth (11 November 2026): from 9.2 on." in said.why


def test_a_persons_answer_outweighs_the_vendors() -> None:
    vendor = Vendor("Copier 3000", True, None, "")
    own = decided(vendor="Copier 3000", answers={"oauth": False, "outside": False})

    assert advise(own=own, vendor=vendor).action == "hve"


def test_somebody_elses_service_is_not_offered_a_relay_in_ones_own_network() -> None:
    own = decided(answers={"oauth": False, "outside": True, "azure": False, "fixed_address": False})

    said = advise(group(network=HOSTED), own)

    assert said.action == "client"
    assert not {"relay", "direct_send"}.intersection(ids(said))


def test_a_sender_from_an_unknown_place_is_placed_before_it_is_moved() -> None:
    place = Network("192.0.2.66")

    said = advise(group(verdict="basic_unconfirmed", network=place), decided(answers={"oauth": True}))

    assert (said.action, said.title, asked(said)) == ("", "cannot decide: 1 answer missing (whose network)", ["place"])
    assert "a stranger with the password would look the same" in said.why


@pytest.mark.parametrize(
    ("verdict", "title"),
    [
        ("suspected_compromise", "Reset the password first"),
        ("password_known", "Reset the password first"),
        ("confirm_today", "Ask the user today"),
    ],
)
def test_a_password_that_a_stranger_may_have_is_never_given_a_road(verdict: str, title: str) -> None:
    own = decided(
        action="relay", what="copier", owner="J. Ward", due=date(2026, 12, 11), exception_until=date(2027, 3, 31)
    )

    said = advise(group(verdict=verdict), own)

    assert (said.title, said.action, said.roads, said.decided) == (title, "", (), False)
    assert (said.by, said.by_words, said.due, said.exception_until) == (TODAY, "today", None, None)
    assert said.steps
    assert said.owner == "J. Ward"
    assert "does not answer who signed in here" in said.why
    assert "copier" not in said.kind


def test_a_guests_stolen_password_is_for_their_organisation() -> None:
    said = advise(group(verdict="password_known", population="guest"))

    assert said.title == "Tell the organisation it belongs to"


def test_certificates_have_a_road_of_their_own_and_phones_may_wait() -> None:
    said = advise(group(verdict="certificate", protocol="ActiveSync", user_agents=("Apple-iPhone13C2/1804.70",)))

    assert (said.action, said.kind, said.kind_is_inferred) == ("profile", "phone or tablet (iPhone)", True)
    assert "quarantine" in said.why
    assert said.by == date(2026, 12, 11)
    assert ids(said) == ["profile", "client", "retire"]


def test_an_accepted_password_is_no_client_to_migrate() -> None:
    said = advise(group(verdict="accepted_not_opened", protocol="IMAP"))

    assert (said.title, said.action, said.roads, said.by) == ("Find who has the password", "", (), None)


@pytest.mark.parametrize(
    ("changes", "action", "title"),
    [
        pytest.param({"verdict": "ropc_mail_app"}, "", "Its vendor must change how it signs in", id="ropc"),
        pytest.param(
            {"verdict": "powershell_password"}, "app_only", "Certificate or managed identity, app-only", id="PowerShell"
        ),
        pytest.param({"verdict": "stale_sender"}, "", "Find the device: renew or retire", id="stale"),
        pytest.param(
            {"verdict": "stale_sender", "protocol": "ActiveSync"}, "", "Find the device: renew or retire", id="phone"
        ),
        pytest.param({"verdict": "attack_noise"}, "", "Nothing to do", id="noise"),
        pytest.param({"verdict": "not_mail"}, "", "Nothing to do", id="not mail"),
        pytest.param({"verdict": "certificate", "protocol": "IMAP"}, "", "Look at the device", id="certificate"),
        pytest.param({"population": "partner"}, "", "Tell the organisation it belongs to", id="partner"),
        pytest.param({"moved": True, "oauth_days": 9}, "", "Prove that it moved", id="moved"),
    ],
)
def test_what_is_no_sender_of_mail_gets_its_own_next_step(changes: dict[str, Any], action: str, title: str) -> None:
    said = advise(group(**changes))

    assert (said.action, said.title, said.by, said.decided) == (action, title, None, False)
    assert said.why


def test_what_a_policy_stops_is_said_to_have_stopped_already() -> None:
    said = advise(group(verdict="blocked_by_policy"))

    assert said.title == "already stopped: cannot decide: 2 answers missing (OAuth, mail to outside)"
    assert "It already does not send" in said.why
    assert (said.by, said.by_words) == (None, "no date: it already does not send")


def test_an_attack_on_a_sender_inherits_nothing_from_its_decision() -> None:
    said = advise(group(verdict="attack_noise"), decided(action="relay", what="copier", owner="J. Ward"))

    assert (said.decided, said.owner, said.kind) == (False, "", "attack")


def test_every_verdict_has_an_advice() -> None:
    for verdict in VERDICTS:
        for protocol in ("SMTP AUTH", "ActiveSync", "IMAP", "EWS", "Unknown"):
            said = advise(group(verdict=verdict, protocol=protocol))
            assert all((said.title, said.why, said.kind, said.by_words)), (verdict, protocol)


def test_the_proposed_date_lies_before_the_change_freeze() -> None:
    said = advise()

    assert said.by == date(2026, 12, 11)
    assert "before 14 December 2026" in said.by_words
    assert "it stops at the end of December 2026 (no day has been published)" in said.by_words
    assert said.due is None


def test_a_persons_decision_wins_and_is_shown_as_theirs() -> None:
    own = decided(
        action="relay", what="copier on the second floor", owner="J. Ward", due=date(2026, 12, 4), note="visit booked"
    )

    said = advise(own=own)

    assert (said.action, said.title, said.decided) == ("relay", "Local relay or OAuth proxy", True)
    assert (said.kind, said.kind_is_inferred) == ("copier on the second floor", False)
    assert (said.owner, said.due, said.note) == ("J. Ward", date(2026, 12, 4), "visit booked")
    assert (said.by_words, said.questions) == ("by 4 December 2026", ())
    assert said.roads[0].id == "relay"


def test_a_decision_that_the_answers_contradict_stands_with_the_doubt_beside_it() -> None:
    said = advise(own=decided(action="hve", answers={"outside": True}))

    assert (said.action, said.decided) == ("hve", True)
    assert said.why == "Decided by a person. Look at its conditions again: It sends to people outside."


def test_a_decision_past_its_day_is_shown_as_theirs_and_as_late() -> None:
    said = advise(own=decided(action="relay", due=date(2026, 11, 3)))

    assert (said.decided, said.due, said.by_words) == (True, date(2026, 11, 3), "due since 3 November 2026")
    assert "has passed and it still signs in the old way" in said.why


@pytest.mark.parametrize(
    ("due", "words"),
    [
        pytest.param(date(2026, 12, 20), "20 December 2026 falls into the change freeze.", id="freeze"),
        pytest.param(
            date(2027, 1, 15), "15 January 2027 is too late: it stops by itself at the end of Decem", id="too late"
        ),
    ],
)
def test_a_persons_date_that_cannot_hold_is_said_to(due: date, words: str) -> None:
    assert words in advise(own=decided(action="relay", due=due)).why


def test_an_exception_is_a_decision_too() -> None:
    said = advise(own=decided(exception_until=date(2027, 3, 31)))

    assert (said.decided, said.title, said.action) == (True, "stays as it is until 31 March 2027", "")
    assert "it keeps nothing working" in said.why
    assert asked(said) == ["oauth", "outside"]


def test_an_exception_that_ran_out_is_named() -> None:
    said = advise(own=decided(exception_until=date(2026, 11, 1)))

    assert said.decided
    assert said.title == "the exception has ended: cannot decide: 2 answers missing (OAuth, mail to outside)"
    assert "The exception ran out on 1 November 2026." in said.why


def test_answers_alone_are_no_decision() -> None:
    said = advise(own=decided(answers={"oauth": True}, owner="J. Ward"))

    assert (said.decided, said.owner) == (False, "J. Ward")


def test_a_road_that_nobody_knows_is_kept_as_it_was_written() -> None:
    said = advise(own=decided(action="pigeons"))

    assert (said.action, said.title, said.decided) == ("pigeons", "pigeons", True)
    assert "not one of the roads" in said.why


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        pytest.param({}, "scanner, copier or another device", id="address"),
        pytest.param({"user": "erp@woodgrove.example"}, "line-of-business application", id="application"),
        pytest.param({"user": "lena.brandt@woodgrove.example"}, "a person's mail program", id="person"),
        pytest.param({"user": "x7@woodgrove.example"}, "not known", id="unknown"),
        pytest.param({"user_agents": ("Thunderbird/140.4",)}, "mail program (Thunderbird)", id="agent"),
        pytest.param({"verdict": "powershell_password"}, "PowerShell", id="PowerShell"),
        pytest.param({"user": "x7@woodgrove.example", "user_agents": ("<script>",)}, "not known", id="hostile agent"),
    ],
)
def test_what_a_sender_is_is_said_to_be_an_inference(changes: dict[str, Any], kind: str) -> None:
    said = advise(group(**changes))

    assert (said.kind, said.kind_is_inferred) == (kind, True)


def test_a_persons_program_is_asked_one_question_only() -> None:
    said = advise(group(user="lena.brandt@woodgrove.example"))

    assert asked(said) == ["oauth"]
    assert "If it cannot do OAuth: Another client." in said.why
    assert ids(said) == ["oauth", "client", "retire"]


@pytest.mark.parametrize(
    "about",
    [
        pytest.param({"user": "lena.brandt@woodgrove.example", "oauth_days": 3}, id="held tokens"),
        pytest.param({"app_id": "9e5f94bc-e8a4-4e73-b8be-63364c29d753"}, id="Thunderbird's own id"),
    ],
)
def test_what_can_be_read_is_not_asked(about: dict[str, Any]) -> None:
    assert (advise(group(**about)).action, asked(advise(group(**about)))) == ("oauth", [])


def test_a_shared_scanner_account_with_tokens_is_still_asked_about() -> None:
    assert asked(advise(group(oauth_days=3, network=LEEDS))) == ["oauth", "outside"]


def test_a_vendor_is_asked_in_a_mail_with_the_date() -> None:
    text = advice.mail_to_vendor("Copier 3000", advise())

    assert "OAuth for sending mail with Copier 3000" in text
    assert "with a password at the end of December 2026 (no day has been published). We use" in text
    assert "We have to decide by 11 December 2026." in text

"""From passwords that are taken to passwords that are refused, on the practice cloud, wave by wave, and back."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mailauth import closing
from mailauth.closingsteps import TEMPLATE
from mailauth.errors import ConfigurationError
from tests.practice.closing import Lab, closing_in, signed_in

PRINTER = "printer@adatum.example"
REPORTS = "reports@fabrikam.example"


def adatum(tmp_path: Path, **more: Any) -> Any:
    return closing_in(tmp_path, "adatum", mailboxes=[{"address": PRINTER, "protocols": ["smtp"]}], **APP, **more)


APP = {"mail_apps": [{"name": "mail", "client_id": "11111111-2222-3333-4444-555555555555"}]}


def word(lab: Lab, name: str) -> str:
    known, made = lab.look()
    return closing.standing(next(each for each in made if each.name == name), known).word


def access_policies(lab: Lab) -> list[tuple[str, str]]:
    with lab.practice.states.reading(lab.name) as tenant:
        return [(each.display_name, each.state) for each in tenant.directory.policies.conditional_access]


def test_adatum_is_closed_and_proven_wave_by_wave_planned_twice_and_taken_back(tmp_path: Path) -> None:
    with adatum(tmp_path) as lab:
        before, policies = lab.exchange(), access_policies(lab)
        assert lab.takes_passwords() == {PRINTER}
        pilot = lab.closed("pilot")
        assert [receipt.plan.title for receipt in pilot] == [
            "Wave pilot: a policy that takes no passwords",
            "Wave pilot: SMTP AUTH on for what sends with OAuth",
        ]
        assert lab.with_password("canary@adatum.example").startswith("535 5.7.139")
        lab.closed("tenant")
        assert (word(lab, "pilot"), word(lab, "tenant")) == ("closed", "closed")
        assert lab.takes_passwords() == set()
        assert lab.with_token(PRINTER).startswith("235")
        assert lab.plan("tenant").steps == ()
        held = lab.exchange()
        assert held["smtp_auth_disabled"]
        assert [plan["pop_enabled"] for plan in held["cas_mailbox_plans"]] == [False]
        assert access_policies(lab) == [*policies, (TEMPLATE, "enabledForReportingButNotEnforced")]
        lab.undo("tenant")
        assert access_policies(lab) == policies
        # Taken back, the old state comes with the same delay as the new one did; nobody calls it closed meanwhile.
        assert (word(lab, "tenant"), lab.takes_passwords()) == ("open", set())
        lab.pass_time(timedelta(hours=24))
        assert lab.takes_passwords() == {PRINTER}
        lab.undo("pilot")
        assert lab.exchange() == {**before, "dehydrated": False}


@pytest.mark.full  # some hundred requests
def test_fabrikam_is_closed_with_its_exceptions_left_out_by_name(tmp_path: Path) -> None:
    exceptions = [{"address": "erp@fabrikam.example", "reason": "replaced in March", "until": "2030-03-31"}]
    box = {"address": REPORTS, "protocols": ["smtp"]}
    with closing_in(tmp_path, "fabrikam", mailboxes=[box]) as lab:
        text = lab.config.read_text(encoding="utf-8")
        lab.config.write_text(text.replace('"closing": {', f'"closing": {{"exceptions": {exceptions!r}, '), "utf-8")
        before = lab.exchange()
        assert "erp@fabrikam.example" in lab.takes_passwords()
        for name in ("pilot", "copiers", "tenant"):
            lab.closed(name)
            assert word(lab, name) == "closed"
        assert lab.takes_passwords() == {"erp@fabrikam.example"}
        assert lab.with_token(REPORTS).startswith("235")
        held = lab.exchange()
        # A default without Basic would end the exception, so that each mailbox has the policy by name.
        assert held["default_authentication_policy"] == ""
        on = {each["primary_smtp"] for each in held["mailboxes"] if each["smtp_auth_disabled"] is False}
        assert on == {REPORTS, "canary@fabrikam.example", "erp@fabrikam.example"}
        # Microsoft's own policy is there and only reports: there is no second one beside it.
        assert TEMPLATE not in dict(access_policies(lab))
        for name in ("tenant", "copiers", "pilot"):
            lab.undo(name)
        assert lab.exchange() == before


def test_each_refusal_names_what_it_is_about_and_leaves_nothing_to_apply(tmp_path: Path) -> None:
    with adatum(tmp_path) as lab:
        known, made = lab.look()
        lab.groups = [signed_in(PRINTER)]
        pilot, tenant = made
        assert [step.group for step in lab.plan("pilot").steps][:1] == ["Organization"]
        change = lab.plan("tenant")
        assert change.steps == ()
        wrong = [check.name for check in change.checks if check.outcome == "wrong"]
        assert wrong == [f"sender: {PRINTER}", "wave: pilot", f"proof: {PRINTER}"]
        frozen = replace(known, freezes=((known.now.date(), known.now.date()),))
        assert [each.kind for each in closing.readiness(pilot, frozen)] == ["freeze"]
        blind = replace(known, findings=None)
        assert [(each.kind, each.about) for each in closing.readiness(pilot, blind)] == [("coverage", "sign-ins")]
        assert tenant.kind == "tenant"


def test_an_order_violated_by_hand_is_seen_and_never_called_closed(tmp_path: Path) -> None:
    with adatum(tmp_path) as lab:
        lab.closed("pilot")
        lab.closed("tenant")
        for change, after in (
            (lambda held: setattr(held, "default_authentication_policy", ""), "open"),
            (lambda held: setattr(held.mailbox(PRINTER), "authentication_policy", ""), "open"),
            (lambda held: setattr(held, "smtp_auth_disabled", False), "closing"),
            (lambda held: held.authentication_policies[0].allow_basic.update(Smtp=True), "open"),
        ):
            with lab.practice.states.changing("adatum") as tenant:
                kept = tenant.exchange.model_copy(deep=True)
                change(tenant.exchange)
            assert word(lab, "tenant") == after
            with lab.practice.states.changing("adatum") as tenant:
                tenant.exchange = kept


def test_where_our_own_policy_was_made_to_take_passwords_every_wave_is_closed_again_by_another(tmp_path: Path) -> None:
    with adatum(tmp_path) as lab:
        lab.closed("pilot")
        lab.closed("tenant")
        with lab.practice.states.changing("adatum") as tenant:
            tenant.exchange.authentication_policies[0].allow_basic.update(Smtp=True)
        lab.pass_time(timedelta(hours=24))
        assert (word(lab, "pilot"), word(lab, "tenant")) == ("open", "open")
        assert PRINTER in lab.takes_passwords()
        lab.closed("pilot")
        lab.closed("tenant")
        assert (word(lab, "pilot"), word(lab, "tenant"), lab.takes_passwords()) == ("closed", "closed", set())
        assert lab.exchange()["default_authentication_policy"] == "Block Basic SMTP 2"


def test_two_engineers_who_plan_the_same_make_it_once(tmp_path: Path) -> None:
    with adatum(tmp_path) as lab:
        first, second = lab.plan("pilot"), lab.plan("pilot")
        assert lab.run.carry_out(first, apply=True).whole
        after = lab.exchange()
        receipt = lab.run.carry_out(second, apply=True)
        assert {entry.outcome for entry in receipt.entries} == {"already"}
        assert lab.exchange() == after


CALLS = (
    r"POST .*/conditionalAccess/policies$",
    "Enable-OrganizationCustomization",
    "New-AuthenticationPolicy",
    "Set-User",
    "Set-CASMailbox",
    "Set-OrganizationConfig",
    "Set-TransportConfig",
    "Set-CASMailboxPlan",
)


@pytest.mark.full  # each closes two waves and opens them again
@pytest.mark.parametrize("cmdlet", CALLS)
def test_a_reply_that_is_lost_after_any_call_leaves_the_receipt_true_and_the_undo_whole(
    tmp_path: Path, cmdlet: str
) -> None:
    with adatum(tmp_path) as lab:
        before, policies = lab.exchange(), access_policies(lab)
        if cmdlet == "Set-TransportConfig":
            with lab.practice.states.changing("adatum") as tenant:
                tenant.exchange.smtp_auth_disabled = False
            before = lab.exchange()
        lab.practice.faults.add("graph" if cmdlet.startswith("POST") else "exchange", "drop", operation=cmdlet)
        lab.closed("pilot")
        lab.closed("tenant")
        assert lab.practice.faults.armed == ()
        assert lab.takes_passwords() == set()
        lab.undo("tenant")
        lab.undo("pilot")
        assert lab.exchange() == {**before, "dehydrated": False}
        assert access_policies(lab) == policies


def test_a_policy_is_not_taken_back_while_its_switches_stay_on_and_taken_away_by_hand_is_open(tmp_path: Path) -> None:
    with adatum(tmp_path) as lab:
        policy, _ = lab.closed("pilot")
        with pytest.raises(ConfigurationError, match=r"Basic would be open on canary@adatum\.example"):
            lab.run.take_back(policy.where, apply=True)
        assert word(lab, "pilot") == "closed"
        with lab.practice.states.changing("adatum") as tenant:
            for box in tenant.exchange.mailboxes:
                box.authentication_policy = ""
        assert word(lab, "pilot") == "open"
        assert "canary@adatum.example" in lab.takes_passwords()

"""A plan as a script, read back with a PowerShell grammar: it says what is sent, asks before it, and stops at others.

Nothing here runs PowerShell.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailauth import (
    closingsteps,
    clouds,
    cmdlets,
    conditions,
    mailsteps,
    plan,
    powershell,
    reference,
    registration,
    registrationplan,
)
from mailauth.checks import Check
from mailauth.closingguard import GUARDED, TOOK
from mailauth.plan import Cmdlet, GraphCall, Operation, Plan, Receipt
from mailauth.secretrefs import SecretRef
from mailauth.tenants import Tenant
from tests import closings, planned, powershell_grammar, test_directgrants, test_grants, test_registration
from tests import mailboxes_invented as boxes
from tests.powershell_grammar import Change, Command, Node

COMMON = {"ErrorAction", "Confirm", "Verbose", "Debug"}
ADA = closings.box("ada", guid="g-ada", smtp="off")
PLANS = {
    "a switch": planned.plan(mailsteps.submission(ADA), noted={GUARDED: ("g-ada",)}),
    "policies": planned.plan(
        closingsteps.policy("Block"),
        *(closingsteps.assigned(closings.box(name), "Block", settles=closings.DAY) for name in ("ada", "bob", "eve")),
        closingsteps.default_policy("", "Block", settles=closings.DAY),
        noted={TOOK: ("id-bob",)},
    ),
    "each kind": planned.whole(),
    "a thousand": planned.thousand(),
    "nothing": planned.plan(),
    "in china": planned.plan(planned.app(), planned.scope(), cloud="china"),
    "in a cloud of one's own": planned.plan(planned.app(), planned.scope(), cloud="lab"),
}
SCRIPTS = {
    **{name: powershell.script(each) for name, each in PLANS.items()},
    **{f"undo of {name}": powershell.undo_of_script(each, now=planned.NOW) for name, each in PLANS.items()},
}


def _registering(*, name: str, credential: registration.CredentialKind | Literal["none"] = "secret") -> Plan:
    """Return the plan of notebook 20 for an app that is not there yet."""
    tenant = Tenant(name="woodgrove", tenant_id=planned.TENANT_ID, cloud=clouds.built_in()["public"])
    wanted = replace(test_registration.ALONE, name=name, credential=credential)
    seen = test_registration.found(app=None, principal=None)
    place = registrationplan.Place(SecretRef("file", "/home/w/mail.secret"))
    return registrationplan.plan(seen, wanted, tenant=tenant, id=planned.PLAN_ID, now=planned.NOW, place=place)


def _granting(count: int) -> Plan:
    """Return the plan of notebook 40 for so many mailboxes."""
    names = [f"scanner{number:04}" for number in range(count)]
    held = boxes.organization(*map(boxes.box, names), principals=())
    return boxes.planned(held, boxes.wish(*(boxes.wanted(name, "imap", "smtp") for name in names)))


def _closing(stage: str) -> Plan:
    """Return the plan of notebook 60 at a stage of the last wave, with so many mailboxes that they become a table."""
    named = closings.tenant(f"{closings.CLOSING}\n      exceptions: [{closings.EXCEPTED}]")
    names = [f"scanner{number:04}" for number in range(25)]
    own = {} if stage == "policy" else {"authentication_policy": closings.POLICY}
    boxes = [closings.box(name, smtp="on", **own) for name in names]
    always = [closings.box(name, smtp="on", **own) for name in ("ada", "canary")] + [closings.box("bob")]
    policies = {} if stage == "policy" else {closings.POLICY: False}
    held = closings.organization(*always, *boxes, policies=policies, smtp_off=False, dehydrated=stage == "policy")
    since = {box.address: closings.NOW - 2 * closings.DAY for box in held.mailboxes or ()}
    access = conditions.Conditions(defaults=False, policies=())
    return closings.planned(closings.known(held, since=since, conditions=access), "tenant", named)


REAL = {
    "notebook 20": _registering(name="Mail"),
    "notebook 30": test_directgrants.planned(test_grants.found(enterprise=None)),
    "notebook 40": _granting(20),
    "notebook 60, a policy": _closing("policy"),
    "notebook 60, what is left": _closing("rest"),
}


def _known() -> Mapping[str, set[str]]:
    """Return the cmdlets that the facts know, with their parameters."""
    exchange = {name: {*each.parameters, *cmdlets.common()} for name, each in cmdlets.known().items()}
    own = {
        name: {*each["parameters"], *cmdlets.common()} for name, each in reference.table("powershell")["cmdlet"].items()
    }
    return {**exchange, **own}


def _plain(value: Any) -> Any:
    """Return a value with lists for all sequences."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each) for each in value]
    return value


def _said(command: Command, change: Change) -> Operation:
    """Return the operation that a command of a script is."""
    values = command.values(change.variables)
    if command.name not in ("Invoke-MgGraphRequest", "Get-GraphRows"):
        return Cmdlet(command.name, {name: each for name, each in values.items() if name not in COMMON})
    path = values["Uri"] if isinstance(values["Uri"], list) else [values["Uri"]]
    return GraphCall(values.get("Method", "GET"), tuple(path), values.get("Body"), values.get("Headers", {}))


def _meant(operation: Operation) -> Operation:
    if isinstance(operation, Cmdlet):
        return replace(operation, parameters=_plain(operation.parameters))
    return replace(operation, body=_plain(operation.body))


def _agrees(text: str, wanted: Plan) -> None:
    changes = list(powershell_grammar.changes(_parsed(text)))
    assert len(changes) == len(wanted.steps)
    for change, step in zip(changes, wanted.steps, strict=True):
        assert _said(change.sent, change) == _meant(step.do)
        assert _said(change.look, change) == _meant(step.look.ask)
        assert (change.where, change.binds) == (_plain(step.look.where), _plain(step.look.binds))
        assert change.fields == _plain(step.look.fields)
        assert (change.before, change.after) == (_plain(step.before), _plain(step.after))


@pytest.fixture(params=SCRIPTS)
def text(request: pytest.FixtureRequest) -> str:
    return SCRIPTS[request.param]


@pytest.fixture
def root(text: str) -> Node:
    return _parsed(text)


@cache
def _parsed(text: str) -> Node:
    return powershell_grammar.parse(text)


@pytest.mark.parametrize("name", PLANS)
def test_the_script_sends_looks_and_expects_what_the_plan_does(name: str) -> None:
    _agrees(SCRIPTS[name], PLANS[name])


@pytest.mark.parametrize("name", REAL)
def test_the_notebooks_own_plans_are_scripts_with_the_same_effect(name: str) -> None:
    assert REAL[name].steps
    _agrees(powershell.script(REAL[name]), REAL[name])
    done = tuple(plan.Entry(step.id, "done", planned.NOW) for step in REAL[name].steps)
    back = plan.undo(Receipt(REAL[name], done), id="undo", now=planned.NOW)
    _agrees(powershell.undo_of_script(REAL[name], now=planned.NOW), back)


@pytest.mark.parametrize("name", PLANS)
def test_the_undo_sends_the_inverse_last_first(name: str) -> None:
    done = Receipt(PLANS[name], tuple(plan.Entry(step.id, "done", planned.NOW) for step in PLANS[name].steps))
    _agrees(SCRIPTS[f"undo of {name}"], plan.undo(done, id="undo", now=planned.NOW))


def test_the_undo_of_a_receipt_leaves_alone_what_it_did_not_change() -> None:
    steps = planned.whole().steps
    entries = (plan.Entry(steps[0].id, "already", planned.NOW), plan.Entry(steps[8].id, "done", planned.NOW))
    text = powershell.undo_script(Receipt(planned.whole(), entries), now=planned.NOW)
    (change,) = powershell_grammar.changes(powershell_grammar.parse(text))
    assert change.sent.name == "Remove-RecipientPermission"


def test_every_cmdlet_and_parameter_is_in_the_facts(root: Node) -> None:
    known, own = _known(), powershell_grammar.functions(root)
    for command in powershell_grammar.commands(root):
        if command.name in own or command.name == "chmod":
            continue
        assert command.name in known
        assert set(command.parameters) <= known[command.name], command.name


def test_a_function_is_called_by_the_parameters_that_it_declares(root: Node) -> None:
    declared = powershell_grammar.declared(root)
    for command in powershell_grammar.commands(root):
        if command.name in declared:
            assert set(command.parameters) <= declared[command.name], command.name


def test_every_function_that_is_called_is_there(root: Node) -> None:
    called = {each.name for each in powershell_grammar.commands(root)}
    assert called - {*_known(), "chmod"} <= powershell_grammar.functions(root)


def test_nothing_is_sent_that_should_process_was_not_asked_about(root: Node) -> None:
    for command in powershell_grammar.commands(root):
        if _writes(command):
            assert command.asked, command.name


def _writes(command: Command) -> bool:
    if command.name == "Invoke-MgGraphRequest":
        return bool(command.values({})["Method"] != "GET")
    known = cmdlets.known().get(command.name)
    sender = command.name in ("Save-Secret", "Invoke-Patiently") and not command.within
    return sender or (known is not None and known.changes)


def test_what_leaves_a_file_is_called_only_where_a_secret_is_kept() -> None:
    root = powershell_grammar.parse(SCRIPTS["a thousand"])
    writes = {name for name, each in reference.table("powershell")["cmdlet"].items() if each.get("writes")}
    assert not writes & {each.name for each in powershell_grammar.commands(root)}


def test_the_script_declares_that_it_takes_what_if_and_confirm(text: str) -> None:
    lines = [line for line in text.split("\r\n") if line and not line.startswith("#")]
    assert lines[:2] == ["[CmdletBinding(SupportsShouldProcess)]", "param("]


def _guards(text: str) -> dict[str, dict[str, Any]]:
    """Return what a script asserts before the first thing that it sends."""
    root = powershell_grammar.parse(text)
    sent = min(each.node.start_byte for each in powershell_grammar.commands(root) if each.asked)
    asserted = (each for each in powershell_grammar.commands(root) if each.name.startswith("Assert-"))
    tables = powershell_grammar.assigned(root)
    return {each.name: each.values(tables) for each in asserted if each.node.start_byte < sent}


def test_a_script_that_turns_smtp_auth_on_stops_where_no_policy_keeps_passwords_out() -> None:
    assert _guards(SCRIPTS["a switch"]) == {"Assert-PolicyRefuses": {"Mailbox": ["g-ada"]}}
    assert "# Stops:    before anything is sent, where passwords would come in by it." in SCRIPTS["a switch"]
    assert _guards(SCRIPTS["undo of a switch"]) == {}


def test_a_script_that_takes_policies_back_stops_where_a_switch_is_on_that_was_not_before() -> None:
    addresses = [f"{name}@w.example" for name in ("ada", "bob", "eve")]
    assert _guards(SCRIPTS["policies"]) == {}
    assert _guards(SCRIPTS["undo of policies"]) == {
        "Assert-NothingOpens": {
            "Held": {"": "Block", **dict.fromkeys(addresses, "Block")},
            "Given": {"": None, **dict.fromkeys(addresses)},
            "Altered": {"block": False},
            "Spared": ["id-bob"],
        }
    }


@pytest.mark.parametrize("name", ["each kind", "undo of each kind", "a thousand", "undo of a thousand"])
def test_where_no_password_could_come_in_nothing_is_asserted(name: str) -> None:
    assert _guards(SCRIPTS[name]) == {}
    assert "Assert-" not in SCRIPTS[name]


def test_a_setting_of_one_mailbox_is_left_to_whoever_changed_it_only_where_it_is_taken_back() -> None:
    assert SCRIPTS["undo of policies"].count("Alone = $true") == 1
    assert "Alone = $true" in SCRIPTS["undo of a switch"]
    assert "Alone = $true" not in SCRIPTS["a switch"] + SCRIPTS["policies"]


def test_a_policy_that_exchange_writes_as_a_distinguished_name_is_the_same_in_a_script() -> None:
    [line] = [each for each in powershell.functions("change") if "Get-CommonName" in each]
    assert line.strip() == "if ($Name -clike '*AuthenticationPolicy') { $Seen[$Name] = Get-CommonName $Seen[$Name] }"
    [said] = [each for each in powershell.functions("fields") if "-notmatch" in each]
    found = re.search(r"-notmatch '(.+)'\)", said)
    assert found
    for held in ("CN=Strict,CN=Auth Policies,DC=example", r"cn=A\, B,dc=x", "Strict", "CN=alone"):
        match = re.match(found[1].removeprefix("^"), held, re.IGNORECASE)
        assert (re.sub(r"\\(.)", r"\1", match[1]) if match else held) == plan.common_name(held)


def test_no_cmdlet_asks_a_second_time_and_each_failure_stops(root: Node) -> None:
    for command in powershell_grammar.commands(root):
        known = cmdlets.known().get(command.name)
        if known is not None and known.role:
            assert "ErrorAction" in command.parameters
            assert ("Confirm" in command.parameters) == known.changes


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(planned.HOSTILE) | st.text(min_size=1, max_size=40))
def test_hostile_names_and_addresses_are_sent_as_they_are(name: str) -> None:
    wanted = planned.plan(
        planned.app(name),
        planned.principal(name),
        planned.full_access(name),
        planned.switch(name),
        title=name,
        tenant=name,
        bound={"enterprise.id": name, "exchange.principal.sid": "S-1"},
    )
    _agrees(powershell.script(wanted), wanted)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(planned.HOSTILE) | st.text(max_size=20), min_size=3, max_size=6))
def test_hostile_addresses_in_a_table_are_sent_as_they_are(addresses: list[str]) -> None:
    wanted = planned.plan(*(planned.send_as(each) for each in addresses), bound={"enterprise.id": "e"})
    _agrees(powershell.script(wanted), wanted)


@pytest.mark.parametrize("name", planned.HOSTILE, ids=ascii)
def test_a_hostile_name_adds_no_command(name: str) -> None:
    harmless, hostile = (
        powershell_grammar.parse(powershell.script(planned.plan(planned.app(each), title=each, tenant=each)))
        for each in ("Mail", name)
    )
    names = [[each.name for each in powershell_grammar.commands(root)] for root in (harmless, hostile)]
    assert names[0] == names[1]


def test_a_thousand_mailboxes_stay_readable() -> None:
    text = SCRIPTS["a thousand"]
    assert len(text) < 150_000
    assert max(map(len, text.split("\r\n"))) < 250
    assert (
        sum(
            each.name == "Add-MailboxPermission" for each in powershell_grammar.commands(powershell_grammar.parse(text))
        )
        == 1
    )


@pytest.mark.parametrize(
    ("cloud", "exchange", "graph"),
    [
        ("public", "O365Default", "Global"),
        ("gcc-high", "O365USGovGCCHigh", "USGov"),
        ("dod", "O365USGovDoD", "USGovDoD"),
        ("china", "O365China", "China"),
        ("lab", "", ""),
    ],
)
def test_it_connects_to_the_tenant_s_own_cloud(cloud: str, exchange: str, graph: str) -> None:
    root = powershell_grammar.parse(powershell.script(planned.plan(planned.app(), planned.scope(), cloud=cloud)))
    calls = {each.name: each.values({}) for each in powershell_grammar.commands(root) if each.name.endswith("Tenant")}
    assert calls == {
        "Connect-ExchangeTenant": {"TenantId": planned.TENANT_ID, "Environment": exchange},
        "Connect-GraphTenant": {
            "TenantId": planned.TENANT_ID,
            "Environment": graph,
            "Scopes": ["Application.ReadWrite.All"],
        },
    }


def test_a_partner_who_lands_at_home_is_told_how_to_sign_in_to_the_customer() -> None:
    [stop] = [line for line in powershell.functions("exchange") if "$Partner =" in line]
    assert "Connect-ExchangeOnline -DelegatedOrganization" in stop
    assert sum("$Partner" in line for line in powershell.functions("exchange")) == 2


@pytest.mark.parametrize(
    ("step", "modules"),
    [
        pytest.param(planned.app(), ["Microsoft.Graph.Authentication"], id="graph"),
        pytest.param(planned.scope(), ["ExchangeOnlineManagement"], id="exchange"),
    ],
)
def test_it_requires_only_the_module_that_it_uses(step: plan.Step, modules: list[str]) -> None:
    assert re.findall(r"#Requires -Modules @\{ ModuleName = '(.+?)'", powershell.script(planned.plan(step))) == modules


def test_the_head_says_what_for_whom_with_which_roles_and_how_to_go_back() -> None:
    head = SCRIPTS["each kind"].split("#Requires")[0]
    assert "# Tenant:   woodgrove (11111111-1111-1111-1111-111111111111), cloud public" in head
    assert "# Plan:     20261127T093000-a1b2c3, made 2026-11-27 09:30 UTC" in head
    assert "# Needs:    in Exchange: Role Management, Mail Recipients" in head
    assert "# Needs:    -SecretPath FILE" in head
    assert "# Stays:    Register Mail: Entra keeps a deleted registration for 30 days." in head
    assert "# Undo:     the script that came beside this one, with -undo in its name." in head
    assert "# Undo:     the script without -undo in its name does it again" in SCRIPTS["undo of each kind"]


def test_the_head_names_what_the_plan_leaves_to_a_person() -> None:
    checks = (Check("SMTP AUTH", "wrong", "a password\nmight come in", "Name the mailbox."), Check("Sizes", "ok"))
    text = powershell.script(replace(planned.plan(planned.scope()), checks=checks))
    assert "# Left out: WRONG: SMTP AUTH (a password\u240amight come in). Name the mailbox.\r\n" in text
    assert "Sizes" not in text


def test_a_secret_goes_into_a_file_and_nowhere_else() -> None:
    root = powershell_grammar.parse(SCRIPTS["each kind"])
    (save,) = [each for each in powershell_grammar.commands(root) if each.name == "Save-Secret"]
    values = {name: node for name, node in save.parameters.items() if node is not None}
    assert powershell_grammar.value(values["Path"], {}) == "$SecretPath"
    assert powershell_grammar.value(values["Field"], {}) == "secretText"
    sent = next(powershell_grammar.commands(values["Send"]))
    assert {name: sent.values({"$Body": {}})[name] for name in ("Verbose", "Debug")} == {
        "Verbose": False,
        "Debug": False,
    }
    assert "/home/w/mail.secret" not in SCRIPTS["each kind"]


def test_two_secrets_have_a_file_each() -> None:
    steps = [replace(planned.secret(), id=each, keeps=plan.Keep("secretText", SecretRef("env", each))) for each in "ab"]
    text = powershell.script(planned.plan(*steps, bound={"app.id": "a"}))
    paths = re.findall(r"Save-Secret -Path (\$\w+) ", text)
    assert paths == ["$SecretPath", "$SecretPath1"]
    assert all(f"[string] {path} = ''" in text for path in paths)


def test_an_id_that_an_undo_needs_is_looked_for_before_the_first_step() -> None:
    before = SCRIPTS["undo of each kind"].split("# 1 of 12")[0]
    told = re.findall(r"^    Binds = @\{ '([a-z._]+)' =", before, re.MULTILINE)
    assert told == ["app.id", "enterprise.id", "exchange.principal.sid"]


def test_an_id_that_the_plan_knows_is_not_looked_for() -> None:
    text = powershell.script(
        planned.plan(planned.full_access("a@x.example"), bound={"enterprise.id": "e", "exchange.principal.sid": "s"})
    )
    assert "$Known = @{ 'enterprise.id' = 'e'; 'exchange.principal.sid' = 's' }" in text
    assert "What is it called here?" not in text


def test_a_step_names_the_ids_without_which_it_waits() -> None:
    text = powershell.script(planned.plan(planned.enterprise(), planned.principal()))
    assert re.findall(r"^    Needs = (.+)$", text.replace("\r", ""), re.MULTILINE) == [
        "@('app.client_id')",
        "@('app.client_id', 'enterprise.id')",
    ]


@pytest.mark.parametrize(
    "name", [pytest.param("Add-X; Remove-Mailbox", id="cmdlet"), pytest.param("Add X", id="no verb")]
)
def test_what_is_no_name_of_a_cmdlet_is_refused(name: str) -> None:
    step = replace(planned.scope(), do=Cmdlet(name, {}))
    with pytest.raises(ValueError, match="is no name of a cmdlet or a parameter"):
        powershell.script(planned.plan(step))


def test_the_same_plan_gives_the_same_script() -> None:
    later = powershell.undo_of_script(planned.whole(), now=planned.NOW + timedelta(0))
    assert later == SCRIPTS["undo of each kind"]


@pytest.mark.parametrize("name", ["each kind", "undo of each kind"])
def test_each_id_in_what_is_sent_is_one_that_a_look_tells_or_the_plan_knows(name: str) -> None:
    told = set(re.findall(r"'([a-z_.]+)' = '", SCRIPTS[name]))
    used = set(re.findall(r"\$Known\['([a-z_.]+)'\]", SCRIPTS[name]))
    assert used
    assert used <= told


def test_a_look_into_a_list_and_one_at_words_are_written_as_such() -> None:
    into, at = (
        powershell.script(planned.plan(step, bound={"app.id": "a"})) for step in (planned.secret(), planned.grant())
    )
    assert ("    Inside = 'passwordCredentials'" in into, "    Words = " in into) == (True, False)
    assert ("    Inside = " in at, "    Words = @('scope')" in at) == (False, True)


def test_a_title_is_read_without_numbers_for_its_quotes() -> None:
    text = powershell.script(replace(planned.whole(), steps=(replace(planned.app(), title="Let “mail” open it"),)))
    assert "Title = 'Let \"mail\" open it'" in text


def test_what_an_undo_does_not_restore_is_said_once_for_all_that_are_alike() -> None:
    head = powershell.script(REAL["notebook 60, what is left"]).partition("#Requires")[0]
    assert head.count("Stays:") == len({step.leaves for step in REAL["notebook 60, what is left"].steps if step.leaves})
    assert "scanner0000@w.example" in head
    assert "and 24 more" in head

"""Receipts: read as they were written, and nothing that a plan could not have held."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mailauth import plan as plans
from mailauth import receipts
from mailauth.checks import Check
from mailauth.errors import ConfigurationError, EvidenceError
from mailauth.plan import Cmdlet, Entry, GraphCall, Keep, Look, Plan, Receipt, Ref, Step
from mailauth.secretrefs import SecretRef

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
TENANT = "0c6f6d1c-6d86-4a7c-8f6c-7d1d2a2f1e11"

SECRET = Step(
    id="secret",
    title="Make a secret for “Mover”\n<b>",
    why="It proves who it is.",
    group="Credential",
    service="graph",
    do=GraphCall(
        "POST", ("/v1.0/applications/", Ref("app.id"), "/addPassword"), {"passwordCredential": {"displayName": "x"}}
    ),
    look=Look(
        GraphCall("GET", ("/v1.0/applications/", Ref("app.id"), "?$select=id,passwordCredentials")),
        where={"displayName": "x"},
        binds={"secret.id": "keyId"},
        inside="passwordCredentials",
    ),
    before=None,
    after={"displayName": "x", "keyId": Ref("secret.id")},
    undo=GraphCall("POST", ("/v1.0/applications/", Ref("app.id"), "/removePassword"), {"keyId": Ref("secret.id")}),
    needs=("Application.ReadWrite.All",),
    lag=timedelta(minutes=2),
    leaves="The secret is gone.",
    keeps=Keep("secretText", SecretRef("file", "/kept/mover.secret"), replaces=True),
)
ACCESS = Step(
    id="access",
    title="Let Mover open orders@adatum.example",
    why="It reads them.",
    group="FullAccess",
    service="exchange",
    do=Cmdlet("Add-MailboxPermission", {"Identity": "orders", "User": Ref("sp.id"), "AccessRights": ["FullAccess"]}),
    look=Look(
        Cmdlet("Get-MailboxPermission", {"Identity": "orders"}),
        where={"User": Ref("sp.id")},
        words=("scope",),
        flags=("on",),
    ),
    before={"AccessRights": None, "Deny": False},
    after={"AccessRights": ["FullAccess"]},
    watched=False,
)
PLAN = Plan(
    id="20261127T090000-abcdef",
    title="Make Mover",
    tenant="woodgrove",
    tenant_id=TENANT,
    cloud="public",
    steps=(SECRET, ACCESS),
    checks=(Check("a policy", "wrong", "forbids secrets", "Use a certificate."),),
    bound={"app.id": "a-1"},
    made_at=NOW,
)
DONE = Entry("secret", "done", NOW, {"displayName": "x"}, {"secret.id": "k-1"}, settles_at=NOW + timedelta(minutes=2))


def written(plan: Plan = PLAN) -> str:
    lines = (receipts.sending("secret", NOW), receipts.entry(DONE), receipts.sending("access", NOW))
    return "".join([receipts.header(plan, by="Wanda", undoes="another"), *lines])


def read(text: str, **how: str) -> Receipt:
    return receipts.read(text, **{"where": "r.jsonl", "tenant_id": TENANT, "cloud": "public", **how})


def test_a_receipt_is_read_as_it_was_written() -> None:
    found = read(written())
    assert (found.plan, found.by, found.undoes, found.where) == (PLAN, "Wanda", "another", "r.jsonl")
    assert found.entries[0] == DONE


def test_what_was_sent_and_of_which_nothing_follows_is_unclear() -> None:
    assert [entry.outcome for entry in read(written()).entries] == ["done", "unclear"]
    begun = receipts.header(PLAN, by="Wanda") + receipts.sending("secret", NOW)
    assert [entry.outcome for entry in read(begun).entries] == ["unclear", "not reached"]
    undone = plans.undo(read(written()), id="u", now=NOW)
    assert [step.id for step in undone.steps] == ["secret"]
    assert [check.found for check in undone.checks] == [
        "nothing takes this back",
        "what is not restored: The secret is gone.",
    ]


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_a_torn_last_line_does_not_count(cut: int) -> None:
    text = written() + receipts.entry(replace(DONE, step="access"))
    assert [entry.outcome for entry in read(text[:-cut]).entries] == ["done", "done" if cut == 1 else "unclear"]


def step(number: int, **changes: Any) -> Callable[[Any], None]:
    def edit(record: Any) -> None:
        record["plan"]["steps"][number].update(changes)

    return edit


def call(number: int, part: str, **changes: Any) -> Callable[[Any], None]:
    def edit(record: Any) -> None:
        found = record["plan"]["steps"][number]
        (found["look"]["ask"] if part == "ask" else found[part]).update(changes)

    return edit


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        pytest.param(call(0, "undo", path=["https://evil.example/v1.0/applications/x"]), "path: found", id="host"),
        pytest.param(call(0, "undo", path=["/v1.0/users/", "x"]), "path: found '/v1.0/users/x'", id="collection"),
        pytest.param(call(0, "undo", path=["/v1.0/applications/../users/x"]), "path: found", id="way up"),
        pytest.param(call(0, "undo", path=["/v1.0/applications/%2e%2E/users/x"]), "path: found", id="encoded way up"),
        pytest.param(call(0, "undo", path=["/v1.0/applications/x%2fy"]), "path: found", id="encoded slash"),
        pytest.param(call(0, "undo", path=["/v1.0/applications/x%5Cy"]), "path: found", id="encoded backslash"),
        pytest.param(call(0, "undo", path=["/v1.0/applications/x\r\nHost: evil"]), "path: found", id="line end"),
        pytest.param(call(0, "undo", path=["/v1.0/applicationsx/y"]), "path: found", id="longer name"),
        pytest.param(call(0, "do", path=[7]), "path: expected pieces of text", id="number in a path"),
        pytest.param(call(0, "do", method="GET"), "method: found 'GET', expected one of POST", id="no change"),
        pytest.param(
            call(0, "ask", method="DELETE"), "method: found 'DELETE', expected one of GET", id="changing look"
        ),
        pytest.param(call(0, "do", headers={"Authorization": "x"}), "headers: expected Prefer", id="header"),
        pytest.param(call(0, "do", body=[]), "body: expected an object", id="body"),
        pytest.param(call(1, "do", cmdlet="Remove-Mailbox"), "cmdlet: found 'Remove-Mailbox'", id="cmdlet"),
        pytest.param(call(1, "do", cmdlet="Get-Mailbox"), "cmdlet: found 'Get-Mailbox'", id="cmdlet that reads"),
        pytest.param(call(1, "ask", cmdlet="Set-CASMailbox"), "cmdlet: found 'Set-CASMailbox'", id="look that changes"),
        pytest.param(call(1, "do", parameters={"Ouch": 1}), "found the parameter 'Ouch'", id="parameter"),
        pytest.param(step(1, service="graph"), "service: found graph", id="other service"),
        pytest.param(step(1, service="smtp"), "service: found 'smtp'", id="no service"),
        pytest.param(step(0, keeps={"field": "x", "into": "hunter2~", "replaces": True}), "keeps.into", id="no place"),
        pytest.param(step(0, lag_s=-1), "lag_s: expected seconds", id="lag"),
        pytest.param(step(0, watched="yes"), "watched: expected true or false", id="no boolean"),
        pytest.param(step(1, id="secret"), "two have the same id", id="same id"),
        pytest.param(lambda record: record["plan"].update(id="../../x"), "id: found", id="plan id"),
        pytest.param(lambda record: record["plan"].update(made_at="2026-11-27"), "made_at: expected", id="zone"),
        pytest.param(
            lambda record: record["plan"].update(cloud="us"), "cloud: found 'us', expected 'public'", id="cloud"
        ),
        pytest.param(lambda record: record["plan"].update(tenant_id="x"), "tenant_id: found 'x'", id="tenant"),
        pytest.param(lambda record: record.update(receipt=2), "found no receipt", id="edition"),
    ],
)
def test_what_no_plan_could_have_held_is_refused(edit: Callable[[Any], None], complaint: str) -> None:
    first, rest = written().split("\n", 1)
    record = json.loads(first)
    edit(record)
    with pytest.raises(ConfigurationError, match=r"^r\.jsonl: ") as caught:
        read(f"{json.dumps(record)}\n{rest}")
    assert complaint in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "\n", "[]\n", "not json\n", '{"receipt": 1}\n', "[" * 100_000 + "\n"])
def test_what_is_no_receipt_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^r\.jsonl: "):
        read(text)


@pytest.mark.parametrize("depth", [500, 900])
def test_what_is_nested_deeper_than_it_could_be_read_is_refused(depth: int) -> None:
    nested = '"before": {"x": ' + "[" * depth + "]" * depth + "}"
    with pytest.raises(ConfigurationError, match=r"^r\.jsonl: "):
        read(written().replace('"before": null', nested))


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_a_number_that_no_json_holds_is_refused(number: str) -> None:
    with pytest.raises(ConfigurationError, match=r"line 1: expected a JSON object"):
        read(written().replace('"Deny": false', f'"Deny": {number}'))


def test_a_field_that_is_there_twice_is_refused_whoever_reads_it_sees_one_of_them() -> None:
    with pytest.raises(ConfigurationError, match="each of its fields once"):
        read(written().replace('"Identity": "orders"', '"Identity": "orders", "Identity": "ceo"', 1))


def test_a_line_that_names_no_step_by_text_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="sending: expected text"):
        read(written() + '{"sending": ["secret"], "at": "2026-11-27T09:00:00+00:00"}\n')


def test_a_line_about_no_step_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="found a line about 'other', which is no step of the plan"):
        read(written() + receipts.sending("other", NOW))


def test_a_plan_that_could_not_be_read_again_is_a_defect_and_not_sent() -> None:
    strange = replace(ACCESS, do=Cmdlet("Remove-Mailbox", {"Identity": "orders"}))
    with pytest.raises(EvidenceError, match="nothing is sent"):
        receipts.header(replace(PLAN, steps=(strange,)), by="Wanda")
    pretender = replace(ACCESS, after={"AccessRights": {"$ref": "app.id"}})
    with pytest.raises(EvidenceError, match="keeps for itself"):
        receipts.header(replace(PLAN, steps=(pretender,)), by="Wanda")

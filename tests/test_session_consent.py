"""Notebook 30's steps as session methods: links, the answer, the record; and the command over them."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from mailauth import consentrecord, session, tenants
from mailauth.checks import worst
from mailauth.errors import ConfigurationError, EvidenceError, SourceError
from mailauth.grants import Consents, ProtocolConsent
from mailauth.services.client import Graph
from mailauth.session import Run
from mailauth.tenants import Flow, MailApp
from practice.__main__ import main as practice
from tests.starting import mailauth

ROOT = Path(__file__).resolve().parent.parent
APP = "22222222-2222-2222-2222-222222222222"
TENANT = "11111111-1111-1111-1111-111111111111"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a tenant with a mail app, that nobody signs in to."""
    path = tmp_path / "tenants.yaml"
    apps = f"[{{name: relay, client_id: {APP}, flows: [{{kind: interactive}}]}}, {{name: unregistered}}]"
    path.write_text(f"tenants:\n  - {{name: woodgrove, tenant_id: {TENANT}, mail_apps: {apps}}}\n", encoding="utf-8")
    configuration = tenants.load(path)
    return Run(configuration, configuration.tenant("woodgrove"), tmp_path / "woodgrove", tell=lambda _: None)


@pytest.fixture
def state(run: Run) -> Consents:
    return run.consents.look()


def test_where_nobody_signs_in_nothing_is_known_and_the_links_are_there_all_the_same(run: Run, state: Consents) -> None:
    told = {check.name: check.outcome for check in state.checks}
    assert told == {"mail permissions": "cannot know", "relay": "cannot know", "unregistered": "not configured"}
    [record] = state.coverage
    assert (record.state, "names nobody who signs in" in record.reason) == ("unknown", True)
    [links] = run.consents.links(state)
    assert [link.url.partition("?")[2] for link in links.links] == [f"client_id={APP}"]


def test_an_app_that_needs_no_permission_has_no_link(run: Run, state: Consents) -> None:
    sends = (ProtocolConsent("smtp"),)
    apps = tuple(replace(app, needs=("role",), smtp="rbac", protocols=sends) for app in state.apps)
    assert run.consents.links(replace(state, apps=apps)) == ()


def test_a_link_is_the_same_in_the_next_run_and_its_answer_is_known_again(run: Run, state: Consents) -> None:
    first, again = (run.consents.links(state, redirect_uri="http://localhost") for _ in range(2))
    assert first == again
    found = run.consents.read(f"http://localhost/?admin_consent=True&state={first[0].state}&tenant={TENANT}", again)
    assert found is not None
    assert (found.granted, found.app, found.doubts) == (True, "relay", ())


def test_no_address_is_no_answer_and_a_wrong_one_names_the_parameter(run: Run) -> None:
    assert run.consents.read(" ", ()) is None
    with pytest.raises(ConfigurationError, match=r"^callback: found no answer in it"):
        run.consents.read("yes", ())


def test_programs_that_microsoft_disabled_get_no_link(run: Run) -> None:
    ids = [each.client_id for each in run.consents.client_links()]
    assert "9e5f94bc-e8a4-4e73-b8be-63364c29d753" in ids
    assert "08162f7c-0fd2-4200-a84a-f25a4db0b584" not in ids


def test_the_record_holds_the_checks_the_links_and_how_far_the_look_reached(run: Run, state: Consents) -> None:
    path = run.consents.keep(state, run.consents.links(state))
    record = json.loads(path.read_text(encoding="utf-8"))
    assert (path.name, record["schema"], record["data"]["outcome"]) == (
        "30-consent.json",
        "mailauth/consent/1",
        "cannot know",
    )
    assert [each["state"] for each in record["coverage"]] == ["unknown"]
    assert [each["app"] for each in record["data"]["links"]] == ["relay"]


def test_a_record_that_does_not_fit_is_refused(run: Run, state: Consents) -> None:
    changes: dict[str, Any] = {"requests": "maybe"}
    odd = replace(state, **changes)
    with pytest.raises(EvidenceError, match=r"^evidence consent: data\.requests: found 'maybe'"):
        consentrecord.record(run.tenant, odd, (), made_at=run.now())


def test_a_headless_run_waits_for_nobody(run: Run, state: Consents, monkeypatch: pytest.MonkeyPatch) -> None:
    links = run.consents.links(state)
    assert run.consents.listen(links, wait_s=0) is None
    monkeypatch.setenv("MAILAUTH_PROGRESS", "somewhere")
    assert run.consents.listen(links, wait_s=600) is None


def test_waiting_needs_a_link_that_leads_back_to_this_machine(run: Run, state: Consents) -> None:
    with pytest.raises(ConfigurationError, match=r"^No link leads back to http://localhost"):
        run.consents.listen(run.consents.links(state), wait_s=5)


def test_on_what_could_not_be_read_nothing_is_planned_and_nothing_is_there_to_take_back(
    run: Run, state: Consents
) -> None:
    change = run.consents.plan(state)
    assert (change.steps, [check.outcome for check in change.checks]) == ((), ["cannot know"])
    receipt = run.carry_out(change, apply=True)
    back = run.undo(receipt)
    assert (receipt.applied, back.applied, back.plan.steps) == (False, False, ())


# The command, and the notebook headless, on the practice tenants.


@pytest.fixture(scope="module")
def of_one_mind() -> Iterator[None]:
    """Have every replica know of a change at once: who waits for them is tested where time is free."""
    assert practice(["--set", "directory_lag_s=0,exchange_lag_s=0"]) == 0
    yield
    assert practice(["--clear"]) == 0


@pytest.mark.xdist_group("report")
@pytest.mark.usefixtures("of_one_mind")
class TestPractice:
    """The practice tenants, as they are at first."""

    @pytest.mark.parametrize(
        ("arguments", "status", "said"),
        [
            pytest.param(["--tenant", "contoso"], 0, "ok: daemon: SMTP for the app itself", id="contoso"),
            pytest.param(
                ["--tenant", "fabrikam", "--app", "relay"],
                1,
                "WRONG: relay: POP for people (POP.AccessAsUser.All is not granted). Open the link",
                id="fabrikam",
            ),
            pytest.param(["--tenant", "adatum"], 1, "not configured: mail apps", id="adatum"),
        ],
    )
    def test_the_command_ends_with_0_where_nothing_is_missing(
        self, arguments: list[str], status: int, said: str
    ) -> None:
        done = mailauth("consent", *arguments)
        assert (done.returncode, said in done.stdout) == (status, True), done.stdout + done.stderr

    def test_an_app_that_is_not_there_is_named_with_those_that_are(self) -> None:
        done = mailauth("consent", "--tenant", "contoso", "--app", "relay")
        assert done.returncode == 2
        assert "--app: found 'relay'; contoso has mail, daemon." in done.stderr

    def test_the_notebook_runs_headless_and_leaves_page_and_evidence(self, tmp_path: Path) -> None:
        asked = ["--notebooks", "30-consent", "--no-open", "--out", str(tmp_path)]
        done = mailauth("report", "--tenant", "fabrikam", "--tenant", "northwind", *asked)
        assert done.returncode == 0, done.stderr
        record = json.loads((tmp_path / "fabrikam" / "evidence" / "30-consent.json").read_text(encoding="utf-8"))
        wrong = [check["name"] for check in record["data"]["checks"] if check["outcome"] == "wrong"]
        assert wrong == ["relay: POP for people", "relay: POP for the app itself"]
        page = (tmp_path / "fabrikam" / "30-consent.html").read_text(encoding="utf-8")
        assert "POP.AccessAsApp is not granted" in page
        assert "not configured" in (tmp_path / "northwind" / "30-consent.html").read_text(encoding="utf-8")

    def test_it_changes_nothing(self) -> None:
        opened = session.open("fabrikam")
        before = opened.consents.look()
        opened.consents.links(before)
        assert opened.consents.look() == before

    def test_the_command_grants_what_is_missing_and_undo_takes_it_back(self, tmp_path: Path) -> None:
        before = session.open("fabrikam").consents.look()
        relay = ["consent", "--tenant", "fabrikam", "--app", "relay", "--out", str(tmp_path)]
        planned = mailauth(*relay, "--grant")
        assert (planned.returncode, list(tmp_path.iterdir())) == (1, [])
        assert "Grant “relay” POP.AccessAsUser.All on Microsoft Graph for everybody" in planned.stdout
        assert mailauth(*relay, "--grant", "--apply").returncode == 0
        assert mailauth(*relay).returncode == 0
        [receipt] = tmp_path.glob("fabrikam/receipts/*.jsonl")
        undone = mailauth("undo", str(receipt), "--tenant", "fabrikam", "--apply")
        assert undone.returncode == 0, undone.stdout + undone.stderr
        assert session.open("fabrikam").consents.look() == before

    def test_people_without_an_account_are_named(self) -> None:
        opened = session.open("contoso")
        with pytest.raises(ConfigurationError, match=r"^people: found nobody@contoso\.example; expected addresses"):
            opened.consents.plan(opened.consents.look(), people="nobody@contoso.example")

    def test_granting_takes_its_own_option(self) -> None:
        done = mailauth("consent", "--tenant", "fabrikam", "--apply")
        assert (done.returncode, "go with --grant" in done.stderr) == (2, True)

    def test_the_notebook_grants_and_takes_back_what_its_receipt_says(self, tmp_path: Path) -> None:
        before = session.open("fabrikam").consents.look()
        folder = str(tmp_path)
        shown = stepped(tenant="fabrikam", out=folder, apply=True)
        assert "POP.AccessAsUser.All is granted for everybody" in shown
        [receipt] = tmp_path.glob("fabrikam/receipts/*.jsonl")
        record = json.loads((tmp_path / "fabrikam" / "evidence" / "30-consent.json").read_text(encoding="utf-8"))
        assert [step["outcome"] for step in record["data"]["plan"]["steps"]] == ["done", "done"]
        assert Path(record["data"]["plan"]["receipt"]).name == receipt.name
        assert "Undo: Consent for mail in fabrikam: done" in stepped(
            tenant="fabrikam", out=folder, apply=True, undo=str(receipt)
        )
        assert session.open("fabrikam").consents.look() == before

    def test_an_app_that_was_registered_by_hand_is_consented_to_for_both_flows_and_back(self, tmp_path: Path) -> None:
        opened = session.open("adatum", out=str(tmp_path))
        with registered(opened) as client_id:
            flows = (Flow(kind="interactive"), Flow(kind="managed-identity"))
            app = MailApp(name="by hand", client_id=client_id, flows=flows)
            run = Run(opened.configuration, replace(opened.tenant, mail_apps=(app,)), tmp_path, tell=lambda _: None)
            before = run.consents.look()
            change = run.consents.plan(before)
            receipt = run.carry_out(change, apply=True)
            after = run.consents.look()
            # What the sign-in itself added to the operator's app stands before these, where it added anything.
            became = {entry.step: (entry.outcome, entry.said) for entry in receipt.entries}
            assert [became[step.id] for step in change.steps] == [("done", "")] * 5
            assert worst(after.checks) == "ok"
            assert run.consents.plan(after).steps == ()
            assert run.take_back(receipt.where, apply=True).whole
            assert run.consents.look() == before


@contextmanager
def registered(run: Run) -> Iterator[str]:
    """Give the client id of an app that somebody registers in the portal, once the directory shows it."""
    scopes = [f"{run.tenant.cloud.graph}/Application.ReadWrite.All"]
    with Graph(run.tenant.cloud, run.operator(), scopes=scopes) as graph:
        made = graph.post("/v1.0/applications", {"displayName": "By hand", "signInAudience": "AzureADMyOrg"})
        path = f"/v1.0/applications/{made['id']}"
        until = time.monotonic() + 60
        while not shows(graph, path) and time.monotonic() < until:
            time.sleep(0.2)
        yield str(made["appId"])
        graph.delete(path)


def shows(graph: Graph, path: str) -> bool:
    try:
        return bool(graph.get(path))
    except SourceError:
        return False


def stepped(**parameters: object) -> str:
    """Return the text that notebook 30 shows when a person steps through it."""
    # nbformat gives this function no types.
    read: Callable[..., Any] = nbformat.read
    book = read(ROOT / "notebooks" / "30-consent.ipynb", as_version=4)
    given = next(cell for cell in book.cells if "parameters" in cell.metadata.get("tags", []))
    given.source += "".join(f"\n{name} = {value!r}" for name, value in parameters.items())
    NotebookClient(book, timeout=120, resources={"metadata": {"path": str(ROOT / "notebooks")}}).execute()
    outputs = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    return "\n".join(output.data["text/plain"] for output in outputs if "data" in output)

"""From a tenant that has nothing, through 20, 30 and 40, to mailboxes that open by all three protocols, and back."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import papermill
import pytest
from ruamel.yaml import YAML

from mailauth import session, tenants
from mailauth.services import identity
from mailauth.session import Run
from mailauth.tenants import Admin
from practice import cloud, credentials
from practice import tenants as stories
from practice.cloud import Cloud
from practice.home import Home
from tests.practice import mailing, tokens

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
ORDERS, PRINTER = "orders@adatum.example", "printer@adatum.example"
DOORS = [("imap", ORDERS), ("pop", ORDERS), ("smtp", PRINTER)]
SCOPES = "IMAP.AccessAsUser.All POP.AccessAsUser.All SMTP.Send"


class Road:
    """The notebooks on the practice tenant that has not begun."""

    def __init__(self, practice: Cloud, folder: Path) -> None:
        self.practice = practice
        self.folder = folder

    def run(self, notebook: str, **parameters: Any) -> None:
        """Run a notebook."""
        given = {"tenant": "adatum", "config": str(self.folder / "tenants.yaml"), "out": str(self.folder / "reports")}
        path, parameters = str(NOTEBOOKS / f"{notebook}.ipynb"), {**given, **parameters}
        papermill.execute_notebook(path, None, parameters=parameters, progress_bar=False, cwd=str(NOTEBOOKS.parent))

    def left(self, number: str) -> dict[str, Any]:
        """Return the evidence that a notebook left."""
        [path] = (self.folder / "reports" / "adatum" / "evidence").glob(f"{number}-*.json")
        record: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return record

    def opened(self) -> Run:
        """Return the tenant as its file has it now."""
        configuration = tenants.load(self.folder / "tenants.yaml")
        tenant = configuration.tenant("adatum")
        return session.Run(configuration, tenant, self.folder / "reports" / "adatum", tell=lambda _: None)

    def receipts(self) -> list[Path]:
        return sorted((self.folder / "reports" / "adatum" / "receipts").glob("*.jsonl"))

    def held(self) -> tuple[dict[str, Any], list[str], int, int]:
        """Return what Exchange holds, the apps, and how many grants of either kind."""
        with self.practice.states.reading("adatum") as tenant:
            here = tenant.directory
            exchange = tenant.exchange.model_dump()
            # Nothing takes that back, and the plan says so.
            exchange["dehydrated"] = True
            apps = [one.display_name for one in here.applications]
            return exchange, apps, len(here.grants), len(here.app_role_assignments)

    def let_in(self, protocol: str, address: str, token: str) -> bool:
        said, then = mailing.sign_in(self.practice, protocol, address, token)
        return said.startswith(("OK", "+OK", "235")) and then.startswith(("OK", "+OK", "250"))

    def app_token(self) -> str:
        """Return a token that Entra gives the app for its certificate."""
        tenant = self.opened().tenant
        app = tenant.mail_apps[0]
        [flow] = [flow for flow in app.flows if flow.certificate]
        who = Admin(flow="certificate", client_id=app.client_id, certificate=flow.certificate, password=flow.password)
        signed = identity.credential(who, tenant_id=tenant.tenant_id, cloud=tenant.cloud, attended=False)
        return signed.get_token(f"{tenant.cloud.mail_resource}/.default").token

    def person_token(self, account: str) -> str:
        """Return a token that somebody signed in for, through the app."""
        client_id = self.opened().tenant.mail_apps[0].client_id
        with self.practice.states.reading("adatum") as tenant:
            person = tenant.directory.user(account)
            assert person is not None
            return tokens.of_person(self.practice.backend, tenant, person, SCOPES, appid=client_id)


@pytest.fixture
def road(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "home"))
    given = credentials.kept(tmp_path / "keys", ["adatum"])["adatum"]
    with cloud.start([stories.build("adatum", datetime.now(UTC), given)]) as practice:
        content = {"clouds": {"practice": practice.entry()}, "tenants": [stories.entry("adatum", "logs")]}
        with (tmp_path / "tenants.yaml").open("w", encoding="utf-8") as text:
            YAML(typ="safe", pure=True).dump(content, text)
        yield Road(practice, tmp_path)


@pytest.mark.parametrize("smtp", ["consent", pytest.param("rbac", marks=pytest.mark.full)])
def test_an_app_that_acts_as_itself_is_let_in_everywhere_and_the_undo_leaves_nothing(road: Road, smtp: str) -> None:
    before = road.held()
    road.run("20-register-app", apply=True, flow="app-only", smtp=smtp)
    road.run("30-consent", apply=True)
    road.run("40-grant-mailboxes", apply=True, everywhere=True)
    token = road.app_token()
    assert [door for door in DOORS if not road.let_in(*door, token)] == []
    for receipt in reversed(road.receipts()):
        done = road.opened().take_back(receipt, apply=True)
        assert done.whole, done.entries
    assert [door for door in DOORS if road.let_in(*door, token)] == []
    assert road.held() == before


@pytest.mark.full
def test_people_are_let_in_everywhere_with_their_own_rights(road: Road) -> None:
    road.run("20-register-app", apply=True, flow="delegated", clients="program")
    road.run("30-consent", apply=True)
    road.run("40-grant-mailboxes", apply=True)
    program, printer = road.person_token("order.program@adatum.example"), road.person_token(PRINTER)
    assert road.let_in("imap", ORDERS, program)
    assert road.let_in("pop", ORDERS, program)
    assert road.let_in("smtp", PRINTER, printer)


def test_a_workshop_that_nobody_enters_at_weekends_is_seen_whole_and_nothing_stands_against_its_pilot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "home"))
    with cloud.start(home=tmp_path) as practice:
        home = Home(tmp_path, practice)
        home.refresh()
        assert home.move("adatum", "printer") == ""
        road = Road(practice, tmp_path)
        road.run("10-find-basic-auth")
        (people,) = [each for each in road.left("10")["coverage"] if each["what"] == "non-interactive sign-ins"]
        assert people["reason"] == "No record on Saturdays and Sundays, as in every week held."
        assert (people["state"], road.left("10")["data"]["missing_days"]) == ("complete", [])
        road.run("60-close-basic")
        pilot, tenant = road.left("60")["data"]["waves"]
        assert (pilot["stage"], pilot["refusals"]) == ("policy", [])
        assert [each["kind"] for each in tenant["refusals"]] == ["wave"]

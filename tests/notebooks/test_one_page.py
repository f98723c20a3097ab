"""Notebook 90 run headless: one page from what lies in the folder, and every part of it says whether anybody looked."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import papermill
import pytest

from mailauth.views import pages
from tests import exported

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = "<img src=x onerror=alert(1)>\u202e"


def log(folder: Path) -> Path:
    """Write the sign-ins of a scanner and of a name that means harm of twelve days, and return a tenants file."""
    now = datetime.now(UTC)
    days = [now - timedelta(days=ago) for ago in range(1, 13)]
    people = ("scanner@contoso.example", f"{HOSTILE}@contoso.example")
    rows = [
        exported.graph(
            number,
            createdDateTime=f"{day:%Y-%m-%dT%H:%M:%S}Z",
            userPrincipalName=who,
            userId=f"{people.index(who):036}",
        )
        for number, (day, who) in enumerate(((day, who) for day in days for who in people), 1)
    ]
    folder.joinpath("log.json").write_text(json.dumps({"value": rows}), encoding="utf-8")
    config = folder / "tenants.yaml"
    text = f"tenants:\n  - {{name: contoso, tenant_id: {exported.TENANT}, signin_logs: [{{files: log.json}}]}}\n"
    config.write_text(text, encoding="utf-8")
    return config


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the notebook as papermill leaves it, and the record that it keeps."""
    folder = tmp_path_factory.mktemp("ninety")
    given = {"config": str(log(folder)), "out": str(folder / "out"), "tenant": "contoso"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAILAUTH_HOME", str(folder / "home"))
        notebook = ROOT / "notebooks" / "90-tenant-report.ipynb"
        done = papermill.execute_notebook(str(notebook), None, parameters=given, progress_bar=False, cwd=str(ROOT))
    kept = folder / "out" / "contoso" / "evidence" / "90-tenant-report.json"
    return done, json.loads(kept.read_text(encoding="utf-8"))


def test_the_page_begins_with_the_sentence_of_the_record(run: Any) -> None:
    done, record = run
    sentence = "".join(part if isinstance(part, str) else part["value"] for part in record["data"]["state"]["sentence"])
    page = pages.render(done, tenant="contoso")
    assert sentence in re.sub(r"<[^>]+>", "", page)
    assert page.index('class="lead"') < page.index("<h2") < page.index('id="part-for-the-engineer"')


def test_what_no_notebook_has_looked_at_says_so(run: Any) -> None:
    page = pages.render(run[0])
    for words in (
        "It is unknown when the apps&#x27; credentials end",
        "It is unknown what the apps can open",
        "not looked at, notebook 40 has left no evidence here",
        "This is the first look",
    ):
        assert words in page


def test_a_name_from_the_log_is_text_on_the_page(run: Any) -> None:
    page = pages.render(run[0])
    assert "<img src=x" not in page
    assert "\u202e" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page

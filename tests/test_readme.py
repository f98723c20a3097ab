"""What the README, the examples and the notebooks promise, held against what is there."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import msal
import pytest
import requests
import trustme

from mailauth import session

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLE = (ROOT / "tenants.example.yaml").read_text(encoding="utf-8")


def prose(notebook: str) -> str:
    cells = json.loads((ROOT / "notebooks" / f"{notebook}.ipynb").read_text(encoding="utf-8"))["cells"]
    return " ".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown").replace("\n", " ")


@pytest.mark.parametrize("variable", ["MAILAUTH_HOME", "MAILAUTH_PRACTICE_HOME"])
def test_where_things_are_kept_can_be_found_out(variable: str) -> None:
    assert variable in README


@pytest.mark.parametrize("extra", ["kusto", "keyring"])
def test_what_is_not_installed_by_default_is_installed_in_one_way(extra: str) -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        [wanted] = tomllib.load(file)["project"]["optional-dependencies"][extra]
    command = f".venv/bin/python -m pip install {re.split('[><=]', wanted)[0]}"
    assert command in README
    assert command in EXAMPLE


def test_no_document_sends_anybody_to_a_notebook_that_is_not_written() -> None:
    there = {path.name[:2] for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert set(re.findall(r"[Nn]otebook (\d\d)", README + EXAMPLE)) <= there


def test_the_first_steps_with_ones_own_tenant_end_well_when_followed(tmp_path: Path) -> None:
    copied, edited, checked = (README.index(step) for step in ("cp tenants.example", "EDITOR", "mailauth check"))
    assert copied < edited < checked
    # What is left when all but the first example is removed.
    kept = EXAMPLE[: EXAMPLE.index("  # Everything that can be said of a tenant.")]
    (tmp_path / "tenants.yaml").write_text(kept, encoding="utf-8")
    command = [sys.executable, "-m", "mailauth", "check", "--config", "tenants.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, "WRONG" in done.stdout) == (0, False), done.stdout + done.stderr


def test_notebook_00_says_what_not_configured_means_and_10_promises_no_link() -> None:
    assert "**Expect** `ok` in every row." not in prose("00-start")
    assert "*Not configured* means" in prose("00-start")
    assert "which the link opens" not in prose("10-find-basic-auth")


def test_the_path_that_notebook_00_leaves_is_text(tmp_path: Path) -> None:
    cells = json.loads((ROOT / "notebooks" / "00-start.ipynb").read_text(encoding="utf-8"))["cells"]
    [last] = [cell for cell in cells if "run.keep_start(" in "".join(cell["source"])]
    run = session.open("northwind", out=str(tmp_path))
    names: dict[str, object] = {"session": session, "run": run, "checks": (), "way": run.signing_in.road()}
    assert eval("".join(last["source"]), names) == str(run.folder / "evidence" / "00-start.json")
    # What the road lacks is a thing to do in 90, so it is kept too.
    kept = json.loads((run.folder / "evidence" / "00-start.json").read_text("utf-8"))["data"]["checks"]
    assert [each["name"] for each in kept] == ["role in Exchange"]


def test_msal_signs_in_to_the_practice_cloud_as_the_readme_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tenant = session.open("contoso").tenant
    assert "`instance_discovery=False`" in README
    assert "`REQUESTS_CA_BUNDLE` in the environment overrides `verify=`" in README.replace("\n", " ")

    def asked() -> object:
        authority = f"{tenant.cloud.login}/{tenant.tenant_id}"
        app = msal.PublicClientApplication(
            "any", authority=authority, instance_discovery=False, verify=str(tenant.cloud.ca_file)
        )
        return app.initiate_device_flow(["User.Read"])

    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(variable, raising=False)
    assert asked()
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other))
    with pytest.raises(requests.exceptions.SSLError):
        asked()

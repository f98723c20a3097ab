"""`mailauth prove` on the practice tenants: contoso has no cause, fabrikam has its own, adatum has no app yet."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mailauth import cli


def proven(tenant: str, folder: Path) -> tuple[int, list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the exit status, the attempts and the coverage."""
    asked = ["prove", "--tenant", tenant, "--out", str(folder), "--json"]
    done = CliRunner().invoke(cli.commands, asked, standalone_mode=False)
    if done.exception:
        raise done.exception
    record = json.loads(done.stdout)
    return done.return_value, record["data"]["attempts"], record["coverage"]


def test_contoso_works_everywhere_and_no_cause_is_named(tmp_path: Path) -> None:
    status, attempts, coverage = proven("contoso", tmp_path)
    tried = [each for each in attempts if each["outcome"] != "skipped"]
    assert status == 0
    assert {each["outcome"] for each in tried} == {"ok"}
    assert {each["mailbox"] for each in tried} == {each["mailbox"] for each in attempts}
    assert [each["causes"] for each in attempts if each["causes"]] == []
    assert coverage == []


@pytest.mark.parametrize(
    ("protocol", "flow", "first"),
    [
        ("smtp", "certificate", "I2"),
        ("imap", "certificate", "I2"),
        ("pop", "certificate", "G6"),
        ("imap", "secret", "AADSTS7000222"),
    ],
)
def test_fabrikams_refusals_lead_to_what_is_wrong_with_it(protocol: str, flow: str, first: str, tmp_path: Path) -> None:
    status, attempts, coverage = proven("fabrikam", tmp_path)
    found = [each for each in attempts if (each["protocol"], each["flow"]) == (protocol, flow)]
    assert status == 1
    assert found
    assert {each["outcome"] for each in found} == {"no_token" if flow == "secret" else "refused"}
    assert {each["causes"][0]["id"] for each in found} == {first}
    assert {each["state"] for each in coverage} == {"complete"}


def test_adatum_has_no_app_yet_and_is_told_where_to_begin(tmp_path: Path) -> None:
    status, attempts, _ = proven("adatum", tmp_path)
    assert status == 1
    assert {each["outcome"] for each in attempts} == {"no_token"}
    assert {each["no_token"]["code"] for each in attempts} == {"not_registered"}
    assert all("notebook 20" in each["no_token"]["said"] for each in attempts)

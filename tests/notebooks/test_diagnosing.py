"""Notebook 80 run headless, as a report runs it: each kind of text, and no secret in anything that the run leaves."""

import json
from pathlib import Path

import pytest

from mailauth import fleet
from tests import leaks
from tests.test_pasted import SASL, SEED, TOKEN
from tests.test_session_diagnoses import ANSWER, CANARIES, EVERYTHING, HOSTILE, REFUSED

ROOT = Path(__file__).resolve().parents[2]
TENANT = {"name": "woodgrove", "tenant_id": "11111111-1111-1111-1111-111111111111"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder where everything that a kernel keeps stays as well."""
    for name in ("MAILAUTH_HOME", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "TMPDIR"):
        place = tmp_path / name.lower()
        place.mkdir()
        monkeypatch.setenv(name, str(place))
    (tmp_path / "tenants.yaml").write_text(json.dumps({"tenants": [TENANT]}), encoding="utf-8")
    return tmp_path


def ran(folder: Path, **parameters: object) -> str:
    """Run the notebook as `report` does, and return its page."""
    out = folder / "out"
    job = fleet.Job(
        "woodgrove",
        str(folder / "tenants.yaml"),
        str(out),
        str(ROOT),
        notebooks=("80-diagnose",),
        parameters=parameters,
    )
    assert fleet.work(job).assessed
    return (out / "woodgrove" / "80-diagnose.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param(REFUSED, "The app has no FullAccess on this mailbox", id="a server's line"),
        pytest.param(ANSWER, "AADSTS7000215", id="a message of Entra's"),
        pytest.param(TOKEN, "The token is for Microsoft Graph", id="a token"),
    ],
)
def test_it_says_what_is_behind_it(text: str, shown: str, folder: Path) -> None:
    page = ran(folder, pasted=text)
    assert shown in page
    assert leaks.search(CANARIES, folders=[folder / "out"]) == []
    record = json.loads((folder / "out" / "woodgrove" / "evidence" / "80-diagnose.json").read_text(encoding="utf-8"))
    assert record["schema"] == "mailauth/diagnosis/1"


def test_where_nothing_was_pasted_nothing_is_kept(folder: Path) -> None:
    assert "Nothing was pasted" in ran(folder)
    left = {path.name for path in (folder / "out" / "woodgrove").rglob("80-*")}
    assert left == {"80-diagnose.html", "80-diagnose.ipynb"}


def test_a_transcript_full_of_secrets_leaves_none_in_any_file(folder: Path) -> None:
    path = folder / "transcript.log"
    path.write_text(EVERYTHING, encoding="utf-8")
    page = ran(folder, file=str(path))
    assert "Get-IMAPAccessToken.ps1" in page
    assert leaks.search(CANARIES, folders=[folder], besides=[path]) == []


def test_secrets_in_the_parameter_are_in_no_file_and_are_warned_of(folder: Path) -> None:
    page = ran(folder, pasted=f"{SEED}\n{SASL}\n{EVERYTHING}")
    assert "A secret stands in this notebook" in page
    assert leaks.search(CANARIES, folders=[folder]) == []


def test_hostile_text_is_safe_in_the_page(folder: Path) -> None:
    path = folder / "hostile.log"
    path.write_text(HOSTILE, encoding="utf-8")
    page = ran(folder, file=str(path))
    assert "<script>alert(1)" not in page
    assert not {"\x00", "\x1b", "\u202e"} & set(page)
    assert len(page) < 2_000_000

"""Scripts kept beside the evidence, and shown."""

import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mailauth import clouds
from mailauth.errors import MailauthError
from mailauth.session import scripts
from mailauth.tenants import Tenant
from mailauth.views import scripts as shown
from tests import planned, powershell_grammar


def test_a_plan_is_kept_with_what_takes_it_back(tmp_path: Path) -> None:
    kept = scripts.keep(tmp_path, planned.whole())
    assert kept.script == tmp_path / "scripts" / f"{planned.PLAN_ID}.ps1"
    assert kept.undo == tmp_path / "scripts" / f"{planned.PLAN_ID}-undo.ps1"
    for path, text in ((kept.script, kept.text), (kept.undo, kept.undo_text)):
        assert path.read_bytes() == b"\xef\xbb\xbf" + text.encode()
        powershell_grammar.parse(path.read_text(encoding="utf-8-sig"))


def test_a_plan_kept_again_gives_the_same_files(tmp_path: Path) -> None:
    assert scripts.keep(tmp_path, planned.whole()) == scripts.keep(tmp_path, planned.whole())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps no such mode")
def test_only_its_owner_can_read_a_script(tmp_path: Path) -> None:
    assert stat.S_IMODE(scripts.keep(tmp_path, planned.whole()).script.stat().st_mode) == 0o600


def test_lines_end_as_windows_ends_them(tmp_path: Path) -> None:
    written = scripts.keep(tmp_path, planned.whole()).script.read_bytes()
    assert written.count(b"\n") == written.count(b"\r\n")


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "a.b", "a\x00b"], ids=ascii)
def test_an_id_that_walks_away_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(MailauthError, match=r"^plan id: found .*; expected letters, digits and hyphens\.$"):
        scripts.keep(tmp_path, replace(planned.whole(), id=name))


def test_the_collector_is_kept_as_well(tmp_path: Path) -> None:
    tenant = Tenant(name="woodgrove", tenant_id=planned.TENANT_ID, cloud=clouds.built_in()["public"])
    kept = scripts.collecting(tmp_path, tenant, mailboxes=("ada@woodgrove.example",), now=planned.NOW)
    assert kept.script == tmp_path / "scripts" / "collect.ps1"


def test_a_script_is_shown_folded_under_its_name_and_escaped() -> None:
    view = shown.script("# <b>\r\nGet-Thing\r\n", "x.ps1")
    assert "<summary>x.ps1 (2 lines)</summary>" in view.html()
    assert "# &lt;b&gt;\nGet-Thing" in view.html()
    assert "\u240d" not in view.html()


def test_both_scripts_are_shown_with_their_files(tmp_path: Path) -> None:
    kept = scripts.keep(tmp_path, planned.whole())
    assert kept.undo is not None
    stack = shown.kept(kept.text, kept.script, kept.undo_text, kept.undo)
    pages = [view.html() for view in stack.views]
    assert f"Kept as {kept.script}." in pages[0]
    assert f"Kept as {kept.undo}." in pages[1]

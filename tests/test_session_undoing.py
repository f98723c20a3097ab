"""session: what is taken back twice is taken back once."""

from pathlib import Path

import pytest

from mailauth import tenants
from tests.registering import desk


@pytest.mark.parametrize("credential", ["certificate", "secret"])
def test_what_is_gone_with_the_app_that_held_it_is_taken_back_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, credential: str
) -> None:
    with desk(tmp_path, monkeypatch) as at:
        part = at.registering
        wanted = part.wanted("Mail", flow="app-only", credential=credential)
        found = part.look(wanted)
        place = part.place(found, wanted)
        receipt = part.apply(part.plan(found, wanted, place), found, wanted, place, apply=True)
        first = at.run.take_back(receipt.where, apply=True)
        second = at.run.take_back(receipt.where, apply=True)
        assert [entry.outcome for entry in first.entries] == ["done"] * 3
        assert [entry.outcome for entry in second.entries] == ["already"] * 3
        assert second.whole
        assert tenants.load(at.file).tenant("woodgrove").mail_apps == ()

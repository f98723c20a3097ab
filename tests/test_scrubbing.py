"""What is given away of a notebook that was run: nothing secret that somebody typed or passed into its first cell."""

from typing import Any

import pytest

from mailauth.views import scrubbing
from tests import leaks
from tests.test_pasted import SASL, SECRET, TOKEN

CANARIES = {"signature": TOKEN.rpartition(".")[2], "secret": SECRET}
TYPED = f'"""A1 AUTHENTICATE XOAUTH2 {SASL}\nclient_secret={SECRET}\nA1 NO AUTHENTICATE failed."""'


def notebook(tag: str, source: str) -> dict[str, Any]:
    cell = {"cell_type": "code", "metadata": {"tags": [tag]}, "source": source, "outputs": []}
    return {"metadata": {"papermill": {"parameters": {}}, "widgets": {"state": TOKEN}}, "cells": [cell]}


@pytest.mark.parametrize("tag", ["parameters", "injected-parameters"])
def test_no_secret_of_what_was_pasted_into_the_first_cell_stays(tag: str) -> None:
    source = f'tenant = "woodgrove"\npasted = {TYPED}  # a line or a message\nlook = False'
    clean = scrubbing.scrub(notebook(tag, source))
    assert leaks.search(CANARIES, texts={"notebook": repr(clean)}) == []
    [cell] = clean["cells"]
    assert "A1 NO AUTHENTICATE failed." in cell["source"]
    assert "look = False" in cell["source"]
    namespace: dict[str, object] = {}
    exec(cell["source"], namespace)
    assert namespace["tenant"] == "woodgrove"


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param(f"pasted = {TOKEN}", id="no quotes"),
        pytest.param(f'pasted = "{TOKEN}', id="one quote"),
        pytest.param(f'pasted = "A1 " + "{TOKEN}"', id="put together"),
    ],
)
def test_what_is_typed_wrong_keeps_no_secret_either(typed: str) -> None:
    clean = scrubbing.scrub(notebook("parameters", f'tenant = ""\n{typed}'))
    assert leaks.search(CANARIES, texts={"notebook": repr(clean)}) == []


def test_what_holds_no_secret_stays_as_it_was_typed() -> None:
    source = 'pasted: str = "535 5.7.3 Authentication unsuccessful"  # a line\nfile: str = ""'
    assert scrubbing.scrub(notebook("parameters", source))["cells"][0]["source"] == source

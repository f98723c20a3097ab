"""What papermill injects is held against what the notebook declares."""

import json
from pathlib import Path

import pytest

from mailauth import parameters
from mailauth.errors import ConfigurationError

DECLARED = (
    'tenant: str = ""  # a name in the tenants file\nconfig: str = "practice"  # the tenants file\ndays: int = 0\n'
)


def test_declared_reads_names_and_literals() -> None:
    assert parameters.declared(DECLARED) == {"tenant": "", "config": "practice", "days": 0}


def test_a_known_parameter_passes() -> None:
    parameters.refuse_unknown(["", DECLARED, '# Parameters\ntenant = "contoso"\n', "1 + 1"])


def test_a_run_without_injected_parameters_passes() -> None:
    parameters.refuse_unknown(["", DECLARED, "1 + 1"])


def test_a_misspelt_parameter_is_named_with_the_nearest_one() -> None:
    with pytest.raises(
        ConfigurationError, match=r"no parameter 'tennant'; it has tenant, config, days\. Did you mean 'tenant'\?"
    ):
        parameters.refuse_unknown(["", DECLARED, '# Parameters\ntennant = "contoso"\n'])


OWN = 'tenant: str = ""  # a name\nconfig: str = "practice"\nout: str = "reports"\napp: str = ""\napply: bool = False\n'


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        pytest.param('tenannt = "fabrikam"', "no parameter 'tenannt'; it has .* Did you mean 'tenant'", id="added"),
        pytest.param('tenannt: str = "fabrikam"', "Did you mean 'tenant'", id="added with a type"),
        pytest.param("aply = True", "Did you mean 'apply'", id="a switch"),
    ],
)
def test_a_line_that_a_person_misspells_is_named_wherever_it_stands_in_the_cell(line: str, complaint: str) -> None:
    for cell in (f"{OWN}{line}\n", f"{line}\n{OWN}"):
        with pytest.raises(ConfigurationError, match=complaint):
            parameters.refuse_unknown(["", "%magic is no Python", cell])


def test_a_misspelling_that_was_mended_passes() -> None:
    parameters.refuse_unknown(["", f"{OWN}tenannt = 1", OWN, "1 + 1"])


@pytest.mark.parametrize("line", ['tenant = "fabrikam"', "colour = len('x')", "first, second = 1, 2", "out += '2'"])
def test_a_line_of_ones_own_passes(line: str) -> None:
    parameters.refuse_unknown(["", f"{OWN}{line}\n"])


@pytest.mark.parametrize(
    "book", sorted(Path(__file__).parents[1].glob("notebooks/*.ipynb")), ids=lambda path: path.stem
)
def test_no_parameter_of_a_notebook_is_taken_for_another(book: Path) -> None:
    cells = json.loads(book.read_text(encoding="utf-8"))["cells"]
    own = ["".join(cell["source"]) for cell in cells if "parameters" in cell["metadata"].get("tags", ())]
    assert len(own) == 1
    parameters.refuse_unknown(["", *own])


@pytest.mark.parametrize(
    ("cell", "complaint"),
    [
        pytest.param("days = 1 +", "line 1: not Python", id="broken"),
        pytest.param("days = len('x')", "parameter days: found \"len\\('x'\\)\"; expected a literal", id="computed"),
    ],
)
def test_a_cell_that_is_no_list_of_literals_is_refused(cell: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        parameters.declared(cell)

"""What papermill injects is held against what the notebook declares."""

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

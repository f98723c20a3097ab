"""What a manager reads first: true for the tenant at hand, and no more than that."""

from typing import Any

import pytest

from mailauth.views import runbook
from tests import case_invented
from tests.case_invented import SCANNER


def lines(**mailers: dict[str, Any]) -> dict[str, str]:
    """Return the further sentences of the first screen, by their bold words."""
    rows = [case_invented.mail(user, ago=ago, **more) for user, more in mailers.items() for ago in range(1, 9)]
    return dict(runbook.first_screen(case_invented.case(rows)).lines)


@pytest.mark.parametrize(
    ("mailers", "said", "unsaid"),
    [
        pytest.param({SCANNER: {}}, "mail from the senders with a password is refused", "phones", id="a scanner"),
        pytest.param(
            {"ada@woodgrove.example": {"client_app": "Exchange ActiveSync", "step": "certificate"}},
            "mail on the phones with certificates stops with 2026.",
            "password",
            id="a phone",
        ),
    ],
)
def test_if_nothing_is_done_speaks_only_of_what_the_tenant_has(
    mailers: dict[str, dict[str, Any]], said: str, unsaid: str
) -> None:
    told = lines(**mailers)["If nothing is done"]
    assert said in told
    assert unsaid not in told


def test_a_tenant_without_senders_is_told_of_no_loss() -> None:
    assert "If nothing is done" not in lines()

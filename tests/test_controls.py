from typing import Any

import pytest

from mailauth.views import controls
from mailauth.views.controls import Choice, Filter, filtered
from tests import views_invented as world

DORA, SCANNER, ERP, ATTACK = world.GROUPS


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        pytest.param(Choice(), world.GROUPS, id="everything"),
        pytest.param(Choice(protocol="IMAP"), (DORA,), id="protocol"),
        pytest.param(Choice(user=" ERP@"), (ERP,), id="part of the account, any case"),
        pytest.param(Choice(app="invoi"), (ERP,), id="part of the app's name"),
        pytest.param(Choice(app="22222222-2222-2222-2222-222222222222"), (ERP,), id="the app's id"),
        pytest.param(Choice(result="went through"), (DORA, SCANNER, ERP), id="successes"),
        pytest.param(Choice(result="refused"), (SCANNER, ATTACK), id="failures"),
        pytest.param(Choice(result="right password, stopped"), (), id="none"),
        pytest.param(Choice(interactive="interactive"), (DORA, ERP), id="interactive, both included"),
        pytest.param(Choice(interactive="not interactive"), (SCANNER, ERP, ATTACK), id="not interactive"),
        pytest.param(Choice(attacks=False), (DORA, SCANNER, ERP), id="without attacks"),
    ],
)
def test_the_filter_lets_pass_what_was_chosen(choice: Choice, wanted: tuple[object, ...]) -> None:
    assert filtered(world.GROUPS, choice) == wanted


def test_a_choice_that_does_not_exist_is_refused_by_name() -> None:
    sent: Any = "success"
    with pytest.raises(ValueError, match="result: found 'success'; expected one of any, went through"):
        Choice(result=sent)


def test_the_widgets_start_from_the_choice_and_say_it_back() -> None:
    choice = Choice(protocol="IMAP", user="dora", result="went through", interactive="interactive", attacks=False)
    assert controls._Panel(Filter(world.GROUPS, choice)).choice() == choice


def test_turning_a_widget_and_choosing_headless_give_the_same_rows_and_numbers() -> None:
    panel = controls._Panel(Filter(world.GROUPS))
    panel.fields["protocol"].unobserve_all()
    panel.fields["protocol"].value = "SMTP AUTH"
    turned = Filter(world.GROUPS).table(panel.choice())
    headless = Filter(world.GROUPS, Choice(protocol="SMTP AUTH")).table()
    assert turned == headless
    assert "3 groups of 2 accounts, 0 of them urgent. Sign-ins: 71 went through" in headless.note


def test_a_choice_that_nobody_fits_speaks_of_the_records_that_were_read() -> None:
    assert Filter(world.GROUPS).table(Choice(user="zoe")).empty == "Nobody in the records that were read."

"""Fixtures of the mail servers' tests: one cloud a module, the tenant in order before each test."""

from collections.abc import Iterator

import pytest

from practice import cloud
from practice.limits import MailLimits
from tests.practice import mailing
from tests.practice.woodgrove import TENANT, Woodgrove, woodgrove


@pytest.fixture(scope="module")
def practice() -> Iterator[cloud.Cloud]:
    with cloud.start([]) as up:
        yield up


@pytest.fixture
def letters() -> list[str]:
    """What Ada's inbox holds beside the message that it always has; a module may have its own."""
    return []


@pytest.fixture
def served(practice: cloud.Cloud, letters: list[str]) -> Iterator[Woodgrove]:
    """The tenant, in order; `mailing.changing` changes it."""
    made = woodgrove()
    made.ada_box.messages += letters
    # Passwords are tried here, also after the day on which Microsoft turns them off.
    made.estate.tenant.exchange.basic_smtp = "on"
    practice.states.put(made.estate.tenant)
    # One cloud serves a module: what it remembers of the last test's tenant is not to count in the next one.
    mailing.forget(practice, TENANT)
    yield made
    practice.faults.clear()
    practice.backend.mail = MailLimits()


@pytest.fixture
def token(practice: cloud.Cloud, served: Woodgrove) -> str:
    return mailing.delegated(practice, served)

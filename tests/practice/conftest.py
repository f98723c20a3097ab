"""What tests of the practice Entra share: the tenant, a client's requests to it, a person at a browser."""

from collections.abc import Iterator

import pytest

from tests.practice.asking import Asking
from tests.practice.browsing import Browser
from tests.practice.woodgrove import Woodgrove, running, woodgrove


@pytest.fixture
def made() -> Woodgrove:
    """The tenant before its cloud starts, for what a test changes beforehand."""
    return woodgrove()


@pytest.fixture
def entra(made: Woodgrove) -> Iterator[Asking]:
    """A running cloud that holds *made* alone."""
    with running(made) as practice:
        yield Asking(made, practice)


@pytest.fixture
def browser(entra: Asking) -> Browser:
    """A browser that nobody has signed in to."""
    return Browser(entra.practice)

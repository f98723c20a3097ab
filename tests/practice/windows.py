"""A browser of this machine, as `webbrowser` finds one: it does with an address what a test says."""

import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import requests

from practice.cloud import Cloud
from practice.wellknown import SIGN_IN_WORD
from tests.practice.browsing import Browser, Page, session

__all__ = ["answered", "opening", "person"]


class _Window(webbrowser.BaseBrowser):
    def __init__(self, does: Callable[[str], object]) -> None:
        super().__init__("window")
        self._does = does

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        threading.Thread(target=self._does, args=(url,), daemon=True).start()
        return True


@contextmanager
def opening(does: Callable[[str], object]) -> Iterator[None]:
    """Have addresses opened by *does*, each in a thread of its own as a window would."""
    # What the machine has is looked up first, and put back afterwards; webbrowser takes no name back.
    with suppress(webbrowser.Error):
        webbrowser.get()
    order: list[str] = vars(webbrowser)["_tryorder"]
    known = list(order)
    webbrowser.register("window", None, _Window(does), preferred=True)
    try:
        yield
    finally:
        order[:] = known


def answered(practice: Cloud, address: str, *, who: str, word: str = SIGN_IN_WORD, press: str = "accept") -> Page:
    """Return where somebody ends up who opens an address, signs in and answers whatever is asked."""
    browser = Browser(practice)
    page = browser.sign_in(browser.open(address), who, word)
    while page.status == 200 and (known := {"approve", "accept", "return"} & set(page.buttons)):
        page = browser.press(page, press if "accept" in known else min(known))
    return page


def person(practice: Cloud, who: str, *, press: str = "accept") -> Callable[[str], requests.Response]:
    """Return what a person at this machine does: sign in, answer, and let the page send the answer back here."""

    def does(address: str) -> requests.Response:
        back = answered(practice, address, who=who, press=press)
        return session(practice).post(back.action, data=back.fields, timeout=20)

    return does

"""A person at a browser, over HTTP: opens addresses, reads forms, presses buttons, is led on within the cloud."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

from practice.cloud import Cloud

__all__ = ["Browser", "Page", "session"]


def session(practice: Cloud) -> requests.Session:
    """Return an HTTP session that trusts the cloud and nothing that the environment names."""
    made = requests.Session()
    made.trust_env = False
    made.verify = str(practice.ca_file)
    return made


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.buttons: list[tuple[str, str]] = []
        self.text: list[str] = []
        self._hidden = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self._hidden = tag in ("style", "script")
        if tag == "form":
            self.action = found["action"]
        elif tag == "input" and found.get("type") != "checkbox":
            self.fields[found["name"]] = found.get("value", "")
        elif tag == "button" and "name" in found:
            self.buttons.append((found["name"], found["value"]))

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.text.append(data)


@dataclass
class Page:
    """What the browser shows.

    Args:
        address: Where it is; outside the cloud where a redirect led there.
        status: The HTTP status; 0 outside.
        html: What was sent.
        headers: The answer's headers.
    """

    address: str
    status: int = 0
    html: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The words on it."""
        return " ".join(" ".join(self._read().text).split())

    @property
    def fields(self) -> dict[str, str]:
        """The form's fields."""
        return self._read().fields

    @property
    def buttons(self) -> list[str]:
        """The values of the form's buttons."""
        return [value for _, value in self._read().buttons]

    @property
    def action(self) -> str:
        """Where the form goes."""
        return urljoin(self.address, self._read().action or "")

    @property
    def sent(self) -> dict[str, str]:
        """What a redirect brought along, in the query or the fragment."""
        parts = urlsplit(self.address)
        return {name: values[0] for name, values in parse_qs(parts.query or parts.fragment).items()}

    def _read(self) -> _Forms:
        parser = _Forms()
        parser.feed(self.html)
        return parser


class Browser:
    """A browser with cookies."""

    def __init__(self, practice: Cloud) -> None:
        self._base = practice.base_url
        self._http = session(practice)

    def open(self, address: str) -> Page:
        """Return the page at *address*."""
        return self._follow(self._http.get(urljoin(self._base, address), allow_redirects=False, timeout=20))

    def press(self, page: Page, button: str = "", **filled: str) -> Page:
        """Return the page after filling in *filled* and pressing the button of this value."""
        name = "account" if "account" in page.html and 'name="account"' in page.html else "step"
        pressed = {name: button} if button or name == "account" else {}
        data = {**page.fields, **filled, **pressed}
        return self._follow(self._http.post(page.action, data=data, allow_redirects=False, timeout=20))

    def sign_in(self, page: Page, name: str, password: str) -> Page:
        """Return the page after signing in."""
        return self.press(page, "password", username=name, password=password)

    def _follow(self, answer: requests.Response) -> Page:
        where = answer.headers.get("Location")
        if where is None:
            return Page(answer.url, answer.status_code, answer.text, dict(answer.headers))
        if where.startswith(self._base):
            return self.open(where)
        return Page(where)

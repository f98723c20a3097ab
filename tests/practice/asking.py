"""Requests to the practice Entra as a client without a library would write them."""

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from practice.cloud import Cloud
from practice.state import Directory
from practice.wellknown import SIGN_IN_WORD
from tests.practice.browsing import Browser, Page, session
from tests.practice.woodgrove import DOMAIN, SECRET, TENANT, Woodgrove

__all__ = ["ADA", "ADMIN", "BACK", "IMAP", "OUTLOOK", "VERIFIER", "Asking"]

ADA = f"ada@{DOMAIN}"
ADMIN = f"admin@{DOMAIN}"
BACK = "http://localhost:5000"
OUTLOOK = "https://outlook.office365.com/.default"
IMAP = "https://outlook.office.com/IMAP.AccessAsUser.All"
VERIFIER = "v" * 43


@dataclass
class Asking:
    """A client's requests to one tenant of a running cloud.

    Args:
        made: The tenant, as it was put into the cloud.
        practice: The cloud.
    """

    made: Woodgrove
    practice: Cloud

    def __post_init__(self) -> None:
        self._http = session(self.practice)

    @property
    def directory(self) -> Directory:
        """The directory as it is now, to look at: a copy."""
        with self.practice.states.reading(TENANT) as tenant:
            return tenant.directory.model_copy(deep=True)

    @contextmanager
    def changing(self) -> Iterator[Directory]:
        """Give the directory to a test that breaks something in it; the cloud sees that at once."""
        with self.practice.states.changing(TENANT) as tenant:
            yield tenant.directory

    def token(self, realm: str = TENANT, *, path: str = "oauth2/v2.0/token", **form: str) -> dict[str, Any]:
        """Return the token endpoint's answer, its HTTP status as ``status``."""
        answer = self._http.post(f"{self.practice.base_url}/{realm}/{path}", data=form, timeout=20)
        content: dict[str, Any] = answer.json()
        return {**content, "status": answer.status_code}

    def daemon(self, scope: str = OUTLOOK, **form: str) -> dict[str, Any]:
        """Return what the daemon gets with its secret."""
        sent = {"client_id": self.made.daemon.app_id, "client_secret": SECRET, "scope": scope, **form}
        return self.token(grant_type="client_credentials", **sent)

    def password(
        self, word: str = SIGN_IN_WORD, *, scope: str = f"{IMAP} offline_access", **form: str
    ) -> dict[str, Any]:
        """Return what Ada's password gets."""
        sent = {"client_id": self.made.client.app_id, "username": ADA, "password": word, "scope": scope, **form}
        return self.token(grant_type="password", **sent)

    def claims(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Return what stands in an answer's access token."""
        assert "access_token" in answer, answer
        return self.practice.backend.keys.read(answer["access_token"], self.practice.backend.now())

    def authorize(
        self, browser: Browser, *, realm: str = TENANT, path: str = "oauth2/v2.0/authorize", **query: str
    ) -> Page:
        """Return the page that an authorization request leads to; *query* changes the usual one."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
        usual = {
            "client_id": self.made.client.app_id,
            "response_type": "code",
            "redirect_uri": BACK,
            "scope": f"{IMAP} openid offline_access",
            "state": "of the client",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        sent = {name: value for name, value in {**usual, **query}.items() if value}
        return browser.open(f"/{realm}/{path}?{urlencode(sent)}")

    def code(self, *, name: str = ADA, **query: str) -> str:
        """Return a code for *name*, who has nothing left to answer."""
        browser = Browser(self.practice)
        page = browser.sign_in(self.authorize(browser, **query), name, SIGN_IN_WORD)
        assert "code" in page.sent, page.text or page.sent
        return page.sent["code"]

    def redeem(self, code: str, **form: str) -> dict[str, Any]:
        """Return what *code* gets."""
        sent = {
            "client_id": self.made.client.app_id,
            "code": code,
            "redirect_uri": BACK,
            "code_verifier": VERIFIER,
            **form,
        }
        return self.token(grant_type="authorization_code", **{name: value for name, value in sent.items() if value})

    def refresh(self, token: str, **form: str) -> dict[str, Any]:
        """Return what a refresh token gets."""
        return self.token(grant_type="refresh_token", client_id=self.made.client.app_id, refresh_token=token, **form)

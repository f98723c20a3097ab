"""Calls the practice cloud's Exchange administration the way that public scripts do: one POST a cmdlet."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests

from practice.cloud import Cloud
from tests.practice import tokens
from tests.practice.woodgrove import Woodgrove, running, woodgrove


@dataclass
class Administration:
    """A session with one token.

    Args:
        practice: The cloud.
        made: The tenant that it holds.
        session: Trusts the cloud's certificate.
        token: The bearer token that it sends.
    """

    practice: Cloud
    made: Woodgrove
    session: requests.Session
    token: str = field(repr=False)

    @property
    def address(self) -> str:
        """Where cmdlets are invoked."""
        return f"{self.practice.base_url}/exchange/adminapi/beta/{self.made.estate.tenant.tenant_id}/InvokeCommand"

    def ask(
        self, cmdlet: str, parameters: dict[str, Any] | None = None, *, url: str = "", **headers: str
    ) -> requests.Response:
        """Return the answer to a call; *headers* are further ones, with underscores for hyphens."""
        sent = {
            "Authorization": f"Bearer {self.token}",
            "X-AnchorMailbox": f"UPN:{self.made.admin.user_principal_name}",
            "X-CmdletName": cmdlet,
            "X-ResponseFormat": "json",
            "X-SerializationLevel": "Partial",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        content: dict[str, Any] = {"CmdletInput": {"CmdletName": cmdlet, "Parameters": parameters or {}}}
        return self.session.post(url or self.address, json=content, headers=sent, timeout=30)

    def answer(self, cmdlet: str, **parameters: Any) -> dict[str, Any]:
        """Return what a call that works answers."""
        answer = self.ask(cmdlet, parameters)
        assert answer.status_code == 200, answer.text
        content: dict[str, Any] = answer.json()
        return content

    def rows(self, cmdlet: str, **parameters: Any) -> list[dict[str, Any]]:
        """Return the rows of a call that works."""
        found: list[dict[str, Any]] = self.answer(cmdlet, **parameters)["value"]
        return found

    def warnings(self, cmdlet: str, **parameters: Any) -> list[str]:
        """Return the warnings of a call that works."""
        found: list[str] = self.answer(cmdlet, **parameters)["@adminapi.warnings"]
        return found

    def refusal(self, cmdlet: str, **parameters: Any) -> str:
        """Return the exception's type and text of a call that is refused."""
        answer = self.ask(cmdlet, parameters)
        assert answer.status_code in (400, 404), answer.text
        inner = answer.json()["error"]["innererror"]["internalexception"]
        return f"{inner['type']}: {inner['message']}"


@contextmanager
def administering(made: Woodgrove | None = None) -> Iterator[Administration]:
    """Give the administration of a practice cloud, with the global administrator's token."""
    tenant = made or woodgrove()
    with running(tenant) as practice, requests.Session() as session:
        session.trust_env = False
        session.verify = str(practice.ca_file)
        token = tokens.of_person(practice.backend, tenant.estate.tenant, tenant.admin, "Exchange.Manage")
        yield Administration(practice, tenant, session, token)

"""What a person enters where, to take a sender off its password: texts from the facts, values from the tenant.

No password and no secret is among them: these stand in letters.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from . import clouds, kinds, reference
from .phrases import Named, Phrase, Value, joined, phrase, words
from .shapes import Word
from .tenants import Tenant

__all__ = ["Setting", "Settings", "of"]

_FACTS: Final = reference.table("moving")
_PUBLIC: Final = clouds.built_in()["public"].mail_resource
_PERSONAL: Final = ("phone", "mail client")


@dataclass(frozen=True)
class Setting:
    """One thing to enter.

    Args:
        name: What the field is called.
        value: What to enter.
    """

    name: Word
    value: Phrase


@dataclass(frozen=True)
class Settings:
    """What to enter for one sender.

    Args:
        where: Where these stand in the program or device.
        fields: What to enter, in the order in which it is asked for.
        after: What to do then, and what to see.
    """

    where: Phrase = field(default_factory=Phrase)
    fields: tuple[Setting, ...] = ()
    after: tuple[Phrase, ...] = ()


def of(road: str, *, kind: str, protocol: str, account: str, tenant: Tenant) -> Settings:
    """Return what to enter for a sender on a road; nothing where the runbook does not know the road.

    Args:
        road: The road's id.
        kind: What the sender is, as advice words it.
        protocol: By which it signs in, as pages name it.
        account: As what.
        tenant: Whose it is: its cloud's hosts and its mail app's id.
    """
    fact = next((each for each in _FACTS["entry"] if _fits(each, road, kind, protocol)), None)
    if fact is None:
        return Settings()
    values = _values(account, tenant)
    return Settings(
        where=phrase(fact["where"], **values),
        fields=tuple(Setting(each["name"], phrase(each["value"], **values)) for each in fact["fields"]),
        after=tuple(phrase(each, **values) for each in fact["after"]),
    )


def _fits(fact: Mapping[str, Any], road: str, kind: str, protocol: str) -> bool:
    is_kind = "kinds" not in fact or any(kind.startswith(title) for title in _titles(fact["kinds"]))
    return road in fact["roads"] and is_kind and ("protocols" not in fact or protocol in fact["protocols"])


def _titles(ids: list[kinds.Kind]) -> Iterator[str]:
    yield from map(kinds.title, ids)
    if set(ids) & set(_PERSONAL):
        yield kinds.PERSONAL


def _values(account: str, tenant: Tenant) -> Mapping[str, Value]:
    cloud, unknown = tenant.cloud, _FACTS["unknown"]
    domain = Named("domain", account.rpartition("@")[2])
    hosts = {name: clouds.host_and_port(getattr(cloud, name)) for name in ("imap", "pop", "smtp")}
    mail = {f"{name}_host": Named("host", host) for name, (host, _) in hosts.items()}
    ports = {f"{name}_port": words(str(port)) for name, (_, port) in hosts.items()}
    scopes = _FACTS["scope_host"] if cloud.mail_resource == _PUBLIC else cloud.mail_resource
    return {
        **mail,
        **ports,
        "account": Named("address", account),
        "domain": domain,
        "tenant_id": Named("id", tenant.tenant_id),
        "client_id": _apps(tenant) or words(unknown["client_id"]),
        "login": _url(cloud.login),
        "graph": _url(cloud.graph),
        "mail_resource": _url(cloud.mail_resource),
        "smtp_scope": _url(f"{scopes}/SMTP.Send"),
        "eas_host": Named("host", urlsplit(cloud.exchange).hostname or ""),
        "mx": phrase(unknown["mx"], domain=domain),
        "relay": words(unknown["relay"]),
        "hve_account": words(unknown["hve_account"]),
    }


def _apps(tenant: Tenant) -> Phrase:
    """Return the ids of the tenant's own apps, each with its name where there are several."""
    held = [each for each in tenant.mail_apps if each.client_id]
    if len(held) == 1:
        return phrase("{id}", id=Named("id", held[0].client_id))
    shown = (phrase("{id} ({app})", id=Named("id", each.client_id), app=Named("app", each.name)) for each in held)
    return joined(shown, ", ", " or ")


def _url(text: str) -> Phrase:
    """Return an address of a cloud; its host is named, so that a page can be given away with it."""
    parts = urlsplit(text)
    host = Named("host", parts.hostname or "")
    port = words(f":{parts.port}") if parts.port else Phrase()
    return phrase(f"{parts.scheme}://{{host}}{{port}}{{path}}", host=host, port=port, path=words(parts.path))

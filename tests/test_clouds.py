"""Clouds are data: each has all its hosts, and says which of them nobody vouches for."""

import tomllib
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mailauth import clouds
from mailauth.clouds import Cloud

FACTS = tomllib.loads((Path(__file__).parents[1] / "lib" / "facts" / "clouds.toml").read_text(encoding="utf-8"))
URLS = ("login", "graph", "logs", "exchange", "mail_resource", "portal")
ENDPOINTS = ("imap", "pop", "smtp")


def test_the_four_clouds_are_built_in() -> None:
    assert tuple(clouds.built_in()) == ("public", "gcc-high", "dod", "china")


@pytest.mark.parametrize("cloud", clouds.built_in().values(), ids=lambda cloud: cloud.name)
def test_a_built_in_cloud_has_every_host_and_takes_a_day_to_settle(cloud: Cloud) -> None:
    for name in URLS:
        parts = urlsplit(getattr(cloud, name))
        assert (parts.scheme, bool(parts.hostname), parts.path) == ("https", True, "")
    ports = [clouds.host_and_port(getattr(cloud, name))[1] for name in ENDPOINTS]
    assert ports == [993, 995, 587]
    assert (cloud.ca_file, cloud.proxy, cloud.rehearsal) == (None, "environment", False)
    assert cloud.settles == timedelta(hours=24)


@pytest.mark.parametrize("name", FACTS)
def test_every_fact_has_a_source_or_is_called_unverified(name: str) -> None:
    entry = FACTS[name]
    vouched = {field for source in entry["sources"] for field in source["of"]}
    assert vouched | set(entry["unverified"]) == {*URLS, *ENDPOINTS, "settles_minutes"}
    assert not vouched & set(entry["unverified"])
    assert all(source["at"] and source["confidence"] in ("high", "medium") for source in entry["sources"])


@pytest.mark.parametrize(
    ("name", "unverified"),
    [
        ("public", set()),
        ("gcc-high", {"smtp", "mail_resource", "settles_minutes"}),
        ("dod", {"mail_resource", "settles_minutes"}),
        ("china", {"imap", "pop", "smtp", "mail_resource", "settles_minutes"}),
    ],
)
def test_a_cloud_carries_what_is_unverified(name: str, unverified: set[str]) -> None:
    cloud = clouds.built_in()[name]
    assert set(cloud.unverified) == unverified
    assert unverified <= {field.name for field in fields(cloud)}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("localhost:9993", ("localhost", 9993)),
        ("192.0.2.1:25", ("192.0.2.1", 25)),
        ("[2001:db8::1]:993", ("2001:db8::1", 993)),
        ("mail.lab.example:65535", ("mail.lab.example", 65535)),
    ],
)
def test_host_and_port_come_apart(text: str, parts: tuple[str, int]) -> None:
    assert clouds.host_and_port(text) == parts


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "host",
            "host:",
            ":993",
            "host:0",
            "host:65536",
            "host:6553600",
            "host:9x",
            "host:-1",
            "host:²",
            "host:٣",
        ),
        *("host :1", "a b:1", "https://h:1", "2001:db8::1:993", "[host]:1", "u@h:1"),
    ],
)
def test_what_is_no_host_and_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not host:port"):
        clouds.host_and_port(text)

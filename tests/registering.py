"""A practice tenant with somebody who reads it and somebody who changes it, opened as notebook 20 opens one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from mailauth import tenants
from mailauth.session import Run
from mailauth.session.registrations import Registering
from practice.cloud import Cloud
from practice.state import Application, Tenant
from practice.wellknown import GRAPH
from tests.practice.woodgrove import TENANT, Woodgrove, running, woodgrove

READS = ("Application.Read.All", "Directory.Read.All", "Policy.Read.All")
CHANGES = ("Application.ReadWrite.All", *READS)
SECRETS = {"READER": "woodgrove~reader~only-in-tests", "OPERATOR": "woodgrove~operator~only-in-tests"}


@dataclass
class Desk:
    """An engineer's place.

    Args:
        made: The tenant as the test made it.
        practice: The cloud that holds it.
        file: The tenants file.
        out: Where reports go.
    """

    made: Woodgrove
    practice: Cloud
    file: Path
    out: Path

    @property
    def run(self) -> Run:
        """The tenant, opened anew from its files."""
        configuration = tenants.load(self.file)
        chosen = configuration.tenant("woodgrove")
        clock = self.practice.backend.now
        return Run(configuration, chosen, self.out / chosen.name, tell=lambda _: None, now=clock, sleep=self._wait)

    def _wait(self, seconds: float) -> None:
        # Two minutes of a lagging replica are over at once: both sides go by this clock.
        self.practice.faults.clock.skew += timedelta(seconds=seconds)

    @property
    def registering(self) -> Registering:
        """Notebook 20's part of it."""
        return Registering(self.run)

    @contextmanager
    def state(self) -> Iterator[Tenant]:
        """Give the tenant as it is."""
        with self.practice.states.reading("woodgrove") as tenant:
            yield tenant

    def app(self, name: str = "Mail") -> Application:
        """Return the registration of this name, as it is."""
        with self.state() as tenant:
            return next(one for one in tenant.directory.applications if one.display_name == name)

    @contextmanager
    def changing(self, name: str = "Mail") -> Iterator[Application]:
        """Give the registration of this name, to change behind everybody's back."""
        with self.practice.states.changing("woodgrove") as tenant:
            yield next(one for one in tenant.directory.applications if one.display_name == name)


@contextmanager
def desk(
    where: Path,
    monkeypatch: pytest.MonkeyPatch,
    made: Woodgrove | None = None,
    *,
    reads: tuple[str, ...] = READS,
    changes: tuple[str, ...] = CHANGES,
    **more: Any,
) -> Iterator[Desk]:
    """Give a desk on a cloud that holds the tenant alone.

    Args:
        where: A folder for the tenants file and what is kept beside it.
        monkeypatch: Sets the secrets that the file names.
        made: The tenant; None for one in order.
        reads: What the reader may.
        changes: What the operator may.
        more: Further lines of the tenant in the tenants file.
    """
    tenant = made or woodgrove()
    ids = {}
    for name, allowed in (("READER", reads), ("OPERATOR", changes)):
        app = tenant.estate.app(name.title())
        tenant.estate.secret(app, SECRETS[name])
        tenant.estate.allow(tenant.estate.enterprise_app(app), GRAPH, *allowed)
        monkeypatch.setenv(f"MAILAUTH_TEST_{name}", SECRETS[name])
        ids[name] = {"flow": "secret", "client_id": app.app_id, "secret": f"env:MAILAUTH_TEST_{name}"}
    monkeypatch.setenv("MAILAUTH_HOME", str(where / "home"))
    with running(tenant) as practice:
        entry = {"name": "woodgrove", "tenant_id": TENANT, "cloud": "practice", **more}
        content = {
            "clouds": {"practice": practice.entry()},
            "tenants": [{**entry, "admin": ids["READER"], "operator": ids["OPERATOR"]}],
        }
        file = where / "tenants.yaml"
        with file.open("w", encoding="utf-8") as text:
            YAML(typ="safe", pure=True).dump(content, text)
        yield Desk(tenant, practice, file, where / "reports")

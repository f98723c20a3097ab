"""The practice tenants on disk: what ``config="practice"`` means.

`configuration` is the entry point that the library finds by name; it knows nothing of
the library in turn. The stories are told relative to today, so the files are made anew
when the (UTC) day changes, or this package does.
"""

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final

import platformdirs

from .fabrikam import FABRIKAM
from .files import FABRIKAM_REPORT, FABRIKAM_SIGNINS, NORTHWIND_SIGNINS, fabrikam_files, northwind_files
from .northwind import NORTHWIND
from .signins import SEED
from .world import World

__all__ = ["configuration", "make"]

_HOME: Final = "MAILAUTH_PRACTICE_HOME"
# A program that began on the old files may still be reading them.
_GRACE_S: Final = 3_600


def configuration() -> Path:
    """Return the tenants file of the practice tenants, made if today's is not there yet.

    It stands in the folder that the environment variable MAILAUTH_PRACTICE_HOME names, or in the
    user's own data folder, and is readable by its owner only.
    """
    chosen = os.environ.get(_HOME)
    home = Path(chosen).expanduser() if chosen else platformdirs.user_data_path("mailauth-practice", appauthor=False)
    return make(home.absolute(), datetime.now(UTC).date())


def make(home: Path, today: date, *, seed: int = SEED) -> Path:
    """Return the tenants file in *home* as it is on *today*.

    The logs of a day are written whole into a folder of their own before anything points to them, so
    that several programs may do this at once.

    Args:
        home: The folder; made where it is missing.
        today: The day that the stories end before.
        seed: As in `signins.events`.
    """
    days = home / "days"
    # One after the other: with parents=True only the last would be its owner's alone.
    home.parent.mkdir(parents=True, exist_ok=True)
    home.mkdir(mode=0o700, exist_ok=True)
    days.mkdir(mode=0o700, exist_ok=True)
    folder = days / f"{today.isoformat()}-{_edition(seed)}"
    if not folder.is_dir():
        _fill(folder, today, seed)
    _replace(home / "tenants.yaml", _tenants(folder.relative_to(home).as_posix()))
    _clear(days, keep=folder)
    return home / "tenants.yaml"


def _fill(folder: Path, today: date, seed: int) -> None:
    # mkdtemp makes a folder for its owner alone.
    unfinished = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
    try:
        fabrikam_files(unfinished / FABRIKAM.name, FABRIKAM, today, seed=seed)
        northwind_files(unfinished / NORTHWIND.name, NORTHWIND, today, seed=seed)
        (unfinished / FABRIKAM.name / "decisions.yaml").write_text(_decisions(today), encoding="utf-8")
        unfinished.rename(folder)
    except OSError:
        # Another program was faster: its folder holds the same.
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _replace(path: Path, text: str) -> None:
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    handle, name = tempfile.mkstemp(prefix=".tenants-", dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    try:
        Path(name).replace(path)
    except PermissionError:
        # Windows refuses while another program has the file open; if that one wrote the same, all is well.
        Path(name).unlink(missing_ok=True)
        if path.read_text(encoding="utf-8") != text:
            raise


def _clear(days: Path, *, keep: Path) -> None:
    for folder in days.iterdir():
        try:
            old = folder != keep and time.time() - folder.stat().st_mtime > _GRACE_S
        except FileNotFoundError:
            continue  # another program clears up too
        if old:
            shutil.rmtree(folder, ignore_errors=True)


@cache
def _edition(seed: int) -> str:
    """Return a short name for what this package would write: its own text, and the seed."""
    digest = hashlib.sha256(str(seed).encode())
    for module in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(module.read_bytes())
    return digest.hexdigest()[:8]


def _tenants(folder: str) -> str:
    return f"""\
# The practice tenants: invented, made anew every day by lib/practice. Changes here are lost.
clouds:
  practice:  # nothing answers there unless the practice cloud has been started
    login: https://localhost:8443
    graph: https://localhost:8443/graph
    logs: https://localhost:8443/logs
    exchange: https://localhost:8443/exchange
    imap: localhost:9993
    pop: localhost:9995
    smtp: localhost:9587
    mail_resource: https://outlook.office365.com
    proxy: none
    rehearsal: true
tenants:
  - name: {FABRIKAM.name}
    tenant_id: {FABRIKAM.tenant_id}
    cloud: practice
    signin_logs:
      - files:
{_listed(f"{folder}/{FABRIKAM.name}", FABRIKAM_SIGNINS)}
      - smtp_report: {folder}/{FABRIKAM.name}/{FABRIKAM_REPORT}
    mail_apps:
      - {{name: relay, client_id: {FABRIKAM.app("relay").app_id}, flows: [{{kind: interactive}}]}}
    mailboxes:
      - {{address: {FABRIKAM.address("reports")}, protocols: [smtp], kind: shared}}
    decisions: {folder}/{FABRIKAM.name}/decisions.yaml
    members_hint: {_members(FABRIKAM)}
  - name: {NORTHWIND.name}
    tenant_id: {NORTHWIND.tenant_id}
    cloud: practice
    signin_logs:
      - files:
{_listed(f"{folder}/{NORTHWIND.name}", NORTHWIND_SIGNINS)}
    members_hint: {_members(NORTHWIND)}
defaults:
  tenant: {FABRIKAM.name}
"""


def _listed(folder: str, patterns: Iterable[str]) -> str:
    return "\n".join(f'          - "{folder}/{pattern}"' for pattern in patterns)


def _members(world: World) -> int:
    return sum(person.population == "member" for person in world.people)


def _decisions(today: date) -> str:
    def day(ahead: int) -> str:
        return (today + timedelta(days=ahead)).isoformat()

    leeds, bristol, ledger = (FABRIKAM.sites[key].network.address for key in ("leeds", "bristol", "ledger"))
    return f"""\
# What the people of Fabrikam have decided so far. Invented, like everything here.
networks:
  {leeds}: Leeds office
  {bristol}: Bristol warehouse
  {ledger}: {{name: Ledgerline, kind: hosted, note: hosts the ERP and sends our invoices from there}}
senders:
  - user: {FABRIKAM.address("scanner")}
    protocol: smtp
    network: Leeds office
    what: the three copiers of the Leeds office, scan to mail
    answers: {{outside: true, oauth: false, fixed_address: true}}
    owner: Mei Tan
    due: {day(18)}
    note: the dealer comes on that day anyway
  - user: {FABRIKAM.address("erp")}
    protocol: smtp
    network: Ledgerline
    what: invoices to customers
    answers: {{outside: true}}
    vendor: Ledgerline ERP
    owner: Hugo Penn
    due: {day(11)}
  - user: {FABRIKAM.address("doorcam")}
    what: door camera of the warehouse
    answers: {{outside: false, oauth: false}}
    owner: Sam Otieno
    exception_until: {day(30)}
  - user: {FABRIKAM.address("fax")}
    protocol: smtp
    what: the fax server, if it is still there
    owner: Ruth Adeyemi
    due: {day(-20)}
vendors:
  Ledgerline ERP: {{oauth: true, answered: {day(-12)}, note: from version 9.2 on; ours is 9.1}}
"""

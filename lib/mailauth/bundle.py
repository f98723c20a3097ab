"""The support bundle: one file for whoever helps, such as Microsoft's support or an app's vendor, and its own README.

What was tried, what was heard, what each cause says, and the ids by which the other side finds it in its logs. The
same values give the same bytes. No token, no secret and no SASL string gets here: transcripts are redacted where they
are heard, pasted text where it is read, and what was on the wire is gone through once more.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from . import admission, evidence, provenrecord
from . import diagnosed as explained
from .coverage import Coverage
from .diagnosed import Diagnosed
from .dialogue import server_name
from .grants import Held
from .masking import mask
from .organization import Mailbox, Organization, Principal
from .proof import Talk
from .proving import Gathered, Proof, Tried
from .tenants import Tenant

__all__ = ["Bundle", "of_diagnosis", "of_proof", "packed", "region", "without_folders"]

Record = dict[str, Any]

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_ARROWS: Final = {"sent": ">", "received": "<", "note": "#"}
_ID: Final = re.compile(r"(?P<name>correlation_id|trace_id|timestamp): (?P<value>.{1,64})")


@dataclass(frozen=True)
class Bundle:
    """What goes into the file.

    Args:
        record: ``bundle.json``.
        texts: The transcripts, by the name that each has in the file.
        folders: Whether names of folders were left in them.
    """

    record: Record
    texts: Mapping[str, str]
    folders: bool = False


def of_proof(
    tenant: Tenant, proof: Proof, *, machine: Sequence[tuple[str, str]], made_at: datetime, folders: bool = False
) -> Bundle:
    """Return what notebook 50 found, for support.

    Args:
        tenant: The tenant.
        proof: What was tried, explained.
        machine: Names and versions of what runs here.
        made_at: The moment, aware.
        folders: Whether names of folders stay in transcripts that hold them.

    Raises:
        EvidenceError: The record does not fit its schema; the text names the field.
    """
    texts: dict[str, str] = {}
    attempts = []
    for number, each in enumerate((*proof.tried, *proof.controls), start=1):
        one = provenrecord.attempt(each, proof.of(each))
        del one["transcript"]
        name = _named(number, each)
        if each.attempt.talk:
            texts[name] = _clean(_transcript(each, each.attempt.talk), folders=folders)
        attempts.append({**one, "region": region(one["server"]), "transcript": name if name in texts else ""})
    data = {
        "machine": _pairs(machine),
        "apps": list(_apps({each.attempt.client_id for each in proof.tried}, proof.gathered)),
        "ids": [
            {"name": name, "value": value, "about": each.row.mailbox}
            for each in proof.tried
            if (none := each.attempt.no_token)
            for name, value in (("correlation_id", none.correlation_id), ("trace_id", none.trace_id), ("at", none.at))
            if value
        ],
        "attempts": attempts,
        "pasted": None,
        "settings": _settings(proof.gathered.organization, {each.row.mailbox for each in proof.tried}),
        "admission": [admission.as_record(each) for each in proof.gathered.effective],
        "changes": [each.change for each in proof.gathered.recent],
    }
    return _bundle(tenant, data, texts, proof.gathered.coverage, made_at, folders=folders)


def of_diagnosis(
    tenant: Tenant, found: Diagnosed, *, machine: Sequence[tuple[str, str]], made_at: datetime, folders: bool = False
) -> Bundle:
    """Return what notebook 80 read, for support; the parameters are those of `of_proof`.

    Raises:
        EvidenceError: The record does not fit its schema; the text names the field.
    """
    known = found.known
    gathered = Gathered(organization=known.organization, consents=known.consents, recent=known.recent)
    said = explained.record(tenant, found, made_at=made_at)["data"]
    texts = {"transcripts/pasted.txt": _clean(found.pasted.text, folders=folders)} if found.pasted.text else {}
    servers = [_after(each.said) for each in found.pasted.observations if each.what == "server"]
    pasted = {**said, "text": "", "server": next(iter(servers), ""), "region": region(next(iter(servers), ""))}
    ids = [_ID.fullmatch(each.said) for each in found.pasted.observations if each.what == "id"]
    data = {
        "machine": _pairs(machine),
        "apps": list(_apps({found.app_id}, gathered)),
        "ids": [{"name": each["name"], "value": each["value"], "about": "what was pasted"} for each in ids if each],
        "attempts": [],
        "pasted": {**pasted, "transcript": next(iter(texts), "")},
        "settings": _settings(known.organization, {found.mailbox}),
        "admission": [],
        "changes": [each.change for each in known.recent],
    }
    return _bundle(tenant, data, texts, known.coverage, made_at, folders=folders)


def packed(bundle: Bundle) -> bytes:
    """Return the file: a zip archive whose README.txt comes first; the same bundle gives the same bytes."""
    said = json.dumps(bundle.record, indent=1, ensure_ascii=False, sort_keys=True)
    parts = {"README.txt": _readme(bundle), "bundle.json": f"{said}\n", **dict(sorted(bundle.texts.items()))}
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
            archive.writestr(entry, text.encode("utf-8", "replace"))
    return held.getvalue()


def region(server: str) -> str:
    """Return where a server of Exchange Online's is, by its name; empty where the name does not say.

    ``FR0P281CA0041.DEUP281.PROD.OUTLOOK.COM`` is in ``DEUP281``. Seen in every name, and documented nowhere.
    """
    labels = server.upper().split(".")
    return labels[labels.index("PROD") - 1] if "PROD" in labels[2:] else ""


_LISTED: Final = re.compile(
    r"(\* (?:LIST|LSUB|XLIST) \([^)\r\n]{0,200}\) (?:NIL|\"[^\"]{1,2}\") )[^\r\n]+", re.IGNORECASE
)
_OPENED: Final = re.compile(
    # Behind a tag, as a client sends it, or a star, as a server answers.
    r"((?:^|[\s'\":>])(?:[A-Za-z]{0,8}\d{1,10}|\*) (?:EXAMINE|SELECT|STATUS) )"
    r"(?!\"?INBOX\"?[\s'\"\\]*$)(?:\"[^\"\r\n]*\"|[^\s\"'\\]+)",
    re.IGNORECASE | re.MULTILINE,
)


def without_folders(text: str) -> str:
    """Return a transcript without the names of folders, which are people's own words."""
    return _OPENED.sub(r"\1<folder>", _LISTED.sub(r"\1<folder>", text))


def _bundle(
    tenant: Tenant,
    data: Mapping[str, Any],
    texts: Mapping[str, str],
    coverage: Iterable[Coverage],
    made_at: datetime,
    *,
    folders: bool,
) -> Bundle:
    whole = {"tenant_id": tenant.tenant_id, "folders": folders, **data}
    plain = _named_folders_out(evidence.plain(whole)) if not folders else evidence.plain(whole)
    return Bundle(evidence.envelope("bundle", tenant, coverage, plain, made_at), texts, folders)


def _named_folders_out(value: Any) -> Any:
    if isinstance(value, str):
        return without_folders(value)
    if isinstance(value, dict):
        return {name: _named_folders_out(inside) for name, inside in value.items()}
    return [_named_folders_out(inside) for inside in value] if isinstance(value, list) else value


def _clean(text: str, *, folders: bool) -> str:
    shown = mask(text)
    return shown if folders else without_folders(shown)


# --- what stands in it ----------------------------------------------------------------------------


def _named(number: int, tried: Tried) -> str:
    box = re.sub(r"[^a-z0-9.@_-]", "_", tried.row.mailbox.lower())[:80]
    return f"transcripts/{number:03}-{tried.attempt.protocol}-{box}.txt"


def _transcript(tried: Tried, talk: Talk) -> str:
    one = tried.attempt
    greeting = (server_name(line.text) for line in talk.lines if line.way == "received")
    head = (
        f"{one.outcome}: {one.mailbox} by {one.protocol}, app {one.app} ({one.client_id}) with {one.flow}",
        f"{talk.host}, {talk.server or next(filter(None, greeting), '')}",
        f"{one.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
    )
    lines = (f"{line.at_ms:>7} ms {_ARROWS[line.way]} {line.text}" for line in talk.lines)
    return "\n".join((*head, *lines, ""))


def _after(said: str) -> str:
    return said.rpartition(" ")[2].removesuffix(".")


def _pairs(machine: Sequence[tuple[str, str]]) -> list[Record]:
    return [{"name": name, "version": version} for name, version in machine]


def _apps(client_ids: Iterable[str], gathered: Gathered) -> Iterator[Record]:
    for client_id in sorted(filter(None, client_ids)):
        held = gathered.consents.held.get(client_id) if gathered.consents else None
        known = gathered.organization.principal(client_id) if gathered.organization else None
        yield {"client_id": client_id, "enterprise_application": _enterprise(held), "exchange": _principal(known)}


def _enterprise(held: Held | None) -> Record | None:
    one = held.enterprise if held else None
    return {"object_id": one.object_id, "name": one.name, "enabled": one.enabled} if one else None


def _principal(known: Principal | None) -> Record | None:
    return {"object_id": known.object_id, "guid": known.guid, "sid": known.sid} if known else None


def _settings(held: Organization | None, names: Iterable[str]) -> Record | None:
    """Return the switches and policies that were seen; None where nobody looked."""
    if held is None:
        return None
    boxes = [box for name in sorted(set(filter(None, names))) if (box := held.mailbox(name))]
    one = held.settings
    policies = {box.authentication_policy or "" for box in boxes} | {one.default_policy or ""}
    return {
        "organization": {"smtp_off": one.smtp_off, "default_policy": one.default_policy},
        "policies": [
            {"name": each.name, "basic": dict(sorted(each.basic.items()))}
            for name in sorted(filter(None, policies))
            if (each := held.policy(name))
        ],
        "mailboxes": [_mailbox(box, held) for box in boxes],
    }


def _mailbox(box: Mailbox, held: Organization) -> Record:
    rights = held.rights_of(box.address)
    return {
        "address": box.address,
        "upn": box.upn,
        "object_id": box.object_id,
        "kind": box.kind,
        "policy": box.authentication_policy,
        "imap": box.imap,
        "pop": box.pop,
        "smtp": box.smtp,
        "rights": None if rights is None else [f"{each.trustee}: {', '.join(each.rights)}" for each in rights],
    }


def _readme(bundle: Bundle) -> str:
    record = bundle.record
    data = record["data"]
    invented = "It was made on invented practice tenants.\n" if record["rehearsal"] else ""
    names = (
        "Names of folders are in them, as somebody asked for." if bundle.folders else "Names of folders are left out."
    )
    count = f"{len(data['attempts'])} attempts" if data["attempts"] else "what somebody pasted"
    return (
        f"Mail OAuth: a support bundle\n\n{invented}"
        f"Tenant {data['tenant_id'] or 'not known'}, cloud {record['cloud']}, made at {record['made_at']}\n"
        f"by {record['tool']['name']} {record['tool']['version']}. It is about {count}.\n\n"
        "bundle.json   what was tried and when, what each token said of itself, the causes that fit and what speaks\n"
        "              for and against each, ids of apps, correlation and trace ids, servers and regions, settings\n"
        "              that were seen, versions, and how far the look reached. null means that nobody looked.\n"
        "transcripts/  what was said on the wire: > sent, < received, # a note. Milliseconds since the connection.\n\n"
        "There is no token, no password, no secret and no SASL string in here. <1,234 characters> or <redacted>\n"
        f"stands where one was. {names}\n\n"
        "Mail addresses, names of apps, ids and names of servers are real, because support has to look them up.\n"
        "Where they must not leave the company: replace them in a copy, the same name by the same other name in\n"
        "every file, for example ada@example.com by person1@tenant.invalid. Nothing here does that for you.\n"
    )

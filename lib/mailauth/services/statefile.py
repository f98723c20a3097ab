"""What the runbook made for a tenant, kept in ``state/<tenant>.yaml`` beside the tenants file and merged under it.

A person may write there too: comments and the order of lines stay. References are kept there, and never a secret; a
``file:`` of a relative path is meant from the tenants file's folder, as everywhere in that file.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from mailauth import documents, secretrefs, tenants
from mailauth.secretrefs import SecretRef

from . import store

__all__ = ["Content", "check", "forget_app", "merge", "path", "reference", "remove"]

Content: TypeAlias = "Mapping[str, Any]"
"""What stands under a tenant in the tenants file: text, numbers, `SecretRef`, and mappings and lists of these."""

_HEADER: Final = "# What the runbook made for {tenant}: ids, and where credentials are kept. Read with {file}.\n"
_EXPECTED: Final = "a file that the runbook wrote"
# What makes two items of a list the same thing, as the tenants file has it.
_NAMES: Final = ("name", "address", "kind")
_REFERENCES: Final = frozenset({"secret", "certificate", "password", "assertion"})


def path(tenants_file: Path, tenant: str) -> Path:
    """Return where the state of a tenant is kept, whether there is any or not."""
    return tenants_file.parent / "state" / f"{tenant}.yaml"


def reference(ref: SecretRef, tenants_file: Path) -> str:
    """Return *ref* as the file names it: a file in the folder of the tenants file by its relative path."""
    if ref.kind != "file":
        return str(ref)
    file, folder = Path(ref.name), tenants_file.parent
    if file.is_absolute() and file.is_relative_to(folder):
        return f"file:{file.relative_to(folder).as_posix()}"
    return str(ref)


def merge(tenants_file: Path, tenant: str, content: Content) -> Path:
    """Put *content* into the tenant's state and return where that is; what stood there under other names stays.

    Args:
        tenants_file: The tenants file.
        tenant: The tenant's name in it.
        content: What to write, such as ``{"mail_apps": [{"name": "mail", "client_id": "…"}]}``. Items of a list are
            told apart by name, address or kind; a value that is there is replaced.

    Raises:
        ConfigurationError: The tenants file says something else at the same place, the file is no state file, or a
            field is wrong; nothing was written.
    """
    return store.write_text(path(tenants_file, tenant), _merged(tenants_file, tenant, content))


def check(tenants_file: Path, tenant: str, content: Content) -> None:
    """Return where *content* could be put into the tenant's state; nothing is written.

    Raises:
        ConfigurationError: As `merge`.
    """
    _merged(tenants_file, tenant, content)


def _merged(tenants_file: Path, tenant: str, content: Content) -> str:
    held = _read(tenants_file, tenant)
    _put(held, _plain(content, tenants_file))
    return _text(tenants_file, tenant, held)


def forget_app(tenants_file: Path, tenant: str, client_id: str) -> Path:
    """Take everything that the state says of a mail app out of it, and return where that was.

    Args:
        tenants_file: The tenants file.
        tenant: The tenant's name in it.
        client_id: The app's id.
    """
    held = _read(tenants_file, tenant)
    apps = held.get("mail_apps") or []
    gone = [app for app in apps if isinstance(app, dict) and str(app.get("client_id", "")).lower() == client_id.lower()]
    return remove(tenants_file, tenant, {"mail_apps": gone})


def remove(tenants_file: Path, tenant: str, content: Content) -> Path:
    """Take *content* out of the tenant's state again and return where that was.

    A value that is not the one in *content* any more is somebody else's, and stays. A file in which nothing is left is
    removed, unless a person commented in it.

    Raises:
        ConfigurationError: As `merge`.
    """
    where = path(tenants_file, tenant)
    if not where.exists():
        return where
    held = _read(tenants_file, tenant)
    _take(held, _plain(content, tenants_file))
    if held:
        return store.write_text(where, _text(tenants_file, tenant, held))
    comments = _comments(where.read_text("utf-8"), _header(tenants_file, tenant))
    if comments:
        return store.write_text(where, "\n".join([*comments, "{}", ""]))
    where.unlink()
    return where


def _header(tenants_file: Path, tenant: str) -> str:
    return _HEADER.format(tenant=tenant, file=tenants_file.name)


def _comments(text: str, header: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line.startswith("#") and line != header.strip()]


def _yaml() -> YAML:
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 1_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _read(tenants_file: Path, tenant: str) -> CommentedMap:
    where = path(tenants_file, tenant)
    if not where.exists():
        return CommentedMap()
    text = documents.read(where, expected=_EXPECTED)
    # The parser that names lines speaks first: ruamel's own complaints quote the text.
    if not documents.parse(text, f"state/{where.name}").data:
        return CommentedMap()
    found: CommentedMap = _yaml().load(text)
    return found


def _text(tenants_file: Path, tenant: str, held: CommentedMap) -> str:
    """Return the text of the file, which fits the tenants file."""
    text = io.StringIO(newline="\n")
    _yaml().dump(held, text)
    header = "" if path(tenants_file, tenant).exists() else _header(tenants_file, tenant)
    written = header + text.getvalue()
    known = documents.read(tenants_file, expected="a tenants file")
    tenants.load_text(known, tenants_file, states={tenant: written}).tenant(tenant)
    return written


def _plain(value: Any, tenants_file: Path, key: str = "") -> Any:
    """Return *value* as YAML holds it; a text where a reference belongs has to be one."""
    if isinstance(value, SecretRef):
        return reference(value, tenants_file)
    if isinstance(value, Mapping):
        return {name: _plain(each, tenants_file, name) for name, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each, tenants_file) for each in value]
    if key in _REFERENCES and isinstance(value, str):
        secretrefs.parse(value)
    return value


def _put(held: Any, content: Mapping[str, Any]) -> None:
    for name, value in content.items():
        there = held.get(name)
        if isinstance(there, dict) and isinstance(value, Mapping):
            _put(there, value)
        elif isinstance(there, list) and isinstance(value, list):
            _put_items(there, value)
        elif there != value:
            held[name] = value


def _put_items(held: list[Any], items: list[Any]) -> None:
    for item in items:
        same = _same(held, item)
        if same is None:
            held.append(item)
        elif isinstance(item, Mapping):
            _put(same, item)


def _take(held: Any, content: Mapping[str, Any]) -> None:
    for name, value in content.items():
        there = held.get(name)
        if isinstance(there, dict) and isinstance(value, Mapping):
            _take(there, value)
        elif isinstance(there, list) and isinstance(value, list):
            _take_items(there, value)
        if name in held and (there == value or there in ({}, [])):
            del held[name]


def _take_items(held: list[Any], items: list[Any]) -> None:
    for item in items:
        same = _same(held, item)
        if same is None:
            continue
        if isinstance(item, Mapping):
            named = _name(item)
            _take(same, {name: value for name, value in item.items() if (name, value) != named})
            if set(same) - {named and named[0]}:
                continue
        held.remove(same)


def _same(held: list[Any], item: Any) -> Any:
    if not isinstance(item, Mapping):
        return item if item in held else None
    return next(_alike(held, _name(item)), None)


def _alike(held: list[Any], named: tuple[str, Any] | None) -> Iterator[Any]:
    return (each for each in held if isinstance(each, dict) and named and _name(each) == named)


def _name(item: Mapping[str, Any]) -> tuple[str, Any] | None:
    return next(((name, item[name]) for name in _NAMES if name in item), None)

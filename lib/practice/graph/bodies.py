"""Bodies of requests: what may be set on an object, and whether the values are of the right type."""

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from . import errors
from .calls import is_guid

__all__ = ["check", "fields", "made", "merged", "moment", "reference", "text", "unreadable"]

Model = TypeVar("Model", bound=BaseModel)

_DEEPEST: Final = 30
_UNREADABLE: Final = (
    "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format."
)
_PROSE: Final = ("notes", "description")
_MOMENT: Final = TypeAdapter(datetime)


def unreadable() -> errors.Refusal:
    """Return the refusal of a body that is no JSON object."""
    return errors.bad(_UNREADABLE, "BadRequest")


def check(found: object, name: str = "", depth: int = 0) -> None:
    """Refuse what no property takes, however deep it stands.

    Raises:
        Refusal: There is such a value.
    """
    if depth > _DEEPEST:
        raise unreadable()
    if isinstance(found, str):
        allowed = "\r\n\t" if name in _PROSE else ""
        if any((ord(letter) < 0x20 and letter not in allowed) or 0xD7FF < ord(letter) < 0xE000 for letter in found):
            raise errors.bad(f"Invalid value specified for property '{name[:100]}'.")
    elif isinstance(found, float) and (found != found or found in (float("inf"), float("-inf"))):
        raise unreadable()
    elif isinstance(found, Mapping):
        for key, value in found.items():
            check(key, depth=depth + 1)
            check(value, key, depth + 1)
    elif isinstance(found, list):
        for value in found:
            check(value, name, depth + 1)


def fields(body: Mapping[str, Any], kind: str, allowed: Collection[str], fixed: Collection[str] = ()) -> dict[str, Any]:
    """Return what *body* sets, without annotations.

    Args:
        body: The request's object.
        kind: The type's name.
        allowed: Properties that may be set.
        fixed: Properties that are there and may not.

    Raises:
        Refusal: It sets something else.
    """
    given = {name: value for name, value in body.items() if not name.startswith("@odata.")}
    for name in given:
        if name in fixed:
            raise errors.read_only(name)
        if name not in allowed:
            raise errors.bad(f"Invalid property '{name[:100]}'.")
    return given


def made(model: type[Model], values: Mapping[str, Any], kind: str) -> Model:
    """Return *values* as a *model*, every value of exactly the right type.

    Raises:
        Refusal: One is not.
    """
    try:
        found = model.model_validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        where = error.errors(include_url=False, include_context=False, include_input=False)[0]["loc"]
        raise errors.wrong_value("/".join(map(str, where)) or "body", kind) from None
    return found


def merged(model: Model, given: Mapping[str, Any], kind: str) -> None:
    """Set on *model* what *given* has, all or nothing.

    Raises:
        Refusal: A value is of the wrong type.
    """
    whole = made(type(model), {**model.model_dump(mode="json", by_alias=True), **given}, kind)
    for name, about in type(model).model_fields.items():
        if about.alias in given:
            setattr(model, name, getattr(whole, name))


def text(body: Mapping[str, Any], name: str, kind: str, *, needed: bool = True, longest: int = 1024) -> str:
    """Return a property that is text.

    Raises:
        Refusal: It is missing or none.
    """
    value = body.get(name)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or not value.strip() or len(value) > longest:
        raise errors.wrong_value(name, kind)
    return value


def moment(body: Mapping[str, Any], name: str, kind: str) -> datetime | None:
    """Return a property that is a time, in UTC; None where it is not given.

    Raises:
        Refusal: It is no time.
    """
    value = body.get(name)
    if value is None:
        return None
    try:
        found = _MOMENT.validate_python(value) if isinstance(value, str) else None
        aware = found and (found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC))
    except (ValidationError, OverflowError):
        aware = None
    # Room for sums on either side: the calendar ends at 9999.
    if aware is None or not 1900 < aware.year < 9000:
        raise errors.wrong_value(name, kind)
    return aware


def reference(body: Mapping[str, Any]) -> str:
    """Return the object id that a ``$ref`` leads to.

    Raises:
        Refusal: It leads to none.
    """
    link = body.get("@odata.id")
    identity = link.rstrip("/").rpartition("/")[2] if isinstance(link, str) else ""
    if not is_guid(identity):
        raise errors.wrong_value("@odata.id", "reference")
    return identity.lower()

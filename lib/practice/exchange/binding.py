"""Binds the parameters of a call to those that a cmdlet declares: JSON in, values of the right types out.

Names are compared without regard to case, as PowerShell does. Nothing is guessed: text is no number and
no switch, and what does not fit is refused with the parameter's name.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, Literal
from uuid import UUID

from . import errors

__all__ = ["COMMON", "Edit", "Given", "Kind", "Parameter", "bind"]

Kind = Literal[
    "text", "guid", "bool", "nullable bool", "switch", "number", "size", "moment", "texts", "edit", "choice", "choices"
]

_BOOLEANS: Final = {0: False, 1: True}
_LONGEST: Final = 1024
_MOST: Final = 500
_UNLIMITED: Final = "unlimited"
_DATES: Final = ("%m/%d/%Y", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M %p", "%m/%d/%Y %I:%M:%S %p")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Edit:
    """What becomes of a list: other values in its place, or some more and some fewer (``@{Add=...; Remove=...}``).

    Args:
        whole: The list from now on; None where it is edited.
        add: Values that come to it.
        remove: Values that leave it.
    """

    whole: tuple[str, ...] | None = None
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()

    def of(self, held: Iterable[str]) -> list[str]:
        """Return the list that comes of *held*; values are one where only their case differs."""
        gone = {one.lower() for one in self.remove}
        kept = [one for one in held if one.lower() not in gone] if self.whole is None else self.whole
        return list({one.lower(): one for one in (*kept, *self.add)}.values())


class _UnfitError(ValueError):
    """A value that does not fit; the text says why."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a cmdlet.

    Args:
        name: As Exchange spells it.
        kind: What values it takes: ``size`` is a number or ``Unlimited`` (None); ``texts`` and ``choices`` are
            lists, for which a single value may stand; ``edit`` takes such a list too, or what to add and remove.
        required: Whether the cmdlet cannot do without it.
        choices: The values of ``choice`` and ``choices``.
        type_name: Its .NET type, as a message names it; by kind where empty.
        longest: How many characters a text may have.
    """

    name: str
    kind: Kind = "text"
    required: bool = False
    choices: tuple[str, ...] = ()
    type_name: str = ""
    longest: int = _LONGEST

    def read(self, value: object) -> Any:
        """Return *value* as this parameter's type.

        Raises:
            errors.CmdletError: It does not fit.
        """
        try:
            return _READERS[self.kind](self, value)
        except _UnfitError as unfit:
            shown = "" if value is None else value
            raise errors.bad_value(self.name, shown, self.type_name or _TYPES[self.kind], str(unfit)) from None


COMMON: Final = (
    Parameter("Confirm", "switch"),
    Parameter("WhatIf", "switch"),
    Parameter("Debug", "switch"),
    Parameter("Verbose", "switch"),
    *(
        Parameter(name, "choice", choices=("Continue", "Ignore", "Inquire", "SilentlyContinue", "Stop", "Suspend"))
        for name in ("ErrorAction", "WarningAction", "InformationAction")
    ),
    *(Parameter(name) for name in ("ErrorVariable", "InformationVariable", "OutVariable", "PipelineVariable")),
    Parameter("WarningVariable"),
    Parameter("OutBuffer", "number"),
)
"""What every cmdlet takes. Preferences have no effect here: an error is told, and whoever asked looks away."""


class Given(Mapping[str, Any]):
    """The bound parameters of one call, by the names that the cmdlet declares."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = MappingProxyType(dict(values))

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def text(self, name: str) -> str:
        """Return a text, '' where it is absent or null."""
        return str(self._values.get(name) or "")

    def flag(self, name: str) -> bool:
        """Return whether a switch is on."""
        return bool(self._values.get(name))

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts."""
        return tuple(self._values.get(name) or ())


def bind(declared: tuple[Parameter, ...], given: Mapping[str, object]) -> Given:
    """Return the values of a call.

    Args:
        declared: The cmdlet's parameters, beside the common ones.
        given: What the call says, by name.

    Raises:
        errors.CmdletError: A parameter is unknown, given twice, missing or of the wrong type.
    """
    known = {one.name.lower(): one for one in (*declared, *COMMON)}
    unknown = [name for name in given if name.lower() not in known]
    if unknown:
        raise errors.unknown_parameters(unknown)
    bound: dict[str, Any] = {}
    for name, value in given.items():
        parameter = known[name.lower()]
        if parameter.name in bound:
            raise errors.invalid(
                f"Cannot bind parameter because parameter '{parameter.name}' is specified more than once.",
                "System.Management.Automation.ParameterBindingException",
            )
        bound[parameter.name] = parameter.read(value)
    missing = [one.name for one in declared if one.required and bound.get(one.name) in (None, "", ())]
    if missing:
        raise errors.mandatory(missing)
    return Given(bound)


def _text(parameter: Parameter, value: object) -> str | None:
    if value is None:
        return None
    # A number stands for its digits, as .NET converts it; true and false are no texts.
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise _UnfitError("The value isn't a string.")
    text = str(value)
    if len(text) > parameter.longest:
        raise _UnfitError(f"The length of the property is too long. The maximum length is {parameter.longest}.")
    if _CONTROL.search(text):
        raise _UnfitError("The value contains an invalid character.")
    return text


def _guid(parameter: Parameter, value: object) -> str:
    text = _text(parameter, value)
    try:
        return str(UUID(text or ""))
    except ValueError:
        raise _UnfitError(
            "Guid should contain 32 digits with 4 dashes (xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx)."
        ) from None


def _bool(parameter: Parameter, value: object) -> bool:
    if isinstance(value, (bool, int)) and value in _BOOLEANS:
        return _BOOLEANS[int(value)]
    raise _UnfitError(
        "Boolean parameters accept only Boolean values and numbers, such as $True, $False, 1 or 0 instead."
    )


def _nullable_bool(parameter: Parameter, value: object) -> bool | None:
    return None if value is None else _bool(parameter, value)


def _switch(parameter: Parameter, value: object) -> bool:
    # PowerShell's own JSON writes a switch as an object.
    if isinstance(value, dict) and set(value) == {"IsPresent"}:
        value = value["IsPresent"]
    return _bool(parameter, value)


def _number(parameter: Parameter, value: object) -> int:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,10}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**31) <= value < 2**31:
        raise _UnfitError("Input string was not in a correct format.")
    return value


def _size(parameter: Parameter, value: object) -> int | None:
    if isinstance(value, str) and value.lower() == _UNLIMITED:
        return None
    found = _number(parameter, value)
    if found < 1:
        raise _UnfitError("The value must be greater than 0.")
    return found


def _moment(parameter: Parameter, value: object) -> datetime | None:
    text = _text(parameter, value)
    if text is None:
        return None
    try:
        return _utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        pass
    for form in _DATES:
        try:
            return _utc(datetime.strptime(text, form))  # a date without a zone is taken as UTC, like the answers
        except (ValueError, OverflowError):
            continue
    raise _UnfitError("String was not recognized as a valid DateTime.")


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _texts(parameter: Parameter, value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    listed = value if isinstance(value, list) else [value]
    if len(listed) > _MOST:
        raise _UnfitError(f"The list has more than {_MOST} values.")
    return tuple(text for one in listed if (text := _text(parameter, one)))


def _edit(parameter: Parameter, value: object) -> Edit:
    if not isinstance(value, dict):
        return Edit(_texts(parameter, value))
    # How the module sends a hash table is unverified; what says a value's type beside it is none of its keys.
    parts = {name.lower(): one for name, one in value.items() if "@" not in name}
    if not parts or not {"add", "remove"}.issuperset(parts):
        raise _UnfitError("The hash table may contain the keys Add and Remove only.")
    return Edit(add=_texts(parameter, parts.get("add")), remove=_texts(parameter, parts.get("remove")))


def _choice(parameter: Parameter, value: object) -> str:
    text = _text(parameter, value) or ""
    found = next((one for one in parameter.choices if one.lower() == text.lower()), None)
    if found is None:
        raise _UnfitError(
            f"Unable to match the identifier name {errors.shown(text)} to a valid enumerator name. Specify one of the "
            f"following enumerator names and try again: {', '.join(parameter.choices)}"
        )
    return found


def _choices(parameter: Parameter, value: object) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_choice(parameter, one) for one in _split(_texts(parameter, value))))


def _split(texts: tuple[str, ...]) -> list[str]:
    """Return what a list of enumerator names holds; one text may name several, with commas between."""
    return [one.strip() for text in texts for one in text.split(",")]


_READERS: Final[Mapping[str, Callable[[Parameter, object], Any]]] = MappingProxyType(
    {
        "text": _text,
        "guid": _guid,
        "bool": _bool,
        "nullable bool": _nullable_bool,
        "switch": _switch,
        "number": _number,
        "size": _size,
        "moment": _moment,
        "texts": _texts,
        "edit": _edit,
        "choice": _choice,
        "choices": _choices,
    }
)

_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "text": "System.String",
        "guid": "System.Guid",
        "bool": "System.Boolean",
        "nullable bool": "System.Nullable`1[System.Boolean]",
        "switch": "System.Management.Automation.SwitchParameter",
        "number": "System.Int32",
        "size": "Microsoft.Exchange.Data.Unlimited`1[System.UInt32]",
        "moment": "System.DateTime",
        "texts": "Microsoft.Exchange.Data.MultiValuedProperty`1[System.String]",
        "edit": "Microsoft.Exchange.Data.MultiValuedProperty`1[System.String]",
        "choice": "System.Enum",
        "choices": "System.Enum[]",
    }
)

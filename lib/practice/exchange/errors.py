"""How a cmdlet refuses, and the JSON in which the service tells it.

Seen in public transcripts, word for word: the frame of all three forms, the texts for an unknown parameter, for a
value of the wrong type, for an object that is not found, and the id ``Ex6F9304`` before the last one. The other ids
are made up in the same form, and texts marked "unverified" are worded after what the cmdlets say in PowerShell.
"""

from typing import Any, Final, Literal
from zlib import crc32

__all__ = [
    "CmdletError",
    "ambiguous",
    "bad_value",
    "dehydrated",
    "duplicate",
    "invalid",
    "mandatory",
    "not_found",
    "not_recognized",
    "shown",
    "unfit",
    "unknown_parameters",
]

_TASKS: Final = "Microsoft.Exchange.Configuration.Tasks"
_INVOCATION: Final = "Microsoft.Exchange.AdminApi.CommandInvocation"
_AUTOMATION: Final = "System.Management.Automation"
_SERVICE: Final = "Microsoft.Exchange.Admin.OData.Core.ODataServiceException"
_CODES: Final = {400: "BadRequest", 403: "Forbidden", 404: "NotFound"}
_SHOWN: Final = 200

Stage = Literal["binding", "transformation", "cmdlet"]


class CmdletError(Exception):
    """A cmdlet that did not run, or gave up.

    Args:
        kind: The .NET type of the exception, in full.
        text: What the cmdlet says.
        status: The HTTP status of the answer.
        stage: Where it happened: while parameters were bound or their values read, or in the cmdlet itself.
    """

    def __init__(self, kind: str, text: str, *, status: int = 400, stage: Stage = "cmdlet") -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text
        self.status = status
        self.stage = stage

    def content(self) -> dict[str, Any]:
        """Return the error as the service sends it."""
        said = "Error executing cmdlet" if self.stage == "cmdlet" else "Invalid Operation"
        inner = {"message": self.text, "type": self.kind, "stacktrace": ""}
        error: dict[str, Any] = {"code": _CODES.get(self.status, "BadRequest"), "message": said}
        # A value that cannot be read comes without details: its text stands in the inner exception alone.
        if self.stage != "transformation":
            detail = {"code": "Context" if self.stage == "cmdlet" else "Client", "target": ""}
            error["details"] = [{**detail, "message": f"{self._id()}|{self.kind}|{self.text}"}]
        error["innererror"] = {"message": said, "type": _SERVICE, "stacktrace": "", "internalexception": inner}
        return {"error": error}

    def _id(self) -> str:
        if self.stage != "cmdlet":
            return ""
        if self.kind.endswith("ManagementObjectNotFoundException") and "couldn't be performed" in self.text:
            return "Ex6F9304"
        return f"Ex{crc32(self.kind.encode()) & 0xFFFFFF:06X}"


def shown(value: object) -> str:
    """Return what was given as far as a message repeats it."""
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def not_recognized(name: str) -> CmdletError:
    """Return the refusal of a cmdlet that is none, or that the caller's roles do not hold: both are told alike (E2)."""
    text = (
        f"The term '{shown(name)}' is not recognized as the name of a cmdlet, function, script file, or operable "
        "program."
    )
    return CmdletError(f"{_AUTOMATION}.CommandNotFoundException", text, stage="binding")


def unknown_parameters(names: list[str]) -> CmdletError:
    """Return the refusal of parameters that the cmdlet does not have, or that do not go together."""
    named = ",".join(map(shown, names))
    text = "Parameter set cannot be resolved using the specified named parameters."
    return CmdletError(
        f"{_INVOCATION}.AmbiguousParameterSetException",
        f"{text} Invalid cmdlet parameters specified. {named}",
        stage="binding",
    )


def mandatory(names: list[str]) -> CmdletError:
    """Return the refusal of a call that lacks parameters; PowerShell's text, unverified over REST."""
    text = f"Cannot process command because of one or more missing mandatory parameters: {' '.join(names)}."
    return CmdletError(f"{_AUTOMATION}.ParameterBindingException", text, stage="binding")


def bad_value(name: str, value: object, kind: str, why: str) -> CmdletError:
    """Return the refusal of a value that does not fit its parameter's type."""
    text = (
        f"Cannot process argument transformation on parameter '{name}'. "
        f'Cannot convert value "{shown(value)}" to type "{kind}". Error: "{why}"'
    )
    return CmdletError(f"{_INVOCATION}.ParameterTransformationException", text, stage="transformation")


def not_found(identity: str, *, domain: str) -> CmdletError:
    """Return the refusal of an identity that nothing has; *domain* makes the domain controller's name."""
    text = (
        f"The operation couldn't be performed because object '{shown(identity)}' couldn't be found on "
        f"'PR00A00DC001.{domain}'."
    )
    return CmdletError(f"{_TASKS}.ManagementObjectNotFoundException", text, status=404)


def unfit(identity: str) -> CmdletError:
    """Return the refusal of a trustee that Exchange does not know (E3); wording from memory, unverified."""
    text = f"User or group \"{shown(identity)}\" wasn't found. Please make sure you've typed it correctly."
    return CmdletError(f"{_TASKS}.ManagementObjectNotFoundException", text, status=404)


def ambiguous(identity: str) -> CmdletError:
    """Return the refusal of an identity that several objects have."""
    text = f"The operation couldn't be performed because '{shown(identity)}' matches multiple entries."
    return CmdletError(f"{_TASKS}.ManagementObjectAmbiguousException", text)


def duplicate(name: str) -> CmdletError:
    """Return the refusal of a second object of one name; the type is seen in public code, the wording unverified."""
    text = f'The object "{shown(name)}" already exists. Please specify another name.'
    return CmdletError("Microsoft.Exchange.Data.Directory.ADObjectAlreadyExistsException", text)


def dehydrated() -> CmdletError:
    """Return the refusal of an organization that is not customized yet (E6)."""
    text = (
        "The command you tried to run isn't currently allowed in your organization. To run this command, you first "
        "need to run the command: Enable-OrganizationCustomization."
    )
    # The type's short name is seen; its namespace is a guess.
    return CmdletError(f"{_TASKS}.InvalidOperationInDehydratedContextException", text)


def invalid(text: str, kind: str = "System.InvalidOperationException") -> CmdletError:
    """Return a refusal in a cmdlet's own words."""
    return CmdletError(kind, text)

"""The errors that a caller can act on.

```text
MailauthError            everything below; its text is one that a person can act on
├── ConfigurationError   a file's field or a parameter: names it, what was found, what would be right
│   └── SecretError      a secret reference that cannot be read; never holds the secret
├── SourceError          a service that cannot be used at all
│   ├── AccessError      … because it refused us (401, 403, no licence); `remedy` says who can change that
│   ├── UnreachableError … because nothing answered; nothing was done
│   └── UnclearError     a change was sent and no reply came: only a look can tell what became of it
├── QueryError           an engine refused a query's text
├── TokenError           a text that is no token that can be read; never holds it
├── SaslError            a user or secret that must not go into a SASL string; never holds the secret
├── StorageError         a file of this machine that cannot be written or a folder that cannot be made
├── HeldError            another run is at work on the same thing; later there may be none
└── EvidenceError        a record that does not fit its own schema: a defect of ours, never written half
```
"""

__all__ = [
    "AccessError",
    "ConfigurationError",
    "EvidenceError",
    "HeldError",
    "MailauthError",
    "QueryError",
    "SaslError",
    "SecretError",
    "SourceError",
    "StorageError",
    "TokenError",
    "UnclearError",
    "UnreachableError",
]


class MailauthError(Exception):
    """An error whose text a person can act on.

    Args:
        message: What went wrong, with the field or file named.
        remedy: What to do next; empty where the message says it already.
        code: The service's own code (AADSTS number, HTTP status, error name), as text.
    """

    def __init__(self, message: str, *, remedy: str = "", code: str = "") -> None:
        super().__init__(f"{message} {remedy}".rstrip())
        self.message = message
        self.remedy = remedy
        self.code = code


class ConfigurationError(MailauthError):
    """A field of a file or a parameter is wrong."""


class SecretError(ConfigurationError):
    """A secret reference cannot be read; the text never holds the secret."""


class SourceError(MailauthError):
    """A service cannot be used at all."""


class AccessError(SourceError):
    """A service refused us."""


class UnreachableError(SourceError):
    """Nothing answered; where a change was to be sent, it was not done."""


class UnclearError(SourceError):
    """A change was sent and no reply came: it may be done or not, and only a look can tell."""


class QueryError(MailauthError):
    """An engine refused a query's text."""


class TokenError(MailauthError):
    """A text is no token that can be read; the error never holds it."""


class SaslError(MailauthError):
    """A field of a sign-in is empty or holds what would begin a field or command of its own."""


class StorageError(MailauthError):
    """A file or folder on this machine cannot be written or made: no room, no permission, another has it open."""


class HeldError(MailauthError):
    """Another run is at work on the same thing."""


class EvidenceError(MailauthError):
    """A record does not fit its own schema."""

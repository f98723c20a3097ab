"""Sign-ins with a password, for the one test that wants them refused: the proof that the door is shut.

Nothing else uses this module, and nothing does so without being asked: a password that is refused often
enough locks an account.
"""

import base64
import re

from . import sasl
from .dialogue import Said, SignIn
from .errors import SaslError

__all__ = ["auth_login", "auth_plain", "imap_login", "pop_user"]

_HIDDEN = "<password not shown>"


def auth_plain(user: str, password: str) -> SignIn:
    """Return a sign-in by SASL PLAIN, for any protocol.

    Raises:
        SaslError: A field is empty or holds a control character; so in all that follow.
    """
    sasl.check(user=user, password=password)
    return SignIn(user, "PLAIN", (Said(_coded(f"\0{user}\0{password}"), f"<user={user} {_HIDDEN}>"),), (), (password,))


def auth_login(user: str, password: str) -> SignIn:
    """Return a sign-in by SASL LOGIN, which submission offers: the name and the password on a line each."""
    sasl.check(user=user, password=password)
    answers = Said(_coded(user), f"<user={user}>"), Said(_coded(password), _HIDDEN)
    return SignIn(user, "LOGIN", answers, (), (password,))


def imap_login(user: str, password: str) -> SignIn:
    """Return a sign-in by IMAP's own command LOGIN."""
    sasl.check(user=user, password=password)
    if not (user + password).isascii():
        raise SaslError("user or password is not ASCII, which IMAP's LOGIN cannot quote; use auth_plain")
    command = Said(f"LOGIN {_quoted(user)} {_quoted(password)}", f"LOGIN {_quoted(user)} {_HIDDEN}")
    return SignIn(user, commands=(command,), secrets=(password, _quoted(password)[1:-1]))


def pop_user(user: str, password: str) -> SignIn:
    """Return a sign-in by POP's own commands USER and PASS."""
    sasl.check(user=user, password=password)
    commands = Said(f"USER {user}", f"USER {user}"), Said(f"PASS {password}", f"PASS {_HIDDEN}")
    return SignIn(user, commands=commands, secrets=(password,))


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")


def _quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'

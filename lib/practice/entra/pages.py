"""Entra's pages: plain HTML that the server makes, with no request to anywhere else."""

from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Any, Final
from urllib.parse import urlsplit

from flask import Response, g, request
from jinja2 import Environment, PackageLoader, StrictUndefined

from . import errors
from .errors import Refused

__all__ = ["SESSION", "looked_up", "posted", "refusal", "shown", "signed_out"]

SESSION: Final = "practice-session"
"""The cookie that remembers who is signed in."""

_SUBMIT: Final = "document.forms[0].submit();"


@cache
def _environment() -> Environment:
    # Everything is escaped: names come from a tenant's state, and some of them from a client.
    made = Environment(
        loader=PackageLoader("practice.entra"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    made.globals.update(style=_style(), submit=_SUBMIT)
    return made


@cache
def _style() -> str:
    return (resources.files("practice.entra") / "templates" / "pages.css").read_text(encoding="utf-8")


def shown(template: str, *, status: int = 200, back_to: str = "", **content: Any) -> Response:
    """Return a page.

    Args:
        template: The template's name, without its ending.
        status: The HTTP status.
        back_to: A redirect address that the page's form may end at; browsers apply ``form-action`` to redirects too.
        content: What the template is given.
    """
    text = _environment().get_template(f"{template}.html.j2").render(**content)
    answer = Response(text, status, content_type="text/html; charset=utf-8")
    answer.headers.update(
        {
            "Content-Security-Policy": _policy(back_to),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        }
    )
    return answer


def posted(address: str, values: Mapping[str, str]) -> Response:
    """Return a page that posts *values* to *address*: by itself, or by a button where there are no scripts."""
    return shown("posted", back_to=address, address=address, values=values, title="Working")


def refusal(error: Refused) -> Response:
    """Return the page that tells of a refusal nobody else can be told of."""
    told = error.told(g.backend.now(), g.backend.base_url)
    return shown("refusal", status=error.status_code, title="Sign in: something is wrong", text=error.text, told=told)


def looked_up() -> Response:
    """Return the page about an error number."""
    code = request.args.get("code", "").removeprefix("AADSTS")
    text = Refused(code).text if errors.known(code) else ""
    return shown("error", title="Error lookup", code=code if text else "", text=text)


def signed_out() -> Response:
    """Return the page after signing out."""
    answer = shown("done", title="You signed out of your account", text="You can close this window.")
    answer.delete_cookie(SESSION, secure=True, httponly=True, samesite="Lax")
    return answer


def _policy(back_to: str) -> str:
    targets = " ".join(["'self'", *([_origin(back_to)] if back_to else [])])
    return "; ".join(
        [
            "default-src 'none'",
            f"style-src {_hashed(_style())}",
            f"script-src {_hashed(_SUBMIT)}",
            "img-src data:",
            f"form-action {targets}",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ]
    )


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else f"{parts.scheme}:"


def _hashed(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"

"""What the HTTP faces have in common: how a request meets faults, and how one is refused before a face sees it.

Each face is a Flask application of its own, so that an error is told in its own words.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from flask import Flask, Request, Response, request

from .backend import Backend
from .faults import Face, Fault

__all__ = ["BREAK", "application", "as_json", "bearer", "body"]

BREAK: Final = "X-Practice-Break"
"""A header that never leaves the machine: tells the listener to break the connection off, ``drop`` or ``half``."""

_LARGEST: Final = 4 * 1024 * 1024

Refuse = Callable[[int, str, Mapping[str, str]], Response]
"""Makes a face's own error from an HTTP status, what was wrong in a sentence, and headers to send along."""


def _address(asked: Request) -> str:
    return f"{asked.method} {asked.path}"


def application(
    face: Face | None,
    backend: Backend,
    *,
    refuse: Refuse,
    tenant_of: Callable[[Request], str] = lambda _: "",
    operation_of: Callable[[Request], str] = _address,
) -> Flask:
    """Return a Flask application that meets faults as this face does, and never answers in HTML by accident.

    Args:
        face: Which face it is; None for one that meets no faults.
        backend: What it works on.
        refuse: How it says no: for throttling (429), being down (503), and whatever HTTP itself forbids (400, 404,
            405, 413, 500).
        tenant_of: The tenant's name or id that a request is for, as far as its address tells; '' otherwise.
        operation_of: What faults call a request; its method and path where the face has no better name for it.
    """
    app = Flask(f"practice.{face or 'door'}", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST
    app.url_map.merge_slashes = False

    def meet_faults() -> Response | None:
        assert face is not None
        tenant = backend.states.find(tenant_of(request) or "-")
        fault = backend.faults.strike(face, operation_of(request), tenant.name if tenant else "")
        return _struck(fault, backend, refuse) if fault else None

    def refused(error: Exception) -> Response:
        code = getattr(error, "code", None)
        # An error of our own is 500 without a word about it: a practice cloud stays up, as the real one does.
        status = code if isinstance(code, int) else 500
        if status == 500:
            app.logger.error("the %s face failed", face, exc_info=error)
        return refuse(status, str(getattr(error, "description", "")) or "The request could not be processed.", {})

    if face is not None:
        app.before_request(meet_faults)
    app.after_request(_half)
    app.register_error_handler(Exception, refused)
    return app


def _struck(fault: Fault, backend: Backend, refuse: Refuse) -> Response | None:
    match fault.kind:
        case "latency":
            backend.faults.pause(fault.seconds)
            return None
        case "throttle":
            return refuse(429, "Too many requests.", {"Retry-After": f"{fault.seconds:.0f}"})
        case "unavailable":
            return refuse(503, "The service is temporarily unavailable.", {"Retry-After": f"{fault.seconds:.0f}"})
        case "drop":
            return Response(status=500, headers={BREAK: "drop"})
        case "truncate":
            request.environ[BREAK] = "half"
            return None


def _half(response: Response) -> Response:
    if request.environ.get(BREAK):
        # Half of nothing would arrive whole.
        response.headers[BREAK] = "half" if response.get_data() else "drop"
    return response


def as_json(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return *content* as a JSON answer."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=str)
    return Response(text, status, {"Content-Type": "application/json; charset=utf-8", **(headers or {})})


def bearer(asked: Request) -> str:
    """Return the bearer token of a request, or ''."""
    kind, _, token = asked.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def body(asked: Request) -> dict[str, Any] | None:
    """Return the JSON object in a request's body, an empty one where there is no body, None where it is no object."""
    data = asked.get_data()
    if not data.strip():
        return {}
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None

"""The practice cloud's graph face."""

from collections.abc import Mapping

from flask import Flask, Response

from practice import web
from practice.backend import Backend

__all__ = ["application"]


def application(backend: Backend) -> Flask:
    """Return the face as a WSGI application."""
    return web.application("graph", backend, refuse=_refuse)


def _refuse(status: int, said: str, headers: Mapping[str, str]) -> Response:
    return web.as_json({"error": {"code": str(status), "message": said}}, status, headers)

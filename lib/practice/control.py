"""The trainer's door to a running practice cloud, under ``/practice``: faults, tenants, starting anew."""

from collections.abc import Mapping

from flask import Flask, Response

from . import web
from .backend import Backend

__all__ = ["application"]


def application(backend: Backend) -> Flask:
    """Return the door as a WSGI application."""
    return web.application("any", backend, refuse=_refuse)


def _refuse(status: int, said: str, headers: Mapping[str, str]) -> Response:
    return web.as_json({"error": said}, status, headers)

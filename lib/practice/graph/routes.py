"""Where a question to Graph goes: the operation that its address and method name, and batches of them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast
from urllib.parse import parse_qsl, unquote

from practice.backend import Backend
from practice.state import new_id

from . import (
    accounts,
    applications,
    bodies,
    certificates,
    conditions,
    consents,
    deleted,
    errors,
    federation,
    organization,
    partners,
    passwords,
    people,
    policies,
    principals,
)
from .audit import AuditLog
from .callers import Caller, read
from .calls import Answer, Call, Key, Operation, Version, address
from .changes import Changes
from .reports import Reports

__all__ = ["Question", "Routes"]

_VERSIONS: Final = ("v1.0", "beta")
_MOST_IN_BATCH: Final = 20
_OPTIONS: Final = frozenset(
    ["filter", "select", "orderby", "top", "skip", "count", "expand", "search", "skiptoken", "format"]
)
_DEPENDENCY_FAILED: Final = errors.Refusal(424, "FailedDependency", "A request that this one depends on failed.")


@dataclass(frozen=True)
class Question:
    """A request as HTTP brought it.

    Args:
        method: The HTTP method.
        path: The address, version included.
        options: The query.
        headers: By name in lower case.
        token: The bearer token.
        body: Reads the JSON object that came along: None where it is none.
    """

    method: str
    path: str
    options: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    token: str = field(repr=False)
    body: Callable[[], dict[str, Any] | None]


class Routes:
    """All that this Graph can be asked: `operations`.

    Args:
        backend: What it works on.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        reports, audit_log, changes = Reports(), AuditLog(), Changes()
        for one in (reports, audit_log, changes):
            backend.on_forget(one.forget)
        self.operations: tuple[Operation, ...] = (
            *applications.OPERATIONS,
            *passwords.OPERATIONS,
            *certificates.OPERATIONS,
            *federation.OPERATIONS,
            *principals.OPERATIONS,
            *deleted.OPERATIONS,
            *consents.OPERATIONS,
            *policies.OPERATIONS,
            *changes.watching(conditions.OPERATIONS),
            *people.OPERATIONS,
            *accounts.OPERATIONS,
            *organization.OPERATIONS,
            *partners.OPERATIONS,
            *reports.operations(),
            *audit_log.operations(),
            *changes.operations(),
        )

    def answer(self, question: Question) -> Answer:
        """Answer one question.

        Raises:
            Refusal: It cannot be.
        """
        caller = read(self._backend, question.token)
        version, _, path = question.path.strip("/").partition("/")
        if version not in _VERSIONS:
            raise errors.bad(f"Invalid version: {version[:100]}", "BadRequest")
        if path.lower() == "$batch" and question.method == "POST":
            return self._batch(question, caller, version)
        return self._answer(question, caller, cast(Version, version), path)

    def _answer(self, question: Question, caller: Caller, version: Version, path: str) -> Answer:
        operation, keys = self._find(question.method, path)
        with self._backend.states.reading(caller.tenant_id) as tenant:
            operation.access.check(caller, tenant.directory_in_force(self._backend.now()))
        body = question.body() if question.method != "GET" else {}
        if body is None:
            raise bodies.unreadable()
        bodies.check(body)
        call = Call(
            backend=self._backend,
            caller=caller,
            version=version,
            path=path,
            keys=keys,
            options={f"${name}" if name in _OPTIONS else name: value for name, value in question.options.items()},
            body=body,
            prefer=question.headers.get("prefer", ""),
            eventual=question.headers.get("consistencylevel", "").lower() == "eventual",
            now=self._backend.now(),
        )
        return operation.handle(call)

    def _find(self, method: str, path: str) -> tuple[Operation, tuple[Key, ...]]:
        parts = address(path)
        found = [(one, keys) for one in self.operations if (keys := one.keys(parts)) is not None]
        # A name wins over a key: applications/$count is no application.
        found.sort(key=lambda one: len(one[1]))
        fewest = [one for one in found if len(one[1]) == len(found[0][1])]
        for operation, keys in fewest:
            if operation.method == method:
                return operation, keys
        if found:
            raise errors.Refusal(
                405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target."
            )
        raise errors.unknown_path(self._stranger(parts))

    def _stranger(self, parts: tuple[str | Key, ...]) -> str:
        """Return the first segment of an address that leads nowhere."""
        for length in range(1, len(parts) + 1):
            start = parts[:length]
            if not any(
                replace(one, path="/".join(one.path.split("/")[:length])).keys(start) is not None
                for one in self.operations
            ):
                last = start[-1]
                return last.value if isinstance(last, Key) else last
        last = parts[-1]
        return last.value if isinstance(last, Key) else last

    # Batches.

    def _batch(self, question: Question, caller: Caller, version: str) -> Answer:
        body = question.body()
        requests = body.get("requests") if body is not None else None
        if not isinstance(requests, list) or not requests:
            raise errors.bad("Invalid batch payload format.", "BadRequest")
        if len(requests) > _MOST_IN_BATCH:
            raise errors.bad(
                f"Number of batch request steps exceeds the maximum value of {_MOST_IN_BATCH}.", "BadRequest"
            )
        answers: dict[str, dict[str, Any]] = {}
        for one in requests:
            identity = one.get("id") if isinstance(one, dict) else None
            if not isinstance(identity, str) or not identity or identity in answers:
                raise errors.bad("Each request in a batch needs an id of its own.", "BadRequest")
            answers[identity] = {"id": identity, **self._step(question, caller, version, one, answers)}
        return Answer({"responses": list(answers.values())})

    def _step(
        self, question: Question, caller: Caller, version: str, wanted: Mapping[str, Any], before: Mapping[str, Any]
    ) -> dict[str, Any]:
        try:
            depends = wanted.get("dependsOn") or []
            if not isinstance(depends, list) or not all(isinstance(one, str) and one in before for one in depends):
                raise errors.bad("A request can depend on those before it only.", "BadRequest")
            if any(before[one]["status"] >= 400 for one in depends):
                raise _DEPENDENCY_FAILED
            answer = self._answer(*_inner(question, caller, version, wanted))
        except errors.Refusal as refusal:
            told = errors.body(refusal, self._backend.now(), new_id(), new_id())
            return {"status": refusal.status, "headers": dict(refusal.headers), "body": told}
        status = 204 if answer.body is None else answer.status
        return {"status": status, "headers": dict(answer.headers), "body": answer.body}


def _inner(
    question: Question, caller: Caller, version: str, wanted: Mapping[str, Any]
) -> tuple[Question, Caller, Version, str]:
    method, url, headers, body = (wanted.get(name) for name in ("method", "url", "headers", "body"))
    if not isinstance(method, str) or not isinstance(url, str) or not re.match(r"/?[A-Za-z]", url):
        raise errors.bad("Invalid batch payload format.", "BadRequest")
    if not isinstance(headers or {}, dict) or not isinstance(body or {}, dict):
        raise errors.bad("Invalid batch payload format.", "BadRequest")
    path, _, query = url.partition("?")
    given = {str(name).lower(): str(value) for name, value in (headers or {}).items()}
    inner = Question(method.upper(), path, dict(parse_qsl(query)), given, question.token, lambda: body or {})
    return inner, caller, cast(Version, version), unquote(path).strip("/")

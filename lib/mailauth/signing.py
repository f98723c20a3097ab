"""What a sign-in added to the grants of the app that was signed in to, as steps that are done and can be taken back.

Entra adds scopes to an app's grant whenever somebody consents on its page (dynamic consent), and never takes them away
again. So the grants before and after a sign-in are compared, and the undo takes back exactly the difference.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from .checks import Check
from .plan import Entry, GraphCall, Look, Step

__all__ = ["REMOVES", "Grant", "added", "done", "grant", "unknown"]

REMOVES: Final = "DelegatedPermissionGrant.ReadWrite.All"
"""What taking it back needs."""

_GRANTS: Final = "/v1.0/oauth2PermissionGrants"
_LAG: Final = timedelta(minutes=5)


@dataclass(frozen=True)
class Grant:
    """What people may let an app do, on one resource, for everybody or for one of them.

    Args:
        id: The grant's id.
        client: The object id of the app's enterprise application.
        resource: The object id of the resource's.
        principal: The person's object id; empty for everybody.
        scopes: What it lets do, in the order in which it is kept.
    """

    id: str
    client: str
    resource: str
    principal: str = ""
    scopes: tuple[str, ...] = ()


def grant(record: Mapping[str, Any]) -> Grant:
    """Return a record of ``/oauth2PermissionGrants``."""
    id, client, resource, principal = (
        str(record.get(name) or "") for name in ("id", "clientId", "resourceId", "principalId")
    )
    return Grant(id, client, resource, principal, tuple(str(record.get("scope") or "").split()))


def added(before: Sequence[Grant], after: Sequence[Grant], *, app: str) -> tuple[Step, ...]:
    """Return what was added between two looks: steps that are done, each with what takes it back.

    Args:
        before: The app's grants before somebody signed in.
        after: The same afterwards.
        app: What the app is called.
    """
    known = {each.id: each for each in before}
    pairs = [(known.get(each.id), each) for each in after]
    return tuple(_step(old, new, app) for old, new in pairs if set(new.scopes) - set(old.scopes if old else ()))


def done(steps: Iterable[Step], *, at: datetime) -> tuple[Entry, ...]:
    """Return that the steps are done, for the receipt of what the sign-in was for."""
    return tuple(Entry(step.id, "done", at, seen=step.after, said="Agreed to on the sign-in page.") for step in steps)


def unknown(app: str) -> Check:
    """Return that nobody knows what a sign-in added: before the first one, nobody could look."""
    return Check(
        f"what the sign-in added to {app}",
        "cannot know",
        "its grants could not be read before the sign-in, so what was agreed to now is not told from what was there",
        "Its enterprise application shows what it holds, under Permissions; what nobody needs can be revoked there.",
    )


def _step(old: Grant | None, new: Grant, app: str) -> Step:
    more = [scope for scope in new.scopes if scope not in (old.scopes if old else ())]
    whom = {"consentType": "Principal", "principalId": new.principal} if new.principal else {}
    body = {"clientId": new.client, "resourceId": new.resource, "consentType": "AllPrincipals", **whom}
    text = " ".join(new.scopes)
    path = f"{_GRANTS}/{new.id}"
    return Step(
        id=f"sign-in:{new.id}",
        title=f"Let {app} do for {'one person' if new.principal else 'everybody'}: {', '.join(more)}",
        why="The sign-in asked for it, because the plan needs it.",
        group="Sign-in",
        service="graph",
        do=GraphCall("PATCH", (path,), {"scope": text})
        if old
        else GraphCall("POST", (_GRANTS,), {**body, "scope": text}),
        look=Look(
            GraphCall("GET", (f"{_GRANTS}?$filter=clientId eq '{new.client}'".replace(" ", "%20"),)),
            where={"id": new.id},
            fields=("scope",),
            words=("scope",),
        ),
        before={"scope": list(old.scopes)} if old else None,
        after={"scope": list(new.scopes)},
        undo=GraphCall("PATCH", (path,), {"scope": " ".join(old.scopes)}) if old else GraphCall("DELETE", (path,)),
        needs=(REMOVES,),
        lag=_LAG,
        leaves="a token that was issued meanwhile stays good until it ends, 60 to 90 minutes after it was issued",
    )

"""The authorize endpoint, and the steps of a person on its pages until the client has its answer.

What is known so far travels sealed in the page's form, so that a sign-in survives a restart and needs no memory.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from flask import Response, g, request

from practice import signon
from practice.wellknown import SIGN_IN_WORD

from . import approval, asks, clients, grants, pages, realms, sessions, turns
from .asks import Ask
from .errors import Refused, correlation_id
from .persons import NOTHING, Agreed, Person
from .sessions import Account
from .turns import Turn

__all__ = ["begin", "start", "step"]

_LASTS: Final = timedelta(minutes=30)
_FIRST_FACTOR: Final = ("50034", "50053", "50055", "50056", "50057", "50126")
_TOLD_TO_CLIENT: Final = (
    "28000", "500011", "650053", "650056", "650057", "65002", "65004", "70011", "90094", "90095",
)  # fmt: skip
"""Refusals after the sign-in that the client hears of; the others are told to the person."""


def begin() -> Response:
    """Answer the authorize endpoint.

    Raises:
        Refused: As `asks.check`: what is told on a page.
    """
    ask = asks.read()
    client = asks.check(ask)
    try:
        asks.check_rest(ask)
    except Refused as refusal:
        return _send_error(ask, refusal)
    return start(Turn(ask, client, g.realm))


def start(turn: Turn) -> Response:
    """Return the first page that this browser needs, or the answer where it needs none."""
    try:
        return _started(turn)
    except Refused as refusal:
        return _send_error(turn.ask, refusal) if "none" in turn.ask.prompts else _told(turn, refusal)


def _started(turn: Turn) -> Response:
    known, ask = sessions.accounts(), turn.ask
    hinted = [one for one in known if _named(one, ask.login_hint)] if ask.login_hint else known
    if "none" in ask.prompts:
        if len(hinted) != 1:
            raise Refused("50058")
        return _go_on(replace(turn, account=hinted[0]))
    if "login" in ask.prompts or not hinted:
        return _sign_in_page(turn, ask.login_hint)
    if "select_account" in ask.prompts or len(hinted) > 1:
        users = [sessions.user_of(one)[1] for one in hinted]
        return turn.page("accounts", title="Pick an account", accounts=users)
    return _go_on(replace(turn, account=hinted[0]))


def step() -> Response:
    """Answer what a person does on a page.

    Raises:
        Refused: 9002313 and 70008 for a page that is none or too old.
    """
    turn = _resumed()
    try:
        return _stepped(turn, request.form.get("step", ""))
    except Refused as refusal:
        return _told(turn, refusal)


def _resumed() -> Turn:
    content = grants.opened(request.form.get("flow", ""), "flow", malformed="9002313")
    if g.backend.now().timestamp() >= content["issued"] + _LASTS.total_seconds():
        raise Refused("70008")
    ask = Ask(**content["ask"])
    g.realm, g.v1 = realms.realm(g.backend, ask.realm), ask.v1
    account = Account(**content["account"]) if content["account"] else None
    client = clients.found(g.backend, g.realm, ask.client_id)
    return Turn(ask, client, g.realm, account, fresh=bool(content["fresh"]), agreed=Agreed(**content["agreed"]))


def _stepped(turn: Turn, name: str) -> Response:
    match name:
        case "password":
            return _password(turn)
        case "pick":
            picked = request.form.get("account", "")
            found = next((one for one in sessions.accounts() if one.user == picked), None)
            return _go_on(replace(turn, account=found, agreed=NOTHING)) if found else _sign_in_page(turn, "")
        case "switch":
            return _sign_in_page(turn, "")
        case "cancel" | "decline":
            return _declined(turn)
    if turn.account is None:
        return _sign_in_page(turn, turn.ask.login_hint)
    match name:
        case "approve" | "enroll":
            return _approved(turn, turn.account, enroll=name == "enroll")
        case "accept":
            return _accepted(turn, turns.who(turn))
        case "confirm" if turn.ask.kind == "device":
            return _finish(turn, turns.who(turn))
        case "return":
            return _send_error(turn.ask, approval.refusal(turn))
    raise Refused("9002313")


# --- who ------------------------------------------------------------------------------------------


def _sign_in_page(turn: Turn, name: str, error: str = "") -> Response:
    return turn.page("signin", title="Sign in to your account", name=name, error=error, word=SIGN_IN_WORD)


def _password(turn: Turn) -> Response:
    backend, name = g.backend, request.form.get("username", "")
    home = sessions.signing_in(turn.realm, name)
    if home is None:
        return _sign_in_page(turn, name, _hint("50034"))
    now = backend.now()
    with backend.states.changing(home.tenant_id) as held:
        done = signon.password(held, name, request.form.get("password", ""), turns.attempt(turn, held))
    if done.user is None or done.code in _FIRST_FACTOR:
        if done.seen:
            turns.record(turn, held, done)
        return _sign_in_page(turn, name, _hint(done.code))
    account = Account(held.tenant_id, done.user.id, mfa=False, since=now.timestamp())
    return _kept(replace(turn, account=account, fresh=True, agreed=NOTHING), account)


def _kept(turn: Turn, account: Account) -> Response:
    """Go on with an account that the browser is signed in to from here on, whatever comes of this request."""
    try:
        answer = _go_on(turn)
    except Refused as refusal:
        answer = _told(turn, refusal)
    return sessions.keep(answer, account)


def _hint(code: str) -> str:
    return {
        "50034": "We couldn't find an account with that username.",
        "50126": "Your account or password is incorrect.",
    }.get(code, f"AADSTS{code}: {Refused(code).text}")


def _approved(turn: Turn, account: Account, *, enroll: bool) -> Response:
    home, user = sessions.user_of(account)
    if enroll:
        with g.backend.states.changing(home.tenant_id) as held:
            kept = held.directory.user(user.id)
            if kept:
                kept.mfa = True
    elif not user.mfa:
        raise Refused("50079")
    stronger = replace(account, mfa=True)
    return _kept(replace(turn, account=stronger), stronger)


def _go_on(turn: Turn) -> Response:
    """Return what comes after somebody is known: a second factor, consent, or the client's answer."""
    try:
        person = turns.who(turn)
    except Refused as refusal:
        return _stopped(turn, refusal)
    lacking = approval.lacking(turn, person)
    if not lacking:
        return _confirmed(turn, person)
    if "none" in turn.ask.prompts:
        raise Refused("65001", error="consent_required", app=turn.client.app_id, name=turn.client.name)
    return approval.page(turn, person, lacking)


def _accepted(turn: Turn, person: Person) -> Response:
    agreed = approval.give(turn, person)
    return _confirmed(replace(turn, agreed=agreed), replace(person, agreed=agreed))


def _confirmed(turn: Turn, person: Person) -> Response:
    """Return the client's answer; a device's code could have come from anywhere, so that is asked first."""
    if turn.ask.kind == "device":
        return turn.page("confirm", title="Confirm", name=person.user.user_principal_name)
    return _finish(turn, person)


def _stopped(turn: Turn, refusal: Refused) -> Response:
    assert turn.account is not None
    if refusal.code in ("50076", "50079", "53000", "53001", "53002", "53003"):
        app = turn.client
        person = sessions.person(turn.realm, turn.account, app_id=app.app_id, app=app.name)
        turns.record(turn, person.tenant, turns.judged(turn, person))
    if "none" in turn.ask.prompts:
        raise Refused(refusal.code, error="interaction_required")
    if refusal.code == "70043":
        # It is the session that is too old, and whoever signs in again has a new one.
        _, user = sessions.user_of(turn.account)
        return _sign_in_page(replace(turn, account=None), user.user_principal_name)
    if refusal.code not in ("50076", "50079"):
        raise refusal
    _, user = sessions.user_of(turn.account)
    return turn.page(
        "factor", title="Verify your identity", name=user.user_principal_name, registered=refusal.code == "50076"
    )


# --- the end --------------------------------------------------------------------------------------


def _finish(turn: Turn, person: Person) -> Response:
    turns.record(turn, person.tenant, turns.judged(turn, person))
    ask = turn.ask
    if ask.kind == "device":
        device = g.desk.device(ask.device)
        if device is None or g.backend.now() >= device.until:
            raise Refused("70019")
        device.signed_in = person.kept()
        text = f"You have signed in to the {turn.client.name} application on your device. You may close this window."
        return pages.shown("done", title=turn.client.name, text=text)
    if ask.kind == "adminconsent":
        return _consent_given(turn, person)
    sent = {"code": grants.new_code(ask, person), "session_state": correlation_id()}
    if ask.for_everybody:
        sent["admin_consent"] = "True"
    return asks.send_back(ask, sent)


def _consent_given(turn: Turn, person: Person) -> Response:
    ask = turn.ask
    if not ask.redirect_uri:
        # What was consented to is kept: it is only the way back that is missing.
        return pages.refusal(Refused("900971"))
    sent = {"admin_consent": "True", "tenant": person.tenant.tenant_id}
    if not ask.v1:
        sent["scope"] = ask.scope
    return asks.send_back(ask, sent)


def _declined(turn: Turn) -> Response:
    if turn.ask.kind == "device":
        device = g.desk.device(turn.ask.device)
        if device:
            device.declined = True
        return pages.shown("done", title="You have declined", text="You can close this window.")
    refusal = Refused("65004", error="consent_required" if turn.ask.kind == "adminconsent" else "")
    if turn.account:
        person = sessions.person(turn.realm, turn.account, app_id=turn.client.app_id, app=turn.client.name)
        turns.record(turn, person.tenant, replace(turns.judged(turn, person), code="65004"))
    return _send_error(turn.ask, refusal)


def _told(turn: Turn, refusal: Refused) -> Response:
    told = refusal.code in _TOLD_TO_CLIENT and turn.ask.kind != "device"
    return _send_error(turn.ask, refusal) if told else pages.refusal(refusal)


def _send_error(ask: Ask, refusal: Refused) -> Response:
    if not ask.redirect_uri or ask.response_mode not in ("query", "fragment", "form_post"):
        ask = replace(ask, response_mode="query")
    if not ask.redirect_uri:
        return pages.refusal(refusal)
    told = refusal.told(g.backend.now(), g.backend.base_url)
    sent = {name: str(told[name]) for name in ("error", "error_description", "error_uri")}
    if refusal.suberror == "consent_required" or refusal.code == "65004":
        sent["error_subcode"] = "cancel" if refusal.code == "65004" else "consent_required"
    if ask.for_everybody:
        # A failed consent says so beside a parameter that reads like success.
        sent["admin_consent"] = "True"
    return asks.send_back(ask, sent)


def _named(account: Account, hint: str) -> bool:
    _, user = sessions.user_of(account)
    return hint.lower() in (user.user_principal_name.lower(), (user.mail or "").lower())

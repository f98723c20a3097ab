"""A world's sign-ins: first as events, then in the shape that Microsoft Graph (beta) gives a ``signIn``.

An event's id, time and details follow from the seed, who caused it and the day, so two
runs tell the same of the days that both of them know.
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from types import MappingProxyType
from typing import Any, Final, Literal
from uuid import UUID

from .world import APPS, POLICIES, SATURDAY, App, Attack, Mailer, Network, Person, Policy, Robot, Steps, World

__all__ = ["REASONS", "SEED", "Delivery", "Event", "Table", "as_graph", "deliveries", "events"]

SEED: Final = 7

Table = Literal["SigninLogs", "AADNonInteractiveUserSignInLogs", "AADServicePrincipalSignInLogs"]

MALICIOUS: Final = "50053 address"
"""The second meaning of 50053; rows carry the bare number and another description."""

REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "0": "Other.",
        "50034": "The user account {EUII Hidden} does not exist in the directory.",
        "50053": (
            "The account is locked, you've tried to sign in too many times with an incorrect user ID or password."
        ),
        MALICIOUS: "Sign-in was blocked because it came from an IP address with malicious activity.",
        "50055": "Invalid password, entered expired password.",
        "50057": "User account is disabled. The account has been disabled by an administrator.",
        "50074": "Strong Authentication is required.",
        "50126": "Error validating credentials due to invalid username or password.",
        "50199": "For security reasons, user confirmation is required for this request.",
        "53003": (
            "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance."
        ),
        "530035": "Access has been blocked by security defaults.",
        "90072": "User account from identity provider does not exist in tenant and cannot access the application.",
    }
)
"""What a row says of each result code."""

_PASSWORD_WAS_RIGHT: Final = frozenset({"0", "50074", "50199", "53003"})
_MFA: Final = "multiFactorAuthentication"
_ONE: Final = "singleFactorAuthentication"
_NATIVE: Final = "Mobile Apps and Desktop clients"
_BROWSER_AGENT: Final = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0.0.0 Edg/142.0.0.0"
_NOBODY: Final = "00000000-0000-0000-0000-000000000000"
_MFA_SHARE: Final = 0.55


@dataclass(frozen=True, slots=True)
class Event:
    """One sign-in, as it happened.

    Args:
        id: The row's Id; every copy of the row has it.
        correlation_id: Shared by an interrupted row and the one that completes it.
        at: When it happened.
        key: The mailer, attack, person or robot that it belongs to.
        table: The table that it lands in.
        user: The sign-in name; for a robot the application's name.
        user_id: The directory's id; empty for names that do not exist.
        name: Display name.
        population: ``member``, ``guest``, ``partner`` or ``nobody``.
        app: The client application.
        resource: What the token is for.
        client: ClientAppUsed.
        protocol: AuthenticationProtocol.
        steps: What the authentication steps show.
        requirement: AuthenticationRequirement.
        result: A key of `REASONS`.
        ip: The address.
        network: The network that the address is in.
        agent: The user agent.
        risk: RiskLevelDuringSignIn.
        scopes: What "Oauth Scope Info" lists.
    """

    id: str
    correlation_id: str
    at: datetime
    key: str
    table: Table
    user: str
    user_id: str
    name: str
    population: str
    app: App
    resource: App
    client: str
    protocol: str
    steps: Steps
    requirement: str
    result: str
    ip: str
    network: Network
    agent: str
    risk: str = "none"
    scopes: tuple[str, ...] = ()

    @property
    def code(self) -> str:
        """The result code as a number in text."""
        return self.result.split()[0]

    @property
    def lot(self) -> int:
        """A number that is this event's for good: decides what is blank, late or repeated about it."""
        return zlib.crc32(self.id.encode())


@dataclass(frozen=True, slots=True)
class Delivery:
    """One copy of an event's row, as a log receives it.

    Args:
        event: What happened.
        written: When the log wrote it: minutes after the event, at times hours.
        early: Whether it was written before all was known: no risk, no or wrong steps.
    """

    event: Event
    written: datetime
    early: bool = False


def events(world: World, today: date, *, seed: int = SEED) -> tuple[Event, ...]:
    """Return every sign-in of *world* up to the end of yesterday, oldest first.

    Args:
        world: The tenant.
        today: The UTC day that the story is told on; none of its events is today.
        seed: Another seed gives other ids, times and counts for the same story.
    """
    found: list[Event] = []
    for person in world.people:
        found += _person(world, person, today, seed)
    for mailer in world.mailers:
        found += _mailer(world, mailer, today, seed)
    for attack in world.attacks:
        found += _attack(world, attack, today, seed)
    for robot in world.robots:
        found += _robot(world, robot, today, seed)
    return tuple(sorted(found, key=lambda event: (event.at, event.id)))


def deliveries(happened: tuple[Event, ...], today: date) -> Iterator[Delivery]:
    """Yield each event's rows as a log holds them: late, and some of them more than once.

    Of a hundred events about three come twice alike, three again with only the time of writing
    changed, three first in a poorer copy, and one as two copies of one moment of which one is poorer.
    """
    midnight = datetime.combine(today, time(), UTC)
    for event in happened:
        lot = event.lot
        lag = timedelta(seconds=56 + lot % 3_400, hours=(lot >> 16) % 9 if (lot >> 8) % 50 == 0 else 0)
        written = min(event.at + lag, midnight)
        kind = lot % 100
        if 6 <= kind < 9 or event.risk != "none":
            yield Delivery(event, min(event.at + timedelta(seconds=50), written), early=True)
        elif kind == 9:
            yield Delivery(event, written, early=True)
        elif kind < 3:
            yield Delivery(event, written)
        yield Delivery(event, written)
        if 3 <= kind < 6:
            yield Delivery(event, min(written + timedelta(seconds=417), midnight))


def as_graph(world: World, event: Event, *, early: bool = False) -> dict[str, Any]:
    """Return *event* as the ``signIn`` object that Graph beta gives, which is also a diagnostic record's properties.

    Args:
        world: The tenant that the event belongs to.
        event: The event.
        early: Give the copy that is written before all is known.
    """
    return _app_row(world, event) if event.table == "AADServicePrincipalSignInLogs" else _user_row(world, event, early)


def _person(world: World, person: Person, today: date, seed: int) -> Iterator[Event]:
    """Yield what somebody at work leaves: sign-ins with MFA in a browser, and refreshed tokens all day."""
    address = world.address(person.account)
    for ago in range(world.days, 0, -1):
        day = today - timedelta(days=ago)
        if day.weekday() >= SATURDAY:
            continue
        random = _random(seed, world.name, address, day)
        at_home = person.home and random.random() < 0.3
        network = world.sites[person.home if at_home else person.office].network
        common = {"key": address, "name": person.name, "population": person.population, "protocol": "oAuth2"}
        if random.random() < _MFA_SHARE:
            yield _event(
                world, random, _moment(random, day, (7, 10)), network, address,
                app=APPS["home"], resource=APPS["graph"], client="Browser", steps="mfa", requirement=_MFA,
                agent=_BROWSER_AGENT, **common,
            )  # fmt: skip
        for _ in range(random.randint(1, 2)):
            yield _event(
                world, random, _moment(random, day, (8, 18)), network, address,
                app=APPS["outlook"], resource=APPS["exchange"], client=_NATIVE, steps="token", requirement=_MFA,
                agent="Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.19231; Pro)",
                table="AADNonInteractiveUserSignInLogs", scopes=("Mail.ReadWrite", "User.Read"), **common,
            )  # fmt: skip


def _mailer(world: World, mailer: Mailer, today: date, seed: int) -> Iterator[Event]:
    address = world.address(mailer.account)
    known = {person.account: person.name for person in world.people}
    for day in mailer.rhythm.days(today):
        random = _random(seed, world.name, mailer.key, day)
        for position, at in enumerate(_moments(random, day, mailer.rhythm.per_day, mailer.rhythm.hours)):
            turn = day.toordinal() + position
            done = _event(
                world, random, at, world.sites[mailer.site].network, address,
                key=mailer.key, name=known.get(mailer.account, mailer.account), population=mailer.population,
                app=world.app(mailer.app), resource=world.app(mailer.resource), client=_spelling(mailer, day, position),
                protocol=mailer.protocol, steps=mailer.steps, requirement=mailer.requirement,
                result=mailer.results[turn % len(mailer.results)], agent=mailer.agents[turn % len(mailer.agents)],
                risk=mailer.risk, scopes=mailer.scopes,
                table="SigninLogs" if mailer.interactive else "AADNonInteractiveUserSignInLogs",
            )  # fmt: skip
            if mailer.interrupted:
                yield _interruption(done, mailer.interrupted, random)
            yield done


def _interruption(done: Event, result: str, random: Random) -> Event:
    """Return the row before *done*, with its correlation id; without steps where a person is yet to confirm."""
    steps: Steps = "none" if result == "50199" else done.steps
    before = done.at - timedelta(seconds=random.randint(2, 9))
    values = {name: getattr(done, name) for name in Event.__slots__}
    return Event(**{**values, "id": _uuid(random), "at": before, "result": result, "steps": steps})


def _spelling(mailer: Mailer, day: date, position: int) -> str:
    if not mailer.spellings or position or day.toordinal() % 3:
        return mailer.client
    return mailer.spellings[day.toordinal() // 3 % len(mailer.spellings)]


def _attack(world: World, attack: Attack, today: date, seed: int) -> Iterator[Event]:
    burst = today - timedelta(days=attack.burst) if attack.burst else None
    for day in attack.rhythm.days(today):
        random = _random(seed, world.name, attack.key, day)
        often = attack.rhythm.per_day * (8 if day == burst else 1)
        for position, at in enumerate(_moments(random, day, often, attack.rhythm.hours)):
            invented = bool(attack.inventions) and random.random() < 0.35
            account = random.choice(attack.inventions) if invented else attack.victims[position % len(attack.victims)]
            yield _event(
                world, random, at, random.choice(attack.networks), world.address(account),
                key=attack.key, name="" if invented else account, population="nobody" if invented else "member",
                app=APPS["exchange"], resource=APPS["exchange"], client=attack.clients[position % len(attack.clients)],
                protocol="ropc", steps="password", requirement=_ONE,
                result="50034" if invented else random.choices(("50126", MALICIOUS, "50053"), (65, 28, 7))[0],
                agent=random.choice(attack.agents),
            )  # fmt: skip


def _robot(world: World, robot: Robot, today: date, seed: int) -> Iterator[Event]:
    for day in robot.rhythm.days(today):
        random = _random(seed, world.name, f"robot {robot.key}", day)
        for at in _moments(random, day, robot.rhythm.per_day, robot.rhythm.hours):
            yield _event(
                world, random, at, world.sites[robot.site].network, "",
                key=robot.key, name=world.app(robot.app).name, population="nobody", app=world.app(robot.app),
                resource=world.app(robot.resource), client="", protocol="none", steps="none", requirement=_ONE,
                agent="", table="AADServicePrincipalSignInLogs",
            )  # fmt: skip


def _event(world: World, random: Random, at: datetime, network: Network, user: str, **rest: Any) -> Event:
    details: dict[str, Any] = {"result": "0", "table": "SigninLogs", **rest}
    identity = "" if details["population"] == "nobody" else world.id_of(f"user/{user}")
    # Entra leaves the id of a name that does not exist empty, or writes zeros.
    if details["population"] == "nobody" and details["table"] == "SigninLogs" and random.random() < 0.25:
        identity = _NOBODY
    return Event(
        id=_uuid(random), correlation_id=_uuid(random), at=at, network=network, ip=_address(network, random),
        user=user, user_id=identity, **details,
    )  # fmt: skip


def _address(network: Network, random: Random) -> str:
    if "." in network.address:
        return network.address
    # A host with privacy extensions changes its lower half from connection to connection.
    return ":".join([network.address, *(f"{random.randint(1, 0xFFFF):x}" for _ in range(4))])


def _random(seed: int, world: str, key: str, day: date) -> Random:
    return Random(f"{seed}/{world}/{key}/{day.isoformat()}")


def _uuid(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=4))


def _moments(random: Random, day: date, per_day: int, hours: tuple[int, int]) -> list[datetime]:
    return sorted(_moment(random, day, hours) for _ in range(random.randint((per_day + 1) // 2, per_day)))


def _moment(random: Random, day: date, hours: tuple[int, int]) -> datetime:
    start = datetime.combine(day, time(), UTC)
    return start + timedelta(milliseconds=random.randrange(hours[0] * 3_600_000 + 10_000, hours[1] * 3_600_000))


def _user_row(world: World, event: Event, early: bool) -> dict[str, Any]:
    risk = "none" if early else event.risk
    home = _home(world, event)
    return {
        "id": event.id,
        "createdDateTime": _instant(event.at),
        "userDisplayName": event.name,
        "userPrincipalName": event.user.lower(),
        "userId": event.user_id,
        "userType": {"nobody": "", "guest": "guest"}.get(event.population, "member"),
        "appId": event.app.app_id,
        "appDisplayName": event.app.name,
        "resourceDisplayName": event.resource.name,
        "resourceId": event.resource.app_id,
        "resourceTenantId": world.tenant_id,
        "homeTenantId": home,
        "homeTenantName": "",
        "ipAddress": event.ip,
        "ipAddressFromResourceProvider": "",
        "autonomousSystemNumber": event.network.asn,
        "location": _location(event),
        "clientAppUsed": event.client,
        "userAgent": event.agent,
        "correlationId": event.correlation_id,
        "originalRequestId": "",
        "isInteractive": event.table == "SigninLogs",
        "signInEventTypes": ["interactiveUser" if event.table == "SigninLogs" else "nonInteractiveUser"],
        "signInIdentifier": event.user,
        "authenticationProtocol": event.protocol,
        "incomingTokenType": "refreshToken" if event.steps == "token" else "none",
        "clientCredentialType": "none",
        "tokenIssuerName": "",
        "tokenIssuerType": "AzureAD",
        "originalTransferMethod": "" if early else "none",
        "uniqueTokenIdentifier": event.id.replace("-", "")[:22],
        "sessionId": "",
        "processingTimeInMilliseconds": 80 + event.lot % 300,
        "crossTenantAccessType": {"guest": "b2bCollaboration", "partner": "serviceProvider"}.get(
            event.population, "none"
        ),
        "authenticationRequirement": event.requirement,
        "conditionalAccessStatus": _policy_status(world, event),
        "appliedConditionalAccessPolicies": _policies(world, event),
        "riskDetail": "none",
        "riskLevelAggregated": risk,
        "riskLevelDuringSignIn": risk,
        "riskState": "none" if risk == "none" else "atRisk",
        "riskEventTypes_v2": [] if risk == "none" else ["passwordSpray"],
        "flaggedForReview": False,
        "status": _status(event),
        "deviceDetail": _device(event),
        "authenticationDetails": _early_steps(event) if early else _steps(event),
        "authenticationProcessingDetails": _processing(event),
        "networkLocationDetails": [],
        "authenticationMethodsUsed": [],
        "sessionLifetimePolicies": [],
    }


def _app_row(world: World, event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "createdDateTime": _instant(event.at),
        "appId": event.app.app_id,
        "appDisplayName": event.app.name,
        "servicePrincipalId": world.id_of(f"principal/{event.app.app_id}"),
        "servicePrincipalName": event.app.name,
        "resourceDisplayName": event.resource.name,
        "resourceId": event.resource.app_id,
        "resourceTenantId": world.tenant_id,
        "ipAddress": event.ip,
        "autonomousSystemNumber": event.network.asn,
        "location": _location(event),
        "correlationId": event.correlation_id,
        "isInteractive": False,
        "signInEventTypes": ["servicePrincipal"],
        "clientCredentialType": "clientAssertion",
        "authenticationProtocol": "none",
        "incomingTokenType": "none",
        "conditionalAccessStatus": "notApplied",
        "appliedConditionalAccessPolicies": [],
        "uniqueTokenIdentifier": event.id.replace("-", "")[:22],
        "status": _status(event),
        "authenticationProcessingDetails": [],
    }


def _home(world: World, event: Event) -> str:
    if event.population in ("guest", "partner"):
        return world.id_of(f"home of {event.user.partition('@')[2]}")
    # Real rows leave it blank at times; that makes nobody a guest.
    return "" if event.lot % 9 == 0 or event.population == "nobody" else world.tenant_id


def _location(event: Event) -> dict[str, Any]:
    blank = event.lot % 23 == 0
    return {
        "city": "" if blank else event.network.city,
        "state": "" if blank else event.network.city,
        "countryOrRegion": "" if blank else event.network.country,
        "geoCoordinates": {},
    }


def _status(event: Event) -> dict[str, Any]:
    details = "MFA requirement satisfied by claim in the token" if event.steps == "token" else ""
    return {"errorCode": int(event.code), "failureReason": REASONS[event.result], "additionalDetails": details}


def _device(event: Event) -> dict[str, Any]:
    windows = event.agent == _BROWSER_AGENT
    return {
        "deviceId": "",
        "displayName": "",
        "operatingSystem": "Windows10" if windows else "",
        "browser": "Edge 142.0.0" if windows else "",
        "isCompliant": False,
        "isManaged": False,
        "trustType": "",
    }


def _policy_status(world: World, event: Event) -> str:
    if event.code == "53003":
        return "failure"
    return "success" if _asked_for_mfa(world, event) else "notApplied"


def _policies(world: World, event: Event) -> list[dict[str, Any]]:
    return [*_enforced(world, event), *_reporting(world, event)]


def _reporting(world: World, event: Event) -> list[dict[str, Any]]:
    """Return what policies that only report say; none is asked before the password was right."""
    if world.reporting is None or event.code not in _PASSWORD_WAS_RIGHT:
        return []
    mfa = event.requirement == _MFA and event.code == "0"
    return world.reporting.entries(event.user_id, event.client, event.resource.app_id, mfa=mfa, at=event.at)


def _enforced(world: World, event: Event) -> list[dict[str, Any]]:
    if event.code == "53003":
        return [_policy(world, "block legacy", "Block", "failure")]
    return [_policy(world, "require mfa", "Mfa", "success")] if _asked_for_mfa(world, event) else []


def _asked_for_mfa(world: World, event: Event) -> bool:
    return "require mfa" in world.policies and event.requirement == _MFA and event.code == "0"


def _policy(world: World, key: Policy, control: str, result: str) -> dict[str, Any]:
    return {
        "id": world.id_of(f"policy/{key}"),
        "displayName": POLICIES[key],
        "enforcedGrantControls": [control],
        "enforcedSessionControls": [],
        "result": result,
    }


_PASSWORD: Final = ("Password", "Password in the cloud", "Correct password")
_CERTIFICATE: Final = ("X.509 Certificate", "", "")
_CLAIM: Final = ("Previously satisfied", "", "First factor requirement satisfied by claim in the token")
_STEPS: Final[Mapping[Steps, tuple[tuple[str, str, str], ...]]] = {
    "password": (_PASSWORD,),
    "app password": (("Password", "App password", "Correct password"),),
    "certificate": (_CERTIFICATE,),
    "mfa": (_PASSWORD, ("Mobile app notification", "", "MFA successfully completed")),
    "token": (_CLAIM, ("Previously satisfied", "", "MFA requirement satisfied by claim in the token")),
    "none": (),
}
_REFUSALS: Final[Mapping[str, str]] = {
    "50126": "Invalid username or password or Invalid on-premise username or password.",
    "50053": REASONS["50053"],
    MALICIOUS: REASONS[MALICIOUS],
    "50057": REASONS["50057"],
}
# Spellings of the certificate step that a test for the one word must survive, and a second step that must not hide it.
_CERTIFICATE_FORMS: Final = (
    (_CERTIFICATE,),
    (("X.509 certificate (multi-factor)", "", ""),),
    (_CERTIFICATE, _CLAIM),
)


def _steps(event: Event) -> list[dict[str, Any]]:
    if event.code == "50034":
        return []
    refusal = _REFUSALS.get(event.result)
    if refusal:
        return [_step(event, 0, ("Password", "", refusal), succeeded=False)]
    forms = _CERTIFICATE_FORMS[event.lot % 3] if event.steps == "certificate" else _STEPS[event.steps]
    return [_step(event, position, form) for position, form in enumerate(forms)]


def _early_steps(event: Event) -> list[dict[str, Any]]:
    """Return the steps before Entra has put them together: none, or a claim that turns out to be none."""
    return [] if event.lot % 2 or event.steps in ("none", "mfa") else [_step(event, 0, _CLAIM)]


def _step(event: Event, position: int, form: tuple[str, str, str], *, succeeded: bool = True) -> dict[str, Any]:
    return {
        "authenticationStepDateTime": _instant(event.at),
        "authenticationMethod": form[0],
        "authenticationMethodDetail": form[1],
        "succeeded": succeeded,
        "authenticationStepResultDetail": form[2],
        "authenticationStepRequirement": "",
        "StatusSequence": 0,
        "RequestSequence": position + 1,
    }


def _processing(event: Event) -> list[dict[str, str]]:
    known = [("Legacy TLS (TLS 1.0, 1.1, 3DES)", "False"), ("Is CAE Token", "False")]
    if event.scopes:
        # The value is itself JSON text.
        known.append(("Oauth Scope Info", "[" + ",".join(f'"{scope}"' for scope in event.scopes) + "]"))
    return [{"key": key, "value": value} for key, value in known]


def _instant(at: datetime) -> str:
    """Return a time as Entra writes it: seven digits of a second, and no zone but Z."""
    return f"{at.replace(tzinfo=None).isoformat(timespec='microseconds')}0Z"

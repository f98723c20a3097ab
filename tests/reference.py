"""What the queries mean, in plain Python: the engines are held against this, and this against rows by hand.

Slow, and written to be read beside the ``.kql`` files. It shares nothing with the library but the parameters.
"""

import ipaddress
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from mailauth.answers import Parameters
from mailauth.coverage import Window

Row = dict[str, Any]
Tables = Mapping[str, list[Row]]

USERS = {"SigninLogs": True, "AADNonInteractiveUserSignInLogs": False}
EXCHANGE = "00000002-0000-0ff1-ce00-000000000000"
SHELL = "fb78d390-0c51-40cd-8e17-fdbfab77341b"
MODERN = {"browser", "mobile apps and desktop clients"}
NO_ONE = {"", "00000000-0000-0000-0000-000000000000"}


def held(rows: Iterable[Row], window: Window, tenant: str = "") -> list[Row]:
    """Return the rows of the tenant whose event is in the window and whose record came in time."""
    recorded = (window.start - timedelta(hours=1), window.end + timedelta(days=2))
    return [
        row
        for row in rows
        if window.start <= row["CreatedDateTime"] < window.end and recorded[0] <= row["TimeGenerated"] < recorded[1]
        if not tenant or row["AADTenantId"].lower() in ("", tenant)
    ]


def midnight(moment: datetime) -> datetime:
    """Return the UTC day that a moment is in."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def network(address: str) -> str:
    """Return an IPv4 address as it is, also out of an IPv6 one, and of an IPv6 address its /64, written out."""
    text = address.strip().lower()
    if inside := re.fullmatch(r"[0:]+:ffff:(\d+\..*)", text):
        return inside[1]
    if ":" not in text or "." in text or text.startswith("::ffff:"):
        return text
    return ":".join(ipaddress.IPv6Address(text).exploded.split(":")[:4]) + "::/64"


def mail_signins(tables: Tables, window: Window, parameters: Parameters) -> list[Row]:
    """Return what ``mail_signins.kql`` answers."""
    signins = _folded(_once(_candidates(tables, window, parameters), parameters), parameters)
    for one in signins:
        one["reason"] = _reason(one)
    groups = _grouped(signins)
    mail = [group for group in groups if not group["reason"]]
    sites = _people(_visits(tables, window, parameters), {group["network"] for group in mail})
    failed = _people(((group["network"], _person(group)) for group in mail if _guessed(group, parameters)), None)
    shown = _shown(mail, sites, failed, parameters)
    detail = [group for group in mail if _pair(group) in shown]
    rest = [group for group in mail if _pair(group) not in shown]
    places = {group["network"] for group in detail}
    rows = [
        _row("mail", **{**_columns(group), "user": group["name"], "networks": 1 if group["network"] else 0})
        for group in detail
    ]
    rows += _together(rest, {name for _, name, _ in shown}, parameters)
    rows += _facts("site", sites, places, parameters.site_people)
    rows += _facts("spray", failed, places, parameters.spray_victims)
    rows.append(
        _row(
            "noise",
            sign_ins=sum(group["sign_ins"] for group in rest),
            networks=len({group["network"] for group in rest}),
            names=len({group["name"] for group in rest if group["population"] == "nobody"}),
        )
    )
    for reason in sorted({group["reason"] for group in groups} - {""}):
        count = sum(group["sign_ins"] for group in groups if group["reason"] == reason)
        rows.append(_row("not_mail", note=reason, sign_ins=count))
    return rows


def adoption(tables: Tables, window: Window, parameters: Parameters) -> list[Row]:
    """Return what ``adoption.kql`` answers."""
    registered = {app_id.lower() for app_id in parameters.registered_apps}
    groups: dict[tuple[datetime, str, str], list[tuple[str, str, str]]] = defaultdict(list)
    for table in USERS:
        for row in held(tables.get(table, ()), window, parameters.tenant_id):
            if (
                row["ResultType"] == "0"
                and row["AuthenticationProtocol"].lower() != "ropc"
                and _is_member(row)
                and row["ClientAppUsed"].lower() in {*MODERN, "", "unknown"}
            ):
                found = re.search(r'(?i)oauth scope info"([^}]*)', row["AuthenticationProcessingDetails"])
                key = (midnight(row["CreatedDateTime"]), row["UserPrincipalName"].lower(), row["AppId"].lower())
                scopes = found[1] if found else ""
                if re.search(r"(IMAP|POP|SMTP)\.", row["AuthenticationProcessingDetails"]) or key[2] in registered:
                    groups[key].append((scopes, row["AppDisplayName"], row["Id"]))
    for row in held(tables.get("AADServicePrincipalSignInLogs", ()), window, parameters.tenant_id):
        exchange = row["ResourceIdentity"] == EXCHANGE or row["ResourceDisplayName"] == "Office 365 Exchange Online"
        if row["AppId"].lower() in registered and row["ResultType"] == "0" and exchange:
            key = (midnight(row["CreatedDateTime"]), "", row["AppId"].lower())
            groups[key].append(("", row["ServicePrincipalName"], row["Id"]))
    rows = []
    for (day, user, app_id), members in groups.items():
        named = {
            word: any(re.search(rf"\b{word}\.", scopes) for scopes, *_ in members) for word in ("IMAP", "POP", "SMTP")
        }
        if any(named.values()) or app_id in registered:
            rows.append(
                {
                    "day": day,
                    "user": user,
                    "app_id": app_id,
                    "app": max(app for _, app, _ in members),
                    "imap": named["IMAP"],
                    "pop": named["POP"],
                    "smtp": named["SMTP"],
                    "registered": app_id in registered,
                    "sign_ins": _once_each(number for *_, number in members),
                }
            )
    return rows


def report_only(tables: Tables, window: Window, parameters: Parameters) -> list[Row]:
    """Return what ``report_only.kql`` answers."""
    groups: dict[tuple[datetime, str, str, str], list[tuple[datetime, str]]] = defaultdict(list)
    for at, user, client, app_id, said in _got_in(tables, window, parameters):
        groups[midnight(at), user, client, app_id].append((at, said))
    spoken: dict[tuple[Any, ...], list[tuple[datetime, str, str]]] = defaultdict(list)
    rows = []
    for key, members in groups.items():
        rows.append(_policy_row(key, "", "", [at for at, _ in members], sum(bool(said) for _, said in members), 0))
        for at, said in members:
            for policy_id, name, result in _reported(said):
                spoken[(*key, policy_id)].append((at, name, result))
    by_policy: dict[str, list[tuple[datetime, str, str]]] = defaultdict(list)
    for (*_, policy_id), told in spoken.items():
        by_policy[policy_id] += told
    listed = _told_apart(by_policy, {each.lower() for each in parameters.listed_policies})
    for (*group, policy_id), told in spoken.items():
        if policy_id in listed:
            rows.append(_told_row(group, policy_id, told, len(told)))
    for policy_id in by_policy.keys() - listed:
        told = by_policy[policy_id]
        rows.append(_told_row((midnight(min(at for at, *_ in told)), "", "", ""), policy_id, told, 0))
    return rows


STOPS = {"reportonlyfailure", "reportonlyinterrupted"}


def _got_in(tables: Tables, window: Window, parameters: Parameters) -> Iterable[tuple[datetime, str, str, str, str]]:
    """Yield time, user, client, app and policies of each sign-in of an old client that went through."""
    copies: dict[Any, list[Row]] = defaultdict(list)
    for table in USERS:
        for row in held(tables.get(table, ()), window, parameters.tenant_id):
            client, app_id = row["ClientAppUsed"].strip().lower(), row["AppId"].lower()
            vague = client in ("", "unknown") and app_id != EXCHANGE
            if row["ResultType"] == "0" and client not in MODERN and not vague:
                copies[(row["Id"], row["UserPrincipalName"].lower()) if row["Id"] else object()].append(row)
    for rows in copies.values():
        told = [
            (
                row["CreatedDateTime"],
                row["UserPrincipalName"].lower(),
                row["ClientAppUsed"].strip(),
                row["AppId"].lower(),
                row.get("ConditionalAccessPolicies", ""),
            )
            for row in rows
        ]
        at, user, client, app_id, said = (max(values) for values in zip(*told, strict=True))
        yield at, user, client, app_id, said


def _reported(said: str) -> Iterable[tuple[str, str, str]]:
    """Yield id, name and result of each policy that only reports."""
    try:
        listed = json.loads(said or "[]")
    except ValueError:
        return
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and str(one.get("result")).lower().startswith("reportonly") and one.get("id"):
            yield str(one["id"]).lower(), str(one.get("displayName") or "")[:200], str(one["result"]).lower()


def _told_apart(by_policy: Mapping[str, list[tuple[datetime, str, str]]], always: set[str]) -> set[str]:
    def rank(policy_id: str) -> tuple[Any, ...]:
        told = by_policy[policy_id]
        times = [at.timestamp() for at, *_ in told]
        return not any(result in STOPS for *_, result in told), -max(times), -min(times), policy_id

    return always | set(sorted(by_policy.keys() - always, key=rank)[:5])


def _told_row(group: Iterable[Any], policy_id: str, told: list[tuple[datetime, str, str]], carried: int) -> Row:
    name = max(name for _, name, _ in told)
    stopped = sum(result in STOPS for *_, result in told)
    return _policy_row(group, policy_id, name, [at for at, *_ in told], carried, stopped)


def _policy_row(
    key: Iterable[Any], policy_id: str, policy: str, times: list[datetime], carried: int, stopped: int
) -> Row:
    day, user, client_app, app_id = key
    return {
        "day": day,
        "user": user,
        "client_app": client_app,
        "app_id": app_id,
        "policy_id": policy_id,
        "policy": policy,
        "sign_ins": len(times),
        "carried": carried,
        "stopped": stopped,
        "first_seen": min(times),
        "last_seen": max(times),
    }


def coverage(tables: Tables, window: Window) -> list[Row]:
    """Return what ``coverage.kql`` answers."""
    groups: dict[tuple[str, datetime, str], list[Row]] = defaultdict(list)
    for table, rows in tables.items():
        for row in held(rows, window):
            groups[table, midnight(row["CreatedDateTime"]), row["AADTenantId"].lower()].append(row)
    return [
        {
            "table_name": table,
            "day": day,
            "tenant_id": tenant,
            "rows": len(rows),
            "sign_ins": _once_each(row["Id"] for row in rows),
            "with_requirement": sum(bool(row.get("AuthenticationRequirement")) for row in rows),
            "with_steps": sum(row.get("AuthenticationDetails", "") not in ("", "[]") for row in rows),
            "first_seen": min(row["CreatedDateTime"] for row in rows),
            "last_seen": max(row["CreatedDateTime"] for row in rows),
            "lag_s": max(int((row["TimeGenerated"] - row["CreatedDateTime"]).total_seconds()) for row in rows),
        }
        for (table, day, tenant), rows in groups.items()
    ]


def _once_each(ids: Iterable[str]) -> int:
    """Return how many sign-ins rows with these ids are: copies share one, and a row without is one by itself."""
    listed = list(ids)
    return len(set(listed) - {""}) + listed.count("")


def _is_member(row: Row) -> bool:
    home, resource = row["HomeTenantId"].lower(), row["ResourceTenantId"].lower()
    stranger = row["CrossTenantAccessType"].lower() == "serviceprovider" or row["UserType"].lower() == "guest"
    return not stranger and (not home or not resource or home == resource)


def _guessed(group: Row, parameters: Parameters) -> bool:
    """Whether a password was tried in vain, as far as the result and the step say."""
    return group["result"] not in ("0", *parameters.not_password) and group["step"] != "certificate"


def _candidates(tables: Tables, window: Window, parameters: Parameters) -> list[Row]:
    return [
        {**row, "interactive": interactive}
        for table, interactive in USERS.items()
        for row in held(tables.get(table, ()), window, parameters.tenant_id)
        if row["ClientAppUsed"].strip().lower() not in MODERN or row["AuthenticationProtocol"].lower() == "ropc"
    ]


def _once(copies: list[Row], parameters: Parameters) -> list[Row]:
    best: dict[object, Row] = {}
    for number, row in enumerate(copies):
        key: object = (row["Id"], row["UserPrincipalName"].lower()) if row["Id"] else number
        if key not in best or _fullness(row, parameters) > _fullness(best[key], parameters):
            best[key] = row
    return [_read(row, parameters) for row in best.values()]


def _fullness(row: Row, parameters: Parameters) -> tuple[Any, ...]:
    risk = ("", "low", "medium", "high")
    level = row["RiskLevelDuringSignIn"].lower()
    result = row["ResultType"]
    return (
        row["TimeGenerated"],
        min(len(row["AuthenticationDetails"]), 16383),
        risk.index(level) if level in risk else 0,
        0 if result == "0" else 1 if result in parameters.right else 2,
        row["interactive"],
        _text(_read(row, parameters)),
    )


def _text(one: Row) -> str:
    """Return what decides between copies that are equal in all that matters."""
    return "\t".join(
        [
            *(
                str(one[name])
                for name in ("result", "correlation", "user_id", "app_id", "app", "resource", "client_app")
            ),
            *(str(one[name]) for name in ("protocol", "network", "asn", "country", "step", "note", "risk")),
            *(str(one[name]) for name in ("partner", "guest", "when", "user_agent")),
        ]
    )


def _read(row: Row, parameters: Parameters) -> Row:
    result, risk = row["ResultType"], row["RiskLevelDuringSignIn"].lower()
    home, resource = row["HomeTenantId"].lower(), row["ResourceTenantId"].lower()
    right = result == "0" or result in parameters.right
    guest = row["UserType"].lower() == "guest" or bool(home and resource and home != resource)
    partner = row["CrossTenantAccessType"].lower() == "serviceprovider"
    population = "partner" if partner else "guest" if guest else "member"
    if not right and (result in parameters.nobody or row["UserId"].lower() in NO_ONE):
        population = "nobody"
    malicious = result == "50053" and "malicious" in row["ResultDescription"].lower()
    return {
        "correlation": row["CorrelationId"],
        "when": row["CreatedDateTime"],
        "day": midnight(row["CreatedDateTime"]),
        "name": row["UserPrincipalName"].lower(),
        "user_id": row["UserId"].lower(),
        "population": population,
        "partner": partner,
        "guest": guest,
        "client_app": row["ClientAppUsed"].strip(),
        "protocol": row["AuthenticationProtocol"],
        "app_id": row["AppId"].lower(),
        "app": row["AppDisplayName"],
        "resource": row["ResourceDisplayName"],
        "to_exchange": row["ResourceIdentity"].lower() == EXCHANGE
        or row["ResourceDisplayName"].lower() == "office 365 exchange online",
        "network": network(row["IPAddress"]),
        "asn": row["AutonomousSystemNumber"],
        "country": row["Location"],
        "step": _step(row["AuthenticationDetails"]),
        "result": result,
        "right": right,
        "note": "malicious address" if malicious else "",
        "risk": risk if risk in ("medium", "high") else "",
        "interactive": row["interactive"],
        "user_agent": row["UserAgent"][:200],
    }


def _step(details: str) -> str:
    methods = " ".join(re.findall(r'(?i)"authenticationMethod"\s*:\s*"([^"]*)"', details)).lower()
    if "certificate" in methods:
        return "certificate"
    if "app password" in details.lower():
        return "app password"
    return "password" if "password" in methods else ""


def _folded(signins: list[Row], parameters: Parameters) -> list[Row]:
    succeeded = {(one["correlation"], one["name"]) for one in signins if one["result"] == "0" and one["correlation"]}
    return [
        one
        for one in signins
        if one["result"] not in parameters.interrupted or (one["correlation"], one["name"]) not in succeeded
    ]


def _reason(one: Row) -> str:
    client, ropc = one["client_app"].lower(), one["protocol"].lower() == "ropc"
    if ropc:
        mail = one["app_id"] in (EXCHANGE, SHELL) or one["to_exchange"]
        return "ropc elsewhere" if not mail and client in {*MODERN, "", "unknown", "other clients"} else ""
    return "blank client" if client in ("", "unknown") and one["app_id"] != EXCHANGE else ""


_KEYS = [
    "reason",
    "day",
    "name",
    "population",
    "client_app",
    "protocol",
    "app_id",
    "resource",
    "network",
    "step",
    "result",
    "right",
    "note",
    "risk",
    "interactive",
]
_LARGEST = ("user_id", "app", "asn", "country", "user_agent")


def _grouped(signins: list[Row]) -> list[Row]:
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for one in signins:
        groups[tuple(one[key] for key in _KEYS)].append(one)
    return [
        {
            **dict(zip(_KEYS, key, strict=True)),
            **{name: max(one[name] for one in members) for name in _LARGEST},
            "sign_ins": len(members),
            "first_seen": min(one["when"] for one in members),
            "last_seen": max(one["when"] for one in members),
        }
        for key, members in groups.items()
    ]


def _visits(tables: Tables, window: Window, parameters: Parameters) -> Iterable[tuple[str, str]]:
    for table in USERS:
        for row in held(tables.get(table, ()), window, parameters.tenant_id):
            if (
                row["ResultType"] == "0"
                and row["AuthenticationRequirement"].lower() == "multifactorauthentication"
                and row["ClientAppUsed"].lower() in MODERN
                and _is_member(row)
                and row["UserId"].lower() not in NO_ONE
                and row["IPAddress"].strip()
            ):
                yield network(row["IPAddress"]), row["UserId"].lower()


def _people(pairs: Iterable[tuple[str, str]], wanted: set[str] | None) -> dict[str, set[str]]:
    people: dict[str, set[str]] = defaultdict(set)
    for place, person in pairs:
        if wanted is None or place in wanted:
            people[place].add(person)
    return people


def _person(group: Row) -> str:
    return str(group["name"] if group["user_id"] in NO_ONE else group["user_id"])


def _pair(group: Row) -> tuple[str, str, str]:
    return group["population"], group["name"], group["network"]


def _shown(
    mail: list[Row], sites: Mapping[str, set[str]], failed: Mapping[str, set[str]], parameters: Parameters
) -> set[tuple[str, str, str]]:
    pairs: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for group in mail:
        if group["population"] != "nobody":
            pairs[_pair(group)].append(group)
    return {
        pair
        for pair, groups in pairs.items()
        if any(group["right"] for group in groups)
        or sites.get(pair[2])
        or _named(pair[2], parameters.named_networks)
        or (
            len({group["day"] for group in groups}) >= parameters.regular_days
            and len(failed.get(pair[2], ())) < parameters.spray_victims
        )
    }


def _named(place: str, names: Iterable[str]) -> bool:
    try:
        found = ipaddress.ip_network(place, strict=False)
    except ValueError:
        return False
    ranges = [ipaddress.ip_network(name, strict=False) for name in names]
    return any(found.version == one.version and found.overlaps(one) for one in ranges)


def _together(rest: list[Row], senders: set[str], parameters: Parameters) -> list[Row]:
    accounts = {group["name"] for group in rest if group["population"] != "nobody"}
    listed = len(accounts) <= parameters.listed_accounts
    keys = ("day", "user", "population", "client_app", "app_id", "result", "note", "interactive")
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for group in rest:
        known = group["population"] != "nobody" and (listed or group["name"] in senders)
        one = {**group, "user": group["name"] if known else "", "user_id": group["user_id"] if known else ""}
        groups[tuple(one[key] for key in keys)].append(one)
    return [
        _row(
            "mail",
            **dict(zip(keys, key, strict=True)),
            user_id=max(one["user_id"] if one["user"] else "" for one in members),
            app=max(one["app"] for one in members),
            user_agent=max(one["user_agent"] for one in members),
            sign_ins=sum(one["sign_ins"] for one in members),
            first_seen=min(one["first_seen"] for one in members),
            last_seen=max(one["last_seen"] for one in members),
            networks=len({one["network"] for one in members}),
            names=0 if key[1] else len({one["name"] for one in members}),
        )
        for key, members in groups.items()
    ]


def _facts(record: str, people: Mapping[str, set[str]], places: set[str], enough: int) -> Iterable[Row]:
    for place, persons in people.items():
        if place in places and len(persons) >= enough:
            yield _row(record, network=place, people=len(persons))
        elif place in places:
            yield from (_row(record, network=place, user_id=person, people=1) for person in persons)


_EMPTY: Row = {
    "record": "",
    "day": None,
    "user": "",
    "user_id": "",
    "population": "",
    "client_app": "",
    "protocol": "",
    "app_id": "",
    "app": "",
    "resource": "",
    "network": "",
    "asn": "",
    "country": "",
    "step": "",
    "result": "",
    "note": "",
    "risk": "",
    "interactive": False,
    "sign_ins": 0,
    "first_seen": None,
    "last_seen": None,
    "user_agent": "",
    "networks": 0,
    "names": 0,
    "people": 0,
}


def _columns(group: Row) -> Row:
    return {name: group[name] for name in _EMPTY if name in group}


def _row(record: str, **columns: Any) -> Row:
    return {**_EMPTY, "record": record, **columns}

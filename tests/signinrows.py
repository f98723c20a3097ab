"""Invented rows of the sign-in tables, for every engine alike."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

TENANT = "7c1d3b52-0f6e-4f6d-9a55-2f4f0f9f1a01"
EXCHANGE = "00000002-0000-0ff1-ce00-000000000000"
STRANGER = "7c1d3b52-0f6e-4f6d-9a55-2f4f0f9f1a02"
GRAPH = "00000003-0000-0000-c000-000000000000"
MAIL_APP = "5f5f5f5f-0000-4000-8000-00000000c1c1"
SHELL = "fb78d390-0c51-40cd-8e17-fdbfab77341b"
START = datetime(2026, 10, 24, tzinfo=UTC)
END = datetime(2026, 11, 23, tzinfo=UTC)

Row = dict[str, Any]
Tables = dict[str, list[Row]]

_FILLED = {
    "UserType": "Member",
    "CrossTenantAccessType": "none",
    "HomeTenantId": TENANT,
    "ResourceTenantId": TENANT,
    "AADTenantId": TENANT,
    "ResultType": "0",
    "Location": "GB",
    "AutonomousSystemNumber": "64500",
    "RiskLevelDuringSignIn": "none",
    "ConditionalAccessStatus": "notApplied",
    "IncomingTokenType": "none",
}


def policies(*said: tuple[str, str], name: str = "Block old clients") -> str:
    """Return what policies said of a sign-in, as the tables hold it; pairs of an id and a result."""
    return json.dumps([{"id": id, "displayName": name, "result": result} for id, result in said])


_NUMBER = iter(range(1, 10_000_000))


def steps(*methods: str, **more: Any) -> str:
    """Return authentication steps as the tables hold them."""
    return json.dumps([{"authenticationMethod": method, "succeeded": True, **more} for method in methods])


def scopes(*names: str) -> str:
    """Return processing details that name a token's scopes."""
    return json.dumps(
        [
            {"key": "Legacy TLS (TLS 1.0, 1.1, 3DES)", "value": "False"},
            {"key": "Oauth Scope Info", "value": json.dumps(names)},
            {"key": "Is CAE Token", "value": "False"},
        ]
    )


def row(user: str, when: datetime, network: str = "203.0.113.10", **columns: Any) -> Row:
    """Return a password sign-in over SMTP; *columns* replace what is different."""
    number = next(_NUMBER)
    return {
        **_FILLED,
        "Id": f"id-{number:08}",
        "CorrelationId": f"c-{number:08}",
        "CreatedDateTime": when,
        "TimeGenerated": when + timedelta(minutes=9),
        "UserPrincipalName": f"{user}@fabrikam.example",
        "UserId": f"aaaaaaaa-0000-4000-8000-{sum(map(ord, user)):012}",
        "AppId": EXCHANGE,
        "AppDisplayName": "Office 365 Exchange Online",
        "ResourceDisplayName": "Office 365 Exchange Online",
        "ResourceIdentity": EXCHANGE,
        "ClientAppUsed": "Authenticated SMTP",
        "AuthenticationProtocol": "ropc",
        "AuthenticationRequirement": "singleFactorAuthentication",
        "AuthenticationDetails": steps("Password"),
        "AuthenticationProcessingDetails": "[]",
        "ConditionalAccessPolicies": "",
        "ResultDescription": "",
        "IPAddress": network,
        "UserAgent": "BAV2ROPC",
        "IsInteractive": True,
        **columns,
    }


def modern(user: str, when: datetime, network: str = "203.0.113.10", **columns: Any) -> Row:
    """Return a browser sign-in with MFA."""
    return row(
        user,
        when,
        network,
        **{
            "AppId": "1fec8e78-bce4-4aaf-ab1b-5451cc387264",
            "AppDisplayName": "Microsoft Teams",
            "ResourceDisplayName": "Microsoft Graph",
            "ResourceIdentity": GRAPH,
            "ClientAppUsed": "Browser",
            "AuthenticationProtocol": "none",
            "AuthenticationRequirement": "multiFactorAuthentication",
            "AuthenticationDetails": steps("Previously satisfied"),
            "UserAgent": "Mozilla/5.0",
            **columns,
        },
    )


def app(app_id: str, when: datetime, **columns: Any) -> Row:
    """Return a sign-in of an application as itself."""
    number = next(_NUMBER)
    return {
        "Id": f"sp-{number:08}",
        "CorrelationId": f"c-{number:08}",
        "CreatedDateTime": when,
        "TimeGenerated": when + timedelta(minutes=4),
        "AADTenantId": TENANT,
        "ServicePrincipalId": "bbbbbbbb-0000-4000-8000-000000000001",
        "ServicePrincipalName": "Mail Relay",
        "AppId": app_id,
        "ResourceDisplayName": "Office 365 Exchange Online",
        "ResourceIdentity": EXCHANGE,
        "ResultType": "0",
        "IPAddress": "203.0.113.20",
        **columns,
    }


def messy(seed: int, count: int) -> Tables:
    """Return rows of every kind in an order, with repeats and gaps, that nobody chose."""
    chance = random.Random(seed)
    tables: Tables = {name: [] for name in ("SigninLogs", "AADNonInteractiveUserSignInLogs")}
    for _ in range(count):
        made = _any(chance)
        table = "SigninLogs" if chance.random() < 0.7 else "AADNonInteractiveUserSignInLogs"
        made["IsInteractive"] = table == "SigninLogs"
        tables[table].append(made)
        while chance.random() < 0.15:
            tables[table].append(_copy(made, chance))
    tables["AADServicePrincipalSignInLogs"] = [
        app(
            chance.choice((MAIL_APP, GRAPH)),
            _when(chance),
            ResourceIdentity=chance.choice((EXCHANGE, GRAPH)),
            AADTenantId=chance.choice((TENANT, TENANT, "", STRANGER)),
        )
        for _ in range(count // 20)
    ]
    for rows in tables.values():
        chance.shuffle(rows)
    return tables


_USERS = ("scanner", "erp", "dora", "Max.Power", "guest", "ghost", "")
_NETWORKS = (
    "203.0.113.10",
    "203.0.113.11",
    "198.51.100.7",
    " 198.51.100.7 ",
    "2001:db8::1",
    "2001:DB8:0:0:5::9",
    "2001:db8:1:2:3:4:5:6",
    "1::5:6:7:8:9:a",
    "::1",
    "::ffff:203.0.113.10",
    " ::FFFF:198.51.100.7",
    "::ffff:cb00:7101",
    "",
)
_CLIENTS = (
    "Authenticated SMTP",
    "IMAP4",
    "Exchange ActiveSync",
    "AutoDiscover",
    " POP3",
    "Other clients",
    "Other clients; IMAP",
    "Unknown",
    "",
    "Browser",
    "browser ",
    "Mobile Apps and Desktop clients",
)
_RESULTS = (
    "0",
    "0",
    "0",
    "50126",
    "50126",
    "50053",
    "50034",
    "53003",
    "50074",
    "50055",
    "90072",
    "700016",
    "50140",
    "",
)
_DETAILS = (
    "",
    "[]",
    steps("Password"),
    steps("X.509 Certificate"),
    steps("Password", "x.509 certificate"),
    steps("Previously satisfied"),
    steps("Password", authenticationMethodDetail="App Password"),
    '[{"authenticationMethod" : "CloudOnlyPassword"}]',
)


_POLICIES = (
    "",
    "[]",
    policies(("P1", "reportOnlyFailure")),
    policies(("p1", "reportOnlyNotApplied"), ("p2", "reportOnlyInterrupted"), ("p3", "success")),
    policies(*((f"p{number}", "reportOnlySuccess") for number in range(4, 9))),
    policies(("p8", "reportOnlyFailure"), name='<img src=x>"\\\n=1+1'),
)


def _when(chance: random.Random) -> datetime:
    return START + timedelta(seconds=chance.randrange(-3600, 30 * 86400 + 3600))


def _any(chance: random.Random) -> Row:
    user = chance.choice(_USERS)
    made = row(
        user,
        _when(chance),
        chance.choice(_NETWORKS),
        UserPrincipalName=f"{user}@fabrikam.example" if user else "",
        UserId=chance.choice(("", "00000000-0000-0000-0000-000000000000")) if user in ("ghost", "") else f"ID-{user}",
        UserType=chance.choice(("Member", "member", "Guest", "")) if user == "guest" else "Member",
        CrossTenantAccessType=chance.choice(("none", "none", "none", "serviceProvider", "b2bCollaboration")),
        HomeTenantId=chance.choice((TENANT, TENANT, TENANT.upper(), "", GRAPH)),
        ClientAppUsed=chance.choice(_CLIENTS),
        AuthenticationProtocol=chance.choice(("ropc", "ROPC", "none", "", "oAuth2")),
        AppId=chance.choice((EXCHANGE, EXCHANGE.upper(), SHELL, GRAPH, MAIL_APP, "")),
        AppDisplayName=chance.choice(("Office 365 Exchange Online", "=cmd|'/c calc'!A1", "<script>alert(1)</script>")),
        ResourceDisplayName=chance.choice(("Office 365 Exchange Online", "Microsoft Graph", "")),
        ResourceIdentity=chance.choice((EXCHANGE, GRAPH, "")),
        AuthenticationRequirement=chance.choice(("multiFactorAuthentication", "singleFactorAuthentication", "")),
        AuthenticationDetails=chance.choice(_DETAILS),
        AuthenticationProcessingDetails=chance.choice(
            (
                "",
                "[]",
                scopes("IMAP.AccessAsUser.All", "SMTP.Send"),
                scopes("POP.AccessAsUser.All"),
                scopes("XPOP.Read"),
            )
        ),
        ResultType=chance.choice(_RESULTS),
        ConditionalAccessPolicies=chance.choice(_POLICIES),
        ResultDescription=chance.choice(("", "Sign-in was blocked: an address with malicious activity.")),
        RiskLevelDuringSignIn=chance.choice(("none", "none", "", "Low", "medium", "High")),
        UserAgent=chance.choice(("BAV2ROPC", "CBAInPROD", "", 'x"\\\n;|' * 80, "Ünïcode 🖨")),
        Location=chance.choice(("GB", "DE", "")),
        AADTenantId=chance.choice((*[TENANT] * 6, TENANT.upper(), "", STRANGER)),
    )
    if chance.random() < 0.1:
        made["CorrelationId"] = f"shared-{chance.randrange(5)}"
    if chance.random() < 0.05:
        made["Id"] = ""
    return made


def _copy(original: Row, chance: random.Random) -> Row:
    """Return one of the repeats that real tables hold: exact, later, or fuller."""
    kind = chance.randrange(3)
    if kind == 0:
        return dict(original)
    later = {**original, "TimeGenerated": original["TimeGenerated"] + timedelta(seconds=chance.randrange(1, 3000))}
    if kind == 1:
        return later
    return {
        **original,
        "AuthenticationDetails": steps("Password", "X.509 Certificate", extra="x" * chance.randrange(9)),
    }

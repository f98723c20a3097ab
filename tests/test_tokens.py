"""What a token says, and where that does not fit: claims by hand; those that Entra issues are in test_mailtokens."""

import base64
import json
import re
import traceback
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailauth import clouds, reference, tokens
from mailauth.errors import TokenError
from mailauth.tenants import Protocol
from mailauth.tokens import Claims, Need

TENANT = "0c6f6d1c-6d86-4a7c-8f6c-7d1d2a2f1e11"
APP = "44444444-4444-4444-8444-444444444444"
PRINCIPAL = "55555555-5555-4555-8555-555555555555"
OTHER = "99999999-9999-4999-8999-999999999999"
ADA = "ada@woodgrove.example"
NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
PUBLIC = clouds.built_in()["public"]

EVERY = {
    "aud": "https://outlook.office365.com",
    "iss": f"https://sts.windows.net/{TENANT}/",
    "iat": 1795780800,
    "nbf": 1795780800,
    "exp": 1795784700,
    "tid": TENANT,
    "appid": APP,
    "wids": ["0997a1d0-0d1d-4acb-b408-d5ca73121e90"],
    "ver": "1.0",
}
APPS = {**EVERY, "oid": PRINCIPAL, "idtyp": "app", "roles": ["IMAP.AccessAsApp", "POP.AccessAsApp", "SMTP.SendAsApp"]}
ADAS = {
    **EVERY,
    "oid": OTHER,
    "scp": "IMAP.AccessAsUser.All POP.AccessAsUser.All SMTP.Send",
    "upn": ADA,
    "unique_name": ADA,
}
NEED = Need(protocol="imap", mailbox=ADA, cloud=PUBLIC, tenant_id=TENANT, app_id=APP)


def part(content: object) -> str:
    """Return *content* as a part of a token."""
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def token(payload: object, **header: str) -> str:
    """Return a token of that content, signed by nobody."""
    return f"{part({'alg': 'RS256', 'typ': 'JWT', **header})}.{part(payload)}.c2lnbmVkLWJ5LW5vYm9keQ"


def read(kind: dict[str, Any], **changed: Any) -> Claims:
    """Return the claims of a token; None takes one out."""
    return tokens.read(token({name: value for name, value in {**kind, **changed}.items() if value is not None}))


# --- reading --------------------------------------------------------------------------------------


def test_an_apps_token_is_read() -> None:
    assert read(APPS) == Claims(
        aud="https://outlook.office365.com",
        iss=f"https://sts.windows.net/{TENANT}/",
        tid=TENANT,
        app_id=APP,
        oid=PRINCIPAL,
        roles=("IMAP.AccessAsApp", "POP.AccessAsApp", "SMTP.SendAsApp"),
        idtyp="app",
        ver="1.0",
        issued_at=NOW,
        starts_at=NOW,
        ends_at=NOW + timedelta(minutes=65),
    )


def test_a_persons_token_is_read_in_both_shapes() -> None:
    first = read(ADAS)
    assert (first.user, first.scopes[0], first.is_app) == (ADA, "IMAP.AccessAsUser.All", False)
    second = read(ADAS, appid=None, azp=APP, upn=None, unique_name=None, preferred_username=ADA, ver="2.0")
    assert (second.app_id, second.user, second.ver, second.is_app) == (APP, ADA, "2.0", False)


def test_a_token_is_taken_with_the_line_end_that_a_paste_brings() -> None:
    assert tokens.read(f"\n {token(APPS)}\r\n") == read(APPS)


def test_the_record_is_json_and_holds_no_more_than_was_read() -> None:
    record = read(ADAS, aud=["a"]).record()
    assert json.loads(json.dumps(record)) == record
    assert record == {
        "iss": f"https://sts.windows.net/{TENANT}/",
        "tid": TENANT,
        "appid": APP,
        "oid": OTHER,
        "scp": "IMAP.AccessAsUser.All POP.AccessAsUser.All SMTP.Send",
        "upn": ADA,
        "unique_name": ADA,
        "ver": "1.0",
        "iat": "2026-11-27T12:00:00+00:00",
        "nbf": "2026-11-27T12:00:00+00:00",
        "exp": "2026-11-27T13:05:00+00:00",
        "odd": ["aud"],
    }


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("", "text of 0 characters in 1 parts, which is opaque or no token", id="nothing"),
        pytest.param("EwB4A8l6BAAU-cAn8ary", "text of 20 characters in 1 parts, which is opaque", id="opaque"),
        pytest.param("cAn8ary.cAn8ary.cAn8ary", "whose first part is no header of a token", id="three words"),
        pytest.param("cAn8ary." * 4 + "x", "text of 33 characters in 5 parts", id="five words"),
        pytest.param(
            f"{part({'alg': 'RSA-OAEP', 'enc': 'A256GCM'})}.cAn8ary.cAn8ary.cAn8ary.cAn8ary",
            "an encrypted token (JWE), which only the service that it is for can read",
            id="encrypted",
        ),
        pytest.param("cAn8ary" * 150_000, "text of 1050000 characters, where no token has more than 65536", id="1 MB"),
        pytest.param(token(b"cAn8ary"), "a token whose middle part is no JSON object", id="no JSON"),
        pytest.param(token(["cAn8ary"]), "a token whose middle part is no JSON object", id="a list"),
        pytest.param(token(b"[" * 40_000), "a token whose middle part is no JSON object", id="nested 40,000 deep"),
        pytest.param(token(b'{"exp": NaN, "x": "cAn8ary"}'), "middle part is no JSON object", id="NaN"),
        pytest.param(token(b'{"exp": ' + b"9" * 5_000 + b"}"), "middle part is no JSON object", id="a huge number"),
        pytest.param(token(b'{"aud": "\xff"}'), "middle part is no JSON object", id="no UTF-8"),
        pytest.param(token(b"eyJ.eyJ.cAn8ary", cty="JWT"), "a token inside a token", id="a token inside"),
        pytest.param("Bearer " + token(APPS), "whose first part is no header of a token", id="with its scheme"),
        pytest.param(f"{part({'alg': 'x'})}.cAn8ary\u00e9.x", "middle part is no JSON object", id="another alphabet"),
    ],
)
def test_what_is_no_token_is_named_and_not_repeated(text: str, found: str) -> None:
    with pytest.raises(TokenError, match=found.replace("(", r"\(").replace(")", r"\)")) as caught:
        tokens.read(text)
    assert caught.value.__traceback__ is not None
    # The test's own frame knows the text; no frame of the library's does.
    inside = caught.value.__traceback__.tb_next
    told = traceback.TracebackException(type(caught.value), caught.value, inside, capture_locals=True)
    shown = "".join(told.format())
    assert "cAn8ary" not in shown
    assert len(text) < 9 or text[:60] not in shown
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        pytest.param("aud", ["https://outlook.office365.com"], id="a list for a text"),
        pytest.param("upn", {"a": 1}, id="an object for a text"),
        pytest.param("tid", "x" * 1_001, id="a text too long"),
        pytest.param("oid", "\ud800", id="half a character"),
        pytest.param("roles", "IMAP.AccessAsApp", id="a text for a list"),
        pytest.param("roles", [1], id="a list of numbers"),
        pytest.param("roles", ["x"] * 201, id="a list too long"),
        pytest.param("exp", "1795784700", id="a text for a time"),
        pytest.param("exp", True, id="a word for a time"),
        pytest.param("exp", 10**30, id="a time beyond time"),
        pytest.param("nbf", -1, id="a time before time"),
        pytest.param("iat", 1e308, id="a number that is no time"),
    ],
)
def test_a_claim_of_a_wrong_kind_is_left_out_and_named(claim: str, value: object) -> None:
    claims = read(APPS, **{claim: value})
    assert claims.odd == (claim,)
    assert claims.record()["odd"] == [claim]
    assert f"The token's {claim} is of a kind that no token of Entra's has." in [
        each.said for each in tokens.lint(claims, NEED, now=NOW)
    ]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*ADAS, *APPS, "azp", "preferred_username"]), _JSON))
def test_any_claims_are_read_held_against_a_need_and_kept(payload: dict[str, Any]) -> None:
    try:
        claims = tokens.read(token(payload))
    except TokenError:
        return
    json.dumps(claims.record()).encode()
    for each in tokens.lint(claims, NEED, now=NOW):
        assert each.said.isprintable()
        assert len(each.said) < 2_000


@given(st.text() | st.binary().map(lambda held: f"{part({'alg': 'x'})}.{part(held)}."))
def test_any_text_is_a_token_or_refused(text: str) -> None:
    with suppress(TokenError):
        assert isinstance(tokens.read(text), Claims)


# --- comparing ------------------------------------------------------------------------------------

PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("kind", [APPS, ADAS], ids=["app", "person"])
@pytest.mark.parametrize("aud", ["https://outlook.office365.com", "https://outlook.office.com/"])
def test_a_token_that_fits_has_no_finding(protocol: Protocol, kind: dict[str, Any], aud: str) -> None:
    as_app = kind is APPS
    need = replace(NEED, protocol=protocol, as_app=as_app, exchange_id=PRINCIPAL, principal_id=PRINCIPAL)
    assert tokens.lint(read(kind, aud=aud), need, now=NOW) == ()


def test_a_token_of_version_2_is_as_good() -> None:
    claims = read(ADAS, ver="2.0", iss=f"https://login.microsoftonline.com/{TENANT}/v2.0", appid=None, azp=APP)
    assert tokens.lint(claims, NEED, now=NOW) == ()


def test_where_less_is_known_less_is_found() -> None:
    need = Need(protocol="imap", mailbox=ADA, cloud=PUBLIC, tenant_id="woodgrove.example")
    assert tokens.lint(read(APPS, tid=OTHER, iss=f"https://sts.windows.net/{OTHER}/", appid=OTHER), need, now=NOW) == ()


CASES = [
    pytest.param(
        APPS,
        {"aud": "https://graph.microsoft.com"},
        {},
        ("graph", "stops", "I1", "for Microsoft Graph .*Graph's", "Ask for https://outlook.office365.com/.default "),
        id="I1: Graph's",
    ),
    pytest.param(
        ADAS,
        {"aud": "00000003-0000-0000-c000-000000000000"},
        {"protocol": "pop"},
        ("graph", "stops", "I1 P1", "for Microsoft Graph", "https://outlook.office.com/POP.AccessAsUser.All in a"),
        id="P1: Graph's by its id",
    ),
    pytest.param(
        ADAS,
        {"aud": "https://graph.microsoft.us"},
        {"protocol": "smtp"},
        ("graph", "stops", "S12", "for Microsoft Graph", "https://outlook.office.com/SMTP.Send"),
        id="S12: another Graph's",
    ),
    pytest.param(
        APPS,
        {"aud": "https://outlook.office365.us"},
        {},
        ("audience", "stops", "T4", "take .*365.com or .*office.com. That is a host of the cloud gcc-high.", "new"),
        id="T4: another cloud's",
    ),
    pytest.param(
        APPS,
        {"aud": "https://evil.example/\u202e\n" + "x" * 900},
        {},
        ("audience", "stops", "T4", r"for https://evil\.example/\ufffd\ufffdx{20,100};", "new token"),
        id="T4: hostile",
    ),
    pytest.param(
        APPS,
        {"aud": "00000002-0000-0ff1-ce00-000000000000"},
        {},
        ("audience", "remark", "T4", "for Exchange by its application id", "If it is refused"),
        id="T4: Exchange's by its id",
    ),
    pytest.param(
        APPS,
        {"iss": f"https://login.partner.microsoftonline.cn/{TENANT}/v2.0"},
        {},
        ("issuer", "stops", "T2", "which is the cloud china; this tenant signs in at login.micr", "tenant_id"),
        id="T2: issuer of another cloud",
    ),
    pytest.param(
        APPS,
        {"iss": f"https://sts.windows.net/{OTHER}/"},
        {},
        ("issuer", "doubt", "T2", f"of the tenant {TENANT} and that https://sts.windows.net/{OTHER}/", "tenant_id"),
        id="T2: issuer of another tenant",
    ),
    pytest.param(
        APPS,
        {"iss": f"https://sts.windows.net/{OTHER}/", "tid": OTHER},
        {},
        ("tenant", "stops", "T2", f"of the tenant {OTHER}; the mailbox is in {TENANT}", "tenant_id"),
        id="T2: tenant",
    ),
    pytest.param(
        APPS,
        {"appid": OTHER},
        {},
        ("app", "doubt", "", f"The app {OTHER} got the token; it should be {APP}", "client_id"),
        id="app",
    ),
    pytest.param(
        APPS,
        {"roles": None},
        {},
        ("role", "stops", "I5", "lacks the role IMAP.AccessAsApp; it has none.", "IMAP.AccessAsApp .* consent"),
        id="I5: no role",
    ),
    pytest.param(
        APPS,
        {"roles": ["IMAP.AccessAsApp", "SMTP.SendAsApp"]},
        {"protocol": "pop"},
        ("role", "stops", "I5 P1", "lacks the role POP.AccessAsApp; it has IMAP", "POP.AccessAsApp"),
        id="P1: another protocol's",
    ),
    pytest.param(
        APPS,
        {"roles": ["full_access_as_app"]},
        {},
        ("role", "stops", "I5", "full_access_as_app is for Exchange Web Services alone", "IMAP.AccessAsApp"),
        id="I5: of EWS",
    ),
    pytest.param(
        APPS,
        {"roles": ["Mail.Read"]},
        {"protocol": "smtp"},
        ("role", "stops", "I5 S8", r"Mail\.\* are permissions of Microsoft Graph", "SMTP.SendAsApp"),
        id="S8: of Graph",
    ),
    pytest.param(
        ADAS,
        {"scp": "SMTP.Send"},
        {},
        (
            "scope",
            "stops",
            "T3",
            "lacks the scope IMAP.AccessAsUser.All; it has SMTP.Send",
            "Ask for https://outlook.off",
        ),
        id="T3",
    ),
    pytest.param(
        APPS,
        {},
        {"protocol": "smtp", "smtp": "rbac"},
        ("rbac", "doubt", "S9", "the one defeats the other", "Take back the permission SMTP.SendAsApp"),
        id="S9",
    ),
    pytest.param(
        ADAS,
        {"upn": "eve_fabrikam.example#EXT#@woodgrove.example"},
        {"protocol": "smtp"},
        ("guest", "stops", "S12", "is a guest or a personal account", "account of the tenant"),
        id="S12: guest",
    ),
    pytest.param(
        ADAS,
        {"upn": None, "unique_name": "live.com#eve@outlook.com"},
        {"protocol": "smtp"},
        ("guest", "stops", "S12", "live.com#eve@outlook.com is a guest", "account of the tenant"),
        id="S12: personal account",
    ),
    pytest.param(
        ADAS,
        {"upn": "admin@woodgrove.example"},
        {},
        ("user", "doubt", "I6 I11", "admin@woodgrove.example signed in, and ada@", "Sign in as ada@"),
        id="I6, I11",
    ),
    pytest.param(
        ADAS,
        {"upn": "admin@woodgrove.example"},
        {"protocol": "smtp"},
        ("user", "doubt", "S10", "admin@woodgrove.example signed in", "Sign in as ada@"),
        id="S10",
    ),
    pytest.param(
        ADAS,
        {},
        {"mailbox": "invoices@woodgrove.example", "shared": True},
        ("shared", "remark", "I11", "as it should be for a shared mailbox: FullAccess of that person", "Grant ada@"),
        id="I11: shared",
    ),
    pytest.param(
        ADAS,
        {},
        {"mailbox": "invoices@woodgrove.example", "shared": True, "protocol": "smtp"},
        ("shared", "doubt", "S11", "without a licence cannot sign in to send", "Sign in to SMTP as ada@"),
        id="S11",
    ),
    pytest.param(
        APPS,
        {},
        {"exchange_id": OTHER, "registration_id": OTHER, "principal_id": PRINCIPAL},
        ("principal", "stops", "I2", rf"knows the app by the id {OTHER} \(the app registration's\)", "anew"),
        id="I2",
    ),
    pytest.param(
        APPS,
        {},
        {"principal_id": OTHER},
        ("object", "doubt", "", f"about {PRINCIPAL}; the app's enterprise application here is {OTHER}", "Compare"),
        id="object",
    ),
    pytest.param(
        ADAS, {}, {"as_app": True}, ("kind", "doubt", "", "of a person", "the app signs in"), id="a person's for an app"
    ),
    pytest.param(
        APPS, {}, {"as_app": False}, ("kind", "doubt", "", "an app's own", "Sign in as"), id="an app's for a person"
    ),
    pytest.param(
        APPS,
        {"exp": 1795780800},
        {},
        ("ended", "stops", "T1", "ended at 2026-11-27 12:00:00 UTC", "Get a new token"),
        id="T1",
    ),
    pytest.param(
        APPS,
        {"exp": 1795780800 + 299},
        {},
        ("ends soon", "doubt", "I17", "ends at 2026-11-27 12:04:59 UTC, in less than 5 minutes", "new token"),
        id="I17: ends soon",
    ),
    pytest.param(APPS, {"exp": None}, {}, ("no end", "doubt", "", "does not say when", "issued it"), id="no end"),
    pytest.param(
        APPS,
        {"nbf": 1795780800 + 301},
        {},
        ("not begun", "stops", "", "begins at 2026-11-27 12:05:01 UTC; this machine says", "clock"),
        id="not begun",
    ),
]


@pytest.mark.parametrize(("kind", "claims", "need", "expected"), CASES)
def test_what_does_not_fit_is_one_finding(
    kind: dict[str, Any], claims: dict[str, Any], need: dict[str, Any], expected: tuple[str, str, str, str, str]
) -> None:
    (found,) = tokens.lint(read(kind, **claims), replace(NEED, **need), now=NOW)
    assert (found.check, found.weight, " ".join(found.rows)) == expected[:3]
    assert re.search(expected[3], found.said), found.said
    assert re.search(expected[4], found.remedy), found.remedy


def test_a_long_list_of_roles_is_cut_short() -> None:
    claims = read(APPS, roles=[f"Role.{n}" for n in range(200)])
    (found,) = tokens.lint(claims, NEED, now=NOW)
    assert found.said.endswith("it has Role.0, Role.1, Role.2, Role.3, Role.4, Role.5, Role.6, Role.7 and 192 more.")


def test_what_stops_a_sign_in_comes_first() -> None:
    claims = read(ADAS, aud="https://graph.microsoft.com", upn="admin@woodgrove.example", exp=1795780900)
    weights = [each.weight for each in tokens.lint(claims, NEED, now=NOW)]
    assert weights == ["stops", "doubt", "doubt"]


def test_an_app_that_sends_by_a_role_in_exchange_needs_none_in_its_token() -> None:
    need = replace(NEED, protocol="smtp", smtp="rbac")
    assert tokens.lint(read(APPS, roles=None), need, now=NOW) == ()
    (found,) = tokens.lint(read(APPS, roles=None), replace(need, protocol="imap"), now=NOW)
    assert found.check == "role"


# --- what is asked for ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cloud", "delegated", "everything"),
    [
        ("public", "https://outlook.office.com/IMAP.AccessAsUser.All", "https://outlook.office365.com/.default"),
        ("gcc-high", "https://outlook.office365.us/IMAP.AccessAsUser.All", "https://outlook.office365.us/.default"),
        ("dod", "https://outlook.office365.us/IMAP.AccessAsUser.All", "https://outlook.office365.us/.default"),
        ("china", "https://partner.outlook.cn/IMAP.AccessAsUser.All", "https://partner.outlook.cn/.default"),
    ],
)
def test_each_cloud_is_asked_by_its_own_host(cloud: str, delegated: str, everything: str) -> None:
    known = clouds.built_in()[cloud]
    assert tokens.asked(known, ["imap"], "scope") == (delegated,)
    assert tokens.asked(known, ["imap", "smtp"], "role") == (everything,)
    assert everything.removesuffix("/.default") in tokens.audiences(known)


def test_several_protocols_are_asked_for_at_once() -> None:
    assert tokens.asked(PUBLIC, ["imap", "smtp", "imap"], "scope") == (
        "https://outlook.office.com/IMAP.AccessAsUser.All",
        "https://outlook.office.com/SMTP.Send",
    )


def test_a_cloud_of_the_tenants_file_is_read_by_its_mail_resource() -> None:
    practice = replace(PUBLIC, name="practice", login="https://localhost:1")
    assert tokens.asked(practice, ["pop"], "scope") == ("https://outlook.office.com/POP.AccessAsUser.All",)
    lab = replace(practice, name="lab", mail_resource="https://outlook.lab.example")
    assert tokens.asked(lab, ["pop"], "scope") == ("https://outlook.lab.example/POP.AccessAsUser.All",)
    assert tokens.audiences(lab) == ("https://outlook.lab.example",)


def test_every_row_is_the_catalogues_and_of_its_protocol() -> None:
    known = reference.table("causes")["cause"]
    for rows in tokens._ROWS.values():
        for protocol, names in rows.items():
            assert {name: protocol in known[name]["protocols"] for name in names} == dict.fromkeys(names, True)


def test_every_cloud_has_facts_with_a_source_for_each() -> None:
    facts = reference.table("tokens")
    for name in clouds.built_in():
        assert {of for source in facts[name]["sources"] for of in source["of"]} == {"delegated", "audiences"}
        assert {source["confidence"] for source in facts[name]["sources"]} <= {"high", "medium", "low"}

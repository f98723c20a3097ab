"""The practice Graph as a protocol: tokens, queries, batches, policies, faults, and what is no request at all."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mailauth.services.client import Graph
from practice.graph import filters, matching
from practice.graph.routes import Question
from practice.state import Group
from practice.wellknown import EXCHANGE, GRAPH
from tests import graphserver
from tests.practice.graphclient import Client, Lab, lab
from tests.practice.woodgrove import SECRET, TENANT, woodgrove


@pytest.fixture(scope="module")
def shared() -> Iterator[Lab]:
    made = woodgrove()
    made.estate.tenant.directory.groups = [Group(display_name="Mail people", members=[made.ada.id])]
    with lab(made) as found:
        yield found


@pytest.fixture
def fresh() -> Iterator[Lab]:
    with lab() as found:
        yield found


# Tokens.


def flawed(found: Lab, what: str) -> str:
    now = int(found.practice.backend.now().timestamp())
    claims: dict[str, dict[str, Any]] = {
        "audience": {"aud": "https://outlook.office.com"},
        "expired": {"exp": now - 1},
        "early": {"nbf": now + 3600},
        "tenant": {"tid": "0c6f6d1c-6d86-4a7c-8f6c-7d1d2a2f1e99"},
    }
    token = found.token(oid=found.made.admin.id, scp="Directory.Read.All", **claims.get(what, {}))
    if what == "signature":
        return token[:-20] + ("A" * 20 if token[-20:] != "A" * 20 else "B" * 20)
    return {"none": "", "malformed": "not.a.token"}.get(what, token)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("none", "Access token is empty."),
        ("malformed", "CompactToken parsing failed"),
        ("signature", "Access token validation failure."),
        ("audience", "Access token validation failure. Invalid audience."),
        ("expired", "the token is expired."),
        ("early", "not yet valid"),
        ("tenant", "Access token validation failure. Invalid issuer."),
    ],
)
def test_a_token_that_is_not_for_graph_now_is_refused(shared: Lab, what: str, said: str) -> None:
    client = shared.client(flawed(shared, what))
    status, code, message = client.refused("GET", "/applications")
    assert (status, code) == (401, "InvalidAuthenticationToken")
    assert said in message
    assert "client_id" in client.ask("GET", "/applications").headers["WWW-Authenticate"]


@pytest.mark.parametrize("where", ["address", "header"])
def test_a_request_whose_lines_are_too_long_is_told_so(shared: Lab, where: str) -> None:
    long = "x" * 100_000
    path, headers = (f"/users?$filter={long}", {}) if where == "address" else ("/users", {"X-Long": long})
    for _ in range(10):
        assert shared.admin.ask("GET", path, headers=headers).status_code == 400
    assert shared.admin.get("/users")["value"]


def test_no_token_stands_in_a_text_about_a_question() -> None:
    told = {"authorization": "Bearer of-gold"}
    question = Question("GET", "v1.0/users", {}, headers=told, token="of-gold", body=dict)
    assert "gold" not in repr(question)


@pytest.mark.parametrize("audience", [GRAPH, "https://graph.microsoft.com", "https://graph.microsoft.com/"])
def test_both_names_of_graph_are_an_audience(shared: Lab, audience: str) -> None:
    token = shared.token(aud=audience, oid=shared.made.admin.id, scp="Directory.Read.All")
    assert shared.client(token).get("/organization")["value"][0]["displayName"] == "Woodgrove Bank"


def test_the_librarys_client_reads_through_its_own_pipeline(shared: Lab) -> None:
    with Graph(shared.cloud(), graphserver.Credential(shared.admin.token)) as graph:
        found = graph.get("/v1.0/servicePrincipals", {"$filter": f"appId eq '{EXCHANGE}'", "$select": "id,appId"})
        pages = [graph.get("/v1.0/users", {"$top": 2})]
        while "@odata.nextLink" in pages[-1]:
            pages.append(graph.follow(pages[-1]["@odata.nextLink"]))
    assert [set(one) for one in found["value"]] == [{"id", "appId"}]
    assert [len(page["value"]) for page in pages] == [2, 1]


# Queries.


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("userPrincipalName eq 'ADA@woodgrove.example'", ["Ada Byron"]),
        ("startswith(displayName,'w') or displayName eq 'Ada Byron'", ["Wanda Admin", "Ada Byron"]),
        ("accountEnabled eq false", ["Invoices"]),
        ("not startswith(displayName,'A') and accountEnabled eq true", ["Wanda Admin"]),
        ("displayName in ('Invoices','Ada Byron')", ["Ada Byron", "Invoices"]),
        ("assignedLicenses/any(x:x/skuId eq 4b9405b0-7788-4568-add1-99614e613b69)", ["Wanda Admin", "Ada Byron"]),
        ("assignedLicenses/any()", ["Wanda Admin", "Ada Byron"]),
        ("not assignedLicenses/any()", ["Invoices"]),
        ("onPremisesSyncEnabled eq null", ["Wanda Admin", "Ada Byron", "Invoices"]),
        ("endswith(mail,'@woodgrove.example') and userType ne 'Member'", []),
    ],
)
def test_a_filter_finds_what_it_says(shared: Lab, where: str, expected: list[str]) -> None:
    assert [one["displayName"] for one in shared.admin.get("/users", filter=where)["value"]] == expected


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ({"$filter": "colour eq 'red'"}, "BadRequest", "property named 'colour' on type 'microsoft.graph.user'."),
        ({"$filter": "displayName eq"}, "BadRequest", "Syntax error at position"),
        ({"$filter": "(" * 60 + "id eq 'x'" + ")" * 60}, "BadRequest", "nested too deeply"),
        ({"$select": "id,password"}, "BadRequest", "Could not find a property named 'password'"),
        ({"$expand": "manager"}, "BadRequest", "Could not find a property named 'manager'"),
        ({"$orderby": "colour"}, "BadRequest", "Could not find a property named 'colour'"),
        ({"$top": "0"}, "BadRequest", "$top"),
        ({"$top": "1000"}, "BadRequest", "The limit of '999' for Top query has been exceeded."),
        ({"$skip": "1"}, "Request_BadRequest", "'$skip' is not supported by the service."),
        ({"$apply": "x"}, "BadRequest", "$apply"),
        ({"$search": '"a"'}, "Request_UnsupportedQuery", "$search"),
        ({"$skiptoken": "x"}, "Directory_InvalidPageToken", "page token"),
        ({"$top": ["1", "2"]}, "BadRequest", "more than once"),
    ],
)  # fmt: skip
def test_a_query_that_is_none_is_told_so(shared: Lab, options: dict[str, Any], code: str, said: str) -> None:
    found = shared.admin.refused("GET", "/users", params=options)
    assert found[:2] == (400, code)
    assert said in found[2]


def test_a_query_chooses_orders_and_counts(shared: Lab) -> None:
    page = shared.admin.get("/users", select="id,displayName", orderby="displayName desc", count="true", top="2")
    assert [one["displayName"] for one in page["value"]] == ["Wanda Admin", "Invoices"]
    assert page["@odata.count"] == 3
    assert page["@odata.context"].endswith("/graph/v1.0/$metadata#users(id,displayName)")
    counted = shared.admin.ask("GET", "/users/$count", headers={"ConsistencyLevel": "eventual"})
    assert counted.text == "3"
    assert shared.admin.refused("GET", "/users/$count")[0] == 400


def test_related_objects_come_along_when_asked_for(shared: Lab) -> None:
    group = shared.admin.get("/groups", expand="members($select=id)")["value"][0]
    assert [one["@odata.type"] for one in group["members"]] == ["#microsoft.graph.user"]
    assert shared.admin.get(f"/groups/{group['id']}/members")["value"][0]["id"] == shared.made.ada.id
    assert shared.admin.get(f"/users/{shared.made.ada.id}/memberOf")["value"][0]["id"] == group["id"]


def test_an_address_that_leads_nowhere_is_named(shared: Lab) -> None:
    said = "Resource not found for the segment '{}'."
    for path, name in (("/colours", "colours"), ("/applications/x/y", "y"), ("/policies/x", "x")):
        assert shared.admin.refused("GET", path) == (400, "BadRequest", said.format(name))
    assert shared.admin.refused("GET", "/applications/x")[2] == "Invalid object identifier 'x'."
    assert shared.admin.refused("DELETE", "/users")[0] == 405
    assert shared.admin.session.get(f"{shared.practice.base_url}/graph/v9/users").status_code == 401


# The rest of the directory.


def test_the_tenant_says_what_it_is_and_has(shared: Lab) -> None:
    organization = shared.admin.get("/organization")["value"][0]
    assert [one["name"] for one in organization["verifiedDomains"] if one["isDefault"]] == ["woodgrove.example"]
    assert "AADPremiumService" in [one["service"] for one in organization["assignedPlans"]]
    skus = {one["skuPartNumber"]: one["consumedUnits"] for one in shared.admin.get("/subscribedSkus")["value"]}
    assert skus == {"EXCHANGESTANDARD": 2, "AAD_PREMIUM": 2}
    assert shared.admin.get("/domains/woodgrove.example")["authenticationType"] == "Managed"


def test_roles_are_listed_with_who_holds_them(shared: Lab) -> None:
    role = shared.admin.get("/directoryRoles")["value"][0]
    assert role["displayName"] == "Global Administrator"
    assert [one["id"] for one in shared.admin.get(f"/directoryRoles/{role['id']}/members")["value"]] == [
        shared.made.admin.id
    ]
    held = shared.admin.get("/roleManagement/directory/roleAssignments", expand="principal,roleDefinition")["value"]
    assert [(one["principal"]["displayName"], one["roleDefinition"]["displayName"]) for one in held] == [
        ("Wanda Admin", "Global Administrator")
    ]
    assert shared.admin.get("/me")["userPrincipalName"] == "admin@woodgrove.example"
    daemon = shared.app(shared.made.daemon_principal, "User.Read.All")
    assert daemon.refused("GET", "/me")[2] == "/me request is only valid with delegated authentication flow."


def test_policies_are_read_and_changed(fresh: Lab) -> None:
    path = "/policies/identitySecurityDefaultsEnforcementPolicy"
    assert fresh.admin.get(path)["isEnabled"] is False
    rule = {
        "displayName": "Block legacy authentication",
        "state": "enabled",
        "conditions": {
            "users": {"includeUsers": ["All"]},
            "applications": {"includeApplications": ["All"]},
            "clientAppTypes": ["exchangeActiveSync", "other"],
        },
        "grantControls": {"operator": "OR", "builtInControls": ["block"]},
    }
    made = fresh.admin.post("/identity/conditionalAccess/policies", rule)
    one = f"/identity/conditionalAccess/policies/{made['id']}"
    fresh.admin.patch(one, {"state": "disabled"})
    fresh.admin.patch(path, {"isEnabled": True})
    # With security defaults on, no policy may be enforced.
    assert "Security Defaults is enabled" in fresh.admin.refused("PATCH", one, {"state": "enabled"})[2]
    fresh.admin.patch(one, {"state": "enabledForReportingButNotEnforced"})
    with fresh.practice.states.reading("woodgrove") as tenant:
        policies = tenant.directory.policies
        assert policies.security_defaults
        assert [one.state for one in policies.conditional_access] == ["enabledForReportingButNotEnforced"]
    assert fresh.admin.refused("PATCH", one, {"state": "maybe"})[0] == 400
    assert fresh.admin.ask("DELETE", one).status_code == 204


def test_a_policy_that_nothing_here_would_enforce_is_refused(fresh: Lab) -> None:
    path = "/identity/conditionalAccess/policies"
    everybody = {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}}
    rule = {"displayName": "Never remember", "conditions": everybody}
    never = {"persistentBrowser": {"mode": "never", "isEnabled": True}}
    blocking = {"operator": "OR", "builtInControls": ["block"]}
    for controls in ({"sessionControls": never}, {"sessionControls": never, "grantControls": blocking}):
        status, _, said = fresh.admin.refused("POST", path, {**rule, **controls})
        assert status == 400
        assert "persistentBrowser" in said
    off = {"persistentBrowser": {"isEnabled": False}, "signInFrequency": None, "disableResilienceDefaults": False}
    made = fresh.admin.post(path, {**rule, "grantControls": blocking, "sessionControls": off})
    assert "persistentBrowser" in fresh.admin.refused("PATCH", f"{path}/{made['id']}", {"sessionControls": never})[2]
    assert fresh.admin.get(f"{path}/{made['id']}")["sessionControls"] == off


def test_a_policy_may_ask_for_nothing_but_a_sign_in_every_few_hours(fresh: Lab) -> None:
    path = "/identity/conditionalAccess/policies"
    everybody = {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}}
    rule = {"displayName": "Often", "conditions": everybody}
    often = {"signInFrequency": {"value": 4, "type": "hours", "isEnabled": True}}
    assert fresh.admin.post(path, {**rule, "sessionControls": often})["sessionControls"] == often
    for value in (0, -1, 9_999, "4", None):
        wrong = {"signInFrequency": {"value": value, "type": "hours", "isEnabled": True}}
        assert fresh.admin.refused("POST", path, {**rule, "sessionControls": wrong})[0] == 400


def test_the_recommended_consent_policy_leaves_out_reading_mail_and_not_sending(shared: Lab) -> None:
    policy = shared.admin.get("/policies/permissionGrantPolicies/microsoft-user-default-recommended")
    graph = shared.admin.get(f"/servicePrincipals(appId='{GRAPH}')")
    names = {one["id"]: one["value"] for one in graph["oauth2PermissionScopes"]}
    left_out = {names[one] for rule in policy["excludes"] for one in rule["permissions"] if one in names}
    assert "IMAP.AccessAsUser.All" in left_out
    assert "SMTP.Send" not in left_out
    assigned = shared.admin.get("/policies/authorizationPolicy")["defaultUserRolePermissions"]
    assert assigned["permissionGrantPoliciesAssigned"] == [f"ManagePermissionGrantsForSelf.{policy['id']}"]


def test_whether_users_may_ask_for_consent_is_kept_with_who_is_asked(fresh: Lab) -> None:
    path = "/policies/adminConsentRequestPolicy"
    assert fresh.admin.get(path)["isEnabled"] is False
    who = [{"query": f"/users/{fresh.made.admin.id}", "queryType": "MicrosoftGraph"}]
    assert fresh.admin.ask("PUT", path, {"isEnabled": True, "reviewers": who}).status_code == 204
    found = fresh.admin.get(path)
    assert (found["isEnabled"], found["reviewers"], found["requestDurationInDays"]) == (True, who, 30)
    assert fresh.admin.refused("PUT", path, {"isEnabled": True, "reviewers": "everybody"})[0] == 400


# Batches.


def test_a_batch_answers_each_of_its_requests(fresh: Lab) -> None:
    asked = {
        "requests": [
            {"id": "1", "method": "POST", "url": "/applications", "body": {"displayName": "one"}},
            {"id": "2", "method": "GET", "url": "/users?$filter=displayName eq 'Ada%20Byron'&$select=id"},
            {"id": "3", "method": "GET", "url": "/colours"},
            {"id": "4", "method": "GET", "url": "/users", "dependsOn": ["3"]},
            {"id": "5", "method": "DELETE", "url": f"/applications/{fresh.made.daemon.id}"},
        ]
    }
    answers = {one["id"]: one for one in fresh.admin.post("/$batch", asked, 200)["responses"]}
    assert {key: one["status"] for key, one in answers.items()} == {"1": 201, "2": 200, "3": 400, "4": 424, "5": 204}
    assert answers["2"]["body"]["value"] == [{"id": fresh.made.ada.id}]
    assert answers["3"]["body"]["error"]["message"] == "Resource not found for the segment 'colours'."
    many = {"requests": [{"id": str(number), "method": "GET", "url": "/users"} for number in range(21)]}
    assert "20" in fresh.admin.refused("POST", "/$batch", many)[2]
    twice = {"requests": [{"id": "1", "method": "GET", "url": "/users"}] * 2}
    assert fresh.admin.refused("POST", "/$batch", twice)[0] == 400


# Faults.


def test_faults_are_told_in_graphs_words_to_the_tenant_they_are_for(fresh: Lab) -> None:
    fresh.practice.faults.add("graph", "throttle", tenant="woodgrove", seconds=7)
    fresh.practice.faults.add("graph", "unavailable", tenant="another", times=0)
    answer = fresh.admin.ask("GET", "/users")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert answer.json()["error"]["code"] == "TooManyRequests"
    assert fresh.admin.ask("GET", "/users").status_code == 200


def test_what_was_changed_outlives_the_cloud(tmp_path: Path) -> None:
    made = woodgrove()
    with lab(made, home=tmp_path) as found:
        app = found.admin.post("/applications", {"displayName": "kept"})
    with lab(made, home=tmp_path, put=False) as found:
        assert found.admin.get(f"/applications/{app['id']}")["displayName"] == "kept"


def test_a_request_keeps_its_clients_id(shared: Lab) -> None:
    answer = shared.admin.ask("GET", "/users/nobody@woodgrove.example", headers={"client-request-id": "abc-1"})
    assert answer.headers["client-request-id"] == "abc-1"
    assert answer.json()["error"]["innerError"]["client-request-id"] == "abc-1"
    assert answer.json()["error"]["innerError"]["request-id"] == answer.headers["request-id"]


# What is no request.

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
WORDS = st.sampled_from(
    [
        "displayName",
        "id",
        "signInEventTypes/",
        "x:",
        "x/",
        "t eq",
        "eq",
        "in",
        "and",
        "or",
        "not",
        "(",
        ")",
        ",",
        "any(",
        "startswith(",
        "'a'",
        "''",
        "'",
        "2026-01-01T00:00:00Z",
        "9" * 30,
        "null",
        "$",
        "\x00",
        "é",
        " ",
    ]
)
PATHS = st.sampled_from(["applications", "('", "')/", "/", "(appId='", "$ref", "%00", "..", "$batch", "é", "users"])
ODD = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def survives(client: Client, answer: Any) -> None:
    """Assert that a refusal is Graph's own, and that nothing of the server's insides is in it."""
    assert answer.status_code != 500, answer.text
    assert "Traceback" not in answer.text
    if answer.status_code >= 400:
        assert {"code", "message", "innerError"} <= set(json.loads(answer.content)["error"])


@given(
    words=st.lists(WORDS, max_size=14), path=st.sampled_from(["/v1.0/users", "/beta/auditLogs/signIns", "/v1.0/groups"])
)
@example(words=["not "] * 400, path="/v1.0/users")
@example(words=["displayName eq 'a' or "] * 300, path="/v1.0/users")
@ODD
def test_any_filter_gets_an_answer(shared: Lab, words: list[str], path: str) -> None:
    survives(shared.admin, shared.admin.ask("GET", path, params={"$filter": " ".join(words)}))


@given(
    path=st.lists(PATHS | st.text(max_size=8), max_size=7),
    method=st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT"]),
    body=JUNK,
)
@example(path=["..", "/", ".."], method="GET", body=None)
@ODD
def test_any_address_gets_an_answer(shared: Lab, path: list[str], method: str, body: object) -> None:
    # A name that cannot be sent is the client's affair.
    text = "".join(path).encode(errors="replace").decode().replace("?", "").replace("#", "")
    answer = shared.admin.ask(method, f"/v1.0/{text}", data=json.dumps(body).encode())
    # Two dots may lead out of Graph, to where another face answers.
    if answer.url.startswith(f"{shared.admin.base}/"):
        survives(shared.admin, answer)
    else:
        assert answer.status_code < 500


TARGETS = [
    (
        "POST",
        "/applications",
        "displayName requiredResourceAccess web api tags appRoles keyCredentials notes uniqueName",
    ),
    ("PATCH", "/applications/{app}", "displayName keyCredentials publicClient identifierUris signInAudience"),
    ("POST", "/applications/{app}/addPassword", "passwordCredential"),
    ("POST", "/applications/{app}/addKey", "keyCredential proof passwordCredential"),
    ("POST", "/applications/{app}/federatedIdentityCredentials", "name issuer subject audiences description"),
    ("POST", "/servicePrincipals", "appId tags accountEnabled"),
    ("POST", "/oauth2PermissionGrants", "clientId consentType principalId resourceId scope"),
    ("POST", "/servicePrincipals/{principal}/appRoleAssignments", "principalId resourceId appRoleId"),
    ("PATCH", "/policies/defaultAppManagementPolicy", "isEnabled applicationRestrictions"),
    ("POST", "/policies/appManagementPolicies", "displayName isEnabled restrictions"),
    ("POST", "/identity/conditionalAccess/policies", "displayName state conditions grantControls"),
    ("PATCH", "/policies/authorizationPolicy", "defaultUserRolePermissions"),
    ("POST", "/$batch", "requests"),
]


@given(data=st.data(), target=st.sampled_from(TARGETS))
@ODD
def test_any_body_gets_an_answer(shared: Lab, data: st.DataObject, target: tuple[str, str, str]) -> None:
    method, path, names = target
    body = data.draw(st.dictionaries(st.sampled_from([*names.split(), "x"]), JUNK, max_size=4))
    where = path.format(app=shared.made.client.id, principal=shared.made.client_principal.id)
    sent = json.dumps(body).encode()
    answer = shared.admin.ask(method, where, data=sent, headers={"Content-Type": "application/json"})
    survives(shared.admin, answer)
    assert shared.admin.get("/organization")["value"]


@pytest.mark.parametrize(
    "sent",
    [
        b"{",
        b"[]",
        b"\xff\xfe",
        b'"text"',
        b'{"displayName": NaN}',
        b'{"a":' * 5000,
        b'{"displayName":"\\ud800"}',
        b"\x00",
    ],
    ids=range(8),
)
def test_a_body_that_is_no_object_is_told_so(shared: Lab, sent: bytes) -> None:
    answer = shared.admin.ask("POST", "/applications", data=sent, headers={"Content-Type": "application/json"})
    survives(shared.admin, answer)
    assert answer.status_code == 400


def test_a_body_that_is_too_large_is_refused(shared: Lab) -> None:
    answer = shared.admin.ask("POST", "/applications", data=b'{"displayName":"' + b"x" * (5 << 20) + b'"}')
    assert answer.status_code == 413
    survives(shared.admin, answer)


# The filter's grammar on its own.


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("a eq 1", True),
        ("a eq 1 or b eq 'x' and c eq true", True),
        ("(a eq 1 or b eq 'x') and c eq true", False),
        ("not (a eq 1)", False),
        ("a gt 0 and a lt 2 and a ge 1 and a le 1", True),
        ("when ge 2026-11-01T00:00:00Z and when lt 2026-11-02T00:00:00+00:00", True),
        ("when ge 2026-11-02", False),
        ("b eq 'o''brien'", True),
        ("inner/deep eq null", True),
        ("items/all(i: i/n gt 0)", True),
        ("items/any(i: i/n eq 2 and i/m eq 'y')", True),
        ("contains(b,'BRI') eq true", True),
        ("contains(b,'BRI') eq false", False),
        ("c eq 0", False),
    ],
)
def test_a_filter_means_what_odata_says(text: str, fits: bool) -> None:
    record = {"a": 1, "b": "o'brien", "c": False, "when": "2026-11-01T12:00:00Z", "inner": {}}
    record["items"] = [{"n": 1, "m": "x"}, {"n": 2, "m": "y"}]
    assert matching.fits(filters.parse(text), record) is fits


@pytest.mark.parametrize(
    "text", ["", "a", "a eq", "a eq 'x", "a eq 1 1", "eq eq eq eq", "a/ eq 1", "any(x: x eq 1)", "(a eq 1"]
)
def test_what_is_no_filter_says_where(text: str) -> None:
    with pytest.raises(filters.FilterError, match="Syntax error at position"):
        filters.parse(text)


def test_lag_holds_for_reads_too(fresh: Lab) -> None:
    fresh.practice.faults.directory_lag = timedelta(seconds=30)
    before = len(fresh.admin.get("/applications")["value"])
    fresh.admin.post("/applications", {"displayName": "late"})
    assert len(fresh.admin.get("/applications")["value"]) == before
    fresh.practice.faults.clock.skew = timedelta(seconds=31)
    assert len(fresh.admin.get("/applications")["value"]) == before + 1


def test_what_entra_issues_opens_graph_as_far_as_it_was_consented_to() -> None:
    made = woodgrove()
    made.estate.allow(made.daemon_principal, GRAPH, "AuditLog.Read.All")
    with lab(made) as found:
        for resource in ("https://graph.microsoft.com", f"{found.practice.base_url}/graph"):
            form = {
                "grant_type": "client_credentials",
                "client_id": made.daemon.app_id,
                "client_secret": SECRET,
                "scope": f"{resource}/.default",
            }
            issued = found.admin.session.post(f"{found.practice.base_url}/{TENANT}/oauth2/v2.0/token", data=form).json()
            daemon = found.client(issued["access_token"])
            assert daemon.get("/auditLogs/signIns")["value"] is not None
            assert daemon.refused("GET", "/users")[1] == "Authorization_RequestDenied"

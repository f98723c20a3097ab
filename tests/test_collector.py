"""The collector: a script that only reads, and the values of its file.

PowerShell is not run. A witness does what the script's tree says, by asking the practice cloud the same questions.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailauth import clouds, cmdlets, collector, literals, permissions, reference
from mailauth import organization as values
from mailauth.collector import Collected
from mailauth.coverage import Coverage
from mailauth.errors import ConfigurationError, SourceError
from mailauth.plan import Cmdlet
from mailauth.services import conditions as reading
from mailauth.services import directory, organization
from mailauth.services.client import Graph, Pace
from mailauth.services.exchange import missing
from mailauth.tenants import MailApp, Tenant
from practice.state import AuthenticationPolicy
from practice.wellknown import GRAPH
from tests import planned, powershell_grammar
from tests.exchanging import Credential, Lab, administering, mailauth_cloud
from tests.powershell_grammar import Command, Node
from tests.practice import tokens
from tests.practice.woodgrove import DOMAIN, Woodgrove, woodgrove

ADA = f"ada@{DOMAIN}"
INVOICES = f"invoices@{DOMAIN}"
NOBODY = f"nobody@{DOMAIN}"
NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
READS = "Policy.Read.All Directory.Read.All Application.Read.All AuditLog.Read.All"
PACE = Pace(100_000, 1.0)
LOCAL = {"ConvertTo-Json", "Where-Object", "Sort-Object", "Write-Progress", "Set-StrictMode"}


def tenant(*, tenant_id: str = planned.TENANT_ID, cloud: str = "public", apps: Sequence[str] = ()) -> Tenant:
    mail_apps = tuple(MailApp(name=f"app {number}", client_id=each) for number, each in enumerate(apps))
    return Tenant(
        name="woodgrove",
        tenant_id=tenant_id,
        cloud=replace(clouds.built_in()["public"], name=cloud),
        mail_apps=mail_apps,
    )


SCRIPTS = {
    "everything": collector.script(tenant(), now=NOW),
    "two mailboxes": collector.script(tenant(apps=[planned.TENANT_ID]), mailboxes=[ADA, INVOICES], now=NOW),
    "in china": collector.script(tenant(cloud="china"), now=NOW),
    "a domain for an id": collector.script(tenant(tenant_id="woodgrove.example"), now=NOW),
}


@pytest.fixture(params=SCRIPTS)
def root(request: pytest.FixtureRequest) -> Node:
    return powershell_grammar.parse(SCRIPTS[request.param])


# --- the script -----------------------------------------------------------------------------------


def test_it_only_gets_tests_and_connects(root: Node) -> None:
    for command in powershell_grammar.commands(root):
        verb = command.name.partition("-")[0]
        if command.name == "Invoke-MgGraphRequest":
            assert command.values({})["Method"] == "GET"
        else:
            assert verb in ("Get", "Test", "Connect") or command.name in LOCAL, command.name


def test_the_functions_that_it_brings_say_get_or_connect(root: Node) -> None:
    assert {each.partition("-")[0] for each in powershell_grammar.functions(root)} == {"Get", "ConvertTo", "Connect"}


def test_it_calls_nothing_of_the_system_that_changes_anything_but_its_own_file(root: Node) -> None:
    text = root.text.decode() if root.text else ""
    assert re.findall(r"\]::(\w+)\(", text.partition("# One file, written whole.")[0]).count("WriteAllText") == 0
    assert text.count("WriteAllText") == 1
    assert not re.search(r"Invoke-Expression|Start-Process|\biex\b|DownloadString|Add-Type", text)


def test_every_cmdlet_and_parameter_is_in_the_facts(root: Node) -> None:
    own = powershell_grammar.functions(root)
    known = {name: {*each.parameters, *cmdlets.common()} for name, each in cmdlets.known().items()}
    known |= {
        name: {*each["parameters"], *cmdlets.common()} for name, each in reference.table("powershell")["cmdlet"].items()
    }
    for command in powershell_grammar.commands(root):
        if command.name not in own:
            assert set(command.parameters) <= known[command.name], command.name


@pytest.mark.parametrize(
    "address", ["o'hara@woodgrove.example", "m\u00fcller@woodgrove.example", "$(x)@woodgrove.example"]
)
def test_an_address_is_one_argument(address: str) -> None:
    root = powershell_grammar.parse(collector.script(tenant(), mailboxes=[address], now=NOW))
    (default,) = [each for each in powershell_grammar.walk(root) if each.type == "script_parameter_default"][:1]
    assert powershell_grammar.value(default.named_children[0], {}) == [address]


@pytest.mark.parametrize("name", planned.HOSTILE, ids=ascii)
def test_a_hostile_tenant_adds_no_command(name: str) -> None:
    hostile = replace(tenant(tenant_id=name), name=name)
    roots = [powershell_grammar.parse(collector.script(each, now=NOW)) for each in (tenant(), hostile)]
    names = [[each.name for each in powershell_grammar.commands(root)] for root in roots]
    assert names[0] == names[1]


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="expected the shared mailbox's own address"):
        collector.script(tenant(), mailboxes=["ada@woodgrove.example\\invoices"], now=NOW)


def test_it_keeps_no_display_name_of_a_person() -> None:
    people = ("Get-Mailbox", "Get-User", "Get-Recipient", "Get-CASMailbox")
    assert not any("DisplayName" in collector.FIELDS[each] for each in people)


class Asked(Mapping[str, Any]):
    """A row that holds nothing, and notes which fields were asked for."""

    def __init__(self) -> None:
        self.names = set[str]()

    def __getitem__(self, name: str) -> Any:
        self.names.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


OF_A_ROW: Mapping[str, Callable[[Asked], object]] = {
    "Get-TransportConfig": lambda row: values.settings(transport=Full(row)),
    "Get-OrganizationConfig": lambda row: values.settings(configuration=Full(row)),
    "Get-AuthenticationPolicy": values.authentication_policy,
    "Get-CASMailboxPlan": values.plan,
    "Get-Mailbox": values.mailbox,
    "Get-CASMailbox": lambda row: values.mailbox({}, cas=Full(row)),
    "Get-User": lambda row: values.mailbox({}, user=Full(row)),
    "Get-ServicePrincipal": values.principal,
    "Get-MailboxPermission": lambda row: values.mailbox_right(row, ADA),
    "Get-RecipientPermission": values.send_as,
    "Get-ManagementScope": values.scope,
    "Get-ManagementRoleAssignment": values.role_assignment,
    "Get-AcceptedDomain": values.accepted_domain,
}


class Full(Asked):
    """The same, that does not count as no row at all."""

    def __init__(self, row: Asked) -> None:
        self.names = row.names

    def __len__(self) -> int:
        return 1


@pytest.mark.parametrize("name", OF_A_ROW)
def test_every_field_that_is_read_is_collected_but_for_names_of_people(name: str) -> None:
    row = Asked()
    OF_A_ROW[name](row)
    assert row.names
    assert row.names - set(collector.FIELDS[name]) <= ({"DisplayName"} if name == "Get-Mailbox" else set())


# --- the file, as the script would write it of a practice tenant ----------------------------------


@dataclass
class Witness:
    """Does what the tree of a collector script says."""

    lab: Lab
    graph: Graph
    mailboxes: Sequence[str]

    def file(self, text: str) -> str:
        """Return the JSON that the script would write."""
        root = powershell_grammar.parse(text)
        held: dict[str, dict[str, Any]] = {name: {} for name in ("Exchange", "Rights", "Statistics", "Graph", "App")}
        for name, key, command in self._parts(root):
            fields = powershell_grammar.value(_node(command, "Fields"), {})
            if name in ("App", "Members"):
                continue
            if key == "$Address":
                for address in self.mailboxes:
                    held[name][address] = self._asked(command, fields, {"$Address": address})
            elif self._meant(command):
                held[name][key] = self._together(command, fields)
        return json.dumps(
            {
                "schema": collector.SCHEMA,
                "tenant_id": self.lab.made.estate.tenant.tenant_id,
                "tenant": self.lab.made.estate.tenant.tenant_id,
                "cloud": "practice",
                "collected_at": "2026-11-27T09:00:00Z",
                "versions": {"PowerShell": "5.1.22621.4391"},
                "mailboxes": list(self.mailboxes),
                "exchange": held["Exchange"],
                "rights": held["Rights"],
                "statistics": held["Statistics"],
                "graph": held["Graph"],
                "graph_error": "",
                "members": {},
                "apps": dict(self._apps(root)),
            }
        )

    def _parts(self, root: Node) -> Iterator[tuple[str, str, Command]]:
        for node in powershell_grammar.walk(root):
            said = re.match(r"\$(\w+)\['?([^'\]]+)'?\] = (Get-Part\w*) ", (node.text or b"").decode())
            if node.type == "assignment_expression" and said:
                yield said[1], said[2], next(powershell_grammar.commands(node))

    def _meant(self, command: Command) -> bool:
        """Whether the script comes by here: what it asks of each mailbox replaces what it asks of all."""
        return command.name == "Get-Part" or bool(self.mailboxes)

    def _together(self, command: Command, fields: list[str]) -> dict[str, Any]:
        if command.name == "Get-Part":
            return self._asked(command, fields, {})
        parts = [self._asked(command, fields, {"$Address": each}) for each in self.mailboxes]
        return {"rows": [row for part in parts for row in part["rows"]], "error": "", "absent": False}

    def _asked(self, command: Command, fields: list[str], known: Mapping[str, str]) -> dict[str, Any]:
        ask = next(powershell_grammar.commands(_node(command, "Ask")))
        try:
            rows = [{name: row[name] for name in fields or row if name in row} for row in self._rows(ask, known)]
        except SourceError as error:
            return {"rows": [], "error": error.message, "absent": missing(error) or error.code == "404"}
        return {"rows": rows, "error": "", "absent": False}

    def _rows(self, ask: Command, known: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
        variables = {**known, "$Account": "?$select=id,userPrincipalName,accountEnabled,userType,assignedPlans"}
        if ask.name == "Get-RoleRows":
            return [
                {**row, "principal": {"@odata.type": (row.get("principal") or {}).get("@odata.type", "")}}
                for row in self._get("/v1.0/roleManagement/directory/roleAssignments?$expand=principal")
            ]
        values = ask.values(variables)
        if ask.name == "Get-GraphRows":
            pieces = values["Uri"] if isinstance(values["Uri"], list) else [values["Uri"]]
            if "$Id" in pieces:
                everybody = self.lab.made.estate.tenant.directory.users
                return [row for each in everybody for row in self._get("".join(pieces).replace("$Id", each.id))]
            return self._get("".join(pieces))
        return self.lab.exchange.invoke(Cmdlet(ask.name, {k: v for k, v in values.items() if k != "ErrorAction"}))

    def _get(self, uri: str) -> list[Mapping[str, Any]]:
        path, _, query = uri.partition("?")
        page = self.graph.get(path, dict(parse_qsl(query)))
        return list(page["value"]) if "value" in page else [page]

    def _apps(self, root: Node) -> Iterator[tuple[str, Any]]:
        parts = [(key, command) for name, key, command in self._parts(root) if name == "App"]
        for app_id in (*permissions.APP_IDS.values(), self.lab.made.client.app_id, self.lab.made.daemon.app_id):
            yield app_id, {key: self._asked_of(command, app_id) for key, command in parts}

    def _asked_of(self, command: Command, app_id: str) -> dict[str, Any]:
        ask = next(powershell_grammar.commands(_node(command, "Ask")))
        try:
            return {"rows": self._get("".join(ask.values({"$Id": app_id})["Uri"])), "error": "", "absent": False}
        except SourceError as error:
            return {"rows": [], "error": error.message, "absent": True}


def _node(command: Command, name: str) -> Node:
    node = command.parameters[name]
    assert node is not None
    return node


def _estate() -> Woodgrove:
    made = woodgrove()
    exchange = made.estate.tenant.exchange
    exchange.authentication_policies.append(AuthenticationPolicy(name="No basic", allow_basic={"Smtp": False}))
    made.ada_box.authentication_policy = "No basic"
    made.ada_box.smtp_auth_disabled = False
    made.estate.mailbox(made.estate.user("moved", "Moved Away"), kind="MailUser")
    return made


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with administering(_estate()) as administration:
        yield administration


@pytest.fixture(scope="module")
def credential(lab: Lab) -> Credential:
    made, backend = lab.made, lab.practice.backend
    token = tokens.signed(
        backend, made.estate.tenant, aud=GRAPH, oid=made.admin.id, appid=made.client.app_id, scp=READS
    )
    return Credential(token)


@pytest.fixture(scope="module")
def graph(lab: Lab, credential: Credential) -> Iterator[Graph]:
    with Graph(mailauth_cloud(lab.practice), credential, pace=PACE, needs="") as opened:
        yield opened


def _ours(lab: Lab) -> Tenant:
    made = lab.made
    apps = (MailApp(name="client", client_id=made.client.app_id), MailApp(name="daemon", client_id=made.daemon.app_id))
    return Tenant(
        name="woodgrove",
        tenant_id=made.estate.tenant.tenant_id,
        cloud=mailauth_cloud(lab.practice),
        mail_apps=apps,
    )


def _collected(lab: Lab, graph: Graph, *mailboxes: str) -> Collected:
    ours = _ours(lab)
    text = Witness(lab, graph, mailboxes).file(collector.script(ours, mailboxes=mailboxes, now=NOW))
    return collector.read(text, tenant=ours)


def _nameless(held: Any) -> Any:
    """Return what is held without people's display names, coverage and the count of requests."""
    boxes = tuple(replace(each, name="") for each in held.mailboxes)
    return replace(held, mailboxes=boxes, coverage=(), calls=0, send_as=None, trustees=None)


def test_the_file_of_all_mailboxes_says_what_a_sign_in_would_read(lab: Lab, graph: Graph) -> None:
    found = _collected(lab, graph)
    assert _nameless(found.organization) == _nameless(organization.read(lab.exchange))


def test_the_file_of_some_mailboxes_says_what_a_sign_in_would_read_of_them(lab: Lab, graph: Graph) -> None:
    found = _collected(lab, graph, ADA, INVOICES).organization
    whole = organization.read(lab.exchange, mailboxes=[ADA, INVOICES])
    assert found.rights == whole.rights
    assert [each.address for each in found.mailboxes or ()] == [ADA, INVOICES]
    for address in (ADA, INVOICES):
        there, here = whole.mailbox(address), found.mailbox(address)
        assert there is not None
        assert here == replace(there, name="")


def test_who_may_send_as_whom_is_known_for_everybody(lab: Lab, graph: Graph) -> None:
    assert _collected(lab, graph).organization.sends_as(ADA) == frozenset({INVOICES})


def test_a_mailbox_that_does_not_exist_is_absent_and_costs_nothing_else(lab: Lab, graph: Graph) -> None:
    found = _collected(lab, graph, ADA, NOBODY)
    states = {each.what: each.state for each in found.coverage}
    assert states[f"who may open {NOBODY}"] == "absent"
    assert found.organization.rights_of(ADA)


def test_what_entra_puts_before_a_mailbox_is_the_same(lab: Lab, graph: Graph, credential: Credential) -> None:
    directory_ = lab.made.estate.tenant.directory
    ids = [each.id for each in directory_.users]
    there = reading.read(mailauth_cloud(lab.practice), credential, ids, pace=PACE)
    here = _collected(lab, graph).conditions
    assert (here.defaults, here.policies, here.domains) == (there.defaults, there.policies, there.domains)
    assert here.accounts == there.accounts
    assert here.changes is None


def test_consent_for_the_tenant_s_own_apps_is_the_same(lab: Lab, graph: Graph, credential: Credential) -> None:
    ours = _ours(lab)
    there = directory.read(ours.cloud, credential, {each.client_id: each.name for each in ours.mail_apps}, pace=PACE)
    here = _collected(lab, graph).consents
    assert (here.held, here.assigned, here.requests) == (there.held, there.assigned, there.requests)
    assert here.offers == there.offers


# --- a file that is not what it should be ---------------------------------------------------------


def record(**more: Any) -> dict[str, Any]:
    """Return the smallest file."""
    return {
        "schema": collector.SCHEMA,
        "tenant_id": planned.TENANT_ID,
        "tenant": planned.TENANT_ID,
        "cloud": "public",
        "collected_at": "2026-11-27T09:00:00Z",
        "versions": {},
        "mailboxes": [],
        "exchange": {},
        "rights": {},
        "statistics": {},
        "graph": {},
        "graph_error": "",
        "members": {},
        "apps": {},
        **more,
    }


def part(*rows: Any, error: str = "", absent: bool = False) -> dict[str, Any]:
    return {"rows": list(rows), "error": error, "absent": absent}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("", "the file: is not JSON", id="nothing"),
        pytest.param("[" * 100_000, "the file: is not JSON", id="deep"),
        pytest.param('{"schema": NaN}', "the file: is not JSON: NaN is not JSON", id="no number"),
        pytest.param("[]", "the file: .* is not of type 'object'", id="a list"),
        pytest.param("{}", "the file: 'schema' is a required property", id="empty"),
        pytest.param(json.dumps(record(schema="x")), "schema: 'mailauth/collected/1' was expected", id="other schema"),
        pytest.param(json.dumps(record(collected_at="today")), "collected_at: 'today' does not match", id="no time"),
        pytest.param(json.dumps(record(collected_at="2026-02-31T09:00:00Z")), "collected_at: ", id="no such day"),
        pytest.param(json.dumps(record(evil=1)), "the file: .*'evil' was unexpected", id="a field of its own"),
        pytest.param(json.dumps(record(rights={"a": part(5)})), "rights.a.rows.0: 5 is not", id="a row that is none"),
        pytest.param(
            json.dumps(record(exchange={"Get-Mailbox": part({"Guid": {"a": 1}})})),
            "exchange.Get-Mailbox.rows.0.Guid: ",
            id="a field of another kind",
        ),
        pytest.param(
            json.dumps(record(exchange={"Remove-Mailbox": part()})),
            "exchange: 'Remove-Mailbox' does not match",
            id="a cmdlet",
        ),
        pytest.param(json.dumps(record(apps={"a": {}})), "apps.a: '.*' is a required property", id="half an app"),
    ],
)
def test_a_wrong_file_gets_an_error_that_names_the_field(text: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^collected: {complaint}"):
        collector.read(text)


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        pytest.param(
            {"tenant_id": "x", "tenant": "x"}, f"tenant_id: found x; expected {planned.TENANT_ID}", id="tenant"
        ),
        pytest.param({"cloud": "china"}, "cloud: found china; expected public", id="cloud"),
    ],
)
def test_another_tenant_s_file_is_refused(more: dict[str, str], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^collected: {complaint}, as woodgrove has it"):
        collector.read(json.dumps(record(**more)), tenant=tenant())


def test_a_complaint_shows_no_character_that_nobody_sees() -> None:
    with pytest.raises(ConfigurationError) as refused:
        collector.read(json.dumps(record(evil="\u202e", **{"a\nb\u202e": 1})))
    assert not re.search("[\n\u202e]", str(refused.value))


def test_a_mark_at_the_beginning_and_the_wrapped_lists_of_windows_powershell_are_read() -> None:
    wrapped = record(mailboxes={"value": [ADA], "Count": 1})
    assert collector.read("\ufeff" + json.dumps(wrapped)).mailboxes == (ADA,)


def test_what_was_refused_is_unknown_and_not_empty() -> None:
    refused = part(error="Access is denied.")
    held = collector.read(json.dumps(record(exchange={"Get-Mailbox": refused}, graph={"securityDefaults": refused})))
    assert held.organization.mailboxes is None
    assert held.conditions.defaults is None
    assert (
        Coverage(
            "mailboxes",
            "unknown",
            "script",
            reason="Access is denied.",
            remedy="Let somebody run the script who may read it.",
        )
        in held.coverage
    )


def test_where_graph_was_left_out_every_part_of_it_says_so() -> None:
    held = collector.read(json.dumps(record(graph_error="Microsoft Graph was left out.")))
    unknown = [each for each in held.conditions.coverage if each.reason == "Microsoft Graph was left out."]
    assert len(unknown) == 5
    assert held.conditions.policies is None
    assert held.consents.assigned is None


def test_a_group_that_could_not_be_read_is_not_a_group_without_members() -> None:
    members = {"g1": part({"id": "u1"}), "g2": part(error="Access is denied.")}
    held = collector.read(json.dumps(record(members=members))).conditions
    assert dict(held.members) == {"g1": frozenset({"u1"})}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=50)
@given(st.sampled_from([*record(), "more"]), JSON)
def test_any_value_in_any_place_is_read_or_refused(name: str, value: Any) -> None:
    with suppress(ConfigurationError):
        assert collector.read(json.dumps(record(**{name: value}))).organization


@settings(deadline=None, max_examples=50)
@given(
    st.sampled_from([*collector._GRAPH, "users", "roleAssignments"]),
    st.dictionaries(st.text(max_size=20), JSON, max_size=3),
)
def test_any_record_of_graph_is_read_or_refused(name: str, row: Any) -> None:
    collector.read(json.dumps(record(graph={name: part(row)})))


def test_the_script_is_written_with_the_mark_that_windows_powershell_needs() -> None:
    assert literals.encoded(SCRIPTS["everything"]).startswith(b"\xef\xbb\xbf# Collect how mail is set up")

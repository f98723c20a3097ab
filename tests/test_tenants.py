"""The tenants file: what a person writes is taken as meant, or refused with its line and what would be right."""

import typing
from dataclasses import asdict, is_dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from mailauth import clouds, tenants
from mailauth.errors import ConfigurationError
from mailauth.secretrefs import SecretRef
from mailauth.tenants import Configuration, Source

EXAMPLE = Path(__file__).parents[1] / "tenants.example.yaml"
GUID = "11111111-1111-1111-1111-111111111111"
WHERE = Path("somewhere") / "tenants.yaml"
HOSTS = (
    "login: https://localhost:8443, graph: https://localhost:8443/graph/, logs: https://localhost:8443/logs, "
    "exchange: https://localhost:8443/exchange, imap: localhost:9993, pop: localhost:9995, smtp: localhost:9587, "
    "mail_resource: https://outlook.office365.com"
)


def one(fields: str, *, more: str = "") -> str:
    """A file with one tenant; *fields* begin on line 4."""
    return f"tenants:\n  - name: woodgrove\n    tenant_id: {GUID}\n    {fields}\n{more}"


def complaints(text: str, **states: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        tenants.load_text(text, WHERE, states=states)
    return str(caught.value).splitlines()


def test_the_example_loads() -> None:
    configuration = tenants.load(EXAMPLE)
    assert configuration.names == ("woodgrove", "fabrikam")
    assert configuration.tenant("") is configuration.tenant("woodgrove")


def test_the_example_explains_every_field() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert {name for name in _fields(tenants._File) if f"{name}:" not in text} == set()


def _fields(hint: object) -> set[str]:
    found: set[str] = set()
    if isinstance(hint, type) and is_dataclass(hint) and hint is not SecretRef:
        for name, inner in typing.get_type_hints(hint, include_extras=True).items():
            found |= {name} | _fields(inner)
    for inner in typing.get_args(hint):
        found |= _fields(inner)
    return found


def test_the_example_uses_every_kind_of_source() -> None:
    kinds = {source.kind for source in tenants.load(EXAMPLE).tenant("fabrikam").sources}
    assert kinds == set(typing.get_args(typing.get_type_hints(Source)["kind"]))


def test_a_tenant_needs_no_more_than_a_name_and_an_id() -> None:
    tenant = tenants.load_text(f"tenants: [{{name: a, tenant_id: {GUID.upper()}}}]", WHERE).tenant("a")
    assert (tenant.tenant_id, tenant.cloud) == (GUID, clouds.built_in()["public"])
    assert (tenant.sources, tenant.admin, tenant.mail_apps, tenant.mailboxes, tenant.decisions) == (
        (),
        None,
        (),
        (),
        None,
    )
    assert (tenant.defaults.keep, tenant.defaults.freeze, tenant.members_hint) == (timedelta(days=90), None, None)


def test_what_is_written_is_what_a_run_gets() -> None:
    text = one(
        "cloud: lab\n    signin_logs: [{graph: {}}, {audit: }, {files: x.json}, "
        "{smtp_report: a.csv}, {kusto: {cluster: 'https://k.example/', database: d}}, "
        f"{{workspace: {GUID}}}]\n"
        f"    admin: {{flow: certificate, client_id: {GUID}, certificate: 'file:keys/a.pem'}}\n"
        "    mail_apps: [{name: mail, flows: [{kind: secret, secret: 'env:X'}, {kind: interactive}]}]\n"
        "    mailboxes: [{address: a@woodgrove.example, protocols: [imap], kind: shared, "
        "send_as: [b@woodgrove.example]}]\n"
        "    decisions: decisions/a.yaml\n    members_hint: 4",
        more=f"clouds: {{lab: {{{HOSTS}, ca_file: ca.pem, proxy: none, rehearsal: true}}}}\n"
        "defaults: {keep: 90 days, freeze: 2026-12-14..2027-01-06}\n",
    )
    tenant = tenants.load_text(text, WHERE).tenant("woodgrove")
    base = WHERE.parent
    assert tenant.sources == (
        Source(kind="graph"),
        Source(kind="audit"),
        Source(kind="files", patterns=("x.json",), base=base),
        Source(kind="smtp_report", patterns=("a.csv",), base=base),
        Source(kind="kusto", cluster="https://k.example", database="d"),
        Source(kind="workspace", workspace_id=GUID),
    )
    assert (tenant.cloud.name, tenant.cloud.graph) == ("lab", "https://localhost:8443/graph")
    assert (tenant.cloud.ca_file, tenant.cloud.proxy, tenant.cloud.rehearsal) == (base / "ca.pem", "none", True)
    assert tenant.admin is not None
    assert tenant.admin.certificate == SecretRef("file", str(base / "keys" / "a.pem"))
    assert [flow.kind for flow in tenant.mail_apps[0].flows] == ["secret", "interactive"]
    assert tenant.mail_apps[0].flows[0].secret == SecretRef("env", "X")
    assert tenant.mailboxes[0].protocols == ("imap",)
    assert tenant.decisions == base / "decisions" / "a.yaml"
    assert (tenant.members_hint, tenant.defaults.freeze) == (4, (date(2026, 12, 14), date(2027, 1, 6)))
    assert asdict(tenant)["name"] == "woodgrove"  # nothing in it resists being copied


def test_a_workspace_may_be_named_by_both_of_its_ids() -> None:
    resource = f"/subscriptions/{GUID}/resourceGroups/logs/providers/Microsoft.OperationalInsights/workspaces/logs-prod"
    text = one(f"signin_logs: [{{workspace: {{id: {GUID}, resource_id: {resource}}}}}]")
    (found,) = tenants.load_text(text, WHERE).tenant("woodgrove").sources
    assert (found.kind, found.workspace_id, found.resource_id) == ("workspace", GUID, resource)


def test_a_tenants_own_dates_go_before_the_files() -> None:
    text = one("keep: 2 weeks", more="defaults: {keep: 1 year, freeze: 2026-12-14 .. 2026-12-14}\n")
    defaults = tenants.load_text(text, WHERE).tenant("woodgrove").defaults
    assert defaults == tenants.Defaults(keep=timedelta(days=14), freeze=(date(2026, 12, 14), date(2026, 12, 14)))


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        (
            "cloud: gcchigh",
            "cloud: found 'gcchigh'; expected one of public, gcc-high, dod, china or a name under clouds.",
        ),
        (
            "cloud: gcc",
            "cloud: found 'gcc'; expected public: GCC tenants use the worldwide hosts, only GCC High has its own.",
        ),
        ("cloud: 3", "cloud: found 3; expected the name of a cloud, as text."),
        (
            "clod: public",
            "clod: unknown key; did you mean 'cloud'? expected one of name, tenant_id, cloud, "
            "signin_logs, admin, operator, mail_apps, mailboxes, decisions, keep, freeze, members_hint, closing, "
            "calendar.",
        ),
        ("signin_logs: {graph: {}}", "signin_logs: found a mapping; expected a list such as [{graph: {}}]."),
        (
            "signin_logs: [graph]",
            "signin_logs[0]: found 'graph' alone; expected a mapping such as {graph: …}, see tenants.example.yaml.",
        ),
        (
            "signin_logs: [{graph: {}, files: a}]",
            "signin_logs[0]: found graph and files in one item; expected one of graph, workspace, files, "
            "kusto, audit, smtp_report in each item of the list.",
        ),
        (
            "signin_logs: [{}]",
            "signin_logs[0]: found nothing in one item; expected one of graph, workspace, files, kusto, "
            "audit, smtp_report in each item of the list.",
        ),
        (
            "signin_logs: [{grahp: {}}]",
            "signin_logs[0].grahp: unknown key; did you mean 'graph'? expected one of graph, workspace, "
            "files, kusto, audit, smtp_report.",
        ),
        (
            f"signin_logs: [{{workspace: {{id: {GUID}, resource_id: logs-prod}}}}]",
            "signin_logs[0].workspace.resource_id: found 'logs-prod'; expected "
            "/subscriptions/…/resourceGroups/…/providers/Microsoft.OperationalInsights/workspaces/….",
        ),
        (
            "signin_logs: [{workspace: logs-prod}]",
            "signin_logs[0].workspace: found 'logs-prod'; expected the workspace's id, a GUID (Azure "
            "portal, the workspace's overview).",
        ),
        (
            "signin_logs: [{files: []}]",
            'signin_logs[0].files: found an empty list; expected paths, folders or globs, such as ["exports/*.json"].',
        ),
        (
            "signin_logs: [{kusto: {cluster: 'http://k.example', database: d}}]",
            "signin_logs[0].kusto.cluster: found 'http://k.example'; expected the cluster's https URL.",
        ),
        ("signin_logs: [{graph: {days: 3}}]", "signin_logs[0].graph.days: unknown key; expected none here."),
        ("admin: interactive", "admin: found 'interactive'; expected a mapping such as {flow: interactive}."),
        (
            "admin: {flow: password}",
            "admin.flow: found 'password'; expected one of interactive, pasted, certificate, federated, "
            "managed-identity, device-code, secret.",
        ),
        (
            f"admin: {{flow: secret, client_id: {GUID}}}",
            "admin: flow secret has no secret; expected `secret:` with a reference (env:NAME, file:PATH "
            "or keyring:SERVICE/USER).",
        ),
        (
            "admin: {flow: secret, secret: 'env:X'}",
            "admin: flow secret has no client_id; expected the id of the app that signs in, a GUID.",
        ),
        (
            "admin: {flow: interactive, secret: 'env:X'}",
            "admin: flow interactive does not use secret; expected it gone, or another flow.",
        ),
        (
            "admin: {flow: token}",
            "admin.flow: found 'token'; expected one of interactive, pasted, certificate, federated, "
            "managed-identity, device-code, secret.",
        ),
        (
            "mail_apps: [{name: a, flows: [{kind: token}]}]",
            "mail_apps[0].flows[0]: flow token has no token; expected `token:` with a reference (env:NAME, file:PATH "
            "or keyring:SERVICE/USER).",
        ),
        (
            "mail_apps: [{name: a, flows: [{kind: secret, secret: 'env:X', token: 'env:Y'}]}]",
            "mail_apps[0].flows[0]: flow secret does not use token; expected it gone, or another flow.",
        ),
        ("mail_apps: [{name: a}, {name: A}]", "mail_apps: found 'A' twice; expected each once."),
        ("mail_apps: [{flows: []}]", "mail_apps[0].name: missing; expected a name for the app, as text."),
        (
            "mailboxes: [{address: invoices}]",
            "mailboxes[0].address: found 'invoices'; expected an address such as invoices@woodgrove.example.",
        ),
        (
            "mailboxes: [{address: a@b.example, protocols: [imap4]}]",
            "mailboxes[0].protocols[0]: found 'imap4'; expected a list of imap, pop, smtp, such as [imap, smtp].",
        ),
        (
            "mailboxes: [{address: a@b.example, protocols: []}]",
            "mailboxes[0].protocols: found an empty list; expected a list of imap, pop, smtp, such as [imap, smtp].",
        ),
        ("keep: 90", "keep: found 90; expected a length such as 90 days, 12 weeks or 2 years."),
        ("keep: 0 days", "keep: found '0 days'; expected a length such as 90 days, 12 weeks or 2 years."),
        (
            "freeze: 2026-12-14",
            "freeze: found 2026-12-14; expected two dates, both included, such as 2026-12-14..2027-01-06.",
        ),
        (
            "freeze: 2026-12-14..2026-02-30",
            "freeze: found '2026-12-14..2026-02-30'; expected two dates, both included, such as "
            "2026-12-14..2027-01-06.",
        ),
        (
            "freeze: 2027-12-14..2027-01-06",
            "freeze: found an end (2027-01-06) before its begin (2027-12-14); expected the earlier date first.",
        ),
        ("members_hint: 0", "members_hint: found 0; expected how many people the tenant has, as a number."),
    ],
)
def test_a_wrong_field_is_named_with_its_line_and_what_would_be_right(fields: str, complaint: str) -> None:
    assert complaints(one(fields)) == [f"tenants.yaml line 4: tenants[0].{complaint}"]


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ("{tenant_id: a.example}", "tenants[0].name: missing; expected 1 to 63 lower-case letters"),
        (
            "{name: a}",
            "tenants[0].tenant_id: missing; expected the tenant's id, a GUID, or one of its verified domains",
        ),
        ("{name: Wood Grove, tenant_id: a.example}", "tenants[0].name: found 'Wood Grove'; expected 1 to 63"),
        ("{name: ../x, tenant_id: a.example}", "tenants[0].name: found '../x'; expected 1 to 63"),
        ("{name: 365, tenant_id: a.example}", "tenants[0].name: found 365; expected 1 to 63"),
        (
            "{name: nul, tenant_id: a.example}",
            "tenants[0].name: found 'nul', which Windows keeps for a device",
        ),
        (
            "{name: a, tenant_id: woodgrove}",
            "tenants[0].tenant_id: found 'woodgrove'; expected the tenant's id",
        ),
        (
            "{name: a, tenant_id: 11111111-1111}",
            "tenants[0].tenant_id: found '11111111-1111'; expected the tenant's id",
        ),
        ("{name: a, tenant_id: a.example/x}", "tenants[0].tenant_id: found 'a.example/x'; expected"),
        ("words", "tenants[0]: found 'words'; expected a list with at least one tenant."),
    ],
)
def test_a_tenant_that_cannot_be_told_is_refused(entry: str, complaint: str) -> None:
    (line,) = complaints(f"tenants:\n  - {entry}\n")
    assert line.startswith(f"tenants.yaml line 2: {complaint}")


def test_a_file_without_tenants_is_refused() -> None:
    assert complaints("tenants: []\n") == [
        "tenants.yaml line 1: tenants: found an empty list; expected a list with at least one tenant."
    ]
    assert complaints("defaults: {}\n") == [
        "tenants.yaml line 1: tenants: missing; expected a list with at least one tenant."
    ]


def test_all_problems_of_a_file_are_told_at_once() -> None:
    text = (
        "tenants:\n"
        "  - {name: a, tenant_id: x, cloud: moon}\n"
        "  - {name: b, tenant_id: b.example}\n"
        "  - {name: b, tenant_id: c.example}\n"
        "defaults: {keep: long, tenant: d}\n"
    )
    assert [line.split(": ")[:2] for line in complaints(text)] == [
        ["tenants.yaml line 2", "tenants[0].cloud"],
        ["tenants.yaml line 2", "tenants[0].tenant_id"],
        ["tenants.yaml line 4", "tenants[2].name"],
        ["tenants.yaml line 5", "defaults.keep"],
        ["tenants.yaml line 5", "defaults.tenant"],
    ]
    assert "tenants[2].name: found 'b', which line 3 has too; expected each name once." in complaints(text)[2]


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ("login: http://localhost:8443", "lab.login: found 'http://localhost:8443'; expected an https URL."),
        ("login: localhost", "lab.login: found 'localhost'; expected an https URL."),
        ("login: 'https://h:99999'", "lab.login: found 'https://h:99999'; expected an https URL."),
        ("login: 'https://h/?q=1'", "lab.login: found 'https://h/?q=1'; expected an https URL."),
        ("imap: localhost", "lab.imap: found 'localhost'; expected host:port, such as localhost:993."),
        ("smtp: 'https://localhost:587'", "lab.smtp: found 'https://localhost:587'; expected host:port"),
        ("proxy: proxy", "lab.proxy: found 'proxy'; expected environment, none or a proxy's URL."),
        ("proxi: none", "lab.proxi: unknown key; did you mean 'proxy'?"),
        ("rehearsal: perhaps", "lab.rehearsal: found 'perhaps'; expected true or false."),
    ],
)
def test_a_wrong_host_of_a_custom_cloud_is_named(changed: str, complaint: str) -> None:
    key = changed.partition(":")[0]
    hosts = ", ".join([*(host for host in HOSTS.split(", ") if not host.startswith(f"{key}:")), changed])
    (line,) = complaints(one("cloud: lab", more=f"clouds:\n  lab: {{{hosts}}}\n"))
    assert line.startswith(f"tenants.yaml line 6: clouds.{complaint}")


@pytest.mark.parametrize("name", ["public", "gcc-high", "dod", "china", "gcc"])
def test_a_built_in_cloud_keeps_its_hosts(name: str) -> None:
    (line,) = complaints(one("cloud: public", more=f"clouds:\n  {name}: {{{HOSTS}}}\n"))
    assert "which is built in; expected another name" in line


def test_a_custom_cloud_can_be_called_practice_and_is_a_cloud_like_any_other() -> None:
    text = one("cloud: practice", more=f"clouds:\n  practice: {{{HOSTS}}}\n")
    cloud = tenants.load_text(text, WHERE).tenant("woodgrove").cloud
    assert (cloud.name, cloud.rehearsal) == ("practice", False)


@pytest.mark.parametrize(
    "fields",
    [
        "mail_apps: [{name: a, flows: [{kind: secret, secret: cAn8ary~inline}]}]",
        "mail_apps: [{name: a, client_id: cAn8ary~inline}]",
        "mail_apps: [{name: a, flows: [{kind: secret, secret: [cAn8ary~inline]}]}]",
        "mail_apps: [{name: a, flows: [{kind: token, token: cAn8ary~inline}]}]",
        "admin: {flow: secret, secret: 'env:cAn8ary~inline'}",
        "admin: {flow: secret, client_secret: cAn8ary~inline}",
        "signin_logs: [{kusto: {cluster: 'https://user:cAn8ary~inline@k.example', database: d}}]",
        "mail_apps: [{name: a, flows: [{kind: secret, secret: cAn8ary~inline",
    ],
)
def test_a_secret_in_the_file_is_refused_and_never_repeated(fields: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        tenants.load_text(one(fields), WHERE)
    assert "line 4" in str(caught.value) or "line 5" in str(caught.value)
    assert "cAn8ary" not in f"{caught.value} {caught.value.__cause__} {caught.value.__context__}"


def test_a_proxys_password_is_refused_and_never_repeated() -> None:
    text = one("cloud: lab", more=f"clouds:\n  lab: {{{HOSTS}, proxy: 'http://user:cAn8ary~x@proxy:8080'}}\n")
    assert complaints(text) == [
        "tenants.yaml line 6: clouds.lab.proxy: found a user name or password in a URL, not shown; "
        "expected one without."
    ]


def test_what_the_runbook_made_is_merged_under_the_users_lines() -> None:
    text = one(
        "mail_apps: [{name: mail, flows: [{kind: interactive}]}, {name: own}]\n    mailboxes: [{address: a@b.example}]"
    )
    state = (
        f"tenant_id: {GUID}\n"
        "admin: {flow: interactive}\n"
        "mail_apps:\n"
        f"  - name: mail\n    client_id: {GUID}\n"
        "    flows: [{kind: interactive}, {kind: secret, secret: 'env:X'}]\n"
        "  - name: second\n"
    )
    tenant = tenants.load_text(text, WHERE, states={"woodgrove": state, "other": "not: [yaml"}).tenant("woodgrove")
    assert [app.name for app in tenant.mail_apps] == ["mail", "own", "second"]
    assert tenant.mail_apps[0].client_id == GUID
    assert [flow.kind for flow in tenant.mail_apps[0].flows] == ["interactive", "secret"]
    assert tenant.admin == tenants.Admin()


def test_a_conflict_with_what_the_runbook_made_names_both() -> None:
    text = one(f"mail_apps:\n      - name: mail\n        client_id: {GUID}")
    state = f"\nmail_apps:\n  - name: mail\n    client_id: {GUID.replace('1', '2')}\n"
    assert complaints(text, woodgrove=state) == [
        "tenants.yaml line 6: tenants[0].mail_apps[0].client_id: stands here and, with another value, in "
        "state/woodgrove.yaml line 4; expected one of the two to be removed."
    ]


def test_a_wrong_field_of_a_state_file_is_named_there() -> None:
    state = "mail_apps:\n  - name: mail\n    client: x\n"
    (line,) = complaints(one("cloud: public"), woodgrove=state)
    assert line.startswith("state/woodgrove.yaml line 3: tenants[0].mail_apps[0].client: unknown key")


def test_state_files_are_found_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "tenants.yaml").write_bytes(b"\xef\xbb\xbf" + one("cloud: public").replace("\n", "\r\n").encode())
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "woodgrove.yaml").write_text("members_hint: 7\n", encoding="utf-8")
    configuration = tenants.load(tmp_path / "tenants.yaml")
    assert configuration.path == tmp_path / "tenants.yaml"
    assert configuration.tenant("woodgrove").members_hint == 7


def test_a_file_that_is_not_there_is_named_with_what_would_be_right(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"tenants\.yml: no such file; expected a tenants file \(tenants\.ex"):
        tenants.load(tmp_path / "tenants.yml")
    with pytest.raises(ConfigurationError, match="is a folder; expected a tenants file"):
        tenants.load(tmp_path)


@pytest.fixture
def several() -> Configuration:
    listed = "".join(f"  - {{name: tenant-{n:02}, tenant_id: a.example}}\n" for n in range(25))
    return tenants.load_text(f"tenants:\n{listed}", WHERE)


@pytest.mark.parametrize("name", ["", "tenant-2x", "nobody"])
def test_an_unknown_tenant_is_answered_with_those_there_are(several: Configuration, name: str) -> None:
    with pytest.raises(
        ConfigurationError, match=f"^tenant: found '{name}'; .*expected one of tenant-00, .* and 5 more"
    ):
        several.tenant(name)


def test_the_nearest_tenant_is_offered(several: Configuration) -> None:
    with pytest.raises(ConfigurationError, match=r"did you mean 'tenant-07'\?"):
        several.tenant("tenant_07")


def test_a_configuration_is_found_by_path(tmp_path: Path) -> None:
    assert tenants.locate("conf/tenants.yaml", tmp_path) == tmp_path / "conf" / "tenants.yaml"
    assert tenants.locate(str(tmp_path / "t.yaml"), Path("elsewhere")) == tmp_path / "t.yaml"


def test_a_configuration_is_found_by_the_name_of_an_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A package as an installer leaves it, found the way Python finds any other.
    (tmp_path / "lab_of_ours.py").write_text("def made():\n    return 'made/tenants.yaml'\n", encoding="utf-8")
    info = tmp_path / "lab_of_ours-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-of-ours\nVersion: 1\n", encoding="utf-8")
    points = "[mailauth.configurations]\nour-lab = lab_of_ours:made\n"
    (info / "entry_points.txt").write_text(points, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert tenants.locate("our-lab", tmp_path) == Path("made/tenants.yaml")
    assert tenants.locate("our-lab.yaml", tmp_path) == tmp_path / "our-lab.yaml"
    with pytest.raises(ConfigurationError, match="or the name our-lab"):
        tenants.load(tmp_path / "missing.yaml")


def test_a_thousand_tenants_are_read() -> None:
    listed = "".join(
        f"  - name: t{n}\n    tenant_id: {GUID}\n    signin_logs: [{{workspace: {GUID}}}]\n" for n in range(1000)
    )
    assert len(tenants.load_text(f"tenants:\n{listed}", WHERE).names) == 1000


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        pytest.param("operator: {client_id: %s, remember: plain}", "stays in memory", id="a sign-in that changes"),
        pytest.param("admin: {flow: managed-identity, remember: plain}", "no person signs in", id="nobody's sign-in"),
        pytest.param("admin: {client_id: %s, remember: disk}", "one of never, encrypted, plain", id="unknown"),
    ],
)
def test_a_sign_in_is_remembered_only_where_that_makes_sense(lines: str, complaint: str) -> None:
    text = f"tenants: [{{name: a, tenant_id: {GUID}, {lines.replace('%s', GUID)}}}]"
    (found,) = complaints(text)
    assert complaint in found


@pytest.mark.parametrize(
    ("flow", "complaint"),
    [
        ("{kind: interactive, identity: system}", "flow interactive does not use identity"),
        ("{kind: managed-identity, identity: mine}", "one of user, system"),
    ],
)
def test_only_a_machine_s_identity_is_the_system_s(flow: str, complaint: str) -> None:
    text = f"tenants:\n  - name: t\n    tenant_id: {GUID}\n    mail_apps: [{{name: mail, flows: [{flow}]}}]\n"
    with pytest.raises(ConfigurationError, match=complaint):
        tenants.load_text(text, WHERE)


CLOSING = (
    "closing: {pilot: ada@a.example, canary: {address: canary@a.example, password: 'env:CANARY'}, "
    "groups: {scanners: [scan@a.example]}, "
    "exceptions: [{address: old@a.example, reason: replaced in March, until: 2027-03-31}], policy: No Basic}"
)


def test_the_waves_in_which_passwords_end_are_read_as_they_are_written() -> None:
    closing = tenants.load_text(one(CLOSING), WHERE).tenant("woodgrove").closing
    assert (closing.pilot, dict(closing.groups), closing.policy) == (
        "ada@a.example",
        {"scanners": ("scan@a.example",)},
        "No Basic",
    )
    assert closing.canary == tenants.Canary(address="canary@a.example", password=SecretRef("env", "CANARY"))
    assert closing.exceptions[0].until == date(2027, 3, 31)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        pytest.param("pilot: nobody", "pilot: found 'nobody'; expected an address such as", id="no address"),
        pytest.param("groups: {pilot: [a@b.example]}", "groups.pilot.[key]: found 'pilot', which is a wave", id="name"),
        pytest.param("groups: {x: []}", "groups.x: found an empty list", id="an empty wave"),
        pytest.param(
            "exceptions: [{address: a@b.example, reason: x}]", "exceptions[0].until: missing; expected a date", id="day"
        ),
        pytest.param(
            "pilot: a@b.example, groups: {x: [A@b.example]}",
            "closing: found 'A@b.example' in pilot and in x; expected each mailbox in one place",
            id="two waves at once",
        ),
        pytest.param(
            "pilot: a@b.example, canary: {address: a@b.example, password: 'env:X'}",
            "closing: found 'a@b.example' in pilot and in canary",
            id="a person's mailbox as the canary",
        ),
        pytest.param(
            "canary: {address: a@b.example, password: hunter2}",
            "canary.password: found text of 7 characters, not shown",
            id="a password in the file",
        ),
    ],
)
def test_a_wrong_wave_is_named_with_its_line_and_what_would_be_right(fields: str, complaint: str) -> None:
    [said] = complaints(one(f"closing: {{{fields}}}"))
    assert said.startswith("tenants.yaml line 4: tenants[0].closing")
    assert complaint in said

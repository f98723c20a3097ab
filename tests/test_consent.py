"""Links for admin consent, letter by letter, and what the address that comes back is worth."""

from dataclasses import replace

import pytest

from mailauth import clouds, consent
from mailauth.clouds import Cloud
from mailauth.consent import AppLinks
from mailauth.tenants import Protocol

TENANT = "11111111-1111-1111-1111-111111111111"
APP = "22222222-2222-2222-2222-222222222222"
STATE = "s" * 32
BACK = "http://localhost"
SENT = AppLinks("relay", APP, (), BACK, STATE)

WHOLE = f"adminconsent?client_id={APP}&redirect_uri=http%3A%2F%2Flocalhost&state={STATE}"
OLD = f"oauth2/authorize?client_id={APP}&response_type=code&prompt=admin_consent&redirect_uri=http%3A%2F%2Flocalhost"


def scoped(scope: str) -> str:
    return f"v2.0/adminconsent?client_id={APP}&scope={scope}&redirect_uri=http%3A%2F%2Flocalhost&state={STATE}"


def urls(cloud: Cloud, *, back: str = BACK, families: tuple[consent.Family, ...] = consent.ALL) -> list[str]:
    found = consent.links(cloud, tenant=TENANT, client_id=APP, redirect_uri=back, state=STATE, families=families)
    return [link.url for link in found]


@pytest.mark.parametrize(
    ("cloud", "login", "scopes"),
    [
        pytest.param(
            "public",
            "https://login.microsoftonline.com",
            ["https%3A%2F%2Fps.outlook.com%2F.default", "https%3A%2F%2Foutlook.office365.com%2F.default"],
            id="public",
        ),
        pytest.param(
            "gcc-high",
            "https://login.microsoftonline.us",
            ["https%3A%2F%2Foutlook.office365.us%2F.default"],
            id="gcc-high",
        ),
        pytest.param(
            "dod", "https://login.microsoftonline.us", ["https%3A%2F%2Foutlook.office365.us%2F.default"], id="dod"
        ),
        pytest.param(
            "china",
            "https://login.partner.microsoftonline.cn",
            ["https%3A%2F%2Fpartner.outlook.cn%2F.default"],
            id="china",
        ),
    ],
)
def test_the_links_of_a_cloud_are_these_letters(cloud: str, login: str, scopes: list[str]) -> None:
    expected = [WHOLE, *map(scoped, scopes), f"{OLD}&state={STATE}"]
    assert urls(clouds.built_in()[cloud]) == [f"{login}/{TENANT}/{end}" for end in expected]


def test_without_a_redirect_address_there_is_only_the_link_that_needs_none() -> None:
    assert urls(clouds.built_in()["public"], back="") == [
        f"https://login.microsoftonline.com/{TENANT}/adminconsent?client_id={APP}"
    ]


@pytest.mark.parametrize(
    ("protocols", "found"),
    [((), ()), (("imap",), ("receive",)), (("pop", "smtp"), ("receive", "send")), (("smtp",), ("send",))],
)
def test_an_app_is_asked_for_the_families_of_its_protocols(
    protocols: tuple[Protocol, ...], found: tuple[consent.Family, ...]
) -> None:
    assert consent.families(protocols) == found


def test_an_app_that_only_sends_is_not_asked_to_read() -> None:
    assert not [url for url in urls(clouds.built_in()["public"], families=("send",)) if "ps.outlook.com" in url]


def test_a_scope_that_no_page_names_says_so() -> None:
    for name, unsure in (("public", False), ("china", True)):
        [link] = consent.links(
            clouds.built_in()[name], tenant=TENANT, client_id=APP, redirect_uri=BACK, families=("send",)
        )[1:2]
        assert ("No page of Microsoft's names this scope." in link.asks) is unsure


def test_a_login_address_with_a_slash_at_its_end_gives_no_double_one() -> None:
    cloud = replace(clouds.built_in()["public"], login="https://login.microsoftonline.com/")
    assert urls(cloud) == urls(clouds.built_in()["public"])


@pytest.mark.parametrize("tenant", ["common", "Consumers", "", "a/b", "a?b", "../x", "a b", "-a", "a#b", "tenant\n"])
def test_a_tenant_that_would_bend_the_address_is_refused(tenant: str) -> None:
    with pytest.raises(ValueError, match=r"^tenant: found .*; expected the tenant's id or a verified domain$"):
        consent.links(clouds.built_in()["public"], tenant=tenant, client_id=APP)


@pytest.mark.parametrize("client_id", ["", "relay", f"{APP}&x=1", APP[:-1]])
def test_an_app_id_that_is_none_is_refused(client_id: str) -> None:
    with pytest.raises(ValueError, match=r"^client_id: found .*; expected the application id, a GUID$"):
        consent.links(clouds.built_in()["public"], tenant=TENANT, client_id=client_id)


def test_a_redirect_address_cannot_add_to_the_link() -> None:
    [first, *_] = urls(clouds.built_in()["public"], back="https://a.example/?x=1&client_id=evil#y")
    assert first.count("client_id=") == 1
    assert "#" not in first


@pytest.mark.parametrize(
    ("registered", "chosen"),
    [
        ((), ""),
        (("https://app.example/back", "http://localhost"), "http://localhost"),
        (("https://localhost", "http://localhost"), "http://localhost"),
        (("msauth://com.example/x", "https://app.example/back"), "https://app.example/back"),
        (("msauth://com.example/x", "http://app.example/back", "http://[", "javascript:alert(1)"), ""),
    ],
)
def test_the_way_back_is_this_machine_where_the_app_allows_it(registered: tuple[str, ...], chosen: str) -> None:
    assert consent.redirect(registered) == chosen


def test_the_state_is_the_same_on_each_run_and_another_for_each_app_tenant_and_key() -> None:
    first = consent.state(b"key", tenant=TENANT, client_id=APP)
    assert first == consent.state(b"key", tenant=TENANT.upper(), client_id=APP.upper())
    others = {
        consent.state(b"other", tenant=TENANT, client_id=APP),
        consent.state(b"key", tenant=APP, client_id=APP),
        consent.state(b"key", tenant=TENANT, client_id=TENANT),
    }
    assert len({first, *others}) == 4


def test_the_links_of_an_app_carry_the_state_that_its_answer_is_held_against() -> None:
    public = clouds.built_in()["public"]
    made = consent.for_app(public, tenant=TENANT, app="relay", client_id=APP, redirect_uri=BACK, key=b"key")
    assert all(f"state={made.state}" in link.url for link in made.links)
    plain = consent.for_app(public, tenant=TENANT, app="relay", client_id=APP, key=b"key")
    assert (len(plain.links), plain.state) == (1, "")


def test_the_mail_names_app_tenant_link_and_role_in_lines_that_no_program_wraps() -> None:
    made = consent.for_app(
        clouds.built_in()["public"], tenant=TENANT, app="relay", client_id=APP, redirect_uri=BACK, key=b"key"
    )
    text = consent.message(made, tenant="woodgrove")
    assert f"\n{made.links[0].url}\n" in text
    for part in ("relay", "woodgrove", APP, "Cloud Application Administrator", "It holds no secret."):
        assert part in text


# What comes back.


def back(query: str, *, to: str = BACK) -> consent.Answer:
    return consent.read(f"{to}/?{query}", [SENT], tenant_id=TENANT)


def test_an_answer_that_fits_leaves_no_doubt() -> None:
    found = back(f"admin_consent=True&tenant={TENANT}&state={STATE}")
    assert (found.granted, found.app, found.error, found.doubts) == (True, "relay", "", ())


def test_an_error_beside_admin_consent_true_is_an_error() -> None:
    said = "AADSTS65004%3a+User+declined+to+consent.%0d%0aTrace+ID%3a+1"
    found = back(f"admin_consent=True&error=access_denied&error_description={said}&tenant={TENANT}&state={STATE}")
    assert (found.granted, found.error, found.code) == (False, "access_denied", "AADSTS65004")
    assert found.description == "AADSTS65004: User declined to consent."


def test_admin_consent_of_another_value_is_no_consent() -> None:
    assert not back(f"admin_consent=False&state={STATE}").granted


@pytest.mark.parametrize(
    ("query", "doubt"),
    [
        pytest.param(f"admin_consent=True&state=other&tenant={TENANT}", "Its state is not one", id="other"),
        pytest.param(f"admin_consent=True&tenant={TENANT}", "It carries no state", id="none"),
        pytest.param(f"admin_consent=True&state=&tenant={TENANT}", "It carries no state", id="empty"),
        pytest.param(f"admin_consent=True&state={STATE}&tenant={APP}", f"It speaks of tenant {APP}", id="tenant"),
    ],
)
def test_what_does_not_fit_is_a_doubt(query: str, doubt: str) -> None:
    [said] = back(query).doubts
    assert said.startswith(doubt)


def test_an_empty_state_never_fits_links_that_carry_none() -> None:
    plain = replace(SENT, redirect_uri="", state="")
    [said] = consent.read(f"{BACK}/?admin_consent=True&state=", [plain], tenant_id=TENANT).doubts
    assert said.startswith("It carries no state")


def test_where_the_tenants_file_names_a_domain_no_tenant_is_compared() -> None:
    found = consent.read(f"{BACK}?admin_consent=True&state={STATE}&tenant={APP}", [SENT], tenant_id="woodgrove.example")
    assert found.doubts == ()


@pytest.mark.parametrize(
    ("to", "fits"),
    [
        ("http://localhost", True),
        ("http://localhost:5000", True),
        ("http://localhost:99999999", True),
        ("http://LOCALHOST:5000", True),
        ("https://localhost", False),
        ("http://127.0.0.1", False),
        ("http://localhost/elsewhere", False),
        ("http://localhost:x@evil.example", False),
        ("http://localhost@evil.example", False),
        ("http://localhost.evil.example", False),
        ("http://evil.example:80", False),
    ],
)
def test_only_the_port_of_a_loopback_address_may_differ(to: str, fits: bool) -> None:
    assert (back(f"admin_consent=True&state={STATE}", to=to).doubts == ()) is fits


@pytest.mark.parametrize(
    ("to", "fits"),
    [
        ("https://app.example/back/?", True),
        ("https://APP.example/back?", True),
        ("https://app.example:8443/back?", False),
        ("https://app.example/other?", False),
    ],
)
def test_another_address_has_to_be_the_one_that_was_sent(to: str, fits: bool) -> None:
    sent = replace(SENT, redirect_uri="https://app.example/back")
    assert (consent.read(f"{to}admin_consent=True&state={STATE}", [sent], tenant_id=TENANT).doubts == ()) is fits


@pytest.mark.parametrize("form", ["{0}/#{1}", "{0}/?x=1#{1}", "  {0}/?{1}\n"])
def test_an_answer_in_a_fragment_or_between_blanks_is_read_too(form: str) -> None:
    found = consent.read(form.format(BACK, f"admin_consent=True&state={STATE}"), [SENT], tenant_id=TENANT)
    assert (found.granted, found.doubts) == (True, ())


def test_an_error_in_the_query_is_not_hidden_by_a_fragment() -> None:
    text = f"{BACK}/?error=access_denied&state={STATE}#admin_consent=True"
    assert not consent.read(text, [SENT], tenant_id=TENANT).granted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yes",
        "http://localhost/",
        "http://localhost/?code=1.AbC&state=s",
        "http://[/?admin_consent=True",
        "?error=x",
    ],
)
def test_what_is_no_answer_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"^found no answer in it; expected the whole address") as caught:
        consent.read(text, [SENT], tenant_id=TENANT)
    assert "AbC" not in str(caught.value)


def test_hostile_text_is_kept_as_text_and_one_sentence_long() -> None:
    said = "%3Cscript%3Ealert(1)%3C/script%3E%0A%1b[31mmore"
    found = back(f"error=%3Cb%3E&error_description={said}&state={STATE}")
    assert (found.error, found.description, found.code) == ("<b>", "<script>alert(1)</script>", "")

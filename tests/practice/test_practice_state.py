"""How a practice tenant's changes spread: what is in force, until when, and what is kept for it."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from practice.state import PasswordCredential, Tenant, User

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
LAG = timedelta(hours=1)


@pytest.fixture
def tenant() -> Tenant:
    return Tenant(name="woodgrove", tenant_id="t", title="Woodgrove")


def change(tenant: Tenant, now: datetime, value: bool) -> None:
    with tenant.change_exchange(now, LAG) as exchange:
        exchange.legacy_tls = value


def test_a_change_is_in_force_when_its_lag_is_over(tenant: Tenant) -> None:
    change(tenant, NOW, True)
    assert tenant.exchange.legacy_tls
    assert not tenant.exchange_in_force(NOW + LAG - timedelta(seconds=1)).legacy_tls
    assert tenant.exchange_in_force(NOW + LAG).legacy_tls


def test_changes_some_time_apart_come_into_force_one_after_the_other(tenant: Tenant) -> None:
    change(tenant, NOW, True)
    change(tenant, NOW + timedelta(minutes=30), False)
    seen = [tenant.exchange_in_force(NOW + timedelta(minutes=minutes)).legacy_tls for minutes in (59, 61, 89, 91)]
    assert seen == [False, True, True, False]


def test_many_quick_changes_are_kept_as_one(tenant: Tenant) -> None:
    for second in range(500):
        change(tenant, NOW + timedelta(seconds=second), second % 2 == 0)
    assert len(tenant.former) == 9  # one a minute
    assert not tenant.exchange_in_force(NOW + LAG - timedelta(seconds=1)).legacy_tls


def test_a_change_of_the_directory_does_not_join_one_of_exchange(tenant: Tenant) -> None:
    change(tenant, NOW, True)
    with tenant.change_directory(NOW, LAG) as directory:
        directory.policies.security_defaults = True
    assert not tenant.directory_in_force(NOW).policies.security_defaults
    assert Tenant.read(tenant.written()).directory_in_force(NOW + LAG).policies.security_defaults


def test_what_a_change_left_behind_goes_with_the_next_change_after_the_lag(tenant: Tenant) -> None:
    for number in range(4):
        change(tenant, NOW + number * timedelta(hours=2), number % 2 == 0)
        assert len(tenant.former) == 1
    with tenant.change_directory(NOW + timedelta(hours=10), timedelta()):
        pass
    assert tenant.former == []
    assert 'former":[]' in tenant.written()


def test_no_password_stands_in_a_text_about_a_value(tenant: Tenant) -> None:
    user = User(user_principal_name="ada@woodgrove.example", display_name="Ada", password="correct horse")
    secret = PasswordCredential(start_date_time=NOW, end_date_time=NOW, secret_hash="abcdef")
    tenant.directory.users.append(user)
    assert "horse" not in f"{user!r} {user} {tenant!r}"
    assert "abcdef" not in repr(secret)
    with pytest.raises(ValidationError) as caught:
        User.model_validate({"password": ["correct horse"]})
    assert "horse" not in str(caught.value)


def test_without_lag_a_change_is_in_force_at_once(tenant: Tenant) -> None:
    with tenant.change_exchange(NOW, timedelta()) as exchange:
        exchange.legacy_tls = True
    assert tenant.former == []
    assert tenant.exchange_in_force(NOW).legacy_tls

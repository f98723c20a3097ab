"""The script that the official documentation links, row by row: its parameters, its flow, its 32 limitations.

Each row says what is true of this product in its place, and names the tests that prove it. What a test here can prove
in a line or two is proven below the tables. `MISSING` says what the script has and this product has not.
"""

import ast
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Final, get_args

import pytest
from click.testing import CliRunner

from mailauth import cli, clouds
from mailauth.tenants import Flow, FlowKind, Protocol

TESTS = Path(__file__).parent

Row = tuple[str, tuple[str, ...]]

HERE: Final = "test_seed_script"

PARAMETERS: Mapping[str, Row] = {
    "tenantID": (
        "A name, with an id whose form is checked; a wrong one is named with its line.",
        ("test_tenants::test_a_wrong_field_is_named_with_its_line_and_what_would_be_right",),
    ),
    "clientId": (
        "A mail app of the tenants file; one that is not registered yet is named.",
        ("test_mailtokens::test_an_app_that_is_not_registered_yet_is_named",),
    ),
    "redirectUri": (
        "Loopback, or an address that is pasted; the flow is chosen by its name, never by a redirect address.",
        (
            "test_identity::test_a_browser_brings_a_token_for_exactly_the_scopes_that_were_wanted",
            "test_identity::test_a_pasted_address_brings_a_token_and_is_not_kept",
        ),
    ),
    "LoginHint": (
        "The account that signs in, one for each person.",
        ("test_mailtokens::test_each_person_has_a_sign_in_of_their_own",),
    ),
    "SharedMailbox": (
        "A person's token opens a shared mailbox, and the user in the SASL string is the mailbox.",
        (
            "test_mailtokens::test_a_persons_token_opens_their_mailbox_and_a_shared_one_and_is_asked_for_once",
            "test_sasl::test_initial_response_is_the_documented_one",
        ),
    ),
    "clientsecret": (
        "A reference to a secret; the secret itself is refused where a reference belongs.",
        (
            "test_mailtokens::test_an_apps_token_opens_every_protocol_and_every_mailbox_that_it_may",
            "test_tenants::test_a_secret_in_the_file_is_refused_and_never_repeated",
        ),
    ),
    "clientcertificate": (
        "PEM or PFX, from a file, a variable or a keyring.",
        (
            "test_mailtokens::test_an_apps_token_opens_every_protocol_and_every_mailbox_that_it_may",
            "test_mailtokens::test_a_certificate_that_cannot_be_used_is_not_quoted",
        ),
    ),
    "targetMailbox": (
        "Any mailbox, named in the tenants file or on the spot.",
        ("test_session_proofs::test_a_mailbox_that_nobody_wrote_down_is_tried_by_its_address",),
    ),
    "-Verbose": (
        "The transcript is always there, and holds neither token nor secret.",
        (
            "test_canaries::test_no_conversation_shows_the_token",
            "test_canaries::test_no_command_leaves_or_shows_a_secret",
        ),
    ),
}

FLOW: Mapping[int, Row] = {
    1: (
        "What is not installed is named with the one way to install it.",
        ("test_readme::test_what_is_not_installed_by_default_is_installed_in_one_way",),
    ),
    2: (
        "A person's sign-in is remembered, encrypted, on every system; a certificate is read on every system.",
        (
            "test_mailtokens::test_a_remembered_sign_in_needs_nobody",
            "test_identity::test_an_encrypted_sign_in_is_refused_where_nothing_encrypts",
        ),
    ),
    3: (
        "A person is asked for exactly the protocol's permission; an app for .default of the cloud's resource.",
        (
            "test_mailtokens::test_a_person_is_asked_for_exactly_what_the_protocol_needs",
            "test_tokens::test_each_cloud_is_asked_by_its_own_host",
        ),
    ),
    4: (
        "A refusal of Entra passes through with its number and ids, and ends nothing but this attempt.",
        (
            "test_mailtokens::test_what_entra_refuses_an_app_passes_through_with_its_number_and_ids",
            "practice/test_practice_causes::test_no_token_leads_to_its_cause",
        ),
    ),
    5: (
        "The mailbox and who signs in are two things, each said.",
        ("test_matrix::test_a_mailboxs_own_account_signs_in_and_a_shared_ones_is_named",),
    ),
    6: (
        "The SASL string is the documented one; a separator inside a field is refused.",
        (
            "test_sasl::test_initial_response_is_the_documented_one",
            "test_sasl::test_initial_response_names_the_field_it_rejects",
        ),
    ),
    7: (
        "TLS 1.2 and up, verified, with one deadline for all of it.",
        (
            "test_mail::test_no_token_is_sent_to_a_server_that_is_not_verified",
            "test_mail::test_a_deadline_counts_for_all_of_it",
        ),
    ),
    8: (
        "The greeting is read, and its server decoded.",
        ("test_dialogue::test_the_servers_name_is_decoded_where_it_is_one",),
    ),
    9: (
        "AUTHENTICATE with the initial response, or in two lines where the server wants that.",
        (
            "test_imap::test_either_form_can_be_asked_for",
            "test_imap::test_the_token_waits_for_its_line_where_the_server_wants_two",
        ),
    ),
    10: (
        "The sign-in is judged by its tagged reply.",
        ("test_imap::test_what_is_said_beside_the_answer_is_no_failure",),
    ),
    11: (
        "A login alone is no success; a command has to work.",
        ("test_mail_on_practice::test_a_login_alone_proves_nothing", "test_mail_on_practice::test_who_may_is_let_in"),
    ),
    12: (
        "LOGOUT; a server that does not answer it is left.",
        ("test_mail::test_a_server_that_does_not_say_goodbye_is_left",),
    ),
}

LIMITATIONS: Mapping[int, Row] = {
    1: (
        "IMAP, POP and submission.",
        (
            "test_mail_on_practice::test_who_may_is_let_in",
            "real/test_prove_on_dovecot::test_the_command_proves_all_three_protocols",
        ),
    ),
    2: (
        "What is offered before and after is asked for and kept.",
        ("test_imap::test_a_mailbox_that_opens_is_asked_all_in_order",),
    ),
    3: ("Each command has a tag of its own; a wrong one ends it.", ("test_mail::test_wrong_tags_end",)),
    4: (
        "Folders are counted, and named only when asked for; INBOX is examined when asked for.",
        (
            "test_imap::test_folder_names_are_counted_and_not_kept",
            "test_imap::test_folder_names_and_the_inbox_are_shown_when_asked_for",
        ),
    ),
    5: ("ID is sent.", ("test_imap::test_a_mailbox_that_opens_is_asked_all_in_order",)),
    6: (
        "The server's name is decoded, and the region read from it.",
        (
            "test_dialogue::test_the_servers_name_is_decoded_where_it_is_one",
            "test_bundle::test_the_region_is_read_from_the_servers_name",
        ),
    ),
    7: (
        "A challenge is answered once, by each protocol.",
        (
            "test_imap::test_a_challenge_is_answered_with_nothing_once",
            "test_pop::test_a_challenge_is_answered_with_nothing_once",
        ),
    ),
    8: (
        "TLS 1.2 and 1.3; version and cipher are shown.",
        ("test_mail::test_a_conversation_tells_what_was_negotiated", "test_mail::test_tls_1_2_is_spoken_too"),
    ),
    9: (
        "When asked, one try tells whether a password is refused.",
        ("test_session_proofs::test_one_try_tells_whether_passwords_are_refused",),
    ),
    10: (
        "The end of the wire is an end at any byte.",
        ("test_dialogue::test_the_end_of_the_wire_is_an_end_at_any_byte",),
    ),
    11: (
        "NO, BYE, another BAD and the end of the wire each end any command.",
        ("test_imap::test_each_ending", "test_pop::test_each_ending", "test_submission::test_each_ending"),
    ),
    12: ("A deadline is an outcome of its own, with its stage.", ("test_mail::test_a_deadline_counts_for_all_of_it",)),
    13: ("What is untagged is no failure.", ("test_imap::test_what_is_said_beside_the_answer_is_no_failure",)),
    14: (
        "Device code.",
        ("test_mailtokens::test_a_persons_token_opens_their_mailbox_and_a_shared_one_and_is_asked_for_once",),
    ),
    15: (
        "Federated and managed identity.",
        (
            "test_mailtokens::test_an_apps_token_opens_every_protocol_and_every_mailbox_that_it_may",
            "test_mailtokens::test_a_managed_identity_opens_a_mailbox",
        ),
    ),
    16: ("No secret stands on a command line.", (f"{HERE}::test_no_option_takes_a_secret",)),
    17: (
        "A certificate is read from PEM or PFX on every system.",
        ("test_mailtokens::test_an_apps_token_opens_every_protocol_and_every_mailbox_that_it_may",),
    ),
    18: (
        "msal, which Microsoft keeps up.",
        ("test_readme::test_msal_signs_in_to_the_practice_cloud_as_the_readme_says",),
    ),
    19: (
        "Four clouds with hosts of their own, and any other in the tenants file.",
        (
            f"{HERE}::test_each_cloud_has_hosts_of_its_own",
            "test_tenants::test_a_custom_cloud_can_be_called_practice_and_is_a_cloud_like_any_other",
        ),
    ),
    20: (
        "The token is read before it is sent; what does not fit is found, and one for another service is not sent.",
        (
            "test_tokens::test_what_does_not_fit_is_one_finding",
            "test_session_proofs::test_a_token_for_another_service_is_sent_to_nobody",
        ),
    ),
    21: (
        "Causes are ranked one by one; where two fit, none is certain, and a check that decides is named.",
        (
            "test_causes::test_a_bare_refusal_says_that_nothing_tells_its_causes_apart",
            "test_causes::test_a_check_that_decides_names_cmdlet_and_trial",
            "practice/test_practice_causes::test_a_refusal_on_the_wire_leads_to_its_cause",
        ),
    ),
    22: ("A number of Entra leads to its row.", ("test_causes::test_a_number_of_entra_leads_to_its_row",)),
    23: (
        "Service principal, object id, switches and permissions are read, and explain a refusal.",
        (
            "test_session_proofs::test_a_refusal_is_explained_by_what_exchange_says",
            "test_mailtokens::test_the_registrations_id_in_exchange_is_found",
        ),
    ),
    24: (
        "Too early to judge is said with the time of a retest, which waits.",
        (
            "test_causes::test_a_fresh_grant_makes_it_too_early_to_judge",
            "test_session_proofs::test_too_early_is_waited_for_and_tried_again",
        ),
    ),
    25: (
        "Whatever a server says or does ends cleanly.",
        (
            "test_dialogue::test_anything_at_all_ends_cleanly",
            "test_mail::test_a_line_of_a_hundred_megabytes_costs_little",
        ),
    ),
    26: (
        "Many mailboxes at once, within the service's limits.",
        (
            "test_mailpool::test_many_at_once_are_much_faster_than_in_turn",
            "test_mailpool::test_no_mailbox_gets_more_connections_than_it_may",
        ),
    ),
    27: (
        "The exit status tells: 0, 1, 2.",
        (
            "test_session_proofs::test_the_command_ends_with_0_where_all_is_well",
            "test_session_proofs::test_the_command_ends_with_1_and_names_the_cause",
            "test_session_proofs::test_the_command_refuses_what_is_wrong",
        ),
    ),
    28: (
        "Table, JSON, page.",
        (
            "test_session_proofs::test_the_command_speaks_json_for_monitoring",
            "test_proving_view::test_hostile_text_stays_text_everywhere",
        ),
    ),
    29: (
        "Evidence and a bundle say when, what and with which ids.",
        (
            "test_bundle::test_it_holds_what_support_asks_for",
            "notebooks/test_proving::test_it_explains_what_is_refused_and_tries_what_is_asked_for",
        ),
    ),
    30: (
        "No token and no SASL string in a transcript.",
        (
            "test_canaries::test_no_conversation_shows_the_token",
            "test_canaries::test_no_server_that_says_the_token_again_has_it_shown",
        ),
    ),
    31: ("This is one of its tests.", (f"{HERE}::test_each_proof_is_there",)),
    32: ("A version.", (f"{HERE}::test_it_has_a_version",)),
}

MISSING: Mapping[str, str] = {
    "clientcertificate": "A certificate is not taken from the Windows store: PEM or PFX only.",
}


@cache
def _tests(module: str) -> frozenset[str]:
    """Return the tests that pytest finds in a module."""
    tree = ast.parse((TESTS / f"{module}.py").read_text(encoding="utf-8"))
    return frozenset(
        each.name for each in tree.body if isinstance(each, ast.FunctionDef) and each.name.startswith("test_")
    )


ROWS = [(str(name), *row) for table in (PARAMETERS, FLOW, LIMITATIONS) for name, row in table.items()]


@pytest.mark.parametrize(("claim", "proofs"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_each_proof_is_there(claim: str, proofs: tuple[str, ...]) -> None:
    assert claim.endswith(".")
    assert proofs
    for module, _, name in (proof.partition("::") for proof in proofs):
        assert name in _tests(module), f"{module}::{name}"


def test_no_row_is_left_out() -> None:
    assert list(FLOW) == list(range(1, 13))
    assert list(LIMITATIONS) == list(range(1, 33))
    assert len(PARAMETERS) == 8 + 1
    assert set(MISSING) <= set(PARAMETERS)


def test_every_flow_of_the_script_is_one_of_ours_and_what_is_missing_is_still_missing() -> None:
    assert {"interactive", "secret", "certificate"} < set(get_args(FlowKind))
    assert {"device-code", "pasted", "federated", "managed-identity", "token"} < set(get_args(FlowKind))
    assert not [each.name for each in fields(Flow) if "thumbprint" in each.name or "store" in each.name]


def test_no_option_takes_a_secret() -> None:
    options = {option for command in cli.commands.commands.values() for each in command.params for option in each.opts}
    assert len(options) > 40
    named = {each for each in options if {"secret", "password", "token", "key"} & set(each.strip("-").split("-"))}
    # The first takes ADDRESS=REFERENCE, the others nothing.
    assert named == {"--try-password-of", "--try-password", "--make-key", "--new-key"}


@pytest.mark.parametrize("protocol", get_args(Protocol))
def test_each_cloud_has_hosts_of_its_own(protocol: Protocol) -> None:
    hosts = {getattr(cloud, protocol) for cloud in clouds.built_in().values()}
    assert len(hosts) > 2


def test_it_has_a_version() -> None:
    shown = CliRunner().invoke(cli.commands, ["--version"])
    assert (shown.exit_code, shown.output.split()[0]) == (0, "mailauth,")

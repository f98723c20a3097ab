"""Secrets and tokens planted in every flow and failure, and searched for in everything that a run leaves or shows."""

import json
import logging
import re
import ssl
import traceback
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import papermill
import pytest
from click.testing import CliRunner
from joserfc.jwk import RSAKey
from ruamel.yaml import YAML

from mailauth import cli
from mailauth.clouds import Cloud
from mailauth.dialogue import bearer
from mailauth.errors import MailauthError
from mailauth.proof import NoToken
from mailauth.secretrefs import SecretRef
from mailauth.services import mail, secrets
from mailauth.services.mailtokens import MailTokens, Token
from mailauth.tenants import Flow, FlowKind, MailApp, Protocol, Tenant
from practice import cloud as practice_cloud
from practice import credentials
from practice import tenants as stories
from practice.tokens import Keys
from practice.wellknown import SIGN_IN_WORD
from tests import leaks
from tests.leaks import Leak
from tests.mailserver import Line, issued, serving
from tests.mailserver import cloud as at
from tests.practice import mailing, windows
from tests.practice.browsing import Browser
from tests.practice.mailing import ADA
from tests.practice.woodgrove import TENANT, running, woodgrove

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
PROTOCOLS: tuple[Protocol, ...] = ("imap", "pop", "smtp")
SECRET = "cAn~8ry-0f.a-client~secret_Kq7Zx2"
TOKEN = "cAn8ryOfAnOpaqueToken.Wm4tYb7Lq0Pz_5sRd.kJ3hGvX9" + "Qe7Zr1Tn6Ub-0Hc4Wd8Vf2Lg5"


class Remembering(Keys):
    """An issuer's key that keeps what it signed and sealed: tokens, codes, refresh tokens."""

    def __init__(self, key: RSAKey) -> None:
        super().__init__(key)
        self.given: list[str] = []

    def sign(self, claims: Any) -> str:
        """Return a token, and keep it."""
        self.given.append(super().sign(claims))
        return self.given[-1]

    def seal(self, content: Any) -> str:
        """Return sealed content, and keep it."""
        self.given.append(super().seal(content))
        return self.given[-1]

    def canaries(self) -> dict[str, str]:
        """Return what was given; without a token's first part, which all tokens have alike and which is no secret."""
        parts = (text.partition(".")[2] if text.startswith("eyJ") else text for text in self.given)
        return {f"token or code {number}": part for number, part in enumerate(parts)}


@dataclass
class Watched:
    """What is shown while something runs, and what is not to be in it.

    Args:
        keys: What the cloud gave.
        log: What was logged.
        canaries: What else is a secret, by name.
        texts: What was shown, by name.
    """

    keys: Remembering
    log: pytest.LogCaptureFixture
    canaries: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def show(self, text: object) -> None:
        """Note what was shown to a person."""
        self.texts[f"shown {len(self.texts)}"] = str(text)

    def fail(self, error: BaseException) -> None:
        """Note an error as a tool shows it that prints the variables of each of the library's frames."""
        told: list[str] = []
        for each in _chain(error):
            frames = each.__traceback__
            while frames is not None and "/tests/" in frames.tb_frame.f_code.co_filename:
                frames = frames.tb_next
            told += traceback.TracebackException(type(each), each, frames, capture_locals=True).format(chain=False)
        self.texts[f"error {len(self.texts)}"] = "".join([repr(error), *told])

    def leaks(self, *folders: Path, besides: Sequence[Path] = ()) -> list[Leak]:
        """Return what leaked."""
        known = {**self.keys.canaries(), **self.canaries}
        assert known
        assert self.texts
        return leaks.search(known, folders=folders, texts={**self.texts, "log": self.log.text}, besides=besides)


Watch = Callable[..., Watched]


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@pytest.fixture
def watch(caplog: pytest.LogCaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Watch a cloud and every log of this process, at its most talkative."""
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "home"))
    caplog.set_level(logging.DEBUG)

    def begun(practice: practice_cloud.Cloud, **canaries: str) -> Watched:
        keys = Remembering.fresh()
        practice.backend.keys = keys
        return Watched(keys, caplog, canaries)

    return begun


# --- the road by commands and by notebooks --------------------------------------------------------


@dataclass
class Road:
    """The practice tenant that has nothing yet, and the commands and notebooks that are run on it."""

    practice: practice_cloud.Cloud
    folder: Path
    watched: Watched

    @property
    def named(self) -> list[Path]:
        """The files that may hold a secret: those that the tenants file or the engineer names."""
        return [*(self.folder / "keys").iterdir(), self.folder / "own.secret", self.folder / "own.pem"]

    def command(self, *words: str) -> str:
        """Run a command, and note all that it shows."""
        given = ["--config", str(self.folder / "tenants.yaml"), "--tenant", "adatum"]
        out = [] if words[0] == "undo" else ["--out", str(self.folder / "reports")]
        shown = CliRunner().invoke(cli.commands, [*words, *given, *out])
        assert shown.exception is None or isinstance(shown.exception, SystemExit | MailauthError), shown.output
        if isinstance(shown.exception, MailauthError):
            self.watched.fail(shown.exception)
        self.watched.show(shown.output + shown.stderr)
        return shown.output

    def notebook(self, name: str, **parameters: object) -> None:
        """Run a notebook with ``apply``, and leave it beside the pages."""
        given = {"tenant": "adatum", "config": str(self.folder / "tenants.yaml"), "out": str(self.folder / "reports")}
        executed = self.folder / f"{len(self.watched.texts)}-{name}.ipynb"
        papermill.execute_notebook(
            str(NOTEBOOKS / f"{name}.ipynb"),
            str(executed),
            parameters={**given, **parameters},
            progress_bar=False,
            cwd=str(NOTEBOOKS.parent),
        )
        self.watched.show(executed.read_text("utf-8"))

    def receipts(self) -> list[Path]:
        return sorted((self.folder / "reports" / "adatum" / "receipts").glob("*.jsonl"))

    def leaks(self) -> list[Leak]:
        """Return what leaked into anything below the folder and anything that was shown."""
        own = {name: (self.folder / name).read_text("utf-8") for name in ("own.secret", "own.pem")}
        pems = {path.name: path.read_text("utf-8") for path in (self.folder / "keys").glob("*.pem")}
        self.watched.canaries["own.secret"] = own["own.secret"]
        for name, pem in {**pems, "own.pem": own["own.pem"]}.items():
            self.watched.canaries[name] = private_part(pem)
        return self.watched.leaks(self.folder, besides=self.named)


def private_part(pem: str) -> str:
    """Return a private key as one line, without the first third: its public part."""
    found = re.search(r"PRIVATE KEY-----\n(.+?)-----END", pem, re.DOTALL)
    assert found is not None
    return found[1].replace("\n", "")[600:]


@pytest.fixture
def road(tmp_path: Path, watch: Watch) -> Iterator[Road]:
    given = credentials.kept(tmp_path / "keys", ["adatum"])["adatum"]
    with practice_cloud.start([stories.build("adatum", datetime.now(UTC), given)]) as practice:
        content = {"clouds": {"practice": practice.entry()}, "tenants": [stories.entry("adatum", "logs")]}
        with (tmp_path / "tenants.yaml").open("w", encoding="utf-8") as text:
            YAML(typ="safe", pure=True).dump(content, text)
        yield Road(practice, tmp_path, watch(practice, secret=given.secret))


def test_no_command_leaves_or_shows_a_secret(road: Road) -> None:
    register = ("register", "--flow", "app-only", "--credential", "secret")
    road.command(*register)
    road.command(*register, "--keep-in", "file:own.secret", "--apply")
    road.command("register", "--flow", "app-only", "--script")
    road.command("consent", "--grant", "--apply")
    road.command("grant", "--script")
    road.command("grant", "--everywhere", "--apply")
    assert "OAuth works: 2 mailboxes" in road.command("prove")
    road.command("prove", "--json")
    road.command(
        "register", "--flow", "app-only", "--credential", "certificate", "--keep-in", "file:own.pem", "--apply"
    )
    for receipt in reversed(road.receipts()):
        road.command("undo", str(receipt))
        road.command("undo", str(receipt), "--apply")
    assert len(road.receipts()) > 4
    assert len(road.watched.keys.given) > 4
    assert road.leaks() == []


@pytest.mark.full
def test_no_notebook_leaves_or_shows_a_secret(road: Road) -> None:
    road.notebook("20-register-app", flow="app-only", credential="secret", keep_in="file:own.secret", apply=True)
    road.notebook("30-consent", apply=True)
    road.notebook("40-grant-mailboxes", everywhere=True, apply=True)
    road.notebook("50-prove-mail-oauth")
    road.notebook("20-register-app", flow="app-only", apply=True, rotate="file:own.pem")
    assert road.leaks() == []


# --- on the wire ----------------------------------------------------------------------------------


def test_no_conversation_shows_the_token(watch: Watch, tmp_path: Path) -> None:
    made = woodgrove()
    with running(made) as practice:
        watched = watch(practice)
        hosts = cloud_of(practice)
        good = mailing.delegated(practice, made)
        ended = mailing.delegated(practice, made, exp=int(practice.backend.now().timestamp()) - 600)
        for protocol in PROTOCOLS:
            for token in (good, ended, mailing.delegated(practice, made, scp="Mail.Read")):
                watched.show(repr(mail.talk(hosts, protocol, bearer(ADA, token))))
    assert [text.count("refused") > 0 for text in watched.texts.values()] == [False, True, True] * 3
    assert watched.leaks() == []


GREETING = {
    "imap": "* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR] hello",
    "pop": "+OK hello",
    "smtp": "220 hello",
}
OFFER = {
    "CAPABILITY": "* CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR\nTAG OK done",
    "CAPA": "+OK\nSASL XOAUTH2\nUSER\n.",
    "EHLO": "250-hello\n250-STARTTLS\n250 AUTH XOAUTH2",
    "STARTTLS": "220 go on",
}
REFUSAL = {
    "imap": "TAG NO [ALERT] failed {0}\n* BYE {0}",
    "pop": "-ERR failed {0}",
    "smtp": "535-5.7.3 {0}\n535 5.7.3 {0}",
}


def repeat(line: Line, protocol: Protocol, how: str, context: ssl.SSLContext) -> None:
    """Refuse a token by saying it again."""
    line.say(GREETING[protocol])
    tag = ""
    while heard := line.hear():
        words = heard.split(" ")
        offer = next((word.upper() for word in words[:2] if word.upper() in OFFER), "")
        response = next((word for word in words if len(word) > 60), "")
        tag = words[0] if len(words) > 1 else tag
        if offer:
            line.say(OFFER[offer].replace("TAG", tag))
        if offer == "STARTTLS":
            line.secure(context)
        if response:
            said = {"as it came": response, "decoded": TOKEN, "in pieces": f"{TOKEN[:20]} {TOKEN[20:]}"}[how]
            line.say(REFUSAL[protocol].format(said).replace("TAG", tag))
        elif not offer:
            line.say({"imap": "+ ", "pop": "+ ", "smtp": "334 "}[protocol])


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("how", ["as it came", "decoded", "in pieces"])
def test_no_server_that_says_the_token_again_has_it_shown(
    protocol: Protocol, how: str, watch: Watch, tmp_path: Path
) -> None:
    context, ca_file = issued(tmp_path, "localhost")
    act = partial(repeat, protocol=protocol, how=how, context=context)
    with running(woodgrove()) as practice, serving(act, context=None if protocol == "smtp" else context) as server:
        watched = watch(practice, token=TOKEN)
        talk = mail.talk(at(server.address, ca_file), protocol, bearer(ADA, TOKEN), timeout_s=10)
        watched.show(repr(talk))
    assert (talk.outcome, talk.stage) == ("refused", "authenticate")
    assert TOKEN.encode() in b64decode(max(re.findall(rb"[A-Za-z0-9+/=]{40,}", bytes(server.seen)), key=len))
    assert watched.leaks() == []


# --- where no token comes -------------------------------------------------------------------------


def cloud_of(practice: practice_cloud.Cloud) -> Cloud:
    """Return the cloud as a tenants file has it."""
    entry = practice.entry()
    return Cloud(**{**entry, "name": "practice", "ca_file": Path(entry["ca_file"])})


@dataclass
class Person:
    """Somebody who is shown things, signs in, and pastes what the browser shows at the end.

    Args:
        practice: The cloud.
        watched: Notes what was shown; what is pasted is a canary.
        press: The answer to a question for consent.
    """

    practice: practice_cloud.Cloud
    watched: Watched
    press: str = "accept"
    shown: str = ""

    def show(self, text: str) -> None:
        """Read, and enter a code at once."""
        self.shown = text
        if (found := re.search(r"Open (\S+) and enter (\S+) to sign in", text)) is not None:
            browser = Browser(self.practice)
            page = browser.press(browser.open(found[1]), otc=found[2])
            browser.press(browser.sign_in(page, ADA, SIGN_IN_WORD), "confirm")
        self.watched.show(text)

    def ask(self, prompt: str) -> str:
        """Open the address that was shown, sign in, and paste the last one."""
        self.watched.show(prompt)
        found = re.search(r"^https://\S+$", self.shown, re.MULTILINE)
        assert found is not None
        address = windows.answered(self.practice, found[0], who=ADA, press=self.press).address
        if "code=" in address:
            self.watched.canaries[f"pasted {len(self.watched.canaries)}"] = address.partition("code=")[2].partition(
                "&"
            )[0]
        return address


def test_no_flow_shows_what_it_was_given_whether_it_succeeds_or_not(watch: Watch, tmp_path: Path) -> None:
    made = woodgrove()
    path = tmp_path / "named"
    path.mkdir()
    good, wrong, brought = path / "good", path / "wrong", path / "token"
    made.estate.secret(made.daemon, SECRET)
    good.write_text(SECRET)
    wrong.write_text(SECRET[::-1])
    brought.write_text(TOKEN)
    credentials.kept(path / "keys", ["adatum"])
    key = path / "keys" / "adatum-mail.pem"
    with running(made) as practice:
        watched = watch(practice, secret=SECRET, wrong=SECRET[::-1], brought=TOKEN, word=SIGN_IN_WORD)
        watched.canaries["key"] = private_part(key.read_text())
        tenant = Tenant(name="woodgrove", tenant_id=TENANT, cloud=cloud_of(practice))
        daemon, client = (
            MailApp(name="daemon", client_id=made.daemon.app_id),
            MailApp(name="client", client_id=made.client.app_id),
        )
        asked = [
            *((daemon, Flow(kind="secret", secret=SecretRef("file", str(each)))) for each in (good, wrong, key)),
            *((daemon, Flow(kind="certificate", certificate=SecretRef("file", str(each)))) for each in (key, wrong)),
            *((daemon, Flow(kind="token", token=SecretRef("file", str(each)))) for each in (brought, key, wrong)),
            (daemon, Flow(kind="federated", assertion=SecretRef("file", str(brought)))),
            *((client, Flow(kind=each)) for each in PEOPLE),
            *((daemon, Flow(kind=each)) for each in PEOPLE),
        ]
        got = [told(watched, practice, tenant, app, flow) for app, flow in asked]
    assert {type(each) for each in got} == {Token, NoToken}
    assert watched.leaks(tmp_path, besides=[path for path in path.rglob("*") if path.is_file()]) == []


PEOPLE: tuple[FlowKind, ...] = ("pasted", "device-code")


def told(watched: Watched, practice: practice_cloud.Cloud, tenant: Tenant, app: MailApp, flow: Flow) -> Token | NoToken:
    """Ask for a token, and note what is shown of it."""
    person = Person(practice, watched)
    got = MailTokens(tenant, attended=True, show=person.show, ask=person.ask, patience_s=15)
    token = got.token(app, flow, PROTOCOLS, account=ADA)
    watched.show(repr((token, got, flow, app)))
    return token


@pytest.mark.parametrize("name", ["key.pfx", "large", "two lines"])
def test_no_error_about_a_secret_holds_it(name: str, watch: Watch, tmp_path: Path) -> None:
    path = tmp_path / name
    content = {"key.pfx": SECRET.encode() + b"\xff\xfe\x80", "large": SECRET.encode() * 20_000, "two lines": b" "}
    path.write_bytes(content[name])
    with running(woodgrove()) as practice:
        watched = watch(practice, secret=SECRET)
        mailing.app_only(practice, woodgrove())
        with pytest.raises(MailauthError) as caught:
            secrets.read(SecretRef("file", str(path)))
        watched.fail(caught.value)
    assert watched.leaks() == []


# --- that anything would be found -----------------------------------------------------------------


def test_what_is_planted_in_each_place_is_found(road: Road) -> None:
    (road.folder / "own.secret").write_text(SECRET)
    (road.folder / "own.pem").write_text((road.folder / "keys" / "adatum-mail.pem").read_text())
    road.command("consent")
    assert road.leaks() == []
    logging.getLogger("msal.application").debug("The assertion was %s", road.watched.keys.given[-1])
    road.watched.show(f"<td>{SECRET}</td>")
    road.watched.fail(_raised(SECRET))
    (road.folder / "home" / "cache").write_text(json.dumps({"refresh": road.watched.keys.given[0]}))
    assert {Path(leak.where).name.split()[0] for leak in road.leaks()} == {"log", "shown", "error", "cache"}


def _raised(secret: str) -> ValueError:
    try:
        raise ValueError(f"{secret!r} is wrong")
    except ValueError as error:
        return error

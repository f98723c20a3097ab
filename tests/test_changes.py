"""services/changes where replicas disagree and requests arrive late: a directory in memory that is of several minds."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mailauth import plan as plans
from mailauth.errors import AccessError, ConfigurationError, SourceError, UnclearError, UnreachableError
from mailauth.plan import Cmdlet, GraphCall, Keep, Look, Operation, Plan, Receipt, Ref, Step
from mailauth.secretrefs import SecretRef
from mailauth.services import changes, journal

START = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
Things = dict[str, dict[str, Any]]
Write = Callable[[Things], object]


@dataclass
class Directory:
    """Things by id, as replicas show them that learn of a change later; looks go round among them.

    Args:
        lags_s: How far behind each replica is, in seconds.
        script: What becomes of the next requests: an error, how many seconds later one arrives without a reply, or
            None for as usual.
        sent: What was sent, and when, in seconds.
        on_send: What happens elsewhere meanwhile.
        ends_in: After how many looks, waits, requests and replies the run ends, and how.
    """

    lags_s: Sequence[float] = (0,)
    script: list[float | SourceError | None] = field(default_factory=list)
    sent: list[tuple[str, float]] = field(default_factory=list)
    now_s: float = 0
    writes: list[tuple[float, Write]] = field(default_factory=list)
    looks: int = 0
    blind: bool = False
    on_send: Callable[[], object] = lambda: None
    ends_in: tuple[int, type[BaseException]] | None = None

    def now(self) -> datetime:
        return START + timedelta(seconds=self.now_s)

    def sleep(self, seconds: float) -> None:
        self._live()
        self.now_s += seconds

    def _live(self) -> None:
        if self.ends_in is not None:
            left, how = self.ends_in
            if not left:
                raise how
            self.ends_in = left - 1, how

    def shown(self, lag_s: float = 0) -> Things:
        found: Things = {}
        for at_s, write in sorted(self.writes, key=lambda each: each[0]):
            if at_s + lag_s <= self.now_s:
                write(found)
        return found

    def look(self, _ask: Operation) -> changes.Rows:
        self._live()
        if self.blind:
            raise UnreachableError("nobody answers", code="unreachable")
        lag_s = self.lags_s[self.looks % len(self.lags_s)]
        self.looks += 1
        return list(self.shown(lag_s).values())

    def send(self, do: Operation) -> Mapping[str, Any]:
        assert isinstance(do, GraphCall)
        self._live()
        self.sent.append((do.method, self.now_s))
        self.on_send()
        fate = self.script.pop(0) if self.script else None
        if isinstance(fate, SourceError):
            raise fate
        reply, write = self._write(do)
        self.writes.append((self.now_s + (fate or 0), write))
        if fate is not None:
            raise UnclearError("no reply", code="no answer")
        self._live()
        return reply

    def _write(self, do: GraphCall) -> tuple[Mapping[str, Any], Write]:
        name = str(do.path[0]).rpartition("/")[2]
        if do.method == "POST":
            made = {"id": f"id-{len(self.writes)}", **(do.body or {})}
            return {**made, "secretText": f"text of {made['id']}"}, lambda things: things.update({made["id"]: made})
        if do.method == "DELETE":
            return {}, lambda things: things.pop(name, None)
        change = dict(do.body or {})
        return {}, lambda things: things[name].update(change)


MAKE = Step(
    id="make",
    title="Make it",
    why="It is needed.",
    group="Things",
    service="graph",
    do=GraphCall("POST", ("/v1.0/applications",), {"name": "mover", "uri": "one"}),
    look=Look(GraphCall("GET", ("/v1.0/applications",)), where={"name": "mover"}, binds={"it.id": "id"}),
    before=None,
    after={},
    undo=GraphCall("DELETE", ("/v1.0/applications/", Ref("it.id"))),
)
CHANGE = replace(
    MAKE,
    id="change",
    title="Change it",
    do=GraphCall("PATCH", ("/v1.0/applications/", Ref("it.id")), {"uri": "two"}),
    look=Look(GraphCall("GET", ("/v1.0/applications",)), where={"name": "mover"}, fields=("uri",)),
    before={"uri": "one"},
    after={"uri": "two"},
    undo=GraphCall("PATCH", ("/v1.0/applications/", Ref("it.id")), {"uri": "one"}),
)
LOST = 1e9  # a request that never arrives


@dataclass
class Mover:
    directory: Directory
    folder: Path
    names: Iterator[int] = field(default_factory=itertools.count)

    def apply(self, *steps: Step, changed_at: datetime | None = None) -> Receipt:
        plan = Plan(f"plan-{next(self.names)}", "Move", "woodgrove", "t", "public", steps, made_at=START)
        return self.carry(plan, changed_at)

    def carry(self, plan: Plan, changed_at: datetime | None = None) -> Receipt:
        kept = journal.Journal(self.folder / f"{plan.id}.jsonl", plan, by="Wanda")
        here = self.directory
        doers: changes.Doers = {"graph": here}
        return changes.apply(
            plan, doers, kept, tell=lambda _: None, now=here.now, sleep=here.sleep, changed_at=changed_at
        )

    def undo(self, receipt: Receipt) -> Receipt:
        back = plans.undo(receipt, id=f"plan-{next(self.names)}", now=self.directory.now())
        return self.carry(back, max(entry.at for entry in receipt.entries))


@pytest.fixture
def mover(tmp_path: Path) -> Mover:
    return Mover(Directory(), tmp_path)


def test_what_is_done_already_is_written_down_and_not_sent(mover: Mover) -> None:
    plan = Plan("known", "Move", "woodgrove", "t", "public", (CHANGE, MAKE), made_at=START)
    done = plans.Entry("change", "done", START)
    kept = journal.Journal(mover.folder / "known.jsonl", plan, by="Wanda")
    here = mover.directory
    receipt = changes.apply(
        plan, {"graph": here}, kept, tell=lambda _: None, now=here.now, sleep=here.sleep, known=[done]
    )
    assert (receipt.whole, receipt.entries[0], here.sent) == (True, done, [("POST", 0)])
    assert (
        journal.read(mover.folder / "known.jsonl", where="r", tenant_id="t", cloud="public").entries == receipt.entries
    )


def outcomes(receipt: Receipt) -> list[str]:
    return [entry.outcome for entry in receipt.entries]


@pytest.mark.parametrize("lags_s", [(0, 30), (30, 0), (100, 0, 50), (110,)], ids=str)
def test_replicas_that_disagree_are_believed_when_they_had_the_time_to_agree(
    mover: Mover, lags_s: tuple[float, ...]
) -> None:
    mover.directory.lags_s = lags_s
    receipt = mover.apply(MAKE, CHANGE)
    assert outcomes(receipt) == ["done", "done"]
    assert outcomes(mover.undo(receipt)) == ["done", "done"]
    mover.directory.sleep(200)
    assert mover.directory.shown() == {}
    assert [method for method, _ in mover.directory.sent] == ["POST", "PATCH", "PATCH", "DELETE"]


@pytest.mark.parametrize("late_s", [0, 3, 40, 110])
def test_a_creation_that_arrives_late_is_not_sent_again(mover: Mover, late_s: float) -> None:
    mover.directory.script = [late_s]
    assert outcomes(mover.apply(MAKE)) == ["done"]
    assert mover.directory.sent == [("POST", 0)]
    assert mover.directory.now_s >= late_s


def test_a_creation_that_never_arrives_is_sent_again_after_two_minutes(mover: Mover) -> None:
    mover.directory.script = [LOST]
    assert outcomes(mover.apply(MAKE)) == ["done"]
    assert mover.directory.sent == [("POST", 0), ("POST", 120)]


def test_what_makes_nothing_double_is_sent_again_at_once(mover: Mover) -> None:
    receipt = mover.apply(MAKE)
    mover.directory.script = [LOST]
    assert outcomes(mover.apply(replace(CHANGE, do=plans.filled(CHANGE.do, receipt.bound)))) == ["done"]
    assert mover.directory.sent[1:] == [("PATCH", 0), ("PATCH", 0)]


def test_a_request_that_is_lost_each_time_is_unclear_in_the_end(mover: Mover) -> None:
    mover.directory.script = [LOST] * 9
    receipt = mover.apply(MAKE, CHANGE)
    assert outcomes(receipt) == ["unclear", "not reached"]
    assert len(mover.directory.sent) == 4


def test_what_cannot_be_looked_at_after_a_lost_reply_is_unclear(mover: Mover) -> None:
    mover.directory.script = [0]
    mover.directory.blind = True
    receipt = mover.apply(replace(MAKE, watched=False))
    assert (outcomes(receipt), receipt.entries[0].said) == (
        ["unclear"],
        "No reply came, and looking has not settled what became of it. nobody answers",
    )
    mover.directory.blind = False
    assert outcomes(mover.undo(receipt)) == ["done"]
    assert mover.directory.shown() == {}


def test_a_change_that_never_shows_is_not_called_done(mover: Mover) -> None:
    mover.directory.lags_s = (900,)
    receipt = mover.apply(MAKE)
    assert outcomes(receipt) == ["unclear"]
    assert receipt.entries[0].said == "The service said yes, and 2 minutes of looking have not shown it."


def test_a_refusal_for_now_is_waited_out_while_something_of_ours_is_new(mover: Mover) -> None:
    mover.apply(MAKE)
    missing = SourceError("not there", code="404 Request_ResourceNotFound")
    again = replace(MAKE, id="again", look=replace(MAKE.look, where={"name": "other"}))
    again = replace(again, do=GraphCall("POST", ("/v1.0/applications",), {"name": "other"}))
    mover.directory.script = [missing]
    assert outcomes(mover.apply(again)) == ["refused"]
    mover.directory.script = [1.0, missing, missing]
    both = mover.apply(
        replace(again, id="first"), replace(MAKE, id="second", look=replace(MAKE.look, where={"name": "3"}))
    )
    assert outcomes(both)[0] == "done"
    assert len([method for method, _ in mover.directory.sent]) == 6


def test_a_sign_in_that_is_refused_in_the_middle_leaves_the_rest_alone(mover: Mover) -> None:
    mover.directory.script = [AccessError("no", remedy="Ask.", code="403 Authorization_RequestDenied")]
    receipt = mover.apply(replace(MAKE, needs=("Application.ReadWrite.All",)), CHANGE)
    assert outcomes(receipt) == ["refused", "not reached"]
    assert receipt.entries[0].remedy == "This step needs Application.ReadWrite.All. Ask."


@pytest.mark.parametrize(
    ("script", "made"),
    [
        pytest.param([], 1, id="as it should be"),
        pytest.param([0], 2, id="the reply is lost"),
        pytest.param([50], 2, id="it arrives late"),
        pytest.param([LOST], 2, id="it never arrives"),
        pytest.param([0, 5], 2, id="and the reply to its removal"),
        pytest.param([0, LOST], 2, id="and its removal"),
        pytest.param([120.5], 2, id="it arrives after the second"),
    ],
)
def test_one_secret_is_there_in_the_end_and_its_text_is_kept(mover: Mover, script: list[float], made: int) -> None:
    into = SecretRef("file", str(mover.folder / "mover.secret"))
    mover.directory.script = list(script)
    mover.directory.lags_s = (0, 2)
    receipt = mover.apply(replace(MAKE, keeps=Keep("secretText", into)))
    assert outcomes(receipt) == ["done"]
    mover.directory.sleep(10)
    assert [f"text of {one}" for one in mover.directory.shown()] == [Path(into.name).read_text()]
    assert [*mover.directory.shown()] == [receipt.bound["it.id"]]
    assert [method for method, _ in mover.directory.sent].count("POST") == made


def test_an_earlier_plan_that_is_half_known_says_what_is_missing(mover: Mover) -> None:
    receipt = mover.apply(CHANGE)
    assert outcomes(receipt) == ["foreign"]
    mover.apply(MAKE)
    (entry,) = mover.apply(CHANGE).entries
    assert (entry.outcome, entry.said) == ("failed", "Nothing tells what it.id is.")


@pytest.mark.parametrize(
    ("script", "outcome", "left"),
    [
        pytest.param([], "failed", 0, id="it is removed again"),
        pytest.param([None, AccessError("no", code="403")], "unclear", 1, id="nobody may remove it"),
    ],
)
def test_a_secret_that_cannot_be_kept_is_removed_or_stands_in_the_undo(
    mover: Mover, script: list[float | SourceError | None], outcome: str, left: int
) -> None:
    folder = mover.folder / "kept"
    mover.directory.script = script
    mover.directory.on_send = lambda: folder.write_text("in the way")
    receipt = mover.apply(replace(MAKE, keeps=Keep("secretText", SecretRef("file", str(folder / "mover.secret")))))
    assert (outcomes(receipt), len(mover.directory.shown())) == ([outcome], left)
    assert "text of" not in receipt.entries[0].said
    mover.undo(receipt)
    assert mover.directory.shown() == {}


class Killed(BaseException):
    """The end of a process: nobody catches it, and nothing is written down any more."""


@pytest.mark.parametrize("how", [KeyboardInterrupt, Killed])
@pytest.mark.parametrize("number", range(12))
def test_whenever_a_run_ends_its_receipt_takes_back_what_was_done(
    mover: Mover, number: int, how: type[BaseException]
) -> None:
    here = mover.directory
    here.lags_s = (0, 3)
    here.ends_in = number, how
    with pytest.raises(how):
        mover.apply(MAKE, CHANGE)
    here.ends_in = None
    left = mover.folder / "plan-0.jsonl"
    if left.exists():
        back = mover.undo(journal.read(left, where="r", tenant_id="t", cloud="public"))
        assert back.whole
    here.sleep(200)
    assert here.shown() == {}


def test_what_a_look_after_sending_cannot_tell_is_unclear_and_can_be_taken_back(mover: Mover) -> None:
    receipt = mover.apply(replace(MAKE, after={"id": Ref("never.told")}, look=replace(MAKE.look, fields=("id",))))
    assert [(entry.outcome, entry.said) for entry in receipt.entries] == [
        ("unclear", "Nothing tells what never.told is.")
    ]
    assert [step.id for step in plans.undo(receipt, id="back", now=START).steps] == ["make"]


@dataclass
class Accounts:
    """Exchange as far as `Set-User` and `Get-User` go: policies by account, and what was asked, which takes a second.

    Args:
        held: The policy of each account.
        clock: The seconds since the start.
        looks: The looks, each with what it asks for.
        meanwhile: What somebody else does after so many changes.
    """

    held: dict[str, str]
    clock: float = 0
    looks: list[Mapping[str, Any]] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    meanwhile: Mapping[int, Callable[[], object]] = field(default_factory=dict)

    def now(self) -> datetime:
        return START + timedelta(seconds=self.clock)

    def look(self, ask: Operation) -> changes.Rows:
        assert isinstance(ask, Cmdlet)
        self.looks.append(ask.parameters)
        return [{plans.ACCOUNT: f"ID-{name}", "AuthenticationPolicy": held} for name, held in self.held.items()]

    def send(self, do: Operation) -> Mapping[str, Any]:
        assert isinstance(do, Cmdlet)
        self.clock += 1
        name = str(do.parameters["Identity"])
        self.held[name] = str(do.parameters["AuthenticationPolicy"] or "")
        self.sent.append(name)
        self.meanwhile.get(len(self.sent), lambda: None)()
        return {}


def given(name: str) -> Step:
    do = Cmdlet("Set-User", {"Identity": name, "AuthenticationPolicy": "Block"})
    look = Look(
        Cmdlet("Get-User", {"Identity": name}), where={plans.ACCOUNT: f"id-{name}"}, fields=("AuthenticationPolicy",)
    )
    before, after = {"AuthenticationPolicy": None}, {"AuthenticationPolicy": "Block"}
    undo = Cmdlet("Set-User", {"Identity": name, "AuthenticationPolicy": None})
    return Step(name, name, "It is needed.", "Policy", "exchange", do, look, before, after, undo=undo, watched=False)


def everybody(there: Accounts, folder: Path, *steps: Step) -> Receipt:
    return carried(there, folder, Plan("many", "Many", "woodgrove", "t", "public", steps, made_at=START))


def carried(there: Accounts, folder: Path, plan: Plan) -> Receipt:
    kept = journal.Journal(folder / f"{plan.id}.jsonl", plan, by="Wanda")
    return changes.apply(plan, {"exchange": there}, kept, tell=lambda _: None, now=there.now, sleep=lambda _: None)


def test_many_alike_are_compared_with_a_look_at_all_of_them_that_is_repeated_now_and_then(tmp_path: Path) -> None:
    names = [f"user{number}" for number in range(1, 1001)]
    there = Accounts(dict.fromkeys(names, ""))
    assert everybody(there, tmp_path, *map(given, names)).whole
    assert (len(there.sent), there.looks) == (1000, [{"ResultSize": "Unlimited"}] * 4)


def test_of_many_alike_what_is_done_already_is_not_sent_and_not_taken_back(tmp_path: Path) -> None:
    names = [f"user{number}" for number in range(1, 31)]
    there = Accounts({**dict.fromkeys(names, ""), "user7": "CN=Block,CN=Policies,DC=x"})
    receipt = everybody(there, tmp_path, *map(given, names))
    assert [entry.step for entry in receipt.entries if entry.outcome == "already"] == ["user7"]
    assert "user7" not in there.sent
    assert "user7" not in {step.id for step in plans.undo(receipt, id="back", now=START).steps}


def test_of_many_alike_what_somebody_else_has_set_is_left_and_stops_the_plan(tmp_path: Path) -> None:
    names = [f"user{number}" for number in range(1, 401)]
    there = Accounts(dict.fromkeys(names, ""))
    there.meanwhile = {200: lambda: there.held.update(user390="Sealed")}
    outcomes = [entry.outcome for entry in everybody(there, tmp_path, *map(given, names)).entries]
    assert (outcomes[:389], outcomes[389:391]) == (["done"] * 389, ["foreign", "not reached"])
    assert there.held["user390"] == "Sealed"


def test_of_many_alike_what_is_named_by_no_id_is_looked_at_by_itself(tmp_path: Path) -> None:
    there = Accounts({"bob": "Block"})
    receipt = everybody(there, tmp_path, replace(given("bob"), look=replace(given("bob").look, where={})))
    assert ([entry.outcome for entry in receipt.entries], there.looks) == (["already"], [{"Identity": "bob"}])


def test_an_undo_of_what_was_named_by_an_address_says_where_nothing_is_called_so_any_more(tmp_path: Path) -> None:
    there = Accounts({"ada": ""})
    step = replace(given("ada"), look=replace(given("ada").look, where={}))
    done = everybody(there, tmp_path, step)
    there.held.clear()
    [entry] = carried(there, tmp_path, plans.undo(done, id="back", now=there.now())).entries
    assert (entry.outcome, entry.said[:33]) == ("foreign", "Nothing is called so any more: it")


def test_an_undo_leaves_what_somebody_else_has_set_and_goes_on_with_the_others(tmp_path: Path) -> None:
    names = ["ada", "bob", "eve"]
    there = Accounts(dict.fromkeys(names, ""))
    done = everybody(there, tmp_path, *map(given, names))
    there.held["bob"] = "Sealed"
    del there.held["eve"]
    back = carried(there, tmp_path, plans.undo(done, id="back", now=there.now()))
    assert {entry.step: entry.outcome for entry in back.entries} == {"eve": "already", "bob": "foreign", "ada": "done"}
    assert (there.held, back.whole, back.settled) == ({"ada": "", "bob": "Sealed"}, False, True)


def test_a_file_that_is_no_receipt_by_its_size_is_not_read_whole(tmp_path: Path) -> None:
    huge = tmp_path / "huge.jsonl"
    with huge.open("wb") as file:
        file.truncate(1 << 36)
    with pytest.raises(ConfigurationError, match="found more than 67,108,864 characters"):
        journal.read(huge, where="huge.jsonl", tenant_id="t", cloud="public")


def test_a_receipt_names_its_file_once_there_is_one(tmp_path: Path) -> None:
    plan = Plan("named", "Move", "woodgrove", "t", "public", (MAKE,), made_at=START)
    kept = journal.Journal(tmp_path / "named.jsonl", plan, by="Wanda", where="receipts/named.jsonl")
    assert kept.receipt(()).where == ""
    kept.sending("make", START)
    assert kept.receipt(()).where == "receipts/named.jsonl"
    assert (tmp_path / "named.jsonl").read_text().count("\n") == 2

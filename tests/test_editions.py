"""The shareable edition: what stays, what gets another name, what goes; and that nothing that was planted is found."""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import mailauth
from mailauth import editions, evidence, phrases, reporting, shapes, tables, vocabulary
from mailauth import report as reports
from mailauth.phrases import Named
from mailauth.pseudonyms import LEFT_OUT, PATTERN, Pseudonyms
from mailauth.tenants import Mailbox
from tests import leaks, schemed
from tests.case_invented import NOW, SCANNER, case, decided, mail, report
from tests.readings import WITH_APP, attempt, consents, grants, moved, proofs, reading, registration

NAMES = Pseudonyms(b"0123456789abcdef0123456789abcdef")
KINDS = {*phrases.KINDS, "word", "phrase"}
# Of the files of evidence; what a script collects and what goes to support is never made for others.
SHARED = [name for name in schemed.NAMES if name not in ("bundle", "collected", "fleet")]


@pytest.mark.parametrize("name", schemed.NAMES)
def test_every_text_of_a_schema_has_its_kind(name: str) -> None:
    lacking = [path for path, node in schemed.texts(name) if node.get("x-kind") not in KINDS]

    assert list(schemed.texts(name))
    assert lacking == []


@pytest.mark.parametrize("name", schemed.NAMES)
def test_every_map_says_what_its_keys_name(name: str) -> None:
    assert [path for path, node in schemed.keyed(name) if node.get("x-key-kind") not in KINDS - {"phrase"}] == []


@pytest.fixture(scope="module")
def planted() -> dict[str, tuple[dict[str, Any], dict[str, str]]]:
    """Return a record of each schema, full of canaries, with the canaries."""
    made = {}
    for name in SHARED:
        plant = schemed.Planted()
        made[name] = schemed.made(name, plant), plant.canaries
    return made


@pytest.mark.parametrize("name", SHARED)
def test_no_canary_of_any_field_is_in_the_shareable_record_or_its_tables(name: str, planted: Any) -> None:
    record, canaries = planted[name]
    evidence.check(name, record)
    mapped = editions.shareable(record, evidence.schema(name), NAMES)
    texts = {"record": json.dumps(mapped, ensure_ascii=False)}
    texts |= {f"{table}.csv": text.decode() for table, text in tables.of(mapped).items()}

    assert len(canaries) > 10
    assert leaks.search(canaries, texts=texts) == []


@pytest.mark.parametrize("name", SHARED)
def test_each_canary_is_found_where_it_was_planted(name: str, planted: Any) -> None:
    record, canaries = planted[name]
    found = leaks.search(canaries, texts={"record": json.dumps(record)})

    assert {leak.canary for leak in found} == set(canaries)


@pytest.mark.parametrize("name", SHARED)
def test_the_shareable_record_fits_its_schema_and_says_what_it_is(name: str, planted: Any) -> None:
    mapped = editions.shareable(planted[name][0], evidence.schema(name), NAMES)

    evidence.check(name, mapped)
    assert "shareable" in (mapped.get("edition"), mapped["data"].get("edition"))
    assert mapped["made_at"] == schemed.MOMENT[:10] + "T00:00:00Z"


SCHEMA: dict[str, Any] = {
    "properties": {
        "user": {"type": "string", "x-kind": "address"},
        "mailbox": {"type": "string", "x-kind": "address"},
        "said": {"type": "string", "x-kind": "word"},
        "verdict": {"enum": ["quiet", "moving"], "x-kind": "word"},
        "day": {"type": "string", "x-kind": "word", "x-shape": r"^\d{4}-\d\d-\d\d$"},
        "agents": {"type": "array", "items": {"type": "string", "x-kind": "product"}},
        "unmarked": {"type": "string"},
        "sentence": {"type": "array", "x-kind": "phrase"},
        "by_user": {"type": "object", "x-key-kind": "address", "additionalProperties": {"type": "integer"}},
        "open": {"type": "object"},
    }
}


@pytest.mark.parametrize(
    ("field", "value", "mapped"),
    [
        pytest.param("verdict", "quiet", "quiet", id="one of a list"),
        pytest.param("verdict", "Dora Wren", LEFT_OUT, id="none of the list"),
        pytest.param("day", "2026-11-23", "2026-11-23", id="a shape"),
        pytest.param("day", "Dora Wren", LEFT_OUT, id="another shape"),
        pytest.param("said", "wrong password", "wrong password", id="our own words"),
        pytest.param("said", "wrong password of Dora", LEFT_OUT, id="not only our own"),
        pytest.param("said", "", "", id="nothing said"),
        pytest.param("unmarked", "Dora Wren", LEFT_OUT, id="no kind"),
        pytest.param("unmarked", "from Thunderbird 115", "Thunderbird", id="no kind, a known product"),
        pytest.param("agents", ["BAV2ROPC", "Dora's Mail/1", "x/2"], ["BAV2ROPC", LEFT_OUT], id="said once"),
        pytest.param("open", {"dora": {"wren": 1}}, {}, id="fields that nobody foresaw"),
        pytest.param("unforeseen", "Dora Wren", None, id="a field that nobody foresaw"),
    ],
)
def test_a_text_stays_or_goes_by_what_its_schema_says(field: str, value: object, mapped: object) -> None:
    assert editions.shareable({field: value}, SCHEMA, NAMES).get(field) == mapped


def test_numbers_truths_and_nothing_stay() -> None:
    record = {"user": None, "by_user": {"a@b.example": 3}, "day": 7, "verdict": True}
    mapped = editions.shareable(record, SCHEMA, NAMES)

    assert (mapped["user"], mapped["day"], mapped["verdict"]) == (None, 7, True)
    assert list(mapped["by_user"].values()) == [3]


def test_one_person_has_one_name_in_fields_keys_and_sentences() -> None:
    said = ["Ask ", {"kind": "person", "value": "DORA@B.example "}, " by Friday."]
    record = {"user": "dora@b.example", "mailbox": "Dora@B.Example", "by_user": {"dora@b.example": 1}, "sentence": said}
    mapped = editions.shareable(record, SCHEMA, NAMES)
    name = mapped["user"]

    assert re.fullmatch(rf"{PATTERN}@{PATTERN}\.example", name)
    assert (mapped["mailbox"], list(mapped["by_user"])) == (name, [name])
    assert mapped["sentence"] == ["Ask ", {"kind": "person", "value": name}, " by Friday."]


def test_keys_that_become_one_are_counted_together() -> None:
    mapped = editions.shareable({"by_user": {"dora@b.example": 1, "DORA@b.example": 2}}, SCHEMA, NAMES)

    assert list(mapped["by_user"].values()) == [3]


def test_the_record_itself_is_left_as_it_was() -> None:
    record = {"user": "dora@b.example", "agents": ["x"]}
    editions.shareable(record, SCHEMA, NAMES)

    assert record == {"user": "dora@b.example", "agents": ["x"]}


def test_leaves_are_the_texts_with_their_kinds() -> None:
    record = {"user": "dora@b.example", "by_user": {"eve@b.example": 1}, "agents": ["x"], "unmarked": "y"}

    assert list(editions.leaves(record, SCHEMA)) == [
        ("user", "address", "dora@b.example"),
        ("by_user{}", "address", "eve@b.example"),
        ("agents[]", "product", "x"),
        ("unmarked", "free", "y"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "No working password sender was seen, but we cannot say that there is none.",
        "Records arrived up to 9 hours after the sign-in: the end of the window is not whole.",
        "interactive sign-ins",
    ],
)
def test_our_own_sentences_are_known_as_ours(text: str) -> None:
    assert vocabulary.is_ours(text)


LIBRARY = Path(mailauth.__file__).parent
# What makes the sentences of a report, and those that it takes over.
WRITERS = sorted(path.name for path in LIBRARY.glob("report*.py"))
WRITERS += ["advice.py", "letters.py", "standing.py", "verdicts.py"]


def sentences(path: Path) -> Iterator[str]:
    """Yield the texts with a blank in them that a module says, as they stand between the places in them."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    unsaid = {
        id(inside) for node in ast.walk(tree) if isinstance(node, ast.Raise | ast.Expr) for inside in _texts(node)
    }
    for each in _texts(tree):
        if " " in str(each.value) and "%" not in str(each.value) and id(each) not in unsaid:
            yield from re.split(r"\{[a-z_]+\}", str(each.value))


def _texts(node: ast.AST) -> Iterator[ast.Constant]:
    found = [node.value] if isinstance(node, ast.Expr) else ast.walk(node)
    return (each for each in found if isinstance(each, ast.Constant) and isinstance(each.value, str))


@pytest.mark.parametrize("name", WRITERS)
def test_every_sentence_that_a_report_says_stays_in_an_edition_for_others(name: str) -> None:
    said = list(sentences(LIBRARY / name))
    lost = [text for text in said if not vocabulary.is_ours(text)]

    # A word that no other file of facts holds belongs into words.toml.
    assert lost == []


@pytest.mark.parametrize("seen", ["exposed", "closed", "nothing"])
def test_of_a_report_no_word_of_ours_is_left_out(seen: str) -> None:
    own = decided(f"senders:\n  - {{user: {SCANNER}, owner: J. Ward, due: 2026-12-04, what: copier}}\n")
    rows = [
        *(mail(ago=ago) for ago in range(1, 20)),
        mail("phone@b.example", client_app="Exchange ActiveSync", step="certificate", ago=3),
        mail("dora@b.example", network="192.0.2.66", country="BR", ago=2, risk="high"),
    ]
    looked = {
        "exposed": reading(
            case(rows, [report(f"{SCANNER} Basic 40")], own=own),
            tenant=WITH_APP,
            held={
                "20": registration(NOW + timedelta(days=9), None),
                "30": consents(("IMAP for people", "wrong", "not granted")),
                "40": grants("open"),
                "50": proofs(attempt("refused")),
            },
        ),
        "closed": reading(moved(), tenant=WITH_APP, held={"40": grants(), "50": proofs()}),
        "nothing": reading(),
    }[seen]
    record = reports.record(looked.tenant, reporting.report(looked))
    told = [leaf for leaf in editions.leaves(record, evidence.schema("report")) if leaf.kind in ("word", "phrase")]

    assert len(told) >= 100
    # A word that no other file of facts holds belongs into words.toml.
    assert [(leaf.path, leaf.value) for leaf in told if not vocabulary.is_ours(leaf.value)] == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Mark Long signs in", id="a name made of words"),
        pytest.param("Mark", id="a name alone"),
        pytest.param("signs in from Norwich", id="a place"),
        pytest.param("from 203.0.113.60", id="an address of a network"),
        pytest.param("from 2001:db8::1", id="an address of a newer one"),
        pytest.param("the mail of mail@mail.com", id="a mail address"),
        pytest.param("see https://mail.com", id="a link"),
        pytest.param("call 4471230045", id="a long number"),
        pytest.param("call 4411 2233 9988", id="a long number in groups"),
        pytest.param("JW", id="two letters that are no country"),
        pytest.param("p\u0430ssword", id="letters of another alphabet"),
    ],
)
def test_what_others_may_have_written_is_not(text: str) -> None:
    assert not vocabulary.is_ours(text)


@pytest.mark.parametrize("name", SHARED)
def test_every_list_of_rows_says_what_its_order_is_made_of(name: str) -> None:
    lists = list(schemed.rows(name))

    assert lists
    assert [path for path, node, _ in lists if "x-order" not in node] == []


@pytest.mark.parametrize("name", SHARED)
def test_an_order_is_made_of_fields_that_every_row_has(name: str) -> None:
    for path, node, items in schemed.rows(name):
        keys = [] if node["x-order"] == "kept" else node["x-order"]
        fields = {field for key in keys for field in key.strip("~-").split(",")}
        assert fields <= {*items["required"]}, path


ROWS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "who": {"type": "string", "x-kind": "person"},
        "count": {"type": ["integer", "null"]},
        "state": {"enum": ["wrong", "ok"], "x-kind": "word"},
    },
}


@pytest.mark.parametrize(
    ("order", "numbers"),
    [
        pytest.param("kept", [0, 1, 2, 3], id="kept"),
        pytest.param(["count"], [3, 0, 2, 1], id="rising, the unknown last"),
        pytest.param(["-count"], [2, 0, 3, 1], id="falling, the unknown last"),
        pytest.param(["state", "-count"], [2, 3, 0, 1], id="as the schema lists it, then by another"),
        pytest.param(["~state", "count"], [0, 1, 3, 2], id="as it came first, then by another"),
    ],
)
def test_rows_are_ordered_by_what_their_schema_says(order: object, numbers: list[int]) -> None:
    schema = {"properties": {"rows": {"type": "array", "x-order": order, "items": ROWS}}}
    told = [(5, "ok"), (None, "ok"), (7, "wrong"), (4, "wrong")]
    rows = [{"who": f"person {at}", "count": count, "state": state} for at, (count, state) in enumerate(told)]
    mapped = editions.shareable({"rows": rows}, schema, NAMES)["rows"]

    assert [each["who"] for each in mapped] == [NAMES.name("person", f"person {at}") for at in numbers]


@pytest.mark.parametrize("order", [[], ["count"], ["~state"], None])
def test_rows_that_are_alike_have_the_order_of_the_new_names(order: object) -> None:
    rows = [{"who": f"person {number}", "count": 1, "state": "ok"} for number in range(9)]
    node = {"type": "array", "items": ROWS} | ({} if order is None else {"x-order": order})
    told = [each["who"] for each in editions.shareable({"rows": rows}, {"properties": {"rows": node}}, NAMES)["rows"]]

    assert told == sorted(told) != [NAMES.name("person", f"person {number}") for number in range(9)]


def test_the_keys_of_a_map_have_the_order_of_the_new_names() -> None:
    people = {f"{number}@b.example": number for number in range(9)}
    told = [*editions.shareable({"by_user": people}, SCHEMA, NAMES)["by_user"]]

    assert told == sorted(told) != [NAMES.name("address", each) for each in people]


def test_names_that_a_sentence_lists_have_the_order_of_the_new_ones_and_no_other_word_moves() -> None:
    people = [Named("person", f"person {number}") for number in range(9)]
    who = phrases.joined([phrases.phrase("{who}", who=each) for each in people], ", ", " and ")
    asked = phrases.phrase("Ask {first} first, then {who}: {last}.", first=people[8], who=who, last=people[0])
    told = editions.shareable({"sentence": asked.as_json()}, SCHEMA, NAMES)["sentence"]
    names = [part["value"] for part in told if not isinstance(part, str)]

    assert [part for part in told if isinstance(part, str)] == [p for p in asked.as_json() if isinstance(p, str)]
    assert names[0] == NAMES.name("person", "person 8")
    assert names[-1] == NAMES.name("person", "person 0")
    assert names[1:-1] == sorted(NAMES.name("person", each.value) for each in people)


def test_names_in_the_same_words_are_a_list_and_two_names_in_other_words_are_none() -> None:
    def order(template: str) -> list[str]:
        names = {f"a{number}": Named("person", f"person {number}") for number in range(4)}
        told = editions.shareable({"sentence": phrases.phrase(template, **names).as_json()}, SCHEMA, NAMES)["sentence"]
        return [part["value"] for part in told if not isinstance(part, str)]

    people = [NAMES.name("person", f"person {number}") for number in range(4)]
    assert people != sorted(people)
    assert order("Decide on copier ({a0}), copier ({a1}), copier ({a2}) and copier ({a3}).") == sorted(people)
    assert order("{a0} was told by {a1}, and {a2} told by {a3}.") == people


def test_sentences_that_say_the_same_of_several_exchange_their_places_only() -> None:
    schema = {"properties": {"said": {"type": "array", "items": phrases_schema()}}}
    of = [["State."], *([{"kind": "person", "value": f"p {n}"}, f" sent {n} times"] for n in range(5)), ["The end."]]
    told = editions.shareable({"said": of}, schema, NAMES)["said"]

    assert (told[0], told[-1]) == (["State."], ["The end."])
    names = [each[0]["value"] for each in told[1:-1]]
    assert names == sorted(names) != [NAMES.name("person", f"p {n}") for n in range(5)]


def phrases_schema() -> dict[str, Any]:
    return dict(shapes.PHRASE)


class Reversed(Pseudonyms):
    """Gives each name of a tenant whose alphabet is turned round the pseudonym that it has in the other one."""

    def name(self, kind: str, value: str) -> str:
        """Return the name of what *value* stands for."""
        return super().name(kind, turned(value, turns=True))


def turned(text: str, *, turns: bool) -> str:
    """Return a text with the numbers in its names counted from the other end."""
    names = r"(?<=user)\d|(?<=192\.0\.2\.)\d|(?<=sender-)\d"
    return re.sub(names, lambda found: str(9 - int(found[0])), text) if turns else text


def full_of_ties(*, turns: bool) -> dict[str, dict[str, Any]]:
    """Return records of a tenant in which many rows differ in their names alone, by the name of their schema."""

    def row(number: int, ago: int, **more: Any) -> Any:
        network = turned(f"192.0.2.{number}", turns=turns)
        return mail(turned(f"user{number}@b.example", turns=turns), ago=ago, network=network, **more)

    phone: dict[str, Any] = {"client_app": "Exchange ActiveSync", "step": "certificate"}
    rows = [
        *(row(number, ago) for number in (1, 2, 3) for ago in range(1, 9)),
        *(row(number, ago, **phone) for number in (4, 5) for ago in (1, 3)),
        *(row(number, 2, country="BR", risk="high") for number in (6, 7)),
        *(row(number, 25) for number in (7, 8)),
    ]
    told = report(*(turned(f"user{number}x@b.example Basic 40", turns=turns) for number in (1, 2, 3)))
    addresses = sorted(turned(f"user{number}@b.example", turns=turns) for number in (1, 2, 3))
    boxes = tuple(Mailbox(address=address, protocols=("smtp",)) for address in addresses)
    tenant = replace(WITH_APP, mailboxes=boxes)
    known = grants("open")
    [door] = known["data"]["mailboxes"]
    known["data"]["mailboxes"] = [{**door, "address": address} for address in addresses]
    found = evidence.findings(case(rows, [told], tenant=tenant))
    made = reports.record(tenant, reporting.report(reading(found, tenant=tenant, held={"40": known})))
    # Ids are made of names, and would not tell which of the other tenant's is meant.
    ids = {each["sender_id"]: f"sender-{each['user'][4]}" for each in found["data"]["groups"]}
    told_again = re.sub("|".join(ids), lambda one: ids[one[0]], json.dumps({"findings": found, "report": made}))
    records: dict[str, dict[str, Any]] = json.loads(told_again)
    return records


def test_two_tenants_whose_names_have_opposite_alphabets_leave_one_edition() -> None:
    one, other = full_of_ties(turns=False), full_of_ties(turns=True)
    for name in one:
        schema = evidence.schema(name)
        mine = editions.shareable(one[name], schema, NAMES)
        theirs = editions.shareable(other[name], schema, Reversed(NAMES.key))

        assert json.dumps(one[name]) != json.dumps(other[name])
        assert json.dumps(mine, indent=1) == json.dumps(theirs, indent=1)
        assert tables.of(mine) == tables.of(theirs)


def test_a_list_of_names_takes_the_order_of_the_new_ones() -> None:
    schema = {"properties": {"who": {"type": "array", "items": {"type": "string", "x-kind": "person"}}}}
    people = [f"person {number}" for number in range(9)]
    told = editions.shareable({"who": people}, schema, NAMES)["who"]

    assert told == sorted(told) != [NAMES.name("person", each) for each in people]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("2026-11-20T18:45:07.123456Z", "2026-11-20T00:00:00Z"),
        ("20 November 2026, 14:02 UTC", "20 November 2026"),
        ("2026-11-20", "2026-11-20"),
    ],
)
def test_of_a_moment_its_day_stays(said: str, told: str) -> None:
    schema = {"properties": {"when": {"type": "string", "x-kind": "word"}}}

    assert editions.shareable({"when": said}, schema, NAMES) == {"when": told}

"""Trees of dataclasses as JSON and back, and the kinds that their schema repeats."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

import pytest

from mailauth import shapes
from mailauth.phrases import Named, Phrase, phrase
from mailauth.shapes import KEPT, NAMES, Address, Order, Word


@dataclass(frozen=True)
class Leaf:
    who: Address
    said: Phrase
    state: Literal["open", "closed"]


@dataclass(frozen=True)
class Tree:
    leaves: Annotated[tuple[Leaf, ...], Order(("-state",))]
    at: datetime
    day: date | None
    count: int
    sure: bool
    note: Word | None = None


@dataclass(frozen=True)
class Bare:
    text: str


@dataclass(frozen=True)
class Disordered:
    leaves: tuple[Leaf, ...]


DORA = Leaf("dora@x.example", phrase("{who} signs in", who=Named("address", "dora@x.example")), "open")
TREE = Tree((DORA,), datetime(2026, 11, 23, 12, tzinfo=UTC), None, 3, True)


def test_a_tree_comes_back_from_json_as_it_was() -> None:
    told = shapes.record(TREE)

    assert told["at"] == "2026-11-23T12:00:00Z"
    assert told["leaves"][0]["said"] == [{"kind": "address", "value": "dora@x.example"}, " signs in"]
    assert shapes.read(Tree, told) == TREE


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        pytest.param({"count": "3"}, r"^count: found '3'; expected int$", id="text for a number"),
        pytest.param({"count": True}, r"^count: found 'True'; expected int$", id="true for a number"),
        pytest.param({"at": "noon"}, r"^at: found 'noon'; expected a time$", id="no time"),
        pytest.param({"day": "2026-13-01"}, r"^day: found '2026-13-01'; expected a date$", id="no date"),
        pytest.param({"leaves": {}}, r"^leaves: found '\{\}'; expected a list$", id="no list"),
        pytest.param({"leaves": [3]}, r"^leaves\[0\]: expected the fields of Leaf", id="no object"),
        pytest.param({"more": 1}, r"^the record: expected the fields of Tree: more$", id="a field too many"),
    ],
)
def test_what_is_of_another_shape_is_refused_and_its_place_named(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        shapes.read(Tree, {**shapes.record(TREE), **changes})


def test_the_place_of_a_wrong_leaf_is_named_from_the_root() -> None:
    told = shapes.record(TREE)
    told["leaves"][0]["state"] = "ajar"

    with pytest.raises(ValueError, match=r"^leaves\[0\]\.state: found 'ajar'; expected one of open, closed$"):
        shapes.read(Tree, told)


def test_the_schema_repeats_the_kind_of_each_text_and_closes_every_object() -> None:
    made = shapes.schema(Tree, leave_out=("count",))
    leaf = made["properties"]["leaves"]["items"]

    assert made["properties"]["leaves"]["x-order"] == ["-state"]
    assert leaf["properties"]["who"] == {"type": "string", "x-kind": "address"}
    assert leaf["properties"]["said"] == {"$ref": "#/$defs/phrase"}
    assert leaf["properties"]["state"] == {"enum": ["open", "closed"], "x-kind": "word"}
    assert made["properties"]["note"] == {"type": ["string", "null"], "x-kind": "word"}
    assert made["properties"]["day"] == {"type": ["string", "null"], "x-kind": "word"}
    assert "count" not in made["properties"]
    assert (made["additionalProperties"], leaf["additionalProperties"]) == (False, False)


def test_a_text_that_says_no_kind_has_no_schema() -> None:
    with pytest.raises(TypeError, match="a text without a kind"):
        shapes.schema(Bare)


@pytest.mark.parametrize(("order", "said"), [(KEPT, "kept"), (NAMES, []), (Order(("-at", "state")), ["-at", "state"])])
def test_a_list_of_objects_says_what_its_order_is_made_of(order: Order, said: object) -> None:
    assert order.said == said


def test_a_list_of_objects_that_says_no_order_has_no_schema() -> None:
    with pytest.raises(TypeError, match="a list of objects without an order"):
        shapes.schema(Disordered)

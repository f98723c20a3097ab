"""What a script says, read from the tree that a PowerShell grammar makes of it. Nothing is executed.

The grammar is tree-sitter's, and no proof for every reader. It takes straight quotes alone for quotes, where PowerShell
takes U+2018 to U+201B as well; so `parse` also refuses any letter beyond ASCII outside a comment. Of valid constructs
it was seen to reject ``$a ?? $b`` and ``$a ? $b : $c``, which Windows PowerShell rejects too.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import tree_sitter
import tree_sitter_powershell

from mailauth.plan import Ref

_PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
_UNIT = re.compile(r"\\u([0-9a-f]{4})|\\(\\)|([^\\])", re.DOTALL)
_WORDS = {"$true": True, "$false": False, "$null": None}

Node = tree_sitter.Node
Variables = Mapping[str, Any]


@dataclass(frozen=True)
class Command:
    """A command as it stands in a script.

    Args:
        name: What is called.
        parameters: Its named arguments; a switch without a value is None.
        rest: Its arguments without a name.
        node: Where it stands.
    """

    name: str
    parameters: Mapping[str, Node | None]
    rest: tuple[Node, ...]
    node: Node

    @property
    def asked(self) -> bool:
        """Whether it stands in the block of an ``if`` that asks ShouldProcess."""
        return any(
            above.type == "if_statement" and "$PSCmdlet.ShouldProcess(" in _text(above.named_children[0])
            for above in _ancestors(self.node)
        )

    @property
    def within(self) -> bool:
        """Whether it stands in a function."""
        return any(above.type == "function_statement" for above in _ancestors(self.node))

    def values(self, variables: Variables) -> dict[str, Any]:
        """Return what the named arguments say."""
        return {name: None if node is None else value(node, variables) for name, node in self.parameters.items()}


@dataclass(frozen=True)
class Change:
    """One step of a script, or one row of its table."""

    title: str
    look: Command
    where: Any
    fields: Any
    binds: Any
    before: Any
    after: Any
    sent: Command
    variables: Variables


def parse(text: str) -> Node:
    """Return the tree of a script."""
    root = _PARSER.parse(text.removeprefix("\ufeff").encode()).root_node
    for node in walk(root):
        assert node.type != "ERROR", f"line {node.start_point[0] + 1}: {_text(node)[:200]}"
        assert not node.is_missing, f"line {node.start_point[0] + 1}: no {node.type}"
        if not node.children and node.type != "comment":
            assert _text(node).isascii(), f"line {node.start_point[0] + 1}: {_text(node)[:200]}"
    return root


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all below it."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        yield each
        waiting.extend(reversed(each.children))


def commands(root: Node) -> Iterator[Command]:
    """Yield every command, wherever it stands; the call of a block (``& $Look``) is none."""
    for node in walk(root):
        if node.type == "command" and not _text(node).startswith("&"):
            yield command(node)


def command(node: Node) -> Command:
    """Return what a command's node says."""
    parameters: dict[str, Node | None] = {}
    rest: list[Node] = []
    name = ""
    elements = [each for child in node.named_children if child.type == "command_elements" for each in child.children]
    for each in elements:
        if each.type == "command_parameter":
            name = _text(each).removeprefix("-")
            assert name not in parameters, f"{name} twice: {_text(node)}"
            parameters[name] = None
        elif each.type == "command_argument_sep":
            continue
        elif name:
            parameters[name] = each
            name = ""
        else:
            rest.append(each)
    return Command(_text(node.named_children[0]), parameters, tuple(rest), node)


def functions(root: Node) -> set[str]:
    """Return the names of the functions that a script defines itself."""
    found = {each for node in walk(root) if node.type == "function_statement" for each in node.named_children}
    return {_text(each) for each in found if each.type == "function_name"}


def changes(root: Node) -> Iterator[Change]:
    """Yield what a script would send, in order."""
    yield from _changes(list(_statements(root)), {})


def assigned(root: Node) -> dict[str, Any]:
    """Return the tables and lists that a script gives a name, outside of functions and of steps."""
    named = [each for each in _statements(root) if each.type == "assignment_expression"]
    return {
        _target(each): value(each.named_children[-1], {})
        for each in named
        if _only(each.named_children[-1]).type in ("hash_literal_expression", "array_expression")
        and _target(each) not in ("$Step", "$Rows")
    }


def _changes(statements: list[Node], variables: Variables) -> Iterator[Change]:
    table: dict[str, Node] = {}
    rows: Any = []
    for node in statements:
        if node.type == "assignment_expression" and _target(node) == "$Step":
            table = dict(_entries(_only(node.named_children[-1])))
        elif node.type == "assignment_expression" and _target(node) == "$Rows":
            rows = value(node.named_children[-1], {})
        elif node.type == "if_statement" and "ShouldProcess" in _text(node):
            yield _change(table, node, variables)
        elif node.type == "foreach_statement" and "$Rows" in _text(node).partition("{")[0]:
            body = list(_statements(next(each for each in walk(node) if each.type == "statement_list")))
            for row in rows:
                yield from _changes(body, {"$Row": row})


def _change(table: Mapping[str, Node], block: Node, variables: Variables) -> Change:
    bodies = [each for each in walk(block) if each.type == "assignment_expression" and _target(each) == "$Body"]
    known = {**variables, **{_target(each): value(each.named_children[-1], variables) for each in bodies}}
    sent = [each for each in commands(block) if each.asked and each.name not in _HELPERS]
    assert len(sent) == 1, [each.name for each in sent]
    said = {name: value(table[name], known) for name in ("Title", "Where", "Fields", "Binds", "Before", "After")}
    look = next(commands(table["Look"]))
    return Change(look=look, sent=sent[0], variables=known, **{name.lower(): each for name, each in said.items()})


_HELPERS = {"Invoke-Patiently", "Save-Secret", "Wait-Done", "ConvertTo-Body", "ConvertTo-PathPart"}


def value(node: Node, variables: Variables) -> Any:
    """Return what an expression comes to; a block, what its only statement comes to."""
    node = _only(node)
    match node.type:
        case "verbatim_string_characters":
            return _text(node)[1:-1].replace("''", "'")
        case "decimal_integer_literal":
            return int(_text(node))
        case "generic_token" | "command_argument":
            return _text(node)
        case "variable":
            name = _text(node)
            return _WORDS[name] if name in _WORDS else variables.get(name, name)
        case "element_access":
            table, key = _text(node.named_children[0]), value(node.named_children[1], variables)
            return Ref(key) if table == "$Known" else variables[table][key]
        case "parenthesized_expression" | "script_block_expression" | "script_block":
            return value(node.named_children[0], variables)
        case "script_block_body":
            return value(node.named_children[0], variables)
        case "invokation_expression":
            assert _text(node).startswith("[regex]::Unescape("), _text(node)
            return _unescaped(value(node.named_children[-1].named_children[0], variables))
        case "additive_expression":
            return [*_pieces(node.named_children[0], variables), *_pieces(node.named_children[1], variables)]
        case "expression_with_unary_operator":
            inner = value(node.named_children[0], variables)
            return [inner] if _text(node).startswith(",") else -inner
        case "array_literal_expression":
            return [value(each, variables) for each in node.named_children]
        case "array_expression":
            return _array(node, variables)
        case "hash_literal_expression":
            pairs = [(name, value(each, variables)) for name, each in _entries(node)]
            assert len({name.lower() for name, _ in pairs}) == len(pairs)
            return dict(pairs)
        case "command":
            asked = command(node)
            assert asked.name in ("ConvertTo-PathPart", "ConvertTo-Body"), asked.name
            return value(asked.rest[0], variables)
    raise AssertionError(f"{node.type}: {_text(node)[:200]}")


def _array(node: Node, variables: Variables) -> list[Any]:
    # A statement that gives a list gives its items, as in PowerShell.
    found: list[Any] = []
    for statement in _statements(node):
        each = value(statement, variables)
        found.extend(each if isinstance(each, list) else [each])
    return found


def _pieces(node: Node, variables: Variables) -> list[Any]:
    each = value(node, variables)
    return each if isinstance(each, list) else [each]


def _unescaped(text: str) -> str:
    units = b""
    for code, slash, plain in _UNIT.findall(text):
        units += int(code, 16).to_bytes(2, "big") if code else (slash or plain).encode("utf-16-be")
    return units.decode("utf-16-be", errors="surrogatepass")


def _entries(node: Node) -> Iterator[tuple[str, Node]]:
    for each in walk(node):
        if each.type == "hash_entry" and _table_of(each) == node:
            key, held = (child for child in each.named_children if child.type != "comment")
            name = _only(key)
            yield (_text(name) if name.type == "simple_name" else value(name, {})), held


def _table_of(entry: Node) -> Node | None:
    return next((above for above in _ancestors(entry) if above.type == "hash_literal_expression"), None)


def _statements(node: Node) -> Iterator[Node]:
    for each in node.named_children:
        if each.type == "statement_list":
            yield from _statements(each)
        elif each.type != "comment":
            yield _only(each)


def _target(node: Node) -> str:
    return _text(node.named_children[0])


def _ancestors(node: Node) -> Iterator[Node]:
    above = node.parent
    while above is not None:
        yield above
        above = above.parent


def _only(node: Node) -> Node:
    """Return what a chain of nodes with one child each ends in."""
    while node.child_count == 1 and node.named_child_count == 1:
        node = node.named_children[0]
    return node


def _text(node: Node) -> str:
    return (node.text or b"").decode()


def declared(root: Node) -> dict[str, set[str]]:
    """Return the parameters of the functions that a script defines itself."""
    found = {}
    for node in walk(root):
        if node.type == "function_statement":
            name = next(_text(each) for each in node.named_children if each.type == "function_name")
            block = next((each for each in walk(node) if each.type == "param_block"), None)
            variables = [] if block is None else [each for each in walk(block) if each.type == "script_parameter"]
            found[name] = {
                _text(child).removeprefix("$")
                for each in variables
                for child in each.named_children
                if child.type == "variable"
            }
    return found

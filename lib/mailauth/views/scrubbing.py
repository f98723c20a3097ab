"""A notebook that was run, made fit to be given away: no paths, no environment, no secrets, no widgets.

What stays is what the run showed, so it opens in JupyterLab beside the page and runs again. Nobody is meant to write
a secret into a parameter; this is the net for those who did.
"""

import ast
import copy
import re
from collections.abc import Mapping
from typing import Any

from ..guids import GUID
from ..masking import mask

__all__ = ["WIDGET_VIEW", "cleaned", "parameters", "scrub", "without_paths"]

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"

_REMOVED = "(removed)"

# Names that hold a secret more often than not, and values that look like one whatever their name is.
_SECRET_NAME = re.compile(r"secret|passw|pwd|token|credential|api_?key|private|client_assertion|\bsas\b", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"eyJ[\w-]{8,}\.|-----BEGIN|[\w~+/=.-]{32,}$")
# A reference to a secret, an id, a flag or nothing may stand under any name.
_HARMLESS = re.compile(rf"(env|file|keyring):|{GUID}$|(True|False|None|)$")

# An absolute path of two parts or more; a web address or a fraction is none. It may stand right behind a tag; a
# closing tag is none, for no slash follows its name. Python writes a backslash twice.
_PART = r"[^\s/\\:\"'<>|*?&;,()\[\]{}]"
# Windows puts people's names into folders with the space that stands in them. A word too many is lost more lightly.
_SPACED = r"(?! )[^/\\:\"<>|*?;,\[\]{}\r\n\t]+(?<! )"
_PATH = re.compile(
    r"(?<![\w:/.\\-])(?:file://)?(?:"
    rf"(?:/?[A-Za-z]:(?:/|\\{{1,2}})|\\{{1,4}}(?=\w))(?:{_SPACED}(?:/|\\{{1,2}}))+"
    rf"|/(?:{_PART}+(?:/|\\{{1,2}}))+"
    rf")(?P<last>{_PART}*)"
)
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


def scrub(notebook: Any) -> Any:
    """Return a copy of *notebook* (a node or its dictionary) without what must not leave the machine."""
    clean = copy.deepcopy(notebook)
    clean["metadata"] = {name: clean["metadata"][name] for name in _KEPT if name in clean["metadata"]}
    for cell in clean["cells"]:
        cell["metadata"] = _cell_metadata(cell["metadata"])
        if cell["cell_type"] == "code":
            _scrub_code(cell)
        else:
            cell["source"] = without_paths(cell["source"])
    clean["cells"] = [cell for cell in clean["cells"] if _ERROR_TAG not in cell["metadata"].get("tags", [])]
    return clean


_KEPT = ("kernelspec", "language_info", "mailauth")
_ERROR_TAG = "papermill-error-cell-tag"  # papermill's own red line; the error itself says more


def parameters(notebook: Any) -> dict[str, str]:
    """Return the parameters that a run was given, by name, as text without secrets and paths.

    Args:
        notebook: As papermill left it; a notebook that was run by hand has none.
    """
    given = notebook["metadata"].get("papermill", {}).get("parameters", {})
    return {str(name): cleaned(str(name), value) for name, value in sorted(given.items())}


def cleaned(name: str, value: object) -> str:
    """Return a parameter's value as text: a secret is not shown, a path shows its last part only."""
    words = str(value)
    rooted = re.match(r"/|\\|[A-Za-z]:[\\/]|~|\.\.?[\\/]", words) is not None
    if _SECRET_NAME.search(name) and not _HARMLESS.match(words):
        return _REMOVED
    if rooted:
        return re.split(r"[/\\]", words.rstrip("/\\"))[-1]
    if _SECRET_VALUE.match(words) and not _HARMLESS.match(words):
        return _REMOVED
    # What somebody pasted may hold a token anywhere in it.
    return mask(words)


def without_paths(words: str) -> str:
    """Return *words* with each absolute path cut down to its last part."""
    return _PATH.sub(lambda found: "…/" + found["last"], words)


def _cell_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {name: metadata[name] for name in ("tags", "jupyter", "mailauth") if name in metadata}


def _scrub_code(cell: Any) -> None:
    tags = cell["metadata"].get("tags", [])
    if "injected-parameters" in tags:
        cell["source"] = _assignments(cell["source"])
    elif "parameters" in tags:
        cell["source"] = without_paths(_declared(cell["source"]))
    else:
        cell["source"] = without_paths(cell["source"])
    cell["outputs"] = [output for output in map(_output, cell["outputs"]) if output]


def _assignments(source: str) -> str:
    """Return the injected parameters written again, one literal a line; anything else is left out."""
    lines = ["# Parameters"]
    for statement in _statements(source):
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0].id
            try:
                value = ast.literal_eval(statement.value)
            except ValueError:
                continue
            lines.append(f"{name} = {_literal(name, value)}")
    return "\n".join(lines)


def _declared(source: str) -> str:
    """Return the cell in which parameters are declared, what somebody has typed into it without secrets."""
    statements = _statements(source)
    # What cannot be read as Python is masked as it stands.
    left = source if statements else mask(source)
    for each in statements:
        value = each.value if isinstance(each, ast.Assign | ast.AnnAssign) else each
        typed = ast.get_source_segment(source, value or each) or ""
        said = value.value if isinstance(value, ast.Constant) else typed
        if isinstance(said, str) and typed and mask(said) != said:
            left = left.replace(typed, repr(mask(said)))
    return left


def _statements(source: str) -> list[ast.stmt]:
    try:
        return ast.parse(source).body
    except SyntaxError:
        return []


def _literal(name: str, value: object) -> str:
    """Return a literal; whatever is not a plain number or flag passes through `cleaned`."""
    return repr(value) if isinstance(value, bool | int | float | None) else repr(cleaned(name, value))


def _output(output: Any) -> Any:
    """Return one output fit to be given away, or None for one that is not for readers."""
    kind = output["output_type"]
    if kind == "stream":
        # Warnings go to stderr, with the path of the module that warns.
        return None if output["name"] == "stderr" else _changed(output, text=_plain(output["text"]))
    if kind == "error":
        return _changed(output, evalue=_plain(output["evalue"]), traceback=[])
    if WIDGET_VIEW in output["data"]:
        return None
    for mime in {"text/plain", "text/html"} & set(output["data"]):
        output["data"][mime] = _plain(output["data"][mime])
    return output


def _changed(output: Any, **fields: object) -> Any:
    output.update(fields)
    return output


def _plain(words: Any) -> str:
    joined = words if isinstance(words, str) else "".join(words)
    return without_paths(_ANSI.sub("", joined))

"""Imports go downwards only. The three lists below are the whole architecture, bottom to top."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A C file includes its own header and those of earlier names, nothing else of ours. A name stands
# for both files, `x.h` and `x.c`; `x.c` is listed apart where it builds on more than its header.
C_ORDER = [
    # bits and pieces
    "matchengine", "require", "prefetch", "hash", "heap", "arena", "effort", "lock", "pool",
    "fold_table", "value", "number", "utf8", "arithmetic",
    "category_table", "regex", "regex_parts", "regex_set", "regex_literal", "regex_parser",
    "regex_class", "regex_parse", "regex_columns", "regex_table", "regex_bits", "regex_follow",
    "regex.c",
    # events
    "paths", "key_cache", "event", "json_scan", "json_string", "json",
    # filters
    "filter", "expression", "filter_check", "lex", "parse", "bind", "parser",
    "parse_constant", "parse_operand", "parse_leaf", "parse.c",
    # indexes
    "test", "string_index", "like", "like_masks", "like.c", "needles", "needle_walk", "grams",
    "string_parts", "string_place", "string_index.c", "string_search", "string_validate",
    "cuts", "cut_block", "cuts.c", "sieve", "clusters", "constants", "bodies", "program",
    "computation",
    # filters beside filters
    "value_set", "value_cut", "value_set.c", "value_pattern", "value_set_ask", "value_set_member",
    "formula", "formula_terms", "cover",
    # the whole: changing it
    "engine", "cover_note", "cost", "file", "relabel", "acquire_names", "acquire",
    "compiler", "compile_tree", "compile_anchor", "compile_blame", "compile_code", "compile",
    "inspect", "validate", "engine.c",
    # the whole: asking it
    "scratch", "number_set", "encode", "evaluate", "verify", "sample", "match", "explain",
    "cover_search",
]  # fmt: skip

# A Python or Cython module imports from earlier names.
PYTHON_ORDER = [
    "errors", "limits", "_c", "_bounds", "_filters", "_operands", "values", "_printer", "filters",
    "_mapping", "_engine", "_matches", "_core", "_cover", "_conditions", "covering", "_related",
    "_ids", "_explanation", "_diagnosis",
    "_atomic", "_format", "_snapshot", "_reading", "matcher",
    # the twin, which shares no code with the rest: see test_the_twin_stands_alone
    "_reference_values", "_reference_like", "_reference_regex", "_reference_filter",
    "_reference_arithmetic", "_reference_lexer", "_reference_operand", "_reference_parser",
    "reference",
    "__init__", "cli", "__main__",
]  # fmt: skip

# The same for brokers. A folder stands for all that is in it.
BROKERS_ORDER = [
    "errors", "messages", "greetings", "effects", "settings",
    # how words travel
    "wire_fields", "wire_layouts", "wire_batches", "wire", "handshake",
    # what nodes and clients both know
    "order",
    # what shells need besides
    "addresses", "security", "store", "client",
    # the blocks of a node
    "index", "parts", "filters", "reduce", "overlay", "interest", "events", "link", "presets",
    # the node
    "subscriptions", "subscriber", "publisher", "neighbours", "clients", "publications",
    "status", "node",
    # a world to try it in
    "simulation", "sim",
    # the shell, what users import, the commands
    "aio", "__init__", "cli",
]  # fmt: skip

#: What a module that is no shell has no business with: the network, clocks, chance, threads.
WORLD = {
    "asyncio",
    "random",
    "secrets",
    "select",
    "selectors",
    "socket",
    "ssl",
    "threading",
    "time",
}
#: The shells: module -> what of the world it is there for.
SHELLS: dict[str, set[str]] = {
    "aio": WORLD,
    "security": {"ssl"},
    "simulation": {"random", "time"},
}

ORDERS = {"matchengine": PYTHON_ORDER, "brokers": BROKERS_ORDER}

C_FILES = sorted((ROOT / "src_c").glob("*.[ch]"))
MODULES = sorted(
    path for suffix in ("py", "pyx", "pxd") for path in (ROOT / "matchengine").glob(f"*.{suffix}")
)
BROKERS = sorted((ROOT / "brokers").rglob("*.py"))


def name_in_brokers(path: Path) -> str:
    return path.relative_to(ROOT / "brokers").as_posix()


@pytest.mark.parametrize("path", C_FILES, ids=lambda path: path.name)
def test_c_includes_go_downwards(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "Python.h" not in text, "the core knows nothing of Python"
    includes = re.findall(r'^\s*#\s*include\s+"([^"]+)"', text, re.MULTILINE)
    check_order(path, [Path(name).stem for name in includes], C_ORDER)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_python_imports_go_downwards(path: Path) -> None:
    check_order(path, ours(path), PYTHON_ORDER)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_matchengine_does_not_know_brokers(path: Path) -> None:
    assert not [name for name in imports(path) if name.split(".")[0] == "brokers"]


@pytest.mark.parametrize("path", BROKERS, ids=name_in_brokers)
def test_imports_of_brokers_go_downwards(path: Path) -> None:
    own = path.relative_to(ROOT / "brokers").parts[0].removesuffix(".py")
    check_order(Path(own), ours(path, "brokers"), BROKERS_ORDER)


@pytest.mark.parametrize("path", BROKERS, ids=name_in_brokers)
def test_only_shells_know_the_world(path: Path) -> None:
    known = {name.split(".")[0] for name in imports(path)} & WORLD
    own = path.relative_to(ROOT / "brokers").parts[0].removesuffix(".py")
    assert known <= SHELLS.get(own, set()), f"{own} is no shell, or not of that kind"


def test_the_twin_stands_alone() -> None:
    """The oracle shares nothing with what it judges."""
    twin = [path for path in MODULES if path.stem.lstrip("_").startswith("reference")]
    names = {path.stem for path in twin}
    assert "reference" in names
    for path in twin:
        assert set(ours(path)) <= names, path.name


def test_errors_import_nothing() -> None:
    assert ours(ROOT / "matchengine" / "errors.py") == []


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("from matchengine.errors import EventError", ["errors"]),
        ("from matchengine import errors, values", ["errors", "values"]),
        ("import matchengine.cli as c", ["cli"]),
        ("import matchengine", ["__init__"]),
        ("from . import _core", ["_core"]),
        ("from .filters import parse", ["filters"]),
        ("from matchengine cimport _c", ["_c"]),
        ("from matchengine._c cimport (", ["_c"]),
        ("cimport matchengine._c as c", ["_c"]),
        ("import json", []),
        ("from brokers import errors", []),
    ],
)
def test_how_imports_are_read(line: str, names: list[str], tmp_path: Path) -> None:
    suffix = "pyx" if "cimport" in line else "py"
    page = tmp_path / f"page.{suffix}"
    page.write_text(line + "\n", encoding="utf-8")
    assert ours(page) == names


def test_how_imports_of_brokers_are_read(tmp_path: Path) -> None:
    page = tmp_path / "page.py"
    page.write_text(
        "from brokers import messages as m, x\nfrom brokers.wire import encode\n"
        "if TYPE_CHECKING:\n    from brokers.node import Node\n"
    )
    assert sorted(ours(page, "brokers")) == ["messages", "wire"]


def check_order(path: Path, names: list[str], order: list[str]) -> None:
    """Fail unless each of `names`, imported by `path`, stands before it in `order`."""
    own = path.name if path.name in order else path.stem
    for name in [own, *names]:
        assert name in order, f"{name} is new: put it where it belongs in tests/test_layers.py"
    wrong = [name for name in names if order.index(name) > order.index(own)]
    assert not wrong, f"{path.name} imports upwards: {', '.join(wrong)}"


def ours(path: Path, package: str = "matchengine") -> list[str]:
    """Which modules of the package does this file import?"""
    parts = [name.split(".") for name in imports(path)]
    return [p[1] if len(p) > 1 else "__init__" for p in parts if p[0] == package]


def imports(path: Path) -> Iterator[str]:
    """The dotted names that a file imports; relative ones are completed."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        nodes = executed(ast.parse(text))
    else:
        nodes = cython_imports(text)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "matchengine" * bool(node.level) + "." * bool(node.level and node.module)
            module += node.module or ""
            if module in ORDERS:
                known = [a.name for a in node.names if a.name in ORDERS[module]]
                yield from (f"{module}.{name}" for name in known or ["__init__"])
            else:
                yield module


def executed(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes, except what only a type checker sees."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield node
            waiting += ast.iter_child_nodes(node)


def cython_imports(text: str) -> Iterator[ast.stmt]:
    """The import statements of a Cython file, each read as Python from its first line."""
    for line in text.splitlines():
        found = re.match(r"\s*(from\s+\S+\s+c?import\s+|c?import\s+)(.*)", line)
        if found:
            head, names = found[1].replace("cimport", "import"), found[2].split("#")[0].strip()
            yield ast.parse(head + (names.strip("(), \\") or "anything")).body[0]

"""House rules that a machine can check: short files, short functions, nothing left lying about."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ["src_c", "matchengine", "brokers", "tests", "benchmarks", "examples", "docs", ".ci"]

MAX_FILE = 500
MAX_FUNCTION = 50

#: File or "file:function" -> why it may be longer. Generated tables need no entry.
EXCEPTIONS: dict[str, str] = {
    "tests/vectors.py": "one table: the meaning of every kind of leaf, on every kind of value",
}

TEXT = {".py", ".pyi", ".pyx", ".pxd", ".c", ".h", ".md", ".toml", ".sh", ".in", ""}
CODE = {".py", ".pyx", ".pxd", ".c", ".h"}


def generated(path: Path) -> bool:
    """Is this a table written by a program, or what Cython makes of a module?"""
    from_cython = path.suffix == ".c" and path.with_suffix(".pyx").exists()
    return from_cython or path.stem.endswith("_table")


def hidden(path: Path) -> bool:
    """Is this in a cache, or in a folder of git's?"""
    return any(part[0] == "." and part != ".ci" for part in path.relative_to(ROOT).parts[:-1])


FILES = sorted(
    path
    for folder in [ROOT.glob("*"), *((ROOT / name).rglob("*") for name in FOLDERS)]
    for path in folder
    if path.is_file()
    and path.suffix in TEXT
    and path.name != ".git"
    and not hidden(path)
    and not generated(path)
)
SOURCES = [path for path in FILES if path.suffix in CODE]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_files_are_short(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= MAX_FILE or name_of(path) in EXCEPTIONS


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_functions_are_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    long = {name: size for name, size in functions(path.suffix, text) if size > MAX_FUNCTION}
    assert not {name for name in long if f"{name_of(path)}:{name}" not in EXCEPTIONS}, long


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nothing_is_left_lying_about(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    markers = "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"])
    assert not re.search(rf"\b({markers})\b", text), "a task belongs into an issue"
    assert not re.search(r"/(work|root|home|Users)/\w", text), "a path of one machine"


@pytest.mark.parametrize("folder", ["src_c", "matchengine", "brokers"])
def test_files_of_the_core_and_the_packages_are_explained(folder: str) -> None:
    """In the chapter of docs/files.md that names the folder; in folders below, as `below/name`."""
    page = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
    (chapter,) = re.findall(rf"^## [^\n]*`{folder}/`\n.*?(?=^## )", page, re.MULTILINE | re.DOTALL)
    named = re.findall(r"`([\w/*]+)(?:\.\w+)?/?`", chapter)
    named = [name + "*" * name.endswith("/") for name in named]  # a folder: all that is in it
    patterns = [re.compile(name.replace("*", r"\w*") + "$") for name in named]
    for path in (path for path in SOURCES if path.is_relative_to(ROOT / folder)):
        name = path.relative_to(ROOT / folder).with_suffix("").as_posix()
        if path.stem not in ("__init__", "__main__"):
            assert any(one.match(name) for one in patterns), f"{name} is not in docs/files.md"


def test_exceptions_are_needed() -> None:
    for name in EXCEPTIONS:
        path, _, function = name.partition(":")
        if not (ROOT / path).exists():
            pytest.fail(f"{path} is gone, its exception is not")
        text = (ROOT / path).read_text(encoding="utf-8")
        sizes = dict(functions(Path(path).suffix, text))
        assert sizes[function] > MAX_FUNCTION if function else len(text.splitlines()) > MAX_FILE


@pytest.mark.parametrize(
    ("suffix", "text", "expected"),
    [
        (".py", "def f():\n    def g():\n        pass\n", [("f", 3), ("g", 2)]),
        (".c", "static int f(int a,\n             int b)\n{\n    return 1;\n}\n", [("f", 5)]),
        (".c", "int f(void)\n{\n}\n\nvoid *g(x *y)\n{\n}\n", [("f", 3), ("g", 3)]),
        (".h", "int f(void);\nstruct s {\n    int a;\n};\n", []),
        (
            ".pyx",
            "cdef class C(B):\n    def f(\n        self\n    ):\n        pass\n\n    x = 1\n",
            [("f", 4)],
        ),
    ],
)
def test_how_functions_are_measured(
    suffix: str, text: str, expected: list[tuple[str, int]]
) -> None:
    assert list(functions(suffix, text)) == expected


def functions(suffix: str, text: str) -> Iterator[tuple[str, int]]:
    """Every function of a file with its length in lines."""
    if suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node.name, (node.end_lineno or 0) - node.lineno + 1
    elif suffix in {".c", ".h"}:
        yield from c_functions(text)
    else:
        yield from cython_functions(text)


def c_functions(text: str) -> Iterator[tuple[str, int]]:
    """A function is what clang-format leaves of one: a head in column 0, a brace on its own."""
    text = re.sub(r"__attribute__\(\(.*\)\)", "", text)
    head = re.compile(r"^(?:\w[^;{}=#]*?)?\b(\w+)\([^;{}]*\)[^;{}]*\n\{\n", re.MULTILINE)
    for found in head.finditer(text):
        end = text.find("\n}", found.end() - 1) + 2
        yield found[1], text.count("\n", found.start(), end) + 1


def cython_functions(text: str) -> Iterator[tuple[str, int]]:
    """A function lasts until a line that is indented no deeper and does not close its head."""
    lines = text.splitlines()
    for start, line in enumerate(lines):
        found = re.match(r"(\s*)(?:async\s+)?(?:def|cdef|cpdef)\s(?!class\b)[^=]*?(\w+)\s*\(", line)
        if not found:
            continue
        end = start
        for number in range(start + 1, len(lines)):
            inner = lines[number]
            if inner.strip() and not re.match(rf"{found[1]}(\s|\))", inner):
                break
            if inner.strip():
                end = number
        yield found[2], end - start + 1

"""Every ```python block of the README and the docs runs, in order, in one namespace per page.

A block marked ```python arithmetic runs where the parser knows arithmetic.
"""

import doctest
import re
from pathlib import Path

import pytest

from matchengine import FilterSyntaxError, parse

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(
    r"^```python(?P<mark> arithmetic)?\n(?P<source>.*?)^```$", re.MULTILINE | re.DOTALL
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_example_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = page.read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in BLOCK.finditer(text):
        if block["mark"] and not has_arithmetic():
            continue
        source = block["source"]
        line = text.count("\n", 0, block.start("source"))
        if source.lstrip().startswith(">>>"):
            run_session(source, namespace, page, line)
        else:
            exec(compile("\n" * line + source, str(page), "exec"), namespace)


def test_the_readme_has_an_example() -> None:
    assert BLOCK.search((ROOT / "README.md").read_text(encoding="utf-8"))


def has_arithmetic() -> bool:
    try:
        parse("a + 1 > 2")
    except FilterSyntaxError:
        return False
    return True


def run_session(source: str, namespace: dict[str, object], page: Path, line: int) -> None:
    """Run a block of `>>>` lines and compare what they print."""
    session = doctest.DocTestParser().get_doctest(source, namespace, page.name, str(page), line)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False)
    runner.run(session, out=report.append, clear_globs=False)
    namespace.update(session.globs)
    assert not runner.failures, "".join(report)

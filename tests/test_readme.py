"""Every ```python block of the README and the docs runs, in order, in one namespace per page.

A block marked ```python arithmetic runs where the parser knows arithmetic. The commands for brokers
in the README run, too, as processes.
"""

import doctest
import re
import shlex
import signal
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from broker_kit import PATIENCE, Process
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


def test_the_brokers_of_the_readme_run() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (chapter,) = re.findall(r"^## Brokers$.*?^## ", text, re.MULTILINE | re.DOTALL)
    for port in sorted(set(re.findall(r"127\.0\.0\.1:\d+", chapter))):
        with socket.create_server(("127.0.0.1", 0)) as free:
            chapter = chapter.replace(port, f"127.0.0.1:{free.getsockname()[1]}")
    lines = [
        shlex.split(line, comments=True)
        for line in re.findall(r"^    (.*matchengine .*)$", chapter, re.MULTILINE)
    ]
    a, b, sub, (_, event, _, *pub), status, sim = lines
    assert (a[-1], b[-1]) == ("&", "&")
    with ExitStack() as stack:
        brokers = [stack.enter_context(Process(*words[1:-1])) for words in (a, b)]
        for broker in brokers:
            broker.says("listening on")
        subscriber = stack.enter_context(Process(*sub[1:]))
        subscriber.says("subscribed")
        publisher = stack.enter_context(Process(*pub[1:], stdin=subprocess.PIPE))
        publisher.process.communicate(event, timeout=PATIENCE)
        assert publisher.process.returncode == 0
        assert subscriber.line() == {"price": 9}
        answer = stack.enter_context(Process(*status[1:]))
        assert "broker: a" in [answer.out.get(timeout=PATIENCE) for _ in range(3)]
        assert answer.wait() == 0
        assert [broker.stop(signal.SIGTERM) for broker in brokers] == [0, 0]
    with Process(*sim[1:]) as process:
        assert process.wait() == 0


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

"""Where answers go, where complaints go, and the progress bar."""

from __future__ import annotations

import importlib
import os
import stat
import sys
from collections.abc import Iterable
from types import TracebackType
from typing import Any

__all__ = ["BAD_INPUT", "INTERRUPTED", "OK", "Output", "Progress", "complain", "counted"]

OK = 0
BAD_INPUT = 1
INTERRUPTED = 130  # what shells say for Ctrl-C


class Output:
    """Lines of text on stdout, in UTF-8.

    They are flushed at once unless stdout is a regular file, where nobody is waiting for them.
    """

    def __init__(self) -> None:
        """Look what stdout is. Raises OSError where there is none."""
        if sys.stdout is None:
            raise OSError("standard output is closed")
        self._stream = sys.stdout.buffer
        self._awaited = not _is_regular_file()

    def write(self, lines: Iterable[str]) -> None:
        """Write lines, which come without newlines."""
        text = "".join(f"{line}\n" for line in lines)
        if text:
            # A lone surrogate, which only an id can hold, becomes the JSON escape that it was.
            self._stream.write(text.encode("utf-8", "backslashreplace"))
            if self._awaited:
                self._stream.flush()

    @staticmethod
    def flush() -> None:
        """Write what is buffered, while an error can still be reported."""
        if sys.stdout is not None:
            sys.stdout.flush()


def _is_regular_file() -> bool:
    try:
        return stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)
    except (OSError, ValueError):  # a stream of Python's that is no file
        return False


class Progress:
    """A bar on stderr while the `with` block runs.

    It is there only when stderr is a terminal, answers go elsewhere or come later, and rich is
    installed.
    """

    def __init__(self, what: str, total: int | None, answers_come_later: bool = False) -> None:
        """`total` is what `update` will reach, or None when that is not known."""
        self._what = what
        self._total = total
        self._alone = answers_come_later
        self._bar: Any = None

    def __enter__(self) -> Progress:
        answers_here = not self._alone and sys.stdout and sys.stdout.isatty()
        if sys.stderr and sys.stderr.isatty() and not answers_here:
            try:
                bars = importlib.import_module("rich.progress")
                console = importlib.import_module("rich.console").Console(stderr=True)
            except ImportError:
                return self
            self._bar = bars.Progress(
                console=console,
                transient=True,
                redirect_stdout=False,
                auto_refresh=not self._alone,  # no thread of its own beside what is measured
            )
            self._task = self._bar.add_task(self._what, total=self._total)
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, done: int) -> None:
        """Say how far we are."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done, refresh=self._alone)

    def stage(self, what: str) -> None:
        """Say what begins now, in a line of its own where there is no bar."""
        if self._bar is not None:
            self._bar.update(self._task, description=what, refresh=self._alone)
        else:
            complain(what)


def counted(number: int, one: str, many: str = "") -> str:
    """So many of something: "1 rule", "2,000 rules"; `many` is the plural, if not with an "s"."""
    return f"1 {one}" if number == 1 else f"{number:,} {many or one + 's'}"


def complain(message: str) -> None:
    """Write a message to stderr; while there is a bar, rich moves it out of the way."""
    if sys.stderr is not None:
        printable = message.encode("utf-8", "backslashreplace").decode()
        sys.stderr.write(printable + "\n")
        sys.stderr.flush()

"""The terminal: its width and colours, problems and notes on stderr, progress.

Only stderr is written here, so that what is on stdout can always be piped.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from typing import TextIO

from netcheck.errors import Problem, Severity

MOST_PROBLEMS = 20
NARROWEST, WIDEST, DEFAULT_WIDTH = 80, 200, 100


def width() -> int:
    """Return how many columns to use: those of the terminal or of COLUMNS, within 80 to 200."""
    return max(NARROWEST, min(WIDEST, shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns))


def has_colour(stream: TextIO, *, no_color: bool) -> bool:
    """Return whether colours may be written: only to a terminal, and not under NO_COLOR or TERM=dumb."""
    if no_color or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def count(number: int, noun: str) -> str:
    """Return `1 row`, `2 rows`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def show_problems(problems: Sequence[Problem], *, verbose: bool = False, quiet: bool = False) -> None:
    """Write problems to stderr, errors first: at most 20 unless verbose, only errors if quiet, and how many there are."""
    errors = [item for item in problems if item.severity is Severity.ERROR]
    warnings = [] if quiet else [item for item in problems if item.severity is not Severity.ERROR]
    listed = [*errors, *warnings]
    if not listed:
        return
    shown = listed if verbose else listed[:MOST_PROBLEMS]
    for item in shown:
        sys.stderr.write(_problem_text(item))
    numbers = [count(len(found), noun) for found, noun in ((errors, "error"), (warnings, "warning")) if found]
    more = f"; {len(listed) - len(shown)} not shown, -v lists all" if len(shown) < len(listed) else ""
    sys.stderr.write(f"netcheck: the input has {', '.join(numbers)}{more}\n")


def _problem_text(problem: Problem) -> str:
    where = f"{problem.place}: " if problem.place else ""
    of = f"{problem.object}: " if problem.object else ""
    hint = f"    hint: {problem.hint}\n" if problem.hint else ""
    return f"{where}{problem.severity.value}: {of}{problem.message}\n{hint}"


def note(text: str) -> None:
    """Write a note to stderr."""
    sys.stderr.write(f"netcheck: {text}\n")


class Progress:
    """A line on stderr that says which file is being read; silent unless stderr is a terminal and it takes a while."""

    def __init__(self, *, enabled: bool) -> None:
        self.enabled = enabled and sys.stderr.isatty()
        self._last = time.monotonic() + 0.4
        self._files = 0
        self._shown = False

    def callback(self) -> Callable[[str], None] | None:
        """Return what the loader calls before each file, or None if nothing is to be shown."""
        return self._file if self.enabled else None

    def _file(self, name: str) -> None:
        self._files += 1
        now = time.monotonic()
        if now - self._last > 0.1:
            self._last = now
            live = name.startswith("cluster:")
            self._write(f"reading {name}" if live else f"reading {count(self._files, 'file')}: {name}")

    def _write(self, text: str) -> None:
        self._shown = True
        sys.stderr.write(f"\r\x1b[2K{text[: width() - 1]}")
        sys.stderr.flush()

    def done(self) -> None:
        """Take the line away."""
        if self._shown:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()

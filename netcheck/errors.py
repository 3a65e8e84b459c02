"""Every failure netcheck can meet, and the `Problem` that stands for one defect of the input.

A `Problem` is a value: loading collects problems and goes on. An exception ends the run; its class
decides the exit code. Messages begin in lower case, have no final full stop, and put user text in backticks.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something was written: a file (or other source), 1-based line and 1-based column.

    `line` 0 means that only the source is known (an object of a cluster, a JSON document).
    """

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}" if self.column else f"{self.file}:{self.line}"


class Severity(Enum):
    """How bad a problem is: an error was refused or lost, a warning was read but looks wrong."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with the input. Loading collects problems; it does not stop at the first."""

    severity: Severity
    message: str
    hint: str = ""
    place: Place | None = None
    object: str = ""
    """`Kind namespace/name` of the object concerned, or empty."""

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        tail = f"\n  hint: {self.hint}" if self.hint else ""
        return f"{where}{self.severity.value}: {self.message}{tail}"

    @property
    def sort_key(self) -> tuple[str, int, int, str, str]:
        """Order of problems in every output: by place, then object, then message."""
        place = self.place or Place("")
        return (place.file, place.line, place.column, self.object, self.message)


class NetcheckError(Exception):
    """Base of every failure that netcheck raises on purpose."""

    exit_code = 5


class UsageError(NetcheckError):
    """The arguments or the configuration cannot be used (exit 2)."""

    exit_code = 2


class NothingNamed(UsageError):
    """An end names something that is not loaded; a command line is refused for it, an intent matches nothing."""


class InputError(NetcheckError):
    """There is no usable input: nothing was found, or nothing of it could be read (exit 3)."""

    exit_code = 3

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class InternalError(NetcheckError):
    """A bug of netcheck's own (exit 5)."""


class WitnessMismatch(InternalError):
    """An engine's witness was refuted by the oracle: the two disagree, so neither may be believed."""


class EngineMismatch(InternalError):
    """Two engines gave different answers to one question."""


class SolverLimit(NetcheckError):
    """The solver gave up within its limit; the question stays unknown, never answered."""

    exit_code = 4

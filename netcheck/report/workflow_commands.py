"""Findings as GitHub workflow commands: annotations on the lines of a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.errors import Place, Problem, Severity
from netcheck.lint.finding import LintResult
from netcheck.model.cluster import Loaded
from netcheck.report.located import Located, Relative, located, sentence

COMMANDS = {"error": "error", "warning": "warning", "info": "notice"}


def workflow_commands(loaded: Loaded, result: LintResult, relative: Relative) -> Iterator[str]:
    """Yield one workflow command for each problem and each finding."""
    for problem in loaded.problems:
        yield problem_command(problem, relative)
    for item in located(result.findings, relative):
        yield _finding(item)


def _finding(item: Located) -> str:
    finding = item.finding
    place = Place(item.path, item.line, item.column)
    title = f"{finding.rule} {finding.name}"
    return command(COMMANDS[finding.severity], place, title, sentence(finding))


def problem_command(problem: Problem, relative: Relative) -> str:
    """Return a problem of the input as a workflow command."""
    kind = "error" if problem.severity is Severity.ERROR else "warning"
    place = problem.place or Place("")
    hint = f" ({problem.hint})" if problem.hint else ""
    moved = Place(relative(place.file) if place.file else "", place.line, place.column)
    return command(kind, moved, "netcheck: problem in the input", f"{problem.message}{hint}")


def command(kind: str, place: Place, title: str, message: str) -> str:
    """Return a workflow command of a kind (`error`, `warning`, `notice`) about a place, escaped."""
    fields = {"file": place.file, "line": place.line, "col": place.column if place.line else 0, "title": title}
    written = ",".join(f"{name}={_property(str(value))}" for name, value in fields.items() if value)
    return f"::{kind} {written}::{_data(message)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

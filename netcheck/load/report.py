"""Collects the problems of one object, each with its field path and the place of that field."""

from __future__ import annotations

from typing import Any

from netcheck.errors import Place, Problem, Severity
from netcheck.load.tree import Path, place_of, shown


class Report:
    """The problems of one object so far."""

    __slots__ = ("_problems", "error_paths", "file", "first_line", "misread", "name", "refused", "root", "text")

    def __init__(self, root: Any, file: str, first_line: int, name: str, text: str = "") -> None:
        self.root = root
        self.file = file
        self.first_line = first_line
        self.name = name
        self.text = text
        self.refused = False
        self.error_paths: list[Path] = []
        self.misread: list[Path] = []
        self._problems: list[Problem] = []

    def error(self, path: Path, message: str, hint: str = "") -> None:
        """Record that the API server refuses the object because of the field at `path`."""
        self.refused = True
        self.error_paths.append(path)
        self._add(Severity.ERROR, path, message, hint)

    def misfit(self, path: Path, message: str, hint: str = "") -> None:
        """Record that the field at `path` does not have the type that the API server decodes."""
        self.misread.append(path)
        self.error(path, message, hint)

    def blemish(self, path: Path, message: str, hint: str = "", *, error: bool = False, of_key: bool = False) -> None:
        """Record what does not make the API server refuse the object (an error only where it misleads)."""
        self._add(Severity.ERROR if error else Severity.WARNING, path, message, hint, of_key=of_key)

    def _add(self, severity: Severity, path: Path, message: str, hint: str, *, of_key: bool = False) -> None:
        self._problems.append(
            Problem(
                severity=severity,
                message=f"{shown(path)}: {message}" if path else message,
                hint=hint,
                place=self.place(path, of_key=of_key),
                object=self.name,
            )
        )

    def place(self, path: Path = (), *, of_key: bool = False) -> Place:
        """Return where the field at `path` was written."""
        return place_of(self.root, path, self.file, self.first_line, of_key=of_key)

    def errs_only_in(self, *path: str | int) -> bool:
        """Return whether every error lies in the field at `path`, and none is of its type."""
        return not self.misread and all(found[: len(path)] == path for found in self.error_paths)

    def errs_in(self, *path: str | int) -> bool:
        """Return whether an error lies in the field at `path`, or on the way to it."""
        return any(found[: len(path)] == path[: len(found)] for found in self.error_paths)

    def written(self, path: Path) -> str:
        """Return the word that stands in the text at `path`, or nothing if places are not known."""
        place = self.place(path)
        lines = self.text.split("\n", max(place.line - self.first_line, 1))
        index = place.line - self.first_line - 1
        if not place.line or not 0 <= index < len(lines):
            return ""
        words = lines[index][place.column - 1 :].split()
        return words[0].rstrip(",}]") if words else ""

    def problems(self) -> list[Problem]:
        """Return what was recorded, in order of recording."""
        return self._problems

"""Parsed documents: mappings and lists that remember where each of their parts was written.

`Map` and `Seq` are a dict and a list; plain ones stand in for them where places are not known (large JSON).
"""

from __future__ import annotations

from typing import Any, Protocol

from netcheck.errors import Place

Path = tuple[str | int, ...]
"""A way from the root of a document to one of its parts: keys and list indexes."""


class Mark(Protocol):
    """A 0-based position, as PyYAML gives it."""

    line: int
    column: int


class Map(dict[str, Any]):
    """A mapping with its own mark and, by order of keys, the marks of each key and value in turn."""

    __slots__ = ("mark", "marks")

    def __init__(self, mark: Mark) -> None:
        super().__init__()
        self.mark = mark
        self.marks: list[Mark] = []


class Seq(list[Any]):
    """A list with its own mark and the mark of each item."""

    __slots__ = ("mark", "marks")

    def __init__(self, mark: Mark) -> None:
        super().__init__()
        self.mark = mark
        self.marks: list[Mark] = []


def _step(value: Any, key: str | int, *, of_key: bool) -> tuple[Any, Mark | None] | None:
    """Return the part of `value` at `key` and its mark, or None if there is no such part."""
    if isinstance(value, dict):
        if key not in value:
            return None
        if not isinstance(value, Map):
            return value[str(key)], None
        index = 2 * next(i for i, name in enumerate(value) if name == key)
        return value[str(key)], value.marks[index if of_key else index + 1]
    if isinstance(value, list) and isinstance(key, int) and key < len(value):
        return value[key], value.marks[key] if isinstance(value, Seq) else None
    return None


def place_of(root: Any, path: Path, file: str, first_line: int = 0, *, of_key: bool = False) -> Place:
    """Return where the part at `path` was written, or the deepest part on the way that exists."""
    value = root
    mark: Mark | None = getattr(root, "mark", None)
    for depth, key in enumerate(path):
        found = _step(value, key, of_key=of_key and depth == len(path) - 1)
        if found is None:
            break
        value = found[0]
        mark = found[1] or mark
    return place_at(mark, file, first_line)


def place_at(mark: Mark | None, file: str, first_line: int = 0) -> Place:
    """Return the place of a mark in a document whose text starts at 0-based line `first_line` of `file`."""
    return Place(file) if mark is None else Place(file, mark.line + first_line + 1, mark.column + 1)


def shown(path: Path) -> str:
    """Return a field path as the API server writes it: `spec.ingress[0].from`."""
    out = ""
    for part in path:
        out += f"[{part}]" if isinstance(part, int) else f".{part}" if out else part
    return out

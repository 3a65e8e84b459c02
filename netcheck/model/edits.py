"""Changes to manifests as rules ask for them, by what is meant, and as edits of a text, by line and column."""

from __future__ import annotations

from dataclasses import dataclass

from netcheck.errors import Place

Path = tuple[str | int, ...]
"""A way from a mapping to one of its parts: keys and list indexes."""


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a mapping and what is written there."""

    key: str
    value: Value


Value = str | int | tuple[Field, ...] | tuple[str, ...]
"""A scalar, a mapping (fields), or a list of texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetField:
    """Write a scalar at `key` of the mapping that stands at `at`, in place of the one that is there, if any."""

    at: Place
    key: str
    value: str | int


@dataclass(frozen=True, slots=True, kw_only=True)
class InsertField:
    """Write a new key into the mapping at `path` below the one at `at`: before the first of `before` that is there."""

    at: Place
    field: Field
    path: Path = ()
    before: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameKey:
    """Write another key in the mapping at `path` below the one at `at`."""

    at: Place
    path: Path
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InsertItem:
    """Write a mapping into a list, before the item that stands at `at`."""

    at: Place
    item: tuple[Field, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendText:
    """Write a text behind the last item of the list of scalars at `path` below the mapping at `at`."""

    at: Place
    path: Path
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DropComment:
    """Take away the comment that begins at `at`, with its line if nothing else stands there."""

    at: Place


Operation = SetField | InsertField | RenameKey | InsertItem | AppendText | DropComment


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    r"""Replace the text from (line, column) up to (end_line, end_column), which is left out, by `text`; all 1-based.

    Columns count characters, and a byte order mark is none. Line ends in `text` are `\n`.
    """

    line: int
    column: int
    end_line: int
    end_column: int
    text: str

"""Operations on manifests to edits of their text, which leave comments and layout alone.

Every edit is small: it replaces one scalar, or writes something before or behind a part that is there. What cannot be
done so (anchors, values over several lines, texts without places) is refused, never guessed at.
"""

from __future__ import annotations

import bisect
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

from netcheck.errors import Place
from netcheck.load.documents import chunks
from netcheck.load.tree import Map, Mark, Path, Seq
from netcheck.load.yaml_events import DocumentError, documents
from netcheck.model.edits import (
    AppendText,
    DropComment,
    Edit,
    Field,
    InsertField,
    InsertItem,
    Operation,
    RenameKey,
    SetField,
    Value,
)

_MARK = b"\xef\xbb\xbf"
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_OTHER_LINE_ENDS = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*\Z")
_READ_AS_OTHERWISE = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_WORD = re.compile(r"[^\s,\[\]{}:#&*!|>'\"%@`?-][^\s,\[\]{}:]*(?=[\s,\]}:]|\Z)")
_QUOTED = re.compile(r"""'(?:[^']|'')*'|"(?:[^"\\]|\\.)*\"""")
_BEFORE_ITEM = re.compile(r"\s*(?:- +)*- +\Z")
_NEXT_COMMENT = re.compile(r"\s(?=#\s)")


class NotEditable(ValueError):
    """An operation cannot be written into a text; the message says why."""


class Source:
    """The text of one file, by lines.

    Raises:
        NotEditable: it is not UTF-8 text whose lines everybody counts alike.
    """

    def __init__(self, data: bytes) -> None:
        self.has_mark = data.startswith(_MARK)
        try:
            self.text = data.removeprefix(_MARK).decode("utf-8")
        except ValueError:
            raise NotEditable("the file is not UTF-8 text") from None
        if _OTHER_LINE_ENDS.search(self.text):
            raise NotEditable("the file has line ends that not every reader takes for such")
        self.lines: list[str] = _LINE.findall(self.text)
        self.starts = [0, *itertools.accumulate(map(len, self.lines))]
        self.plain = self.text.replace("\r\n", "\n").replace("\r", "\n")
        self._trees: dict[int, _Tree] = {}

    def line(self, number: int) -> str:
        """Return a line, counted from 0, without its end."""
        return self.lines[number].rstrip("\r\n") if number < len(self.lines) else ""

    @cached_property
    def _chunks(self) -> list[tuple[int, str]]:
        """The first line and the text of each document; JSON is one."""
        if self.plain.lstrip()[:1] in ("{", "["):
            try:
                list(documents(self.plain))
            except DocumentError:
                pass
            else:
                return [(0, self.plain)]
        return list(chunks(self.plain))

    def tree(self, line: int) -> _Tree:
        """Return the document that a line, counted from 0, is in.

        Raises:
            NotEditable: it cannot be read.
        """
        number = max(0, bisect.bisect_right([first for first, _ in self._chunks], line) - 1)
        if number not in self._trees:
            self._trees[number] = _Tree(*self._chunks[number])
        return self._trees[number]

    def line_end(self, number: int) -> str:
        """Return how lines end around a line."""
        for text in (*self.lines[number : number + 1], *self.lines[:1]):
            if text.endswith(("\r", "\n")):
                return text[len(text.rstrip("\r\n")) :]
        return "\n"

    def with_edits(self, edits: Iterable[Edit]) -> bytes:
        """Return the bytes with edits that do not overlap."""
        text = self.text
        for edit in sorted(edits, reverse=True):
            start = self.starts[edit.line - 1] + edit.column - 1
            end = self.starts[edit.end_line - 1] + edit.end_column - 1
            new = edit.text.replace("\n", self.line_end(edit.line - 1))
            text = text[:start] + new + text[end:]
        return (_MARK if self.has_mark else b"") + text.encode("utf-8")


def overlap(one: Iterable[Edit], other: Iterable[Edit]) -> bool:
    """Return whether some edit touches another, so that the two cannot be made at once."""
    spans = [((edit.line, edit.column), (edit.end_line, edit.end_column)) for edit in other]
    return any(
        (edit.line, edit.column) <= end and start <= (edit.end_line, edit.end_column)
        for edit in one
        for start, end in spans
    )


def edits_of(source: Source, operations: Iterable[Operation]) -> tuple[Edit, ...]:
    """Return the edits that carry operations out.

    Raises:
        NotEditable: one of them cannot be written into this text.
    """
    return tuple(_edit(source, operation) for operation in operations)


def _edit(source: Source, operation: Operation) -> Edit:
    if isinstance(operation, DropComment):
        return _drop_comment(source, operation.at)
    spot = _Spot(source, operation.at)
    match operation:
        case SetField(key=key, value=value):
            return spot.mapping(()).set(key, value)
        case InsertField(path=path, field=field, before=before):
            return spot.mapping(path).insert(field, before)
        case RenameKey(path=path, old=old, new=new):
            return spot.mapping(path).rename(old, new)
        case InsertItem(item=item):
            return spot.insert_item(item)
        case AppendText(path=path, value=value):
            return spot.append(path, value)


def _drop_comment(source: Source, at: Place) -> Edit:
    line = source.line(at.line - 1)
    start = at.column - 1
    if line[start : start + 1] != "#":
        raise NotEditable("the note is not where its comment begins")
    following = _NEXT_COMMENT.search(line, start)
    if following is not None:
        return Edit(at.line, start + 1, at.line, following.end() + 1, "")
    before = line[:start].rstrip()
    if before:
        return Edit(at.line, len(before) + 1, at.line, len(line) + 1, "")
    if at.line < len(source.lines):
        return Edit(at.line, 1, at.line + 1, 1, "")
    return Edit(at.line, 1, at.line, len(line) + 1, "")


# ---- where a part stands -------------------------------------------------------------------------------------------


class _Tree:
    """One document: its mappings by where they begin, each with the list that it is an item of, if it is one."""

    def __init__(self, first: int, text: str) -> None:
        self.first = first
        self._at: dict[tuple[int, int], tuple[Map, Seq | None]] = {}
        try:
            for document in documents(text):
                self._add(document.value, None)
        except DocumentError as error:
            raise NotEditable(str(error)) from None

    def _add(self, value: Any, parent: Seq | None) -> None:
        if isinstance(value, Map):
            self._at.setdefault((value.mark.line + self.first, value.mark.column), (value, parent))
            for item in value.values():
                self._add(item, None)
        elif isinstance(value, Seq):
            for item in value:
                self._add(item, value)

    def mapping(self, line: int, column: int) -> tuple[Map, Seq | None]:
        """Return the mapping that begins at a position, counted from 0 in the whole file, and its list."""
        found = self._at.get((line, column))
        if found is None:
            raise NotEditable("the part of the manifest that is to be changed was not found")
        return found


class _Spot:
    """The mapping at a place of a text, and the list that it is an item of, if it is one."""

    def __init__(self, source: Source, at: Place) -> None:
        if not at.line:
            raise NotEditable("where the object is written is not known")
        self.source = source
        tree = source.tree(at.line - 1)
        self.first = tree.first
        self.value, self.parent = tree.mapping(at.line - 1, at.column - 1)

    def at(self, mark: Mark) -> tuple[int, int]:
        """Return (line, column), counted from 0 in the whole file."""
        return mark.line + self.first, mark.column

    def mapping(self, path: Path) -> _Mapping:
        """Return the mapping at `path` below this one."""
        value: Any = self.value
        for step in path:
            value = _part(value, step)
        if not isinstance(value, Map) or not value:
            raise NotEditable("the mapping that is to be changed is empty or not written out")
        return _Mapping(self, value)

    def is_flow(self, value: Map | Seq) -> bool:
        """Return whether a collection is written in brackets."""
        line, column = self.at(value.mark)
        first = self.source.line(line)[column : column + 1]
        if first in ("&", "!", "*"):
            raise NotEditable("the part that is to be changed has an anchor or a tag")
        return first in ("{", "[")

    def insert_item(self, item: tuple[Field, ...]) -> Edit:
        """Return the edit that writes an item before the one at this place."""
        if self.parent is None:
            raise NotEditable("the item that is to be added has no list")
        line, column = self.at(self.value.mark)
        prefix = self.source.line(line)[:column]
        in_block = not self.is_flow(self.value)
        fields = sorted(item, key=lambda field: _order(self.value, field.key))
        if in_block:
            quoted = False
            text = f"\n{' ' * column}".join(_field(field) for field in fields)
        else:
            quoted = self.mapping(()).is_quoted
            text = _flow(tuple(fields), quoted=quoted)
        if self.is_flow(self.parent):
            return Edit(line + 1, column + 1, line + 1, column + 1, text + _comma(prefix))
        if not _BEFORE_ITEM.match(prefix):
            raise NotEditable("the list item does not begin on the line of its dash")
        dash = prefix.rindex("-")
        return Edit(line + 1, column + 1, line + 1, column + 1, f"{text}\n{' ' * dash}{prefix[dash:]}")

    def append(self, path: Path, value: str) -> Edit:
        """Return the edit that writes a text behind the last scalar of a list."""
        found: Any = self.value
        for step in path:
            found = _part(found, step)
        if not isinstance(found, Seq) or not found or not isinstance(found[-1], str):
            raise NotEditable("the list that is to be longer is empty or not written out")
        line, column = self.at(found.marks[-1])
        end = column + len(_scalar_at(self.source.line(line), column, found[-1]))
        text = self.source.line(line)
        if self.is_flow(found):
            written = json.dumps(value) if text[column] == '"' else _scalar(value)
            return Edit(line + 1, end + 1, line + 1, end + 1, f", {written}")
        prefix, rest = text[:column], text[end:].strip()
        if not _BEFORE_ITEM.match(prefix) or (rest and not rest.startswith("#")):
            raise NotEditable("the list item does not have its line to itself")
        dash = prefix.rindex("-")
        return Edit(line + 1, len(text) + 1, line + 1, len(text) + 1, f"\n{' ' * dash}{prefix[dash:]}{_scalar(value)}")


class _Mapping:
    """A mapping that is to be changed."""

    def __init__(self, spot: _Spot, value: Map) -> None:
        self._spot = spot
        self._source = spot.source
        self._value = value
        self._flow = spot.is_flow(value)
        self._keys = list(value)

    @property
    def is_quoted(self) -> bool:
        """Whether keys are written as in JSON."""
        line, column = self._key_at(self._keys[0])
        return self._flow and self._source.line(line)[column : column + 1] == '"'

    def _key_at(self, key: str) -> tuple[int, int]:
        """Return where a key stands; refuse one that was merged in from elsewhere."""
        line, column = self._spot.at(self._value.marks[2 * self._keys.index(key)])
        if (line, column) < self._spot.at(self._value.mark):
            raise NotEditable(f"`{key}` is written elsewhere and merged in")
        _scalar_at(self._source.line(line), column, key)
        return line, column

    def set(self, key: str, value: str | int) -> Edit:
        """Return the edit that writes a scalar."""
        if key not in self._value:
            return self.insert(Field(key, value), ())
        line, column = self._spot.at(self._value.marks[2 * self._keys.index(key) + 1])
        self._key_at(key)
        old = _scalar_at(self._source.line(line), column, self._value[key])
        new = _like(old, value) if isinstance(value, str) else json.dumps(value)
        return Edit(line + 1, column + 1, line + 1, column + len(old) + 1, new)

    def rename(self, old: str, new: str) -> Edit:
        """Return the edit that writes another key."""
        if old not in self._value or new in self._value:
            raise NotEditable(f"`{old}` cannot be renamed to `{new}`")
        line, column = self._key_at(old)
        written = _scalar_at(self._source.line(line), column, old)
        return Edit(line + 1, column + 1, line + 1, column + len(written) + 1, _like(written, new))

    def insert(self, field: Field, before: Sequence[str]) -> Edit:
        """Return the edit that writes a new key before another: above the comments that stand over that one."""
        if field.key in self._value:
            raise NotEditable(f"`{field.key}` is there already")
        key = next((name for name in before if name in self._value), self._keys[0])
        line, column = self._key_at(key)
        prefix = self._source.line(line)[:column]
        if self._flow:
            text = f"{_word(field.key, self.is_quoted)}: {_flow(field.value, quoted=self.is_quoted)}"
            return Edit(line + 1, column + 1, line + 1, column + 1, text + _comma(prefix))
        if key != self._keys[0] and not prefix.strip():
            while line and self._source.line(line - 1).startswith(f"{prefix}#"):
                line -= 1
            return Edit(line + 1, 1, line + 1, 1, f"{prefix}{_field(field)}\n")
        return Edit(line + 1, column + 1, line + 1, column + 1, f"{_field(field)}\n{' ' * column}")


def _part(value: Any, step: str | int) -> Any:
    try:
        return value[step]
    except (KeyError, IndexError, TypeError):
        raise NotEditable(f"there is no `{step}`") from None


def _order(value: Map, key: str) -> int:
    keys = list(value)
    return keys.index(key) if key in keys else len(keys)


def _scalar_at(line: str, column: int, value: Any) -> str:
    """Return the text of a scalar as it is written, quotes too.

    Raises:
        NotEditable: it is not written on this line in the way that its value says.
    """
    quoted = _QUOTED.match(line, column)
    if quoted is not None:
        plain = quoted[0][1:-1]
        if plain == str(value):
            return quoted[0]
    word = _WORD.match(line, column)
    if word is not None and word[0] == str(value):
        return word[0]
    raise NotEditable(f"`{value}` is not written plainly")


# ---- what is written -----------------------------------------------------------------------------------------------


def _comma(prefix: str) -> str:
    """Return what separates a new part of a flow collection from the next: as that one stands, on a line of its own."""
    return f",\n{prefix}" if not prefix.strip() else ", "


def _like(old: str, value: str) -> str:
    quote = old[0]
    return f"{quote}{value}{quote}" if quote in ("'", '"') and _PLAIN.match(value) else _scalar(value)


def _scalar(value: str | int) -> str:
    """Return a scalar, quoted wherever YAML might read it as something else than a text."""
    if isinstance(value, str) and _PLAIN.match(value) and value.lower() not in _READ_AS_OTHERWISE:
        return value
    return json.dumps(value)


def _word(value: str | int, quoted: bool) -> str:
    return json.dumps(value) if quoted else _scalar(value)


def _field(field: Field) -> str:
    return f"{_scalar(field.key)}: {_flow(field.value, quoted=False)}"


def _flow(value: Value, *, quoted: bool) -> str:
    if isinstance(value, str | int):
        return _word(value, quoted)
    if all(isinstance(item, Field) for item in value):
        fields = [item for item in value if isinstance(item, Field)]
        return f"{{{', '.join(f'{_word(item.key, quoted)}: {_flow(item.value, quoted=quoted)}' for item in fields)}}}"
    return f"[{', '.join(_word(item, quoted) for item in value if isinstance(item, str))}]"


# ---- what has changed ----------------------------------------------------------------------------------------------


def changed_objects(before: bytes, after: bytes) -> frozenset[tuple[str, str, str]] | None:
    """Return (kind, namespace, name) of the objects that differ between two states of a file, as they are written.

    None iff that cannot be said: there are more or fewer documents, or something that is no object differs.
    """
    one, other = (list(_values(Source(data).plain)) for data in (before, after))
    if len(one) != len(other):
        return None
    changed: set[tuple[str, str, str]] = set()
    for first, second in zip(one, other, strict=True):
        if not _collect(first, second, changed):
            return None
    return frozenset(changed)


def _values(text: str) -> Iterator[Any]:
    """Yield the value of each document; of one that cannot be read: its text."""
    for _, chunk in chunks(text) if text.lstrip()[:1] not in ("{", "[") else [(0, text)]:
        try:
            yield from [document.value for document in documents(chunk)]
        except DocumentError:
            yield chunk


def _collect(one: Any, other: Any, changed: set[tuple[str, str, str]]) -> bool:
    if one == other:
        return True
    if not isinstance(one, dict) or not isinstance(other, dict) or _identity(one) != _identity(other):
        return False
    items, others = one.get("items"), other.get("items")
    if isinstance(items, list) and isinstance(others, list) and str(one.get("kind")).endswith("List"):
        return len(items) == len(others) and all(
            _collect(first, second, changed) for first, second in zip(items, others, strict=True)
        )
    changed.add(_identity(one))
    return True


def _identity(value: dict[str, Any]) -> tuple[str, str, str]:
    metadata = value.get("metadata")
    fields = metadata if isinstance(metadata, dict) else {}
    return str(value.get("kind") or ""), str(fields.get("namespace") or ""), str(fields.get("name") or "")

"""YAML text to Python values with places, by PyYAML's events: the only module that knows PyYAML.

Values mean what kubectl takes them to mean (`scalars`). Depth, aliases and duplicate keys are bounded or recorded
while building, so a hostile document costs no more than its length.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from netcheck.load.scalars import TAG, as_key, is_json, resolve, resolve_tagged
from netcheck.load.tree import Map, Mark, Seq

MAX_DEPTH = 150
MAX_ALIASED = 200_000
"""How many nodes the aliases of one document may stand for (goyaml has a like limit)."""


class DocumentError(Exception):
    """A document cannot be read. `line` and `column` are 0-based, within the text that was given."""

    def __init__(self, message: str, line: int = 0, column: int = 0, hint: str = "") -> None:
        super().__init__(message)
        self.line = line
        self.column = column
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Document:
    """The value of one document, the mark of its first node, and the keys written twice in one mapping."""

    value: Any
    mark: Mark
    repeated: tuple[tuple[str, Mark], ...] = ()


@dataclass(slots=True)
class _Anchor:
    value: Any
    size: int


_MERGE = object()


class _Builder:
    """Builds the values of one text from its events."""

    def __init__(self, parser: Any, yaml: Any) -> None:
        self._next = parser.get_event
        self._yaml = yaml
        self._scalar = yaml.ScalarEvent
        self._map_start = yaml.MappingStartEvent
        self._seq_start = yaml.SequenceStartEvent
        self._map_end = yaml.MappingEndEvent
        self._seq_end = yaml.SequenceEndEvent
        self._anchors: dict[str, _Anchor] = {}
        self._open: set[str] = set()
        self._aliased = 0
        self._count = 0
        self._repeated: list[tuple[str, Mark]] = []

    def documents(self) -> Iterator[Document]:
        """Yield each document of the stream."""
        while True:
            event = self._next()
            if isinstance(event, self._yaml.StreamEndEvent):
                return
            if isinstance(event, self._yaml.DocumentStartEvent):
                self._anchors.clear()
                self._aliased = 0
                self._repeated = []
                first = self._next()
                value = self._node(first, 0)
                yield Document(value, first.start_mark, tuple(self._repeated))

    def _node(self, event: Any, depth: int) -> Any:
        kind = type(event)
        if kind is self._scalar:
            self._count += 1
            value = self._scalar_value(event)
            if event.anchor is not None:
                self._anchors[event.anchor] = _Anchor(value, 1)
            return value
        if kind is self._map_start or kind is self._seq_start:
            return self._collection(event, kind is self._map_start, depth)
        return self._alias(event)

    def _collection(self, event: Any, is_map: bool, depth: int) -> Any:
        if depth >= MAX_DEPTH:
            raise _failure(f"nested deeper than {MAX_DEPTH} levels", event.start_mark)
        anchor = event.anchor
        before = self._count + self._aliased
        self._count += 1
        if anchor is not None:
            self._open.add(anchor)
        value = self._mapping(event, depth + 1) if is_map else self._sequence(event, depth + 1)
        if anchor is not None:
            self._open.discard(anchor)
            self._anchors[anchor] = _Anchor(value, self._count + self._aliased - before)
        return value

    def _scalar_value(self, event: Any) -> Any:
        tag = event.tag
        text = event.value
        if tag is None or tag == "!":
            if not event.implicit[0] or tag is not None:
                return text
            value = resolve(text)
            if value.__class__ is float and not is_json(value):
                raise _failure(f"`{text}` cannot be written as JSON", event.start_mark, "quote the value")
            return value
        if tag == TAG + "binary":
            return self._binary(event)
        try:
            return resolve_tagged(tag, text)
        except ValueError as error:
            raise _failure(str(error), event.start_mark) from None

    def _binary(self, event: Any) -> str:
        import base64  # noqa: PLC0415 - hardly ever needed

        try:
            return base64.b64decode(event.value).decode("utf-8", "replace")
        except ValueError:
            raise _failure("!!binary value contains invalid base64 data", event.start_mark) from None

    def _alias(self, event: Any) -> Any:
        name = event.anchor
        if name in self._open:
            raise _failure(f"anchor `{name}` contains itself", event.start_mark)
        anchor = self._anchors.get(name)
        if anchor is None:
            raise _failure(f"unknown anchor `{name}`", event.start_mark)
        self._aliased += anchor.size
        if self._aliased > MAX_ALIASED:
            raise _failure("the document's aliases expand to too many nodes", event.start_mark)
        return anchor.value

    def _sequence(self, start: Any, depth: int) -> Seq:
        out = Seq(start.start_mark)
        marks = out.marks
        following = self._next
        scalar = self._scalar
        while True:
            event = following()
            if type(event) is self._seq_end:
                return out
            marks.append(event.start_mark)
            if type(event) is scalar and event.anchor is None:
                self._count += 1
                out.append(self._scalar_value(event))
            else:
                out.append(self._node(event, depth))

    def _mapping(self, start: Any, depth: int) -> Map:
        out = Map(start.start_mark)
        marks = out.marks
        following = self._next
        scalar = self._scalar
        merged: set[str] = set()
        while True:
            event = following()
            if type(event) is self._map_end:
                return out
            key = self._key(event, depth)
            at = event.start_mark
            event = following()
            if type(event) is scalar and event.anchor is None:
                self._count += 1
                value = self._scalar_value(event)
            else:
                value = self._node(event, depth)
            if key is _MERGE:
                merged.update(self._merge(out, value, event))
            elif key in out:
                if key in merged:
                    merged.discard(key)
                else:
                    self._repeated.append((key, at))
                index = 2 * list(out).index(key)
                marks[index : index + 2] = (at, event.start_mark)
                out[key] = value
            else:
                marks.append(at)
                marks.append(event.start_mark)
                out[key] = value

    def _key(self, event: Any, depth: int) -> Any:
        if type(event) is self._scalar and event.tag is None and event.implicit[0]:
            if event.value == "<<":
                return _MERGE
            value = resolve(event.value)
            if event.anchor is not None:
                self._anchors[event.anchor] = _Anchor(value, 1)
        else:
            value = self._node(event, depth)
        key = as_key(value)
        if key is None:
            raise _failure("a mapping key must be a scalar that is not null", event.start_mark)
        return key

    def _merge(self, out: Map, value: Any, event: Any) -> list[str]:
        """Merge as goyaml v2 does: at its place, so it replaces keys that stand before it."""
        sources = value if isinstance(value, list) else [value]
        if not all(isinstance(source, Map) for source in sources):
            raise _failure("map merge requires a map or a list of maps as the value", event.start_mark)
        names: list[str] = []
        for source in reversed(sources):
            for index, (key, item) in enumerate(source.items()):
                if key not in out:
                    out.marks.extend(source.marks[2 * index : 2 * index + 2])
                out[key] = item
                names.append(key)
        return names


def _failure(message: str, mark: Any, hint: str = "") -> DocumentError:
    return DocumentError(message, mark.line, mark.column, hint)


def documents(text: str) -> Iterator[Document]:
    """Yield the documents of a YAML text.

    Raises:
        DocumentError: the text is not YAML that kubectl would take.
    """
    import yaml  # noqa: PLC0415 - costs 20 ms at start-up

    # The pure Python loader stands in where PyYAML was built without libyaml.
    parser: Any = getattr(yaml.cyaml, "CParser")(text) if yaml.__with_libyaml__ else yaml.SafeLoader(text)  # noqa: B009
    try:
        yield from _Builder(parser, yaml).documents()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = _message(error)
        raise DocumentError(message, mark.line if mark else 0, mark.column if mark else 0, _hint(message)) from None
    except (yaml.YAMLError, ValueError) as error:
        first = str(error).splitlines()[0] if str(error) else "the YAML parser gave up"
        raise DocumentError(f"cannot be read as YAML: {first}") from None
    finally:
        parser.dispose()


def _message(error: Any) -> str:
    parts = [error.context or "", error.problem or ""]
    return "cannot be read as YAML: " + ", ".join(part for part in parts if part)


def _hint(message: str) -> str:
    if "cannot start any token" in message:
        return "indent with spaces, not with tabs, and quote values that start with a special character"
    if "mapping values are not allowed" in message:
        return "quote values that contain `: `, and check the indentation"
    return ""

"""Bytes of a file to its documents: YAML streams split at `---`, JSON, lists unpacked, broken ones told.

One bad document never stops the others (docs/cli.md, SEMANTICS LIVE-12).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from netcheck.errors import Place, Problem, Severity
from netcheck.load.scalars import as_json_number
from netcheck.load.tree import Mark, place_at
from netcheck.load.yaml_events import Document, DocumentError, documents

MOST_YAML_BYTES = 40 * 1024 * 1024
_SEPARATOR = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_BLANK = re.compile(r"(?:\s*(?:#[^\n]*|%[^\n]*)?(?:\n|\Z))*\Z")
_LOOKS_LIKE_OBJECT = re.compile(r"""(?s)(?=.*["']?apiVersion["']?\s*:)(?=.*["']?kind["']?\s*:)""")
_BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


@dataclass(frozen=True, slots=True)
class RawObject:
    """One object of a file as it was written; `path` leads to it in its document (items of a List)."""

    value: dict[str, Any]
    file: str
    first_line: int
    text: str


@dataclass(frozen=True, slots=True)
class Broken:
    """A document that looks like an object and cannot be read: `text` is what there is of it."""

    problem: Problem
    text: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A document that is not a Kubernetes object."""


@dataclass(frozen=True, slots=True)
class Note:
    """A problem of a document that was read all the same."""

    problem: Problem


Outcome = RawObject | Broken | Skipped | Note


def decode(data: bytes) -> str:
    """Return the text of a file, without its byte order mark and with plain line ends.

    Raises:
        ValueError: the bytes are not text.
    """
    encoding = "utf-8"
    for mark, name in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            data, encoding = data[len(mark) :], name
            break
    return data.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")


def read(data: bytes, file: str) -> Iterator[Outcome]:
    """Yield what the bytes of one file hold."""
    if len(data) > MOST_YAML_BYTES:
        yield _broken(
            file, f"the file is larger than {MOST_YAML_BYTES >> 20} MiB", "", "write it as JSON: `kubectl get -o json`"
        )
        return
    if b"\0" in data[:4096] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        yield _if_object(file, data, "holds NUL bytes: it is not text")
        return
    try:
        text = decode(data)
    except ValueError:
        yield _if_object(file, data, "is not valid UTF-8 text")
        return
    if text.lstrip()[:1] in ("{", "["):
        yield from _read_json(text, file)
    else:
        yield from _read_yaml(text, file)


def _if_object(file: str, data: bytes, what: str) -> Outcome:
    text = data.replace(b"\0", b"").decode("utf-8", "replace")
    return _broken(file, f"the file {what}", text) if looks_like_object(text) else Skipped()


def looks_like_object(text: str) -> bool:
    """Return whether a text that cannot be parsed holds `apiVersion:` and `kind:` (docs/cli.md)."""
    return _LOOKS_LIKE_OBJECT.match(text) is not None


def _broken(  # noqa: PLR0917
    file: str, message: str, text: str, hint: str = "", line: int = 0, column: int = 0
) -> Broken:
    place = Place(file, line, column)
    return Broken(Problem(severity=Severity.ERROR, message=message, hint=hint, place=place), text)


def chunks(text: str) -> Iterator[tuple[int, str]]:
    """Yield (0-based first line, text) of each document of a YAML stream; `---` at column 1 always ends one."""
    line = 0
    start = 0
    for found in _SEPARATOR.finditer(text):
        if found.start() > start:
            yield line, text[start : found.start()]
            line += text.count("\n", start, found.start())
        start = found.start()
    yield line, text[start:]


def _read_yaml(text: str, file: str) -> Iterator[Outcome]:
    for line, chunk in chunks(text):
        body = chunk.removeprefix("---")
        if not body.strip() or _BLANK.match(body):
            continue
        try:
            found = list(documents(chunk))
        except DocumentError as error:
            if looks_like_object(chunk):
                yield _broken(file, str(error), chunk, error.hint, line + error.line + 1, error.column + 1)
            else:
                yield Skipped()
            continue
        for document in found:
            yield from _notes(document, file, line)
            yield from _unpack(document.value, file, line, chunk)


def _read_json(text: str, file: str) -> Iterator[Outcome]:
    try:
        values = list(documents(text))
    except DocumentError as error:
        yield from _read_plain_json(text, file, error)
        return
    for document in values:
        yield from _notes(document, file, 0)
        yield from _unpack(document.value, file, 0, text)


def _notes(document: Document, file: str, line: int) -> Iterator[Note]:
    if is_object(document.value):
        for key, mark in document.repeated:
            message = f"the key `{key}` is written twice in one mapping: the last one wins"
            problem = Problem(severity=Severity.WARNING, message=message, place=place_at(mark, file, line))
            yield Note(problem)


def _read_plain_json(text: str, file: str, yaml_error: DocumentError) -> Iterator[Outcome]:
    """Read what JSON allows and YAML does not, or several JSON texts one after the other; places are not known."""
    decoder = json.JSONDecoder(parse_float=lambda text: as_json_number(float(text)))
    position = len(text) - len(text.lstrip())
    found: list[Any] = []
    try:
        while position < len(text):
            value, position = decoder.raw_decode(text, position)
            found.append(value)
            position += len(text) - position - len(text[position:].lstrip())
    except (ValueError, RecursionError):
        if text.lstrip().startswith("{") and _SEPARATOR.search(text):
            yield from _read_yaml(text, file)
        elif looks_like_object(text):
            message = str(yaml_error).replace("as YAML", "as JSON or YAML")
            yield _broken(file, message, text, yaml_error.hint, yaml_error.line + 1, yaml_error.column + 1)
        else:
            yield Skipped()
        return
    for value in found:
        yield from _unpack(value, file, 0, text)


def is_object(value: Any) -> bool:
    """Return whether a value has `apiVersion` and `kind`."""
    return isinstance(value, dict) and bool(value.get("apiVersion")) and bool(value.get("kind"))


def _unpack(value: Any, file: str, line: int, text: str) -> Iterator[Outcome]:
    if not is_object(value):
        if value is not None:
            yield Skipped()
        return
    kind = value["kind"]
    if isinstance(kind, str) and kind.endswith("List") and isinstance(value.get("items"), list):
        for item in value["items"]:
            yield from _item(item, value, kind, RawObject(value, file, line, text))
        return
    yield RawObject(value, file, line, text)


def _item(item: Any, parent: dict[str, Any], kind: str, raw: RawObject) -> Iterator[Outcome]:
    if not isinstance(item, dict):
        yield Skipped()
        return
    complete = with_kind(item, parent["apiVersion"], kind)
    yield from _unpack(complete, raw.file, raw.first_line, raw.text)


def with_kind(item: dict[str, Any], api_version: str, list_kind: str) -> dict[str, Any]:
    """Return an item of a typed list with the apiVersion and kind that its list gives it (SEMANTICS LIVE-12)."""
    if (item.get("apiVersion") and item.get("kind")) or list_kind == "List":
        return item
    mark: Mark | None = getattr(item, "mark", None)
    for key, value in (("apiVersion", api_version), ("kind", list_kind.removesuffix("List"))):
        if not item.get(key):
            known = key in item
            item[key] = value
            if mark is not None and not known:
                item.marks.extend((mark, mark))  # type: ignore[attr-defined]
    return item

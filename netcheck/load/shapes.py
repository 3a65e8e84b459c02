"""The Go types of API fields, and the check that a document fits them, as the API server decodes JSON.

`null` is the zero value of every type; a field that a struct does not have is unknown to strict decoding
(SEMANTICS NP-38, LIVE-13).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from netcheck.load.report import Report
from netcheck.load.tree import Path


class Scalar(Enum):
    """A Go type without parts."""

    STRING = "a string"
    BOOL = "true or false"
    INT32 = "a whole number"
    INT64 = "a whole number (64 bits)"
    INT_OR_STRING = "a whole number or a string"
    QUANTITY = "a quantity"
    ANY = "anything"


@dataclass(frozen=True, slots=True)
class ListOf:
    """A Go slice."""

    item: Shape


@dataclass(frozen=True, slots=True)
class MapOf:
    """A Go map with string keys."""

    value: Shape


@dataclass(frozen=True, slots=True)
class Struct:
    """A Go struct."""

    fields: Mapping[str, Shape]


Shape = Scalar | ListOf | MapOf | Struct

_LIMITS = {Scalar.INT32: 2**31, Scalar.INT64: 2**63, Scalar.INT_OR_STRING: 2**31}


def struct(**fields: Shape) -> Struct:
    """Build a struct; a trailing underscore of a field name is dropped (`from_`)."""
    return Struct({name.removesuffix("_"): shape for name, shape in fields.items()})


class ShapeCheck:
    """Checks one object; `strict_error` makes unknown fields errors that do not refuse (NC124)."""

    def __init__(self, report: Report, *, strict_error: bool) -> None:
        self._report = report
        self._strict_error = strict_error

    def check(self, value: Any, shape: Shape, path: Path) -> None:
        """Record each part of `value` that does not fit `shape`."""
        if value is None or shape is Scalar.ANY:
            return
        if isinstance(shape, Struct):
            self._check_struct(value, shape, path)
        elif isinstance(shape, ListOf):
            self._check_list(value, shape, path)
        elif isinstance(shape, MapOf):
            self._check_map(value, shape, path)
        elif not _fits(value, shape):
            self._mismatch(value, shape, path)

    def _check_struct(self, value: Any, shape: Struct, path: Path) -> None:
        if not isinstance(value, dict):
            self._mismatch(value, shape, path)
            return
        fields = shape.fields
        for key, part in value.items():
            wanted = fields.get(key)
            if wanted is None:
                self._unknown(key, shape, path)
            elif part is not None and wanted is not Scalar.ANY:
                if wanted is Scalar.STRING and isinstance(part, str):
                    continue
                self.check(part, wanted, (*path, key))

    def _check_list(self, value: Any, shape: ListOf, path: Path) -> None:
        if not isinstance(value, list):
            self._mismatch(value, shape, path)
            return
        for index, part in enumerate(value):
            self.check(part, shape.item, (*path, index))

    def _check_map(self, value: Any, shape: MapOf, path: Path) -> None:
        if not isinstance(value, dict):
            self._mismatch(value, shape, path)
            return
        for key, part in value.items():
            if not (shape.value is Scalar.STRING and isinstance(part, str)):
                self.check(part, shape.value, (*path, key))

    def _mismatch(self, value: Any, shape: Shape, path: Path) -> None:
        wanted = _wanted(shape)
        hint = ""
        if shape is Scalar.STRING and isinstance(value, (bool, int, float)):
            written = self._report.written(path)
            hint = f'quote it: `"{written}"`' if written else "quote the value"
        elif isinstance(shape, ListOf):
            hint = "write a list: start each item with `- `"
        elif shape in (Scalar.INT32, Scalar.INT64) and isinstance(value, str) and value.isdecimal():
            hint = f"write it without quotes: `{value}`"
        self._report.misfit(path, f"must be {wanted}, but is {describe(value)}", hint)

    def _unknown(self, key: str, shape: Struct, path: Path) -> None:
        import difflib  # noqa: PLC0415 - only for a hint

        same = [name for name in shape.fields if name.lower() == key.lower()]
        close = same or difflib.get_close_matches(key, shape.fields, n=1, cutoff=0.6)
        hint = f"did you mean `{close[0]}`?" if close else ""
        self._report.blemish(
            (*path, key),
            "unknown field, which the API server drops or refuses",
            hint,
            error=self._strict_error and bool(path),
            of_key=True,
        )


def _fits(value: Any, shape: Scalar) -> bool:
    if shape is Scalar.STRING:
        return isinstance(value, str)
    if shape is Scalar.BOOL:
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    if shape is Scalar.QUANTITY:
        return isinstance(value, (str, int, float))
    if shape is Scalar.INT_OR_STRING and isinstance(value, str):
        return True
    limit = _LIMITS[shape]
    return isinstance(value, int) and -limit <= value < limit


def _wanted(shape: Shape) -> str:
    if isinstance(shape, ListOf):
        return "a list"
    return "a mapping" if isinstance(shape, (MapOf, Struct)) else shape.value


def describe(value: Any) -> str:
    """Return what a parsed value is, in the user's words."""
    if isinstance(value, bool):
        return f"the Boolean {'true' if value else 'false'}"
    if value is None:
        return "null"
    if isinstance(value, (int, float)):
        return f"the number {value!r}"[:60]
    if isinstance(value, str):
        return f"the string `{value[:60]}`"
    return "a list" if isinstance(value, list) else "a mapping"

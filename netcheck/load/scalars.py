"""What a plain YAML scalar means to kubectl (sigs.k8s.io/yaml, a fork of goyaml v2): YAML 1.1 with Go's numbers.

Dates and sexagesimal numbers stay text; `y`, `on` and the like are Booleans (SEMANTICS LIVE-13).
"""

from __future__ import annotations

import re
from math import isfinite, isinf
from typing import Any

_TRUE = ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")
_FALSE = ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")
_NULL = ("", "~", "null", "Null", "NULL")
_FLOATS = {
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
_WORDS: dict[str, Any] = {
    **dict.fromkeys(_TRUE, True),
    **dict.fromkeys(_FALSE, False),
    **dict.fromkeys(_NULL, None),
    **_FLOATS,
}
_FIRST = frozenset("+-0123456789.yYnNtTfFoO~")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_INT = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[oO]?([0-7]+)|0[bB]([01]+)|(0|[1-9][0-9]*))\Z")
_INT_LEAST, _INT_MOST = -(2**63), 2**64 - 1
_LONGEST_NUMBER = 400
_EXACT_FLOAT = 1e21

TAG = "tag:yaml.org,2002:"


def _integer(text: str) -> int | None:
    found = _INT.match(text)
    if found is None:
        return None
    sign, hexadecimal, octal, binary, decimal = found.groups()
    number = (
        int(hexadecimal, 16)
        if hexadecimal
        else int(octal, 8)
        if octal
        else int(binary, 2)
        if binary
        else int(decimal or "0")
    )
    number = -number if sign == "-" else number
    # strconv.ParseUint takes no sign
    most = 2**63 - 1 if sign else _INT_MOST
    return number if _INT_LEAST <= number <= most else None


def as_json_number(number: float) -> float | int:
    """Return a float as the JSON that kubectl sends would be read again: `80.0` is sent as `80`."""
    return int(number) if number.is_integer() and abs(number) < _EXACT_FLOAT else number


def _number(text: str) -> Any:
    if len(text) > _LONGEST_NUMBER:
        return text
    plain = text.replace("_", "") if text[0] != "." else text
    integer = _integer(plain)
    if integer is not None:
        return integer
    if not _FLOAT.match(plain):
        return text
    number = float(plain)
    return text if isinf(number) else as_json_number(number)  # strconv.ParseFloat is out of range there


def is_json(value: Any) -> bool:
    """Return whether a scalar can be written as JSON: infinities and NaN cannot, and kubectl refuses the document."""
    return not isinstance(value, float) or isfinite(value)


def resolve(text: str) -> Any:
    """Return the value of a plain scalar without a tag."""
    if text and text[0] not in _FIRST:
        return text
    if text in _WORDS:
        return _WORDS[text]
    return _number(text) if text[0] in "+-.0123456789" else text


def resolve_tagged(tag: str, text: str) -> Any:
    """Return the value of a scalar with an explicit tag.

    Raises:
        ValueError: the text does not mean a value of that type.
    """
    if not tag.startswith(TAG):
        return text
    kind = tag[len(TAG) :]
    value = resolve(text)
    fits = {
        "bool": isinstance(value, bool),
        "int": isinstance(value, int) and not isinstance(value, bool),
        "float": isinstance(value, (int, float)) and not isinstance(value, bool),
        "null": value is None,
    }
    if kind not in fits:
        return text
    if not fits[kind]:
        raise ValueError(f"cannot decode `{text}` as !!{kind}")
    return value


def as_key(value: Any) -> str | None:
    """Return the text of a mapping key in JSON, or None if a key cannot have this value."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    return None

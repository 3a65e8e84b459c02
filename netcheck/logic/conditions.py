"""Status conditions as the Gateway API prescribes them (GW-35): their words, and how to build them."""

from __future__ import annotations

from collections.abc import Iterable

from netcheck.model.request import Condition

TRUE, FALSE, UNKNOWN = "True", "False", "Unknown"

_BAD_IF_TRUE = ("Conflicted", "PartiallyInvalid")
_ONLY_TOLD = ("OverlappingTLSConfig",)
"""Conditions that tell of something common and harmless in itself."""


def condition(kind: str, status: str, reason: str, message: str = "") -> Condition:
    """Return a condition of that type."""
    return Condition(type=kind, status=status, reason=reason, message=message)


def pending(kind: str, message: str) -> Condition:
    """Return a condition that nobody can tell from the input: the API's word for it is `Pending`."""
    return Condition(type=kind, status=UNKNOWN, reason="Pending", message=message)


def is_good(item: Condition) -> bool:
    """Return whether a condition is as it should be: True, or False if its type tells of something bad."""
    return item.type in _ONLY_TOLD or item.status == (FALSE if item.type in _BAD_IF_TRUE else TRUE)


def status_of(conditions: Iterable[Condition], kind: str) -> str:
    """Return the status of the condition of a type, `Unknown` if there is none."""
    return next((item.status for item in conditions if item.type == kind), UNKNOWN)

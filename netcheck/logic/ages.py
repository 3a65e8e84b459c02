"""Which of two objects is the older one: the tie-breaker of the Gateway API (GW-10, GW-14, GW-18, GW-20, GW-28)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Dated(Protocol):
    """An object with a name and perhaps a creation time."""

    @property
    def namespace(self) -> str:
        """The namespace."""

    @property
    def name(self) -> str:
        """The name."""

    @property
    def created(self) -> str:
        """`metadata.creationTimestamp`, or empty."""


def order_key(item: Dated) -> tuple[str, str]:
    """Return the key by which objects are sorted that have creation times; those without go first, by name.

    Names are compared as one string `{namespace}/{name}`, as GW-18 says: `a-b/x` comes before `a/x`.
    """
    return (item.created, f"{item.namespace}/{item.name}")


def in_order(items: Sequence[Dated]) -> bool:
    """Return whether the order of these objects is known: at most one of them, or each has a creation time."""
    return len(items) < 2 or all(item.created for item in items)

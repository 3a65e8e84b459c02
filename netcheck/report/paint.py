"""Colours, or none: what a word means, not how it looks, is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Role(Enum):
    """What a text means, and the ANSI codes that show it."""

    GOOD = "32"
    BAD = "31"
    DOUBT = "33"
    NAME = "1"
    ASIDE = "2"


@dataclass(frozen=True, slots=True)
class Paint:
    """Paints texts iff `enabled`."""

    enabled: bool = False

    def __call__(self, text: str, role: Role) -> str:
        """Return `text` in the colour of its role, or as it is."""
        return f"\x1b[{role.value}m{text}\x1b[0m" if self.enabled and text else text


PLAIN = Paint()

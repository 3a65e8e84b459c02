"""What holds for findings in some files only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class PathSettings:
    """What holds for findings in files that match `pattern`: `*` and `?` as in a shell, `*` also over folders."""

    pattern: str
    ignore: frozenset[str] = frozenset()
    severity: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

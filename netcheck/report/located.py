"""Findings as machines keep track of them: a path of the repository, a line, and a fingerprint."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from netcheck.errors import Place
from netcheck.lint.finding import Finding
from netcheck.load.rendering import is_rendered

Relative = Callable[[str], str]
"""File as it was named -> path relative to the repository's root, with `/`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """A finding, its path, and its fingerprint. `line` is 0 iff no line is known."""

    finding: Finding
    path: str
    line: int
    column: int
    fingerprint: str


def located(findings: Iterable[Finding], relative: Relative) -> tuple[Located, ...]:
    """Return the findings in their order with paths and fingerprints.

    A fingerprint is made of rule, path and object, and of the position among the findings that share these: it does not
    change when lines move or other objects change.
    """
    seen: Counter[tuple[str, str, str]] = Counter()
    found = []
    for finding in sorted(findings, key=lambda item: item.sort_key):
        place = finding.place or Place("")
        if is_rendered(place.file):  # its lines are not those of the file that it was rendered from
            place = Place(place.file)
        path = relative(place.file) if place.file else ""
        key = (finding.rule, path, finding.object)
        digest = hashlib.sha256("\0".join((*key, str(seen[key]))).encode()).hexdigest()[:32]
        seen[key] += 1
        found.append(
            Located(finding=finding, path=path, line=place.line, column=place.column, fingerprint=digest),
        )
    return tuple(found)


def sentence(finding: Finding) -> str:
    """Return what a finding says in one line: the object, the message, and the hint."""
    about = f"{finding.object}: " if finding.object else ""
    hint = f" ({finding.hint})" if finding.hint else ""
    return f"{about}{finding.message}{hint}"

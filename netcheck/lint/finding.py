"""What a rule reports: findings, the objects they relate to, the result of a run and its settings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from netcheck.errors import Place
from netcheck.lint.fix import Fix
from netcheck.lint.path_settings import PathSettings
from netcheck.queries.results import FlowText

Severity = Literal["error", "warning", "info"]
"""error: certainly does not do what its text says; warning: probably wrong; info: worth knowing."""

Basis = Literal["proved", "syntactic", "heuristic"]
"""proved: an engine decided it on everything loaded; syntactic: the text alone decides it; heuristic: a guess."""

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """Another object that a finding speaks of, and what it has to do with it."""

    message: str
    place: Place | None
    object: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One result of one rule.

    Attributes:
        rule: the rule's code.
        name: the rule's name.
        object: `Kind namespace/name`, or `Kind name`.
        witness: a flow that shows it, replayed through the oracle.
        fix: what would be written instead, and the flows that it changes, if there is something.
        fixes: the same as changes of the file.
        hint: what to write, in words.
    """

    rule: str
    name: str
    severity: Severity
    basis: Basis
    message: str
    object: str
    place: Place | None
    related: tuple[Related, ...] = ()
    witness: FlowText | None = None
    fix: str = ""
    hint: str = ""
    fixes: tuple[Fix, ...] = ()

    @property
    def sort_key(self) -> tuple[str, int, int, str, str, str]:
        """Order of findings in every output: by place, rule, object and message."""
        place = self.place or Place("")
        return (place.file, place.line, place.column, self.rule, self.object, self.message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppressed:
    """A finding that a note ignores: the note's reason and place, and its last day as text, or empty."""

    finding: Finding
    reason: str
    place: Place
    until: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LintResult:
    """The findings, sorted by place and rule, and the codes of the rules that were checked.

    `suppressed` are those that a note ignores, `known` those that the baseline knows: neither is in `findings`.
    """

    findings: tuple[Finding, ...]
    checked_rules: tuple[str, ...]
    suppressed: tuple[Suppressed, ...] = ()
    known: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LintSettings:
    """What is checked and how it counts. Rules are named by code or by name.

    Attributes:
        pedantic: whether heuristic findings are reported.
        select: only these rules; empty: all. Heuristic findings of a rule selected by name are reported.
        ignore: not these rules.
        severity: rule -> severity of all its findings.
        paths: what holds for some files only; later ones win.
        today: the day on which notes are judged; None: no note has expired.
    """

    pedantic: bool = False
    select: frozenset[str] = frozenset()
    ignore: frozenset[str] = frozenset()
    severity: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    paths: tuple[PathSettings, ...] = ()
    today: dt.date | None = None

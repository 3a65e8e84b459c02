"""`Rule`: one entry of the catalogue, holding its check, its page and its examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from netcheck.errors import Place
from netcheck.lint.finding import Basis, Finding, Related, Severity
from netcheck.lint.fix import Fix
from netcheck.lint.snapshot import Snapshot
from netcheck.queries.results import FlowText

__all__ = ["Rule", "Snapshot"]


def _anything(snapshot: Snapshot) -> bool:
    del snapshot
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule of the catalogue.

    Attributes:
        code: `NC` and three digits; never reused.
        name: reads as "allow X".
        severity: of a finding, unless its check says otherwise.
        basis: likewise.
        page: the docstring of the rule's module.
        bad: manifests in which `# finds: CODE` marks each line that has a finding of this rule.
        good: manifests in which no rule of the default set finds anything.
        looks_at: whether the input holds what the rule is about; where it does not, the rule counts as not checked.
    """

    code: str
    name: str
    severity: Severity
    basis: Basis
    summary: str
    page: str
    since: str
    check: Callable[[Snapshot], Iterator[Finding]]
    bad: tuple[str, ...]
    good: tuple[str, ...]
    looks_at: Callable[[Snapshot], bool] = _anything

    def finding(
        self,
        message: str,
        *,
        about: str,
        place: Place | None,
        severity: Severity | None = None,
        basis: Basis | None = None,
        related: tuple[Related, ...] = (),
        witness: FlowText | None = None,
        hint: str = "",
        fix: Fix | None = None,
    ) -> Finding:
        """Return a finding of this rule about one object."""
        return Finding(
            rule=self.code,
            name=self.name,
            severity=severity or self.severity,
            basis=basis or self.basis,
            message=message,
            object=about,
            place=place,
            related=related,
            witness=witness,
            hint=hint,
            fix=fix.text if fix is not None else "",
            fixes=(fix,) if fix is not None else (),
        )

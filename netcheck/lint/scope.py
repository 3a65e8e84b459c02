"""Which findings are reported of a run that is scoped to namespaces; the analysis is of the whole all the same."""

from __future__ import annotations

from dataclasses import replace

from netcheck.lint.finding import Finding, LintResult


def scoped(result: LintResult, only: frozenset[str], without: frozenset[str]) -> LintResult:
    """Return the result with the findings that concern these namespaces.

    A finding stays iff its object is of no namespace, or it or a related one lies in one of `only` (none: in any) and the
    object itself in none of `without`.
    """
    if not only and not without:
        return result
    return replace(
        result,
        findings=tuple(item for item in result.findings if _stays(item, only, without)),
        suppressed=tuple(item for item in result.suppressed if _stays(item.finding, only, without)),
    )


def _stays(finding: Finding, only: frozenset[str], without: frozenset[str]) -> bool:
    own = _namespace(finding.object)
    if not own:
        return True
    related = {_namespace(item.object) for item in finding.related}
    return own not in without and (not only or bool(only & {own, *related}))


def _namespace(label: str) -> str:
    """Return the namespace in `Kind namespace/name`, that of `Namespace name`, or nothing."""
    kind, _, name = label.partition(" ")
    if kind == "Namespace":
        return name
    namespace, slash, _ = name.partition("/")
    return namespace if slash else ""

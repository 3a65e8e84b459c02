"""Runs the rules over what was loaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from netcheck.errors import UsageError
from netcheck.lint.catalogue import RULES, find_rule
from netcheck.lint.finding import SEVERITIES, Finding, LintResult, LintSettings, Severity
from netcheck.lint.rule import Rule
from netcheck.lint.snapshot import Snapshot
from netcheck.model.cluster import Loaded


def lint(loaded: Loaded, settings: LintSettings) -> LintResult:
    """Return the findings of the chosen rules, sorted by place and rule, none twice.

    Rules about kinds that the input does not hold are checked only if they are selected by name.

    Raises:
        UsageError: a setting names no rule, or no severity.
        WitnessMismatch: a witness did not stand up to the oracle.
    """
    selected, ignored = _codes(settings.select), _codes(settings.ignore)
    severities = _severities(settings.severity)
    chosen = [rule for rule in RULES if (not selected or rule.code in selected) and rule.code not in ignored]
    snapshot = Snapshot(loaded)
    rules = [rule for rule in chosen if rule.code in selected or rule.looks_at(snapshot)]
    found = [
        replace(finding, severity=severities.get(rule.code, finding.severity))
        for rule in rules
        for finding in _reported(rule, snapshot, pedantic=settings.pedantic or rule.code in selected)
    ]
    ordered = sorted(dict.fromkeys(found), key=lambda finding: finding.sort_key)
    return LintResult(findings=tuple(ordered), checked_rules=tuple(rule.code for rule in rules))


def _reported(rule: Rule, snapshot: Snapshot, *, pedantic: bool) -> Iterator[Finding]:
    return (finding for finding in rule.check(snapshot) if pedantic or finding.basis != "heuristic")


def _codes(words: Iterable[str]) -> frozenset[str]:
    return frozenset(find_rule(word).code for word in sorted(words))


def _severities(given: Mapping[str, str]) -> dict[str, Severity]:
    found: dict[str, Severity] = {}
    for word, severity in given.items():
        if severity not in SEVERITIES:
            raise UsageError(f"`{severity}` is no severity\n  hint: write {', '.join(SEVERITIES)}")
        found[find_rule(word).code] = severity
    return found

"""Runs the rules over what was loaded, and sets apart what users chose to ignore."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace

from netcheck.errors import UsageError
from netcheck.lint.catalogue import RULES, find_rule
from netcheck.lint.finding import SEVERITIES, Finding, LintResult, LintSettings, Severity
from netcheck.lint.rules import nc901_unusable_note, nc902_expired_note, nc903_unused_note
from netcheck.lint.snapshot import Snapshot
from netcheck.lint.suppress import BadNote, Ignore, Outcome, read, suppress
from netcheck.model.cluster import Loaded


def lint(loaded: Loaded, settings: LintSettings) -> LintResult:
    """Return the findings of the chosen rules, sorted by place and rule, none twice; those that notes ignore apart.

    Rules about kinds that the input does not hold are checked only if they are selected by name.

    Raises:
        UsageError: a setting names no rule, or no severity.
        WitnessMismatch: a witness did not stand up to the oracle.
    """
    selected, ignored = _codes(settings.select), _codes(settings.ignore)
    weigh = _Weights(settings)
    chosen = [rule for rule in RULES if (not selected or rule.code in selected) and rule.code not in ignored]
    snapshot = Snapshot(loaded)
    rules = [rule for rule in chosen if rule.code in selected or rule.looks_at(snapshot)]
    found = [finding for rule in rules for finding in rule.check(snapshot)]
    notes = [read(note, lambda word: find_rule(word).code) for note in loaded.ignores]
    ignores = [note for note in notes if isinstance(note, Ignore)]
    outcome = suppress(sorted(dict.fromkeys(found), key=_order), ignores, settings.today)
    bad = [note for note in notes if isinstance(note, BadNote)]
    kept = [*outcome.kept, *_about_notes(bad, outcome, {rule.code for rule in chosen})]
    reported = [
        weighed
        for finding in kept
        if finding.basis != "heuristic" or settings.pedantic or finding.rule in selected
        if (weighed := weigh(finding)) is not None
    ]
    return LintResult(
        findings=tuple(sorted(reported, key=_order)),
        checked_rules=tuple(rule.code for rule in rules),
        suppressed=outcome.suppressed,
    )


def _order(finding: Finding) -> tuple[str, int, int, str, str, str]:
    return finding.sort_key


def _about_notes(bad: Iterable[BadNote], outcome: Outcome, chosen: AbstractSet[str]) -> Iterator[Finding]:
    """Yield what is wrong with the notes themselves. One that names a rule which was not run is never called unused."""
    if nc901_unusable_note.RULE.code in chosen:
        yield from nc901_unusable_note.of_notes(bad)
    if nc902_expired_note.RULE.code in chosen:
        yield from nc902_expired_note.of_notes(outcome.expired)
    if nc903_unused_note.RULE.code in chosen:
        yield from nc903_unused_note.of_notes(ignore for ignore in outcome.unused if ignore.rules <= chosen)


class _Weights:
    """What the settings make of a finding: its severity by rule and by path, or nothing where its path ignores it."""

    def __init__(self, settings: LintSettings) -> None:
        self._everywhere = _severities(settings.severity)
        self._paths = [(item.pattern, _codes(item.ignore), _severities(item.severity)) for item in settings.paths]

    def __call__(self, finding: Finding) -> Finding | None:
        severity = self._everywhere.get(finding.rule, finding.severity)
        file = finding.place.file if finding.place is not None else ""
        for pattern, ignored, severities in self._paths:
            if fnmatch.fnmatchcase(file, pattern):
                if finding.rule in ignored:
                    return None
                severity = severities.get(finding.rule, severity)
        return replace(finding, severity=severity)


def _codes(words: Iterable[str]) -> frozenset[str]:
    return frozenset(find_rule(word).code for word in sorted(words))


def _severities(given: Mapping[str, str]) -> dict[str, Severity]:
    found: dict[str, Severity] = {}
    for word, severity in given.items():
        if severity not in SEVERITIES:
            raise UsageError(f"`{severity}` is no severity\n  hint: write {', '.join(SEVERITIES)}")
        found[find_rule(word).code] = severity
    return found

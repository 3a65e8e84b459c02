"""Findings as SARIF 2.1.0, for code scanning: one run, its rules with their pages, results on the right lines.

Source: OASIS Static Analysis Results Interchange Format (SARIF) 2.1.0.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from netcheck import __version__
from netcheck.errors import Place, Problem, Severity
from netcheck.lint.docs import page
from netcheck.lint.finding import LintResult, Related
from netcheck.lint.fix import Fix
from netcheck.lint.rule import Rule
from netcheck.load.rendering import is_rendered
from netcheck.model.cluster import Loaded
from netcheck.report.json_v1 import flow_item
from netcheck.report.located import Located, Relative, located, sentence

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {"error": "error", "warning": "warning", "info": "note"}
_ROOT = "SRCROOT"
Item = dict[str, Any]


def sarif(loaded: Loaded, result: LintResult, rules: Iterable[Rule], relative: Relative) -> Iterator[str]:
    """Yield the SARIF log. `rules` are those of the catalogue that were checked, or whose findings are in the result."""
    named = {finding.rule for finding in (*result.findings, *(item.finding for item in result.suppressed))}
    listed = [rule for rule in rules if rule.code in named or rule.code in result.checked_rules]
    index = {rule.code: position for position, rule in enumerate(listed)}
    run = {
        "tool": {
            "driver": {
                "name": "netcheck",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(rule) for rule in listed],
            }
        },
        "originalUriBaseIds": {_ROOT: {"description": {"text": "the root of the repository"}}},
        "invocations": [invocation(loaded, relative)],
        "columnKind": "unicodeCodePoints",
        "results": [*_results(result, index, relative), *_ignored(result, index, relative)],
    }
    yield json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)
    yield "\n"


def _rule(rule: Rule) -> Item:
    return {
        "id": rule.code,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.page.strip().split("\n\n")[0].replace("\n", " ")},
        "help": {"text": rule.page.strip(), "markdown": page(rule)},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": {"tags": ["kubernetes", "network", rule.basis], "precision": _PRECISION[rule.basis]},
    }


_PRECISION = {"proved": "very-high", "syntactic": "very-high", "heuristic": "medium"}


def invocation(loaded: Loaded, relative: Relative) -> Item:
    """Return what a run says of its input: whether all of it was read, and its problems."""
    notes = [_notification(problem, relative) for problem in loaded.problems]
    return {"executionSuccessful": not loaded.lost_anything, "toolExecutionNotifications": notes}


def _notification(problem: Problem, relative: Relative) -> Item:
    level = "error" if problem.severity is Severity.ERROR else "warning"
    hint = f" ({problem.hint})" if problem.hint else ""
    item: Item = {"level": level, "message": {"text": f"{problem.message}{hint}"}}
    if problem.place is not None and problem.place.file:
        item["locations"] = [location(problem.place, relative)]
    return item


def _results(result: LintResult, index: dict[str, int], relative: Relative) -> Iterator[Item]:
    return (_result(item, index, relative) for item in located(result.findings, relative))


def _ignored(result: LintResult, index: dict[str, int], relative: Relative) -> Iterator[Item]:
    """Yield the findings that notes ignore: reviewers of a code scanning page see them as dismissed, with the reason."""
    notes = {suppressed.finding: suppressed for suppressed in result.suppressed}
    for item in located(notes, relative):
        note = notes[item.finding]
        reason = f"{note.reason} (until {note.until})" if note.until else note.reason
        suppression = {"kind": "inSource", "justification": reason, "location": location(note.place, relative)}
        yield {**_result(item, index, relative), "suppressions": [suppression]}


def _result(item: Located, index: dict[str, int], relative: Relative) -> Item:
    finding = item.finding
    out: Item = {
        "ruleId": finding.rule,
        "level": LEVELS[finding.severity],
        "message": {"text": sentence(finding)},
        "locations": [location(finding.place or Place(""), relative, finding.object)],
        "partialFingerprints": {"netcheck/v1": item.fingerprint},
    }
    if finding.rule in index:
        out["ruleIndex"] = index[finding.rule]
    if finding.related:
        out["relatedLocations"] = [
            _related(related, number, relative) for number, related in enumerate(finding.related, 1)
        ]
    fixes = [_fix(fix, relative) for fix in finding.fixes if fix.is_safe and fix.edits]
    if fixes:
        out["fixes"] = fixes
    properties: Item = {"basis": finding.basis}
    if finding.witness is not None:
        properties["witness"] = flow_item(finding.witness)
    return {**out, "properties": properties}


def _fix(fix: Fix, relative: Relative) -> Item:
    """Return a fix; regions are half-open, as ours are, and an empty one is an insertion (SARIF 3.30.2)."""
    replacements = [
        {
            "deletedRegion": {
                "startLine": edit.line,
                "startColumn": edit.column,
                "endLine": edit.end_line,
                "endColumn": edit.end_column,
            },
            "insertedContent": {"text": edit.text},
        }
        for edit in fix.edits
    ]
    artifact = {"uri": _uri(relative(fix.file)), "uriBaseId": _ROOT}
    return {
        "description": {"text": fix.text},
        "artifactChanges": [{"artifactLocation": artifact, "replacements": replacements}],
    }


def _related(related: Related, number: int, relative: Relative) -> Item:
    text = f"{related.object} {related.message}".strip()
    return {"id": number, **location(related.place or Place(""), relative, related.object), "message": {"text": text}}


def location(place: Place, relative: Relative, about: str = "") -> Item:
    """Return a location: a file with its region, and the object's name, whichever are known."""
    item: Item = {}
    if place.file:
        physical: Item = {"artifactLocation": {"uri": _uri(relative(place.file)), "uriBaseId": _ROOT}}
        known = place.line and not is_rendered(place.file)
        region = {"startLine": place.line if known else 1}
        if known and place.column:
            region["startColumn"] = place.column
        item["physicalLocation"] = {**physical, "region": region}
    if about:
        item["logicalLocations"] = [{"fullyQualifiedName": about, "kind": "object"}]
    return item


def _uri(path: str) -> str:
    from urllib.parse import quote  # noqa: PLC0415 - only for this format

    return quote(path)

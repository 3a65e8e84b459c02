"""The `Findings` document of the JSON contract; `json_v1` says how documents are written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netcheck.lint.finding import Finding, LintResult, Related, Suppressed
from netcheck.lint.fix import Fix
from netcheck.model.cluster import Loaded
from netcheck.report.json_v1 import Item, document, dump, flow_item, head, place_fields, with_set


def findings(loaded: Loaded, result: LintResult) -> Iterator[str]:
    """Yield the `Findings` document."""
    ordered = sorted(result.findings, key=lambda item: item.sort_key)
    severities = [finding.severity for finding in ordered]
    summary = {name: severities.count(name) for name in ("error", "warning", "info")}
    yield from document(
        head(loaded, "Findings"),
        {"findings": map(dump, map(finding_item, ordered)), "ignored": map(dump, map(ignored_item, result.suppressed))},
        {
            "summary": {
                **summary,
                "checkedRules": sorted(result.checked_rules),
                "ignored": len(result.suppressed),
                "inBaseline": len(result.known),
            }
        },
    )


def finding_item(finding: Finding) -> Item:
    """Return a finding."""
    item: dict[str, Any] = {
        "rule": finding.rule,
        "name": finding.name,
        "severity": finding.severity,
        "basis": finding.basis,
        "message": finding.message,
        "object": finding.object,
        **place_fields(finding.place),
        "related": [_related_item(related) for related in finding.related],
    }
    if finding.witness is not None:
        item["witness"] = flow_item(finding.witness)
    fixes = [_fix_item(fix) for fix in finding.fixes if fix.edits]
    return with_set(item, fix=finding.fix, fixes=fixes, hint=finding.hint)


def _fix_item(fix: Fix) -> Item:
    edits = [
        {
            "line": edit.line,
            "column": edit.column,
            "endLine": edit.end_line,
            "endColumn": edit.end_column,
            "text": edit.text,
        }
        for edit in fix.edits
    ]
    return {"safe": fix.is_safe, "title": fix.title, "changes": fix.changes, "file": fix.file, "edits": edits}


def ignored_item(suppressed: Suppressed) -> Item:
    """Return a finding that a note ignores, with the note."""
    note = {"reason": suppressed.reason, **place_fields(suppressed.place)}
    return {**finding_item(suppressed.finding), "note": with_set(note, until=suppressed.until)}


def _related_item(related: Related) -> Item:
    return with_set({"message": related.message, **place_fields(related.place)}, object=related.object)

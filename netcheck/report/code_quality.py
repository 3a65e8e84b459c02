"""Findings as a GitLab Code Quality report (the Code Climate subset that GitLab reads)."""

from __future__ import annotations

import json
from collections.abc import Iterator

from netcheck.lint.finding import LintResult
from netcheck.report.located import Relative, located, sentence

SEVERITIES = {"error": "critical", "warning": "major", "info": "info"}


def code_quality(result: LintResult, relative: Relative) -> Iterator[str]:
    """Yield the report: a JSON list with one issue for each finding."""
    issues = [
        {
            "description": sentence(item.finding),
            "check_name": f"{item.finding.rule} {item.finding.name}",
            "fingerprint": item.fingerprint,
            "severity": SEVERITIES[item.finding.severity],
            "location": {"path": item.path or ".", "lines": {"begin": max(1, item.line)}},
        }
        for item in located(result.findings, relative)
    ]
    yield json.dumps(issues, indent=2, ensure_ascii=False)
    yield "\n"

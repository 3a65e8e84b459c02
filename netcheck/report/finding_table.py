"""Findings as text: by file, each with its place, its rule, what shows it and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from netcheck.lint.finding import SEVERITIES, Finding, LintResult
from netcheck.model.cluster import Loaded
from netcheck.report.layout import Style, count, footer, prose
from netcheck.report.paint import Role
from netcheck.report.query_text import flow_text

ROLES = {"error": Role.BAD, "warning": Role.DOUBT, "info": Role.ASIDE}


def finding_table(loaded: Loaded, result: LintResult, style: Style) -> Iterator[str]:
    """Yield the text: findings by file and line, then how many there are of each severity."""
    ordered = sorted(result.findings, key=lambda item: item.sort_key)
    for file, group in groupby(ordered, key=_file):
        yield f"{style.paint(file, Role.NAME)}\n"
        for finding in group:
            yield from (f"{line}\n" for line in _finding(finding, style))
        yield "\n"
    yield f"{_summary(ordered, result)}\n"
    yield from (f"{line}\n" for line in footer(loaded, style))


def _file(finding: Finding) -> str:
    return finding.place.file if finding.place is not None else "(no file)"


def _finding(finding: Finding, style: Style) -> Iterator[str]:
    line = f"{finding.place.line}:{finding.place.column}" if finding.place is not None and finding.place.line else "-"
    severity = style.paint(f"{finding.severity:7}", ROLES.get(finding.severity, Role.NAME))
    yield f"  {line:>7}  {severity}  {finding.rule} {finding.name}"
    of = f"{finding.object}: " if finding.object else ""
    yield from _detail(f"{of}{finding.message}", style)
    for related in finding.related:
        where = f" ({related.place})" if related.place is not None else ""
        yield from _detail(f"see: {related.object} {related.message}{where}", style)
    if finding.witness is not None:
        yield from _detail(f"witness: {flow_text(finding.witness)}", style)
    for word, text in (("fix", finding.fix), ("hint", finding.hint)):
        if text:
            yield from _block(word, text, style)


def _detail(text: str, style: Style) -> list[str]:
    return prose(f"{'':11}{text}", indent=13, width=style.width)


def _block(word: str, text: str, style: Style) -> Iterator[str]:
    """Yield a text of one line as a sentence, and one of several lines (YAML) as it is."""
    lines = text.rstrip("\n").split("\n")
    if len(lines) == 1:
        yield from _detail(f"{word}: {text}", style)
        return
    yield f"{'':11}{word}:"
    yield from (f"{'':13}{line}".rstrip() for line in lines)


def _summary(ordered: list[Finding], result: LintResult) -> str:
    severities = [finding.severity for finding in ordered]
    words = {"error": "error", "warning": "warning", "info": "remark"}
    parts = [count(severities.count(name), words[name]) for name in SEVERITIES if name in severities]
    checked = f"{count(len(result.checked_rules), 'rule')} checked"
    left_out = [
        f"{count(len(found), 'finding')} {why}"
        for found, why in ((result.suppressed, "ignored by notes"), (result.known, "known to the baseline"))
        if found
    ]
    return (
        f"{count(len(ordered), 'finding')}{': ' if parts else ''}{', '.join(parts)}; {'; '.join([*left_out, checked])}"
    )

"""Findings as JUnit XML: one test suite, one test case for each rule that was checked, a failure for each finding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape, quoteattr

from netcheck.lint.finding import Finding, LintResult
from netcheck.lint.rule import Rule
from netcheck.report.located import Relative, sentence


def junit(result: LintResult, rules: Iterable[Rule], fails: Iterable[str], relative: Relative) -> Iterator[str]:
    """Yield the XML. Findings of a severity in `fails` are failures; the others are printed in the case's output."""
    counted = frozenset(fails)
    by_rule: dict[str, list[Finding]] = {}
    for finding in result.findings:
        by_rule.setdefault(finding.rule, []).append(finding)
    listed = [rule for rule in rules if rule.code in result.checked_rules or rule.code in by_rule]
    failed = [rule for rule in listed if any(finding.severity in counted for finding in by_rule.get(rule.code, ()))]
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f'<testsuites name="netcheck" tests="{len(listed)}" failures="{len(failed)}" errors="0">\n'
    yield f'  <testsuite name="netcheck lint" tests="{len(listed)}" failures="{len(failed)}" errors="0" skipped="0">\n'
    for rule in listed:
        yield from _case(rule, by_rule.get(rule.code, []), counted, relative)
    yield "  </testsuite>\n</testsuites>\n"


def _case(rule: Rule, found: list[Finding], counted: frozenset[str], relative: Relative) -> Iterator[str]:
    head = f'    <testcase classname="netcheck.{rule.code}" name={quoteattr(f"{rule.code} {rule.name}")}'
    if not found:
        yield f"{head}/>\n"
        return
    yield f"{head}>\n"
    failures = [finding for finding in found if finding.severity in counted]
    if failures:
        first = failures[0]
        yield f"      <failure type={quoteattr(first.severity)} message={quoteattr(plain(sentence(first)))}>"
        yield f"{escape(plain(_lines(failures, relative)))}</failure>\n"
    others = [finding for finding in found if finding.severity not in counted]
    if others:
        yield f"      <system-out>{escape(plain(_lines(others, relative)))}</system-out>\n"
    yield "    </testcase>\n"


def _lines(findings: Iterable[Finding], relative: Relative) -> str:
    return "\n".join(f"{_where(finding, relative)}{finding.severity}: {sentence(finding)}" for finding in findings)


def _where(finding: Finding, relative: Relative) -> str:
    place = finding.place
    if place is None or not place.file:
        return ""
    return f"{relative(place.file)}:{place.line}: " if place.line else f"{relative(place.file)}: "


def plain(text: str) -> str:
    """Return the text without characters that XML 1.0 cannot hold."""
    return "".join(
        char if char in "\t\n\r" or " " <= char <= "\ud7ff" or "\ue000" <= char <= "�" or char > "\uffff" else "�"
        for char in text
    )

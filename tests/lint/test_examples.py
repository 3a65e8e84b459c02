"""The examples in the rule files, and those in testdata/lint, are run."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest

from netcheck.lint.catalogue import RULES
from netcheck.lint.finding import LintSettings
from netcheck.lint.run import lint
from netcheck.load.loader import LoadOptions, load_text
from netcheck.model.profile import PROFILES

MARK = re.compile(r"#\s*finds:\s*((?:NC\d{3}[\s,]*)+)")
TODAY = re.compile(r"# today: (\S+)")
CNI = re.compile(r"# cni: (\S+)")
CASES = sorted((Path(__file__).resolve().parents[2] / "testdata" / "lint").rglob("*.yaml"))


def findings(text):
    profile = PROFILES[match[1] if (match := CNI.search(text)) else "generic"]
    loaded = load_text(text, options=LoadOptions(whole="# whole: true" in text, profile=profile))
    today = dt.date.fromisoformat(day[1]) if (day := TODAY.search(text)) else None
    return lint(loaded, LintSettings(pedantic="# pedantic: true" in text, today=today)).findings


def marked(text):
    return sorted(
        (number, code)
        for number, line in enumerate(text.split("\n"), start=1)
        if (mark := MARK.search(line))
        for code in re.findall(r"NC\d{3}", mark[1])
    )


def examples(kind):
    return [
        pytest.param(rule, text, id=f"{rule.code}-{number}")
        for rule in RULES
        for number, text in enumerate(getattr(rule, kind))
    ]


@pytest.mark.parametrize(("rule", "text"), examples("bad"))
def test_a_bad_example_has_exactly_the_marked_findings(rule, text):
    found = sorted((item.place.line, item.rule) for item in findings(text) if item.rule == rule.code)
    assert found == [(line, code) for line, code in marked(text) if code == rule.code]
    assert found


@pytest.mark.parametrize(("rule", "text"), examples("good"))
def test_a_good_example_has_no_finding_of_any_rule(rule, text):
    assert [f"{item.rule} {item.message}" for item in findings(text)] == []


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_case_has_exactly_the_marked_findings(path):
    """The folder's name is the code of the rule that the case is about."""
    text = path.read_text(encoding="utf-8")
    code = path.parent.name.upper()
    found = sorted((item.place.line, item.rule) for item in findings(text) if item.rule == code)
    assert found == marked(text)

"""Findings for machines: SARIF against its published schema, JUnit as XML, GitHub and GitLab as they read them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from netcheck.errors import Place
from netcheck.lint.catalogue import RULES
from netcheck.lint.finding import Finding, LintResult, LintSettings
from netcheck.lint.run import lint
from netcheck.load.loader import load_text
from netcheck.model.cluster import Loaded
from netcheck.report.code_quality import code_quality
from netcheck.report.junit import junit
from netcheck.report.located import located
from netcheck.report.sarif import sarif
from netcheck.report.workflow_commands import workflow_commands

SCHEMA = Path(__file__).parents[2] / "testdata" / "schemas" / "sarif-2.1.0-rtm.5.json"


def relative(file: str) -> str:
    return f"deploy/{file}"


@pytest.fixture(scope="module")
def results() -> tuple[Loaded, LintResult]:
    """Every bad example of the catalogue in one file, so that every rule has its say."""
    text = "\n---\n".join(bad for rule in RULES for bad in rule.bad)
    loaded = load_text(text, "all bad.yaml")
    return loaded, lint(loaded, LintSettings(pedantic=True))


def test_sarif_is_valid_against_the_published_schema(results: tuple[Loaded, LintResult]) -> None:
    loaded, result = results
    assert len(result.findings) > 20
    log = json.loads("".join(sarif(loaded, result, RULES, relative)))
    jsonschema.Draft4Validator(json.loads(SCHEMA.read_text())).validate(log)
    (run,) = log["runs"]
    assert len(run["results"]) == len(result.findings)
    for item in run["results"]:
        rule = run["tool"]["driver"]["rules"][item["ruleIndex"]]
        assert rule["id"] == item["ruleId"]
        assert rule["help"]["markdown"].startswith(f"# {rule['id']}")
    uris = {place["physicalLocation"]["artifactLocation"]["uri"] for r in run["results"] for place in r["locations"]}
    assert uris == {"deploy/all%20bad.yaml"}


def test_sarif_tells_of_problems_of_the_input() -> None:
    loaded = load_text("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{}]}\n", "a.yaml")
    assert loaded.problems
    log = json.loads("".join(sarif(loaded, lint(loaded, LintSettings()), RULES, relative)))
    (invocation,) = log["runs"][0]["invocations"]
    assert invocation["executionSuccessful"] is False
    assert len(invocation["toolExecutionNotifications"]) == len(loaded.problems)


def test_fingerprints_survive_moved_lines_and_other_objects(results: tuple[Loaded, LintResult]) -> None:
    _, result = results
    before = [item.fingerprint for item in located(result.findings, relative)]
    assert len(set(before)) == len(before)
    moved = [
        replace(finding, place=Place(finding.place.file, finding.place.line + 7, finding.place.column))
        for finding in result.findings
        if finding.place is not None
    ]
    assert [item.fingerprint for item in located(moved, relative)] == before
    others = [finding for finding in result.findings if finding.object != result.findings[0].object]
    assert {item.fingerprint for item in located(others, relative)} < set(before)


def test_junit_has_a_case_for_each_rule_and_a_failure_for_each_that_fails(results: tuple[Loaded, LintResult]) -> None:
    _, result = results
    suites = ET.fromstring("".join(junit(result, RULES, ("error", "warning"), relative)))
    (suite,) = suites
    failing = {finding.rule for finding in result.findings if finding.severity != "info"}
    failed = {case.get("classname", "").split(".")[1] for case in suite if case.find("failure") is not None}
    assert failed == failing
    assert int(suite.get("failures", "0")) == len(failing)
    assert int(suite.get("tests", "0")) == len(list(suite)) == len(result.checked_rules)


def test_junit_holds_any_text() -> None:
    finding = Finding(
        rule="NC101", name="n", severity="error", basis="proved", message="a \x00<&>\"' \ud800b", object="o", place=None
    )
    text = "".join(junit(LintResult(findings=(finding,), checked_rules=("NC101",)), RULES, ("error",), relative))
    failure = ET.fromstring(text).find(".//failure")
    assert failure is not None
    assert "<&>" in (failure.text or "")


def test_github_annotations_are_one_escaped_line_each(results: tuple[Loaded, LintResult]) -> None:
    loaded, result = results
    lines = list(workflow_commands(loaded, result, relative))
    assert len(lines) == len(result.findings) + len(loaded.problems)
    assert all(line.count("\n") == 1 and line.startswith(("::error ", "::warning ", "::notice ")) for line in lines)
    tricky = Finding(
        rule="NC101",
        name="n",
        severity="info",
        basis="proved",
        message="50% of\nit",
        object="",
        place=Place("a,b:c", 2, 3),
    )
    (line,) = workflow_commands(
        load_text("{apiVersion: v1, kind: Namespace, metadata: {name: a}}"),
        LintResult(findings=(tricky,), checked_rules=()),
        str,
    )
    assert line == "::notice file=a%2Cb%3Ac,line=2,col=3,title=NC101 n::50%25 of%0Ait\n"


def test_gitlab_issues_have_what_gitlab_needs(results: tuple[Loaded, LintResult]) -> None:
    _, result = results
    issues = json.loads("".join(code_quality(result, relative)))
    assert len(issues) == len(result.findings)
    assert len({issue["fingerprint"] for issue in issues}) == len(issues)
    assert {issue["severity"] for issue in issues} <= {"info", "minor", "major", "critical", "blocker"}
    assert all(
        issue["location"]["path"] == "deploy/all bad.yaml" and issue["location"]["lines"]["begin"] for issue in issues
    )

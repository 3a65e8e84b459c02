"""The catalogue agrees with the directory of rules and with the pages, and rules are found by code and by name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from netcheck.errors import UsageError
from netcheck.lint import docs
from netcheck.lint.catalogue import RULES, find_rule

ROOT = Path(__file__).resolve().parents[2]
EACH_RULE = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)


def test_the_catalogue_lists_each_file_of_the_directory_once():
    files = sorted(path.stem for path in (ROOT / "netcheck" / "lint" / "rules").glob("nc*.py"))
    assert [f"{rule.code.lower()}_{rule.name.replace('-', '_')}" for rule in RULES] == files


def test_codes_and_names_are_unique_and_sorted():
    codes, names = [rule.code for rule in RULES], [rule.name for rule in RULES]
    assert codes == sorted(set(codes))
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"NC\d{3}", code) for code in codes)


@EACH_RULE
def test_a_page_has_every_heading_in_order_and_begins_with_the_summary(rule):
    headings = [heading for heading in docs.sections(rule) if heading != docs.FIX]
    assert tuple(headings) == docs.HEADINGS
    assert rule.page.split("\n")[0] == f"{rule.summary}."


@EACH_RULE
def test_a_rule_has_a_bad_and_a_good_example(rule):
    assert all(f"# finds: {rule.code}" in text for text in rule.bad)
    assert rule.bad
    assert rule.good


def test_the_pages_have_not_drifted():
    assert docs.drift(ROOT / docs.FOLDER) == []


def test_drift_is_found(tmp_path):
    docs.write(tmp_path)
    assert docs.drift(tmp_path) == []
    (tmp_path / "NC101.md").write_text("other", encoding="utf-8")
    (tmp_path / "NC999.md").write_text("stale", encoding="utf-8")
    (tmp_path / "README.md").unlink()
    assert docs.drift(tmp_path) == ["NC101.md", "NC999.md", "README.md"]
    docs.write(tmp_path)
    assert docs.drift(tmp_path) == []


@pytest.mark.parametrize("word", ["NC107", "nc107", "selects-nothing", "Selects-Nothing"])
def test_a_rule_is_found_by_code_and_by_name(word):
    assert find_rule(word).code == "NC107"


def test_an_unknown_rule_is_an_error_with_a_suggestion():
    with pytest.raises(UsageError, match=r"no rule `select-nothing`\n  hint: did you mean `NC107` \(selects-nothing\)"):
        find_rule("select-nothing")
    with pytest.raises(UsageError, match="no rule `zzzzzz`"):
        find_rule("zzzzzz")

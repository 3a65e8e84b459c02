"""Baselines: by rule, object and path, so that moved lines change nothing; and what a change introduces."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netcheck.errors import Place, UsageError
from netcheck.lint.baseline import compare, introduced, read, written
from netcheck.lint.finding import Finding


def same(file: str) -> str:
    return file


def finding(
    rule: str = "NC101", line: int = 3, about: str = "NetworkPolicy shop/web", message: str = "m", file: str = "a.yaml"
) -> Finding:
    return Finding(
        rule=rule,
        name="x",
        severity="warning",
        basis="proved",
        message=message,
        object=about,
        place=Place(file, line, 5),
    )


def test_what_is_written_is_read_and_knows_its_findings() -> None:
    found = [finding(), finding(line=9), finding(rule="NC103")]
    baseline = read(written(found, same), "b.json")
    outcome = compare(found, baseline, same)
    assert (outcome.new, outcome.gone) == ((), ())
    assert len(outcome.known) == 3


def test_moving_lines_changes_nothing() -> None:
    baseline = read(written([finding(line=3)], same), "b.json")
    assert compare([finding(line=300)], baseline, same).new == ()


def test_one_more_of_a_kind_is_new() -> None:
    baseline = read(written([finding(line=3)], same), "b.json")
    outcome = compare([finding(line=3), finding(line=9)], baseline, same)
    assert outcome.new == (finding(line=9),)


def test_another_object_or_path_is_new_and_the_old_entry_is_gone() -> None:
    baseline = read(written([finding()], same), "b.json")
    outcome = compare([finding(about="NetworkPolicy shop/db")], baseline, same)
    assert len(outcome.new) == 1
    assert outcome.gone == (("NC101", "NetworkPolicy shop/web", "a.yaml"),)


def test_a_baseline_is_the_same_whatever_the_order() -> None:
    one, two = finding(), finding(rule="NC103")
    assert written([one, two], same) == written([two, one], same)
    assert written([], same) == '{\n  "apiVersion": "netcheck/v1",\n  "kind": "Baseline",\n  "findings": []\n}\n'


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"apiVersion": "netcheck/v2", "kind": "Baseline", "findings": []}',
        '{"apiVersion": "netcheck/v1", "kind": "Baseline"}',
        '{"apiVersion": "netcheck/v1", "kind": "Baseline", "findings": [{"rule": "NC101"}]}',
        '{"apiVersion": "netcheck/v1", "kind": "Baseline", "findings": [{"rule": "a", "object": "b", "path": "c", "count": 0}]}',
    ],
)
def test_a_file_that_is_no_baseline_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"b\.json: .*\n.*--write-baseline"):
        read(text, "b.json")


def test_a_change_introduces_only_what_was_not_there() -> None:
    old = finding(message="none of 3 pods")
    moved = replace(old, place=Place("new.yaml", 90, 1))
    counted = replace(old, message="none of 4 pods")
    assert introduced([moved], [old]) == ()
    assert introduced([counted], [old]) == ()
    assert introduced([moved, counted], [old]) == (counted,)
    assert introduced([finding(rule="NC103")], [old]) == (finding(rule="NC103"),)

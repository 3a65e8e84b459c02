"""Notes that ignore findings: what they may say, what they cover, and what is said of those that do not count."""

from __future__ import annotations

import datetime as dt

import pytest

from netcheck.errors import Place, UsageError
from netcheck.lint.catalogue import find_rule
from netcheck.lint.finding import Finding
from netcheck.lint.suppress import BadNote, Ignore, read, suppress
from netcheck.load.ignores import comments, of_annotations
from netcheck.model.ignores import IgnoreNote

TODAY = dt.date(2026, 11, 23)


def code_of(word: str) -> str:
    return find_rule(word).code


def note(text: str, line: int = 3, about: str = "") -> IgnoreNote:
    return IgnoreNote(text=text, place=Place("a.yaml", line, 1), line=0 if about else line, object=about)


def finding(rule: str = "NC101", line: int = 3, about: str = "NetworkPolicy shop/web") -> Finding:
    return Finding(
        rule=rule,
        name="x",
        severity="warning",
        basis="proved",
        message="m",
        object=about,
        place=Place("a.yaml", line, 5),
    )


def understood(text: str, **more: str) -> Ignore:
    found = read(note(text, **more), code_of)  # type: ignore[arg-type]
    assert isinstance(found, Ignore), found
    return found


@pytest.mark.parametrize(
    ("text", "rules", "reason", "until"),
    [
        ("[NC101] because the peers are meant apart", {"NC101"}, "the peers are meant apart", None),
        ("[NC101, nc103] because legacy until 2027-01-31", {"NC101", "NC103"}, "legacy", dt.date(2027, 1, 31)),
        ("[or-instead-of-and] until 2027-01-31 because legacy", {"NC101"}, "legacy", dt.date(2027, 1, 31)),
        ("NC101 because of plain text", {"NC101"}, "of plain text", None),
        ("NC101,NC103 because: both", {"NC101", "NC103"}, "both", None),
    ],
)
def test_a_note_names_rules_a_reason_and_maybe_a_last_day(
    text: str, rules: set[str], reason: str, until: dt.date | None
) -> None:
    found = understood(text)
    assert (found.rules, found.reason, found.until) == (rules, reason, until)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "names no rule"),
        ("[]  because x", "names no rule"),
        ("because x", "names no rule"),
        ("[NC101]", "gives no reason"),
        ("[NC101] because   ", "gives no reason"),
        ("[NC101] legacy", "gives no reason"),
        ("[NC999] because x", "there is no rule `NC999`"),
        ("[NC101] because x until tomorrow", "`tomorrow` is no date"),
        ("[NC101] because x until 2027-02-31", "`2027-02-31` is no date"),
    ],
)
def test_a_note_that_cannot_be_used_says_why(text: str, says: str) -> None:
    found = read(note(text), code_of)
    assert isinstance(found, BadNote)
    assert says in found.message
    assert found.hint


def test_a_comment_covers_its_line_and_its_rules_only() -> None:
    ignore = understood("[NC101] because x")
    assert ignore.covers(finding())
    assert not ignore.covers(finding(line=4))
    assert not ignore.covers(finding(rule="NC103"))


def test_an_annotation_covers_every_finding_about_its_object() -> None:
    ignore = understood("NC101 because x", about="NetworkPolicy shop/web")
    assert ignore.covers(finding(line=40))
    assert not ignore.covers(finding(about="NetworkPolicy shop/db"))


def test_the_last_day_still_counts_and_the_next_does_not() -> None:
    ignore = understood("[NC101] because x until 2026-11-23")
    assert suppress([finding()], [ignore], TODAY).kept == ()
    later = suppress([finding()], [ignore], TODAY + dt.timedelta(days=1))
    assert later.kept == (finding(),)
    assert later.expired == (ignore,)
    assert later.unused == ()


def test_notes_that_cover_nothing_are_unused() -> None:
    used, unused = understood("[NC101] because x"), understood("[NC103] because x")
    outcome = suppress([finding()], [used, unused], TODAY)
    assert [item.reason for item in outcome.suppressed] == [used.reason]
    assert outcome.unused == (unused,)


def test_a_comment_is_about_its_line_or_alone_about_the_next_with_content() -> None:
    text = b"a: 1  # netcheck: ignore[NC101] because one\n# netcheck: ignore[NC103] because two\n\n# other\n  b: 2\n"
    found = list(comments(text, "a.yaml"))
    assert [(item.line, str(item.place)) for item in found] == [(1, "a.yaml:1:7"), (5, "a.yaml:2:1")]
    assert found[0].text == "[NC101] because one"


def test_text_that_only_looks_like_a_comment_is_none() -> None:
    assert list(comments(b"a: 'x#netcheck: ignore[NC101] because'\nnetcheck: ignore\n", "a.yaml")) == []


def test_annotation_entries_are_separated_by_semicolons_and_lines() -> None:
    value = {"netcheck/ignore": "NC101 because a; NC103 because b\nNC112 because c"}
    found = list(of_annotations(value, "Service a/b", Place("a.yaml", 1)))
    assert [item.text for item in found] == ["NC101 because a", "NC103 because b", "NC112 because c"]
    assert {item.object for item in found} == {"Service a/b"}


def test_unknown_rules_suggest_the_closest() -> None:
    with pytest.raises(UsageError):
        code_of("NC999")
    found = read(note("[inert-rule] because x"), code_of)
    assert isinstance(found, BadNote)
    assert "NC104" in found.hint

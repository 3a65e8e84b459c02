"""Test cases as JUnit XML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from netcheck.errors import Place
from netcheck.report.junit import plain
from netcheck.report.located import Relative


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test case; `tag` is `failure`, `error`, `system-out`, or empty: it passed and there is nothing to say."""

    of: str
    name: str
    tag: str = ""
    type: str = ""
    message: str = ""
    text: str = ""
    place: Place | None = None


def junit_cases(suite: str, cases: Sequence[Case], relative: Relative) -> Iterator[str]:
    """Yield the XML of one test suite."""
    failures, errors = (sum(case.tag == tag for case in cases) for tag in ("failure", "error"))
    numbers = f'tests="{len(cases)}" failures="{failures}" errors="{errors}"'
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f'<testsuites name="netcheck" {numbers}>\n  <testsuite name={quoteattr(suite)} {numbers} skipped="0">\n'
    for case in cases:
        yield _case(case, relative)
    yield "  </testsuite>\n</testsuites>\n"


def _case(case: Case, relative: Relative) -> str:
    place = case.place
    where = f" file={quoteattr(relative(place.file))} line={quoteattr(str(place.line))}" if place and place.file else ""
    head = f'    <testcase classname="netcheck.{case.of}" name={quoteattr(plain(case.name))}{where}'
    if not case.tag:
        return f"{head}/>\n"
    said = ""
    if case.tag != "system-out":
        said = f" type={quoteattr(case.type)} message={quoteattr(plain(case.message))}"
    return f"{head}>\n      <{case.tag}{said}>{escape(plain(case.text))}</{case.tag}>\n    </testcase>\n"

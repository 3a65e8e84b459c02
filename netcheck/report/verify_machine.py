"""What became of intents for machines that keep track: JUnit XML; SARIF, annotations and code quality with the intent's
line and the policies'; CSV.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.model.cluster import Loaded
from netcheck.queries.verify_results import IntentResult, Outcome, Verification
from netcheck.report.csv_line import csv_line
from netcheck.report.json_v1 import flow_item
from netcheck.report.junit_cases import Case, junit_cases
from netcheck.report.located import Relative
from netcheck.report.notices import Notice, NoticeRule, Related, notices_github, notices_gitlab, notices_sarif
from netcheck.report.query_text import decider_text, flow_text

_RULES = {
    Outcome.VIOLATED: NoticeRule(code="intent-violated", text="An intent does not hold.", level="error"),
    Outcome.UNKNOWN: NoticeRule(
        code="intent-unknown", text="Whether an intent holds depends on a missing fact.", level="warning"
    ),
}
_TAGS = {Outcome.HOLDS: "", Outcome.VIOLATED: "failure", Outcome.UNKNOWN: "error"}
CSV_COLUMNS = ("intent", "outcome", "demand", "scope", "text", "file", "line", "message", "witness", "because")


def described(result: IntentResult) -> str:
    """Return what became of an intent, in lines: the intent, what is wrong, the witness, and what decides."""
    lines = [f"{result.intent.name}: {result.intent.text}"]
    lines += [result.message] if result.message else []
    if result.evidence is not None:
        lines.append(f"witness: {flow_text(result.evidence.flow)}")
    return "\n".join([*lines, *_because(result)])


def _because(result: IntentResult) -> list[str]:
    deciders = result.evidence.decided_by if result.evidence is not None else ()
    lines = [" ".join(decider_text(item).split()) for item in deciders]
    lines += (f"{reason.rule}: {reason.message}" for reason in result.reasons)
    best = result.repairs.repairs[:1] if result.repairs is not None else ()
    return [*lines, *(f"repair: {edit.text}" for repair in best for edit in repair.edits)]


def verify_junit(found: Verification, relative: Relative) -> Iterator[str]:
    """Yield JUnit XML: a case for each intent; violated ones are failures, unknown ones errors."""
    cases = [
        Case(
            of=item.intent.demand.value,
            name=item.intent.name,
            tag=_TAGS[item.outcome],
            type=item.outcome.value,
            message=item.message,
            text=described(item),
            place=item.intent.place,
        )
        for item in found.results
    ]
    yield from junit_cases("netcheck verify", cases, relative)


def verify_sarif(loaded: Loaded, found: Verification, relative: Relative) -> Iterator[str]:
    """Yield the SARIF log: a result at each intent that does not surely hold, related to the policies that decide."""
    yield from notices_sarif(loaded, tuple(_RULES.values()), notices(found), relative)


def verify_github(loaded: Loaded, found: Verification, relative: Relative) -> Iterator[str]:
    """Yield GitHub workflow commands for the problems of the input and each intent that does not surely hold."""
    yield from notices_github(loaded, notices(found), relative)


def verify_gitlab(found: Verification, relative: Relative) -> Iterator[str]:
    """Yield a GitLab code quality report of the intents that do not surely hold."""
    yield from notices_gitlab(notices(found), relative)


def notices(found: Verification) -> list[Notice]:
    """Return a notice for each intent that does not surely hold."""
    return [_notice(item) for item in found.results if item.outcome in _RULES]


def _notice(item: IntentResult) -> Notice:
    deciders = item.evidence.decided_by if item.evidence is not None else ()
    return Notice(
        rule=_RULES[item.outcome],
        message=described(item),
        object=f"Intent {item.intent.name}",
        place=item.intent.place,
        key=(item.intent.name,),
        related=tuple(
            Related(text=" ".join(decider_text(decider).split()), object=decider.policy, place=decider.place)
            for decider in deciders
            if decider.place is not None
        ),
        properties={"witness": flow_item(item.evidence.flow)} if item.evidence is not None else {},
    )


def verify_csv(found: Verification) -> Iterator[str]:
    """Yield a line for each intent."""
    yield csv_line(CSV_COLUMNS)
    for item in found.results:
        intent, place = item.intent, item.intent.place
        where = (place.file, str(place.line)) if place is not None else ("", "")
        witness = flow_text(item.evidence.flow) if item.evidence is not None else ""
        what = (intent.name, item.outcome.value, intent.demand.value, intent.scope.value, intent.text)
        yield csv_line((*what, *where, item.message, witness, "; ".join(_because(item))))

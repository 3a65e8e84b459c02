"""The answer of `compare` and of `diff --open-world` for machines: SARIF, annotations, code quality, and JUnit XML."""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.model.cluster import Loaded
from netcheck.model.flow import Decider
from netcheck.queries.compare import Comparison, Counterexample, Outcome, Question
from netcheck.report.junit_cases import Case, junit_cases
from netcheck.report.located import Relative
from netcheck.report.notices import Notice, NoticeRule, Related, notices_github, notices_gitlab, notices_sarif
from netcheck.report.query_text import decider_text, flow_text

_RULES = {
    Outcome.VIOLATED: NoticeRule(
        code="policies-differ",
        text="There are flows of which a relation of two sets of policies has none.",
        level="warning",
    ),
    Outcome.UNKNOWN: NoticeRule(
        code="policies-unknown", text="How two sets of policies lie depends on a missing fact.", level="warning"
    ),
}
_TAGS = {Outcome.HOLDS: "", Outcome.VIOLATED: "failure", Outcome.UNKNOWN: "error"}


def comparison_sarif(loaded: Loaded, result: Comparison, relative: Relative) -> Iterator[str]:
    """Yield the SARIF log: a result for each question that fails, at the policy that decides its witness."""
    yield from notices_sarif(loaded, tuple(_RULES.values()), notices(result), relative)


def comparison_github(loaded: Loaded, result: Comparison, relative: Relative) -> Iterator[str]:
    """Yield GitHub workflow commands."""
    yield from notices_github(loaded, notices(result), relative)


def comparison_gitlab(result: Comparison, relative: Relative) -> Iterator[str]:
    """Yield a GitLab code quality report."""
    yield from notices_gitlab(notices(result), relative)


def comparison_junit(result: Comparison, relative: Relative, *, counted: frozenset[str] | None = None) -> Iterator[str]:
    """Yield JUnit XML: a case for each question; of those not in `counted` (None: all) a violation is no failure."""
    cases = [_case(item, counted is None or item.text in counted) for item in result.questions]
    yield from junit_cases("netcheck compare", cases, relative)


def _case(question: Question, fails: bool) -> Case:
    tag = _TAGS[question.outcome]
    return Case(
        of="compare",
        name=f"no flow is {question.text}",
        tag=tag if fails or not tag else "system-out",
        type=question.outcome.value,
        message=_said(question),
        text=described(question),
    )


def notices(result: Comparison) -> list[Notice]:
    """Return a notice for each question that does not surely hold."""
    return [_notice(item) for item in result.questions if item.outcome in _RULES]


def _notice(question: Question) -> Notice:
    found = question.counterexample
    placed = [
        Related(text=" ".join(decider_text(item).split()), object=item.policy, place=item.place)
        for item in (_deciders(found) if found is not None else ())
        if item.place is not None
    ]
    return Notice(
        rule=_RULES[question.outcome],
        message=described(question),
        object=placed[0].object if placed else "",
        place=placed[0].place if placed else None,
        key=(question.text,),
        related=tuple(placed[1:]),
    )


def _deciders(found: Counterexample) -> list[Decider]:
    """Return what decides a witness, HEAD's first, and first of all in the direction in which a side denies it."""
    every = (*found.after.deciders, *found.before.deciders)
    denied = {item.direction for item in every if item.action == "deny"}
    return sorted(every, key=lambda item: item.direction not in denied)


def _said(question: Question) -> str:
    if question.outcome is Outcome.UNKNOWN:
        return f"it is not known whether there are flows {question.text}"
    return f"there are flows {question.text}"


def described(question: Question) -> str:
    """Return in lines what became of a question: its witness, what decides it on each side, and what is not known."""
    lines = [_said(question)]
    found = question.counterexample
    if found is not None:
        lines.append(f"witness: {flow_text(found.flow)}")
        for name, decision in (("BASE", found.before), ("HEAD", found.after)):
            said = "; ".join(" ".join(decider_text(item).split()) for item in decision.deciders)
            lines.append(f"{name}: {decision.verdict.value}" + (f" ({said})" if said else ""))
    return "\n".join([*lines, *(f"{reason.rule}: {reason.message}" for reason in question.reasons)])

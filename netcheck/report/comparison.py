"""The answer of `compare` and of `diff --open-world`: as text, as Markdown, and as the `PolicyComparison` document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netcheck.model.cluster import Loaded
from netcheck.model.flow import Decider, Decision
from netcheck.queries.compare import Comparison, Counterexample, Outcome, Question, Relation
from netcheck.report.json_v1 import Item, decider_item, document, dump, flow_item, head, reason_item
from netcheck.report.layout import Style, footer, prose
from netcheck.report.paint import Role
from netcheck.report.query_text import decider_text, flow_text

_ROLES = {Outcome.HOLDS: Role.GOOD, Outcome.VIOLATED: Role.BAD, Outcome.UNKNOWN: Role.DOUBT}
_SENTENCES = {
    Relation.EQUAL: "BASE and HEAD allow the same flows",
    Relation.CONTAINS: "BASE allows every flow that HEAD allows",
    Relation.WITHIN: "HEAD allows every flow that BASE allows",
    Relation.DISJOINT: "BASE and HEAD allow no flow in common",
}
_NO_SUCH = {Outcome.HOLDS: "none: proved", Outcome.VIOLATED: "there are such flows", Outcome.UNKNOWN: "not known"}
_OPEN_WORLD = "in every cluster that could exist"


def comparison_text(loaded: Loaded, result: Comparison, style: Style) -> Iterator[str]:
    """Yield the text: the relation, then each question with its witness."""
    word = style.paint(result.outcome.value, _ROLES[result.outcome])
    yield f"{word}  {_SENTENCES[result.relation]}, {_OPEN_WORLD}\n"
    for question in result.questions:
        yield "\n" + "".join(f"{line.rstrip()}\n" for line in _question(question, style))
    notes = footer(loaded, style)
    if notes:
        yield "\n" + "".join(f"{line}\n" for line in notes)


def _question(question: Question, style: Style) -> Iterator[str]:
    yield f"{question.text}: {style.paint(_NO_SUCH[question.outcome], _ROLES[question.outcome])}"
    found = question.counterexample
    if found is not None:
        yield from prose(f"  {flow_text(found.flow)}", indent=4, width=style.width)
        for name, decision in (("BASE", found.before), ("HEAD", found.after)):
            yield f"  {name}: {decision.verdict.value}"
            for decider in decision.deciders:
                yield from prose(f"    {decider_text(decider)}", indent=6, width=style.width)
                if decider.place is not None:
                    yield style.paint(f"      {decider.place}", Role.ASIDE)
    for reason in question.reasons:
        yield from prose(f"  because {reason.rule}: {reason.message}", indent=4, width=style.width)


def comparison_markdown(loaded: Loaded, result: Comparison) -> Iterator[str]:
    """Yield Markdown for a comment on a pull request."""
    yield f"**netcheck:** {_SENTENCES[result.relation]}, {_OPEN_WORLD}: **{result.outcome.value}**\n"
    yield "\n| flows | are there any? | witness | BASE | HEAD |\n|---|---|---|---|---|\n"
    for question in result.questions:
        found = question.counterexample
        cells = [question.text, _NO_SUCH[question.outcome]]
        if found is not None:
            cells += [flow_text(found.flow), _briefly(found.before), _briefly(found.after)]
        else:
            cells += ["; ".join(f"{one.rule}: {one.message}" for one in question.reasons), "", ""]
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
    notes = footer(loaded, Style(width=10_000))
    if notes:
        yield "\n" + "".join(f"- {line}\n" for line in notes)


def _briefly(decision: Decision) -> str:
    said = "; ".join(_of_decider(item) for item in decision.deciders if item.policy)
    return f"{decision.verdict.value} ({said})" if said else decision.verdict.value


def _of_decider(decider: Decider) -> str:
    return f"{decider.policy} {decider.rule}".strip()


def comparison_json(loaded: Loaded, result: Comparison) -> Iterator[str]:
    """Yield the `PolicyComparison` document."""
    fields = {"relation": result.relation.value, "outcome": result.outcome.value}
    yield from document(
        {**head(loaded, "PolicyComparison"), **fields},
        {"questions": (dump(_question_item(question)) for question in result.questions)},
    )


def _question_item(question: Question) -> Item:
    item: dict[str, Any] = {"flows": question.text, "outcome": question.outcome.value}
    if question.counterexample is not None:
        item["witness"] = _witness_item(question.counterexample)
    return {**item, "reasons": [reason_item(reason) for reason in question.reasons]}


def _witness_item(found: Counterexample) -> Item:
    sides = {
        name: {
            "verdict": decision.verdict.value,
            "decidedBy": [decider_item(decider) for decider in decision.deciders],
        }
        for name, decision in (("base", found.before), ("head", found.after))
    }
    return {"flow": flow_item(found.flow), **sides}

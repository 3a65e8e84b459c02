"""The walk of a flow as text: direction by direction, policy by policy, and the rules that matched.

Rules that did not match are folded to one line unless everything is asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from netcheck.model.flow import Verdict
from netcheck.report.layout import Style, count, prose
from netcheck.report.paint import Role
from netcheck.semantics.walk import Step

_MOST_NAMED = 4
_NO_MATCH = "no match: "
_IDLE = "not reached"
_ROLES = {Verdict.ALLOWED.value: Role.GOOD, Verdict.DENIED.value: Role.BAD, Verdict.UNKNOWN.value: Role.DOUBT}


def walk_text(steps: Sequence[Step], style: Style) -> Iterator[str]:
    """Yield the lines of a walk; none for an empty one."""
    if steps:
        supposed = steps[-1].outcome == Verdict.UNKNOWN.value
        yield "  walkthrough, if each missing fact is as supposed first:" if supposed else "  walkthrough:"
    for direction, members in groupby(steps, key=lambda step: step.direction):
        if direction is not None:
            yield f"    {direction.value.lower()}"
            yield from _direction(list(members), style)
        else:
            yield from _whole(members, style)


def _whole(steps: Iterable[Step], style: Style) -> Iterator[str]:
    for step in steps:
        because = f": {step.note}" if step.note and step.outcome != Verdict.ALLOWED.value else ""
        yield from _painted(prose(f"    {step.outcome}{because}", indent=6, width=style.width), step, style)


def _direction(steps: Sequence[Step], style: Style) -> Iterator[str]:
    for policy, members in groupby(steps, key=lambda step: step.policy):
        found = list(members)
        if policy:
            yield from _policy(found, style)
        else:
            for step in found:
                yield from _between(step, style)


def _between(step: Step, style: Style) -> Iterator[str]:
    """Yield what no policy decides: an exemption, the default, and the outcome of the direction."""
    if step.tier is None:
        yield from _painted([f"      {step.outcome}"], step, style)
    else:
        yield from prose(f"      {step.outcome}: {step.note}", indent=8, width=style.width)


def _policy(steps: Sequence[Step], style: Style) -> Iterator[str]:
    head, rules = steps[0], steps[1:]
    yield from prose(f"      {head.policy} {_verb(head)} ({head.note})", indent=8, width=style.width)
    yield from _place(head, style, 10)
    matching = [step for step in rules if style.verbose or _is_told(step)]
    for step in matching:
        yield from prose(f"        {step.rule} {step.outcome} ({step.note})", indent=10, width=style.width)
        yield from _place(step, style, 12)
    if not style.verbose:
        yield from _folded([step for step in rules if not _is_told(step)], style)


def _verb(step: Step) -> str:
    return {"unclear": "may concern it", "selects": "selects the pod", "isolates": "isolates the pod"}[step.outcome]


def _is_told(step: Step) -> bool:
    return step.outcome != _IDLE and not step.outcome.startswith(_NO_MATCH)


def _folded(steps: Sequence[Step], style: Style) -> Iterator[str]:
    """Yield one line for rules that did not match, and one for those that were not reached."""
    missed = [step for step in steps if step.outcome != _IDLE]
    if 0 < len(missed) <= _MOST_NAMED:
        named = ", ".join(f"{step.rule} ({step.outcome.removeprefix(_NO_MATCH)})" for step in missed)
        yield from prose(f"        no match: {named}", indent=10, width=style.width)
    elif missed:
        by = Counter(step.outcome.removeprefix(_NO_MATCH) for step in missed)
        numbers = ", ".join(f"{number} by {part}" for part, number in by.most_common())
        yield from prose(f"        no match: {count(len(missed), 'rule')} ({numbers})", indent=10, width=style.width)
    if len(missed) < len(steps):
        yield f"        not reached: {count(len(steps) - len(missed), 'rule')}"


def _place(step: Step, style: Style, indent: int) -> Iterator[str]:
    if step.place is not None:
        yield style.paint(f"{'':{indent}}{step.place}", Role.ASIDE)


def _painted(lines: Iterable[str], step: Step, style: Style) -> Iterator[str]:
    for line in lines:
        yield style.paint(line, _ROLES[step.outcome])

"""Suggested policies as text: the gaps, the policies and what each serves, what is not kept, and what is proved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netcheck.model.cluster import Loaded
from netcheck.queries.suggest_results import Check, Gap, Suggestion, Suggestions
from netcheck.report.layout import Style, folded, footer, prose
from netcheck.report.paint import Role
from netcheck.report.suggest_yaml import check_text, dropped_lines, need_text, nothing, summary, unknown_lines

_ROLES = {True: Role.GOOD, False: Role.BAD, None: Role.DOUBT}


def suggest_table(loaded: Loaded, found: Suggestions, style: Style) -> Iterator[str]:
    """Yield the text."""
    if not found.gaps and not found.policies:
        yield f"{nothing(found)}\n"
    for gap in found.gaps:
        yield _lines(_gap(gap, style))
    for item in found.policies:
        yield "\n" + _lines(_policy(item, found, style))
    notes = [*unknown_lines(found), *dropped_lines(found), *(f"note: {note}" for note in found.notes)]
    if notes:
        yield "\n" + _lines(line for note in notes for line in prose(note, indent=4, width=style.width))
    if found.policies:
        yield "\n" + _lines(_proof(found, style))
    if lines := footer(loaded, style):
        yield "\n" + _lines(lines)


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _gap(gap: Gap, style: Style) -> Iterator[str]:
    names = ", ".join(folded(gap.workloads, style))
    text = f"{style.paint('open', Role.BAD)} {gap.direction.value.lower()} of namespace {gap.namespace}: {names}"
    yield from prose(text, indent=4, width=style.width)


def _policy(item: Suggestion, found: Suggestions, style: Style) -> Iterator[str]:
    policy = item.policy
    selected = f"pods {policy.pod_selector}" if policy.pod_selector.requirements else "all pods"
    types = " and ".join(direction.value.lower() for direction in policy.types)
    yield f"{style.paint(policy.label, Role.NAME)}  {types} of {selected}"
    for direction in item.denies:
        yield f"  closes {direction.value.lower()} by default"
    needs = [need_text(found.needs[number]) for number in item.serves]
    for line in folded(needs, style):
        yield from prose(f"  keeps {line}", indent=6, width=style.width)


def _proof(found: Suggestions, style: Style) -> Iterator[str]:
    yield summary(found)
    for check in found.checks:
        yield from _check(check, style)
    yield f"-o yaml writes {'it' if len(found.policies) == 1 else 'them'}: netcheck suggest ... -o yaml=policies.yaml"


def _check(check: Check, style: Style) -> Iterator[str]:
    head, _, rest = check_text(check).partition(":")
    lines = prose(f"  {head}:{rest}", indent=4, width=style.width)
    yield lines[0].replace(head, style.paint(head, _ROLES[check.holds]), 1)
    yield from lines[1:]

"""Repairs of a violated intent as text: what to edit and where, the policies to add, and what else changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netcheck.queries.repair_results import Effect, Repair, Repairs
from netcheck.report.layout import Style, count, ports_text, prose
from netcheck.report.paint import Role
from netcheck.report.policy_yaml import policy_yaml

_MOST_EFFECTS = 4
_MOST_EDITS = 10
_MOST_NAMES = 3


def repairs_lines(found: Repairs, style: Style) -> Iterator[str]:
    """Yield the lines that follow a violated intent."""
    for number, repair in enumerate(found.repairs, start=1):
        head = f"  repair {number} of {len(found.repairs)} ({count(len(repair.edits), 'edit')}; {_besides(repair)})"
        yield from prose(head, indent=4, width=style.width)
        yield from _repair(repair, style)
    if found.message:
        text = f"  {'no repair' if not found.repairs else 'repairs'}: {found.message}"
        yield from prose(text, indent=4, width=style.width)


def _besides(repair: Repair) -> str:
    parts = [f"closes {count(repair.closed, 'other connection')}"] if repair.closed else []
    parts += [f"opens {count(repair.opened, 'other connection')}"] if repair.opened else []
    text = " and ".join(parts) or "changes nothing else"
    return f"{text}; breaks {', '.join(repair.breaks)}" if repair.breaks else text


def _repair(repair: Repair, style: Style) -> Iterator[str]:
    edits = repair.edits if style.verbose else repair.edits[:_MOST_EDITS]
    for edit in edits:
        yield from prose(f"    {edit.text}", indent=6, width=style.width)
        if edit.place is not None:
            yield style.paint(f"      {edit.place}", Role.ASIDE)
        for policy in repair.policies:
            if policy.label == edit.policy and policy.label in repair.added:
                yield from (f"      {line}".rstrip() for line in policy_yaml(policy).splitlines())
    if len(edits) < len(repair.edits):
        yield f"    and {count(len(repair.edits) - len(edits), 'edit')} more (-v lists them)"
    shown = repair.effects if style.verbose else repair.effects[:_MOST_EFFECTS]
    for effect in shown:
        yield from prose(f"    {_effect(effect)}", indent=6, width=style.width)
    if len(shown) < len(repair.effects):
        yield f"    and {count(len(repair.effects) - len(shown), 'group')} more of connections (-v lists them)"


def _effect(effect: Effect) -> str:
    word = "also opens" if effect.opens else "also closes"
    return f"{word} {_named(effect.sources)} -> {_named(effect.destinations)}  {ports_text(effect.connections)}"


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more

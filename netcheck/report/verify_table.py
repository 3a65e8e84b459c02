"""What became of intents as text: violated ones first, each with its witness and what decided it, then the coverage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from netcheck.model.cluster import Loaded
from netcheck.model.flow import Decider, Reason
from netcheck.queries.verify_results import Basis, IntentResult, Outcome, Support, Uncovered, Verification
from netcheck.report.layout import Style, count, footer, ports_text, prose
from netcheck.report.paint import Role
from netcheck.report.query_text import decider_text, flow_text
from netcheck.report.repair_text import repairs_lines

ROLES = {Outcome.HOLDS: Role.GOOD, Outcome.VIOLATED: Role.BAD, Outcome.UNKNOWN: Role.DOUBT}
_MOST_NAMES = 3


def verify_text(loaded: Loaded, found: Verification, style: Style) -> Iterator[str]:
    """Yield the text."""
    for item in found.results:
        yield _lines(_intent(item, style))
    yield "\n" + _lines(_summary(found, style))
    notes = footer(loaded, style)
    if notes:
        yield "\n" + _lines(notes)


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _intent(item: IntentResult, style: Style) -> Iterator[str]:
    word = style.paint(f"{item.outcome.value:9}", ROLES[item.outcome])
    yield f"{word} {style.paint(item.intent.name, Role.NAME)}"
    brief = item.outcome is Outcome.HOLDS and item.basis is None and not style.verbose
    if brief:
        return
    yield from prose(f"  {item.intent.text}", indent=4, width=style.width)
    if item.intent.place is not None:
        yield style.paint(f"    {item.intent.place}", Role.ASIDE)
    if item.message:
        yield from prose(f"  {item.message}", indent=4, width=style.width)
    if item.evidence is not None:
        yield from prose(f"  witness:  {flow_text(item.evidence.flow)}", indent=12, width=style.width)
        yield from _deciders(item.evidence.decided_by, style)
    yield from _reasons(item.reasons, style)
    if item.proved_for:
        yield f"  proved for {item.proved_for}"
    if item.basis is not None:
        yield from _basis(item.basis, style)
    if item.repairs is not None:
        yield from repairs_lines(item.repairs, style)


def _deciders(deciders: Iterable[Decider], style: Style) -> Iterator[str]:
    for decider in deciders:
        yield from prose(f"  {decider_text(decider)}", indent=4, width=style.width)
        if decider.place is not None:
            yield style.paint(f"      {decider.place}", Role.ASIDE)


def _reasons(reasons: Iterable[Reason], style: Style) -> Iterator[str]:
    for reason in reasons:
        yield from prose(f"  because {reason.rule}: {reason.message}", indent=4, width=style.width)
        if reason.place is not None:
            yield style.paint(f"      {reason.place}", Role.ASIDE)


# ---- what a proof rests on -----------------------------------------------------------------------------------------


def _basis(basis: Basis, style: Style) -> Iterator[str]:
    if basis.unfinished:
        yield "  rests on: not found in time"
    elif not basis.ways:
        yield "  rests on no policy: nothing of it could pass without any either"
    else:
        yield from _ways(basis, style)
    for evidence in basis.evasions:
        yield from prose(
            f"  a pod that could be created evades it: {flow_text(evidence.flow)}", indent=4, width=style.width
        )
    if basis.unevadable:
        yield "  no other pod that could be created gets through, whatever its labels"


def _ways(basis: Basis, style: Style) -> Iterator[str]:
    ways = basis.ways
    if len(ways) == 1 and not basis.more:
        yield "  rests on (without any one of these it does not hold):"
    else:
        more = ", and there may be more" if basis.more else ""
        yield f"  rests on any of {count(len(ways), 'set')}{more}; each alone suffices:"
    for number, way in enumerate(ways, start=1):
        if len(ways) > 1:
            yield f"    {number}."
        for support in way:
            yield from _support(support, style, several=len(ways) > 1)


def _support(support: Support, style: Style, *, several: bool) -> Iterator[str]:
    needed = " (in every set: without it alone it does not hold)" if several and support.essential else ""
    yield from prose(f"    {support.policy}{needed}", indent=6, width=style.width)
    if support.place is not None:
        yield style.paint(f"      {support.place}", Role.ASIDE)
    if support.evaded_by:
        yield from prose(f"      escaped by {support.evaded_by}", indent=8, width=style.width)


# ---- the whole -----------------------------------------------------------------------------------------------------


def _summary(found: Verification, style: Style) -> Iterator[str]:
    numbers = (f"{found.count(outcome):,} {outcome.value}" for outcome in Outcome if found.count(outcome))
    yield f"{count(len(found.results), 'intent')}: {', '.join(numbers) or 'none is about what is reported'}"
    if found.left_out:
        yield f"{count(found.left_out, 'intent')} of other namespaces left out"
    if not found.uncovered:
        return
    groups = count(len(found.uncovered), "group")
    hint = "" if style.verbose else " (-v lists them)"
    yield f"no intent speaks of {groups} of allowed connections{hint}"
    for item in found.uncovered if style.verbose else ():
        yield from prose(f"  {_uncovered(item)}", indent=4, width=style.width)


def _uncovered(item: Uncovered) -> str:
    return f"{_named(item.sources)} -> {_named(item.destinations)}  {ports_text(item.connections)}"


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more

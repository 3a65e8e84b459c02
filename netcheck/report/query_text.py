"""The answer to a query as text: the verdict, a witness, what decided it and where that is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from netcheck.model.cluster import Loaded
from netcheck.model.flow import Decider, Reason, Verdict
from netcheck.queries.results import Change, FlowText, PairResult, ProfileVerdict, QueryResult
from netcheck.report.layout import Style, count, footer, ports_text, prose
from netcheck.report.paint import Role
from netcheck.report.walk_text import walk_text
from netcheck.values.connections import ConnectionSet

ROLES = {Verdict.ALLOWED: Role.GOOD, Verdict.DENIED: Role.BAD, Verdict.UNKNOWN: Role.DOUBT}
MOST_PAIRS = 10
_ACTIONS = {"allow": "allowed", "deny": "denied", "pass": "passed on", "exempt": "not policed"}


def query_text(loaded: Loaded, result: QueryResult, style: Style) -> Iterator[str]:
    """Yield the text: the whole answer first, then pair by pair, those that decide it first."""
    yield _lines(_headline(result, style))
    ordered = sorted(result.pairs, key=lambda pair: pair.verdict is not result.verdict)
    shown = ordered if style.verbose else ordered[:MOST_PAIRS]
    for pair in shown:
        yield "\n" + _lines(_pair(pair, style, alone=len(result.pairs) == 1))
    if len(shown) < len(ordered):
        yield f"\nand {count(len(ordered) - len(shown), 'pair')} more (-v lists them)\n"
    if result.profiles:
        yield "\n" + _lines(_profiles(result.profiles, style))
    notes = footer(loaded, style)
    if notes:
        yield "\n" + _lines(notes)


def _headline(result: QueryResult, style: Style) -> Iterator[str]:
    word = style.paint(result.verdict.value, ROLES[result.verdict])
    asked = f"  {result.asked}" if result.asked else ""
    yield f"{word}  {result.source} -> {result.destination}{asked}"
    if len(result.pairs) > 1:
        verdicts = [pair.verdict for pair in result.pairs]
        numbers = (f"{verdicts.count(verdict):,} {verdict.value}" for verdict in Verdict if verdict in verdicts)
        yield f"  {count(len(result.pairs), 'pair')}: {', '.join(numbers)}"
    yield from _reasons(result.reasons, style)


def _pair(pair: PairResult, style: Style, *, alone: bool) -> Iterator[str]:
    if not alone:
        word = style.paint(pair.verdict.value, ROLES[pair.verdict])
        yield f"{word}  {pair.source} -> {pair.destination}"
    if pair.service:
        yield f"  through:  {pair.service}"
    yield from _connections(pair, style)
    if pair.witness is not None:
        yield from prose(f"  witness:  {flow_text(pair.witness)}", indent=12, width=style.width)
    yield from _deciders(pair.decided_by, style)
    yield from _reasons(pair.reasons, style)
    yield from _outcomes(pair, style)
    if pair.blocked_by:
        labels = ", ".join(dict.fromkeys(decider.policy for decider in pair.blocked_by))
        yield from prose(f"  it would pass without: {labels}", indent=4, width=style.width)
    yield from _change(pair.change, style)
    if alone or style.verbose:
        yield from walk_text(pair.walkthrough, style)
    if pair.proved_for:
        yield from prose(f"  proved for {pair.proved_for}", indent=4, width=style.width)
    if pair.depends_on:
        yield f"  another CNI profile answers otherwise: {', '.join(pair.depends_on)}"


def _connections(pair: PairResult, style: Style) -> Iterator[str]:
    """Yield which of the asked connections are allowed, denied and unknown, unless the verdict says it alone."""
    if pair.proved_for:
        return
    allowed, unknown = pair.allowed & pair.asked, pair.unknown & pair.asked
    rest = pair.asked - allowed - unknown if pair.asked != ConnectionSet.all() else ConnectionSet.none()
    for word, part in (("allowed", allowed), ("denied", rest), ("unknown", unknown)):
        if part and part != pair.asked:
            yield from prose(f"  {word + ':':9} {ports_text(part)}", indent=12, width=style.width)


def _outcomes(pair: PairResult, style: Style) -> Iterator[str]:
    for outcome in pair.outcomes:
        word = style.paint(outcome.verdict.value, ROLES[outcome.verdict])
        yield from prose(f"  {word} if {outcome.condition}", indent=4, width=style.width)


def _change(change: Change | None, style: Style) -> Iterator[str]:
    """Yield what would let a denied flow through, edit by edit."""
    if change is None:
        return
    yield "  to allow it (the smallest change, verified):"
    for edit in change.edits:
        yield from prose(f"    {edit.text}", indent=6, width=style.width)
        if edit.place is not None:
            yield style.paint(f"      {edit.place}", Role.ASIDE)


_PROFILE_INDENT = 25


def _profiles(profiles: Sequence[ProfileVerdict], style: Style) -> Iterator[str]:
    """Yield a line for each profile: its verdict and what decides it; of the odd ones the switches that differ."""
    yield style.paint(f"{'profile':15} {'verdict':8} decided by", Role.NAME)
    first = _decided(profiles[0])
    for item in profiles:
        word = style.paint(f"{item.verdict.value:8}", ROLES[item.verdict])
        odd = _decided(item) != first or item.verdict is not profiles[0].verdict
        decided = _decided(item) if odd or item is profiles[0] else "the same"
        texts = prose(" " * _PROFILE_INDENT + decided, indent=_PROFILE_INDENT, width=style.width)
        yield f"{item.profile:15} {word} {texts[0].lstrip()}".rstrip()
        yield from texts[1:]
        if item.differs and (odd or style.verbose):
            text = f"{'':{_PROFILE_INDENT}}differs in {', '.join(item.differs)}"
            yield from (style.paint(line, Role.ASIDE) for line in prose(text, indent=27, width=style.width))


def _decided(item: ProfileVerdict) -> str:
    """Return what decides under a profile, or which rules leave it unknown."""
    parts = [_briefly(decider) for decider in item.decided_by] or [reason.rule for reason in item.reasons]
    return "; ".join(dict.fromkeys(parts))


def _briefly(decider: Decider) -> str:
    what = f"{decider.policy} {decider.rule}".strip()
    return f"{decider.direction.value.lower()}: {what or decider.cites}"


def _deciders(deciders: Iterable[Decider], style: Style) -> Iterator[str]:
    for decider in deciders:
        yield from prose(f"  {decider_text(decider)}", indent=4, width=style.width)
        if decider.place is not None:
            yield style.paint(f"      {decider.place}", Role.ASIDE)


def decider_text(decider: Decider) -> str:
    """Return what decided one direction, in a sentence without its place."""
    direction = f"{decider.direction.value.lower() + ':':9}"
    cites = f" ({decider.cites})" if decider.cites else ""
    rule = f" {decider.rule}" if decider.rule else ""
    note = f": {decider.note}" if decider.note else ""
    if not decider.policy:
        return f"{direction} {_ACTIONS.get(decider.action, decider.action)}{cites}{note}"
    return f"{direction} {_ACTIONS.get(decider.action, decider.action)} by {decider.policy}{rule}{cites}{note}"


def _reasons(reasons: Iterable[Reason], style: Style) -> Iterator[str]:
    for reason in reasons:
        yield from prose(f"  because {reason.rule}: {reason.message}", indent=4, width=style.width)
        if reason.place is not None:
            yield style.paint(f"      {reason.place}", Role.ASIDE)


def flow_text(flow: FlowText) -> str:
    """Return a concrete flow in one line."""
    protocol = flow.protocol.value if flow.protocol is not None else ""
    port = f" {protocol}/{flow.port}" if flow.port is not None else f" {protocol}" if protocol else ""
    source = _end(flow.source, flow.source_labels, flow.source_address)
    destination = _end(flow.destination, flow.destination_labels, flow.destination_address)
    note = f" ({flow.note})" if flow.note else ""
    return f"{source} -> {destination}{port}{note}"


def _end(name: str, labels: str, address: str) -> str:
    inside = ", ".join(part for part in (labels, address) if part and part != name)
    return f"{name} [{inside}]" if inside else name


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)

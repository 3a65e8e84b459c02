"""What policies make of an end that is not loaded: a proxy of which neither namespace nor labels are known.

Whom everybody's rule lets in is let in, whoever it is; where no rule speaks of anybody, nobody is; the rest is unknown.
"""

from __future__ import annotations

from collections.abc import Sequence

from netcheck.engines.sets import PairMasks, SetEngine
from netcheck.logic.classes import Element
from netcheck.logic.ir import AllOf, AnyOf, Everything, IsKind, Kind, Mode, NamespaceLabels, PodLabels, Predicate, Rule
from netcheck.logic.translate import resolutions
from netcheck.model.policy import Direction


class Anybody:
    """Answers about peers of which nothing is known, for the classes of one engine."""

    def __init__(self, engine: SetEngine) -> None:
        profiles = resolutions(engine.cluster)
        self._engines = [engine] if len(profiles) == 1 else [engine.under(profile) for profile in profiles]
        self._found: dict[tuple[int, Direction, bool], PairMasks] = {}

    def masks(self, element: int, direction: Direction, *, pods: bool = False) -> PairMasks:
        """Return the ports on which a class lets every peer pass in `direction`, and those on which it may let one pass.

        `pods`: the peer is some pod, on its node's network or not. A peer on the class's own node is no case of its own.
        """
        key = (element, direction, pods)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = _joined(
                [_masks(engine, element, direction, pods=pods) for engine in self._engines]
            )
        return found


def _joined(found: Sequence[PairMasks]) -> PairMasks:
    """Return what is allowed under every profile that it may be, and what is under some."""
    allowed, possible = found[0].allowed, 0
    for item in found:
        allowed &= item.allowed
        possible |= item.allowed | item.unknown
    return PairMasks(allowed=allowed, unknown=possible & ~allowed)


def _masks(engine: SetEngine, element: int, direction: Direction, *, pods: bool) -> PairMasks:
    table = engine.table(element, direction)
    universe = engine.universe
    allowed = 0
    for part in table.parts:
        if part.must == universe.everything:
            allowed |= part.mask
    if table.opaque:
        return PairMasks(allowed=allowed, unknown=universe.ports.everything & ~allowed)
    subject = universe.elements[element] if direction is Direction.INGRESS else None
    in_order = any(g.mode is Mode.FIRST_MATCH and g.stages for g in engine.program.pipeline(direction).groups)
    touched = 0
    for rule in (rule for stage in table.stages for rule in stage.rules):
        touched |= _ports(engine, rule, subject)
        if pods and not in_order and all(covers(rule.peer, kind) for kind in (Kind.POD, Kind.HOST_POD)):
            allowed |= _certain_ports(engine, rule)
    return PairMasks(allowed=allowed, unknown=touched & ~allowed)


def _certain_ports(engine: SetEngine, rule: Rule) -> int:
    ports = engine.universe.ports
    return ports.everything if rule.ports.any_port else ports.mask(rule.ports.numbers)


def _ports(engine: SetEngine, rule: Rule, subject: Element | None) -> int:
    """Return the ports that a rule can speak of: its names are the destination's, which may be any number (NP-26)."""
    ports = engine.universe.ports
    found = _certain_ports(engine, rule)
    if rule.ports.named and subject is None:
        return ports.everything
    for named in rule.ports.named:
        for name, protocol, numbers in subject.named if subject is not None else ():
            if name == named.name and named.protocol in (None, protocol):
                for number in numbers:
                    found |= ports.single(protocol, number)
    return found


def covers(peer: Predicate, kind: Kind) -> bool:
    """Return whether a predicate is true of every endpoint of a kind, loaded or not; false where that is not plain."""
    match peer:
        case Everything():
            return True
        case IsKind(kinds):
            return kind in kinds
        case NamespaceLabels(selector) | PodLabels(selector):
            return kind in (Kind.POD, Kind.HOST_POD) and not selector.requirements
        case AllOf(parts):
            return all(covers(part, kind) for part in parts)
        case AnyOf(parts):
            return any(covers(part, kind) for part in parts)
        case _:
            return False

"""Intents with an end that is no element of the universe: a proxy that is not loaded, a name outside, a refused pod."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from netcheck.engines.sets import SetEngine
from netcheck.logic.atoms import indexes
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Reason, Verdict
from netcheck.model.intents import Demand, Intent
from netcheck.model.policy import Direction
from netcheck.queries.anybody import Anybody
from netcheck.queries.domains import reason as domain_reason
from netcheck.queries.domains import resolved
from netcheck.queries.ends import Domain, Proxy
from netcheck.queries.intent_ends import Members
from netcheck.queries.intent_witness import Witnesses, end_text
from netcheck.queries.lost_ends import Lost
from netcheck.queries.results import FlowText
from netcheck.queries.verify_results import Evidence, IntentResult, Outcome
from netcheck.values.connections import ConnectionSet

if TYPE_CHECKING:
    from netcheck.queries.flow_table import Box
    from netcheck.queries.verify import Asked

Masks = tuple[int, int]
"""The ports on which flows must pass, and on which they may but need not."""


class SymbolicEnds:
    """Judges such ends one element at a time."""

    def __init__(self, cluster: Cluster, engine: SetEngine) -> None:
        self._cluster = cluster
        self._engine = engine
        self._anybody: Anybody | None = None
        self._witnesses = Witnesses(cluster, engine)

    def judged(self, intent: Intent, item: Members, *, is_source: bool, asked: Asked) -> IntentResult | None:
        """Return the violation or doubt that a symbolic end brings; None where there is none."""
        symbolic = item.symbolic
        if isinstance(symbolic, Lost):
            return _doubt(intent, item.text, symbolic.reason)
        if symbolic is None or intent.demand is Demand.ONLY or (isinstance(symbolic, Domain) and is_source):
            message = f"nothing can be proved of `{item.text}`, whose addresses are not known"
            return _doubt(intent, item.text, Reason(rule="ING-13", message=message))
        doubt = None
        for number, asked_mask, (allowed, unknown) in self._pairs(symbolic, is_source=is_source, asked=asked):
            found = self._one(intent, item, number, (asked_mask, allowed, unknown), is_source=is_source)
            if found is not None and found.outcome is Outcome.VIOLATED:
                return found
            doubt = doubt or found
        return doubt

    def _pairs(self, symbolic: Proxy | Domain, *, is_source: bool, asked: Asked) -> Iterator[tuple[int, int, Masks]]:
        """Yield (element of the other end, the ports asked, what is known) for each element that is a pod."""
        pods = (1 << self._engine.universe.pod_count) - 1
        if is_source:
            boxes: tuple[Box, ...] = asked.possible
            for box in boxes:
                for number in indexes(box.destinations & pods):
                    yield number, box.mask, self._masks(symbolic, number, Direction.INGRESS)
            return
        for number in indexes(asked.sources.possible & pods):
            yield number, asked.mask, self._masks(symbolic, number, Direction.EGRESS)

    def _masks(self, symbolic: Proxy | Domain, number: int, direction: Direction) -> Masks:
        if isinstance(symbolic, Domain):
            found = resolved(self._cluster, self._engine.universe.elements[number].members[0], symbolic.name)
            ports = self._engine.universe.ports
            return tuple(  # type: ignore[return-value]
                ports.mask(found.engine.connections(mask)) for mask in (found.allowed, found.unknown)
            )
        self._anybody = self._anybody or Anybody(self._engine)
        masks = self._anybody.masks(number, direction, pods=symbolic.plane.are_pods)
        if direction is Direction.EGRESS:  # what selects the proxy's own pods is not known either
            return 0, masks.allowed | masks.unknown
        return masks.allowed, masks.unknown

    def _one(
        self, intent: Intent, item: Members, number: int, masks: tuple[int, int, int], *, is_source: bool
    ) -> IntentResult | None:
        asked, allowed, unknown = masks
        wanted = intent.demand is Demand.ALLOW
        any_port = wanted and intent.ports is None
        passes = bool(allowed & asked) if any_port or not wanted else not asked & ~allowed
        may = bool((allowed | unknown) & asked) if any_port or not wanted else not asked & ~(allowed | unknown)
        if (passes if wanted else not may) or not asked:
            return None
        evidence = self._evidence(
            item, number, asked, Verdict.ALLOWED if passes else Verdict.DENIED, is_source=is_source
        )
        if wanted and not may:
            message = "this must be allowed and is denied"
        elif not wanted and passes:
            message = "this must be denied and is allowed"
        else:
            return _doubt(intent, item.text, _missing(item))
        return IntentResult(intent=intent, outcome=Outcome.VIOLATED, message=message, evidence=evidence)

    def _evidence(self, item: Members, number: int, mask: int, verdict: Verdict, *, is_source: bool) -> Evidence:
        other = end_text(self._witnesses.end(number))
        connections: ConnectionSet = self._engine.connections(mask)
        protocol, ports = next(connections.items())
        ends = (item.text, other) if is_source else (other, item.text)
        flow = FlowText(source=ends[0], destination=ends[1], protocol=protocol, port=ports.lowest)
        return Evidence(flow=flow, verdict=verdict)


def _missing(item: Members) -> Reason:
    match item.symbolic:
        case Domain(name=name):
            return domain_reason(name)
        case Proxy(plane=plane) if plane.reasons:
            return plane.reasons[0]
        case _:
            return Reason(rule="ING-13", message=f"the pods of `{item.text}` are not in the input")


def _doubt(intent: Intent, text: str, reason: Reason) -> IntentResult:
    return IntentResult(intent=intent, outcome=Outcome.UNKNOWN, message=f"not known of `{text}`", reasons=(reason,))

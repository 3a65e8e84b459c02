"""How the three ways to a verdict are compared: oracle against sets by enumeration, sets against Z3 by proof."""

from __future__ import annotations

from collections.abc import Iterable

from netcheck.engines.sets import PairMasks, SetEngine, expand
from netcheck.engines.smt import SmtEngine
from netcheck.model.cluster import Cluster
from netcheck.model.flow import AddressEnd, End, Flow, NodeEnd, OwnNodeEnd, PodEnd, Verdict
from netcheck.semantics.decide import decide
from netcheck.values.addresses import address_number

_NOTHING = PairMasks(allowed=0, unknown=0)


def element_of(engine: SetEngine, end: End) -> int:
    """Return the element of the engine's universe that an end of a flow is."""
    universe, cluster = engine.universe, engine.cluster
    match end:
        case PodEnd(pod):
            return universe.class_of[next(i for i, other in enumerate(cluster.pods) if other is pod)]
        case NodeEnd(node):
            return universe.pod_count + next(i for i, other in enumerate(cluster.nodes) if other is node)
        case OwnNodeEnd():
            return universe.own_node
        case AddressEnd(address):
            version, number = address_number(address)
            return universe.atom_offset + universe.addresses.atom(version, number)


def is_one_pod(flow: Flow) -> bool:
    """NET-6 is about identity, which classes of pods do not have: those flows are the oracle's alone."""
    return isinstance(flow.source, PodEnd) and flow.source == flow.destination and not flow.source.pod.template


def verdict_of(masks: PairMasks, port: int) -> Verdict:
    """Return the verdict that masks give about one port atom."""
    return Verdict.ALLOWED if masks.allowed & port else Verdict.UNKNOWN if masks.unknown & port else Verdict.DENIED


def oracle_against_sets(cluster: Cluster, flows: Iterable[Flow]) -> tuple[int, str | None]:
    """Return how many flows were compared, and the first on which the oracle, the matrix and `pair` do not agree."""
    engine = SetEngine(cluster)
    matrix = expand(engine.matrix)
    elements: dict[int, int] = {}
    pairs: dict[tuple[int, int], PairMasks] = {}
    compared = 0
    for flow in flows:
        if is_one_pod(flow):
            continue
        key = tuple(
            elements.setdefault(id(end), -1)
            if id(end) in elements
            else elements.setdefault(id(end), element_of(engine, end))
            for end in (flow.source, flow.destination)
        )
        pair = (key[0], key[1])
        if pair not in pairs:
            pairs[pair] = engine.pair(*pair)
        port = engine.universe.ports.single(flow.protocol, flow.port)
        found = (
            decide(cluster, flow).verdict,
            verdict_of(matrix.get(pair, _NOTHING), port),
            verdict_of(pairs[pair], port),
        )
        compared += 1
        if len(set(found)) > 1:
            return compared, f"oracle, matrix, pair say {[verdict.value for verdict in found]} of {flow}"
    return compared, None


def sets_against_z3(cluster: Cluster) -> str | None:
    """Return None iff Z3 proves the set engine's matrix right for every flow of the cluster."""
    engine = SetEngine(cluster)
    return SmtEngine(cluster, engine.universe).disagreement(engine)

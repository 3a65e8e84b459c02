"""Which missing facts can make a pair of elements unknown, as reasons with their SEMANTICS rules."""

from __future__ import annotations

from collections.abc import Iterable

from netcheck.engines.entries import address_peer, disjuncts
from netcheck.engines.lowering import bounds_with_open_labels
from netcheck.engines.sets import SetEngine
from netcheck.engines.tables import Table
from netcheck.logic.classes import Element
from netcheck.logic.ir import AllOf, Kind, NamespaceLabels, Predicate
from netcheck.model.flow import Reason
from netcheck.model.policy import Direction
from netcheck.model.profile import SWITCH_FIELDS, Switch
from netcheck.values.addresses import IPSet
from netcheck.values.labels import LabelSelector


def reasons(engine: SetEngine, source: int, destination: int) -> tuple[Reason, ...]:
    """Return the missing facts on which flows between two elements can depend, sorted."""
    found: set[Reason] = set()
    pods = engine.universe.pod_count
    if source < pods:
        out = engine.table(source, Direction.EGRESS)
        found |= set(_of_side(engine, out, destination))
        if destination < pods:
            found |= set(_named(engine.universe.elements[destination], out))
    if destination < pods:
        into = engine.table(destination, Direction.INGRESS)
        found |= set(_of_side(engine, into, source)) | set(_named(engine.universe.elements[destination], into))
    found |= set(_switches(engine, source, destination))
    return tuple(sorted(found, key=lambda reason: (reason.rule, reason.message)))


def _of_side(engine: SetEngine, table: Table, peer: int) -> Iterable[Reason]:
    for stage in table.opaque:
        yield Reason(rule=stage.cites, message=stage.message, place=stage.origin.place)
    predicates = [part for stage in table.stages for rule in stage.rules for part in disjuncts(rule.peer)]
    universe = engine.universe
    if peer < universe.pod_count:
        yield from _labels(engine, universe.elements[peer], predicates)
    if peer < universe.atom_offset:
        yield from _address(engine, universe.elements[peer], predicates)


def _labels(engine: SetEngine, peer: Element, predicates: list[Predicate]) -> Iterable[Reason]:
    namespace = engine.cluster.namespaces.get(peer.namespace)
    if namespace is None or namespace.labels_known:
        return
    keys: set[str] = set()
    for selector in _namespace_selectors(predicates):
        must, may = bounds_with_open_labels(selector, namespace.labels)
        if must != may:
            keys |= {item.key for item in selector.requirements if item.key not in namespace.labels}
    if keys:
        listed = ", ".join(f"`{key}`" for key in sorted(keys))
        yield Reason(
            rule="WL-3",
            message=f"no source defines namespace `{peer.namespace}`, so its label {listed} is not known",
        )


def _namespace_selectors(predicates: Iterable[Predicate]) -> Iterable[LabelSelector]:
    for predicate in predicates:
        parts = predicate.parts if isinstance(predicate, AllOf) else (predicate,)
        yield from (part.selector for part in parts if isinstance(part, NamespaceLabels))


def _address(engine: SetEngine, peer: Element, predicates: list[Predicate]) -> Iterable[Reason]:
    unknown = [version for version, atom in peer.address_atoms if atom is None]
    addressing = engine.cluster.addressing
    is_pod = peer.kind is Kind.POD
    lies_in = IPSet.of_cidrs(*(addressing.pods_lie_in() if is_pod else addressing.nodes_lie_in()))
    for predicate in predicates:
        tested = address_peer(predicate)
        if tested is None or peer.kind not in tested[0]:
            continue
        for version in unknown:
            within = IPSet(lies_in.v4 if version == 4 else (), lies_in.v6 if version == 6 else ())
            if within & tested[1] and not within <= tested[1]:
                option = "--pod-cidr" if is_pod else "--node-cidr"
                whose = "the pod's" if is_pod else "the node's"
                yield Reason(
                    rule="NP-20",
                    message=f"{whose} address is not known, and an ipBlock holds a part of where it may lie ({option})",
                )


def _named(destination: Element, table: Table) -> Iterable[Reason]:
    """NP-26: named ports are the destination's in both directions."""
    asked = {port.name for stage in table.stages for rule in stage.rules for port in rule.ports.named}
    for name, protocol, numbers in destination.named:
        if name in asked and len(numbers) > 1:
            yield Reason(
                rule="NP-26",
                message=f"two containers declare port `{name}` of {protocol.value} with different numbers",
            )


def _switches(engine: SetEngine, source: int, destination: int) -> Iterable[Reason]:
    rules = {"host_net_peer": "NET-3", "host_net_subject": "NET-3", "end_port": "NP-28", "enforced": "CNI-1"}
    rules |= {"cidr_matches_pods": "NP-20", "cidr_matches_nodes": "NP-21"}
    own = engine.universe.own_node
    if source == own:
        rules["own_node_ingress"] = "NET-4"
    if destination == own:
        rules["own_node_egress"] = "NET-5"
    for name, field in SWITCH_FIELDS.items():
        if field in rules and getattr(engine.cluster.profile, field) is Switch.UNKNOWN:
            yield Reason(rule=rules[field], message=f"the profile does not know `{name}` (--assume {name}=yes|no)")

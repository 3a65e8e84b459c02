"""What a program can tell apart: the label keys, named ports and address sets that its predicates mention."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from netcheck.logic.ir import (
    AllOf,
    AnyOf,
    InAddresses,
    IsNode,
    NamedPort,
    NamespaceLabels,
    Not,
    PodLabels,
    PortPredicate,
    Predicate,
    Program,
    ResolvedFrom,
    Rule,
    Stage,
)
from netcheck.values.addresses import IPSet
from netcheck.values.connections import ConnectionSet
from netcheck.values.labels import LabelSelector


@dataclass(frozen=True, slots=True, kw_only=True)
class Mentions:
    """Everything that occurs in a program's predicates and ports, without repetition."""

    pod_selectors: frozenset[LabelSelector]
    namespace_selectors: frozenset[LabelSelector]
    node_selectors: frozenset[LabelSelector]
    domain_names: frozenset[str]
    addresses: tuple[IPSet, ...]
    named_ports: frozenset[NamedPort]
    port_sets: frozenset[ConnectionSet]

    @property
    def pod_keys(self) -> frozenset[str]:
        """The pod label keys that some selector reads."""
        return frozenset(item.key for selector in self.pod_selectors for item in selector.requirements)


def mentions(programs: Iterable[Program]) -> Mentions:
    """Return what occurs in `programs`."""
    collector = _Collector()
    for program in programs:
        for pipeline in (program.ingress, program.egress):
            for stage in pipeline.opaque:
                collector.predicate(stage.subject)
            for group in pipeline.groups:
                for member in group.stages:
                    collector.stage(member)
    return collector.result()


class _Collector:
    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._kept: list[object] = []  # keeps what `_seen` names by identity alive
        self._pods: set[LabelSelector] = set()
        self._namespaces: set[LabelSelector] = set()
        self._nodes: set[LabelSelector] = set()
        self._names: set[str] = set()
        self._addresses: dict[IPSet, None] = {}
        self._named: set[NamedPort] = set()
        self._ports: set[ConnectionSet] = set()

    def stage(self, stage: Stage) -> None:
        self.predicate(stage.subject)
        for rule in stage.rules:
            self._rule(rule)

    def _rule(self, rule: Rule) -> None:
        self.predicate(rule.peer)
        if self._is_new(rule.ports):
            self._port_predicate(rule.ports)

    def _port_predicate(self, ports: PortPredicate) -> None:
        self._named.update(ports.named)
        if not ports.any_port:
            self._ports.add(ports.numbers)

    def _is_new(self, item: object) -> bool:
        if id(item) in self._seen:
            return False
        self._seen.add(id(item))
        self._kept.append(item)
        return True

    def predicate(self, predicate: Predicate) -> None:
        if not self._is_new(predicate):
            return
        match predicate:
            case AllOf(parts) | AnyOf(parts):
                for part in parts:
                    self.predicate(part)
            case Not(part):
                self.predicate(part)
            case PodLabels(selector):
                self._pods.add(selector)
            case NamespaceLabels(selector):
                self._namespaces.add(selector)
            case IsNode(selector):
                self._nodes.add(selector)
            case ResolvedFrom(names):
                self._names.update(names)
            case InAddresses(addresses):
                self._addresses[addresses] = None
            case _:
                pass

    def result(self) -> Mentions:
        return Mentions(
            pod_selectors=frozenset(self._pods),
            namespace_selectors=frozenset(self._namespaces),
            node_selectors=frozenset(self._nodes),
            domain_names=frozenset(self._names),
            addresses=tuple(sorted(self._addresses, key=lambda item: (item.v4, item.v6))),
            named_ports=frozenset(self._named),
            port_sets=frozenset(self._ports),
        )


def label_domain(selectors: Iterable[LabelSelector]) -> dict[str, tuple[str, ...]]:
    """Return, for each key that `selectors` read, the values they mention, sorted."""
    values: dict[str, set[str]] = {}
    for selector in selectors:
        for requirement in selector.requirements:
            values.setdefault(requirement.key, set()).update(requirement.values)
    return {key: tuple(sorted(found)) for key, found in sorted(values.items())}


def requirement_keys(selectors: Iterable[LabelSelector]) -> Iterator[str]:
    """Yield the key of every requirement."""
    for selector in selectors:
        for requirement in selector.requirements:
            yield requirement.key

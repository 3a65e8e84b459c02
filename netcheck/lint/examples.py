"""Examples of what a rule matches, put to other rules: where none matches an example, the rule is needed.

A cheap test that comes before a proof: what no example tells apart is still to be proved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from netcheck.lint.reading import block
from netcheck.lint.snapshot import example_labels
from netcheck.model.objects import NAMESPACE_NAME_LABEL
from netcheck.model.policy import Direction, IPBlockPeer, NetworkPolicy, Peer, PolicyPort, PolicyRule
from netcheck.values.addresses import IPSet, address_text
from netcheck.values.labels import LabelSelector

_OUTSIDE = IPSet.of_cidrs("203.0.113.77/32")
_POD_ADDRESS = IPSet.of_cidrs("10.77.77.77/32")
_SOME_PORT = 41234
_SOME_NAMESPACE = "some-namespace"


@dataclass(frozen=True, slots=True)
class _End:
    """An example of a peer: a pod with its namespace's labels, or (labels None) an outside address."""

    address: IPSet
    namespace_labels: Mapping[str, str] | None = None
    labels: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class _Port:
    """An example of a port; `name` is what the destination calls it, or empty."""

    protocol: str
    number: int
    name: str = ""


RuleAt = tuple[int, int]
"""The position of a policy, and of one of its rules in the direction."""


class Examples:
    """The policies of one namespace in one direction."""

    def __init__(self, policies: Sequence[NetworkPolicy], direction: Direction) -> None:
        self._policies = policies
        self._direction = direction
        self._members = [number for number, policy in enumerate(policies) if direction in policy.types]
        self._selects: dict[tuple[LabelSelector, LabelSelector], bool] = {}

    @cached_property
    def rules(self) -> tuple[RuleAt, ...]:
        """Every rule of the direction."""
        return tuple((i, index) for i in self._members for index in range(len(self._rules_of(i))))

    def _rules_of(self, policy: int) -> tuple[PolicyRule, ...]:
        return self._policies[policy].rules(self._direction)

    def may_go(self, policy: int) -> bool:
        """Return whether other policies match the examples of all that a policy does; never False where it can go."""
        if policy not in self._members:
            return True
        others = self._beside(policy)
        if not others:
            return False
        rules = [rule for other in others for rule in self._rules_of(other)]
        return all(self._is_matched(rule, rules) for rule in self._rules_of(policy))

    def rule_may_go(self, rule: RuleAt) -> bool:
        """Return whether other rules match the examples of a rule; never False where it can go."""
        policy, index = rule
        own = [other for number, other in enumerate(self._rules_of(policy)) if number != index]
        others = [other for number in self._beside(policy) for other in self._rules_of(number)]
        return self._is_matched(self._rules_of(policy)[index], [*own, *others])

    def _beside(self, policy: int) -> list[int]:
        """Return the other policies that select the example of what a policy selects."""
        wanted = self._policies[policy].pod_selector
        return [i for i in self._members if i != policy and self._matches(self._policies[i].pod_selector, wanted)]

    def _matches(self, selector: LabelSelector, wanted: LabelSelector) -> bool:
        key = (selector, wanted)
        found = self._selects.get(key)
        if found is None:
            labels = example_labels(wanted)
            found = self._selects[key] = labels is not None and selector.matches(labels)
        return found

    def _is_matched(self, rule: PolicyRule, others: Sequence[PolicyRule]) -> bool:
        namespace = self._policies[0].namespace if self._policies else ""
        return bool(others) and all(
            any(_matches(other, end, port, namespace) for other in others) for end, port in _examples(rule, namespace)
        )


def _examples(rule: PolicyRule, namespace: str) -> Iterator[tuple[_End, _Port]]:
    ends = [_example_end(peer, namespace) for peer in rule.peers] or [_End(_OUTSIDE)]
    ports = [_example_port(item) for item in rule.ports] or [_Port("TCP", _SOME_PORT), _Port("SCTP", _SOME_PORT)]
    known = [end for end in ends if end is not None]
    yield from ((end, ports[0]) for end in known)
    yield from ((end, port) for end in known[:1] for port in ports[1:])


def _example_end(peer: Peer, namespace: str) -> _End | None:
    """Return an example of a peer, or None iff it matches nothing."""
    if isinstance(peer, IPBlockPeer):
        found = block(peer)
        return _End(_first(found)) if found else None
    labels = example_labels(peer.pod_selector or LabelSelector())
    if peer.namespace_selector is None:
        spaces: Mapping[str, str] | None = {NAMESPACE_NAME_LABEL: namespace}
    else:
        wanted = example_labels(peer.namespace_selector)
        spaces = {NAMESPACE_NAME_LABEL: _SOME_NAMESPACE, **wanted} if wanted is not None else None
    return _End(_POD_ADDRESS, spaces, labels) if labels is not None and spaces is not None else None


def _first(addresses: IPSet) -> IPSet:
    """Return the first address of a set."""
    version = 4 if addresses.of_family(4) else 6
    return IPSet.of_cidrs(f"{address_text(version, addresses.of_family(version)[0][0])}/{32 if version == 4 else 128}")


def _example_port(item: PolicyPort) -> _Port:
    if isinstance(item.port, str):
        return _Port(item.protocol, _SOME_PORT, item.port)
    return _Port(item.protocol, item.port if item.port is not None else _SOME_PORT)


def _matches(rule: PolicyRule, end: _End, port: _Port, namespace: str) -> bool:
    return (not rule.ports or any(_port_matches(item, port) for item in rule.ports)) and (
        not rule.peers or any(_peer_matches(peer, end, namespace) for peer in rule.peers)
    )


def _port_matches(item: PolicyPort, port: _Port) -> bool:
    if item.protocol != port.protocol:
        return False
    if isinstance(item.port, str):
        return item.port == port.name
    return item.port is None or item.port <= port.number <= (item.end_port or item.port)


def _peer_matches(peer: Peer, end: _End, namespace: str) -> bool:
    if isinstance(peer, IPBlockPeer):
        return end.address <= block(peer)
    if end.labels is None or end.namespace_labels is None:
        return False
    if peer.namespace_selector is None:
        here = end.namespace_labels.get(NAMESPACE_NAME_LABEL) == namespace
    else:
        here = peer.namespace_selector.matches(end.namespace_labels)
    return here and (peer.pod_selector is None or peer.pod_selector.matches(end.labels))


def matched_by_others(policies: Sequence[NetworkPolicy]) -> tuple[list[int], list[tuple[int, Direction, int]]]:
    """Return the policies, and the rules, of one namespace that might go."""
    by_direction = {direction: Examples(policies, direction) for direction in Direction}
    whole = [i for i in range(len(policies)) if _all(by_direction.values(), i)]
    rules = [
        (policy, direction, index)
        for direction, examples in by_direction.items()
        for policy, index in examples.rules
        if examples.rule_may_go((policy, index))
    ]
    return whole, rules


def _all(directions: Iterable[Examples], policy: int) -> bool:
    return all(examples.may_go(policy) for examples in directions)

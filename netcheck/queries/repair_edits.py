"""Single edits of NetworkPolicies, what each puts in the place of what, and clusters with edits applied."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from netcheck.errors import Place
from netcheck.model.cluster import Cluster
from netcheck.model.policy import Direction, NetworkPolicy, Peer, PolicyPort, PolicyRule
from netcheck.semantics.walk import peer_text

_MOST_PEERS = 4
"""So many peers are named in a text."""


class Action(Enum):
    """What an edit does."""

    REMOVE_RULE = "remove-rule"
    REMOVE_PEER = "remove-peer"
    NARROW_PEER = "narrow-peer"
    NARROW_PORTS = "narrow-ports"
    REPLACE_RULE = "replace-rule"
    ADD_PEER = "add-peer"
    ADD_PORT = "add-port"
    ADD_RULE = "add-rule"
    ADD_POLICY = "add-policy"


_WRITTEN = {
    Action.REMOVE_PEER: 0,
    Action.REMOVE_RULE: 0,
    Action.NARROW_PORTS: 1,
    Action.ADD_PORT: 1,
    Action.NARROW_PEER: 1,
    Action.ADD_PEER: 1,
    Action.REPLACE_RULE: 3,
    Action.ADD_RULE: 3,
    Action.ADD_POLICY: 4,
}
OF_ONE_PEER = frozenset({Action.REMOVE_PEER, Action.NARROW_PEER})
OF_A_RULE = frozenset({Action.REMOVE_RULE, Action.NARROW_PORTS, Action.REPLACE_RULE})
WIDENS = frozenset({Action.ADD_PEER, Action.ADD_PORT, Action.ADD_RULE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One edit.

    Attributes:
        policy: the position of the policy that is edited; None: `new` is added.
        rule, peer: positions of what is edited, as far as it exists.
        peers: what takes the place of the peer, or is added to the rule's.
        ports: what is added to the rule's.
        rules: what takes the place of the rule, or is added to the policy's.
    """

    action: Action
    direction: Direction
    policy: int | None = None
    rule: int | None = None
    peer: int | None = None
    peers: tuple[Peer, ...] = ()
    ports: tuple[PolicyPort, ...] = ()
    rules: tuple[PolicyRule, ...] = ()
    new: NetworkPolicy | None = None
    place: Place | None = field(default=None, compare=False)

    @property
    def size(self) -> int:
        """About how much is written; nothing where something is removed."""
        rules = self.new.rules(self.direction) if self.new is not None else self.rules
        return _WRITTEN[self.action] + len(self.peers) + sum(len(rule.peers) for rule in rules)

    def then(self, policies: Sequence[NetworkPolicy]) -> tuple[PolicyRule, ...]:
        """Return what stands in the place of what is edited afterwards, or what is let through in addition."""
        if self.new is not None:
            return self.new.rules(self.direction)
        assert self.policy is not None
        if self.rule is None or self.action in OF_A_RULE:
            return self.rules
        rule = policies[self.policy].rules(self.direction)[self.rule]
        if self.action is Action.ADD_PORT:
            return (replace(rule, ports=self.ports),)
        return (replace(rule, peers=self.peers),) if self.peers else ()

    def probe(self, policies: Sequence[NetworkPolicy]) -> NetworkPolicy:
        """Return a policy with the same subject whose rules are those of `then`."""
        base = self.new if self.new is not None else policies[self.policy or 0]
        return only_rules(base, self.direction, self.then(policies))

    def text(self, policies: Sequence[NetworkPolicy]) -> str:
        """Return the edit in words."""
        if self.new is not None:
            return f"add {self.new.label}, by which {_subject_text(self.new)} {_lets_text(self.new, self.direction)}"
        assert self.policy is not None
        policy = policies[self.policy]
        where, way = f"of {policy.label}", self.direction.value.lower()
        if self.rule is None:
            return f"add a rule to `{way}` {where}: {_rule_text(self.rules[0], self.direction)}"
        name, rule = f"`{way}[{self.rule}]`", policy.rules(self.direction)[self.rule]
        match self.action:
            case Action.REMOVE_RULE:
                return f"remove {name} {where}"
            case Action.REMOVE_PEER:
                return f"remove the peer {peer_text(rule.peers[self.peer or 0])} from {name} {where}"
            case Action.NARROW_PEER:
                return f"narrow the peer {peer_text(rule.peers[self.peer or 0])} of {name} {where} to {_peers_text(self.peers)}"
            case Action.NARROW_PORTS:
                return f"narrow the ports of {name} {where} to {_ports_text(self.rules[0].ports)}"
            case Action.ADD_PEER:
                return f"add the {_several(len(self.peers), 'peer')} {_peers_text(self.peers)} to {name} {where}"
            case Action.ADD_PORT:
                return f"add {_ports_text(self.ports)} to the ports of {name} {where}"
            case _:
                into = "; and ".join(_rule_text(item, self.direction) for item in self.rules)
                return f"replace {name} {where} by {_several(len(self.rules), 'rule')}: {into}"


def only_rules(policy: NetworkPolicy, direction: Direction, rules: tuple[PolicyRule, ...]) -> NetworkPolicy:
    """Return a policy that is about one direction only, with other rules."""
    inward = direction is Direction.INGRESS
    return replace(policy, types=(direction,), ingress=rules if inward else (), egress=() if inward else rules)


def applied(cluster: Cluster, edits: Iterable[Edit]) -> Cluster:
    """Return the cluster after some edits, of which no two are about one peer or one whole rule."""
    by_policy: dict[int, list[Edit]] = defaultdict(list)
    added: list[NetworkPolicy] = []
    for edit in edits:
        if edit.new is not None:
            added.append(edit.new)
        elif edit.policy is not None:
            by_policy[edit.policy].append(edit)
    policies = [
        _edited(policy, by_policy[number]) if number in by_policy else policy
        for number, policy in enumerate(cluster.policies)
    ]
    return replace(cluster, policies=(*policies, *added))


def with_free_names(cluster: Cluster, edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """Return the edits with new policies named as no other policy of their namespace is."""
    taken = {(policy.namespace, policy.name) for policy in cluster.policies}
    found = []
    for edit in edits:
        if edit.new is not None:
            space, base = edit.new.namespace, edit.new.name
            name, number = base, 1
            while (space, name) in taken:
                number += 1
                name = f"{base}-{number}"
            taken.add((space, name))
            edit = replace(edit, new=replace(edit.new, name=name))  # noqa: PLW2901 - the same edit, named
        found.append(edit)
    return tuple(found)


def touched(cluster: Cluster, edits: Sequence[Edit]) -> tuple[NetworkPolicy, ...]:
    """Return the policies that some edits change or add, as they are afterwards."""
    after = applied(cluster, edits).policies
    numbers = sorted({edit.policy for edit in edits if edit.policy is not None})
    return (*(after[number] for number in numbers), *after[len(cluster.policies) :])


def _edited(policy: NetworkPolicy, edits: Sequence[Edit]) -> NetworkPolicy:
    for direction in Direction:
        mine = [edit for edit in edits if edit.direction is direction]
        if not mine:
            continue
        rules: list[PolicyRule] = []
        for index, rule in enumerate(policy.rules(direction)):
            rules += _rules_after(rule, [edit for edit in mine if edit.rule == index])
        rules += [rule for edit in mine if edit.rule is None for rule in edit.rules]
        if direction is Direction.INGRESS:
            policy = replace(policy, ingress=tuple(rules))
        else:
            policy = replace(policy, egress=tuple(rules))
    return policy


def _rules_after(rule: PolicyRule, edits: Sequence[Edit]) -> tuple[PolicyRule, ...]:
    whole = next((edit for edit in edits if edit.action in OF_A_RULE), None)
    if whole is not None:
        return whole.rules
    by_peer = {edit.peer: edit.peers for edit in edits if edit.action in OF_ONE_PEER}
    peers: list[Peer] = []
    for number, peer in enumerate(rule.peers):
        peers += by_peer.get(number, (peer,))
    if rule.peers and not peers:  # a rule without peers would let everybody through (NP-3)
        return ()
    ports = list(rule.ports)
    for edit in edits:
        peers += edit.peers if edit.action is Action.ADD_PEER else ()
        ports += edit.ports if edit.action is Action.ADD_PORT else ()
    return (replace(rule, peers=tuple(dict.fromkeys(peers)), ports=tuple(dict.fromkeys(ports))),)


# ---- words -------------------------------------------------------------------------------------------------------------


def _several(number: int, noun: str) -> str:
    return noun if number == 1 else f"{number} {noun}s"


def _subject_text(policy: NetworkPolicy) -> str:
    who = f"pods {policy.pod_selector}" if policy.pod_selector.requirements else "all pods"
    return f"{who} of namespace {policy.namespace}"


def _lets_text(policy: NetworkPolicy, direction: Direction) -> str:
    way = "in" if direction is Direction.INGRESS else "out"
    rules = "; and ".join(_rule_text(item, direction) for item in policy.rules(direction))
    return f"let {way} {rules}" if rules else f"let {way} nothing"


def _peers_text(peers: Sequence[Peer]) -> str:
    shown = [peer_text(peer) for peer in peers[:_MOST_PEERS]]
    return " or ".join([*shown, *([f"{len(peers) - _MOST_PEERS} more"] if len(peers) > _MOST_PEERS else [])])


def _rule_text(rule: PolicyRule, direction: Direction) -> str:
    word = "from" if direction is Direction.INGRESS else "to"
    return f"{_ports_text(rule.ports)} {word} {_peers_text(rule.peers) or 'anybody'}"


def _ports_text(ports: Sequence[PolicyPort]) -> str:
    found = []
    for port in ports:
        last = f"-{port.end_port}" if port.end_port is not None else ""
        found.append(port.protocol if port.port is None else f"{port.protocol}/{port.port}{last}")
    return ", ".join(found) or "all ports"

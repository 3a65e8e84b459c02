"""Translation of the loaded policies into the representation, under one profile.

`translate` needs a profile without unknown switches among those that change predicates; `resolutions` lists the
profiles without them that an uncertain profile may be. Source: SEMANTICS section 2 and appendix A.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import product

from netcheck.logic.ir import (
    ANY_PORT,
    NOTHING,
    Action,
    AllOf,
    AnyOf,
    Everything,
    Group,
    InAddresses,
    InNamespace,
    IsKind,
    IsNode,
    Kind,
    Mode,
    NamedPort,
    NamespaceLabels,
    Not,
    OpaqueStage,
    Origin,
    Pipeline,
    PodLabels,
    PortPredicate,
    Predicate,
    Program,
    ResolvedFrom,
    Rule,
    Stage,
)
from netcheck.model.admin import (
    AdminAction,
    AdminDomains,
    AdminNetworks,
    AdminNodes,
    AdminPeer,
    AdminPods,
    AdminPolicy,
    AdminPort,
    AdminRule,
)
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Tier
from netcheck.model.policy import (
    Direction,
    IPBlockPeer,
    NetworkPolicy,
    OpaquePolicy,
    Peer,
    PodPeer,
    PolicyPort,
    PolicyRule,
)
from netcheck.model.profile import Profile, Switch
from netcheck.values.addresses import IPSet
from netcheck.values.connections import ConnectionSet
from netcheck.values.labels import LabelSelector
from netcheck.values.ports import PortSet, Protocol

_PODS = frozenset({Kind.POD})
_ANY_POD = frozenset({Kind.POD, Kind.HOST_POD})


def resolutions(cluster: Cluster) -> tuple[Profile, ...]:
    """Return the profiles that the cluster's profile may be, every switch decided that changes a predicate.

    Switches that nothing loaded can feel are decided without branching. Own-node switches stay: the groups carry
    them as `maybe_exempt`.
    """
    profile = cluster.profile
    felt = {
        "enforced": True,
        "cidr_matches_pods": True,
        "cidr_matches_nodes": True,
        "host_net_subject": any(pod.host_network for pod in cluster.pods),
        "host_net_peer": any(pod.host_network for pod in cluster.pods),
        "end_port": _has_ranges(cluster),
        "baseline_skipped_by_any_np": any(policy.tier is Tier.BASELINE for policy in cluster.admin),
    }
    open_fields = [name for name in felt if getattr(profile, name) is Switch.UNKNOWN]
    branching = [name for name in open_fields if felt[name]]
    for name in open_fields:
        profile = profile.with_switch(name, Switch.YES)
    result = []
    for values in product((Switch.YES, Switch.NO), repeat=len(branching)):
        resolved = profile
        for name, value in zip(branching, values, strict=True):
            resolved = resolved.with_switch(name, value)
        result.append(resolved)
    return tuple(result)


def _has_ranges(cluster: Cluster) -> bool:
    return any(
        port.end_port is not None
        for policy in cluster.policies
        for rule in (*policy.ingress, *policy.egress)
        for port in rule.ports
    )


def translate(cluster: Cluster, profile: Profile | None = None) -> Program:
    """Return the program that decides exactly what the cluster's policies decide under `profile`.

    Raises:
        ValueError: a switch that changes predicates is unknown (see `resolutions`).

    """
    translator = _Translator(cluster, profile or cluster.profile)
    return Program(
        ingress=translator.pipeline(Direction.INGRESS),
        egress=translator.pipeline(Direction.EGRESS),
        named_port_peers=translator.peer_kinds,
    )


def _decided(value: Switch, name: str) -> bool:
    if value is Switch.UNKNOWN:
        raise ValueError(f"switch `{name}` is unknown; translate each of `resolutions`")
    return value is Switch.YES


class _Translator:
    """Holds the profile's consequences for predicates, and one pipeline's worth of memo."""

    def __init__(self, cluster: Cluster, profile: Profile) -> None:
        self._cluster = cluster
        self._profile = profile
        self._enforced = _decided(profile.enforced, "enforced")
        self._ranges = _decided(profile.end_port, "endPort")
        host_peer = _decided(profile.host_net_peer, "hostNetPeer")
        host_subject = _decided(profile.host_net_subject, "hostNetSubject")
        self._subject_kinds = _ANY_POD if host_subject else _PODS
        self.peer_kinds = _ANY_POD if host_peer else _PODS
        self._address_kinds = self._kinds_seen_by_address(host_peer)
        self._skip_baseline = profile.baseline_skipped_by_any_np is Switch.YES
        self._peers: dict[tuple[str, Peer], Predicate] = {}
        self._ports: dict[tuple[PolicyPort, ...], PortPredicate] = {(): ANY_PORT}

    def _kinds_seen_by_address(self, host_peer: bool) -> frozenset[Kind]:
        """NP-20, NP-21: pods and nodes by their switches; a host-network pod is a pod iff selectors see it."""
        kinds = {Kind.EXTERNAL}
        pods = _decided(self._profile.cidr_matches_pods, "cidrMatchesPods")
        nodes = _decided(self._profile.cidr_matches_nodes, "cidrMatchesNodes")
        if pods:
            kinds.add(Kind.POD)
        if nodes:
            kinds |= {Kind.NODE, Kind.OWN_NODE}
        if pods if host_peer else nodes:
            kinds.add(Kind.HOST_POD)
        return frozenset(kinds)

    def pipeline(self, direction: Direction) -> Pipeline:
        if not self._enforced:
            return Pipeline(direction, ())
        admin = self._admin_group(Tier.ADMIN, direction)
        baseline = self._admin_group(Tier.BASELINE, direction)
        exempt, maybe = self._own_node(direction)
        stages = tuple(self._stage(policy, direction) for policy in self._cluster.policies if direction in policy.types)
        group = Group(Tier.NETWORK_POLICY, Mode.UNION, stages, exempt, maybe)
        opaque = tuple(self._opaque(policy) for policy in self._cluster.opaque if direction in policy.directions)
        return Pipeline(direction, (*admin, group, *baseline), opaque)

    # ---- admin policies ----------------------------------------------------------------------------------------

    def _admin_group(self, tier: Tier, direction: Direction) -> tuple[Group, ...]:
        """ADM-3: the policies of one tier that have rules for the direction; no group if there is none."""
        policies = [item for item in self._cluster.admin if item.tier is tier and item.rules(direction)]
        if not policies:
            return ()
        order = self._precedence(policies)
        stages = tuple(self._admin_stage(policy, direction, order[policy.label]) for policy in policies)
        return (Group(tier, Mode.FIRST_MATCH, stages),)

    def _precedence(self, policies: list[AdminPolicy]) -> dict[str, int]:
        """ADM-4, ADM-5: by priority; equal ones stay equal unless the profile breaks ties by name. A BANP comes last."""
        by_name = self._profile.equal_priority is Switch.YES

        def key(policy: AdminPolicy) -> tuple[bool, int, str, str]:
            tie = (policy.name, policy.kind) if by_name else ("", "")
            return (policy.kind == "BaselineAdminNetworkPolicy", policy.priority, *tie)

        ranks = {found: rank for rank, found in enumerate(sorted({key(policy) for policy in policies}))}
        return {policy.label: ranks[key(policy)] for policy in policies}

    def _admin_stage(self, policy: AdminPolicy, direction: Direction, rank: int) -> Stage:
        """ADM-2: host-network pods are never subjects."""
        name = "ingress" if direction is Direction.INGRESS else "egress"
        subject = _admin_pods(policy.subject)
        if policy.tier is Tier.BASELINE and self._skip_baseline:
            subject = AllOf((subject, Not(self._selected_by_any())))
        rules = tuple(
            self._admin_rule(policy, rule, f"{name}[{index}]") for index, rule in enumerate(policy.rules(direction))
        )
        return Stage(subject=subject, rules=rules, origin=Origin(policy.label, "", policy.place), priority=rank)

    def _selected_by_any(self) -> Predicate:
        """ADM-10: the pods that some NetworkPolicy selects, for whichever direction."""
        return AnyOf(
            tuple(
                _pods(self._subject_kinds, InNamespace(policy.namespace), policy.pod_selector)
                for policy in self._cluster.policies
            )
        )

    def _admin_rule(self, policy: AdminPolicy, rule: AdminRule, path: str) -> Rule:
        peers = tuple(self._admin_peer(peer) for peer in rule.peers)
        action = {AdminAction.ACCEPT: Action.ALLOW, AdminAction.DENY: Action.DENY, AdminAction.PASS: Action.PASS}
        return Rule(
            action=action[rule.action],
            peer=peers[0] if len(peers) == 1 else AnyOf(peers),
            ports=_admin_ports(rule.ports),
            origin=Origin(policy.label, path, rule.place),
        )

    def _admin_peer(self, peer: AdminPeer) -> Predicate:
        match peer:
            case AdminPods():
                return _admin_pods(peer)
            case AdminNodes(selector=selector):
                return IsNode(selector)
            case AdminNetworks(cidrs=cidrs):
                return AllOf((IsKind(self._address_kinds), InAddresses(IPSet.of_cidrs(*cidrs))))
            case AdminDomains(names=names):
                return ResolvedFrom(names)

    # ---- NetworkPolicy -----------------------------------------------------------------------------------------

    def _own_node(self, direction: Direction) -> tuple[Predicate, Predicate]:
        """NET-4, NET-5."""
        profile = self._profile
        switch = profile.own_node_ingress if direction is Direction.INGRESS else profile.own_node_egress
        own = IsKind(frozenset({Kind.OWN_NODE}))
        return (own if switch is Switch.YES else NOTHING, own if switch is Switch.UNKNOWN else NOTHING)

    def _stage(self, policy: NetworkPolicy, direction: Direction) -> Stage:
        """NP-1: the subject lies in the policy's own namespace."""
        name = "ingress" if direction is Direction.INGRESS else "egress"
        rules = tuple(
            self._rule(policy, rule, f"{name}[{index}]") for index, rule in enumerate(policy.rules(direction))
        )
        return Stage(
            subject=_pods(self._subject_kinds, InNamespace(policy.namespace), policy.pod_selector),
            rules=rules,
            origin=Origin(policy.label, "", policy.place),
            namespace=policy.namespace,
        )

    def _rule(self, policy: NetworkPolicy, rule: PolicyRule, path: str) -> Rule:
        """NP-7: peers and ports are each a disjunction, and absent means any."""
        parts = tuple(self._peer(policy.namespace, peer) for peer in rule.peers)
        peer: Predicate = Everything() if not parts else parts[0] if len(parts) == 1 else AnyOf(parts)
        ports = self._ports.get(rule.ports)
        if ports is None:
            ports = self._ports[rule.ports] = _ports(rule.ports, ranges=self._ranges)
        return Rule(Action.ALLOW, peer, ports, Origin(policy.label, path, rule.place))

    def _peer(self, namespace: str, peer: Peer) -> Predicate:
        key = (namespace, peer)
        found = self._peers.get(key)
        if found is None:
            found = self._peers[key] = self._translate_peer(namespace, peer)
        return found

    def _translate_peer(self, namespace: str, peer: Peer) -> Predicate:
        match peer:
            case IPBlockPeer(cidr=cidr, excepts=excepts):
                return AllOf((IsKind(self._address_kinds), InAddresses(_addresses(cidr, excepts))))
            case PodPeer(pod_selector=pods, namespace_selector=None):  # NP-8: the policy's own namespace
                return _pods(self.peer_kinds, InNamespace(namespace), pods)
            case PodPeer(pod_selector=pods, namespace_selector=selector):
                assert selector is not None
                return _pods(self.peer_kinds, NamespaceLabels(selector), pods)

    def _opaque(self, policy: OpaquePolicy) -> OpaqueStage:
        where: Predicate = Everything()
        if policy.namespace is not None:
            where = InNamespace(policy.namespace)
        elif policy.namespace_selector is not None:
            where = NamespaceLabels(policy.namespace_selector)
        message = policy.message or f"the effect of {policy.label} is not known"
        subject = _pods(self._subject_kinds, where, policy.subject)
        return OpaqueStage(subject, policy.additive, Origin(policy.label, "", policy.place), policy.rule, message)


def _pods(kinds: frozenset[Kind], where: Predicate, selector: LabelSelector | None) -> Predicate:
    parts: list[Predicate] = [IsKind(kinds)]
    if not isinstance(where, Everything):
        parts.append(where)
    if selector is not None and selector.requirements:
        parts.append(PodLabels(selector))
    return AllOf(tuple(parts))


def _admin_pods(pods: AdminPods) -> Predicate:
    """ADM-2, ADM-13: host-network pods are never meant, whatever the plugin does with NetworkPolicies."""
    return _pods(_PODS, NamespaceLabels(pods.namespace_selector), pods.pod_selector)


def _admin_ports(items: Iterable[AdminPort]) -> PortPredicate:
    """ADM-18 to ADM-20: the union of the items; none stand for all traffic."""
    numbers: dict[Protocol, PortSet] = {}
    named = []
    for item in items:
        if item.name:
            named.append(NamedPort(item.name, Protocol(item.protocol) if item.protocol else None))
            continue
        assert item.protocol is not None
        protocol = Protocol(item.protocol)
        numbers[protocol] = numbers.get(protocol, PortSet.none()) | PortSet.of((item.first, item.last))
    if not numbers and not named:
        return ANY_PORT
    ordered = sorted(set(named), key=lambda port: (port.name, port.protocol.value if port.protocol else ""))
    return PortPredicate(ConnectionSet.of(numbers), tuple(ordered))


@lru_cache(maxsize=4096)
def _addresses(cidr: str, excepts: tuple[str, ...]) -> IPSet:
    """NP-16: the block without what it excepts."""
    return IPSet.of_cidrs(cidr) - IPSet.of_cidrs(*excepts)


def _ports(items: Iterable[PolicyPort], *, ranges: bool) -> PortPredicate:
    """NP-25 to NP-28: the union of the items."""
    numbers: dict[Protocol, PortSet] = {}
    named = set()
    for item in items:
        protocol = Protocol(item.protocol)
        if isinstance(item.port, str):
            named.add((item.port, protocol))
            continue
        numbers[protocol] = numbers.get(protocol, PortSet.none()) | _numbers(item, ranges=ranges)
    ordered = sorted(named, key=lambda pair: (pair[0], pair[1].value))
    return PortPredicate(ConnectionSet.of(numbers), tuple(NamedPort(name, protocol) for name, protocol in ordered))


def _numbers(item: PolicyPort, *, ranges: bool) -> PortSet:
    if item.port is None:
        return PortSet.all()
    assert isinstance(item.port, int)
    if item.end_port is None or not ranges:
        return PortSet.single(item.port)
    return PortSet.of((item.port, item.end_port))

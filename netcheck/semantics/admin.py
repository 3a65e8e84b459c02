"""Admin policies in a complete world: tiers, priorities, subjects, peers and ports, as SEMANTICS section 3 states them.

One function for each rule. Not its job: NetworkPolicies, the default, and the order of the tiers (see `decide`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

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
from netcheck.model.flow import Decider, Flow, Tier
from netcheck.model.objects import NAMESPACE_NAME_LABEL, Namespace, Pod
from netcheck.model.policy import Direction
from netcheck.model.profile import Switch
from netcheck.semantics import network_policy
from netcheck.semantics.completions import Fact
from netcheck.semantics.matching import address_in, family_of, same_protocol, selector_matches
from netcheck.semantics.network_policy import Outcome
from netcheck.semantics.world import Kind, OpaqueEffect, Party, World
from netcheck.values.labels import LabelSelector

_BANP = "BaselineAdminNetworkPolicy"
_WORDS = {AdminAction.ACCEPT: "allow", AdminAction.DENY: "deny", AdminAction.PASS: "pass"}


@dataclass(frozen=True, slots=True)
class Match:
    """The first rule of a policy that matches the flow (ADM-6), and its index in its direction."""

    policy: AdminPolicy
    index: int
    rule: AdminRule


def deciding(world: World, tier: Tier, direction: Direction, flow: Flow) -> Match | None:
    """ADM-3: return the first rule of the tier that matches the flow, or None iff none does."""
    for tied in in_order(world, tier, direction):
        matches = [match for policy in tied if (match := first_match(world, direction, flow, policy))]
        if matches:
            return applied(world, direction, matches)
    return None


def in_order(world: World, tier: Tier, direction: Direction) -> Iterator[list[AdminPolicy]]:
    """ADM-3, ADM-4: yield the tier's policies that select the pod, those of one precedence together, highest first."""
    if hairpin(world):
        return
    pod = world.subject(direction).pod
    assert pod is not None, "only a pod is a subject of policies (NP-1)"
    found = [item for item in world.setting.admin if item.tier is tier and concerns(world, item, direction, pod)]
    found.sort(key=lambda policy: (*precedence(policy), policy.name, policy.kind))
    for _, tied in groupby(found, key=precedence):
        yield list(tied)


def precedence(policy: AdminPolicy) -> tuple[bool, int]:
    """ADM-4: a lower number comes first; a BaselineAdminNetworkPolicy, which has none, comes after all others."""
    return (policy.kind == _BANP, policy.priority)


def hairpin(world: World) -> bool:
    """ADM-24, NET-6: what a pod sends to its own address is not subject to admin policies."""
    return network_policy.is_same_pod(world)


def concerns(world: World, policy: AdminPolicy, direction: Direction, pod: Pod) -> bool:
    """ADM-8: a policy without rules of a direction does not touch it; the others concern the pods they select."""
    return bool(policy.rules(direction)) and selects(world, policy, pod)


def selects(world: World, policy: AdminPolicy, pod: Pod) -> bool:
    """ADM-2: the subject holds, which host-network pods never do, whatever the plugin does with NetworkPolicies."""
    return pods_match(world, policy.subject, pod)


def may_select(cluster: Cluster, policy: AdminPolicy, pod: Pod) -> bool:
    """WL-3: whether some completion lets the subject hold; exact where the labels of the pod's namespace are known."""
    wanted, namespace = policy.subject, cluster.namespaces.get(pod.namespace)
    if pod.host_network or not (wanted.pod_selector is None or selector_matches(wanted.pod_selector, pod.labels.get)):
        return False
    return namespace is None or not namespace.labels_known or _holds_in(wanted.namespace_selector, namespace)


def _holds_in(selector: LabelSelector, namespace: Namespace) -> bool:
    labels = {**namespace.labels, NAMESPACE_NAME_LABEL: namespace.name}
    return selector_matches(selector, labels.get)


def pods_match(world: World, wanted: AdminPods, pod: Pod) -> bool:
    """ADM-2, ADM-13: both selectors hold (`namespaces` has one only); host-network pods are never meant."""
    return (
        not pod.host_network
        and (wanted.pod_selector is None or selector_matches(wanted.pod_selector, pod.labels.get))
        and selector_matches(wanted.namespace_selector, world.namespace_labels(pod.namespace))
    )


def applied(world: World, direction: Direction, matches: list[Match]) -> Match:
    """ADM-5: among tied policies that match, an implementation may apply any; some take the first by name."""
    if len(matches) == 1 or world.cluster.profile.equal_priority is Switch.YES:
        return matches[0]
    tied = tuple(match.policy.label for match in matches)
    message = f"which of several policies of equal priority is applied: {', '.join(f'`{label}`' for label in tied)}"
    fact = Fact(key=("tie", direction, tied), rule="ADM-5", message=message, place=matches[0].policy.place)
    return world.settle(fact, matches)


def first_match(world: World, direction: Direction, flow: Flow, policy: AdminPolicy) -> Match | None:
    """ADM-6: within one object the first rule that matches wins."""
    for index, rule in enumerate(policy.rules(direction)):
        if rule_matches(world, direction, flow, rule):
            return Match(policy, index, rule)
    return None


def rule_matches(world: World, direction: Direction, flow: Flow, rule: AdminRule) -> bool:
    """ADM-3: some peer matches, and some port where there are any (ADM-18, ADM-19: none stand for all traffic)."""
    if rule.ports and not any(port_matches(world, direction, flow, item) for item in rule.ports):
        return False
    end = world.peer(direction)
    return any(peer_matches(world, direction, flow, item, end) for item in rule.peers)


def peer_matches(world: World, direction: Direction, flow: Flow, peer: AdminPeer, end: Party) -> bool:
    """ADM-13, ADM-14: pods in both directions; nodes, networks and names as destinations only."""
    if isinstance(peer, AdminPods):
        return end.pod is not None and pods_match(world, peer, end.pod)
    if direction is Direction.INGRESS:
        return False
    if isinstance(peer, AdminNodes):
        return node_matches(world, peer, end)
    if isinstance(peer, AdminNetworks):
        return networks_match(world, flow, peer, end)
    return domain_matches(world, peer, end)


def networks_match(world: World, flow: Flow, peer: AdminNetworks, end: Party) -> bool:
    """ADM-15, ADM-27, NET-2: by address, within its family; of pods and nodes only where the plugin compares these."""
    assert flow.version is not None, "a flow is judged in one family"
    cidrs = [cidr for cidr in peer.cidrs if family_of(cidr) == flow.version]
    if not cidrs or not network_policy.addresses_are_matched(world, end):
        return False
    return any(address_in(world.address(end, flow.version), cidr) for cidr in cidrs)


def node_matches(world: World, peer: AdminNodes, end: Party) -> bool:
    """ADM-16: a node whose labels match, also when it is reached as the own node or through a host-network pod."""
    if end.kind in (Kind.NODE, Kind.OWN_NODE) or end.host_network:
        return selector_matches(peer.selector, world.node_labels(end))
    return False


def domain_matches(world: World, peer: AdminDomains, end: Party) -> bool:
    """ADM-17: nobody knows to which addresses a name resolves; never to those of pods and nodes that are known."""
    return end.kind is Kind.ADDRESS and any(world.resolves(name) for name in peer.names)


def port_matches(world: World, direction: Direction, flow: Flow, item: AdminPort) -> bool:
    """ADM-18, ADM-19: the protocol is the same and the port lies in the range; a name is resolved."""
    if item.protocol is not None and not same_protocol(item.protocol, flow.protocol):
        return False
    if item.name:
        return named_port_matches(world, direction, flow, item.name)
    return item.first <= flow.port <= item.last


def named_port_matches(world: World, direction: Direction, flow: Flow, name: str) -> bool:
    """ADM-20, NP-27: resolved on the destination pod, whose port gives the protocol; never on what is no pod."""
    return network_policy.named_port_matches(world, direction, flow, name)


def baseline_skipped(world: World, pod: Pod) -> bool:
    """ADM-10: some plugins skip the baseline tier of a pod that a NetworkPolicy selects for whichever direction."""
    unclear = [
        (policy, direction)
        for policy in world.cluster.opaque
        for direction in Direction
        if policy.additive and network_policy.may_concern(world, policy, direction, pod)
    ]
    selected = any(network_policy.selects(policy, pod) for policy in world.setting.policies)
    if not (selected or unclear) or not world.switch("baseline_skipped_by_any_np"):
        return False
    return selected or any(
        world.opaque_effect(policy, direction) is not OpaqueEffect.NOTHING for policy, direction in unclear
    )


def ruling(direction: Direction, match: Match) -> Outcome | None:
    """ADM-7: Accept and Deny are final for this direction; Pass, as None, leaves it to what comes after the tier."""
    if match.rule.action is AdminAction.PASS:
        return None
    return Outcome(allowed=match.rule.action is AdminAction.ACCEPT, deciders=(decider(direction, match),))


def decider(direction: Direction, match: Match) -> Decider:
    """Name the rule that matches, and what it does."""
    return Decider(
        direction=direction,
        tier=match.policy.tier,
        action=_WORDS[match.rule.action],
        policy=match.policy.label,
        rule=f"{direction.value.lower()}[{match.index}]",
        cites="ADM-7",
        note=f"rule `{match.rule.name}`" if match.rule.name else "",
        place=match.rule.place or match.policy.place,
    )

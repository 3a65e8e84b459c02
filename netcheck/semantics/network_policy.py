"""NetworkPolicy v1 in a complete world: isolation, rules, peers and ports, as SEMANTICS section 2 states them.

Not its job: admin tiers, the default, and policies of which nothing but the reach is known and that may deny.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netcheck.model.flow import Decider, Flow, Tier
from netcheck.model.objects import Pod
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
from netcheck.semantics.matching import block_holds, family_of, number_matches, same_protocol, selector_matches
from netcheck.semantics.world import Kind, OpaqueEffect, Party, World


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a tier decided about one direction, and what in it decided."""

    allowed: bool
    deciders: tuple[Decider, ...]


def permits(world: World, direction: Direction, flow: Flow) -> Outcome | None:
    """NP-39: return what the NetworkPolicies decide, or None iff the subject is not isolated (NP-4)."""
    pod = world.subject(direction).pod
    assert pod is not None, "only a pod is a subject of policies (NP-1)"
    isolating = policies_isolating(world, direction, pod)
    unclear = [item for item in world.cluster.opaque if item.additive and may_concern(world, item, direction, pod)]
    if not isolating:
        supposed = _left_to_the_unclear(world, direction, isolating, unclear)
        # Who is exempt from isolation matters only where something isolates; else the baseline tier is next (ADM-3).
        return supposed if supposed is None or supposed.allowed else exemption(world, direction) or supposed
    return (
        exemption(world, direction)
        or _allowed_by_a_rule(world, direction, flow, isolating)
        or _left_to_the_unclear(world, direction, isolating, unclear)
    )


def selects(policy: NetworkPolicy, pod: Pod) -> bool:
    """NP-1, NP-35: the pod lies in the policy's namespace and matches its podSelector, whatever its origin."""
    return policy.namespace == pod.namespace and selector_matches(policy.pod_selector, pod.labels.get)


def policies_isolating(world: World, direction: Direction, pod: Pod) -> list[NetworkPolicy]:
    """NP-4: those that select the pod and have the direction in effect, in the order of their names."""
    found = [policy for policy in world.setting.policies if direction in policy.types and selects(policy, pod)]
    return sorted(found, key=lambda policy: (policy.namespace, policy.name))


def rules_of(policy: NetworkPolicy, direction: Direction) -> tuple[PolicyRule, ...]:
    """NP-33: only the rules written for the direction count."""
    return policy.ingress if direction is Direction.INGRESS else policy.egress


def may_concern(world: World, policy: OpaquePolicy, direction: Direction, pod: Pod) -> bool:
    """Whether the pod is within the reach of a policy whose effect is not known."""
    return (
        direction in policy.directions
        and policy.namespace in (None, pod.namespace)
        and (policy.subject is None or selector_matches(policy.subject, pod.labels.get))
        and (
            policy.namespace_selector is None
            or selector_matches(policy.namespace_selector, world.namespace_labels(pod.namespace))
        )
    )


def exemption(world: World, direction: Direction) -> Outcome | None:
    """NET-4, NET-5, NET-6: a pod's own node, and the pod itself, are not held back by NetworkPolicies."""
    cites = ""
    if is_same_pod(world):
        cites = "NET-6"
    elif world.peer(direction).kind is Kind.OWN_NODE:
        cites = _own_node_exemption(world, direction)
    if not cites:
        return None
    decider = Decider(direction=direction, tier=Tier.NETWORK_POLICY, action="exempt", cites=cites)
    return Outcome(allowed=True, deciders=(decider,))


def is_same_pod(world: World) -> bool:
    """NET-6: both ends are one and the same pod, which a template and what stands for several pods never is."""
    one, other = world.setting.source.pod, world.setting.destination.pod
    if one is None or other is None or one.template or other.template or one.replicas != 1:
        return False
    return (one.namespace, one.name) == (other.namespace, other.name)


def _own_node_exemption(world: World, direction: Direction) -> str:
    if direction is Direction.INGRESS:
        return "NET-4" if world.switch("own_node_ingress") else ""
    return "NET-5" if world.switch("own_node_egress") else ""


def _allowed_by_a_rule(
    world: World, direction: Direction, flow: Flow, isolating: list[NetworkPolicy]
) -> Outcome | None:
    """NP-5: some rule of some isolating policy allows; the first in order is named."""
    for policy, index, rule in rules_in_order(isolating, direction):
        if rule_allows(world, direction, flow, policy, rule):
            return Outcome(allowed=True, deciders=(rule_decider(direction, policy, index, rule),))
    return None


def rules_in_order(
    policies: list[NetworkPolicy], direction: Direction
) -> Iterator[tuple[NetworkPolicy, int, PolicyRule]]:
    """Yield every rule of the direction, with its policy and its index there."""
    for policy in policies:
        for index, rule in enumerate(rules_of(policy, direction)):
            yield policy, index, rule


def rule_decider(direction: Direction, policy: NetworkPolicy, index: int, rule: PolicyRule) -> Decider:
    """NP-7: name the rule that matches."""
    return Decider(
        direction=direction,
        tier=Tier.NETWORK_POLICY,
        action="allow",
        policy=policy.label,
        rule=f"{direction.value.lower()}[{index}]",
        cites="NP-7",
        place=rule.place or policy.place,
    )


def _left_to_the_unclear(
    world: World, direction: Direction, isolating: list[NetworkPolicy], unclear: list[OpaquePolicy]
) -> Outcome | None:
    """NP-4, NP-5: no rule that is known allows; then only a policy whose rules are not known may."""
    denying = [isolation_decider(direction, policy) for policy in isolating]
    for policy in unclear:
        effect = world.opaque_effect(policy, direction)
        if effect is OpaqueEffect.ALLOW:
            return Outcome(allowed=True, deciders=(opaque_decider(direction, policy, "allow", Tier.NETWORK_POLICY),))
        if effect is OpaqueEffect.ISOLATE:
            denying.append(opaque_decider(direction, policy, "deny", Tier.NETWORK_POLICY))
    return Outcome(allowed=False, deciders=tuple(denying)) if denying else None


def isolation_decider(direction: Direction, policy: NetworkPolicy) -> Decider:
    """NP-4, NP-5: the policy isolates, and nothing in the union of what is allowed fits."""
    cites = "NP-5" if rules_of(policy, direction) else "NP-4"
    label, tier = policy.label, Tier.NETWORK_POLICY
    return Decider(direction=direction, tier=tier, action="deny", policy=label, cites=cites, place=policy.place)


def opaque_decider(direction: Direction, policy: OpaquePolicy, action: str, tier: Tier) -> Decider:
    """Name a policy whose effect is not known as what decided in this completion."""
    return Decider(
        direction=direction,
        tier=tier,
        action=action,
        policy=policy.label,
        cites=policy.rule,
        note="supposed: the effect of this policy is not known",
        place=policy.place,
    )


def rule_allows(world: World, direction: Direction, flow: Flow, policy: NetworkPolicy, rule: PolicyRule) -> bool:
    """NP-7: (no peers, or some peer matches) and (no ports, or some port matches)."""
    return any_port_matches(world, direction, flow, rule.ports) and any_peer_matches(
        world, direction, flow, policy, rule.peers
    )


def any_peer_matches(
    world: World, direction: Direction, flow: Flow, policy: NetworkPolicy, peers: tuple[Peer, ...]
) -> bool:
    """NP-3, NP-7, NP-9: no peers stand for any peer; several are ORed."""
    end = world.peer(direction)
    return not peers or any(peer_matches(world, flow, policy, peer, end) for peer in peers)


def peer_matches(world: World, flow: Flow, policy: NetworkPolicy, peer: Peer, end: Party) -> bool:
    """NP-8: a peer is either by selectors or by addresses."""
    if isinstance(peer, IPBlockPeer):
        return ip_block_matches(world, flow, peer, end)
    return selectors_match(world, policy, peer, end)


def selectors_match(world: World, policy: NetworkPolicy, peer: PodPeer, end: Party) -> bool:
    """NP-8, NP-9, NP-11: both selectors hold where both are set; they match pods only."""
    return (
        end.pod is not None
        and pod_selector_matches(peer, end.pod)
        and counts_as_pod(world, end)
        and namespace_matches(world, policy, peer, end.pod)
    )


def pod_selector_matches(peer: PodPeer, pod: Pod) -> bool:
    """NP-8: an absent podSelector does not constrain."""
    return peer.pod_selector is None or selector_matches(peer.pod_selector, pod.labels.get)


def namespace_matches(world: World, policy: NetworkPolicy, peer: PodPeer, pod: Pod) -> bool:
    """NP-8, NP-10: without a namespaceSelector only the policy's own namespace is meant."""
    if peer.namespace_selector is None:
        return pod.namespace == policy.namespace
    return selector_matches(peer.namespace_selector, world.namespace_labels(pod.namespace))


def counts_as_pod(world: World, end: Party) -> bool:
    """NET-3: as a peer, a host-network pod is a pod only where the plugin can tell it from its node."""
    return end.kind is Kind.POD and (not end.host_network or world.switch("host_net_peer"))


def ip_block_matches(world: World, flow: Flow, block: IPBlockPeer, end: Party) -> bool:
    """NP-16, NP-18, NET-2: by the peer's address, within its family, where addresses of its kind are matched at all."""
    assert flow.version is not None, "a flow is judged in one family"
    if family_of(block.cidr) != flow.version or not addresses_are_matched(world, end):
        return False
    return block_holds(world.address(end, flow.version), block.cidr, block.excepts)


def addresses_are_matched(world: World, end: Party) -> bool:
    """NP-20, NP-21: always outside the cluster; of pods and nodes only where the plugin compares addresses."""
    if end.kind is Kind.ADDRESS:
        return True
    return world.switch("cidr_matches_pods" if counts_as_pod(world, end) else "cidr_matches_nodes")


def any_port_matches(world: World, direction: Direction, flow: Flow, ports: tuple[PolicyPort, ...]) -> bool:
    """NP-3, NP-7: no ports stand for any port of any protocol; several are ORed."""
    return not ports or any(port_matches(world, direction, flow, item) for item in ports)


def port_matches(world: World, direction: Direction, flow: Flow, item: PolicyPort) -> bool:
    """NP-25, NP-30: the protocol is the same, and the destination port is the one meant, if one is."""
    if not same_protocol(item.protocol, flow.protocol):
        return False
    if item.port is None:
        return True
    if isinstance(item.port, str):
        return named_port_matches(world, direction, flow, item.port)
    return numbered_port_matches(world, flow, item)


def named_port_matches(world: World, direction: Direction, flow: Flow, name: str) -> bool:
    """NP-26, NP-27: resolved on the destination pod, in both directions; never on what is no pod."""
    end = world.setting.destination
    # As the subject a pod is a pod; as a peer a host-network pod may be no more than its node (NET-3).
    if end.pod is None or (direction is Direction.EGRESS and not counts_as_pod(world, end)):
        return False
    return world.named_port_has(end.pod, name, flow.protocol, flow.port)


def numbered_port_matches(world: World, flow: Flow, item: PolicyPort) -> bool:
    """NP-28: a plugin without ranges applies the single port, which is in the range in any case."""
    if number_matches(item, flow.port, ranges=False):
        return True
    return number_matches(item, flow.port, ranges=True) and world.switch("end_port")

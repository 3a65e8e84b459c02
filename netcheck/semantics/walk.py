"""Every policy that is consulted about a flow, in order, and what each of them says on its own.

For explanations only: the verdict is that of `decide`. Missing facts take their first answer, as in the completion
that `decide` tries first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from netcheck.model.cluster import Cluster
from netcheck.model.flow import Decider, Flow
from netcheck.model.policy import Direction, NetworkPolicy
from netcheck.semantics import network_policy
from netcheck.semantics.completions import Completion
from netcheck.semantics.decide import allowed_by_default, common_families, no_subject, not_enforced, setting_of
from netcheck.semantics.world import World


def walkthrough(cluster: Cluster, flow: Flow) -> tuple[Decider, ...]:
    """Return one step for each policy that selects an end in its direction, egress first; nothing without a common family."""
    setting = setting_of(cluster, flow)
    families = common_families(setting)
    if not families:
        return ()
    world, flow = World(setting, Completion()), replace(flow, version=families[0])
    directions = (Direction.EGRESS, Direction.INGRESS)
    return tuple(step for direction in directions for step in _steps(world, direction, flow))


def _steps(world: World, direction: Direction, flow: Flow) -> Iterator[Decider]:
    outside = not_enforced(world, direction) or no_subject(world, direction)
    if outside:
        yield from outside.deciders
        return
    pod = world.subject(direction).pod
    assert pod is not None, "only a pod is a subject of policies (NP-1)"
    isolating = network_policy.policies_isolating(world, direction, pod)
    if not isolating:
        yield from allowed_by_default(direction, "NP-4", "no policy isolates the pod").deciders
        return
    exempt = network_policy.exemption(world, direction)
    yield from exempt.deciders if exempt else ()
    for policy in isolating:
        yield _what_it_says(world, direction, flow, policy)


def _what_it_says(world: World, direction: Direction, flow: Flow, policy: NetworkPolicy) -> Decider:
    """Return the first rule of the policy that allows, or that it isolates without allowing."""
    for _, index, rule in network_policy.rules_in_order([policy], direction):
        if network_policy.rule_allows(world, direction, flow, policy, rule):
            return network_policy.rule_decider(direction, policy, index, rule)
    return network_policy.isolation_decider(direction, policy)

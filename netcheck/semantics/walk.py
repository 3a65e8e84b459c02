"""Every policy that is consulted about a flow, in order, and what each of them says on its own.

For explanations only: the verdict is that of `decide`. Missing facts take their first answer, as in the completion
that `decide` tries first.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace

from netcheck.model.admin import AdminAction, AdminPolicy
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Decider, Flow, Tier
from netcheck.model.policy import Direction, NetworkPolicy
from netcheck.semantics import admin, network_policy
from netcheck.semantics.completions import Completion
from netcheck.semantics.decide import allowed_by_default, common_families, no_subject, not_enforced, setting_of
from netcheck.semantics.world import World


def walkthrough(cluster: Cluster, flow: Flow) -> tuple[Decider, ...]:
    """Return one step for each policy that is consulted, egress first; nothing without a common family."""
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
    final = yield from _of_tier(world, Tier.ADMIN, direction, flow)
    if not final:
        yield from _below_admin(world, direction, flow)


def _below_admin(world: World, direction: Direction, flow: Flow) -> Iterator[Decider]:
    pod = world.subject(direction).pod
    assert pod is not None, "only a pod is a subject of policies (NP-1)"
    isolating = network_policy.policies_isolating(world, direction, pod)
    if not isolating:
        final = not admin.baseline_skipped(world, pod) and (yield from _of_tier(world, Tier.BASELINE, direction, flow))
        if not final:
            yield from allowed_by_default(direction, "NP-4", "no policy isolates the pod").deciders
        return
    exempt = network_policy.exemption(world, direction)
    yield from exempt.deciders if exempt else ()
    for policy in isolating:
        yield _what_it_says(world, direction, flow, policy)


def _of_tier(world: World, tier: Tier, direction: Direction, flow: Flow) -> Generator[Decider, None, bool]:
    """Yield what each admin policy says until one of a precedence decides; return whether that is final (ADM-7)."""
    for tied in admin.in_order(world, tier, direction):
        matches = [(policy, admin.first_match(world, direction, flow, policy)) for policy in tied]
        for policy, match in matches:
            yield admin.decider(direction, match) if match else _no_rule_matches(direction, policy)
        found = [match for _, match in matches if match]
        if found:
            return admin.applied(world, direction, found).rule.action is not AdminAction.PASS
    return False


def _no_rule_matches(direction: Direction, policy: AdminPolicy) -> Decider:
    """ADM-8: an admin policy isolates nothing; what none of its rules matches falls through."""
    return Decider(
        direction=direction,
        tier=policy.tier,
        action="pass",
        policy=policy.label,
        cites="ADM-8",
        note="no rule matches",
        place=policy.place,
    )


def _what_it_says(world: World, direction: Direction, flow: Flow, policy: NetworkPolicy) -> Decider:
    """Return the first rule of the policy that allows, or that it isolates without allowing."""
    for _, index, rule in network_policy.rules_in_order([policy], direction):
        if network_policy.rule_allows(world, direction, flow, policy, rule):
            return network_policy.rule_decider(direction, policy, index, rule)
    return network_policy.isolation_decider(direction, policy)

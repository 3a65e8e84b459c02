"""Whether a flow is allowed: both directions, tier after tier, in every completion of what the input lacks.

A flow is ALLOWED iff it is allowed in every completion, DENIED iff in none, else UNKNOWN; then the facts that
make the difference are the reasons.
"""

from __future__ import annotations

from dataclasses import replace

from netcheck.model.admin import AdminPolicy
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Decider, Decision, Flow, Tier, Verdict
from netcheck.model.policy import Direction, NetworkPolicy
from netcheck.semantics import admin, network_policy
from netcheck.semantics.completions import Completion, Leaf, OracleLimit, each_completion, facts_that_matter
from netcheck.semantics.network_policy import Outcome
from netcheck.semantics.world import Kind, OpaqueEffect, Party, Setting, World, party

__all__ = ["OracleLimit", "decide"]


def decide(cluster: Cluster, flow: Flow, *, limit: int = 20000) -> Decision:
    """Return the verdict about a new connection, what decided it, and for `unknown` the missing facts.

    Raises:
        OracleLimit: the facts can be completed in more than `limit` ways, and those tried all agree.
    """
    setting = setting_of(cluster, flow)
    families = common_families(setting)
    if not families:
        return _no_common_family()
    leaves = _judged(setting, families, limit)
    if len({leaf.allowed for leaf in leaves}) > 1:
        reasons = dict.fromkeys(fact.reason for fact in facts_that_matter(leaves))
        return Decision(verdict=Verdict.UNKNOWN, reasons=tuple(reasons))
    verdict = Verdict.ALLOWED if leaves[0].allowed else Verdict.DENIED
    return Decision(verdict=verdict, deciders=_deciders(setting, families, leaves[0]))


def setting_of(cluster: Cluster, flow: Flow) -> Setting:
    """Gather what is the same in every completion."""
    source = party(cluster, "source", flow.source, flow.destination)
    destination = party(cluster, "destination", flow.destination, flow.source)
    policies = tuple(policy for policy in cluster.policies if _selects_one(policy, source, destination))
    over = tuple(policy for policy in cluster.admin if _may_select_one(cluster, policy, source, destination))
    return Setting(cluster=cluster, flow=flow, source=source, destination=destination, policies=policies, admin=over)


def _selects_one(policy: NetworkPolicy, *ends: Party) -> bool:
    return any(end.pod is not None and network_policy.selects(policy, end.pod) for end in ends)


def _may_select_one(cluster: Cluster, policy: AdminPolicy, *ends: Party) -> bool:
    """WL-3: whether a policy selects an end whatever labels its namespace has that are not known."""
    return any(end.pod is not None and admin.may_select(cluster, policy, end.pod) for end in ends)


def common_families(setting: Setting) -> tuple[int, ...]:
    """NET-2: the IP families that both ends have and the flow may live in."""
    both = set(setting.source.families) & set(setting.destination.families)
    wanted = setting.flow.version
    return tuple(sorted(version for version in both if wanted in (None, version)))


def _no_common_family() -> Decision:
    """NET-2: a flow lives in exactly one family; without one that both ends have it cannot start."""
    note = "the two ends have no IP family in common"
    decider = Decider(direction=Direction.EGRESS, tier=Tier.DEFAULT, action="deny", cites="NET-2", note=note)
    return Decision(verdict=Verdict.DENIED, deciders=(decider,))


def _judged(setting: Setting, families: tuple[int, ...], limit: int) -> list[Leaf]:
    """Judge the flow in every completion; when there are too many, those tried do if they already disagree."""
    leaves: list[Leaf] = []
    try:
        for completion in each_completion(limit):
            allowed = bool(allowing_families(World(setting, completion), families))
            leaves.append(Leaf(tuple(completion.trail), allowed))
    except OracleLimit:
        if len({leaf.allowed for leaf in leaves}) < 2:
            raise
    return leaves


def allowing_families(world: World, families: tuple[int, ...]) -> tuple[int, ...]:
    """Return the first family in which both directions allow the flow (NP-6), or nothing."""
    for version in families:
        flow = replace(world.setting.flow, version=version)
        if all(outcome(world, direction, flow).allowed for direction in (Direction.EGRESS, Direction.INGRESS)):
            return (version,)
    return ()


def outcome(world: World, direction: Direction, flow: Flow) -> Outcome:
    """Judge one direction: what stands before all tiers, then the tiers."""
    return (
        not_enforced(world, direction)
        or no_subject(world, direction)
        or _unmodelled(world, direction)
        or _in_tiers(world, direction, flow)
    )


def not_enforced(world: World, direction: Direction) -> Outcome | None:
    """NP-36: without a plugin that enforces them policies have no effect."""
    if world.switch("enforced"):
        return None
    return allowed_by_default(direction, "NP-36", "the CNI does not enforce policies")


def no_subject(world: World, direction: Direction) -> Outcome | None:
    """NP-1, NET-3: only pods are subjects of policies, and host-network pods only where the plugin can tell them."""
    subject = world.subject(direction)
    if subject.kind is not Kind.POD:
        return allowed_by_default(direction, "NP-1", f"no policy applies to {subject.name}")
    if subject.host_network and not world.switch("host_net_subject"):
        return allowed_by_default(direction, "NET-3", f"no policy applies to the host-network {subject.name}")
    return None


def _unmodelled(world: World, direction: Direction) -> Outcome | None:
    """NET-18 and others: a policy that is not known to be additive may decide anything, before all else."""
    pod = world.subject(direction).pod
    assert pod is not None, "only a pod is a subject of policies (NP-1)"
    for policy in world.cluster.opaque:
        if policy.additive or not network_policy.may_concern(world, policy, direction, pod):
            continue
        effect = world.opaque_effect(policy, direction)
        if effect is not OpaqueEffect.NOTHING:
            decider = network_policy.opaque_decider(direction, policy, effect.value, Tier.ADMIN)
            return Outcome(allowed=effect is OpaqueEffect.ALLOW, deciders=(decider,))
    return None


def _in_tiers(world: World, direction: Direction, flow: Flow) -> Outcome:
    """ADM-3: admin tier, then NetworkPolicies, then the baseline tier, then allow; the first that decides wins."""
    match = admin.deciding(world, Tier.ADMIN, direction, flow)
    if match is None:
        return _below_admin(world, direction, flow)
    decided = admin.ruling(direction, match)
    return decided or _after(admin.decider(direction, match), _below_admin(world, direction, flow))


def _below_admin(world: World, direction: Direction, flow: Flow) -> Outcome:
    """ADM-3, ADM-11: the NetworkPolicies if they isolate the pod, else the baseline tier, else allow (ADM-12)."""
    return (
        network_policy.permits(world, direction, flow)
        or _baseline_tier(world, direction, flow)
        or allowed_by_default(direction, "NP-4", "no policy isolates the pod")
    )


def _baseline_tier(world: World, direction: Direction, flow: Flow) -> Outcome | None:
    """ADM-3, ADM-7, ADM-10: what the baseline tier decides; Pass leads to the default; None iff no rule matches."""
    pod = world.subject(direction).pod
    assert pod is not None, "only a pod is a subject of policies (NP-1)"
    match = admin.deciding(world, Tier.BASELINE, direction, flow)
    if match is None or admin.baseline_skipped(world, pod):
        return None
    default = allowed_by_default(direction, "ADM-7", "the baseline tier passes to the default")
    return admin.ruling(direction, match) or _after(admin.decider(direction, match), default)


def _after(passing: Decider, outcome: Outcome) -> Outcome:
    """ADM-7: what decided after a rule that passes, which is named first."""
    return replace(outcome, deciders=(passing, *outcome.deciders))


def allowed_by_default(direction: Direction, cites: str, note: str) -> Outcome:
    """Nothing restricts the direction, for the reason that `note` gives."""
    decider = Decider(direction=direction, tier=Tier.DEFAULT, action="allow", cites=cites, note=note)
    return Outcome(allowed=True, deciders=(decider,))


def _deciders(setting: Setting, families: tuple[int, ...], leaf: Leaf) -> tuple[Decider, ...]:
    """Return what decided each direction in this completion: in the family that allows, else in the first."""
    world = World(setting, Completion(leaf.path))
    version = (allowing_families(world, families) or families)[0]
    flow = replace(setting.flow, version=version)
    both = (outcome(world, direction, flow) for direction in (Direction.EGRESS, Direction.INGRESS))
    return tuple(decider for each in both for decider in each.deciders)

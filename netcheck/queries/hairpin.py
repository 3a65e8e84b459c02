"""A pod that reaches itself through a Service: the packet leaves the pod and comes back (NET-7, ADM-24).

NetworkPolicies say nothing of it, so the switch `selfViaService` does; admin policies are in force whatever it says. The
flow is judged as one between the pod and its twin.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from netcheck.model.cluster import Cluster
from netcheck.model.flow import Decider, PodEnd, Reason, Tier, Verdict
from netcheck.model.objects import Pod
from netcheck.model.policy import NetworkPolicy, PolicyRule
from netcheck.model.profile import Switch
from netcheck.queries.results import PairResult

_ANYTHING = (PolicyRule(),)


def judged_in(cluster: Cluster) -> tuple[Cluster, ...]:
    """Return the clusters in which the flow between a pod and its twin is judged as that through a Service.

    Two, if the profile does not know whether NetworkPolicies apply: the flow is what it is in both, else unknown.
    """
    exempt = replace(
        cluster,
        policies=tuple(_open(policy) for policy in cluster.policies),
        opaque=tuple(policy for policy in cluster.opaque if not policy.additive),
    )
    match cluster.profile.self_via_service:
        case Switch.YES:
            return (exempt,)
        case Switch.NO:
            return (cluster,)
        case Switch.UNKNOWN:
            return (exempt, cluster)


def _open(policy: NetworkPolicy) -> NetworkPolicy:
    """Return a policy that isolates the same pods, so that no later tier decides, and lets everything pass."""
    return replace(policy, ingress=_ANYTHING, egress=_ANYTHING)


def twin(pod: Pod) -> PodEnd:
    """Return the pod as an end that is not the same pod at the other end (NET-6)."""
    return PodEnd(replace(pod, replicas=2))


def combined(cluster: Cluster, found: Sequence[PairResult]) -> PairResult:
    """Return one result for those in each cluster of `judged_in`, in their order."""
    if cluster.profile.self_via_service is Switch.NO:
        return found[0]
    first = replace(found[0], decided_by=_told(found[0].decided_by), walkthrough=(), change=None)
    allowed, possible = first.allowed, first.allowed | first.unknown
    for item in found[1:]:
        allowed, possible = allowed & item.allowed, possible | item.allowed | item.unknown
    result = replace(first, allowed=allowed, unknown=possible - allowed)
    if len({item.verdict for item in found}) == 1:
        return result
    message = (
        "the profile does not know whether a pod reaches itself through a Service (--assume selfViaService=yes|no)"
    )
    reason = Reason(rule="NET-7", message=message)
    return replace(result, verdict=Verdict.UNKNOWN, witness=None, decided_by=(), blocked_by=(), reasons=(reason,))


def _told(deciders: Iterable[Decider]) -> tuple[Decider, ...]:
    """Return what decided, where NetworkPolicies hold nothing back: no rule of theirs did."""
    note = "NetworkPolicies do not hold back a pod that reaches itself through a Service"
    return tuple(
        Decider(direction=item.direction, tier=item.tier, action="exempt", cites="NET-7", note=note)
        if item.tier is Tier.NETWORK_POLICY
        else item
        for item in deciders
    )

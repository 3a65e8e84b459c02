"""The walk of one flow through everything that is consulted about it, tier by tier, policy by policy, rule by rule.

For explanations: the verdict is that of `decide`, and a law holds the walk's last step to it. Missing facts take their
first answer, as in the completion that `decide` tries first.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace

from netcheck.errors import Place
from netcheck.model.admin import (
    AdminAction,
    AdminDomains,
    AdminNetworks,
    AdminNodes,
    AdminPeer,
    AdminPolicy,
    AdminPort,
    AdminRule,
)
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Decider, Flow, Tier, Verdict
from netcheck.model.objects import NAMESPACE_NAME_LABEL, Pod
from netcheck.model.policy import Direction, IPBlockPeer, NetworkPolicy, OpaquePolicy, Peer, PolicyPort, PolicyRule
from netcheck.semantics import admin, network_policy
from netcheck.semantics.completions import Completion
from netcheck.semantics.decide import (
    allowed_by_default,
    allowing_families,
    common_families,
    decide,
    no_subject,
    not_enforced,
    setting_of,
)
from netcheck.semantics.world import OpaqueEffect, World
from netcheck.values.labels import LabelSelector, Operator

_ACTS = {AdminAction.ACCEPT: "allows", AdminAction.DENY: "denies", AdminAction.PASS: "passes"}
_WORDS = {True: "allowed", False: "denied"}
_DIRECTIONS = (Direction.EGRESS, Direction.INGRESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that is consulted about a flow, and what comes of it.

    Attributes:
        direction: None in the last step, which speaks of the whole flow.
        tier: None in the last step of a direction and in that of the flow, which say what came out.
        outcome: of a policy `selects`, `isolates`, `skipped` or `unclear`; of a rule `allows`, `denies`, `passes`,
            `not reached`, or `no match: ` with `peer`, `port` or `peer and port`; of a tier `exempt` or `default`; of a
            direction and of the flow `allowed`, `denied` or `unknown`.
        note: what selected the pod, what the rule wants, or why.
        says: what the policy as a whole says on its own, in that one of its steps which shows it.
    """

    direction: Direction | None
    tier: Tier | None
    outcome: str
    policy: str = ""
    rule: str = ""
    note: str = ""
    place: Place | None = field(default=None, compare=False)
    says: Decider | None = None


def walkthrough(cluster: Cluster, flow: Flow) -> tuple[Decider, ...]:
    """Return what each policy that is consulted says on its own, egress first; nothing without a common family."""
    return tuple(step.says for step in _of_first_completion(cluster, flow) if step.says is not None)


def steps(cluster: Cluster, flow: Flow) -> tuple[Step, ...]:
    """Return every step, egress first; each direction ends with its outcome, and the whole with the verdict.

    Raises:
        OracleLimit: as `decide` does.
    """
    decision = decide(cluster, flow)
    found = tuple(_of_first_completion(cluster, flow))
    outcome, note = "denied", "the two ends have no IP family in common (NET-2)"
    ends = [step.outcome for step in found if step.tier is None]
    if found:
        outcome = _WORDS[ends == ["allowed", "allowed"]]
        note = "both directions must allow it"
    if decision.verdict is Verdict.UNKNOWN:
        outcome, note = "unknown", "it depends on: " + "; ".join(reason.message for reason in decision.reasons)
    return (*found, Step(direction=None, tier=None, outcome=outcome, note=note))


def _of_first_completion(cluster: Cluster, flow: Flow) -> Iterator[Step]:
    setting = setting_of(cluster, flow)
    families = common_families(setting)
    if not families:
        return
    world = World(setting, Completion())
    flow = replace(flow, version=(allowing_families(world, families) or families)[0])
    for direction in _DIRECTIONS:
        allowed = yield from _judged(world, direction, flow)
        yield Step(direction=direction, tier=None, outcome=_WORDS[allowed])


def _judged(world: World, direction: Direction, flow: Flow) -> Generator[Step, None, bool]:
    """Yield the steps of a direction; return whether it is allowed."""
    outside = not_enforced(world, direction) or no_subject(world, direction)
    if outside:
        yield _default(outside.deciders[0])
        return True
    final = yield from _unmodelled(world, direction)
    if final is None:
        final = yield from _of_tier(world, Tier.ADMIN, direction, flow)
    if final is None:
        final = yield from _below_admin(world, direction, flow)
    return final


def _below_admin(world: World, direction: Direction, flow: Flow) -> Generator[Step, None, bool]:
    final = yield from _network_policies(world, direction, flow)
    if final is None:
        final = yield from _baseline(world, direction, flow)
    if final is None:
        yield _default(allowed_by_default(direction, "NP-4", "no policy isolates the pod").deciders[0])
        final = True
    return final


def _default(decider: Decider) -> Step:
    note = f"{decider.note} ({decider.cites})"
    return Step(direction=decider.direction, tier=Tier.DEFAULT, outcome="default", note=note, says=decider)


def _pod(world: World, direction: Direction) -> Pod:
    pod = world.subject(direction).pod
    assert pod is not None, "only a pod is a subject of policies (NP-1)"
    return pod


# ---- policies whose effect is not known ----------------------------------------------------------------------------


def _unmodelled(world: World, direction: Direction) -> Generator[Step, None, bool | None]:
    """Yield the policies that may decide before all tiers; return what the first with an effect decides."""
    pod = _pod(world, direction)
    for policy in world.cluster.opaque:
        if policy.additive or not network_policy.may_concern(world, policy, direction, pod):
            continue
        effect = world.opaque_effect(policy, direction)
        yield _unclear(policy, direction, Tier.ADMIN, effect)
        if effect is not OpaqueEffect.NOTHING:
            return effect is OpaqueEffect.ALLOW
    return None


def _unclear(policy: OpaquePolicy, direction: Direction, tier: Tier, effect: OpaqueEffect) -> Step:
    note = f"its effect is not known ({policy.rule}); this walk supposes: {effect.value}"
    return Step(direction=direction, tier=tier, outcome="unclear", policy=policy.label, note=note, place=policy.place)


# ---- admin tiers ---------------------------------------------------------------------------------------------------


def _of_tier(world: World, tier: Tier, direction: Direction, flow: Flow) -> Generator[Step, None, bool | None]:
    """Yield the admin policies until those of one precedence decide; return whether they allow, None to go on."""
    for tied in admin.in_order(world, tier, direction):
        matches = [(policy, admin.first_match(world, direction, flow, policy)) for policy in tied]
        found = [match for _, match in matches if match]
        for policy, match in matches:
            yield from _admin_policy(world, direction, flow, policy, match, tied=len(found) > 1)
        if found:
            action = admin.applied(world, direction, found).rule.action
            return None if action is AdminAction.PASS else action is AdminAction.ACCEPT
    return None


def _admin_policy(
    world: World, direction: Direction, flow: Flow, policy: AdminPolicy, match: admin.Match | None, *, tied: bool
) -> Iterator[Step]:
    says = None if match else _no_rule_matches(direction, policy)
    note = f"priority {policy.priority}, subject {peer_text(policy.subject)}"
    yield Step(
        direction=direction,
        tier=policy.tier,
        outcome="selects",
        policy=policy.label,
        note=note,
        place=policy.place,
        says=says,
    )
    for index, rule in enumerate(policy.rules(direction)):
        outcome, note = _mismatch(*_admin_parts(world, direction, flow, rule)), rule_text(direction, rule)
        if match and index == match.index:
            outcome = _ACTS[rule.action]
            note += ", but a policy of the same priority matches too (ADM-5)" if tied else ""
        elif match and index > match.index:
            outcome = "not reached"
        yield Step(
            direction=direction,
            tier=policy.tier,
            outcome=outcome,
            policy=policy.label,
            rule=f"{direction.value.lower()}[{index}]",
            note=note,
            place=rule.place or policy.place,
            says=admin.decider(direction, match) if match and index == match.index else None,
        )


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


def _admin_parts(world: World, direction: Direction, flow: Flow, rule: AdminRule) -> tuple[bool, bool]:
    """Return whether some peer of the rule matches, and whether its ports do."""
    end = world.peer(direction)
    peer = any(admin.peer_matches(world, direction, flow, item, end) for item in rule.peers)
    port = not rule.ports or any(admin.port_matches(world, direction, flow, item) for item in rule.ports)
    return peer, port


def _baseline(world: World, direction: Direction, flow: Flow) -> Generator[Step, None, bool | None]:
    pod = _pod(world, direction)
    present = any(True for _ in admin.in_order(world, Tier.BASELINE, direction))
    if present and admin.baseline_skipped(world, pod):
        note = "the plugin skips this tier for a pod that some NetworkPolicy selects (ADM-10)"
        yield Step(direction=direction, tier=Tier.BASELINE, outcome="skipped", note=note)
        return None
    return (yield from _of_tier(world, Tier.BASELINE, direction, flow))


# ---- NetworkPolicies -----------------------------------------------------------------------------------------------


def _network_policies(world: World, direction: Direction, flow: Flow) -> Generator[Step, None, bool | None]:
    """Yield the policies that isolate the pod; return whether they allow, None iff nothing isolates it."""
    pod, exempt = _pod(world, direction), None
    isolating = network_policy.policies_isolating(world, direction, pod)
    additive = (policy for policy in world.cluster.opaque if policy.additive)
    unclear = [policy for policy in additive if network_policy.may_concern(world, policy, direction, pod)]
    if isolating or unclear:
        exempt = network_policy.exemption(world, direction)
    if exempt is not None:
        yield _exempt(exempt.deciders[0])
    allowed = exempt is not None
    for policy in isolating:
        by_this = yield from _network_policy(world, direction, flow, policy)
        allowed = allowed or by_this
    if allowed:
        return True
    return (yield from _left_to_the_unclear(world, direction, unclear, isolated=bool(isolating)))


def _exempt(decider: Decider) -> Step:
    note = f"NetworkPolicies do not hold back a pod's own node, nor the pod itself ({decider.cites})"
    return Step(direction=decider.direction, tier=decider.tier, outcome="exempt", note=note, says=decider)


def _left_to_the_unclear(
    world: World, direction: Direction, unclear: list[OpaquePolicy], *, isolated: bool
) -> Generator[Step, None, bool | None]:
    for policy in unclear:
        effect = world.opaque_effect(policy, direction)
        yield _unclear(policy, direction, Tier.NETWORK_POLICY, effect)
        if effect is OpaqueEffect.ALLOW:
            return True
        isolated = isolated or effect is OpaqueEffect.ISOLATE
    return False if isolated else None


def _network_policy(
    world: World, direction: Direction, flow: Flow, policy: NetworkPolicy
) -> Generator[Step, None, bool]:
    """Yield that the policy isolates the pod, and each rule; return whether one of them allows."""
    rules = list(enumerate(network_policy.rules_of(policy, direction)))
    parts = [_parts(world, direction, flow, policy, rule) for _, rule in rules]
    first = next((index for index, (peer, port) in enumerate(parts) if peer and port), None)
    yield Step(
        direction=direction,
        tier=Tier.NETWORK_POLICY,
        outcome="isolates",
        policy=policy.label,
        note=f"podSelector {policy.pod_selector}" + ("" if rules else ", without rules"),
        place=policy.place,
        says=network_policy.isolation_decider(direction, policy) if first is None else None,
    )
    for index, rule in rules:
        yield Step(
            direction=direction,
            tier=Tier.NETWORK_POLICY,
            outcome="allows" if all(parts[index]) else _mismatch(*parts[index]),
            policy=policy.label,
            rule=f"{direction.value.lower()}[{index}]",
            note=rule_text(direction, rule),
            place=rule.place or policy.place,
            says=network_policy.rule_decider(direction, policy, index, rule) if index == first else None,
        )
    return first is not None


def _parts(
    world: World, direction: Direction, flow: Flow, policy: NetworkPolicy, rule: PolicyRule
) -> tuple[bool, bool]:
    """Return whether the peers of the rule match, and whether its ports do (NP-7)."""
    return (
        network_policy.any_peer_matches(world, direction, flow, policy, rule.peers),
        network_policy.any_port_matches(world, direction, flow, rule.ports),
    )


def _mismatch(peer: bool, port: bool) -> str:
    missing = [name for name, matches in (("peer", peer), ("port", port)) if not matches]
    return "no match: " + " and ".join(missing)


# ---- what rules say, in words --------------------------------------------------------------------------------------


def rule_text(direction: Direction, rule: PolicyRule | AdminRule) -> str:
    """Return what a rule is about: `TCP/80 from pods app=web`."""
    word = "from" if direction is Direction.INGRESS else "to"
    return f"{ports_text(rule.ports)} {word} {' or '.join(map(peer_text, rule.peers)) or 'anyone'}"


def ports_text(ports: Sequence[PolicyPort | AdminPort]) -> str:
    """Return the ports of a rule: `TCP/80,UDP/53`, or `any port`."""
    return ",".join(map(_port_text, ports)) or "any port"


def _port_text(item: PolicyPort | AdminPort) -> str:
    protocol = item.protocol or "any"
    if isinstance(item, PolicyPort):
        last = f"-{item.end_port}" if item.end_port is not None else ""
        return f"{protocol}/{'all' if item.port is None else item.port}{last}"
    last = f"-{item.last}" if item.last != item.first else ""
    return f"{protocol}/{item.name or f'{item.first}{last}'}"


def peer_text(peer: Peer | AdminPeer) -> str:
    """Return a peer or subject in words; a selector of everything is `all`."""
    if isinstance(peer, IPBlockPeer):
        return peer.cidr + (f" except {', '.join(peer.excepts)}" if peer.excepts else "")
    if isinstance(peer, AdminNodes):
        return f"nodes {_all(peer.selector)}"
    if isinstance(peer, AdminNetworks):
        return ", ".join(peer.cidrs)
    if isinstance(peer, AdminDomains):
        return ", ".join(peer.names)
    pods = "all pods" if peer.pod_selector in (None, LabelSelector()) else f"pods {peer.pod_selector}"
    if peer.namespace_selector is None:
        return pods
    where = f"of {_namespaces(peer.namespace_selector)}"
    return f"{pods} {where}"


def _all(selector: LabelSelector) -> str:
    return str(selector) if selector.requirements else "all"


def _namespaces(selector: LabelSelector) -> str:
    if not selector.requirements:
        return "all namespaces"
    only = selector.requirements[0] if len(selector.requirements) == 1 else None
    named = only is not None and (only.key, only.operator) == (NAMESPACE_NAME_LABEL, Operator.IN)
    if only is not None and named and len(only.values) == 1:
        return f"namespace {only.values[0]}"
    return f"namespaces {selector}"

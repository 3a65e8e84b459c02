"""Why a verdict is what it is, and what would make it otherwise. All of it is the oracle's word.

A denied flow gets a minimal set of policies to blame and the smallest change that opens it: both are found by changing
the cluster and asking again, so nothing is said that was not verified. An unknown one gets the outcome of each order of
policies of equal priority.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from netcheck.errors import UsageError
from netcheck.logic.ir import Kind
from netcheck.model.admin import AdminAction, AdminNetworks, AdminPeer, AdminPods, AdminPolicy, AdminPort, AdminRule
from netcheck.model.cluster import Cluster
from netcheck.model.flow import (
    AddressEnd,
    Decider,
    Decision,
    End,
    Flow,
    NodeEnd,
    OwnNodeEnd,
    PodEnd,
    Reason,
    Tier,
    Verdict,
)
from netcheck.model.objects import NAMESPACE_NAME_LABEL, Pod
from netcheck.model.policy import Direction, IPBlockPeer, NetworkPolicy, Peer, PodPeer, PolicyPort, PolicyRule
from netcheck.model.profile import PROFILES, SWITCH_FIELDS, Switch
from netcheck.queries.dataplane import with_phantoms
from netcheck.queries.endpoints import Located, Resolution, locate
from netcheck.queries.entries import list_engine
from netcheck.queries.results import (
    Change,
    ConnectionList,
    Edit,
    Endpoint,
    PairResult,
    Possible,
    ProfileVerdict,
    QueryResult,
    Row,
)
from netcheck.semantics import admin, network_policy
from netcheck.semantics.completions import Completion, OracleLimit, each_completion
from netcheck.semantics.decide import common_families, decide, setting_of
from netcheck.semantics.matching import family_of
from netcheck.semantics.walk import peer_text, steps
from netcheck.semantics.world import Party, World
from netcheck.values.addresses import IPSet, address_number, address_text
from netcheck.values.connections import ConnectionSet
from netcheck.values.labels import LabelSelector
from netcheck.values.ports import Protocol

MOST_ROWS = 2000
"""How many rows of a list are explained unless the user named a focus."""
MOST_TRIES = 40
"""How many changes of one direction are tried before none is offered."""
_MOST_COMPLETIONS = 2000
_MOST_IN_A_SEARCH = 100
"""In how many completions one change is tried: what needs more stays unverified, and is not shown."""
_MOST_TIES = 4
_DIRECTIONS = (Direction.EGRESS, Direction.INGRESS)
_NAMING_LABELS = ("app.kubernetes.io/name", "app", "k8s-app", "name")


def explained(cluster: Cluster, flow: Flow, result: PairResult) -> PairResult:
    """Return the result with the walk of its witness and, by its verdict, what blocks, opens or decides it."""
    try:
        result = replace(result, walkthrough=steps(cluster, flow))
    except OracleLimit:
        return result
    if result.verdict is Verdict.DENIED:
        return replace(result, blocked_by=blockers(cluster, flow), change=smallest_change(cluster, flow))
    if any(reason.rule == "ADM-5" for reason in result.reasons):
        return replace(result, outcomes=outcomes(cluster, flow))
    return result


def _asked(cluster: Cluster, flow: Flow, limit: int = _MOST_COMPLETIONS) -> Decision:
    """Return the oracle's decision; unknown where it has too many completions to try."""
    try:
        return decide(cluster, flow, limit=limit)
    except OracleLimit:
        return Decision(verdict=Verdict.UNKNOWN)


# ---- what blocks it ------------------------------------------------------------------------------------------------


def blockers(cluster: Cluster, flow: Flow) -> tuple[Decider, ...]:
    """Return the denials of a minimal set of policies without which the flow is allowed.

    Minimal: with any one of them put back it is no longer allowed. Empty if no set of policies alone blocks it, or if
    without them it would be unknown.
    """
    blamed: dict[str, list[Decider]] = {}
    while (decision := _asked(_without(cluster, blamed), flow)).verdict is Verdict.DENIED:
        denials = [item for item in decision.deciders if item.action == "deny" and item.policy]
        if not denials:
            return ()
        for item in denials:
            blamed.setdefault(item.policy, []).append(item)
    if decision.verdict is not Verdict.ALLOWED:
        return ()
    needed = _minimal(cluster, flow, list(blamed))
    return tuple(item for label in needed for item in blamed[label])


def _minimal(cluster: Cluster, flow: Flow, labels: list[str]) -> list[str]:
    """Put policies back, one after the other, as long as the flow stays allowed without the rest."""
    for label in labels:
        rest = [other for other in labels if other != label]
        if _asked(_without(cluster, rest), flow).verdict is Verdict.ALLOWED:
            return _minimal(cluster, flow, rest)
    return labels


def _without(cluster: Cluster, labels: Iterable[str]) -> Cluster:
    gone = set(labels)
    policies = tuple(policy for policy in cluster.policies if policy.label not in gone)
    return replace(cluster, policies=policies, admin=tuple(one for one in cluster.admin if one.label not in gone))


# ---- what would open it --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A cluster with edits applied. `size` grows with what is written and with how much more than the flow it opens."""

    size: int
    edits: tuple[Edit, ...]
    cluster: Cluster


def smallest_change(cluster: Cluster, flow: Flow) -> Change | None:
    """Return the smallest of the changes tried that lets the flow through, verified by the oracle, or None."""
    found = opening(cluster, flow)
    return Change(edits=found.edits) if found is not None else None


def opening(cluster: Cluster, flow: Flow) -> Opening | None:
    """Return the smallest of the changes tried with the cluster after it, in which the oracle allows the flow.

    Tried are, for each direction that does not surely allow, in the order of their size: a port more for a rule whose peer matches, a
    peer more for a rule whose ports match, a rule more; an admin rule that passes or accepts it ahead of the one that
    denies it, and that rule's removal.
    """
    found = Opening(size=0, edits=(), cluster=cluster)
    for direction in _DIRECTIONS:
        opened = _opened(found, flow, direction)
        if opened is None:
            return None
        found = opened
    return found if found.edits and _asked(found.cluster, flow).verdict is Verdict.ALLOWED else None


def _opened(start: Opening, flow: Flow, direction: Direction) -> Opening | None:
    """Return the smallest continuation of `start` in which the direction surely allows, whatever the other does."""
    waiting = [(start.size, 0, start)]
    pushed = 0
    for _ in range(MOST_TRIES):
        if not waiting:
            return None
        _, _, tried = heapq.heappop(waiting)
        decision = _asked(_only(tried.cluster, direction), flow, _MOST_IN_A_SEARCH)
        if decision.verdict is Verdict.ALLOWED:
            return tried
        for more in _edits(tried.cluster, flow, direction, decision):
            pushed += 1
            grown = Opening(size=tried.size + more.size, edits=(*tried.edits, *more.edits), cluster=more.cluster)
            heapq.heappush(waiting, (grown.size, pushed, grown))
    return None


def _only(cluster: Cluster, direction: Direction) -> Cluster:
    """Return the cluster in which no policy has any effect on the other direction."""
    policies = (replace(one, types=tuple(way for way in one.types if way is direction)) for one in cluster.policies)
    inward = direction is Direction.INGRESS
    over = (replace(one, egress=()) if inward else replace(one, ingress=()) for one in cluster.admin)
    opaque = (one for one in cluster.opaque if direction in one.directions)
    unclear = (replace(one, directions=(direction,)) for one in opaque)
    return replace(cluster, policies=tuple(policies), admin=tuple(over), opaque=tuple(unclear))


def _edits(cluster: Cluster, flow: Flow, direction: Direction, decision: Decision) -> Iterator[Opening]:
    """Yield single edits that may turn a decision about one direction: what they do is for the oracle to say."""
    setting = setting_of(cluster, flow)
    families = common_families(setting)
    world, denials = World(setting, Completion()), [item for item in decision.deciders if item.action == "deny"]
    if not families or world.subject(direction).pod is None:
        return
    flow = replace(flow, version=families[0])
    if all(item.tier is Tier.NETWORK_POLICY for item in denials):
        yield from _network_policy_edits(world, flow, direction)
    for policy in cluster.admin:
        if policy.label in {item.policy for item in denials}:
            yield from _admin_edits(world, flow, direction, policy)


def _network_policy_edits(world: World, flow: Flow, direction: Direction) -> Iterator[Opening]:
    pod = world.subject(direction).pod
    assert pod is not None, "only a pod is a subject of policies (NP-1)"
    isolating = network_policy.policies_isolating(world, direction, pod)
    # A policy that names its pods is the likelier home of a new rule than one that closes a whole namespace.
    isolating.sort(key=lambda policy: not policy.pod_selector.requirements)
    for policy in isolating:
        for index in range(len(policy.rules(direction))):
            yield from _rule_edits(world, flow, direction, policy, index)
        peer, port = _peer(world, direction, flow, policy.namespace), _port(flow)
        if peer is not None:
            name, what = direction.value.lower(), _what(direction, flow, peer)
            text = f"add a rule to `{name}` of {policy.label} that allows {what}"
            edit = Edit(text=text, policy=policy.label, place=policy.place)
            rules = (*policy.rules(direction), PolicyRule(peers=(peer,), ports=(port,)))
            yield _changed(world.cluster, policy, direction, rules, edit, size=3)


def _rule_edits(world: World, flow: Flow, direction: Direction, policy: NetworkPolicy, index: int) -> Iterator[Opening]:
    """Yield the edits of one rule: the port more, or the peer more, that it lacks."""
    rules = policy.rules(direction)
    rule, name = rules[index], f"{direction.value.lower()}[{index}]"
    place = rule.place or policy.place
    fits = network_policy.any_peer_matches(world, direction, flow, policy, rule.peers)
    open_port = network_policy.any_port_matches(world, direction, flow, rule.ports)
    peer = _peer(world, direction, flow, policy.namespace)
    if fits and not open_port:
        text = f"add {flow.protocol.value}/{flow.port} to the ports of `{name}` of {policy.label}"
        bigger, size = replace(rule, ports=(*rule.ports, _port(flow))), 1
    elif open_port and not fits and peer is not None:
        text = f"add {peer_text(peer)} to the peers of `{name}` of {policy.label}"
        bigger, size = replace(rule, peers=(*rule.peers, peer)), 2
    else:
        return
    edit = Edit(text=text, policy=policy.label, rule=name, place=place)
    yield _changed(world.cluster, policy, direction, (*rules[:index], bigger, *rules[index + 1 :]), edit, size=size)


def _admin_edits(world: World, flow: Flow, direction: Direction, policy: AdminPolicy) -> Iterator[Opening]:
    """Yield the edits of the policy whose rule denies: a narrow rule ahead of it, or its removal."""
    match = admin.first_match(world, direction, flow, policy)
    if match is None or match.rule.action is not AdminAction.DENY:
        return
    rules, index = policy.rules(direction), match.index
    name = f"{direction.value.lower()}[{index}]"
    place = match.rule.place or policy.place
    for action, word, size in _ways(policy):
        peer = _admin_peer(world, direction, flow)
        if peer is not None:
            text = f"add a rule before `{name}` of {policy.label} that {word} {_what(direction, flow, peer)}"
            port = AdminPort(protocol=flow.protocol.value, first=flow.port, last=flow.port)
            ahead = AdminRule(action=action, peers=(peer,), ports=(port,))
            edit = Edit(text=text, policy=policy.label, rule=name, place=place)
            yield _changed_admin(
                world.cluster, policy, direction, (*rules[:index], ahead, *rules[index:]), edit, size=size
            )
    edit = Edit(text=f"remove `{name}` of {policy.label}", policy=policy.label, rule=name, place=place)
    yield _changed_admin(world.cluster, policy, direction, (*rules[:index], *rules[index + 1 :]), edit, size=4)


def _ways(policy: AdminPolicy) -> Iterator[tuple[AdminAction, str, int]]:
    """Yield the actions of a rule that opens: one that accepts ahead of all NetworkPolicies opens more (ADM-7)."""
    if policy.tier is Tier.ADMIN:
        yield AdminAction.PASS, "passes", 3
    yield AdminAction.ACCEPT, "accepts", 5 if policy.tier is Tier.ADMIN else 3


def _changed(
    cluster: Cluster,
    policy: NetworkPolicy,
    direction: Direction,
    rules: tuple[PolicyRule, ...],
    edit: Edit,
    *,
    size: int,
) -> Opening:
    changed = replace(policy, ingress=rules) if direction is Direction.INGRESS else replace(policy, egress=rules)
    policies = tuple(changed if one is policy else one for one in cluster.policies)
    return Opening(size=size, edits=(edit,), cluster=replace(cluster, policies=policies))


def _changed_admin(
    cluster: Cluster,
    policy: AdminPolicy,
    direction: Direction,
    rules: tuple[AdminRule, ...],
    edit: Edit,
    *,
    size: int,
) -> Opening:
    return Opening(size=size, edits=(edit,), cluster=_with_rules(cluster, policy, direction, rules))


def _with_rules(cluster: Cluster, policy: AdminPolicy, direction: Direction, rules: tuple[AdminRule, ...]) -> Cluster:
    changed = replace(policy, ingress=rules) if direction is Direction.INGRESS else replace(policy, egress=rules)
    return replace(cluster, admin=tuple(changed if one is policy else one for one in cluster.admin))


def _port(flow: Flow) -> PolicyPort:
    return PolicyPort(protocol=flow.protocol.value, port=flow.port)


def _what(direction: Direction, flow: Flow, peer: Peer | AdminPeer) -> str:
    word = "from" if direction is Direction.INGRESS else "to"
    return f"{flow.protocol.value}/{flow.port} {word} {peer_text(peer)}"


def _peer(world: World, direction: Direction, flow: Flow, namespace: str) -> Peer | None:
    """Return a peer of a NetworkPolicy of `namespace` for the other end; None if nothing names it."""
    end = world.peer(direction)
    if end.pod is None or not network_policy.counts_as_pod(world, end):
        cidr = _cidr(end, flow)
        return IPBlockPeer(cidr=cidr) if cidr else None
    inside = end.pod.namespace == namespace
    return PodPeer(pod_selector=_naming(end.pod), namespace_selector=None if inside else _named(end.pod.namespace))


def _admin_peer(world: World, direction: Direction, flow: Flow) -> AdminPeer | None:
    end = world.peer(direction)
    if end.pod is not None and not end.pod.host_network:
        return AdminPods(namespace_selector=_named(end.pod.namespace), pod_selector=_naming(end.pod))
    cidr = _cidr(end, flow)
    return AdminNetworks(cidrs=(cidr,)) if cidr and direction is Direction.EGRESS else None


def _cidr(end: Party, flow: Flow) -> str:
    known = (text for text in end.addresses if family_of(text) == flow.version)
    return next((f"{text}/{32 if flow.version == 4 else 128}" for text in known), "")


def _naming(pod: Pod) -> LabelSelector:
    """Return the label by which people select such a pod, else all of its labels."""
    for key in _NAMING_LABELS:
        if pod.labels.get(key):
            return LabelSelector.of({key: pod.labels[key]})
    return LabelSelector.of(pod.labels)


def _named(namespace: str) -> LabelSelector:
    return LabelSelector.of({NAMESPACE_NAME_LABEL: namespace})


# ---- ties ----------------------------------------------------------------------------------------------------------


_Applied = tuple[tuple[str, Direction], ...]


def outcomes(cluster: Cluster, flow: Flow) -> tuple[Possible, ...]:
    """Return the verdict for each choice among policies of equal priority that match the flow (ADM-5).

    Empty where several match in none of the first ways to settle the other missing facts.
    """
    found = [(verdict, applied) for verdict, applied in _outcomes(cluster, flow, ()) if applied]
    both = len({direction for _, applied in found for _, direction in applied}) > 1
    return tuple(Possible(verdict=verdict, condition=_condition(applied, both=both)) for verdict, applied in found)


def _outcomes(cluster: Cluster, flow: Flow, applied: _Applied) -> Iterator[tuple[Verdict, _Applied]]:
    verdict = _asked(cluster, flow).verdict
    tie = _first_tie(cluster, flow) if verdict is Verdict.UNKNOWN and len(applied) < _MOST_TIES else None
    if tie is None:
        yield verdict, applied
        return
    direction, matches = tie
    for chosen in matches:
        decided = cluster
        for other in matches:
            if other is not chosen:
                # Without its rules of this direction it is not consulted there; its other direction stands.
                decided = _with_rules(decided, other.policy, direction, ())
        yield from _outcomes(decided, flow, (*applied, (chosen.policy.label, direction)))


def _condition(applied: _Applied, *, both: bool) -> str:
    parts = (f"{label} is applied{f' to {way.value.lower()}' if both else ''}" for label, way in applied)
    return " and ".join(parts)


def _first_tie(cluster: Cluster, flow: Flow) -> tuple[Direction, list[admin.Match]] | None:
    """Return the first policies of one precedence of which several match the flow, in the first completion with any."""
    setting = setting_of(cluster, flow)
    families = common_families(setting)
    try:
        for completion in each_completion(_MOST_IN_A_SEARCH if families else 0):
            found = _tie_in(World(setting, completion), replace(flow, version=families[0]))
            if found is not None:
                return found
    except OracleLimit:
        return None
    return None


def _tie_in(world: World, flow: Flow) -> tuple[Direction, list[admin.Match]] | None:
    for direction in _DIRECTIONS:
        for tier in (Tier.ADMIN, Tier.BASELINE) if world.subject(direction).pod is not None else ():
            found = _first_matching(world, tier, direction, flow)
            if len(found) > 1:
                return direction, found
    return None


def _first_matching(world: World, tier: Tier, direction: Direction, flow: Flow) -> list[admin.Match]:
    for tied in admin.in_order(world, tier, direction):
        found = [match for policy in tied if (match := admin.first_match(world, direction, flow, policy))]
        if found:
            return found
    return []


# ---- profiles ------------------------------------------------------------------------------------------------------


def under_every_profile(
    cluster: Cluster, assumed: Mapping[str, Switch], ask: Callable[[Cluster], QueryResult]
) -> tuple[ProfileVerdict, ...]:
    """Return the answer under every profile, with the switches of `assumed` (field names) set in each."""
    found = []
    for name, given in PROFILES.items():
        profile = given
        for field, value in assumed.items():
            profile = profile.with_switch(field, value)
        result = ask(replace(cluster, profile=profile))
        differs = (
            switch
            for switch, field in SWITCH_FIELDS.items()
            if getattr(profile, field) is not getattr(cluster.profile, field)
        )
        deciding = next((pair for pair in result.pairs if pair.verdict is result.verdict), None)
        found.append(
            ProfileVerdict(
                profile=name,
                verdict=result.verdict,
                differs=tuple(differs),
                decided_by=deciding.decided_by if deciding else (),
                reasons=_reasons(result, deciding),
            )
        )
    return tuple(found)


def _reasons(result: QueryResult, deciding: PairResult | None) -> tuple[Reason, ...]:
    return result.reasons or (deciding.reasons if deciding is not None else ())


# ---- lists ---------------------------------------------------------------------------------------------------------


def explained_list(cluster: Cluster, found: ConnectionList, resolution: Resolution, *, focused: bool) -> ConnectionList:
    """Return the list with what decided a representative flow of each direct row, in both directions.

    Raises:
        UsageError: nothing narrows the list, and it has more than `MOST_ROWS` rows.
    """
    rows = list(islice(found.row_source, None if focused else MOST_ROWS + 1))
    if len(rows) > MOST_ROWS and not focused:
        raise UsageError(
            f"--explain: the list has more than {MOST_ROWS:,} rows\n"
            "  hint: name what you want to know about with --focus or --only-namespace"
        )
    chosen = _Representatives(with_phantoms(cluster), found.endpoints, resolution)
    return replace(found, row_source=tuple(replace(row, decided_by=chosen.deciders(row)) for row in rows))


class _Representatives:
    """For each endpoint of a list an end that stands for it."""

    def __init__(self, cluster: Cluster, endpoints: Sequence[Endpoint], resolution: Resolution) -> None:
        self._cluster = cluster
        self._endpoints = endpoints
        self._resolution = resolution
        self._universe = list_engine(cluster).universe
        self._located = _in_step(endpoints, locate(self._universe, resolution))
        known = {address_number(text) for text in _addresses(cluster)}
        self._taken = IPSet.of_cidrs(*(f"{address_text(*one)}/{32 if one[0] == 4 else 128}" for one in known))

    def deciders(self, row: Row) -> tuple[Decider, ...]:
        """Return what decides one flow of a row."""
        source, destination = self._end(row.source), self._end(row.destination)
        if row.source == row.destination and isinstance(source, PodEnd):
            source = PodEnd(replace(source.pod, replicas=2))  # two pods of one workload, not one pod with itself
        protocol, port = readable_port(row.connections, destination)
        return _asked(
            self._cluster, Flow(source=source, destination=destination, protocol=protocol, port=port)
        ).deciders

    def _end(self, position: int) -> End:
        endpoint, located = self._endpoints[position], self._located[position]
        element = self._universe.elements[located.element] if located.element < self._universe.atom_offset else None
        if element is None:
            return AddressEnd(self._free_address(endpoint))
        if element.kind is Kind.NODE:
            return NodeEnd(self._cluster.nodes[element.members[0]])
        if element.kind is Kind.OWN_NODE:
            return OwnNodeEnd()
        members = (self._cluster.pods[member] for member in element.members)
        return PodEnd(next(pod for pod in members if self._is_of(pod, endpoint)))

    def _is_of(self, pod: Pod, endpoint: Endpoint) -> bool:
        if self._resolution is Resolution.POD:
            return (pod.namespace, pod.name) == (endpoint.namespace, endpoint.name)
        named = pod.workload
        return (named.namespace, named.kind, named.name) == (endpoint.namespace, endpoint.kind, endpoint.name)

    def _free_address(self, endpoint: Endpoint) -> str:
        """Return the first address of an endpoint that is no known pod or node, else its first."""
        held = endpoint.addresses or IPSet.all()
        left = held - self._taken or held
        version = 4 if left.v4 else 6
        return address_text(version, left.of_family(version)[0][0])


def _in_step(endpoints: Sequence[Endpoint], located: Iterable[Located]) -> dict[int, Located]:
    """Return what stands behind each endpoint of a list; both are in the same order, but the list may leave some out."""
    rest = iter(located)
    found: dict[int, Located] = {}
    for position, endpoint in enumerate(endpoints):
        match = next((item for item in rest if item.endpoint == endpoint), None)
        if match is not None:
            found[position] = match
    return found


def _addresses(cluster: Cluster) -> Iterator[str]:
    for pod in cluster.pods:
        yield from pod.addresses
    for node in cluster.nodes:
        yield from node.addresses


def readable_port(connections: ConnectionSet, end: End) -> tuple[Protocol, int]:
    """Return the port to show: one that the destination declares, else 80, else the lowest."""
    declared = end.pod.ports if isinstance(end, PodEnd) else ()
    for port in declared:
        if port.number in connections.of_protocol(Protocol(port.protocol)):
            return Protocol(port.protocol), port.number
    protocol, ports = next(connections.items())
    return protocol, 80 if 80 in ports else ports.lowest

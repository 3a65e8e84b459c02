"""The queries of another analyzer, answered with what netcheck knows: `diff` of two clusters, and who isolates a pair.

That analyzer counts: how many comparisons fail, how many sets are contained, and so on. It looks at one topology, takes
blocks to match outside addresses only, and knows IPv4 unless a policy names IPv6.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import combinations, permutations, product

from netcheck.engines.sets import SetEngine
from netcheck.load.loader import LoadOptions, load
from netcheck.model.policy import Direction, IPBlockPeer
from netcheck.model.profile import PROFILES, Switch
from netcheck.queries.connections import connections
from netcheck.queries.diff import diff
from netcheck.queries.diff_sides import Sides
from netcheck.queries.endpoints import Resolution
from netcheck.queries.results import EndpointType
from netcheck.values.addresses import IPSet, address_number
from netcheck.values.connections import ConnectionSet
from netcheck.values.ports import PortSet, Protocol

BLOCKS_MATCH_NO_PODS = PROFILES["generic"].with_switch("cidr_matches_pods", Switch.NO)


class Configs:
    """The configurations of one case: topologies with policies."""

    def __init__(self, folder, described):
        self._folder = folder
        self._described = described
        self.cluster = cache(self._cluster)

    def _cluster(self, argument):
        """Return the cluster of `config` or of `config/namespace/policy`: then with this policy only."""
        name, *only = argument.split("/")
        described = self._described[name]
        files = []
        for kind in ("namespaces", "pods", "policies", "resources"):
            files += [str(self._folder / file) for file in described.get(kind) or ()]
        loaded = load(tuple(dict.fromkeys(files)), LoadOptions(profile=BLOCKS_MATCH_NO_PODS)).cluster
        if only:
            wanted = "/".join(only[-2:])
            policies = tuple(one for one in loaded.policies if f"{one.namespace}/{one.name}" == wanted)
            loaded = replace(loaded, policies=policies)
        return loaded


def rows(one, other):
    """Return the direct rows that differ, of pods and IPv4."""
    found = diff(one, other, resolution=Resolution.POD)
    ends = found.endpoints
    if found.unknown:
        raise ValueError(f"{len(found.unknown)} pairs are unknown")
    return [
        row
        for row in found.rows()
        if not row.via
        and row.source != row.destination
        and all(counts(ends[position]) for position in (row.source, row.destination))
    ]


def counts(endpoint):
    if endpoint.type is EndpointType.IP:
        return bool(endpoint.addresses.v4)
    return endpoint.type is EndpointType.WORKLOAD


def without(cluster):
    return replace(cluster, policies=(), admin=(), opaque=())


def differ(one, other):
    return bool(rows(one, other))


def contained(one, other):
    """Return whether everything that `one` allows `other` allows too."""
    return not any(row.before - row.after for row in rows(one, other))


def pairs(cluster):
    """Yield (source, destination, captured) of the pairs that the analyzer looks at; captured: some policy isolates."""
    sides = Sides(cluster, cluster, Resolution.POD)
    captured = {
        direction: [
            isinstance(element, int) and sides.head.engine.is_isolated(element, direction)
            if (element := item.head) is not None and element < sides.head.universe.pod_count
            else False
            for item in sides.joined
        ]
        for direction in Direction
    }
    known = [n for n, item in enumerate(sides.joined) if counts(item.endpoint)]
    for source, destination in product(known, known):
        if source != destination:
            ids = (sides.joined[source].endpoint.id, sides.joined[destination].endpoint.id)
            yield ids, captured[Direction.EGRESS][source] or captured[Direction.INGRESS][destination]


def captured_pairs(cluster):
    return {ids for ids, captured in pairs(cluster) if captured}


def interferes(one, other):
    """Return whether `other` allows more than `one` between ends that both capture."""
    both = captured_pairs(one) & captured_pairs(other)
    found = diff(one, other, resolution=Resolution.POD)
    ids = [item.id for item in found.endpoints]
    return any((ids[row.source], ids[row.destination]) in both and row.after - row.before for row in rows(one, other))


def explicit(first, other):
    """Yield (allowed by `other`, allowed by `first`), as masks, of the pairs that policies of `other` capture."""
    captured = captured_pairs(other)
    sides = Sides(first, other, Resolution.POD)
    known = [item for item in sides.joined[: sides.located_count] if counts(item.endpoint)]
    for source, destination in product(known, known):
        if (source.endpoint.id, destination.endpoint.id) not in captured:
            continue
        ends = [(source.head, destination.head), (source.base, destination.base)]
        if all(None not in pair for pair in ends):
            yield tuple(
                sides.mask(side, side.engine.pair(*pair).allowed)
                for side, pair in zip((sides.head, sides.base), ends, strict=True)
            )


# ---- one function for each query: (clusters, output options) -> number ---------------------------------------------


def equivalence(clusters, _):
    return sum(differ(one, other) for one, other in combinations(clusters, 2))


def strong_equivalence(clusters, _):
    """Each policy is compared with the one of its name."""
    return sum(not strongly_equal(one, other) for one, other in combinations(clusters, 2))


def strongly_equal(one, other):
    sides = [{policy.label: policy for policy in cluster.policies} for cluster in (one, other)]
    if sides[0].keys() != sides[1].keys():
        return False
    return not any(
        differ(replace(one, policies=(sides[0][label],)), replace(other, policies=(sides[1][label],)))
        for label in sides[0]
    )


def containment(clusters, _):
    first, *rest = clusters
    return sum(contained(other, first) for other in rest)


def two_way_containment(clusters, _):
    one, other = clusters
    return contained(other, one) + 2 * contained(one, other)


def pairwise_interferes(clusters, _):
    return sum(interferes(one, other) for one, other in permutations(clusters, 2))


def interferes_query(clusters, _):
    first, *rest = clusters
    return sum(interferes(first, other) for other in rest)


def permits(clusters, _):
    """How many sets allow explicitly what the first does not allow."""
    first, *rest = clusters
    return sum(any(theirs & ~mine for theirs, mine in explicit(first, other)) for other in rest)


def forbids(clusters, _):
    """How many sets allow explicitly what the first allows too."""
    first, *rest = clusters
    return sum(any(theirs & mine for theirs, mine in explicit(first, other)) for other in rest)


def vacuity(clusters, _):
    return sum(not differ(without(one), one) for one in clusters)


def all_captured(clusters, options):
    """Owners, or of each owner at most two pods, that no policy isolates: counted for each direction."""
    return sum(
        sum(len(uncaptured(cluster, way, options)) for way in Direction) if cluster.policies else len(cluster.pods)
        for cluster in clusters
    )


def uncaptured(cluster, direction, options):
    engine = SetEngine(cluster)
    pods = [
        pod
        for number, pod in enumerate(cluster.pods)
        if not engine.is_isolated(engine.universe.class_of[number], direction)
    ]
    if options.get("outputEndpoints") == "pods":
        return [(pod.namespace, pod.name, number) for pod in pods for number in range(min(pod.replicas, 2))]
    return {pod.workload for pod in pods}


def semantic_diff(clusters, _):
    return sum(kinds_of_change(one, other) for one, other in combinations(clusters, 2))


def kinds_of_change(one, other):
    """How many kinds of change there are: lost or new, with blocks or not, by which ends are on one side only."""
    found = diff(one, other, resolution=Resolution.POD)
    kinds = set()
    for row in rows(one, other):
        ends = (row.source, row.destination)
        gone = tuple(sorted((n in found.only_base, n in found.only_head) for n in ends))
        block = any(found.endpoints[n].type is EndpointType.IP for n in ends)
        kinds |= {(gone, block, "lost")} if row.before - row.after else set()
        kinds |= {(gone, block, "new")} if row.after - row.before else set()
    return len(kinds)


def redundancy(clusters, _):
    return sum(redundant(cluster) for cluster in clusters)


def redundant(cluster):
    """Policies that can go, each by itself, and rules that can go of those that cannot."""
    total = 0
    for policy in cluster.policies:
        if not differ(cluster, changed(cluster, policy)):
            total += 1
            continue
        total += sum(not differ(cluster, changed(cluster, policy, fewer)) for _, fewer in less_a_rule(policy))
    return total


def emptiness(clusters, _):
    """Policies that select no pod, and rules that match no pod and no address."""
    return sum(empty_parts(cluster, policy) for cluster in clusters for policy in cluster.policies)


def empty_parts(cluster, policy):
    rules = (*policy.ingress, *policy.egress)
    empty = sum(bool(rule.peers) and not any(matched(cluster, policy, peer) for peer in rule.peers) for rule in rules)
    return empty + (not selected(cluster, policy))


def selected(cluster, policy):
    return {
        (pod.namespace, pod.name)
        for pod in cluster.pods
        if pod.namespace == policy.namespace and policy.pod_selector.matches(pod.labels)
    }


def matched(cluster, policy, peer):
    if isinstance(peer, IPBlockPeer):
        return True
    for pod in cluster.pods:
        space = cluster.namespaces[pod.namespace]
        inside = pod.namespace == policy.namespace
        if peer.namespace_selector is not None:
            inside = peer.namespace_selector.matches(space.labels)
        if inside and (peer.pod_selector is None or peer.pod_selector.matches(pod.labels)):
            return True
    return False


def disjointness(clusters, _):
    """Pairs of policies that select a pod in common: of two sets, or of the same one."""
    if len(clusters) == 1:
        (one,) = clusters
        return sum(bool(selected(one, a) & selected(one, b)) for a, b in combinations(one.policies, 2))
    one, other = clusters
    return sum(bool(selected(one, a) & selected(other, b)) for a, b in product(one.policies, other.policies))


def sanity(clusters, _):
    return sum(issues(cluster) for cluster in clusters)


def issues(cluster):
    """Policies and rules that are empty, and the rest that is redundant, of which nothing is said if all is vacuous."""
    vacuous = bool(vacuity([cluster], {}))
    empty = sum(empty_parts(cluster, policy) if selected(cluster, policy) else 1 for policy in cluster.policies)
    if vacuous:
        return 1 + empty
    return empty + sum(superfluous(cluster, policy) for policy in cluster.policies if selected(cluster, policy))


def superfluous(cluster, policy):
    """1 if a policy can go that is not the only one, else how many of its rules that match something can."""
    if len(cluster.policies) > 1 and not differ(cluster, changed(cluster, policy)):
        return 1
    return sum(
        not differ(cluster, changed(cluster, policy, fewer))
        for rule, fewer in less_a_rule(policy)
        if not rule.peers or any(matched(cluster, policy, peer) for peer in rule.peers)
    )


def changed(cluster, policy, *instead):
    found = (one for old in cluster.policies for one in (instead if old is policy else (old,)))
    return replace(cluster, policies=tuple(found))


def less_a_rule(policy):
    """Yield each rule of a policy, and the policy without it."""
    for field in ("ingress", "egress"):
        rules = getattr(policy, field)
        for number, rule in enumerate(rules):
            yield rule, replace(policy, **{field: (*rules[:number], *rules[number + 1 :])})


# ---- maps ----------------------------------------------------------------------------------------------------------


def map_differences(cluster, derived):
    """Return the pairs of pods, and of pods and IPv4 addresses, whose connections are not those of a printed map.

    Pods that only one of the two knows are left out: the other analyzer invents some, and knows completed ones.
    """
    found = connections(cluster, resolution=Resolution.POD)
    cut = pieces(found.endpoints, derived["peers"])
    mine = [ours_of(endpoint, cut) for endpoint in found.endpoints]
    theirs = printed(derived, cut)
    known = {end for ends in mine for end in ends} & {end for peer in derived["peers"] for end in theirs_of(peer, cut)}
    ours = {}
    for row in (*found.rows(), *found.unknown):
        for pair in product(mine[row.source], mine[row.destination]):
            if not row.via:
                ours[pair] = None if row.reasons else row.connections
    none = ConnectionSet.none()
    pairs = (pair for pair in {*ours, *theirs} if pair[0] != pair[1] and known.issuperset(pair))
    return sorted((pair for pair in pairs if ours.get(pair, none) != theirs.get(pair, none)), key=str)


def pieces(endpoints, peers):
    """Return the IPv4 addresses, cut where either side cuts."""
    blocks = [IPSet(end.addresses.v4, ()) for end in endpoints if end.type is EndpointType.IP]
    found = {(block & IPSet((span(peer),), ())).v4 for block in blocks for peer in peers if is_range(peer)}
    least = [one for one in found if one and not any(other and inside(other, one) for other in found - {one})]
    return sorted(least)


def inside(one, other):
    return (IPSet(one, ()) & IPSet(other, ())).v4 == one


def is_range(peer):
    return peer[0].isdigit() and "/" not in peer


def span(peer):
    first, _, last = peer.partition("-")
    return address_number(first)[1], address_number(last or first)[1]


def ours_of(endpoint, cut):
    if endpoint.type is EndpointType.IP:
        return [piece for piece in cut if inside(piece, endpoint.addresses.v4)]
    return [f"{endpoint.namespace}/{endpoint.name}"] if endpoint.type is EndpointType.WORKLOAD else []


def theirs_of(peer, cut):
    """Return the ends of a printed peer; the first pod of a template stands for it."""
    if is_range(peer):
        return [piece for piece in cut if inside(piece, (span(peer),))]
    return [peer.removesuffix("-1")]


def printed(derived, cut):
    """Return the connections of a printed map by pairs of ends."""
    peers = [theirs_of(peer, cut) for peer in derived["peers"]]
    found = {}
    for source, kind, targets, *_ in derived["rows"]:
        allowed = connection_set(derived["conns"][kind])
        for pair in product(peers[source], (end for target in targets for end in peers[target])):
            found[pair] = found.get(pair, ConnectionSet.none()) | allowed
    return found


def connection_set(text):
    """Return connections as printed: all, ports by protocol, or boxes of which paths and hosts are left aside."""
    if text == "all":
        return ConnectionSet.all()
    found = ConnectionSet.none()
    for box in text.get("cubes", [text]):
        for protocol in box.get("protocols", box):
            ranges = box.get("dst_ports", [[1, 65535]]) if "protocols" in box else box[protocol]
            found |= ConnectionSet.of({Protocol(protocol): PortSet.of(*map(tuple, ranges))})
    return found


ANSWERS = {
    "sanity": sanity,
    "emptiness": emptiness,
    "disjointness": disjointness,
    "equivalence": equivalence,
    "strongEquivalence": strong_equivalence,
    "containment": containment,
    "twoWayContainment": two_way_containment,
    "interferes": interferes_query,
    "pairwiseInterferes": pairwise_interferes,
    "permits": permits,
    "forbids": forbids,
    "vacuity": vacuity,
    "allCaptured": all_captured,
    "semanticDiff": semantic_diff,
    "redundancy": redundancy,
}

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
from netcheck.queries.diff import diff
from netcheck.queries.diff_sides import Sides
from netcheck.queries.endpoints import Resolution
from netcheck.queries.results import EndpointType

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
        rest = tuple(one for one in cluster.policies if one is not policy)
        if not differ(cluster, replace(cluster, policies=rest)):
            total += 1
            continue
        for field in ("ingress", "egress"):
            rules = getattr(policy, field)
            for number in range(len(rules)):
                fewer = replace(policy, **{field: (*rules[:number], *rules[number + 1 :])})
                changed = tuple(fewer if one is policy else one for one in cluster.policies)
                total += not differ(cluster, replace(cluster, policies=changed))
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


ANSWERS = {
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

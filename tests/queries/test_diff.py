"""`diff`: brute force over the oracle on both sides, and what causes a difference."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import product

import pytest

from netcheck.load.loader import load_text
from netcheck.model.flow import AddressEnd, Flow, NodeEnd, OwnNodeEnd, PodEnd, Verdict
from netcheck.queries.diff import diff
from netcheck.queries.diff_results import ChangeType
from netcheck.queries.endpoints import Resolution
from netcheck.queries.results import EndpointType
from netcheck.semantics.decide import decide
from netcheck.values.addresses import IPSet, address_number
from netcheck.values.connections import ConnectionSet
from tests import strategies

NOTHING = ConnectionSet.none()
SEEDS = range(0, 120, 10)


# ---- brute force ---------------------------------------------------------------------------------------------------


def mutated(rng, cluster, seed):
    """Return the cluster with policies taken from another, and sometimes other labels, namespaces, pods and addresses."""
    other = strategies.of_seed(seed + 5_000, size="tiny", admin=bool(seed % 2))
    policies = [item for item in cluster.policies if rng.random() < 0.7]
    names = {item.label for item in policies}
    policies += [item for item in other.policies if item.label not in names and item.namespace in cluster.namespaces]
    admin = [item for item in cluster.admin if rng.random() < 0.8]
    pods = list(cluster.pods)
    if rng.random() < 0.4:
        pods = [replace(one, labels=strategies.labels(rng)) if rng.random() < 0.5 else one for one in pods]
    if rng.random() < 0.3 and len(pods) > 1:
        pods.pop(rng.randrange(len(pods)))
    spaces = dict(cluster.namespaces)
    if rng.random() < 0.3:
        name = rng.choice(sorted(spaces))
        spaces[name] = strategies.namespace(rng, name)
    opaque = cluster.opaque if rng.random() < 0.8 else ()
    return replace(
        cluster, policies=tuple(policies), admin=tuple(admin), pods=tuple(pods), namespaces=spaces, opaque=opaque
    )


def end_id(found, end):
    match end:
        case PodEnd(pod):
            names = [
                item.id
                for item in found.endpoints
                if item.type is EndpointType.WORKLOAD and (item.namespace, item.name) == (pod.namespace, pod.name)
            ]
            return names[0] if len(names) == 1 else None
        case NodeEnd(node):
            return f"node:{node.name}"
        case OwnNodeEnd():
            return "own-node" if found.endpoints[-1].id == "own-node" else None  # as the profile has it (NET-4, NET-5)
        case AddressEnd(address):
            version, number = address_number(address)
            one = IPSet.of_cidrs(f"{address}/{32 if version == 4 else 128}")
            assert number >= 0
            return next(item.id for item in found.endpoints if item.addresses is not None and item.addresses & one)


def counterpart(cluster, end):
    """Return the same end in another cluster, or None."""
    match end:
        case PodEnd(pod):
            same = (one for one in cluster.pods if (one.namespace, one.name) == (pod.namespace, pod.name))
            return next((PodEnd(one) for one in same), None)
        case NodeEnd(node):
            return next((NodeEnd(one) for one in cluster.nodes if one.name == node.name), None)
        case _:
            return end


def said(cluster, flow, ends):
    if None in ends:
        return Verdict.DENIED
    return decide(cluster, replace(flow, source=ends[0], destination=ends[1])).verdict


def check(found, base, head, flow, ids, seed):
    rows, unknown, opening = found
    before = said(base, flow, [counterpart(base, end) for end in (flow.source, flow.destination)])
    after = said(head, flow, [counterpart(head, end) for end in (flow.source, flow.destination)])
    row = rows.get(ids)
    told = [flow.port in (one.of_protocol(flow.protocol)) for one in (row or (NOTHING, NOTHING))]
    doubt = flow.port in unknown.get(ids, NOTHING).of_protocol(flow.protocol)
    what = (
        f"seed {seed}: {ids} {flow.protocol.value}/{flow.port}: {before.value} -> {after.value}, said {told}, {doubt}"
    )
    if Verdict.UNKNOWN not in (before, after):
        assert not doubt, what
        if before is after:
            assert told[0] == told[1], what
        else:
            assert told == [before is Verdict.ALLOWED, after is Verdict.ALLOWED], what
    else:
        assert told[0] == told[1], what
        assert doubt or before is after, what
    if doubt and before is not Verdict.ALLOWED and after is not Verdict.DENIED:
        assert ids in opening, what


@pytest.mark.parametrize("first", SEEDS)
def test_the_diff_is_what_the_oracle_says_of_both_sides(first):
    compared = 0
    for seed in range(first, first + 10):
        rng = random.Random(seed)
        base = strategies.of_seed(seed, size="tiny", admin=bool(seed % 2))
        head = mutated(rng, base, seed)
        found = diff(base, head, resolution=Resolution.POD)
        ids = [item.id for item in found.endpoints]
        rows = {(ids[row.source], ids[row.destination]): (row.before, row.after) for row in found.rows() if not row.via}
        unknown = {}
        for row in found.unknown:
            if not row.via:
                key = (ids[row.source], ids[row.destination])
                unknown[key] = unknown.get(key, NOTHING) | row.connections
        opening = {(ids[row.source], ids[row.destination]) for row in found.unknown if row.may_open}
        for flow in flows_of(rng, base, head):
            pair = (end_id(found, flow.source), end_id(found, flow.destination))
            if None not in pair and pair[0] != pair[1]:
                check((rows, unknown, opening), base, head, flow, pair, seed)
                compared += 1
    assert compared > 500


def flows_of(rng, base, head):
    drawn = [*strategies.sample_flows(rng, base, 100), *strategies.sample_flows(rng, head, 100)]
    for flow in drawn:
        ends = (flow.source, flow.destination)
        if any(isinstance(end, PodEnd) for end in ends):
            yield Flow(source=flow.source, destination=flow.destination, protocol=flow.protocol, port=flow.port)


def test_the_pairs_of_clusters_differ_and_are_unknown_often_enough():
    kinds = dict.fromkeys(ChangeType, 0)
    unknown = equal = 0
    for seed in range(60):
        base = strategies.of_seed(seed, size="tiny", admin=bool(seed % 2))
        found = diff(base, mutated(random.Random(seed), base, seed))
        for kind, number in found.counts.items():
            kinds[kind] += number > 0
        unknown += bool(found.unknown)
        equal += not found.differs
    assert all(number >= 8 for number in kinds.values()), kinds
    assert unknown >= 8
    assert equal >= 2


@pytest.mark.parametrize("seed", range(40))
def test_a_cluster_does_not_differ_from_itself(seed):
    cluster = replace(strategies.of_seed(seed, admin=bool(seed % 2)), opaque=())
    found = diff(cluster, cluster)
    assert not found.differs
    assert not found.unknown


@pytest.mark.parametrize("seed", range(30))
def test_swapping_the_sides_swaps_added_and_removed(seed):
    base = strategies.of_seed(seed, size="tiny", admin=bool(seed % 2))
    head = mutated(random.Random(seed), base, seed)
    there, back = diff(base, head), diff(head, base)
    ids = [[item.id for item in found.endpoints] for found in (there, back)]
    assert ids[0] == ids[1]
    assert [(row.source, row.destination, row.before, row.after) for row in there.rows()] == [
        (row.source, row.destination, row.after, row.before) for row in back.rows()
    ]
    assert [(r.source, r.destination, r.connections) for r in there.unknown] == [
        (r.source, r.destination, r.connections) for r in back.unknown
    ]


@pytest.mark.parametrize("seed", range(30))
def test_groups_hold_what_the_rows_list(seed):
    base = strategies.of_seed(seed, admin=bool(seed % 2))
    found = diff(base, mutated(random.Random(seed), base, seed))
    pairs = [
        (source, destination, group.via)
        for group in found.groups
        for source, destination in product(group.sources, group.destinations)
        if source != destination or found.endpoints[source].several
    ]
    assert sorted(pairs) == sorted((row.source, row.destination, row.via) for row in found.rows())
    assert sum(found.counts.values()) == len(pairs) == sum(group.size for group in found.groups)


# ---- causes --------------------------------------------------------------------------------------------------------

PODS = """
apiVersion: v1
kind: Namespace
metadata: {name: a, labels: {team: red}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: a}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: i}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: db, namespace: a}
spec:
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: c, image: i, ports: [{containerPort: 5432, name: pg}]}]}
---
"""
CLOSED = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: a}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: other}}}]
    ports: [{port: 5432}]
---
"""
OPEN = CLOSED.replace("app: other", "app: web")
WEB, DB = "a/web[Deployment]", "a/db[Deployment]"


def compared(base, head):
    return diff(load_text(base).cluster, load_text(head).cluster)


def row(found, source=WEB, destination=DB, via=""):
    ids = [item.id for item in found.endpoints]
    (one,) = [
        item
        for item in found.rows()
        if (ids[item.source], ids[item.destination]) == (source, destination) and item.via == via
    ]
    return one


def causes(one):
    return [(cause.object, cause.change, cause.rule) for cause in one.why.causes]


def test_a_rule_that_opens_is_the_cause_with_its_place_in_head():
    found = compared(PODS + CLOSED, PODS + OPEN)
    one = row(found)
    assert one.type is ChangeType.ADDED
    assert str(one.after) == "TCP/5432"
    assert causes(one) == [("NetworkPolicy a/db", "changed", "ingress[0]")]
    assert one.why.causes[0].place.line == (PODS + OPEN)[: (PODS + OPEN).index("- from")].count("\n") + 1
    assert (one.why.probe.before, one.why.probe.after) == (Verdict.DENIED, Verdict.ALLOWED)
    assert one.why.probe.port == 5432


def test_a_policy_that_goes_is_the_cause_with_its_place_in_base():
    found = compared(PODS + CLOSED, PODS)
    assert causes(row(found)) == [("NetworkPolicy a/db", "removed", "")]
    assert row(found).why.causes[0].place is not None


def test_a_label_that_changes_is_the_cause():
    found = compared(PODS + CLOSED, PODS.replace("app: web}}, spec", "app: other}}, spec") + CLOSED)
    one = row(found)
    assert causes(one) == [("Deployment a/web", "changed", "")]
    assert one.why.causes[0].detail == "labels: app=web became app=other"


def test_a_namespace_label_that_changes_is_the_cause():
    by_space = CLOSED.replace(
        "podSelector: {matchLabels: {app: other}}}", "namespaceSelector: {matchLabels: {team: blue}}}"
    )
    found = compared(PODS + by_space, PODS.replace("team: red", "team: blue") + by_space)
    assert causes(row(found)) == [("Namespace a", "changed", "")]


def test_two_objects_that_open_only_together_are_both_causes():
    egress = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: a}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]}
---
"""
    found = compared(PODS + CLOSED + egress, PODS + OPEN + egress.replace("[Egress]", "[Egress], egress: [{}]"))
    assert causes(row(found)) == [
        ("NetworkPolicy a/db", "changed", "ingress[0]"),
        ("NetworkPolicy a/web", "changed", "egress[0]"),
    ]


def test_a_policy_that_changes_beside_the_one_that_opens_is_no_cause():
    beside = CLOSED.replace("name: db,", "name: beside,")
    found = compared(PODS + CLOSED + beside, PODS + OPEN + beside.replace("5432", "5433"))
    assert causes(row(found)) == [("NetworkPolicy a/db", "changed", "ingress[0]")]


def test_a_workload_that_appears_is_told_apart():
    base = PODS[: PODS.index("---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: db")]
    found = compared(base, PODS)
    assert {item.workload for item in found.rows()} == {"added"}
    assert causes(row(found)) == [("Deployment a/db", "added", "")]
    gone = compared(PODS, base)
    assert {item.workload for item in gone.rows()} == {"removed"}
    assert gone.counts[ChangeType.REMOVED] == found.counts[ChangeType.ADDED]


def test_pairs_beyond_the_limit_share_the_causes_of_their_group_and_are_counted(monkeypatch):
    monkeypatch.setattr("netcheck.queries.diff.MOST_EXPLAINED", 1)
    found = compared(PODS + CLOSED.replace("ingress", "policyTypes: [Ingress]\n  ingress"), PODS)
    rows = list(found.rows())
    assert len(rows) > 1
    assert found.shared == sum(item.why.probe is None for item in rows) > 0
    assert {cause for item in rows for cause in causes(item)} == {("NetworkPolicy a/db", "removed", "")}
    assert all(group.example.why.probe is not None for group in found.groups)


def test_more_replicas_are_no_difference():
    assert not compared(PODS, PODS.replace("spec:\n  selector", "spec:\n  replicas: 3\n  selector")).differs


def test_pods_of_one_owner_that_only_head_tells_apart_are_compared_one_by_one():
    pods = PODS + "".join(
        f"""
apiVersion: v1
kind: Pod
metadata:
  name: p{n}
  namespace: a
  labels: {{app: p, role: r{n}}}
  ownerReferences: [{{apiVersion: apps/v1, kind: StatefulSet, name: p, uid: u, controller: true}}]
spec: {{containers: [{{name: c, image: i}}]}}
---
"""
        for n in range(2)
    )
    head = CLOSED.replace("app: db", "role: r1")
    found = compared(pods, pods + head)
    names = {found.endpoints[item.destination].id for item in found.rows()}
    assert names == {"a/p[StatefulSet]{role=r1}"}
    assert found.counts[ChangeType.ADDED] == 0


def test_addresses_are_cut_where_either_side_cuts():
    block = CLOSED.replace("podSelector: {matchLabels: {app: other}}}", "ipBlock: {cidr: 203.0.113.0/24}}")
    found = compared(PODS + block, PODS + block.replace("203.0.113.0/24", "203.0.113.0/25"))
    ids = [item.id for item in found.endpoints]
    rows = [(ids[item.source], item.type) for item in found.rows() if ids[item.destination] == DB]
    assert rows == [("ip:203.0.113.128/25", ChangeType.REMOVED)]


SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: db, namespace: a}
spec: {type: LoadBalancer, selector: {app: db}, ports: [{port: 5432}]}
---
"""
INGRESS = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: front, namespace: a}
spec: {defaultBackend: {service: {name: db, port: {number: 5432}}}}
---
"""


def test_a_service_that_leads_in_is_the_cause_of_its_way():
    found = compared(PODS, PODS + SERVICE)
    (one,) = found.rows()
    assert one.via == "Service a/db (LoadBalancer)"
    assert causes(one) == [("Service a/db", "added", "")]
    assert found.opened == 1


def test_an_ingress_that_leads_in_is_the_cause_of_its_way():
    plain = SERVICE.replace("type: LoadBalancer, ", "")
    found = compared(PODS + plain, PODS + plain + INGRESS)
    one = row(found, source="ingress-controller", via="Ingress a/front")
    assert causes(one) == [("Ingress a/front", "added", "")]


GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: a}
spec: {gatewayClassName: c, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
"""
ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: %s, namespace: a}
spec: {parentRefs: [{name: edge}], rules: [{backendRefs: [{name: %s, port: 5432}]}]}
---
"""


def test_a_route_that_leads_in_is_the_cause_and_one_to_elsewhere_is_not():
    plain = SERVICE.replace("type: LoadBalancer, ", "")
    other = plain.replace("name: db", "name: web").replace("app: db", "app: web")
    base = PODS + plain + other + GATEWAY
    found = compared(base, base + ROUTE % ("to-db", "db") + ROUTE % ("to-web", "web"))
    one = row(found, source="gateway:a/edge", via="Gateway a/edge")
    assert causes(one) == [("HTTPRoute a/to-db", "added", "")]


def test_a_policy_that_closes_a_way_is_its_cause():
    local = SERVICE.replace("selector", "externalTrafficPolicy: Local, selector")
    found = compared(PODS + local, PODS + local + CLOSED)
    one = row(found, source="ip:rest", via="Service a/db (LoadBalancer)")
    assert one.type is ChangeType.REMOVED
    assert causes(one) == [("NetworkPolicy a/db", "added", "")]


# ---- what is not known ---------------------------------------------------------------------------------------------

PARTLY = CLOSED.replace("podSelector: {matchLabels: {app: other}}}", "ipBlock: {cidr: 10.1.0.0/16}}")


def test_the_same_policies_leave_the_same_unknown_and_no_difference():
    found = compared(PODS + PARTLY, PODS + PARTLY)
    assert not found.differs
    assert not found.unknown


def test_an_unknown_that_may_differ_is_listed_with_the_missing_fact():
    found = compared(PODS + PARTLY, PODS + PARTLY.replace("10.1.0.0", "10.2.0.0"))
    ids = [item.id for item in found.endpoints]
    pairs = {(ids[item.source], ids[item.destination]): item for item in found.unknown}
    assert str(pairs[WEB, DB].connections) == "TCP/5432"
    assert {reason.rule for reason in pairs[WEB, DB].reasons} == {"NP-20"}

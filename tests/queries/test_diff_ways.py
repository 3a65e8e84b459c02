"""The ways in of a diff: what differs is what the oracle says of the last leg on both sides, each with a witness."""

from __future__ import annotations

import random

import pytest

from netcheck.load.loader import load_text
from netcheck.model.flow import AddressEnd, Verdict
from netcheck.queries.diff import diff
from netcheck.queries.diff_results import ChangeType
from netcheck.queries.endpoints import Resolution
from netcheck.report.diff_text import example_text
from tests import strategies
from tests.agree.test_ways_in import outside, verdict, with_doors
from tests.queries.test_diff import CLOSED, GATEWAY, INGRESS, PODS, ROUTE, SERVICE, causes, compared, mutated, row

BY_BALANCER = "Service a/db (LoadBalancer)"
ONLY_OWN_NODE = "only through the node that runs the pod"
FROM_A_BLOCK = CLOSED.replace("podSelector: {matchLabels: {app: other}}}", "ipBlock: {cidr: 203.0.113.0/24}}")
LOCAL = SERVICE.replace("selector", "externalTrafficPolicy: Local, selector")
INSIDE = SERVICE.replace("type: LoadBalancer, ", "")


def said(found, one):
    return example_text(one, found).partition(" -> ")


# ---- brute force ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_doors_that_keep_the_clients_address_differ_as_the_oracle_says(first):
    differing = 0
    for seed in range(first, first + 20):
        base = with_doors(strategies.of_seed(seed, admin=bool(seed % 2)), "Local")
        head = with_doors(mutated(random.Random(seed), base, seed), "Local")
        head_pods = {(pod.namespace, pod.name): number for number, pod in enumerate(head.pods)}
        found = diff(base, head, resolution=Resolution.POD)
        ids = [item.id for item in found.endpoints]
        rows = {(ids[one.source], ids[one.destination], one.via): one for one in found.rows() if one.via}
        unknown = {(ids[one.source], ids[one.destination], one.via) for one in found.unknown}
        names = [(pod.namespace, pod.name) for side in (base, head) for pod in side.pods]
        for endpoint, address in outside(head):
            for number, pod in enumerate(base.pods):
                other = head_pods.get((pod.namespace, pod.name))
                if other != number or endpoint.id not in ids or names.count((pod.namespace, pod.name)) > 2:
                    continue  # its Service has another name, or another pod has its name
                key = (endpoint.id, f"{pod.namespace}/{pod.name}[Pod]", f"Service {pod.namespace}/s{number} (NodePort)")
                port = 80 if number % 2 else 443
                sides = [verdict(one, AddressEnd(address), one.pods[number], port) for one in (base, head)]
                if Verdict.UNKNOWN in sides:
                    assert key in unknown or sides[0] is sides[1], (seed, key)
                    continue
                assert (key in rows) == (sides[0] is not sides[1]), (seed, key)
                if key in rows:
                    differing += 1
                    probe = rows[key].why.probe
                    assert (probe.before, probe.after) == tuple(sides), (seed, key)
        assert any(names.count(name) > 2 for name in names) or all(one.why.probe is not None for one in rows.values())
    assert differing


# ---- what leads in, and what policies make of it -------------------------------------------------------------------


def test_a_policy_that_leaves_a_door_only_the_pods_own_node_opens_nothing():
    found = compared(PODS + SERVICE, PODS + SERVICE + CLOSED)
    one = row(found, source="ip:rest", via=BY_BALANCER)
    assert (one.type, one.opens, one.before) == (ChangeType.CHANGED, False, one.after)
    assert (one.limits.before, one.limits.after) == ("", ONLY_OWN_NODE)
    assert one.way == f"{BY_BALANCER}, before through all, now {ONLY_OWN_NODE}"
    assert found.opened == 0
    probe = one.why.probe
    assert (probe.before, probe.after, probe.seen_as) == (Verdict.ALLOWED, Verdict.DENIED, "a node")


def test_a_door_that_leads_through_all_nodes_again_is_opened():
    found = compared(PODS + SERVICE + CLOSED, PODS + SERVICE)
    one = row(found, source="ip:rest", via=BY_BALANCER)
    assert one.type is ChangeType.CHANGED
    assert one.opens
    assert (one.why.probe.before, one.why.probe.after) == (Verdict.DENIED, Verdict.ALLOWED)


@pytest.mark.parametrize("mode", ["Local", "Cluster"])
def test_every_way_that_differs_has_a_witness(mode):
    shown = 0
    for seed in range(60, 80):
        base = with_doors(strategies.of_seed(seed, admin=bool(seed % 2)), mode)
        found = diff(base, with_doors(mutated(random.Random(seed), base, seed), mode), resolution=Resolution.POD)
        rows = [one for one in found.rows() if one.via]
        for one in rows:
            assert one.why.probe is not None, (seed, one)
            assert {one.why.probe.before, one.why.probe.after} == {Verdict.ALLOWED, Verdict.DENIED}
            assert one.opens or one.why.probe.after is Verdict.DENIED, (seed, one)
        shown += len(rows)
    assert shown > 50


NODES = "".join(
    f"""
apiVersion: v1
kind: Node
metadata: {{name: n{number}}}
status: {{addresses: [{{type: InternalIP, address: 10.0.0.{number}}}]}}
---
"""
    for number in (1, 2)
)


def from_nodes(*numbers):
    peers = ", ".join(f"{{ipBlock: {{cidr: 10.0.0.{number}/32}}}}" for number in numbers)
    return CLOSED.replace("{podSelector: {matchLabels: {app: other}}}", peers)


@pytest.mark.parametrize(
    ("before", "after", "opens"), [((1, 2), (1,), False), ((1,), (1, 2), True), ((1,), (2,), True), ((1,), (), False)]
)
def test_whether_a_door_leads_through_more_nodes_is_by_the_nodes(before, after, opens):
    sides = [PODS + NODES + SERVICE + (from_nodes(*some) if some else CLOSED) for some in (before, after)]
    found = compared(*sides)
    one = row(found, source="ip:rest", via=BY_BALANCER)
    assert (one.type, one.opens) == (ChangeType.CHANGED, opens)
    assert one.why.probe.seen_as.startswith("node n")
    assert one.why.probe.after is (Verdict.ALLOWED if opens else Verdict.DENIED)


def test_a_door_that_is_new_says_what_it_is_limited_to():
    one = row(compared(PODS + CLOSED, PODS + CLOSED + SERVICE), source="ip:rest", via=BY_BALANCER)
    assert (one.type, one.way) == (ChangeType.ADDED, f"{BY_BALANCER}, {ONLY_OWN_NODE}")
    assert (one.why.probe.seen_as, one.why.probe.no_way) == (ONLY_OWN_NODE.removeprefix("only through "), "before")


def test_a_door_that_keeps_the_clients_address_shows_a_client():
    one = row(compared(PODS + LOCAL, PODS + LOCAL + FROM_A_BLOCK), source="ip:rest", via=BY_BALANCER)
    assert one.type is ChangeType.REMOVED
    probe = one.why.probe
    assert (probe.before, probe.after, probe.seen_as, probe.no_way) == (Verdict.ALLOWED, Verdict.DENIED, "", "")
    assert probe.source_address


def test_a_load_balancer_that_restricts_its_clients_leads_others_nowhere():
    ranges = SERVICE.replace("selector", "loadBalancerSourceRanges: [203.0.113.0/24], selector")
    found = compared(PODS + SERVICE, PODS + ranges)
    one = row(found, source="ip:rest", via=BY_BALANCER)
    assert (one.type, one.why.probe.no_way) == (ChangeType.REMOVED, "after")
    assert causes(one) == [("Service a/db", "changed", "")]
    assert "allowed before, no way now" in example_text(one, found)


def test_an_ingress_that_is_new_shows_a_pod_that_stands_for_its_proxy():
    one = row(compared(PODS + INSIDE, PODS + INSIDE + INGRESS), source="ingress-controller", via="Ingress a/front")
    probe = one.why.probe
    assert (probe.before, probe.after) == (Verdict.DENIED, Verdict.ALLOWED)
    assert (probe.seen_as, probe.no_way, probe.port) == ("a pod of the proxy", "before", 5432)


PROXY = """
apiVersion: v1
kind: Namespace
metadata: {name: ingress-nginx}
---
apiVersion: v1
kind: Pod
metadata:
  name: nginx
  namespace: ingress-nginx
  labels: {app.kubernetes.io/name: ingress-nginx, app.kubernetes.io/component: controller}
spec: {containers: [{name: c, image: i}]}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: nginx, annotations: {ingressclass.kubernetes.io/is-default-class: "true"}}
spec: {controller: k8s.io/ingress-nginx}
---
"""


def test_a_policy_that_closes_the_way_of_a_proxy_shows_its_pod():
    base = PODS + PROXY + INSIDE + INGRESS
    found = compared(base, base + CLOSED)
    (one,) = (item for item in found.rows() if item.via)
    probe = one.why.probe
    assert (one.type, probe.seen_as, probe.no_way) == (ChangeType.REMOVED, "pod ingress-nginx/nginx", "")
    assert (probe.before, probe.after) == (Verdict.ALLOWED, Verdict.DENIED)
    assert causes(one) == [("NetworkPolicy a/db", "added", "")]


def test_a_route_that_goes_leads_nowhere_now():
    base = PODS + INSIDE + GATEWAY
    found = compared(base + ROUTE % ("to-db", "db"), base)
    one = row(found, source="gateway:a/edge", via="Gateway a/edge")
    assert (one.type, one.why.probe.no_way) == (ChangeType.REMOVED, "after")


def test_a_way_to_a_workload_that_is_new_has_a_witness_too():
    base = PODS[: PODS.index("---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: db")]
    found = compared(base + SERVICE, PODS + SERVICE)
    one = row(found, source="ip:rest", via=BY_BALANCER)
    assert (one.workload, one.why.probe.before, one.why.probe.after) == ("added", Verdict.DENIED, Verdict.ALLOWED)
    assert one.why.probe.no_way == ""


def test_both_ports_of_a_service_that_moves_are_one_change():
    moved = LOCAL.replace("port: 5432", "port: 5432, targetPort: 5433")
    one = row(compared(PODS + LOCAL, PODS + moved), source="ip:rest", via=BY_BALANCER)
    assert (one.type, str(one.before), str(one.after)) == (ChangeType.CHANGED, "TCP/5432", "TCP/5433")
    assert (one.why.probe.port, one.why.probe.no_way) == (5433, "before")


def test_the_same_sides_have_no_ways_that_differ():
    side = load_text(PODS + PROXY + SERVICE + INGRESS + CLOSED).cluster
    assert not diff(side, side).differs

"""What `exposure` says of doors that need no Service, against the oracle flow by flow; and doors of Services and proxies."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from netcheck.errors import UsageError
from netcheck.load.loader import LoadOptions, load, load_text
from netcheck.model.cluster import Cluster
from netcheck.model.flow import AddressEnd, End, Flow, NodeEnd, OwnNodeEnd, PodEnd, Verdict
from netcheck.model.objects import NAMESPACE_NAME_LABEL, Namespace, Pod, WorkloadId
from netcheck.model.profile import Switch
from netcheck.model.routes import Controller
from netcheck.queries.exposure import exposure
from netcheck.queries.exposure_results import (
    METADATA,
    NODES,
    OTHER_NAMESPACES,
    OWN_NODE,
    POD_ADDRESS,
    UNKNOWN_PODS,
    Exposed,
    Level,
    Opening,
    not_meant,
    parse_allowance,
)
from netcheck.queries.exposure_results import Path as Requests
from netcheck.semantics.decide import OracleLimit, decide
from netcheck.values.addresses import IPSet
from netcheck.values.ports import Protocol
from tests import strategies

ALLOWED, DENIED, UNKNOWN = Verdict.ALLOWED, Verdict.DENIED, Verdict.UNKNOWN
SHOP = Path(__file__).resolve().parents[2] / "testdata" / "scenarios" / "doors-to-a-shop" / "cluster.yaml"
OUTSIDE = ("8.8.8.8", "10.0.0.200", "203.0.113.9", "255.255.255.255", "2001:db8::1", "fd00::99")


# ---- against the oracle ----------------------------------------------------------------------------------------------


def worst(verdicts: Iterator[Verdict]) -> Verdict:
    """The door is open iff it is for some source, closed iff for none."""
    found = set(verdicts)
    return ALLOWED if ALLOWED in found else UNKNOWN if UNKNOWN in found else DENIED


def said(openings: list[Opening], protocol: Protocol, port: int) -> Verdict:
    """What the openings together say of one port."""
    for verdict in (ALLOWED, UNKNOWN):
        if any(item.verdict is verdict and port in item.connections.of_protocol(protocol) for item in openings):
            return verdict
    return DENIED


def doors_of(one: Exposed, *names: str) -> list[Opening]:
    return [item for item in one.openings if item.door in names]


def ports_of(cluster: Cluster) -> list[tuple[Protocol, int]]:
    return [(protocol, port) for protocol, found in strategies.boundary_ports(cluster).items() for port in found]


def verdict_of(cluster: Cluster, source: End, destination: End, protocol: Protocol, port: int) -> Verdict:
    return decide(cluster, Flow(source=source, destination=destination, protocol=protocol, port=port)).verdict


def pod_of(cluster: Cluster, one: Exposed) -> Pod:
    """The pod that stands for a workload, where its pods are told apart by the id one that the id names."""
    endpoint = one.endpoint
    wanted = WorkloadId(endpoint.namespace, endpoint.kind, endpoint.name)
    return next(pod for pod in cluster.pods if pod.workload == wanted)


def checked(cluster: Cluster, one: Exposed) -> None:
    pod = pod_of(cluster, one)
    here = PodEnd(pod)
    for protocol, port in ports_of(cluster):
        for name in sorted({item.namespace for item in cluster.pods} - {pod.namespace}):
            found = [item for item in doors_of(one, OTHER_NAMESPACES) if name in item.clients.namespaces]
            sources = (PodEnd(item) for item in cluster.pods if item.namespace == name)
            expected = worst(verdict_of(cluster, source, here, protocol, port) for source in sources)
            assert said(found, protocol, port) is expected, (one.endpoint.id, name, protocol, port)
        for node in cluster.nodes:
            if node.name != pod.node or cluster.profile.own_node_ingress is Switch.NO:
                found = [item for item in doors_of(one, NODES) if node.name in item.clients.nodes]
                expected = verdict_of(cluster, NodeEnd(node), here, protocol, port)
                assert said(found, protocol, port) is expected, (one.endpoint.id, node.name, protocol, port)
        if cluster.profile.own_node_ingress is not Switch.NO:
            expected = verdict_of(cluster, OwnNodeEnd(), here, protocol, port)
            assert said(doors_of(one, OWN_NODE), protocol, port) is expected, (one.endpoint.id, protocol, port)
        for address in OUTSIDE:
            within = IPSet.of_cidrs(address)
            found = [
                item
                for item in doors_of(one, POD_ADDRESS, "hostNetwork")
                if item.clients.addresses is not None and within <= item.clients.addresses
            ]
            expected = verdict_of(cluster, AddressEnd(address), here, protocol, port)
            assert said(found, protocol, port) is expected, (one.endpoint.id, address, protocol, port)


def check_metadata(cluster: Cluster, one: Exposed) -> None:
    here = PodEnd(pod_of(cluster, one))
    for address in ("169.254.169.254", "fd00:ec2::254"):
        found = [item for item in doors_of(one, METADATA) if address in item.clients.reaches]
        expected = verdict_of(cluster, here, AddressEnd(address), Protocol.TCP, 80)
        assert said(found, Protocol.TCP, 80) is expected, (one.endpoint.id, address)


def newcomers(cluster: Cluster, count: int, seed: int) -> Iterator[tuple[Cluster, Pod]]:
    """Some pods that do not exist, each in a cluster in which it does: in loaded namespaces and in new ones."""
    rng = random.Random(seed)
    for number in range(count):
        labels = dict(strategies.labels(rng))
        namespaces = dict(cluster.namespaces)
        name = rng.choice([*sorted(namespaces), "new"])
        if name == "new":
            namespaces["new"] = Namespace(name="new", labels={**strategies.labels(rng), NAMESPACE_NAME_LABEL: "new"})
        pod = Pod(namespace=name, name=f"n{number}", workload=WorkloadId(name, "Pod", f"n{number}"), labels=labels)
        yield replace(cluster, pods=(*cluster.pods, pod), namespaces=namespaces), pod


def check_newcomers(cluster: Cluster, one: Exposed, seed: int) -> None:
    """Where no new pod gets in none of a sample does; where one does, such a pod does on each port that is named."""
    here = PodEnd(pod_of(cluster, one))
    found = doors_of(one, UNKNOWN_PODS)
    if found[0].verdict is DENIED:
        for bigger, pod in newcomers(cluster, 12, seed):
            for protocol, port in itertools.islice(ports_of(cluster), 0, None, 3):
                assert verdict_of(bigger, PodEnd(pod), here, protocol, port) is DENIED, (one.endpoint.id, pod)
    for item in found:
        needs = item.clients.needs
        if item.verdict is not ALLOWED or needs is None or needs.block is not None:
            continue
        name = needs.namespace or "a-new-one"
        made = Namespace(name=name, labels={**needs.namespace_labels, NAMESPACE_NAME_LABEL: name})
        namespaces = {name: made, **cluster.namespaces}
        pod = Pod(namespace=name, name="n", workload=WorkloadId(name, "Pod", "n"), labels=needs.labels)
        bigger = replace(cluster, pods=(*cluster.pods, pod), namespaces=namespaces)
        for protocol, port in ports_of(cluster):
            if port in item.connections.of_protocol(protocol):
                assert verdict_of(bigger, PodEnd(pod), here, protocol, port) is ALLOWED, (one.endpoint.id, needs)


def agree(seed: int, *, admin: bool) -> int:
    """Compare one cluster; return how many workloads were."""
    cluster = strategies.of_seed(seed, admin=admin)
    compared = 0
    for one in exposure(cluster).workloads:
        if "{" in one.endpoint.id:  # pods of one owner that policies tell apart: `pod_of` would have to know which
            continue
        try:
            checked(cluster, one)
            check_metadata(cluster, one)
            check_newcomers(cluster, one, seed)
        except OracleLimit:
            continue
        compared += 1
    return compared


@pytest.mark.parametrize("admin", [False, True], ids=["NetworkPolicy", "admin"])
def test_every_door_without_a_service_agrees_with_the_oracle(admin):
    assert sum(agree(seed, admin=admin) for seed in range(12)) > 12


# ---- doors of Services and proxies -----------------------------------------------------------------------------------


def shop(extra: str = "") -> dict[str, Exposed]:
    text = SHOP.read_text(encoding="utf-8")
    found = exposure(load_text(f"{text}---\n{extra}" if extra else text).cluster)
    return {one.endpoint.name: one for one in found.workloads}


def only(one: Exposed, door: str) -> Opening:
    (found,) = doors_of(one, door)
    return found


def addresses(item: Opening) -> list[str]:
    assert item.clients.addresses is not None
    return list(item.clients.addresses.cidrs())


def test_svc_18_a_load_balancer_restricts_its_clients_and_its_node_port_nobody():
    web = shop()["web"]
    assert (only(web, "LoadBalancer").verdict, addresses(only(web, "LoadBalancer"))) == (ALLOWED, ["203.0.113.0/24"])
    assert addresses(only(web, "NodePort")) == ["0.0.0.0/0"]  # NET-2: the pod has an IPv4 address only
    assert only(web, "NodePort").at == ("TCP/30080",)


def test_np_22_who_comes_through_a_node_is_seen_as_the_node():
    item = only(shop()["web"], "LoadBalancer")
    assert (item.clients.seen, item.note) == ("a node", "")


def test_net_4_a_policy_that_no_node_passes_still_lets_the_own_node_in():
    closed = SHOP.read_text(encoding="utf-8").replace("192.168.0.0/24", "172.16.0.0/24")
    (web,) = exposure(load_text(closed).cluster, focus=["shop/web"]).workloads
    item = only(web, "NodePort")
    assert item.verdict is ALLOWED
    assert "only through the node that runs the pod" in item.note


def test_np_22_without_the_exemption_of_the_own_node_the_same_door_is_closed():
    closed = SHOP.read_text(encoding="utf-8").replace("192.168.0.0/24", "172.16.0.0/24")
    cluster = load_text(closed).cluster
    cluster = replace(cluster, profile=cluster.profile.with_switch("own_node_ingress", Switch.NO))
    (web,) = exposure(cluster, focus=["web"]).workloads
    item = only(web, "NodePort")
    assert item.verdict is DENIED
    assert [decider.policy for decider in item.decided_by] == ["NetworkPolicy shop/web"]


def test_svc_20_with_the_local_policy_only_those_get_in_whom_the_policy_names():
    item = only(shop()["api"], "NodePort")
    assert (item.verdict, addresses(item), item.clients.seen) == (ALLOWED, ["203.0.113.0/25"], "")
    assert item.addresses == ("192.168.0.12",)


def test_net_2_clients_of_another_family_than_the_pods_reach_nobody():
    text = SHOP.read_text(encoding="utf-8").replace("10.1.0.1", "fd00::1")
    text = text.replace("loadBalancerSourceRanges:", "externalTrafficPolicy: Local\n  loadBalancerSourceRanges:")
    (web,) = exposure(load_text(text).cluster, focus=["web"]).workloads
    item = only(web, "LoadBalancer")
    assert item.verdict is DENIED
    assert [decider.cites for decider in item.decided_by] == ["NET-2"]


def test_net_2_nor_where_the_pods_see_a_node():
    text = SHOP.read_text(encoding="utf-8").replace("10.1.0.1", "fd00::1").replace("192.168.0.0/24", "0.0.0.0/0")
    (web,) = exposure(load_text(text).cluster, focus=["web"]).workloads
    item = only(web, "LoadBalancer")
    assert (item.verdict, item.note) == (DENIED, "whom it lets in shares no IP family with the pod (NET-2)")
    assert addresses(only(web, "NodePort")) == ["::/0"]


def test_net_16_a_host_port_that_a_policy_closes_says_which():
    item = only(shop()["metrics"], "hostPort")
    assert (item.verdict, item.at) == (DENIED, ("TCP/19100",))
    assert [decider.policy for decider in item.decided_by] == ["NetworkPolicy shop/metrics"]


def test_ing_12_an_ingress_leads_where_policies_let_the_controllers_pods_in():
    item = only(shop()["cart"], "Ingress")
    assert (item.verdict, item.via) == (ALLOWED, "Ingress shop/shop")
    assert item.paths == (Requests(host="shop.example", path="/cart", type="Prefix"),)


def test_ing_12_an_ingress_is_closed_where_they_are_not_let_in():
    text = SHOP.read_text(encoding="utf-8").replace("{role: proxy}}}], ports", "{role: other}}}], ports")
    (cart,) = exposure(load_text(text).cluster, focus=["cart"]).workloads
    item = only(cart, "Ingress")
    assert item.verdict is DENIED
    assert "NetworkPolicy shop/cart" in {decider.policy for decider in item.decided_by}


def test_ing_13_a_proxy_that_is_not_loaded_makes_the_door_unknown():
    text = SHOP.read_text(encoding="utf-8").replace("app.kubernetes.io/name: ingress-nginx", "app: something-else")
    (cart,) = exposure(load_text(text).cluster, focus=["cart"]).workloads
    item = only(cart, "Ingress")
    assert item.verdict is UNKNOWN
    assert {reason.rule for reason in item.reasons} == {"ING-13"}


def test_net_6_a_proxy_that_is_its_own_backend_reaches_itself():
    text = SHOP.read_text(encoding="utf-8").replace("{selector: {app: cart}", "{selector: {app: metrics}")
    cluster = load_text(text).cluster
    cluster = replace(cluster, controllers=(Controller(namespace="shop", labels={"app": "metrics"}),))
    (metrics,) = exposure(cluster, focus=["metrics"]).workloads
    item = only(metrics, "Ingress")
    assert item.verdict is ALLOWED
    assert "only through itself" in item.note


GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: ingress-nginx}
spec:
  gatewayClassName: some
  listeners: [{name: http, port: 8000, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: cart, namespace: shop}
spec:
  parentRefs: [{name: public, namespace: ingress-nginx}]
  hostnames: [cart.example]
  rules:
    - matches: [{path: {value: /v2}, method: POST}]
      backendRefs: [{name: cart, port: 80}]
---
apiVersion: v1
kind: Pod
metadata: {name: gw, namespace: ingress-nginx, labels: {gateway.networking.k8s.io/gateway-name: public}}
spec: {containers: [{name: c, image: i}]}
status: {phase: Running, podIP: 10.1.0.9, podIPs: [{ip: 10.1.0.9}], conditions: [{type: Ready, status: "True"}]}
"""


def test_gw_27_a_gateway_leads_where_policies_let_its_pods_in():
    item = only(shop(GATEWAY)["cart"], "Gateway")
    assert (item.verdict, item.at) == (ALLOWED, ("TCP/8000",))
    assert item.via == "HTTPRoute shop/cart of Gateway ingress-nginx/public"
    assert item.paths == (Requests(host="cart.example", path="/v2", type="PathPrefix", more="POST"),)


def test_svc_25_a_door_without_a_ready_backend_is_closed():
    text = SHOP.read_text(encoding="utf-8")
    text = text.replace(
        '10.1.0.2}], conditions: [{type: Ready, status: "True"',
        '10.1.0.2}], conditions: [{type: Ready, status: "False"',
    )
    (api,) = exposure(load_text(text).cluster, focus=["api"]).workloads
    item = only(api, "NodePort")
    assert (item.verdict, item.note) == (DENIED, "no backend is ready (SVC-25)")


def test_a_pod_of_the_host_network_is_open_at_its_nodes_address():
    extra = """
apiVersion: v1
kind: Pod
metadata: {name: exporter, namespace: shop}
spec: {hostNetwork: true, nodeName: worker-1, containers: [{name: c, image: i, ports: [{containerPort: 9100}]}]}
status: {phase: Running, podIPs: [{ip: 192.168.0.11}]}
"""
    one = shop(extra)["exporter"]
    item = only(one, "hostNetwork")
    assert (item.verdict, item.addresses, item.level) == (ALLOWED, ("192.168.0.11",), Level.INTERNET)
    assert doors_of(one, POD_ADDRESS) == []


def test_nothing_that_was_made_up_for_the_answer_is_in_it():
    names = {one.endpoint.name for one in exposure(load([str(SHOP)], LoadOptions()).cluster).workloads}
    assert names == {"web", "api", "cart", "metrics", "controller"}


# ---- new pods --------------------------------------------------------------------------------------------------------


def test_np_8_a_new_pod_needs_the_labels_that_the_weakest_peer_names():
    found = doors_of(shop()["cart"], UNKNOWN_PODS)
    assert [dict(item.clients.needs.namespace_labels) for item in found] == [{"role": "proxy"}]


def test_np_3_where_no_rule_lets_anybody_in_no_new_pod_gets_in():
    assert only(shop()["metrics"], UNKNOWN_PODS).verdict is DENIED


def test_np_16_a_block_lets_new_pods_in_iff_pods_can_lie_in_it():
    assert only(shop()["api"], UNKNOWN_PODS).verdict is DENIED
    needs = only(shop()["web"], UNKNOWN_PODS).clients.needs
    assert needs is not None
    assert needs.within == "192.168.0.0/24"


WALLED = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: wall, namespace: shop}
spec: {policyTypes: [Egress], podSelector: {}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: inner, namespace: shop}
spec: {podSelector: {matchLabels: {app: metrics}}, ingress: [{from: [{podSelector: {}}]}]}
"""


def test_np_6_who_may_come_in_and_cannot_get_out_does_not_reach():
    assert only(shop(WALLED)["metrics"], UNKNOWN_PODS).verdict is DENIED
    opened = WALLED.replace("policyTypes: [Egress]", "policyTypes: [Egress], egress: [{ports: [{port: 9100}]}]")
    item = only(shop(opened)["metrics"], UNKNOWN_PODS)
    assert (item.verdict, str(item.connections)) == (ALLOWED, "TCP/9100")


# ---- what is meant to be open ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allow", "expected"),
    [
        ([], True),
        (["none"], True),
        (["internet"], False),
        (["LoadBalancer"], True),
        (["LoadBalancer", "nodeport", "Ingress"], False),
        (["LoadBalancer,NodePort:shop/web,NodePort:shop/api,Ingress:shop/shop"], False),
        (["LoadBalancer", "NodePort:shop/web", "Ingress:shop/shop"], True),
        (["none", "LoadBalancer", "NodePort", "Ingress"], True),
    ],
)
def test_what_is_not_meant_to_be_open(allow, expected):
    found = exposure(load([str(SHOP)], LoadOptions()).cluster)
    assert not_meant(found.workloads, parse_allowance(allow)) == (expected, False)


@pytest.mark.parametrize("text", ["everything", "LoadBalancer:web", "Door:shop/web"])
def test_what_cannot_be_allowed(text):
    with pytest.raises(UsageError, match="neither a level nor a door"):
        parse_allowance([text])

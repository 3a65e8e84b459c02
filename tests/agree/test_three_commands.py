"""`exposure`, `list` and `trace` say the same of the same way in: a Service, an Ingress or a Gateway in front of one pod.

Each pod of a generated cluster gets a Service of some type, an Ingress and an HTTPRoute of its own. One proxy serves both;
it lies in a namespace of its own behind a load balancer, so that what becomes of a request is decided at the pod.

What they say differently on purpose:
- a backend that is not ready is a closed door to `exposure` (SVC-25); `list`, which tells what policies allow, shows it;
- a door that lets in only what its pod's own node forwards is open to `exposure` and `list`, which say so; to `trace` it
  is not known, as nothing says which node takes the request (NP-22);
- `list` leaves out the node port behind a load balancer that restricts nobody.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache

import pytest

from netcheck.model.cluster import Cluster
from netcheck.model.flow import Verdict
from netcheck.model.gateway import (
    AllowedNamespaces,
    BackendRef,
    From,
    Gateway,
    HTTPMatch,
    Listener,
    ParentRef,
    Route,
    RouteRule,
)
from netcheck.model.objects import NAMESPACE_NAME_LABEL, Namespace, Pod, Service, ServicePort, ServiceType, WorkloadId
from netcheck.model.policy import Direction, IPBlockPeer, NetworkPolicy, PodPeer, PolicyPort, PolicyRule
from netcheck.model.profile import Profile, Switch
from netcheck.model.routes import Controller, Ingress, IngressBackend, IngressPath, IngressRule
from netcheck.queries.connections import Resolution, connections
from netcheck.queries.exposure import exposure
from netcheck.queries.exposure_doors import NOT_READY, ONLY_OWN_NODE
from netcheck.queries.exposure_results import Opening
from netcheck.queries.trace import trace
from netcheck.queries.trace_requests import request_of
from netcheck.values.addresses import IPSet, address_number, address_text
from netcheck.values.labels import LabelSelector
from tests import strategies

CLUSTERS, PIECE = 120, 20
EDGE = "edge"
PROXY = {"role": "proxy"}
BOTH = ("10.9.9.9", "fd09::9")
CLIENT = "203.0.113.7"
CLIENTS = (CLIENT, "2001:db8::7")
TYPES = (ServiceType.NODE_PORT, ServiceType.LOAD_BALANCER, ServiceType.CLUSTER_IP)
_ORDER = (Verdict.DENIED, Verdict.UNKNOWN, Verdict.ALLOWED)
_DELIVERED = {"yes": Verdict.ALLOWED, "unknown": Verdict.UNKNOWN, "no": Verdict.DENIED}

Way = tuple[str, int]
"""Kind of the door, and the number of the pod behind it."""


# ---- clusters --------------------------------------------------------------------------------------------------------


def of_seed(seed: int) -> Cluster:
    """Return a generated cluster in which every pod has doors of its own."""
    rng = random.Random(f"doors {seed}")
    given = strategies.of_seed(seed, admin=False)
    pods = tuple(
        replace(pod, name=f"p{number}", template=False, labels={**pod.labels, "only": f"p{number}"})
        for number, pod in enumerate(given.pods)
    )
    numbered = tuple(enumerate(pods))
    edge = Namespace(name=EDGE, labels={NAMESPACE_NAME_LABEL: EDGE})
    return replace(
        given,
        profile=_with_own_node(given.profile),
        addressing=replace(given.addressing, node_cidrs=()),
        pods=(*pods, _proxy()),
        namespaces={**given.namespaces, EDGE: edge},
        policies=(*given.policies, *_edge_policies(rng)),
        services=(*(_service(rng, number, pod) for number, pod in numbered), _front()),
        ingresses=tuple(_ingress(number, pod) for number, pod in numbered),
        gateways=(_gateway(),),
        routes=tuple(_route(number, pod) for number, pod in numbered),
        controllers=(Controller(namespace=EDGE, labels=PROXY, serves=""),),
    )


def _with_own_node(profile: Profile) -> Profile:
    """Where own nodes are nodes like others, a pod of which no node is known has no node to be judged by."""
    return replace(profile, own_node_ingress=Switch.YES) if profile.own_node_ingress is Switch.NO else profile


def _proxy() -> Pod:
    return Pod(namespace=EDGE, name="proxy", workload=WorkloadId(EDGE, "Pod", "proxy"), labels=PROXY, addresses=BOTH)


def _front() -> Service:
    ports = (ServicePort(port=80, target_port=8080),)
    return Service(
        namespace=EDGE,
        name="front",
        type=ServiceType.LOAD_BALANCER,
        selector=PROXY,
        ports=ports,
        external_traffic_policy="Local",
    )


def _service(rng: random.Random, number: int, pod: Pod) -> Service:
    return Service(
        namespace=pod.namespace,
        name=f"s{number}",
        type=rng.choice(TYPES),
        selector={"only": f"p{number}"},
        ports=(ServicePort(port=80, target_port=rng.choice((80, 443))),),
        external_ips=("198.51.100.1",) if rng.random() < 0.3 else (),
        load_balancer_source_ranges=("203.0.113.0/24",) if rng.random() < 0.3 else (),
        external_traffic_policy=rng.choice(("Cluster", "Local")),
    )


def _host(kind: str, number: int) -> str:
    return f"{kind}{number}.example.com"


def _ingress(number: int, pod: Pod) -> Ingress:
    backend = IngressBackend(service=f"s{number}", port=80)
    rule = IngressRule(host=_host("i", number), paths=(IngressPath(path="/", type="Prefix", backend=backend),))
    return Ingress(namespace=pod.namespace, name=f"i{number}", rules=(rule,))


def _gateway() -> Gateway:
    everybody = AllowedNamespaces(source=From.ALL)
    listener = Listener(name="http", port=80, protocol="HTTP", hostname="", namespaces=everybody)
    return Gateway(namespace=EDGE, name="public", class_name="any", listeners=(listener,))


def _route(number: int, pod: Pod) -> Route:
    backend = BackendRef(namespace=pod.namespace, name=f"s{number}", port=80)
    return Route(
        kind="HTTPRoute",
        namespace=pod.namespace,
        name=f"r{number}",
        parents=(ParentRef(namespace=EDGE, name="public"),),
        hostnames=(_host("g", number),),
        rules=(RouteRule(matches=(HTTPMatch(),), backends=(backend,)),),
    )


def _edge_policies(rng: random.Random) -> Iterator[NetworkPolicy]:
    """Yield in half of the clusters what holds the proxy back: to some port, some pods or some addresses."""
    if rng.random() < 0.5:
        return
    peers = rng.choice(
        (
            (),
            (PodPeer(namespace_selector=LabelSelector(), pod_selector=LabelSelector.of({"only": "p0"})),),
            (IPBlockPeer(cidr="10.0.0.0/8"),),
        )
    )
    ports = rng.choice(((), (PolicyPort(protocol="TCP", port=80),)))
    yield NetworkPolicy(
        namespace=EDGE,
        name="held",
        pod_selector=LabelSelector(),
        types=(Direction.EGRESS,),
        egress=(PolicyRule(peers=peers, ports=ports),),
    )


# ---- what each command says ------------------------------------------------------------------------------------------


def best(verdicts: Iterable[Verdict]) -> Verdict:
    return max(verdicts, key=_ORDER.index, default=Verdict.DENIED)


def shown_by_list(cluster: Cluster) -> dict[Way, Verdict]:
    found = connections(cluster, resolution=Resolution.POD)
    said: dict[Way, list[Verdict]] = {}
    for verdict, rows in ((Verdict.ALLOWED, found.entries), (Verdict.UNKNOWN, found.unknown)):
        for row in rows:
            to = found.endpoints[row.destination]
            if row.via and to.namespace != EDGE:
                said.setdefault((_door(row.via), int(to.name[1:])), []).append(verdict)
    return {way: best(verdicts) for way, verdicts in said.items()}


def _door(via: str) -> str:
    """Return the door of `Service shop/web (NodePort, only ...)` or `Gateway edge/public (only ...)`."""
    of, _, more = via.partition(" (")
    kind = of.partition(" ")[0]
    return more.partition(",")[0].rstrip(")") if kind == "Service" else kind


@cache
def shown_by_exposure(seed: int) -> dict[Way, Opening]:
    found: dict[Way, Opening] = {}
    for item in exposure(of_seed(seed)).workloads:
        for one in item.openings:
            name = one.via.partition(" of ")[0].rpartition("/")[2]  # s1, i1, or r1 of a Gateway
            if name and item.endpoint.namespace != EDGE:
                way = (one.door, int(name[1:]))
                assert way not in found
                found[way] = one
    return found


def traced(cluster: Cluster, to: str, client: str = CLIENT) -> Verdict:
    (found,) = trace(cluster, [request_of(source=client, to=to)])
    return _DELIVERED[found.delivered.value]


def client_of(cluster: Cluster, one: Opening) -> str:
    """Return an address from which a door is used: none of the cluster's own."""
    taken = {address_number(text) for item in (*cluster.pods, *cluster.nodes) for text in item.addresses}
    addresses = one.clients.addresses
    assert addresses is not None
    for text in CLIENTS:
        if addresses >= IPSet.of_cidrs(text):
            return text
    for version in (4, 6):
        for first, last in addresses.of_family(version):
            for number in range(first, min(last, first + 20) + 1):
                if (version, number) not in taken:
                    return address_text(version, number)
    raise AssertionError(f"{one}: every address is the cluster's")


# ---- they agree ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", range(0, CLUSTERS, PIECE))
def test_each_way_of_exposure_is_a_row_of_list(first: int) -> None:
    for seed in range(first, first + PIECE):
        cluster = of_seed(seed)
        listed, exposed = shown_by_list(cluster), shown_by_exposure(seed)
        for way in {*listed, *exposed}:
            one = exposed.get(way)
            if one is not None and one.note == NOT_READY:
                continue
            verdict = Verdict.DENIED if one is None else one.verdict
            if _is_repeated(cluster, way):
                assert way not in listed, (seed, way)
                continue
            assert listed.get(way, Verdict.DENIED) is verdict, (seed, way, one)


def _is_repeated(cluster: Cluster, way: Way) -> bool:
    """Return whether `list` leaves a way out: the node port behind a load balancer that restricts nobody."""
    door, number = way
    service = cluster.services[number]
    open_to_all = service.type is ServiceType.LOAD_BALANCER and not service.load_balancer_source_ranges
    return door == "NodePort" and open_to_all


@pytest.mark.parametrize("first", range(0, CLUSTERS, PIECE))
def test_a_trace_through_a_proxy_ends_as_exposure_says(first: int) -> None:
    for seed in range(first, first + PIECE):
        cluster = of_seed(seed)
        for (door, number), one in shown_by_exposure(seed).items():
            if door in ("Ingress", "Gateway"):
                host = _host(door[0].lower(), number)
                assert traced(cluster, f"http://{host}/") is one.verdict, (seed, door, number, one)


@pytest.mark.parametrize("first", range(0, CLUSTERS, PIECE))
def test_a_trace_to_a_service_ends_as_its_best_door(first: int) -> None:
    for seed in range(first, first + PIECE):
        cluster = of_seed(seed)
        for number, doors in _of_services(shown_by_exposure(seed)).items():
            service = cluster.services[number]
            to = f"svc:{service.namespace}/{service.name}:80"
            verdict = best(one.verdict for one in doors)
            one = min(_at(doors, verdict), key=_is_of_own_node)
            client = CLIENT if verdict is Verdict.DENIED else client_of(cluster, one)
            if _is_of_own_node(one) and not _is_on_the_only_node(cluster, number):
                verdict = Verdict.UNKNOWN
            assert traced(cluster, to, client) is verdict, (seed, number, client, doors)


def _at(doors: Iterable[Opening], verdict: Verdict) -> list[Opening]:
    return [item for item in doors if item.verdict is verdict]


def _is_of_own_node(one: Opening) -> bool:
    return one.note == ONLY_OWN_NODE


def _is_on_the_only_node(cluster: Cluster, number: int) -> bool:
    return {node.name for node in cluster.nodes} == {cluster.pods[number].node}


def _of_services(found: dict[Way, Opening]) -> dict[int, list[Opening]]:
    by_service: dict[int, list[Opening]] = {}
    for (door, number), one in found.items():
        if door not in ("Ingress", "Gateway"):
            by_service.setdefault(number, []).append(one)
    return by_service


def test_ways_of_every_sort_are_drawn() -> None:
    drawn = Counter((way[0], one.verdict) for seed in range(CLUSTERS) for way, one in shown_by_exposure(seed).items())
    for door in ("Ingress", "Gateway", "NodePort", "LoadBalancer", "externalIP"):
        assert drawn[door, Verdict.ALLOWED] > 20, drawn
        assert drawn[door, Verdict.DENIED] > 10, drawn
    assert sum(number for (_, verdict), number in drawn.items() if verdict is Verdict.UNKNOWN) > 20, drawn

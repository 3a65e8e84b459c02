"""Exposure as text: folding of workloads, of namespaces and of ports, and every way in which clients are named."""

from __future__ import annotations

import pytest

from netcheck.model.flow import Decider, Reason, Tier, Verdict
from netcheck.model.policy import Direction, IPBlockPeer
from netcheck.queries.exposure_results import (
    NODES,
    OTHER_NAMESPACES,
    OWN_NODE,
    UNKNOWN_PODS,
    Clients,
    Exposed,
    Exposure,
    Opening,
    Path,
)
from netcheck.queries.hypothetical_pods import Needs
from netcheck.report.exposure_json import exposure_document
from netcheck.report.exposure_table import OWN_NODE_NOTE, exposure_table
from netcheck.report.exposure_words import clients_of, ports_of
from netcheck.report.layout import Style
from netcheck.values.addresses import IPSet
from netcheck.values.connections import ConnectionSet
from netcheck.values.ports import PortSet, Protocol
from tests.report.building import LOADED, workload
from tests.report.test_json_v1 import checked

ALLOWED, DENIED, UNKNOWN = Verdict.ALLOWED, Verdict.DENIED, Verdict.UNKNOWN


def tcp(*ports: int) -> ConnectionSet:
    return ConnectionSet.of({Protocol.TCP: PortSet.of(*((port, port) for port in ports))})


def opening(door: str, verdict: Verdict = ALLOWED, connections: ConnectionSet | None = None, **more) -> Opening:
    return Opening(door=door, verdict=verdict, connections=tcp(80) if connections is None else connections, **more)


def table(*workloads: Exposed, **style) -> str:
    return "".join(exposure_table(LOADED, Exposure(workloads=workloads), Style(**style)))


def exposed(name: str, *openings: Opening) -> Exposed:
    namespace, _, short = name.partition("/")
    return Exposed(endpoint=workload(short, namespace), openings=openings)


def test_workloads_with_the_same_doors_share_their_lines():
    door = opening(NODES, clients=Clients(every_node=True))
    text = table(exposed("shop/a", door), exposed("shop/b", door))
    assert text.count("from every other node") == 1
    assert text.splitlines()[0] == "shop/a[Deployment], shop/b[Deployment]"


def test_workloads_without_an_open_door_are_named_together():
    text = table(exposed("shop/a"), exposed("shop/b", opening(NODES, DENIED)))
    assert text.startswith("no open door: shop/a[Deployment], shop/b[Deployment]\n")


def test_the_own_node_is_one_sentence_where_it_is_open_to_all():
    usual = opening(OWN_NODE, connections=ConnectionSet.all())
    assert OWN_NODE_NOTE in table(exposed("shop/a", usual))
    assert OWN_NODE_NOTE not in table(exposed("shop/a", usual), exposed("shop/b", opening(OWN_NODE)))


def test_many_namespaces_with_ports_of_their_own_become_one_line():
    doors = [opening(OTHER_NAMESPACES, connections=tcp(n), clients=Clients(namespaces=(f"n{n}",))) for n in range(1, 9)]
    folded, whole = table(exposed("shop/a", *doors)), table(exposed("shop/a", *doors), verbose=True)
    assert "from n1, n2, n3, n4, n5 and 3 more" in folded
    assert "each on some of these ports" in folded
    assert whole.count("other-namespaces") == 8


def test_what_closes_a_door_is_told_when_everything_is():
    decider = Decider(
        direction=Direction.INGRESS, tier=Tier.NETWORK_POLICY, action="deny", policy="NetworkPolicy shop/x"
    )
    one = exposed("shop/a", opening(NODES, DENIED, decided_by=(decider,)))
    assert "closed by NetworkPolicy shop/x" in table(one, verbose=True)
    assert "closed" not in table(one)


def test_what_is_not_known_says_which_fact_is_missing():
    reason = Reason(rule="NP-20", message="the address is not known")
    text = table(exposed("shop/a", opening(NODES, UNKNOWN, reasons=(reason,))))
    assert "unknown nodes" in text
    assert "NP-20: the address is not known" in text
    assert "1 workload with a door that is not known" in text


def test_paths_are_folded():
    paths = tuple(Path(host="a.example", path=f"/{n}", type="Exact") for n in range(5))
    door = opening("Ingress", paths=paths, via="Ingress shop/in")
    assert "a.example/0 (Exact), a.example/1 (Exact), a.example/2 (Exact) and 2 more (-v lists them)" in " ".join(
        table(exposed("shop/a", door)).split()
    )
    assert "a.example/4 (Exact)" in table(exposed("shop/a", door), verbose=True)


def test_wide_ports_have_lines_of_their_own():
    ports = tcp(*range(1, 40, 3))
    text = table(exposed("shop/a", opening(NODES, connections=ports, clients=Clients(every_node=True))), verbose=True)
    assert max(map(len, text.splitlines())) <= 100
    assert any(line.strip() == "from every other node" for line in text.splitlines())


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (opening(NODES, clients=Clients(nodes=("n1", "n2"))), "from n1, n2"),
        (opening(OTHER_NAMESPACES, clients=Clients(namespaces=("a", "b"), every_namespace=True)), "from all 2 other namespaces"),
        (opening(UNKNOWN_PODS), "from a new pod"),
        (opening(UNKNOWN_PODS, clients=Clients(needs=Needs())), "from a new pod in any namespace"),
        (
            opening(UNKNOWN_PODS, clients=Clients(needs=Needs(namespace="a", labels={"x": "y"}))),
            "from a new pod in namespace a; with labels x=y",
        ),
        (
            opening(UNKNOWN_PODS, clients=Clients(needs=Needs(block=IPBlockPeer(cidr="10.0.0.0/8", excepts=("10.1.0.0/16",))))),
            "from a new pod in any namespace; with an address in 10.0.0.0/8 except 10.1.0.0/16",
        ),
        (opening("LoadBalancer", clients=Clients(addresses=IPSet.all(), seen="a node")), "from any address, seen as a node"),
        (opening("hostPort", clients=Clients(addresses=IPSet.of_cidrs("10.0.0.0/8"))), "from 10.0.0.0/8"),
        (opening("metadata", DENIED, clients=Clients(reaches=("169.254.169.254",))), "it does not reach 169.254.169.254"),
    ],
)  # fmt: skip
def test_clients_in_words(item, words):
    assert clients_of(item) == words


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (opening("NodePort", at=("TCP/30080",)), "TCP/30080 -> TCP/80"),
        (opening("NodePort", at=("TCP/80",)), "TCP/80"),
        (opening("NodePort", at=("TCP/allocated by the cluster",)), "TCP/allocated -> TCP/80"),
        (opening(NODES, connections=ConnectionSet.all()), "all"),
        (opening(NODES, DENIED, ConnectionSet.none()), ""),
    ],
)
def test_ports_in_words(item, words):
    assert ports_of(item) == words


def test_the_document_has_every_kind_of_clients():
    doors = (
        opening("LoadBalancer", via="Service shop/a", clients=Clients(addresses=IPSet.all(), seen="a node"), at=("TCP/80",)),
        opening("hostPort", clients=Clients(addresses=IPSet.of_cidrs("10.0.0.0/8")), addresses=("192.168.0.1",)),
        opening("Ingress", paths=(Path(host="a.example", path="/", type="Prefix", more="GET"),), note="only so"),
        opening(NODES, clients=Clients(nodes=("n1",), every_node=True)),
        opening(OTHER_NAMESPACES, clients=Clients(namespaces=("b",), every_namespace=True)),
        opening(UNKNOWN_PODS, clients=Clients(needs=Needs(namespace="n", labels={"a": "b"}, namespace_labels={"c": "d"}))),
        opening("metadata", UNKNOWN, clients=Clients(reaches=("169.254.169.254",)), reasons=(Reason(rule="X-1", message="m"),)),
    )  # fmt: skip
    found = Exposure(workloads=(exposed("shop/a", *doors),))
    (item,) = checked(exposure_document(LOADED, found))["workloads"]
    assert [door.get("sources", {}) for door in item["doors"]] == [
        {"any": True, "seenAs": "a node"},
        {"cidrs": ["10.0.0.0/8"]},
        {},
        {"nodes": ["n1"], "everyNode": True},
        {"namespaces": ["b"], "everyNamespace": True},
        {"pod": {"namespace": "n", "labels": {"a": "b"}, "namespaceLabels": {"c": "d"}}},
        {},
    ]

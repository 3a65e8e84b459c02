"""Which doors lead from outside to pods: each rule of SEMANTICS 4.2, NET-3 and NET-16."""

from __future__ import annotations

from dataclasses import replace

from netcheck.model.cluster import Cluster
from netcheck.model.objects import (
    ContainerPort,
    EndpointAddress,
    EndpointPort,
    EndpointSlice,
    Node,
    Pod,
    Service,
    ServicePort,
    ServiceType,
    WorkloadId,
)
from netcheck.queries.doors import ALLOCATED, SOURCE_RANGES_ANNOTATION, Door, DoorKind, doors
from netcheck.values.ports import Protocol

LB, NODE_PORT = ServiceType.LOAD_BALANCER, ServiceType.NODE_PORT
NODES = (
    Node(name="n1", addresses=("192.168.0.1", "fd01::1")),
    Node(name="n2", addresses=("192.168.0.2",)),
)


def pod(name: str = "web", **more) -> Pod:
    given = {"labels": {"app": "web"}, "ports": (ContainerPort(number=8080, name="http"),), **more}
    return Pod(namespace="shop", name=name, workload=WorkloadId("shop", "Pod", name), **given)


WEB = (pod(),)
HTTP = (ServicePort(port=80, target_port=8080, node_port=30080),)


def service(kind: ServiceType = NODE_PORT, *, ports=HTTP, **more) -> Service:
    given = {"selector": {"app": "web"}, **more}
    return Service(namespace="shop", name="web", type=kind, ports=tuple(ports), **given)


def found(*services: Service, pods=WEB, nodes=NODES, slices=()) -> tuple[Door, ...]:
    return doors(Cluster(pods=tuple(pods), services=services, nodes=tuple(nodes), endpoint_slices=tuple(slices)))


def kinds(*services: Service, **more) -> list[DoorKind]:
    return [door.kind for door in found(*services, **more)]


def test_svc_16_a_node_port_is_open_on_every_nodes_address():
    (door,) = found(service())
    assert (door.kind, door.port, door.protocol) == (DoorKind.NODE_PORT, 30080, Protocol.TCP)
    assert door.addresses == ("192.168.0.1", "fd01::1", "192.168.0.2")
    assert door.on_nodes
    assert [(target.pod, target.number) for target in door.targets] == [(0, 8080)]


def test_svc_16_a_node_port_that_the_manifest_leaves_out_is_allocated_by_the_cluster():
    (door,) = found(service(ports=[ServicePort(port=80, target_port=8080)]))
    assert door.port is None
    assert door.port_text == ALLOCATED


def test_svc_16_each_port_of_a_service_is_a_door_of_its_own():
    ports = [
        ServicePort(port=80, target_port="http", name="a", node_port=30001),
        ServicePort(port=53, target_port=53, protocol="UDP", name="b", node_port=30001),
    ]
    assert [(door.protocol, door.port, door.targets[0].number) for door in found(service(ports=ports))] == [
        (Protocol.TCP, 30001, 8080),
        (Protocol.UDP, 30001, 53),
    ]


def test_svc_17_a_load_balancer_opens_node_ports_too():
    balanced = service(LB, load_balancer_addresses=("198.51.100.7",))
    first, second = found(balanced)
    assert (first.kind, first.port, first.addresses) == (DoorKind.LOAD_BALANCER, 80, ("198.51.100.7",))
    assert (second.kind, second.port) == (DoorKind.NODE_PORT, 30080)


def test_svc_17_without_allocation_there_is_no_node_port_but_one_that_is_written_down_stays():
    unwritten = [ServicePort(port=80, target_port=8080)]
    assert kinds(service(LB, ports=unwritten, allocate_node_ports=False)) == [DoorKind.LOAD_BALANCER]
    assert kinds(service(LB, ports=unwritten)) == [DoorKind.LOAD_BALANCER, DoorKind.NODE_PORT]
    assert kinds(service(LB, allocate_node_ports=False)) == [DoorKind.LOAD_BALANCER, DoorKind.NODE_PORT]


def test_svc_17_the_class_of_a_load_balancer_is_told():
    assert (
        found(service(LB, load_balancer_class="example.com/internal"))[0].load_balancer_class == "example.com/internal"
    )


def test_svc_18_source_ranges_restrict_the_load_balancer_and_not_the_node_port():
    balancer, node_port = found(service(LB, load_balancer_source_ranges=("203.0.113.0/24",)))
    assert balancer.source_ranges == ("203.0.113.0/24",)
    assert node_port.source_ranges == ()


def test_svc_18_the_older_annotation_counts_where_the_field_is_empty():
    annotations = {SOURCE_RANGES_ANNOTATION: "203.0.113.0/24, 198.51.100.0/24"}
    assert found(service(LB, annotations=annotations))[0].source_ranges == ("203.0.113.0/24", "198.51.100.0/24")
    both = service(LB, annotations=annotations, load_balancer_source_ranges=("192.0.2.0/24",))
    assert found(both)[0].source_ranges == ("192.0.2.0/24",)


def test_svc_18_what_is_no_range_restricts_nobody():
    assert found(service(LB, annotations={SOURCE_RANGES_ANNOTATION: "the office"}))[0].source_ranges == ()


def test_svc_19_external_addresses_are_open_on_the_services_own_ports_whatever_its_type():
    published = service(ServiceType.CLUSTER_IP, external_ips=("192.0.2.10",))
    (door,) = found(published)
    assert (door.kind, door.port, door.addresses) == (DoorKind.EXTERNAL_IP, 80, ("192.0.2.10",))
    assert not door.keeps_source


def test_svc_20_the_pod_sees_the_client_only_with_the_local_policy():
    assert [door.keeps_source for door in found(service(LB))] == [False, False]
    assert [door.keeps_source for door in found(service(LB, external_traffic_policy="Local"))] == [True, True]


def test_svc_20_with_the_local_policy_nodes_without_a_backend_drop():
    local = service(external_traffic_policy="Local")
    assert found(local, pods=[pod(node="n2")])[0].addresses == ("192.168.0.2",)
    assert found(local, pods=[pod(node="n2"), pod("other")])[0].addresses == ("192.168.0.1", "fd01::1", "192.168.0.2")


def test_svc_21_the_internal_policy_does_not_concern_doors():
    plain, internal = found(service())[0], found(service(internal_traffic_policy="Local"))[0]
    assert (plain.keeps_source, plain.addresses) == (internal.keeps_source, internal.addresses)


def test_svc_10_svc_12_what_no_proxy_serves_has_no_door():
    assert kinds(service(ServiceType.CLUSTER_IP)) == []
    assert kinds(service(ServiceType.CLUSTER_IP, headless=True, external_ips=("192.0.2.10",))) == []
    assert kinds(service(ServiceType.EXTERNAL_NAME, external_name="x.example", external_ips=("192.0.2.10",))) == []


def test_svc_13_a_service_without_selector_leads_where_its_slices_say():
    piece = EndpointSlice(
        namespace="shop",
        name="web-1",
        service="web",
        endpoints=(EndpointAddress(address="203.0.113.5"), EndpointAddress(address="10.0.0.9", pod=("shop", "web"))),
        ports=(EndpointPort(number=8443),),
    )
    (door,) = found(service(selector=None), slices=[piece])
    assert [(target.pod, target.address, target.number) for target in door.targets] == [
        (None, "203.0.113.5", 8443),
        (0, "", 8443),
    ]


def test_svc_4_targets_tell_whether_they_are_ready():
    (door,) = found(service(), pods=[pod(), pod("late", ready=False)])
    assert [target.ready for target in door.targets] == [True, False]


def test_net_16_a_host_port_is_open_on_the_pods_node_and_keeps_the_client():
    (door,) = found(pods=[pod(node="n2", ports=(ContainerPort(number=9100, host_port=19100),))])
    assert (door.kind, door.port, door.addresses) == (DoorKind.HOST_PORT, 19100, ("192.168.0.2",))
    assert door.keeps_source
    assert [(target.pod, target.number) for target in door.targets] == [(0, 9100)]


def test_net_16_the_address_is_not_known_where_the_node_is_not():
    (door,) = found(pods=[pod(ports=(ContainerPort(number=9100, host_port=19100),))])
    assert door.addresses == ()


def test_net_3_a_host_network_pod_is_open_on_its_ports_declared_or_not():
    ports = (ContainerPort(number=9100, host_port=9100),)
    listed = found(pods=[pod(host_network=True, node="n1", ports=ports)])
    assert {door.kind for door in listed} == {DoorKind.HOST_NETWORK}
    assert [(door.protocol.value, door.port, door.every_port) for door in listed] == [
        ("SCTP", None, True),
        ("TCP", 9100, False),
        ("TCP", None, True),
        ("UDP", None, True),
    ]
    assert {door.addresses for door in listed} == {("192.168.0.1", "fd01::1")}
    assert listed[-1].port_text == "every other port"


def test_doors_name_what_opens_them():
    ports = (ContainerPort(number=9100, host_port=19100),)
    template = replace(pod(ports=ports), template=True, workload=WorkloadId("shop", "DaemonSet", "exporter"))
    assert [door.via for door in found(service(), pods=[template])] == ["Service shop/web", "DaemonSet shop/exporter"]
    assert found(pods=[pod(ports=ports)])[0].via == "Pod shop/web"

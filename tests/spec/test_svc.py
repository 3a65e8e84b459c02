"""Services and their endpoints, SEMANTICS 4.1: where a Service port leads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netcheck.model.cluster import Cluster
from netcheck.model.objects import EndpointAddress, EndpointPort, EndpointSlice, Pod, Service, ServicePort, ServiceType
from netcheck.semantics.services import Backends, backends
from netcheck.values.ports import Protocol
from tests.spec.builders import cluster, pod, port

WEB = pod("web", "app=web,tier=front", ports=(port(8080, "http"), port(5353, "dns", "UDP")))
OTHER_WEB = pod("web2", "app=web", ports=(port(9090, "http"),))
DB = pod("db", addresses=("10.1.0.77", "fc00::77"))
FAR = pod("web", ns="other")
PODS = cluster(WEB, OTHER_WEB, DB, FAR)
TCP, UDP = Protocol.TCP, Protocol.UDP


def service(*ports: ServicePort, **more: object) -> Service:
    usual: dict[str, object] = {"namespace": "shop", "name": "web", "selector": {"app": "web"}, "ports": ports}
    return Service(**{**usual, **more})  # type: ignore[arg-type]


def sport(number: int, target: int | str, name: str = "", protocol: str = "TCP") -> ServicePort:
    return ServicePort(port=number, target_port=target, name=name, protocol=protocol)


def part(*addresses: str | EndpointAddress, **more: object) -> EndpointSlice:
    endpoints = tuple(EndpointAddress(address=x) if isinstance(x, str) else x for x in addresses)
    usual: dict[str, object] = {
        "namespace": "shop",
        "name": "s1",
        "service": "web",
        "ports": (EndpointPort(number=5432),),
    }
    return EndpointSlice(**{**usual, "endpoints": endpoints, **more})  # type: ignore[arg-type]


def places(found: Backends) -> list[tuple[str, int]]:
    """(pod name or address, port) of each backend."""
    return [(one.pod.name if one.pod else one.address, one.port) for one in found.backends]


def to(
    what: Service, number: int | None = 80, protocol: Protocol = TCP, where: Cluster = PODS, **more: str
) -> list[tuple[str, int]]:
    return places(backends(where, what, number, protocol, **more))


def by_hand(*parts: EndpointSlice, pods: tuple[Pod, ...] = (WEB, DB), **more: object) -> list[tuple[str, int]]:
    """Where port 80 of a Service without selector leads, given these slices."""
    where = replace(cluster(*pods), endpoint_slices=parts)
    return to(service(sport(80, 80), selector=None, **more), where=where)


class TestSVC2:
    """ "spec.selector is a plain equality map (AND) over pods of the same namespace. Empty or missing selector = no
    automatic endpoints; it does not mean all pods.\""""

    def test_pods_of_the_namespace_with_all_labels_are_backends(self) -> None:
        assert to(service(sport(80, 8080))) == [("web", 8080), ("web2", 8080)]
        assert to(service(sport(80, 8080), selector={"app": "web", "tier": "front"})) == [("web", 8080)]

    @pytest.mark.parametrize("selector", [None, {}])
    def test_no_selector_selects_nothing(self, selector: dict[str, str] | None) -> None:
        assert to(service(sport(80, 8080), selector=selector)) == []

    def test_a_label_with_an_empty_value_is_not_an_absent_one(self) -> None:
        assert to(service(sport(80, 80), selector={"tier": ""})) == []


class TestSVC3:
    """ "Readiness does not decide membership, only conditions. Terminating pods stay in EndpointSlices (flagged).\""""

    @pytest.mark.parametrize("change", [{"ready": False}, {"terminating": True}])
    def test_pods_that_are_not_ready_are_members_and_flagged(self, change: dict[str, bool]) -> None:
        where = cluster(replace(WEB, **change))  # type: ignore[arg-type]
        assert [one.ready for one in backends(where, service(sport(80, 80)), 80, TCP).backends] == [False]

    def test_a_template_is_a_ready_member(self) -> None:
        where = cluster(pod("web", template=True, addresses=()))
        assert [one.ready for one in backends(where, service(sport(80, 80)), 80, TCP).backends] == [True]


class TestSVC4:
    """ "ready = publishNotReadyAddresses OR (PodReady AND not terminating).\""""

    def test_publishing_addresses_that_are_not_ready_makes_them_ready(self) -> None:
        where = cluster(replace(WEB, ready=False, terminating=True))
        eager = service(sport(80, 80), publish_not_ready_addresses=True)
        assert [one.ready for one in backends(where, eager, 80, TCP).backends] == [True]


class TestSVC5:
    """ "For hand-made slices nil conditions mean: ready nil -> true" (resolved by the loader): the condition is kept."""

    def test_the_condition_of_the_endpoint_is_kept(self) -> None:
        made = part(EndpointAddress(address="8.8.8.8", ready=False), "8.8.4.4")
        where = replace(cluster(), endpoint_slices=(made,))
        found = backends(where, service(sport(80, 80), selector=None), 80, TCP).backends
        assert [(one.address, one.ready) for one in found] == [("8.8.8.8", False), ("8.8.4.4", True)]


class TestSVC7:
    """ "targetPort: integer -> that port, declared or not; string -> per pod, the container port with that name and the
    service port's protocol. If a name does not resolve on a pod, that pod simply has no endpoint for that service
    port. Different pods may resolve to different numbers.\""""

    def test_a_number_is_itself_declared_or_not(self) -> None:
        assert to(service(sport(80, 1234), selector={"tier": "front"})) == [("web", 1234)]

    def test_a_name_resolves_on_each_pod(self) -> None:
        assert to(service(sport(80, "http"))) == [("web", 8080), ("web2", 9090)]

    def test_a_pod_on_which_the_name_does_not_resolve_has_no_endpoint(self) -> None:
        assert to(service(sport(53, "dns", protocol="UDP")), 53, UDP) == [("web", 5353)]

    def test_the_protocol_of_the_name_must_be_the_same(self) -> None:
        assert to(service(sport(53, "dns")), 53) == []

    def test_the_first_port_of_the_name_counts(self) -> None:
        twice = pod("web", ports=(port(53, "x", "UDP"), port(1, "x"), port(2, "x")))
        assert to(service(sport(80, "x")), where=cluster(twice)) == [("web", 1)]


class TestSVC8:
    """ "EndpointSlice ports join to service ports by name (empty name joins the unnamed port).\""""

    def test_slice_ports_join_by_name(self) -> None:
        ports = (EndpointPort(number=1, name="a"), EndpointPort(number=2, name="b"), EndpointPort(number=3))
        where = replace(cluster(), endpoint_slices=(part("8.8.8.8", ports=ports),))
        named = service(sport(80, 80, "a"), sport(81, 81, "b"), selector=None)
        assert (to(named, 80, where=where), to(named, 81, where=where)) == ([("8.8.8.8", 1)], [("8.8.8.8", 2)])
        assert to(service(sport(80, 80), selector=None), where=where) == [("8.8.8.8", 3)]

    def test_the_protocols_must_be_the_same(self) -> None:
        assert by_hand(part("8.8.8.8", ports=(EndpointPort(number=5432, protocol="UDP"),))) == []

    def test_a_port_is_asked_for_by_number_or_name(self) -> None:
        two = service(sport(80, 8080, "http"), sport(443, 8443, "https"), selector={"tier": "front"})
        assert to(two, 443) == to(two, None, name="https") == [("web", 8443)]
        assert to(two, 8080) == to(two, None, name="none") == []


class TestSVC9:
    """ "(port, protocol) pairs are unique; the same number may appear for TCP and UDP.\""""

    def test_the_protocol_tells_two_ports_of_one_number_apart(self) -> None:
        dns = service(sport(53, 1, "t"), sport(53, 2, "u", "UDP"), selector={"tier": "front"})
        assert (to(dns, 53, TCP), to(dns, 53, UDP)) == ([("web", 1)], [("web", 2)])


class TestSVC10:
    """ "Headless: clients talk to pod IPs; may have zero ports. Policy sees pod IP and whatever port the client uses.\""""

    def test_a_headless_service_without_ports_leads_to_its_pods_at_any_port(self) -> None:
        assert to(service(headless=True), 1234) == [("web", 1234), ("web2", 1234)]

    def test_so_do_the_endpoints_of_one_without_selector(self) -> None:
        assert by_hand(part("8.8.8.8", DB.addresses[0]), headless=True) == [("8.8.8.8", 80), ("db", 80)]


class TestSVC11:
    """ "port != targetPort on a headless Service works through SRV/Gateway but not for a plain host:port client.\""""

    def test_a_client_by_number_meets_no_translation(self) -> None:
        assert to(service(sport(80, 8080, "http"), headless=True), 80) == [("web", 80), ("web2", 80)]

    def test_a_client_by_name_meets_the_target_port(self) -> None:
        srv = service(sport(80, 8080, "http"), headless=True)
        assert to(srv, None, name="http") == [("web", 8080), ("web2", 8080)]


class TestSVC12:
    """ "ExternalName: CNAME to externalName (no proxying, no ports needed). [The selector is] ignored for ExternalName.\""""

    def test_it_leads_to_the_name_and_to_no_pod(self) -> None:
        alias = service(sport(80, 80), type=ServiceType.EXTERNAL_NAME, external_name="db.example.com")
        assert backends(PODS, alias, 80, TCP) == Backends(external_name="db.example.com")


class TestSVC13:
    """ "Selector-less Service: endpoints come from EndpointSlices [of the Service] in the same namespace, or from a legacy
    Endpoints object of the same name.\""""

    def test_slices_of_the_service_give_the_addresses_and_the_port(self) -> None:
        assert by_hand(part("8.8.8.8")) == [("8.8.8.8", 5432)]

    def test_slices_of_other_services_and_namespaces_do_not_count(self) -> None:
        assert by_hand(part("8.8.8.8", service="db"), part("8.8.8.8", namespace="other")) == []

    def test_an_address_of_a_pod_is_that_pod_in_whatever_spelling(self) -> None:
        assert by_hand(part("10.1.0.77")) == [("db", 5432)]
        assert by_hand(part("fc00:0:0::0077", address_type="IPv6")) == [("db", 5432)]

    def test_a_named_pod_is_meant_unless_it_lives_elsewhere(self) -> None:
        lost = pod("db", addresses=())
        named = EndpointAddress(address="10.1.0.99", pod=("shop", "db"))
        assert by_hand(part(named), pods=(lost,)) == [("db", 5432)]
        assert by_hand(part(named), pods=(DB,)) == [("10.1.0.99", 5432)]
        assert by_hand(part(replace(named, address="fc00::77")), pods=(DB,)) == [("db", 5432)]

    def test_a_template_is_no_named_pod(self) -> None:
        template = pod("db", template=True, addresses=())
        named = EndpointAddress(address="10.1.0.99", pod=("shop", "db"))
        assert by_hand(part(named), pods=(template,)) == [("10.1.0.99", 5432)]

    def test_a_node_address_does_not_tell_a_host_network_pod(self) -> None:
        host = pod("agent", host_network=True, addresses=("192.168.0.7",))
        assert by_hand(part("192.168.0.7"), pods=(host,)) == [("192.168.0.7", 5432)]
        named = EndpointAddress(address="192.168.0.7", pod=("shop", "agent"))
        assert by_hand(part(named), pods=(host,)) == [("agent", 5432)]

    def test_slices_of_a_service_with_a_selector_add_nothing(self) -> None:
        where = replace(cluster(WEB), endpoint_slices=(part("8.8.8.8"),))
        assert to(service(sport(80, 80)), where=where) == [("web", 80)]

    def test_a_slice_port_without_a_number_leads_nowhere(self) -> None:
        assert by_hand(part("8.8.8.8", ports=(EndpointPort(),))) == []


class TestSVC14:
    """ "A Service's endpoint set is the union of all its slices, de-duplicated by (address, port, protocol). FQDN has no
    semantics and kube-proxy ignores it.\""""

    def test_slices_are_united_and_repetitions_dropped(self) -> None:
        assert by_hand(part("8.8.8.8", "8.8.4.4"), part("8.8.8.8", "9.9.9.9", name="s2")) == [
            ("8.8.8.8", 5432),
            ("8.8.4.4", 5432),
            ("9.9.9.9", 5432),
        ]

    def test_one_address_at_two_ports_is_two_backends(self) -> None:
        other = part("8.8.8.8", name="s2", ports=(EndpointPort(number=5433),))
        assert by_hand(part("8.8.8.8"), other) == [("8.8.8.8", 5432), ("8.8.8.8", 5433)]

    def test_what_one_slice_calls_ready_is_ready(self) -> None:
        doubtful = part(EndpointAddress(address="8.8.8.8", ready=False), name="s0")
        where = replace(cluster(), endpoint_slices=(doubtful, part("8.8.8.8")))
        found = backends(where, service(sport(80, 80), selector=None), 80, TCP).backends
        assert [one.ready for one in found] == [True]

    def test_names_are_not_addresses(self) -> None:
        assert by_hand(part("db.example.com", address_type="FQDN")) == []


class TestSVC15:
    """ "Always prefer EndpointSlices; never union both for the same Service (mirroring duplicates).\""""

    def test_legacy_endpoints_count_only_without_slices(self) -> None:
        legacy = part("9.9.9.9", name="web", legacy=True)
        assert by_hand(legacy) == [("9.9.9.9", 5432)]
        assert by_hand(legacy, part("8.8.8.8")) == [("8.8.8.8", 5432)]

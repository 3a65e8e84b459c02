"""DNS, SEMANTICS section 5, DNS-1 to DNS-8: what a name is to a pod."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netcheck.model.cluster import Cluster
from netcheck.model.names import SRV, Answer, AnswerKind
from netcheck.model.objects import (
    EndpointAddress,
    EndpointPort,
    EndpointSlice,
    Pod,
    PodDNS,
    Service,
    ServicePort,
    ServiceType,
    WorkloadId,
)
from netcheck.semantics.names import names_tried, resolve
from tests.spec.builders import cluster, namespace, pod, port
from tests.spec.way_builders import service

ZONE = "svc.cluster.local"
CLIENT = pod("client")
DB0 = pod(
    "db-0", "app=db", addresses=("10.1.0.5",), dns=PodDNS(hostname="db-0", subdomain="db"), ports=(port(15432, "pg"),)
)
DB1 = pod("db-1", "app=db", addresses=("10.1.0.6",), dns=PodDNS(hostname="db-1", subdomain="db"), ready=False)
PLAIN = pod("plain", "app=db", addresses=("10.1.0.7",), ports=(port(25432, "pg"),))
PG = ServicePort(port=5432, target_port="pg", name="pg")
WEB = service("web", ServicePort(port=80, target_port=8080, name="http"), cluster_ips=("10.96.0.1",))
DB = service("db", PG, headless=True)


def where(*services: Service, pods: tuple[Pod, ...] = (CLIENT, DB0, DB1, PLAIN), **more: object) -> Cluster:
    return replace(cluster(*pods), services=services or (WEB, DB), **more)  # type: ignore[arg-type]


def asked(name: str, client: Pod | None = CLIENT, at: Cluster | None = None) -> Answer:
    answer = resolve(at or where(), client, name)
    assert (answer.kind is AnswerKind.UNKNOWN) == bool(answer.reasons)
    return answer


def kind(name: str, client: Pod | None = CLIENT, at: Cluster | None = None) -> str:
    return asked(name, client, at).kind.value


def alias(name: str, target: str) -> Service:
    return service(name, type=ServiceType.EXTERNAL_NAME, external_name=target, selector=None)


class TestDNS1:
    """ "ClusterIP Service -> cluster IP. Headless: same name -> addresses of ready endpoints; none ready -> NXDOMAIN.\""""

    def test_a_service(self) -> None:
        expected = Answer(
            kind=AnswerKind.SERVICE, name=f"web.shop.{ZONE}", service=("shop", "web"), addresses=("10.96.0.1",)
        )
        assert asked(f"web.shop.{ZONE}") == expected

    def test_a_headless_service_is_its_ready_pods(self) -> None:
        answer = asked(f"db.shop.{ZONE}")
        assert answer.kind is AnswerKind.PODS
        assert answer.pods == (("shop", "db-0"), ("shop", "plain"))
        assert answer.addresses == ("10.1.0.5", "10.1.0.7")
        assert answer.service == ("shop", "db")

    def test_none_ready_is_nobody(self) -> None:
        assert kind("db", at=where(DB, pods=(CLIENT, DB1))) == "nxdomain"
        assert kind("db", at=where(replace(DB, publish_not_ready_addresses=True), pods=(CLIENT, DB1))) == "pods"

    def test_a_service_without_endpoints_has_its_name(self) -> None:
        assert kind("web", at=where(pods=(CLIENT,))) == "service"

    def test_hand_made_endpoints_of_a_headless_service(self) -> None:
        part = EndpointSlice(
            namespace="shop", name="s", service="db", endpoints=(EndpointAddress(address="192.0.2.1"),), ports=()
        )
        answer = asked("db", at=where(replace(DB, selector=None), endpoint_slices=(part,)))
        assert (answer.kind, answer.pods, answer.addresses) == (AnswerKind.PODS, (), ("192.0.2.1",))

    def test_a_service_that_is_not_loaded(self) -> None:
        assert kind(f"absent.shop.{ZONE}") == "nxdomain"
        assert asked(f"absent.far.{ZONE}").reasons[0].rule == "DNS-1"
        assert kind(f"absent.far.{ZONE}", at=where(whole=True)) == "nxdomain"


class TestDNS2:
    """ "SRV only for named ports. ClusterIP: one answer with the service port. Headless: one per (endpoint, port).\""""

    def test_of_a_cluster_address(self) -> None:
        answer = asked("_http._tcp.web")
        assert answer.kind is AnswerKind.SERVICE
        assert answer.ports == (SRV(f"web.shop.{ZONE}", 80),)

    def test_of_a_headless_service_with_the_ports_of_its_endpoints(self) -> None:
        answer = asked("_pg._tcp.db")
        assert answer.kind is AnswerKind.PODS
        assert answer.ports == (SRV(f"10-1-0-7.db.shop.{ZONE}", 25432), SRV(f"db-0.db.shop.{ZONE}", 15432))

    def test_of_hand_made_endpoints(self) -> None:
        endpoints, ports = (EndpointAddress(address="192.0.2.1"),), (EndpointPort(number=7, name="pg"),)
        part = EndpointSlice(namespace="shop", name="s", service="db", endpoints=endpoints, ports=ports)
        answer = asked("_pg._tcp.db", at=where(replace(DB, selector=None), endpoint_slices=(part,)))
        assert answer.ports == (SRV(f"db.shop.{ZONE}", 7),)

    @pytest.mark.parametrize("name", ["_http._udp.web", "_other._tcp.web", "_http._tcp.absent"])
    def test_other_ports_have_none(self, name: str) -> None:
        assert kind(f"{name}.shop.{ZONE}") == "nxdomain"


class TestDNS3:
    """ "`<hostname>.<svc>.<ns>.svc.<zone>` for headless endpoints; without a hostname an implementation-chosen id.\""""

    def test_a_pod_by_its_host_name(self) -> None:
        answer = asked("db-0.db")
        assert (answer.kind, answer.pods) == (AnswerKind.PODS, (("shop", "db-0"),))
        assert answer.name == f"db-0.db.shop.{ZONE}"

    @pytest.mark.parametrize("name", ["db-1.db", "db-9.db", "client.db"])
    def test_who_is_not_ready_or_not_there_is_nobody(self, name: str) -> None:
        assert kind(f"{name}.shop.{ZONE}") == "nxdomain"

    @pytest.mark.parametrize("name", ["10-1-0-7.db", "plain.db"])
    def test_other_ids_are_up_to_the_server(self, name: str) -> None:
        assert asked(name).reasons[0].rule == "DNS-3"

    def test_the_subdomain_must_be_the_service(self) -> None:
        stranger = replace(DB0, dns=PodDNS(hostname="db-0", subdomain="other"))
        assert kind(f"db-0.db.shop.{ZONE}", at=where(DB, pods=(CLIENT, replace(stranger, name="x")))) == "nxdomain"

    def test_pods_of_a_stateful_set(self) -> None:
        plain = replace(
            pod("db", addresses=()), template=True, workload=WorkloadId("shop", "StatefulSet", "db"), replicas=2
        )
        made = replace(plain, dns=PodDNS(subdomain="db"))  # the loader knows `serviceName`
        full = [f"db-{number}.db.shop.{ZONE}" for number in range(3)]
        assert [kind(name, at=where(DB, pods=(CLIENT, made))) for name in full] == ["pods", "pods", "nxdomain"]
        assert {kind(name, at=where(DB, pods=(CLIENT, plain))) for name in full} == {"unknown"}

    def test_pods_with_a_host_name_have_no_other_id(self) -> None:
        at = where(DB, pods=(CLIENT, DB0))
        assert [kind(f"{name}.db.shop.{ZONE}", at=at) for name in ("db-0", "10-1-0-5")] == ["pods", "nxdomain"]

    def test_services_with_an_address_have_no_names_for_endpoints(self) -> None:
        assert kind(f"db-0.web.shop.{ZONE}") == "nxdomain"


class TestDNS4:
    """ "Pod records depend on CoreDNS `pods` mode.\""""

    @pytest.mark.parametrize("name", ["10-1-0-5.shop.pod.cluster.local", "10-1-0-5.shop.pod"])
    def test_they_are_not_known(self, name: str) -> None:
        assert asked(name).reasons[0].rule == "DNS-4"

    def test_what_is_no_address_is_nobody(self) -> None:
        assert kind("db.shop.pod.cluster.local") == "nxdomain"


class TestDNS5:
    """ "ExternalName: CNAME -> externalName.\""""

    def test_an_alias_of_a_name_outside(self) -> None:
        answer = asked("x", at=where(alias("x", "api.example.com")))
        assert answer == Answer(kind=AnswerKind.EXTERNAL, name="api.example.com", aliases=(f"x.shop.{ZONE}",))

    def test_chains_end_at_a_service(self) -> None:
        at = where(WEB, alias("x", f"y.shop.{ZONE}"), alias("y", f"web.shop.{ZONE}."))
        answer = asked("x", at=at)
        assert (answer.kind, answer.service) == (AnswerKind.SERVICE, ("shop", "web"))
        assert answer.aliases == (f"x.shop.{ZONE}", f"y.shop.{ZONE}")

    def test_targets_are_full_names(self) -> None:
        assert kind("x", at=where(WEB, alias("x", "web"))) == "nxdomain"

    @pytest.mark.parametrize("target", ["x", "y"])
    def test_circles_have_no_answer(self, target: str) -> None:
        at = where(alias("x", f"{target}.shop.{ZONE}"), alias("y", f"x.shop.{ZONE}"))
        assert kind("x", at=at) == "nxdomain"


class TestDNS6:
    """ "Comparisons are case-insensitive. `<zone>` is configurable.\""""

    def test_case(self) -> None:
        assert asked("WEB.Shop.SVC.Cluster.Local") == asked(f"web.shop.{ZONE}")

    def test_the_zone(self) -> None:
        at = where(cluster_domain="corp.example")
        assert kind("web.shop.svc.corp.example", at=at) == "service"
        assert kind("web", at=at) == "service"
        assert kind(f"web.shop.{ZONE}.", at=at) == "external"


class TestDNS7:
    """ "dnsPolicy. A host-network pod with ClusterFirst silently behaves as Default.\""""

    @pytest.mark.parametrize(
        ("policy", "host_network", "expected"),
        [
            ("ClusterFirst", False, "service"),
            ("ClusterFirst", True, "unknown"),
            ("ClusterFirstWithHostNet", True, "service"),
            ("Default", False, "unknown"),
            ("None", False, "unknown"),
        ],
    )
    def test_policies(self, policy: str, host_network: bool, expected: str) -> None:
        client = replace(CLIENT, host_network=host_network, dns=PodDNS(policy=policy, nameservers=("192.0.2.9",)))
        assert kind(f"web.shop.{ZONE}", client) == expected
        assert kind("www.example.com", client) == "external"

    def test_short_names_need_the_search_path(self) -> None:
        client = replace(CLIENT, dns=PodDNS(policy="Default"))
        assert kind("web", client) == "nxdomain"

    def test_none_with_the_address_of_the_clusters_dns_asks_it(self) -> None:
        server = service("kube-dns", 53, ns="kube-system", cluster_ips=("10.96.0.10",))
        dns = PodDNS(policy="None", nameservers=("10.96.0.10",), searches=(f"shop.{ZONE}",), ndots=2)
        assert kind("web", replace(CLIENT, dns=dns), where(WEB, server)) == "service"
        assert kind("web.shop", replace(CLIENT, dns=dns), where(WEB, server)) == "external"
        assert kind("web.shop.svc", replace(CLIENT, dns=dns), where(WEB, server)) == "nxdomain"

    def test_only_the_first_server_is_asked_unless_it_is_silent(self) -> None:
        server = service("dns-default", 53, ns="openshift-dns", cluster_ips=("10.96.0.10",))
        for servers, expected in ((("10.96.0.10", "192.0.2.9"), "service"), (("192.0.2.9", "10.96.0.10"), "unknown")):
            dns = PodDNS(policy="None", nameservers=servers)
            assert kind(f"web.shop.{ZONE}", replace(CLIENT, dns=dns), where(WEB, server)) == expected

    def test_who_is_no_pod_asks_for_full_names(self) -> None:
        assert kind(f"web.shop.{ZONE}", None) == "service"
        assert kind("web", None) == "nxdomain"
        assert kind("www.example.com", None) == "external"


class TestDNS8:
    """ "Search path; ndots:5. `svc` resolves only in its own namespace and `svc.ns` from anywhere.\""""

    FAR = pod("far", ns="other")

    @pytest.mark.parametrize(
        ("name", "here", "elsewhere"),
        [
            ("web", "service", "nxdomain"),
            ("web.shop", "service", "service"),
            ("web.shop.svc", "service", "service"),
            (f"web.shop.{ZONE}", "service", "service"),
            (f"web.shop.{ZONE}.", "service", "service"),
            ("web.", "nxdomain", "nxdomain"),
        ],
    )
    def test_short_names(self, name: str, here: str, elsewhere: str) -> None:
        own = service("own", ns="other")
        at = where(WEB, own, pods=(CLIENT, self.FAR))
        assert [kind(name, client, at) for client in (CLIENT, self.FAR)] == [here, elsewhere]

    def test_what_is_tried(self) -> None:
        searched = [f"a.b.shop.{ZONE}", f"a.b.{ZONE}", "a.b.cluster.local"]
        assert names_tried(where(), CLIENT, "a.b") == [*searched, "a.b"]
        assert names_tried(where(), CLIENT, "a.b.") == ["a.b"]
        assert names_tried(where(), CLIENT, "a.b.c.d.e.f")[0] == "a.b.c.d.e.f"

    def test_ndots_and_searches_of_the_pod(self) -> None:
        client = replace(CLIENT, dns=PodDNS(ndots=1, searches=("corp.example",)))
        assert names_tried(where(), client, "a.b")[0] == "a.b"
        assert names_tried(where(), client, "a")[-2:] == ["a.corp.example", "a"]
        assert asked("a", client).name == "a.corp.example"

    def test_names_outside(self) -> None:
        assert [kind(name) for name in ("www.example.com", "example.com.", "192.0.2.1")] == ["external"] * 3

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("github.com", "external"),
            ("web.far", "external"),
            ("web.far.svc", "unknown"),
            ("web.mentioned", "unknown"),
            ("web.kube-system", "unknown"),
            ("kubernetes.default", "unknown"),
            ("absent.shop", "external"),
            ("absent", "nxdomain"),
            ("absent.shop.svc", "nxdomain"),
            (f"absent.shop.{ZONE}", "nxdomain"),
        ],
    )
    def test_a_service_that_is_not_loaded_counts_only_where_the_input_tells_of_its_namespace(
        self, name: str, expected: str
    ) -> None:
        at = where(WEB, namespaces={**where().namespaces, "mentioned": namespace("mentioned", known=False)})
        assert kind(name, at=at) == expected

    def test_a_search_domain_of_another_zone_hides_no_name_of_the_cluster(self) -> None:
        client = replace(CLIENT, dns=PodDNS(searches=("corp.example",)))
        assert [kind(name, client) for name in (f"web.shop.{ZONE}", "other")] == ["service", "external"]

"""Status of Gateways, listeners, ListenerSets and BackendTLSPolicies, and what backends mean (GW-3 to GW-10, GW-22 to GW-35)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netcheck.logic.attachment import attachments
from netcheck.logic.backends import Backends, share
from netcheck.logic.policy_conditions import policy_statuses
from netcheck.model.gateway import (
    FrontendTLS,
    GatewayAddress,
    GatewayClass,
    GrantFrom,
    GrantTo,
    Material,
    Mirror,
    ObjectRef,
    ParentRef,
    ReferenceGrant,
    RouteKind,
    RouteRule,
)
from netcheck.model.objects import ServicePort, ServiceType
from netcheck.model.profile import Profile, Switch
from netcheck.queries.routes import routes
from tests.logic.gateway_building import (
    ALL,
    authority,
    backend,
    cluster,
    gateway,
    listener,
    listener_set,
    namespace,
    route,
    service,
    statuses,
    tls_policy,
)

OLD, NEW = "2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"
GROUP = "gateway.networking.k8s.io"


def gateway_status(loaded):
    return statuses(attachments(loaded).gateways[0].conditions)


def listener_status(loaded):
    found = attachments(loaded)
    return {item.listener.name: statuses(item.conditions) for item in found.listeners(loaded.gateways[0])}


def serving(loaded):
    return [item.listener.name for item in attachments(loaded).listeners(loaded.gateways[0]) if item.accepted]


class TestGateway:
    def test_all_is_well(self):
        assert gateway_status(cluster(gateway())) == {
            "Accepted": ("True", "Accepted"),
            "Programmed": ("True", "Programmed"),
            "ResolvedRefs": ("True", "ResolvedRefs"),
        }

    def test_some_listeners_are_not_valid(self):
        loaded = cluster(gateway(listener(), listener("bad", "INVALID", 81)))
        assert gateway_status(loaded)["Accepted"] == ("True", "ListenersNotValid")
        assert serving(loaded) == ["http"]

    def test_no_listener_is_valid(self):
        loaded = cluster(gateway(listener("bad", "INVALID")))
        assert gateway_status(loaded)["Accepted"] == ("False", "ListenersNotValid")
        assert gateway_status(loaded)["Programmed"] == ("False", "Invalid")

    def test_a_class_that_is_not_loaded_is_taken_to_be_served(self):
        assert serving(cluster(gateway())) == ["http"]

    def test_a_class_that_a_whole_cluster_lacks_is_not(self):
        loaded = cluster(gateway(), whole=True)
        assert gateway_status(loaded)["Accepted"] == ("Unknown", "Pending")
        assert serving(loaded) == []

    def test_the_controller_is_that_of_the_class(self):
        item = route()
        found = attachments(cluster(gateway(), item, gateway_classes=(GatewayClass(name="public", controller="x/y"),)))
        assert found.parents(item)[0].controller == found.gateways[0].controller == "x/y"

    @pytest.mark.parametrize(
        ("kind", "value", "accepted", "programmed"),
        [
            ("IPAddress", "192.0.2.1", "Accepted", "Programmed"),
            ("IPAddress", "", "Accepted", "Programmed"),
            ("IPAddress", "nowhere", "Accepted", "AddressNotUsable"),
            ("Hostname", "a.example.com", "Accepted", "Programmed"),
            ("gke.example.net/named", "x", "Accepted", "Programmed"),
            ("test/invalid", "x", "UnsupportedAddress", "Invalid"),
        ],
    )
    def test_addresses(self, kind, value, accepted, programmed):
        found = gateway_status(cluster(gateway(addresses=(GatewayAddress(type=kind, value=value),))))
        assert (found["Accepted"][1], found["Programmed"][1]) == (accepted, programmed)

    def test_a_client_certificate_that_is_none(self):
        ref = ObjectRef(group="", kind="Secret", namespace="infra", name="client")
        bad = Material(kind="Secret", namespace="infra", name="client")
        loaded = cluster(gateway(backend_certificate=ref), materials=(bad,))
        assert gateway_status(loaded)["ResolvedRefs"] == ("False", "InvalidClientCertificateRef")
        assert gateway_status(replace(loaded, materials=()))["ResolvedRefs"][0] == "True"


class TestConflicts:
    """GW-4, GW-5: listeners that cannot be told apart; GW-10: of several objects the first wins."""

    def test_nobody_wins_inside_a_gateway(self):
        loaded = cluster(gateway(listener("a"), listener("b"), listener("c", port=81)))
        found = listener_status(loaded)
        assert [found[name]["Conflicted"][1] for name in "abc"] == [
            "HostnameConflict",
            "HostnameConflict",
            "NoConflicts",
        ]
        assert serving(loaded) == ["c"]

    def test_hostnames_and_protocols_make_listeners_distinct(self):
        listeners = (
            listener("a", hostname="a.com"), listener("b"), listener("c", "HTTPS", 80, tls_mode="Terminate"),
            listener("d", "UDP", 80),
        )  # fmt: skip
        assert serving(cluster(gateway(*listeners))) == ["a", "b", "c", "d"]

    def test_tcp_conflicts_with_everything_else_on_its_port(self):
        loaded = cluster(gateway(listener("a", "TCP"), listener("b", hostname="a.com"), listener("c", "UDP")))
        assert serving(loaded) == ["c"]
        assert listener_status(loaded)["b"]["Conflicted"] == ("True", "ProtocolConflict")

    def test_a_gateway_wins_over_its_listener_sets(self):
        loaded = cluster(gateway(listener_sets=ALL), listener_set("set", listener("x"), listener("y", port=81)))
        assert serving(loaded) == ["http", "y"]

    def test_the_oldest_listener_set_wins(self):
        sets = (
            listener_set("a", listener("x", port=81), created=NEW),
            listener_set("b", listener("y", port=81), created=OLD),
        )
        assert serving(cluster(gateway(listener_sets=ALL), *sets)) == ["http", "y"]

    def test_without_creation_times_it_is_not_known(self):
        sets = (listener_set("a", listener("x", port=81)), listener_set("b", listener("y", port=81)))
        loaded = cluster(gateway(listener_sets=ALL), *sets)
        found = listener_status(loaded)
        assert [found[name]["Accepted"] for name in "xy"] == [("Unknown", "Pending")] * 2
        assert all(item.reasons for item in attachments(loaded).listeners(loaded.gateways[0])[1:])

    def test_the_protocol_that_came_first_keeps_the_port(self):
        first = listener_set("a", listener("x", "TCP", 81), created=OLD)
        second = listener_set("b", listener("y", "HTTP", 81), created=NEW)
        assert serving(cluster(gateway(listener_sets=ALL), first, second)) == ["http", "x"]


class TestOverlapping:
    """Listener condition OverlappingTLSConfig: HTTPS listeners of one port with hosts in common."""

    def test_who_has_hosts_in_common(self):
        hosts = {"a": "foo.example.com", "b": "*.example.com", "c": "a.example.net", "d": "b.example.net"}
        listeners = [listener(name, "HTTPS", 443, hostname=host, tls_mode="Terminate") for name, host in hosts.items()]
        other = listener("e", "HTTPS", 8443, hostname="foo.example.com", tls_mode="Terminate")
        found = listener_status(cluster(gateway(*listeners, other)))
        assert [name for name in "abcde" if "OverlappingTLSConfig" in found[name]] == ["a", "b"]

    def test_it_is_no_fault(self):
        listeners = [listener(name, "HTTPS", 443, hostname=host, tls_mode="Terminate")
                     for name, host in (("a", ""), ("b", "b.com"))]  # fmt: skip
        assert routes(cluster(gateway(*listeners))).faults == ()


class TestListenerSets:
    def test_accepted(self):
        loaded = cluster(gateway(listener_sets=ALL), listener_set("set", listener("x", port=81)))
        assert statuses(attachments(loaded).sets[0].conditions) == {
            "Accepted": ("True", "Accepted"),
            "Programmed": ("True", "Programmed"),
        }

    def test_no_listener_of_it_is_valid(self):
        loaded = cluster(gateway(listener_sets=ALL), listener_set("set", listener("x")))
        assert statuses(attachments(loaded).sets[0].conditions)["Accepted"] == ("False", "ListenersNotValid")

    def test_its_gateway_is_not_accepted(self):
        addresses = (GatewayAddress(type="test/x", value="x"),)
        loaded = cluster(gateway(listener_sets=ALL, addresses=addresses), listener_set("set", listener("x", port=81)))
        assert statuses(attachments(loaded).sets[0].conditions)["Accepted"] == ("False", "ParentNotAccepted")

    @pytest.mark.parametrize(("known", "status"), [(True, "False"), (False, "Unknown")])
    def test_its_gateway_is_not_loaded(self, known, status):
        spaces = namespace("infra") if known else {}
        loaded = cluster(listener_set("set", listener("x"), parent="other"), namespaces=spaces)
        assert statuses(attachments(loaded).sets[0].conditions)["Accepted"][0] == status

    def test_grants_of_the_gateway_are_not_inherited(self):
        ref = ObjectRef(group="", kind="Secret", namespace="vault", name="tls")
        tls = listener("x", "HTTPS", 443, tls_mode="Terminate", certificates=(ref,))
        loaded = cluster(
            gateway(listener_sets=ALL), listener_set("set", tls), namespaces=namespace("infra") | namespace("vault"),
            grants=(grant("Gateway", "Secret"),),
        )  # fmt: skip
        assert listener_status(loaded)["x"]["ResolvedRefs"] == ("False", "RefNotPermitted")
        assert (
            listener_status(replace(loaded, grants=(grant("ListenerSet", "Secret"),)))["x"]["ResolvedRefs"][0] == "True"
        )


def grant(kind, target, *, name="", source="infra", space="vault"):
    group = "" if target in ("Service", "Secret", "ConfigMap") else GROUP
    return ReferenceGrant(
        namespace=space, name="grant", sources=(GrantFrom(group=GROUP, kind=kind, namespace=source),),
        targets=(GrantTo(group=group, kind=target, name=name),),
    )  # fmt: skip


class TestListenerRefs:
    def https(self, *certificates, **fields):
        return gateway(listener("x", "HTTPS", 443, tls_mode="Terminate", certificates=certificates), **fields)

    def secret(self, space="infra", kind="Secret"):
        return ObjectRef(group="", kind=kind, namespace=space, name="tls")

    @pytest.mark.parametrize(
        ("keypair", "reason"), [(None, "ResolvedRefs"), (True, "ResolvedRefs"), (False, "InvalidCertificateRef")]
    )
    def test_a_secret_that_is_not_loaded_is_taken_to_exist(self, keypair, reason):
        found = () if keypair is None else (Material(kind="Secret", namespace="infra", name="tls", keypair=keypair),)
        loaded = cluster(self.https(self.secret()), materials=found)
        assert listener_status(loaded)["x"]["ResolvedRefs"][1] == reason
        assert serving(loaded) == (["x"] if reason == "ResolvedRefs" else [])

    def test_another_kind_is_no_certificate(self):
        loaded = cluster(self.https(self.secret(kind="ConfigMap")))
        assert listener_status(loaded)["x"]["ResolvedRefs"] == ("False", "InvalidCertificateRef")

    @pytest.mark.parametrize(
        ("spaces", "name", "status"),
        [
            (("vault",), "tls", "True"),
            (("vault",), "other", "False"),
            ((), None, "Unknown"),
            (("vault",), None, "False"),
        ],
    )
    def test_other_namespaces_need_a_grant(self, spaces, name, status):
        known = namespace("infra") | {key: value for space in spaces for key, value in namespace(space).items()}
        grants = () if name is None else (grant("Gateway", "Secret", name=name),)
        loaded = cluster(self.https(self.secret("vault")), namespaces=known, grants=grants)
        assert listener_status(loaded)["x"]["ResolvedRefs"][0] == status

    def test_kinds_of_other_protocols(self):
        kinds = (RouteKind(GROUP, "TCPRoute"), RouteKind(GROUP, "HTTPRoute"))
        loaded = cluster(gateway(listener(kinds=kinds)))
        bound = attachments(loaded).listeners(loaded.gateways[0])[0]
        assert statuses(bound.conditions)["ResolvedRefs"] == ("False", "InvalidRouteKinds")
        assert bound.kinds == (RouteKind(GROUP, "HTTPRoute"),)
        assert bound.accepted

    @pytest.mark.parametrize(
        ("ref", "reason"),
        [
            (authority("good"), "ResolvedRefs"),
            (authority("bad"), "InvalidCACertificateRef"),
            (authority("absent"), "ResolvedRefs"),
            (authority("good", "Service"), "InvalidCACertificateKind"),
            (authority("good", namespace="vault"), "RefNotPermitted"),
        ],
    )
    def test_authorities_of_clients(self, ref, reason):
        found = (
            Material(kind="ConfigMap", namespace="infra", name="good", authority=True),
            Material(kind="ConfigMap", namespace="infra", name="bad"),
        )
        spaces = namespace("infra") | namespace("vault")
        frontend = (FrontendTLS(port=443, authorities=(ref,)), FrontendTLS(authorities=(authority("bad"),)))
        loaded = cluster(self.https(frontend=frontend), materials=found, namespaces=spaces)
        status = listener_status(loaded)["x"]
        assert status["ResolvedRefs"][1] == reason
        assert status["Accepted"][1] == ("Accepted" if reason == "ResolvedRefs" else "NoValidCACertificate")

    def test_authorities_of_clients_that_a_whole_cluster_lacks(self):
        gateway = self.https(frontend=(FrontendTLS(authorities=(authority("absent"),)),))
        loaded = cluster(gateway, gateway_classes=(GatewayClass(name=gateway.class_name),), whole=True)
        assert listener_status(loaded)["x"]["ResolvedRefs"][1] == "InvalidCACertificateRef"

    def test_a_protocol_of_an_implementation_is_not_known(self):
        loaded = cluster(gateway(listener("x", "example.com/quic")))
        assert listener_status(loaded)["x"]["Accepted"] == ("Unknown", "Pending")


class TestBackends:
    @pytest.mark.parametrize(
        ("ref", "problem"),
        [
            (backend(), ""),
            (backend("absent"), "BackendNotFound"),
            (backend(port=81), "BackendNotFound"),
            (backend(kind="Bucket", group="example.com"), "InvalidKind"),
            (backend(namespace="shop"), "RefNotPermitted"),
            (backend("absent", namespace="shop"), "RefNotPermitted"),
            (backend("ws", 80), ""),
        ],
    )
    def test_problems(self, ref, problem):
        sockets = service("ws", ServicePort(port=80, target_port=80, app_protocol="kubernetes.io/ws"))
        loaded = cluster(service(), service(namespace="shop"), sockets)
        item = route(backends=(ref,))
        assert share(loaded, item, ref).problem == problem
        refs = statuses(attachments(replace(loaded, routes=(item,))).parents(item)[0].conditions)["ResolvedRefs"]
        assert refs == (("False", problem) if problem else ("True", "ResolvedRefs"))

    def test_a_grant_permits(self):
        loaded = cluster(service(namespace="shop"), grants=(grant("HTTPRoute", "Service", space="shop"),))
        ref = backend(namespace="shop")
        assert share(loaded, route(backends=(ref,)), ref).problem == ""
        assert share(loaded, route(kind="GRPCRoute", backends=(ref,)), ref).problem == "RefNotPermitted"

    def test_a_namespace_that_nobody_defines_is_not_known(self):
        ref = backend(namespace="elsewhere")
        found = Backends(cluster()).resolve(route(backends=(ref,)), ref)
        assert (found.share.problem, [item.rule for item in found.reasons]) == ("", ["GW-26", "GW-24"])

    def test_an_external_name_is_not_known(self):
        ref = backend()
        found = Backends(cluster(service(type=ServiceType.EXTERNAL_NAME))).resolve(route(), ref)
        assert [item.rule for item in found.reasons] == ["GW-25"]

    def test_udp_routes_use_udp_ports(self):
        ports = (ServicePort(port=53, target_port=53, protocol="UDP"), ServicePort(port=80, target_port=80))
        backends = Backends(cluster(service("web", *ports)))
        udp = route(kind="UDPRoute")
        assert [backends.resolve(udp, backend(port=item)).share.problem for item in (53, 80)] == ["", "BackendNotFound"]

    def test_grpc_does_not_speak_websockets(self):
        port = ServicePort(port=80, target_port=80, app_protocol="kubernetes.io/ws")
        found = Backends(cluster(service("web", port))).resolve(route(kind="GRPCRoute"), backend())
        assert found.share.problem == "UnsupportedProtocol"

    @pytest.mark.parametrize(("switch", "problem"), [(Switch.NO, ""), (Switch.YES, "RefNotPermitted")])
    def test_a_mesh_needs_grants_only_under_a_switch(self, switch, problem):
        profile = Profile().with_switch("mesh_reference_grant", switch)
        loaded = cluster(service(namespace="shop"), profile=profile)
        ref = backend(namespace="shop")
        mesh = route("web", ParentRef(group="", kind="Service", namespace="infra", name="web"))
        assert Backends(loaded).resolve(mesh, ref, mesh=True).share.problem == problem

    def test_mirrors_are_references_too(self):
        rule = RouteRule(filters=(Mirror(backend=backend("absent")),), backends=(backend(),))
        item = route(rules=(rule,))
        found = attachments(cluster(gateway(), service(), item))
        assert statuses(found.parents(item)[0].conditions)["ResolvedRefs"] == ("False", "BackendNotFound")


class TestBackendTLS:
    GOOD = Material(kind="ConfigMap", namespace="infra", name="good", authority=True)
    BAD = Material(kind="ConfigMap", namespace="infra", name="bad")

    def world(self, *policies, **fields):
        named = service("web", ServicePort(port=80, target_port=80, name="a"))
        return cluster(
            gateway(), named, route(backends=(backend(),)), *policies, materials=(self.GOOD, self.BAD), **fields
        )  # fmt: skip

    def status(self, *policies):
        loaded = self.world(*policies)
        return {item.policy.name: statuses(item.conditions) for item in policy_statuses(loaded, attachments(loaded))}

    def problem(self, *policies):
        loaded = self.world(*policies)
        return Backends(loaded).resolve(loaded.routes[0], backend()).share.problem

    def test_in_force(self):
        policy = tls_policy("tls", authority("good"))
        assert self.status(policy)["tls"]["Accepted"] == ("True", "Accepted")
        assert self.problem(policy) == ""

    def test_the_ancestors_are_gateways_with_routes_to_the_target(self):
        loaded = replace(self.world(tls_policy("tls", authority("good"))), gateways=(gateway(), gateway(name="idle")))
        found = policy_statuses(loaded, attachments(loaded))
        assert [item.name for item in found[0].ancestors] == ["edge"]

    @pytest.mark.parametrize(
        ("refs", "accepted", "resolved"),
        [
            ((authority("bad"),), "NoValidCACertificate", "InvalidCACertificateRef"),
            ((authority("good", "Bundle"),), "NoValidCACertificate", "InvalidKind"),
            ((authority("good"), authority("bad")), "Accepted", "InvalidCACertificateRef"),
            ((authority("absent"),), "Accepted", "ResolvedRefs"),
        ],
    )
    def test_invalid_authorities(self, refs, accepted, resolved):
        policy = tls_policy("tls", *refs)
        found = self.status(policy)["tls"]
        assert (found["Accepted"][1], found["ResolvedRefs"][1]) == (accepted, resolved)
        assert self.problem(policy) == ("" if accepted == "Accepted" else "InvalidTLS")

    def test_authorities_that_a_whole_cluster_lacks(self):
        loaded = self.world(tls_policy("tls", authority("absent")), whole=True)
        assert Backends(loaded).resolve(loaded.routes[0], backend()).share.problem == "InvalidTLS"

    def test_an_invalid_policy_does_not_unresolve_the_route(self):
        loaded = self.world(tls_policy("tls", authority("bad")))
        parent = attachments(loaded).parents(loaded.routes[0])[0]
        assert statuses(parent.conditions)["ResolvedRefs"] == ("True", "ResolvedRefs")

    @pytest.mark.parametrize(("name", "reason"), [("System", "Accepted"), ("Mine", "Invalid")])
    def test_well_known_authorities(self, name, reason):
        assert self.status(tls_policy("tls", well_known=name))["tls"]["Accepted"][1] == reason

    def test_the_older_policy_wins(self):
        old, new = tls_policy("z", authority("bad"), created=OLD), tls_policy("a", authority("good"), created=NEW)
        assert self.status(old, new)["a"]["Accepted"] == ("False", "Conflicted")
        assert self.problem(old, new) == "InvalidTLS"

    def test_without_creation_times_it_is_not_known(self):
        one, two = tls_policy("z", authority("bad")), tls_policy("a", authority("good"))
        assert self.status(one, two)["a"]["Accepted"] == ("Unknown", "Pending")
        loaded = self.world(one, two)
        found = Backends(loaded).resolve(loaded.routes[0], backend())
        assert (found.share.problem, [item.rule for item in found.reasons]) == ("", ["GW-28"])

    def test_a_policy_of_the_port_comes_before_one_of_the_service(self):
        port, whole = tls_policy("port", authority("good"), section="a"), tls_policy("whole", authority("bad"))
        assert self.problem(port, whole) == ""

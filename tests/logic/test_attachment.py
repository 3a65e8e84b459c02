"""Attachment: which listeners take a route, under which hostnames, and what the route's status says (GW-9 to GW-16)."""

from __future__ import annotations

import pytest

from netcheck.logic.attachment import attachments
from netcheck.logic.hostnames import covers, intersection, suffixes
from netcheck.model.gateway import AllowedNamespaces, From, ParentRef, Redirect, RouteKind, RouteRule
from netcheck.model.objects import ServicePort
from netcheck.model.profile import Profile, Switch
from netcheck.values.labels import LabelSelector
from tests.logic.gateway_building import (
    ALL,
    backend,
    cluster,
    gateway,
    listener,
    listener_set,
    namespace,
    parent,
    route,
    service,
    statuses,
)

OLD, NEW = "2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"


def accepted(found, item, position=0):
    return statuses(found.parents(item)[position].conditions)["Accepted"]


def names(found, loaded, position=0):
    bound = found.listeners(loaded.gateways[0])[position]
    return [item.route.name for item in found.bindings(bound)]


class TestHostnames:
    @pytest.mark.parametrize(
        ("listener_host", "hosts", "effective"),
        [
            ("", (), ("",)),
            ("", ("a.com", "*.b.com"), ("*.b.com", "a.com")),
            ("a.com", (), ("a.com",)),
            ("very.specific.com", ("non.matching.com", "very.specific.com"), ("very.specific.com",)),
            ("*.wildcard.io", ("wildcard.io", "foo.bar.wildcard.io"), ("foo.bar.wildcard.io",)),
            ("very.specific.com", ("*.specific.com",), ("very.specific.com",)),
            ("*.a.io", ("*.a.io",), ("*.a.io",)),
            ("*.io", ("*.a.io", "*.b.com"), ("*.a.io",)),
            ("*.a.io", ("*.io",), ("*.a.io",)),
            ("a.com", ("b.com",), ()),
            ("*.a.com", ("*.b.com",), ()),
        ],
    )
    def test_intersection(self, listener_host, hosts, effective):
        assert intersection(listener_host, hosts) == effective

    def test_a_wildcard_covers_several_labels_and_not_its_suffix(self):
        assert covers("*.example.com", "b.a.example.com")
        assert not covers("*.example.com", "example.com")
        assert not covers("*.example.com", "badexample.com")

    @pytest.mark.parametrize("name", ["", "com", "a.b.com", "*.b.com", "*.com"])
    def test_suffixes_are_what_covers(self, name):
        candidates = ["", "com", "*.com", "b.com", "*.b.com", "a.b.com", "*.a.b.com"]
        assert {wide for wide in candidates if covers(wide, name)} == set(suffixes(name))


class TestParents:
    def test_a_route_attaches_to_every_listener_without_section_and_port(self):
        item = route()
        loaded = cluster(gateway(listener("a"), listener("b", port=81)), item)
        found = attachments(loaded)
        assert [bound.attached for bound in found.listeners(loaded.gateways[0])] == [1, 1]

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"section": "b"}, "Accepted"),
            ({"port": 81}, "Accepted"),
            ({"section": "a", "port": 81}, "NoMatchingParent"),
            ({"section": "c"}, "NoMatchingParent"),
        ],
    )
    def test_section_and_port_narrow(self, fields, reason):
        item = route("web", parent(**fields))
        loaded = cluster(gateway(listener("a"), listener("b", port=81)), item)
        found = attachments(loaded)
        assert accepted(found, item)[1] == reason
        assert [bound.attached for bound in found.listeners(loaded.gateways[0])] == [0, int(reason == "Accepted")]

    def test_two_parents_that_mean_one_listener_attach_once(self):
        item = route("web", parent(section="http"), parent(port=80))
        loaded = cluster(gateway(), item)
        found = attachments(loaded)
        assert found.listeners(loaded.gateways[0])[0].attached == 1
        assert names(found, loaded) == ["web"]

    def test_a_gateway_that_is_not_there(self):
        item = route("web", parent("other"))
        assert accepted(attachments(cluster(item)), item) == ("False", "NoMatchingParent")

    def test_a_gateway_of_a_namespace_that_nobody_defines(self):
        item = route("web", parent(namespace="elsewhere"))
        assert accepted(attachments(cluster(item)), item) == ("Unknown", "Pending")

    def test_a_default_gateway_takes_routes_that_ask_for_one(self):
        item = route("web", parent("other"), default_gateways=True)
        loaded = cluster(gateway(default_scope=True), gateway(name="plain"), item)
        found = attachments(loaded)
        assert [(one.parent.name, one.conditions[0].status) for one in found.parents(item)] == [
            ("other", "False"),
            ("edge", "True"),
        ]

    def test_filters_that_exclude_each_other(self):
        bad, good = RouteRule(filters=(Redirect(),), backends=(backend(),)), RouteRule(backends=(backend(),))
        all_bad, some_bad = route("all", rules=(bad,)), route("some", rules=(bad, good))
        found = attachments(cluster(gateway(), service(), all_bad, some_bad))
        assert accepted(found, all_bad) == ("False", "IncompatibleFilters")
        assert statuses(found.parents(some_bad)[0].conditions)["PartiallyInvalid"] == ("True", "IncompatibleFilters")


class TestAllowed:
    def test_other_namespaces_are_kept_out_by_default(self):
        item = route(namespace="shop")
        assert accepted(attachments(cluster(gateway(), item)), item) == ("False", "NotAllowedByListeners")

    def test_all_namespaces(self):
        item = route(namespace="shop")
        assert accepted(attachments(cluster(gateway(listener(namespaces=ALL)), item)), item) == ("True", "Accepted")

    @pytest.mark.parametrize(
        ("labels", "known", "status"),
        [
            ({"team": "shop"}, True, "True"),
            ({"team": "pay"}, True, "False"),
            ({}, True, "False"),
            ({}, False, "Unknown"),
        ],
    )
    def test_a_selector_over_labels(self, labels, known, status):
        selector = AllowedNamespaces(source=From.SELECTOR, selector=LabelSelector.of({"team": "shop"}))
        item = route(namespace="shop")
        spaces = namespace("infra") | namespace("shop", known=known, **labels)
        loaded = cluster(gateway(listener(namespaces=selector)), item, namespaces=spaces)
        found = attachments(loaded)
        assert accepted(found, item)[0] == status
        reasons = [one.reasons[0].rule for one in found.bindings(found.listeners(loaded.gateways[0])[0]) if one.reasons]
        assert reasons == (["GW-9"] if status == "Unknown" else [])

    @pytest.mark.parametrize(
        ("kind", "protocol", "mode", "reason"),
        [
            ("GRPCRoute", "HTTP", "", "Accepted"),
            ("TLSRoute", "HTTP", "", "NotAllowedByListeners"),
            ("TLSRoute", "TLS", "Passthrough", "Accepted"),
            ("TLSRoute", "TLS", "Terminate", "Accepted"),
            ("HTTPRoute", "TLS", "Passthrough", "NotAllowedByListeners"),
            ("TCPRoute", "TCP", "", "Accepted"),
            ("UDPRoute", "TCP", "", "NotAllowedByListeners"),
            ("TCPRoute", "TLS", "Terminate", "Pending"),
        ],
    )
    def test_kinds_by_protocol(self, kind, protocol, mode, reason):
        item = route(kind=kind)
        loaded = cluster(gateway(listener("x", protocol, tls_mode=mode)), item)
        assert accepted(attachments(loaded), item)[1] == reason

    @pytest.mark.parametrize(("switch", "reason"), [(Switch.YES, "Accepted"), (Switch.NO, "NotAllowedByListeners")])
    def test_whether_tcp_routes_attach_to_terminated_tls_is_a_switch(self, switch, reason):
        item = route(kind="TCPRoute")
        profile = Profile().with_switch("tcp_route_on_tls_terminate", switch)
        loaded = cluster(gateway(listener("x", "TLS", tls_mode="Terminate")), item, profile=profile)
        assert accepted(attachments(loaded), item)[1] == reason

    def test_kinds_that_are_listed(self):
        kinds = (RouteKind("gateway.networking.k8s.io", "GRPCRoute"),)
        item = route()
        loaded = cluster(gateway(listener(kinds=kinds)), item)
        assert accepted(attachments(loaded), item) == ("False", "NotAllowedByListeners")

    def test_hostnames_decide_last(self):
        item = route(hosts=("b.com",))
        loaded = cluster(gateway(listener(hostname="a.com"), listener("tcp", "TCP", 81)), item)
        assert accepted(attachments(loaded), item) == ("False", "NoMatchingListenerHostname")

    def test_a_listener_without_traffic_takes_routes_that_are_not_accepted(self):
        item = route()
        loaded = cluster(
            gateway(listener(protocol="INVALID"), listener("web", port=81)), item, route("x", parent(port=80))
        )
        found = attachments(loaded)
        assert accepted(found, item) == ("True", "Accepted")
        assert accepted(found, loaded.routes[1]) == ("False", "NotAllowedByListeners")


class TestKindsThatContend:
    """GW-14: of an HTTPRoute and a GRPCRoute with a common hostname only the older one is accepted."""

    @pytest.mark.parametrize("hosts", [(("a.com",), ("a.com",)), ((), ("a.com",)), (("*.com",), ("a.com",))])
    def test_the_older_one_wins(self, hosts):
        http, grpc = (
            route("http", hosts=hosts[0], created=NEW),
            route("grpc", kind="GRPCRoute", hosts=hosts[1], created=OLD),
        )
        loaded = cluster(gateway(), http, grpc)
        found = attachments(loaded)
        assert names(found, loaded) == ["grpc"]
        assert accepted(found, http) == ("False", "Conflicted")
        assert found.listeners(loaded.gateways[0])[0].attached == 2

    def test_without_creation_times_it_is_not_known(self):
        http, grpc = route("http"), route("grpc", kind="GRPCRoute")
        loaded = cluster(gateway(), http, grpc)
        found = attachments(loaded)
        assert [accepted(found, item)[0] for item in (http, grpc)] == ["Unknown", "Unknown"]
        bound = found.listeners(loaded.gateways[0])[0]
        assert {one.reasons[0].rule for one in found.bindings(bound)} == {"GW-14"}

    def test_who_has_lost_takes_nothing(self):
        first = route("a", kind="GRPCRoute", hosts=("a.com",), created="2024-01-01T00:00:00Z")
        second = route("b", hosts=("a.com", "b.com"), created="2024-01-02T00:00:00Z")
        third = route("c", kind="GRPCRoute", hosts=("b.com",), created="2024-01-03T00:00:00Z")
        loaded = cluster(gateway(), first, second, third)
        assert names(attachments(loaded), loaded) == ["a", "c"]

    def test_other_hostnames_do_not_contend(self):
        http, grpc = route("http", hosts=("a.com",)), route("grpc", kind="GRPCRoute", hosts=("b.com",))
        loaded = cluster(gateway(), http, grpc)
        assert names(attachments(loaded), loaded) == ["grpc", "http"]

    def test_one_name_breaks_a_tie_of_age(self):
        http, grpc = route("z", created=OLD), route("a", kind="GRPCRoute", created=OLD)
        loaded = cluster(gateway(), http, grpc)
        assert names(attachments(loaded), loaded) == ["a"]


class TestListenerSets:
    def test_a_parent_that_is_the_gateway_does_not_reach_them(self):
        item = route("web", parent(section="more"))
        loaded = cluster(gateway(listener_sets=ALL), listener_set("set", listener("more", port=81)), item)
        assert accepted(attachments(loaded), item) == ("False", "NoMatchingParent")

    def test_a_parent_that_is_the_set(self):
        item = route("web", ParentRef(kind="ListenerSet", namespace="infra", name="set"))
        loaded = cluster(gateway(listener_sets=ALL), listener_set("set", listener("more", port=81)), item)
        found = attachments(loaded)
        assert accepted(found, item) == ("True", "Accepted")
        assert names(found, loaded, 1) == ["web"]
        assert found.listeners(loaded.gateways[0])[1].listener_set is loaded.listener_sets[0]

    def test_a_set_that_is_not_allowed_serves_nothing(self):
        item = route("web", ParentRef(kind="ListenerSet", namespace="infra", name="set"))
        loaded = cluster(gateway(), listener_set("set", listener("more", port=81)), item)
        found = attachments(loaded)
        assert accepted(found, item)[0] == "False"
        assert statuses(found.sets[0].conditions)["Accepted"] == ("False", "NotAllowed")
        assert not found.listeners(loaded.gateways[0])[1].accepted


class TestMesh:
    SERVICE = ParentRef(group="", kind="Service", namespace="infra", name="web")

    def test_every_port_without_one(self):
        item = route("web", self.SERVICE)
        found = attachments(cluster(service("web", 80, 81), item))
        assert accepted(found, item) == ("True", "Accepted")
        assert [(one.port, one.is_producer) for one in found.mesh_bindings] == [(80, True), (81, True)]

    def test_a_consumer_route(self):
        item = route("web", self.SERVICE, namespace="shop")
        assert not attachments(cluster(service(), item)).mesh_bindings[0].is_producer

    @pytest.mark.parametrize("fields", [{"port": 82}, {"section": "other"}])
    def test_a_port_that_the_service_lacks(self, fields):
        item = route("web", ParentRef(group="", kind="Service", namespace="infra", name="web", **fields))
        assert accepted(attachments(cluster(service(), item)), item) == ("False", "NoMatchingParent")

    def test_a_port_by_name(self):
        item = route("web", ParentRef(group="", kind="Service", namespace="infra", name="web", section="b"))
        ports = (ServicePort(port=80, target_port=80, name="a"), ServicePort(port=81, target_port=81, name="b"))
        assert [one.port for one in attachments(cluster(service("web", *ports), item)).mesh_bindings] == [81]

    def test_a_service_that_is_not_known(self):
        item = route("web", ParentRef(group="", kind="Service", namespace="elsewhere", name="web"))
        assert accepted(attachments(cluster(item)), item) == ("Unknown", "Pending")

    def test_of_several_kinds_on_one_port_one_is_in_force(self):
        http, grpc = route("http", self.SERVICE), route("grpc", self.SERVICE, kind="GRPCRoute")
        found = attachments(cluster(service(), http, grpc))
        assert [one.route.name for one in found.mesh_bindings] == ["grpc"]
        assert accepted(found, http) == ("False", "Conflicted")

    def test_a_route_that_loses_one_port_keeps_the_other(self):
        grpc = route(
            "grpc", ParentRef(group="", kind="Service", namespace="infra", name="web", port=80), kind="GRPCRoute"
        )
        http = route("http", self.SERVICE)
        found = attachments(cluster(service("web", 80, 81), http, grpc))
        assert sorted((one.route.name, one.port) for one in found.mesh_bindings) == [("grpc", 80), ("http", 81)]
        assert accepted(found, http) == ("True", "Accepted")

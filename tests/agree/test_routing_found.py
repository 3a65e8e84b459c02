"""Requests about which the router and the oracle once differed: what both say now, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netcheck.logic.routing import Router
from netcheck.model.flow import Verdict
from netcheck.model.gateway import FrontendTLS, GRPCMatch, Material, ObjectRef, PathChange, Redirect
from netcheck.model.profile import Profile, Switch
from netcheck.model.request import Routed, Scheme
from netcheck.model.routes import Ingress, IngressBackend, IngressClass, IngressPath, IngressRule, IngressTLS
from netcheck.semantics.ingress import route_at_ingress
from netcheck.semantics.routing import route_at_gateway, route_in_mesh
from tests.agree.routers import shown
from tests.spec.way_builders import EXACT, backend, gateway, get, listener, parent, path, plain, route, rule, world

HTTPS, TLS, GRPC = Scheme.HTTPS, Scheme.TLS, Scheme.GRPC


def both(cluster, request) -> Routed:
    """Return what the Gateway does by the oracle; the router must say the same."""
    expected = route_at_gateway(cluster, cluster.gateways[0], request)
    assert shown(Router(cluster).at_gateway(cluster.gateways[0], request)) == shown(expected)
    return expected


def summary(routed):
    return (routed.verdict.value, routed.status or ("refused" if routed.refused else None))


def https(name="s", hostname="", **more):
    return listener(name, 443, "HTTPS", hostname, **more)


def passing(name="t", hostname=""):
    return listener(name, 443, "TLS", hostname, tls_mode="Passthrough")


@pytest.mark.parametrize("hostname", ["", "*.com", "a.com"])
def test_an_https_and_a_tls_listener_with_one_name_leave_it_open(hostname):
    cluster = world(gateway(https("s", hostname), passing("t", hostname)), route(), plain("p", "TLSRoute", "b"))
    for scheme in (HTTPS, TLS):
        assert both(cluster, get("a.com/", scheme=scheme)).verdict is Verdict.UNKNOWN


def test_a_host_that_a_tls_listener_has_is_misdirected():
    cluster = world(gateway(https("s", "a.com"), passing("t", "*.com")), route())
    answers = [both(cluster, get(f"{host}/", scheme=HTTPS, sni="a.com")) for host in ("a.com", "b.com", "b.org")]
    assert [summary(item) for item in answers] == [("allowed", None), ("denied", 421), ("denied", 404)]


@pytest.mark.parametrize(
    ("listeners", "sni", "expected"),
    [
        ((listener("h", 80),), "", ("allowed", None)),
        ((listener("h", 80),), "a.com", ("denied", "refused")),
        ((listener("h", 80), listener("s", 80, "HTTPS", "b.com")), "", ("allowed", None)),
        ((listener("h", 80), listener("s", 80, "HTTPS", "b.com")), "a.com", ("denied", "refused")),
        ((listener("h", 80, "HTTP", "b.com"), listener("s", 80, "HTTPS")), "a.com", ("allowed", None)),
        ((listener("s", 80, "HTTPS"),), "", ("allowed", None)),
    ],
)
def test_calls_of_grpc_that_name_a_server_come_over_tls(listeners, sni, expected):
    cluster = world(gateway(*listeners), route("r", rule("a", GRPCMatch()), kind="GRPCRoute"))
    assert summary(both(cluster, get("a.com/s/m", scheme=GRPC, sni=sni))) == expected


@pytest.mark.parametrize(
    ("listeners", "expected"),
    [
        ((listener("c", 80, "example.com/quic"),), ("unknown", None)),
        ((listener("c", 80, "example.com/quic"), listener("d", 80, "example.com/quic")), ("unknown", None)),
        ((listener("c", 80, "example.com/quic"), listener("h", 80)), ("allowed", None)),
        ((listener("c", 81, "example.com/quic"), listener("h", 443, "HTTPS")), ("denied", "refused")),
        ((listener("z", 0), listener("h", 80)), ("unknown", None)),
    ],
)
def test_what_a_protocol_or_port_of_an_implementation_takes_is_not_known(listeners, expected):
    grpc = route("g", rule("b", GRPCMatch()), kind="GRPCRoute", hosts=["b.com"])
    cluster = world(gateway(*listeners), route("r", hosts=["a.com"]), grpc, plain("t", "TCPRoute", "c"))
    assert summary(both(cluster, get("a.com/"))) == expected


def test_a_port_with_a_custom_protocol_refuses_names_that_its_tls_listeners_lack():
    cluster = world(gateway(https("s", "a.com"), listener("c", 443, "example.com/quic")), route())
    assert summary(both(cluster, get("b.com/", scheme=HTTPS))) == ("denied", "refused")


SECRETS = tuple(
    Material(kind="Secret", namespace="shop", name=name, keypair=name == "good") for name in ("good", "bad")
)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("good", "not-loaded"), "allowed"),
        (("bad",), "denied"),
        (("bad", "bad"), "denied"),
        (("good", "bad"), "unknown"),
        (("bad", "good"), "unknown"),
    ],
)
def test_several_certificates_of_which_some_are_bad_are_up_to_implementations(names, expected):
    refs = tuple(ObjectRef(group="", kind="Secret", namespace="shop", name=name) for name in names)
    cluster = world(gateway(https(certificates=refs)), route(), materials=SECRETS)
    assert both(cluster, get("a.com/", scheme=HTTPS)).verdict.value == expected


@pytest.mark.parametrize(("namespaces", "expected"), [(("shop", "far"), "allowed"), (("far",), "unknown")])
def test_one_valid_authority_for_clients_is_enough(namespaces, expected):
    refs = tuple(ObjectRef(group="", kind="ConfigMap", namespace=name, name="ca") for name in namespaces)
    cluster = world(gateway(https(), frontend=(FrontendTLS(authorities=refs),)), route())
    assert both(cluster, get("a.com/", scheme=HTTPS)).verdict.value == expected


@pytest.mark.parametrize(("kind", "expected"), [("Exact", "/foo"), ("PathPrefix", "/new")])
def test_only_a_prefix_that_was_matched_is_replaced(kind, expected):
    found = path("/foo", EXACT) if kind == "Exact" else path("/foo")
    change = Redirect(path=PathChange(type="ReplacePrefixMatch", value="/new"))
    cluster = world(gateway(), route("r", rule((), found, filters=(change,))))
    answer = both(cluster, get("/foo"))
    assert answer.redirect is not None
    assert answer.redirect.path == expected


def test_less_specific_listeners_serve_in_the_order_of_their_host_names():
    listeners = (listener("any", 80), listener("wild", 80, "HTTP", "*.com"), listener("own", 80, "HTTP", "*.a.com"))
    many = route("r", parents=[parent(section="any"), parent(section="wild")])
    cluster = world(gateway(*listeners), many, profile=Profile(listener_isolation=Switch.NO))
    answer = both(cluster, get("b.a.com/"))
    assert answer.served is not None
    assert answer.served.listener == "wild"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("absent", ("denied", 500, "BackendNotFound")), ("b", ("unknown", None, None))],
)
def test_a_backend_that_is_absent_is_so_whether_or_not_a_mesh_asks_for_grants(name, expected):
    producer = route("r", rule([backend(name, ns="web")]), parents=[parent("a", kind="Service")])
    cluster = world(producer, profile=Profile(mesh_reference_grant=Switch.UNKNOWN))
    service = next(item for item in cluster.services if (item.namespace, item.name) == ("shop", "a"))
    found = Router(cluster).in_mesh(service, "shop", get("/"))
    assert shown(found) == shown(route_in_mesh(cluster, service, "shop", get("/")))
    problem = found.shares[0].problem if not found.reasons else None
    assert (found.verdict.value, found.status, problem) == expected


BACKEND = IngressBackend(service="a", port=80)
RULES = (IngressRule(host="", paths=(IngressPath(type="Prefix", path="/", backend=BACKEND),)),)


def at_class(cluster, request, name="x"):
    expected = route_at_ingress(cluster, name, request)
    found = Router(cluster).at_ingress(name, request)
    assert shown(found) == shown(expected)
    return found


@pytest.mark.parametrize(("own", "expected"), [("x", "allowed"), ("", "unknown")])
def test_tls_of_an_ingress_whose_class_is_not_known_is_not_known(own, expected):
    one = Ingress(namespace="shop", name="i", class_name="x", rules=RULES)
    other = Ingress(namespace="shop", name="j", class_name=own, tls=(IngressTLS(hosts=("a.com",)),))
    defaults = tuple(IngressClass(name=name, default=True) for name in "xy")
    cluster = world(one, other, ingress_classes=defaults)
    assert at_class(cluster, get("a.com/", scheme=HTTPS)).verdict.value == expected
    assert at_class(cluster, get("a.com/")).verdict is Verdict.ALLOWED


def test_of_ingresses_that_say_the_same_the_first_by_name_is_named():
    one, other = (Ingress(namespace="shop", name=name, class_name="x", rules=RULES) for name in "ji")
    found = at_class(world(one, other), get("a.com/"))
    assert found.chosen is not None
    assert found.chosen.label == "Ingress shop/i"
    third = Ingress(namespace="shop", name="h", class_name="x", default_backend=replace(BACKEND, service="b"))
    assert at_class(world(one, other, third), get("a.com/")).chosen == found.chosen

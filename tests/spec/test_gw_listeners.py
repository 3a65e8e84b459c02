"""Gateways, listeners and ListenerSets, SEMANTICS 7.1 and 7.2: which listener takes a request."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netcheck.model.gateway import (
    AllowedNamespaces,
    From,
    FrontendTLS,
    GatewayClass,
    ListenerSet,
    Material,
    ObjectRef,
)
from netcheck.model.profile import Profile, Switch
from netcheck.model.request import Scheme
from netcheck.semantics.hostnames import covers, intersection, listener_rank
from tests.spec.builders import namespace, select
from tests.spec.way_builders import (
    EVERYBODY,
    backend,
    defined,
    end,
    gateway,
    get,
    grant,
    kinds,
    listener,
    parent,
    plain,
    route,
    rule,
    sent,
    service,
    why,
    world,
)

HTTPS = Scheme.HTTPS


def listener_set(name: str = "ls", *listeners: object, ns: str = "shop", created: str = "") -> ListenerSet:
    return ListenerSet(namespace=ns, name=name, parent=parent(), listeners=listeners, created=created)  # type: ignore[arg-type]


class TestGW2:
    """ "A Gateway is live only if its GatewayClass exists and a controller claims it.\""""

    def test_a_class_that_is_not_loaded_is_taken_to_exist_unless_the_input_is_whole(self) -> None:
        assert end(sent(world(gateway(), route()))) == "a"
        assert end(sent(world(gateway(), route(), whole=True))) == "refused"
        claimed = GatewayClass(name="any", controller="example.com/c")
        assert end(sent(world(gateway(), route(), whole=True, gateway_classes=(claimed,)))) == "a"


class TestGW3:
    """ "Listener = name (unique), port, protocol, optional hostname, tls, allowedRoutes.\""""

    def test_a_port_without_listener_refuses_the_connection(self) -> None:
        assert end(sent(world(gateway(), route()), ":81/")) == "refused"

    @pytest.mark.parametrize(
        ("protocol", "scheme"),
        [("HTTPS", Scheme.HTTP), ("HTTP", HTTPS), ("TLS", Scheme.HTTP), ("HTTP", Scheme.TLS), ("HTTP", Scheme.TCP)],
    )
    def test_a_client_that_speaks_something_else_is_refused(self, protocol: str, scheme: Scheme) -> None:
        where = world(gateway(listener(port=80, protocol=protocol)), route())
        assert end(sent(where, get(":80/", scheme=scheme))) == "refused"

    def test_a_protocol_that_the_api_does_not_know_is_not_served(self) -> None:
        assert end(sent(world(gateway(listener(protocol="INVALID")), route()))) == "refused"

    @pytest.mark.parametrize("protocol", ["example.com/x", "HBONE"])
    def test_a_protocol_that_an_implementation_defines_may_do_anything(self, protocol: str) -> None:
        assert why(sent(world(gateway(listener(protocol=protocol)), route()))) == {"GW-3"}

    def test_every_scheme_ends_at_a_tcp_listener(self) -> None:
        where = world(gateway(listener(protocol="TCP")), plain("t", "TCPRoute"))
        for scheme in (Scheme.HTTP, HTTPS, Scheme.TLS, Scheme.TCP, Scheme.GRPC):
            assert end(sent(where, get(":80/", scheme=scheme))) == "a"
        assert end(sent(where, get(":80/", scheme=Scheme.UDP))) == "refused"


class TestGW4:
    """ "HTTP, HTTPS, TLS listeners need different (port, hostname) within a protocol; TCP, UDP different ports.\""""

    def test_a_tcp_listener_conflicts_with_http_on_its_port(self) -> None:
        where = world(gateway(listener(), listener("tcp", protocol="TCP")), route(), plain("t", "TCPRoute"))
        assert end(sent(where)) == "refused"

    def test_udp_and_tcp_on_one_port_are_distinct(self) -> None:
        where = world(gateway(listener("u", protocol="UDP"), listener("t", protocol="TCP")), plain("t", "TCPRoute"))
        assert end(sent(where, get(":80/", scheme=Scheme.TCP))) == "a"

    def test_https_and_http_on_one_port_are_distinct(self) -> None:
        where = world(gateway(listener(), listener("s", 80, "HTTPS")), route())
        assert [end(sent(where, get(":80/", scheme=scheme))) for scheme in (Scheme.HTTP, HTTPS)] == ["a", "a"]


class TestGW5:
    """ "Conflicts inside one Gateway: none of the indistinct listeners may be accepted (no winner).\""""

    def test_no_listener_of_a_conflict_serves_and_the_others_do(self) -> None:
        same = listener("one", hostname="a.com"), listener("two", hostname="a.com")
        where = world(gateway(*same, listener("three", hostname="b.com")), route())
        assert end(sent(where, "a.com/")) == 404
        assert end(sent(where, "b.com/")) == "a"


class TestGW6:
    """ "Hostname choice among listeners on a port: exact > longest wildcard > no hostname.\""""

    ISOLATED = gateway(
        listener("exact", hostname="a.foo.com"),
        listener("long", hostname="*.foo.com"),
        listener("short", hostname="*.com"),
        listener("any"),
    )
    AT_EACH = (
        *(route(name, rule(to), parents=[parent(section=name)]) for name, to in (("exact", "a"), ("long", "b"))),
        *(route(name, rule(to), parents=[parent(section=name)]) for name, to in (("short", "c"), ("any", "a"))),
    )

    def test_ranks(self) -> None:
        hosts = ["", "*.com", "*.foo.com", "a.foo.com"]
        assert sorted(set(hosts), key=listener_rank) == hosts

    @pytest.mark.parametrize(
        ("host", "name"),
        [("a.foo.com", "exact"), ("b.foo.com", "long"), ("c.b.foo.com", "long"), ("x.com", "short"), ("org", "any")],
    )
    def test_the_most_specific_listener_takes_the_request(self, host: str, name: str) -> None:
        served = sent(world(self.ISOLATED, *self.AT_EACH), f"{host}/").served
        assert served is not None
        assert served.listener == name

    def test_routes_of_another_listener_do_not_serve_it(self) -> None:
        where = world(gateway(listener("x", hostname="a.com"), listener("y")), route(parents=[parent(section="y")]))
        assert end(sent(where, "a.com/")) == 404
        assert end(sent(where, "b.com/")) == "a"

    def test_without_isolation_they_may(self) -> None:
        where = world(gateway(listener("x", hostname="a.com"), listener("y")), route(parents=[parent(section="y")]))
        loose = replace(where, profile=Profile(listener_isolation=Switch.NO))
        unclear = replace(where, profile=Profile(listener_isolation=Switch.UNKNOWN))
        assert end(sent(loose, "a.com/")) == "a"
        assert why(sent(unclear, "a.com/")) == {"GW-6"}
        assert end(sent(unclear, "b.com/")) == "a"

    def test_no_listener_for_the_host_is_404(self) -> None:
        answer = sent(world(gateway(listener(hostname="a.com")), route()), "b.com/")
        assert (end(answer), answer.served) == (404, None)


class TestGW7:
    """ "Allowed route kinds by protocol when allowedRoutes.kinds is empty.\""""

    @pytest.mark.parametrize(
        ("protocol", "mode", "kind", "scheme", "expected"),
        [
            ("HTTP", "", "TCPRoute", Scheme.HTTP, 404),
            ("TLS", "Passthrough", "TLSRoute", Scheme.TLS, "a"),
            ("TLS", "Passthrough", "TCPRoute", Scheme.TLS, "refused"),
            ("TLS", "Terminate", "TLSRoute", Scheme.TLS, "a"),
            ("TLS", "Terminate", "TCPRoute", Scheme.TLS, "unknown"),
            ("TCP", "", "TCPRoute", Scheme.TCP, "a"),
            ("TCP", "", "UDPRoute", Scheme.TCP, "refused"),
            ("UDP", "", "UDPRoute", Scheme.UDP, "a"),
            ("HTTPS", "Terminate", "TLSRoute", HTTPS, 404),
        ],
    )
    def test_kinds(self, protocol: str, mode: str, kind: str, scheme: Scheme, expected: object) -> None:
        udp = service("a", replace(service("a").ports[0], protocol="UDP")) if kind == "UDPRoute" else service("a")
        where = world(gateway(listener(protocol=protocol, tls_mode=mode)), plain("p", kind), services=(udp,))
        assert end(sent(where, get("a.com:80/", scheme=scheme))) == expected

    @pytest.mark.parametrize(("switch", "expected"), [(Switch.YES, "a"), (Switch.NO, "refused")])
    def test_tcp_routes_where_tls_ends_are_a_switch(self, switch: Switch, expected: str) -> None:
        where = world(gateway(listener(protocol="TLS")), plain("p", "TCPRoute"))
        told = replace(where, profile=Profile(tcp_route_on_tls_terminate=switch))
        assert end(sent(told, get("a.com:80/", scheme=Scheme.TLS))) == expected

    def test_listed_kinds_narrow_and_never_widen(self) -> None:
        only = gateway(listener(kinds=kinds("GRPCRoute", "TCPRoute")))
        assert end(sent(world(only, route()))) == 404
        assert end(sent(world(only, plain("p", "TCPRoute")))) == 404


class TestGW8:
    """ "`*.example.com` is a suffix match of one or more labels.\""""

    @pytest.mark.parametrize(
        ("host", "expected"),
        [("a.example.com", True), ("b.a.example.com", True), ("example.com", False), ("aexample.com", False)],
    )
    def test_wildcards(self, host: str, expected: bool) -> None:
        assert covers("*.example.com", host) is expected

    def test_no_pattern_is_every_host(self) -> None:
        assert covers("", "a.com")
        assert covers("", "")


class TestGW9:
    """ "allowedRoutes.namespaces.from: Same (default), All, Selector. Never by ReferenceGrant.\""""

    @pytest.mark.parametrize(
        ("allowed", "expected"),
        [
            (AllowedNamespaces(), 404),
            (EVERYBODY, "a"),
            (AllowedNamespaces(source=From.SELECTOR, selector=select("team=web")), "a"),
            (AllowedNamespaces(source=From.SELECTOR, selector=select("team=ops")), 404),
        ],
    )
    def test_routes_of_another_namespace(self, allowed: AllowedNamespaces, expected: object) -> None:
        guest = route("r", rule([backend(ns="web")]), ns="web")
        spaces = {"shop": defined("shop"), "web": defined("web", "team=web")}
        where = world(gateway(listener(namespaces=allowed)), guest, grant("shop", "web"), namespaces=spaces)
        assert end(sent(where)) == expected

    def test_labels_that_are_not_known_leave_it_open(self) -> None:
        allowed = AllowedNamespaces(source=From.SELECTOR, selector=select("team=web"))
        spaces = {"web": namespace("web", known=False)}
        where = world(gateway(listener(namespaces=allowed)), route("r", rule([backend(ns="web")]), ns="web"))
        assert why(sent(replace(where, namespaces=spaces))) == {"GW-9"}


class TestGW10:
    """ "ListenerSet: attaches listeners to a Gateway in any namespace allowed (None by default).\""""

    TO_SET = parent("ls", kind="ListenerSet")

    @pytest.mark.parametrize(
        ("allowed", "ns", "expected"),
        [
            (From.NONE, "shop", "refused"),
            (From.SAME, "shop", "a"),
            (From.SAME, "web", "refused"),
            (From.ALL, "web", "a"),
        ],
    )
    def test_who_may_join(self, allowed: From, ns: str, expected: str) -> None:
        joining = listener_set("ls", listener("l", 81, namespaces=EVERYBODY), ns=ns)
        host = gateway(listener_sets=AllowedNamespaces(source=allowed))
        where = world(host, joining, route(parents=[parent("ls", ns, kind="ListenerSet")]))
        assert end(sent(where, ":81/")) == expected

    def test_the_gateway_comes_before_its_listener_sets(self) -> None:
        host = gateway(listener("g"), listener_sets=AllowedNamespaces(source=From.ALL))
        where = world(host, listener_set("ls", listener("l")), route(parents=[self.TO_SET]), route("o", rule("b")))
        assert end(sent(where)) == "b"

    def test_listeners_that_conflict_in_the_gateway_leave_their_place_to_nobody(self) -> None:
        host = gateway(listener("g"), listener("t", protocol="TCP"), listener_sets=AllowedNamespaces(source=From.ALL))
        where = world(host, listener_set("ls", listener("l")), route(parents=[self.TO_SET]))
        assert end(sent(where)) == "refused"

    def test_a_listener_that_lost_its_place_takes_none_from_others(self) -> None:
        host = gateway(listener("g"), listener_sets=AllowedNamespaces(source=From.ALL))
        sets = (
            listener_set("l1", listener("t", protocol="TCP"), created="1"),
            listener_set("l2", listener("s", 80, "HTTPS"), created="2"),
        )
        where = world(host, *sets, route(parents=[parent("l2", kind="ListenerSet")]))
        assert end(sent(where, get("a.com:80/", scheme=HTTPS))) == "a"

    @pytest.mark.parametrize(("first", "second", "expected"), [("1", "2", "a"), ("2", "1", "b"), ("1", "1", "a")])
    def test_older_sets_come_first_then_names(self, first: str, second: str, expected: str) -> None:
        host = gateway(listener("g", 81), listener_sets=AllowedNamespaces(source=From.ALL))
        sets = listener_set("la", listener(), created=first), listener_set("lb", listener(), created=second)
        routes = [
            route(name, rule(to), parents=[parent(name, kind="ListenerSet")]) for name, to in (("la", "a"), ("lb", "b"))
        ]
        assert end(sent(world(host, *sets, *routes))) == expected

    def test_without_timestamps_the_winner_is_not_known(self) -> None:
        host = gateway(listener("g", 81), listener_sets=AllowedNamespaces(source=From.ALL))
        sets = listener_set("la", listener()), listener_set("lb", listener())
        where = world(host, *sets, route(parents=[parent("la", kind="ListenerSet")]))
        assert why(sent(where)) == {"GW-10"}

    def test_grants_of_the_gateway_are_not_inherited(self) -> None:
        key = ObjectRef(group="", kind="Secret", namespace="infra", name="tls")
        joining = listener_set("ls", listener("l", 443, "HTTPS", certificates=(key,)))
        host = gateway(listener_sets=AllowedNamespaces(source=From.ALL))
        asked = get("a.com/", scheme=HTTPS)
        for kind, expected in (("Gateway", "refused"), ("ListenerSet", "a")):
            permission = grant("infra", "shop", kind=kind, to="Secret")
            assert end(sent(world(host, joining, permission, route(parents=[self.TO_SET])), asked)) == expected


class TestGW11:
    """ "A route whose parentRef is a Gateway attaches only to that Gateway's own listeners.\""""

    def test_listeners_of_a_set_need_a_parent_that_names_the_set(self) -> None:
        host = gateway(listener_sets=AllowedNamespaces(source=From.ALL))
        joining = listener_set("ls", listener("l", 81))
        assert end(sent(world(host, joining, route()), ":81/")) == 404
        assert end(sent(world(host, joining, route(parents=[parent("ls", kind="ListenerSet")])), ":81/")) == "a"
        assert end(sent(world(host, joining, route(parents=[parent(section="l")])), ":81/")) == 404


class TestGW13:
    """ "Hostname intersection. Either side empty -> intersects.\""""

    TABLE = [
        ("very.specific.com", ["very.specific.com", "non.matching.com", "*.nonmatchingwildcard.io"]),
        ("*.wildcard.io", ["wildcard.io", "foo.wildcard.io", "bar.wildcard.io", "foo.bar.wildcard.io"]),
        ("very.specific.com", ["*.specific.com"]),
        ("*.anotherwildcard.io", ["*.anotherwildcard.io"]),
    ]

    @pytest.mark.parametrize(
        ("row", "host", "expected"),
        [
            (0, "very.specific.com:1234", "a"),
            (0, "non.matching.com", 404),
            (1, "foo.bar.wildcard.io", "a"),
            (1, "foo.wildcard.io", "a"),
            (1, "wildcard.io", 404),
            (2, "very.specific.com", "a"),
            (2, "foo.specific.com", 404),
            (3, "foo.bar.anotherwildcard.io", "a"),
        ],
    )
    def test_the_table(self, row: int, host: str, expected: object) -> None:
        name, _, number = host.partition(":")
        port = int(number or 80)
        where = world(gateway(listener(port=port, hostname=self.TABLE[row][0])), route(hosts=self.TABLE[row][1]))
        assert end(sent(where, f"{name}:{port}/")) == expected

    @pytest.mark.parametrize(
        ("one", "other", "expected"),
        [
            ("", "a.com", "a.com"),
            ("a.com", "a.com", "a.com"),
            ("a.com", "b.com", None),
            ("*.a.com", "x.a.com", "x.a.com"),
            ("*.a.com", "a.com", None),
            ("*.a.com", "*.x.a.com", "*.x.a.com"),
            ("*.a.com", "*.a.com", "*.a.com"),
            ("*.a.com", "*.b.com", None),
            ("*.a.com", "*.ba.com", None),
        ],
    )
    def test_intersections_are_the_narrower_of_the_two(self, one: str, other: str, expected: str | None) -> None:
        assert intersection(one, other) == expected
        assert intersection(other, one) == expected

    def test_a_tls_route_is_matched_against_the_sni(self) -> None:
        where = world(gateway(listener(port=443, protocol="TLS")), plain("t", "TLSRoute", hosts=["a.com"]))
        assert end(sent(where, get("/", scheme=Scheme.TLS, sni="a.com"))) == "a"
        assert end(sent(where, get("/", scheme=Scheme.TLS, sni="b.com"))) == "refused"


class TestGW26OfGateways:
    """ "Used for Gateway -> Secret/ConfigMap.\""""

    KEY = ObjectRef(group="", kind="Secret", namespace="infra", name="tls")
    ASKED = get("a.com/", scheme=HTTPS)

    def gateway(self) -> object:
        return gateway(listener(port=443, protocol="HTTPS", certificates=(self.KEY,)))

    def test_a_certificate_of_another_namespace_needs_a_grant(self) -> None:
        assert end(sent(world(self.gateway(), route()), self.ASKED)) == "refused"
        for names in ((), ("tls",)):
            where = world(self.gateway(), route(), grant("infra", "shop", *names, kind="Gateway", to="Secret"))
            assert end(sent(where, self.ASKED)) == "a"
        other = grant("infra", "shop", "other", kind="Gateway", to="Secret")
        assert end(sent(world(self.gateway(), route(), other), self.ASKED)) == "refused"

    @pytest.mark.parametrize(("good", "expected"), [(True, "a"), (False, "refused")])
    def test_a_loaded_secret_must_hold_a_keypair(self, good: bool, expected: str) -> None:
        secret = Material(kind="Secret", namespace="infra", name="tls", keypair=good)
        where = world(self.gateway(), route(), grant("infra", "shop", kind="Gateway", to="Secret"), materials=(secret,))
        assert end(sent(where, self.ASKED)) == expected

    def test_authorities_for_clients_must_be_valid_and_a_port_may_have_its_own(self) -> None:
        good = ObjectRef(group="", kind="ConfigMap", namespace="shop", name="ca")
        bad = FrontendTLS(port=444, authorities=(replace(good, name="empty"),))
        both = (FrontendTLS(authorities=(good,)), bad)
        two = listener("one", 443, "HTTPS"), listener("two", 444, "HTTPS")
        loaded = Material(kind="ConfigMap", namespace="shop", name="ca", authority=True)
        where = world(
            gateway(*two, frontend=both), route(), materials=(loaded, replace(loaded, name="empty", authority=False))
        )
        assert end(sent(where, self.ASKED)) == "a"
        assert end(sent(where, replace(self.ASKED, port=444))) == "refused"

    @pytest.mark.parametrize(("whole", "expected"), [(False, "a"), (True, "refused")])
    def test_authorities_that_are_not_loaded_are_absent_only_from_a_whole_input(
        self, whole: bool, expected: str
    ) -> None:
        ref = ObjectRef(group="", kind="ConfigMap", namespace="shop", name="made-elsewhere")
        made = gateway(listener("one", 443, "HTTPS"), frontend=(FrontendTLS(authorities=(ref,)),))
        where = world(made, route(), whole=whole, gateway_classes=(GatewayClass(name=made.class_name),))
        assert end(sent(where, self.ASKED)) == expected


class TestGW36:
    """ "TLS: the connection's SNI chooses the listener; a request whose Host another listener serves is misdirected.\""""

    WHERE = world(
        gateway(
            listener("any", 443, "HTTPS"),
            listener("second", 443, "HTTPS", "second.org"),
            listener("wild", 443, "HTTPS", "*.wildcard.org"),
            listener("fourth", 443, "HTTPS", "fourth.wildcard.org"),
        ),
        route("r1", rule("a"), hosts=["example.org"], parents=[parent(section="any")]),
        route("r2", rule("b"), parents=[parent(section="second")]),
        route("r3", rule("c"), parents=[parent(section="wild")]),
        route("r4", rule("a"), parents=[parent(section="fourth")]),
    )

    @pytest.mark.parametrize(
        ("sni", "host", "expected"),
        [
            ("example.org", "example.org", "a"),
            ("example.org", "second.org", 421),
            ("example.org", "unknown.org", 404),
            ("second.org", "second.org", "b"),
            ("second.org", "example.org", 421),
            ("second.org", "unknown.org", 421),
            ("third.wildcard.org", "fifth.wildcard.org", "c"),
            ("third.wildcard.org", "fourth.wildcard.org", 421),
            ("fourth.wildcard.org", "fifth.wildcard.org", 421),
            ("unknown.org", "example.org", "a"),
        ],
    )
    def test_misdirected_requests(self, sni: str, host: str, expected: object) -> None:
        assert end(sent(self.WHERE, get(f"{host}/", scheme=HTTPS, sni=sni))) == expected

    def test_tls_that_is_not_http_ends_nowhere_at_an_https_listener(self) -> None:
        both = gateway(listener("s", 443, "HTTPS", "a.com"), listener("t", 443, "TLS", "*.com", tls_mode="Passthrough"))
        where = world(both, plain("p", "TLSRoute", hosts=["*.com"]))
        assert [end(sent(where, get(f"{host}/", scheme=Scheme.TLS))) for host in ("a.com", "b.com")] == ["refused", "a"]

    def test_a_tls_listener_is_another_listener_too(self) -> None:
        both = gateway(listener("s", 443, "HTTPS", "a.com"), listener("t", 443, "TLS", "*.com", tls_mode="Passthrough"))
        hosts = ("b.com", "b.org")
        answers = [sent(world(both, route()), get(f"{host}/", scheme=HTTPS, sni="a.com")) for host in hosts]
        assert [end(answer) for answer in answers] == [421, 404]

    def test_two_protocols_for_one_name_leave_it_open(self) -> None:
        both = gateway(listener("s", 443, "HTTPS"), listener("t", 443, "TLS"))
        where = world(both, route(), plain("p", "TLSRoute", "b", hosts=["a.com"]))
        assert why(sent(where, get("a.com/", scheme=HTTPS))) == {"GW-4"}

    def test_404_where_no_other_listener_serves_the_host(self) -> None:
        where = world(gateway(listener("x", 443, "HTTPS", "a.com")), route())
        assert end(sent(where, get("b.com/", scheme=HTTPS, sni="a.com"))) == 404

    def test_a_name_that_no_listener_serves_gets_no_connection(self) -> None:
        where = world(gateway(listener("x", 443, "HTTPS", "a.com")), route())
        assert end(sent(where, get("b.com/", scheme=HTTPS))) == "refused"

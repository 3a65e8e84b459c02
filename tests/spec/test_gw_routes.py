"""Attachment, matching, precedence, filters and backends of routes, SEMANTICS 7.3 to 7.6: which rule takes a request."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from netcheck.model.flow import Verdict
from netcheck.model.gateway import (
    BackendTLSPolicy,
    Extension,
    GatewayClass,
    GRPCMatch,
    HeaderChange,
    HTTPMatch,
    Material,
    Mirror,
    ObjectRef,
    PathChange,
    PolicyTarget,
    Redirect,
    Rewrite,
    Route,
)
from netcheck.model.objects import ServicePort, ServiceType
from netcheck.model.profile import Profile, Switch
from netcheck.model.request import RedirectTo, Routed, Scheme
from netcheck.semantics.matches import http_match
from tests.spec.way_builders import (
    EVERYBODY,
    EXACT,
    REGEX,
    SERVICES,
    backend,
    end,
    field,
    gateway,
    get,
    grant,
    listener,
    meshed,
    parent,
    path,
    plain,
    route,
    rule,
    sent,
    service,
    why,
    world,
)

GRPC = Scheme.GRPC


def chosen(routed: Routed) -> tuple[str, int, int]:
    assert routed.chosen is not None
    return (routed.chosen.name, routed.chosen.rule, routed.chosen.match)


class TestGW12:
    """ "Route R attaches to listener L via parentRef P iff all hold.\""""

    TWO = gateway(listener("x", 80), listener("y", 81))

    @pytest.mark.parametrize(
        ("section", "port", "expected"),
        [("", 0, ["a", "a"]), ("x", 0, ["a", 404]), ("", 81, [404, "a"]), ("x", 81, [404, 404]), ("z", 0, [404, 404])],
    )
    def test_section_name_and_port_narrow(self, section: str, port: int, expected: list[object]) -> None:
        where = world(self.TWO, route(parents=[parent(section=section, port=port)]))
        assert [end(sent(where, asked)) for asked in (":80/", ":81/")] == expected

    @pytest.mark.parametrize("wrong", [{"name": "other"}, {"ns": "web"}, {"kind": "ListenerSet"}])
    def test_the_parent_must_name_the_object(self, wrong: dict[str, str]) -> None:
        assert end(sent(world(self.TWO, route(parents=[parent(**wrong)])))) == 404  # type: ignore[arg-type]

    def test_one_of_several_parents_is_enough(self) -> None:
        assert end(sent(world(self.TWO, route(parents=[parent("other"), parent(section="x")])))) == "a"


class TestGW14:
    """ "An HTTPRoute and a GRPCRoute with intersecting hostnames on one listener: only the older is accepted.\""""

    def both(self, http: str, grpc: str, *, hosts: str = "a.com") -> object:
        one = route("h", rule("a"), hosts=["a.com"], created=http)
        other = route("g", rule("b", GRPCMatch()), hosts=[hosts], created=grpc, kind="GRPCRoute")
        return world(gateway(), one, other)

    @pytest.mark.parametrize(("http", "grpc", "expected"), [("1", "2", ["a", "a"]), ("2", "1", [404, "b"])])
    def test_the_older_route_is_accepted(self, http: str, grpc: str, expected: list[object]) -> None:
        where = self.both(http, grpc)
        asked = get("a.com/s/m"), get("a.com/s/m", scheme=GRPC)
        assert [end(sent(where, item)) for item in asked] == expected  # type: ignore[arg-type]

    def test_without_timestamps_it_is_not_known(self) -> None:
        assert why(sent(self.both("", ""), "a.com/")) == {"GW-14"}  # type: ignore[arg-type]

    def test_host_names_that_do_not_meet_are_no_conflict(self) -> None:
        assert end(sent(self.both("", "", hosts="b.com"), get("b.com/s/m", scheme=GRPC))) == "b"  # type: ignore[arg-type]

    def test_a_route_that_yields_no_longer_conflicts(self) -> None:
        oldest = route("h1", rule("a"), hosts=["*.a.com"], created="1")
        middle = route("g", rule("b", GRPCMatch()), hosts=["x.a.com", "b.com"], created="2", kind="GRPCRoute")
        youngest = route("h2", rule("c"), hosts=["b.com"], created="3")
        assert end(sent(world(gateway(), oldest, middle, youngest), "b.com/")) == "c"


class TestGW16:
    """ "A route may attach without parentRefs to a Gateway with defaultScope: All.\""""

    @pytest.mark.parametrize(
        ("asks", "offers", "expected"), [(True, True, "a"), (True, False, 404), (False, True, 404)]
    )
    def test_both_must_want_it(self, asks: bool, offers: bool, expected: object) -> None:
        one = replace(route(default_gateways=asks), parents=())
        assert end(sent(world(gateway(default_scope=offers), one))) == expected

    def test_the_listener_still_decides_who_attaches(self) -> None:
        one = replace(route(default_gateways=True, ns="web"), parents=())
        assert end(sent(world(gateway(default_scope=True), one))) == 404


class TestGW17:
    """ "HTTPRoute match: path AND method AND all headers AND all query params; matches inside a rule are ORed.\""""

    @pytest.mark.parametrize(
        ("prefix", "asked", "expected"),
        [
            ("/", "/anything", True),
            ("/foo", "/foo", True),
            ("/foo/", "/foo", True),
            ("/foo", "/foo/", True),
            ("/foo", "/foo/bar", True),
            ("/foo", "/foobar", False),
            ("/foo", "/Foo", False),
        ],
    )
    def test_path_prefixes_are_element_wise(self, prefix: str, asked: str, expected: bool) -> None:
        assert http_match(path(prefix), get(asked)) is expected

    @pytest.mark.parametrize(("asked", "expected"), [("/foo", True), ("/foo/", False), ("/FOO", False)])
    def test_exact_paths(self, asked: str, expected: bool) -> None:
        assert http_match(path("/foo", EXACT), get(asked)) is expected

    def test_all_parts_of_a_match_must_hold(self) -> None:
        match = HTTPMatch(path="/x", method="POST", headers=(field("v", "1"),), query=(field("q", "2"),))
        good = get("/x?q=2", method="POST", headers={"v": "1"})
        assert http_match(match, good) is True
        for worse in (replace(good, path="/y"), replace(good, method="GET"), replace(good, headers=()), get("/x?q=3")):
            assert http_match(match, worse) is False

    def test_of_two_matches_of_one_field_the_first_counts(self) -> None:
        match = HTTPMatch(headers=(field("v", "1"), field("v", "2")))
        assert http_match(match, get(headers={"v": "1"})) is True
        assert http_match(match, get(headers={"v": "2"})) is False

    def test_the_host_is_a_header(self) -> None:
        assert http_match(HTTPMatch(headers=(field("host", "a.com"),)), get("a.com/")) is True

    def test_matches_are_alternatives(self) -> None:
        where = world(gateway(), route("r", rule("a", path("/x"), path("/y"))))
        assert [end(sent(where, item)) for item in ("/x", "/y", "/z")] == ["a", "a", 404]
        assert chosen(sent(where, "/y")) == ("r", 0, 1)

    @pytest.mark.parametrize("match", [path("/x.*", REGEX), HTTPMatch(headers=(field("v", ".", REGEX),))])
    def test_regular_expressions_are_left_open(self, match: HTTPMatch) -> None:
        where = world(gateway(), route("r", rule("a", match)))
        assert why(sent(where, get("/xy", headers={"v": "1"}))) == {"GW-17"}

    def test_a_regular_expression_that_makes_no_difference_is_no_reason(self) -> None:
        where = world(
            gateway(), route("r", rule("a", HTTPMatch(method="PUT")), rule("b", path("/x.*", REGEX, method="GET")))
        )
        assert end(sent(where, get("/xy", method="PUT"))) == "a"
        absent = world(gateway(), route("r", rule("a", HTTPMatch(headers=(field("v", ".", REGEX),)))))
        assert end(sent(absent)) == 404

    def test_a_field_that_is_sent_twice_is_left_open_if_it_could_match(self) -> None:
        match = HTTPMatch(query=(field("q", "1"),))
        assert http_match(match, get("/?q=1&q=2")) is None
        assert http_match(match, get("/?q=3&q=2")) is False


class TestGW18:
    """ "HTTPRoute precedence across everything attached to a listener.\""""

    @pytest.mark.parametrize(
        ("better", "worse"),
        [
            (path("/foo", EXACT), path("/foo", method="GET", headers=(field("v", "1"),))),
            (path("/foo/bar"), path("/foo", method="GET", headers=(field("v", "1"),))),
            (path("/", method="GET"), path("/", headers=(field("v", "1"), field("w", "1")))),
            (path("/", headers=(field("v", "1"), field("w", "1"))), path("/", headers=(field("v", "1"),))),
            (path("/", headers=(field("v", "1"),)), path("/", query=(field("q", "1"), field("p", "1")))),
            (path("/", query=(field("q", "1"), field("p", "1"))), path("/", query=(field("q", "1"),))),
        ],
    )
    def test_the_order_of_matches(self, better: HTTPMatch, worse: HTTPMatch) -> None:
        asked = get(
            "/foo?q=1&p=1" if better.path == "/" or better.path_type is EXACT else "/foo/bar",
            headers={"v": "1", "w": "1"},
        )
        for one, other in ((better, worse), (worse, better)):
            where = world(gateway(), route("r", rule("a", one)), route("s", rule("b", other)))
            assert end(sent(where, asked)) == ("a" if one is better else "b")

    def test_host_names_come_first(self) -> None:
        routes = (
            route("exact", rule("a"), hosts=["x.a.com"]),
            route("wild", rule("b", path("/foo", EXACT)), hosts=["*.longest.a.com", "*.a.com"]),
            route("none", rule("c", path("/foo", EXACT))),
        )
        for order in permutations(routes):
            where = world(gateway(), *order)
            hosts = ("x.a.com", "y.a.com", "b.com")
            assert [end(sent(where, f"{host}/foo")) for host in hosts] == ["a", "b", "c"]

    def test_a_wildcard_counts_by_its_characters(self) -> None:
        where = world(gateway(), route("l", hosts=["*.a.com"]), route("s", rule("b", path("/x")), hosts=["*.com"]))
        assert end(sent(where, "y.a.com/x")) == "a"

    @pytest.mark.parametrize(("first", "second", "expected"), [("1", "2", "a"), ("2", "1", "b"), ("1", "1", "a")])
    def test_ties_go_to_the_oldest_then_by_name(self, first: str, second: str, expected: str) -> None:
        where = world(gateway(), route("r", rule("a"), created=first), route("s", rule("b"), created=second))
        assert end(sent(where)) == expected

    def test_the_name_is_namespace_slash_name(self) -> None:
        """`-` comes before `/`: `shop-x/r` is first."""
        one, other = route("r", rule("a"), created="1"), route("r", rule("b"), created="1", ns="shop-x")
        where = world(gateway(listener(namespaces=EVERYBODY)), one, other, grant("shop", "shop-x"))
        assert end(sent(where)) == "b"

    def test_ties_without_timestamps_are_not_known(self) -> None:
        assert why(sent(world(gateway(), route("r", rule("a")), route("s", rule("b"))))) == {"GW-18"}
        half = world(gateway(), route("r", rule("a"), created="1"), route("s", rule("b")))
        assert why(sent(half)) == {"GW-18"}

    def test_within_a_route_the_first_rule_is_taken(self) -> None:
        where = world(gateway(), route("r", rule("a", path("/y")), rule("b", path("/x")), rule("c", path("/x"))))
        assert chosen(sent(where, "/x")) == ("r", 1, 0)

    def test_where_regular_expressions_stand_is_left_open(self) -> None:
        where = world(gateway(), route("r", rule("a", path("/x.*", REGEX)), rule("b", path("/xy"))))
        assert why(sent(where, "/xy")) == {"GW-17", "GW-18"}


class TestGW19:
    """ "GRPCRoute precedence: hostname characters, characters in service, in method, header count.\""""

    def call(self, name: str, **more: object) -> object:
        return get(name, scheme=GRPC, **more)

    @pytest.mark.parametrize(
        ("asked", "expected"),
        [("/foo.S/Get", "a"), ("/foo.S/Put", "b"), ("/foo.T/Get", "c"), ("/foo.T/Put", 404), ("/foo.s/Get", "c")],
    )
    def test_service_then_method(self, asked: str, expected: object) -> None:
        rules = (
            rule("c", GRPCMatch(method="Get")),
            rule("b", GRPCMatch(service="foo.S")),
            rule("a", GRPCMatch(service="foo.S", method="Get")),
        )
        where = world(gateway(), route("g", *rules, kind="GRPCRoute"))
        assert end(sent(where, self.call(asked))) == expected  # type: ignore[arg-type]

    def test_more_headers_come_first(self) -> None:
        more = GRPCMatch(headers=(field("v", "1"), field("w", "1")))
        rules = rule("a", GRPCMatch(headers=(field("v", "1"),))), rule("b", more)
        where = world(gateway(), route("g", *rules, kind="GRPCRoute"))
        assert end(sent(where, self.call("/s/m", headers={"v": "1", "w": "1"}))) == "b"  # type: ignore[arg-type]

    def test_no_matches_is_every_grpc_request_and_no_other(self) -> None:
        where = world(gateway(), replace(route("g", kind="GRPCRoute"), rules=(replace(rule("a"), matches=()),)))
        assert end(sent(where, self.call("/s/m"))) == "a"  # type: ignore[arg-type]
        assert end(sent(where, "/s/m")) == 404

    def test_an_http_route_sees_a_call_as_a_post(self) -> None:
        where = world(gateway(), route("h", rule("a", path("/s/m", EXACT, method="POST")), rule("b")))
        assert end(sent(where, self.call("/s/m"))) == "a"  # type: ignore[arg-type]

    def test_a_regular_expression_is_left_open(self) -> None:
        where = world(gateway(), route("g", rule("a", GRPCMatch(service=".*", type=REGEX)), kind="GRPCRoute"))
        assert why(sent(where, self.call("/s/m"))) == {"GW-17"}  # type: ignore[arg-type]


class TestGW20:
    """ "TCPRoute/UDPRoute: only the oldest receives traffic. TLSRoute matches SNI only.\""""

    @pytest.mark.parametrize(("first", "second", "expected"), [("1", "2", "a"), ("2", "1", "b"), ("", "1", "unknown")])
    def test_the_oldest_takes_everything(self, first: str, second: str, expected: str) -> None:
        routes = plain("t", "TCPRoute", created=first), plain("u", "TCPRoute", "b", created=second)
        where = world(gateway(listener(protocol="TCP")), *routes)
        assert end(sent(where, get(scheme=Scheme.TCP))) == expected

    def test_the_more_specific_name_of_a_tls_route_wins(self) -> None:
        routes = plain("t", "TLSRoute", hosts=["*.a.com"]), plain("u", "TLSRoute", "b", hosts=["x.a.com"])
        where = world(gateway(listener(port=443, protocol="TLS", tls_mode="Passthrough")), *routes)
        names = ("x.a.com", "y.a.com", "a.com")
        assert [end(sent(where, get(f"{name}/", scheme=Scheme.TLS))) for name in names] == ["b", "a", "refused"]

    def test_https_goes_through_a_tls_listener(self) -> None:
        where = world(gateway(listener(port=443, protocol="TLS", tls_mode="Passthrough")), plain("t", "TLSRoute"))
        assert end(sent(where, get("a.com/", scheme=Scheme.HTTPS))) == "a"

    def test_without_a_route_the_connection_is_refused(self) -> None:
        assert end(sent(world(gateway(listener(protocol="TCP"))), get(scheme=Scheme.TCP))) == "refused"


class TestGW21:
    """ "Filters that change where traffic goes.\""""

    PREFIXES = [
        ("/foo/bar", "/foo", "/xyz", "/xyz/bar"),
        ("/foo/bar", "/foo", "/xyz/", "/xyz/bar"),
        ("/foo/bar", "/foo/", "/xyz", "/xyz/bar"),
        ("/foo/bar", "/foo/", "/xyz/", "/xyz/bar"),
        ("/foo", "/foo", "/xyz", "/xyz"),
        ("/foo/", "/foo", "/xyz", "/xyz/"),
        ("/foo/bar", "/foo", "", "/bar"),
        ("/foo/", "/foo", "", "/"),
        ("/foo", "/foo", "", "/"),
        ("/foo/", "/foo", "/", "/"),
        ("/foo", "/foo", "/", "/"),
        ("/foo", "/", "/xyz", "/xyz/foo"),
    ]

    def redirected(self, redirect: Redirect, asked: str = "a.com/foo", prefix: str = "/", **more: object) -> object:
        where = world(
            gateway(listener(), listener("s", 443, "HTTPS"), listener("o", 8080)),
            route("r", rule([], path(prefix), filters=[redirect])),
        )
        answer = sent(where, get(asked, **more))  # type: ignore[arg-type]
        assert answer.redirect is not None
        assert (end(answer), answer.shares) == (answer.redirect.status, ())
        return answer.redirect

    @pytest.mark.parametrize(("asked", "prefix", "value", "expected"), PREFIXES)
    def test_replaced_prefixes(self, asked: str, prefix: str, value: str, expected: str) -> None:
        change = PathChange(type="ReplacePrefixMatch", value=value)
        target = self.redirected(Redirect(path=change), f"a.com{asked}", prefix)
        assert target == RedirectTo(scheme="http", host="a.com", port=80, path=expected, status=302)

    def test_the_whole_path_may_be_replaced(self) -> None:
        target = self.redirected(Redirect(path=PathChange(type="ReplaceFullPath", value="/all"), status=301))
        assert target == RedirectTo(scheme="http", host="a.com", port=80, path="/all", status=301)

    @pytest.mark.parametrize(
        ("redirect", "asked", "scheme", "port"),
        [
            (Redirect(), "a.com:8080/foo", "http", 8080),
            (Redirect(scheme="https"), "a.com:8080/foo", "https", 443),
            (Redirect(scheme="http"), "a.com:8080/foo", "http", 80),
            (Redirect(scheme="https", port=8443), "a.com/foo", "https", 8443),
            (Redirect(port=81), "a.com/foo", "http", 81),
        ],
    )
    def test_the_port_is_that_of_the_scheme_else_of_the_listener(
        self, redirect: Redirect, asked: str, scheme: str, port: int
    ) -> None:
        assert self.redirected(redirect, asked) == RedirectTo(
            scheme=scheme, host="a.com", port=port, path="/foo", status=302
        )

    def test_the_scheme_is_that_of_the_request(self) -> None:
        target = self.redirected(Redirect(hostname="b.com"), scheme=Scheme.HTTPS)
        assert target == RedirectTo(scheme="https", host="b.com", port=443, path="/foo", status=302)

    def test_mirrors_get_copies(self) -> None:
        filters = [
            Mirror(backend=backend("b")),
            Mirror(backend=backend("c"), percent=0),
            Mirror(backend=backend("x", ns="web")),
        ]
        answer = sent(world(gateway(), route("r", rule("a", filters=filters))))
        assert end(answer) == "a"
        assert [(share.name, share.problem) for share in answer.mirrors] == [("b", ""), ("x", "RefNotPermitted")]

    def test_rewrites_and_headers_change_nothing_here(self) -> None:
        filters = [Rewrite(hostname="x.com"), HeaderChange(type="CORS")]
        assert end(sent(world(gateway(), route("r", rule("a", filters=filters))))) == "a"

    def test_what_an_extension_does_is_not_known(self) -> None:
        answer = sent(world(gateway(), route("r", rule("a", filters=[Extension(type="ExtensionRef", name="x")]))))
        assert why(answer) == {"GW-21"}
        assert chosen(answer) == ("r", 0, 0)
        on_one = backend("a", filters=(Extension(type="ExtensionRef", name="x"),))
        assert why(sent(world(gateway(), route("r", rule([on_one, backend("b")]))))) == {"GW-21"}


class TestGW22:
    """ "Weight default 1; share = weight/sum; weight 0 = no traffic. All weights 0: no forwarding.\""""

    def test_shares_keep_their_weights(self) -> None:
        answer = sent(
            world(gateway(), route("r", rule([backend("a", weight=3), backend("b", weight=0), backend("c")])))
        )
        assert end(answer) == "a c"
        assert [(share.name, share.weight) for share in answer.shares] == [("a", 3), ("c", 1)]

    def test_all_weights_zero_forward_nothing_and_the_status_is_unspecified(self) -> None:
        answer = sent(world(gateway(), route("r", rule([backend("a", weight=0)]))))
        assert (end(answer), answer.refused) == (None, "")

    def test_a_backend_is_a_port_of_the_service(self) -> None:
        assert end(sent(world(gateway(), route("r", rule([backend("a", 81)]))))) == 500


class TestGW23:
    """ "No backendRefs (and no redirect) -> 500. HTTPRoute without rules = one catch-all rule with no backend = 500.\""""

    def test_no_backends(self) -> None:
        assert end(sent(world(gateway(), route("r", rule([]))))) == 500

    def test_no_rules(self) -> None:
        assert end(sent(world(gateway(), replace(route(), rules=())), "/x")) == 500


class TestGW24:
    """ "Invalid backendRef: its share of requests gets 500 (gRPC UNAVAILABLE; TCP/TLS connection rejected).\""""

    @pytest.mark.parametrize(
        ("ref", "problem"),
        [
            (backend("a", kind="Other"), "InvalidKind"),
            (backend("a", group="x.io"), "InvalidKind"),
            (backend("absent"), "BackendNotFound"),
            (backend("a", ns="web"), "RefNotPermitted"),
            (backend("absent", ns="web"), "RefNotPermitted"),
        ],
    )
    def test_problems(self, ref: object, problem: str) -> None:
        answer = sent(world(gateway(), route("r", rule([ref]))))  # type: ignore[list-item]
        assert end(answer) == 500
        assert [share.problem for share in answer.shares] == [problem]

    def test_a_valid_share_is_enough_and_the_shares_show_the_rest(self) -> None:
        answer = sent(world(gateway(), route("r", rule([backend("absent"), backend("b")]))))
        assert end(answer) == "b"
        assert [share.problem for share in answer.shares] == ["BackendNotFound", ""]

    def test_a_valid_backend_without_weight_is_not(self) -> None:
        assert end(sent(world(gateway(), route("r", rule([backend("absent"), backend("b", weight=0)]))))) == 500

    def test_connections_are_rejected(self) -> None:
        where = world(gateway(listener(protocol="TCP")), plain("t", "TCPRoute", "absent"))
        assert end(sent(where, get(scheme=Scheme.TCP))) == "refused"

    def test_a_namespace_that_is_not_known_may_hold_the_service(self) -> None:
        where = world(gateway(), route("r", rule([backend("a", ns="far")])), grant("far", "shop"))
        answer = sent(where)
        assert why(answer) == {"GW-24"}
        assert [(share.name, share.problem) for share in answer.shares] == [("a", "")]
        known = replace(where, whole=True, gateway_classes=(GatewayClass(name="any"),))
        assert end(sent(known)) == 500


class TestGW25:
    """ "ExternalName Services SHOULD NOT be supported as backends.\""""

    def test_whether_external_names_are_backends_is_up_to_implementations(self) -> None:
        alias = service("a", type=ServiceType.EXTERNAL_NAME, external_name="x.com")
        answer = sent(world(gateway(), route(), services=(alias,)))
        assert answer.verdict is Verdict.UNKNOWN
        assert [reason.rule for reason in answer.reasons] == ["GW-25"]


class TestGW26:
    """ "It permits reference (fromGroup, fromKind, fromNamespace) -> (toGroup, toKind[, name]).\""""

    @pytest.mark.parametrize(
        ("permission", "expected"),
        [
            (grant("web", "shop"), "a"),
            (grant("web", "shop", "a"), "a"),
            (grant("web", "shop", "b", "a"), "a"),
            (grant("web", "shop", "b"), 500),
            (grant("web", "infra"), 500),
            (grant("shop", "shop"), 500),
            (grant("web", "shop", kind="GRPCRoute"), 500),
            (grant("web", "shop", to="Secret"), 500),
        ],
    )
    def test_grants(self, permission: object, expected: object) -> None:
        assert end(sent(world(gateway(), route("r", rule([backend(ns="web")])), permission))) == expected

    def test_several_grants_add_up(self) -> None:
        where = world(gateway(), route("r", rule([backend(ns="web")])), grant("web", "shop", "b"), grant("web", "shop"))
        assert end(sent(where)) == "a"


class TestGW28:
    """ "BackendTLSPolicy: older policy wins conflicts. Invalid CA: connections MUST fail (5xx).\""""

    CA = ObjectRef(group="", kind="ConfigMap", namespace="shop", name="ca")
    GOOD = Material(kind="ConfigMap", namespace="shop", name="ca", authority=True)
    EMPTY = Material(kind="ConfigMap", namespace="shop", name="empty")
    NAMED = service("a", ServicePort(port=80, target_port=80, name="web"))

    def policy(self, name: str = "p", section: str = "", *, ca: str = "ca", **more: object) -> BackendTLSPolicy:
        more.setdefault("authorities", (replace(self.CA, name=ca),))
        target = PolicyTarget(group="", kind="Service", name="a", section=section)
        return BackendTLSPolicy(namespace="shop", name=name, targets=(target,), hostname="x", **more)  # type: ignore[arg-type]

    def problem(
        self, *policies: BackendTLSPolicy, materials: tuple[Material, ...] = (GOOD, EMPTY), whole: bool = False
    ) -> object:
        where = world(
            gateway(),
            route(),
            services=(self.NAMED,),
            backend_tls=policies,
            materials=materials,
            whole=whole,
            gateway_classes=(GatewayClass(name=gateway().class_name),),
        )
        answer = sent(where)
        assert end(answer) in ("a", 500, "unknown")
        return "unknown" if answer.reasons else answer.shares[0].problem

    def test_a_valid_authority_is_no_problem(self) -> None:
        assert self.problem(self.policy()) == ""
        assert self.problem(self.policy(authorities=(), well_known="System")) == ""
        assert self.problem(self.policy(authorities=(replace(self.CA, name="empty"), self.CA))) == ""

    def test_an_invalid_one_is(self) -> None:
        assert self.problem(self.policy(ca="empty")) == "InvalidTLS"
        assert self.problem(self.policy(authorities=(replace(self.CA, kind="Service"),))) == "InvalidTLS"
        assert self.problem(self.policy(), materials=(replace(self.GOOD, authority=False),)) == "InvalidTLS"

    def test_one_that_is_not_loaded_is_absent_only_from_a_whole_input(self) -> None:
        assert self.problem(self.policy(ca="made-elsewhere")) == ""
        assert self.problem(self.policy(ca="made-elsewhere"), whole=True) == "InvalidTLS"

    def test_the_policy_of_the_port_comes_before_that_of_the_service(self) -> None:
        assert self.problem(self.policy("p", ca="empty"), self.policy("q", "web")) == ""
        assert self.problem(self.policy("p"), self.policy("q", "other", ca="empty")) == ""

    @pytest.mark.parametrize(
        ("first", "second", "expected"), [("1", "2", ""), ("2", "1", "InvalidTLS"), ("", "", "unknown")]
    )
    def test_the_oldest_policy_counts(self, first: str, second: str, expected: str) -> None:
        both = self.policy("p", created=first), self.policy("q", ca="empty", created=second)
        assert self.problem(*both) == expected


class TestGW31:
    """ "If a route cannot speak the backend Service's appProtocol the backend is invalid (UnsupportedProtocol).\""""

    @pytest.mark.parametrize(("kind", "expected"), [("HTTPRoute", ""), ("GRPCRoute", "UnsupportedProtocol")])
    def test_grpc_does_not_speak_websocket(self, kind: str, expected: str) -> None:
        sockets = service("a", ServicePort(port=80, target_port=80, app_protocol="kubernetes.io/ws"))
        match = GRPCMatch() if kind == "GRPCRoute" else HTTPMatch()
        where = world(gateway(), route("r", rule("a", match), kind=kind), services=(sockets,))
        assert sent(where, get("/s/m", scheme=GRPC)).shares[0].problem == expected


class TestGW32:
    """ "Same namespace as the Service: producer route, all mesh clients. Other namespace: only clients there.\""""

    AT_A = parent("a", kind="Service")

    def producer(self, *rules: object, **more: object) -> Route:
        more.setdefault("parents", [self.AT_A])
        return route("p", *(rules or (rule("b"),)), **more)  # type: ignore[arg-type]

    def test_without_routes_the_mesh_does_nothing(self) -> None:
        assert meshed(world(route())) is None

    def test_a_producer_route_is_for_every_client(self) -> None:
        for client in ("shop", "web"):
            assert end(meshed(world(self.producer()), client=client)) == "b"

    def test_a_consumer_route_is_for_clients_of_its_namespace_and_comes_first(self) -> None:
        consumer = route("c", rule([backend("c", ns="web")]), ns="web", parents=[self.AT_A])
        where = world(self.producer(), consumer)
        assert [end(meshed(where, client=client)) for client in ("shop", "web", "infra")] == ["b", "c", "b"]
        assert meshed(world(consumer), client="shop") is None

    @pytest.mark.parametrize(
        ("where", "expected"), [({"port": 80}, "b"), ({"port": 81}, None), ({"section": "web"}, None)]
    )
    def test_port_and_section_narrow(self, where: dict[str, object], expected: object) -> None:
        two = service("a", 80, ServicePort(port=81, target_port=81, name="web"))
        one = self.producer(parents=[parent("a", kind="Service", **where)])  # type: ignore[arg-type]
        answer = meshed(world(one, services=(two, *SERVICES)), ":80/")
        assert (None if answer is None else end(answer)) == expected

    def test_host_names_are_ignored(self) -> None:
        assert end(meshed(world(self.producer(hosts=["other.com"])), "a.shop/")) == "b"

    def test_what_no_rule_takes_is_404(self) -> None:
        assert end(meshed(world(self.producer(rule("b", path("/x")))), "/y")) == 404

    @pytest.mark.parametrize(("switch", "expected"), [(Switch.NO, "a"), (Switch.YES, 500), (Switch.UNKNOWN, "unknown")])
    def test_whether_grants_are_needed_is_a_switch(self, switch: Switch, expected: object) -> None:
        where = world(self.producer(rule([backend(ns="web")])))
        assert end(meshed(replace(where, profile=Profile(mesh_reference_grant=switch)))) == expected


class TestGW33:
    """ "Several route kinds on one Service port: GRPCRoute > HTTPRoute > TLSRoute > TCPRoute.\""""

    KINDS = ("GRPCRoute", "HTTPRoute", "TLSRoute", "TCPRoute")

    def at_a(self, kind: str) -> Route:
        match = {"GRPCRoute": (GRPCMatch(),), "HTTPRoute": (HTTPMatch(),)}.get(kind, ())
        made = plain("r", kind, "b", parents=[parent("a", kind="Service")])
        return replace(made, rules=(replace(made.rules[0], matches=match),))

    @pytest.mark.parametrize(("first", "scheme"), list(enumerate((Scheme.GRPC, Scheme.HTTP, Scheme.TLS, Scheme.TCP))))
    def test_the_first_kind_takes_the_port(self, first: int, scheme: Scheme) -> None:
        routes = [self.at_a(kind) for kind in self.KINDS[first:]]
        answer = meshed(world(*routes), get(":80/s/m", scheme=scheme))
        assert end(answer) == "b"
        assert answer is not None
        assert answer.chosen is not None
        assert answer.chosen.kind == self.KINDS[first]

    def test_plain_http_to_a_port_of_grpc_routes_has_no_route(self) -> None:
        assert end(meshed(world(self.at_a("GRPCRoute"), self.at_a("HTTPRoute")), "/")) == 404

    def test_a_client_that_speaks_something_else_is_refused(self) -> None:
        http = route("r", parents=[parent("a", kind="Service")])
        assert end(meshed(world(http), get(":80/", scheme=Scheme.TLS))) == "refused"


class TestGW34:
    """ "Requests through a Gateway use the Gateway's routes, not mesh routes of the backend Service.\""""

    def test_mesh_routes_do_not_matter_to_a_gateway(self) -> None:
        mesh = route("m", rule("b"), parents=[parent("a", kind="Service")])
        assert end(sent(world(gateway(), route(), mesh))) == "a"


def test_gw_30_the_answer_names_where_it_was_served_and_what_was_chosen() -> None:
    """ "Pick listener (GW-6), candidate routes (GW-12), best match (GW-18), surviving backends.\""""
    answer = sent(world(gateway(listener("web")), route("r", rule("a", path("/x")), rule("b"))))
    assert answer.served is not None
    assert (answer.served.kind, answer.served.name, answer.served.listener) == ("Gateway", "gw", "web")
    assert chosen(answer) == ("r", 1, 0)

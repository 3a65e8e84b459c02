"""Ingress, SEMANTICS section 6, ING-1 to ING-11: which backend takes a request."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netcheck.model.objects import ServicePort
from netcheck.model.profile import Profile, Switch
from netcheck.model.request import Request, Routed, Scheme
from netcheck.model.routes import Ingress, IngressBackend, IngressClass, IngressRule, IngressTLS
from netcheck.semantics.hostnames import ingress_covers
from netcheck.semantics.ingress import effective_class, route_at_ingress
from netcheck.semantics.matches import ingress_path
from tests.spec.way_builders import SERVICES, end, get, ingress, ipath, irule, service, why, world

TO_B = IngressBackend(service="b", port=80)


def asked(request: Request | str, *ingresses: Ingress, class_name: str = "x", **more: object) -> Routed:
    """What the controller of class `x` does with the request."""
    where = world(*ingresses, **more)  # type: ignore[arg-type]
    return route_at_ingress(where, class_name, get(request) if isinstance(request, str) else request)


class TestING1:
    """ "`spec` needs `rules` or `defaultBackend`.\""""

    def test_a_rule_leads_to_its_backend(self) -> None:
        answer = asked("a.com/x", ingress("i", irule("b.com"), irule("a.com", ipath("/y"), ipath("/x", "b"))))
        assert end(answer) == "b"
        assert answer.chosen is not None
        assert answer.served is not None
        assert (answer.chosen.kind, answer.chosen.rule, answer.chosen.match) == ("Ingress", 1, 1)
        assert (answer.served.kind, answer.served.name) == ("Ingress", "i")


class TestING2:
    """ "Class selection, in order: annotation `kubernetes.io/ingress.class`, `spec.ingressClassName`.\""""

    @pytest.mark.parametrize(
        ("field", "annotation", "expected"), [("x", "", "x"), ("", "y", "y"), ("x", "y", "y"), ("", "", "")]
    )
    def test_the_annotation_comes_first(self, field: str, annotation: str, expected: str) -> None:
        one = ingress(class_name=field, class_annotation=annotation)
        assert effective_class(world(one), one) == expected

    def test_ingresses_of_other_classes_are_not_served(self) -> None:
        assert end(asked("a.com/", ingress("i", irule(), class_name="y"))) == 404
        assert end(asked("a.com/", ingress("i", irule(), class_name="y"), class_name="y")) == "a"


class TestING3:
    """ "Default class ... Two defaults: manifests carry no creation time, so UNKNOWN there.\""""

    ONE = ingress("i", irule(), class_name="")
    DEFAULTS = (IngressClass(name="x", default=True), IngressClass(name="y", default=True), IngressClass(name="z"))

    def test_the_default_class_serves_those_without(self) -> None:
        where = world(self.ONE, ingress_classes=self.DEFAULTS[::2])
        assert effective_class(where, self.ONE) == "x"
        assert end(route_at_ingress(where, "x", get())) == "a"
        assert end(route_at_ingress(where, "", get())) == 404

    def test_two_defaults_are_not_known(self) -> None:
        where = world(self.ONE, ingress_classes=self.DEFAULTS)
        assert effective_class(where, self.ONE) is None
        assert why(route_at_ingress(where, "x", get())) == {"ING-3"}
        assert end(route_at_ingress(where, "z", get())) == 404

    def test_without_a_default_there_is_no_class(self) -> None:
        assert effective_class(world(self.ONE), self.ONE) == ""
        assert end(asked("/", self.ONE, class_name="")) == "a"


class TestING4:
    """ "`*` is the whole first label and matches exactly one label. No host = any host.\""""

    @pytest.mark.parametrize(
        ("host", "expected"),
        [("bar.foo.com", True), ("baz.bar.foo.com", False), ("foo.com", False), (".foo.com", False)],
    )
    def test_wildcards(self, host: str, expected: bool) -> None:
        assert ingress_covers("*.foo.com", host) is expected

    def test_hosts(self) -> None:
        assert ingress_covers("", "a.com")
        assert ingress_covers("a.com", "a.com")
        assert not ingress_covers("a.com", "b.com")


class TestING5:
    """ "Exact beats wildcard.\""""

    def test_the_more_specific_host_wins_whatever_the_path(self) -> None:
        rules = irule("", ipath("/long/path", "c")), irule("*.a.com", ipath("/long", "b")), irule("x.a.com", ipath("/"))
        one = ingress("i", *rules)
        hosts = ("x.a.com", "y.a.com", "b.com")
        assert [end(asked(f"{host}/long/path", one)) for host in hosts] == ["a", "b", "c"]

    def test_whether_a_broader_host_counts_where_no_path_of_the_closest_fits_is_up_to_the_controller(self) -> None:
        one = ingress("i", irule("*.a.com", ipath("/", "b")), irule("x.a.com", ipath("/only")))
        answer = asked("x.a.com/other", one)
        assert end(answer) == "unknown"
        assert {reason.rule for reason in answer.reasons} == {"ING-5"}
        assert end(asked("y.a.com/other", one)) == "b"

    def test_it_does_not_matter_where_both_lead_to_the_same(self) -> None:
        one = ingress("i", irule("*.a.com", ipath("/x", "b")), irule("x.a.com", ipath("/only")))
        assert end(asked("x.a.com/other", one)) == 404


class TestING6:
    """ "`pathType`": the table."""

    @pytest.mark.parametrize(
        ("kind", "path", "sent", "expected"),
        [
            ("Prefix", "/", "/", True),
            ("Prefix", "/", "/anything/at/all", True),
            ("Exact", "/foo", "/foo", True),
            ("Exact", "/foo", "/bar", False),
            ("Exact", "/foo", "/foo/", False),
            ("Exact", "/foo/", "/foo", False),
            ("Prefix", "/foo", "/foo", True),
            ("Prefix", "/foo", "/foo/", True),
            ("Prefix", "/foo/", "/foo", True),
            ("Prefix", "/foo/", "/foo/", True),
            ("Prefix", "/aaa/bb", "/aaa/bbb", False),
            ("Prefix", "/aaa/bbb", "/aaa/bbb", True),
            ("Prefix", "/aaa/bbb/", "/aaa/bbb", True),
            ("Prefix", "/aaa/bbb", "/aaa/bbb/", True),
            ("Prefix", "/aaa/bbb", "/aaa/bbb/ccc", True),
            ("Prefix", "/aaa/bbb", "/aaa/bbbxyz", False),
            ("Prefix", "/foo", "/FOO", False),
            ("ImplementationSpecific", "/", "/", None),
        ],
    )
    def test_the_table(self, kind: str, path: str, sent: str, expected: bool | None) -> None:
        assert ingress_path(kind, path, sent) is expected

    @pytest.mark.parametrize(
        ("paths", "sent", "expected"),
        [
            ((ipath("/", "a"), ipath("/aaa", "b")), "/aaa/ccc", "b"),
            ((ipath("/", "a"), ipath("/aaa", "b")), "/ccc", "a"),
            ((ipath("/foo", "a"), ipath("/foo", "b", "Exact")), "/foo", "b"),
            ((ipath("/foo/", "a"), ipath("/foo", "b", "Exact")), "/foo", "b"),
            ((ipath("/foo", "a"), ipath("/foo", "b")), "/foo", "a"),
        ],
    )
    def test_the_longest_path_wins_then_exact_then_the_first(
        self, paths: tuple[object, ...], sent: str, expected: str
    ) -> None:
        assert end(asked(f"a.com{sent}", ingress("i", irule("a.com", *paths)))) == expected  # type: ignore[arg-type]

    def test_ties_between_ingresses_are_up_to_the_controller_even_with_timestamps(self) -> None:
        one, other = (
            ingress("i", irule("a.com"), created="1"),
            ingress("j", irule("a.com", ipath("/", "b")), created="2"),
        )
        assert why(asked("a.com/", one, other)) == {"ING-6"}

    def test_two_that_say_the_same_are_no_tie(self) -> None:
        assert end(asked("a.com/", ingress("i", irule("a.com")), ingress("j", irule("a.com")))) == "a"

    def test_the_longest_path_wins_across_ingresses_too(self) -> None:
        one, other = ingress("i", irule("a.com")), ingress("j", irule("a.com", ipath("/x", "b")))
        assert [end(asked(f"a.com/{rest}", one, other)) for rest in ("x/y", "z")] == ["b", "a"]

    @pytest.mark.parametrize(
        ("switch", "expected"), [(Switch.YES, ["a", 404]), (Switch.UNKNOWN, ["unknown", "unknown"])]
    )
    def test_implementation_specific_paths_are_a_switch(self, switch: Switch, expected: list[object]) -> None:
        one = ingress("i", irule("a.com", ipath("/x", "a", "ImplementationSpecific")))
        profile = Profile(ingress_impl_specific=switch)
        assert [end(asked(f"a.com/{rest}", one, profile=profile)) for rest in ("x/y", "z")] == expected

    def test_they_do_not_matter_where_a_better_path_matches(self) -> None:
        one = ingress("i", irule("a.com", ipath("/", "a", "ImplementationSpecific"), ipath("/x", "b")))
        assert end(asked("a.com/x", one)) == "b"


class TestING8:
    """ "Backend: exactly one of service or resource. `port` is the Service port.\""""

    @pytest.mark.parametrize(("port", "expected"), [(80, "n"), ("web", "n"), (8080, 500), ("other", 500)])
    def test_ports_are_those_of_the_service_by_number_or_name(self, port: int | str, expected: object) -> None:
        named = service("n", ServicePort(port=80, target_port=8080, name="web"))
        answer = asked("/", ingress("i", irule("", ipath("/", "n", port=port))), services=(named,))
        assert end(answer) == expected
        assert [(share.port, share.problem) for share in answer.shares] == [
            (port, "" if expected == "n" else "BackendNotFound")
        ]

    def test_the_service_is_in_the_namespace_of_the_ingress(self) -> None:
        elsewhere = tuple(item for item in SERVICES if item.namespace != "shop" or item.name != "a")
        assert end(asked("/", ingress("i", irule()), services=elsewhere)) == 500

    def test_a_namespace_that_is_not_known_may_hold_it(self) -> None:
        assert why(asked("/", ingress("i", irule(), ns="far"))) == {"ING-8"}
        assert end(asked("/", ingress("i", irule(), ns="far"), whole=True)) == 500

    def test_what_a_resource_serves_is_not_known(self) -> None:
        one = replace(ipath("/"), backend=IngressBackend(resource="Bucket/files"))
        answer = asked("/", ingress("i", irule("", one)))
        assert why(answer) == {"ING-8"}
        assert [(share.kind, share.name) for share in answer.shares] == [("Bucket", "files")]


class TestING9:
    """ "`defaultBackend` receives requests that match no rule; with no rules it receives everything.\""""

    def test_it_takes_what_no_rule_does(self) -> None:
        one = ingress("i", irule("a.com", ipath("/x")), default_backend=TO_B)
        assert [end(asked(url, one)) for url in ("a.com/x", "a.com/y", "b.com/x")] == ["a", "b", "b"]

    def test_without_rules_it_takes_everything(self) -> None:
        assert end(asked("any.com/x", ingress("i", default_backend=TO_B))) == "b"

    def test_without_one_the_controller_answers_404(self) -> None:
        answer = asked("b.com/", ingress("i", irule("a.com")))
        assert (end(answer), answer.chosen, answer.served) == (404, None, None)

    def test_two_that_differ_are_up_to_the_controller(self) -> None:
        two = ingress("i", default_backend=TO_B), ingress("j", default_backend=replace(TO_B, service="c"))
        assert why(asked("/", *two)) == {"ING-6"}
        assert end(asked("/", two[0], ingress("j", default_backend=TO_B))) == "b"


class TestING10:
    """ "A rule with `host` but no `http` is a catch-all for that host.\""""

    def test_it_leads_to_the_default_backend(self) -> None:
        one = ingress("i", IngressRule(host="a.com"), irule("", ipath("/")), default_backend=TO_B)
        assert [end(asked(url, one)) for url in ("a.com/x", "b.com/x")] == ["b", "a"]

    def test_a_path_for_the_same_host_comes_first(self) -> None:
        one = ingress("i", IngressRule(host="a.com"), irule("a.com", ipath("/x")), default_backend=TO_B)
        assert [end(asked(url, one)) for url in ("a.com/x", "a.com/y")] == ["a", "b"]

    def test_without_a_default_backend_it_is_the_controllers(self) -> None:
        assert end(asked("a.com/", ingress("i", IngressRule(host="a.com")))) == 404


class TestING11:
    """ "TLS: only port 443. If SNI and Host header disagree, SNI picks the certificate and Host picks the route.\""""

    SECURE = ingress("i", irule("a.com"), tls=(IngressTLS(hosts=("a.com",)),))

    def test_the_host_picks_the_route(self) -> None:
        assert end(asked(get("a.com/", scheme=Scheme.HTTPS, sni="other.com"), self.SECURE)) == "a"

    @pytest.mark.parametrize(
        ("url", "scheme"),
        [("a.com:80/", Scheme.HTTPS), ("a.com:443/", Scheme.HTTP), ("a.com/", Scheme.TLS), ("a.com/", Scheme.TCP)],
    )
    def test_what_does_not_fit_the_port_is_refused(self, url: str, scheme: Scheme) -> None:
        assert end(asked(get(url, scheme=scheme), self.SECURE)) == "refused"

    def test_without_tls_the_controller_may_still_answer_on_443(self) -> None:
        assert why(asked(get("a.com/", scheme=Scheme.HTTPS), ingress("i", irule("a.com")))) == {"ING-11"}

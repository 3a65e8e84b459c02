"""OpenShift Routes, SEMANTICS section 6, ING-15 and ING-16: which Route takes a request."""

from __future__ import annotations

import pytest

from netcheck.model.request import RedirectTo, Request, Routed, Scheme
from netcheck.model.routes import OpenShiftBackend, OpenShiftRoute
from netcheck.semantics.ingress import route_at_router
from tests.spec.way_builders import end, get, why, world

HTTPS, TLS = Scheme.HTTPS, Scheme.TLS


def oroute(name: str = "r", host: str = "a.com", to: str = "a", *, ns: str = "shop", **more: object) -> OpenShiftRoute:
    more.setdefault("backends", (OpenShiftBackend(service=to),))
    return OpenShiftRoute(namespace=ns, name=name, host=host, **more)  # type: ignore[arg-type]


def asked(request: Request | str, *routes: OpenShiftRoute) -> Routed:
    where = world(openshift_routes=routes)
    return route_at_router(where, get(request) if isinstance(request, str) else request)


class TestING15:
    """ "`host` (or generated), optional `path` (prefix), `to` Service weight 0..256 default 100 (0 = no traffic)...\""""

    def test_host_and_path(self) -> None:
        routes = oroute(path="/x"), oroute("s", to="b", path="/x/y"), oroute("t", "b.com", "c")
        urls = ("a.com/x", "a.com/x/y/z", "a.com/xy", "b.com/", "c.com/")
        assert [end(asked(url, *routes)) for url in urls] == ["a", "b", 503, "c", 503]

    @pytest.mark.parametrize(
        ("termination", "insecure", "plain", "https", "tls"),
        [
            ("", "None", "a", 503, "refused"),
            ("edge", "None", 503, "a", "refused"),
            ("edge", "Allow", "a", "a", "refused"),
            ("edge", "Redirect", 302, "a", "refused"),
            ("reencrypt", "None", 503, "a", "refused"),
            ("passthrough", "None", 503, "a", "a"),
            ("passthrough", "Redirect", 302, "a", "a"),
            ("passthrough", "Allow", 503, "a", "a"),
        ],
    )
    def test_termination(self, termination: str, insecure: str, plain: object, https: object, tls: object) -> None:
        one = oroute(termination=termination, insecure=insecure)
        answers = [asked(get("a.com/", scheme=scheme), one) for scheme in (Scheme.HTTP, HTTPS, TLS)]
        assert [end(answer) for answer in answers] == [plain, https, tls]

    def test_the_redirect_keeps_host_and_path(self) -> None:
        answer = asked("a.com/x", oroute(termination="edge", insecure="Redirect"))
        assert answer.redirect == RedirectTo(scheme="https", host="a.com", port=443, path="/x", status=302)

    def test_passthrough_goes_by_the_sni(self) -> None:
        one, other = oroute(termination="passthrough"), oroute("s", "b.com", "b", termination="edge")
        assert end(asked(get("b.com/", scheme=HTTPS, sni="a.com"), one, other)) == "a"
        assert end(asked(get("b.com/", scheme=HTTPS), one, other)) == "b"

    def test_a_wildcard_is_one_label_and_comes_after_the_exact_host(self) -> None:
        routes = oroute("w", "www.a.com", subdomain=True), oroute("e", "x.a.com", "b")
        hosts = ("www.a.com", "y.a.com", "x.a.com", "a.com", "z.y.a.com")
        assert [end(asked(f"{host}/", *routes)) for host in hosts] == ["a", "a", "b", 503, 503]

    def test_a_host_that_the_router_makes_up_is_not_known(self) -> None:
        assert why(asked("r-shop.apps.example.com/", oroute(host=""))) == {"ING-15"}
        assert end(asked("a.com/", oroute(host=""))) == 503

    def test_a_service_that_is_not_there_serves_nothing(self) -> None:
        answer = asked("a.com/", oroute(to="absent"))
        assert (end(answer), answer.shares[0].problem) == (503, "BackendNotFound")
        assert why(asked("a.com/", oroute(ns="far"))) == {"ING-15"}


class TestING16:
    """ "Share = weight / sum; all 0 = 503. The oldest route in a namespace owns the host; other namespaces are rejected.\""""

    def weights(self, *weights: int) -> OpenShiftRoute:
        named = zip("abc", weights, strict=False)
        return oroute(backends=tuple(OpenShiftBackend(service=name, weight=weight) for name, weight in named))

    def test_weights(self) -> None:
        answer = asked("a.com/", self.weights(100, 0, 50))
        assert end(answer) == "a c"
        assert [share.weight for share in answer.shares] == [100, 50]
        assert end(asked("a.com/", self.weights(0, 0))) == 503

    @pytest.mark.parametrize(("first", "second", "expected"), [("1", "2", "a"), ("2", "1", "b"), ("", "", "unknown")])
    def test_the_oldest_owns_the_host(self, first: str, second: str, expected: str) -> None:
        routes = oroute("r", created=first), oroute("s", to="b", ns="web", created=second)
        assert end(asked("a.com/", *routes)) == expected

    def test_other_namespaces_get_no_path_of_it(self) -> None:
        routes = oroute("r", path="/x", created="1"), oroute("s", to="b", path="/y", ns="web", created="2")
        assert [end(asked(url, *routes)) for url in ("a.com/x", "a.com/y")] == ["a", 503]

    @pytest.mark.parametrize(("first", "second", "expected"), [("1", "2", "a"), ("2", "1", "b"), ("", "", "unknown")])
    def test_in_a_namespace_the_oldest_owns_host_and_path(self, first: str, second: str, expected: str) -> None:
        assert end(asked("a.com/", oroute("r", created=first), oroute("s", to="b", created=second))) == expected

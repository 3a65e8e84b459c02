"""Gateway API objects to the model: the API server's defaults, older forms, and places."""

import pytest

from netcheck.load.loader import load_text
from netcheck.model.cluster import LostRoute, Unfollowed
from netcheck.model.gateway import (
    AllowedNamespaces,
    BackendRef,
    BackendTLSPolicy,
    Extension,
    FieldMatch,
    From,
    FrontendTLS,
    Gateway,
    GatewayAddress,
    GatewayClass,
    GrantFrom,
    GrantTo,
    GRPCMatch,
    HeaderChange,
    HTTPMatch,
    Listener,
    ListenerSet,
    MatchType,
    Mirror,
    ObjectRef,
    ParentRef,
    PathChange,
    PolicyTarget,
    Redirect,
    ReferenceGrant,
    Rewrite,
    Route,
    RouteKind,
    RouteRule,
)
from netcheck.values.labels import LabelSelector

GROUP = "gateway.networking.k8s.io"


def document(kind, spec, version="v1", group=GROUP, metadata="", extra=""):
    return (
        f"apiVersion: {group}/{version}\nkind: {kind}\nmetadata: {{name: x, namespace: shop{metadata}}}\n"
        f"spec:\n{spec.rstrip()}\n{extra}"
    )


def cluster_of(*texts):
    loaded = load_text("---\n".join(texts))
    assert [str(problem) for problem in loaded.problems] == []
    assert loaded.complete
    return loaded.cluster


def gateway_of(spec, **more):
    (found,) = cluster_of(document("Gateway", spec, **more)).gateways
    return found


def route_of(kind, spec, **more):
    (found,) = cluster_of(document(kind, spec, **more)).routes
    return found


def rule_of(spec, kind="HTTPRoute"):
    (found,) = route_of(kind, f"  rules:\n  - {spec}").rules
    return found


class TestGateway:
    def test_a_plain_listener_gets_the_defaults(self):
        found = gateway_of("  gatewayClassName: c\n  listeners: [{name: web, port: 80, protocol: HTTP}]")
        assert found == Gateway(
            namespace="shop",
            name="x",
            class_name="c",
            listeners=(Listener(name="web", port=80, protocol="HTTP"),),
            listener_sets=AllowedNamespaces(source=From.NONE),
        )
        assert found.listeners[0].namespaces == AllowedNamespaces(source=From.SAME)
        assert (found.place.line, found.listeners[0].place.line) == (1, 6)

    def test_a_listener_with_everything(self):
        found = gateway_of(
            "  gatewayClassName: c\n  listeners:\n"
            "  - {name: a, port: 443, protocol: HTTPS, hostname: '*.example.com',\n"
            "     tls: {certificateRefs: [{name: one}, {group: '', kind: Secret, name: two, namespace: keys}]},\n"
            "     allowedRoutes: {kinds: [{kind: HTTPRoute}, {group: example.com, kind: Thing}],\n"
            "       namespaces: {from: Selector, selector: {matchLabels: {team: a}}}}}\n"
            "  - {name: b, port: 444, protocol: TLS, tls: {mode: Passthrough}, allowedRoutes: {namespaces: {from: All}}}"
        )
        first, second = found.listeners
        assert first == Listener(
            name="a",
            port=443,
            protocol="HTTPS",
            hostname="*.example.com",
            tls_mode="Terminate",
            certificates=(
                ObjectRef(group="", kind="Secret", namespace="shop", name="one"),
                ObjectRef(group="", kind="Secret", namespace="keys", name="two"),
            ),
            namespaces=AllowedNamespaces(source=From.SELECTOR, selector=LabelSelector.of({"team": "a"})),
            kinds=(RouteKind(GROUP, "HTTPRoute"), RouteKind("example.com", "Thing")),
        )
        assert (second.tls_mode, second.namespaces.source) == ("Passthrough", From.ALL)
        assert [reference.place.line for reference in first.certificates] == [8, 8]

    def test_a_selector_that_is_asked_for_and_missing_lets_nobody_in(self):
        found = gateway_of(
            "  gatewayClassName: c\n  allowedListeners: {namespaces: {from: Selector}}\n"
            "  listeners: [{name: a, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: Selector}}}]"
        )
        assert found.listeners[0].namespaces == AllowedNamespaces(source=From.NONE)
        assert found.listener_sets == AllowedNamespaces(source=From.NONE)

    def test_addresses_certificates_labels_and_scope(self):
        found = gateway_of(
            "  gatewayClassName: c\n  defaultScope: All\n  infrastructure: {labels: {a: b}}\n"
            "  allowedListeners: {namespaces: {from: Same}}\n"
            "  addresses: [{value: 192.0.2.1}, {type: Hostname, value: a.example}, {type: Hostname}]\n"
            "  listeners: [{name: web, port: 80, protocol: HTTP}]\n"
            "  tls:\n"
            "    backend: {clientCertificateRef: {name: client}}\n"
            "    frontend:\n"
            "      default: {validation: {caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]}}\n"
            "      perPort:\n"
            "      - port: 8443\n"
            "        tls: {validation: {mode: AllowInsecureFallback, caCertificateRefs: [{group: '', kind: Secret, name: s}]}}\n"
            "      - port: 9443\n",
            metadata=", annotations: {note: v}, creationTimestamp: 2026-01-02T03:04:05Z",
            extra="status: {addresses: [{type: IPAddress, value: 192.0.2.9}, {value: b.example}]}\n",
        )
        assert found.addresses == (
            GatewayAddress(type="IPAddress", value="192.0.2.1"),
            GatewayAddress(type="Hostname", value="a.example"),
            GatewayAddress(type="Hostname", value=""),
        )
        assert found.assigned == ("192.0.2.9", "b.example")
        assert found.backend_certificate == ObjectRef(group="", kind="Secret", namespace="shop", name="client")
        assert found.frontend == (
            FrontendTLS(authorities=(ObjectRef(group="", kind="ConfigMap", namespace="shop", name="ca"),)),
            FrontendTLS(
                port=8443,
                mode="AllowInsecureFallback",
                authorities=(ObjectRef(group="", kind="Secret", namespace="shop", name="s"),),
            ),
        )
        assert found.infrastructure_labels == {"a": "b"}
        assert found.default_scope
        assert found.annotations == {"note": "v"}
        assert found.created == "2026-01-02T03:04:05Z"
        assert found.listener_sets.source is From.SAME

    def test_the_forms_before_v1_4_are_read(self):
        found = gateway_of(
            "  gatewayClassName: c\n  backendTLS: {clientCertificateRef: {name: client}}\n"
            "  listeners:\n  - name: a\n    port: 443\n    protocol: HTTPS\n    tls:\n"
            "      certificateRefs: [{name: k}]\n"
            "      frontendValidation: {caCertificateRefs: [{kind: ConfigMap, group: '', name: ca}]}\n"
        )
        assert found.backend_certificate.name == "client"
        assert [(item.port, item.authorities[0].name) for item in found.frontend] == [(443, "ca")]

    def test_classes(self):
        text = document("GatewayClass", "  controllerName: example.com/gw").replace(", namespace: shop", "")
        assert cluster_of(text).gateway_classes == (GatewayClass(name="x", controller="example.com/gw"),)

    @pytest.mark.parametrize(
        ("kind", "group", "version", "port"),
        [("ListenerSet", GROUP, "v1", "port: 80,"), ("XListenerSet", "gateway.networking.x-k8s.io", "v1alpha1", "")],
    )
    def test_listener_sets(self, kind, group, version, port):
        spec = f"  parentRef: {{name: g}}\n  listeners: [{{name: a, {port} protocol: HTTP}}]"
        (found,) = cluster_of(document(kind, spec, group=group, version=version)).listener_sets
        assert found == ListenerSet(
            namespace="shop",
            name="x",
            parent=ParentRef(namespace="shop", name="g"),
            listeners=(Listener(name="a", port=80 if port else 0, protocol="HTTP"),),
        )


class TestRoutes:
    def test_an_http_route_without_rules_takes_everything_and_has_no_backend(self):
        found = route_of("HTTPRoute", "  parentRefs: [{name: g}]")
        assert found == Route(
            kind="HTTPRoute",
            namespace="shop",
            name="x",
            parents=(ParentRef(namespace="shop", name="g"),),
            rules=(RouteRule(matches=(HTTPMatch(),)),),
        )

    def test_a_grpc_route_without_rules_takes_nothing(self):
        assert route_of("GRPCRoute", "  parentRefs: [{name: g}]").rules == ()

    @pytest.mark.parametrize("matches", ["", "matches: []", "matches: [{}]", "matches: [{path: {}}]"])
    def test_no_match_is_the_prefix_of_all_paths(self, matches):
        found = rule_of(f"{{{matches}}}")
        assert found.matches == (HTTPMatch(path_type=MatchType.PATH_PREFIX, path="/"),)

    def test_parents(self):
        found = route_of(
            "HTTPRoute",
            "  useDefaultGateways: All\n  parentRefs:\n  - {name: g, namespace: edge, sectionName: web, port: 80}\n"
            "  - {group: '', kind: Service, name: s}\n  - {kind: ListenerSet, name: l}",
        )
        assert found.parents == (
            ParentRef(namespace="edge", name="g", section="web", port=80),
            ParentRef(group="", kind="Service", namespace="shop", name="s"),
            ParentRef(kind="ListenerSet", namespace="shop", name="l"),
        )
        assert found.default_gateways
        assert [parent.place.line for parent in found.parents] == [7, 8, 9]

    def test_of_matches_on_one_header_the_first_counts(self):
        found = rule_of(
            "matches:\n"
            "    - path: {type: Exact, value: /a}\n"
            "      method: POST\n"
            "      headers: [{name: X-One, value: a}, {name: x-one, value: b}, {name: z, type: RegularExpression, value: c}]\n"
            "      queryParams: [{name: Q, value: a}, {name: q, value: b}]\n"
            "    - path: {type: RegularExpression, value: '/b.*'}"
        )
        first, second = found.matches
        assert first == HTTPMatch(
            path_type=MatchType.EXACT,
            path="/a",
            method="POST",
            headers=(
                FieldMatch(name="x-one", value="a"),
                FieldMatch(name="z", value="c", type=MatchType.REGULAR_EXPRESSION),
            ),
            query=(FieldMatch(name="Q", value="a"), FieldMatch(name="q", value="b")),
        )
        assert (second.path_type, second.path) == (MatchType.REGULAR_EXPRESSION, "/b.*")
        assert (found.place.line, first.place.line, second.place.line) == (6, 7, 11)

    def test_backends(self):
        found = rule_of(
            "backendRefs:\n    - {name: a, port: 80}\n    - {name: b, port: 81, namespace: other, weight: 0}\n"
            "    - {group: example.com, kind: Bucket, name: c, weight: 5}"
        )
        assert found.backends == (
            BackendRef(namespace="shop", name="a", port=80),
            BackendRef(namespace="other", name="b", port=81, weight=0),
            BackendRef(group="example.com", kind="Bucket", namespace="shop", name="c", weight=5),
        )
        assert [backend.place.line for backend in found.backends] == [7, 8, 9]

    def test_filters(self):
        found = rule_of(
            "filters:\n"
            "    - {type: URLRewrite, urlRewrite: {hostname: a.example, path: {type: ReplaceFullPath, replaceFullPath: /f}}}\n"
            "    - {type: RequestMirror, requestMirror: {backendRef: {name: m, port: 80}}}\n"
            "    - {type: RequestMirror, requestMirror: {percent: 0, backendRef: {name: m, port: 80}}}\n"
            "    - {type: RequestMirror, requestMirror: {backendRef: {name: m, port: 80}, fraction: {numerator: 1, denominator: 4}}}\n"
            "    - {type: RequestMirror, requestMirror: {backendRef: {name: m, port: 80}, fraction: {numerator: 5}}}\n"
            "    - {type: CORS, cors: {}}\n"
            "    - {type: ResponseHeaderModifier, responseHeaderModifier: {remove: [a]}}\n"
            "    - {type: ExtensionRef, extensionRef: {group: example.com, kind: Wasm, name: w}}\n"
            "    - {type: ExternalAuth, externalAuth: {protocol: HTTP}}"
        )
        mirrored = BackendRef(namespace="shop", name="m", port=80)
        assert found.filters == (
            Rewrite(hostname="a.example", path=PathChange(type="ReplaceFullPath", value="/f")),
            Mirror(backend=mirrored),
            Mirror(backend=mirrored, percent=0.0),
            Mirror(backend=mirrored, percent=25.0),
            Mirror(backend=mirrored, percent=5.0),
            HeaderChange(type="CORS"),
            HeaderChange(type="ResponseHeaderModifier"),
            Extension(type="ExtensionRef", group="example.com", kind="Wasm", name="w"),
            Extension(type="ExternalAuth"),
        )
        assert [item.place.line for item in found.filters] == list(range(7, 16))

    def test_a_redirect_is_found_by_default(self):
        (found,) = rule_of("filters: [{type: RequestRedirect, requestRedirect: {}}]").filters
        assert found == Redirect(status=302)
        (found,) = rule_of(
            "filters: [{type: RequestRedirect, requestRedirect: {scheme: https, hostname: a.example, port: 8443, "
            "statusCode: 308, path: {type: ReplacePrefixMatch, replacePrefixMatch: ''}}}]"
        ).filters
        path = PathChange(type="ReplacePrefixMatch", value="")
        assert found == Redirect(scheme="https", hostname="a.example", port=8443, status=308, path=path)

    def test_filters_of_one_backend(self):
        found = rule_of(
            "backendRefs: [{name: a, port: 80, filters: [{type: RequestHeaderModifier, requestHeaderModifier: {}}]}]"
        )
        assert found.backends[0].filters == (HeaderChange(type="RequestHeaderModifier"),)

    def test_grpc_matches(self):
        found = rule_of(
            "matches: [{method: {service: a.B, method: C}}, {method: {type: RegularExpression, service: .*}}, "
            "{headers: [{name: V, value: '2'}]}]",
            kind="GRPCRoute",
        )
        assert found.matches == (
            GRPCMatch(service="a.B", method="C"),
            GRPCMatch(type=MatchType.REGULAR_EXPRESSION, service=".*"),
            GRPCMatch(headers=(FieldMatch(name="v", value="2"),)),
        )
        assert rule_of("{}", kind="GRPCRoute").matches == (GRPCMatch(),)

    @pytest.mark.parametrize("kind", ["TLSRoute", "TCPRoute", "UDPRoute"])
    def test_plain_routes_match_nothing(self, kind):
        hosts = "  hostnames: [a.example]\n" if kind == "TLSRoute" else ""
        found = route_of(
            kind, f"  parentRefs: [{{name: g}}]\n{hosts}  rules: [{{backendRefs: [{{name: s, port: 1}}]}}]"
        )
        assert found.rules == (RouteRule(backends=(BackendRef(namespace="shop", name="s", port=1),)),)
        assert found.hostnames == (("a.example",) if hosts else ())

    def test_routes_are_sorted_by_name(self):
        texts = [document("HTTPRoute", "  parentRefs: []").replace("name: x", f"name: {name}") for name in "cab"]
        assert [route.name for route in cluster_of(*texts).routes] == ["a", "b", "c"]


class TestGrantsAndPolicies:
    def test_reference_grants(self):
        text = document(
            "ReferenceGrant",
            f"  from: [{{group: {GROUP}, kind: HTTPRoute, namespace: web}}]\n"
            "  to: [{group: '', kind: Service}, {group: '', kind: Secret, name: k}]",
            version="v1beta1",
        )
        assert cluster_of(text).grants == (
            ReferenceGrant(
                namespace="shop",
                name="x",
                sources=(GrantFrom(group=GROUP, kind="HTTPRoute", namespace="web"),),
                targets=(GrantTo(group="", kind="Service"), GrantTo(group="", kind="Secret", name="k")),
            ),
        )

    def test_backend_tls_policies(self):
        text = document(
            "BackendTLSPolicy",
            "  targetRefs: [{group: '', kind: Service, name: s, sectionName: https}]\n"
            "  validation: {hostname: s.example, caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]}",
        )
        assert cluster_of(text).backend_tls == (
            BackendTLSPolicy(
                namespace="shop",
                name="x",
                targets=(PolicyTarget(group="", kind="Service", name="s", section="https"),),
                hostname="s.example",
                authorities=(ObjectRef(group="", kind="ConfigMap", namespace="shop", name="ca"),),
            ),
        )

    def test_the_form_of_v1alpha2_is_read(self):
        text = document(
            "BackendTLSPolicy",
            "  targetRef: {group: '', kind: Service, name: s}\n  tls: {hostname: s.example, wellKnownCACerts: System}",
            version="v1alpha2",
        )
        (found,) = cluster_of(text).backend_tls
        assert (found.targets[0].name, found.hostname, found.well_known) == ("s", "s.example", "System")


class TestWhatIsNotThere:
    def test_routing_of_meshes_is_named_and_not_followed(self):
        kinds = [
            ("networking.istio.io/v1", "VirtualService"),
            ("networking.istio.io/v1", "Gateway"),
            ("networking.istio.io/v1", "ServiceEntry"),
            ("linkerd.io/v1alpha2", "ServiceProfile"),
            ("policy.linkerd.io/v1beta3", "HTTPRoute"),
        ]
        texts = [f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x}}\n" for version, kind in kinds]
        loaded = load_text("---\n".join(texts))
        assert loaded.complete
        assert loaded.not_modelled == ()
        assert loaded.cluster.routes == loaded.cluster.gateways == ()
        assert sorted(item.label for item in loaded.cluster.unfollowed) == sorted(
            f"{kind} default/x" for _, kind in kinds
        )
        assert isinstance(loaded.cluster.unfollowed[0], Unfollowed)

    def test_a_route_whose_meaning_is_plain_is_kept_though_it_is_refused(self):
        loaded = load_text(document("HTTPRoute", "  rules: [{backendRefs: [{name: s, port: 80, weight: 2000000}]}]"))
        assert not loaded.complete
        assert loaded.cluster.routes[0].rules[0].backends[0].weight == 2000000
        assert loaded.cluster.lost_routes == ()

    @pytest.mark.parametrize(
        "spec",
        [
            "  rules: [{matches: [{path: {type: Suffix, value: /a}}]}]",
            "  rules: [{matches: [{path: {value: 5}}]}]",
            "  rules: {}",
            "  parentRefs: [{sectionName: a}]",
        ],
    )
    def test_another_refused_route_is_lost(self, spec):
        loaded = load_text(document("HTTPRoute", spec))
        assert not loaded.complete
        assert loaded.cluster.routes == ()
        assert loaded.cluster.lost_routes == (LostRoute(namespace="shop", kind="HTTPRoute", name="x"),)

    def test_a_route_that_is_not_yaml_is_lost(self):
        text = (
            document("HTTPRoute", "  rules: [\n  - :") + "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n"
        )
        assert load_text(text).cluster.lost_routes == (LostRoute(namespace="shop", kind="HTTPRoute", name="x"),)

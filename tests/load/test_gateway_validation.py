"""What an API server refuses of the Gateway API, by the rules of its CRDs."""

import pytest

from netcheck.errors import Severity
from netcheck.load.loader import load_text
from tests.load.test_gateway import document

L = "name: a, port: 80, protocol: HTTP"
BACKENDS = "backendRefs: [{name: s, port: 1}]"
TARGET = "targetRefs: [{group: '', kind: Service, name: s}]"
CA = "caCertificateRefs: [{group: '', kind: ConfigMap, name: c}]"


def listeners(*entries):
    return "  gatewayClassName: c\n  listeners:\n" + "".join(f"  - {{{entry}}}\n" for entry in entries)


def errors(kind, spec, **more):
    loaded = load_text(document(kind, spec, **more))
    return [problem.message for problem in loaded.problems if problem.severity is Severity.ERROR]


REFUSED = [
    ("Gateway", listeners("name: a, port: 80, protocol: TLS"), "tls mode must be set for protocol TLS"),
    ("Gateway", listeners("name: a, port: 0, protocol: HTTP"), "must be between 1 and 65535"),
    ("Gateway", listeners(f"{L}, allowedRoutes: {{kinds: [{{group: a}}]}}"), "kinds[0].kind: required value"),
    ("Gateway", listeners(f"{L}, allowedRoutes: {{namespaces: {{from: Any}}}}"), "unsupported value `Any`"),
    (
        "Gateway",
        listeners("name: a, port: 443, protocol: HTTPS, tls: {certificateRefs: [{namespace: a}]}"),
        "certificateRefs[0].name: required value",
    ),
    ("Gateway", listeners(L) + "  defaultScope: Some", "unsupported value `Some`"),
    ("Gateway", listeners(L) + "  allowedListeners: {namespaces: {from: X}}", "unsupported value `X`"),
    ("Gateway", listeners(L) + "  tls: {frontend: {}}", "spec.tls.frontend.default: required value"),
    (
        "Gateway",
        listeners(L) + "  tls: {frontend: {default: {validation: {caCertificateRefs: [{name: a}]}}}}",
        "caCertificateRefs[0].kind: required value",
    ),
    (
        "Gateway",
        listeners(L) + "  tls: {frontend: {default: {}, perPort: [{port: 1}, {port: 1}]}}",
        "port for TLS configuration must be unique",
    ),
    ("Gateway", listeners(L) + "  addresses: [{value: 1.2.3.4}, {value: 1.2.3.4}]", "IPAddress values must be unique"),
    ("GatewayClass", "  controllerName: nodomain", "must be a domain, `/` and a path"),
    ("GatewayClass", "  description: none", "spec.controllerName: required value"),
    ("ListenerSet", f"  listeners: [{{{L}}}]", "spec.parentRef: required value"),
    ("ListenerSet", "  parentRef: {name: g}", "spec.listeners: required value"),
    ("ListenerSet", f"  parentRef: {{}}\n  listeners: [{{{L}}}]", "spec.parentRef.name: required value"),
    ("ListenerSet", "  parentRef: {name: g}\n  listeners: [{name: a, protocol: HTTP}]", "port: required value"),
    (
        "ListenerSet",
        f"  parentRef: {{name: g}}\n  listeners: [{{{L}}}, {{name: b, port: 80, protocol: HTTP}}]",
        "combination of port, protocol and hostname must be unique",
    ),
    ("HTTPRoute", "  parentRefs: [{name: g, sectionName: a}, {name: g, port: 1}]", "specified when there are 2"),
    ("HTTPRoute", "  parentRefs: [{name: g, port: 1}, {name: g, port: 1}]", "unique when there are 2"),
    ("HTTPRoute", "  rules: [{name: a}, {name: a}]", "rule name must be unique"),
    (
        "HTTPRoute",
        "  rules: [{filters: [{type: RequestMirror, requestMirror: {backendRef: {name: s}}}]}]",
        "must have port for Service reference",
    ),
    (
        "HTTPRoute",
        "  rules: [{filters: [{type: RequestMirror, requestMirror: {backendRef: {name: s, port: 1}, percent: 101}}]}]",
        "must be between 0 and 100",
    ),
    (
        "HTTPRoute",
        "  rules: [{filters: [{type: RequestMirror, requestMirror: {backendRef: {name: s, port: 1}, fraction: {numerator: 101}}}]}]",
        "the numerator must be between 0 and the denominator",
    ),
    ("GRPCRoute", "  rules: [{matches: [{method: {}}]}]", "one or both of 'service' or 'method' must be specified"),
    ("GRPCRoute", "  rules: [{matches: [{method: {service: a/b}}]}]", "must only contain valid characters"),
    ("GRPCRoute", "  rules: [{matches: [{method: {type: Prefix, method: a}}]}]", "unsupported value `Prefix`"),
    ("GRPCRoute", "  rules: [{filters: [{type: URLRewrite, urlRewrite: {}}]}]", "unsupported value `URLRewrite`"),
    ("GRPCRoute", "  rules: [{backendRefs: [{name: s}]}]", "must have port for Service reference"),
    ("GRPCRoute", "  hostnames: [A.example]", "must be a lowercase host name"),
    ("TLSRoute", f"  rules: [{{{BACKENDS}}}]", "spec.hostnames: required value"),
    ("TLSRoute", f"  hostnames: [1.2.3.4]\n  rules: [{{{BACKENDS}}}]", "hostnames cannot contain an IP"),
    ("TLSRoute", f"  hostnames: [a.b]\n  rules: [{{{BACKENDS}}}, {{{BACKENDS}}}]", "must have at most 1 items"),
    ("TCPRoute", "  parentRefs: [{name: g}]", "spec.rules: required value"),
    ("TCPRoute", "  rules: [{backendRefs: []}]", "must have at least 1 item"),
    ("UDPRoute", "  rules: [{}]", "backendRefs: required value"),
    ("UDPRoute", "  rules: [{backendRefs: [{name: s, port: 1, weight: -1}]}]", "must be between 0 and 1000000"),
    ("ReferenceGrant", "  to: [{group: '', kind: Service}]", "spec.from: required value"),
    ("ReferenceGrant", "  from: [{group: a, kind: B}]\n  to: [{group: '', kind: C}]", "namespace: required value"),
    ("ReferenceGrant", "  from: [{group: a, kind: B, namespace: c}]\n  to: [{kind: C}]", "group: required value"),
    ("ReferenceGrant", "  from: [{group: A, kind: B, namespace: c}]\n  to: [{group: '', kind: C}]", "not an API group"),
    (
        "ReferenceGrant",
        "  from: [{group: a, kind: B, namespace: '*'}]\n  to: [{group: '', kind: C}]",
        "invalid value `*`",
    ),
    ("BackendTLSPolicy", f"  {TARGET}", "spec.validation: required value"),
    ("BackendTLSPolicy", f"  {TARGET}\n  validation: {{{CA}}}", "spec.validation.hostname: required value"),
    ("BackendTLSPolicy", f"  {TARGET}\n  validation: {{hostname: a.b}}", "must specify either CACertificateRefs"),
    (
        "BackendTLSPolicy",
        f"  {TARGET}\n  validation: {{hostname: a.b, {CA}, wellKnownCACertificates: System}}",
        "must not contain both",
    ),
    ("BackendTLSPolicy", f"  {TARGET}\n  validation: {{hostname: '*.b', {CA}}}", "must be a lowercase host name"),
    ("BackendTLSPolicy", f"  validation: {{hostname: a.b, {CA}}}", "spec.targetRefs: required value"),
    (
        "BackendTLSPolicy",
        f"  {TARGET[:-1]}, {{group: '', kind: Service, name: s, sectionName: a}}]\n  validation: {{hostname: a.b, {CA}}}",
        "sectionName must be specified",
    ),
    (
        "BackendTLSPolicy",
        f"  {TARGET}\n  validation: {{hostname: a.b, {CA}, subjectAltNames: [{{type: URI, hostname: a.b}}]}}",
        "uri must be specified if and only if the type is URI",
    ),
]


@pytest.mark.parametrize(("kind", "spec", "message"), REFUSED)
def test_refused(kind, spec, message):
    found = errors(kind, spec)
    assert any(message in text for text in found), found


ACCEPTED = [
    ("Gateway", listeners("name: a, port: 443, protocol: TLS, tls: {mode: Passthrough}"), {}),
    ("Gateway", listeners("name: a, port: 443, protocol: HTTPS"), {}),
    ("Gateway", listeners("name: a, port: 80, protocol: example.com/custom"), {}),
    ("HTTPRoute", "  parentRefs: [{name: g, port: 1}, {name: g, port: 2}]", {}),
    ("HTTPRoute", "  parentRefs: [{name: g, namespace: a}, {name: g}]", {}),
    ("GRPCRoute", "  rules: [{matches: [{method: {type: RegularExpression, service: 'a/b'}}]}]", {}),
    ("TLSRoute", f"  rules: [{{{BACKENDS}}}, {{{BACKENDS}}}]", {"version": "v1alpha2"}),
    ("TCPRoute", "  rules: [{}]", {"version": "v1alpha2"}),
    ("ReferenceGrant", "  from: [{group: '', kind: B, namespace: c}]\n  to: [{group: '', kind: C}]", {}),
    ("BackendTLSPolicy", f"  {TARGET}\n  validation: {{hostname: a.b, wellKnownCACertificates: System}}", {}),
]


@pytest.mark.parametrize(("kind", "spec", "more"), ACCEPTED)
def test_accepted(kind, spec, more):
    assert errors(kind, spec, **more) == []


@pytest.mark.parametrize("kind", sorted({kind for kind, _, _ in REFUSED}))
@pytest.mark.parametrize(
    "spec", ["  []", "  5", "  {rules: 5, listeners: 5}", "  {rules: [5], listeners: [[]], to: [5]}"]
)
def test_no_shape_of_a_spec_breaks_loading(kind, spec):
    load_text(document(kind, spec))


def test_a_placeholder_for_an_address_is_a_warning():
    loaded = load_text(document("Gateway", listeners(L) + "  addresses: [{value: PLACEHOLDER}]"))
    assert [problem.severity for problem in loaded.problems] == [Severity.WARNING]
    assert loaded.cluster.gateways[0].addresses[0].value == "PLACEHOLDER"

"""Gateway API objects as the API server stores them, defaults applied (SEMANTICS section 7).

One shape for each object; one `Route` for the five kinds of route, since they differ only in what their rules match.
Source: gateway.networking.k8s.io v1, v1beta1, v1alpha2, v1alpha3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from netcheck.errors import Place
from netcheck.values.labels import LabelSelector

GATEWAY_GROUP = "gateway.networking.k8s.io"
GATEWAY_NAME_LABEL = "gateway.networking.k8s.io/gateway-name"
"""The label that generated data-plane pods carry (GW-29)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayClass:
    """A GatewayClass."""

    name: str
    controller: str = ""
    place: Place | None = field(default=None, compare=False)


class From(Enum):
    """Which namespaces are let in: of routes at a listener (GW-9), of ListenerSets at a Gateway (GW-10)."""

    SAME = "Same"
    ALL = "All"
    SELECTOR = "Selector"
    NONE = "None"


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedNamespaces:
    """The namespaces let in. `selector` is set iff `source` is `SELECTOR`."""

    source: From = From.SAME
    selector: LabelSelector | None = None


@dataclass(frozen=True, slots=True, order=True)
class RouteKind:
    """A kind of route that a listener allows."""

    group: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectRef:
    """A reference to an object, defaults applied: `namespace` is that of the referrer where none is written."""

    group: str
    kind: str
    namespace: str
    name: str
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A listener of a Gateway or ListenerSet (GW-3).

    Attributes:
        port: 0 iff a ListenerSet leaves it to the implementation.
        protocol: `HTTP`, `HTTPS`, `TLS`, `TCP`, `UDP` or a prefixed custom one.
        hostname: in lower case; empty matches every host.
        tls_mode: `Terminate`, `Passthrough`, or empty without `tls`.
        kinds: what `allowedRoutes.kinds` lists, or empty: those of the protocol (GW-7).
    """

    name: str
    port: int
    protocol: str
    hostname: str = ""
    tls_mode: str = ""
    certificates: tuple[ObjectRef, ...] = ()
    namespaces: AllowedNamespaces = AllowedNamespaces()
    kinds: tuple[RouteKind, ...] = ()
    place: Place | None = field(default=None, compare=False)

    @property
    def has_own_protocol(self) -> bool:
        """Whether an implementation defines the protocol: a prefixed one, or the `HBONE` of Istio's waypoints."""
        return "/" in self.protocol or self.protocol == "HBONE"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontendTLS:
    """Validation of client certificates, of all ports (`port` 0) or of one (`spec.tls.frontend`)."""

    port: int = 0
    authorities: tuple[ObjectRef, ...] = ()
    mode: str = "AllowValidOnly"
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayAddress:
    """A requested address: `IPAddress`, `Hostname`, or a prefixed type. `value` may be empty: the implementation's."""

    type: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A Gateway.

    Attributes:
        listener_sets: which namespaces' ListenerSets may join (`spec.allowedListeners`, default none).
        assigned: `status.addresses`, as text.
        backend_certificate: `spec.tls.backend.clientCertificateRef`.
        infrastructure_labels: labels of generated data-plane objects (`spec.infrastructure.labels`).
        default_scope: whether routes without parents that ask for it attach (GW-16).
        created: `metadata.creationTimestamp`, or empty.
    """

    namespace: str
    name: str
    class_name: str
    listeners: tuple[Listener, ...] = ()
    listener_sets: AllowedNamespaces = AllowedNamespaces(source=From.NONE)
    addresses: tuple[GatewayAddress, ...] = ()
    assigned: tuple[str, ...] = ()
    frontend: tuple[FrontendTLS, ...] = ()
    backend_certificate: ObjectRef | None = None
    infrastructure_labels: Mapping[str, str] = field(default_factory=dict)
    default_scope: bool = False
    annotations: Mapping[str, str] = field(default_factory=dict)
    created: str = ""
    place: Place | None = field(default=None, compare=False)

    @property
    def label(self) -> str:
        """`Gateway namespace/name`."""
        return f"Gateway {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentRef:
    """A parent of a route or ListenerSet, defaults applied (GW-12). `section` empty and `port` 0: not given."""

    group: str = GATEWAY_GROUP
    kind: str = "Gateway"
    namespace: str = ""
    name: str = ""
    section: str = ""
    port: int = 0
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerSet:
    """A ListenerSet (GW-10)."""

    namespace: str
    name: str
    parent: ParentRef
    listeners: tuple[Listener, ...] = ()
    created: str = ""
    place: Place | None = field(default=None, compare=False)

    @property
    def label(self) -> str:
        """`ListenerSet namespace/name`."""
        return f"ListenerSet {self.namespace}/{self.name}"


class MatchType(Enum):
    """How a value is compared. What a regular expression means is left to implementations (GW-17)."""

    EXACT = "Exact"
    PATH_PREFIX = "PathPrefix"
    REGULAR_EXPRESSION = "RegularExpression"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldMatch:
    """A match on a header (`name` in lower case) or on a query parameter. `type` is never `PATH_PREFIX`."""

    name: str
    value: str
    type: MatchType = MatchType.EXACT


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPMatch:
    """A match of an HTTPRoute (GW-17). `method` empty: any. Of fields with one name the first counts."""

    path_type: MatchType = MatchType.PATH_PREFIX
    path: str = "/"
    method: str = ""
    headers: tuple[FieldMatch, ...] = ()
    query: tuple[FieldMatch, ...] = ()
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GRPCMatch:
    """A match of a GRPCRoute (GW-19). `service` and `method` empty: any."""

    type: MatchType = MatchType.EXACT
    service: str = ""
    method: str = ""
    headers: tuple[FieldMatch, ...] = ()
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendRef:
    """A backend of a rule, defaults applied (GW-22). `port` 0: not given."""

    group: str = ""
    kind: str = "Service"
    namespace: str = ""
    name: str = ""
    port: int = 0
    weight: int = 1
    filters: tuple[Filter, ...] = ()
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PathChange:
    """A replacement of the path: `ReplaceFullPath` or `ReplacePrefixMatch`."""

    type: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    """A RequestRedirect filter (GW-21): no backend is contacted. Empty and 0: as in the request."""

    scheme: str = ""
    hostname: str = ""
    port: int = 0
    status: int = 302
    path: PathChange | None = None
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """A URLRewrite filter (GW-21): changes what the backend sees, not which backend it is."""

    hostname: str = ""
    path: PathChange | None = None
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """A RequestMirror filter (GW-21): a copy of `percent` of the requests goes to another backend."""

    backend: BackendRef
    percent: float = 100.0
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderChange:
    """A filter that changes headers only (RequestHeaderModifier, ResponseHeaderModifier, CORS): no effect on the way."""

    type: str
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """A filter that netcheck does not know (ExtensionRef, ExternalAuth): it may do anything (GW-21)."""

    type: str
    group: str = ""
    kind: str = ""
    name: str = ""
    place: Place | None = field(default=None, compare=False)


Filter = Redirect | Rewrite | Mirror | HeaderChange | Extension


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRule:
    """A rule of a route. `matches` is empty for TLS, TCP and UDP routes, else holds at least the default match."""

    name: str = ""
    matches: tuple[HTTPMatch | GRPCMatch, ...] = ()
    filters: tuple[Filter, ...] = ()
    backends: tuple[BackendRef, ...] = ()
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An HTTPRoute, GRPCRoute, TLSRoute, TCPRoute or UDPRoute (`kind`).

    Attributes:
        hostnames: in lower case; empty: any.
        created: `metadata.creationTimestamp`, or empty.
        default_gateways: whether it asks for default Gateways (`useDefaultGateways`, GW-16).
    """

    kind: str
    namespace: str
    name: str
    parents: tuple[ParentRef, ...] = ()
    hostnames: tuple[str, ...] = ()
    rules: tuple[RouteRule, ...] = ()
    default_gateways: bool = False
    created: str = ""
    place: Place | None = field(default=None, compare=False)

    @property
    def label(self) -> str:
        """`HTTPRoute namespace/name`."""
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantFrom:
    """Who may refer (GW-26)."""

    group: str
    kind: str
    namespace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantTo:
    """What may be referred to; `name` empty: all of the kind (GW-26)."""

    group: str
    kind: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceGrant:
    """A ReferenceGrant in the target's namespace (GW-26)."""

    namespace: str
    name: str
    sources: tuple[GrantFrom, ...] = ()
    targets: tuple[GrantTo, ...] = ()
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyTarget:
    """What a BackendTLSPolicy is about, in its own namespace; `section` is a port's name, or empty: all ports (GW-28)."""

    group: str
    kind: str
    name: str
    section: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendTLSPolicy:
    """A BackendTLSPolicy (GW-28). `well_known` is the value of `wellKnownCACertificates`, or empty."""

    namespace: str
    name: str
    targets: tuple[PolicyTarget, ...] = ()
    hostname: str = ""
    authorities: tuple[ObjectRef, ...] = ()
    well_known: str = ""
    created: str = ""
    place: Place | None = field(default=None, compare=False)

    @property
    def label(self) -> str:
        """`BackendTLSPolicy namespace/name`."""
        return f"BackendTLSPolicy {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """A Secret or ConfigMap that holds keys or certificates: never what they are, only whether they look like such.

    Attributes:
        kind: `Secret` or `ConfigMap`.
        keypair: whether `tls.crt` and `tls.key` are PEM blocks that decode.
        authority: whether `ca.crt` holds PEM certificates.
    """

    kind: str
    namespace: str
    name: str
    keypair: bool = False
    authority: bool = False
    place: Place | None = field(default=None, compare=False)

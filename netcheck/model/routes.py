"""Ways in that a proxy serves: Ingress, IngressClass and OpenShift Route, and the proxies themselves.

Source: networking.k8s.io/v1, route.openshift.io/v1 (SEMANTICS section 6).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from netcheck.errors import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class IngressClass:
    """An IngressClass. `default` tells the annotation `is-default-class` (ING-3)."""

    name: str
    controller: str = ""
    default: bool = False
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IngressBackend:
    """A backend of an Ingress: a Service port by number or name, or a resource (ING-8).

    `service` is empty iff it is a resource, which `resource` names as `Kind/name`.
    """

    service: str = ""
    port: int | str | None = None
    resource: str = ""
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IngressPath:
    """A path of a rule. `type` is `Exact`, `Prefix` or `ImplementationSpecific` (ING-6); `path` may be empty for the last."""

    type: str
    path: str
    backend: IngressBackend
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IngressRule:
    """A rule. `host` is empty iff it has none: then any host (ING-4). `paths` is None iff it has no `http` (ING-10)."""

    host: str = ""
    paths: tuple[IngressPath, ...] | None = None
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IngressTLS:
    """One entry of `spec.tls`. `secret` is empty iff none is named."""

    hosts: tuple[str, ...] = ()
    secret: str = ""
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingress:
    """An Ingress.

    Attributes:
        class_name: `spec.ingressClassName`, or empty.
        class_annotation: the annotation `kubernetes.io/ingress.class`, or empty (ING-2).
        addresses: `status.loadBalancer.ingress`, addresses or names.
        created: `metadata.creationTimestamp`, or empty.
    """

    namespace: str
    name: str
    class_name: str = ""
    class_annotation: str = ""
    default_backend: IngressBackend | None = None
    rules: tuple[IngressRule, ...] = ()
    tls: tuple[IngressTLS, ...] = ()
    addresses: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    created: str = ""
    place: Place | None = field(default=None, compare=False)

    @property
    def label(self) -> str:
        """`Ingress namespace/name`."""
        return f"Ingress {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenShiftBackend:
    """A Service of a Route and its weight: 0 takes no traffic (ING-15, ING-16)."""

    service: str
    weight: int = 100
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenShiftRoute:
    """An OpenShift Route (ING-15).

    Attributes:
        host: empty iff the router makes one up.
        path: a prefix, or empty.
        target_port: the pods' port by number or name, or None: any.
        termination: `edge`, `passthrough`, `reencrypt`, or empty without `tls`.
        insecure: `None`, `Allow` or `Redirect`: what becomes of plain HTTP where there is TLS.
        subdomain: whether `wildcardPolicy` is `Subdomain`.
    """

    namespace: str
    name: str
    host: str = ""
    path: str = ""
    backends: tuple[OpenShiftBackend, ...] = ()
    target_port: int | str | None = None
    termination: str = ""
    insecure: str = "None"
    subdomain: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    created: str = ""
    place: Place | None = field(default=None, compare=False)

    @property
    def label(self) -> str:
        """`Route namespace/name`."""
        return f"Route {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """The pods of a proxy as the user named them (`--ingress-controller ns/labels`, ING-13).

    `serves` is the class that they serve, or empty: every Ingress, Route and Gateway. `labels` are all the labels that
    count: the pods have them; whether they have others is not known where no such pod is loaded.
    """

    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict)
    serves: str = ""

"""A request to a proxy or Service, and what becomes of it: the data that every router of netcheck takes and gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from netcheck.errors import Place
from netcheck.model.flow import Reason, Verdict


class Scheme(Enum):
    """What is spoken. `TLS` is a connection of which only the SNI is seen."""

    HTTP = "http"
    HTTPS = "https"
    GRPC = "grpc"
    TLS = "tls"
    TCP = "tcp"
    UDP = "udp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it arrives at a Gateway, an Ingress controller, a router or (mesh) a Service port.

    Attributes:
        host: the Host header or authority without port, in lower case; empty: none is sent.
        port: on which it arrives.
        path: absolute, without the query; of gRPC `/service/method`.
        query: (name, value) in order.
        headers: (name in lower case, value) in order; `host` is not among them.
        sni: of the TLS connection, in lower case; empty: none. For HTTPS and TLS it is the host unless given.
    """

    scheme: Scheme = Scheme.HTTP
    host: str = ""
    port: int = 80
    path: str = "/"
    method: str = "GET"
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    sni: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A backend that may receive the request.

    Attributes:
        kind: `Service`, or another kind, which is `problem` enough.
        port: the Service port; a name only for an Ingress backend.
        weight: 0 takes none.
        problem: why requests for it are refused: reason word of the API (`BackendNotFound`, `InvalidKind`,
            `RefNotPermitted`, `UnsupportedProtocol`, `InvalidTLS`), or empty.
    """

    namespace: str
    name: str
    port: int | str | None = None
    weight: int = 1
    kind: str = "Service"
    problem: str = ""
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedirectTo:
    """Where a redirect sends the client, everything filled in from the request."""

    scheme: str
    host: str
    port: int
    path: str
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Which object and listener a request came to: `kind` is `Gateway`, `ListenerSet`, `Ingress`, `Route` or `Service`."""

    kind: str
    namespace: str
    name: str
    listener: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The rule that takes a request: `rule` and `match` are positions, `match` -1 where a rule has none."""

    kind: str
    namespace: str
    name: str
    rule: int = 0
    match: int = -1
    rule_name: str = ""
    place: Place | None = field(default=None, compare=False)

    @property
    def label(self) -> str:
        """`HTTPRoute namespace/name`."""
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """What a router does with a request, policies and readiness of endpoints left aside.

    Attributes:
        verdict: `ALLOWED` iff some share without problem may receive it; `UNKNOWN` iff `reasons` is not empty.
        status: what is answered if no backend gets it: 404, 421, 500, 3xx; None if a backend answers, if no connection
            comes about (then `refused` says why), or if it is unknown.
        shares: the backends of the chosen rule with a weight, problems included.
        mirrors: the backends that get a copy.
        served: the listener (or Ingress, Route, Service) that takes the request, or None.
        reasons: the missing facts that could change any of the above.
    """

    verdict: Verdict
    status: int | None = None
    refused: str = ""
    served: Served | None = None
    chosen: Chosen | None = None
    shares: tuple[Share, ...] = ()
    mirrors: tuple[Share, ...] = ()
    redirect: RedirectTo | None = None
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A status condition that the specification prescribes. `status` is `True`, `False` or `Unknown`."""

    type: str
    status: str
    reason: str
    message: str = ""

"""What `trace` answers: the way of one request, hop by hop, and what becomes of it. Frozen data for reports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from netcheck.errors import Place
from netcheck.model.cluster import Assumption
from netcheck.model.flow import Reason, Verdict
from netcheck.model.request import Chosen, RedirectTo, Scheme


class Delivered(Enum):
    """Whether a backend receives the request."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceRequest:
    """A request as it was asked about; empty and None: not said.

    Attributes:
        source: an end expression: who sends it.
        to: where to: a URL, a name, an address, `svc:ns/name[:port]` or an end expression.
        method: of gRPC the method of `service`.
        host: the Host header or authority; it may have a port.
        headers: (name in lower case, value) in order; `host` is among them.
        gateway: (namespace, name) of the Gateway that is asked, or None.
        name: what messages call it: `requests.json[3]`, or empty.
    """

    source: str = "internet"
    protocol: Scheme | None = None
    to: str = ""
    host: str = ""
    port: int | None = None
    path: str = ""
    method: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    sni: str = ""
    service: str = ""
    gateway: tuple[str, str] | None = None
    name: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One step of the way.

    Attributes:
        what: what happens here: `Service shop/web port 80`, `shop/web -> shop/db TCP/5432`.
        verdict: whether the request passes it.
        reason: why, in words.
        translation: what it turns the destination into, or empty.
        aside: whether the verdict does not count for the whole: a mirror, a backend beside others.
        assumed: what the verdict takes for granted that the input does not tell, or None.
    """

    what: str
    verdict: Verdict
    reason: str
    rule: str = ""
    translation: str = ""
    aside: bool = False
    assumed: Assumption | None = None
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendShare:
    """A backend with its weight. `reached`: whether requests for it arrive; of a Service, at `all`, `some` or none.

    `problem` is the API's word for why its requests are refused, or empty.
    """

    namespace: str
    name: str
    port: int | str | None = None
    weight: int = 1
    kind: str = "Service"
    reached: Delivered = Delivered.UNKNOWN
    targets: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What becomes of one request.

    Attributes:
        status: what is answered; None where no connection comes about or it is not known.
        route: the rule that takes the request.
        hops: the way, in order; it ends where the request does.
        reasons: the missing facts, iff `delivered` is unknown.
    """

    request: TraceRequest
    delivered: Delivered
    status: int | None = None
    route: Chosen | None = None
    backends: tuple[BackendShare, ...] = ()
    redirect: RedirectTo | None = None
    mirrors: tuple[BackendShare, ...] = ()
    hops: tuple[Hop, ...] = ()
    reasons: tuple[Reason, ...] = ()

    @property
    def deciding(self) -> Hop | None:
        """The hop that stops the request, or that leaves it open; None iff it is delivered or answered on the way."""
        wanted = {Delivered.NO: Verdict.DENIED, Delivered.UNKNOWN: Verdict.UNKNOWN}.get(self.delivered)
        found = [hop for hop in self.hops if hop.verdict is wanted]
        return next((hop for hop in found if not hop.aside), found[0] if found else None)


def assumptions(traces: Iterable[Trace]) -> tuple[Assumption, ...]:
    """Return what the hops take for granted, each once, in the order of the ways."""
    return tuple(dict.fromkeys(hop.assumed for item in traces for hop in item.hops if hop.assumed is not None))

"""What a name resolves to, as a pod asks for it: the data that every resolver of netcheck gives (SEMANTICS section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from netcheck.model.flow import Reason


class AnswerKind(Enum):
    """What a name turns out to be.

    SERVICE: a Service with a cluster address, or SRV answers for one of its ports.
    PODS: endpoints themselves: of a headless Service, or one of them.
    EXTERNAL: a name that the cluster's zone does not hold; whether it exists is not known here.
    NXDOMAIN: no answer.
    UNKNOWN: a missing fact could change what it is; `reasons` names it.
    """

    SERVICE = "service"
    PODS = "pods"
    EXTERNAL = "external"
    NXDOMAIN = "nxdomain"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, order=True)
class SRV:
    """One SRV answer (DNS-2): a port of a target, which is a full name without the last dot.

    The target of an endpoint without a host name is what CoreDNS makes of its address (`10-1-0-7.db.shop.svc...`), or
    the Service's own name where the address is not known.
    """

    target: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a name resolves to.

    Through the search path, names that only an unlikely fact would make are passed over, as else every name outside
    would be unknown: an endpoint's own name (`www.example.com.svc...`, endpoint `www` of Service `example` in namespace
    `com`) counts there only if its Service is loaded, and `github.com.svc...` only if there is a namespace `com`, as far
    as the input tells. So `service.namespace` of a namespace that is only mentioned is UNKNOWN. Where a namespace is
    known to lack the Service, and where nothing tells of the namespace, the name itself is asked for at last: then it is
    EXTERNAL, but one label, and what ends in `.svc`, are names nowhere outside: NXDOMAIN or, of a namespace that nothing
    tells of, UNKNOWN.

    Attributes:
        name: the full name that was answered last, in lower case without the last dot: after the search path and after
            every alias. For `NXDOMAIN`, the name as a client that gives up would print it: the last one tried.
        service: (namespace, name) of the Service that the last name belongs to, or None. Also of `PODS`.
        aliases: the names that were aliases on the way, first to last (DNS-5); `name` is not among them.
        pods: (namespace, name) of the loaded pods behind the answer, sorted: `PODS` only. A headless Service whose
            endpoints are written by hand may have addresses that are no pod's: they are in `addresses`.
        addresses: what an A or AAAA query gives, as far as it is known, sorted.
        ports: of an SRV name, its answers, sorted (DNS-2).
        reasons: the missing facts; not empty iff `kind` is `UNKNOWN`.
    """

    kind: AnswerKind
    name: str
    service: tuple[str, str] | None = None
    aliases: tuple[str, ...] = ()
    pods: tuple[tuple[str, str], ...] = ()
    addresses: tuple[str, ...] = ()
    ports: tuple[SRV, ...] = ()
    reasons: tuple[Reason, ...] = ()

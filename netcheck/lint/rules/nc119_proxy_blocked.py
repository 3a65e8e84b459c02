"""Policies that keep an Ingress controller or Gateway from its backends.

What it finds: Ingresses, OpenShift Routes and Gateways whose proxy no policy lets in to the pods behind them, on the port on
which these listen.
Why it matters: the proxy connects to the pods themselves, from its own pods, to the target port. A default deny without a
rule for the proxy makes every request fail with 502 or 504 at the edge.
When to ignore it: the proxy runs in the same namespace, or comes through nodes, and the input does not tell.
How it is decided: the set engine judges the proxy's pods, which labels, classes or `--ingress-controller` tell; the oracle
confirms the denied connection. A warning if only some of the pods are closed, and if it is not known who the proxy is: then
it is reported where policies let in nobody at all, or nobody of another namespace and no outside address.
Source: SEMANTICS ING-12, ING-13, ING-14, GW-27, GW-29, SVC-23.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from netcheck.engines.sets import SetEngine
from netcheck.lint.finding import Finding, Related
from netcheck.lint.gates import FAMILIES, Gates
from netcheck.lint.matching import named_namespaces
from netcheck.lint.reading import holds
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.ways import Behind
from netcheck.lint.wording import listed, owner
from netcheck.logic.services import Target
from netcheck.model.flow import AddressEnd, End, Flow, PodEnd, Verdict
from netcheck.model.policy import Direction, NetworkPolicy, PodPeer, PolicyRule
from netcheck.queries.dataplane import with_phantoms
from netcheck.queries.entries import Judge
from netcheck.queries.exposure_doors import usable
from netcheck.queries.fronts import Front, fronts
from netcheck.queries.results import FlowText

BAD = """
apiVersion: networking.k8s.io/v1  # finds: NC119
kind: Ingress
metadata: {name: web, namespace: shop}
spec: {ingressClassName: nginx, defaultBackend: {service: {name: web, port: {number: 80}}}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress]
  ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress-nginx}}}], ports: [{port: 80}]}]
---
apiVersion: v1
kind: Pod
metadata:
  name: controller
  namespace: ingress-nginx
  labels: {app.kubernetes.io/name: ingress-nginx, app.kubernetes.io/component: controller}
spec: {containers: [{name: a, image: a}]}
"""

BAD_UNKNOWN = """
apiVersion: networking.k8s.io/v1  # finds: NC119
kind: Ingress
metadata: {name: web, namespace: shop}
spec: {ingressClassName: nginx, defaultBackend: {service: {name: web, port: {number: 80}}}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}]}]}
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec: {ingressClassName: nginx, defaultBackend: {service: {name: web, port: {number: 80}}}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress:
  - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress-nginx}}}]
    ports: [{port: 8080}]
---
{apiVersion: v1, kind: Namespace, metadata: {name: ingress-nginx}}
"""


@dataclass(frozen=True, slots=True)
class _Blocked:
    """A front whose proxy is kept from some pods; `nobody`: they let in nobody at all."""

    front: Front
    targets: tuple[Target, ...]
    all: bool
    nobody: bool

    @property
    def key(self) -> tuple[object, ...]:
        """What is said once: of each object which pods and ports are closed."""
        return (self.front.via, tuple((item.pod, item.protocol, item.number) for item in self.targets))


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each object and Service port whose pods its proxy cannot reach."""
    given = with_phantoms(snapshot.cluster)
    engine = snapshot.engine if given is snapshot.cluster else SetEngine(given)
    judge, gates = Judge(engine), Gates(snapshot)
    said: set[tuple[object, ...]] = set()
    for front in fronts(given):
        found = _blocked(snapshot, judge, gates, front)
        if found is not None and found.key not in said:
            said.add(found.key)
            yield _finding(snapshot, gates, found)


def _blocked(snapshot: Snapshot, judge: Judge, gates: Gates, front: Front) -> _Blocked | None:
    behind = [item for item in usable(front.behind, snapshot.cluster.pods) if item.pod is not None]
    own = front.plane.positions  # NET-6: the proxy's pods reach themselves
    others = [item for item in behind if item.pod not in own]
    closed = [item for item in others if judge.of_proxy(front.plane, item).verdict is Verdict.DENIED]
    if closed and front.plane.certain:
        return _Blocked(front, tuple(closed), len(closed) == len(behind), nobody=False)
    if closed and len(closed) == len(behind):
        return _Blocked(front, tuple(closed), all=True, nobody=True)
    if not front.plane.certain and behind and all(_is_inside_only(snapshot, gates, front, item) for item in behind):
        return _Blocked(front, tuple(behind), all=True, nobody=False)
    return None


# ---- a proxy that is not known -----------------------------------------------------------------------------------------


def _is_inside_only(snapshot: Snapshot, gates: Gates, front: Front, target: Target) -> bool:
    """Return whether policies let in to a pod only pods of its own namespace, where the proxy is not known to be."""
    assert target.pod is not None
    namespace = snapshot.cluster.pods[target.pod].namespace
    subjects = gates.subjects(target.pod)
    if snapshot.cluster.admin or subjects is None or not subjects.policies or _may_live_in(front, namespace):
        return False
    rules = (rule for policy in subjects.policies for rule in policy.ingress if _speaks_of(rule, target))
    return not any(_lets_in_others(rule, namespace) for rule in rules)


def _may_live_in(front: Front, namespace: str) -> bool:
    """Return whether the proxy may be expected there: that of a Gateway is often made in the Gateway's namespace (GW-29)."""
    return front.plane.id.startswith(f"gateway:{namespace}/")


def _speaks_of(rule: PolicyRule, target: Target) -> bool:
    return not rule.ports or any(
        isinstance(item.port, str) or holds(item, target.protocol.value, target.number) for item in rule.ports
    )


def _lets_in_others(rule: PolicyRule, namespace: str) -> bool:
    return not rule.peers or any(
        not isinstance(peer, PodPeer)
        or (peer.namespace_selector is not None and set(named_namespaces(peer.namespace_selector)) != {namespace})
        for peer in rule.peers
    )


# ---- findings ------------------------------------------------------------------------------------------------------------


def _finding(snapshot: Snapshot, gates: Gates, found: _Blocked) -> Finding:
    front = found.front
    names = (owner(snapshot.cluster.pods[item.pod]) for item in found.targets if item.pod is not None)
    ports = listed(f"{item.protocol.value} {item.number}" for item in found.targets)
    where = f"{listed(names)} on {ports}"
    if front.plane.certain:
        some = "" if found.all else ", one part of the pods behind it"
        message = f"policies keep {front.plane.label} from {where}{some}: its requests fail there"
    else:
        who = "nobody" if found.nobody else "nobody of another namespace and no outside address"
        unless = "" if found.nobody else "unless it runs in the same namespace, "
        message = f"policies let {who} in to {where}: {unless}requests of {front.plane.label} fail there"
    return RULE.finding(
        message,
        about=front.via.partition(" of ")[0],
        place=front.place,
        severity="error" if front.plane.certain and found.all and not front.reasons else "warning",
        related=_policies(snapshot, gates, found),
        witness=_witness(snapshot, found),
        hint=f"let the proxy's pods in to {ports}, the port of the pods",
    )


def _policies(snapshot: Snapshot, gates: Gates, found: _Blocked) -> tuple[Related, ...]:
    """Return the policies that close the way: of the pods, or if these let the proxy in, of the proxy."""
    policies: dict[str, tuple[NetworkPolicy, str]] = {}
    for target in found.targets[:5]:
        for policy, what in _closing(snapshot, gates, found.front.plane.positions, target):
            policies[policy.label] = policy, what
    return tuple(
        Related(message=what, place=policy.place, object=name) for name, (policy, what) in sorted(policies.items())[:5]
    )


def _closing(
    snapshot: Snapshot, gates: Gates, proxies: Iterable[int], target: Target
) -> Iterator[tuple[NetworkPolicy, str]]:
    assert target.pod is not None
    end = Behind(target.pod, target.number, target.protocol)
    loaded = [position for position in proxies if position < len(snapshot.cluster.pods)]
    for position in loaded:
        entered = [gates.into(end, version) for version in FAMILIES]
        if any(item is not None and item.may >> snapshot.element(position) & 1 for item in entered):
            sending = snapshot.subjects_at(position, Direction.EGRESS)
            yield from ((policy, "isolates the proxy") for policy in (sending.policies if sending is not None else ()))
            return
    subjects = gates.subjects(target.pod)
    yield from ((policy, "isolates the pods") for policy in (subjects.policies if subjects is not None else ()))


def _witness(snapshot: Snapshot, found: _Blocked) -> FlowText | None:
    target, plane = found.targets[0], found.front.plane
    if target.pod is None:
        return None
    pods = snapshot.cluster.pods
    loaded = [position for position in plane.positions if position < len(pods)]
    source: End = PodEnd(pods[loaded[0]]) if loaded else AddressEnd("203.0.113.1")
    if plane.certain and not loaded:
        return None
    note = f"through {found.front.via}" if loaded else "as any client outside of the namespace"
    flow = Flow(source=source, destination=PodEnd(pods[target.pod]), protocol=target.protocol, port=target.number)
    return snapshot.witness(flow, Verdict.DENIED, note)


def is_used(snapshot: Snapshot) -> bool:
    """Return whether something is served by a proxy, and policies were read."""
    cluster = snapshot.cluster
    served = bool(cluster.ingresses or cluster.openshift_routes or cluster.gateways)
    return served and bool(cluster.policies or cluster.admin)


RULE = Rule(
    code="NC119",
    name="proxy-blocked",
    severity="error",
    basis="proved",
    summary="Policies that keep an Ingress controller or Gateway from its backends",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=is_used,
    bad=(BAD, BAD_UNKNOWN),
    good=(GOOD,),
)

"""A webhook that the API server cannot reach.

What it finds: admission webhooks, CRD conversions and APIServices whose Service does not exist or lacks the port, and those
whose pods let in nothing but other pods.
Why it matters: with `failurePolicy: Ignore` requests then pass unchecked, and nobody notices: an error for this reason. With
`Fail` the requests that it is about are refused.
When to ignore it: the Service is made by something else, or the API server runs on the pods' own node.
How it is decided: a Service counts as absent where the input tells what its namespace holds. The addresses of API servers
are rarely known, so policies are blamed only where the set engine proves that no node and no address outside the cluster is
let in to any of the pods, and where no rule lets in pods of `kube-system`, from which tunnels of the API server come.
Source: SEMANTICS SVC-23, SVC-31, NET-4, NP-22.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netcheck.errors import Place
from netcheck.lint.finding import Basis, Finding, Related
from netcheck.lint.gates import FAMILIES, Gates
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.snapshot import Subjects
from netcheck.lint.ways import Behind, behind, is_external_name, label
from netcheck.lint.wording import listed, owners
from netcheck.model.flow import AddressEnd, End, Flow, NodeEnd, PodEnd, Verdict
from netcheck.model.objects import Service, Webhook
from netcheck.model.policy import PodPeer
from netcheck.queries.cluster_dns import SYSTEM
from netcheck.queries.results import FlowText
from netcheck.values.addresses import IPSet

BAD = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: checks}
webhooks:
- name: images.shop.example  # finds: NC128
  failurePolicy: Ignore
  clientConfig: {service: {name: checker, namespace: shop}}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
  admissionReviewVersions: [v1]
  sideEffects: None
---
apiVersion: v1
kind: Service
metadata: {name: checker, namespace: shop}
spec: {selector: {app: checker}, ports: [{port: 443, targetPort: 8443}]}
---
apiVersion: v1
kind: Pod
metadata: {name: checker, namespace: shop, labels: {app: checker}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8443}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: checker, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress]
  ingress: [{from: [{podSelector: {}}]}]
"""

BAD_SERVICE = """
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.metrics.k8s.io}
spec:
  group: metrics.k8s.io
  version: v1beta1
  groupPriorityMinimum: 100
  versionPriority: 100
  service: {name: metrics, namespace: shop}  # finds: NC128
---
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
"""

GOOD = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: checks}
webhooks:
- name: images.shop.example
  failurePolicy: Ignore
  clientConfig: {service: {name: checker, namespace: shop}}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
  admissionReviewVersions: [v1]
  sideEffects: None
---
apiVersion: v1
kind: Service
metadata: {name: checker, namespace: shop}
spec: {selector: {app: checker}, ports: [{port: 443, targetPort: 8443}]}
---
apiVersion: v1
kind: Pod
metadata: {name: checker, namespace: shop, labels: {app: checker}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8443}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: checker, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress: [{ports: [{port: 8443}]}]
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each configuration object and Service port that cannot be called."""
    groups: dict[tuple[str, str, str, str, int], list[Webhook]] = {}
    for hook in snapshot.cluster.webhooks:
        key = (hook.kind, hook.name, hook.service_namespace, hook.service, hook.port)
        groups.setdefault(key, []).append(hook)
    gates = Gates(snapshot) if groups else None
    for hooks in groups.values():
        service = snapshot.service_at.get((hooks[0].service_namespace, hooks[0].service))
        if service is None:
            yield from _no_service(snapshot, hooks)
        elif not any(item.port == hooks[0].port for item in service.ports) and not is_external_name(service):
            yield _no_port(hooks, service)
        elif gates is not None:
            yield from _closed(snapshot, gates, hooks, service)


def _no_service(snapshot: Snapshot, hooks: list[Webhook]) -> Iterator[Finding]:
    namespace, name = hooks[0].service_namespace, hooks[0].service
    if _was_refused(snapshot, f"Service {namespace}/{name}"):
        return
    if snapshot.cluster.knows_namespace(namespace):
        yield _finding(
            hooks,
            f"calls Service `{namespace}/{name}`, which does not exist: the input tells what namespace `{namespace}` holds",
            certain=snapshot.whole,
        )


def _was_refused(snapshot: Snapshot, name: str) -> bool:
    return any(problem.object == name for problem in snapshot.loaded.problems)


def _no_port(hooks: list[Webhook], service: Service) -> Finding:
    ports = listed(str(item.port) for item in service.ports)
    return _finding(
        hooks,
        f"calls port {hooks[0].port} of Service `{service.namespace}/{service.name}`, which has "
        f"{f'only {ports}' if ports else 'no ports'}",
        certain=True,
        others=(Related(message="is called", place=service.place, object=label(service)),),
    )


def _closed(snapshot: Snapshot, gates: Gates, hooks: list[Webhook], service: Service) -> Iterator[Finding]:
    ends = [end for item in service.ports if item.port == hooks[0].port for end in behind(snapshot, service, item)]
    if not ends or len(snapshot.cluster.nodes) == 1 or not all(_is_closed(snapshot, gates, end) for end in ends):
        return
    pods = [snapshot.cluster.pods[end.pod] for end in ends]
    subjects = gates.subjects(ends[0].pod)
    policies = subjects.policies if subjects is not None else ()
    yield _finding(
        hooks,
        f"calls {owners(pods)} on port {ends[0].number} through Service `{service.namespace}/{service.name}`, but policies let "
        "no node and no address outside the cluster in: the API server is kept out, unless it runs on the pod's own node",
        certain=False,
        basis="proved",
        others=tuple(Related(message="isolates the pods", place=p.place, object=p.label) for p in policies[:5]),
        witness=_witness(snapshot, gates, ends),
        hint=f"let the addresses of the API servers in to port {ends[0].number} with an ipBlock",
    )


def _is_closed(snapshot: Snapshot, gates: Gates, end: Behind) -> bool:
    subjects = gates.subjects(end.pod)
    if subjects is None or not subjects.isolated or _lets_system_in(snapshot, subjects):
        return False
    for version in FAMILIES:
        let = gates.into(end, version)
        if let is None or let.may & (gates.outside | gates.hosts):
            return False
    return True


def _lets_system_in(snapshot: Snapshot, subjects: Subjects) -> bool:
    """Return whether a rule may let pods of `kube-system` in: konnectivity and other tunnels of the API server run there."""
    if snapshot.pods[subjects.pods[0]].namespace == SYSTEM:
        return any(policy.ingress for policy in subjects.policies)
    return any(
        isinstance(peer, PodPeer)
        and peer.namespace_selector is not None
        and snapshot.may_match(SYSTEM, peer.namespace_selector)
        for policy in subjects.policies
        for rule in policy.ingress
        for peer in rule.peers
    )


def _witness(snapshot: Snapshot, gates: Gates, ends: Sequence[Behind]) -> FlowText | None:
    address = gates.example(gates.nodes(4), IPSet.of_cidrs(*snapshot.cluster.addressing.nodes_lie_in()))
    source: End | None = AddressEnd(address) if address else None
    for node in snapshot.cluster.nodes:
        source = NodeEnd(node)
        break
    if source is None:
        return None
    flow = Flow(
        source=source,
        destination=PodEnd(snapshot.cluster.pods[ends[0].pod]),
        protocol=ends[0].protocol,
        port=ends[0].number,
    )
    return snapshot.witness(flow, Verdict.DENIED, "with the address of a node, as an API server's")


def _finding(
    hooks: list[Webhook],
    message: str,
    *,
    certain: bool,
    basis: Basis = "syntactic",
    others: tuple[Related, ...] = (),
    witness: FlowText | None = None,
    hint: str = "",
) -> Finding:
    names = listed(hook.webhook for hook in hooks if hook.webhook)
    fails_open = any(hook.fails_open for hook in hooks)
    silently = "; requests pass unchecked (`failurePolicy: Ignore`)" if fails_open else ""
    place: Place | None = hooks[0].place
    return RULE.finding(
        f"{f'webhook {names} ' if names else 'it '}{message}{silently}",
        about=f"{hooks[0].kind} {hooks[0].name}",
        place=place,
        severity="error" if certain or fails_open else "warning",
        basis=basis,
        related=others,
        witness=witness,
        hint=hint,
    )


def has_webhooks(snapshot: Snapshot) -> bool:
    """Return whether a webhook with a Service was read."""
    return bool(snapshot.cluster.webhooks)


RULE = Rule(
    code="NC128",
    name="webhook-unreachable",
    severity="warning",
    basis="proved",
    summary="A webhook that the API server cannot reach",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=has_webhooks,
    bad=(BAD, BAD_SERVICE),
    good=(GOOD,),
)

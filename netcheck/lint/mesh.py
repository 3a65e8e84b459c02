"""Who is in Istio's mesh as far as labels tell, and which of its policies concern a pod (SEMANTICS 8.2)."""

from __future__ import annotations

from collections.abc import Iterable

from netcheck.lint.snapshot import Snapshot
from netcheck.model.foreign import AuthorizationPolicy, PeerAuthentication
from netcheck.model.objects import Pod
from netcheck.values.labels import LabelSelector

ROOT = "istio-system"
"""The mesh's root namespace; it can be configured, and then policies there are taken for those of a namespace."""

_MODE, _INJECT, _INJECTION, _REVISION = (
    "istio.io/dataplane-mode",
    "sidecar.istio.io/inject",
    "istio-injection",
    "istio.io/rev",
)
_NEVER = ("kube-system", "kube-public", "kube-node-lease", "local-path-storage")
_GATEWAY = ("istio", "istio.io/gateway-name", "gateway.networking.k8s.io/gateway-name", "gateway.istio.io/managed")


def is_used(snapshot: Snapshot) -> bool:
    """Return whether an object of the mesh was read, or a namespace or pod is in it."""
    cluster = snapshot.cluster
    return bool(cluster.authorization or cluster.peer_authentication)


def is_ambient(snapshot: Snapshot, pod: Pod) -> bool:
    """Return whether a pod is certainly in the ambient mesh (IST-23): by its label or its namespace's, without a sidecar."""
    if pod.host_network or pod.labels.get(_INJECT) == "true":
        return False
    namespace = snapshot.cluster.namespaces.get(pod.namespace)
    labels = namespace.labels if namespace is not None else {}
    if labels.get(_INJECTION) == "enabled" or _REVISION in labels or _REVISION in pod.labels:
        return False
    return pod.labels.get(_MODE, labels.get(_MODE)) == "ambient"


def has_sidecar(snapshot: Snapshot, pod: Pod) -> bool:
    """Return whether a pod certainly gets a sidecar, or has one (IST-18). Gateways are no sidecars."""
    if pod.labels.get("security.istio.io/tlsMode") == "istio":
        return True
    if pod.host_network or pod.namespace in _NEVER or is_gateway(pod) or pod.labels.get(_INJECT) == "false":
        return False
    namespace = snapshot.cluster.namespaces.get(pod.namespace)
    labels = namespace.labels if namespace is not None else {}
    if _INJECTION in labels:
        return labels[_INJECTION] == "enabled"
    return _REVISION in labels


def is_gateway(pod: Pod) -> bool:
    """Return whether a pod is one of Istio's own gateways or waypoints, as its labels say."""
    return any(key in pod.labels for key in _GATEWAY)


def is_plaintext(snapshot: Snapshot, pod: Pod) -> bool:
    """Return whether a pod is certainly not in the mesh: it opts out, or cannot have a proxy."""
    if pod.labels.get("security.istio.io/tlsMode") == "istio" or is_gateway(pod) or pod.namespace == ROOT:
        return False
    if pod.host_network or pod.namespace in _NEVER:
        return True
    namespace = snapshot.cluster.namespaces.get(pod.namespace)
    labels = namespace.labels if namespace is not None else {}
    mode = pod.labels.get(_MODE, labels.get(_MODE))
    out = labels.get(_INJECTION) == "disabled" or pod.labels.get(_INJECT) == "false"
    if out:
        return mode != "ambient"
    known = namespace is not None and namespace.labels_known and snapshot.whole
    enrolled = {_INJECTION, _REVISION, _MODE} & set(labels) or {_INJECT, _REVISION, _MODE} & set(pod.labels)
    return known and not enrolled


def concerns(policy: AuthorizationPolicy | PeerAuthentication, pod: Pod) -> bool:
    """Return whether a policy selects a pod (IST-2): those of the root namespace hold in every namespace."""
    if policy.namespace not in (pod.namespace, ROOT):
        return False
    selector: LabelSelector | None = policy.selector
    return selector is None or selector.matches(pod.labels)


def mtls_mode(snapshot: Snapshot, pod: Pod, port: int) -> tuple[str, PeerAuthentication | None]:
    """Return the mode in which a pod takes connections on a port, and the policy that says so (IST-16); empty if none does."""
    own, wide, mesh = _levels(snapshot.cluster.peer_authentication, pod)
    for policy in own:
        mode = policy.ports.get(port) or policy.mode
        if mode:
            return mode, policy
    for policy in (*wide, *mesh):
        if policy.mode:
            return policy.mode, policy
    return "", None


def _levels(policies: Iterable[PeerAuthentication], pod: Pod) -> tuple[list[PeerAuthentication], ...]:
    own, wide, mesh = [], [], []
    for policy in policies:
        if policy.selector is None and policy.namespace == ROOT:
            mesh.append(policy)
        elif policy.namespace == pod.namespace and policy.selector is None:
            wide.append(policy)
        elif policy.namespace == pod.namespace and policy.selector is not None and policy.selector.matches(pod.labels):
            own.append(policy)
    return own, wide, mesh

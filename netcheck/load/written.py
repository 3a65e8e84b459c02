"""An object as one text, by which two sides of a comparison are told apart; and who enforces a kind of policy."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from netcheck.load.admit import Admitted
from netcheck.load.check_common import mapping, text
from netcheck.model.policy import PolicyFamily

_FAMILIES: tuple[tuple[str, PolicyFamily], ...] = (
    ("projectcalico.org", PolicyFamily.CALICO),
    ("operator.tigera.io", PolicyFamily.CALICO),
    ("cilium.io", PolicyFamily.CILIUM),
    ("antrea.io", PolicyFamily.ANTREA),
    ("k8s.ovn.org", PolicyFamily.OVN),
    ("k8s.cni.cncf.io", PolicyFamily.OVN),
    ("config.openshift.io", PolicyFamily.OVN),
    ("istio.io", PolicyFamily.MESH),
    ("linkerd.io", PolicyFamily.MESH),
    ("gateway.networking.k8s.io", PolicyFamily.MESH),
    ("gateway.networking.x-k8s.io", PolicyFamily.MESH),
    ("networking.gke.io", PolicyFamily.CLOUD),
    ("networking.k8s.aws", PolicyFamily.CLOUD),
    ("vpcresources.k8s.aws", PolicyFamily.CLOUD),
)
_NOISE = frozenset({"managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink"})
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_READ_BY_NO_LABEL = frozenset(
    [
        "NetworkPolicy",
        "GlobalNetworkPolicy",
        "CiliumNetworkPolicy",
        "CiliumClusterwideNetworkPolicy",
        "ClusterNetworkPolicy",
        "AdminNetworkPolicy",
        "BaselineAdminNetworkPolicy",
        "AuthorizationPolicy",
        "PeerAuthentication",
        "FQDNNetworkPolicy",
        "ApplicationNetworkPolicy",
        "EgressFirewall",
    ]
)
"""Policies whose own labels nothing selects: a chart's version there changes no verdict."""
_OLDEST_WINS = frozenset({"PeerAuthentication", "Server"})


def family_of(group: str) -> PolicyFamily:
    """Return the network plugin or mesh that reads an API group."""
    return next((found for end, found in _FAMILIES if group == end or group.endswith(f".{end}")), PolicyFamily.BUILT_IN)


def written(item: Admitted) -> str:
    """Return an object as one text, equal for equal objects wherever they were read: without what servers add.

    Of a refused one the problems are told too: the reader keeps one of two values of a key.
    """
    metadata = {key: value for key, value in mapping(item.value.get("metadata")).items() if key not in _NOISE}
    if item.kind in _OLDEST_WINS:  # IST-16, LKD-4
        metadata["creationTimestamp"] = mapping(item.value.get("metadata")).get("creationTimestamp")
    annotations = {key: value for key, value in mapping(metadata.get("annotations")).items() if key != _APPLIED}
    metadata |= {"namespace": item.namespace, "annotations": annotations}
    if item.kind in _READ_BY_NO_LABEL:
        metadata["labels"] = None
    problems = sorted(problem.message for problem in item.problems) if item.refused else []
    return canonical({**item.value, "metadata": metadata, "status": None, "": problems})


def canonical(value: Any) -> str:
    """Return a value of JSON as a text that is equal for equal values."""
    try:
        return json.dumps(value, sort_keys=True, default=repr, ensure_ascii=False)
    except TypeError:  # keys that are no texts
        return repr(value)


def of_meshes(annotations: Any) -> dict[str, str]:
    """Return the annotations by which meshes take in pods and namespaces, without what their injectors note there."""
    return {
        key: text(value)
        for key, value in mapping(annotations).items()
        if key.partition("/")[0].endswith(("istio.io", "linkerd.io")) and key.partition("/")[2] not in _NOTED
    }


_NOTED = frozenset({"status", "created-by", "proxy-version", "trust-root-sha256", "rev", "revision"})


def mesh_of(annotations: Any, containers: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return what tells whether a mesh takes in a pod, besides labels: annotations and the proxy's container, sorted."""
    found = of_meshes(annotations) if annotations else {}
    found |= {name: "container" for name in containers if name in _PROXIES}
    return tuple(sorted(found.items()))


_PROXIES = frozenset({"istio-proxy", "linkerd-proxy"})

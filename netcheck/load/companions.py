"""What policies of unknown effect may read besides pods, namespaces, nodes and Services, as it is written.

Two sides of a comparison are told apart by it and nothing else: what such a policy does is the same on both iff nothing
that it may read differs. Only an input that holds such policies is looked through.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from netcheck.load.admit import Admitted
from netcheck.load.capture import Capture
from netcheck.load.check_common import listing, mapping, text
from netcheck.load.fast_json import FastPod
from netcheck.load.live_kinds import RESOURCES
from netcheck.load.written import canonical, family_of, of_meshes, written
from netcheck.model.policy import Companion, OpaquePolicy, PolicyFamily

_DERIVED = frozenset(
    [
        "CiliumEndpoint",
        "CiliumEndpointSlice",
        "CiliumNode",
        "CiliumIdentity",
        "WorkloadEndpoint",
        "BlockAffinity",
        "IPAMBlock",
        "IPAMHandle",
        "IPAMConfig",
        "ClusterInformation",
        "CalicoNodeStatus",
        "StagedNetworkPolicy",
        "StagedGlobalNetworkPolicy",
        "StagedKubernetesNetworkPolicy",
        "AntreaAgentInfo",
        "AntreaControllerInfo",
        "EgressIP",
        "VirtualService",
    ]
)
"""Kinds that repeat what pods and nodes say, routes, and policies that are not enforced (CAL-1)."""
_SETTINGS = re.compile(r"(cilium|calico|canal|antrea|ovn|istio|linkerd|amazon-vpc-cni|aws)(-.*)?")
"""The ConfigMaps and DaemonSets of network plugins and meshes, by name."""
_OF_A_MESH = re.compile(r"waypoint|linkerd|mesh|\"Server\"")
_NEEDED: Mapping[PolicyFamily, tuple[tuple[str, str], ...]] = {
    PolicyFamily.CALICO: (
        ("NetworkSet", ""),
        ("GlobalNetworkSet", ""),
        ("Tier", ""),
        ("HostEndpoint", ""),
        ("ServiceAccount", "erviceAccount"),
    ),
    PolicyFamily.CILIUM: (("CiliumCIDRGroup", "idrGroup"),),
    PolicyFamily.ANTREA: (("ClusterGroup", "roup"), ("Group", "roup"), ("Tier", "")),
    PolicyFamily.MESH: (("MeshTLSAuthentication", "MeshTLS"), ("NetworkAuthentication", "NetworkAuth")),
}
"""Kinds that policies of a family read (all of them, or those whose text holds a word)."""


def companions(
    items: Iterable[Admitted | FastPod], opaque: Sequence[OpaquePolicy], captures: Sequence[Capture] = ()
) -> tuple[Companion, ...]:
    """Return what the policies of unknown effect may read, sorted; nothing if there are none."""
    families = {policy.family for policy in opaque} - {PolicyFamily.BUILT_IN}
    if not families:
        return ()
    labels = {policy.label for policy in opaque}
    texts = "\n".join(policy.text for policy in opaque)
    found = [one for item in items if isinstance(item, Admitted) for one in _read_of(item, families, labels, texts)]
    found += _not_read(captures, families, opaque)
    return tuple(sorted(found, key=lambda one: (one.kind, one.namespace, one.name, one.text)))


def _read_of(item: Admitted, families: set[PolicyFamily], policies: set[str], texts: str) -> Iterator[Companion]:
    """Yield what such policies read of an object; policies with an effect of their own are compared by themselves."""
    family = family_of(item.group)
    if family in families:
        if item.kind not in _DERIVED and item.label not in policies and not _is_a_plain_route(item):
            yield _companion(item, written(item), family)
    elif item.group == "" and item.kind in ("ServiceAccount", "Namespace"):
        metadata = mapping(item.value.get("metadata"))
        shown = _labels(metadata.get("labels"), texts) if item.kind == "ServiceAccount" else {}
        shown |= of_meshes(metadata.get("annotations"))
        if shown:
            yield _companion(item, canonical(shown))
    elif item.group == "" and item.kind == "ConfigMap" and _SETTINGS.fullmatch(item.name):
        yield _companion(item, canonical(item.value.get("data")))
    elif item.kind == "DaemonSet" and _SETTINGS.fullmatch(item.name):
        yield _companion(item, canonical(list(_started(item))))


def _is_a_plain_route(item: Admitted) -> bool:
    """Return whether an object of the Gateway API has nothing to do with waypoints (IST-13) or Servers (LKD-7)."""
    return item.group.startswith("gateway.networking.") and not _OF_A_MESH.search(written(item))


def _companion(item: Admitted, shown: str, family: PolicyFamily = PolicyFamily.BUILT_IN) -> Companion:
    return Companion(
        kind=item.kind, namespace=item.namespace, name=item.name, family=family, text=shown, place=item.place
    )


def _labels(given: Any, texts: str) -> dict[str, str]:
    """Return the labels that policies read, by whose keys they must speak of them."""
    return {f"label {key}": text(value) for key, value in mapping(given).items() if str(key) in texts}


def _started(item: Admitted) -> Iterator[Any]:
    """Yield how the containers of a plugin are started: its settings are there too."""
    spec = mapping(mapping(mapping(item.value.get("spec")).get("template")).get("spec"))
    for container in map(mapping, [*listing(spec.get("initContainers")), *listing(spec.get("containers"))]):
        yield [container.get(name) for name in ("name", "command", "args", "env", "envFrom")]


def _not_read(
    captures: Sequence[Capture], families: set[PolicyFamily], opaque: Sequence[OpaquePolicy]
) -> Iterator[Companion]:
    """Yield what reading a cluster left out: it is the same only in what was read at the same time."""
    for capture in captures:
        known = {resource.kind for resource in RESOURCES} - {unread.kind for unread in capture.unread}
        for family in sorted(families & set(_NEEDED), key=lambda one: one.value):
            texts = [policy.text for policy in opaque if policy.family is family]
            for kind, word in _NEEDED[family]:
                if kind not in known and any(word in shown for shown in texts):
                    name = f"(not read of {capture.origin})"
                    yield Companion(kind=kind, name=name, family=family, text=str(capture.serial))

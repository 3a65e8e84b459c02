"""Snapshots: what was read of a cluster, and what could not be, in one file that every command takes as a source.

A snapshot holds the documents as the server gave them, without what no answer depends on: values of environment
variables, managed fields, annotations that nothing reads, logs of status. The same cluster gives the same bytes.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from netcheck.errors import InputError
from netcheck.load.capture import Capture, Listing
from netcheck.load.fast_json import decoded
from netcheck.load.ignores import ANNOTATION
from netcheck.load.live_kinds import SETTINGS
from netcheck.model.cluster import Unread

API_VERSION, KIND = "netcheck/v1", "Snapshot"
MOST_BYTES = 8 << 30
"""Larger ones are refused before memory runs out: a few bytes of gzip can stand for any number."""

_METADATA = (
    "name", "namespace", "generateName", "uid", "labels", "annotations", "creationTimestamp", "deletionTimestamp",
    "generation", "ownerReferences",
)  # fmt: skip
_ANNOTATED = frozenset({"Ingress", "IngressClass", "Service", "Gateway", "GatewayClass", "Namespace", "Route"})
"""Kinds whose annotations tell controllers what to do: all are kept that are short and no configuration text."""
_NOISE = (
    "kubectl.kubernetes.io/",
    "meta.helm.sh/",
    "snippet",
    "auth-secret",
    "kopf.zalando.org/",
    "argocd.argoproj.io/",
)
_LONGEST_ANNOTATION = 500
_ANNOTATIONS = ("prometheus.io/", "linkerd.io/", "config.linkerd.io/", "sidecar.istio.io/", "traffic.sidecar.istio.io/", "istio.io/",
                "k8s.v1.cni.cncf.io/", "projectcalico.org/", "k8s.ovn.org/", "flannel.alpha.coreos.com/", "network.cilium.io/",
                "io.cilium.network", "kube-router.io/", "node.antrea.io/", "k3s.io/node-args")  # fmt: skip
"""How those annotations of other kinds begin that answers can depend on."""
_K3S_ARGUMENTS, _K3S_SWITCH = "k3s.io/node-args", "--disable-network-policy"
"""The only argument of k3s that is kept."""
_CONTAINER = ("name", "image", "ports", "restartPolicy", "readinessProbe", "livenessProbe", "startupProbe")
_SWITCH = "--enable-network-policy"
"""The only argument that is kept: by it the AWS VPC CNI tells whether it enforces policies (CNI-1)."""
_PROBE = ("httpGet", "tcpSocket", "grpc")
_POD = (
    "containers", "initContainers", "hostNetwork", "nodeName", "serviceAccountName", "serviceAccount", "dnsPolicy",
    "dnsConfig", "hostname", "subdomain", "hostAliases", "readinessGates", "restartPolicy", "setHostnameAsFQDN",
)  # fmt: skip
_POD_STATUS = ("phase", "podIP", "podIPs", "hostIP", "hostIPs", "conditions")
_NODE_STATUS = ("addresses", "conditions", "nodeInfo")
_CONDITION = ("type", "status", "reason")
_SETS_HEADERS = frozenset({"HTTPRoute", "GRPCRoute", "VirtualService"})
_LEFT_OUT = "left-out"
_NO_STATUS = frozenset(
    {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "CronJob",
     "HorizontalPodAutoscaler", "APIService", "CustomResourceDefinition", "VirtualMachine", "Rollout", "DeploymentConfig"}
)  # fmt: skip


def write_snapshot(captured: Capture, file: str) -> None:
    """Write a capture to a file, `.json.gz`.

    Raises:
        OSError: the file cannot be written.
    """
    Path(file).write_bytes(compressed(document(captured)))


def compressed(value: Any) -> bytes:
    """Return JSON text with sorted keys, compressed, the same bytes for the same value."""
    return gzip.compress(msgspec.json.encode(value, order="sorted") + b"\n", 6, mtime=0)


def document(captured: Capture) -> dict[str, Any]:
    """Return a snapshot as a value: what was read in sorted order, reduced, and what could not be."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "origin": captured.cluster or captured.origin,
        "version": captured.version,
        "groups": list(captured.groups),
        "complete": not captured.unread,
        "unread": [asdict(item) for item in captured.unread],
        "lists": [_list(item) for item in captured.listings],
    }


def _list(listing: Listing) -> dict[str, Any]:
    items = [reduced(value, listing.kind) for value in map(decoded, listing.items) if isinstance(value, dict)]
    items.sort(key=_identity)
    return {"apiVersion": listing.api_version, "kind": f"{listing.kind}List", "plural": listing.plural, "items": items}


def _identity(value: Mapping[str, Any]) -> tuple[str, str]:
    metadata = _map(value.get("metadata"))
    return str(metadata.get("namespace") or ""), str(metadata.get("name") or "")


# ---- what is left out --------------------------------------------------------------------------------------------


def reduced(value: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return an object without what no answer depends on; what it says of traffic stays as it is."""
    out = {
        key: part
        for key, part in value.items()
        if key not in ("metadata", "status", "data", "binaryData", "stringData")
    }
    out["metadata"] = _metadata(value.get("metadata"), kind)
    if kind == "ConfigMap":
        out["data"] = _settings(value)
    status = _status(value.get("status"), kind)
    if status:
        out["status"] = status
    if isinstance(out.get("spec"), dict):
        out["spec"] = _spec(out["spec"], kind)
    if kind.endswith("WebhookConfiguration"):
        out["webhooks"] = [_without_bundle(item) for item in _items(value.get("webhooks"))]
    return out


def _settings(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a network plugin's ConfigMap says of policies; of every other ConfigMap nothing."""
    metadata = _map(value.get("metadata"))
    for one in SETTINGS:
        if (metadata.get("namespace"), metadata.get("name")) == (one.namespace, one.name):
            return _only(value.get("data"), one.keys)
    return {}


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _only(value: Any, keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: part for key, part in _map(value).items() if key in keys}


def _metadata(value: Any, kind: str = "") -> dict[str, Any]:
    out = _only(value, _METADATA)
    kept = {key: text for key, text in _map(out.pop("annotations", None)).items() if _is_kept(key, text, kind)}
    if _K3S_ARGUMENTS in kept:
        kept[_K3S_ARGUMENTS] = _K3S_SWITCH if _K3S_SWITCH in str(kept[_K3S_ARGUMENTS]) else ""
    return {**out, "annotations": kept} if kept else out


def _is_kept(key: str, text: Any, kind: str) -> bool:
    """Return whether answers can depend on an annotation."""
    if key == ANNOTATION or key.startswith(_ANNOTATIONS):
        return True
    return kind in _ANNOTATED and len(str(text)) <= _LONGEST_ANNOTATION and not any(word in key for word in _NOISE)


def _status(value: Any, kind: str) -> dict[str, Any]:
    if kind in _NO_STATUS:
        return {}
    if kind == "Network":
        return _only(value, ("networkType",))
    if kind == "Pod":
        found = _only(value, _POD_STATUS)
    elif kind == "Node":
        found = _only(value, _NODE_STATUS)
        if "nodeInfo" in found:
            found["nodeInfo"] = _only(found["nodeInfo"], ("kubeletVersion", "operatingSystem", "osImage"))
    else:
        return _map(value)
    if "conditions" in found:
        found["conditions"] = [_only(item, _CONDITION) for item in _items(found["conditions"])]
    return found


def _spec(spec: dict[str, Any], kind: str) -> dict[str, Any]:
    if kind == "Pod":
        return _pod(spec)
    if kind == "CustomResourceDefinition":
        versions = [
            {key: part for key, part in _map(item).items() if key != "schema"} for item in _items(spec.get("versions"))
        ]
        return _without_bundles({**spec, "versions": versions})
    if kind == "APIService":
        return _without_bundle(spec)
    if kind == "Installation":
        return _only(spec, ("cni", "variant"))
    if kind == "EnvoyFilter":  # any configuration, programs too; only that it is there counts
        return _only(spec, ("workloadSelector",))
    if kind in _SETS_HEADERS:
        return _map(_without_values(spec))
    return _templates(spec)


def _without_values(value: Any, key: str = "") -> Any:
    """Return a route without the values of the headers that it sets: tokens are passed on in such."""
    if isinstance(value, list):
        return [_without_values(item, key) for item in value]
    if not isinstance(value, dict):
        return value
    if key in ("set", "add"):
        if isinstance(value.get("name"), str):
            return {**value, "value": _LEFT_OUT}
        return dict.fromkeys(value, _LEFT_OUT)
    return {name: _without_values(part, name) for name, part in value.items()}


def _templates(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the spec of a workload, its pods' templates reduced as pods are."""
    out = dict(spec)
    for key in ("template", "jobTemplate"):
        inner = out.get(key)
        if isinstance(inner, dict) and isinstance(inner.get("spec"), dict):
            pods = isinstance(inner["spec"].get("containers"), list)
            part = _pod(inner["spec"]) if pods else _templates(inner["spec"])
            out[key] = {**inner, "metadata": _metadata(inner.get("metadata")), "spec": part}
    for key in ("volumes", "volumeClaimTemplates", "dataVolumeTemplates"):  # they can hold whole files
        out.pop(key, None)
    return out


def _pod(spec: dict[str, Any]) -> dict[str, Any]:
    out = _only(spec, _POD)
    for key in ("containers", "initContainers"):
        if key in out:
            out[key] = [_container(item) for item in _items(out[key])]
    return out


def _container(value: Any) -> dict[str, Any]:
    out = _only(value, _CONTAINER)
    switches = [text for text in _items(_map(value).get("args")) if str(text).startswith(_SWITCH)]
    if switches:
        out["args"] = switches
    switched = [one for one in _items(_map(value).get("env")) if _is_switch(one)]
    if switched:
        out["env"] = switched
    for key in ("readinessProbe", "livenessProbe", "startupProbe"):
        if key in out:
            out[key] = _only(out[key], _PROBE)
            if "httpGet" in out[key]:
                out[key]["httpGet"] = _only(out[key]["httpGet"], ("path", "port", "scheme", "host"))
    return out


def _is_switch(variable: Any) -> bool:
    """Return whether a variable is the one by which the AWS VPC CNI can be told to enforce policies."""
    found = _map(variable)
    return found.get("name") == "ENABLE_NETWORK_POLICY" and str(found.get("value")).lower() in ("true", "false")


def _without_bundle(value: Any) -> dict[str, Any]:
    """Return what calls a Service, without the certificate by which it is known."""
    out = {key: part for key, part in _map(value).items() if key != "caBundle"}
    if "clientConfig" in out:
        out["clientConfig"] = _without_bundle(out["clientConfig"])
    return out


def _without_bundles(spec: dict[str, Any]) -> dict[str, Any]:
    conversion = _map(spec.get("conversion"))
    webhook = _map(conversion.get("webhook"))
    if not webhook:
        return spec
    return {**spec, "conversion": {**conversion, "webhook": _without_bundle(webhook)}}


# ---- reading -----------------------------------------------------------------------------------------------------


class _ListOf(msgspec.Struct):
    apiVersion: str  # noqa: N815
    kind: str
    plural: str
    items: list[msgspec.Raw]


class _Snapshot(msgspec.Struct):
    apiVersion: str  # noqa: N815
    kind: str
    origin: str
    version: str
    groups: list[str]
    unread: list[Unread]
    lists: list[_ListOf]


def read_snapshot(file: str) -> Capture:
    """Return what a snapshot holds.

    Raises:
        InputError: it is not there, is damaged, or is no snapshot.
    """
    try:
        found = msgspec.json.decode(_unpacked(file), type=_Snapshot)
    except (gzip.BadGzipFile, EOFError, zlib.error, msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise InputError(
            f"`{file}` is no whole snapshot: {_lower(str(error))}\n  hint: `netcheck snapshot cluster: -o {file}` writes one"
        ) from None
    except OSError as error:
        raise InputError(f"`{file}` cannot be read: {(error.strerror or str(error)).lower()}") from None
    if (found.apiVersion, found.kind) != (API_VERSION, KIND):
        raise InputError(f"`{file}` is no snapshot: it holds `{found.kind}` of `{found.apiVersion}`")
    listings = [
        Listing(
            api_version=item.apiVersion,
            kind=item.kind.removesuffix("List"),
            plural=item.plural,
            items=tuple(item.items),
        )
        for item in found.lists
    ]
    return Capture(
        origin=file,
        cluster=found.origin,
        version=found.version,
        groups=tuple(found.groups),
        listings=tuple(listings),
        unread=tuple(found.unread),
    )


def _unpacked(file: str) -> bytes:
    with gzip.open(file, "rb") as stream:
        data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES >> 30} GiB")
    return data


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]

"""Snapshots that can be shown to others: names are replaced by hashes, the same name by the same hash everywhere.

A name is a word that an object, a namespace, a label, an owner or a host name is called by; it is replaced wherever it
stands, so that what selects what stays as it is. Words of the APIs, addresses, ports, and the names in the namespaces
of the cluster's own parts stay. Two names that are ordered may come in another order.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator, Mapping
from typing import Any

from netcheck.load.live_kinds import RESOURCES

_WORD = re.compile(r"[A-Za-z0-9](?:[-_A-Za-z0-9]*[A-Za-z0-9])?")
_ADDRESS = re.compile(r"[0-9.]+(?:/[0-9]+)?\Z|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(?:/[0-9]+)?\Z")
_SYSTEM = re.compile(r"kube-.*|default|istio-system|linkerd.*|calico-.*|tigera-.*|cilium.*|openshift-.*|gateway-system")
_KEPT_KEYS = frozenset(
    {"apiVersion", "kind", "type", "protocol", "operator", "policyTypes", "appProtocol", "phase", "status",
     "dnsPolicy", "restartPolicy", "action", "mode", "method", "addressType", "group", "apiGroup", "controllerName",
     "controller", "sessionAffinity", "externalTrafficPolicy", "internalTrafficPolicy", "pathType", "scheme",
     "ipFamilies", "ipFamilyPolicy", "plural", "version", "groups", "uid", "deletionTimestamp",
     "reason", "networkType", "ipMode", "trafficDistribution", "concurrencyPolicy", "nodeInfo", "apiVersions",
     "fromEntities", "toEntities", "schedule", "creationTimestamp", "lastTransitionTime", "methods"}
)  # fmt: skip
"""Fields whose values are words of the APIs."""
_KEPT_WORDS = frozenset(
    {
        "svc", "cluster", "local", "http", "https", "grpc", "grpcs", "h2c", "tcp", "udp", "sctp", "tls", "true",
        "false", "any", "all", "none", "off", "on", "namespace", "name", "app", "k8s-app", "component", "default",
        "kubernetes", "kube-dns", "coredns", "io", "x-k8s", "com", "org", "net", "dev", "k8s", "internal", "external",
        "instance", "ip", "nlb", "alb", "internet-facing", "public", "private", "yes", "no", "enabled", "disabled",
        "strict", "permissive", "in", "not", "has", "and", "or", "starts", "with", "ends", "contains", "global",
        "projectcalico", "reserved", "world", "host", "remote-node", "health", "init", "unmanaged", "kube-apiserver",
        "spiffe", "ns", "sa", "pod", "node", "All", "Same", "Selector", "Exact", "PathPrefix", "Prefix",
        "ImplementationSpecific", "RegularExpression", "Terminate", "Passthrough", "HTTP", "HTTPS", "TLS", "TCP", "UDP",
        "SCTP", "GRPC", "ALL", "ANY", "Allow", "Deny", "Pass", "Accept", "Reject", "ALLOW", "DENY", "AUDIT", "CUSTOM",
        "STRICT", "PERMISSIVE", "DISABLE", "UNSET", "MESH_EXTERNAL", "MESH_INTERNAL", "DNS", "DNS_ROUND_ROBIN",
        "STATIC", "NONE", "ISTIO_MUTUAL", "SIMPLE", "MUTUAL", "PASSTHROUGH", "AUTO_PASSTHROUGH", "Ingress", "Egress",
        "Always", "Never", "IfNotPresent", "OnFailure", "RollingUpdate", "Recreate", "OrderedReady", "Parallel",
        "OnDelete", "Cluster", "Local", "None", "IPv4", "IPv6", "SingleStack", "PreferDualStack", "RequireDualStack",
        "ClientIP", "ClusterIP", "NodePort", "LoadBalancer", "ExternalName", "ClusterFirst", "ClusterFirstWithHostNet",
        "Default", "Webhook", "Namespaced", "Pod", "Service", "Gateway", "Primary", "Secondary", "Linux", "linux",
        "amd64", "arm64", "GET", "POST", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS", "Fail", "Ignore", "Equivalent",
        "Retain", "Delete", "Admin", "Baseline"
    }
)  # fmt: skip
"""Words of the APIs that may stand where names may, too."""
_NO_NAME = re.compile(r"\d+(?:[a-zA-Z]{1,2}\d*)*|v\d+(?:(?:alpha|beta)\d+)?|(?:\w-\w)+")
"""Amounts and times, versions, and classes of letters in regular expressions."""
_DROPPED = frozenset({"description", "message", "providerID", "zone", "hints", "matchConditions", "variant"})
"""Fields in the user's own words, on which no answer depends."""
_KNOWN_DOMAINS = re.compile(
    r"(?:.*\.)?(?:k8s\.io|kubernetes\.io|istio\.io|linkerd\.io|cilium\.io|projectcalico\.org|cncf\.io|ovn\.org|coreos\.com|antrea\.io|"
    r"kube-router\.io|prometheus\.io|traefik\.io|nginx\.org|haproxy\.org|konghq\.com|projectcontour\.io|openshift\.io|cloud\.google\.com|"
    r"amazonaws\.com|azure\.com|envoyproxy\.io|solo\.io|gke\.io|k3s\.io|netcheck\.dev|aws|io\.cilium.*)\Z"
)
"""Whose annotations and controllers are no news."""
_TELLING_IMAGE = re.compile(r"kindnetd:v\d{8}-")
"""What is kept of the image by which kindnet tells whether it enforces policies."""
_LENGTH = 10
_GROUPS = frozenset(item.group for item in RESOURCES)
"""API groups that are no news."""


def redacted(document: Mapping[str, Any], key: str = "") -> dict[str, Any]:
    """Return a snapshot's document with hashes in place of names; who knows the `key` can tell which name is which."""
    given = [
        {**listed, "items": [item for item in map(_bare, listed["items"]) if item]} for listed in document["lists"]
    ]
    redaction = _Redaction(given, key)
    lists = [{**listed, "items": [redaction.object(item) for item in listed["items"]]} for listed in given]
    for listed in lists:
        listed["items"].sort(key=lambda item: (item["metadata"].get("namespace", ""), item["metadata"].get("name", "")))
    unread = [
        {
            **item,
            "namespace": redaction.text(item["namespace"]),
            "besides": [redaction.text(name) for name in item["besides"]],
            "message": "the reason is left out here",
        }
        for item in document["unread"]
    ]
    groups = [name for name in document["groups"] if name in _GROUPS]
    return {**document, "origin": "cluster:redacted", "groups": groups, "lists": lists, "unread": unread}


def _bare(item: dict[str, Any]) -> dict[str, Any] | None:
    """Return an object as it is; of definitions of the user's own kinds nothing but the calls that they make."""
    if "webhooks" in item:
        hooks = [{key: part for key, part in hook.items() if key != "rules"} for hook in item["webhooks"]]
        return {**item, "webhooks": hooks}
    spec = item.get("spec")
    if not isinstance(spec, dict) or "names" not in spec or "group" not in spec or spec["group"] in _GROUPS:
        return item
    if not spec.get("conversion"):
        return None
    name = f"definition-of-{item['metadata'].get('name')}"
    return {**item, "metadata": {"name": name}, "spec": {"group": "redacted", "conversion": spec["conversion"]}}


class _Redaction:
    """The names of one snapshot, and what stands for each."""

    def __init__(self, lists: list[dict[str, Any]], key: str) -> None:
        self._key = key.encode()
        self._known: dict[str, str] = {}
        words = {
            word
            for listed in lists
            for item in listed["items"]
            for text in _names(item)
            for word in _WORD.findall(text)
        }
        kept = {word for listed in lists for item in listed["items"] if _is_system(item) for text in _names(item)
                for word in _WORD.findall(text)}  # fmt: skip
        for word in sorted(words - kept - _KEPT_WORDS):
            if not _NO_NAME.fullmatch(word) and not _SYSTEM.fullmatch(word):
                self._known[word] = self._hash(word)

    def _hash(self, word: str) -> str:
        return "x" + hmac.new(self._key, word.encode(), "sha256").hexdigest()[:_LENGTH]

    def object(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return an object with its names replaced."""
        out = self._value(value, "")
        assert isinstance(out, dict), "a mapping stays one"
        return out

    def _value(self, value: Any, key: str) -> Any:
        if isinstance(value, dict):
            if key == "data":  # settings of network plugins, and words of theirs
                return value
            if key == "annotations":
                return {name: self._value(part, "") for name, part in value.items() if _is_known(name)}
            if is_free(key, value):
                return {self._label(name): self._value(part, "") for name, part in value.items()}
            return {name: self._value(part, name) for name, part in value.items() if name not in _DROPPED}
        if isinstance(value, list):
            return [self._value(item, key) for item in value]
        if not isinstance(value, str) or (key in _KEPT_KEYS and not _is_foreign(key, value)):
            return value
        if key == "image":
            known = _TELLING_IMAGE.search(value)
            return known[0] if known else "redacted"
        return self.text(value)

    def _label(self, name: str) -> str:
        source, colon, rest = name.rpartition(":")
        if _is_of_api(rest):
            return name
        prefix, slash, last = rest.rpartition("/")
        hidden = f"{self.text(prefix)}{slash}{self._known.get(last, last)}" if slash else self._known.get(rest, rest)
        return f"{source}{colon}{hidden}"

    def text(self, value: Any) -> Any:
        """Return a text with its names replaced."""
        if not isinstance(value, str) or _ADDRESS.match(value):
            return value
        whole = self._known.get(value)
        return whole or _WORD.sub(lambda found: self._known.get(found[0], found[0]), value)


def _is_known(annotation: str) -> bool:
    """Return whether an annotation is one of the programs' that everybody knows."""
    prefix, slash, name = annotation.rpartition("/")
    return _KNOWN_DOMAINS.match(prefix if slash else name) is not None


def _is_foreign(key: str, value: str) -> bool:
    """Return whether a value that mostly is a word of the APIs is a name of the user's: of a controller of their own."""
    if key not in ("controller", "controllerName"):
        return False
    return _KNOWN_DOMAINS.match(value.partition("/")[0]) is None


def _is_of_api(label: str) -> bool:
    """Return whether the key of a label is one that Kubernetes or a plugin makes."""
    prefix = label.rpartition("/")[0]
    return label.startswith(("io.kubernetes.", "io.cilium.")) or prefix.endswith(("k8s.io", "kubernetes.io"))


def is_free(key: str, value: Mapping[str, Any]) -> bool:
    """Return whether the keys of a mapping are the user's words, and not fields."""
    if key in ("labels", "matchLabels", "nodeSelector"):
        return True
    return key == "selector" and all(isinstance(part, str) for part in value.values())


def _is_system(item: Mapping[str, Any]) -> bool:
    """Return whether an object belongs to the cluster's own parts, whose names tell nothing of the user."""
    namespace = str(item.get("metadata", {}).get("namespace") or "")
    return bool(namespace) and namespace != "default" and _SYSTEM.fullmatch(namespace) is not None


def _names(item: Mapping[str, Any]) -> Iterator[str]:
    """Yield the texts of an object whose words are names: whatever is no word of an API."""
    metadata = item.get("metadata") or {}
    for key in ("name", "namespace", "generateName"):
        yield str(metadata.get(key) or "")
    yield from _labels(metadata.get("labels"))
    yield from _inside({"annotations": metadata.get("annotations") or {}}, "")
    for owner in metadata.get("ownerReferences") or ():
        yield str(owner.get("name") or "")
    for key, part in item.items():
        if key not in ("metadata", "apiVersion", "kind", "data"):
            yield from _inside(part, key)


def _labels(found: Any) -> Iterator[str]:
    for name, value in (found or {}).items() if isinstance(found, dict) else ():
        key = str(name).rpartition(":")[2]
        if not _is_of_api(key):
            yield key
        yield str(value)


def _inside(value: Any, key: str) -> Iterator[str]:
    """Yield the texts inside a value that are not words of the APIs by the field that they stand in."""
    if isinstance(value, list):
        for item in value:
            yield from _inside(item, key)
    elif isinstance(value, dict):
        if is_free(key, value):
            yield from _labels(value)
            return
        for name, part in value.items():
            if name not in _DROPPED and (key != "annotations" or _is_known(name)):
                yield from _inside(part, name)
    elif isinstance(value, str) and _is_name(key, value):
        yield value


def _is_name(key: str, value: str) -> bool:
    if key in _KEPT_KEYS:
        return _is_foreign(key, value)
    return key != "image" and not _ADDRESS.match(value)

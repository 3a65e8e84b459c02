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
     "ipFamilies", "ipFamilyPolicy", "plural", "version", "groups", "creationTimestamp", "uid", "deletionTimestamp",
     "reason", "networkType", "ipMode", "tier", "trafficDistribution", "concurrencyPolicy", "nodeInfo", "message"}
)  # fmt: skip
"""Fields whose values are words of the APIs."""
_KEPT_WORDS = frozenset(
    {"svc", "cluster", "local", "http", "https", "grpc", "tcp", "udp", "sctp", "tls", "true", "false", "any", "all",
     "namespace", "name", "app", "k8s-app", "component", "default", "kubernetes", "kube-dns", "coredns", "io",
     "x-k8s", "com", "org", "net", "dev"}
)  # fmt: skip
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
            if not word.isdigit() and not _SYSTEM.fullmatch(word):
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
                return {name: self._value(part, "") for name, part in value.items()}
            if is_free(key, value):
                return {self._label(name): self._value(part, "") for name, part in value.items()}
            return {name: self._value(part, name) for name, part in value.items()}
        if isinstance(value, list):
            return [self._value(item, key) for item in value]
        if not isinstance(value, str) or key in _KEPT_KEYS:
            return value
        if key == "image":
            known = _TELLING_IMAGE.search(value)
            return known[0] if known else "redacted"
        return self.text(value)

    def _label(self, name: str) -> str:
        prefix, slash, last = name.rpartition("/")
        return f"{self.text(prefix)}{slash}{self._known.get(last, last)}" if slash else self._known.get(name, name)

    def text(self, value: Any) -> Any:
        """Return a text with its names replaced."""
        if not isinstance(value, str) or _ADDRESS.match(value):
            return value
        whole = self._known.get(value)
        return whole or _WORD.sub(lambda found: self._known.get(found[0], found[0]), value)


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
    """Yield the texts of an object whose words are names."""
    metadata = item.get("metadata") or {}
    yield str(metadata.get("name") or "")
    yield str(metadata.get("namespace") or "")
    yield str(metadata.get("generateName") or "")
    yield from _labels(metadata.get("labels"))
    for owner in metadata.get("ownerReferences") or ():
        yield str(owner.get("name") or "")
    yield from _inside(item.get("spec"))


def _labels(found: Any) -> Iterator[str]:
    for key, value in (found or {}).items() if isinstance(found, dict) else ():
        prefix, _, name = str(key).rpartition("/")
        if not prefix.endswith((".k8s.io", "kubernetes.io", "k8s.io")):
            yield prefix
            yield name if prefix else str(key)
        yield str(value)


_HOLD_NAMES = frozenset({"hostname", "hostnames", "host", "hosts", "name", "nodeName", "serviceName", "serviceAccountName", "externalName",
                         "subdomain", "namespace", "secretName", "ingressClassName", "gatewayClassName", "parentRefs", "values"})  # fmt: skip


def _inside(value: Any) -> Iterator[str]:
    """Yield the names inside a spec."""
    if isinstance(value, list):
        for item in value:
            yield from _inside(item)
    elif isinstance(value, dict):
        for key, part in value.items():
            if isinstance(part, dict) and is_free(key, part):
                yield from _labels(part)
            if key in _HOLD_NAMES:
                yield from (item for item in (part if isinstance(part, list) else [part]) if isinstance(item, str))
            yield from _inside(part)

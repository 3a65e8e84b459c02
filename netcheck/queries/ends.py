"""End expressions: what users write after `--from` and `--to`, resolved against the loaded cluster.

web, shop/web, shop/deployment/web   the pods of a workload, or a pod
pod:shop/web-0                       one pod
svc:shop/web                         a Service: its backends on their target ports
10.0.0.1, 10.0.0.0/8, 2001:db8::/32  an address or a range; a pod's or Service's address means that pod or Service
internet                             every public address
node:worker-1, own-node              a node, or the node on which the other end runs
ns=prod,app in (a,b),!legacy         loaded pods by labels; `ns` is the namespace, `ns:KEY` one of its labels
ingress:shop/web, gateway:infra/gw   the proxy that serves an Ingress or a Gateway: its pods, or a symbolic end
any-pod, any-pod:ns=prod,app=web     any pod that could exist (with such labels)
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import NoReturn

from netcheck.errors import NothingNamed, UsageError
from netcheck.model.cluster import Cluster
from netcheck.model.objects import NAMESPACE_NAME_LABEL, Node, Service
from netcheck.queries.dataplane import DataPlane, data_plane
from netcheck.queries.lost_ends import FRONTENDS, NODES, OWNERS, PODS, SERVICES, Kinds, Lost, refused, unread
from netcheck.values.addresses import IPSet, address_number
from netcheck.values.labels import LabelSelector, Operator, Requirement

NOT_PUBLIC = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
    "::/8", "64:ff9b:1::/48", "100::/64", "2001:db8::/32", "fc00::/7", "fe80::/10", "ff00::/8",
)  # fmt: skip
"""Addresses that are not of the public internet: private, shared, special and documentation ranges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pods:
    """Loaded pods, as positions in `cluster.pods`. `proxy` tells that they are meant as what serves something."""

    text: str
    positions: tuple[int, ...]
    proxy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OneNode:
    """A loaded node."""

    text: str
    position: int
    node: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class TheOwnNode:
    """The node on which the other end runs."""

    text: str = "own-node"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """A set of outside addresses. `single` is set iff it is one address."""

    text: str
    addresses: IPSet
    single: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodsThatCouldExist:
    """Every pod that could be created: in `namespaces` (None: in any, also a new one), with matching labels."""

    text: str
    namespaces: frozenset[str] | None
    pods: LabelSelector
    namespace_labels: LabelSelector


@dataclass(frozen=True, slots=True, kw_only=True)
class OneService:
    """A loaded Service."""

    text: str
    service: Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A domain name outside the cluster."""

    text: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """The proxy of an Ingress or Gateway whose pods are not known."""

    text: str
    plane: DataPlane


AnEnd = Pods | OneNode | TheOwnNode | Addresses | PodsThatCouldExist | OneService | Domain | Lost | Proxy


def parse_end(cluster: Cluster, text: str, default_namespace: str) -> AnEnd:
    """Return what an end expression means.

    What it may name that could not be read of a cluster is `Lost` (LIVE-6).

    Raises:
        UsageError: it names nothing that is loaded, or cannot be read.

    """
    text = text.strip()
    if not text:
        raise UsageError("an end is empty\n  hint: see `netcheck query --help` for the ways to name an end")
    if text == "own-node":
        return TheOwnNode()
    if text == "internet":
        return Addresses(text=text, addresses=~IPSet.of_cidrs(*NOT_PUBLIC))
    if text == "any-pod" or text.startswith("any-pod:"):
        return _could_exist(text, text.partition(":")[2], default_namespace)
    scheme, colon, rest = text.partition(":")
    if colon and scheme == "domain":
        return _domain(text, rest)
    if colon and scheme in ("pod", "svc", "service", "node", "ingress", "gateway"):
        return _with_scheme(cluster, text, scheme, rest, default_namespace)
    return _address(cluster, text) or _by_labels(cluster, text) or _named(cluster, text, default_namespace)


def _domain(text: str, name: str) -> Domain:
    if not re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?(\.[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?)+\.?", name):
        raise UsageError(
            f"`{text}`: `{name}` is no domain name\n  hint: write it in full, like `domain:api.example.com`"
        )
    return Domain(text=text, name=name)


def _with_scheme(cluster: Cluster, text: str, scheme: str, rest: str, default_namespace: str) -> AnEnd:
    namespace, name = _split(rest, default_namespace)
    if scheme in ("ingress", "gateway"):
        return _proxy(cluster, text, scheme, namespace, name)
    if scheme == "node":
        return _node(cluster, text, rest)
    if scheme in ("svc", "service"):
        return _service(cluster, text, namespace, name)
    found = tuple(i for i, pod in enumerate(cluster.pods) if (pod.namespace, pod.name) == (namespace, name))
    if found:
        return Pods(text=text, positions=_objects_first(cluster, found))
    return unread(cluster, text, (PODS,), (namespace,)) or _none(
        text, "pod", [f"pod:{pod.namespace}/{pod.name}" for pod in cluster.pods]
    )


def _service(cluster: Cluster, text: str, namespace: str, name: str) -> OneService | Lost:
    for service in cluster.services:
        if (service.namespace, service.name) == (namespace, name):
            return OneService(text=text, service=service)
    known = [f"svc:{item.namespace}/{item.name}" for item in cluster.services]
    return unread(cluster, text, (SERVICES,), (namespace,)) or _none(text, "Service", known)


def _objects_first(cluster: Cluster, positions: tuple[int, ...]) -> tuple[int, ...]:
    """Return the Pod objects among pods of one name, if there are any: a workload's template may share it."""
    return tuple(position for position in positions if not cluster.pods[position].template) or positions


def _proxy(cluster: Cluster, text: str, scheme: str, namespace: str, name: str) -> AnEnd:
    """Return the pods of the proxy that serves an Ingress or Gateway, or the proxy if they are not known."""
    kind = scheme.capitalize()
    known = cluster.ingresses if scheme == "ingress" else cluster.gateways
    if not any((item.namespace, item.name) == (namespace, name) for item in known):
        listed = [f"{scheme}:{item.namespace}/{item.name}" for item in known]
        return unread(cluster, text, (FRONTENDS[scheme],), (namespace,)) or _none(text, kind, listed)
    plane = data_plane(cluster, kind, namespace, name)
    if plane.positions:
        return Pods(text=text, positions=plane.positions, proxy=True)
    return Proxy(text=text, plane=plane)


def _split(text: str, default_namespace: str) -> tuple[str, str]:
    head, slash, tail = text.partition("/")
    return (head, tail) if slash else (default_namespace, head)


def _node(cluster: Cluster, text: str, name: str) -> OneNode | Lost:
    for position, node in enumerate(cluster.nodes):
        if node.name == name:
            return OneNode(text=text, position=position, node=node)
    return unread(cluster, text, (NODES,), None) or _none(text, "node", [f"node:{node.name}" for node in cluster.nodes])


def _address(cluster: Cluster, text: str) -> AnEnd | None:
    try:
        version, number = address_number(text)
    except ValueError:
        if re.fullmatch(r"[0-9]+(\.[0-9]+){3}", text):
            raise UsageError(f"`{text}` is no address\n  hint: each part of an IPv4 address is 0 to 255") from None
        return _range(text)
    for service in cluster.services:
        own = (*service.cluster_ips, *service.external_ips, *service.load_balancer_addresses)
        if any(_same(text, other) for other in own):
            return OneService(text=text, service=service)
    owners = tuple(
        i for i, pod in enumerate(cluster.pods) if not pod.host_network and any(_same(text, a) for a in pod.addresses)
    )
    if owners:
        return Pods(text=text, positions=owners)
    for position, node in enumerate(cluster.nodes):
        if any(_same(text, other) for other in node.addresses):
            return OneNode(text=text, position=position, node=node)
    held = IPSet(((number, number),), ()) if version == 4 else IPSet((), ((number, number),))
    inside = held & IPSet.of_cidrs(*NOT_PUBLIC)
    lost = unread(cluster, text, (PODS, SERVICES, NODES), None) if inside else None
    return lost or Addresses(text=text, addresses=held, single=text)


def _same(one: str, other: str) -> bool:
    try:
        return address_number(one) == address_number(other)
    except ValueError:
        return False


def _range(text: str) -> Addresses | None:
    if not re.fullmatch(r"[0-9a-fA-F:.]+/[0-9]+", text) or not ("." in text or ":" in text):
        return None
    try:
        return Addresses(text=text, addresses=IPSet.of_cidrs(text))
    except ValueError:
        raise UsageError(f"`{text}` is not a CIDR\n  hint: write it like `10.0.0.0/8` or `2001:db8::/32`") from None


def _named(cluster: Cluster, text: str, default_namespace: str) -> AnEnd:
    parts = text.split("/")
    if len(parts) > 3 or not all(parts):
        raise UsageError(f"`{text}` is no end\n  hint: write `namespace/name` or `namespace/kind/name`")
    namespace = parts[0] if len(parts) > 1 else default_namespace
    kind, name = (parts[1].lower(), parts[2]) if len(parts) == 3 else ("", parts[-1])
    name, bracket, suffix = name.partition("[")
    kind = kind or (suffix.partition("]")[0].lower() if bracket else "")
    found = tuple(
        position
        for position, pod in enumerate(cluster.pods)
        if pod.namespace == namespace
        and (
            (pod.workload.name == name and kind in ("", pod.workload.kind.lower()))
            or (pod.name == name and kind in ("", "pod"))
        )
    )
    if found:
        return Pods(text=text, positions=_objects_first(cluster, found) if kind == "pod" else found)
    for lost in cluster.lost:
        if lost.namespace == namespace and lost.name == name and kind in ("", lost.kind.lower()):
            return refused(text, lost)
    decisive: tuple[Kinds, ...] = (PODS,) if kind == "pod" else (PODS, OWNERS)
    known = sorted({f"{pod.workload.namespace}/{pod.workload.name}" for pod in cluster.pods})
    return unread(cluster, text, decisive, (namespace,)) or _none(text, "workload or pod", known)


def _none(text: str, what: str, known: list[str]) -> NoReturn:
    """Refuse a text that names nothing.

    Raises:
        NothingNamed: always.
    """
    close = difflib.get_close_matches(text, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(f'`{item}`' for item in close)}?" if close else _some(known, what)
    raise NothingNamed(f"`{text}` names no loaded {what}\n  hint: {hint}")


def _some(known: list[str], what: str) -> str:
    if not known:
        return f"the input has no {what}"
    return "loaded are " + ", ".join(f"`{item}`" for item in sorted(known)[:5]) + (", ..." if len(known) > 5 else "")


# ---- label expressions -----------------------------------------------------------------------------------------------

_TERM = re.compile(
    r"\s*(?:(?P<absent>!)\s*(?P<akey>[^\s,=!()]+)"
    r"|(?P<key>[^\s,=!()]+)\s*(?:(?P<op>==|=|!=)\s*(?P<value>[^\s,()]*)"
    r"|\s+(?P<set>in|notin)\s*\((?P<values>[^()]*)\))?)\s*(?:,|$)"
)


def _is_expression(text: str) -> bool:
    return "=" in text or text.startswith("!") or " in (" in text or " notin (" in text or " in(" in text


def _requirements(text: str) -> list[Requirement]:
    found, position = [], 0
    while position < len(text):
        match = _TERM.match(text, position)
        if match is None or match.end() == position:
            raise UsageError(
                f"`{text}` is no label expression (at `{text[position:]}`)\n"
                "  hint: write terms like `ns=prod,app in (a,b),tier!=db,!legacy`"
            )
        found.append(_requirement(match))
        position = match.end()
    return found


def _requirement(match: re.Match[str]) -> Requirement:
    if match["absent"]:
        return Requirement(match["akey"], Operator.DOES_NOT_EXIST)
    if match["set"]:
        values = tuple(sorted({value.strip() for value in match["values"].split(",")}))
        return Requirement(match["key"], Operator.IN if match["set"] == "in" else Operator.NOT_IN, values)
    if match["op"]:
        operator = Operator.NOT_IN if match["op"] == "!=" else Operator.IN
        return Requirement(match["key"], operator, (match["value"],))
    return Requirement(match["key"], Operator.EXISTS)


def pods_meant(text: str) -> PodsThatCouldExist | None:
    """Return the pods that a label expression is about; None if the text is none.

    Raises:
        UsageError: it begins like one and cannot be read.

    """
    return _could_exist(text, text, "") if _is_expression(text) else None


def _by_labels(cluster: Cluster, text: str) -> AnEnd | None:
    """Return the loaded pods that a label expression matches; if it matches none, the pods that could exist with it."""
    meant = pods_meant(text)
    if meant is None:
        return None
    found = tuple(
        position
        for position, pod in enumerate(cluster.pods)
        if meant.pods.matches(pod.labels)
        and (meant.namespaces is None or pod.namespace in meant.namespaces)
        and _namespace_matches(cluster, pod.namespace, meant.namespace_labels)
    )
    return Pods(text=text, positions=found) if found else unread(cluster, text, (PODS,), meant.namespaces) or meant


def _namespace_matches(cluster: Cluster, name: str, selector: LabelSelector) -> bool:
    namespace = cluster.namespaces.get(name)
    return selector.matches(namespace.labels if namespace is not None else {})


def _could_exist(text: str, expression: str, default_namespace: str) -> PodsThatCouldExist:
    del default_namespace
    namespaces: frozenset[str] | None = None
    pods: list[Requirement] = []
    labels: list[Requirement] = []
    for requirement in _requirements(expression):
        if requirement.key == "ns":
            if requirement.operator is Operator.IN:
                namespaces = frozenset(requirement.values)
            else:
                labels.append(Requirement(NAMESPACE_NAME_LABEL, requirement.operator, requirement.values))
        elif requirement.key.startswith("ns:"):
            labels.append(Requirement(requirement.key[3:], requirement.operator, requirement.values))
        else:
            pods.append(requirement)
    return PodsThatCouldExist(
        text=text,
        namespaces=namespaces,
        pods=LabelSelector.of(expressions=pods),
        namespace_labels=LabelSelector.of(expressions=labels),
    )

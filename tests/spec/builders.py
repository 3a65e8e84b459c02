"""Short constructors of model objects, so that a test shows what matters and nothing else.

Two spellings are allowed for labels and selectors: a mapping, or `"app=web"` for one label.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from netcheck.model.admin import (
    AdminAction,
    AdminDomains,
    AdminNetworks,
    AdminNodes,
    AdminPeer,
    AdminPods,
    AdminPolicy,
    AdminPort,
    AdminRule,
)
from netcheck.model.cluster import Cluster
from netcheck.model.flow import AddressEnd, Decision, End, Flow, NodeEnd, PodEnd, Tier, Verdict
from netcheck.model.objects import NAMESPACE_NAME_LABEL, ContainerPort, Namespace, Node, Pod, WorkloadId
from netcheck.model.policy import (
    Direction,
    IPBlockPeer,
    NetworkPolicy,
    OpaquePolicy,
    Peer,
    PodPeer,
    PolicyPort,
    PolicyRule,
)
from netcheck.model.profile import Addressing, Profile, Switch
from netcheck.semantics.decide import decide
from netcheck.values.labels import LabelSelector, Operator, Requirement
from netcheck.values.ports import Protocol

INGRESS, EGRESS = Direction.INGRESS, Direction.EGRESS
BOTH = (INGRESS, EGRESS)
ALLOWED, DENIED, UNKNOWN = Verdict.ALLOWED, Verdict.DENIED, Verdict.UNKNOWN
YES, NO, PERHAPS = Switch.YES, Switch.NO, Switch.UNKNOWN
ANYONE = LabelSelector()


def labels(text: str | Mapping[str, str]) -> dict[str, str]:
    """`"app=web,tier=front"` as a mapping."""
    if not isinstance(text, str):
        return dict(text)
    return dict(part.split("=") for part in text.split(",") if part)


def select(text: str | Mapping[str, str] = "", *tests: Requirement) -> LabelSelector:
    return LabelSelector.of(labels(text), tests)


def is_in(key: str, *values: str) -> Requirement:
    return Requirement(key, Operator.IN, tuple(sorted(values)))


def not_in(key: str, *values: str) -> Requirement:
    return Requirement(key, Operator.NOT_IN, tuple(sorted(values)))


def exists(key: str) -> Requirement:
    return Requirement(key, Operator.EXISTS)


def absent(key: str) -> Requirement:
    return Requirement(key, Operator.DOES_NOT_EXIST)


def namespace(name: str, text: str | Mapping[str, str] = "", *, known: bool = True) -> Namespace:
    return Namespace(name=name, labels={NAMESPACE_NAME_LABEL: name, **labels(text)}, labels_known=known)


def pod(name: str, text: str | Mapping[str, str] | None = None, *, ns: str = "shop", **more: object) -> Pod:
    """A pod with the label `app=<name>` unless told otherwise, and an address of its own unless told otherwise."""
    given = {"app": name} if text is None else labels(text)
    more.setdefault("addresses", (f"10.1.0.{sum(map(ord, ns + name)) % 250 + 1}",))
    return Pod(namespace=ns, name=name, workload=WorkloadId(ns, "Pod", name), labels=given, **more)  # type: ignore[arg-type]


def port(number: int, name: str = "", protocol: str = "TCP") -> ContainerPort:
    return ContainerPort(number=number, name=name, protocol=protocol)


def item(port: int | str | None = None, protocol: str = "TCP", end: int | None = None) -> PolicyPort:
    return PolicyPort(port=port, protocol=protocol, end_port=end)


def block(cidr: str, *excepts: str) -> IPBlockPeer:
    return IPBlockPeer(cidr=cidr, excepts=excepts)


def pods(selector: LabelSelector | str | None = None, ns: LabelSelector | str | None = None) -> PodPeer:
    def read(one: LabelSelector | str | None) -> LabelSelector | None:
        return select(one) if isinstance(one, str) else one

    return PodPeer(pod_selector=read(selector), namespace_selector=read(ns))


def rule(peers: Iterable[Peer] = (), ports: Iterable[PolicyPort] = ()) -> PolicyRule:
    return PolicyRule(peers=tuple(peers), ports=tuple(ports))


def policy(
    name: str = "p",
    *,
    ns: str = "shop",
    on: str = "",
    ingress: Iterable[PolicyRule] | None = None,
    egress: Iterable[PolicyRule] | None = None,
    types: Iterable[Direction] | None = None,
) -> NetworkPolicy:
    """A policy on the pods `on`, in effect for the directions that have a list, unless `types` says otherwise."""
    written = [kind for kind, rules in ((INGRESS, ingress), (EGRESS, egress)) if rules is not None]
    return NetworkPolicy(
        namespace=ns,
        name=name,
        pod_selector=select(on),
        types=tuple(written if types is None else types),
        ingress=tuple(ingress or ()),
        egress=tuple(egress or ()),
    )


def opaque(**more: object) -> OpaquePolicy:
    """A policy of an unmodelled kind on all pods of `shop`, both directions, unless told otherwise."""
    usual: dict[str, object] = {"kind": "CiliumNetworkPolicy", "namespace": "shop", "name": "c", "directions": BOTH}
    return OpaquePolicy(**{**usual, **more})  # type: ignore[arg-type]


def _selector(one: LabelSelector | str) -> LabelSelector:
    return select(one) if isinstance(one, str) else one


def everyone(ns: LabelSelector | str = "") -> AdminPods:
    """The API's `namespaces`: all pods of these namespaces."""
    return AdminPods(namespace_selector=_selector(ns))


def some(selector: LabelSelector | str = "", ns: LabelSelector | str = "") -> AdminPods:
    """The API's `pods`: these pods of these namespaces."""
    return AdminPods(namespace_selector=_selector(ns), pod_selector=_selector(selector))


def on_nodes(selector: LabelSelector | str = "") -> AdminNodes:
    return AdminNodes(selector=_selector(selector))


def networks(*cidrs: str) -> AdminNetworks:
    return AdminNetworks(cidrs=cidrs)


def domains(*names: str) -> AdminDomains:
    return AdminDomains(names=names)


def admin_port(first: int, last: int | None = None, protocol: str = "TCP") -> AdminPort:
    return AdminPort(protocol=protocol, first=first, last=first if last is None else last)


def named(name: str) -> AdminPort:
    return AdminPort(protocol=None, name=name)


def _admin_rule(action: AdminAction, peer: AdminPeer | Iterable[AdminPeer], *ports: AdminPort, name: str) -> AdminRule:
    single = isinstance(peer, (AdminPods, AdminNodes, AdminNetworks, AdminDomains))
    return AdminRule(action=action, peers=(peer,) if single else tuple(peer), ports=ports, name=name)  # type: ignore[arg-type]


def accept(peer: AdminPeer | Iterable[AdminPeer], *ports: AdminPort, name: str = "") -> AdminRule:
    return _admin_rule(AdminAction.ACCEPT, peer, *ports, name=name)


def deny(peer: AdminPeer | Iterable[AdminPeer], *ports: AdminPort, name: str = "") -> AdminRule:
    return _admin_rule(AdminAction.DENY, peer, *ports, name=name)


def passing(peer: AdminPeer | Iterable[AdminPeer], *ports: AdminPort, name: str = "") -> AdminRule:
    return _admin_rule(AdminAction.PASS, peer, *ports, name=name)


def over(
    name: str = "c",
    *,
    on: AdminPods | None = None,
    ingress: Iterable[AdminRule] = (),
    egress: Iterable[AdminRule] = (),
    priority: int = 10,
    tier: Tier = Tier.ADMIN,
    kind: str = "ClusterNetworkPolicy",
) -> AdminPolicy:
    """An admin policy over all pods, unless told otherwise."""
    return AdminPolicy(
        kind=kind,
        name=name,
        tier=tier,
        priority=priority,
        subject=on or everyone(),
        ingress=tuple(ingress),
        egress=tuple(egress),
    )


def beneath(name: str = "b", **more: object) -> AdminPolicy:
    """The same in the Baseline tier."""
    return over(name, tier=Tier.BASELINE, **more)  # type: ignore[arg-type]


def banp(**more: object) -> AdminPolicy:
    return beneath("default", kind="BaselineAdminNetworkPolicy", priority=0, **more)


def cluster(
    *objects: Pod | Node | NetworkPolicy | AdminPolicy | OpaquePolicy | Namespace,
    pod_cidrs: tuple[str, ...] = (),
    node_cidrs: tuple[str, ...] = (),
    **switches: Switch,
) -> Cluster:
    """A cluster of these objects; a namespace that none of them defines is known to have its name label only."""
    named = [x.namespace for x in objects if isinstance(x, (Pod, NetworkPolicy))]
    spaces = {name: namespace(name) for name in named}
    spaces.update({x.name: x for x in objects if isinstance(x, Namespace)})
    return Cluster(
        namespaces=spaces,
        pods=tuple(x for x in objects if isinstance(x, Pod)),
        nodes=tuple(x for x in objects if isinstance(x, Node)),
        policies=tuple(x for x in objects if isinstance(x, NetworkPolicy)),
        admin=tuple(x for x in objects if isinstance(x, AdminPolicy)),
        opaque=tuple(x for x in objects if isinstance(x, OpaquePolicy)),
        profile=Profile(**switches),
        addressing=Addressing(pod_cidrs=pod_cidrs, node_cidrs=node_cidrs),
    )


def end(what: Pod | Node | End | str) -> End:
    if isinstance(what, str):
        return AddressEnd(what)
    if isinstance(what, Pod):
        return PodEnd(what)
    return NodeEnd(what) if isinstance(what, Node) else what


def flow(
    source: Pod | Node | End | str,
    destination: Pod | Node | End | str,
    number: int = 80,
    protocol: str = "TCP",
    version: int | None = None,
) -> Flow:
    ends = {"source": end(source), "destination": end(destination)}
    return Flow(**ends, protocol=Protocol(protocol), port=number, version=version)  # type: ignore[arg-type]


def decision(
    where: Cluster,
    source: Pod | Node | End | str,
    destination: Pod | Node | End | str,
    number: int = 80,
    protocol: str = "TCP",
    version: int | None = None,
) -> Decision:
    return decide(where, flow(source, destination, number, protocol, version))


def verdict(
    where: Cluster,
    source: Pod | Node | End | str,
    destination: Pod | Node | End | str,
    number: int = 80,
    protocol: str = "TCP",
    version: int | None = None,
) -> Verdict:
    return decision(where, source, destination, number, protocol, version).verdict

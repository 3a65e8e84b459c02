"""What lint reads of policies that verdicts treat as opaque, and of network plugins (`model.foreign`).

Nothing is validated: what cannot be read is left out, as rules say nothing about it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from netcheck.errors import Place
from netcheck.load.admit import Admitted
from netcheck.load.build_policy import BOTH, labels_of
from netcheck.load.check_common import listing, mapping, text
from netcheck.load.opaque import calico_selector, selector
from netcheck.load.tree import Path
from netcheck.model.foreign import (
    AuthorizationPolicy,
    CalicoPolicy,
    CiliumBlock,
    CiliumPeer,
    CiliumPolicy,
    LinkerdServer,
    LinkerdTarget,
    MeshRule,
    MeshSource,
    PeerAuthentication,
    Plugin,
)
from netcheck.model.policy import Direction
from netcheck.model.profile import Switch
from netcheck.values.labels import LabelSelector

_POD_NAMESPACE, _CLUSTER = "io.kubernetes.pod.namespace", "io.cilium.k8s.policy.cluster"
_AGENT, _SWITCH = "aws-eks-nodeagent", "--enable-network-policy"


@dataclass(slots=True)
class Foreign:
    """What was loaded so far. The lists are named as the fields of `Cluster` are."""

    authorization: list[AuthorizationPolicy] = field(default_factory=list)
    peer_authentication: list[PeerAuthentication] = field(default_factory=list)
    linkerd_servers: list[LinkerdServer] = field(default_factory=list)
    linkerd_targets: list[LinkerdTarget] = field(default_factory=list)
    calico: list[CalicoPolicy] = field(default_factory=list)
    cilium: list[CiliumPolicy] = field(default_factory=list)
    plugins: list[Plugin] = field(default_factory=list)

    def take(self, item: Admitted) -> None:
        """Put an object of an opaque kind where it belongs."""
        if item.group == "security.istio.io" and item.kind == "AuthorizationPolicy":
            self.authorization.append(_authorization(item))
        elif item.group == "security.istio.io" and item.kind == "PeerAuthentication":
            self.peer_authentication.append(_peer_authentication(item))
        elif item.group == "policy.linkerd.io":
            self._linkerd(item)
        elif item.group.endswith("projectcalico.org") and item.kind in ("NetworkPolicy", "GlobalNetworkPolicy"):
            self.calico.append(_calico(item))
        elif item.group == "cilium.io":
            self.cilium.extend(_cilium(item))

    def _linkerd(self, item: Admitted) -> None:
        if item.kind == "Server":
            self.linkerd_servers.append(_linkerd_server(item))
        elif item.kind in ("AuthorizationPolicy", "ServerAuthorization"):
            self.linkerd_targets.append(_linkerd_target(item))

    def plugin(self, item: Admitted) -> None:
        """Take note of a DaemonSet of the AWS VPC CNI, which says whether its agent enforces policies."""
        if item.kind == "DaemonSet" and item.name == "aws-node":
            self.plugins.extend(_aws(item))

    def fields(self) -> dict[str, Any]:
        """Return the fields of `Cluster`, each sorted by identity."""
        lists = {name: getattr(self, name) for name in self.__slots__}
        return {name: tuple(sorted(items, key=_identity)) for name, items in lists.items()}


def _identity(item: Any) -> tuple[str, str, str]:
    return (item.namespace, item.name, getattr(item, "kind", ""))


# ---- Istio ---------------------------------------------------------------------------------------------------------


def _labels(spec: dict[str, Any]) -> LabelSelector | None:
    labels = mapping(mapping(spec.get("selector")).get("matchLabels"))
    return LabelSelector.of(labels_of(labels)) if labels else None


def _authorization(item: Admitted) -> AuthorizationPolicy:
    spec = mapping(item.value.get("spec"))
    annotations = mapping(mapping(item.value.get("metadata")).get("annotations"))
    rules = enumerate(listing(spec.get("rules")))
    return AuthorizationPolicy(
        namespace=item.namespace,
        name=item.name,
        action=text(spec.get("action")) or "ALLOW",
        selector=_labels(spec),
        attached=bool(spec.get("targetRef") or spec.get("targetRefs")),
        rules=tuple(_mesh_rule(mapping(rule), item.report.place(("spec", "rules", index))) for index, rule in rules),
        dry_run=annotations.get("istio.io/dry-run") == "true",
        place=item.place,
    )


def _mesh_rule(rule: dict[str, Any], place: Place | None) -> MeshRule:
    sources = [mapping(mapping(entry).get("source")) for entry in listing(rule.get("from"))]
    return MeshRule(
        sources=tuple(
            MeshSource(
                principals=_texts(source.get("principals")),
                service_accounts=_texts(source.get("serviceAccounts")),
                namespaces=_texts(source.get("namespaces")),
            )
            for source in sources
        ),
        http=tuple(dict.fromkeys(_http(rule, sources))),
        ports=tuple(
            number
            for entry in listing(rule.get("to"))
            for number in _texts(mapping(mapping(entry).get("operation")).get("ports"))
        ),
        place=place,
    )


def _http(rule: dict[str, Any], sources: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the attributes of a rule that are known only to who reads HTTP (IST-12)."""
    wanted = ("hosts", "methods", "paths", "notHosts", "notMethods", "notPaths")
    for entry in listing(rule.get("to")):
        operation = mapping(mapping(entry).get("operation"))
        yield from (name for name in wanted if operation.get(name))
    for source in sources:
        yield from (name for name in ("requestPrincipals", "notRequestPrincipals") if source.get(name))
    for entry in listing(rule.get("when")):
        key = text(mapping(entry).get("key"))
        if key.startswith("request."):
            yield key


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(item for item in listing(value) if isinstance(item, str))


def _peer_authentication(item: Admitted) -> PeerAuthentication:
    spec = mapping(item.value.get("spec"))
    ports = mapping(spec.get("portLevelMtls"))
    return PeerAuthentication(
        namespace=item.namespace,
        name=item.name,
        selector=_labels(spec),
        mode=_mode(spec.get("mtls")),
        ports={int(number): _mode(part) for number, part in ports.items() if str(number).isdigit()},
        place=item.place,
    )


def _mode(value: Any) -> str:
    found = text(mapping(value).get("mode"))
    return "" if found == "UNSET" else found


# ---- Linkerd -------------------------------------------------------------------------------------------------------


def _linkerd_server(item: Admitted) -> LinkerdServer:
    spec = mapping(item.value.get("spec"))
    return LinkerdServer(
        namespace=item.namespace,
        name=item.name,
        subject=selector(spec.get("podSelector")),
        access=text(spec.get("accessPolicy")),
        place=item.place,
    )


def _linkerd_target(item: Admitted) -> LinkerdTarget:
    spec = mapping(item.value.get("spec"))
    if item.kind == "AuthorizationPolicy":
        target = mapping(spec.get("targetRef"))
        return LinkerdTarget(namespace=item.namespace, kind=text(target.get("kind")), name=text(target.get("name")))
    name = text(mapping(spec.get("server")).get("name"))
    return LinkerdTarget(namespace=item.namespace, kind="Server" if name else "", name=name)


# ---- Calico --------------------------------------------------------------------------------------------------------


def _calico(item: Admitted) -> CalicoPolicy:
    spec = mapping(item.value.get("spec"))
    order = spec.get("order")
    written = [text(spec.get(name)) for name in ("selector", "namespaceSelector", "serviceAccountSelector")]
    subject = calico_selector(written[0])
    return CalicoPolicy(
        kind=item.kind,
        namespace=item.namespace,
        name=item.name,
        tier=text(spec.get("tier")) or "default",
        order=float(order) if isinstance(order, int | float) and not isinstance(order, bool) else None,
        subject=subject,
        readable=not any(written[1:]) and (subject is not None or written[0].strip() in ("", "all()")),
        opens=tuple(direction for direction in BOTH if any(map(_opens, listing(spec.get(direction.value.lower()))))),
        place=item.place,
    )


def _opens(rule: Any) -> bool:
    fields = mapping(rule)
    return fields.get("action") == "Allow" and not (set(fields) - {"action", "metadata"})


# ---- Cilium --------------------------------------------------------------------------------------------------------


def _cilium(item: Admitted) -> Iterator[CiliumPolicy]:
    parts: list[tuple[Path, dict[str, Any]]] = [(("spec",), mapping(item.value.get("spec")))]
    parts += [(("specs", number), mapping(part)) for number, part in enumerate(listing(item.value.get("specs")))]
    for path, spec in parts:
        if spec and not spec.get("nodeSelector"):
            yield _cilium_spec(item, path, spec)


def _cilium_spec(item: Admitted, path: Path, spec: dict[str, Any]) -> CiliumPolicy:
    switched = mapping(spec.get("enableDefaultDeny"))
    allows = tuple(direction for direction in BOTH if listing(spec.get(direction.value.lower())))
    denies = tuple(direction for direction in BOTH if listing(spec.get(f"{direction.value.lower()}Deny")))
    return CiliumPolicy(
        kind=item.kind,
        namespace=item.namespace,
        name=item.name,
        allows=allows,
        denies=denies,
        isolates=tuple(
            direction
            for direction in BOTH
            if direction in (*allows, *denies) and switched.get(direction.value.lower()) is not False
        ),
        empty=tuple(_empty(item, path, spec)),
        peers=tuple(_peers(item, path, spec)),
        blocks=tuple(_blocks(item, path, spec)),
        place=item.place,
    )


def _rules(path: Path, spec: dict[str, Any]) -> Iterator[tuple[Path, dict[str, Any], Direction]]:
    for direction in BOTH:
        for name in (direction.value.lower(), f"{direction.value.lower()}Deny"):
            for index, rule in enumerate(listing(spec.get(name))):
                yield (*path, name, index), mapping(rule), direction


def _empty(item: Admitted, path: Path, spec: dict[str, Any]) -> Iterator[tuple[Direction, Place | None]]:
    for at, rule, direction in _rules(path, spec):
        if not rule and not str(at[-2]).endswith("Deny"):
            yield direction, item.report.place(at)


def _peers(item: Admitted, path: Path, spec: dict[str, Any]) -> Iterator[CiliumPeer]:
    for at, rule, _ in _rules(path, spec):
        for name in ("fromEndpoints", "toEndpoints"):
            for index, written in enumerate(listing(rule.get(name))):
                found = _peer(item, mapping(written), (*at, name, index))
                if found is not None:
                    yield found


def _peer(item: Admitted, written: dict[str, Any], path: Path) -> CiliumPeer | None:
    """Return a peer by labels alone; None for one with expressions, or with labels that are not the pod's own."""
    if written.get("matchExpressions"):
        return None
    labels = {key.removeprefix("k8s:"): value for key, value in mapping(written.get("matchLabels")).items()}
    names_cluster = labels.pop(_CLUSTER, None) is not None
    named = labels.pop(_POD_NAMESPACE, None)
    if any(key.startswith("io.cilium.k8s.namespace.labels.") for key in labels):
        return None
    pods = selector({"matchLabels": labels})
    if pods is None or any(":" in key for key in labels):
        return None
    namespace = text(named) or item.namespace or None
    return CiliumPeer(labels=pods, namespace=namespace, names_cluster=names_cluster, place=item.report.place(path))


def _blocks(item: Admitted, path: Path, spec: dict[str, Any]) -> Iterator[CiliumBlock]:
    for at, rule, _ in _rules(path, spec):
        for name in ("fromCIDR", "toCIDR", "fromCIDRSet", "toCIDRSet"):
            for index, written in enumerate(listing(rule.get(name))):
                cidr = text(written) if isinstance(written, str) else text(mapping(written).get("cidr"))
                if cidr:
                    yield CiliumBlock(cidr=cidr, place=item.report.place((*at, name, index)))


# ---- network plugins -----------------------------------------------------------------------------------------------


def _aws(item: Admitted) -> Iterator[Plugin]:
    template = mapping(mapping(item.value.get("spec")).get("template"))
    for container in map(mapping, listing(mapping(template.get("spec")).get("containers"))):
        if container.get("name") != _AGENT:
            continue
        for argument in _texts(container.get("args")):
            name, _, value = argument.partition("=")
            if name == _SWITCH:
                enforces = Switch.NO if value == "false" else Switch.YES
                yield Plugin(namespace=item.namespace, name=item.name, enforces=enforces, place=item.place)

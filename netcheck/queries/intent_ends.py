"""What the ends of intents stand for: pods, nodes and addresses of the loaded cluster.

Whether a pod is selected can be unknown: the labels of a namespace that no source defines are (WL-3).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from netcheck.engines.lowering import bounds_with_open_labels
from netcheck.errors import NothingNamed, Place, UsageError
from netcheck.logic.services import Target, pods_near, ports_asked, targets
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Reason
from netcheck.model.intents import IntentEnd, IntentPort, NamedEnd, SelectedPods
from netcheck.model.objects import Service, ServiceType
from netcheck.queries.ends import (
    Addresses,
    Domain,
    OneNode,
    OneService,
    Pods,
    PodsThatCouldExist,
    Proxy,
    TheOwnNode,
    parse_end,
    pods_meant,
)
from netcheck.queries.lost_ends import PODS, Lost, reason_of, unread
from netcheck.values.addresses import IPSet
from netcheck.values.connections import ConnectionSet
from netcheck.values.labels import LabelSelector
from netcheck.values.ports import PortSet, Protocol

ALL_PODS, ANYBODY = "all-pods", "anybody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backends:
    """What one port of a Service leads to: (pod's position, or an address) with its target port, ready ones only."""

    service: Service
    port: str
    pods: tuple[tuple[int, ConnectionSet], ...] = ()
    addresses: tuple[tuple[IPSet, ConnectionSet], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """What one end stands for.

    Attributes:
        pods, maybe: positions of pods that it surely, and that it perhaps stands for.
        services: it is a Service: its backends, port by port, and nothing else is set.
        selector: it selects pods by labels, which pods that could exist may have.
        nothing: why it stands for nothing, if so.
        reasons: facts that are missing to say what it stands for.
        lost: pods that were refused and that it may stand for.
        symbolic: it is a proxy whose pods are not loaded, a name outside, or was refused: nothing else is set.
    """

    text: str
    place: Place | None = None
    pods: frozenset[int] = frozenset()
    maybe: frozenset[int] = frozenset()
    nodes: frozenset[int] = frozenset()
    addresses: IPSet = field(default_factory=IPSet.none)
    own_node: bool = False
    services: tuple[Backends, ...] | None = None
    selector: SelectedPods | None = None
    nothing: str = ""
    reasons: tuple[Reason, ...] = ()
    lost: tuple[Reason, ...] = ()
    symbolic: Proxy | Domain | Lost | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it certainly stands for nothing."""
        backends = any(item.pods or item.addresses for item in self.services or ())
        held = self.pods or self.maybe or self.nodes or self.addresses or self.own_node
        return not (held or backends or self.symbolic or self.reasons or self.lost)


class EndResolver:
    """Resolves the ends of intents against one cluster; selectors are matched once for all pods that look alike."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._near = pods_near(cluster)
        self._found: dict[object, Members] = {}
        self._every = frozenset(range(len(cluster.pods)))

    def members(self, end: IntentEnd, ports: tuple[IntentPort, ...] | None) -> Members:
        """Return what an end stands for; `ports` are those of a Service.

        Raises:
            UsageError: the expression cannot be read.
        """
        key = (end, ports)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._members(end, ports)
        return found

    def _members(self, end: IntentEnd, ports: tuple[IntentPort, ...] | None) -> Members:
        if isinstance(end, SelectedPods):
            return self._selected(end, end.place)
        if end.text == ALL_PODS:
            everything = SelectedPods(place=end.place)
            return Members(text=end.text, place=end.place, pods=self._every, selector=everything, lost=self.lost())
        if end.text == ANYBODY:
            return Members(
                text=end.text,
                place=end.place,
                pods=self._every,
                nodes=frozenset(range(len(self._cluster.nodes))),
                addresses=IPSet.all(),
                selector=SelectedPods(place=end.place),
                lost=self.lost(),
            )
        meant = pods_meant(end.text)
        if meant is not None:
            return self._selected(_as_selector(meant, end.place), end.place)
        try:
            return self._named(end, ports)
        except NothingNamed as error:
            return Members(text=end.text, place=end.place, nothing=str(error).replace("\n  hint: ", "; "))

    def _named(self, end: NamedEnd, ports: tuple[IntentPort, ...] | None) -> Members:
        out = Members(text=end.text, place=end.place)
        match parse_end(self._cluster, end.text, end.namespace):
            case Pods(positions=positions):
                return _with(out, pods=frozenset(positions))
            case OneNode(position=position):
                return _with(out, nodes=frozenset((position,)))
            case TheOwnNode():
                return _with(out, own_node=True)
            case Addresses(addresses=addresses):
                return _with(out, addresses=addresses)
            case OneService(service=service):
                return self._service(out, service, ports)
            case Proxy() | Domain() | Lost() as symbolic:
                return _with(out, symbolic=symbolic)
            case PodsThatCouldExist():
                raise UsageError(f"`{end.text}` is not an end of an intent")

    # ---- selectors ---------------------------------------------------------------------------------------------

    def _selected(self, selector: SelectedPods, place: Place | None) -> Members:
        pods: set[int] = set()
        maybe: set[int] = set()
        reasons: set[Reason] = set()
        names = selector.namespaces if selector.namespaces is not None else self._near
        for name in sorted(names):
            must, may = self._namespace(name, selector.namespace_labels)
            if may and name in self._near:
                found = self._matching(name, selector.pods)
                (pods if must else maybe).update(found)
                if found and not must:
                    message = (
                        f"no source defines namespace `{name}`, so whether `{selector.text}` selects it is not known"
                    )
                    reasons.add(Reason(rule="WL-3", message=message))
        return Members(
            text=selector.text,
            place=place,
            pods=frozenset(pods),
            maybe=frozenset(maybe),
            selector=selector,
            nothing="" if pods or maybe else f"no loaded pod is selected by `{selector.text}`",
            reasons=tuple(sorted(reasons, key=lambda item: item.message)),
            lost=self.lost(selector.namespaces),
        )

    def lost(self, namespaces: frozenset[str] | None = None) -> tuple[Reason, ...]:
        """Return which pods of some namespaces (None: of all) were refused or not read, so that nothing is known of them."""
        refused = [item for item in self._cluster.lost if namespaces is None or item.namespace in namespaces]
        elsewhere = unread(self._cluster, "the pods there", (PODS,), namespaces) if not refused else None
        return (*map(reason_of, refused), *((elsewhere.reason,) if elsewhere is not None else ()))

    def _namespace(self, name: str, selector: LabelSelector) -> tuple[bool, bool]:
        namespace = self._cluster.namespaces.get(name)
        if namespace is None:
            return not selector.requirements, not selector.requirements
        if namespace.labels_known:
            found = selector.matches(namespace.labels)
            return found, found
        return bounds_with_open_labels(selector, namespace.labels)

    def _matching(self, namespace: str, selector: LabelSelector) -> set[int]:
        keys = [item.key for item in selector.requirements]
        known: dict[tuple[str | None, ...], bool] = {}
        found = set()
        for position in self._near[namespace]:
            labels = self._cluster.pods[position].labels
            seen = tuple([labels.get(key) for key in keys])
            if seen not in known:
                known[seen] = selector.matches(labels)
            if known[seen]:
                found.add(position)
        return found

    # ---- Services ----------------------------------------------------------------------------------------------

    def _service(self, out: Members, service: Service, ports: tuple[IntentPort, ...] | None) -> Members:
        name = f"Service {service.namespace}/{service.name}"
        if service.type is ServiceType.EXTERNAL_NAME:
            message = f"{name} is a DNS alias of `{service.external_name}`, whose addresses are not in the input"
            return _with(out, services=(), reasons=(Reason(rule="SVC-12", message=message, place=service.place),))
        asked = [(item.port, Protocol(item.protocol)) for item in ports] if ports is not None else [(None, None)]
        chosen = {item: None for port, protocol in asked for item in ports_asked(service, port, protocol)}
        backends = tuple(
            _backends(
                service, f"{item.name or item.port}", self._usable(targets(self._cluster, service, item, self._near))
            )
            for item in chosen
        )
        if not backends:
            listed = ", ".join(f"{item.protocol}/{item.port}" for item in service.ports) or "none"
            return _with(out, services=(), nothing=f"{name} has no such port; its ports: {listed}")
        if any(item.pods or item.addresses for item in backends):
            return _with(out, services=backends)
        return _with(out, services=backends, **self._without_backends(service, name))

    def _usable(self, found: tuple[Target, ...]) -> list[Target]:
        """SVC-6: the ready backends; if there are none, those that terminate and still serve."""
        pods = self._cluster.pods
        serving = [target for target in found if target.pod is not None and pods[target.pod].ready]
        return [target for target in found if target.ready] or serving

    def _without_backends(self, service: Service, name: str) -> dict[str, object]:
        if self._cluster.whole:
            return {"nothing": f"{name} has no endpoints"}
        if service.selector:
            message = f"no loaded pod serves {name}; if the input is all there is, say so (closedWorld: true)"
            return {"reasons": (Reason(rule="SVC-2", message=message, place=service.place),)}
        message = f"{name} selects no pods itself, and the input has no EndpointSlice for it"
        return {"reasons": (Reason(rule="SVC-13", message=message, place=service.place),)}

    # ---- ports -------------------------------------------------------------------------------------------------

    def port_numbers(self, ports: tuple[IntentPort, ...]) -> tuple[ConnectionSet, tuple[tuple[str, Protocol], ...]]:
        """Return the connections that ports with numbers mean, and the names that each destination pod resolves."""
        found, names = ConnectionSet.none(), []
        for item in ports:
            protocol = Protocol(item.protocol)
            if item.port is None:
                found |= ConnectionSet.of({protocol: PortSet.all()})
            elif item.port[0].isdigit() and item.port.replace("-", "").isdigit():
                low, _, high = item.port.partition("-")
                found |= ConnectionSet.of({protocol: PortSet.of((int(low), int(high or low)))})
            else:
                names.append((item.port, protocol))
        return found, tuple(names)

    def named(self, position: int, names: tuple[tuple[str, Protocol], ...]) -> ConnectionSet:
        """Return the connections that names of ports mean at a pod."""
        found: dict[Protocol, PortSet] = {}
        for port in self._cluster.pods[position].ports:
            protocol = Protocol(port.protocol)
            if (port.name, protocol) in names:
                found[protocol] = found.get(protocol, PortSet.none()) | PortSet.single(port.number)
        return ConnectionSet.of(found)


def _as_selector(meant: PodsThatCouldExist, place: Place | None) -> SelectedPods:
    return SelectedPods(
        namespaces=meant.namespaces, namespace_labels=meant.namespace_labels, pods=meant.pods, place=place
    )


def _with(members: Members, **changes: object) -> Members:
    return replace(members, **changes)  # type: ignore[arg-type]


def _backends(service: Service, port: str, found: list[Target]) -> Backends:
    each: list[tuple[Target, ConnectionSet]] = [
        (target, ConnectionSet.of({target.protocol: PortSet.single(target.number)})) for target in found
    ]
    return Backends(
        service=service,
        port=port,
        pods=tuple((target.pod, held) for target, held in each if target.pod is not None),
        addresses=tuple((IPSet.of_cidrs(target.address), held) for target, held in each if target.pod is None),
    )


def cuts(members: Iterable[Members]) -> Iterator[IPSet]:
    """Yield the address sets that the ends name."""
    for item in members:
        if item.addresses and item.addresses != IPSet.all():
            yield item.addresses
        for backends in item.services or ():
            yield from (addresses for addresses, _ in backends.addresses)

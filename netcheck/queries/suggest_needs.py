"""Which connections are needed, as far as the input tells: intents, recorded flows, routes, doors, callers, DNS.

Every need says what tells of it. What might be one and cannot be used is dropped with the reason, never in silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from netcheck.errors import NetcheckError, Place
from netcheck.load.recorded_flows import RecordedFlow
from netcheck.logic.services import Target, find_service, pods_near, ports_asked, slices_of, targets
from netcheck.model.cluster import Cluster
from netcheck.model.evidence import Evidence
from netcheck.model.intents import Demand, Intent, IntentEnd, IntentPort, NamedEnd, SelectedPods
from netcheck.model.objects import Monitor, ServiceType
from netcheck.model.policy import Direction, IPBlockPeer, NetworkPolicy, Peer, PodPeer, PolicyRule
from netcheck.queries.cluster_dns import (
    NODE_LOCAL,
    OPENSHIFT,
    OPENSHIFT_LABEL,
    SYSTEM,
    dns_servers,
    has_node_local,
)
from netcheck.queries.dataplane import is_phantom
from netcheck.queries.doors import Door, DoorKind, doors
from netcheck.queries.fronts import fronts
from netcheck.queries.intent_ends import ANYBODY, EndResolver, Members
from netcheck.queries.suggest_results import Dropped, Need, NeedEnd, NeedKind
from netcheck.values.addresses import IPSet
from netcheck.values.connections import ConnectionSet
from netcheck.values.labels import LabelSelector
from netcheck.values.ports import PortSet, Protocol

ANYONE = NeedEnd(text="anybody", anybody=True)
_PROMETHEUS = (("app.kubernetes.io/name", "prometheus"), ("app", "prometheus"))
_DNS_PROTOCOLS = (Protocol.UDP, Protocol.TCP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What needs are gathered from. `kinds` are those that count."""

    kinds: frozenset[NeedKind] = frozenset(NeedKind)
    intents: tuple[Intent, ...] = ()
    flows: tuple[RecordedFlow, ...] = ()
    evidence: Evidence = field(default_factory=Evidence)


@dataclass(slots=True)
class Gathered:
    """The needs that were found, and what was not taken for one."""

    needs: list[Need] = field(default_factory=list)
    _dropped: dict[Dropped, None] = field(default_factory=dict)

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        """What was not taken for a need, each once."""
        return tuple(self._dropped)

    def drop(self, text: str, reason: str, place: Place | None = None) -> None:
        """Record that something is no need that a policy could serve."""
        self._dropped.setdefault(Dropped(text=text, reason=reason, place=place))


def gather(cluster: Cluster, sources: Sources) -> Gathered:
    """Return all needs of the kinds that count, the surest first."""
    return _Gatherer(cluster, sources).gather()


def single(protocol: str | Protocol, number: int) -> ConnectionSet:
    """Return one port."""
    return ConnectionSet.of({Protocol(protocol): PortSet.single(number)})


@dataclass(frozen=True, slots=True)
class _Told:
    """What tells of a need: of which kind it is, in words, and where."""

    kind: NeedKind
    why: str
    place: Place | None = None


class _Gatherer:
    def __init__(self, cluster: Cluster, sources: Sources) -> None:
        self._cluster = cluster
        self._sources = sources
        self._out = Gathered()
        self._near = pods_near(cluster)
        self._resolver = EndResolver(cluster)

    def gather(self) -> Gathered:
        steps = (
            (NeedKind.INTENTS, self._intents),
            (NeedKind.FLOWS, self._flows),
            (NeedKind.POLICIES, self._policies),
            (NeedKind.ROUTES, self._routes),
            (NeedKind.DOORS, self._doors),
            (NeedKind.NAMES, self._names),
            (NeedKind.WEBHOOKS, self._webhooks),
            (NeedKind.MONITORS, self._monitors),
            (NeedKind.SERVICES, self._services),
            (NeedKind.DNS, self._dns),
        )
        for kind, step in steps:
            if kind in self._sources.kinds:
                step()
        return self._out

    def _need(self, told: _Told, source: NeedEnd, destination: NeedEnd, held: ConnectionSet) -> None:
        if source.is_empty or destination.is_empty or not held:
            return
        self._out.needs.append(
            Need(
                kind=told.kind,
                source=source,
                destination=destination,
                connections=held,
                why=told.why,
                place=told.place,
                opens=told.kind is NeedKind.INTENTS,
            )
        )

    def _pods(self, positions: Iterable[int], text: str = "") -> NeedEnd:
        """Return pods as an end; of pods on their node's network it is the addresses that count (NET-3)."""
        chosen = frozenset(positions)
        pods = self._cluster.pods
        on_node = frozenset(position for position in chosen if pods[position].host_network)
        shown = text or _workloads(self._cluster, chosen)
        addresses = [pods[position].addresses for position in sorted(on_node)]
        if on_node and not all(addresses):
            return NeedEnd(text=f"{shown} (on nodes whose addresses are not known)", anybody=True)
        hosts = IPSet.of_cidrs(*(one for found in addresses for one in found))
        return NeedEnd(text=shown, pods=chosen - on_node, addresses=hosts)

    # ---- intents and recorded flows ------------------------------------------------------------------------------

    def _intents(self) -> None:
        for intent in self._sources.intents:
            if intent.demand is not Demand.ALLOW:
                continue
            told = _Told(NeedKind.INTENTS, f"intent `{intent.name}`", intent.place)
            for source in intent.sources:
                for destination in intent.destinations:
                    self._of_ends(told, source, destination, intent.ports)

    def _flows(self) -> None:
        for flow in self._sources.flows:
            ends = [NamedEnd(text=_as_end(text), place=flow.place) for text in (flow.source, flow.destination)]
            ports = (IntentPort(port=str(flow.port), protocol=flow.protocol.value),)
            self._of_ends(_Told(NeedKind.FLOWS, "recorded", flow.place), ends[0], ends[1], ports)

    def _of_ends(
        self, told: _Told, source: IntentEnd, destination: IntentEnd, ports: tuple[IntentPort, ...] | None
    ) -> None:
        text = f"{source.text} -> {destination.text}"
        try:
            members = self._resolver.members(source, None), self._resolver.members(destination, ports)
        except NetcheckError as error:
            self._out.drop(text, f"{told.why}: {error}", told.place)
            return
        for item in members:
            if item.is_empty or item.symbolic is not None or item.maybe:
                reason = item.nothing or next((one.message for one in item.reasons), "what it stands for is not known")
                self._out.drop(text, f"{told.why}: `{item.text}`: {reason}", told.place)
                if item.is_empty or item.symbolic is not None:
                    return
        opener = self._end(members[0])
        for end, held in self._with_ports(members[1], ports):
            self._need(told, opener, end, held)

    def _end(self, item: Members) -> NeedEnd:
        if item.text == ANYBODY:
            return NeedEnd(text=item.text, anybody=True, selector=item.selector, pods=item.pods)
        if item.selector is not None:
            return NeedEnd(text=item.text, pods=item.pods, selector=item.selector)
        if item.own_node:
            return NeedEnd(text=item.text)  # NET-4, NET-5: no policy keeps it out
        nodes = [self._cluster.nodes[position].addresses for position in sorted(item.nodes)]
        if nodes and not all(nodes):
            return NeedEnd(text=f"{item.text} (whose address is not known)", anybody=True)
        found = self._pods(item.pods, item.text)
        hosts = IPSet.of_cidrs(*(one for addresses in nodes for one in addresses))
        return replace(found, addresses=found.addresses | item.addresses | hosts)

    def _with_ports(
        self, item: Members, ports: tuple[IntentPort, ...] | None
    ) -> Iterator[tuple[NeedEnd, ConnectionSet]]:
        """Yield a destination by the ports that are meant at it: of a Service its backends' (SVC-23)."""
        if item.services is not None:
            for backends in item.services:
                by_ports: dict[ConnectionSet, set[int]] = {}
                for position, held in backends.pods:
                    by_ports.setdefault(held, set()).add(position)
                for held, chosen in by_ports.items():
                    yield self._pods(chosen, item.text), held
                for addresses, held in backends.addresses:
                    yield NeedEnd(text=item.text, addresses=addresses), held
            return
        if ports is None:
            yield from self._declared(item)
            return
        numbers, names = self._resolver.port_numbers(ports)
        if numbers:
            yield self._end(item), numbers
        for position in sorted(item.pods) if names else ():
            if named := self._resolver.named(position, names):
                yield self._pods((position,)), named

    def _declared(self, item: Members) -> Iterator[tuple[NeedEnd, ConnectionSet]]:
        """An `allow` without ports needs some port: those that the pods declare, or where they declare none all."""
        found: dict[ConnectionSet, set[int]] = {}
        for position in sorted(item.pods):
            declared = ConnectionSet.none()
            for port in self._cluster.pods[position].ports:
                declared |= single(port.protocol, port.number)
            found.setdefault(declared or ConnectionSet.all(), set()).add(position)
        if not found or len(found) == 1:
            yield self._end(item), next(iter(found), ConnectionSet.all())
            return
        for held, chosen in found.items():
            yield self._pods(chosen), held

    # ---- policies that are there ---------------------------------------------------------------------------------

    def _policies(self) -> None:
        """What a rule lets through by name somebody wanted: it is to pass the other end too.

        A rule for everybody, or for every pod, names nobody.
        """
        for policy in self._cluster.policies:
            chosen = self._matching(policy.namespace, policy.pod_selector)
            for direction in policy.types:
                for rule in policy.rules(direction) if chosen else ():
                    for peer in rule.peers:
                        self._of_rule(policy, direction, rule, chosen, peer)

    def _of_rule(
        self, policy: NetworkPolicy, direction: Direction, rule: PolicyRule, chosen: frozenset[int], peer: Peer
    ) -> None:
        if isinstance(peer, IPBlockPeer) or not _names_somebody(peer):
            return
        others = self._peers(policy.namespace, peer)
        sources, destinations = (others, chosen) if direction is Direction.INGRESS else (chosen, others)
        told = _Told(NeedKind.POLICIES, f"{policy.label} lets it through on its side", rule.place)
        for held, pods in self._rule_ports(rule, destinations).items():
            if sources and pods:
                self._need(told, self._pods(sources), self._pods(pods), held)

    def _matching(self, namespace: str, selector: LabelSelector) -> frozenset[int]:
        pods = self._cluster.pods
        return frozenset(
            position
            for position in self._near.get(namespace, ())
            if selector.matches(pods[position].labels) and not pods[position].host_network
        )

    def _peers(self, namespace: str, peer: PodPeer) -> frozenset[int]:
        everything = LabelSelector.everything()
        if peer.namespace_selector is None:
            return self._matching(namespace, peer.pod_selector or everything)
        return frozenset(
            position
            for name, space in self._cluster.namespaces.items()
            if peer.namespace_selector.matches(space.labels)
            for position in self._matching(name, peer.pod_selector or everything)
        )

    def _rule_ports(self, rule: PolicyRule, destinations: frozenset[int]) -> dict[ConnectionSet, set[int]]:
        """Return the ports of a rule with the destinations at which it means them: a name is looked up at each (NP-26)."""
        numbers = ConnectionSet.none() if rule.ports else ConnectionSet.all()
        names = []
        for port in rule.ports:
            protocol = Protocol(port.protocol)
            if isinstance(port.port, str):
                names.append((port.port, protocol))
                continue
            held = PortSet.all() if port.port is None else PortSet.of((port.port, port.end_port or port.port))
            numbers |= ConnectionSet.of({protocol: held})
        found: dict[ConnectionSet, set[int]] = {}
        for position in destinations:
            held_here = numbers | self._resolver.named(position, tuple(names)) if names else numbers
            if held_here:
                found.setdefault(held_here, set()).add(position)
        return found

    # ---- ways in -------------------------------------------------------------------------------------------------

    def _routes(self) -> None:
        """ING-12, GW-27: the proxy's pods open the connection to the backend's pod, on its target port."""
        for front in fronts(self._cluster):
            plane = front.plane
            positions = plane.positions
            source = (
                self._pods(positions, plane.label) if positions else replace(ANYONE, text=f"{plane.label} (not loaded)")
            )
            for end, held in self._behind(front.behind):
                self._need(_Told(NeedKind.ROUTES, front.via, front.place), source, end, held)

    def _behind(self, found: Iterable[Target]) -> Iterator[tuple[NeedEnd, ConnectionSet]]:
        by_port: dict[ConnectionSet, set[int]] = {}
        addresses: dict[ConnectionSet, IPSet] = {}
        for target in found:
            held = single(target.protocol, target.number)
            if target.pod is not None:
                by_port.setdefault(held, set()).add(target.pod)
            else:
                addresses[held] = addresses.get(held, IPSet.none()) | IPSet.of_cidrs(target.address)
        for held, chosen in by_port.items():
            yield self._pods(chosen), held
        for held, found_addresses in addresses.items():
            yield NeedEnd(text=str(found_addresses), addresses=found_addresses), held

    def _doors(self) -> None:
        """NP-22: where a node stands between, pods see the node's address, so nothing but every source keeps the door open."""
        for door in doors(self._cluster):
            if door.kind is DoorKind.HOST_NETWORK or not door.targets:
                continue
            source = self._clients(door)
            for end, held in self._behind(door.targets):
                why = f"{door.via} ({door.kind.value} {door.protocol.value}/{door.port_text})"
                self._need(_Told(NeedKind.DOORS, why, door.place), source, end, held)

    @staticmethod
    def _clients(door: Door) -> NeedEnd:
        if door.keeps_source and door.source_ranges:
            found = IPSet.of_cidrs(*door.source_ranges)
            return NeedEnd(text=", ".join(door.source_ranges), addresses=found)
        return replace(ANYONE, text="clients outside")

    # ---- callers ---------------------------------------------------------------------------------------------------

    def _names(self) -> None:
        from netcheck.queries.suggest_names import named_needs  # noqa: PLC0415 - it builds on this module

        for item in named_needs(self._cluster, self._sources.evidence, self._near):
            if isinstance(item, Dropped):
                self._out.drop(item.text, item.reason, item.place)
            else:
                self._out.needs.append(item)

    def _webhooks(self) -> None:
        """NP-22: the API server runs on nodes, or outside the cluster."""
        for hook in self._cluster.webhooks:
            service = find_service(self._cluster, hook.service_namespace, hook.service)
            source = replace(ANYONE, text="the API server")
            if service is None:
                continue
            for item in ports_asked(service, str(hook.port), None):
                for end, held in self._behind(targets(self._cluster, service, item, self._near)):
                    self._need(_Told(NeedKind.WEBHOOKS, f"{hook.kind} {hook.name}", hook.place), source, end, held)

    def _monitors(self) -> None:
        scraped = list(self._scraped())
        if not scraped:
            return
        pods = self._cluster.pods
        found = [i for i, pod in enumerate(pods) if any(pod.labels.get(key) == value for key, value in _PROMETHEUS)]
        for position, held, why, place in scraped:
            if found:
                self._need(
                    _Told(NeedKind.MONITORS, why, place), self._pods(found, "Prometheus"), self._pods((position,)), held
                )
            else:
                self._out.drop(why, "no Prometheus pod is loaded that could be let in; an intent can name it", place)

    def _scraped(self) -> Iterator[tuple[int, ConnectionSet, str, Place | None]]:
        for position, pod in enumerate(self._cluster.pods):
            if pod.scrape is not None and not pod.host_network:
                numbers = pod.scrape or [port.number for port in pod.ports if port.protocol == "TCP"]
                held = ConnectionSet.of({Protocol.TCP: PortSet.of(*((number, number) for number in numbers))})
                yield position, held, f"annotation prometheus.io/scrape of {pod.workload}", pod.place
        for monitor in self._cluster.monitors:
            why = f"{monitor.kind} {monitor.namespace}/{monitor.name}"
            for position, held in self._monitored(monitor):
                yield position, held, why, monitor.place

    def _monitored(self, monitor: Monitor) -> Iterator[tuple[int, ConnectionSet]]:
        if monitor.kind == "PodMonitor":
            for position, pod in enumerate(self._cluster.pods):
                if (monitor.namespaces is None or pod.namespace in monitor.namespaces) and monitor.selector.matches(
                    pod.labels
                ):
                    numbers = [
                        port.number for port in pod.ports if port.name in monitor.ports or port.number in monitor.ports
                    ]
                    yield position, ConnectionSet.of({Protocol.TCP: PortSet.of(*((n, n) for n in numbers))})
            return
        for service in self._cluster.services:
            if monitor.namespaces is not None and service.namespace not in monitor.namespaces:
                continue
            if not monitor.selector.matches(service.labels):
                continue
            for item in service.ports:
                if item.name in monitor.ports or item.target_port in monitor.ports:
                    for target in targets(self._cluster, replace(service, headless=False), item, self._near):
                        if target.pod is not None:
                            yield target.pod, single(target.protocol, target.number)

    # ---- what is offered to nobody in particular -----------------------------------------------------------------

    def _services(self) -> None:
        """A port that is offered and of which no caller is known is kept open to its own namespace."""
        called = _Called(self._out.needs)
        served: set[int] = set()
        for service in self._cluster.services:
            if service.type is ServiceType.EXTERNAL_NAME:
                continue
            for item in service.ports:
                found = [
                    target for target in targets(self._cluster, service, item, self._near) if target.pod is not None
                ]
                served |= {target.pod for target in found if target.pod is not None}
                left = [target for target in found if not called.has(target)]
                for end, held in self._behind(left):
                    source = self._namespace_pods(service.namespace)
                    why = f"Service {service.namespace}/{service.name} port {item.port}: no caller is known"
                    self._need(_Told(NeedKind.SERVICES, why, item.place or service.place), source, end, held)
        self._declared_ports(called, served)

    def _namespace_pods(self, namespace: str) -> NeedEnd:
        return NeedEnd(
            text=f"pods of namespace {namespace}",
            pods=frozenset(self._near.get(namespace, ())),
            selector=SelectedPods(namespaces=frozenset({namespace})),
        )

    def _declared_ports(self, called: _Called, served: set[int]) -> None:
        by_workload: dict[tuple[object, ConnectionSet], list[int]] = {}
        for position, pod in enumerate(self._cluster.pods):
            if position in served or pod.host_network or is_phantom(pod):
                continue
            for port in pod.ports:
                target = Target(pod=position, number=port.number, protocol=Protocol(port.protocol), service_port="")
                if not called.has(target):
                    by_workload.setdefault((pod.workload, single(port.protocol, port.number)), []).append(position)
        for (workload, held), positions in by_workload.items():
            pod = self._cluster.pods[positions[0]]
            why = f"{workload} declares {held}, and no Service leads there"
            self._need(
                _Told(NeedKind.SERVICES, why, pod.place),
                self._namespace_pods(pod.namespace),
                self._pods(positions),
                held,
            )

    # ---- DNS -------------------------------------------------------------------------------------------------------

    def _dns(self) -> None:
        """DNS-9, DNS-10: every pod asks the cluster's DNS, by UDP and by TCP; a policy sees the ports of its pods."""
        everybody = NeedEnd(text="every pod", selector=SelectedPods(), pods=frozenset(range(len(self._cluster.pods))))
        for end, held in self._dns_ends():
            self._need(_Told(NeedKind.DNS, "DNS"), everybody, end, held)
        if has_node_local(self._cluster):
            end = NeedEnd(text="NodeLocal DNSCache", addresses=IPSet.of_cidrs(NODE_LOCAL))
            self._need(_Told(NeedKind.DNS, "DNS"), everybody, end, _dns_port(53))

    def _dns_ends(self) -> Iterator[tuple[NeedEnd, ConnectionSet]]:
        by_port: dict[int, set[int]] = {}
        for protocol in _DNS_PROTOCOLS:
            for server in dns_servers(self._cluster, protocol):
                by_port.setdefault(server.port, set()).add(server.pod)
        for port, positions in sorted(by_port.items()):
            yield self._pods(positions, "the cluster's DNS"), _dns_port(port)
        if not by_port:
            shift = OPENSHIFT in self._cluster.namespaces or bool(self._cluster.openshift_routes)
            labels = {OPENSHIFT_LABEL: "default"} if shift else {"k8s-app": "kube-dns"}
            home = OPENSHIFT if shift else SYSTEM
            selector = SelectedPods(namespaces=frozenset({home}), pods=LabelSelector.of(labels))
            yield NeedEnd(text="the cluster's DNS", selector=selector), _dns_port(5353 if shift else 53)


class _Called:
    """Which ports of which pods somebody is known to call."""

    def __init__(self, needs: Sequence[Need]) -> None:
        self._ports: dict[int, ConnectionSet] = {}
        for need in needs:
            for position in need.destination.pods - need.source.pods:
                self._ports[position] = self._ports.get(position, ConnectionSet.none()) | need.connections

    def has(self, target: Target) -> bool:
        """Return whether a need leads to a pod's port from elsewhere."""
        assert target.pod is not None
        return single(target.protocol, target.number) <= self._ports.get(target.pod, ConnectionSet.none())


def _names_somebody(peer: PodPeer) -> bool:
    requirements = [
        item
        for selector in (peer.pod_selector, peer.namespace_selector)
        if selector is not None
        for item in selector.requirements
    ]
    return bool(requirements) or peer.namespace_selector is None


def _dns_port(number: int) -> ConnectionSet:
    return ConnectionSet.of(dict.fromkeys(_DNS_PROTOCOLS, PortSet.single(number)))


def _workloads(cluster: Cluster, positions: Iterable[int]) -> str:
    return ", ".join(dict.fromkeys(str(cluster.pods[position].workload) for position in sorted(positions)))


def _as_end(text: str) -> str:
    """Return an endpoint id of `list` as the end expression that means it."""
    name, bracket, kind = text.removeprefix("ip:").partition("[")
    space, slash, rest = name.partition("/")
    if bracket and slash and kind.endswith("]"):
        return f"{space}/{kind[:-1].lower()}/{rest}"
    return text.removeprefix("ip:")


def api_server(cluster: Cluster) -> tuple[IPSet, ConnectionSet]:
    """Return where the API server's endpoints listen; empty iff the input does not tell."""
    service = find_service(cluster, "default", "kubernetes")
    addresses, ports = IPSet.none(), ConnectionSet.none()
    for piece in slices_of(cluster, service) if service is not None else ():
        addresses |= IPSet.of_cidrs(*(one.address for one in piece.endpoints))
        for port in piece.ports:
            ports |= single(port.protocol, port.number) if port.number else ConnectionSet.none()
    return addresses, ports

"""`query`: can A reach B? With a witness that the oracle has confirmed, or the policies that deny it.

Known ends are answered by the set engine over just the pods concerned; an end that is free (a range of addresses, pods
that could exist) is answered by Z3: allowed iff some choice of it is, denied iff none is, whatever the missing facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from netcheck.engines.sets import PairMasks, SetEngine
from netcheck.errors import UsageError
from netcheck.logic.services import Target, ports_asked, selected, targets
from netcheck.model.cluster import Cluster
from netcheck.model.flow import AddressEnd, Decider, End, Flow, NodeEnd, OwnNodeEnd, PodEnd, Reason, Tier, Verdict
from netcheck.model.objects import ServiceType
from netcheck.model.policy import Direction
from netcheck.model.profile import Switch
from netcheck.queries.asked import Asked, numbers_asked, parse_asked, pod_text
from netcheck.queries.connections import differing_switches
from netcheck.queries.domains import reason, resolved
from netcheck.queries.ends import (
    Addresses,
    AnEnd,
    Domain,
    Lost,
    OneNode,
    OneService,
    Pods,
    PodsThatCouldExist,
    TheOwnNode,
    parse_end,
)
from netcheck.queries.explain import explained, readable_port
from netcheck.queries.free import FreeQuestion, answer_free
from netcheck.queries.replay import replayed
from netcheck.queries.results import FlowText, PairResult, QueryResult
from netcheck.values.addresses import address_number
from netcheck.values.connections import ConnectionSet
from netcheck.values.ports import PortSet, Protocol

DEFAULT_TIMEOUT_MS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A known end: what the engine calls an element, and what the oracle is told."""

    text: str
    end: End
    pod: int | None = None
    number: int | None = None
    port_protocol: Protocol | None = None
    service: str = ""


def query(
    cluster: Cluster,
    source: str,
    destination: str,
    *,
    port: str | None = None,
    protocol: str | None = None,
    default_namespace: str = "default",
    timeout_ms: int = DEFAULT_TIMEOUT_MS,
    explain: bool = True,
) -> QueryResult:
    """Return whether `source` can open connections to `destination`; without `port` iff on some port.

    With several ends on a side every pair is answered, and the whole is allowed iff every pair is. A Service is
    reachable iff some backend is (SVC-37); the pairs say which. `explain` adds to each pair of known ends the walk of
    its witness and what would change the verdict.

    Raises:
        UsageError: an end, a port or a protocol cannot be read, or an end names nothing that is loaded.

    """
    asked = parse_asked(port, protocol)
    ends = parse_end(cluster, source, default_namespace), parse_end(cluster, destination, default_namespace)
    if isinstance(ends[0], OneService):
        raise UsageError(f"`{source}`: a Service opens no connections\n  hint: name its pods as the source")
    lost = [end for end in ends if isinstance(end, Lost)]
    if lost:
        return _lost(source, destination, asked, lost)
    question = _Question(cluster, ends[0], ends[1], asked, timeout_ms, explains=explain)
    pairs = tuple(question.pairs())
    verdict = question.overall(pairs)
    return QueryResult(
        verdict=verdict,
        source=source,
        destination=destination,
        asked=asked.text(),
        pairs=pairs,
        reasons=_distinct([*question.notes, *(reason for pair in pairs for reason in pair.reasons)]),
    )


def _lost(source: str, destination: str, asked: Asked, lost: list[Lost]) -> QueryResult:
    found = [
        Reason(
            rule="LIVE-16",
            message=f"{item.endpoint.kind} `{item.endpoint.namespace}/{item.endpoint.name}` was refused, so nothing is known of it",
            place=item.endpoint.place,
        )
        for item in lost
    ]
    return QueryResult(
        verdict=Verdict.UNKNOWN,
        source=source,
        destination=destination,
        asked=asked.text(),
        pairs=(),
        reasons=tuple(found),
    )


def _distinct(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    return tuple(sorted(set(reasons), key=lambda reason: (reason.rule, reason.message)))


class _Question:
    """One question: resolves both ends, restricts the cluster to what can matter, and answers pair by pair."""

    def __init__(
        self, cluster: Cluster, source: AnEnd, destination: AnEnd, asked: Asked, timeout_ms: int, *, explains: bool
    ) -> None:
        self._cluster = cluster
        self._source = source
        self._destination = destination
        self._asked = asked
        self._timeout_ms = timeout_ms
        self._explains = explains
        self.notes: list[Reason] = []
        self._any_backend = isinstance(destination, OneService)

    # ---- the whole ---------------------------------------------------------------------------------------------

    def overall(self, pairs: tuple[PairResult, ...]) -> Verdict:
        """Return the verdict over all pairs: every one, or for a Service any one."""
        verdicts = [pair.verdict for pair in pairs]
        if not verdicts:
            missing = any(note.rule in ("SVC-13", "SVC-12", "SVC-2") for note in self.notes)
            return Verdict.UNKNOWN if missing else Verdict.DENIED
        if self._any_backend:
            return self._overall_service(pairs)
        if Verdict.DENIED in verdicts:
            return Verdict.DENIED
        return Verdict.UNKNOWN if Verdict.UNKNOWN in verdicts else Verdict.ALLOWED

    def _overall_service(self, pairs: tuple[PairResult, ...]) -> Verdict:
        """SVC-37: each source must reach some backend."""
        result = Verdict.ALLOWED
        for source in sorted({pair.source for pair in pairs}):
            verdicts = {pair.verdict for pair in pairs if pair.source == source}
            if len(verdicts) > 1:
                self.notes.append(
                    Reason(rule="SVC-37", message=f"from {source} only some of the backends are reachable")
                )
            if verdicts == {Verdict.DENIED}:
                return Verdict.DENIED
            if Verdict.ALLOWED not in verdicts:
                result = Verdict.UNKNOWN
        return result

    def pairs(self) -> Iterator[PairResult]:
        """Yield the answer for every pair of ends."""
        free = [end for end in (self._source, self._destination) if _is_free(end)]
        known_sources, known_destinations = list(self._known(self._source)), list(self._known(self._destination))
        if isinstance(self._destination, Domain):
            yield from self._to_domain(self._destination, known_sources)
            return
        if free:
            sources: list[_Known | None] = [None] if _is_free(self._source) else [*known_sources]
            destinations: list[_Known | None] = [None] if _is_free(self._destination) else [*known_destinations]
            yield from self._free_pairs(sources, destinations)
            return
        slice_ = _Slice(self._cluster, [*known_sources, *known_destinations])
        for source in known_sources:
            for destination in known_destinations:
                if source.pod is None and destination.pod is None:
                    raise UsageError(
                        f"neither `{source.text}` nor `{destination.text}` is a pod\n"
                        "  hint: policies speak of pods, so one end must be one"
                    )
                yield self._pair(slice_, source, destination)

    # ---- ends --------------------------------------------------------------------------------------------------

    def _known(self, end: AnEnd) -> Iterator[_Known]:
        match end:
            case Pods(positions=positions):
                yield from _pods(self._cluster, positions)
            case OneNode(text=text, node=node):
                yield _Known(text=text, end=NodeEnd(node))
            case TheOwnNode():
                yield _Known(text=end.text, end=OwnNodeEnd())
            case Addresses(text=text, single=single):
                yield _Known(text=text, end=AddressEnd(single))
            case OneService():
                yield from self._backends(end)
            case Domain():
                if end is self._source:
                    raise UsageError(
                        f"`{end.text}`: a name is a destination only\n  hint: name its address as the source"
                    )
            case PodsThatCouldExist() | Lost():
                return

    def _backends(self, end: OneService) -> Iterator[_Known]:
        service = end.service
        name = f"Service {service.namespace}/{service.name}"
        if service.type is ServiceType.EXTERNAL_NAME:
            message = f"{name} is a DNS alias of `{service.external_name}`, whose addresses are not in the input"
            self.notes.append(Reason(rule="SVC-12", message=message, place=service.place))
            return
        items = ports_asked(service, self._asked.port, self._asked.protocol)
        if not items and service.headless and self._asked.port and self._asked.port.isdigit():
            yield from self._headless(end)
            return
        if not items:
            listed = ", ".join(f"{item.protocol}/{item.port}" for item in service.ports) or "none"
            self.notes.append(
                Reason(
                    rule="SVC-27",
                    message=f"{name} has no port {self._asked.text()}; its ports: {listed}",
                    place=service.place,
                )
            )
            return
        found = [target for item in items for target in targets(self._cluster, service, item)]
        self._note_missing(end, found)
        for target in found:
            if target.ready:
                yield self._backend(target, name)

    def _headless(self, end: OneService) -> Iterator[_Known]:
        """SVC-10: nothing translates the port of a headless Service, so any port may be tried on its pods."""
        assert self._asked.port is not None
        service = end.service
        for position in selected(self._cluster, service):
            target = Target(
                pod=position,
                number=int(self._asked.port),
                protocol=self._asked.protocol or Protocol.TCP,
                service_port=self._asked.port,
            )
            yield self._backend(target, f"Service {service.namespace}/{service.name}")

    def _backend(self, target: Target, name: str) -> _Known:
        service = f"{name} port {target.service_port}"
        if target.pod is None:
            return _Known(
                text=target.address,
                end=AddressEnd(target.address),
                number=target.number,
                port_protocol=target.protocol,
                service=service,
            )
        pod = self._cluster.pods[target.pod]
        return _Known(
            text=pod_text(pod),
            end=PodEnd(pod),
            pod=target.pod,
            number=target.number,
            port_protocol=target.protocol,
            service=service,
        )

    def _note_missing(self, end: OneService, found: list[Target]) -> None:
        service = end.service
        name = f"Service {service.namespace}/{service.name}"
        if any(target.ready for target in found):
            return
        if found:
            note = Reason(rule="SVC-25", message=f"no backend of {name} is ready", place=service.place)
        elif self._cluster.whole:
            note = Reason(rule="SVC-25", message=f"{name} has no endpoints", place=service.place)
        elif service.selector:
            message = f"no loaded pod serves {name}; if the input is all there is, say so (closedWorld: true)"
            note = Reason(rule="SVC-2", message=message, place=service.place)
        else:
            message = f"{name} selects no pods itself, and the input has no EndpointSlice for it"
            note = Reason(rule="SVC-13", message=message, place=service.place)
        self.notes.append(note)

    # ---- known pairs -------------------------------------------------------------------------------------------

    def _pair(self, slice_: _Slice, source: _Known, destination: _Known) -> PairResult:
        source, destination = _on_one_node(self._cluster, source, destination)
        asked = self._connections(destination)
        if self._asked.icmp:
            return self._icmp(slice_, source, destination)
        if _is_one_pod(source, destination):
            allowed, unknown = ConnectionSet.all(), ConnectionSet.none()
        else:
            masks = slice_.pair(source, destination)
            allowed, unknown = slice_.engine.connections(masks.allowed), slice_.engine.connections(masks.unknown)
        verdict = _verdict(allowed & asked, unknown & asked)
        result = PairResult(
            source=source.text,
            destination=destination.text,
            verdict=verdict,
            allowed=allowed,
            unknown=unknown,
            asked=asked,
            service=destination.service,
        )
        if not asked:
            return result
        result = self._with_witness(slice_, result, source, destination)
        return replace(result, depends_on=self._depends_on(slice_, source, destination, asked, verdict))

    def _with_witness(self, slice_: _Slice, result: PairResult, source: _Known, destination: _Known) -> PairResult:
        """Add a flow that shows the verdict, confirmed by the oracle, and what decided it."""
        shown = {Verdict.ALLOWED: result.allowed, Verdict.UNKNOWN: result.unknown}.get(
            result.verdict, ConnectionSet.all()
        )
        protocol, port = readable_port(shown & result.asked, destination.end)
        flow = Flow(source=source.end, destination=destination.end, protocol=protocol, port=port)
        decision = replayed(slice_.cluster, flow, result.verdict)
        witness = FlowText(source=source.text, destination=destination.text, protocol=protocol, port=port)
        decided_by = _deciding(decision.deciders, result.verdict)
        result = replace(result, witness=witness, decided_by=decided_by, reasons=decision.reasons)
        return explained(slice_.cluster, flow, result) if self._explains else result

    def _depends_on(
        self, slice_: _Slice, source: _Known, destination: _Known, asked: ConnectionSet, verdict: Verdict
    ) -> tuple[str, ...]:
        if _is_one_pod(source, destination):
            return ()
        found = []
        for name, cluster in differing_switches(slice_.cluster):
            other = _Slice(cluster, [source, destination])
            masks = other.pair(source, destination)
            connections = other.engine.connections
            if _verdict(connections(masks.allowed) & asked, connections(masks.unknown) & asked) is not verdict:
                found.append(name)
        return tuple(found)

    def _connections(self, destination: _Known) -> ConnectionSet:
        """Return what is asked of one destination: a Service leads to its target port only."""
        if destination.number is not None and destination.port_protocol is not None:
            return ConnectionSet.of({destination.port_protocol: PortSet.single(destination.number)})
        protocol = self._asked.protocol
        if self._asked.port is None:
            return ConnectionSet.of({protocol: PortSet.all()}) if protocol else ConnectionSet.all()
        return ConnectionSet.of(numbers_asked(self._asked.port, protocol or Protocol.TCP, destination.end))

    def _icmp(self, slice_: _Slice, source: _Known, destination: _Known) -> PairResult:
        """NET-15: the effect of policies on ICMP is not defined, unless neither side has any."""
        isolated = [
            (known, direction)
            for known, direction in ((source, Direction.EGRESS), (destination, Direction.INGRESS))
            if known.pod is not None and slice_.engine.is_isolated(slice_.element(known), direction)
        ]
        switch = self._cluster.profile.icmp_under_deny
        verdict = Verdict.ALLOWED if not isolated or switch is Switch.YES else Verdict.UNKNOWN
        masks = slice_.pair(source, destination)
        if isolated and switch is Switch.NO and not masks.allowed:
            verdict = Verdict.DENIED
        reasons: tuple[Reason, ...] = ()
        if verdict is Verdict.UNKNOWN:
            names = ", ".join(f"{known.text} ({direction.value.lower()})" for known, direction in isolated)
            reasons = (
                Reason(rule="NET-15", message=f"policies isolate {names}, and what they do to ICMP is not defined"),
            )
        return PairResult(
            source=source.text,
            destination=destination.text,
            verdict=verdict,
            allowed=ConnectionSet.none(),
            unknown=ConnectionSet.none(),
            asked=ConnectionSet.none(),
            reasons=reasons,
        )

    # ---- domain names ------------------------------------------------------------------------------------------

    def _to_domain(self, domain: Domain, sources: list[_Known]) -> Iterator[PairResult]:
        """ADM-17: a flow to a name is one to an address that nobody knows here."""
        if self._asked.icmp or _is_free(self._source):
            raise UsageError(f"`{domain.text}`: a question about a name needs known pods and TCP, UDP or SCTP")
        for source in sources:
            if source.pod is None:
                raise UsageError(f"`{source.text}` is no pod\n  hint: policies speak of pods, so one end must be one")
            yield self._pair_to_domain(domain, source, source.pod)

    def _pair_to_domain(self, domain: Domain, source: _Known, pod: int) -> PairResult:
        asked = self._free_connections()
        found = resolved(self._cluster, pod, domain.name)
        allowed, unknown = found.engine.connections(found.allowed), found.engine.connections(found.unknown)
        verdict = _verdict(allowed & asked, unknown & asked)
        result = PairResult(
            source=source.text,
            destination=domain.text,
            verdict=verdict,
            allowed=allowed,
            unknown=unknown,
            asked=asked,
            proved_for=f"every address that {domain.name} could resolve to",
        )
        if verdict is Verdict.UNKNOWN:
            return replace(result, reasons=(reason(domain.name),), proved_for="")
        protocol, port = readable_port((allowed & asked) or asked, AddressEnd(found.address))
        flow = Flow(source=source.end, destination=AddressEnd(found.address), protocol=protocol, port=port)
        decision = replayed(found.cluster, flow, verdict)
        witness = FlowText(source=source.text, destination=domain.name, protocol=protocol, port=port)
        return replace(result, witness=witness, decided_by=_deciding(decision.deciders, verdict))

    # ---- free ends ---------------------------------------------------------------------------------------------

    def _free_pairs(self, sources: list[_Known | None], destinations: list[_Known | None]) -> Iterator[PairResult]:
        if self._asked.icmp:
            raise UsageError("a question about ICMP needs two known ends")
        for source in sources:
            for destination in destinations:
                yield self._free_pair(source, destination)

    def _free_pair(self, source: _Known | None, destination: _Known | None) -> PairResult:
        ends = [item for item in (source, destination) if item is not None]
        pods = [item.pod for item in ends if item.pod is not None]
        if not pods and not any(isinstance(end, PodsThatCouldExist) for end in (self._source, self._destination)):
            raise UsageError("neither end is a pod\n  hint: policies speak of pods, so one end must be one")
        asked = self._connections(destination) if destination is not None else self._free_connections()
        return answer_free(
            self._cluster,
            FreeQuestion(
                source=self._source if source is None else None,
                destination=self._destination if destination is None else None,
                source_pod=source.pod if source else None,
                destination_pod=destination.pod if destination else None,
                source_text=source.text if source else self._source.text,
                destination_text=destination.text if destination else self._destination.text,
                asked=asked,
                service=destination.service if destination else "",
                timeout_ms=self._timeout_ms,
            ),
        )

    def _free_connections(self) -> ConnectionSet:
        protocol = self._asked.protocol
        if self._asked.port is None:
            return ConnectionSet.of({protocol: PortSet.all()}) if protocol else ConnectionSet.all()
        return ConnectionSet.of(numbers_asked(self._asked.port, protocol or Protocol.TCP, None))


class _Slice:
    """The set engine over the pods of a question, with the policies that can select them."""

    def __init__(self, cluster: Cluster, ends: list[_Known]) -> None:
        chosen = sorted({item.pod for item in ends if item.pod is not None})
        namespaces = {cluster.pods[position].namespace for position in chosen}
        self.cluster = replace(cluster, policies=tuple(p for p in cluster.policies if p.namespace in namespaces))
        self.engine = SetEngine(self.cluster, chosen)

    def element(self, known: _Known) -> int:
        universe = self.engine.universe
        match known.end:
            case PodEnd():
                assert known.pod is not None
                return universe.class_of[known.pod]
            case NodeEnd(node):
                return universe.pod_count + self.cluster.nodes.index(node)
            case OwnNodeEnd():
                return universe.own_node
            case AddressEnd(address):
                return universe.atom_offset + universe.addresses.atom(*address_number(address))

    def pair(self, source: _Known, destination: _Known) -> PairMasks:
        return self.engine.pair(self.element(source), self.element(destination))


def _pods(cluster: Cluster, positions: tuple[int, ...]) -> Iterator[_Known]:
    """Yield one end per workload where its pods are alike in all that matters, else one per pod."""
    seen: set[tuple[object, ...]] = set()
    for position in positions:
        pod = cluster.pods[position]
        alike = (
            pod.workload,
            tuple(sorted(pod.labels.items())),
            pod.ports,
            pod.host_network,
            pod.addresses,
            pod.node,
        )
        if alike not in seen:
            seen.add(alike)
            yield _Known(text=pod_text(pod), end=PodEnd(pod), pod=position)


def _is_free(end: AnEnd) -> bool:
    return isinstance(end, PodsThatCouldExist) or (isinstance(end, Addresses) and not end.single)


def _is_one_pod(source: _Known, destination: _Known) -> bool:
    """NET-6: the same pod, not two pods of one workload."""
    if not isinstance(source.end, PodEnd) or source.pod is None or source.pod != destination.pod:
        return False
    return not source.end.pod.template


def _on_one_node(cluster: Cluster, source: _Known, destination: _Known) -> tuple[_Known, _Known]:
    """NET-4, NET-5: what lives on the node that a pod is known to run on talks to it as its own node.

    Where the profile exempts no own node, a known own node is a node like others, judged by its address.
    """
    if cluster.profile.own_node_ingress is Switch.NO:
        source = _as_known_node(cluster, source, destination)
    elif _lives_on(source, destination):
        source = replace(source, end=OwnNodeEnd(), pod=None)
    if cluster.profile.own_node_egress is Switch.NO:
        destination = _as_known_node(cluster, destination, source)
    elif _lives_on(destination, source):
        destination = replace(destination, end=OwnNodeEnd(), pod=None)
    return source, destination


def _as_known_node(cluster: Cluster, one: _Known, other: _Known) -> _Known:
    if isinstance(one.end, OwnNodeEnd) and isinstance(other.end, PodEnd):
        for node in cluster.nodes:
            if node.name == other.end.pod.node and node.addresses:
                return replace(one, end=NodeEnd(node))
    return one


def _lives_on(one: _Known, other: _Known) -> bool:
    if not isinstance(other.end, PodEnd) or other.end.pod.host_network or not other.end.pod.node:
        return False
    match one.end:
        case NodeEnd(node):
            return node.name == other.end.pod.node
        case PodEnd(pod):
            return pod.host_network and pod.node == other.end.pod.node
        case _:
            return False


def _verdict(allowed: ConnectionSet, unknown: ConnectionSet) -> Verdict:
    return Verdict.ALLOWED if allowed else Verdict.UNKNOWN if unknown else Verdict.DENIED


def _deciding(deciders: tuple[Decider, ...], verdict: Verdict) -> tuple[Decider, ...]:
    """Return what decided: for a denial only the directions that deny, for the rest both."""
    if verdict is not Verdict.DENIED:
        return deciders
    denying = tuple(item for item in deciders if item.action == "deny")
    return denying or tuple(item for item in deciders if item.tier is not Tier.DEFAULT) or deciders

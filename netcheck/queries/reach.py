"""`query`: can A reach B? With a witness that the oracle has confirmed, or the policies that deny it.

Known ends are answered by the set engine over just the pods concerned; an end that is free (a range of addresses, pods
that could exist) is answered by Z3: allowed iff some choice of it is, denied iff none is, whatever the missing facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from netcheck.errors import UsageError
from netcheck.logic.services import Target, ports_asked, selected, targets
from netcheck.model.cluster import Cluster
from netcheck.model.flow import AddressEnd, Decider, Flow, NodeEnd, OwnNodeEnd, PodEnd, Reason, Tier, Verdict
from netcheck.model.objects import ServiceType
from netcheck.model.policy import Direction
from netcheck.model.profile import Switch
from netcheck.queries import hairpin
from netcheck.queries.anybody import Anybody
from netcheck.queries.asked import Asked, numbers_asked, parse_asked, pod_text
from netcheck.queries.connections import differing_switches
from netcheck.queries.dataplane import with_phantoms
from netcheck.queries.domains import reason, resolved
from netcheck.queries.ends import (
    Addresses,
    AnEnd,
    Domain,
    OneNode,
    OneService,
    Pods,
    PodsThatCouldExist,
    Proxy,
    TheOwnNode,
    parse_end,
)
from netcheck.queries.explain import explained, readable_port
from netcheck.queries.free import FreeQuestion, answer_free
from netcheck.queries.known import Known, Slice, is_one_pod, known_pods, on_one_node
from netcheck.queries.local_traffic import is_elsewhere, may_be_elsewhere, none_on_its_node
from netcheck.queries.lost_ends import Lost
from netcheck.queries.replay import replayed
from netcheck.queries.results import FlowText, PairResult, QueryResult
from netcheck.values.connections import ConnectionSet
from netcheck.values.ports import PortSet, Protocol

DEFAULT_TIMEOUT_MS = 20_000
_MOST_BACKENDS = 5
"""So many backends that a client does not reach are named."""


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
    cluster = with_phantoms(cluster)
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
    return QueryResult(
        verdict=Verdict.UNKNOWN,
        source=source,
        destination=destination,
        asked=asked.text(),
        pairs=(),
        reasons=tuple(item.reason for item in lost),
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
        """SVC-37: each source must reach some backend; those that it does not are named."""
        result = Verdict.ALLOWED
        for source in sorted({pair.source for pair in pairs}):
            mine = [pair for pair in pairs if pair.source == source]
            verdicts = {pair.verdict for pair in mine}
            if len(verdicts) > 1:
                self.notes.append(_only_some(source, mine))
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
        proxies = [end for end in (self._source, self._destination) if isinstance(end, Proxy)]
        if proxies:
            yield from self._with_a_proxy(proxies[0], known_sources, known_destinations)
            return
        if free:
            sources: list[Known | None] = [None] if _is_free(self._source) else [*known_sources]
            destinations: list[Known | None] = [None] if _is_free(self._destination) else [*known_destinations]
            yield from self._free_pairs(sources, destinations)
            return
        slice_ = Slice(self._cluster, [*known_sources, *known_destinations])
        for source in known_sources:
            yield from self._from(slice_, source, known_destinations)

    def _from(self, slice_: Slice, source: Known, destinations: list[Known]) -> Iterator[PairResult]:
        """Yield the pairs of one source; with a Service whose traffic stays on the client's node, those of that node."""
        local = [item for item in destinations if not is_elsewhere(source, item)]
        if destinations and not local:
            yield none_on_its_node(source, destinations[0], self._connections(destinations[0]))
        for destination in local:
            if source.pod is None and destination.pod is None:
                raise UsageError(
                    f"neither `{source.text}` nor `{destination.text}` is a pod\n"
                    "  hint: policies speak of pods, so one end must be one"
                )
            result = self._pair(slice_, source, destination)
            if result.verdict is Verdict.ALLOWED and (doubt := may_be_elsewhere(source, destination)):
                result = replace(result, verdict=Verdict.UNKNOWN, reasons=(*result.reasons, doubt))
            yield result

    # ---- ends --------------------------------------------------------------------------------------------------

    def _known(self, end: AnEnd) -> Iterator[Known]:
        match end:
            case Pods(positions=positions):
                yield from known_pods(self._cluster, positions)
            case OneNode(text=text, node=node):
                yield Known(text=text, end=NodeEnd(node))
            case TheOwnNode():
                yield Known(text=end.text, end=OwnNodeEnd())
            case Addresses(text=text, single=single):
                yield Known(text=text, end=AddressEnd(single))
            case OneService():
                yield from self._backends(end)
            case Domain():
                if end is self._source:
                    raise UsageError(
                        f"`{end.text}`: a name is a destination only\n  hint: name its address as the source"
                    )
            case PodsThatCouldExist() | Lost() | Proxy():
                return

    def _backends(self, end: OneService) -> Iterator[Known]:
        service, proxied = end.service, self._is_proxied()
        if proxied:  # SVC-11, GW-27: a proxy sends to the endpoints themselves, and on their own ports
            service = replace(service, headless=False)
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
        usable = self._usable(found)
        self._note_missing(end, found, usable)
        for target in usable:
            yield replace(self._backend(target, name), virtual=None if service.headless or proxied else service)

    def _usable(self, found: list[Target]) -> list[Target]:
        """SVC-6: the ready backends; if there are none, those that terminate and still serve."""
        pods = self._cluster.pods
        serving = [target for target in found if target.pod is not None and pods[target.pod].ready]
        return [target for target in found if target.ready] or serving

    def _is_proxied(self) -> bool:
        return isinstance(self._source, Proxy) or (isinstance(self._source, Pods) and self._source.proxy)

    def _headless(self, end: OneService) -> Iterator[Known]:
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

    def _backend(self, target: Target, name: str) -> Known:
        service = f"{name} port {target.service_port}"
        if target.pod is None:
            return Known(
                text=target.address,
                end=AddressEnd(target.address),
                number=target.number,
                port_protocol=target.protocol,
                service=service,
            )
        pod = self._cluster.pods[target.pod]
        return Known(
            text=pod_text(pod),
            end=PodEnd(pod),
            pod=target.pod,
            number=target.number,
            port_protocol=target.protocol,
            service=service,
        )

    def _note_missing(self, end: OneService, found: list[Target], usable: list[Target]) -> None:
        service = end.service
        name = f"Service {service.namespace}/{service.name}"
        if usable:
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

    def _pair(self, slice_: Slice, source: Known, destination: Known) -> PairResult:
        source, destination = on_one_node(self._cluster, source, destination)
        asked = self._connections(destination)
        if self._asked.icmp:
            return self._icmp(slice_, source, destination)
        if is_one_pod(source, destination) and destination.virtual is not None:
            return self._hairpin(source, destination)
        if is_one_pod(source, destination):
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

    def _hairpin(self, source: Known, destination: Known) -> PairResult:
        """NET-7, ADM-24: a pod that reaches itself through a Service, under each value of a switch that is not known."""
        assert isinstance(source.end, PodEnd)
        end = hairpin.twin(source.end.pod)
        ends = replace(source, end=end), replace(destination, end=end, virtual=None)
        found = [self._pair(Slice(cluster, [*ends]), *ends) for cluster in hairpin.judged_in(self._cluster)]
        return hairpin.combined(self._cluster, found)

    def _with_witness(self, slice_: Slice, result: PairResult, source: Known, destination: Known) -> PairResult:
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
        self, slice_: Slice, source: Known, destination: Known, asked: ConnectionSet, verdict: Verdict
    ) -> tuple[str, ...]:
        if is_one_pod(source, destination):
            return ()
        found = []
        for name, cluster in differing_switches(slice_.cluster):
            other = Slice(cluster, [source, destination])
            masks = other.pair(source, destination)
            connections = other.engine.connections
            if _verdict(connections(masks.allowed) & asked, connections(masks.unknown) & asked) is not verdict:
                found.append(name)
        return tuple(found)

    def _connections(self, destination: Known | None) -> ConnectionSet:
        """Return what is asked of one destination: a Service leads to its target port only."""
        if destination is None:
            return self._free_connections()
        if destination.number is not None and destination.port_protocol is not None:
            return ConnectionSet.of({destination.port_protocol: PortSet.single(destination.number)})
        protocol = self._asked.protocol
        if self._asked.port is None:
            return ConnectionSet.of({protocol: PortSet.all()}) if protocol else ConnectionSet.all()
        return ConnectionSet.of(numbers_asked(self._asked.port, protocol or Protocol.TCP, destination.end))

    def _icmp(self, slice_: Slice, source: Known, destination: Known) -> PairResult:
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

    # ---- proxies that are not loaded ---------------------------------------------------------------------------

    def _with_a_proxy(self, proxy: Proxy, sources: list[Known], destinations: list[Known]) -> Iterator[PairResult]:
        """ING-13, GW-29: a proxy that is not loaded passes iff everybody does, and does not iff nobody does."""
        known = destinations if proxy is self._source else sources
        if self._asked.icmp or any(item.pod is None for item in known) or (not known and not self._any_backend):
            raise UsageError(
                f"`{proxy.text}`: the other end must be known pods or a Service, and the question not ICMP"
            )
        slice_ = Slice(self._cluster, known)
        judge = Anybody(slice_.engine)
        for item in known:
            towards = proxy is self._source
            direction = Direction.INGRESS if towards else Direction.EGRESS
            masks = judge.masks(slice_.element(item), direction, pods=proxy.plane.are_pods)
            allowed, unknown = slice_.engine.connections(masks.allowed), slice_.engine.connections(masks.unknown)
            if not towards:  # what selects the proxy's own pods is not known either
                allowed, unknown = ConnectionSet.none(), allowed | unknown
            asked = self._connections(item if towards else None)
            verdict = _verdict(allowed & asked, unknown & asked)
            yield PairResult(
                source=proxy.text if towards else item.text,
                destination=item.text if towards else proxy.text,
                verdict=verdict,
                allowed=allowed,
                unknown=unknown,
                asked=asked,
                reasons=proxy.plane.reasons if verdict is Verdict.UNKNOWN else (),
                service=item.service,
            )

    # ---- domain names ------------------------------------------------------------------------------------------

    def _to_domain(self, domain: Domain, sources: list[Known]) -> Iterator[PairResult]:
        """ADM-17: a flow to a name is one to an address that nobody knows here."""
        if self._asked.icmp or _is_free(self._source):
            raise UsageError(f"`{domain.text}`: a question about a name needs known pods and TCP, UDP or SCTP")
        for source in sources:
            if source.pod is None:
                raise UsageError(f"`{source.text}` is no pod\n  hint: policies speak of pods, so one end must be one")
            yield self._pair_to_domain(domain, source, source.pod)

    def _pair_to_domain(self, domain: Domain, source: Known, pod: int) -> PairResult:
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

    def _free_pairs(self, sources: list[Known | None], destinations: list[Known | None]) -> Iterator[PairResult]:
        if self._asked.icmp:
            raise UsageError("a question about ICMP needs two known ends")
        for source in sources:
            for destination in destinations:
                yield self._free_pair(source, destination)

    def _free_pair(self, source: Known | None, destination: Known | None) -> PairResult:
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


def _only_some(source: str, pairs: list[PairResult]) -> Reason:
    """SVC-37: name the backends that a source does not reach, and those of which it is not known."""
    parts = [f"from {source} only some of the backends are reachable"]
    for verdict, words in ((Verdict.DENIED, "not reached"), (Verdict.UNKNOWN, "not known")):
        names = sorted({pair.destination for pair in pairs if pair.verdict is verdict})
        if names:
            more = f" and {len(names) - _MOST_BACKENDS} more" if len(names) > _MOST_BACKENDS else ""
            parts.append(f"{words}: {', '.join(names[:_MOST_BACKENDS])}{more}")
    return Reason(rule="SVC-37", message="; ".join(parts))


def _is_free(end: AnEnd) -> bool:
    return isinstance(end, PodsThatCouldExist) or (isinstance(end, Addresses) and not end.single)


def _verdict(allowed: ConnectionSet, unknown: ConnectionSet) -> Verdict:
    return Verdict.ALLOWED if allowed else Verdict.UNKNOWN if unknown else Verdict.DENIED


def _deciding(deciders: tuple[Decider, ...], verdict: Verdict) -> tuple[Decider, ...]:
    """Return what decided: for a denial only the directions that deny, for the rest both."""
    if verdict is not Verdict.DENIED:
        return deciders
    denying = tuple(item for item in deciders if item.action == "deny")
    return denying or tuple(item for item in deciders if item.tier is not Tier.DEFAULT) or deciders

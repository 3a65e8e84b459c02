"""`trace`: the way of a request, hop by hop: name, Service, door, route, backend, and the policies of both ends.

A request is delivered iff some backend with a weight receives it: not delivered iff none does whatever the missing
facts are, else unknown. Every flow and every routed request on the way is put to the oracle.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from netcheck.errors import UsageError
from netcheck.logic.services import Target
from netcheck.model.cluster import Cluster, Unfollowed
from netcheck.model.flow import Reason, Verdict
from netcheck.model.names import Answer, AnswerKind
from netcheck.model.objects import Pod, Service, ServicePort, ServiceType
from netcheck.model.request import Request, Scheme
from netcheck.queries.dataplane import effective_class
from netcheck.queries.doors import Door, DoorKind
from netcheck.queries.ends import Addresses, AnEnd, OneNode, OneService, Pods, TheOwnNode, parse_end
from netcheck.queries.lost_ends import FRONTENDS, Lost, unread
from netcheck.queries.trace_backends import Arrival, service_port, to_service, to_targets, together
from netcheck.queries.trace_dns import ask_dns, look_up
from netcheck.queries.trace_doors import Knock, at_port, enter, restricted, seen_as
from netcheck.queries.trace_frontends import (
    Candidate,
    at_its_port,
    candidates,
    lost,
    of_class,
    of_gateway,
    reason_of,
    reroutes,
    serving,
    unfollowed,
)
from netcheck.queries.trace_proxy import Frontend, Leg, send_on
from netcheck.queries.trace_results import BackendShare, Delivered, Trace, TraceRequest
from netcheck.queries.trace_scene import (
    AddressSenders,
    NodeSenders,
    PodSenders,
    Scene,
    Senders,
    plane_senders,
    pod_senders,
)
from netcheck.queries.trace_target import Meant, meant_by, request_to, where
from netcheck.queries.trace_way import Way
from netcheck.values.ports import Protocol

_SPOKEN = (Scheme.HTTP, Scheme.HTTPS, Scheme.GRPC)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Client:
    """Who sends. `pod` is one of several alike; None for a client that is no pod."""

    senders: Senders
    pod: Pod | None = None

    @property
    def inside(self) -> bool:
        return not isinstance(self.senders, AddressSenders)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A request that is being traced."""

    request: TraceRequest
    client: _Client
    meant: Meant
    way: Way

    @property
    def said(self) -> bool:
        """Whether a port was given."""
        return self.meant.port is not None


def trace(
    cluster: Cluster, requests: Sequence[TraceRequest], *, default_namespace: str = "default"
) -> tuple[Trace, ...]:
    """Return the way of each request, in their order.

    Raises:
        UsageError: an end or a destination cannot be read, or names nothing that is loaded.
        WitnessMismatch: the oracle disagrees about a flow or a route.
    """
    tracer = _Tracer(cluster, default_namespace)
    return tuple(tracer.trace(request) for request in requests)


class _Tracer:
    def __init__(self, cluster: Cluster, default_namespace: str) -> None:
        self._scene = Scene(cluster)
        self._given = cluster
        self._namespace = default_namespace
        self._clients: dict[str, _Client | Lost] = {}

    @cached_property
    def _candidates(self) -> tuple[Candidate, ...]:
        return candidates(self._scene)

    def trace(self, request: TraceRequest) -> Trace:
        """Return the way of one request."""
        client = self._client(request)
        way = Way()
        if isinstance(client, Lost):
            return _not_known(way, client, request)
        asked = _Asked(request=request, client=client, meant=meant_by(request), way=way)
        return self._to(asked)

    def _to(self, asked: _Asked) -> Trace:
        match asked.meant.kind:
            case "none":
                return self._to_the_only_one(asked)
            case "gateway" | "ingress":
                return self._to_frontend(asked)
            case "service":
                return self._to_named_service(asked)
            case "end":
                return self._to_end(asked)
            case "address":
                return self._to_address(asked)
            case _:
                return self._to_name(asked)

    # ---- who sends ---------------------------------------------------------------------------------------------

    def _client(self, request: TraceRequest) -> _Client | Lost:
        found = self._clients.get(request.source)
        if found is None:
            found = self._clients[request.source] = self._read_client(request)
        return found

    def _read_client(self, request: TraceRequest) -> _Client | Lost:
        text = request.source
        for kind in ("gateway", "ingress"):
            if text.startswith(f"{kind}:"):
                item = self._frontend(kind, text.removeprefix(f"{kind}:"), request)
                if isinstance(item, Lost):
                    return item
                return _Client(senders=plane_senders(self._scene, item.plane))
        end = self._end(text, request)
        match end:
            case Pods(positions=positions):
                senders = pod_senders(self._scene, positions)
                pods = [self._scene.cluster.pods[position] for position in senders.positions]
                if len({pod.namespace for pod in pods}) > 1:
                    raise UsageError(
                        f"{where(request)}`{text}` names pods of several namespaces\n  hint: trace from one"
                    )
                return _Client(senders=senders, pod=pods[0])
            case Addresses(addresses=addresses):
                return _Client(senders=AddressSenders(text=text, addresses=addresses))
            case OneNode(position=position):
                return _Client(senders=NodeSenders(text=text, position=position))
            case TheOwnNode():
                return _Client(senders=NodeSenders(text=text))
            case Lost():
                return end
            case OneService():
                raise UsageError(f"{where(request)}`{text}`: a Service sends nothing\n  hint: name its pods")
            case _:
                raise UsageError(
                    f"{where(request)}`{text}` names no loaded pod\n  hint: `netcheck query` asks about such ends"
                )

    def _end(self, text: str, request: TraceRequest) -> AnEnd:
        """Return what a text names; a message about one request of several says which."""
        try:
            return parse_end(self._given, text, self._namespace)
        except UsageError as error:
            raise UsageError(f"{where(request)}{error}") from None

    # ---- proxies -----------------------------------------------------------------------------------------------

    def _frontend(self, kind: str, text: str, request: TraceRequest) -> Candidate | Lost:
        namespace, slash, name = text.partition("/")
        key = (namespace, name) if slash else (self._namespace, namespace)
        cluster = self._scene.cluster
        if kind == "gateway":
            for gateway in cluster.gateways:
                if (gateway.namespace, gateway.name) == key:
                    return of_gateway(self._scene, gateway)
        for ingress in cluster.ingresses if kind == "ingress" else ():
            if (ingress.namespace, ingress.name) == key:
                return of_class(self._scene, effective_class(cluster, ingress))
        missing = unread(cluster, f"{kind}:{text}", (FRONTENDS[kind],), key[:1])
        if missing is not None:
            return missing
        listed = cluster.gateways if kind == "gateway" else cluster.ingresses
        known = ", ".join(f"`{item.namespace}/{item.name}`" for item in listed[:5])
        hint = f"loaded are {known}" if known else f"the input has no {kind.capitalize()}"
        raise UsageError(f"{where(request)}`{text}` names no loaded {kind.capitalize()}\n  hint: {hint}")

    def _to_frontend(self, asked: _Asked) -> Trace:
        item = self._frontend(asked.meant.kind, asked.meant.text, asked.request)
        return _not_known(asked.way, item, asked.request) if isinstance(item, Lost) else self._at(asked, item)

    def _at(self, asked: _Asked, item: Candidate, *, door: bool = True) -> Trace:
        """Follow a request to a proxy and on. `door`: the way to the proxy is still to be followed."""
        way = asked.way
        request, note = at_its_port(self._scene, item, request_to(asked.request, asked.meant), said=asked.said)
        if note:
            way.add(f"port {request.port}", Verdict.ALLOWED, note)
        refused = lost(self._scene, item)
        if door:
            protocol = Protocol.UDP if request.scheme is Scheme.UDP else Protocol.TCP
            knock = Knock(scene=self._scene, way=way, client=asked.client.senders, protocol=protocol, port=request.port)
            enter(knock, item.plane)
        if way.is_blocked:
            return way.end(asked.request)
        if refused:
            way.unknown(item.text, refused)
        if item.gateway is None and not item.is_router and item.ingress_class is None:
            message = "two IngressClasses are the default, and which one counts is not in the input"
            way.unknown(item.text, (Reason(rule="ING-3", message=message, place=item.place),))
            return way.end(asked.request)
        front = Frontend(text=item.text, senders=plane_senders(self._scene, item.plane), place=item.place)
        leg = Leg(scene=self._scene, way=way, asked=asked.request, request=request, front=front)
        return send_on(leg, item.route(self._scene, request))

    # ---- no destination ----------------------------------------------------------------------------------------

    def _to_the_only_one(self, asked: _Asked) -> Trace:
        """Nothing says where to: then it is the one thing that there is, or nobody can tell."""
        if asked.client.inside:
            services = {
                (binding.service.namespace, binding.service.name): binding.service
                for binding in self._scene.attached.mesh_bindings
            }
            if len(services) == 1:
                (service,) = services.values()
                text = f"no destination was given: Service {service.namespace}/{service.name} is the only one with mesh routes"
                asked.way.add("destination", Verdict.ALLOWED, text)
                return self._to_service(asked, service)
        elif len(self._candidates) == 1:
            return self._at(asked, self._candidates[0])
        raise UsageError(
            f"{where(asked.request)}nothing says where the request goes\n"
            "  hint: give `to`, `host` or `gateway`; there is no single Gateway, Ingress or mesh Service that it must mean"
        )

    # ---- Services ----------------------------------------------------------------------------------------------

    def _to_named_service(self, asked: _Asked) -> Trace:
        end = self._end(f"svc:{asked.meant.text}", asked.request)
        if isinstance(end, Lost):
            return _not_known(asked.way, end, asked.request)
        assert isinstance(end, OneService)
        return self._to_service(asked, end.service)

    def _to_service(self, asked: _Asked, service: Service) -> Trace:
        way = asked.way
        name = f"Service {service.namespace}/{service.name}"
        if service.type is ServiceType.EXTERNAL_NAME:
            target = service.external_name
            if any(hop.what == name and hop.rule == "SVC-12" for hop in way.hops):
                way.add(name, Verdict.DENIED, "the alias comes back to itself", rule="DNS-5", place=service.place)
                return way.end(asked.request)
            way.add(name, Verdict.ALLOWED, "a DNS alias", rule="SVC-12", translation=target, place=service.place)
            return self._to_name(replace(asked, meant=Meant(kind="name", text=target, port=asked.meant.port)))
        request = request_to(asked.request, asked.meant)
        request, item = self._at_service_port(asked, service, request)
        if item is None:
            listed = ", ".join(f"{port.protocol}/{port.port}" for port in service.ports) or "none"
            text = f"it has no port {asked.meant.port or request.port}; its ports: {listed}"
            way.add(name, Verdict.DENIED, text, rule="SVC-27", place=service.place)
            return way.end(asked.request)
        if not asked.client.inside:
            return self._from_outside(asked, service, item)
        return self._from_inside(asked, service, item, replace(request, port=item.port))

    def _at_service_port(self, asked: _Asked, service: Service, request: Request) -> tuple[Request, ServicePort | None]:
        wanted = asked.meant.port if asked.meant.port is not None else request.port
        found = service_port(service, wanted, request.scheme)
        if found is None and service.headless and isinstance(wanted, int):
            protocol = "UDP" if request.scheme is Scheme.UDP else "TCP"
            if asked.said or len(service.ports) != 1:
                return request, ServicePort(port=wanted, target_port=wanted, protocol=protocol)
        if found is not None or asked.said or len(service.ports) != 1:
            return request, found
        (only,) = service.ports
        is_udp = only.protocol == "UDP"
        if only.protocol == "SCTP" or (
            asked.request.protocol is not None and is_udp is not (request.scheme is Scheme.UDP)
        ):
            return request, None
        asked.way.add(f"port {only.port}", Verdict.ALLOWED, f"no port was given: {only.port} is the Service's only one")
        return (replace(request, scheme=Scheme.UDP) if is_udp else request), only

    def _from_inside(self, asked: _Asked, service: Service, item: ServicePort, request: Request) -> Trace:
        """From a pod or node: mesh routes if there are any, else the Service's own endpoints."""
        way, pod = asked.way, asked.client.pod
        open_ = self._not_followed(asked, service)
        if pod is not None and not service.headless:
            spoken = self._as_spoken(request, service, item)
            routed = self._scene.routing.in_mesh(service, pod.namespace, spoken)
            if routed is not None:
                name = f"Service {service.namespace}/{service.name} port {item.port}"
                way.add(name, Verdict.ALLOWED, "mesh routes are attached to it", rule="GW-32", place=item.place)
                front = Frontend(text="the mesh", senders=asked.client.senders, place=service.place, mesh=True)
                leg = Leg(scene=self._scene, way=way, asked=asked.request, request=spoken, front=front)
                return _opened(send_on(leg, routed), open_)
        arrival = to_service(self._scene, way, asked.client.senders, service, item, proxy=False)
        return _opened(_arrived(asked, service, item, arrival), open_)

    def _as_spoken(self, request: Request, service: Service, item: ServicePort) -> Request:
        """GW-33: where a GRPCRoute is in force on a port, what is sent to it is gRPC, whatever the client calls it."""
        if request.scheme is not Scheme.HTTP:
            return request
        grpc = any(
            binding.route.kind == "GRPCRoute" and binding.service == service and binding.port in (None, item.port)
            for binding in self._scene.attached.mesh_bindings
        )
        return replace(request, scheme=Scheme.GRPC) if grpc else request

    def _not_followed(self, asked: _Asked, service: Service) -> tuple[Unfollowed, ...]:
        pod = asked.client.pod
        found = unfollowed(self._scene, service, (pod.namespace,) if pod is not None else ())
        for item in found:
            asked.way.unknown(item.label, (reason_of(item),), place=item.place, aside=True)
        return found

    # ---- Services from outside ---------------------------------------------------------------------------------

    def _from_outside(self, asked: _Asked, service: Service, item: ServicePort) -> Trace:
        found = [
            door
            for door in self._scene.doors
            if door.service is not None
            and (door.service.namespace, door.service.name) == (service.namespace, service.name)
            and door.service_port == item
        ]
        if not found:
            name = f"Service {service.namespace}/{service.name}"
            text = "its cluster IP is reached from pods and nodes only, and it has no other door"
            asked.way.add(name, Verdict.DENIED, text, rule="SVC-27", place=service.place)
            return asked.way.end(asked.request)
        return self._through_doors(asked, found)

    def _through_doors(self, asked: _Asked, found: Sequence[Door]) -> Trace:
        """Follow the request through each door, and show the best of them."""
        tried = [self._through(replace(asked, way=asked.way.copy()), door) for door in found]
        for delivered in (Delivered.YES, Delivered.UNKNOWN):
            for item in tried:
                if item.delivered is delivered:
                    return item
        return tried[0]

    def _through(self, asked: _Asked, door: Door) -> Trace:
        way, senders = asked.way, asked.client.senders
        what = f"{door.via} ({door.kind.value}) {door.protocol.value}/{door.port_text}"
        allowed = restricted(senders, door)
        seen = seen_as(senders, door)
        text = allowed.reason or f"the pods see {_seen(senders, seen, door)}"
        rule = "SVC-18" if allowed.reason else "NP-22"
        shown = ", ".join(door.addresses[:2])
        way.add(what, allowed.verdict, text, rule=rule, translation=shown, place=door.place)
        if way.is_blocked:
            return way.end(asked.request)
        port = asked.meant.port if isinstance(asked.meant.port, int) else 0
        usable = [at_port(target, port) for target in door.targets if target.ready]
        request = request_to(asked.request, asked.meant)
        if usable:
            return self._behind(asked, door, seen, usable, request)
        if door.service is not None and door.service_port is not None:
            arrival = to_service(self._scene, way, seen, door.service, door.service_port, proxy=False)
            return _arrived(asked, door.service, door.service_port, arrival)
        way.add(door.via, Verdict.DENIED, "the pod is not ready", rule="SVC-25", place=door.place)
        return way.end(asked.request)

    def _behind(self, asked: _Asked, door: Door, seen: Senders, usable: Sequence[Target], request: Request) -> Trace:
        """Follow the request to the pods behind a door; if they are a proxy's, on to what it routes to."""
        arrival = to_targets(self._scene, asked.way, seen, usable)
        proxy = self._proxy_of(usable) if request.scheme is not Scheme.TCP or asked.request.host else None
        if proxy is not None and arrival.verdict is not Verdict.DENIED:
            asked.way.count(arrival.verdict)
            service_port_ = door.service_port.port if door.service_port is not None else request.port
            meant = replace(asked.meant, port=service_port_)
            return self._at(replace(asked, meant=meant), proxy, door=False)
        if door.service is not None and door.service_port is not None:
            return _arrived(asked, door.service, door.service_port, arrival)
        asked.way.settle(arrival.verdict)
        return asked.way.end(asked.request, status=_status(arrival.verdict, request.scheme, arrival.status))

    def _proxy_of(self, usable: Iterable[Target]) -> Candidate | None:
        pods = {target.pod for target in usable}
        return next((item for item in self._candidates if pods & set(item.plane.positions)), None)

    # ---- pods, nodes and addresses -----------------------------------------------------------------------------

    def _to_end(self, asked: _Asked) -> Trace:
        end = self._end(asked.meant.text, asked.request)
        match end:
            case Pods(positions=positions):
                return self._to_pods(asked, positions)
            case OneService(service=service):
                return self._to_service(asked, service)
            case OneNode(node=node) if node.addresses:
                return self._to_address(replace(asked, meant=replace(asked.meant, text=node.addresses[0])))
            case Lost():
                return _not_known(asked.way, end, asked.request)
            case _:
                raise UsageError(f"{where(asked.request)}`{asked.meant.text}` is no destination of a trace")

    def _to_pods(self, asked: _Asked, positions: Sequence[int]) -> Trace:
        request = request_to(asked.request, asked.meant)
        if not asked.said and not isinstance(asked.meant.port, int) and asked.request.protocol is None:
            raise UsageError(f"{where(asked.request)}a port is needed\n  hint: --port, or one behind the destination")
        protocol = Protocol.UDP if request.scheme is Scheme.UDP else Protocol.TCP
        targets = [Target(pod=p, number=request.port, protocol=protocol, service_port="") for p in positions]
        arrival = to_targets(self._scene, asked.way, asked.client.senders, targets)
        asked.way.settle(arrival.verdict)
        return asked.way.end(asked.request, status=_status(arrival.verdict, request.scheme, None))

    def _to_address(self, asked: _Asked) -> Trace:
        text = asked.meant.text
        end = self._end(text, asked.request)
        request = request_to(asked.request, asked.meant)
        if not asked.client.inside or isinstance(end, OneNode):
            found = self._doors_at(text, request)
            if found:
                return self._through_doors(asked, found)
        fronts = [item for item in self._candidates if text in item.addresses]
        if fronts:
            return self._at_one_of(asked, fronts)
        match end:
            case OneService(service=service):
                return self._to_service(asked, service)
            case Pods(positions=positions):
                return self._to_pods(replace(asked, meant=replace(asked.meant, port=request.port)), positions)
            case Lost():
                return _not_known(asked.way, end, asked.request)
            case _:
                return self._to_outside(asked, text, request)

    def _doors_at(self, address: str, request: Request) -> list[Door]:
        protocol = Protocol.UDP if request.scheme is Scheme.UDP else Protocol.TCP
        found = [d for d in self._scene.doors if d.protocol is protocol and address in d.addresses]
        exact = [door for door in found if door.port == request.port]
        return exact or [door for door in found if door.every_port]

    def _to_outside(self, asked: _Asked, text: str, request: Request) -> Trace:
        """An address or name that is nothing of the cluster's: whether policies let the request out is all to say."""
        way, senders = asked.way, asked.client.senders
        protocol = Protocol.UDP if request.scheme is Scheme.UDP else Protocol.TCP
        what = f"{senders.text} -> {text} {protocol.value}/{request.port}"
        if not asked.client.inside:
            message = f"`{text}` is no address that the input knows, so where the request goes is not known"
            way.unknown(what, (Reason(rule="GW-30", message=message),))
            return way.end(asked.request)
        if isinstance(senders, PodSenders):
            for position in senders.positions:
                judge = self._scene.flows.to_address if asked.meant.kind == "address" else self._scene.flows.to_outside
                way.flow(what, judge(position, text, protocol, request.port))
        else:
            way.add(what, Verdict.ALLOWED, "no policy speaks of it")
        if not way.is_blocked:
            way.add(text, Verdict.ALLOWED, "outside the cluster: what answers there is not the cluster's", aside=True)
        return way.end(asked.request)

    # ---- names -------------------------------------------------------------------------------------------------

    def _to_name(self, asked: _Asked) -> Trace:
        if asked.client.pod is None:
            return self._name_from_outside(asked)
        assert isinstance(asked.client.senders, PodSenders)
        ask_dns(self._scene, asked.way, asked.client.senders)
        answer = look_up(self._scene, asked.way, asked.client.pod, asked.meant.text)
        return self._answered(asked, answer)

    def _answered(self, asked: _Asked, answer: Answer) -> Trace:
        service = self._scene.services.get(answer.service) if answer.service is not None else None
        if answer.kind is AnswerKind.SERVICE and service is not None:
            port = answer.ports[0].port if answer.ports and not asked.said else asked.meant.port
            return self._to_service(replace(asked, meant=replace(asked.meant, port=port)), service)
        if answer.kind is AnswerKind.PODS and service is not None:
            return self._to_headless(asked, service, answer)
        if answer.kind is AnswerKind.EXTERNAL:
            named = replace(asked, meant=replace(asked.meant, text=answer.name))
            fronts = self._serving(named)
            if fronts:
                return self._at_one_of(named, fronts)
            return self._to_outside(named, answer.name, request_to(asked.request, named.meant))
        return asked.way.end(asked.request)

    def _to_headless(self, asked: _Asked, service: Service, answer: Answer) -> Trace:
        """SVC-10: the name stands for the pods themselves; of one of them, for that one; SRV tells a port (SVC-11)."""
        whole = answer.name.startswith(f"{service.name}.")
        if whole or not answer.pods:
            return self._to_service(asked, service)
        named = set(answer.pods)
        positions = [i for i, pod in enumerate(self._scene.cluster.pods) if (pod.namespace, pod.name) in named]
        port = request_to(asked.request, asked.meant).port
        if answer.ports and not asked.said:
            port = answer.ports[0].port
        return self._to_pods(replace(asked, meant=replace(asked.meant, port=port)), positions)

    def _serving(self, asked: _Asked) -> list[Candidate]:
        request = request_to(asked.request, asked.meant)
        named = [item for item in self._candidates if asked.meant.text in item.addresses]
        found = named or list(serving(self._scene, self._candidates, request, said=asked.said))
        return found or [item for item in self._candidates if item.knows_host(self._scene, request.host)]

    def _name_from_outside(self, asked: _Asked) -> Trace:
        fronts = self._serving(asked)
        if fronts:
            return self._at_one_of(asked, fronts)
        text = asked.meant.text
        balanced = [d for d in self._scene.doors if d.kind is DoorKind.LOAD_BALANCER and text in d.addresses]
        request = request_to(asked.request, asked.meant)
        if any(door.port == request.port for door in balanced):
            return self._through_doors(asked, [door for door in balanced if door.port == request.port])
        service = self._service_of(text)
        if service is not None:
            return self._to_service(asked, service)
        if len(self._candidates) == 1 and self._scene.cluster.whole:
            return self._at(asked, self._candidates[0])
        if asked.client.inside:
            return self._to_outside(asked, text, request)
        message = (
            f"no Gateway, Ingress, Route or load balancer of the input serves `{text}`; where it points is not known"
        )
        meant = self._meant_by_pods(text)
        if meant:
            message += f"; pods may mean {meant} by it: --from says who asks"
        asked.way.unknown(f"name {text}", (Reason(rule="GW-30", message=message),))
        return asked.way.end(asked.request)

    def _meant_by_pods(self, text: str) -> str:
        """Return the Services that a short name can mean inside the cluster, in words."""
        name, _, namespace = text.partition(".")
        found = [
            f"Service {item.namespace}/{item.name}"
            for item in self._scene.cluster.services
            if item.name == name and namespace in ("", item.namespace)
        ]
        return " or ".join(found[:3]) + (" or others" if len(found) > 3 else "")

    def _service_of(self, text: str) -> Service | None:
        parts = text.removesuffix(f".{self._scene.cluster.cluster_domain}").split(".")
        if len(parts) == 3 and parts[2] == "svc":
            return self._scene.services.get((parts[1], parts[0]))
        return None

    def _at_one_of(self, asked: _Asked, fronts: Sequence[Candidate]) -> Trace:
        """Follow the request to what serves its host; if that are several, what becomes of it must be the same."""
        if len(fronts) == 1:
            return self._at(asked, fronts[0])
        tried = [self._at(replace(asked, way=asked.way.copy()), item) for item in fronts]
        if len({(item.delivered, item.status, item.backends) for item in tried}) == 1:
            return tried[0]
        listed = ", ".join(item.text for item in fronts)
        message = f"{listed} serve `{asked.meant.text}`, and which of them it points to is not in the input"
        asked.way.unknown(f"name {asked.meant.text}", (Reason(rule="GW-30", message=message),))
        return asked.way.end(asked.request)


def _not_known(way: Way, end: Lost, request: TraceRequest) -> Trace:
    """Return the trace of a request with an end of which nothing is known."""
    way.unknown(end.text, (end.reason,), place=end.reason.place)
    return way.end(request)


def _arrived(asked: _Asked, service: Service, item: ServicePort, arrival: Arrival) -> Trace:
    """Return the trace of a request for a Service itself; whatever is spoken, 200 stands for an answer."""
    share = BackendShare(namespace=service.namespace, name=service.name, port=item.port)
    result = together([(share, arrival)])
    asked.way.settle(result.verdict)
    status = 200 if result.verdict is Verdict.ALLOWED else None
    return asked.way.end(asked.request, status=status, backends=result.backends)


def _status(verdict: Verdict, scheme: Scheme, otherwise: int | None) -> int | None:
    return 200 if verdict is Verdict.ALLOWED else otherwise if scheme in _SPOKEN else None


def _seen(senders: Senders, seen: Senders, door: Door) -> str:
    if seen is senders:
        return senders.text
    return "a node's address, not the client's" if not door.keeps_source else senders.text


def _opened(found: Trace, objects: tuple[Unfollowed, ...]) -> Trace:
    """Return a trace that objects which nothing follows may change: a delivery by any, a denial by those that reroute."""
    counted = [item for item in objects if found.delivered is Delivered.YES or reroutes(item)]
    if not counted or found.delivered is Delivered.UNKNOWN:
        return found
    return replace(found, delivered=Delivered.UNKNOWN, status=None, reasons=tuple(map(reason_of, counted)))

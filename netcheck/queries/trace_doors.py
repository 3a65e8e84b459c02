"""How a client comes to a proxy or a Service from outside: through which door, and whom the pods behind it see (NP-22)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netcheck.logic.services import Target
from netcheck.model.cluster import Assumption
from netcheck.model.flow import Reason, Verdict
from netcheck.model.policy import Direction
from netcheck.queries.dataplane import DataPlane
from netcheck.queries.doors import Door, DoorKind
from netcheck.queries.trace_flows import Judged
from netcheck.queries.trace_scene import (
    AddressSenders,
    NodeSenders,
    PodSenders,
    Scene,
    Senders,
    target_text,
    worst,
)
from netcheck.queries.trace_way import Way
from netcheck.values.addresses import IPSet
from netcheck.values.ports import Protocol

_OPEN = Assumption(
    message="proxies whose pods are not in the input are taken to be open to their clients",
    option="--ingress-controller",
    rule="GW-30",
)
_REACHED = Assumption(
    message="the outside is taken to come to loaded proxies that no Service or host port of the input opens",
    rule="GW-30",
)


@dataclass(frozen=True, slots=True)
class Restricted:
    """The clients that a door lets in: all of those asked about, or only `addresses` of them."""

    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Knock:
    """A client that asks for a port."""

    scene: Scene
    way: Way
    client: Senders
    protocol: Protocol
    port: int


def doors_to(scene: Scene, positions: Sequence[int], protocol: Protocol, port: int) -> tuple[Door, ...]:
    """Return the doors on a port behind which some of the pods are."""
    wanted = set(positions)
    return tuple(
        door
        for door in scene.doors
        if door.protocol is protocol
        and (door.port == port or door.every_port)
        and any(target.pod in wanted for target in door.targets)
    )


def enter(knock: Knock, plane: DataPlane) -> None:
    """Add the hop from a client to the proxy that it asks."""
    scene, way, client, protocol, port = knock.scene, knock.way, knock.client, knock.protocol, knock.port
    what = f"{client.text} -> {plane.label} {protocol.value}/{port}"
    if not plane.positions:
        _to_unknown(knock, what, plane)
        return
    if isinstance(client, PodSenders):
        _from_pods(knock, what, client, plane)
        return
    found = doors_to(scene, plane.positions, protocol, port)
    if found:
        through(knock, found, plane.positions)
        return
    isolated = [p for p in scene.representatives(plane.positions) if scene.flows.is_isolated(p, Direction.INGRESS)]
    if not isolated:
        text = "no policy isolates its pods; how the outside comes to them is not in the input: taken to be open"
        way.add(what, Verdict.ALLOWED, text, rule="GW-30", assumed=_REACHED)
        return
    message = f"no Service in the input opens port {port} of its pods, and policies isolate them"
    way.unknown(what, (Reason(rule="GW-30", message=message),))


def _to_unknown(knock: Knock, what: str, plane: DataPlane) -> None:
    scene, way, client = knock.scene, knock.way, knock.client
    if isinstance(client, PodSenders):
        isolated = [p for p in client.positions if scene.flows.is_isolated(p, Direction.EGRESS)]
        if isolated:
            way.unknown(what, plane.reasons)
            return
    text = "its pods are not in the input: taken to be open to its clients"
    way.add(what, Verdict.ALLOWED, text, rule="GW-30", assumed=_OPEN)


def _from_pods(knock: Knock, what: str, client: PodSenders, plane: DataPlane) -> None:
    """From inside: to the proxy's pods, at the ports that a Service translates to, if one is loaded."""
    scene, way, protocol, port = knock.scene, knock.way, knock.protocol, knock.port
    wanted = set(plane.positions)
    numbers = {
        target.number
        for service in scene.cluster.services
        for item in service.ports
        if item.port == port and item.protocol == protocol.value
        for target in scene.targets(service, item, endpoints=False)
        if target.pod in wanted
    }
    pods = scene.representatives(plane.positions)
    if numbers:
        found = [
            client.judge(scene, Target(pod=pod, number=number, protocol=protocol, service_port=""))
            for pod in pods
            for number in sorted(numbers)
        ]
        way.flow(what, worst(found))
        return
    flows = scene.flows
    if any(flows.is_isolated(p, Direction.EGRESS) for p in client.positions) or any(
        flows.is_isolated(p, Direction.INGRESS) for p in pods
    ):
        message = f"no Service in the input tells on which port its pods serve {port}, and policies isolate an end"
        way.unknown(what, (Reason(rule="GW-30", message=message),))
        return
    way.add(what, Verdict.ALLOWED, "no policy isolates either end", rule="NP-4")


# ---- doors -----------------------------------------------------------------------------------------------------------


def through(knock: Knock, found: Sequence[Door], positions: Sequence[int]) -> None:
    """Add the hop through the best of some doors to some pods: an open one, else one that is not known, else a shut one."""
    scene, client, port = knock.scene, knock.client, knock.port
    judged = [(door, _judge_door(knock, door, positions)) for door in found]
    for verdict in (Verdict.ALLOWED, Verdict.UNKNOWN, Verdict.DENIED):
        for door, item in judged:
            if item.verdict is verdict:
                shown = next(target for target in door.targets if target.pod in positions)
                translation = target_text(scene, at_port(shown, port))
                what = f"{client.text} -> {door.via} ({door.kind.value}) {door.protocol.value}/{door.port_text}"
                knock.way.flow(what, item, translation=translation)
                return


def at_port(target: Target, port: int) -> Target:
    """Return the target of a door, on the port that was asked for where the door is one on every port."""
    if target.number:
        return target
    return Target(pod=target.pod, number=port, protocol=target.protocol, service_port=target.service_port)


def _judge_door(knock: Knock, door: Door, positions: Sequence[int]) -> Judged:
    scene, client, port = knock.scene, knock.client, knock.port
    allowed = restricted(client, door)
    if allowed.verdict is not Verdict.ALLOWED:
        reason = Reason(rule="SVC-18", message=allowed.reason, place=door.place)
        return Judged(verdict=allowed.verdict, reasons=(reason,), said=allowed.reason)
    if not any(target.ready for target in door.targets):
        text = "none of its endpoints is ready"
        return Judged(verdict=Verdict.DENIED, said=text, reasons=(Reason(rule="SVC-25", message=text),))
    seen = seen_as(client, door)
    targets = [target for target in door.targets if target.ready and target.pod in positions]
    kept = {scene.kind(target.pod): target for target in targets if target.pod is not None}
    return worst([seen.judge(scene, at_port(target, port)) for target in kept.values()])


def restricted(client: Senders, door: Door) -> Restricted:
    """SVC-18: whether the door's own source ranges let the client in."""
    if not door.source_ranges or not isinstance(client, AddressSenders):
        return Restricted(Verdict.ALLOWED)
    ranges = IPSet.of_cidrs(*door.source_ranges)
    listed = ", ".join(door.source_ranges)
    if client.addresses <= ranges:
        return Restricted(Verdict.ALLOWED)
    if not client.addresses & ranges:
        return Restricted(Verdict.DENIED, f"its source ranges ({listed}) do not hold the client")
    return Restricted(Verdict.UNKNOWN, f"its source ranges ({listed}) hold only some of the clients")


def seen_as(client: Senders, door: Door) -> Senders:
    """NP-22: whom the pods behind a door see: the client where its address is kept, else a node; of a pod always itself."""
    if isinstance(client, AddressSenders) and not door.keeps_source:
        return NodeSenders(text=f"{client.text}, as a node")
    return client


def is_pod_door(door: Door) -> bool:
    """Return whether a door is a pod's own, not a Service's."""
    return door.kind in (DoorKind.HOST_PORT, DoorKind.HOST_NETWORK)

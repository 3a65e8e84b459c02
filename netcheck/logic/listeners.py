"""Listeners of Gateways and ListenerSets before any route: which are accepted, and which kinds of route they take.

GW-3 to GW-7 and GW-10. A listener `takes traffic` iff its Gateway and ListenerSet are accepted, and it is accepted and
programmed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from netcheck.logic.admitted import lets_in
from netcheck.logic.ages import order_key
from netcheck.logic.certificates import GOOD, Certificates, Reference, first_bad
from netcheck.logic.conditions import FALSE, TRUE, UNKNOWN, condition, pending
from netcheck.logic.gateway_status import GatewayHead, gateway_head, gateway_tail
from netcheck.logic.hostnames import suffixes
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Reason
from netcheck.model.gateway import GATEWAY_GROUP, Gateway, GrantFrom, Listener, ListenerSet, RouteKind
from netcheck.model.profile import Switch
from netcheck.model.request import Condition

_HTTP = ("HTTPRoute", "GRPCRoute")
_KINDS = (*_HTTP, "TLSRoute", "TCPRoute", "UDPRoute")
BY_NAME = ("HTTP", "HTTPS", "TLS")
"""The protocols whose listeners are told apart by hostname; others ignore it."""
_BY_PORT = ("TCP", "UDP")


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedListener:
    """A listener and what is decided about it without routes.

    Attributes:
        kinds: the kinds of route that it takes; `perhaps`: those of which that depends on the implementation (GW-7).
        takes_traffic: false if not; if `reasons` is not empty it may be either.
    """

    gateway: Gateway | None
    listener_set: ListenerSet | None
    listener: Listener
    kinds: tuple[RouteKind, ...]
    perhaps: tuple[RouteKind, ...] = ()
    takes_traffic: bool = False
    conditions: tuple[Condition, ...] = ()
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedSet:
    """A ListenerSet: its Gateway if that is loaded, its conditions and listeners."""

    listener_set: ListenerSet
    gateway: Gateway | None
    conditions: tuple[Condition, ...]
    listeners: tuple[JudgedListener, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedGateway:
    """A Gateway: its conditions, its own listeners, and the ListenerSets that name it in the order of their merging."""

    gateway: Gateway
    controller: str
    conditions: tuple[Condition, ...]
    listeners: tuple[JudgedListener, ...]
    sets: tuple[JudgedSet, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A listener in the merged list of a Gateway. `allowed` None: whether its ListenerSet may join is not known."""

    listener_set: ListenerSet | None
    listener: Listener
    allowed: bool | None


@dataclass(frozen=True, slots=True)
class _Clash:
    """A conflict: `reason` is the API's word; `certain` false: only if ListenerSets are of a certain age or let in."""

    reason: str
    certain: bool = True


def judge_gateways(cluster: Cluster, certificates: Certificates) -> tuple[JudgedGateway, ...]:
    """Return what is decided about each Gateway, in the order of the cluster."""
    sets: dict[tuple[str, str], list[ListenerSet]] = {}
    for item in sorted(cluster.listener_sets, key=order_key):
        if (item.parent.group, item.parent.kind) == (GATEWAY_GROUP, "Gateway"):
            sets.setdefault((item.parent.namespace, item.parent.name), []).append(item)
    return tuple(
        _judge(cluster, certificates, gateway, sets.get((gateway.namespace, gateway.name), ()))
        for gateway in cluster.gateways
    )


def orphan_sets(cluster: Cluster) -> tuple[JudgedSet, ...]:
    """Return the ListenerSets whose Gateway is not in the input."""
    gateways = {(item.namespace, item.name) for item in cluster.gateways}
    return tuple(
        _orphan(cluster, item)
        for item in cluster.listener_sets
        if (item.parent.group, item.parent.kind) != (GATEWAY_GROUP, "Gateway")
        or (item.parent.namespace, item.parent.name) not in gateways
    )


def _orphan(cluster: Cluster, item: ListenerSet) -> JudgedSet:
    parent = f"{item.parent.kind} `{item.parent.namespace}/{item.parent.name}`"
    if cluster.knows_namespace(item.parent.namespace):
        message = f"{parent} is not in the input"
        found = [condition(kind, FALSE, "ParentNotAccepted", message) for kind in ("Accepted", "Programmed")]
    else:
        message = f"whether {parent} exists is not known: the input does not define its namespace"
        found = [pending(kind, message) for kind in ("Accepted", "Programmed")]
    listeners = tuple(
        JudgedListener(
            gateway=None,
            listener_set=item,
            listener=listener,
            kinds=_kinds(cluster, listener)[0],
            conditions=(condition("Programmed", FALSE, "Invalid", message),),
        )
        for listener in item.listeners
    )
    return JudgedSet(listener_set=item, gateway=None, conditions=tuple(found), listeners=listeners)


def _judge(
    cluster: Cluster, certificates: Certificates, gateway: Gateway, sets: Sequence[ListenerSet]
) -> JudgedGateway:
    head = gateway_head(cluster, certificates, gateway)
    allowed = {item.label: lets_in(cluster, gateway.listener_sets, gateway.namespace, item.namespace) for item in sets}
    entries = [_Entry(None, listener, allowed=True) for listener in gateway.listeners]
    for item in sets:
        may = allowed[item.label]
        entries += [_Entry(item, listener, allowed=may) for listener in item.listeners]
    clashes, overlapping = _clashes(entries), _overlapping(entries)
    judged = [
        _overlaps(_listener(cluster, certificates, head, entry, clashes.get(position)), position in overlapping)
        for position, entry in enumerate(entries)
    ]
    own = tuple(item for item in judged if item.listener_set is None)
    accepted = [item for item in judged if _status(item, "Accepted") != FALSE]
    whole = all(_status(item, "Accepted") == TRUE for item in own)
    conditions = gateway_tail(head, any_listener=bool(accepted), all_listeners=whole)
    if _find(conditions, "Accepted").status == FALSE:
        judged = [replace(item, takes_traffic=False) for item in judged]
        own = tuple(item for item in judged if item.listener_set is None)
    joined = tuple(_set(gateway, item, allowed[item.label], judged, _find(conditions, "Accepted")) for item in sets)
    return JudgedGateway(gateway=gateway, controller=head.controller, conditions=conditions, listeners=own, sets=joined)


def _set(
    gateway: Gateway, item: ListenerSet, allowed: bool | None, judged: Iterable[JudgedListener], parent: Condition
) -> JudgedSet:
    mine = tuple(one for one in judged if one.listener_set is item)
    return JudgedSet(
        listener_set=item, gateway=gateway, conditions=_set_conditions(gateway, allowed, mine, parent), listeners=mine
    )


def _set_conditions(
    gateway: Gateway, allowed: bool | None, listeners: Sequence[JudgedListener], parent: Condition
) -> tuple[Condition, ...]:
    both = ("Accepted", "Programmed")
    if allowed is False:
        message = f"{gateway.label} does not allow ListenerSets of this namespace (`spec.allowedListeners`)"
        return tuple(condition(kind, FALSE, "NotAllowed", message) for kind in both)
    if allowed is None:
        message = "whether the Gateway allows this namespace depends on labels that are not known"
        return tuple(pending(kind, message) for kind in both)
    if parent.status == FALSE:
        reasons = ("ParentNotAccepted", "ParentNotProgrammed")
        return tuple(
            condition(kind, FALSE, reason, f"{gateway.label} is not accepted")
            for kind, reason in zip(both, reasons, strict=True)
        )
    good = [_status(item, "Accepted") == TRUE for item in listeners]
    if any(good):
        reason = "Accepted" if all(good) else "ListenersNotValid"
        return (condition("Accepted", TRUE, reason), condition("Programmed", TRUE, "Programmed"))
    if any(_status(item, "Accepted") == UNKNOWN for item in listeners):
        return tuple(pending(kind, "no listener of it is known to be accepted") for kind in both)
    return tuple(condition(kind, FALSE, "ListenersNotValid", "no listener of it is accepted") for kind in both)


# ---- one listener --------------------------------------------------------------------------------------------------


def _listener(
    cluster: Cluster,
    certificates: Certificates,
    head: GatewayHead,
    entry: _Entry,
    clash: _Clash | None,
) -> JudgedListener:
    listener, gateway = entry.listener, head.gateway
    kinds, perhaps, kind_problem = _kinds(cluster, listener)
    own, of_clients = _certificates(certificates, gateway, entry), _authorities(certificates, gateway, listener)
    served, frontend = _served_with(own), _validated_with(of_clients)
    refs = first_bad([kind_problem, *own, *of_clients])
    accepted = _accepted(listener, clash, frontend)
    programmed = _programmed(accepted, served)
    reasons = [Reason(rule="GW-3", message=item.message, place=listener.place)
               for item in (accepted, programmed) if item.status == UNKNOWN]  # fmt: skip
    if entry.allowed is None:
        message = f"whether {gateway.label} lets the ListenerSet join: labels of its namespace are not known"
        reasons.append(Reason(rule="GW-10", message=message, place=listener.place))
    takes = head.served and entry.allowed is not False and FALSE not in (accepted.status, programmed.status)
    if entry.allowed is False:
        accepted = condition("Accepted", FALSE, "Invalid", "its ListenerSet is not allowed at the Gateway")
        programmed = replace(accepted, type="Programmed")
    return JudgedListener(
        gateway=gateway,
        listener_set=entry.listener_set,
        listener=listener,
        kinds=kinds,
        perhaps=perhaps,
        takes_traffic=takes,
        conditions=(accepted, _conflicted(clash), programmed, _resolved_refs(refs)),
        reasons=tuple(reasons) if takes else (),
    )


def _accepted(listener: Listener, clash: _Clash | None, frontend: Reference) -> Condition:
    if listener.has_own_protocol:
        return pending("Accepted", f"whether the implementation has the protocol `{listener.protocol}` is not known")
    if listener.protocol not in (*BY_NAME, *_BY_PORT):
        return condition("Accepted", FALSE, "UnsupportedProtocol", f"`{listener.protocol}` is no protocol of the API")
    if clash is not None and clash.certain:
        return condition("Accepted", FALSE, "Invalid", f"port {listener.port}: {_CLASHES[clash.reason]}")
    if frontend.reason:
        return condition("Accepted", FALSE, "NoValidCACertificate", frontend.message)
    if clash is not None:
        return pending("Accepted", "which of the conflicting ListenerSets is the oldest one is not known")
    if frontend.missing:
        return pending("Accepted", frontend.missing)
    return condition("Accepted", TRUE, "Accepted")


def _programmed(accepted: Condition, served: Reference) -> Condition:
    if accepted.status == FALSE:
        return condition("Programmed", FALSE, "Invalid", "the listener is not accepted")
    if served.reason:
        return condition("Programmed", FALSE, "Invalid", "it has no certificate that can be used")
    if accepted.status == UNKNOWN:
        return replace(accepted, type="Programmed")
    return pending("Programmed", served.missing) if served.missing else condition("Programmed", TRUE, "Programmed")


def _conflicted(clash: _Clash | None) -> Condition:
    if clash is None:
        return condition("Conflicted", FALSE, "NoConflicts")
    if not clash.certain:
        return pending("Conflicted", "which of the conflicting ListenerSets is the oldest one is not known")
    return condition("Conflicted", TRUE, clash.reason, _CLASHES[clash.reason])


def _resolved_refs(refs: Reference) -> Condition:
    if refs.reason:
        return condition("ResolvedRefs", FALSE, refs.reason, refs.message)
    return pending("ResolvedRefs", refs.missing) if refs.missing else condition("ResolvedRefs", TRUE, "ResolvedRefs")


def _certificates(certificates: Certificates, gateway: Gateway, entry: _Entry) -> list[Reference]:
    """Return what becomes of each of a listener's own certificates."""
    if entry.listener.tls_mode != "Terminate":
        return []
    holder = entry.listener_set or gateway
    kind = "Gateway" if entry.listener_set is None else "ListenerSet"  # GW-10: grants of the Gateway are not inherited
    source = GrantFrom(group=GATEWAY_GROUP, kind=kind, namespace=holder.namespace)
    return [certificates.keypair(source, ref) for ref in entry.listener.certificates]


def _served_with(found: Sequence[Reference]) -> Reference:
    """Return whether a listener can serve with its certificates: bad iff all are; several are up to implementations."""
    if not found or all(item == GOOD for item in found):
        return GOOD
    if all(item.reason for item in found):
        return found[0]
    missing = next((item for item in found if item.missing), None)
    return missing or Reference(missing="whether the implementation serves with some certificates where others are bad")


def _authorities(certificates: Certificates, gateway: Gateway, listener: Listener) -> list[Reference]:
    """Return what becomes of the authorities for clients on an HTTPS listener's port (`spec.tls.frontend`)."""
    if listener.protocol != "HTTPS":
        return []
    per_port = {item.port: item for item in gateway.frontend}
    found = per_port.get(listener.port) or per_port.get(0)
    if found is None:
        return []
    source = GrantFrom(group=GATEWAY_GROUP, kind="Gateway", namespace=gateway.namespace)
    return [certificates.authority(source, ref, kind_reason="InvalidCACertificateKind") for ref in found.authorities]


def _validated_with(found: Sequence[Reference]) -> Reference:
    """Return whether client certificates can be validated: bad iff all authorities are."""
    if not found or any(item == GOOD for item in found):
        return GOOD
    return next((item for item in found if item.missing), found[0])


def _kinds(cluster: Cluster, listener: Listener) -> tuple[tuple[RouteKind, ...], tuple[RouteKind, ...], Reference]:
    """Return the kinds of route that a listener takes, those that it perhaps takes, and what is wrong with its list."""
    served, perhaps = _protocol_kinds(cluster, listener)
    if not listener.kinds:
        return served, perhaps, GOOD
    taken = tuple(kind for kind in listener.kinds if kind in served)
    open_ones = tuple(kind for kind in listener.kinds if kind in perhaps)
    wrong = [kind.kind for kind in listener.kinds if kind not in served and kind not in perhaps]
    if wrong and "/" not in listener.protocol:
        mode = f" in mode {listener.tls_mode}" if listener.protocol == "TLS" else ""
        message = f"a listener of protocol {listener.protocol}{mode} takes no {', '.join(wrong)}"
        return taken, open_ones, Reference(reason="InvalidRouteKinds", message=message)
    if open_ones:
        return taken, open_ones, Reference(missing="whether TCPRoutes attach to a TLS listener in mode Terminate")
    return taken, (), GOOD


def _protocol_kinds(cluster: Cluster, listener: Listener) -> tuple[tuple[RouteKind, ...], tuple[RouteKind, ...]]:
    """Return the kinds of route that a protocol takes, and those of which nobody can say (GW-7)."""
    names: Mapping[str, tuple[str, ...]] = {
        "HTTP": _HTTP,
        "HTTPS": _HTTP,
        "TLS": ("TLSRoute",),
        "TCP": ("TCPRoute",),
        "UDP": ("UDPRoute",),
    }
    found = tuple(RouteKind(GATEWAY_GROUP, name) for name in names.get(listener.protocol, ()))
    if listener.has_own_protocol:
        return (), listener.kinds or tuple(RouteKind(GATEWAY_GROUP, name) for name in _KINDS)
    if listener.protocol == "TLS" and listener.tls_mode != "Passthrough":
        tcp = (RouteKind(GATEWAY_GROUP, "TCPRoute"),)
        match cluster.profile.tcp_route_on_tls_terminate:
            case Switch.YES:
                return (*found, *tcp), ()
            case Switch.UNKNOWN:
                return found, tcp
            case Switch.NO:
                return found, ()
    return found, ()


# ---- conflicts -----------------------------------------------------------------------------------------------------

_CLASHES: Mapping[str, str] = {
    "HostnameConflict": "another listener has the same protocol and hostname",
    "ProtocolConflict": "a TCP or UDP listener shares the port with another one",
}


def _clashes(entries: Sequence[_Entry]) -> dict[int, _Clash]:
    """Return the conflicts of listeners by position (GW-4).

    Inside one object nobody wins (GW-5); of several objects the first in the merged order does (GW-10).
    """
    found: dict[int, _Clash] = {}
    ports: dict[int, list[int]] = {}
    for position, entry in enumerate(entries):
        if entry.listener.port and entry.allowed is not False:
            ports.setdefault(entry.listener.port, []).append(position)
    for positions in ports.values():
        for position, clash in _port_clashes(entries, positions):
            if position not in found or clash.certain:
                found[position] = clash
    return found


def _port_clashes(entries: Sequence[_Entry], positions: Sequence[int]) -> Iterator[tuple[int, _Clash]]:
    groups: dict[tuple[str, str], list[int]] = {}
    for position in positions:
        groups.setdefault(_distinction(entries[position].listener), []).append(position)
    for (protocol, _), group in groups.items():
        yield from _lost(entries, group, "HostnameConflict" if protocol in BY_NAME else "ProtocolConflict")
    streams = [item for item in positions if entries[item].listener.protocol in (*BY_NAME, "TCP")]
    if len({_is_tcp(entries[item]) for item in streams}) > 1:
        same = [item for item in streams if entries[item].listener_set is entries[streams[0]].listener_set]
        if len({_is_tcp(entries[item]) for item in same}) > 1:
            yield from _lost(entries, streams, "ProtocolConflict")
        else:  # the protocol that came first holds the port: those who speak it too do not conflict with it
            others = [item for item in streams if _is_tcp(entries[item]) != _is_tcp(entries[streams[0]])]
            yield from _lost(entries, [streams[0], *others], "ProtocolConflict")


def _overlapping(entries: Sequence[_Entry]) -> frozenset[int]:
    """Return the HTTPS listeners that share a port and some host with another one: clients may mix their connections."""
    found: set[int] = set()
    ports: dict[int, list[int]] = {}
    for position, entry in enumerate(entries):
        if entry.listener.protocol == "HTTPS" and entry.listener.port and entry.allowed is not False:
            ports.setdefault(entry.listener.port, []).append(position)
    for positions in ports.values():
        hosts: dict[str, list[int]] = {}
        for position in positions:
            hosts.setdefault(entries[position].listener.hostname, []).append(position)
        for position in positions:
            hostname = entries[position].listener.hostname
            wider = [other for wide in suffixes(hostname) for other in hosts.get(wide, ()) if other != position]
            if wider:
                found.update((position, *wider))
    return frozenset(found)


def _overlaps(item: JudgedListener, overlaps: bool) -> JudgedListener:
    if not overlaps:
        return item
    message = "another HTTPS listener of the port has some of its hosts: requests may come over the other's connection"
    told = condition("OverlappingTLSConfig", TRUE, "OverlappingHostnames", message)
    return replace(item, conditions=(*item.conditions, told))


def _is_tcp(entry: _Entry) -> bool:
    return entry.listener.protocol == "TCP"


def _distinction(listener: Listener) -> tuple[str, str]:
    return (listener.protocol, listener.hostname if listener.protocol in BY_NAME else "")


def _lost(entries: Sequence[_Entry], group: Sequence[int], reason: str) -> Iterator[tuple[int, _Clash]]:
    """Yield who loses among listeners that cannot be told apart, in their merged order."""
    first = entries[group[0]].listener_set
    same = [position for position in group if entries[position].listener_set is first]
    others = [position for position in group if entries[position].listener_set is not first]
    certain = not others or _is_first(entries, group)
    if len(same) > 1:
        yield from ((position, _Clash(reason)) for position in same)
    elif not certain:
        yield same[0], _Clash(reason, certain=False)
    yield from ((position, _Clash(reason, certain=certain)) for position in others)


def _is_first(entries: Sequence[_Entry], group: Sequence[int]) -> bool:
    """Return whether the first of these listeners is known to win: the Gateway's own, or of the oldest ListenerSet."""
    sets = [entries[position].listener_set for position in group]
    if sets[0] is None:
        return True
    return entries[group[0]].allowed is True and all(item is not None and item.created for item in sets)


def _find(conditions: Iterable[Condition], kind: str) -> Condition:
    return next(item for item in conditions if item.type == kind)


def _status(item: JudgedListener, kind: str) -> str:
    return next((found.status for found in item.conditions if found.type == kind), UNKNOWN)

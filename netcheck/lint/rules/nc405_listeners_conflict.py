"""A listener or Gateway that cannot be accepted as it is written.

What it finds: listeners of one port that cannot be told apart, by protocol and hostname or because one of them is for TCP
or UDP; protocols that the API does not have; addresses that a Gateway cannot have.
Why it matters: of listeners of one Gateway that cannot be told apart none is accepted, there is no winner; of a ListenerSet
those lose that came later. Every route that is attached to them only is served nowhere.
When to ignore it: never; the API server accepts the object, and the controller does not.
How it is decided: by port, protocol and hostname of the listeners in their merged order. Where it rests on the unknown age
of ListenerSets who loses, nothing is reported.
Source: SEMANTICS GW-3, GW-4, GW-5, GW-10.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.attached import BadCondition, bad_conditions, has_gateway_objects
from netcheck.lint.finding import Finding, Related
from netcheck.lint.rule import Rule, Snapshot
from netcheck.logic.listeners import JudgedListener

BAD = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: shop}
spec:
  gatewayClassName: example
  listeners:
  - {name: db, port: 443, protocol: TCP}  # finds: NC405
  - {name: passed, port: 443, protocol: TLS, hostname: a.example.com, tls: {mode: Passthrough}}  # finds: NC405
  - {name: web, port: 80, protocol: HTTP}
"""

GOOD = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: shop}
spec:
  gatewayClassName: example
  listeners:
  - {name: db, port: 5432, protocol: TCP}
  - {name: passed, port: 443, protocol: TLS, hostname: a.example.com, tls: {mode: Passthrough}}
  - {name: web, port: 80, protocol: HTTP}
"""

_ISTIO = "HBONE"
"""The protocol of the listeners of Istio's waypoints, which Istio alone has."""
_GATEWAY = ("UnsupportedAddress", "AddressNotUsable")


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each listener or address that is not accepted."""
    for bad in bad_conditions(snapshot):
        found = bad.condition
        if found.type == "Accepted" and found.reason == "UnsupportedProtocol":
            if f"`{_ISTIO}`" in found.message:
                continue
            yield RULE.finding(f"listener `{bad.at}`: {found.message}", about=bad.label, place=bad.place)
        elif found.reason in _GATEWAY:
            hint = "use an address of type IPAddress or Hostname that the implementation can assign, or none"
            yield RULE.finding(found.message, about=bad.label, place=bad.place, hint=hint)
        elif found.type == "Conflicted" and bad.at:
            yield _conflict(snapshot, bad)


def _conflict(snapshot: Snapshot, bad: BadCondition) -> Finding:
    protocols = bad.condition.reason == "ProtocolConflict"
    return RULE.finding(
        f"listener `{bad.at}` is not accepted: {bad.condition.message}",
        about=bad.label,
        place=bad.place,
        related=tuple(_rivals(snapshot, bad)),
        hint="give the listeners different ports" if protocols else "give each of them a hostname of its own",
    )


def _rivals(snapshot: Snapshot, bad: BadCondition) -> Iterator[Related]:
    """Yield the listeners of the Gateway that share the port and are alike."""
    for gateway in snapshot.attached.gateways:
        merged = [*gateway.listeners, *(item for one in gateway.sets for item in one.listeners)]
        mine = next((item for item in merged if (_holder(item), item.listener.name) == (bad.label, bad.at)), None)
        for item in merged if mine is not None else ():
            if item is not mine and mine is not None and _alike(mine, item):
                label = f"{_holder(item)} listener {item.listener.name}"
                place = item.listener.place or gateway.gateway.place
                yield Related(message="shares the port", place=place, object=label)


def _alike(one: JudgedListener, other: JudgedListener) -> bool:
    if one.listener.port != other.listener.port:
        return False
    same = (one.listener.protocol, one.listener.hostname) == (other.listener.protocol, other.listener.hostname)
    return (
        same or (one.listener.protocol == "TCP") != (other.listener.protocol == "TCP") or one.listener.protocol == "UDP"
    )


def _holder(item: JudgedListener) -> str:
    holder = item.listener_set or item.gateway
    return holder.label if holder is not None else ""


RULE = Rule(
    code="NC405",
    name="listeners-conflict",
    severity="error",
    basis="syntactic",
    summary="A listener or Gateway that cannot be accepted as it is written",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=has_gateway_objects,
    bad=(BAD,),
    good=(GOOD,),
)

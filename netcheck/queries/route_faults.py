"""What of the status of routes is not as it should be, where it is written, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from netcheck.engines.requests import Ever
from netcheck.errors import Place
from netcheck.logic.conditions import UNKNOWN, is_good
from netcheck.model.gateway import ParentRef
from netcheck.model.request import Chosen, Condition
from netcheck.queries.route_reach import MatchReach
from netcheck.queries.route_results import BackendLine, Fault, ListenerLine, ParentLine, RouteLine, Routes, RuleLine

HINTS: Mapping[str, str] = MappingProxyType(
    {
        "NoMatchingParent": "compare the parentRef's name, namespace, sectionName and port with the Gateway's listeners",
        "NotAllowedByListeners": "the listener's allowedRoutes must name the route's namespace and kind",
        "NoMatchingListenerHostname": "give the route a hostname that the listener's covers, or the listener a wider one",
        "RefNotPermitted": "add a ReferenceGrant in the namespace of what is referred to",
        "BackendNotFound": "compare the name, namespace and port with the Service",
        "InvalidKind": "refer to a Service, or to a kind that the implementation documents",
        "UnsupportedProtocol": "use another kind of route, or another protocol",
        "HostnameConflict": "give each listener of a port and protocol a hostname of its own",
        "ProtocolConflict": "give the listeners different ports",
        "InvalidRouteKinds": "list only kinds of the listener's protocol in allowedRoutes.kinds, or none",
        "InvalidCertificateRef": "the Secret must be of type kubernetes.io/tls, with tls.crt and tls.key",
        "InvalidCACertificateRef": "the ConfigMap must exist and hold PEM certificates in ca.crt",
        "NoValidCACertificate": "the ConfigMap must exist and hold PEM certificates in ca.crt",
        "NotAllowed": "set spec.allowedListeners.namespaces.from at the Gateway",
        "InvalidTLS": "mend the BackendTLSPolicy of the Service, or delete it",
        "UnsupportedAddress": "use an address of type IPAddress or Hostname",
        "AddressNotUsable": "request an address that the implementation can assign, or none",
        "Conflicted": "delete one of the two, or give them different hostnames, ports or targets",
    }
)


def faults(shown: Routes) -> tuple[Fault, ...]:
    """Return every fault: certain ones first, then by place."""
    found = [*_gateways(shown), *_sets(shown), *_routes(shown), *_policies(shown), *_ingresses(shown)]
    unique = {(item.object, item.at, item.what, item.message): item for item in found}
    return tuple(sorted(unique.values(), key=_order))


def _order(item: Fault) -> tuple[bool, str, int, int, str, str, str]:
    place = item.place or Place("")
    return (item.unknown, place.file, place.line, place.column, item.object, item.at, item.what)


def _conditions(label: str, at: str, conditions: Iterable[Condition], place: Place | None) -> Iterator[Fault]:
    """Yield a fault for each bad condition; of several with one cause only the first, as `Programmed` follows `Accepted`."""
    bad = [item for item in conditions if not is_good(item)]
    clash = next((item for item in bad if item.type == "Conflicted"), None)
    said: set[str] = set()
    for item in [replace(clash, message=bad[0].message or clash.message)] if clash is not None else bad:
        cause = item.message or item.reason
        if cause in said or (item.type == "Programmed" and said):
            continue
        said.add(cause)
        yield Fault(
            object=label,
            at=at,
            what=f"{item.type} {item.status}, {item.reason}",
            message=item.message,
            hint=HINTS.get(item.reason, ""),
            unknown=item.status == UNKNOWN,
            place=place,
        )


def _gateways(shown: Routes) -> Iterator[Fault]:
    for line in shown.gateways:
        yield from _conditions(line.gateway.label, "", line.conditions, line.gateway.place)
        yield from _listeners(line.gateway.label, line.listeners, line.gateway.place)


def _listeners(label: str, listeners: Iterable[ListenerLine], place: Place | None) -> Iterator[Fault]:
    for item in listeners:
        at = f"listener {item.listener.name}"
        yield from _conditions(label, at, item.conditions, item.listener.place or place)


def _sets(shown: Routes) -> Iterator[Fault]:
    for line in shown.sets:
        own = tuple(_conditions(line.listener_set.label, "", line.conditions, line.listener_set.place))
        yield from own
        if not own:
            yield from _listeners(line.listener_set.label, line.listeners, line.listener_set.place)


def _routes(shown: Routes) -> Iterator[Fault]:
    for line in shown.routes:
        for parent in line.parents:
            yield from _parent(line, parent)
        for rule in line.rules:
            at = f"rule {rule.rule.name or rule.position}"
            yield from _backends(line.route.label, at, rule.backends, rule.rule.place or line.route.place)
            yield from _never_reached(line, rule)
            if rule.failure:
                yield Fault(
                    object=line.route.label,
                    at=at,
                    what="no backend",
                    message=f"requests are answered {rule.failure}: the rule has no backendRefs and no redirect",
                    hint="add backendRefs, or delete the rule",
                    place=rule.rule.place or line.route.place,
                )


def _never_reached(line: RouteLine, rule: RuleLine) -> Iterator[Fault]:
    for number, found in enumerate(rule.reach):
        if found is not None and found.verdict is Ever.NO:
            what = f" match {number} `{rule.matches[number]}`" if rule.matches else ""
            yield Fault(
                object=line.route.label,
                at=f"rule {rule.rule.name or rule.position}{what}",
                what="never reached",
                message=never_text(found),
                hint="delete it, or make what takes its requests narrower",
                place=rule.rule.place or line.route.place,
            )


def rule_text(chosen: Chosen) -> str:
    """Return `rule 0 of HTTPRoute namespace/name`."""
    rule = f"rule {chosen.rule_name or chosen.rule}" if chosen.rule >= 0 else "the default backend"
    return f"{rule} of {chosen.label}"


def never_text(found: MatchReach) -> str:
    """Return why a match is never reached."""
    if not found.shadowed_by:
        return "no request matches it at any listener"
    names = map(rule_text, found.shadowed_by)
    return f"all its requests are taken by {' and '.join(dict.fromkeys(names))}"


def _parent(line: RouteLine, parent: ParentLine) -> Iterator[Fault]:
    ref = parent.status.parent
    # ResolvedRefs is told by the backend that is bad, with its own place
    own = [item for item in parent.status.conditions if item.type != "ResolvedRefs"]
    yield from _conditions(line.route.label, f"at {parent_text(ref)}", own, ref.place or line.route.place)


def parent_text(ref: ParentRef) -> str:
    """Return `Gateway namespace/name listener port`."""
    section = f" listener {ref.section}" if ref.section and ref.kind != "Service" else ""
    section = f" port {ref.section}" if ref.section and ref.kind == "Service" else section
    return f"{ref.kind} {ref.namespace}/{ref.name}{section}" + (f" port {ref.port}" if ref.port else "")


def _backends(label: str, at: str, backends: Iterable[BackendLine], place: Place | None) -> Iterator[Fault]:
    for item in backends:
        where = item.share.place or place
        if item.share.problem:
            yield Fault(
                object=label,
                at=at,
                what=f"backend {item.share.problem}",
                message=item.message,
                hint=HINTS.get(item.share.problem, ""),
                place=where,
            )
        for reason in item.reasons:
            message = f"{reason.rule}: {reason.message}"
            yield Fault(object=label, at=at, what="backend unknown", message=message, unknown=True, place=where)


def _policies(shown: Routes) -> Iterator[Fault]:
    for line in shown.policies:
        yield from _conditions(line.policy.label, "", line.conditions, line.policy.place)


def _ingresses(shown: Routes) -> Iterator[Fault]:
    for line in shown.ingresses:
        label = line.ingress.label
        for reason in line.reasons:
            message = f"{reason.rule}: {reason.message}"
            yield Fault(
                object=label, at="", what="class unknown", message=message, hint="set spec.ingressClassName",
                unknown=True, place=line.ingress.place,
            )  # fmt: skip
        for path in line.paths:
            at = f"{path.host or 'any host'} {path.path}".strip() if path.type else "default backend"
            yield from _backends(label, at, (path.backend,), path.place or line.ingress.place)
    for route in shown.openshift:
        yield from _backends(route.route.label, "", route.backends, route.route.place)

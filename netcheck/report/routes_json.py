"""The `Routes` document of the JSON contract; `json_v1` says how documents are written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from netcheck.engines.requests import Ever, Way
from netcheck.logic.policy_conditions import PolicyStatus
from netcheck.model.cluster import Loaded
from netcheck.model.gateway import Gateway, Listener, ParentRef, Redirect
from netcheck.model.request import Chosen, Condition, Request, Scheme
from netcheck.queries.route_reach import MatchReach
from netcheck.queries.route_results import (
    BackendLine,
    Fault,
    GatewayLine,
    IngressLine,
    ListenerLine,
    OpenShiftLine,
    ParentLine,
    PathLine,
    RouteLine,
    Routes,
    RuleLine,
    SetLine,
)
from netcheck.report.json_v1 import Item, document, dump, head, place_fields, reason_item, with_set


def routes_document(loaded: Loaded, found: Routes) -> Iterator[str]:
    """Yield the `Routes` document."""
    fields = with_set(head(loaded, "Routes"), target=found.target)
    asked = {"requestsTo": map(dump, map(_way, found.ways))} if found.target else {}
    yield from document(
        fields,
        {
            **asked,
            "gateways": map(dump, map(_gateway, found.gateways)),
            "listenerSets": map(dump, map(_set, found.sets)),
            "routes": map(dump, map(_route, found.routes)),
            "backendTLSPolicies": map(dump, map(_policy, found.policies)),
            "ingresses": map(dump, map(_ingress, found.ingresses)),
            "openShiftRoutes": map(dump, map(_openshift, found.openshift)),
            "faults": map(dump, map(_fault, found.faults)),
        },
    )


def _gateway(line: GatewayLine) -> Item:
    gateway = line.gateway
    item: dict[str, Any] = {
        "namespace": gateway.namespace,
        "name": gateway.name,
        "class": gateway.class_name,
        **with_set({}, controllerName=line.controller),
        "conditions": _conditions(line.conditions),
        "attachedListenerSets": line.attached_sets,
        "listeners": [_listener(one) for one in line.listeners],
    }
    return with_set({**item, **place_fields(gateway.place)}, addresses=list(gateway.assigned))


def _listener(line: ListenerLine) -> Item:
    return {
        "name": line.listener.name,
        "protocol": line.listener.protocol,
        **_port(line.listener),
        **with_set({}, hostname=line.listener.hostname, tlsMode=line.listener.tls_mode),
        "supportedKinds": [{"group": kind.group, "kind": kind.kind} for kind in line.kinds],
        "attachedRoutes": line.attached,
        "conditions": _conditions(line.conditions),
        "routes": [
            {
                "kind": item.route.kind,
                "namespace": item.route.namespace,
                "name": item.route.name,
                "hostnames": [name for name in item.hostnames if name],
                **with_set({}, unknown=[reason_item(reason) for reason in item.reasons]),
            }
            for item in line.bindings
        ],
        **place_fields(line.listener.place),
    }


def _port(listener: Listener) -> dict[str, Any]:
    return with_set({}, port=listener.port)


def _conditions(conditions: Iterable[Condition]) -> list[Item]:
    return [
        with_set({"type": item.type, "status": item.status, "reason": item.reason}, message=item.message)
        for item in conditions
    ]


def _set(line: SetLine) -> Item:
    item = line.listener_set
    return {
        "namespace": item.namespace,
        "name": item.name,
        "parentRef": _parent_ref(item.parent),
        "conditions": _conditions(line.conditions),
        "listeners": [_listener(one) for one in line.listeners],
        **place_fields(item.place),
    }


def _parent_ref(ref: ParentRef) -> Item:
    item = {"group": ref.group, "kind": ref.kind, "namespace": ref.namespace, "name": ref.name}
    return with_set(item, sectionName=ref.section, port=ref.port)


def _route(line: RouteLine) -> Item:
    route = line.route
    return {
        "kind": route.kind,
        "namespace": route.namespace,
        "name": route.name,
        "hostnames": list(route.hostnames),
        "parents": [_parent(item) for item in line.parents],
        "rules": [_rule(item) for item in line.rules],
        **place_fields(route.place),
    }


def _parent(line: ParentLine) -> Item:
    status = line.status
    item: dict[str, Any] = {"parentRef": _parent_ref(status.parent)}
    with_set(item, controllerName=status.controller)
    item["conditions"] = _conditions(status.conditions)
    item["listeners"] = [binding.bound.listener.name for binding in line.bindings]
    return with_set(item, servicePorts=[binding.port for binding in line.mesh if binding.port is not None])


def _rule(line: RuleLine) -> Item:
    item: dict[str, Any] = {"rule": line.position, **with_set({}, name=line.rule.name)}
    if not line.matches:
        item |= _reach(line.reach[0])
    item["matches"] = [
        {"match": number, "text": text, **_reach(found)}
        for number, (text, found) in enumerate(zip(line.matches, line.reach, strict=bool(line.matches)))
    ]
    item["backends"] = [_backend(one) for one in line.backends if not one.mirror]
    with_set(item, mirrors=[_backend(one) for one in line.backends if one.mirror], status=int(line.failure or 0))
    if line.redirect is not None:
        item["redirect"] = _redirect(line.redirect)
    return {**item, **place_fields(line.rule.place)}


def _reach(found: MatchReach | None) -> dict[str, Any]:
    if found is None:
        return {}
    item: dict[str, Any] = {"reached": found.verdict.value}
    if found.verdict is Ever.NO:
        item["shadowedBy"] = [_chosen(one) for one in found.shadowed_by]
    if found.witness is not None:
        item |= {"witness": request_item(found.witness), "door": found.door}
    return item


def _chosen(chosen: Chosen) -> Item:
    item: dict[str, Any] = {"kind": chosen.kind, "namespace": chosen.namespace, "name": chosen.name}
    item["rule"] = chosen.rule
    if chosen.match >= 0:
        item["match"] = chosen.match
    return {**item, **place_fields(chosen.place)}


def request_item(request: Request) -> Item:
    """Return a request as `trace --requests` takes it: the query is part of the path."""
    query = "&".join(f"{name}={value}" for name, value in request.query)
    path = f"{request.path}?{query}" if query else request.path
    item: dict[str, Any] = {"protocol": request.scheme.value}
    with_set(item, host=request.host)
    item["port"] = request.port
    if request.scheme in (Scheme.HTTP, Scheme.HTTPS, Scheme.GRPC):
        item |= {"path": path, "method": request.method}
    return with_set(item, headers=dict(request.headers), sni=request.sni)


def _way(way: Way) -> Item:
    item: dict[str, Any] = {"door": way.frontend.label, "hosts": list(way.hosts), "paths": list(way.paths)}
    with_set(item, methods=list(way.methods), headers=list(way.headers), query=list(way.query))
    item |= {"rules": [_chosen(one) for one in way.rules], "certain": way.certain, "mirrored": way.mirrored}
    return with_set(item, witness=request_item(way.witness) if way.witness is not None else None)


def _redirect(redirect: Redirect) -> Item:
    path = redirect.path.value if redirect.path is not None else ""
    item: dict[str, Any] = {"status": redirect.status}
    return with_set(item, scheme=redirect.scheme, host=redirect.hostname, port=redirect.port, path=path)


def _backend(line: BackendLine) -> Item:
    share = line.share
    item: dict[str, Any] = {"namespace": share.namespace, "name": share.name}
    with_set(item, port=share.port, kind=share.kind if share.kind != "Service" else "")
    item["weight"] = share.weight
    with_set(item, problem=share.problem, message=line.message, unknown=[reason_item(one) for one in line.reasons])
    return {**item, **place_fields(share.place)}


def _policy(line: PolicyStatus) -> Item:
    policy = line.policy
    return {
        "namespace": policy.namespace,
        "name": policy.name,
        "targets": [
            with_set({"group": target.group, "kind": target.kind, "name": target.name}, sectionName=target.section)
            for target in policy.targets
        ],
        "conditions": _conditions(line.conditions),
        "ancestors": [_ancestor(gateway, line) for gateway in line.ancestors],
        **place_fields(policy.place),
    }


def _ancestor(gateway: Gateway, line: PolicyStatus) -> Item:
    ref = ParentRef(namespace=gateway.namespace, name=gateway.name)
    return {"ancestorRef": _parent_ref(ref), "conditions": _conditions(line.conditions)}


def _ingress(line: IngressLine) -> Item:
    ingress = line.ingress
    item: dict[str, Any] = {"namespace": ingress.namespace, "name": ingress.name}
    with_set(item, controllerName=line.controller, addresses=list(ingress.addresses))
    item["class"] = line.class_name
    item["paths"] = [_path(one) for one in line.paths]
    with_set(item, unknown=[reason_item(one) for one in line.reasons])
    return {**item, **place_fields(ingress.place)}


def _path(line: PathLine) -> Item:
    item = with_set({}, host=line.host, pathType=line.type, path=line.path)
    return {**item, "backend": _backend(line.backend), **_reach(line.reach), **place_fields(line.place)}


def _openshift(line: OpenShiftLine) -> Item:
    route = line.route
    item: dict[str, Any] = {"namespace": route.namespace, "name": route.name}
    with_set(item, host=route.host, path=route.path, termination=route.termination)
    item["backends"] = [_backend(one) for one in line.backends]
    return {**item, **_reach(line.reach), **place_fields(route.place)}


def _fault(fault: Fault) -> Item:
    item: dict[str, Any] = {"object": fault.object}
    with_set(item, at=fault.at)
    item |= {"what": fault.what, "message": fault.message}
    with_set(item, hint=fault.hint)
    return {**item, "unknown": fault.unknown, **place_fields(fault.place)}

"""The status checks of the Gateway API's conformance tests, asked of the `Routes` document.

Each check has the name of the helper in sigs.k8s.io/gateway-api/conformance/utils/kubernetes and takes its arguments;
it returns what differs, or nothing. Observed generations are not compared: manifests have none.
"""

from __future__ import annotations

KINDS = ("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute")


class Document:
    def __init__(self, data):
        self.data = data

    def find(self, part, name, **fields):
        namespace, _, name = name.partition("/")
        wanted = {"namespace": namespace, "name": name, **fields}
        for item in self.data[part]:
            if all(item[key] == value for key, value in wanted.items()):
                return item
        raise LookupError(f"{part} has no {wanted}")


def check(document, name, args):
    """Return what differs from a check of this name, as a list of texts."""
    try:
        for kind in KINDS:
            if name.startswith(kind):
                return ROUTE_CHECKS[name.removeprefix(kind)](document, kind, *args)
        return CHECKS[name](document, *args)
    except LookupError as error:
        return [str(error)]


def differing(found, wanted):
    """Return the wanted conditions that are not found; a wanted one without a reason takes any."""
    have = {item["type"]: item for item in found}
    out = []
    for item in wanted:
        mine = have.get(item["type"], {})
        if mine.get("status") != item["status"] or item.get("reason", mine.get("reason")) != mine.get("reason"):
            out.append(f"{item} expected, found {mine or 'none'}")
    return out


def at(ref, name, kind="Gateway"):
    return (ref["kind"], f"{ref['namespace']}/{ref['name']}") == (kind, name)


# ---- routes


def parents_at(document, kind, route, parent):
    found = document.find("routes", route, kind=kind)["parents"]
    mine = [item for item in found if any(at(item["parentRef"], parent, word) for word in ("Gateway", "ListenerSet"))]
    if not mine:
        raise LookupError(f"{kind} {route} has no parent {parent}")
    return mine


def route_condition(document, kind, route, parent, wanted):
    every = [differing(item["conditions"], [wanted]) for item in parents_at(document, kind, route, parent)]
    return [] if [] in every else [text for texts in every for text in texts]


def resolved(document, kind, route, parent):
    wanted = {"type": "ResolvedRefs", "status": "True", "reason": "ResolvedRefs"}
    return [
        text for item in parents_at(document, kind, route, parent) for text in differing(item["conditions"], [wanted])
    ]


def no_accepted_parents(document, kind, route):
    found = document.find("routes", route, kind=kind)["parents"]
    return [f"accepted at {item['parentRef']}" for item in found
            if not differing(item["conditions"], [{"type": "Accepted", "status": "True"}])]  # fmt: skip


def route_parents(document, kind, route, wanted, _namespaced):
    found = document.find("routes", route, kind=kind)["parents"]
    if len(found) != len(wanted):
        return [f"{len(wanted)} parents expected, found {len(found)}"]
    out = []
    for mine, other in zip(found, wanted, strict=True):
        ref = {key: mine["parentRef"][key] for key in other["parentRef"]}
        if ref != other["parentRef"]:
            out.append(f"{other['parentRef']} expected, found {ref}")
        out += differing(mine["conditions"], other["conditions"])
    return out


def exists(document, kind, route):
    document.find("routes", route, kind=kind)
    return []


ROUTE_CHECKS = {
    "MustHaveCondition": route_condition,
    "MustHaveResolvedRefsConditionsTrue": resolved,
    "MustHaveNoAcceptedParents": no_accepted_parents,
    "MustHaveParents": route_parents,
    "MustHaveLatestConditions": exists,
}

# ---- Gateways, ListenerSets, policies


def accepted(document, where, kind, routes):
    out = []
    for route in routes:
        mine = parents_at(document, kind, route, where["gateway"])
        names = {name for item in mine for name in item["listeners"]}
        out += [f"{route}: listener {name} does not take it" for name in set(where.get("listeners", ())) - names]
        if all(differing(item["conditions"], [{"type": "Accepted", "status": "True"}]) for item in mine):
            out.append(f"{route} is not accepted by {where['gateway']}")
    return out


def accepted_by(document, where, kind, routes):
    """The conformance tests wait until each of these routes has a status of the parent; some are refused by others."""
    parent = f"{where['Namespace']}/{where['Name']}"
    out = []
    for route in routes:
        mine = parents_at(document, kind, route, parent)
        if all(differing(item["conditions"], [{"type": "Accepted", "status": "True"}]) for item in mine):
            out.append(f"{route} is not accepted by {parent}")
    return out


def gateway_condition(document, name, wanted):
    return differing(document.find("gateways", name)["conditions"], [wanted])


def gateway_exists(document, name):
    document.find("gateways", name)
    return []


def zero_routes(document, name):
    found = document.find("gateways", name)["listeners"]
    return [f"listener {item['name']} has {item['attachedRoutes']} routes" for item in found if item["attachedRoutes"]]


def attached_sets(document, name, wanted):
    found = document.find("gateways", name)["attachedListenerSets"]
    return [] if found == wanted else [f"{wanted} ListenerSets expected, found {found}"]


def listeners(part):
    def compare(document, name, wanted):
        found = {item["name"]: item for item in document.find(part, name)["listeners"]}
        if set(found) != {item["name"] for item in wanted}:
            return [f"other listeners: {sorted(found)}"]
        return [f"{item['name']}: {text}" for item in wanted for text in listener(found[item["name"]], item)]

    return compare


def listener(found, wanted):
    kinds = [(item.get("group"), item["kind"]) for item in found["supportedKinds"]]
    out = [f"{item} is not supported" for item in wanted.get("supportedKinds", ())
           if (item.get("group"), item["kind"]) not in kinds]  # fmt: skip
    count = wanted.get("attachedRoutes", found["attachedRoutes"])
    if count != found["attachedRoutes"]:
        out.append(f"{count} attached routes expected, found {found['attachedRoutes']}")
    return out + differing(found["conditions"], wanted["conditions"])


def gateway_listener(document, name, listener_name, wanted):
    found = {item["name"]: item for item in document.find("gateways", name)["listeners"]}
    return differing(found[listener_name]["conditions"], wanted)


def set_listeners(document, name, wanted, *names):
    found = document.find("listenerSets", name)["listeners"]
    return [
        text for item in found if not names or item["name"] in names for text in differing(item["conditions"], wanted)
    ]


def set_condition(document, name, wanted):
    return differing(document.find("listenerSets", name)["conditions"], [wanted])


def policy_condition(document, name, gateway, wanted):
    policy = document.find("backendTLSPolicies", name)
    mine = [item for item in policy["ancestors"] if at(item["ancestorRef"], gateway)]
    if not mine:
        return [f"{gateway} is no ancestor of {name}"]
    return [text for item in mine for text in differing(item["conditions"], [wanted])]


def policy_accepted(document, name, gateway):
    return policy_condition(document, name, gateway, {"type": "Accepted", "status": "True"})


def listeners_conditions(document, name, wanted, *names):
    found = document.find("gateways", name)["listeners"]
    return [
        text for item in found if not names or item["name"] in names for text in differing(item["conditions"], wanted)
    ]


def listener_of(document, name, listener_name):
    return {item["name"]: item for item in document.find("gateways", name)["listeners"]}[listener_name]


def listener_routes(document, name, listener_name, wanted):
    found = listener_of(document, name, listener_name)["attachedRoutes"]
    return [] if found == wanted else [f"{wanted} attached routes expected, found {found}"]


def listener_without(document, name, listener_name, kind):
    found = listener_of(document, name, listener_name)["conditions"]
    return [f"{item} is not expected" for item in found if item["type"] == kind]


CHECKS = {
    "accepted": accepted,
    "accepted-by": accepted_by,
    "GatewayMustHaveCondition": gateway_condition,
    "GatewayMustHaveLatestConditions": gateway_exists,
    "GatewayMustHaveZeroRoutes": zero_routes,
    "GatewayMustHaveAttachedListeners": attached_sets,
    "GatewayStatusMustHaveListeners": listeners("gateways"),
    "GatewayListenerMustHaveConditions": gateway_listener,
    "GatewayListenersMustHaveConditions": listeners_conditions,
    "GatewayListenerMustHaveAttachedRoutes": listener_routes,
    "GatewayListenerMustNotHaveCondition": listener_without,
    "ListenerSetStatusMustHaveListeners": listeners("listenerSets"),
    "ListenerSetListenersMustHaveConditions": set_listeners,
    "ListenerSetMustHaveCondition": set_condition,
    "BackendTLSPolicyMustHaveCondition": policy_condition,
    "BackendTLSPolicyMustHaveAcceptedConditionTrue": policy_accepted,
}

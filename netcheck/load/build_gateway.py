"""Validated Gateway API objects that hold listeners, and what these need, to the model (SEMANTICS GW-2 to GW-11).

Routes are built in `build_routes`.
"""

from __future__ import annotations

from typing import Any

from netcheck.load.admit import Admitted
from netcheck.load.build_policy import labels_of, selector_of
from netcheck.load.check_common import listing, mapping, text
from netcheck.load.report import Report
from netcheck.load.tree import Path
from netcheck.model.gateway import (
    GATEWAY_GROUP,
    AllowedNamespaces,
    BackendTLSPolicy,
    From,
    FrontendTLS,
    Gateway,
    GatewayAddress,
    GatewayClass,
    GrantFrom,
    GrantTo,
    Listener,
    ListenerSet,
    ObjectRef,
    ParentRef,
    PolicyTarget,
    ReferenceGrant,
    RouteKind,
)

_TERMINATE = "Terminate"


def number_of(value: Any) -> int:
    """Return a whole number, or 0 if the field is not set."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def created_of(item: Admitted) -> str:
    """Return `metadata.creationTimestamp`, or nothing."""
    return text(mapping(item.value.get("metadata")).get("creationTimestamp"))


def group_of(fields: dict[str, Any], default: str) -> str:
    """Return the API group of a reference: the default only if the field is not set, since `""` is the core group."""
    given = fields.get("group")
    return given if isinstance(given, str) else default


def parent_of(report: Report, value: Any, namespace: str, path: Path) -> ParentRef:
    """Return a parent reference, defaults applied (GW-12)."""
    fields = mapping(value)
    return ParentRef(
        group=group_of(fields, GATEWAY_GROUP),
        kind=text(fields.get("kind")) or "Gateway",
        namespace=text(fields.get("namespace")) or namespace,
        name=text(fields.get("name")),
        section=text(fields.get("sectionName")),
        port=number_of(fields.get("port")),
        place=report.place(path),
    )


def _reference(report: Report, value: Any, namespace: str, path: Path, kind: str = "") -> ObjectRef:
    fields = mapping(value)
    return ObjectRef(
        group=group_of(fields, ""),
        kind=text(fields.get("kind")) or kind,
        namespace=text(fields.get("namespace")) or namespace,
        name=text(fields.get("name")),
        place=report.place(path),
    )


def _references(report: Report, value: Any, namespace: str, path: Path, kind: str = "") -> tuple[ObjectRef, ...]:
    return tuple(
        _reference(report, entry, namespace, (*path, index), kind) for index, entry in enumerate(listing(value))
    )


def gateway_class(item: Admitted) -> GatewayClass:
    """Return a GatewayClass."""
    spec = mapping(item.value.get("spec"))
    return GatewayClass(name=item.name, controller=text(spec.get("controllerName")), place=item.place)


def _allowed(value: Any, default: From) -> AllowedNamespaces:
    """Return the namespaces let in; a selector that is asked for and not given selects nothing."""
    fields = mapping(value)
    written = text(fields.get("from"))
    source = From(written) if written else default
    if source is not From.SELECTOR:
        return AllowedNamespaces(source=source)
    if fields.get("selector") is None:
        return AllowedNamespaces(source=From.NONE)
    return AllowedNamespaces(source=source, selector=selector_of(fields["selector"]))


def _listeners(item: Admitted) -> tuple[Listener, ...]:
    entries = listing(mapping(item.value.get("spec")).get("listeners"))
    return tuple(_listener(item, mapping(entry), ("spec", "listeners", i)) for i, entry in enumerate(entries))


def _listener(item: Admitted, fields: dict[str, Any], path: Path) -> Listener:
    report, tls, allowed = item.report, fields.get("tls"), mapping(fields.get("allowedRoutes"))
    certificates = (*path, "tls", "certificateRefs")
    return Listener(
        name=text(fields.get("name")),
        port=number_of(fields.get("port")),
        protocol=text(fields.get("protocol")),
        hostname=text(fields.get("hostname")).lower(),
        tls_mode="" if tls is None else text(mapping(tls).get("mode")) or _TERMINATE,
        certificates=_references(
            report, mapping(tls).get("certificateRefs"), item.namespace, certificates, kind="Secret"
        ),
        namespaces=_allowed(allowed.get("namespaces"), From.SAME),
        kinds=tuple(_route_kind(mapping(entry)) for entry in listing(allowed.get("kinds"))),
        place=report.place(path),
    )


def _route_kind(fields: dict[str, Any]) -> RouteKind:
    return RouteKind(group=group_of(fields, GATEWAY_GROUP), kind=text(fields.get("kind")))


def gateway(item: Admitted) -> Gateway:
    """Return a Gateway, defaults applied (GW-3, GW-9, GW-10)."""
    spec, metadata = mapping(item.value.get("spec")), mapping(item.value.get("metadata"))
    return Gateway(
        namespace=item.namespace,
        name=item.name,
        class_name=text(spec.get("gatewayClassName")),
        listeners=_listeners(item),
        listener_sets=_allowed(mapping(spec.get("allowedListeners")).get("namespaces"), From.NONE),
        addresses=tuple(_address(mapping(entry)) for entry in listing(spec.get("addresses"))),
        assigned=_assigned(item.value),
        frontend=tuple(_frontend(item, spec)),
        backend_certificate=_backend_certificate(item, spec),
        infrastructure_labels=labels_of(mapping(spec.get("infrastructure")).get("labels")),
        default_scope=spec.get("defaultScope") == "All",
        annotations=labels_of(metadata.get("annotations")),
        created=created_of(item),
        place=item.place,
    )


def _address(fields: dict[str, Any]) -> GatewayAddress:
    return GatewayAddress(type=text(fields.get("type")) or "IPAddress", value=text(fields.get("value")))


def _assigned(value: dict[str, Any]) -> tuple[str, ...]:
    entries = listing(mapping(value.get("status")).get("addresses"))
    return tuple(found for entry in entries if (found := text(mapping(entry).get("value"))))


def _frontend(item: Admitted, spec: dict[str, Any]) -> list[FrontendTLS]:
    """Return the validation of client certificates, that of all ports first (`spec.tls.frontend`).

    Before v1.4 each listener had its own (`tls.frontendValidation`): it holds for the listener's port.
    """
    fields = mapping(mapping(spec.get("tls")).get("frontend"))
    path: Path = ("spec", "tls", "frontend")
    found = [(0, mapping(fields.get("default")).get("validation"), (*path, "default", "validation"))]
    for index, entry in enumerate(listing(fields.get("perPort"))):
        part = mapping(entry)
        at = (*path, "perPort", index, "tls", "validation")
        found.append((number_of(part.get("port")), mapping(part.get("tls")).get("validation"), at))
    for index, entry in enumerate(listing(spec.get("listeners"))):
        part = mapping(entry)
        at = ("spec", "listeners", index, "tls", "frontendValidation")
        found.append((number_of(part.get("port")), mapping(part.get("tls")).get("frontendValidation"), at))
    return [_validation(item, port, mapping(value), at) for port, value, at in found if value is not None]


def _validation(item: Admitted, port: int, fields: dict[str, Any], path: Path) -> FrontendTLS:
    at = (*path, "caCertificateRefs")
    return FrontendTLS(
        port=port,
        authorities=_references(item.report, fields.get("caCertificateRefs"), item.namespace, at),
        mode=text(fields.get("mode")) or "AllowValidOnly",
        place=item.report.place(path),
    )


def _backend_certificate(item: Admitted, spec: dict[str, Any]) -> ObjectRef | None:
    """Return the certificate that the Gateway shows to backends; before v1.4 `spec.backendTLS` named it."""
    for path in (("spec", "tls", "backend"), ("spec", "backendTLS")):
        value: Any = spec
        for key in path[1:]:
            value = mapping(value).get(key)
        reference = mapping(value).get("clientCertificateRef")
        if reference is not None:
            at = (*path, "clientCertificateRef")
            return _reference(item.report, reference, item.namespace, at, kind="Secret")
    return None


def listener_set(item: Admitted) -> ListenerSet:
    """Return a ListenerSet, or an XListenerSet of the API before v1.5, defaults applied (GW-10)."""
    spec = mapping(item.value.get("spec"))
    return ListenerSet(
        namespace=item.namespace,
        name=item.name,
        parent=parent_of(item.report, spec.get("parentRef"), item.namespace, ("spec", "parentRef")),
        listeners=_listeners(item),
        created=created_of(item),
        place=item.place,
    )


def reference_grant(item: Admitted) -> ReferenceGrant:
    """Return a ReferenceGrant (GW-26)."""
    spec = mapping(item.value.get("spec"))
    sources, targets = (map(mapping, listing(spec.get(key))) for key in ("from", "to"))
    return ReferenceGrant(
        namespace=item.namespace,
        name=item.name,
        sources=tuple(
            GrantFrom(
                group=text(entry.get("group")), kind=text(entry.get("kind")), namespace=text(entry.get("namespace"))
            )
            for entry in sources
        ),
        targets=tuple(
            GrantTo(group=text(entry.get("group")), kind=text(entry.get("kind")), name=text(entry.get("name")))
            for entry in targets
        ),
        place=item.place,
    )


def backend_tls(item: Admitted) -> BackendTLSPolicy:
    """Return a BackendTLSPolicy (GW-28), those of v1alpha2 too: one `targetRef`, and `tls` for `validation`."""
    spec = mapping(item.value.get("spec"))
    single = spec.get("targetRef")
    targets = listing(spec.get("targetRefs")) or ([single] if single is not None else [])
    part = "validation" if spec.get("validation") is not None else "tls"
    fields = mapping(spec.get(part))
    listed = "caCertificateRefs" if fields.get("caCertificateRefs") is not None else "caCertRefs"
    well_known = text(fields.get("wellKnownCACertificates")) or text(fields.get("wellKnownCACerts"))
    return BackendTLSPolicy(
        namespace=item.namespace,
        name=item.name,
        targets=tuple(_target(mapping(entry)) for entry in targets),
        hostname=text(fields.get("hostname")).lower(),
        authorities=_references(item.report, fields.get(listed), item.namespace, ("spec", part, listed)),
        well_known=well_known,
        created=created_of(item),
        place=item.place,
    )


def _target(fields: dict[str, Any]) -> PolicyTarget:
    return PolicyTarget(
        group=text(fields.get("group")),
        kind=text(fields.get("kind")),
        name=text(fields.get("name")),
        section=text(fields.get("sectionName")),
    )

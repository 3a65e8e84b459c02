"""Ingress, IngressClass and OpenShift Route to the model (SEMANTICS ING-2 to ING-11, ING-15)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netcheck.load.admit import Admitted
from netcheck.load.build_policy import labels_of
from netcheck.load.check_common import listing, mapping, text
from netcheck.load.tree import Path
from netcheck.model.routes import (
    Ingress,
    IngressBackend,
    IngressClass,
    IngressPath,
    IngressRule,
    IngressTLS,
    OpenShiftBackend,
    OpenShiftRoute,
)

_CLASS_ANNOTATION = "kubernetes.io/ingress.class"
_DEFAULT_ANNOTATION = "ingressclass.kubernetes.io/is-default-class"
_FULL_WEIGHT = 100


def ingress_class(item: Admitted) -> IngressClass:
    """Return an IngressClass (ING-3)."""
    annotations = mapping(mapping(item.value.get("metadata")).get("annotations"))
    return IngressClass(
        name=item.name,
        controller=text(mapping(item.value.get("spec")).get("controller")),
        default=annotations.get(_DEFAULT_ANNOTATION) == "true",
        place=item.place,
    )


def ingress(item: Admitted) -> Ingress:
    """Return an Ingress."""
    spec, metadata = mapping(item.value.get("spec")), mapping(item.value.get("metadata"))
    annotations = labels_of(metadata.get("annotations"))
    return Ingress(
        namespace=item.namespace,
        name=item.name,
        class_name=text(spec.get("ingressClassName")),
        class_annotation=annotations.get(_CLASS_ANNOTATION, ""),
        default_backend=_backend(item, spec.get("defaultBackend"), ("spec", "defaultBackend")),
        rules=tuple(
            _rule(item, mapping(entry), ("spec", "rules", index))
            for index, entry in enumerate(listing(spec.get("rules")))
        ),
        tls=tuple(
            _tls(item, mapping(entry), ("spec", "tls", index)) for index, entry in enumerate(listing(spec.get("tls")))
        ),
        addresses=_addresses(item.value),
        annotations=annotations,
        created=text(metadata.get("creationTimestamp")),
        place=item.place,
    )


def _addresses(value: dict[str, Any]) -> tuple[str, ...]:
    entries = listing(mapping(mapping(value.get("status")).get("loadBalancer")).get("ingress"))
    found = (text(mapping(entry).get("ip")) or text(mapping(entry).get("hostname")) for entry in entries)
    return tuple(item for item in found if item)


def _backend(item: Admitted, value: Any, path: Path) -> IngressBackend | None:
    if value is None:
        return None
    service, resource = mapping(mapping(value).get("service")), mapping(mapping(value).get("resource"))
    named = f"{text(resource.get('kind'))}/{text(resource.get('name'))}" if resource else ""
    return IngressBackend(
        service=text(service.get("name")), port=_service_port(service), resource=named, place=item.report.place(path)
    )


def _service_port(service: dict[str, Any]) -> int | str | None:
    port = mapping(service.get("port"))
    number = port.get("number")
    return number if isinstance(number, int) and number else text(port.get("name")) or None


def _rule(item: Admitted, rule: dict[str, Any], path: Path) -> IngressRule:
    http = rule.get("http")
    paths = None
    if http is not None:
        at = (*path, "http", "paths")
        entries = listing(mapping(http).get("paths"))
        paths = tuple(_path(item, mapping(entry), (*at, index)) for index, entry in enumerate(entries))
    return IngressRule(host=text(rule.get("host")).lower(), paths=paths, place=item.report.place(path))


def _path(item: Admitted, entry: dict[str, Any], path: Path) -> IngressPath:
    backend = _backend(item, entry.get("backend"), (*path, "backend"))
    return IngressPath(
        type=text(entry.get("pathType")),
        path=text(entry.get("path")),
        backend=backend or IngressBackend(place=item.report.place(path)),
        place=item.report.place(path),
    )


def _tls(item: Admitted, entry: dict[str, Any], path: Path) -> IngressTLS:
    return IngressTLS(
        hosts=tuple(text(host).lower() for host in listing(entry.get("hosts"))),
        secret=text(entry.get("secretName")),
        place=item.report.place(path),
    )


def openshift_route(item: Admitted) -> OpenShiftRoute:
    """Return an OpenShift Route, defaults applied; a host that the router made up is read from its status."""
    spec, metadata = mapping(item.value.get("spec")), mapping(item.value.get("metadata"))
    tls = mapping(spec.get("tls"))
    return OpenShiftRoute(
        namespace=item.namespace,
        name=item.name,
        host=(text(spec.get("host")) or _made_up_host(item.value)).lower(),
        path=text(spec.get("path")),
        backends=tuple(_openshift_backends(item, spec)),
        target_port=_target_port(spec),
        termination=text(tls.get("termination")).lower(),
        insecure=text(tls.get("insecureEdgeTerminationPolicy")) or "None",
        subdomain=spec.get("wildcardPolicy") == "Subdomain",
        labels=labels_of(metadata.get("labels")),
        created=text(metadata.get("creationTimestamp")),
        place=item.place,
    )


def _made_up_host(value: dict[str, Any]) -> str:
    entries = listing(mapping(value.get("status")).get("ingress"))
    return next((host for entry in entries if (host := text(mapping(entry).get("host")))), "")


def _target_port(spec: dict[str, Any]) -> int | str | None:
    written = mapping(spec.get("port")).get("targetPort")
    if isinstance(written, str):
        return int(written) if written.isdecimal() else written or None
    return written if isinstance(written, int) and not isinstance(written, bool) and written else None


def _openshift_backends(item: Admitted, spec: dict[str, Any]) -> Iterator[OpenShiftBackend]:
    alternates = [
        (entry, ("spec", "alternateBackends", i)) for i, entry in enumerate(listing(spec.get("alternateBackends")))
    ]
    given: list[tuple[Any, Path]] = [(spec.get("to"), ("spec", "to")), *alternates]
    for value, path in given:
        fields = mapping(value)
        name, weight = text(fields.get("name")), fields.get("weight")
        if name and (text(fields.get("kind")) or "Service") == "Service":
            heavy = weight if isinstance(weight, int) and not isinstance(weight, bool) else _FULL_WEIGHT
            yield OpenShiftBackend(service=name, weight=heavy, place=item.report.place(path))

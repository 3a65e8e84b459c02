"""Backends of Ingress and Route objects to the model (SEMANTICS ING-8, ING-15)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netcheck.load.admit import Admitted
from netcheck.load.check_common import listing, mapping, text
from netcheck.model.routes import Entry


def ingress_entries(item: Admitted) -> Iterator[Entry]:
    """Yield every Service backend of an Ingress, the default backend first."""
    spec = mapping(item.value.get("spec"))
    yield from _ingress_backend(item, spec.get("defaultBackend"))
    for rule in listing(spec.get("rules")):
        for path in listing(mapping(mapping(rule).get("http")).get("paths")):
            yield from _ingress_backend(item, mapping(path).get("backend"))


def _ingress_backend(item: Admitted, backend: Any) -> Iterator[Entry]:
    service = mapping(mapping(backend).get("service"))
    name = text(service.get("name"))
    if name:
        port = mapping(service.get("port"))
        number = port.get("number")
        yield _entry(item, name, number if isinstance(number, int) else text(port.get("name")) or None, target=False)


def route_entries(item: Admitted) -> Iterator[Entry]:
    """Yield every Service backend of an OpenShift Route."""
    spec = mapping(item.value.get("spec"))
    port = mapping(spec.get("port")).get("targetPort")
    for backend in (spec.get("to"), *listing(spec.get("alternateBackends"))):
        name = text(mapping(backend).get("name"))
        if name and mapping(backend).get("kind", "Service") == "Service":
            yield _entry(item, name, port if isinstance(port, (int, str)) else None, target=True)


def _entry(item: Admitted, service: str, port: int | str | None, *, target: bool) -> Entry:
    return Entry(
        kind=item.kind,
        namespace=item.namespace,
        name=item.name,
        service=service,
        port=port,
        target=target,
        place=item.place,
    )

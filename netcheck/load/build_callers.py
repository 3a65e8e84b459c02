"""Who calls Services without being a pod's own business: the API server's webhooks, and Prometheus (SEMANTICS NP-22)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netcheck.load.admit import Admitted
from netcheck.load.build_policy import selector_of
from netcheck.load.check_common import listing, mapping, text
from netcheck.load.tree import Path
from netcheck.model.objects import Monitor, Webhook
from netcheck.values.labels import Operator

_HTTPS = 443
_OPERATORS = {operator.value for operator in Operator}


def webhooks(item: Admitted) -> Iterator[Webhook]:
    """Yield every Service that the API server calls because of a webhook configuration, a CRD or an APIService."""
    spec = mapping(item.value.get("spec"))
    if item.kind == "APIService":
        yield from _webhook(item, mapping(spec.get("service")), ("spec", "service"))
    elif item.kind == "CustomResourceDefinition":
        yield from _conversion(item, mapping(spec.get("conversion")))
    else:
        for index, entry in enumerate(listing(item.value.get("webhooks"))):
            hook = mapping(entry)
            service = mapping(mapping(hook.get("clientConfig")).get("service"))
            open_ = hook.get("failurePolicy") == "Ignore"
            yield from _webhook(item, service, ("webhooks", index), text(hook.get("name")), fails_open=open_)


def _conversion(item: Admitted, conversion: dict[str, Any]) -> Iterator[Webhook]:
    if conversion.get("strategy") != "Webhook":
        return
    current = mapping(mapping(conversion.get("webhook")).get("clientConfig"))
    config = current or mapping(conversion.get("webhookClientConfig"))
    yield from _webhook(item, mapping(config.get("service")), ("spec", "conversion"))


def _webhook(
    item: Admitted, service: dict[str, Any], path: Path, webhook: str = "", *, fails_open: bool = False
) -> Iterator[Webhook]:
    """Yield the webhook iff it names a Service: others are URLs, or the API server's own."""
    name, namespace, port = text(service.get("name")), text(service.get("namespace")), service.get("port")
    if name and namespace:
        yield Webhook(
            kind=item.kind,
            name=item.name,
            webhook=webhook,
            service_namespace=namespace,
            service=name,
            port=port if isinstance(port, int) and not isinstance(port, bool) else _HTTPS,
            fails_open=fails_open,
            place=item.report.place(path),
        )


def monitor(item: Admitted) -> Monitor | None:
    """Return a ServiceMonitor or PodMonitor, or None if its selector says nothing that Prometheus could read."""
    spec = mapping(item.value.get("spec"))
    if not _is_selector(spec.get("selector")):
        return None
    return Monitor(
        kind=item.kind,
        namespace=item.namespace,
        name=item.name,
        selector=selector_of(spec.get("selector")),
        namespaces=_namespaces(item, mapping(spec.get("namespaceSelector"))),
        ports=tuple(dict.fromkeys(_ports(item, spec))),
        place=item.place,
    )


def _is_selector(value: Any) -> bool:
    fields = mapping(value)
    labels = mapping(fields.get("matchLabels"))
    return all(isinstance(found, str) for found in labels.values()) and all(
        _is_requirement(mapping(entry)) for entry in listing(fields.get("matchExpressions"))
    )


def _is_requirement(fields: dict[str, Any]) -> bool:
    operator, values = fields.get("operator"), listing(fields.get("values"))
    needs_values = operator in ("In", "NotIn")
    return bool(text(fields.get("key"))) and operator in _OPERATORS and bool(values) == needs_values


def _namespaces(item: Admitted, fields: dict[str, Any]) -> frozenset[str] | None:
    if fields.get("any") is True:
        return None
    named = frozenset(text(name) for name in listing(fields.get("matchNames")) if text(name))
    return named or frozenset({item.namespace})


def _ports(item: Admitted, spec: dict[str, Any]) -> Iterator[int | str]:
    field = "podMetricsEndpoints" if item.kind == "PodMonitor" else "endpoints"
    for entry in map(mapping, listing(spec.get(field))):
        for key in ("port", "portNumber", "targetPort"):
            found = entry.get(key)
            if isinstance(found, (int, str)) and not isinstance(found, bool) and found:
                yield found
                break

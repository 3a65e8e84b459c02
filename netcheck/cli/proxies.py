"""What the user says of proxies and names: `--ingress-controller` and `--cluster-domain`, and their configuration."""

from __future__ import annotations

from collections.abc import Mapping

from netcheck.errors import UsageError
from netcheck.load import names
from netcheck.model.routes import Controller

_FORM = "ingress-nginx/app.kubernetes.io/name=ingress-nginx, with CLASS= before it for one class"


def controller(text: str) -> Controller:
    """Return what `[CLASS=]NAMESPACE/LABELS` says, labels written as `k=v,k2=v2`.

    Raises:
        UsageError: it says something else.
    """
    head, slash, tail = text.partition("/")
    serves, equals, namespace = head.rpartition("=")
    if not slash or (equals and not serves):
        raise UsageError(f"--ingress-controller: `{text}` must be [CLASS=]NAMESPACE/LABELS\n  hint: e.g. {_FORM}")
    labels = {}
    for part in (part.strip() for part in tail.split(",")):
        key, is_pair, value = part.partition("=")
        if not is_pair:
            raise UsageError(f"--ingress-controller: `{part}` must be LABEL=VALUE\n  hint: e.g. {_FORM}")
        labels[key.strip()] = value.strip()
    try:
        return checked(Controller(namespace=namespace.strip(), labels=labels, serves=serves.strip()))
    except ValueError as error:
        raise UsageError(f"--ingress-controller: {error}\n  hint: e.g. {_FORM}") from None


def checked(found: Controller) -> Controller:
    """Return a controller whose names and labels can exist.

    Raises:
        ValueError: one cannot; the message says which.
    """
    for what, value, faults in (
        ("a namespace", found.namespace, names.dns_label(found.namespace)),
        ("a class", found.serves, names.dns_subdomain(found.serves) if found.serves else ()),
    ):
        if faults:
            raise ValueError(f"`{value}` cannot be the name of {what}: {faults[0]}")
    _check_labels(found.labels)
    return found


def _check_labels(labels: Mapping[str, str]) -> None:
    if not labels:
        raise ValueError("a controller needs labels: they tell its pods from others")
    for key, value in labels.items():
        faults = names.qualified_name(key) or names.label_value(value)
        if faults:
            raise ValueError(f"`{key}={value}` cannot be a label: {faults[0]}")


def cluster_domain(text: str, option: str = "--cluster-domain") -> str:
    """Return the zone of the cluster's names, without the final dot.

    Raises:
        UsageError: it is not a DNS name.
    """
    domain = text.strip().rstrip(".").lower()
    faults = names.dns_subdomain(domain)
    if faults:
        raise UsageError(
            f"{option}: `{text}` is not a DNS name: {faults[0]}\n  hint: the default is cluster.local; "
            "pods have theirs in /etc/resolv.conf, behind `svc.`"
        )
    return domain

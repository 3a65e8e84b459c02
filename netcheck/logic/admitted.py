"""Which namespaces a listener or Gateway lets in (GW-9, GW-10), with labels that nobody knows."""

from __future__ import annotations

from netcheck.model.cluster import Cluster
from netcheck.model.gateway import AllowedNamespaces, From
from netcheck.model.objects import NAMESPACE_NAME_LABEL
from netcheck.values.labels import LabelSelector


def lets_in(cluster: Cluster, allowed: AllowedNamespaces, own: str, namespace: str) -> bool | None:
    """Return whether objects of `namespace` are let in by one of the namespace `own`; None: its labels would tell."""
    match allowed.source:
        case From.ALL:
            return True
        case From.SAME:
            return own == namespace
        case From.NONE:
            return False
        case From.SELECTOR:
            return _selects(cluster, allowed.selector or LabelSelector.everything(), namespace)


def _selects(cluster: Cluster, selector: LabelSelector, namespace: str) -> bool | None:
    found = cluster.namespaces.get(namespace)
    labels = dict(found.labels) if found is not None else {NAMESPACE_NAME_LABEL: namespace}
    known = found is not None and found.labels_known
    open_ones = False
    for requirement in selector.requirements:
        if known or requirement.key in labels:
            if not requirement.matches(labels.get(requirement.key)):
                return False
        else:
            open_ones = True
    return None if open_ones else True

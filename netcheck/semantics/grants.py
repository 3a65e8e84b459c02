"""Whether an object may refer to one in another namespace: ReferenceGrant, GW-26."""

from __future__ import annotations

from dataclasses import dataclass

from netcheck.model.gateway import ReferenceGrant
from netcheck.semantics.settling import Setting


@dataclass(frozen=True, slots=True)
class Referrer:
    """Who refers."""

    group: str
    kind: str
    namespace: str


@dataclass(frozen=True, slots=True)
class Target:
    """What is referred to."""

    group: str
    kind: str
    namespace: str
    name: str


def permitted(setting: Setting, source: Referrer, target: Target) -> bool:
    """GW-26: within a namespace always; else by some grant, which may be there in a namespace that is not known."""
    if source.namespace == target.namespace:
        return True
    if any(grants(item, source, target) for item in setting.cluster.grants):
        return True
    what = f"a ReferenceGrant in `{target.namespace}` from {source.kind} in `{source.namespace}` to {target.kind}"
    return setting.exists(target.namespace, f"{what} {target.namespace}/{target.name}", "GW-26")


def grants(grant: ReferenceGrant, source: Referrer, target: Target) -> bool:
    """GW-26: it lies in the target's namespace, some `from` is the referrer, and some `to` is the target."""
    return (
        grant.namespace == target.namespace
        and any((item.group, item.kind, item.namespace) == _key(source) for item in grant.sources)
        and any(
            (item.group, item.kind) == (target.group, target.kind) and item.name in ("", target.name)
            for item in grant.targets
        )
    )


def _key(source: Referrer) -> tuple[str, str, str]:
    return (source.group, source.kind, source.namespace)

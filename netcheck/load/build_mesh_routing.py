"""Objects of service meshes that may redirect requests: which names they are about, so that the others are left alone."""

from __future__ import annotations

from netcheck.load.admit import Admitted
from netcheck.load.check_common import listing, mapping, text
from netcheck.model.cluster import Unfollowed


def unfollowed(item: Admitted) -> Unfollowed:
    """Return what is known of an object that nothing follows."""
    return Unfollowed(
        group=item.group,
        kind=item.kind,
        namespace=item.namespace,
        name=item.name,
        hosts=_hosts(item),
        place=item.place,
    )


def _hosts(item: Admitted) -> tuple[str, ...] | None:
    """Return the names that the object is about; None: it is not about names, or they cannot be read."""
    spec = mapping(item.value.get("spec"))
    if item.kind == "VirtualService" and not _is_for_the_mesh(spec.get("gateways")):
        return ()
    if item.kind in ("VirtualService", "ServiceEntry"):
        found = [text(host).lower() for host in listing(spec.get("hosts"))]
    elif item.kind == "DestinationRule":
        found = [text(spec.get("host")).lower()]
    elif item.kind == "ServiceProfile":
        found = [item.name.lower()]
    else:
        return None
    return tuple(found) if found and all(found) else None


def _is_for_the_mesh(gateways: object) -> bool:
    """Return whether requests between pods follow a VirtualService: it names no Gateway, or `mesh` among them."""
    return not listing(gateways) or "mesh" in listing(gateways)

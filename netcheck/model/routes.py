"""Ways in from the outside that a proxy of the cluster serves: only what of them is read so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from netcheck.errors import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A backend of an Ingress or an OpenShift Route.

    Attributes:
        kind: `Ingress` or `Route`; with `namespace` and `name` its object.
        service: the Service's name in the same namespace (ING-8).
        port: an Ingress names a Service port by number or name; a Route a target port, or none for all.
        target: whether `port` is the pods' port (Route) and not the Service's (Ingress).
    """

    kind: str
    namespace: str
    name: str
    service: str
    port: int | str | None = None
    target: bool = False
    place: Place | None = field(default=None, compare=False)

    @property
    def label(self) -> str:
        """`Kind namespace/name`."""
        return f"{self.kind} {self.namespace}/{self.name}"

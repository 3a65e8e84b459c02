"""What manifests tell of who talks to whom beside policies and routes: names in the configuration of containers."""

from __future__ import annotations

from dataclasses import dataclass, field

from netcheck.errors import Place
from netcheck.model.objects import WorkloadId


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A host that the configuration of a workload's containers names.

    Attributes:
        owner: the workload whose template says so; of a Pod object: of kind `Pod`.
        host: as written, in lower case; of an IPv6 address without brackets.
        port: as written beside it, or of the variable that goes with it; None: not told.
        scheme: of a URL, in lower case; else empty.
        where: `env DB_HOST`, `args`, `ConfigMap shop/web`.
        bare: whether it stands there without scheme, port and dot, so that only what the variable is called tells that
            it is a host.
        in_file: whether it stands in a file that is mounted, or in a text of several words: these also hold what is no
            destination.
    """

    owner: WorkloadId
    host: str
    port: int | None = None
    scheme: str = ""
    where: str
    bare: bool = False
    in_file: bool = False
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiClient:
    """A service account that some binding gives rights at the API server."""

    namespace: str
    service_account: str
    binding: str
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All mentions and bindings of an input, sorted."""

    mentions: tuple[Mention, ...] = ()
    api_clients: tuple[ApiClient, ...] = ()

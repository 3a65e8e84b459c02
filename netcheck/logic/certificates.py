"""Secrets and ConfigMaps that Gateways and policies refer to: whether they may, and whether they hold what is needed.

What is not loaded is taken to exist: Secrets are rarely among manifests, and certificates of authorities are often put
into the cluster by other programs. Only in a whole input is an authority that is not there absent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netcheck.logic.grants import Grants
from netcheck.model.cluster import Cluster
from netcheck.model.gateway import GrantFrom, Material, ObjectRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What becomes of one reference. `reason` is the API's word for the failure, or empty; then `message` says which.

    `missing` tells what is not known; with it the reference may be good or bad.
    """

    reason: str = ""
    message: str = ""
    missing: str = ""

    @property
    def good(self) -> bool:
        """Whether nothing is wrong, as far as is known."""
        return not self.reason


GOOD = Reference()


class Certificates:
    """The key material of a cluster, by identity."""

    def __init__(self, cluster: Cluster, grants: Grants) -> None:
        self._grants = grants
        self._whole = cluster.whole
        self._found = {(item.kind, item.namespace, item.name): item for item in cluster.materials}

    def keypair(self, source: GrantFrom, ref: ObjectRef, reason: str = "InvalidCertificateRef") -> Reference:
        """Return what becomes of a reference to a server's or client's certificate; `reason` names a bad one."""
        if (ref.group, ref.kind) != ("", "Secret"):
            return Reference(reason=reason, message=f"`{ref.kind}` is not a kind of certificate, a Secret is")
        refused = self._refused(source, ref)
        if refused is not None:
            return refused
        found = self._material(ref)
        if found is None or found.keypair:
            return GOOD
        return Reference(reason=reason, message=f"Secret `{ref.namespace}/{ref.name}` holds no usable key pair")

    def authority(self, source: GrantFrom, ref: ObjectRef, *, kind_reason: str) -> Reference:
        """Return what becomes of a reference to certificates of authorities; `kind_reason` names a wrong kind."""
        if ref.group or ref.kind not in ("ConfigMap", "Secret"):
            return Reference(reason=kind_reason, message=f"`{ref.kind}` holds no certificates of authorities")
        refused = self._refused(source, ref)
        if refused is not None:
            return refused
        found, what = self._material(ref), f"{ref.kind} `{ref.namespace}/{ref.name}`"
        if found.authority if found is not None else not self._whole:
            return GOOD
        message = f"{what} is not in the input" if found is None else f"{what} holds no PEM certificate in `ca.crt`"
        return Reference(reason="InvalidCACertificateRef", message=message)

    def _refused(self, source: GrantFrom, ref: ObjectRef) -> Reference | None:
        permitted = self._grants.permits(source, ref)
        if permitted:
            return None
        what = f"{ref.kind} `{ref.namespace}/{ref.name}`"
        if permitted is None:
            return Reference(missing=f"whether a ReferenceGrant in `{ref.namespace}` permits {what}")
        return Reference(reason="RefNotPermitted", message=f"no ReferenceGrant in `{ref.namespace}` permits {what}")

    def _material(self, ref: ObjectRef) -> Material | None:
        return self._found.get((ref.kind, ref.namespace, ref.name))


def first_bad(found: Sequence[Reference]) -> Reference:
    """Return the first bad reference, else the first that is not known, else a good one."""
    bad = next((item for item in found if item.reason), None)
    return bad or next((item for item in found if item.missing), GOOD)

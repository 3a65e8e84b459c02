"""Secrets and ConfigMaps to what a Gateway may need of them: whether they look like keys and certificates.

The contents are looked at once and never kept (GW-24, GW-28).
"""

from __future__ import annotations

import base64
import binascii
import re

from netcheck.load.admit import Admitted
from netcheck.load.check_common import mapping, text
from netcheck.model.gateway import Material

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\s(.*?)-----END \1-----", re.DOTALL)
_CERTIFICATES = ("CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CERTIFICATE")
_SEQUENCE = 0x30
"""The first byte of every DER certificate or key."""


def material(item: Admitted) -> Material:
    """Return whether a Secret or ConfigMap holds a pair of key and certificate, or certificates of an authority."""
    return Material(
        kind=item.kind,
        namespace=item.namespace,
        name=item.name,
        keypair=_has(item, "tls.crt", certificate=True) and _has(item, "tls.key", certificate=False),
        authority=_has(item, "ca.crt", certificate=True),
        place=item.place,
    )


def _has(item: Admitted, key: str, *, certificate: bool) -> bool:
    written = _plain(item, key)
    return bool(written) and _is_pem(written, certificate=certificate)


def _plain(item: Admitted, key: str) -> str:
    """Return the text under a key: `stringData` wins over `data`, which is base64 in a Secret alone."""
    if item.kind != "Secret":
        return text(mapping(item.value.get("data")).get(key))
    given = text(mapping(item.value.get("stringData")).get(key))
    if given:
        return given
    try:
        return base64.b64decode(text(mapping(item.value.get("data")).get(key)), validate=False).decode("ascii")
    except (binascii.Error, ValueError):
        return ""


def _is_pem(written: str, *, certificate: bool) -> bool:
    """Return whether the text holds a PEM block of the right sort and no block of that sort is damaged."""
    blocks = [
        body
        for label, body in _BLOCK.findall(written)
        if (label in _CERTIFICATES if certificate else label.endswith("PRIVATE KEY"))
    ]
    return bool(blocks) and all(_decodes(body) for body in blocks)


def _decodes(body: str) -> bool:
    # Old keys have headers (`Proc-Type: ...`) before an empty line.
    lines = [line.strip() for line in body.splitlines() if ":" not in line]
    try:
        found = base64.b64decode("".join(lines), validate=True)
    except (binascii.Error, ValueError):
        return False
    return found[:1] == bytes([_SEQUENCE])

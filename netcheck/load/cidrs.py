"""Addresses and CIDRs as API servers parse them: leniently until 1.35, strictly from 1.36 (SEMANTICS NP-19)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache

_MAPPED = 0xFFFF << 32
_MAPPED_MASK = ((1 << 96) - 1) << 32
_DIGITS = re.compile(r"[0-9]+\Z")


@dataclass(frozen=True, slots=True)
class Address:
    """An address. `legacy` says why servers with strict validation refuse the text; empty when they do not."""

    version: int
    number: int
    text: str
    legacy: str = ""


@dataclass(frozen=True, slots=True)
class Cidr:
    """A CIDR, host bits masked: `stated_length` is the prefix length that the text itself gives."""

    version: int
    first: int
    length: int
    stated_length: int
    text: str
    legacy: str = ""

    def holds_strictly(self, other: Cidr) -> bool:
        """Return whether `other` is a strict subset, as ValidateIPBlock tests it (SEMANTICS NP-17)."""
        bits = 32 if self.version == 4 else 128
        return (
            other.version == self.version
            and other.first >> (bits - self.length) == self.first >> (bits - self.length)
            and other.stated_length > self.stated_length
        )


def _v4(text: str) -> tuple[int, bool] | None:
    """Return the number of a dotted quad and whether an octet has leading zeros."""
    parts = text.split(".")
    if len(parts) != 4 or not all(_DIGITS.match(part) for part in parts) or any(len(part) > 12 for part in parts):
        return None
    numbers = [int(part) for part in parts]
    if max(numbers) > 255:
        return None
    number = int.from_bytes(bytes(numbers), "big")
    return number, any(len(part) > 1 and part[0] == "0" for part in parts)


@lru_cache(maxsize=4096)
def parse_address(text: str) -> Address | None:
    """Return the address that a text means to a lenient server, or None."""
    if ":" not in text:
        plain = _v4(text)
        if plain is None:
            return None
        legacy = "must not have leading 0s" if plain[1] else ""
        return Address(4, plain[0], str(ipaddress.IPv4Address(plain[0])), legacy)
    if "%" in text:
        return None
    try:
        number = int(ipaddress.IPv6Address(text))
    except ValueError:
        return None
    if number & _MAPPED_MASK == _MAPPED:
        low = number & 0xFFFFFFFF
        return Address(4, low, str(ipaddress.IPv4Address(low)), "must not be an IPv4-mapped IPv6 address")
    return Address(6, number, str(ipaddress.IPv6Address(number)))


@lru_cache(maxsize=4096)
def parse_cidr(text: str) -> Cidr | None:
    """Return the CIDR that a text means to a lenient server, or None."""
    head, slash, tail = text.partition("/")
    if not slash or not _DIGITS.match(tail) or len(tail) > 6:
        return None
    bits = 128 if ":" in head else 32
    stated = int(tail)
    address = parse_address(head)
    if address is None or stated > bits:
        return None
    mapped = bits == 128 and address.version == 4
    legacy = ""
    if mapped:
        legacy = "must not have an IPv4-mapped IPv6 address"
    elif address.legacy or (len(tail) > 1 and tail[0] == "0"):
        legacy = "must not have leading 0s in IP or prefix length"
    return _masked(address, stated, mapped=mapped, legacy=legacy)


def _masked(address: Address, stated: int, *, mapped: bool, legacy: str) -> Cidr:
    version, number, length = address.version, address.number, stated
    if mapped and stated >= 96:
        length = stated - 96
    elif mapped:
        version, number = 6, number | _MAPPED
    bits = 32 if version == 4 else 128
    first = number >> (bits - length) << (bits - length)
    if first != number and not legacy:
        legacy = "must not have bits set beyond the prefix length"
    base = ipaddress.IPv4Address(first) if version == 4 else ipaddress.IPv6Address(first)
    return Cidr(version, first, length, stated, f"{base}/{length}", legacy)


def special(address: Address) -> str:
    """Return why an address may not be an endpoint (ValidateNonSpecialIP), or nothing (SEMANTICS SVC-13)."""
    number = address.number
    if address.version == 4:
        checks = (
            (number == 0, "may not be unspecified (0.0.0.0 or ::)"),
            (number >> 24 == 127, "may not be in the loopback range (127.0.0.0/8, ::1/128)"),
            (number >> 16 == 0xA9FE, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"),
            (number >> 8 == 0xE00000, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"),
        )
    else:
        checks = (
            (number == 0, "may not be unspecified (0.0.0.0 or ::)"),
            (number == 1, "may not be in the loopback range (127.0.0.0/8, ::1/128)"),
            (number >> 118 == 0x3FA, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"),
            (number >> 112 == 0xFF02, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"),
        )
    return next((message for wrong, message in checks if wrong), "")

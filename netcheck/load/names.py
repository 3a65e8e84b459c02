"""The syntax of names, labels, ports and addresses, after k8s.io/apimachinery/pkg/util/validation.

Each function returns what is wrong with a text, in the API server's words; nothing is wrong with an empty result.
"""

from __future__ import annotations

import re
from functools import lru_cache

_LABEL_1123 = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")
_LABEL_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?\Z")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
_WILDCARD = re.compile(r"\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]\Z")
_PORT_CHARACTERS = re.compile(r"[-a-z0-9]+\Z")
_LETTER = re.compile(r"[a-z]")

_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
    "and must start and end with an alphanumeric character"
)
_LABEL_1035_TEXT = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
    "start with an alphabetic character, and end with an alphanumeric character"
)
_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character"
)
_WILDCARD_TEXT = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain"
_NAME_PART = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
)
_LONGEST_CACHED = 300

Faults = tuple[str, ...]


def _syntax(text: str, pattern: re.Pattern[str], longest: int, message: str) -> Faults:
    out: list[str] = []
    if len(text.encode(errors="replace")) > longest:
        out.append(f"must be no more than {longest} bytes")
    if not pattern.match(text):
        out.append(message)
    return tuple(out)


@lru_cache(maxsize=8192)
def dns_label(text: str) -> Faults:
    """Check an RFC 1123 label."""
    return _syntax(text, _LABEL_1123, 63, _LABEL_TEXT)


@lru_cache(maxsize=1024)
def dns_1035_label(text: str) -> Faults:
    """Check an RFC 1035 label."""
    return _syntax(text, _LABEL_1035, 63, _LABEL_1035_TEXT)


@lru_cache(maxsize=8192)
def dns_subdomain(text: str) -> Faults:
    """Check an RFC 1123 subdomain."""
    return _syntax(text, _SUBDOMAIN, 253, _SUBDOMAIN_TEXT)


def wildcard_subdomain(text: str) -> Faults:
    """Check a subdomain that starts with `*.`."""
    return _syntax(text, _WILDCARD, 253, _WILDCARD_TEXT)


def path_segment(text: str) -> Faults:
    """Check a name that need only be one segment of a URL path (RBAC)."""
    if text in (".", ".."):
        return (f"may not be '{text}'",)
    return tuple(f"may not contain '{sign}'" for sign in ("/", "%") if sign in text)


def anything(_text: str) -> Faults:
    """Accept every name."""
    return ()


@lru_cache(maxsize=8192)
def qualified_name(text: str) -> Faults:
    """Check a label key: an optional DNS subdomain and `/`, then a name of at most 63 characters."""
    parts = text.split("/")
    if len(parts) > 2:
        return (f"a valid label key {_NAME_PART} with an optional DNS subdomain prefix and '/'",)
    out: list[str] = []
    if len(parts) == 2:
        if not parts[0]:
            out.append("prefix part must be non-empty")
        else:
            out.extend(f"prefix part {fault}" for fault in dns_subdomain(parts[0]))
    name = parts[-1]
    if not name:
        out.append("name part must be non-empty")
    elif len(name.encode(errors="replace")) > 63:
        out.append("name part must be no more than 63 bytes")
    if not _QUALIFIED.match(name):
        out.append(f"name part {_NAME_PART}")
    return tuple(out)


@lru_cache(maxsize=8192)
def label_value(text: str) -> Faults:
    """Check a label value."""
    if not text:
        return ()
    return _syntax(text, _QUALIFIED, 63, f"a valid label must be an empty string or {_NAME_PART.removeprefix('must ')}")


@lru_cache(maxsize=1024)
def port_name(text: str) -> Faults:
    """Check the name of a port (SEMANTICS NP-29)."""
    out: list[str] = []
    if len(text) > 15:
        out.append("must be no more than 15 characters")
    if not _PORT_CHARACTERS.match(text):
        out.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not _LETTER.search(text):
        out.append("must contain at least one letter (a-z)")
    if "--" in text:
        out.append("must not contain consecutive hyphens")
    if text.startswith("-") or text.endswith("-"):
        out.append("must not begin or end with a hyphen")
    return tuple(out)


def port_number(number: int) -> Faults:
    """Check the number of a port."""
    return () if 1 <= number <= 65535 else ("must be between 1 and 65535, inclusive",)

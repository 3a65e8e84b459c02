"""Lines of text: wrapping of lists, counts, and how a connection set is written for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netcheck.model.cluster import Loaded
from netcheck.report.paint import PLAIN, Paint, Role
from netcheck.values.connections import ConnectionSet
from netcheck.values.ports import PortSet

MOST_RANGES = 8
MOST_NAMES = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How to lay out a text. `verbose` folds nothing away; `quiet` leaves the footer out."""

    width: int = 100
    verbose: bool = False
    quiet: bool = False
    paint: Paint = PLAIN


def count(number: int, noun: str) -> str:
    """Return `1 pod`, `2 pods`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def ports_text(connections: ConnectionSet, *, most: int = MOST_RANGES) -> str:
    """Return `all`, or `TCP/80,443 UDP/all`; more than `most` ranges of a protocol are counted, not listed."""
    if connections == ConnectionSet.all():
        return "all"
    return (
        " ".join(f"{protocol.value}/{_ranges_text(ports, most)}" for protocol, ports in connections.items()) or "none"
    )


def _ranges_text(ports: PortSet, most: int) -> str:
    if ports == PortSet.all():
        return "all"
    shown = PortSet(ports.ranges[:most])
    more = len(ports.ranges) - most
    return f"{shown},+{more} more" if more > 0 else str(shown)


def wrapped(items: Sequence[str], *, first: str, indent: int, width: int) -> list[str]:
    """Return lines that list `items` after the text `first`, later lines indented; an item is never broken."""
    lines: list[str] = []
    line = first
    for number, item in enumerate(items):
        text = item + ("," if number < len(items) - 1 else "")
        if len(line) + len(text) + 1 > width and line.strip() and line != first:
            lines.append(line)
            line = " " * indent + text
        else:
            line = f"{line} {text}" if number else line + text
    lines.append(line)
    return lines


def folded(items: Sequence[str], style: Style) -> list[str]:
    """Return `items`, or the first of them and how many more there are."""
    return folded_of(items, len(items), style)


def folded_of(first: Sequence[str], total: int, style: Style) -> list[str]:
    """Return the `first` of `total` items, and how many more there are if these are too many to list."""
    if style.verbose or total <= MOST_NAMES:
        return list(first)
    return [*first[: MOST_NAMES - 1], f"and {total - MOST_NAMES + 1:,} more (-v lists them)"]


def prose(text: str, *, indent: int, width: int) -> list[str]:
    """Return `text` as lines no wider than `width` where words allow; later lines are indented, the first as given."""
    lead = text[: len(text) - len(text.lstrip(" "))]
    lines: list[str] = []
    line = lead
    for word in text.split():
        if line.strip() and len(line) + len(word) + 1 > width:
            lines.append(line)
            line = " " * indent + word
        elif line.strip():
            line = f"{line} {word}"
        else:
            line += word
    return [*lines, line]


def footer(loaded: Loaded, style: Style) -> list[str]:
    """Return what an answer rests on: assumptions, kinds that are not modelled, and whether anything was lost."""
    if style.quiet:
        return []
    lines: list[str] = []
    for assumption in loaded.assumptions:
        option = f" ({assumption.option})" if assumption.option else ""
        lines += prose(f"assumed: {assumption.message}{option}", indent=9, width=style.width)
    for item in loaded.not_modelled:
        what = f"not modelled: {count(item.count, 'object')} of kind {item.kind} ({item.api_version}): {item.effect}"
        lines += [style.paint(line, Role.DOUBT) for line in prose(what, indent=14, width=style.width)]
    if loaded.lost_anything:
        lines.append(style.paint("incomplete: part of the input could not be read", Role.BAD))
    return lines

"""A diff for people: as text for a terminal, and as Markdown for a comment on a pull request.

Pairs with the same causes stand together under them; what opens comes first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from netcheck.model.cluster import Loaded
from netcheck.model.flow import Reason
from netcheck.queries.diff_results import Cause, ChangeType, ConnectionDiff, DiffGroup, DiffRow, UnknownRow
from netcheck.report.folding import bit_set
from netcheck.report.layout import Style, count, folded, footer, ports_text, prose, wrapped
from netcheck.report.naming import Names
from netcheck.report.paint import Role
from netcheck.values.connections import ConnectionSet

MOST_BLOCKS = 40
"""So many blocks are shown unless everything is asked for."""
_EXAMPLES = 3
_ROLES = {ChangeType.ADDED: Role.BAD, ChangeType.CHANGED: Role.DOUBT, ChangeType.REMOVED: Role.GOOD}
_WORKLOADS = {"added": "with workloads that are new", "removed": "with workloads that are gone"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """On these connections, by one way, from each of `sources` to each of `destinations` (bit sets)."""

    before: ConnectionSet
    after: ConnectionSet
    via: str
    sources: int
    destinations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The changes of one type with the same causes."""

    type: ChangeType
    workload: str
    causes: tuple[Cause, ...]
    lines: tuple[Line, ...]
    size: int
    example: DiffRow | None


def blocks(found: ConnectionDiff) -> tuple[Block, ...]:
    """Return the groups by type, what happens to workloads, and causes: what opens first, workloads last."""
    gathered: dict[tuple[ChangeType, str, tuple[Cause, ...]], list[DiffGroup]] = {}
    for group in found.groups:
        gathered.setdefault((group.type, group.workload, group.causes), []).append(group)
    made = [
        Block(
            type=kind,
            workload=workload,
            causes=causes,
            lines=tuple(_lines_of(groups)),
            size=sum(group.size for group in groups),
            example=next((group.example for group in groups if group.example is not None), None),
        )
        for (kind, workload, causes), groups in gathered.items()
    ]
    order = (ChangeType.ADDED, ChangeType.CHANGED, ChangeType.REMOVED)
    return tuple(sorted(made, key=lambda block: (order.index(block.type), block.workload, block.causes)))


def _lines_of(groups: Iterable[DiffGroup]) -> Iterator[Line]:
    """Yield lines: equal destinations share their sources, and then the other way round."""
    by_target: dict[tuple[ConnectionSet, ConnectionSet, str, int], int] = {}
    for group in groups:
        key = (group.before, group.after, group.way, bit_set(group.destinations))
        by_target[key] = by_target.get(key, 0) | bit_set(group.sources)
    joined: dict[tuple[ConnectionSet, ConnectionSet, str, int], int] = {}
    for (before, after, via, destinations), sources in by_target.items():
        key = (before, after, via, sources)
        joined[key] = joined.get(key, 0) | destinations
    for (before, after, via, sources), destinations in sorted(
        joined.items(), key=lambda item: (item[0][2], str(item[0][1]), item[0][3], item[1])
    ):
        yield Line(before=before, after=after, via=via, sources=sources, destinations=destinations)


def summary(found: ConnectionDiff) -> str:
    """Return one line: how many connections are added, removed and changed, or that none is."""
    parts = [f"{number:,} {kind.value}" for kind, number in found.counts.items() if number]
    text = f"connections: {', '.join(parts)}" if parts else "no connection differs"
    if found.opened and found.opened != found.counts.get(ChangeType.ADDED, 0):
        text += f"; {count(found.opened, 'pair')} with access that BASE did not give"
    return f"{text}; {count(len(found.unknown), 'pair')} unknown" if found.unknown else text


def cause_text(cause: Cause) -> str:
    """Return a cause in a sentence without its place."""
    rule = f" by {cause.rule}" if cause.rule else ""
    detail = f": {cause.detail}{rule}" if cause.detail else ""
    return f"{cause.object} {'is' if cause.change != 'changed' else 'has'} {cause.change}{detail}"


def _ports(line: Line, *, most: dict[str, int]) -> str:
    if line.before and line.after and line.before != line.after:
        return f"{ports_text(line.before, **most)} became {ports_text(line.after, **most)}"
    return ports_text(line.after or line.before, **most)


def example_text(row: DiffRow | None, found: ConnectionDiff) -> str:
    """Return the witness of a row, or nothing."""
    if row is None or row.why.probe is None:
        return ""
    probe = row.why.probe
    source, destination = found.endpoints[row.source].id, found.endpoints[row.destination].id
    inside = [", ".join(filter(None, (probe.source_address, probe.seen_as and f"seen as {probe.seen_as}")))]
    inside.append(probe.destination_address)
    ends = [f"{name} [{more}]" if more else name for name, more in zip((source, destination), inside, strict=True)]
    before = "no way before" if probe.no_way == "before" else f"{probe.before.value} before"
    after = "no way now" if probe.no_way == "after" else f"{probe.after.value} now"
    return f"{ends[0]} -> {ends[1]} {probe.protocol.value}/{probe.port}: {before}, {after}"


# ---- for a terminal ------------------------------------------------------------------------------------------------


def diff_table(loaded: Loaded, found: ConnectionDiff, style: Style) -> Iterator[str]:
    """Yield the text."""
    yield f"{summary(found)}\n"
    names = Names(found.endpoints)
    every = blocks(found)
    shown = every if style.verbose else every[:MOST_BLOCKS]
    for block in shown:
        yield "\n" + "".join(f"{line.rstrip()}\n" for line in _block(block, names, found, style))
    if len(shown) < len(every):
        yield f"\nand {count(len(every) - len(shown), 'group')} of changes more (-v lists them)\n"
    if found.unknown:
        yield "\n" + "".join(f"{line.rstrip()}\n" for line in _unknown(found, names, style))
    if found.shared:
        yield f"\n{_shared(found)}\n"
    notes = footer(loaded, style)
    if notes:
        yield "\n" + "".join(f"{line}\n" for line in notes)


def _shared(found: ConnectionDiff) -> str:
    return f"{count(found.shared, 'pair')} of wide groups: the causes are those of the group's first pair, and only it has a witness"


def _block(block: Block, names: Names, found: ConnectionDiff, style: Style) -> Iterator[str]:
    word = style.paint(block.type.value, _ROLES[block.type])
    note = f", {_WORKLOADS[block.workload]}" if block.workload else ""
    yield f"{word}: {count(block.size, 'connection')}{note}"
    most = {"most": 10**6} if style.verbose else {}
    for line in block.lines:
        sources, ends = (folded(names.together(mask), style) for mask in (line.sources, line.destinations))
        first = f"  {_ports(line, most=most)}  from "
        lines = wrapped(sources, first=first, indent=6, width=style.width)
        yield from lines
        yield from wrapped(ends, first="      to ", indent=9, width=style.width)
        if line.via:
            yield f"      through {line.via}"
    for cause in block.causes:
        yield from prose(f"  because {cause_text(cause)}", indent=4, width=style.width)
        if cause.place is not None:
            yield style.paint(f"      {cause.place}", Role.ASIDE)
    witness = example_text(block.example, found)
    if witness and not block.workload:
        yield from prose(f"  witness: {witness}", indent=4, width=style.width)


def alike(rows: Iterable[UnknownRow]) -> list[tuple[tuple[Reason, ...], list[UnknownRow]]]:
    """Return the rows by what is not known of them."""
    gathered: dict[tuple[Reason, ...], list[UnknownRow]] = {}
    for row in rows:
        gathered.setdefault(row.reasons, []).append(row)
    return sorted(gathered.items(), key=lambda item: [(one.rule, one.message) for one in item[0]])


def _unknown(found: ConnectionDiff, names: Names, style: Style) -> Iterator[str]:
    yield style.paint(f"unknown whether it differs: {count(len(found.unknown), 'pair')}", Role.DOUBT)
    for reasons, rows in alike(found.unknown):
        for reason in reasons:
            yield from prose(f"  {reason.rule}: {reason.message}", indent=4, width=style.width)
        shown = rows if style.verbose or len(rows) <= _EXAMPLES + 1 else rows[:_EXAMPLES]
        for row in shown:
            via = f" through {row.via}" if row.via else ""
            text = f"{ports_text(row.connections)} from {names.one(row.source)} to {names.one(row.destination)}{via}"
            yield from prose(f"      {text}", indent=8, width=style.width)
        if len(shown) < len(rows):
            yield f"      and {len(rows) - len(shown):,} pairs more (-v lists them)"


# ---- for a pull request --------------------------------------------------------------------------------------------


def diff_markdown(loaded: Loaded, found: ConnectionDiff) -> Iterator[str]:
    """Yield Markdown: a line that sums up, a table of what opens, the rest folded away."""
    names = Names(found.endpoints)
    every = blocks(found)
    yield f"**netcheck:** {summary(found)}\n"
    for kind in (ChangeType.ADDED, ChangeType.CHANGED, ChangeType.REMOVED):
        chosen = [block for block in every if block.type is kind]
        if not chosen:
            continue
        title = f"{count(sum(block.size for block in chosen), 'connection')} {kind.value}"
        table = "".join(_table(chosen, names, found))
        opened = kind is ChangeType.ADDED
        start = f"\n### {title}\n\n" if opened else f"\n<details><summary>{title}</summary>\n\n"
        yield start + table + ("" if opened else "\n</details>\n")
    if found.unknown:
        yield _unknown_markdown(found, names)
    if found.shared:
        yield f"\n{_shared(found)}\n"
    notes = footer(loaded, Style(width=10_000))
    if notes:
        listed = "".join(f"- {line}\n" for line in notes)
        yield f"\n<details><summary>what this rests on</summary>\n\n{listed}\n</details>\n"


def _table(chosen: list[Block], names: Names, found: ConnectionDiff) -> Iterator[str]:
    yield "| from | to | ports | because |\n|---|---|---|---|\n"
    plain = Style()
    for block in chosen[:MOST_BLOCKS]:
        why = "<br>".join(_cause_cell(cause) for cause in block.causes)
        witness = example_text(block.example, found)
        if witness and not block.workload:
            why += f"<br>witness: {witness}"
        for line in block.lines:
            sources, ends = (
                ", ".join(folded(names.together(mask), plain)) for mask in (line.sources, line.destinations)
            )
            via = f" through {line.via}" if line.via else ""
            yield _row(sources, ends, _ports(line, most={}) + via, why)
            why = "″"
    if len(chosen) > MOST_BLOCKS:
        yield f"\nand {count(len(chosen) - MOST_BLOCKS, 'group')} of changes more\n"


def _cause_cell(cause: Cause) -> str:
    where = f" ({cause.place})" if cause.place is not None else ""
    return cause_text(cause) + where


def _unknown_markdown(found: ConnectionDiff, names: Names) -> str:
    lines = [f"\n<details><summary>{count(len(found.unknown), 'pair')} unknown</summary>\n\n"]
    lines.append("| from | to | ports | because |\n|---|---|---|---|\n")
    for reasons, rows in alike(found.unknown):
        why = "; ".join(f"{reason.rule}: {reason.message}" for reason in reasons)
        for row in rows[:MOST_BLOCKS]:
            via = f" through {row.via}" if row.via else ""
            lines.append(
                _row(names.one(row.source), names.one(row.destination), ports_text(row.connections) + via, why)
            )
        if len(rows) > MOST_BLOCKS:
            lines.append(_row("", "", f"and {len(rows) - MOST_BLOCKS:,} more", why))
    return "".join([*lines, "\n</details>\n"])


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |\n"

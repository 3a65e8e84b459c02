"""A diff for machines: SARIF, annotations and code quality at each object of HEAD that opens or closes connections;
JUnit XML; CSV.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.model.cluster import Loaded
from netcheck.queries.diff_results import Cause, ChangeType, ConnectionDiff
from netcheck.report.csv_line import csv_line
from netcheck.report.diff_text import Block, alike, blocks, cause_text, example_text
from netcheck.report.junit_cases import Case, junit_cases
from netcheck.report.layout import count, ports_text
from netcheck.report.located import Relative
from netcheck.report.naming import Names
from netcheck.report.notices import Notice, NoticeRule, notices_github, notices_gitlab, notices_sarif

_UNKNOWN = NoticeRule(
    code="connection-unknown", text="Whether a connection differs depends on a missing fact.", level="warning"
)
_RULES = {
    ChangeType.ADDED: NoticeRule(
        code="connection-added", text="A connection passes that did not pass before.", level="warning"
    ),
    ChangeType.CHANGED: NoticeRule(
        code="connection-changed", text="A connection passes on other ports than before.", level="warning"
    ),
    ChangeType.REMOVED: NoticeRule(
        code="connection-removed", text="A connection that passed before no longer does.", level="info"
    ),
}
_MOST_LINES = 5
_MOST_NAMES = 12
CSV_COLUMNS = ("type", "source", "destination", "via", "workload", "before", "after", "unknown", "because", "witness")


def diff_sarif(loaded: Loaded, found: ConnectionDiff, relative: Relative) -> Iterator[str]:
    """Yield the SARIF log."""
    yield from notices_sarif(loaded, (*_RULES.values(), _UNKNOWN), notices(found), relative)


def diff_github(loaded: Loaded, found: ConnectionDiff, relative: Relative) -> Iterator[str]:
    """Yield GitHub workflow commands."""
    yield from notices_github(loaded, notices(found), relative)


def diff_gitlab(found: ConnectionDiff, relative: Relative) -> Iterator[str]:
    """Yield a GitLab code quality report."""
    yield from notices_gitlab(notices(found), relative)


# ---- what is to be looked at -----------------------------------------------------------------------------------------


def notices(found: ConnectionDiff) -> list[Notice]:
    """Return a notice for each cause of each block that has a place, one for each block without, and the unknown."""
    names = Names(found.endpoints)
    made = []
    for block in blocks(found):
        placed = [cause for cause in block.causes if cause.place is not None]
        made += [_notice(block, cause, found, names) for cause in placed or block.causes[:1] or (None,)]
    return [*made, *_unknown(found, names)]


def _notice(block: Block, cause: Cause | None, found: ConnectionDiff, names: Names) -> Notice:
    opens = any(line.after - line.before for line in block.lines)
    others = (other.object for other in block.causes)
    return Notice(
        rule=_RULES[block.type],
        level="" if opens else "info",
        message=_message(block, cause, found, names),
        object=cause.object if cause is not None else "",
        place=cause.place if cause is not None else None,
        key=(cause.object if cause is not None else "", *others, *filter(None, (block.workload,))),
    )


def _message(block: Block, cause: Cause | None, found: ConnectionDiff, names: Names) -> str:
    because = f"{cause_text(cause)}; " if cause is not None else ""
    lines = [f"{because}{count(block.size, 'connection')} {block.type.value}:"]
    for line in block.lines[:_MOST_LINES]:
        sources, ends = (_few(names, mask) for mask in (line.sources, line.destinations))
        ports = ports_text(line.after or line.before)
        if line.before and line.after and line.before != line.after:
            ports = f"{ports_text(line.before)} became {ports_text(line.after)}"
        lines.append(f"{ports} from {sources} to {ends}" + (f" through {line.via}" if line.via else ""))
    if len(block.lines) > _MOST_LINES:
        lines.append(f"and {len(block.lines) - _MOST_LINES} more")
    witness = example_text(block.example, found)
    return "\n".join([*lines, *([f"witness: {witness}"] if witness else [])])


def _few(names: Names, mask: int) -> str:
    """Return the first names of a set: a mark on a line is no place for hundreds."""
    shown, total = names.some(mask, most=_MOST_NAMES)
    return ", ".join(shown) + (f" and {total - len(shown):,} more" if total > len(shown) else "")


def _unknown(found: ConnectionDiff, names: Names) -> Iterator[Notice]:
    for reasons, rows in alike(found.unknown):
        lines = [f"unknown whether it differs: {count(len(rows), 'pair')}"]
        lines += [f"{reason.rule}: {reason.message}" for reason in reasons]
        for row in rows[:_MOST_LINES]:
            via = f" through {row.via}" if row.via else ""
            ends = f"from {names.one(row.source)} to {names.one(row.destination)}{via}"
            lines.append(f"{ports_text(row.connections)} {ends}")
        if len(rows) > _MOST_LINES:
            lines.append(f"and {len(rows) - _MOST_LINES} more")
        place = next((reason.place for reason in reasons if reason.place is not None), None)
        key = tuple(f"{reason.rule}: {reason.message}" for reason in reasons)
        yield Notice(rule=_UNKNOWN, message="\n".join(lines), object="", place=place, key=key)


# ---- test cases ------------------------------------------------------------------------------------------------------


def diff_junit(found: ConnectionDiff, fail_on: str, relative: Relative) -> Iterator[str]:
    """Yield JUnit XML: a case for each kind of change, a failure iff `fail_on` counts it, and one for the unknown."""
    yield from junit_cases("netcheck diff", [*_cases(found, fail_on), _unknown_case(found, fail_on)], relative)


def _cases(found: ConnectionDiff, fail_on: str) -> Iterator[Case]:
    names = Names(found.endpoints)
    every = blocks(found)
    for kind in (ChangeType.ADDED, ChangeType.CHANGED, ChangeType.REMOVED):
        chosen = [block for block in every if block.type is kind]
        name = f"no connection is {kind.value}"
        if not chosen:
            yield Case(of="diff", name=name)
            continue
        opens = any(line.after - line.before for block in chosen for line in block.lines)
        fails = {"any": True, "added": opens, "none": False}[fail_on]
        yield Case(
            of="diff",
            name=name,
            tag="failure" if fails else "system-out",
            type=kind.value,
            message=f"{count(sum(block.size for block in chosen), 'connection')} {kind.value}",
            text="\n\n".join(_block_text(block, found, names) for block in chosen),
        )


def _block_text(block: Block, found: ConnectionDiff, names: Names) -> str:
    places = [f"{cause_text(cause)} ({cause.place})" for cause in block.causes if cause.place is not None]
    return "\n".join([_message(block, next(iter(block.causes), None), found, names), *places])


def _unknown_case(found: ConnectionDiff, fail_on: str) -> Case:
    name = "no connection is unknown"
    if not found.unknown:
        return Case(of="diff", name=name)
    text = "\n\n".join(item.message for item in _unknown(found, Names(found.endpoints)))
    message = f"{count(len(found.unknown), 'pair')} unknown"
    counts = any(row.may_open or fail_on != "added" for row in found.unknown)
    tag = "error" if counts else "system-out"
    return Case(of="diff", name=name, tag=tag, type="unknown", message=message, text=text)


# ---- a table for machines --------------------------------------------------------------------------------------------


def diff_csv(found: ConnectionDiff) -> Iterator[str]:
    """Yield a line for each change, then for each pair of which it is not known."""
    ids = [item.id for item in found.endpoints]
    yield csv_line(CSV_COLUMNS)
    for row in found.rows():
        before, after = (ports_text(one, most=10**6) if one else "" for one in (row.before, row.after))
        causes = "; ".join(cause_text(cause) for cause in row.why.causes)
        ends = (ids[row.source], ids[row.destination], row.way, row.workload)
        yield csv_line((row.type.value, *ends, before, after, "", causes, example_text(row, found)))
    for pair in found.unknown:
        ends = (ids[pair.source], ids[pair.destination], pair.via, "")
        why = "; ".join(f"{reason.rule}: {reason.message}" for reason in pair.reasons)
        yield csv_line(("unknown", *ends, "", "", ports_text(pair.connections, most=10**6), why, ""))

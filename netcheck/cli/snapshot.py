"""`netcheck snapshot`: what can be read of a cluster, in one file."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from netcheck.cli import exit_codes, screen
from netcheck.cli.getting_there import access_options
from netcheck.cli.options import CONTEXT, flag, option
from netcheck.errors import Place, UsageError
from netcheck.load.cluster_api import Access
from netcheck.load.gaps import Gap, problems
from netcheck.load.sources import CLUSTER, SNAPSHOT


@click.command("snapshot", context_settings=CONTEXT)
@click.argument("source", metavar="cluster:[CONTEXT]", required=False)
@access_options
@option("-o", "--output", "file", metavar="FILE.json.gz", required=True, says="none", text="The file to write.")
@flag("--redact", text="Write hashes in place of names, the same for the same name, to show the file to others.")
@option(
    "--redact-key",
    metavar="TEXT",
    default="",
    says="none",
    text="Hash with this secret, so that nobody else can guess names.",
)
@flag("-q", "--quiet", text="No notes and no progress on stderr.")
@flag("--no-progress", text="No progress line; there is none anyway unless stderr is a terminal.")
@flag("--allow-incomplete", text="Exit 0 where it would be 4, because something could not be read.")
@flag("--debug", text="A traceback with every error.")
def snapshot(
    source: str | None,
    access: Access,
    namespaces: tuple[str, ...],
    *,
    file: str,
    redact: bool,
    redact_key: str,
    quiet: bool,
    no_progress: bool,
    allow_incomplete: bool,
    debug: bool,
) -> int:
    """Write what can be read of a cluster to one file, which every command takes as a source.

    Left out are Secrets, ConfigMaps, values of environment variables, commands, and what no answer depends on. What
    could not be read is written down too, so that answers stay unknown where they were. The same cluster gives the same
    bytes. Exit 0 iff everything was read, 4 iff something was not.
    """
    del debug
    source = source or click.get_current_context().obj
    if source is None:
        raise UsageError("no cluster is named\n  hint: `netcheck snapshot cluster: -o FILE.json.gz`")
    if not source.startswith(CLUSTER) and not source.endswith(SNAPSHOT):
        raise UsageError(f"`{source}` is no cluster\n  hint: write `cluster:` or `cluster:CONTEXT`")
    if not file.endswith(SNAPSHOT):
        raise UsageError(f"`{file}` must end in `{SNAPSHOT}`: that is how a source is known to be a snapshot")
    if redact_key and not redact:
        raise UsageError("--redact-key goes with --redact")
    from netcheck.load import live  # noqa: PLC0415 - the client costs half a second
    from netcheck.load.snapshot import compressed, document, read_snapshot  # noqa: PLC0415

    progress = screen.Progress(enabled=not (quiet or no_progress))
    reading = live.Reading(
        access=access, limits=live.limits_of(access), namespaces=namespaces, progress=progress.callback()
    )
    try:
        captured = live.read_cluster(source, reading) if source.startswith(CLUSTER) else read_snapshot(source)
    finally:
        progress.done()
    value = document(captured)
    if redact:
        from netcheck.load.redact import redacted  # noqa: PLC0415

        value = redacted(value, redact_key)
    _write(file, compressed(value))
    screen.show_problems(tuple(problems(Gap(item, Place(captured.origin)) for item in captured.unread)), quiet=quiet)
    if not quiet:
        count = sum(len(item.items) for item in captured.listings)
        sys.stderr.write(f"netcheck: {screen.count(count, 'object')} of {captured.origin} written to {file}\n")
    lossy = any(item.decides for item in captured.unread)
    return exit_codes.decide(negative=False, incomplete=lossy, allow_incomplete=allow_incomplete)


def _write(file: str, data: bytes) -> None:
    try:
        Path(file).write_bytes(data)
    except OSError as error:
        raise UsageError(f"`{file}` cannot be written: {(error.strerror or 'unknown reason').lower()}") from None

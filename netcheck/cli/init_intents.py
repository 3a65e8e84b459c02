"""`netcheck init-intents`: a draft of intents from what is allowed today."""

from __future__ import annotations

import click

from netcheck.cli import exit_codes, screen
from netcheck.cli.inputs import configuration, is_lossy, load_inputs
from netcheck.cli.options import CONTEXT, Inputs, reads_input
from netcheck.cli.outputs import Output, parse_outputs, write
from netcheck.queries.draft_intents import draft_intents
from netcheck.report.intents_yaml import intents_yaml

FORMATS = ("yaml",)


@click.command("init-intents", context_settings=CONTEXT)
@reads_input(*FORMATS)
def init_intents(inputs: Inputs) -> int:
    """Write intents that say what is allowed today, to be tightened: by destination and port, who alone reaches it.

    `netcheck verify` of the same sources then exits 0. Exit 0, or 4 if part of the input could not be read.
    """
    outputs = parse_outputs(inputs.output, FORMATS) if inputs.output else (Output("yaml"),)
    loaded = load_inputs(inputs, configuration(inputs))
    drafts = draft_intents(loaded.cluster)
    screen.show_problems(loaded.problems, verbose=inputs.verbose, quiet=inputs.quiet)
    write(outputs, {item.format: intents_yaml(drafts) for item in outputs})
    return exit_codes.decide(negative=False, incomplete=is_lossy(loaded), allow_incomplete=inputs.allow_incomplete)

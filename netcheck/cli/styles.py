"""How a text output is laid out: by the terminal if it goes there, else plainly."""

from __future__ import annotations

import sys

from netcheck.cli import screen
from netcheck.cli.options import Inputs
from netcheck.cli.outputs import STDOUT, Output
from netcheck.report.layout import Style
from netcheck.report.paint import Paint


def style_of(output: Output, inputs: Inputs) -> Style:
    """Return the layout of an output: colours only if it goes to a terminal."""
    colour = output.file == STDOUT and screen.has_colour(sys.stdout, no_color=inputs.no_color)
    return Style(width=screen.width(), verbose=inputs.verbose, quiet=inputs.quiet, paint=Paint(enabled=colour))

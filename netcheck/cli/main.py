"""The entry: the group of commands, each imported only when it is used, and the only broad `except`.

`netcheck --help` and `--version` import click and nothing heavy.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import click

import netcheck
from netcheck.cli import exit_codes, plugin
from netcheck.cli.nearest import did_you_mean
from netcheck.errors import InputError, InternalError, NetcheckError, UsageError

COMMANDS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "lint": ("lint_input", "lint", "What is wrong or dangerous in the policies."),
        "list": ("list_connections", "list_", "All allowed connections, inside and with the outside."),
        "query": ("query_flow", "query", "Can A reach B? With a witness or the reason why not."),
        "routes": ("routes", "routes", "Which host and path goes to which backend, and the status of Gateways."),
        "trace": ("trace", "trace", "The way of a request, hop by hop, and what blocks it."),
        "exposure": ("exposure", "exposure", "What reaches each workload, and through which door."),
        "diff": ("diff", "diff", "Which connections HEAD adds, removes and changes against BASE, and why."),
        "compare": ("compare", "compare", "Are two policy sets equal, in every cluster that could exist?"),
        "verify": ("verify", "verify", "Do these intents hold? With a witness of each that does not."),
        "init-intents": ("init_intents", "init_intents", "A draft of intents from what is allowed today."),
        "suggest": ("suggest", "suggest", "The smallest policies that close the gaps and keep what is needed, proved."),
        "migrate": ("migrate", "migrate", "AdminNetworkPolicies as ClusterNetworkPolicies, with the proof."),
        "snapshot": ("snapshot", "snapshot", "What can be read of a cluster, in one file that every command takes."),
        "rbac": ("rbac", "rbac", "The rights that reading a cluster takes, and those that the user lacks."),
        "explain": ("catalogue", "explain", "The page of one lint rule."),
        "rules": ("catalogue", "rules", "All lint rules."),
        "schema": ("schema_of", "schema", "The JSON Schema of an output."),
    }
)
"""Command -> module of netcheck.cli, the click command in it, and its one line of help."""

EPILOG = """Exit codes: 0 yes or clean, 1 no or findings, 2 usage, 3 no usable input, 4 incomplete or unknown, 5 a bug of
netcheck. `netcheck COMMAND --help` has the options."""


class _Commands(click.Group):
    """The commands by name; a command's module is imported when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        found: click.Command = getattr(importlib.import_module(f"netcheck.cli.{module}"), attribute)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise UsageError(f"no command `{args[0]}`{did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a reader that goes away is met here, before click sees it."""
        try:
            code = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return exit_codes.BROKEN_PIPE
        return code


@click.group(
    cls=_Commands,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(netcheck.__version__, "--version", message="netcheck %(version)s", help="Print the version.")
def cli() -> None:
    """Who can talk to whom in a Kubernetes cluster, through what, and who decided it.

    Reads manifests and live clusters, and never writes to one.
    """


def main(arguments: Sequence[str], program: str = "netcheck") -> int:
    """Run one command line and return its exit code. Nothing is raised.

    `program` is what it was called as: kubectl's plugin asks about the current cluster where no source is named.
    """
    debug = "--debug" in arguments
    as_plugin = plugin.is_plugin(program)
    name, default = ("kubectl netcheck", plugin.CURRENT_CLUSTER) if as_plugin else ("netcheck", None)
    try:
        code = cli.main(args=plugin.in_order(arguments), prog_name=name, standalone_mode=False, obj=default)
    except click.exceptions.Abort:
        sys.stderr.write("\nnetcheck: interrupted\n")
        return exit_codes.INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        sys.stderr.write(f"{error.format_message()}\n")
        return exit_codes.USAGE
    except click.ClickException as error:
        _complain(_usage_message(error), debug=debug)
        return exit_codes.USAGE
    except InternalError as error:
        return _bug(error, debug=debug)
    except InputError as error:
        from netcheck.cli import screen  # noqa: PLC0415 - only where there is something to show

        _complain(str(error), debug=debug)
        screen.show_problems(error.problems, verbose=debug)
        return error.exit_code
    except NetcheckError as error:
        _complain(str(error), debug=debug)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the only one: what is left is a bug of ours
        return _bug(error, debug=debug)
    return code if isinstance(code, int) else exit_codes.OK


def _usage_message(error: click.ClickException) -> str:
    """Return click's complaint in the style of ours: lower case, no full stop, a hint where to look."""
    text = error.format_message().strip()
    text = (text[:1].lower() + text[1:]).removesuffix(".")
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "netcheck"
    return f"{text}\n  hint: `{path} --help` lists the options"


def _complain(message: str, *, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    sys.stderr.write(f"netcheck: error: {message}\n")


def _bug(error: Exception, *, debug: bool) -> int:
    told = " ".join(str(error).split()) or "no message"
    again = "" if debug else " Run it again with --debug for the traceback."
    _complain(f"a bug in netcheck {netcheck.__version__}: {told[:500]}", debug=debug)
    sys.stderr.write(
        f"  This is not the fault of your input, and no answer can be given.{again} Please report it with the\n"
        f"  command line, the version and the smallest input that shows it.\n"
    )
    return exit_codes.BUG


def run() -> None:
    """Run the process's command line; the entry point of `netcheck` and `kubectl-netcheck`."""
    gc.disable()  # One answer and the process ends: what is loaded stays in use, and walking it is a third of the time.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    code = main(sys.argv[1:], sys.argv[0])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = exit_codes.BROKEN_PIPE
    if code == exit_codes.INTERRUPTED:  # requests to a cluster may be under way: nobody waits for their threads
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)

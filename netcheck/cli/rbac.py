"""`netcheck rbac`: the rights that reading a cluster takes, and those that the user lacks."""

from __future__ import annotations

import sys

import click

from netcheck.cli import exit_codes, screen
from netcheck.cli.getting_there import access_options
from netcheck.cli.options import CONTEXT, flag
from netcheck.errors import UsageError
from netcheck.load.cluster_api import Access
from netcheck.load.sources import CLUSTER


@click.command("rbac", context_settings=CONTEXT)
@click.argument("source", metavar="[cluster:[CONTEXT]]", required=False)
@access_options
@flag("-q", "--quiet", text="No notes on stderr.")
@flag("--debug", text="A traceback with every error.")
def rbac(source: str | None, access: Access, namespaces: tuple[str, ...], *, quiet: bool, debug: bool) -> int:
    """Print the smallest ClusterRole that lets netcheck read a whole cluster: `list`, and no Secrets.

    Of ConfigMaps it lets `get` those two by name that tell how Cilium and the AWS VPC CNI are set.

    With a cluster: only for the kinds that it has, and which of the rights the user lacks. That is asked by
    SelfSubjectAccessReviews, which are sent by POST and write nothing; no other command sends anything but GET.
    Exit 0 iff no right is lacking, else 1.
    """
    del namespaces, debug
    source = source or click.get_current_context().obj
    from netcheck.load.rights import cluster_role, rules  # noqa: PLC0415 - with the client only where it is used

    if source is None:
        if access != Access():
            raise UsageError(
                "--kubeconfig, --context, --as and --as-group go with a cluster\n  hint: `netcheck rbac cluster:`"
            )
        sys.stdout.write(cluster_role(rules()))
        return exit_codes.OK
    if not source.startswith(CLUSTER):
        raise UsageError(f"`{source}` is no cluster\n  hint: write `cluster:` or `cluster:CONTEXT`")
    return _of_cluster(source, access, quiet=quiet)


def _of_cluster(source: str, access: Access, *, quiet: bool) -> int:
    from netcheck.load.cluster_api import connect  # noqa: PLC0415
    from netcheck.load.live import served_resources  # noqa: PLC0415
    from netcheck.load.live_fetch import limits_of  # noqa: PLC0415
    from netcheck.load.rights import cluster_role, lacking, rights, rules  # noqa: PLC0415

    connection = connect(access, source.removeprefix(CLUSTER))
    resources, settings = served_resources(connection, limits_of(access))
    missing = lacking(connection, rights(resources, settings), limits_of(access))
    sys.stdout.write(cluster_role(rules(resources, settings)))
    if not quiet:
        told = "\n".join(f"  {item.label}" for item in missing)
        count = screen.count(len(missing), "right")
        screen.note(f"the user lacks {count}, to list:\n{told}" if missing else "the user lacks none of these rights")
    return exit_codes.NEGATIVE if missing else exit_codes.OK

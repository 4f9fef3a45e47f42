"""The command group, and the one place where an error becomes a message and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import click

from router.cli.console import print_json, say, tell
from router.documents.outputs import ErrorFile
from router.errors import ExecutionReverted, InputError, RouterError, nearest

INTERRUPTED = 130

COMMANDS = {
    "init": ("files", "write a commented config and portfolio to start from"),
    "doctor": ("market", "check node, deployment, executor, gas, allowances and keystore"),
    "status": ("market", "holdings, weights and drift"),
    "pools": ("market", "the pools that the planner sees"),
    "plan": ("trade", "find the cheapest way to the target weights"),
    "verify": ("proof", "check a plan's integers and its proof of optimality, without a node"),
    "simulate": ("trade", "run a plan's exact transaction in process, on the pinned block"),
    "send": ("trade", "simulate, sign, send and verify a plan"),
    "backtest": ("backtest", "run rebalancing policies on recorded prices, and compare them"),
    "bands": ("bands", "how far weights may drift before a trade pays"),
    "replay": ("journal", "run every decision of a trigger's journal again, bit for bit"),
    "forecast": ("forecast", "volatilities and correlations to expect, as a table for a portfolio"),
    "targets": ("targets", "target weights by a rule, as a table for a portfolio"),
    "stress": ("stress", "a portfolio and its plan in markets that fell, thinned out or grew dear"),
    "decode": ("files", "print a payload, a plan or a transaction for a human"),
    "schema": ("files", "print the JSON Schema of a file or output"),
    "localnet": ("local", "run a local chain with the real protocols"),
    "demo": ("local", "the whole job on a local chain, refusals included"),
}
"""Command -> its module, loaded when asked for so that the others start fast, and its line of help."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            raise InputError(f"no such command: {cmd_name}", nearest=nearest(cmd_name, COMMANDS))
        module = importlib.import_module(f"router.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="atomic-rebalance", prog_name="rebalance")
def group() -> None:
    """Plan a rebalance over AMM pools, and execute it as one flash-loan transaction.

    Exit codes: 0 done, 2 bad input, 3 nothing to do, 4 a guard refused, 5 the simulation reverted, 6 the
    chain or RPC failed, 130 interrupted. With --json, stdout holds one JSON document, also for an error.
    """


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits with its code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    sys.exit(run(arguments))


def run(arguments: list[str]) -> int:
    """Runs the command line; the exit code."""
    as_json = "--json" in arguments
    try:
        code = group.main(args=arguments or ["--help"], prog_name="rebalance", standalone_mode=False)
        sys.stdout.flush()
    except click.Abort:
        say("interrupted")
        return INTERRUPTED
    except click.ClickException as error:
        return _report(InputError(error.format_message()), as_json)
    except RouterError as error:
        return _report(error, as_json)
    except BrokenPipeError:
        _drop_stdout()
        return 0
    except OSError as error:
        return _report(InputError(error.strerror or str(error), path=str(error.filename or "")), as_json)
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    return code if isinstance(code, int) else 0


def _report(error: RouterError, as_json: bool) -> int:
    tell(error)
    try:
        if as_json:
            print_json(ErrorFile.of(**_error_fields(error)).to_json())
        sys.stdout.flush()
    except OSError:  # stdout is what failed
        _drop_stdout()
    return error.exit_code


def _drop_stdout() -> None:
    """What stdout still holds cannot be written: the interpreter shall not try again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _error_fields(error: RouterError) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "error": type(error).__name__,
        "message": str(error),
        "exit_code": error.exit_code,
    }
    if isinstance(error, InputError):
        fields |= {"message": error.message, "path": error.path, "nearest": error.nearest}
    if isinstance(error, ExecutionReverted):
        from router.chain.results import revert_entry
        from router.chain.revert_reasons import explain

        fields["revert"] = revert_entry(explain(error.data))
    return fields

"""`localnet` and `demo`: the real protocols on this machine."""

from __future__ import annotations

import signal
from pathlib import Path

import click

from router.cli.console import print_json, print_table, say
from router.cli.demo import run_demo
from router.cli.machine_code import machine_code
from router.cli.settings import CONFIG_NAME, json_option
from router.documents.files import write_json
from router.documents.outputs import LocalnetFile
from router.errors import RpcFailure
from router.localnet import Localnet, start_localnet
from router.localnet.workspace import write_workspace

FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command("localnet")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0 chooses a free one.")
@click.option("--scenario", type=FILE, help="Another scenario file.")
@click.option("--state-in", type=FILE, help="Continue from a saved state.")
@click.option("--state-out", type=FILE, help="Save the state here at the end.")
@click.option(
    "--block-time", type=click.IntRange(1), help="Seconds between blocks; one per transaction if not given."
)
@click.option("--out", type=FOLDER, help="Write config, portfolio, deployment and the owner's keystore here.")
@json_option
def localnet_command(
    port: int,
    scenario: Path | None,
    state_in: Path | None,
    state_out: Path | None,
    block_time: int | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Run a local chain with the real Uniswap, Balancer, Aave, Morpho and USDC until interrupted.

    With --out, `rebalance --config OUT/rebalance.toml …` commands work on it at once.
    """
    for stop in (signal.SIGINT, signal.SIGTERM):  # also where a script started it with interrupts ignored
        signal.signal(stop, signal.default_int_handler)
    with start_localnet(
        scenario, port=port, state_in=state_in, state_out=state_out, block_time=block_time
    ) as net:
        if out is not None:
            write_workspace(net, out)
            say(f"wrote {out}/{CONFIG_NAME} and what it names")
        _announce(net, out, as_json)
        assert net.process is not None
        try:
            net.process.process.wait()
        except KeyboardInterrupt:
            say("stopped")
            return
        raise RpcFailure("the node has ended by itself")


def _announce(net: Localnet, out: Path | None, as_json: bool) -> None:
    if as_json:
        document = LocalnetFile.of(
            rpc_url=net.rpc_url,
            chain_id=net.chain_id,
            owner=net.owner.address,
            deployment=str(out / "deployment.json") if out else "",
        )
        print_json(document.to_json())
        return
    deployment = net.deployment
    print_table(
        "Local chain",
        ["", "value"],
        [
            ("rpc", net.rpc_url),
            ("chain id", net.chain_id),
            ("owner", net.owner.address),
            ("tokens", ", ".join(token["symbol"] for token in deployment["tokens"])),
            ("pools", len(deployment["pools"])),
            ("lenders", ", ".join(sorted({lender["kind"] for lender in deployment["lenders"]}))),
        ],
        left=["value"],
    )
    say("Ctrl-C stops it")


@click.command("demo")
@click.option(
    "--report", type=FILE, default="build/demo/report.json", show_default=True, help="Where the report goes."
)
@json_option
def demo_command(report: Path, as_json: bool) -> None:
    """The whole job on a local chain: drift, plan, simulate, send, verify, and two refusals."""
    with machine_code():
        document = run_demo(quiet=as_json)
    report.parent.mkdir(parents=True, exist_ok=True)
    write_json(document.to_json(), report)
    if as_json:
        print_json(document.to_json())
    say(f"report: {report}")

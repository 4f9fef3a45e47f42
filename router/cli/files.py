"""`init`, `decode` and `schema`: commands that need no node."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from router.chain.deployments import find_deployment
from router.chain.rpc import RpcClient
from router.cli.console import print_json, print_table, say
from router.cli.settings import (
    CONFIG_NAME,
    Settings,
    config_option,
    deployment_option,
    json_option,
    load_settings,
    rpc_option,
    snapshot_option,
)
from router.disassembler import BOUNDS_HEADER, describe
from router.documents.files import write_bytes, write_json
from router.documents.outputs import FilesFile, SchemasFile
from router.documents.payload import payload_to_json
from router.documents.schemas import FILE_MODELS, export_schemas
from router.documents.snapshot_file import load_snapshot
from router.encoder import EXECUTE_SELECTOR, decode, payload_from_calldata
from router.errors import InputError, nearest
from router.rebalancer import load_executable, payload_of, transaction_data
from router.tokens import Address, Token

_HASH_BYTES = 32

_CONFIG = """\
# Settings of `rebalance`; flags and environment variables go before them.
schema = "rebalance-config/1"

# The node to read and send through; $NAME is taken from the environment.
rpc = "$REBALANCE_RPC"
# Which tokens, pools, lenders and feeds to use: a built-in name, or a file (`rebalance localnet` writes one).
deployment = "{deployment}"
portfolio = "portfolio.toml"
# An encrypted V3 keystore. Its password comes from a prompt, --password-file or REBALANCE_PASSWORD.
# keystore = "owner.json"

# Never pay more than this per gas.
max_fee_gwei = "100"
# Refuse to send on a simulation older than this many blocks.
max_simulation_age_blocks = 5
# Where interrupted reads resume from, and where sent transactions are remembered.
cache = ".rebalance"
"""

_PORTFOLIO = """\
# What to hold. Without a [holdings] table the owner's balances are read from the chain.
schema = "rebalance-portfolio/1"
owner = "0x0000000000000000000000000000000000000000"
numeraire = "USDC"

# A weight may end this far from its target, in hundredths of a percent of the portfolio.
tolerance_bps = 50
# The most that execution may cost beyond the plan, in hundredths of a percent of the value traded.
max_slippage_bps = 50
# The most that fees, price impact, premium and gas may take of the portfolio's value, as planned.
max_cost_bps = 200
# Where the weights may end: "target" exactly, anywhere in the "band" of the tolerance, or, where rules keep
# a token from its target, "nearest" to it.
landing = "target"
# Where the pools offer more arbitrage than this, of the portfolio's value, no flows go in a circle.
max_arbitrage_bps = 0.05
# The most swaps, and the most of any pool's depth, in one plan.
# max_legs = 12
# max_depth_bps = 2500
# "pull-first": your tokens leave, then the bought ones arrive. "deliver-first": the reverse, on a loan.
settlement = "pull-first"
loan = "auto"

# Shares of the portfolio's value; they sum to 1. Tokens by symbol where only one has it, else by address.
# In place of this table a [target_rule] computes them from recorded prices, with the keys that `rebalance
# targets` has as flags: rule = "risk_parity", prices = "prices.csv", columns = { WETH = "ETH_close" }, ...
[targets]
WETH = "0.6"
USDC = "0.4"

# Whole tokens that arrive before the trade, or, where negative, that must be left over after it.
# [cash_flows]
# USDC = "-500"

# What may happen to one token: trade is "both", "buy", "sell" or "none"; its own tolerance; how far its price
# may be moved in any one pool.
# [rules.WETH]
# trade = "buy"
# tolerance_bps = 100
# max_impact_bps = 30

# When to rebalance; without this table, when a weight is beyond its tolerance. The kinds are "calendar" (by
# cron, interval_days or interval_hours), "threshold", and "all" or "any" of such parts. A calendar in "all"
# is a look: what it acts on must hold at that moment.
# [trigger]
# kind = "all"
# [[trigger.of]]
# kind = "calendar"
# cron = "0 9 * * MON"
# timezone = "Europe/Zurich"
# grace_hours = 6
# [[trigger.of]]
# kind = "any"
# [[trigger.of.of]]
# kind = "threshold"
# measure = "absolute"  # or "relative" (to the target), "l1", "l2", "tracking_error"
# band_bps = 250
# bands_bps = { WETH = 300 }
# [[trigger.of.of]]
# kind = "threshold"
# measure = "relative"
# band_bps = 2500

# What holds a due rebalance back until it is met. It stays due meanwhile.
# [gates]
# cooldown_hours = 12
# min_trade = "250"  # in the numeraire
# gas_ceiling_gwei = 40
# max_price_age_s = 90000  # of a feed's answer: above its heartbeat, which is a day for many
# max_attempts = 3
# retry_after_s = 300

# What of the market is refused, unless `plan --trade-broken-market` overrules it: how much of a pool's depth
# (what moves its price by 2 %) is taken, how far from the reference price a pool is left, how far a held or
# wanted token's reference price is from the pools', whether both of these must speak of it (2), and how far
# a price is from that of the journal's last look, of a day before at most; after longer it may be further.
# [guards]
# max_pool_share_bps = 20000
# max_price_deviation_bps = 500
# max_source_deviation_bps = 300
# min_sources = 1
# max_jump_bps = 3000

# What drift costs you, so that a trade is weighed against what it takes: it lands where the next unit would
# not pay, and nothing is done where none pays. Without this table plans go to the target whatever that costs.
# [discipline]
# risk_aversion = 3
# horizon_days = 30
# correlation = "0.6"  # of every two tokens
# correlations = { "WETH/USDC" = "0" }
# max_weight = { WETH = "0.8" }
# [discipline.volatility]  # annual; the numeraire's is 0
# WETH = "0.7"
# [discipline.forecast]  # in place of volatilities and correlations: those that recorded prices let expect
# prices = "prices.csv"
# columns = { WBTC = "BTC_close" }
# model = "auto"
# horizon_days = 7
# max_age_days = 3
"""


@click.command("init")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".")
@click.option("--deployment", default="mainnet", show_default=True, help="A built-in name, or a file.")
@click.option("--force", is_flag=True, help="Overwrite existing files.")
@json_option
def init_command(folder: Path, deployment: str, force: bool, as_json: bool) -> None:
    """Write a commented config and portfolio into FOLDER."""
    texts = {
        folder / CONFIG_NAME: _CONFIG.format(deployment=deployment),
        folder / "portfolio.toml": _PORTFOLIO,
    }
    for path in texts:
        if path.exists() and not force:
            raise InputError("exists already; --force overwrites it", path=str(path))
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        write_bytes(text.encode(), path)
    _show_files(texts, as_json)
    say("Next: set the owner and targets in portfolio.toml, then run `rebalance doctor`.")


@click.command("schema")
@click.argument("name", required=False)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Write every schema into this folder."
)
@json_option
def schema_command(name: str | None, out: Path | None, as_json: bool) -> None:
    """Print the JSON Schema of NAME, or list the names."""
    schemas = export_schemas()
    if out is not None:
        _write_schemas(schemas, out, as_json)
    elif name is None:
        described = {name: (model.__doc__ or "").splitlines()[0] for name, model in FILE_MODELS.items()}
        if as_json:
            print_json(SchemasFile.of(schemas=described).to_json())
        else:
            print_table("Schemas", ["name", "describes"], described.items(), left=["describes"])
    elif name not in schemas:
        raise InputError(f"no schema {name!r}", nearest=nearest(name, schemas))
    else:
        print_json(schemas[name])


def _write_schemas(schemas: Mapping[str, Any], folder: Path, as_json: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    paths = {folder / f"{name}.schema.json": schema for name, schema in schemas.items()}
    for path, schema in paths.items():
        write_json(schema, path)
    _show_files(paths, as_json)


def _show_files(paths: Iterable[Path], as_json: bool) -> None:
    if as_json:
        print_json(FilesFile.of(files=tuple(map(str, paths))).to_json())
        return
    for path in paths:
        click.echo(path)


@click.command("decode")
@click.argument("payload")
@config_option
@snapshot_option
@deployment_option
@rpc_option
@json_option
def decode_command(
    payload: str,
    config: Path | None,
    snapshot: Path | None,
    deployment: str | None,
    rpc: str | None,
    as_json: bool,
) -> None:
    """Print PAYLOAD for a human: 0x bytes, calldata, a plan file, or a transaction hash of the node.

    Tokens are named where a snapshot, a deployment or the config tells their symbols.
    """
    settings = load_settings(config)
    program = decode(_payload(payload, settings, rpc))
    tokens = _tokens(settings, snapshot, deployment)
    if as_json:
        print_json(payload_to_json(program, tokens).to_json())
        return
    described = describe(program, tokens)
    print_table("Program", ["", ""], described.head, left=[""])
    print_table("Bounds on the owner's balances", BOUNDS_HEADER, described.bounds)
    print_table("Steps", ["step", "does"], list(enumerate(described.steps)), left=["does"])


def _tokens(settings: Settings, snapshot: Path | None, deployment: str | None) -> dict[Address, Token] | None:
    if snapshot is not None:
        return dict(load_snapshot(snapshot).tokens)
    if deployment or settings.config.deployment:
        return find_deployment(settings.deployment(deployment)).token_by_address
    return None


def _payload(text: str, settings: Settings, rpc: str | None) -> bytes:
    """The payload that the argument is, holds or names."""
    if not text.startswith("0x"):
        return payload_of(load_executable(Path(text)))
    if not re.fullmatch(r"0x(?:[0-9a-fA-F]{2})+", text):
        raise InputError("should be bytes in hex, starting with 0x", path="PAYLOAD")
    data = bytes.fromhex(text[2:])
    if len(data) == _HASH_BYTES:
        with contextlib.closing(RpcClient(settings.rpc(rpc))) as client:
            data = transaction_data(client, text)
    return payload_from_calldata(data) if data[:4] == EXECUTE_SELECTOR else data

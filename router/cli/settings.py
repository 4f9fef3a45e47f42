"""Flags before environment before config file: the one place that decides where a setting comes from."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from router.documents.config import Config, load_config
from router.documents.portfolio_file import Overrides
from router.errors import InputError
from router.fixed_point import BPS
from router.portfolio import Landing, LoanPolicy, Settlement
from router.tokens import parse_amount

Function = TypeVar("Function", bound=Callable[..., Any])

CONFIG_NAME = "rebalance.toml"
_GWEI_DECIMALS = 9
_VARIABLE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one run.

    Attributes:
        config: the config file's values, or the defaults.
        folder: what the config's paths are relative to.
    """

    config: Config
    folder: Path

    def path(self, flag: Path | None, field: str) -> Path | None:
        """A path from its flag, or from the config."""
        named = getattr(self.config, field)
        return flag or (self.folder / named if named else None)

    def required_path(self, flag: Path | None, field: str) -> Path:
        """As `path`.

        Raises:
            InputError: neither names one.
        """
        if (found := self.path(flag, field)) is None:
            raise InputError(f"name one: --{field} FILE, or {field} in {CONFIG_NAME}", path=field)
        return found

    def rpc(self, flag: str | None) -> str:
        """The node's URL, with environment variables filled in.

        Raises:
            InputError: no URL, a variable that is not set, or neither http nor https; the URL is not shown.
        """
        text = flag or self.config.rpc
        if not text:
            raise InputError(f"name a node: --rpc URL, REBALANCE_RPC, or rpc in {CONFIG_NAME}", path="rpc")
        url = _VARIABLE.sub(_from_environment, text)
        if not url.startswith(("http://", "https://")):
            raise InputError("should be a URL that starts with http:// or https://", path="rpc")
        return url

    def deployment(self, flag: str | None) -> str:
        """A built-in deployment's name, or a file's path.

        Raises:
            InputError: neither flag nor config names one.
        """
        if flag:
            return flag
        if not (named := self.config.deployment):
            raise InputError(
                f"name one: --deployment NAME|FILE, or deployment in {CONFIG_NAME}", path="deployment"
            )
        beside = self.folder / named
        return str(beside) if beside.is_file() else named

    def max_fee_wei(self, flag: str | None) -> int:
        """The fee cap, in wei per gas."""
        return parse_amount(flag or self.config.max_fee_gwei, _GWEI_DECIMALS, "max_fee_gwei")


def _from_environment(match: re.Match[str]) -> str:
    name = match.group(1)
    if name not in os.environ:
        raise InputError(f"environment variable {name} is not set", path="rpc")
    return os.environ[name]


def load_settings(config: Path | None) -> Settings:
    """The settings of a named config file, of `rebalance.toml` in this folder, or the defaults."""
    if config is None and Path(CONFIG_NAME).is_file():
        config = Path(CONFIG_NAME)
    if config is None:
        return Settings(Config(), Path())
    return Settings(load_config(config), config.parent)


FILE = click.Path(dir_okay=False, path_type=Path)


def _option(*names: str, **how: Any) -> Callable[[Function], Function]:
    return click.option(*names, **how)


config_option = _option(
    "--config", type=FILE, envvar="REBALANCE_CONFIG", help=f"Default: {CONFIG_NAME} here."
)
rpc_option = _option("--rpc", envvar="REBALANCE_RPC", help="URL of the node.")
deployment_option = _option(
    "--deployment", envvar="REBALANCE_DEPLOYMENT", help="A built-in deployment's name, or a file."
)
portfolio_option = _option("--portfolio", type=FILE, help="Portfolio file, .toml or .json.")
journal_option = _option(
    "--journal",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The trigger's journal: where its state is kept, and every look and end.",
)
trade_broken_market_option = _option(
    "--trade-broken-market", is_flag=True, help="Overrule what guards refuse of the market; notes tell it."
)
snapshot_option = _option("--snapshot", type=FILE, help="Snapshot file instead of a node.")
block_option = _option("--block", type=click.IntRange(0), help="Block to read; the latest if not given.")
json_option = _option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")

_OVERRIDES = (
    _option("--settlement", type=click.Choice([*map(str, Settlement)]), help="Instead of the file's."),
    _option("--loan", type=click.Choice([*map(str, LoanPolicy)]), help="Instead of the file's."),
    _option(
        "--landing",
        type=click.Choice([*map(str, Landing)]),
        help="Where the final weights may be, instead of the file's.",
    ),
    _option(
        "--max-arbitrage-bps",
        type=click.FloatRange(0),
        help="Leave out pools that pay more than this, of the value, to who holds the target already.",
    ),
    _option("--max-legs", type=click.IntRange(1), help="At most this many swaps."),
    _option("--max-depth-bps", type=click.IntRange(1, BPS), help="At most this part of any pool's depth."),
)


def override_options(command: Callable[..., None]) -> Callable[..., None]:
    """Flags in place of the portfolio file's keys; the command gets them as one argument, `overrides`."""

    @functools.wraps(command)
    def with_overrides(
        *,
        settlement: str | None,
        loan: str | None,
        landing: str | None,
        max_arbitrage_bps: float | None,
        max_legs: int | None,
        max_depth_bps: int | None,
        **others: Any,
    ) -> None:
        command(
            overrides=Overrides(
                Settlement(settlement) if settlement else None,
                LoanPolicy(loan) if loan else None,
                Landing(landing) if landing else None,
                max_arbitrage_bps,
                max_legs,
                max_depth_bps,
            ),
            **others,
        )

    for option in reversed(_OVERRIDES):
        with_overrides = option(with_overrides)
    return with_overrides

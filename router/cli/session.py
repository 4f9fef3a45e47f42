"""A node for the length of one command, with its deployment and a progress bar."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from router.cli.console import progress_bar, say
from router.cli.settings import Settings
from router.documents.portfolio_file import PortfolioFile
from router.documents.snapshot_file import load_snapshot_file
from router.portfolio import Portfolio
from router.rebalancer import Chain, connect, read_market, read_portfolio
from router.snapshot import Snapshot

STATE_FOLDER = ".rebalance"


@dataclass(frozen=True, slots=True)
class Session:
    """A chain, and where its answers are kept."""

    chain: Chain
    cache: Path | None

    @property
    def state_folder(self) -> Path:
        """Where sent transactions are remembered."""
        return self.cache or Path(STATE_FOLDER)

    def read(self, block: int | None = None, *, trade_broken_market: bool = False) -> Snapshot:
        """The market at a block, with a progress bar."""
        with progress_bar("reading the chain") as update:
            return read_market(
                self.chain,
                block,
                cache=self.cache,
                progress=update,
                trade_broken_market=trade_broken_market,
            )


def load_market(path: Path) -> Snapshot:
    """The market of a snapshot file; says which of its pools are not routed."""
    loaded = load_snapshot_file(path)
    for kind, count in loaded.not_routed.items():
        say(f"note: {count} {kind} pools of {path.name} are not routed")
    return loaded.snapshot


def read_both(
    settings: Settings,
    file: PortfolioFile,
    *,
    snapshot: Path | None,
    rpc: str | None,
    deployment: str | None,
    block: int | None,
    trade_broken_market: bool = False,
) -> tuple[Snapshot, Portfolio, datetime]:
    """The market, of a file or of a node at a block; the portfolio in it; and the time there.

    That of a file is its own. That of a node is not before now: the last block of a chain that mines on
    demand may be hours old.
    """
    if snapshot is not None:
        market = load_market(snapshot)
        now = datetime.fromtimestamp(market.timestamp, UTC)
        return market, file.resolve(market, now=now), now
    with open_session(settings, rpc, deployment) as session:
        market = session.read(block, trade_broken_market=trade_broken_market)
        now = datetime.fromtimestamp(max(market.timestamp, int(time.time())), UTC)
        owner = read_portfolio(session.chain, file, market, now)
    return market, owner, now


@contextmanager
def open_session(settings: Settings, rpc: str | None, deployment: str | None) -> Iterator[Session]:
    """Connects to the node that flags, environment or config name."""
    url = settings.rpc(rpc)
    chain = connect(url, settings.deployment(deployment))
    try:
        yield Session(chain, settings.path(None, "cache"))
    finally:
        chain.close()

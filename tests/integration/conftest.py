"""What most tests here start from: a folder to operate from, or a market, on a chain of its own state."""

from __future__ import annotations

from pathlib import Path

import pytest

from router.localnet import Localnet
from tests.integration.operator import Workspace
from tests.integration.sending import Market, read_market


@pytest.fixture
def workspace(fresh_chain: Localnet, tmp_path: Path) -> Workspace:
    """What `rebalance localnet --out` writes; the chain is as it started."""
    return Workspace.on(fresh_chain, tmp_path / "ws")


@pytest.fixture
def market(fresh_chain: Localnet) -> Market:
    """What the chain holds, and a node to send to; the chain is as it started."""
    return read_market(fresh_chain)

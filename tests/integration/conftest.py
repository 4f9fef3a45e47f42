"""A folder to operate from, on a chain of its own state."""

from __future__ import annotations

from pathlib import Path

import pytest

from router.localnet import Localnet
from tests.integration.operator import Workspace


@pytest.fixture
def workspace(fresh_chain: Localnet, tmp_path: Path) -> Workspace:
    """What `rebalance localnet --out` writes; the chain is as it started."""
    return Workspace.on(fresh_chain, tmp_path / "ws")

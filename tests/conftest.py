"""Fixtures for every tier: one local chain per session, and a clean start on it for each test that asks."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from router.localnet import Localnet, start_localnet

collect_ignore = ["brownie"]
"""That tier needs Brownie's plugin, which is off here: `brownie test` runs it."""

os.environ.pop("COLUMNS", None)
"""Workers of pytest-xdist are told the width of a terminal; tables are to be as in a pipe."""

settings.register_profile("same", derandomize=True)
settings.register_profile("explore", print_blob=True)
settings.load_profile("same")
"""Every run tries the same examples, so what fails is the change's own; `make explore` looks for new ones."""


@pytest.fixture(scope="session")
def localnet() -> Iterator[Localnet]:
    """The packaged scenario on a free port. Tests that change anything take `fresh_chain` instead."""
    with start_localnet() as net:
        yield net


@pytest.fixture
def fresh_chain(localnet: Localnet) -> Iterator[Localnet]:
    """The session's chain as it started; whatever the test does to it is undone."""
    mark = localnet.snapshot()
    yield localnet
    localnet.revert(mark)

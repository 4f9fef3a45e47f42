"""One world per session; a cold copy of it for every test."""

from __future__ import annotations

import pytest

from tests.contracts.chain import Account, Chain
from tests.contracts.world import World, build


@pytest.fixture(scope="session")
def pristine() -> tuple[World, tuple[Account, ...]]:
    world = build()
    return world, world.chain.freeze()


@pytest.fixture
def world(pristine: tuple[World, tuple[Account, ...]]) -> World:
    built, accounts = pristine
    return built.on(Chain.thaw(accounts))

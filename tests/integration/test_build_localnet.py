"""The scenario on an anvil that somebody else started."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from router.errors import InputError, RpcFailure
from router.localnet import Localnet, build_localnet
from router.localnet.anvil import AnvilProcess, find_anvil, start_anvil
from router.localnet.artifacts import find_project_root


@contextlib.contextmanager
def foreign_node(chain_id: int) -> Iterator[AnvilProcess]:
    with contextlib.closing(start_anvil(find_anvil(find_project_root()), chain_id, "prague")) as node:
        yield node


def test_builds_what_start_localnet_builds_and_leaves_the_node_running(localnet: Localnet) -> None:
    with foreign_node(localnet.chain_id) as node:
        with build_localnet(node.url) as net:
            assert net.deployment == localnet.deployment
            assert net.process is None
            holder = net.owner.address
            for token in localnet.deployment["tokens"]:
                address = token["address"]
                assert net.balance_of(address, holder) == localnet.balance_of(address, holder)
        assert node.process.poll() is None


def test_refuses_a_node_of_another_chain() -> None:
    with (
        foreign_node(1) as node,
        pytest.raises(InputError, match="chain 1"),
        build_localnet(node.url),
    ):
        pass


def test_unreachable_node_names_the_call() -> None:
    with pytest.raises(RpcFailure, match="eth_chainId"), build_localnet("http://127.0.0.1:9"):
        pass

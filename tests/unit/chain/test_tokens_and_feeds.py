"""What tokens and price feeds may answer, from a node that is told what to say."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from eth_abi.abi import encode

from router.chain.abi import DECIMALS, LATEST_ROUND, SYMBOL, Call
from router.chain.feeds import read_prices, read_sequencer
from router.chain.multicall import Caller
from router.chain.rpc import RpcClient
from router.chain.tokens import read_tokens
from router.chain.view import PinnedBlock, View
from router.documents.deployment import DeployedToken
from router.errors import InconsistentAnswer
from router.strategy.feeds import SequencerStatus
from tests.unit.chain.scripted_node import Reply, answer, scripted_node

TOKEN, NUMERAIRE, FEED, NUMERAIRE_FEED = ("0x" + digit * 40 for digit in "1234")
NOW = 1_700_000_000


@contextmanager
def view_of(answers: Mapping[Call, bytes]) -> Any:
    """A view of a chain on which these calls have these answers."""
    by_text = {(call.target, f"0x{call.data.hex()}"): f"0x{data.hex()}" for call, data in answers.items()}

    def result(method: str, params: list[Any]) -> Any:
        if method == "eth_getCode":
            return "0x60"
        return by_text[params[0]["to"], params[0]["data"]]

    with scripted_node(lambda request: Reply(answer(request, result))) as url:
        client = RpcClient(url)
        block = PinnedBlock(1, "0x" + "0" * 64, NOW, None, by_hash=True)
        yield View(client, block, Caller(client, block.parameter))
        client.close()


def token(decimals: int, symbol: bytes) -> dict[Call, bytes]:
    return {DECIMALS.call(TOKEN): encode(["uint8"], [decimals]), SYMBOL.call(TOKEN): symbol}


@pytest.mark.parametrize("symbol", [encode(["string"], ["MKR"]), b"MKR".ljust(32, b"\0")])
def test_symbols_as_text_or_as_32_bytes(symbol: bytes) -> None:
    with view_of(token(18, symbol)) as view:
        found = read_tokens(view, 1, [TOKEN], {})[TOKEN]
    assert (found.symbol, found.decimals) == ("MKR", 18)


@pytest.mark.parametrize("symbol", [b"\0" * 32, encode(["string"], [""]), encode(["string"], ["a\nb"])])
def test_symbols_that_are_none_are_refused(symbol: bytes) -> None:
    with view_of(token(18, symbol)) as view, pytest.raises(InconsistentAnswer, match="is no symbol"):
        read_tokens(view, 1, [TOKEN], {})


def test_decimals_beyond_the_limit_are_refused() -> None:
    with (
        view_of(token(37, encode(["string"], ["A"]))) as view,
        pytest.raises(InconsistentAnswer, match=r"decimals of 0x1.*37 is more than 36"),
    ):
        read_tokens(view, 1, [TOKEN], {})


def feed(address: str, price: int, age: int, decimals: int = 8) -> dict[Call, bytes]:
    rounds = encode(["uint80", "int256", "uint256", "uint256", "uint80"], [1, price, NOW, NOW - age, 1])
    return {LATEST_ROUND.call(address): rounds, DECIMALS.call(address): encode(["uint8"], [decimals])}


TOKENS = [
    DeployedToken(address=TOKEN, symbol="A", decimals=18, feed=FEED),
    DeployedToken(address=NUMERAIRE, symbol="B", decimals=6, feed=NUMERAIRE_FEED),
]


def test_price_is_one_feed_over_the_other_to_thirty_digits() -> None:
    with view_of(feed(FEED, 2 * 10**8, 7) | feed(NUMERAIRE_FEED, 3 * 10**18, 9, decimals=18)) as view:
        prices, times, stale = read_prices(view, TOKENS, NUMERAIRE)
    assert prices == {NUMERAIRE: "1", TOKEN: "0." + "6" * 29 + "7"}
    assert times == {TOKEN: NOW - 7}
    assert stale == ()


def test_without_a_feed_of_the_numeraire_only_it_is_priced() -> None:
    with view_of({}) as view:
        assert read_prices(view, TOKENS[:1], NUMERAIRE) == ({NUMERAIRE: "1"}, {}, ())


@pytest.mark.parametrize(("price", "age"), [(0, 0), (-5, 0), (5, -1)])
def test_answers_that_are_no_prices_are_refused(price: int, age: int) -> None:
    with (
        view_of(feed(FEED, price, age) | feed(NUMERAIRE_FEED, 10**8, 0)) as view,
        pytest.raises(InconsistentAnswer, match="latestRoundData of 0x3"),
    ):
        read_prices(view, TOKENS, NUMERAIRE)


@pytest.mark.parametrize(("heartbeat", "limit"), [(None, 90_000), (3_600, 3_600), (200_000, 200_000)])
def test_each_feed_is_held_to_its_own_heartbeat(heartbeat: int | None, limit: int) -> None:
    tokens = [TOKENS[0].model_copy(update={"heartbeat_s": heartbeat}), TOKENS[1]]
    for age in (limit, limit + 1):
        with view_of(feed(FEED, 5, age) | feed(NUMERAIRE_FEED, 10**8, 0)) as view:
            prices, _, stale = read_prices(view, tokens, NUMERAIRE)
        assert prices[TOKEN] == "0.00000005"
        found = [(fault.token, fault.source, fault.found, fault.limit) for fault in stale]
        assert found == ([("A", f"feed {FEED}", age, limit)] if age > limit else [])


def uptime(answer: int, since: int) -> dict[Call, bytes]:
    rounds = encode(["uint80", "int256", "uint256", "uint256", "uint80"], [1, answer, since, NOW, 1])
    return {LATEST_ROUND.call(FEED): rounds}


@pytest.mark.parametrize(
    ("answer_", "since", "status"),
    [
        (0, NOW - 60, SequencerStatus(up=True, since=datetime.fromtimestamp(NOW - 60, UTC))),
        (1, NOW, SequencerStatus(up=False, since=datetime.fromtimestamp(NOW, UTC))),
        (0, 0, SequencerStatus(up=True, since=None)),
    ],
)
def test_a_sequencer_is_up_at_zero_since_the_round_started(
    answer_: int, since: int, status: SequencerStatus
) -> None:
    with view_of(uptime(answer_, since)) as view:
        assert read_sequencer(view, FEED) == status


@pytest.mark.parametrize(("answer_", "since"), [(2, NOW), (-1, NOW), (0, NOW + 1)])
def test_what_is_no_state_of_a_sequencer_is_refused(answer_: int, since: int) -> None:
    with (
        view_of(uptime(answer_, since)) as view,
        pytest.raises(InconsistentAnswer, match="a sequencer's state is 0 or 1"),
    ):
        read_sequencer(view, FEED)

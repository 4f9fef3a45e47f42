"""Oracle prices from Chainlink aggregators, counted in the numeraire, and a rollup's sequencer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from fractions import Fraction

from router.chain.abi import DECIMALS, LATEST_ROUND
from router.chain.view import View
from router.documents.deployment import DeployedToken
from router.errors import InconsistentAnswer, StalePrice
from router.strategy.feeds import DAILY_HEARTBEAT, PriceReading, SequencerStatus, find_stale
from router.tokens import Address

MAX_FEED_AGE_SECONDS = int(DAILY_HEARTBEAT.total_seconds())
"""Oldest answer taken."""
PRICE_DIGITS = 30
"""Significant digits of a price."""


def read_prices(
    view: View,
    tokens: Iterable[DeployedToken],
    numeraire: Address,
    max_age_seconds: int = MAX_FEED_AGE_SECONDS,
) -> tuple[dict[Address, str], dict[Address, int], tuple[StalePrice, ...]]:
    """(numeraire units per whole token, as decimal text, of each token with a feed; when each feed answered;
    what is stale of them).

    A token's feed over the numeraire's, both in US dollars, rounded half-even to 30 digits. Without a feed of
    the numeraire there is nothing to divide by, and only the numeraire itself is priced, at 1.

    Args:
        max_age_seconds: of the answer of a feed without a heartbeat of its own.

    Raises:
        InconsistentAnswer: a price of zero or less, or from the future.
    """
    fed = {token.address: token for token in tokens if token.feed is not None}
    dollars, times, stale = _dollars(view, fed, max_age_seconds) if numeraire in fed else ({}, {}, ())
    prices = {
        address: _text(dollars[address] / dollars[numeraire]) for address in dollars if address != numeraire
    }
    return {numeraire: "1", **prices}, {address: times[address] for address in prices}, stale


def read_sequencer(view: View, feed: Address) -> SequencerStatus:
    """A rollup's sequencer, from its uptime feed: the answer is 0 while it is up and 1 while it is down.

    Source: Chainlink documentation, L2 sequencer uptime feeds.

    Raises:
        InconsistentAnswer: another answer, or a state that begins in the future.
    """
    call = LATEST_ROUND.call(feed)
    _, answer, started_at, _, _ = view.ask([call], "sequencer").values(call)
    now = view.block.timestamp
    if answer not in (0, 1) or started_at > now:
        raise InconsistentAnswer(
            f"{call}: a sequencer's state is 0 or 1, and begins before {now}, not {answer} since {started_at}"
        )
    return SequencerStatus(up=answer == 0, since=_time(started_at) if started_at else None)


def _dollars(
    view: View, fed: Mapping[Address, DeployedToken], max_age_seconds: int
) -> tuple[dict[Address, Fraction], dict[Address, int], tuple[StalePrice, ...]]:
    feeds = {address: token.feed for address, token in fed.items() if token.feed is not None}
    answers = view.ask(
        [function.call(feed) for feed in feeds.values() for function in (LATEST_ROUND, DECIMALS)], "prices"
    )
    dollars, times, stale = {}, {}, []
    for token, feed in feeds.items():
        _, answer, _, updated_at, _ = answers.values(LATEST_ROUND.call(feed))
        age = view.block.timestamp - updated_at
        if answer <= 0 or age < 0:
            raise InconsistentAnswer(
                f"latestRoundData of {feed}: the price of {token} is {answer}, {age} seconds old"
            )
        price = Fraction(answer, 10 ** answers.one(DECIMALS.call(feed)))
        now = block_time(view)
        written = PriceReading(f"feed {feed}", fed[token].symbol, float(price), now - timedelta(seconds=age))
        limit = timedelta(seconds=fed[token].heartbeat_s or max_age_seconds)
        if fault := find_stale(written, now, limit):
            stale.append(fault)
        dollars[token], times[token] = price, updated_at
    return dollars, times, tuple(stale)


def block_time(view: View) -> datetime:
    """The time of the pinned block."""
    return _time(view.block.timestamp)


def _time(timestamp: int) -> datetime:
    try:
        return datetime.fromtimestamp(timestamp, UTC)
    except (ValueError, OverflowError, OSError):
        raise InconsistentAnswer(f"the block's timestamp is {timestamp}, which is no time") from None


def _text(price: Fraction) -> str:
    quotient = Context(prec=PRICE_DIGITS).divide(Decimal(price.numerator), Decimal(price.denominator))
    text = format(quotient, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text

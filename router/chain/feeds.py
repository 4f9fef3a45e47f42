"""Oracle prices from Chainlink aggregators, counted in the numeraire."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from fractions import Fraction

from router.chain.abi import DECIMALS, LATEST_ROUND
from router.chain.view import View
from router.documents.deployment import DeployedToken
from router.errors import InconsistentAnswer
from router.strategy.feeds import DAILY_HEARTBEAT, PriceReading, find_stale, require
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
) -> dict[Address, str]:
    """Numeraire units per whole token, as decimal text, of each token with a feed.

    A token's feed over the numeraire's, both in US dollars, rounded half-even to 30 digits. Without a feed of
    the numeraire there is nothing to divide by, and only the numeraire itself is priced, at 1.

    Raises:
        StalePrice: an answer older than the limit.
        InconsistentAnswer: a price of zero or less, or from the future.
    """
    feeds = {token.address: token.feed for token in tokens if token.feed is not None}
    dollars = _dollars(view, feeds, max_age_seconds) if numeraire in feeds else {}
    prices = {
        address: _text(dollars[address] / dollars[numeraire]) for address in dollars if address != numeraire
    }
    return {numeraire: "1", **prices}


def _dollars(view: View, feeds: Mapping[Address, Address], max_age_seconds: int) -> dict[Address, Fraction]:
    answers = view.ask(
        [function.call(feed) for feed in feeds.values() for function in (LATEST_ROUND, DECIMALS)], "prices"
    )
    dollars = {}
    for token, feed in feeds.items():
        _, answer, _, updated_at, _ = answers.values(LATEST_ROUND.call(feed))
        age = view.block.timestamp - updated_at
        if answer <= 0 or age < 0:
            raise InconsistentAnswer(
                f"latestRoundData of {feed}: the price of {token} is {answer}, {age} seconds old"
            )
        price = Fraction(answer, 10 ** answers.one(DECIMALS.call(feed)))
        now = _time(view.block.timestamp)
        written = PriceReading(f"feed {feed}", token, float(price), now - timedelta(seconds=age))
        require(find_stale(written, now, timedelta(seconds=max_age_seconds)))
        dollars[token] = price
    return dollars


def _time(timestamp: int) -> datetime:
    try:
        return datetime.fromtimestamp(timestamp, UTC)
    except (ValueError, OverflowError, OSError):
        raise InconsistentAnswer(f"the block's timestamp is {timestamp}, which is no time") from None


def _text(price: Fraction) -> str:
    quotient = Context(prec=PRICE_DIGITS).divide(Decimal(price.numerator), Decimal(price.denominator))
    text = format(quotient, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text

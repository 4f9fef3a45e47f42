"""Everything that can go wrong, named for the condition found.

    RouterError
      InputError               a file, flag or value that cannot be used; says where, and what was meant
        EncodingError          a program that has no wire form
        MalformedPayload       bytes that are no program; says at which offset
        Infeasible             no trade reaches the target: no pool, no path, or not enough liquidity
          InfeasibleWeights    no weights lie within the floors, caps and budget asked for
        InsufficientHistory    fewer rows than a rule or a forecast needs
        NotFinite              NaN or infinity where a number is needed
        PriceSeriesError       recorded prices that no backtest can be run on; says which asset and when
          MissingPrice         no price where others have one
          NonPositivePrice
          DuplicatedColumn     two columns of one name
          PriceJump            a change that looks like a split, or like another unit
          PriceGap             no rows for much longer than usual
          DuplicatedTime
          UnsortedTimes
          MixedTimeZones       some times with a zone and some without, or several zones
        OutdatedPrices         recorded prices that end too long before the market's time
        SingularCovariance     a covariance that is no positive definite matrix
        Unaffordable           weights that cost more than the portfolio is worth
      PoolError                an AMM would refuse this trade
        InsufficientLiquidity  asked for more than the pool can pay, or pushed past its last tick
        RatioExceeded          more of a balance than the pool lets one swap move
        TokenNotInPool
      NothingToDo              the portfolio is already within tolerance
      GuardRefused             a safety rule said no before anything was sent
        StaleSimulation        the block simulated on is too old
        SimulationMismatch     the simulation ran, and its figures are not the plan's
        BrokenMarket           the market, or what is known of it, is not fit for this trade
          InvalidPrice         an answer that is no price: zero, negative, not a number, from the future
          StalePrice           an oracle's answer is older than the limit
          TooFewSources        a price that too few sources stand behind
          SourcesDisagree      sources of one price that are far apart
          PriceJumped          a price far from the one last accepted
          SequencerDown        a rollup whose sequencer is down, or only just back
          DepthExceeded        a trade that takes too much of a pool's depth
          PoolAwayFromOracle   a trade that leaves a pool far from the oracle's price
          LiquidationInReach   a trade that moves a pool past a price at which others are liquidated
        HealthTooLow           a debt whose health factor is below the least allowed
        Unsolved               a convex program that its solver found no answer to
      ExecutionReverted        the transaction reverts; carries the decoded reason
        ExecutorRevert         one class for each error of the executor, in `router.reverts`
      ChainError               the node, or what it answered
        RpcFailure             no answer, a refusal, a rate limit or a truncated answer
        ChainIdMismatch
        MissingCode            no contract where one was expected
        Reorganised            the pinned block is no longer in the chain
        InconsistentAnswer     an answer that cannot be true

Each class carries the exit code that the command line documents.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class RouterError(Exception):
    """Base of every error this package raises on purpose."""

    exit_code = 1


class InputError(RouterError):
    """A file, flag or value that cannot be used.

    Args:
        message: what is wrong with the value, in one sentence without its location.
        path: where the value stands, e.g. ``portfolio.toml: targets.WETH``.
        nearest: the valid value or key closest to the one given, if there is one.
    """

    exit_code = 2

    def __init__(self, message: str, *, path: str = "", nearest: str | None = None) -> None:
        self.message, self.path, self.nearest = message, path, nearest
        hint = f" (did you mean {nearest!r}?)" if nearest else ""
        super().__init__(f"{path}: {message}{hint}" if path else f"{message}{hint}")


class Infeasible(InputError):  # noqa: N818 - networkx and every solver call the condition by this name
    """No trade reaches the target. The message names the binding token and the most that can be reached."""


class InfeasibleWeights(Infeasible):
    """No weights lie within the floors, caps and budget asked for. The message names them and their sum."""


class InsufficientHistory(InputError):  # noqa: N818
    """Fewer rows than a rule or a forecast needs. The message says how many it needs."""


class NotFinite(InputError):  # noqa: N818
    """NaN or infinity where a number is needed. The message names the first place."""


class PriceSeriesError(InputError):
    """Recorded prices that no backtest can be run on. The message names the asset and the time."""


class MissingPrice(PriceSeriesError):  # noqa: N818
    """No price in a row where other assets may have one."""


class NonPositivePrice(PriceSeriesError):  # noqa: N818
    """A price of zero or below."""


class DuplicatedColumn(PriceSeriesError):  # noqa: N818
    """Two columns of one name, of which nobody can tell which is meant."""


class PriceJump(PriceSeriesError):  # noqa: N818
    """A change between two rows that looks like a split or like another unit."""


class PriceGap(PriceSeriesError):  # noqa: N818
    """Two rows that lie many times the usual interval apart."""


class DuplicatedTime(PriceSeriesError):  # noqa: N818
    """Two rows of one time."""


class UnsortedTimes(PriceSeriesError):  # noqa: N818
    """A row that is earlier than the one before it."""


class MixedTimeZones(PriceSeriesError):  # noqa: N818
    """Some times carry a zone and some do not, or they carry several."""


class OutdatedPrices(InputError):  # noqa: N818
    """Recorded prices that end too long before the market's time. The message has both, and the limit."""


class SingularCovariance(InputError):  # noqa: N818
    """A covariance that is no positive definite matrix: a riskless or a redundant asset, or too few rows."""


class Unaffordable(InputError):  # noqa: N818
    """Weights that, with the cost of reaching them, are worth more than the portfolio."""


class PoolError(RouterError):
    """An AMM would refuse this trade."""


class InsufficientLiquidity(PoolError):  # noqa: N818
    """The pool cannot pay, or cannot absorb, the amount asked."""


class RatioExceeded(PoolError):  # noqa: N818
    """The swap moves a larger share of a balance than the pool allows at once."""


class TokenNotInPool(PoolError):  # noqa: N818
    """The pool does not hold this token."""


class NothingToDo(RouterError):  # noqa: N818
    """The portfolio is within tolerance of its target."""

    exit_code = 3


class GuardRefused(RouterError):  # noqa: N818
    """A safety rule said no before anything was sent."""

    exit_code = 4


class StaleSimulation(GuardRefused):
    """The payload was simulated on a block older than the limit."""


class SimulationMismatch(GuardRefused):
    """The simulated amounts differ from the plan's."""


class BrokenMarket(GuardRefused):
    """The market, or what is known of it, is not fit for this trade.

    Attributes:
        token, source: what it is about; "" where that is nothing or several.
        found, limit: the figure and what it should be, in the unit that the message names.
        also: faults found beside this one.
    """

    def __init__(
        self,
        message: str,
        *,
        token: str = "",
        source: str = "",
        found: float | None = None,
        limit: float | None = None,
        also: Sequence[BrokenMarket] = (),
    ) -> None:
        self.token, self.source, self.found, self.limit = token, source, found, limit
        self.also = tuple(also)
        self.message = message
        super().__init__("; ".join([message, *(fault.message for fault in self.also)]))

    def along_with(self, others: Sequence[BrokenMarket]) -> BrokenMarket:
        """The same fault, with others to be raised at once."""
        return type(self)(
            self.message,
            token=self.token,
            source=self.source,
            found=self.found,
            limit=self.limit,
            also=others,
        )


class InvalidPrice(BrokenMarket):
    """An answer that is no price: zero, negative, not a number, or from the future."""


class StalePrice(BrokenMarket):
    """An oracle's answer is older than the limit, both in seconds. The message names token and feed."""


class TooFewSources(BrokenMarket):
    """A price that fewer usable sources stand behind than asked for."""


class SourcesDisagree(BrokenMarket):
    """Sources of one price that are further apart, in bp of their median, than allowed. Names those off."""


class PriceJumped(BrokenMarket):
    """A price further from the one last accepted, in bp of that, than allowed."""


class SequencerDown(BrokenMarket):
    """A rollup whose sequencer is down, or has been up for fewer seconds than the grace period."""


class DepthExceeded(BrokenMarket):
    """A trade that takes more of a pool's depth, in bp of it, than allowed."""


class PoolAwayFromOracle(BrokenMarket):
    """A trade that leaves a pool further from the oracle's price, in bp of that, than allowed."""


class LiquidationInReach(BrokenMarket):
    """A trade that moves a pool's price past one at which a large position is liquidated."""


class HealthTooLow(GuardRefused):
    """A debt whose health factor is below the least allowed."""

    def __init__(self, message: str, *, found: float, limit: float) -> None:
        self.found, self.limit = found, limit
        super().__init__(message)


class Unsolved(GuardRefused):
    """A solver gave no answer to a convex program. The message holds its status."""


class ExecutionReverted(RouterError):  # noqa: N818
    """The transaction reverts.

    Args:
        reason: the decoded revert, e.g. ``InsufficientReceived(token=WETH, received=…, min_received=…)``.
        data: the raw revert bytes.

    Attributes:
        transaction: hash of the transaction that was mined and reverted; "" where none was sent.
    """

    exit_code = 5
    transaction = ""

    def __init__(self, reason: str, data: bytes = b"") -> None:
        self.reason, self.data = reason, data
        super().__init__(reason)


class ChainError(RouterError):
    """The node, or what it answered."""

    exit_code = 6


class RpcFailure(ChainError):  # noqa: N818
    """No answer, a refusal, a rate limit or a truncated answer. The message names the method called."""


class ChainIdMismatch(ChainError):  # noqa: N818
    """The node serves another chain."""


class MissingCode(ChainError):  # noqa: N818
    """No contract where one was expected."""


class Reorganised(ChainError):  # noqa: N818
    """The pinned block is no longer in the chain."""


class InconsistentAnswer(ChainError):  # noqa: N818
    """An answer that cannot be true, e.g. a pool whose liquidity disagrees with its ticks."""


def nearest(value: str, valid: Iterable[str]) -> str | None:
    """The valid string closest to `value`, or None when nothing resembles it."""
    candidates = list(valid)
    folded = {candidate.lower(): candidate for candidate in candidates}
    matches = difflib.get_close_matches(value.lower(), folded, n=1, cutoff=0.6)
    return folded[matches[0]] if matches else None

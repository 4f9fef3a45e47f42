"""The default policy on forecast risks: its region is that of the covariance expected over the next days.

Volatilities are those of log-HAR models, each walked forward, scored, and set aside for a constant while it
is no better than one; correlations are shrunk ones of the last 365 rows. The region depends on the shape of
the covariance alone, so bands move with what changes between the assets: where all volatilities double, they
stay. Until there are 365 returns it does what the default policy does. It promises nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from router.backtest.default import DefaultPolicy
from router.backtest.policies import OTHERS, Observation

if TYPE_CHECKING:  # loads scipy
    from router.strategy.forecasts import Outlook

Floats = npt.NDArray[np.float64]


class ForecastPolicy(DefaultPolicy):
    """Feeds every row to the models, then decides as the default policy does.

    The region is drawn anew each week, as far as a forecast reaches; each row where rows are farther apart.

    Attributes:
        outlook: the models and their scores; None before the second row.
    """

    name = "forecast"

    def __init__(self) -> None:
        super().__init__()
        self.outlook: Outlook | None = None
        self._least_rows = self._every = 0

    def decide(self, observation: Observation) -> Floats | None:
        if observation.row == 0:
            self.outlook = None
            return super().decide(observation)
        if self._names:
            if self.outlook is None:
                self.outlook = self._begun(observation)
            last = observation.prices[-2:, self._active]
            self.outlook.observe(np.log(last[1] / last[0]))
        return super().decide(observation)

    def _begun(self, observation: Observation) -> Outlook:
        from router.strategy.forecasts import Outlook
        from router.strategy.trials import settings_of

        settings = settings_of(observation.interval_years)
        outlook = Outlook(self._names, settings=settings)
        self._every = settings.horizon
        self._least_rows = max(each.least_rows for each in outlook.forecasters.values())
        return outlook

    def _due(self, row: int) -> bool:
        if row < self._least_rows:
            return super()._due(row)
        return self._estimated < self._least_rows or row - self._estimated >= self._every

    def _covariance(self, observation: Observation) -> Floats:
        if self.outlook is None or observation.row < self._least_rows:
            return super()._covariance(observation)
        return self.outlook.covariance


OTHERS["forecast"] = ForecastPolicy

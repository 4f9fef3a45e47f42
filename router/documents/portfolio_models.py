"""The portfolio file, `rebalance-portfolio/1`, as people write it: TOML or JSON."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from router.documents.discipline_models import DisciplineModel
from router.documents.fields import (
    AddressText,
    BpsText,
    DecimalText,
    FileModel,
    PositiveBps,
    PositiveText,
    SignedText,
)
from router.documents.guard_models import GuardsTable
from router.documents.targets_models import TargetRuleTable
from router.documents.trigger_models import GatesTable, Moment, Trigger
from router.portfolio import (
    DEFAULT_MAX_ARBITRAGE_BPS,
    DEFAULT_MAX_COST_BPS,
    Landing,
    LoanPolicy,
    Settlement,
    Trade,
)

DEFAULT_BPS = 50


def _listed(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) else [value]


_ONE_AMOUNT: dict[str, Any] = {
    "anyOf": [{"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}, {"type": "number"}]
}

AmountTexts = Annotated[
    tuple[SignedText, ...],
    BeforeValidator(_listed),
    WithJsonSchema(
        {"anyOf": [*_ONE_AMOUNT["anyOf"], {"type": "array", "minItems": 1, "items": _ONE_AMOUNT}]}
    ),
]
"""One amount, or several that add up."""


class RuleEntry(FileModel):
    """What the owner allows for one token; see `router.portfolio.TokenRule`."""

    trade: Literal["both", "buy", "sell", "none"] = Trade.BOTH.value
    tolerance_bps: Annotated[BpsText | None, Field(description="in place of the portfolio's own")] = None
    max_impact_bps: Annotated[
        BpsText | None, Field(description="how far its price may be moved in any one pool")
    ] = None


class GlideTable(FileModel):
    """Targets on their way to others, in a straight line of time; see `router.strategy.tilts.glide`."""

    targets: Annotated[dict[str, SignedText], Field(description="weight by token at the end; they sum to 1")]
    begins: Annotated[Moment, Field(description="until then, the portfolio's own targets")]
    ends: Moment

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.ends <= self.begins:
            raise PydanticCustomError("refused_key", "is not after the beginning", {"key": "ends"})
        return self


class PortfolioModel(FileModel):
    """Who holds what, and what they want to hold. Tokens by address, or by unambiguous symbol."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["targets"]}, {"required": ["target_rule"]}]}
    )

    schema_: Annotated[Literal["rebalance-portfolio/1"], Field(alias="schema")] = "rebalance-portfolio/1"
    chain_id: Annotated[int | None, Field(strict=True, gt=0)] = None
    owner: AddressText
    numeraire: str | None = None
    holdings: Annotated[
        dict[str, AmountTexts] | None, Field(description="whole tokens by token; several holdings add up")
    ] = None
    cash_flows: Annotated[
        dict[str, SignedText],
        Field(
            default_factory=dict,
            description="whole tokens by token: added before the trade, or, where negative, left beside the "
            "weights after it",
        ),
    ]
    targets: Annotated[dict[str, SignedText] | None, Field(description="weight by token; they sum to 1")] = (
        None
    )
    glide: Annotated[GlideTable | None, Field(description="where targets are on their way to")] = None
    target_rule: Annotated[TargetRuleTable | None, Field(description="in place of targets")] = None
    prices: Annotated[dict[str, PositiveText], Field(default_factory=dict, description="by token")]
    rules: Annotated[dict[str, RuleEntry], Field(default_factory=dict, description="by token")]
    landing: Literal["target", "band", "nearest"] = Landing.TARGET.value
    tolerance_bps: BpsText = DEFAULT_BPS
    max_slippage_bps: BpsText = DEFAULT_BPS
    max_cost_bps: BpsText = DEFAULT_MAX_COST_BPS
    max_arbitrage_bps: Annotated[
        DecimalText,
        Field(description="of the value, that admitted pools may pay to who holds the target already"),
    ] = str(DEFAULT_MAX_ARBITRAGE_BPS)
    max_depth_bps: Annotated[PositiveBps | None, Field(description="of a pool's depth, in one plan")] = None
    max_legs: Annotated[int | None, Field(strict=True, ge=1, description="swaps in one plan")] = None
    gas_price_gwei: DecimalText | None = None
    loan: Literal["auto", "always", "never"] = LoanPolicy.AUTO.value
    settlement: Literal["pull-first", "deliver-first"] = Settlement.PULL_FIRST.value
    allow_tokens: tuple[str, ...] = ()
    deny_tokens: tuple[str, ...] = ()
    trigger: Annotated[Trigger | None, Field(description="without one, the tolerance is the band")] = None
    gates: Annotated[GatesTable, Field(default_factory=GatesTable)]
    guards: Annotated[GuardsTable, Field(default_factory=GuardsTable)]
    discipline: Annotated[
        DisciplineModel | None, Field(description="without one, plans are made whatever they cost")
    ] = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.targets is None and self.target_rule is None:
            raise PydanticCustomError("refused_key", "is missing", {"key": "targets"})
        if self.targets is not None and self.target_rule is not None:
            raise PydanticCustomError(
                "refused_key", "is given beside targets; leave one out", {"key": "target_rule"}
            )
        if self.glide is not None and self.targets is None:
            raise PydanticCustomError("refused_key", "goes with targets, not with a rule", {"key": "glide"})
        return self

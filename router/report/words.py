"""How tokens and figures are written on a page. All of it is plain text; `router.report.page` escapes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from router.fixed_point import BPS, PIPS
from router.tokens import Address, Token, format_amount, to_checksum

LONGEST_SYMBOL = 24
_SIGNIFICANT = 6
_LARGE = 1_000


@dataclass(frozen=True, slots=True)
class Names:
    """The tokens of one page.

    A symbol is used where it is one short printable word that no other token of the page has; the address
    elsewhere.
    """

    tokens: Mapping[Address, Token]
    clear: frozenset[str]

    @classmethod
    def of(cls, tokens: Mapping[Address, Token], shown: Iterable[Address]) -> Names:
        known = {address: tokens[address] for address in shown if address in tokens}
        symbols = [token.symbol for token in known.values()]
        once = {symbol for symbol in symbols if symbols.count(symbol) == 1 and _is_word(symbol)}
        return cls(known, frozenset(once))

    def name(self, address: Address) -> str:
        token = self.tokens.get(address)
        return token.symbol if token and token.symbol in self.clear else to_checksum(address)

    def number(self, address: Address, raw: int) -> str:
        """Whole tokens, exact; raw units of a token that is not known."""
        token = self.tokens.get(address)
        if token is None:
            return f"{raw} raw"
        whole, dot, fraction = format_amount(raw, token.decimals).partition(".")
        return f"{int(whole):,}{dot}{fraction}" if int(whole) else f"{whole}{dot}{fraction}"

    def amount(self, address: Address, raw: int) -> str:
        return f"{self.number(address, raw)} {self.name(address)}"


def _is_word(text: str) -> bool:
    return (
        text.isprintable()
        and text.split() == [text]
        and not text.startswith("0x")
        and len(text) <= LONGEST_SYMBOL
    )


def money(value: float) -> str:
    """Numeraire units: two decimals of large figures, six digits of small ones."""
    if abs(value) >= _LARGE or value == 0:
        return f"{value:,.2f}"
    return f"{value:.{_SIGNIFICANT}g}" if abs(value) >= 10**-_SIGNIFICANT else f"{value:.2e}"


def bps(part: float, whole: float) -> str:
    """A part in hundredths of a percent of the whole."""
    return f"{part / whole * BPS:,.4f}" if whole else ""


def percent(share: float) -> str:
    return f"{share * 100:.4f} %"


def fee(fee_pips: int) -> str:
    return f"{fee_pips * 100 / PIPS:.6g} %"

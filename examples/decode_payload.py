"""What a payload would do, read from its bytes alone: python examples/decode_payload.py [0x…]"""

import sys
from pathlib import Path

from router import decode, load_portfolio, load_snapshot, make_plan, payload_of
from router.program import Borrow, Check, Deliver, Pull, Swap

HERE = Path(__file__).parent


def a_payload() -> bytes:
    """The one given, or one made from the files beside this one."""
    if len(sys.argv) > 1:
        return bytes.fromhex(sys.argv[1].removeprefix("0x"))
    market = load_snapshot(HERE / "market.json")
    return payload_of(make_plan(market, load_portfolio(HERE / "portfolio.toml", market)))


program = decode(a_payload())
print(f"until {program.deadline} (block timestamp)")
for bounds in program.tokens:
    print(f"{bounds.token}: spends at most {bounds.max_spent}, receives at least {bounds.min_received}")
for index, step in enumerate(program.steps):
    match step:
        case Pull(token, amount):
            print(index, "pull", "what the loans lack" if amount is None else amount, "of", token)
        case Borrow(kind, lender, amounts):
            print(index, "borrow from", kind, lender, dict(amounts))
        case Swap():
            print(index, "swap", step.token_in, "for", step.token_out, "in", step.kind, step.pool)
        case Deliver(token):
            print(index, "deliver", token)
        case Check():
            print(index, "check what was received")

"""Real contracts in an in-process EVM: deploys npm artifacts and calls them by signature."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from eth_abi import decode, encode
from eth_utils import keccak
from pyrevm import EVM

NODE_MODULES = Path(__file__).parents[2] / "node_modules"
OWNER = "0x00000000000000000000000000000000000000aa"
DEADLINE = 2**40
MAX_UINT = 2**256 - 1
GAS_LIMIT = 10**9


class CallRevertedError(Exception):
    """The contract refused."""


@cache
def creation_code(artifact: str) -> bytes:
    """Creation bytecode of an npm artifact, by its path under node_modules."""
    return bytes.fromhex(json.loads((NODE_MODULES / artifact).read_text())["bytecode"].removeprefix("0x"))


class Chain:
    """One EVM. Every call is sent by OWNER and committed."""

    def __init__(self) -> None:
        self._evm = EVM(spec_id="CANCUN", gas_limit=2**63)
        self._evm.set_balance(OWNER, 10**30)

    def deploy(self, artifact: str, types: str = "", *values: Any) -> str:
        """Deploys an artifact with its constructor arguments; returns the address in lower case."""
        arguments = encode(types.split(","), values) if types else b""
        return str(self._evm.deploy(OWNER, creation_code(artifact) + arguments)).lower()

    def call(self, to: str, signature: str, *values: Any, returns: str = "") -> Any:
        """Calls `name(types)`; decodes the result as a tuple, or as the value itself when there is one.

        Raises:
            CallRevertedError: with what the EVM said.
        """
        name = signature[: signature.index("(")]
        types = _split_types(signature[len(name) + 1 : -1])
        answer = self.raw(to, keccak(text=signature)[:4] + encode(types, values))
        if not returns:
            return None
        decoded = decode(_split_types(returns), answer)
        return decoded[0] if len(decoded) == 1 else decoded

    def raw(self, to: str, calldata: bytes) -> bytes:
        """Calls with these bytes; the answer's bytes.

        Raises:
            CallRevertedError: with what the EVM said.
        """
        try:
            return bytes(self._evm.message_call(OWNER, to, calldata=calldata, gas=GAS_LIMIT))
        except RuntimeError as error:
            raise CallRevertedError(str(error)) from error

    def token(self, decimals: int) -> str:
        """A new ERC-20 with these decimals; OWNER holds 2**200 raw units."""
        artifact = "@aave/core-v3/artifacts/contracts/mocks/tokens/MintableERC20.sol/MintableERC20.json"
        token = self.deploy(artifact, "string,string,uint8", "Token", "TKN", decimals)
        self.call(token, "mint(uint256)", 2**200)
        return token

    def tokens(self, *decimals: int) -> list[str]:
        """New ERC-20s, ascending by address, with these decimals in some order."""
        return sorted(self.token(each) for each in decimals)

    def decimals(self, token: str) -> int:
        """The token's decimals."""
        return int(self.call(token, "decimals()", returns="uint8"))

    def balance(self, token: str, holder: str = OWNER) -> int:
        """Raw units that an account holds."""
        return int(self.call(token, "balanceOf(address)", holder, returns="uint256"))

    def approve(self, token: str, spender: str) -> None:
        """Lets a contract pull any amount from OWNER."""
        self.call(token, "approve(address,uint256)", spender, MAX_UINT)


def _split_types(types: str) -> list[str]:
    """ABI types at the top level of a comma-separated list that may hold tuples."""
    parts, depth = [""], 0
    for character in types:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part for part in parts if part]

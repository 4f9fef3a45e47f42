"""The accounts of a local chain, from anvil's public test mnemonic. Never fund them on a real one."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

from eth_account import Account

from router.tokens import Address

MNEMONIC = "test test test test test test test test test test test junk"
COUNT = 10


@dataclass(frozen=True, slots=True)
class LocalAccount:
    """An account whose key everyone knows. `private_key` is 0x-hex."""

    address: Address
    private_key: str = field(repr=False)


@cache
def local_accounts() -> tuple[LocalAccount, ...]:
    """All ten, in derivation order: deployer, owner, operator, trader, six spare."""
    Account.enable_unaudited_hdwallet_features()
    accounts = (
        Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}") for index in range(COUNT)
    )
    return tuple(LocalAccount(account.address.lower(), "0x" + account.key.hex()) for account in accounts)


@dataclass(frozen=True, slots=True)
class Roles:
    """Who does what on a local chain."""

    deployer: LocalAccount
    owner: LocalAccount
    operator: LocalAccount
    trader: LocalAccount
    usdc_admin: LocalAccount


def roles() -> Roles:
    """The first accounts of the mnemonic, by role."""
    deployer, owner, operator, trader, *_, usdc_admin = local_accounts()
    return Roles(deployer, owner, operator, trader, usdc_admin)

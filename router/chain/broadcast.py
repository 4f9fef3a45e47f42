"""One transaction onto the chain: fees, nonce, signature, journal, broadcast, receipt. Each exactly once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from router.chain.calls import (
    ZERO_ADDRESS,
    Log,
    Node,
    Transaction,
    keccak_hex,
    parse_logs,
    to_address,
    to_bytes,
    to_int,
    to_mapping,
)
from router.chain.fees import FeePolicy, choose_fees, require_funds
from router.chain.head import read_head
from router.chain.journal import Entry, Journal, Status
from router.chain.revert_reasons import reverted
from router.chain.rpc import CallReverted
from router.chain.signer import Signer, UnsignedTransaction, sign
from router.errors import ExecutionReverted, GuardRefused, InconsistentAnswer, RpcFailure
from router.tokens import Address

_KNOWN = ("already known", "already imported", "already_exists", "already exists", "known transaction")
_REFUSALS = (
    ("nonce too low", "the nonce is used already: another transaction of this account has been mined"),
    ("underpriced", "the node already holds a transaction with this nonce that pays as much"),
    ("insufficient funds", "the account cannot pay for the gas"),
    ("intrinsic gas", "the gas limit is below the least that any transaction uses"),
    ("exceeds block gas limit", "the gas limit exceeds the block's"),
    ("max fee per gas less than block base fee", "the fee cap is below the base fee"),
    ("fee cap", "the node caps fees below what was offered"),
)
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Receipt:
    """A mined transaction, checked against what was sent."""

    purpose: str
    tx_hash: str
    block_number: int
    block_hash: str
    gas_used: int
    effective_gas_price_wei: int
    succeeded: bool
    logs: tuple[Log, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sending:
    """How transactions are sent.

    Attributes:
        fees: cap and tip.
        gas_margin_percent: added to what the simulation spent; covers the 64th that inner calls hold back.
        allow_pending: queue behind transactions that are not mined yet, instead of refusing.
        receipt_timeout_seconds: how long to wait for one receipt.
        poll_seconds: pause between looks.
    """

    fees: FeePolicy = field(default_factory=FeePolicy)
    gas_margin_percent: int = 20
    allow_pending: bool = False
    receipt_timeout_seconds: float = 300.0
    poll_seconds: float = 0.25


def require_call(
    node: Node, sender: Address, transaction: Transaction, block: str = "latest", gas_limit: int | None = None
) -> None:
    """Requires a transaction to succeed by plain `eth_call`, on the allowances that there are.

    Raises:
        ExecutionReverted: it reverts; carries the reason.
        RpcFailure: the node cannot tell.
    """
    request = {
        "from": sender,
        "to": transaction.to,
        "data": "0x" + transaction.data.hex(),
        "value": hex(transaction.value),
    }
    if gas_limit is not None:
        request["gas"] = hex(gas_limit)
    try:
        node.call("eth_call", request, block)
    except CallReverted as error:
        raise reverted(error.data) from None


@dataclass(frozen=True, slots=True)
class Broadcaster:
    """Sends one account's transactions on one chain, in order."""

    node: Node
    chain_id: int
    signer: Signer
    journal: Journal
    sending: Sending
    progress: Progress

    def gas_limit(self, peak_gas: int) -> int:
        """What is spent before the refund, and the margin."""
        return peak_gas * (100 + self.sending.gas_margin_percent) // 100

    def require_affordable(self, peak_gas: int) -> None:
        """Requires fees under the cap, and funds for this much gas.

        Raises:
            GuardRefused: says which is not so.
        """
        fees = choose_fees(read_head(self.node), self.sending.fees)
        require_funds(self.node, self.signer.address, self.gas_limit(peak_gas), fees)

    def send(self, transaction: Transaction, peak_gas: int) -> Receipt:
        """Sends, waits, and returns the receipt of a success.

        Args:
            peak_gas: what it spends before its refund.

        Raises:
            GuardRefused: fee cap, funds, pending transactions, or the node's refusal of this transaction.
            ExecutionReverted: it was mined and reverted; carries the reason.
            RpcFailure: no receipt in time; run again to resume.
            InconsistentAnswer: signer or node answered something else than was asked.
        """
        head = read_head(self.node)
        fees = choose_fees(head, self.sending.fees)
        gas_limit = min(self.gas_limit(peak_gas), head.gas_limit)
        require_funds(self.node, self.signer.address, gas_limit, fees, transaction.value)
        unsigned = UnsignedTransaction(
            chain_id=self.chain_id,
            nonce=self._nonce(),
            to=transaction.to,
            value=transaction.value,
            data=transaction.data,
            gas_limit=gas_limit,
            max_fee=fees.max_fee,
            max_priority_fee=fees.max_priority_fee,
        )
        raw = sign(self.signer, unsigned)
        entry = Entry(
            transaction.purpose,
            transaction.to,
            transaction.data_hash,
            unsigned.nonce,
            keccak_hex(raw),
            gas_limit,
        )
        self.journal.intend(entry)
        self._broadcast(entry, raw)
        self.progress(f"{transaction.purpose}: sent {entry.tx_hash}")
        return self.wait(entry, transaction)

    def resume(self) -> None:
        """Settles what an interrupted run left: waits for what the node has, frees the others.

        Raises:
            GuardRefused: a nonce is used, but not by the transaction that the journal knows.
        """
        for entry in self.journal.open_entries():
            if self.node.call("eth_getTransactionByHash", entry.tx_hash) is not None:
                self.progress(f"{entry.purpose}: waiting for {entry.tx_hash} of an earlier run")
                self.wait(entry, None)
            elif self._count("latest") > entry.nonce:
                raise GuardRefused(
                    f"{entry.purpose} {entry.tx_hash} of an earlier run is unknown to the node, but its "
                    f"nonce {entry.nonce} is used: find out what happened before sending more"
                )
            else:
                self.journal.settle(entry.tx_hash, Status.DROPPED)

    def wait(self, entry: Entry, transaction: Transaction | None) -> Receipt:
        """Waits for a receipt and settles the entry; without `transaction` a reverted one does not raise."""
        deadline = time.monotonic() + self.sending.receipt_timeout_seconds
        while (answer := self.node.call("eth_getTransactionReceipt", entry.tx_hash)) is None:
            if time.monotonic() > deadline:
                raise RpcFailure(
                    f"eth_getTransactionReceipt: {entry.purpose} {entry.tx_hash} is not mined after "
                    f"{self.sending.receipt_timeout_seconds:g} s; run again to go on waiting for it"
                )
            time.sleep(self.sending.poll_seconds)
        receipt = self._checked(entry, answer)
        self.journal.settle(entry.tx_hash, Status.MINED if receipt.succeeded else Status.REVERTED)
        self.progress(f"{entry.purpose}: mined in block {receipt.block_number}, gas {receipt.gas_used}")
        if not receipt.succeeded and transaction is not None:
            raise self._why(transaction, entry, receipt)
        return receipt

    def earlier(self, transaction: Transaction) -> Receipt | None:
        """The receipt of this very transaction from an earlier run, if one succeeded.

        Raises:
            InconsistentAnswer: the journal knows it as mined, and the node has no receipt.
        """
        for entry in self.journal.with_data(transaction.data_hash, transaction.to):
            answer = self.node.call("eth_getTransactionReceipt", entry.tx_hash)
            if answer is None and entry.status is Status.MINED:
                raise InconsistentAnswer(f"{entry.tx_hash} was mined, but the node has no receipt of it")
            receipt = None if answer is None else self._checked(entry, answer)
            if receipt is not None and receipt.succeeded:
                return receipt
        return None

    def _nonce(self) -> int:
        latest, pending = self._count("latest"), self._count("pending")
        if pending > latest and not self.sending.allow_pending:
            raise GuardRefused(
                f"{pending - latest} transactions of {self.signer.address} are pending from nonce {latest} "
                "on: wait for them, or allow pending ones"
            )
        return max(latest, pending)

    def _count(self, tag: str) -> int:
        method = "eth_getTransactionCount"
        return to_int(self.node.call(method, self.signer.address, tag), method)

    def _broadcast(self, entry: Entry, raw: bytes) -> None:
        try:
            answer = self.node.call("eth_sendRawTransaction", "0x" + raw.hex())
        except RpcFailure as error:
            self._failed_broadcast(entry, str(error))
            return
        if to_bytes(answer, "eth_sendRawTransaction") != bytes.fromhex(entry.tx_hash[2:]):
            raise InconsistentAnswer(f"eth_sendRawTransaction: {answer} is not the hash of what was sent")

    def _failed_broadcast(self, entry: Entry, message: str) -> None:
        """Goes on where the node has the transaction all the same; else says why it refused."""
        lower = message.lower()
        if any(hint in lower for hint in _KNOWN):
            return
        if self.node.call("eth_getTransactionByHash", entry.tx_hash) is not None:
            return
        for hint, words in _REFUSALS:
            if hint in lower:
                self.journal.settle(entry.tx_hash, Status.DROPPED)
                raise GuardRefused(f"{entry.purpose}: {words}")
        raise RpcFailure(f"{message}; run again to find out whether {entry.tx_hash} was taken")

    def _checked(self, entry: Entry, answer: Any) -> Receipt:
        what = "eth_getTransactionReceipt"
        fields = to_mapping(answer, what)
        status, gas_used = to_int(fields.get("status"), what), to_int(fields.get("gasUsed"), what)
        receipt = Receipt(
            purpose=entry.purpose,
            tx_hash="0x" + to_bytes(fields.get("transactionHash"), what).hex(),
            block_number=to_int(fields.get("blockNumber"), what),
            block_hash="0x" + to_bytes(fields.get("blockHash"), what).hex(),
            gas_used=gas_used,
            effective_gas_price_wei=to_int(fields.get("effectiveGasPrice"), what),
            succeeded=status == 1,
            logs=parse_logs(fields.get("logs"), what),
        )
        parties = (to_address(fields.get("from"), what), to_address(fields.get("to") or ZERO_ADDRESS, what))
        if (
            receipt.tx_hash != entry.tx_hash
            or parties != (self.signer.address, entry.to)
            or status not in (0, 1)
            or not 0 < gas_used <= entry.gas_limit
        ):
            raise InconsistentAnswer(f"{what}: the receipt of {entry.tx_hash} is of another transaction")
        return receipt

    def _why(self, transaction: Transaction, entry: Entry, receipt: Receipt) -> ExecutionReverted:
        error = self._reason(transaction, entry, receipt)
        error.transaction = receipt.tx_hash
        return error

    def _reason(self, transaction: Transaction, entry: Entry, receipt: Receipt) -> ExecutionReverted:
        """The reason of a mined revert: the same call again, on the state before its block and after it."""
        for number in (receipt.block_number - 1, receipt.block_number):
            try:
                require_call(self.node, self.signer.address, transaction, hex(number), entry.gas_limit)
            except ExecutionReverted as error:
                return error
            except RpcFailure:
                continue
        if receipt.gas_used == entry.gas_limit:
            return ExecutionReverted(f"{transaction.purpose}: out of gas at {entry.gas_limit}")
        return ExecutionReverted(
            f"{transaction.purpose}: reverted in {receipt.tx_hash}, not when called again"
        )

"""Keys stay where they are; passwords come from where they should; a signer's answer is read back."""

from __future__ import annotations

import json
import pickle
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from router.chain.rpc import RpcClient
from router.chain.signer import (
    KeySigner,
    RemoteSigner,
    UnsignedTransaction,
    load_keystore,
    read_password,
    sign,
)
from router.errors import GuardRefused, InconsistentAnswer, InputError

KEY = bytes(range(1, 33))
PASSWORD = "correct horse"
TRANSACTION = UnsignedTransaction(31337, 7, "0x" + "ab" * 20, 3, b"\x01\x02", 90_000, 2 * 10**9, 10**9)


@pytest.fixture(scope="module")
def keystore(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "owner.json"
    path.write_text(json.dumps(Account.encrypt(KEY, PASSWORD)))
    return path


def test_a_keystore_opens_with_its_password(keystore: Path) -> None:
    assert load_keystore(keystore, PASSWORD).address == Account.from_key(KEY).address.lower()


def test_a_wrong_password_is_refused_without_being_shown(keystore: Path) -> None:
    with pytest.raises(InputError, match="wrong password") as caught:
        load_keystore(keystore, "hunter2hunter2")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": 3}', '{"version": 1, "crypto": {}}'])
def test_what_is_no_keystore_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key.json"
    path.write_text(content)
    with pytest.raises(InputError, match="not a keystore"):
        load_keystore(path, PASSWORD)


def test_a_damaged_keystore_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_text(json.dumps({"version": 3, "crypto": {"kdf": "scrypt"}}))
    with pytest.raises(InputError):
        load_keystore(path, PASSWORD)


def test_neither_key_nor_password_shows_anywhere() -> None:
    signer = KeySigner.from_key(KEY)
    shown = f"{signer!r} {signer} {dir(signer)}"
    assert KEY.hex() not in shown
    assert signer.address in repr(signer)
    with pytest.raises(TypeError):
        pickle.dumps(signer)
    with pytest.raises(InputError) as caught:
        KeySigner.from_key(b"\xaa" * 31)
    assert "aa" * 8 not in f"{caught.value!r}"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
def test_a_password_file_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "password"
    path.write_text(PASSWORD)
    path.chmod(mode)
    with pytest.raises(GuardRefused, match="chmod 600") as caught:
        read_password(path)
    assert PASSWORD not in str(caught.value)


def test_a_private_password_file_is_read_without_its_line_end(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\r\n")
    path.chmod(0o600)
    assert read_password(path, prompt=None, environment={"REBALANCE_PASSWORD": "other"}) == PASSWORD


def test_a_missing_password_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        read_password(tmp_path / "none")


def test_the_environment_comes_before_the_prompt() -> None:
    assert read_password(prompt=None, environment={"REBALANCE_PASSWORD": PASSWORD}) == PASSWORD
    assert read_password(prompt=lambda _: "asked", environment={}) == "asked"
    with pytest.raises(InputError, match="REBALANCE_PASSWORD"):
        read_password(prompt=None, environment={})


def test_a_signature_reads_back_as_what_was_asked() -> None:
    raw = sign(KeySigner.from_key(KEY), TRANSACTION)
    assert Account.recover_transaction(raw).lower() == KeySigner.from_key(KEY).address


Answer = Callable[[dict[str, Any]], Any]


@pytest.fixture
def remote() -> Iterator[Callable[[Answer], RemoteSigner]]:
    """A signer process on 127.0.0.1 that answers `eth_signTransaction` as told."""
    servers: list[HTTPServer] = []

    def start(answer: Answer) -> RemoteSigner:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert body["method"] == "eth_signTransaction"
                reply = json.dumps({"jsonrpc": "2.0", "id": body["id"], "result": answer(body["params"][0])})
                self.send_response(200)
                self.end_headers()
                self.wfile.write(reply.encode())

            def log_message(self, *_: Any) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        node = RpcClient(f"http://127.0.0.1:{server.server_port}", timeout_seconds=5)
        clients.append(node)
        return RemoteSigner(node, Account.from_key(KEY).address.lower())

    clients: list[RpcClient] = []
    yield start
    for client in clients:
        client.close()
    for server in servers:
        server.shutdown()
        server.server_close()


def signed_remotely(params: dict[str, Any], key: bytes = KEY, **changes: Any) -> str:
    fields = {name: value for name, value in params.items() if name != "from"} | changes
    return "0x" + Account.sign_transaction(fields, key).raw_transaction.hex()


def test_a_remote_signer_signs_the_same_bytes(remote: Callable[[Answer], RemoteSigner]) -> None:
    assert sign(remote(signed_remotely), TRANSACTION) == sign(KeySigner.from_key(KEY), TRANSACTION)
    as_object = remote(lambda params: {"raw": signed_remotely(params), "tx": {}})
    assert sign(as_object, TRANSACTION) == sign(KeySigner.from_key(KEY), TRANSACTION)


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": 8},
        {"gas": 90_001},
        {"value": 4},
        {"data": "0x03"},
        {"chainId": 1},
        {"maxFeePerGas": 3 * 10**9},
    ],
)
def test_a_remote_signer_that_changes_the_transaction_is_refused(
    remote: Callable[[Answer], RemoteSigner], changes: dict[str, Any]
) -> None:
    signer = remote(lambda params: signed_remotely(params, **changes))
    with pytest.raises(InconsistentAnswer, match="another transaction"):
        sign(signer, TRANSACTION)


def test_a_remote_signer_with_another_key_is_refused(remote: Callable[[Answer], RemoteSigner]) -> None:
    with pytest.raises(InconsistentAnswer, match="not by"):
        sign(remote(lambda params: signed_remotely(params, bytes(range(2, 34)))), TRANSACTION)


@pytest.mark.parametrize("answer", [None, 5, "0x", "0xzz", {"raw": None}, "0x02"])
def test_a_remote_signer_that_answers_nonsense_is_refused(
    remote: Callable[[Answer], RemoteSigner], answer: Any
) -> None:
    with pytest.raises(InconsistentAnswer):
        sign(remote(lambda _: answer), TRANSACTION)

"""A small JSON-RPC client over HTTP: one kept-open connection per thread, retries, and a bound on everything.

Assumes nothing of the node: answers may be late, cut short, refused, or for another question. URLs can hold
keys, so no message shows more of one than its host.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from router.errors import RpcFailure

DEFAULT_TIMEOUT_SECONDS = 20.0
"""Longest wait for one answer, from connecting to its last byte."""
DEFAULT_BUDGET_SECONDS = 90.0
"""Longest time spent on one call with all its retries."""
MAX_ATTEMPTS = 6
MAX_ANSWER_BYTES = 256 * 1024 * 1024
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 8.0
_BUSY_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_BUSY_CODES = frozenset({-32005, -32016, 429})
_TOO_LARGE_HINTS = ("too large", "too big", "response size", "batch limit", "batch size", "limit exceeded")
_GAS_HINTS = ("out of gas", "gas limit", "gas required exceeds", "execution aborted", "timed out", "timeout")


class CallReverted(RpcFailure):
    """The node ran the call and it reverted; `data` is the revert's bytes."""

    def __init__(self, message: str, data: bytes) -> None:
        self.data = data
        super().__init__(message)


class TooMuchAsked(RpcFailure):
    """The node refuses a request or answer of this size, or gave up on it: ask for less at a time."""


class _Busy(RpcFailure):
    """Worth another try after a pause, of `pause` seconds where the node asked for one."""

    def __init__(self, message: str, pause: float = 0.0, *, slow: bool = False) -> None:
        self.pause, self.slow = pause, slow
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Request:
    """One JSON-RPC call."""

    method: str
    params: Sequence[Any] = ()


class RpcClient:
    """One node. `request_count` is how many HTTP requests it has been sent, retries included.

    Args:
        url: http or https.
        timeout_seconds: for one answer.
        budget_seconds: for one call or batch with all its retries.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        budget_seconds: float = DEFAULT_BUDGET_SECONDS,
    ) -> None:
        self._url = url
        self.host = urlsplit(url).hostname or "the node"
        self.timeout_seconds = timeout_seconds
        self.budget_seconds = budget_seconds
        self.request_count = 0
        self._session = requests.Session()
        self._next_id = 1
        self._lock = threading.Lock()

    def call(self, method: str, *params: Any) -> Any:
        """The result of one call.

        Raises:
            CallReverted: the node executed it and it reverted.
            TooMuchAsked: the node finds it too large.
            RpcFailure: names the method.
        """
        identifier = self._take_ids(1)
        body = _body(identifier, Request(method, params))
        answer = self._with_retries(method, lambda: self._single(method, body, identifier))
        return answer["result"]

    def batch(self, requests_: Sequence[Request]) -> list[Any]:
        """The results of many calls in one HTTP request, in order; a call's own failure stands in its place.

        Raises:
            TooMuchAsked: the node refuses batches, or one of this size.
            RpcFailure: names the first method.
        """
        if not requests_:
            return []
        first = self._take_ids(len(requests_))
        bodies = [_body(first + index, request) for index, request in enumerate(requests_)]
        name = f"batch of {len(requests_)} {requests_[0].method}"
        answers = self._with_retries(name, lambda: self._many(name, bodies, first))
        return [
            self._result_or_failure(request.method, answer)
            for request, answer in zip(requests_, answers, strict=True)
        ]

    def close(self) -> None:
        """Closes the connections."""
        self._session.close()

    def _take_ids(self, count: int) -> int:
        with self._lock:
            first, self._next_id = self._next_id, self._next_id + count
        return first

    def _with_retries(self, name: str, send: Any) -> Any:
        deadline = time.monotonic() + self.budget_seconds
        pause = _FIRST_PAUSE_SECONDS
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                return send()
            except _Busy as busy:
                wait = max(min(busy.pause, _LONGEST_PAUSE_SECONDS), pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
                spent = time.monotonic() + wait + (self.timeout_seconds if busy.slow else 0) >= deadline
                if attempt == MAX_ATTEMPTS or spent:
                    raise RpcFailure(f"{name}: {busy} (tried {attempt} times)") from None
                time.sleep(wait)
        raise AssertionError("unreachable")

    def _single(self, name: str, body: Any, identifier: int) -> Any:
        answer = self._post(name, body)
        if not isinstance(answer, dict) or ("result" not in answer and "error" not in answer):
            raise RpcFailure(f"{name}: {self.host} answered something that is no JSON-RPC answer")
        if answer.get("error") is not None:
            raise self._failure(name, answer["error"])
        if answer.get("id") != identifier:
            raise RpcFailure(f"{name}: {self.host} answered another question (id {answer.get('id')!r})")
        return answer

    def _many(self, name: str, bodies: list[Any], first: int) -> list[Any]:
        answers = self._post(name, bodies)
        if isinstance(answers, dict):
            failure = self._failure(name, answers.get("error") or {})
            raise failure if isinstance(failure, _Busy) else TooMuchAsked(str(failure))
        by_id = {answer.get("id"): answer for answer in answers if isinstance(answer, dict)}
        if any(first + index not in by_id for index in range(len(bodies))):
            raise TooMuchAsked(f"{name}: {self.host} answered {len(by_id)} of {len(bodies)} calls")
        ordered = [by_id[first + index] for index in range(len(bodies))]
        for answer in ordered:
            failure = self._result_or_failure(name, answer)
            if isinstance(failure, _Busy):
                raise failure
        return ordered

    def _result_or_failure(self, name: str, answer: Any) -> Any:
        if answer.get("error") is not None:
            return self._failure(name, answer["error"])
        if "result" not in answer:
            return RpcFailure(f"{name}: {self.host} answered neither a result nor an error")
        return answer["result"]

    def _post(self, name: str, body: Any) -> Any:
        """Sends one request and reads its answer within the timeout, however slowly the bytes come."""
        with self._lock:
            self.request_count += 1
        deadline = time.monotonic() + self.timeout_seconds
        try:
            with self._session.post(
                self._url,
                data=json.dumps(body, separators=(",", ":")),
                headers={"Content-Type": "application/json"},
                timeout=self.timeout_seconds,
                stream=True,
            ) as response:
                content = _read(response, deadline)
        except (requests.Timeout, urllib3.exceptions.ReadTimeoutError):
            raise _Busy(f"{self.host} did not answer in {self.timeout_seconds:g} s", slow=True) from None
        except (requests.ConnectionError, urllib3.exceptions.HTTPError) as error:
            raise _Busy(f"{self.host}: {_cause(error)}") from None
        except requests.RequestException as error:
            raise RpcFailure(f"{name}: {self.host}: {type(error).__name__}") from None
        return self._parse(name, response, content)

    def _parse(self, name: str, response: requests.Response, content: bytes) -> Any:
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):
            answer = None
        if response.status_code == 413:
            raise TooMuchAsked(f"{name}: {self.host} refuses a request of this size")
        if response.status_code in _BUSY_STATUS and not isinstance(answer, (dict, list)):
            raise _Busy(f"{self.host} answered HTTP {response.status_code}", _retry_after(response))
        if response.status_code == 429:
            raise _Busy(f"{self.host} limits the rate of requests (HTTP 429)", _retry_after(response))
        if answer is None:
            if response.status_code >= 400:
                raise RpcFailure(f"{name}: {self.host} answered HTTP {response.status_code}")
            raise _Busy(f"{self.host} answered {len(content)} bytes that are no whole JSON")
        return answer

    def _failure(self, name: str, error: Any) -> RpcFailure:
        """The failure that a JSON-RPC error object tells."""
        code = error.get("code") if isinstance(error, dict) else None
        message = str(error.get("message", "")) if isinstance(error, dict) else str(error)
        text, lower = f"{name}: {message} (code {code})", message.lower()
        data = _revert_data(error)
        if code == 3 or "revert" in lower:
            return CallReverted(text, data)
        if code in _BUSY_CODES or "rate limit" in lower or "too many requests" in lower:
            return _Busy(message or "rate limit")
        if any(hint in lower for hint in (*_TOO_LARGE_HINTS, *_GAS_HINTS)):
            return TooMuchAsked(text)
        return RpcFailure(text)


def _body(identifier: int, request: Request) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identifier, "method": request.method, "params": list(request.params)}


def _read(response: requests.Response, deadline: float) -> bytes:
    """The body as it arrives; a read returns what is there, so that a slow drip meets the deadline too."""
    content = bytearray()
    while chunk := response.raw.read1(1 << 16, decode_content=True):
        content += chunk
        if time.monotonic() > deadline:
            raise requests.Timeout
        if len(content) > MAX_ANSWER_BYTES:
            raise TooMuchAsked("the answer is too large")
    return bytes(content)


def _cause(error: Exception) -> str:
    """What failed, without the URL that the library puts into its message."""
    text = str(error).lower()
    if "refused" in text:
        return "connection refused"
    if "name or service" in text or "resolve" in text or "getaddrinfo" in text:
        return "no such host"
    return "connection broken"


def _retry_after(response: requests.Response) -> float:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdigit() else 0.0


def _revert_data(error: Any) -> bytes:
    data = error.get("data") if isinstance(error, dict) else None
    if isinstance(data, dict):
        data = data.get("data")
    try:
        return bytes.fromhex(str(data).removeprefix("0x")) if data else b""
    except ValueError:
        return b""

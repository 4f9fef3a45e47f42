"""JSON-RPC to a node on this machine: one kept-alive connection, batches answered in order."""

from __future__ import annotations

import http.client
import json
from collections.abc import Sequence
from typing import Any, Self
from urllib.parse import urlsplit

from router.errors import RpcFailure

Request = tuple[str, list[Any]]
"""A method and its parameters."""

_BATCH_LIMIT = 50


class LocalRpc:
    """A client for one node. Not for several threads at once."""

    def __init__(self, url: str, timeout_seconds: float = 60.0) -> None:
        parts = urlsplit(url)
        self.url = url
        self._connection = http.client.HTTPConnection(
            parts.hostname or "127.0.0.1", parts.port, timeout=timeout_seconds
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def call(self, method: str, *params: Any) -> Any:
        """One request.

        Raises:
            RpcFailure: the node is unreachable or refuses; names the method.
        """
        return self.batch([(method, list(params))])[0]

    def batch(self, requests: Sequence[Request]) -> list[Any]:
        """Many requests, their results in the same order.

        Raises:
            RpcFailure: the node is unreachable, or refuses any of them; names the method.
        """
        results: list[Any] = []
        for start in range(0, len(requests), _BATCH_LIMIT):
            results += self._post(requests[start : start + _BATCH_LIMIT])
        return results

    def _post(self, requests: Sequence[Request]) -> list[Any]:
        body = [
            {"jsonrpc": "2.0", "id": index, "method": method, "params": params}
            for index, (method, params) in enumerate(requests)
        ]
        try:
            self._connection.request("POST", "/", json.dumps(body), {"Content-Type": "application/json"})
            answers = json.loads(self._connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            raise RpcFailure(f"{requests[0][0]}: {error or type(error).__name__}") from error
        if isinstance(answers, dict):
            raise RpcFailure(f"{requests[0][0]}: {answers.get('error', answers)}")
        by_id = {answer["id"]: answer for answer in answers}
        for index, (method, _) in enumerate(requests):
            if "error" in by_id[index]:
                raise RpcFailure(f"{method}: {by_id[index]['error'].get('message', by_id[index]['error'])}")
        return [by_id[index]["result"] for index in range(len(requests))]

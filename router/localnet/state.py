"""A chain's state and description in one file, and the cache that makes the second start fast."""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from router.documents.files import write_bytes
from router.errors import InputError
from router.localnet.world import World

STATE_SCHEMA = "rebalance-localnet-state/1"
_OWN_CONTRACTS = ("LocalPriceFeed", "NoReturnToken")


@dataclass(frozen=True, slots=True)
class SavedState:
    """What `anvil_dumpState` returned, and the world that stands in it."""

    world: World
    state: str


def read_state(path: Path) -> SavedState:
    """Reads a state file.

    Raises:
        InputError: unreadable or not a state file.
    """
    try:
        data = json.loads(path.read_text())
        if data["schema"] != STATE_SCHEMA:
            raise InputError(f"schema is {data['schema']!r}, not {STATE_SCHEMA!r}", path=str(path))
        return SavedState(World(data["deployment"], data["contracts"]), data["state"])
    except OSError as error:
        raise InputError(str(error.strerror), path=str(path)) from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"not a local chain's state file: {error!r}", path=str(path)) from None


def write_state(path: Path, saved: SavedState) -> None:
    """Writes a state file whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    data = {
        "schema": STATE_SCHEMA,
        "deployment": saved.world.deployment,
        "contracts": saved.world.contracts,
        "state": saved.state,
    }
    write_bytes(json.dumps(data).encode(), path)


def read_cached(path: Path) -> SavedState | None:
    """The cached state, or None where there is no usable one."""
    try:
        return read_state(path)
    except InputError:
        return None


def write_cached(path: Path, saved: SavedState) -> None:
    """Keeps a state for the next start; a folder that cannot be written only costs that start some time."""
    with contextlib.suppress(InputError, OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_state(path, saved)


def cache_path(root: Path, scenario: Path) -> Path:
    """Where the state of this scenario is kept: named by everything that it is made from."""
    package = Path(__file__).parent
    sources = [
        scenario,
        root / "package-lock.json",
        *sorted(package.glob("*.py")),
        *(root / "build/contracts" / f"{name}.json" for name in _OWN_CONTRACTS),
        package.parent / "artifacts" / "RebalanceExecutorFactory.json",
    ]
    digest = hashlib.sha256()
    for source in sources:
        digest.update(source.read_bytes() if source.is_file() else b"")
        digest.update(b"\0")
    return root / "build/localnet" / f"state-{digest.hexdigest()[:16]}.json"

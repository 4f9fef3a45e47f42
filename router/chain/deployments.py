"""Addresses by chain: deployments that ship with the package, or a file of the same form.

Mainnet's factories are proven by CREATE2: with the creation code of the npm packages they give every recorded
pool address. Its other addresses are those of the protocols' own packages and of the tokens' recorded state.
WBTC is priced by the BTC feed; tokens without a feed in dollars have no oracle price.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

from router.documents.deployment import Deployment, load_deployment, parse_deployment
from router.errors import InputError, nearest

_PACKAGE, _FOLDER, _SUFFIX = "router", "deployments", ".json"


def builtin_names() -> tuple[str, ...]:
    """The names of the deployments that ship with the package."""
    folder = resources.files(_PACKAGE) / _FOLDER
    names = (entry.name for entry in folder.iterdir() if entry.name.endswith(_SUFFIX))
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in names))


def builtin_deployment(name: str) -> Deployment:
    """The deployment of this name that ships with the package.

    Raises:
        InputError: there is none; names the nearest.
    """
    if name not in builtin_names():
        raise InputError(
            f"no built-in deployment is called {name!r}; known are {', '.join(builtin_names())}",
            path="deployment",
            nearest=nearest(name, builtin_names()),
        )
    text = (resources.files(_PACKAGE) / _FOLDER / f"{name}{_SUFFIX}").read_text()
    return parse_deployment(json.loads(text), f"{name}{_SUFFIX}")


def find_deployment(name_or_path: str) -> Deployment:
    """A built-in deployment by name, or the one in a file.

    Raises:
        InputError: neither, or a file that is malformed.
    """
    if name_or_path.endswith(_SUFFIX) or Path(name_or_path).is_file():
        return load_deployment(name_or_path)
    return builtin_deployment(name_or_path)

"""Tells on stderr that the numerics are being compiled, which happens on first use only."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from router.cli.console import say


@contextmanager
def machine_code() -> Iterator[None]:
    """While the block runs, says once that machine code is prepared, and at the end how long that took.

    Silent where all that the block needs is kept from an earlier run.
    """
    from numba.core.event import Event, Listener, install_listener  # takes long to load

    class Compilation(Listener):
        """Seconds of compiling; functions compile those that they call, so only the outermost count."""

        depth = 0
        start = seconds = 0.0

        def on_start(self, event: Event) -> None:
            if not self.seconds and not self.depth:
                say("preparing machine code for this machine, once: up to a minute")
            if not self.depth:
                self.start = time.perf_counter()
            self.depth += 1

        def on_end(self, event: Event) -> None:
            self.depth -= 1
            if not self.depth:
                self.seconds += time.perf_counter() - self.start

    compilation = Compilation()
    try:
        with install_listener("numba:compile", compilation):
            yield
    finally:
        if compilation.seconds:
            say(f"machine code prepared in {compilation.seconds:.1f} s, and kept for the next run")

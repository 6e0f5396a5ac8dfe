# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""A command that is ended whatever happens to this process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import Any, Callable, Iterator, List, Optional, Tuple

from .error import DiskIoError

# (argv, seconds allowed) -> (exit code, standard output, standard error); raises DiskIoError on a timeout
Runner = Callable[[List[str], float], Tuple[int, str, str]]


class _Stop:
    """The signal that came, if any, and what runs meanwhile."""

    number = 0
    running: Optional[subprocess.Popen] = None

    def __call__(self, number: int, _frame: Any) -> None:
        self.number = number
        for each in HANDLED:
            signal.signal(each, signal.SIG_IGN)
        if self.running is not None:
            self.running.kill()
        # Raised while Python cleans up an object, this goes no further: whoever runs something looks at the number, too.
        raise self.error()

    def error(self) -> DiskIoError:
        return DiskIoError("Stopped by %s; fio was ended and the test file removed." % signal.Signals(self.number).name)


HANDLED = (signal.SIGTERM, signal.SIGHUP)
_stop = _Stop()


@contextlib.contextmanager
def stop_on_signals() -> Iterator[None]:
    """Turn the first SIGTERM or SIGHUP into a DiskIoError, so that everything is cleaned up; ignore the next ones."""
    try:
        previous = [(each, signal.signal(each, _stop)) for each in HANDLED]
    except ValueError:  # not in the main thread: signals are somebody else's business
        yield
        return
    try:
        yield
    finally:
        for each, handler in previous:
            signal.signal(each, handler)
        _stop.number = 0


def run_command(argv: List[str], timeout_s: float) -> Tuple[int, str, str]:
    """Run without a shell. The process is ended on a timeout, on a signal (DiskIoError), and on any other interruption."""
    process = _stop.running = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(os.environ, LC_ALL="C"),
        cwd="/",
    )
    try:
        out, err = process.communicate(timeout=0 if _stop.number else timeout_s)
        if _stop.number:
            raise _stop.error()
    except subprocess.TimeoutExpired:
        if _stop.number:
            raise _stop.error() from None
        raise DiskIoError(
            "%s did not finish within %d seconds and was ended. The storage hangs or is very slow: look at the kernel"
            " log, or choose a smaller size." % (os.path.basename(argv[0]), timeout_s)
        ) from None
    finally:
        _stop.running = None
        if process.poll() is None:
            process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):  # not while the kernel holds it in a write
                process.wait(10)
    return process.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")

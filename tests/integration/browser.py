# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A page as a browser shows it: how wide it became, and whom it asked for anything."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
from pathlib import Path

from engine import install

#: Widths in CSS pixels: a desktop, a phone.
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
#: Appended to a copy whose policy is taken away: the page itself must run nothing.
MEASURE = "<script>document.title = [document.documentElement.scrollWidth, innerWidth].join('/')</script>"
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')


class Browser:
    """Headless Chromium, with a proxy that answers nobody and counts who came."""

    def __init__(self) -> None:
        install({"chromium": "chromium"})
        self.asked: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._count, daemon=True).start()
        proxy = "127.0.0.1:%d" % self._listener.getsockname()[1]
        quiet = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-gpu")
        self.command = ["chromium", "--headless", "--no-sandbox", "--hide-scrollbars", *quiet, f"--proxy-server={proxy}"]

    def _count(self) -> None:
        while True:
            try:
                connection, _peer = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(1)
                self.asked.append(connection.recv(200))

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._listener.close()

    def run(self, *arguments: str) -> str:
        """What it prints."""
        return subprocess.run([*self.command, *arguments], capture_output=True, text=True, timeout=120, check=True).stdout

    def hosts_of(self, page: Path) -> set[str]:
        """The hosts that are asked for something by a page, and not by the browser itself."""
        own = self._hosts("about:blank")
        return self._hosts(page.as_uri()) - own

    def _hosts(self, address: str) -> set[str]:
        self.asked.clear()
        self.run("--dump-dom", "--virtual-time-budget=2000", address)
        return {found[1].decode() for one in self.asked if (found := re.search(rb"^(?:GET|POST|CONNECT) (?:https?://)?([^/: ]+)", one))}

    def picture(self, page: Path, size: str, out: Path) -> None:
        """A picture of the page's beginning."""
        self.run("--window-size=%d,%d" % SIZES[size], f"--screenshot={out}", page.as_uri())

    def printed(self, page: Path, out: Path) -> int:
        """The page on paper; how many sheets."""
        self.run("--no-pdf-header-footer", f"--print-to-pdf={out}", page.as_uri())
        return len(re.findall(rb"/Type\s*/Page\b", out.read_bytes()))

    def overflow(self, page: Path, size: str, copy: Path) -> int:
        """By how many pixels the page is wider than the window."""
        text = POLICY.sub("", page.read_text())
        assert text != page.read_text(), "the page has no policy"
        copy.write_text(text.replace("</body>", MEASURE + "</body>"))
        found = re.search(r"<title>(\d+)/(\d+)</title>", self.run("--window-size=%d,%d" % SIZES[size], "--dump-dom", copy.as_uri()))
        assert found, "the page was not measured"
        return int(found[1]) - int(found[2])

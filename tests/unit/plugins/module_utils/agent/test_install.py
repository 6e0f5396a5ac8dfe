# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime
import json
import os
import pwd
import stat
import subprocess
from types import SimpleNamespace

import pytest
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._agent import install
from ansible_collections.nordbridge.mysql_migration.plugins.module_utils._errors import Refusal

KEY = "ssh-ed25519 AAAAC3Nz root@oslo-db1"
LINE = 'from="192.0.2.10",expiry-time="202701010000",restrict,command="shop" ssh-ed25519 AAAAC3Nz nordbridge-agent-shop'
HOLD = "/etc/mysql/mariadb.conf.d/zz-nordbridge-hold.cnf"
NOW = datetime.datetime(2026, 11, 1, 12, 0)


def test_the_key_may_run_one_command_from_one_address_until_a_day():
    assert install.key_line(KEY, "192.0.2.10", "shop", "202701010000") == LINE
    assert install.key_line(KEY, "", "shop", "").startswith("restrict,command=")
    assert install.kept_options("x\n%s\n" % LINE, "shop") == ("192.0.2.10", "202701010000")
    assert install.kept_options(LINE, "shop2") == ("", "")


def test_an_address_that_is_more_than_one_is_refused():
    for address in ('*",command="/bin/sh', "*", "0.0.0.0/0"):
        with pytest.raises(Refusal, match="not an address of the target, or it matches every host"):
            install.key_line(KEY, address, "shop", "202701010000")


@pytest.mark.parametrize("key", ["ssh-ed25519", "", 'command="/bin/sh" ssh-ed25519', "ssh-ed25519 AAAA x\nssh-ed25519 BBBB y", 'ssh-ed25519 A"B c'])
def test_what_is_no_public_key_is_refused(key):
    with pytest.raises(Refusal, match="is not a public key"):
        install.key_line(key, "192.0.2.7", "shop", "202701010000")


def test_the_launcher_quotes_and_isolates():
    text = install.launcher_text("/usr/bin/python3", install.front.main, "/var/lib/it's/agent.zip")
    assert text.startswith("#!/bin/sh\n")
    assert "exec /usr/bin/python3 -I -c " in text
    assert subprocess.run(["sh", "-n"], input=text.encode(), check=False).returncode == 0


@pytest.fixture
def placed(tmp_path, monkeypatch):
    home = tmp_path / "home"
    monkeypatch.setattr(install, "directory", lambda migration_id, root="": str((home if root else tmp_path) / migration_id))
    monkeypatch.setattr(install, "armed_by", lambda _id: False)
    monkeypatch.setattr(install.pwd, "getpwnam", lambda _name: SimpleNamespace(pw_uid=999, pw_gid=os.getgid()))
    params = {
        "migration_id": "shop", "user": "nordbridge-agent", "public_key": KEY, "from_address": "", "key_days": 90, "server_socket": "/s",
        "server_user": None, "server_password": "s3cret", "hold": HOLD, "home": str(home),
    }  # fmt: skip
    return lambda check=False, **more: install.install_agent({**params, **more}, check), tmp_path, params


def test_the_agent_is_installed_once(placed):
    run, folder, params = placed
    assert run(check=True)["changed"] is True
    assert not (folder / "home").exists()
    result = run()
    assert result["changed"] is True and "s3cret" not in json.dumps(result)
    assert run()["changed"] is False and run(check=True)["changed"] is False
    home = folder / "home"
    modes = {"shell": 0o755, "shop/agent": 0o755, "shop/agent.zip": 0o644, "shop/agent.json": 0o640, ".ssh/authorized_keys": 0o640, ".ssh": 0o750}
    assert {name: stat.S_IMODE((home / name).stat().st_mode) for name in modes} == modes
    assert stat.S_IMODE((folder / "shop/agent").stat().st_mode) == 0o700, "the privileged side's launcher"
    assert json.loads((home / "shop/agent.json").read_text())["login"]["user"].startswith("nordbridge_ctl_")
    assert run(from_address="192.0.2.10")["changed"] is True
    assert run()["changed"] is False and 'from="192.0.2.10"' in (home / ".ssh/authorized_keys").read_text()


def test_the_login_shell_starts_a_front_and_nothing_else(placed):
    run, folder, _params = placed
    run()
    shell = str(folder / "home/shell")
    for words in ([], ["-i"], ["-c", ""], ["-c", "../../bin/sh"], ["-c", "shop; id"], ["-c", "-x"], ["-c", "shop\nid"], ["-c", "/bin/sh"]):
        assert subprocess.run([shell, *words], capture_output=True, check=False).returncode == 1, words
    environment = {"SSH_ORIGINAL_COMMAND": "probe", "PATH": os.environ["PATH"], "SSH_CLIENT": "192.0.2.7 1 22"}
    done = subprocess.run([shell, "-c", "shop"], input=b"{}", capture_output=True, env=environment, check=True)
    assert json.loads(done.stdout) == {"agent": 2, "user": os.getuid(), "client": "192.0.2.7"}


def test_a_changed_pack_is_a_change_but_not_under_a_lease(placed, monkeypatch):
    run, folder, _params = placed
    run()
    (folder / "shop" / "agent.zip").write_bytes(b"old")
    monkeypatch.setattr(install, "armed_by", lambda _id: True)
    with pytest.raises(Refusal, match="the lease of a cutover runs on what is there"):
        run()
    monkeypatch.setattr(install, "armed_by", lambda _id: False)
    assert run(check=True)["changed"] is True and run()["changed"] is True


def test_the_agents_user_is_there_and_not_root(placed, monkeypatch):
    run, _folder, _params = placed
    monkeypatch.setattr(install.pwd, "getpwnam", lambda _name: pwd.getpwuid(0))
    with pytest.raises(Refusal, match="must not be root"):
        run()


def test_a_policy_is_amended_and_kept(placed):
    run, folder, params = placed
    back = {"host": "127.0.0.1", "port": 913, "tls": "preferred", "tls_ca": None, "tunnel_user": "nordbridge"}
    forwarder = {"type": "forwarder", "where": None, "old_port": 3307}
    here = {"type": "command", "argv": ["/bin/true"]}
    asked = {**params, "switches": [here, forwarder], "way_back": back, "new_address": "192.0.2.2:3306"}
    with pytest.raises(Refusal, match="not installed"):
        install.amend_policy(asked, False)
    assert install.amend_policy(asked, True)["changed"] is True
    run()
    assert install.amend_policy(asked, True)["changed"] is True
    result = install.amend_policy(asked, False)
    assert result["changed"] is True and "s3cret" not in json.dumps(result)
    assert install.amend_policy(asked, False)["changed"] is False
    assert run()["changed"] is False, "what another role has added stays"
    more = {**asked, "switches": [{**forwarder, "old_port": 3308}]}
    assert install.amend_policy(more, True)["changed"] is True, "an earlier attempt's stays beside it"
    kept = json.loads((folder / "home/shop/agent.json").read_text())
    assert kept["way_back"]["port"] == 913 and kept["login"]["password"] == "s3cret"
    assert kept["switches"] == [{"type": "forwarder", "migration_id": "shop", "new_address": "192.0.2.2", "old_port": 3307}]

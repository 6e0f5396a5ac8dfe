"""Which engine and which options follow from what the machine says."""

from __future__ import annotations

import engine
import pytest

HYBRID = """\
tmpfs /sys/fs/cgroup tmpfs rw,relatime 0 0
cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0
"""
UNIFIED = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n"


@pytest.mark.parametrize(
    ("has_podman", "docker_works", "expected"),
    [
        (True, True, "podman"),
        (True, False, "podman"),
        (False, True, "docker"),
        (False, False, None),
    ],
)
def test_docker_only_where_it_works_and_podman_is_missing(has_podman, docker_works, expected):
    assert engine.choose(has_podman, docker_works) == expected


@pytest.mark.parametrize(("mounts", "legacy"), [(HYBRID, True), (UNIFIED, False), ("", False)])
def test_a_hybrid_tree_is_told_from_a_unified_one(mounts, legacy):
    assert engine.is_legacy_tree(mounts) is legacy


FULL = "CapEff:\t000001ffffffffff\nCapBnd:\t000001ffffffffff\n"
# An ordinary user has no effective capability; what counts is the bounding set.
USER = "CapEff:\t0000000000000000\nCapBnd:\t000001ffffffffff\n"
BARE = "CapEff:\t000001fffeffffff\nCapBnd:\t000001fffeffffff\n"


@pytest.mark.parametrize(("status", "may"), [(FULL, True), (USER, True), (BARE, False)])
def test_the_capability_to_raise_limits_is_read_from_the_bounding_set(status, may):
    assert engine.may_raise_limits(status) is may


def test_limits_are_left_alone_where_they_can_be_set():
    assert engine.limit_args(FULL, 1024) == ()


@pytest.mark.parametrize(("hard", "nofile"), [(20000, 16384), (4096, 4096), (-1, 16384)])
def test_limits_never_exceed_what_the_machine_allows(hard, nofile):
    assert engine.limit_args(BARE, hard)[0] == f"--ulimit=nofile={nofile}:{nofile}"


def test_the_runtime_is_named_only_where_it_was_chosen():
    assert engine.Engine("podman").command("ps") == ["podman", "ps"]
    with_runc = engine.Engine("podman", sudo=("sudo", "-n"), runtime="runc")
    assert with_runc.command("ps") == ["sudo", "-n", "podman", "--runtime", "runc", "ps"]


def test_new_systemd_is_told_to_accept_an_old_tree_only_where_there_is_one():
    assert "--systemd=always" in engine.Engine("podman").boot_args()
    assert not any("LEGACY_FORCE" in arg for arg in engine.Engine("podman").boot_args())
    assert any(
        "LEGACY_FORCE" in arg for arg in engine.Engine("podman", legacy_cgroups=True).boot_args()
    )


def test_a_failed_command_is_quoted_with_what_it_said():
    with pytest.raises(engine.Failure, match=r"exit 3 from: sh -c .*\nno such luck"):
        engine.run(["sh", "-c", "echo no such luck >&2; exit 3"])


def test_a_missing_command_and_a_silent_one_are_failures_too():
    with pytest.raises(engine.Failure, match="not installed"):
        engine.run(["no-such-command-here"])
    with pytest.raises(engine.Failure, match="no answer in 0 s"):
        engine.run(["sleep", "5"], timeout=0.1)

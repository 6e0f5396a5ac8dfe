# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The variables that applications notice, by what they change. Replication and a copy carry none of them: they live in configuration
files, and in what SET PERSIST keeps. Compared by value where both servers have them, however they were set.

Not among them: what has a check of its own (sql_mode, time zone, character set, max_allowed_packet), what only costs time, and what the
migration itself sets.
"""

from __future__ import annotations

import typing as t

RESULTS = (
    "auto_increment_increment", "auto_increment_offset", "autocommit", "block_encryption_mode", "completion_type", "default_regex_flags",
    "default_storage_engine", "default_tmp_storage_engine", "default_week_format", "div_precision_increment",
    "explicit_defaults_for_timestamp", "foreign_key_checks", "ft_max_word_len", "ft_min_word_len", "ft_stopword_file",
    "group_concat_max_len", "innodb_autoinc_lock_mode", "innodb_default_row_format", "innodb_ft_enable_stopword",
    "innodb_ft_max_token_size", "innodb_ft_min_token_size", "innodb_ft_server_stopword_table", "innodb_rollback_on_timeout",
    "innodb_strict_mode", "lc_messages", "lc_time_names", "max_sort_length", "ngram_token_size", "query_cache_type",
    "sql_auto_is_null", "sql_generate_invisible_primary_key", "sql_safe_updates", "system_versioning_alter_history",
    "transaction_isolation", "transaction_read_only", "tx_isolation", "tx_read_only", "unique_checks", "updatable_views_with_limit",
)  # fmt: skip
RIGHTS = (
    "activate_all_roles_on_login", "authentication_policy", "automatic_sp_privileges", "check_proxy_users",
    "default_authentication_plugin", "default_password_lifetime", "disconnect_on_expired_password", "local_infile",
    "log_bin_trust_function_creators", "mandatory_roles", "max_password_errors", "mysql_native_password_proxy_users", "old_passwords",
    "partial_revokes", "password_history", "password_require_current", "password_reuse_interval", "require_secure_transport",
    "secure_auth", "secure_file_priv", "sha256_password_proxy_users", "skip_name_resolve", "skip_show_database",
    "sql_require_primary_key", "strict_password_validation", "validate_password.check_user_name", "validate_password.length",
    "validate_password.policy",
)  # fmt: skip
LIMITS = (
    "cte_max_recursion_depth", "idle_readonly_transaction_timeout", "idle_transaction_timeout", "idle_write_transaction_timeout",
    "innodb_lock_wait_timeout", "interactive_timeout", "lock_wait_timeout", "max_connect_errors", "max_connections",
    "max_execution_time", "max_join_size", "max_prepared_stmt_count", "max_recursive_iterations", "max_sp_recursion_depth",
    "max_statement_time", "max_user_connections", "net_read_timeout", "net_write_timeout", "sql_select_limit", "wait_timeout",
)  # fmt: skip
COMPARED = RESULTS + RIGHTS + LIMITS


def differing(source: t.Mapping[str, str], target: t.Mapping[str, str], names: t.Sequence[str]) -> list[str]:
    """Those of the variables whose values differ, in words; one that only one server has is none.

    :param source: variable to value
    :param target: the same
    """
    shared = [name for name in names if name in source and name in target]
    return [
        "%s is %s on the source and %s on the target" % (name, _told(source[name]), _told(target[name]))
        for name in shared
        if _plain(source[name]) != _plain(target[name])
    ]


def _plain(value: str) -> str:
    """1.000000 and 1, and ON in either case, are the same."""
    try:
        return repr(float(value))
    except ValueError:
        return value.upper()


def _told(value: str) -> str:
    return value if value and not set(value) & set(" ,") else repr(value)

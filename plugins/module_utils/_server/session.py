# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""What every session of ours sets first, because a server's own values are made for other clients than ours.

A copy takes hours, and its connections are idle meanwhile: a server's wait_timeout of minutes (or of its default eight hours) would end
them after the work is done. Statements over many tables take longer than a limit for web pages. Settings of a server's configuration
must not change what we read either (a limit on rows, a switched off quoting), and messages are to be in one language.

All of it is one list of assignments, so that it costs no round trip beside SET NAMES. The comments are read by the servers that know
the variables in them: C(/*M! */) by MariaDB, C(/*!50708 */) by MySQL from 5.7.8 on. MariaDB skips the numbers 50700 to 99999.
https://mariadb.com/kb/en/comment-syntax/ , https://dev.mysql.com/doc/refman/8.4/en/comments.html
"""

from __future__ import annotations

# Seconds: the most that a server takes as wait_timeout.
YEAR = 31536000

# Idle for as long as a copy takes; a slow disk or network is no reason to hang up either.
PATIENT = "SESSION wait_timeout = %d, SESSION net_read_timeout = 86400, SESSION net_write_timeout = 86400" % YEAR

# In transactions too, where a server limits those: a snapshot is one.
UNLIMITED = (
    "SESSION sql_select_limit = 18446744073709551615, SESSION sql_big_selects = 1, SESSION completion_type = 0"
    " /*M! , SESSION max_statement_time = 0, SESSION idle_transaction_timeout = 0, SESSION idle_readonly_transaction_timeout = 0,"
    " SESSION idle_write_transaction_timeout = 0 */ /*!50708 , SESSION max_execution_time = 0 */"
)

# How text is read and told.
PLAIN = "SESSION sql_quote_show_create = 1, SESSION sql_safe_updates = 0, SESSION sql_auto_is_null = 0, SESSION lc_messages = 'en_US'"

# Assignments for every session, behind whatever a statement SET begins with.
SETUP = ", ".join((PATIENT, PLAIN, UNLIMITED))

# What loads definitions takes them as the source has them: without a key, and with row formats that a strict server refuses today.
# The source's own answer to both is in its data. A key that the server adds would be a column that the source's rows lack.
# MySQL asks for SESSION_VARIABLES_ADMIN: https://dev.mysql.com/doc/refman/8.4/en/system-variable-privileges.html
AS_THEY_ARE = (
    "SESSION innodb_strict_mode = OFF /*!80013 , SESSION sql_require_primary_key = OFF */"
    " /*!80030 , SESSION sql_generate_invisible_primary_key = OFF */"
)

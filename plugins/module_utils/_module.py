# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# For use inside this collection only: no stability is promised to others.
"""The glue between a module and its one function: options in, result or clear failure out."""
from __future__ import annotations

import typing as t

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ._errors import MigrationError, MissingLibrary
from ._text import visible, visible_data


def run_module(function: t.Callable[[dict, bool], dict], options: dict, **spec: t.Any) -> t.NoReturn:
    """Parse, call, report.

    What servers and hosts said is part of the result, and a person sees it on a terminal: it is made visible here, for all modules.

    :param function: gets the options and whether this is check mode, and returns the module's result, with C(warnings) as texts
    """
    module = AnsibleModule(argument_spec=options, supports_check_mode=True, **spec)
    try:
        result = function(module.params, module.check_mode)
    except MissingLibrary as error:
        module.fail_json(msg="%s %s" % (missing_required_lib(error.library), error.reason), exception=error.traceback)
    except MigrationError as error:
        module.fail_json(msg=visible(str(error)), **visible_data(error.facts))
    for words in result.pop("warnings", ()):
        module.warn(visible(words))
    module.exit_json(**visible_data(result))
    raise AssertionError("exit_json ends the process")

# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sphinx's settings for the documentation as a site. It is built without a network, so other sites' inventories are not read."""

project = "nordbridge.mysql_migration"
copyright = "The nordbridge.mysql_migration contributors"  # noqa: A001  # Sphinx's name
html_title = html_short_title = project
extensions = ["sphinx_antsibull_ext", "myst_parser"]
exclude_patterns = ["guide/README.md"]
highlight_language = "YAML+Jinja"
pygments_style = "ansible"
default_role = "any"
nitpicky = True
# Pages of ansible-core's own documentation, that antsibull-docs refers to.
_CORE = ("common_return_values", "list_of_collections", "ansible_configuration_settings", "action_plugins", "communication")
nitpick_ignore_regex = [("std:ref", r"%s|ansible_collections\.ansible\.builtin\..*" % "|".join(_CORE))]
myst_heading_anchors = 4
html_theme = "sphinx_ansible_theme"
html_theme_options = {"display_version": False, "documentation_home_url": "index.html", "topbar_links": {}}
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = html_copy_source = html_use_modindex = html_use_index = False

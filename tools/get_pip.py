# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for the script that ansible-test downloads to put pip into its environments: Python brings a pip itself."""

import subprocess
import sys

if __name__ == "__main__":
    wanted = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
    subprocess.run([sys.executable, "-m", "ensurepip", "--upgrade", "--default-pip"], check=True, stdout=subprocess.DEVNULL)
    sys.exit(subprocess.run([sys.executable, "-m", "pip", "install", *wanted], check=False).returncode)

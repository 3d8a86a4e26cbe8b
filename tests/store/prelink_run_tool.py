# SPDX-License-Identifier: LGPL-2.1-or-later
"""A prelink-run that looks for the rest where a test has it, not where it would be installed."""
from harness import SOURCE, run


def build(path, module, prelink):
    run(["gcc", "-O2", "-static", "-D_GNU_SOURCE", "-DPACKAGE_STRING=\"test\"", f"-DRUNTIME_MODULE=\"{module}\"",
         f"-DPRELINK=\"{prelink}\"", f"-I{SOURCE}/prelink-plugins", f"-I{SOURCE}/notegen/lib", "-o", path,
         f"{SOURCE}/prelink-plugins/run/prelink-run.c", f"{SOURCE}/prelink-plugins/run/known.c"])
    return path

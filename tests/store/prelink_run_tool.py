# SPDX-License-Identifier: LGPL-2.1-or-later
"""A prelink-run that looks for the rest where a test has it, not where it would be installed."""
import re

from harness import BUILD, SOURCE, read, run


def build(path, module, prelink, modules="/nonexistent"):
    """MODULES: the directory in which there may be links for $LIB."""
    lib = re.search("^RTLD_LIB = (.*)$", read(BUILD + "/Makefile").decode(), re.M)[1]
    run(["gcc", "-O2", "-static", "-D_GNU_SOURCE", "-DPACKAGE_STRING=\"test\"", f"-DRUNTIME_MODULE=\"{module}\"",
         f"-DMODULES=\"{modules}\"", f"-DOWN_LIB=\"{lib}\"", f"-DPRELINK=\"{prelink}\"", f"-I{SOURCE}/prelink-plugins", f"-I{SOURCE}/notegen/lib", "-o", path,
         f"{SOURCE}/prelink-plugins/run/prelink-run.c", f"{SOURCE}/prelink-plugins/run/known.c"])
    return path

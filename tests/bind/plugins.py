#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""After dlopen we bind what ld.so binds: plugins of python3, perl, xine and Qt, as RTLD_LOCAL, RTLD_GLOBAL and
RTLD_DEEPBIND, all of a kind in one process (so that each finds what the ones before it left in the global
scope).  A sample, and every one that loads with LONG=1."""
import glob
import os

from harness import BUILD, compile_c, expect, fail, read, scratch
import ldso_bindings as oracle

LOAD = os.path.join(BUILD, "tests/bind/load")
directory = scratch()
shim = compile_c(read(os.path.join(os.path.dirname(os.path.abspath(__file__)), "shim.c")).decode(),
                 os.path.join(directory, "shim.so"), "-shared", "-fPIC", "-ldl")

PYTHON = """
import ctypes, sys
for path in sys.argv[1:]:
    try:
        ctypes.CDLL(path)
    except OSError as error:
        print(error)
"""
PERL = """
require DynaLoader;
for (@ARGV) { DynaLoader::dl_load_file($_, 0) or print DynaLoader::dl_error(), "\\n" }
"""


def files(*patterns):
    return sorted({os.path.realpath(path) for pattern in patterns for path in glob.glob(pattern, recursive=True)})


KINDS = [
    ("python3", files("/usr/lib/python3*/lib-dynload/*.so", "/usr/lib/python3/dist-packages/**/*.so"),
     lambda mode, plugins: (["/usr/bin/python3", "-I", "-c", PYTHON, *plugins],
                            {"LD_PRELOAD": shim, "DLOPEN_MODE": mode})),
    ("perl", files("/usr/lib/*/perl*/**/auto/**/*.so"),
     lambda mode, plugins: (["/usr/bin/perl", "-e", PERL, *plugins], {"LD_PRELOAD": shim, "DLOPEN_MODE": mode})),
    ("xine", files("/usr/lib/*/xine/plugins/*/**/*.so"),
     lambda mode, plugins: ([LOAD, mode, *plugins], {})),
    ("Qt", files("/usr/lib/*/qt5/plugins/**/*.so", "/usr/lib/*/qt6/plugins/**/*.so"),
     lambda mode, plugins: ([LOAD, mode, *plugins], {"QT_QPA_PLATFORM": "offscreen"})),
]

sample = 1 if os.environ.get("LONG") else 12
total_objects = total_bindings = 0
problems = []
for kind, plugins, command in KINDS:
    plugins = plugins[::sample]
    if not plugins:
        print(f"{kind}: not installed, nothing compared")
        continue
    for mode in "local", "global", "deepbind":
        words, environment = command(mode, plugins)
        process, printed = oracle.watch(words, environment)
        objects, bindings, problem = process.compare()
        print(f"{kind}, {mode}: {len(plugins)} plugins, of which {len(printed.splitlines())} do not load; "
              f"{objects} objects, {bindings} bindings compared, {'they differ' if problem else 'no difference'}")
        deep = sum(scopes[0][0] != process.program and path not in scopes[-1] for path, scopes, _, _ in process.done())
        if (deep > 0) != (mode == "deepbind"):
            problems.append(f"{kind}, {mode}: {deep} objects search their own dependencies first")
        total_objects += objects
        total_bindings += bindings
        if problem:
            problems.append(f"{kind}, {mode}:\n{problem}")
# Programs that load their plugins themselves, with what constructors load in between.
for words, environment in (
        (["/usr/bin/xine-list-1.2", "-p"], {}),
        (["/usr/bin/kate", "--version"], {"QT_QPA_PLATFORM": "offscreen"}),
        (["/usr/bin/python3", "-I", "-c", "import ssl, sqlite3, ctypes, curses, json, decimal, lzma"], {}),
        (["/usr/bin/python3", "-c", "import numpy, numpy.random, numpy.fft"], {}),
        (["/usr/bin/perl", "-e", "use POSIX; use Socket; use Encode; eval { require XML::LibXML }"], {})):
    if not os.path.exists(words[0]):
        print(f"{words[0]}: not installed, nothing compared")
        continue
    process, _ = oracle.watch(words, environment)
    objects, bindings, problem = process.compare()
    print(f"{' '.join(words)}: {objects} objects, {bindings} bindings, "
          f"{'they differ' if problem else 'no difference'}")
    total_objects += objects
    total_bindings += bindings
    if problem:
        problems.append(f"{' '.join(words)}:\n{problem}")
print(f"in all {total_objects} objects, {total_bindings} bindings")
if problems:
    fail("\n".join(problems[:10]))
expect(total_bindings > 0, "nothing was compared")

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""At start-up we bind what ld.so binds (prelink --bindings): programs of /usr/bin and /usr/sbin, every one with
LONG=1."""
import concurrent.futures
import os

from harness import elf_files, expect, fail, skip
import ldso_bindings as oracle

# Large ones, interpreters, C++, odd linkers: always looked at.
ALWAYS = {"/usr/bin/" + name for name in
          ("python3.11", "perl", "bash", "ls", "gcc-12", "g++-12", "gdb", "clang-14", "cmake", "kate", "xine",
           "xine-list-1.2", "git", "ssh", "mold", "ld.lld-14", "lld-14", "node", "qemu-system-x86_64", "vim.basic")}


def compare(program):
    traced = oracle.trace(program)
    if traced is None:
        return program, 0, 0, "not traced", None
    scope, wanted, missing, undefined = traced
    wanted = {by: [bound._replace(how=None) for bound in row]
              for by, row in oracle.with_real_paths(wanted).items()}
    rows = oracle.ours_at_start(program)
    problem = oracle.difference(wanted, oracle.found(rows))
    # ld.so names a symbol that nobody has once for each lookup; which ones counts, not how often.
    lacking = {(symbol.decode(), version.decode(), oracle.real(by.decode())) for symbol, version, by in undefined}
    ours = {(bound.symbol, bound.version, by) for by, _, bound in rows if bound.provider == "?"}
    if not problem and lacking != ours:
        problem = f"undefined symbols: ld.so {sorted(lacking - ours)[:4]}, we {sorted(ours - lacking)[:4]}"
    return program, sum(map(len, wanted.values())), len(rows), "missing: " + missing[0] if missing else "", problem


programs = [path for path in elf_files("/usr/bin", "/usr/sbin") if oracle.interpreter(path)]
every = len(programs)
if not os.environ.get("LONG"):
    programs = [path for i, path in enumerate(programs) if i % 25 == 0 or path in ALWAYS]
if not programs:
    skip("no dynamic programs under /usr/bin and /usr/sbin")
bindings = relocations = compared = 0
problems, left_out = [], []
with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    for program, lookups, rows, remark, problem in pool.map(compare, programs):
        if problem:
            problems.append(f"{program}: {problem}")
        if remark:
            left_out.append(f"{program}: {remark}")
        if remark == "not traced":
            continue
        compared += 1
        bindings += lookups
        relocations += rows
print(f"{compared} of {every} programs, {bindings} bindings of {relocations} relocations compared, "
      f"{len(problems)} programs differ")
for remark in left_out:
    print("  ", remark)
if problems:
    fail("\n".join(problems[:10]))
expect(compared > 0 and bindings > 0, "nothing was compared")

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The values that we bind are those that ld.so wrote: live processes' memory, word by word.  Only words that
ld.so made read-only afterwards (PT_GNU_RELRO) are compared, as the program may have changed the others."""
import os
import struct
import subprocess

from elf import Elf, PT_GNU_RELRO
from harness import compile_c, expect, fail, need, scratch, write
import ldso_bindings as oracle


def biases(pid, scope):
    """{path: load bias} of the objects in SCOPE."""
    first = {}
    with open(f"/proc/{pid}/maps") as maps:
        for line in maps:
            words = line.split(None, 5)
            if len(words) == 6:
                first.setdefault(words[5].rstrip("\n"), int(words[0].partition("-")[0], 16))
    found = {}
    for path in scope:
        start = first.get(os.path.realpath(path))
        if start is None:
            fail(f"{path} is not in the process's map")
        lowest = min(segment.vaddr for segment in Elf(path).loads())
        found[path] = start - (lowest & ~0xfff)
    return found


def compare(name, command):
    """Starts COMMAND, which then waits for its standard input, and compares.  Returns words compared."""
    scope = oracle.trace(command[0])[0]
    loaders = [path for path in scope if "ld-linux" in os.path.basename(path)]
    ours = oracle.Ours()
    ours.add("G", *scope, *reversed(scope))  # what is there once more makes no difference
    for path in reversed(scope):
        if path not in loaders:
            ours.add("V", path)
    rows = ours.run(values=True)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          env={"PATH": os.environ["PATH"], "LD_BIND_NOW": "1"}) as process:
        try:
            process.stdout.readline()    # it has started
            bias = biases(process.pid, scope)
            words, wrong = 0, []
            with open(f"/proc/{process.pid}/mem", "rb") as memory:
                for path, bound in rows:
                    elf = Elf(path)
                    relro = [(s.vaddr, s.vaddr + s.memsz) for s in elf.segments if s.type == PT_GNU_RELRO]
                    for address, symbol, provider, value in bound:
                        if value is None or not any(low <= address < high for low, high in relro):
                            continue
                        memory.seek(bias[path] + address)
                        seen, = struct.unpack("<Q" if elf.wide else "<I", memory.read(8 if elf.wide else 4))
                        expected = value + (bias[provider] if provider != "0" else 0)
                        expected &= (1 << (64 if elf.wide else 32)) - 1
                        words += 1
                        if seen != expected:
                            wrong.append(f"{path}: {symbol} at {address:#x} of {provider}: "
                                         f"ld.so {seen:#x}, we {expected:#x}")
        finally:
            process.kill()
    if wrong:
        fail(f"{name}: {len(wrong)} of {words} words differ\n" + "\n".join(wrong[:10]))
    print(f"{name}: {len(scope)} objects, {words} words as ld.so wrote them")
    return words


def versions(directory):
    """A program without versions, for a library that has them since: it is to get the oldest."""
    compile_c("int f(void) { return 0; }", f"{directory}/libv.so", "-shared", "-fPIC", "-Wl,-soname,libv.so")
    program = compile_c("#include <stdio.h>\nextern int f(void); int main(void) { printf(\"%d\\n\", f());"
                        " fflush(stdout); return getchar(); }", f"{directory}/prog", f"-L{directory}", "-lv",
                        f"-Wl,-rpath,{directory}", "-Wl,-z,now")
    write(f"{directory}/script", "V1 { global: f1; local: nothing; }; V2 { global: f2; } V1;")
    compile_c("int f1(void) { return 1; } int f2(void) { return 2; }"
              "__asm__(\".symver f1,f@V1\"); __asm__(\".symver f2,f@@V2\");", f"{directory}/libv.so", "-shared",
              "-fPIC", "-Wl,-soname,libv.so", f"-Wl,--version-script={directory}/script")
    return program


need("gcc")
directory = scratch()
total = compare("unversioned reference", [versions(directory)])
wait = "import sys; print(flush=True); sys.stdin.read()"
for name, command in (("python3", ["/usr/bin/python3", "-I", "-c", wait]),
                      ("perl", ["/usr/bin/perl", "-e", "$| = 1; print qq{\\n}; <STDIN>"]),
                      ("bash", ["/bin/bash", "--norc", "-c", "echo; read"]),
                      ("gdb", ["/usr/bin/gdb", "-q", "-nx", "-ex", "echo \\n", "-ex",
                               "python import sys; sys.stdin.read()"])):
    if os.path.exists(command[0]):
        total += compare(name, [os.path.realpath(command[0]), *command[1:]])
expect(total > 0, "no word was compared")

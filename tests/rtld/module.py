#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The module as ld.so sees it: freestanding, small, and harmless on its own; what it writes down of what
it does not know; and what it costs a program for which there is nothing to do, counted: segments, system calls, page
faults."""
import collections
import ctypes
import os
import re
import struct

from harness import compile_c, expect, expect_equal, need, read, run, scratch
import kit

need("readelf", "nm", "strace")
symbols = run(["nm", "-D", kit.MODULE]).stdout.split("\n")
expect_equal(sorted(line.split()[-1] for line in symbols if line),
             ["la_activity", "la_objclose", "la_objopen", "la_objsearch", "la_version"], "what the module's symbol table names")
dynamic = run(["readelf", "-dW", kit.MODULE]).stdout
for word in ("NEEDED", "INIT", "RELA", "JMPREL", "TEXTREL"):
    expect(f"({word})" not in dynamic, f"the module has a {word} entry:\n{dynamic}")
segments = run(["readelf", "-lW", kit.MODULE]).stdout
expect("TLS" not in segments, "the module has thread-local storage")
# Each segment is a mapping, what goes beyond the file is one more, RELRO is a call, and each page written is a fault.
loads = [[int(word, 16) for word in line.split()[1:6]] for line in segments.split("\n") if line.startswith("  LOAD")]
expect_equal(len(loads), 2, f"segments that are mapped:\n{segments}")
_, address, _, in_file, in_memory = loads[1]
expect_equal((address + in_memory - 1) // 4096, address // 4096, f"last page of what is written:\n{segments}")
expect(in_file and "RELRO" not in segments, f"segments:\n{segments}")
text = sum(int(line.split()[0]) for line in run(["size", kit.MODULE]).stdout.split("\n")[1:] if line)
expect(text <= 6 * 4096, f"{text} bytes of code and constants: they were to fit six pages")

# A program without a plan runs as ever, with and without the module, in every mode.
directory = scratch()
program = compile_c('#include <stdio.h>\n#include <dlfcn.h>\nint main(void)\n{ puts(dlopen("libm.so.6", 2) ? '
                    '"yes" : "no"); return 7; }\n', os.path.join(directory, "program"), "-O1")
for mode in ("", "off", "verbose", "nonsense"):
    seen = run([program], status=7, env=dict(os.environ, LD_AUDIT=kit.MODULE, PRELINK_RTLD=mode))
    expect_equal(seen.stdout, "yes\n", f"output with PRELINK_RTLD={mode}")
    if mode == "verbose":
        expect(seen.stderr.count("none: not prelinked") >= 2, f"verbose says too little:\n{seen.stderr}")
    else:
        expect_equal(seen.stderr, "", f"messages with PRELINK_RTLD={mode}")

# What it learns: the program, and what that loads; nothing where somebody filters system calls, even if to allow all.
def filter_calls():
    allow = ctypes.create_string_buffer(struct.pack("=HBBI", 6, 0, 0, 0x7fff0000))  # BPF_RET, SECCOMP_RET_ALLOW
    rules = ctypes.create_string_buffer(struct.pack("@HP", 1, ctypes.addressof(allow)))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(38, 1, 0, 0, 0) or prctl(22, 2, ctypes.c_void_p(ctypes.addressof(rules)), 0, 0):  # PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP
        raise OSError(ctypes.get_errno(), "prctl")


# Without LD_AUDIT ld.so itself prints where it finds it.
libm = re.search(r"calling init: (\S*/libm\.so\.6)", run([program], status=7, env={**os.environ, "LD_DEBUG": "files"}).stderr)[1]
program = os.path.realpath(program)
already = "Seccomp:\t0" not in read("/proc/self/status").decode()  # by who runs the tests
for more, told in ({}, ""), ({"LD_LIBRARY_PATH": "/no/such:"}, "L /no/such:\n"):
    for before in None, filter_calls:
        log = f"{directory}/log{len(more)}{before is not None}"
        run([program], status=7, preexec_fn=before,
            env={**os.environ, "LD_AUDIT": kit.MODULE, "PRELINK_STORE": directory + "/none", "PRELINK_LEARN": log, **more})
        expect_equal(read(log).decode() if os.path.exists(log) else None,
                     None if before or already else f"P {program}\n{told}P {program}\n{told}O {libm}\n", f"learnt with {more}, filtered: {before is not None}")

# What nothing can be done for: a program without a plan, whose C library has thread variables.  Compared to a module that
# does nothing: what ld.so does for any is its own.
program = compile_c("int main(void) { return 0; }", os.path.join(directory, "nothing"))
nothing = compile_c("unsigned la_version(unsigned version) { return version; }", os.path.join(directory, "nothing.so"), "-shared",
                    "-fPIC", "-nostdlib", "-Wl,-z,noseparate-code,-z,norelro")
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith(("LD_", "PRELINK_"))}
AUDITED = {**PLAIN, "LD_AUDIT": kit.MODULE, "PRELINK_STORE": directory + "/none"}
EMPTY = {**PLAIN, "LD_AUDIT": nothing}


def calls(environment):
    """How often each system call is made."""
    run(["strace", "-o", directory + "/trace", *(f"-E{name}={value}" for name, value in environment.items()), program])
    with open(directory + "/trace") as file:
        return collections.Counter(re.findall(r"^(\w+)\(", file.read(), re.M))


def faults(environment):
    """Page faults, at least: where things lie decides about one or two."""
    seen = []
    for _ in range(30):
        pid = os.posix_spawn(program, [program], environment)
        seen.append(os.wait4(pid, 0)[2].ru_minflt)
    return min(seen)


more, more_faults = calls(AUDITED) - calls(PLAIN), faults(AUDITED) - faults(PLAIN)
empty, empty_faults = calls(EMPTY) - calls(PLAIN), faults(EMPTY) - faults(PLAIN)
print(f"{text} bytes; of a program without a plan {more_faults} page faults and {sum(more.values())} system calls more: {dict(more)}; "
      f"with a module that does nothing {empty_faults} and {sum(empty.values())}")
expect(more["mprotect"] == 0 and sum((more - empty).values()) <= 1 and sum(empty.values()) <= 7, f"calls on top of a module's that does nothing: {more} and {empty}")
expect(more_faults <= min(6, empty_faults + 2), f"{more_faults} page faults on top of its own, {empty_faults} with a module that does nothing")

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What it costs a program to find its plan in a store, counted: system calls, and pages of the store that are mapped; and
that pages which are about to be written come together, or one by one where the kernel cannot do that.

LONG=1: kate, python3, and a program without a plan, of a root's store.
"""
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../rtld"))
import kit
import process
import rooted
import whole_root
from harness import compile_c, expect, expect_equal, need, prelink, run, scratch, write

need("gcc", "strace")
LIBRARIES, WORDS = 60, 1900
here = scratch()


def library(i):
    """A library with pointers to functions of its own; the dynamic sections of all are the same."""
    path = f"{here}/liba{i:02}.so"
    text = [".text"] + [f".globl a{i:02}_{j}\n.type a{i:02}_{j},@function\na{i:02}_{j}: ret" for j in range(WORDS)]
    text += [".data", *(f".quad a{i:02}_{j}" for j in range(WORDS)), '.section .note.GNU-stack,"",@progbits\n']
    write(path + ".s", "\n".join(text))
    run(["gcc", "-shared", "-nostdlib", "-o", path, f"-Wl,-soname,{os.path.basename(path)}", path + ".s"])
    return path


libraries = [library(i) for i in range(LIBRARIES)]
sections = {run(["readelf", "-dW", path]).stdout.replace(os.path.basename(path), "") for path in libraries}
expect_equal(len(sections), 1, "different dynamic sections among libraries of one kind")
program = compile_c("#include <dlfcn.h>\n#include <unistd.h>\nint main(int argc, char **argv) { while (*++argv)"
                    " if (!dlopen(*argv, RTLD_NOW)) return 1; write(1, \"done\\n\", 5); return 0; }", here + "/program")
write(here + "/seen", "".join(f"P {program}\nO {path}\n" for path in libraries))
prelink("--learn", here)
ENVIRONMENT = {"LD_AUDIT": kit.MODULE, "PRELINK_STORE": here + "/store", "GLIBC_TUNABLES": "glibc.rtld.optional_static_tls=8192"}


def traced(command, *options, env):
    """What strace says of the system calls of COMMAND, a line each."""
    out = here + "/trace"
    done = run(["strace", "-o", out, *options, "env", *(f"{name}={value}" for name, value in env.items()), *command])
    with open(out) as file:
        return done, file.read().split("\n")


def finding(lines, store):
    """The system calls by which STORE is looked for, and what is done with it."""
    names, fd = [], None
    for line in lines:
        if f'"{store}"' in line and "openat(" in line:
            names, fd = ["openat"], line.rsplit(" = ", 1)[1].split()[0]
        elif names and fd != "-1" and re.match(rf"(statx|read|close)\({fd}\b|mmap\(.*, {fd}, 0\)", line):
            names.append(line.split("(")[0])
            if line.startswith("close"):
                return names
    return names


def mapped(pid, store):
    """Pages of the file STORE that process PID has mapped; None where it maps none of it."""
    with open(f"/proc/{pid}/smaps") as file:
        found = re.search(re.escape(store) + r"\n(?:.+:.*\n)*?Rss: +(\d+) kB", file.read())
    return int(found[1]) // 4 if found else None


# Five system calls; one where there is no store, and where the store has no plan for it a program maps nothing of it.  The
# pages of a library are written after one call.
done, lines = traced([program, libraries[-1]], env={**ENVIRONMENT, "PRELINK_RTLD": "verbose"})
expect(f"{libraries[-1]}: full" in done.stderr, f"its library is not on the fast path: {done.stderr}")
expect_equal(finding(lines, here + "/store"), ["openat", "statx", "read", "mmap", "close"],
             "system calls that find the plan")
at = lines.index(next(line for line in lines if f'"{libraries[-1]}"' in line and "openat" in line))
asked = [line for line in lines[at:] if line.startswith("madvise(")]
expect_equal(len(asked), 1, f"calls for pages of one library: {asked}")
size = int(asked[0].split(", ")[1])
expect(size in (4 * 4096, 5 * 4096), f"{WORDS} words lie on four or five pages: {asked[0]}")
_, lines = traced([program], env={**ENVIRONMENT, "PRELINK_STORE": here + "/none"})
expect_equal(finding(lines, here + "/none"), ["openat"], "system calls where there is no store")
unplanned = compile_c("int main(void) { return 0; }", here + "/unplanned")
_, lines = traced([unplanned], env=ENVIRONMENT)
expect_equal(finding(lines, here + "/store"), ["openat", "statx", "read", "close"], "system calls of a program without a plan")
done, lines = traced([program, *libraries], "-e", "inject=madvise:error=EINVAL", env={**ENVIRONMENT, "PRELINK_RTLD": "verbose"})
expect_equal((done.stdout, done.stderr.count(": full")), ("done\n", LIBRARIES + 1), f"on an older kernel: {done.stderr}")
expect_equal(len([line for line in lines if line.startswith("madvise(") and "INJECTED" in line]), 1, "how often that kernel is asked")

# How many pages the kernel maps where one is missing is its own affair: they are printed, no more.
total = os.path.getsize(here + "/store") // 4096
with process.stopped_at_output("/", program, libraries[0], env=ENVIRONMENT) as pid:
    pages = mapped(pid, here + "/store")
expect(pages, "the program with a plan does not map the store")
print(f"one library of {LIBRARIES} alike: {pages} pages of {total}")

if os.environ.get("LONG") and os.geteuid() == 0:
    root = whole_root.root_of("xine", "python", "perl", "kate", "tools")
    whole_root.add_notes(root)
    print(prelink("--root", root, "--store", "-a").stdout.strip())
    STORE = whole_root.store()
    ENVIRONMENT = {"LD_AUDIT": rooted.module_path(), "GLIBC_TUNABLES": ENVIRONMENT["GLIBC_TUNABLES"], **rooted.SETTINGS}
    size = os.path.getsize(root + STORE)
    expect(size <= 30 << 20, f"the store has {size} bytes")
    for command in (["/bin/echo", "word"], ["python3", "-c", "print()"], ["kate", "--version"]):
        with process.stopped_at_output(root, *command, env=ENVIRONMENT) as pid:
            pages = mapped(pid, root + STORE)
        # Where there is no plan, what was mapped to look for one is given back.
        expect_equal(pages is None, command[0] == "/bin/echo", f"{command} has none of the store mapped")
        print(f"{' '.join(command)}: {pages} pages of {size // 4096}")

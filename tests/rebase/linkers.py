#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A library that has some of everything, made by each linker in each way, moved: undone it is the
original, and loaded it is at its slot and works, on x86-64, i386, aarch64, arm and riscv64 (these in qemu).  And an executable,
given room at its front.  LONG=1: arm and riscv64 in each way, too."""
import collections
import os
import re
import shutil

from harness import compile_c, expect, i386_runner, qemu_user, read, run, scratch, write
from rewriting import LIBRARY, LOADER, Rewriter, SLOT, round_trip, sections

WAYS = {
    "lazy": ["-Wl,-z,lazy"],
    "now": ["-Wl,-z,now"],
    "norelro": ["-Wl,-z,norelro"],
    "sysv hash": ["-Wl,--hash-style=sysv"],
    "both hashes": ["-Wl,--hash-style=both"],
    "relr": ["-Wl,-z,pack-relative-relocs"],
    "stripped": ["-s"],
    "emitted relocations": ["-Wl,--emit-relocs", "-Wl,-z,now"],
    "symbolic": ["-Wl,-Bsymbolic"],
    "versions": ["-Wl,--version-script=versions"],
    "tlsdesc": None,
    "no rosegment": ["-Wl,-z,noseparate-code"],
    "large pages": ["-Wl,-z,max-page-size=0x200000"],
}
# A copied variable (stderr), pointers to itself and to a library, thread variables, an indirect function.
PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static __thread int thread_data = 3;
static __thread char thread_zeros[5000];
static int number = 4;
static int *pointer = &number;
static int (*const functions[])(int) = { abs };
static FILE **copied = &stderr;
static const char *const names[] = { "one", "three" };
static int seven(void) { return 7; }
#ifdef IFUNC
static int (*resolve_seven(void))(void) { return seven; }
int chosen(void) __attribute__((ifunc("resolve_seven")));
#else
int chosen(void) { return seven(); }
#endif
int main(void)
{
	int sum = thread_data + *pointer + functions[0](-5) + (int)strlen(names[1]) + chosen(); /* 24 */
	sum += *copied == stderr ? 18 : 0;
	printf("%d\n", sum + thread_zeros[4999]);
	return 0;
}
"""
LINKERS = {"bfd": "ld.bfd", "gold": "ld.gold", "lld": "ld.lld", "mold": "mold"}
I386_LOADER = "/usr/i686-linux-gnu/lib/ld-linux.so.2"
TARGETS = {
    "x86-64": (["gcc"], []),
    "i386": (["i686-linux-gnu-gcc"], [*(i386_runner(I386_LOADER) or ()), I386_LOADER, "--library-path",
                                      "/usr/i686-linux-gnu/lib"]),
    "aarch64": (["aarch64-linux-gnu-gcc"], [qemu_user("aarch64"), "-L", "/usr/aarch64-linux-gnu"]),
    "arm": (["arm-linux-gnueabihf-gcc"], [qemu_user("arm"), "-L", "/usr/arm-linux-gnueabihf"]),
    "riscv64": (["riscv64-linux-gnu-gcc"], [qemu_user("riscv64"), "-L", "/usr/riscv64-linux-gnu"]),
}
TLSDESC = {"x86-64": "gnu2", "i386": "gnu2", "aarch64": "desc", "arm": "gnu2", "riscv64": "desc"}


def options(target, linker, way):
    """The compiler's arguments, None where there is no such thing."""
    flags = WAYS[way]
    if flags is None:
        flags = ["-mtls-dialect=" + TLSDESC[target]]
    if way == "relr" and linker == "lld":
        flags = ["-Wl,--pack-dyn-relocs=relr"]
    if linker in ("lld", "mold") and target != "x86-64":
        # A cross compiler looks for -fuse-ld's linker under a name of the target's only.
        return ["-B", os.path.join(directory, linker), *flags]
    return [f"-fuse-ld={linker}", *flags]


def build(target, linker, way, path, log):
    """True if this compiler and linker can do it."""
    compiler = TARGETS[target][0][0]
    if not shutil.which(LINKERS[linker]) or not shutil.which(compiler):
        log[f"{linker} or the compiler for {target} is not installed"] += 1
        return False
    command = [compiler, "-shared", "-fPIC", "-O1", "-DIFUNC", *options(target, linker, way), "-x", "c", "-", "-o", path]
    done = run(command, status=None, input=LIBRARY, cwd=directory)
    if done.returncode or "ignored" in done.stderr or "nknown" in done.stderr or "unsupported" in done.stderr:
        log[f"{target} {linker}: no {way}"] += 1
        return False
    return True


def check_got(source, address):
    """1 if the GOT of the library has the address of the dynamic section in it, which then has moved too."""
    data, moved = read(source), read(source + ".moved")
    width = 8 if data[4] == 2 else 4
    places = sections(data)
    dynamic = int.from_bytes(data[places[".dynamic"][0] + (16 if width == 8 else 12):][:width], "little")
    for name in (".got", ".got.plt"):
        at = places.get(name, (0, 0, 0))[1]
        if at and int.from_bytes(data[at:at + width], "little") == dynamic:
            seen = int.from_bytes(moved[at:at + width], "little")
            expect(seen == dynamic + address, f"{source}: {name}[0] is {seen:x}, not {dynamic + address:x}")
            return 1
    return 0


def check_programs(target, linker):
    """The number of executables that were given room and still work."""
    compiler, runner = TARGETS[target][0][0], TARGETS[target][1]
    if target == "i386" and i386_runner() is not None:
        runner = i386_runner()  # by the program's own interpreter
    good = 0
    for kind in ("-pie", "-no-pie"):
        source = os.path.join(directory, f"{target}-{linker}{kind}")
        done = run([compiler, *(["-fPIE"] if kind == "-pie" else ["-fno-pie"]), kind, "-O1", *options(target, linker, "now"),
                    "-x", "c", "-", "-o", source], status=None, input=PROGRAM)
        before = run([*runner, source], status=None)
        if done.returncode or before.stdout != "42\n":
            log[f"{target} {linker}: no executable {kind}: {(done.stderr or before.stderr)[:60]!r}"] += 1
            continue
        for tags in (1, 40):
            said = rewriter.ask("grow", source, source + ".grown", f"{tags:x}")
            if target in ("arm", "riscv64") and kind == "-no-pie" and "too low an address" in said:
                log[f"{target} {linker}: no room below an executable at 0x10000"] += 1
                continue
            expect(said.endswith("ok"), f"{source}, {tags} tags: {said}")
            expect(rewriter.undo(source + ".grown", source + ".back") == "ok", f"{source}: undo")
            expect(read(source + ".back") == read(source), f"{source}: undo gives other bytes")
            expect(run([*runner, source + ".grown"]).stdout == "42\n", f"{source}, {tags} tags: does not work")
            good += 1
    return good


# Code and data, and nothing that is only read: GNU ld leaves an empty PT_LOAD between the two.
BARE = """
	.globl answer
	.type answer, @function
answer:	mov pointer(%rip), %rax
	mov (%rax), %eax
	ret
	.data
number:	.long 42
	.balign 8
pointer: .quad number
	.section .note.GNU-stack,"",@progbits
"""


def check_empty_segment():
    source = compile_c(BARE, os.path.join(directory, "bare.so"), "-shared", "-nostdlib", language="assembler")
    empty = [line for line in run(["readelf", "-lW", source]).stdout.splitlines()
             if re.match(r" +LOAD +(0x[0-9a-f]+ ){3}0x0+ 0x0+ ", line)]
    if not empty:
        log["x86-64: no library with an empty PT_LOAD"] += 1
        return
    expect(round_trip(rewriter, source, directory, SLOT["x86-64"]) == "ok", "a library with an empty PT_LOAD")
    for reader in (["eu-elflint", "--gnu-ld"], ["readelf", "-lW"]):
        before, after = (run([*reader, path], status=None) for path in (source, os.path.join(directory, "moved")))
        expect(before.returncode == after.returncode and "rror" not in after.stderr, f"{reader}: {after.stdout}")
    with open(os.path.join(directory, "call.c"), "w") as file:
        file.write("#include <dlfcn.h>\n#include <stdio.h>\nint main(int n, char **v) { void *h = dlopen(v[1], 2);"
                   'return n < 2 || !h || printf("%d", ((int (*)(void))dlsym(h, "answer"))()) < 0; }\n')
    call = os.path.join(directory, "call")
    run(["gcc", "-o", call, call + ".c"])
    expect(run([call, os.path.join(directory, "moved")]).stdout == "42", "moved, it does not work")


directory = scratch()
write(os.path.join(directory, "versions"), "FIRST { global: answer; shown; };\nSECOND { global: *; } FIRST;\n")
for name in ("lld", "mold"):
    os.mkdir(os.path.join(directory, name))
    if shutil.which(LINKERS[name]):
        os.symlink(shutil.which(LINKERS[name]), os.path.join(directory, name, "ld"))
rewriter = Rewriter()
log = collections.Counter()
count = 0
loaded = 0
programs = 0
gots = 0
for target, (compilers, runner) in TARGETS.items():
    if not shutil.which(compilers[0]) or (runner and not shutil.which(runner[0])):
        log[f"{target}: {compilers[0]} or {runner[:1]} is not installed"] += 1
        continue
    if target == "i386" and i386_runner(I386_LOADER) is None:
        log["i386: neither this kernel nor qemu-i386 runs its programs"] += 1
        continue
    loader = os.path.join(directory, "loader-" + target)
    compile_c(LOADER, loader, "-ldl", compiler=compilers[0])
    address = SLOT[target]
    moved = []
    for linker in LINKERS:
        if shutil.which(LINKERS[linker]):
            programs += check_programs(target, linker)
        for way in list(WAYS)[::4 if target in ("arm", "riscv64") and not os.environ.get("LONG") else 1]:
            source = os.path.join(directory, f"{target}-{linker}-{way}".replace(" ", "-") + ".so")
            if not build(target, linker, way, source, log):
                continue
            # ld.so wants more for DT_RELR than lld 14 writes: such a file is good for a round trip only.
            alone = run([*runner, loader, source], status=None).stdout
            answer = round_trip(rewriter, source, directory, address)
            expect(answer == "ok", f"{source}: {answer}")
            os.rename(os.path.join(directory, "moved"), source + ".moved")
            gots += check_got(source, address)
            if "DT_RELR without" not in alone:
                expect(alone.startswith("42 "), f"{source} itself does not work: {alone}")
                moved.append((source, address))
            address += 0x1000000 if way == "large pages" else 0x400000
            count += 1
    # Alone, and all in one process.
    together = run([*runner, loader, *(source + ".moved" for source, _ in moved)]).stdout.split("\n")
    for (source, where), line in zip(moved, together):
        value, bias = line.split()
        expect(value == "42", f"{source}: moved, it answers {value}")
        # qemu-user gives its guest's mmap no hint below its own places.
        expect(int(bias, 16) == 0 or "qemu" in "".join(runner[:1]), f"{source}: mapped {bias} bytes off its slot {where:x}")
        loaded += 1
    # Where the slot is taken, the relocations that were kept do it all: two at one slot.
    twin = os.path.join(directory, "twin.so")
    shutil.copy(moved[0][0] + ".moved", twin)
    lines = run([*runner, loader, moved[0][0] + ".moved", twin]).stdout.split()
    expect(lines[0] == lines[2] == "42" and (lines[3] != "0"), f"{target}: two at one slot: {lines}")
check_empty_segment()
said = rewriter.close()
print(f"{count} libraries of {len(LINKERS)} linkers moved, taken back, {loaded} loaded; {programs} executables given room")
for reason, times in sorted(log.items()):
    print(f"  not made: {reason}")
whole = not any("not installed" in reason for reason in log)  # Debian 13's binutils have no gold, for one
expect(gots > (40 if whole else 10), f"hardly a GOT was looked at: {gots}")
expect(loaded > (60 if whole else 20) and programs > (16 if whole else 4), "hardly anything was tested")
expect(not said, said)

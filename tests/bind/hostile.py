#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Damaged symbol, hash, version, relocation and dynamic tables: no report of AddressSanitizer or UBSan, no walk
without end.  1,000 files, more with LONG=1; which ones, is printed (SEED=N for others)."""
import glob
import os
import random
import resource
import subprocess

from elf import Elf
from harness import SOURCE, expect, fail, need, read, run, scratch, write

TABLES = {".dynsym", ".dynstr", ".hash", ".gnu.hash", ".gnu.version", ".gnu.version_r", ".gnu.version_d", ".rela.dyn",
          ".rela.plt", ".rel.dyn", ".rel.plt", ".relr.dyn", ".dynamic", ".data.rel.ro", ".got"}
BOUND = ["asked", "bind", "definers", "fill", "ifunc", "lookup", "opened", "own_libc", "relocs", "searchlist", "target"]
PARTS = ["notegen/lib", "prelink-plugins/arch", "prelink-plugins/elf", *(f"prelink-plugins/bind/{name}.c" for name in BOUND),
         "prelink-plugins/object.c", "prelink-plugins/plan/cost.c", "prelink-plugins/plan/decide.c", "prelink-plugins/plan/pages.c",
         "prelink-plugins/plan/shadowed.c", "prelink-plugins/resident.c"]
LIBRARY = """
int f1(void) { return 1; } int f2(void) { return 2; } int g3(void) { return 3; } __thread int t;
__asm__(".symver f1,f@V1"); __asm__(".symver f2,f@@V2"); __asm__(".symver g3,g@@V3");
__attribute__((weak)) int w(void) { return 0; } int data[4] = { 1, 2, 3, 4 };
extern int missing(void) __attribute__((weak)); int *pt(void) { return &t; } void *pm(void) { return missing; }
void *table[] = { f1, f2, g3, w, data, &data[2], missing }; extern int u; int *pu(void) { return &u; }
__asm__(".data; .globl u; .type u,@gnu_unique_object; .size u,4; u: .long 1; .text");
int one(void) { return 1; } void *resolve(void) { return one; }
__asm__(".globl i; .type i,@gnu_indirect_function; .set i,resolve"); extern int i(void); int ci(void) { return i(); }
"""
PROGRAM = """
extern int f(void), g(void), w(void), data[], u, ci(void); int *p = data + 1;
int _start(void) { return f() + g() + w() + data[0] + u + ci() + (long)f; }
"""
VALUES = [0, 1, 2, 3, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff]


def tables(data):
    """(offset, size) of the tables that binding reads."""
    return [(s.offset, s.size) for s in Elf("", data).sections if s.name in TABLES and s.size]


def damage(data, places, chance):
    data = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        offset, size = chance.choice(places)
        width = chance.choice((1, 2, 4, 4, 8))
        at = offset + chance.randrange(size) // width * width
        if at + width > len(data):
            continue
        value = chance.choice(VALUES) if chance.random() < 0.6 else chance.getrandbits(64)
        if chance.random() < 0.2 and width >= 4:   # what is there, off by a little
            value = int.from_bytes(data[at:at + width], "little") + chance.randrange(-8, 9)
        data[at:at + width] = (value & (1 << 8 * width) - 1).to_bytes(width, "little")
    if chance.random() < 0.05:
        del data[chance.randrange(64, len(data)):]
    return bytes(data)


def limits():
    resource.setrlimit(resource.RLIMIT_CPU, (300, 300))  # a walk without end is killed


need("gcc")
seed = int(os.environ.get("SEED", 1))
count = 20000 if os.environ.get("LONG") else 1000
directory, chance = scratch(), random.Random(seed)
sources = [path for part in PARTS for path in sorted(glob.glob(f"{SOURCE}/{part}/*.c")) or [f"{SOURCE}/{part}"]]
run(["gcc", "-g", "-O1", "-D_GNU_SOURCE", "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
     f"-I{SOURCE}/notegen/lib", f"-I{SOURCE}/prelink-plugins", "-o", f"{directory}/damaged",
     f"{SOURCE}/tests/bind/damaged.c", *sources, "-DPKGLIBDIR=\"\"",
     "-lelf", "-lyaml", "-ljansson", "-lnettle", "-lpthread"])
write(f"{directory}/script", "V1 { global: f1; local: nothing; }; V2 { global: f2; } V1; V3 { global: g3; } V2;")
seeds = []
for flag, loader in ("-m64", "/lib64/ld-linux-x86-64.so.2"), ("-m32", "/lib/ld-linux.so.2"):
    for style in "gnu", "sysv", "both":
        base = f"{directory}/{flag}{style}"
        common = ["gcc", flag, "-O1", "-nostdlib", "-fno-stack-protector", "-x", "c", "-", f"-Wl,--hash-style={style}"]
        run([*common, "-shared", "-fPIC", "-ftls-model=initial-exec", f"-Wl,--version-script={directory}/script",
             "-Wl,-soname,libseed.so", "-o", base + ".so"], input=LIBRARY)
        run([*common, "-fPIE", "-pie", f"-Wl,--dynamic-linker={loader}", "-o", base, "-x", "none", base + ".so"],
            input=PROGRAM)
        seeds += [(base, base + ".so", read(file)) for file in (base + ".so", base)]
sound = done = 0
for number, (program, library, data) in enumerate(seeds):
    places, names = tables(data), []
    for i in range(count // len(seeds) + 1):
        names.append(f"{directory}/d{i}")
        write(names[-1], damage(data, places, chance))
    result = subprocess.run([f"{directory}/damaged", program, library], input="\n".join(names) + "\n", text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, errors="replace", preexec_fn=limits,
                            env={**os.environ, "UBSAN_OPTIONS": "print_stacktrace=1"})
    if result.returncode or "Sanitizer" in result.stderr or "runtime error" in result.stderr:
        where = max(result.stderr.find("runtime error"), result.stderr.find("ERROR: "), 200) - 200
        fail(f"seed {seed}, file {number}: exit status {result.returncode}\n{result.stderr[where:where + 3000]}")
    words = result.stdout.split()
    done, sound = done + int(words[0]), sound + int(words[2])
    expect(all(line.startswith("damaged: ") for line in result.stderr.splitlines()), "a message of more than one line")
print(f"seed {seed}: {done} damaged files, {sound} of them taken for sound, no report")
expect(0 < sound < done, "the damage is never, or always, noticed: this tests nothing")

# Names that all have one hash ("Ab" and "BA" have, in DT_GNU_HASH): 4,096 of them are slow, but bearable; a chain of
# twice as many is refused.
for blocks, refused in (12, False), (13, True):
    names = [""]
    for _ in range(blocks):
        names = [name + block for name in names for block in ("Ab", "BA")]
    base = f"{directory}/collide{blocks}"
    run(["gcc", "-nostdlib", "-shared", "-fPIC", "-x", "assembler", "-", "-Wl,--hash-style=gnu", "-o", base + ".so"],
        input=".data\n" + "".join(f".globl {name}\n{name}: .long 1\n" for name in names))
    run(["gcc", "-nostdlib", "-shared", "-fPIC", "-x", "assembler", "-", "-o", base],
        input=".data\n" + "".join(f".quad {name}\n" for name in names))
    result = subprocess.run([f"{directory}/damaged", base, base + ".so"], input=base + "\n", text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=limits)
    expect(result.returncode == 0,
           f"{2 ** blocks} names of one hash: exit status {result.returncode}\n{result.stderr[:2000]}")
    expect(refused == ("a chain of the hash table has more than" in result.stderr),
           f"{2 ** blocks} names of one hash: {result.stderr[:2000]!r}")

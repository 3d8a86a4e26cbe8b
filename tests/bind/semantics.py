#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every rule of symbol lookup in a program of its own, ld.so the judge: x86-64, i386 and, with qemu, aarch64; GNU
and System V hash tables.  What each case is meant to show is pinned against ld.so's own words, so that one that
no longer shows it fails, whatever we say."""
import os
import shutil

from harness import expect, fail, i386_runner, need, qemu_user, run, scratch, write
import ldso_bindings as oracle
from elf import to_bend

# compiler, ld.so as programs name it, the command that runs it
QEMU = ["/usr/bin/" + qemu_user("aarch64"), "/usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1"]
MACHINES = {
    "x86-64": (["gcc", "-m64"], "/lib64/ld-linux-x86-64.so.2", ["/lib64/ld-linux-x86-64.so.2"]),
    "i386": (["gcc", "-m32"], "/lib/ld-linux.so.2", [*(i386_runner() or ()), "/lib/ld-linux.so.2"]),
    "aarch64": (["aarch64-linux-gnu-gcc"], "/lib/ld-linux-aarch64.so.1", QEMU),
}
DT_SYMBOLIC, DT_FLAGS, DF_SYMBOLIC = 16, 30, 2
LOADER = "ld.so itself"  # as a flag: link against it
HIDDEN, PROTECTED, LOCAL, SECTION, FILE = 2, 3, 0, 3, 4


def bend(what, **change):
    def patch(path):
        elf = to_bend(path)
        if "tag" in change:
            elf.tag(*change["tag"])
        else:
            elf.symbol(what, **change)
        elf.save()
    return patch


def lib(name, source, *needs, flags=(), script=None, patch=None, stub=None):
    """A library; STUB is what programs are linked against in its place."""
    return {"name": name, "source": source, "needs": needs, "flags": flags, "script": script, "patch": patch,
            "stub": stub}


def prog(source, *needs, flags=("-fPIE", "-pie"), patch=None):
    return {"name": "prog", "source": source, "needs": needs, "flags": flags, "script": None, "patch": patch,
            "stub": None}


FIXED = ("-fno-pic", "-no-pie")
GOT = ("-fPIC", "-pie")  # no COPY relocations
CALL = "extern int f(void); int _start(void) { return f(); }"
DATA = "extern int v; int _start(void) { return v; }"
F = "int f(void) { return 1; }"
VERSIONS = """
int f1(void) { return 1; } int f2(void) { return 2; } int g3(void) { return 3; } int h2(void) { return 4; }
int h3(void) { return 5; } int k2(void) { return 6; } int k3(void) { return 7; }
__asm__(".symver f1,f@V1"); __asm__(".symver f2,f@@V2"); __asm__(".symver g3,g@@V3");
__asm__(".symver h2,h@V2"); __asm__(".symver h3,h@@V3"); __asm__(".symver k2,k@V2"); __asm__(".symver k3,k@V3");
"""
SCRIPT = "V1 { global: f1; local: nothing; }; V2 { global: f2; } V1; V3 { global: g3; } V2;"
POINTER = "extern int f(void); int (*address(void))(void) { return f; }"

# name: (parts, [what ld.so is to say: (object, symbol, version, provider)]); provider None: nobody.
CASES = {
    "first definition wins, weak or not": (
        [lib("a", "__attribute__((weak)) " + F), lib("b", F), prog(CALL, "a", "b")],
        [("prog", "f", "", "liba.so")]),
    "default version": (
        [lib("v", VERSIONS, script=SCRIPT), prog(CALL, "v")], [("prog", "f", "V2", "libv.so")]),
    "hidden version": (
        [lib("v", VERSIONS, script=SCRIPT),
         prog("extern int f(void); __asm__(\".symver f,f@V1\"); int _start(void) { return f(); }", "v")],
        [("prog", "f", "V1", "libv.so")]),
    "unversioned reference, first version": (
        [lib("v", VERSIONS, script=SCRIPT, stub=F), prog(CALL, "v")], [("prog", "f", "", "libv.so")]),
    "unversioned reference, one later version": (
        [lib("v", VERSIONS, script=SCRIPT, stub="int g(void) { return 0; } int h(void) { return 0; }"),
         prog("extern int g(void), h(void); int _start(void) { return g() + h(); }", "v")],
        [("prog", "g", "", "libv.so"), ("prog", "h", "", "libv.so")]),
    "unversioned reference, only hidden later versions": (
        [lib("v", VERSIONS, script=SCRIPT, stub="int k(void) { return 0; }"), lib("w", "int k(void) { return 0; }"),
         prog("extern int k(void); int _start(void) { return k(); }", "v", "w")],
        [("prog", "k", "", "libw.so")]),
    "versioned reference, definition without versions before it": (
        [lib("p", F), lib("v", VERSIONS, script=SCRIPT), prog(CALL, "v", "p")],
        [("prog", "f", "V2", "libv.so")]),
    "versioned reference, interposed without versions": (
        [lib("v", VERSIONS, script=SCRIPT), lib("p", F, stub="int other(void) { return 1; }"),
         prog("extern int f(void); int _start(void) { return f(); }", "p", "v")],
        [("prog", "f", "V2", "libp.so")]),
    "versioned reference, another version before it": (
        [lib("v", VERSIONS, script=SCRIPT),
         lib("o", "int fo(void) { return 9; } __asm__(\".symver fo,f@@OTHER\");", script="OTHER { global: fo; };",
             stub="int other(void) { return 1; }"),
         prog(CALL, "o", "v")],
        [("prog", "f", "V2", "libv.so")]),
    "versioned reference, the base version before it": (
        [lib("v", VERSIONS, script=SCRIPT),
         lib("o", F + " int fo(void) { return 9; } __asm__(\".symver fo,g@@OTHER\");",
             script="OTHER { global: g; };", stub="int other(void) { return 1; }"),
         prog(CALL, "o", "v")],
        [("prog", "f", "V2", "libo.so")]),
    "unique": (
        [lib("a", "extern int v; int *pa(void) { return &v; } __asm__(\".data; .globl v; .type v,@gnu_unique_object;"
                  " .size v,4; v: .long 1; .text\");"),
         lib("b", "extern int v; int *pb(void) { return &v; } __asm__(\".data; .globl v; .type v,@gnu_unique_object;"
                  " .size v,4; v: .long 2; .text\");", patch=bend("", tag=(DT_SYMBOLIC, 0))),
         prog("extern int *pa(void), *pb(void); int _start(void) { return pa() == pb(); }", "a", "b")],
        [("liba.so", "v", "", "libb.so"), ("libb.so", "v", "", "libb.so")]),
    "unique, copied": (
        [lib("a", "extern int v; int *pa(void) { return &v; } __asm__(\".data; .globl v; .type v,@gnu_unique_object;"
                  " .size v,4; v: .long 1; .text\");"),
         prog(DATA, "a", flags=FIXED)],
        [("liba.so", "v", "", "prog"), ("prog", "v", "", "liba.so")]),
    "protected data": (
        [lib("a", "int v = 1; int *pa(void) { return &v; }", patch=bend("v", other=PROTECTED)),
         lib("b", "extern int v; int *pb(void) { return &v; } __attribute__((weak)) int v = 2;"),
         prog("extern int *pa(void), *pb(void); int _start(void) { return pa() == pb(); }", "b", "a")],
        [("liba.so", "v", "", "liba.so"), ("libb.so", "v", "", "libb.so")]),
    "protected data, copied": (
        [lib("a", "int v = 1; int *pa(void) { return &v; }", patch=bend("v", other=PROTECTED)),
         prog(DATA, "a", flags=FIXED)],
        [("prog", "v", "", "liba.so")]),
    "protected function": (
        [lib("a", F + POINTER, patch=bend("f", other=PROTECTED)), prog(CALL, "a")],
        [("liba.so", "f", "", "liba.so"), ("prog", "f", "", "liba.so")]),
    "protected function, its address taken in a fixed program": (
        [lib("a", F + POINTER, patch=bend("f", other=PROTECTED)),
         prog("extern int f(void); int _start(void) { return (long)f; }", "a", flags=FIXED)],
        [("liba.so", "f", "", "prog")]),
    "hidden": (
        [lib("a", F + POINTER, patch=bend("f", other=HIDDEN)), lib("b", F), prog(CALL, "a", "b")],
        [("prog", "f", "", "libb.so"), ("liba.so", "f", None, None)]),
    "a local symbol in the hash table": (
        [lib("a", F, patch=bend("f", info=LOCAL << 4 | 2)), lib("b", F), prog(CALL, "a", "b")],
        [("prog", "f", "", "libb.so")]),
    "an unknown binding": (
        [lib("a", F, patch=bend("f", info=12 << 4 | 2)), lib("b", F), prog(CALL, "a", "b")],
        [("prog", "f", "", "libb.so")]),
    "types that define nothing": (
        [lib("a", F, patch=bend("f", info=1 << 4 | SECTION)), lib("b", F, patch=bend("f", info=1 << 4 | FILE)),
         lib("c", F), prog(CALL, "a", "b", "c")],
        [("prog", "f", "", "libc.so")]),
    "indirect function": (
        [lib("a", "int one(void) { return 1; } void *resolve(void) { return one; }"
                  "__asm__(\".globl f; .type f,@gnu_indirect_function; .set f,resolve\");"),
         prog(CALL, "a")],
        [("prog", "f", "", "liba.so")]),
    "thread-local, at offset 0": (
        [lib("a", "__thread int t; int *pt(void) { return &t; }", flags=(LOADER,)),
         prog("extern __thread int t; extern int *pt(void); int _start(void) { return *pt() + t; }", "a")],
        [("prog", "t", "", "liba.so"), ("liba.so", "t", "", "liba.so")]),
    "undefined weak": (
        [lib("a", "int other(void) { return 1; }"),
         prog("extern int f(void) __attribute__((weak)), other(void);"
              "int _start(void) { return f ? f() : other(); }", "a")],
        [("prog", "f", None, None), ("prog", "other", "", "liba.so")]),
    "undefined": (
        [lib("a", "int other(void) { return 1; }"),
         lib("b", "extern int f(void), other(void); int g(void) { return f() + other(); }"),
         prog("extern int g(void); int _start(void) { return g(); }", "b", "a",
              flags=("-fPIE", "-pie", "-Wl,--allow-shlib-undefined"))],
        [("libb.so", "f", None, None), ("libb.so", "other", "", "liba.so")]),
    "DT_SYMBOLIC": (
        [lib("a", F), lib("b", F + POINTER, patch=bend("", tag=(DT_SYMBOLIC, 0))),
         prog("extern int f(void); extern void *address(void); int _start(void) { return f() + (address() == 0); }",
              "a", "b")],
        [("prog", "f", "", "liba.so"), ("libb.so", "f", "", "libb.so")]),
    "DF_SYMBOLIC": (
        [lib("a", F), lib("b", F + POINTER, patch=bend("", tag=(DT_FLAGS, DF_SYMBOLIC))),
         prog("extern int f(void); extern void *address(void); int _start(void) { return f() + (address() == 0); }",
              "a", "b")],
        [("prog", "f", "", "liba.so"), ("libb.so", "f", "", "libb.so")]),
    "neither": (
        [lib("a", F), lib("b", F + POINTER),
         prog("extern int f(void); extern void *address(void); int _start(void) { return f() + (address() == 0); }",
              "a", "b")],
        [("prog", "f", "", "liba.so"), ("libb.so", "f", "", "liba.so")]),
    "copy relocation": (
        [lib("a", "int v = 1; int *pa(void) { return &v; }"), prog(DATA, "a", flags=FIXED)],
        [("prog", "v", "", "liba.so"), ("liba.so", "v", "", "prog")]),
    "address of a function in a fixed program": (
        [lib("a", F + POINTER),
         prog("extern int f(void); int _start(void) { return f() + (long)f; }", "a", flags=FIXED)],
        [("liba.so", "f", "", "prog"), ("prog", "f", "", "liba.so")]),
    "absolute symbol of value 0": (
        [lib("a", "__asm__(\".globl v; .set v,0\");", stub="int v = 1;"), lib("b", "int v = 1;"),
         prog(DATA, "a", "b", flags=GOT)],
        [("prog", "v", "", "liba.so")]),
    "symbol of value 0 in a section": (
        [lib("a", "int v = 1;", patch=bend("v", value=0)), lib("b", "int v = 1;"),
         prog(DATA, "a", "b", flags=GOT)],
        [("prog", "v", "", "libb.so")]),
    "auxiliary filter": (
        [lib("aux", F), lib("a", F + " int g(void) { return 2; }", flags=("-Wl,-f,libaux.so",)),
         prog("extern int f(void), g(void); int _start(void) { return f() + g(); }", "a")],
        [("prog", "f", "", "libaux.so"), ("prog", "g", "", "liba.so")]),
    "filter": (
        [lib("aux", F), lib("a", F + " int g(void) { return 2; }", flags=("-Wl,-F,libaux.so",)),
         prog("extern int f(void), g(void); int _start(void) { return f() + g(); }", "a")],
        [("prog", "f", "", "libaux.so"), ("prog", "g", "", "liba.so")]),
}


def build(part, directory, machine, hash_style):
    compiler, loader, command = MACHINES[machine]
    program = part["name"] == "prog"
    name = "prog" if program else f"lib{part['name']}.so"
    words = [*compiler, "-O1", "-nostdlib", "-fno-stack-protector", "-fno-builtin", "-x", "c", "-",
             f"-Wl,--hash-style={hash_style}", "-Wl,-rpath,$ORIGIN", "-Wl,-z,now"]
    if program:
        words += [f"-Wl,--dynamic-linker={loader}", "-Wl,--no-as-needed"]
    else:
        words += ["-shared", "-fPIC", f"-Wl,-soname,{name}"]
    words += part["flags"]
    after = ["-x", "none", command[-1]] if LOADER in words else []
    words = [word for word in words if word != LOADER]
    links = [f"-L{directory}/stub", f"-L{directory}", *(f"-l{need}" for need in part["needs"])]
    if part["stub"]:
        os.makedirs(f"{directory}/stub", exist_ok=True)
        run([*words, "-o", f"{directory}/stub/{name}"], input=part["stub"])
    if part["script"]:
        write(f"{directory}/script", part["script"])
        words.append(f"-Wl,--version-script={directory}/script")
    output = os.path.join(directory, name)
    run([*words, "-o", output, *links, *after], input=part["source"])
    return output


def check(case, parts, pins, directory, machine, hash_style):
    built = [build(part, directory, machine, hash_style) for part in parts]
    for part, path in zip(parts, built):    # only now: linkers refuse some of this
        if part["patch"]:
            part["patch"](path)
    program = built[-1]
    what = f"{case} ({machine}, {hash_style})"
    traced = oracle.trace(program, MACHINES[machine][2])
    if traced is None:
        fail(f"{what}: ld.so refuses the fixture")
    _, said, _, undefined = traced
    wanted = {by: [bound._replace(how=None) for bound in row] for by, row in oracle.with_real_paths(said).items()}
    short = os.path.basename
    for by, symbol, version, provider in pins:
        seen = [(bound.version, short(bound.provider)) for path, row in wanted.items() if short(path) == by
                for bound in row if bound.symbol == symbol]
        if provider is None and seen or provider is not None and (version, provider) not in seen:
            fail(f"{what}: the fixture does not show what it is for: {symbol} of {by} to {provider}, ld.so: {seen}")
    rows = oracle.ours_at_start(program)
    problem = oracle.difference(wanted, oracle.found(rows))
    if problem:
        fail(f"{what}:\n{problem}")
    lacking = {symbol.decode() for symbol, _, _ in undefined}
    ours = {bound.symbol for _, _, bound in rows if bound.provider == "?"}
    expect(bool(lacking) == (case == "undefined"), f"{what}: the fixture lacks {lacking}")
    expect(lacking == ours, f"{what}: undefined: ld.so {lacking}, we {ours}")
    return sum(map(len, wanted.values()))


need("gcc")
total = count = 0
for machine, (compiler, _, command) in MACHINES.items():
    missing = [name for name in (*command, compiler[0]) if not shutil.which(name)]
    if machine == "i386" and i386_runner() is None:
        missing.append("way to run i386 programs")
    if missing:
        print(f"{machine}: no {missing[0]} on this machine, left out")
        continue
    for hash_style in "gnu", "sysv":
        for case, (parts, pins) in CASES.items():
            total += check(case, parts, pins, scratch(), machine, hash_style)
            count += 1
print(f"{len(CASES)} rules, {count} programs, {total} bindings as ld.so has them")
expect(count > 0, "no machine's ld.so is here")

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the psABIs of other machines have of their own, each in a program that would print something else if it were got
wrong: compiled here, put into a store, run by qemu-user with and without the module.  That a fixture has what it is about is pinned by
readelf.  And every machine's module can be built, and needs no relocation.

LONG=1: with the C libraries that Debian 13 and sid have for cross compilers, too; SUITES, in the environment: with those of
these releases alone."""
import os
import re
import shutil

import scratch_root
from bare import Bare
from elf import to_bend
from guest import LONG, MACHINES, STORE, build_module, sound
from harness import compile_c, expect, expect_equal, need, prelink, read, run, scratch

LIBRARIES_ONLY, PROGRAMS_ONLY = ("-Wl,-z,rodynamic", "-nostartfiles"), ("-fPIE", "-pie")  # crti.o has no BTI marks
DT_FLAGS_1, DF_1_UNUSED = 0x6ffffffb, 0x70000000
LAZY, NOW = "-Wl,-z,lazy", "-Wl,-z,now"
MAIN = "#include <stdio.h>\n#include <stdint.h>\n"
# Bound by word with an addend, by function pointer, by copy, protected, undefined and weak, in static and in dynamic TLS.
EVERYTHING = ({"one": "int numbers[9] = {1,2,3,4,5,6,7,8,9}; int shown = 7; __attribute__((visibility(\"protected\"))) int kept = 5;"
                      "int f(void) { return kept; } __thread int t = 4; int *pt(void) { return &t; }",
               "two": "extern int numbers[], f(void), shown, *pt(void); int *fourth = &numbers[3]; int (*pf)(void) = f;"
                      "int *ps = &shown; extern __thread int t __attribute__((tls_model(\"initial-exec\")));"
                      "extern int nobody(void) __attribute__((weak)); int g(void) { return *fourth + pf() + *ps + t++ + *pt() + !nobody; }"},
              MAIN + "extern int g(void), shown, f(void), (*pf)(void); int main(void) { shown = 8; int n = g();"
                     "printf(\"%d %d %d\\n\", n, g(), pf == f); return 0; }", ["two", "one"], "27 29 1\n", {})
# A call of what nobody has, which stays at its stub.
UNDEFINED = ({"gap": "void missing(void); int f(int n) { if (n > 9) missing(); return n + 1; }"},
             MAIN + "int f(int); int main(int argc, char **argv) { printf(\"%d\\n\", f(argc)); return 0; }", ["gap"], "2\n",
             {"gap": ("-rW", "JU?MP_SLOT.* missing")})
THREADS = ({"own": "static __thread int z[100]; __thread int t = 3; int next(void) { return t++ + ++z[5]; }"},
           MAIN + "extern int next(void); extern __thread int t; int main(void) { next();"
                  "printf(\"%d %d\\n\", next(), t); return 0; }", ["own"], "6 5\n", {"own": ("-rW", "R_AARCH64_TLSDESC")})
CALLS = {"one": "extern int two(int); int state = 1; int f(int n) { return n + state; } int (*table[2])(int) = { f, two };"
                "int through(int n) { return f(n) + table[0](n) + table[1](n); }",
         "two": "extern int f(int); static int kept = 10; int two(int n) { return f(n) + kept; }"}
CALLER = MAIN + "extern int through(int), f(int), (*table[])(int); int main(void) { printf(\"%d %d %d\\n\", through(1), " \
                "table[0] == f, (int)((uintptr_t)table[0] & 1)); return 0; }"
# Both have `u', unique, many words that are the same in either order, and one that finds `u'.
UNIQUE = "__asm__(\".data; .globl u; .type u,@gnu_unique_object; .size u,4; u: .long %d; .text\"); extern int u;"
WORDS = "extern int numbers[]; int *words[64] = { " + ", ".join(f"&numbers[{i}]" for i in range(64)) + " };"

# machine: {name: ((libraries, program, order on the command line, what it prints, pins), flags)}
FIXTURES = {arch: {"everything": (EVERYTHING, [NOW]), "everything, lazy": (EVERYTHING, [LAZY]), "undefined": (UNDEFINED, [LAZY])}
            for arch in MACHINES}
FIXTURES["arm64"] |= {
    "TLSDESC": (THREADS, [NOW]), "TLSDESC, lazy": (THREADS, [LAZY]),
    "BTI": ((CALLS, CALLER, ["one", "two"], "16 1 0\n", {"one": ("-dW", "BTI_PLT")}),
            ["-mbranch-protection=standard", "-nostartfiles", LAZY]),
    "read-only dynamic section": ((CALLS, CALLER, ["one", "two"], "16 1 0\n", {"one": ("-lW", "DYNAMIC.* R  +0x")}),
                                  ["lld", "-Wl,-z,rodynamic", NOW])}
FIXTURES["armhf"]["Thumb"] = (CALLS, CALLER, ["one", "two"], "16 1 1\n", {"one": ("-sW", "[13579bdf] +\\d+ FUNC .* f$")}), ["-mthumb", LAZY]
FIXTURES["armhf"]["no Thumb"] = (CALLS, CALLER, ["one", "two"], "16 1 0\n", {"one": ("-sW", "[02468ace] +\\d+ FUNC .* f$")}), ["-marm", NOW]
for way in (LAZY, NOW):
    FIXTURES["ppc64el"]["local entry, " + way[-4:].strip(",")] = (
        (CALLS, CALLER, ["one", "two"], "16 1 0\n", {"one": ("-sW", r"<localentry>: 8\] +\d+ f$"), "two": ("-dW", "PPC64_OPT")}), [way])
# A position-independent program with a dynamic entry whose value is no address, and larger than where 32-bit machines load it.
for arch in ("armhf", "i386"):
    FIXTURES[arch]["large flags"] = EVERYTHING, ["-fPIE", "-pie", NOW]
for order in (["one", "two"], ["two", "one"]):
    FIXTURES["i386"]["unique with " + order[0] + " first"] = (
        ({"base": "int numbers[64];", "one": UNIQUE % 1 + WORDS.replace("words", "first") + "int *p1 = &u;",
          "two": UNIQUE % 2 + WORDS.replace("words", "second") + "int *p2 = &u;"},
         MAIN + "extern int *p1, *p2, *first[], *second[], numbers[]; int main(void) { printf(\"%d %d %d\\n\", *p1, *p2, "
                "first[5] == second[5]); return 0; }", [*order, "base"], "{0} {0} 1\n".format(1 if order[0] == "one" else 2),
         {"two": ("-rW", "R_386_32 .* u$")}), [NOW])


def linker(flags):
    """FLAGS for the compiler; where they ask for lld, as what a cross compiler takes for its own linker."""
    if flags[0] != "lld":
        return flags
    directory = scratch()
    os.symlink(shutil.which("ld.lld"), directory + "/ld")
    return ["-B", directory, *flags[1:]]


def build(guest, name, libraries, program, order, wanted, pins, flags):
    compiler, word = MACHINES[guest.arch][1], re.sub("[^a-z]", "", name.lower())
    directory = "/usr/lib/" + word.partition("with")[0]  # libraries of several programs are the same files
    os.makedirs(guest.root + directory, exist_ok=True)
    flags, made = linker(flags), {}
    for library in sorted(libraries, key=lambda one: order.index(one), reverse=True):
        made[library] = compile_c(libraries[library], f"{guest.root}{directory}/lib{library}.so", "-shared", "-fPIC", "-O1",
                                  f"-Wl,-soname,lib{library}.so",
                                  *[flag for flag in flags if flag not in PROGRAMS_ONLY], compiler=compiler)
    for library, (option, pattern) in pins.items():
        said = run(["readelf", option, made[library]]).stdout
        expect(re.search(pattern, said, re.M), f"{guest.arch}, {name}: the fixture has no {pattern}:\n{said}")
    path = f"/usr/bin/{word}"
    compile_c(program, guest.root + path, "-O1", f"-Wl,-rpath,{directory}", "-Wl,--no-as-needed,--allow-shlib-undefined",
              *[flag for flag in flags if flag not in LIBRARIES_ONLY], "-x", "none", *(made[one] for one in order), compiler=compiler)
    if name == "large flags":
        bent = to_bend(guest.root + path)
        at, tag, flags = next(entry for entry in bent.entries if entry[1] == DT_FLAGS_1)
        bent.set("AA", at, tag, flags | DF_1_UNUSED)
        bent.save()
    return path


def check_machine(arch, suite):
    """The number of programs that print the same in a root of ARCH with the C library of SUITE."""
    guest, fixtures = Bare(arch, suite), FIXTURES[arch]
    paths = {name: build(guest, name, *what, flags) for name, (what, flags) in fixtures.items()}
    prelink("--root", guest.root, f"--store={STORE}", *paths.values())
    for name, path in paths.items():
        wanted, which = fixtures[name][0][3], f"{arch}, {suite}: {name}"
        plain, seen = guest.start([path]), guest.audited([path])
        expect_equal((plain.returncode, plain.stdout), (0, wanted), f"{which}, as it is: {plain.stderr}")
        expect_equal((seen.returncode, seen.stdout, sound(seen.stderr)), (0, wanted, sound(plain.stderr)), f"{which}, with a store")
        levels = re.findall(r"^prelink-rtld: (\S+): (full|relative only|none)", seen.stderr, re.M)
        expect({level for _, level in levels} == {"full"}, f"{which}: not all on the fast path:\n{seen.stderr}")
    library = next(name for name in os.listdir(guest.root + "/usr/lib") if name.startswith("libc.so"))
    version = re.search(r"stable release version (\S+)\.", read(f"{guest.root}/usr/lib/{library}").decode(errors="replace"))[1]
    print(f"{arch}, glibc {version}: {', '.join(paths)}")
    return len(paths)


count = 0
need("readelf", "chroot", "ld.lld")
said = run(["readelf", "-nW", build_module("arm64")]).stdout
expect(re.search("AArch64 feature: BTI, PAC", said), f"the module has not the marks that its compiler gives:\n{said}")
for arch in FIXTURES:
    for suite in os.environ.get("SUITES", "cross trixie sid" if LONG else "cross").split():
        try:
            count += check_machine(arch, suite)
        except scratch_root.Unavailable as error:
            print(f"{arch} {suite}: no C library of it:", " ".join(str(error).split()))
expect(count, "no program was run")
print(f"{count} programs print the same from a store")

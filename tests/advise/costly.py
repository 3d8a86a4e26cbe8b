#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What makes an object costly to load, each in one that has it and in one that has not, with the counts that other tools
give: unused, lazy, exports, self-references, relr, relacount, hash, align, static-tls, tables, scattered, late, unplanned, startup."""
import os
import re

from harness import expect, expect_equal, notegen, prelink, run, write
from fixtures import Fixtures, advise, only, subjects

f = Fixtures()


def relocations(path):
    """Types of its dynamic relocations, by readelf."""
    return re.findall(r" (R_X86_64_\w+)", run(["readelf", "-rW", path]).stdout)


def dynamic(path, tag):
    match = re.search(rf"\({tag}\) +(\d+)", run(["readelf", "-dW", path]).stdout)
    return int(match[1]) if match else None


def check_unused():
    f.library("libidle.so", "int used(void) { return 1; } int idle(void) { return used(); }")
    f.program("pidle", "int main(void) { return 0; }", "-lidle", "-lm")
    f.program("pused", "int idle(void); int main(void) { return idle(); }", "-lidle")
    f.program("pdropped", "int main(void) { return 0; }", "-Wl,--as-needed", "-lidle", "-lm")
    seen = only("unused", advise(*map(f.path, ("pidle", "pused", "pdropped"))), pidle="needs libidle.so and 1 more")
    expect_equal(subjects(seen["pidle"]), ["libidle.so", "libm.so.6"], "what is unused")
    # Loaded for nothing, unless somebody else in the process wants it.
    expect_equal(seen["pidle"]["programs"], 1, "programs that load it for nothing")
    f.library("libwants.so", "int idle(void); int wants(void) { return idle(); }", "-lidle")
    f.program("pshared", "int wants(void); int main(void) { return wants(); }", "-lwants", "-lidle")
    seen = only("unused", advise(f.path("pshared")), pshared="needs libidle.so")
    expect_equal(seen["pshared"]["programs"], 0, "programs that load it for nothing though a library uses it")


def check_lazy():
    """What is loaded for a call or two; and what only a plugin uses."""
    f.library("libcalls.so", "int first(void) { return 1; } int second(void) { return 2; } int data = 3;\n"
              "int third(void) { return 3; } int fourth(void) { return 4; }")
    call = "int first(void), second(void), third(void), fourth(void); extern int data; int main(void) {{ return {}; }}"
    f.program("pcalls", call.format("first() + second() + first()"), "-lcalls")
    f.program("pdata", call.format("first() + data"), "-lcalls")
    f.program("ptaken", "int first(void); int (*keep)(void) = first; int main(void) { return keep(); }", "-lcalls")
    f.program("pmany", call.format("first() + second() + third() + fourth()"), "-lcalls")
    f.library("libalso.so", "int second(void); int also(void) { return second(); }", "-lcalls")
    f.program("pboth", "int first(void), also(void); int main(void) { return first() + also(); }", "-lcalls", "-lalso")
    f.library("libneeds.so", "int needs(void) { return 1; }", "-lcalls")
    f.program("pneeds", "int first(void), needs(void); int main(void) { return first() + needs(); }", "-lcalls", "-lneeds")
    names = ("pcalls", "pdata", "ptaken", "pmany", "pboth", "libalso.so", "pneeds")
    found = advise(*map(f.path, names))
    seen = only("lazy", found, pcalls="needs libcalls.so for 2 calls", pboth="needs libalso.so for 1 calls",
                pneeds="needs libneeds.so for 1 calls")
    expect_equal((seen["pcalls"]["programs"], subjects(seen["pcalls"])), (1, ["libcalls.so"]), "who pays")
    # A dependency of the program that a plugin makes use of.
    f.library("uses.so", "int third(void); int uses(void) { return third(); }")
    f.program("plater", "int main(void) { return 0; }", "-lcalls")
    write(f.path("later.yaml"), f"manifest: 1\napplication: x\nhosts: [{{path: {f.path('plater')}}}]\nplugins:\n"
          f"  - {{feature: uses, path: {f.path('uses.so')}}}\n")
    notegen("add", "--no-record", "--manifest", f.path("later.yaml"))
    text = only("unused", advise(f.path("plater")), plater="needs libcalls.so")["plater"]["details"][0]["text"]
    expect(text.endswith("loaded for nothing in 1 programs, in 1 of which plugins use it"), text)


def check_late():
    """A page that lazy binding alone writes, as readelf shows it: no relocation but these lies in it."""
    def calls(count):
        return "".join(f"int f{i}(void); " for i in range(count)) + \
            f"int call(void) {{ return {' + '.join(f'f{i}()' for i in range(count))}; }}"

    lazy = ("-nostartfiles", "-Wl,-z,lazy,-z,relro")
    f.library("libfs.so", "".join(f"int f{i}(void) {{ return {i}; }} " for i in range(12)))
    f.library("liblate.so", calls(2), "-lfs", *lazy)
    f.library("libnow.so", calls(2), "-lfs", "-nostartfiles", "-Wl,-z,now")
    f.library("libmany.so", calls(12), "-lfs", *lazy)
    f.library("libshares.so", calls(2) + " int value; int *pointer = &value;", "-lfs", *lazy)
    names = ("liblate.so", "libnow.so", "libmany.so", "libshares.so")
    seen = only("late", advise(*map(f.path, names)), liblate__so="binds 2 functions late")
    expect_equal(seen["liblate.so"]["pages"], 1, "pages that are written for it")


def check_own():
    """Exports that nobody wants, and lookups of one's own symbols; with -a, and a FILE of it."""
    source = "int one(void) { return 1; } int two(void) { return one() + one(); } int three(void) { return two(); }\n" \
             "int number = 7; int *four(void) { return &number; }"
    f.library("libown.so", source, "-fno-inline")
    f.library("libbound.so", source, "-fno-inline", "-fno-semantic-interposition", "-Wl,-Bsymbolic")
    f.program("pown", "int three(void); int main(void) { return three(); }", "-lown")
    f.program("pbound", "int three(void); int main(void) { return three(); }", "-lbound")
    write(f.path("conf"), f"{f.top}/pown\n{f.top}/pbound\n{f.top}/libown.so\n{f.top}/libbound.so\n")
    found = advise("-a", "-c", f.path("conf"))
    seen = only("self-references", found, libown__so="looks up 2 functions and 1 variables")
    expect_equal(sorted(subjects(seen["libown.so"])), ["number", "one", "two"], "what it looks up of itself")
    own = [t for t in relocations(f.path("libown.so")) if t != "R_X86_64_RELATIVE"]
    others = [t for t in relocations(f.path("libbound.so")) if t != "R_X86_64_RELATIVE"]
    expect_equal(seen["libown.so"]["lookups"], len(own) - len(others), "lookups that -Bsymbolic spares, by readelf")
    seen = only("exports", found, libown__so="exports 5 functions and variables, of which 4",
                libbound__so="exports 5 functions and variables, of which 4")
    expect_equal(sorted(subjects(seen["libown.so"])), ["four", "number", "one", "two"], "what nobody wants")
    # Without -a nobody knows who else there is.
    only("exports", advise(f.path("libown.so"), f.path("pown")))
    found = advise("-a", "-c", f.path("conf"), f.path("libown.so"))
    expect_equal(sorted({name for name, _ in found}), ["libown.so"], "of whom it speaks with -a and a FILE")
    only("exports", found, libown__so="of which 4")
    # Interposed in some program: then the lookup has a purpose.
    f.program("pover", "int one(void) { return 5; } int three(void); int main(void) { return three(); }", "-lown", "-rdynamic")
    seen = only("self-references", advise(f.path("pover"), f.path("libown.so")), libown__so="1 functions and 1 variables")
    expect("one" not in subjects(seen["libown.so"]), "a symbol that a program interposes")


def check_relocations():
    table = "".join(f"int v{i}; " for i in range(3000)) + "int *const table[] = {" + ",".join(f"&v{i}" for i in range(3000)) + \
            "}; int *const *get(void) { return table; }"
    hidden = ("-fvisibility=hidden",)
    f.library("librela.so", table, *hidden)
    f.library("librelr.so", table, *hidden, "-Wl,-z,pack-relative-relocs")
    f.library("libfew.so", "static int v; int *p = &v;", *hidden)
    f.library("libloose.so", table, *hidden, "-Wl,-z,nocombreloc")
    names = ("librela.so", "librelr.so", "libfew.so", "libloose.so")
    found = advise(*map(f.path, names))
    seen = only("relr", found, librela__so="relative relocations", libloose__so="relative relocations")
    size = dynamic(f.path("librelr.so"), "RELRSZ")
    expect(size, "the linker made no DT_RELR")
    expect(f"which DT_RELR holds in {size}" in seen["librela.so"]["what"], f"{seen['librela.so']['what']}: ld needs {size}")
    count = relocations(f.path("librela.so")).count("R_X86_64_RELATIVE")
    expect_equal(seen["librela.so"]["bytes"], 24 * count - size, "bytes spared")
    only("relacount", found, libloose__so=f"that {count} of its")
    only("tables", found, **{name.replace(".", "__"): "3000 of them in table" for name in names if name != "libfew.so"})


def check_headers():
    for style in ("sysv", "gnu", "both"):
        f.library(f"lib{style}.so", "int x(void) { return 1; }", f"-Wl,--hash-style={style}")
    for size in (4096, 65536, 2 << 20):
        f.library(f"lib{size}.so", "int x(void) { return 1; }", f"-Wl,-z,max-page-size={size}")
    found = advise(*[f.path(f"lib{name}.so") for name in ("sysv", "gnu", "both", 4096, 65536, 2 << 20)])
    only("hash", found, libsysv__so="DT_HASH only")
    only("align", found, lib2097152__so="aligned to 2097152 bytes")


def check_plugins():
    """Static TLS of plugins; what the planner cannot have."""
    tls = "__thread char block[200] __attribute__((tls_model(\"{}\"))); char *get{}(void) {{ return block; }}"
    for name, model in (("initial", "initial-exec"), ("dynamic", "global-dynamic")):
        f.library(f"{name}.so", tls.format(model, name))
    f.library("libtorn.so", "int same(void); int torn(void) { return same(); }")
    f.library("order1.so", "int same(void) { return 1; } int torn(void); int (*p1)(void) = torn;", "-ltorn")
    f.library("order2.so", "int same(void) { return 2; } int torn(void); int (*p2)(void) = torn;", "-ltorn")
    f.library("clean.so", "static int mine(void) { return 2; } int (*p3)(void) = mine;")
    f.program("phost", "int main(void) { return 0; }")
    write(f.path("m.yaml"), f"manifest: 1\napplication: x\nhosts: [{{path: {f.path('phost')}}}]\nplugins:\n" +
          "".join(f"  - {{feature: {name}, path: {f.path(name)}.so}}\n"
                  for name in ("initial", "dynamic", "order1", "order2", "clean")))
    notegen("add", "--no-record", "--manifest", f.path("m.yaml"))
    found = advise(*map(f.path, ("phost", "initial.so", "dynamic.so", "order1.so", "order2.so", "libtorn.so", "clean.so")))
    only("static-tls", found, initial__so="wants 200 bytes of static TLS")
    seen = only("unplanned", found, libtorn__so="up to 1 relocations")
    expect_equal(subjects(seen["libtorn.so"]), ["depends on the order of loading"], "why")
    only("clash", found, order1__so="defines same, as order2.so does")


def check_pages():
    """Pointers among data that is written, and together."""
    apart = "static int v; struct { int *p; char data[4096]; } big[20] = {" + "{&v, {1}}," * 20 + "};"
    together = "static int v; int *p[20] = {" + "&v," * 20 + "}; char data[20 * 4096] = {1};"
    f.library("libapart.so", apart)
    f.library("libtogether.so", together)
    f.library("librelro.so", apart.replace("} big", "} const big"))
    names = ("libapart.so", "libtogether.so", "librelro.so")
    seen = only("scattered", advise(*map(f.path, names)), libapart__so="would fit into 1")
    expect(18 <= seen["libapart.so"]["pages"] <= 21, f"pages: {seen['libapart.so']}")


def check_startup():
    """Lookups in all, and by object, against the lines of --bindings."""
    f.program("pstart", "int three(void), idle(void); int main(void) { return three() + idle(); }", "-lown", "-lidle")
    item = only("startup", advise(f.path("pstart")), pstart="lookups at start")["pstart"]
    lines = prelink("--bindings", f.path("pstart")).stdout.splitlines()
    expect_equal(item["lookups"], len(lines), "lookups at start")
    wanted = {}
    for line in lines:
        wanted[line.split("\t")[0]] = wanted.get(line.split("\t")[0], 0) + 1
    seen = {d["subject"]: int(d["text"].split()[0]) for d in item["details"]}
    expect_equal({path: count for path, count in seen.items() if count}, wanted, "lookups by object")


check_unused()
check_late()
check_lazy()
check_own()
check_relocations()
check_headers()
check_plugins()
check_pages()
check_startup()
print(f"what is costly is where it is, and nowhere else; {len(os.listdir(f.top))} fixtures")

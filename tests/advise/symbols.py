#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is wrong about symbols, each in an object that has it and in one that has not: copy-size, undefined,
underlinked, version, interposed, clash."""
from harness import expect, expect_equal, notegen, run, write
from fixtures import Fixtures, advise, only, subjects

f = Fixtures()
MAIN = "int main(void) { return 0; }"


def check_copies():
    """A library whose variable has grown, one where it has shrunk, and one where it is as it was."""
    for name, size in (("grown", 64), ("shrunk", 8), ("same", 16)):
        f.library(f"lib{name}.so", f"char {name}[16] = {{1}};")
        f.program(f"p{name}", f"extern char {name}[16]; int main(void) {{ return {name}[0]; }}", f"-l{name}", "-no-pie",
                  "-fno-pie")
        f.library(f"lib{name}.so", f"char {name}[{size}] = {{1}};")
    f.program("ppie", "extern char grown[64]; char *p = grown; int main(void) { return *p; }", "-lgrown", "-fPIC", "-pie")
    found = advise(*map(f.path, ("pgrown", "pshrunk", "psame", "ppie")))
    only("copy-size", found, pgrown="16 bytes here and 64 in libgrown.so: its end is cut off",
         pshrunk="16 bytes here and 8 in libshrunk.so: the end of the copy is not filled")
    copies = only("copies", found, pgrown="1 variable", pshrunk="1 variable", psame="1 variable")
    expect_equal(subjects(copies["psame"]), ["same"], "what is copied")
    # A plugin brings the library in which it has grown: it gets the program's copy.
    f.library("libsame2.so", "char same[64] = {1}; char *last(void) { return &same[63]; }")
    f.library("grows.so", "char *last(void); char *grows(void) { return last(); }", "-lsame2")
    write(f.path("grows.yaml"), f"manifest: 1\napplication: x\nhosts: [{{path: {f.path('psame')}}}]\nplugins:\n"
          f"  - {{feature: grows, path: {f.path('grows.so')}}}\n")
    only("clash", advise(f.path("psame")))
    notegen("add", "--no-record", "--manifest", f.path("grows.yaml"))
    only("clash", advise(f.path("psame")), libsame2__so="same has 64 bytes here and 16 in psame")
    only("clash", advise("--without-plugins", f.path("psame")))


def check_undefined():
    f.library("libhas.so", "int here(void) { return 1; }")
    user = "int here(void), gone(void); int use(void) { return here() + gone(); }"
    f.library("libwell.so", "int here(void); int use(void) { return here(); }", "-lhas")
    f.library("libalone.so", user, "-lhas")
    f.program("pgives", "int use(void); int gone(void) { return 2; } int main(void) { return use(); }", "-lalone",
              "-rdynamic")
    f.program("placks", "int use(void); int main(void) { return use(); }", "-lalone", "-Wl,--unresolved-symbols=ignore-all")
    found = advise(*map(f.path, ("libwell.so", "libalone.so")))
    only("undefined", found)
    seen = only("underlinked", found, libalone__so="uses gone")
    expect_equal(subjects(seen["libalone.so"]), ["gone"], "what it does not have")
    # In a process of its own kind: nobody has it in any, then in one of two.
    seen = only("undefined", advise(f.path("placks")), libalone__so="needs gone")
    expect("1 of 1 programs" in seen["libalone.so"]["details"][0]["text"], f"{seen}")
    # Looked at alone as well: told once.
    found = advise(f.path("placks"), f.path("libalone.so"))
    only("undefined", found, libalone__so="needs gone, which")
    only("underlinked", found)
    only("undefined", advise(f.path("pgives")))
    found = advise(*map(f.path, ("placks", "pgives")))
    only("undefined", found)
    seen = only("underlinked", found, libalone__so="gone")
    expect("1 of 2 programs" in seen["libalone.so"]["details"][0]["text"], f"{seen}")


def check_versions():
    write(f.path("one.map"), "V1 { global: versioned; };")
    write(f.path("two.map"), "V1 { global: versioned; }; V2 { global: newer; } V1;")
    f.library("libv.so", "int versioned(void) { return 1; } int newer(void) { return 2; }",
              f"-Wl,--version-script={f.path('two.map')}")
    f.program("pv1", "int versioned(void); int main(void) { return versioned(); }", "-lv")
    f.program("pv2", "int newer(void); int main(void) { return newer(); }", "-lv")
    only("version", advise(f.path("pv1"), f.path("pv2")))
    f.library("libv.so", "int versioned(void) { return 1; }", f"-Wl,--version-script={f.path('one.map')}")
    only("version", advise(f.path("pv1"), f.path("pv2")), pv2="version V2 of libv.so")
    f.library("libv.so", "int versioned(void) { return 1; }")
    seen = only("version", advise(f.path("pv1")), pv1="version V1 of libv.so")
    expect("no versions at all" in seen["pv1"]["details"][0]["text"], f"{seen}")


def check_interposed():
    source = "int state = 5; int get(void) { return state; }"
    for name, flags in (("plain", ()), ("symbolic", ("-Wl,-Bsymbolic",))):
        f.library(f"lib{name}.so", source, *flags)
        f.library(f"libuser{name}.so", "extern int state; int user(void) { return state; }", f"-l{name}")
        f.program(f"p{name}", "extern int state; int user(void); int main(void) { return state + user(); }",
                  f"-luser{name}", f"-l{name}", "-no-pie", "-fno-pie")
    found = advise(*map(f.path, ("pplain", "psymbolic")))
    only("interposed", found, libsymbolic__so="its own state (DT_SYMBOLIC)")
    # Protected: the linker refuses such a copy, unless it is so since.
    shown = "__attribute__((visibility(\"{}\"))) int state = 5;"
    f.library("libshown.so", shown.format("default"))
    f.program("pshown", "extern int state; int main(void) { return state; }", "-lshown", "-no-pie", "-fno-pie")
    only("interposed", advise(f.path("pshown")))
    f.library("libshown.so", shown.format("protected"))
    only("interposed", advise(f.path("pshown")), libshown__so="its own state (protected)")
    # Without a copy: an earlier library has the same symbol.
    f.library("libearly.so", source)
    f.program("pearly", "int user(void); int main(void) { return user(); }", "-learly", "-lusersymbolic")
    found = advise(*map(f.path, ("pearly", "libusersymbolic.so")))
    only("interposed", found, libsymbolic__so="its own state (DT_SYMBOLIC)")
    # A call that no relocation shows: the code has the address.
    source = "int inner(void) { return 1; } int outer(void) { return inner(); }"
    main = "int inner(void) { return 2; } int outer(void), across(void); int main(void) { return outer() + across(); }"
    f.library("libacross.so", "int inner(void); int across(void) { return inner(); }", "-Wl,--unresolved-symbols=ignore-all")
    for name, flags in (("looked", ()), ("bound", ("-Wl,-Bsymbolic-functions",)), ("meant", ("-fno-semantic-interposition",)),
                        ("idle", ()), ("shut", ("-fvisibility=hidden",))):
        text = source if name != "shut" else source.replace("int outer", "__attribute__((visibility(\"default\"))) int outer")
        text = text.replace("return inner()", "return 3") if name == "idle" else text
        f.library(f"lib{name}.so", text, "-fno-inline", *flags)
        f.program(f"p{name}", main, f"-l{name}", "-lacross")
        f.program(f"p{name}alone", main.replace("int inner(void) { return 2; } ", ""), f"-l{name}", "-lacross", "-Wl,--unresolved-symbols=ignore-all")
    names = ("looked", "bound", "meant", "idle", "shut")
    found = advise(*(f.path(f"p{name}{end}") for name in names for end in ("", "alone")))
    seen = only("interposed", found, libbound__so="its own inner directly", libmeant__so="its own inner directly")
    expect_equal([seen[f"lib{name}.so"]["programs"] for name in ("bound", "meant")], [1, 1], "programs where it is so")
    for name, result in (("looked", 4), ("bound", 3), ("meant", 3)):  # what it is about
        expect_equal(run([f.path("p" + name)], status=result).returncode, result, f"p{name}: which inner() is called")


def check_clash():
    for name, size in (("first", 8), ("second", 24), ("third", 8)):
        f.library(f"libc{name}.so", f"__attribute__((weak)) char shared[{size}] = {{1}}; char *{name}(void) {{ return shared; }}")
    call = "char *%s(void), *%s(void); int main(void) { return %s() == %s(); }"
    f.program("pclash", call % (("first", "second") * 2), "-lcfirst", "-lcsecond")
    f.program("pagree", call % (("first", "third") * 2), "-lcfirst", "-lcthird")
    only("clash", advise(f.path("pagree")))
    only("clash", advise(f.path("pclash")), libcsecond__so="shared has 24 bytes here and 8 in libcfirst.so")
    f.program("pturned", call % (("first", "second") * 2), "-lcsecond", "-lcfirst")
    only("clash", advise(f.path("pturned")), libcfirst__so="shared has 8 bytes here and 24 in libcsecond.so")
    # C++: one for the process, however the plugins are loaded.
    for name, size in (("ua", 4), ("ub", 40)):
        f.library(f"lib{name}.so", f"template <class T> struct S {{ static char v[{size}]; }};\n"
                  f"template <class T> char S<T>::v[{size}] = {{1}};\nchar *{name}() {{ return S<int>::v; }}", compiler="g++")
    f.program("punique", "char *ua(), *ub(); int main() { return ua() == ub(); }", "-lua", "-lub", compiler="g++")
    only("clash", advise(f.path("punique")), libub__so="the unique symbol _ZN1SIiE1vE has 40 bytes here and 4 in libua.so")


check_copies()
check_undefined()
check_versions()
check_interposed()
check_clash()
print("copy-size, copies, undefined, underlinked, version, interposed and clash are where they are, and nowhere else")

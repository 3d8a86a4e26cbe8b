#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is wrong about where dependencies are: missing, filter, rpath, writable, two-versions, each in an object that has it
and in one that has not."""
import os

from harness import expect, expect_equal, notegen, write
from fixtures import Fixtures, advise, only, subjects

f = Fixtures()
MAIN = "int main(void) { return 0; }"


def check_missing():
    f.library("libgone.so", "int gone(void) { return 1; }")
    f.library("libmid.so", "int gone(void); int mid(void) { return gone(); }", "-lgone")
    f.program("pthere", "int mid(void); int main(void) { return mid(); }", "-lmid")
    only("missing", advise(f.path("pthere")))
    os.unlink(f.path("libgone.so"))
    only("missing", advise(f.path("pthere"), f.path("libmid.so")), pthere="libgone.so")


def check_filters():
    f.library("libfiltee.so", "int fast(void) { return 2; }")
    for name, option in (("standard", "-F"), ("auxiliary", "-f")):
        for filtee in ("libfiltee.so", "libnone.so"):
            f.library(f"lib{name}{filtee[3:-3]}.so", "int fast(void) { return 1; }", f"-Wl,{option},{filtee}")
    found = advise(*[f.path(f"lib{name}{filtee}.so") for name in ("standard", "auxiliary") for filtee in ("filtee", "none")])
    only("filter", found, libstandardnone__so="is a filter of libnone.so",
         libauxiliarynone__so="is an auxiliary filter of libnone.so")


def check_rpath():
    for name, path in (("well", "$ORIGIN/../lib:/usr/lib"), ("empty", "/usr/lib::/lib"), ("end", "/usr/lib:"),
                       ("relative", "lib:/usr/lib"), ("braces", "${ORIGIN}"), ("lib", "$LIB/x")):
        for tags in ("enable", "disable"):
            f.program(f"{name}-{tags}", MAIN, f"-Wl,--{tags}-new-dtags", f"-Wl,-rpath,{path}")
    # Without the directory of the other fixtures, which comes first.
    found = advise(*[f.path(f"{name}-{tags}") for name in ("well", "empty", "end", "relative", "braces", "lib")
                     for tags in ("enable", "disable")])
    seen = only("rpath", found, **{f"{name}-{tags}": text + ("RUNPATH" if tags == "enable" else "RPATH")
                                   for tags in ("enable", "disable") for name, text in (
                                       ("empty", "an empty part in its "), ("end", "an empty part in its "),
                                       ("relative", "the relative path lib in its "),
                                       ("lib", "the relative path $LIB/x in its "))})
    expect_equal(subjects(seen["relative-enable"]), ["lib"], "the part of the path")
    f.library("sub.so", "int sub(void) { return 1; }", "-Wl,-soname,./sub.so")
    f.program("pneeds", "int sub(void); int main(void) { return sub(); }", "-l:sub.so")
    only("rpath", advise(f.path("pneeds")), pneeds="the relative path ./sub.so in its dependencies")


def check_writable():
    for name, mode in (("shared", 0o777), ("sticky", 0o1777), ("own", 0o755)):
        os.makedirs(f.path(f"{name}/below"))
        for directory in (name, f"{name}/below"):
            f.library(f"{directory}/libw{directory.replace('/', '')}.so", "int w(void) { return 1; }")
            f.program(f"p{directory.replace('/', '')}", "int w(void); int main(void) { return w(); }", f"-L{f.path(directory)}",
                      f"-Wl,-rpath,{f.path(directory)}", f"-lw{directory.replace('/', '')}")
        f.program(f"p{name}none", MAIN, f"-Wl,-rpath,{f.path(name)}/none/at/all")
        os.chmod(f.path(name), mode)
    names = [f"p{name}{below}" for name in ("shared", "sticky", "own") for below in ("", "below", "none")]
    found = advise(*map(f.path, names))
    # What is in a directory below a sticky one stays whose it is; what is not there can be made.
    only("writable", found, pshared="looks for libraries in", psharedbelow="looks for libraries in",
         psharednone="looks for libraries in", psticky="looks for libraries in", pstickynone="looks for libraries in")


def check_two_versions():
    def version(name, soname, symbol="both"):
        f.library(name, f"int {symbol}(void) {{ return 1; }}", f"-Wl,-soname,{soname}")
        os.symlink(name, f.path(soname)) if name != soname else None

    version("libold.so", "libx.so.1")
    version("libnew.so", "libx.so.2")
    version("libten.so", "libg-1.0.so.0", "g")
    version("libo10.so", "libg-0.10.so.0", "g")
    version("libdb-4.8.so", "libdb-4.8.so", "db")
    version("libdb-5.3.so", "libdb-5.3.so", "db")
    version("libw8.so", "libpc-8.so.0")
    version("libw16.so", "libpc-16.so.0")
    f.library("libmida.so", "int both(void); int mida(void) { return both(); }", "-lold")
    f.program("pboth", "int mida(void), both(void); int main(void) { return mida() + both(); }", "-lnew", "-lmida")
    f.program("pone", "int mida(void), both(void); int main(void) { return mida() + both(); }", "-lold", "-lmida")
    f.program("pdotted", "int g(void); int main(void) { return g(); }", "-lten", "-lo10")
    f.program("pdb", "int db(void); int main(void) { return db(); }", "-ldb-4.8", "-ldb-5.3")
    f.program("pwidths", "int both(void); int main(void) { return both(); }", "-lw8", "-lw16")
    found = advise(*map(f.path, ("pboth", "pone", "pdotted", "pdb", "pwidths")))
    seen = only("two-versions", found, pboth="has both libx.so.", pdotted="has both libg-", pdb="has both libdb-")
    expect("(1 names in both)" in seen["pboth"]["what"], seen["pboth"]["what"])
    expect({"libmida.so", "pboth"} == {os.path.basename(detail["text"].partition(", for ")[2])
                                       for detail in seen["pboth"]["details"]}, f"who needs them: {seen['pboth']}")
    # A plugin brings the second.
    f.library("plug.so", "int both(void); int plug(void) { return both(); }", "-lnew")
    write(f.path("m.yaml"), f"manifest: 1\napplication: x\nhosts: [{{path: {f.path('pone')}}}]\n"
                            f"plugins: [{{feature: p, path: {f.path('plug.so')}}}]\n")
    notegen("add", "--no-record", "--manifest", f.path("m.yaml"))
    seen = only("two-versions", advise(f.path("pone")), pone="can come to have both libx.so.")
    expect(any(detail["text"] == f.path("plug.so") for detail in seen["pone"]["details"]), f"{seen}")


check_missing()
check_filters()
check_rpath()
check_writable()
check_two_versions()
print("missing, filter, rpath, writable and two-versions are where they are, and nowhere else")

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Libraries and programs whose bytes are compared with a digest when they are loaded: left alone, and listed with the
reason, whatever form the digest has; notegen leaves them alone, too; everything beside them is prelinked."""
import os
import shutil

import graph
from harness import BUILD, compile_c, expect, expect_equal, need, notegen, prelink, read, scratch, write
from whole_root import module

need("gcc")
REASON = "its bytes are compared with a digest when it is loaded"


def left_alone(said):
    return {line[:-len(REASON) - 2] for line in said.splitlines() if line.endswith(": " + REASON)}


root = graph.Root(scratch())
libdir = graph.LIBDIR
names = ["plain", "nss", "dotted", "undotted", "versioned", "listed", "fips", "kcapi", "beside"]
library = {name: root.library(name) for name in names}
elsewhere = root.library("fips", directory="/usr/lib/plugins")  # of the name of one that has a digest
program = {name: root.program(name, [library["plain"]]) for name in ("prog", "hasher")}
os.makedirs(os.path.dirname(root.path + module()))
shutil.copy(os.path.join(BUILD, "prelink-plugins/rtld/prelink-rtld.so"), root.path + module())
for name in ("fipscheck", "hmaccalc"):
    os.makedirs(f"{root.path}{libdir}/{name}")
os.makedirs(root.path + "/usr/lib64/hmaccalc")
at = root.path + libdir
os.rename(at + "/libversioned.so", at + "/libversioned.so.1.2.3")
os.symlink("libversioned.so.1.2.3", at + "/libversioned.so.1")
library["versioned"] = libdir + "/libversioned.so.1.2.3"
for name in ("libnss.chk", "libnone.chk", ".libdotted.so.hmac", "libundotted.so.hmac", "fipscheck/libfips.so.hmac",
             "hmaccalc/libkcapi.so.hmac", ".hmac", "libplain.so.chk", "plain.hmac"):
    write(f"{at}/{name}", "0123\n")
write(at + "/.libversioned.so.1.hmac", "[global]\nformat-version = 1\n[a]\npath = /usr/lib/t/libversioned.so.1\n"
      "[b]\n  path=/lib/t/liblisted.so\nhmac = 00\npath\npath =\n")
write(root.path + "/usr/lib64/hmaccalc/hasher.hmac", "0123\n")
compiled = {}
for name, text in (("provider", "module-mac"), ("other", "module-max")):
    compiled[name] = f"/usr/lib/plugins/{name}.so"
    compile_c(f'const char *OSSL_provider_init(void) {{ return "x\\0{text}"; }}', root.path + compiled[name], "-shared",
              "-fPIC", "-O1")
compiled["section"] = libdir + "/libsection.so"
compile_c('const int f = 1; __asm__(".section .note.fdo.integrity,\\"a\\",@note; .long 4, 4, 1; .asciz \\"FDO\\"; .long 0");',
          root.path + compiled["section"], "-shared", "-fPIC", "-O1")
wanted = {library[name] for name in ("nss", "dotted", "undotted", "versioned", "listed", "fips", "kcapi")} | {
    compiled["provider"], compiled["section"], program["hasher"]}
every = {*library.values(), *compiled.values(), *program.values(), elsewhere}
before = {path: read(root.path + path) for path in every}

said = prelink("--root", root.path, "-a", "-v", "--with-unsafe").stdout
expect_equal(left_alone(said), wanted, "what is left alone, since it has a digest")
for path in every - {program["prog"]}:
    expect_equal(read(root.path + path) == before[path], path in wanted, f"{path} is as it was")
done = prelink("--root", root.path, "-r", "0x3100000000", library["dotted"], status=1)
expect(REASON in done.stderr, f"moving one by name is refused: {done.stderr}")
prelink("--root", root.path, "-ua")
expect_equal({path: read(root.path + path) for path in every}, before, "files after -ua")

# Its note would be one byte too many; who names the file means it.
write(root.path + "/m.yaml", f"manifest: 1\napplication: t\nhosts:\n  - path: {library['nss']}\n"
      f"  - path: {library['plain']}\nplugins:\n  - feature: x\n    path: {library['beside']}\n")
add = ["add", "-v", "--root", root.path, "--manifest", root.path + "/m.yaml"]
done = notegen(*add)
expect(REASON in done.stderr and "libplain.so: note added" in done.stdout and "libnss.so: note" not in done.stdout,
       f"notegen leaves it alone: {done.stdout}{done.stderr}")
expect("libnss.so: note added" in notegen(*add, library["nss"]).stdout, "notegen adds it where it is named")
print(f"{len(wanted)} of {len(every)} objects have a digest")

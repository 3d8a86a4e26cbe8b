#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Libraries and programs whose bytes are compared with a digest when they are loaded: left alone, and listed with the
reason, whatever form the digest has; notegen leaves them alone, too; everything beside them is prelinked.

LONG=1: OpenSSL's FIPS provider and NSS in FIPS mode, the real ones of Debian 13, go on working; and what else reads its
own file, or one like it, in Debian 12, says prelinked what it said before:
    Qt's plugin metadata, a section (qtplugininfo), and rcc's resources; OpenJDK's CDS archive (-Xshare:on) and jlink;
    SBCL's, Guile's and ECL's images; an OCaml program with its bytecode appended; a Python zipapp behind a copy of
    python3; a Perl PAR archive; a self-extracting zip (unzipsfx); LuaJIT and Tcl; PostgreSQL's, Octave's, Node's and Erlang's modules."""
import os
import shutil
import subprocess

import graph
from harness import BUILD, compile_c, expect, expect_equal, need, notegen, prelink, read, run, scratch, write
from whole_root import module, prelink_all, root_of, undo_all

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
if not os.environ.get("LONG"):
    raise SystemExit

# --- the real ones ---
MODULES = "/usr/lib/x86_64-linux-gnu"
INSTALL = f"openssl fipsinstall -module {MODULES}/ossl-modules/fips.so -out /fips.cnf"
VERIFY = f"""openssl fipsinstall -module {MODULES}/ossl-modules/fips.so -in /fips.cnf -verify
rm -rf /tmp/db; mkdir /tmp/db; echo Passw0rd-of-tests >/tmp/pw
certutil -N -d /tmp/db -f /tmp/pw && modutil -dbdir /tmp/db -fips true -force && certutil -K -d /tmp/db -f /tmp/pw"""
# What reads its own file, each as a command; MAKE makes those that Debian does not ship, before anything is prelinked.
MAKE = """
mkdir -p /usr/local/bin && cd /usr/local/bin
mkdir -p /tmp/m && echo 'print("zipapp", __import__("sys").argv[0])' >/tmp/m/__main__.py && (cd /tmp/m && zip -q /tmp/m.zip __main__.py)
cat "$(readlink -f /usr/bin/python3)" /tmp/m.zip >zipapp && chmod +x zipapp
cat "$(readlink -f /usr/bin/unzipsfx)" /tmp/m.zip >selfextract && zip -qA selfextract; chmod +x selfextract
echo 'use POSIX; print "par ", floor(3.5), "\\n"' >/tmp/p.pl && pp -o par /tmp/p.pl
echo 'print_endline ("ocaml " ^ string_of_int (List.length [1;2]))' >/tmp/a.ml && ocamlc -custom -o bytecode /tmp/a.ml
sbcl --noinform --non-interactive --eval '(save-lisp-and-die "lisp" :executable t :toplevel (lambda () (print (+ 40 2)) (exit)))' >&2
gcc -x c -o section - <<'END'
#include <stdio.h>
int main(int c, char **v) { FILE *f = fopen(v[0], "r"); int n = 0, k, last = 0;
	while ((k = getc(f)) != EOF) if (k == "cookie:"[n]) { if (!"cookie:"[++n]) { n = 0; last = getc(f); } } else n = k == 'c';
	return printf("section %c\\n", last) < 0; }
END
echo cookie:7 >/tmp/archive; objcopy --add-section pydata=/tmp/archive section
"""
READERS = r"""
/usr/local/bin/zipapp /usr/local/bin/zipapp
cd /tmp && rm -f __main__.py && /usr/local/bin/selfextract -o; cat /tmp/__main__.py
PAR_GLOBAL_TEMP=/tmp/par /usr/local/bin/par
/usr/local/bin/bytecode
/usr/local/bin/lisp
/usr/local/bin/section
for f in /usr/lib/x86_64-linux-gnu/qt5/plugins/*/*.so; do qtplugininfo --full-json $f || QT_QPA_PLATFORM=offscreen qtplugininfo $f; done
QT_QPA_PLATFORM=offscreen qtdiag -platform offscreen | grep -v -i 'mem\\|0x' | head -40
/usr/lib/jvm/java-17-openjdk-amd64/bin/java -Xshare:on -version 2>&1
/usr/lib/jvm/java-17-openjdk-amd64/bin/java -Xshare:on -Xlog:cds 2>&1 -version | grep -c -i 'unable\\|mismatch\\|failed'
/usr/lib/jvm/java-17-openjdk-amd64/bin/java --list-modules | head -5
sbcl --noinform --non-interactive --eval '(print (machine-type))'
guile -c '(display (string-length (version)))'
ocaml -version
luajit -e 'print(jit.version, require("ffi").sizeof("long"))'
echo 'puts [info patchlevel]; load {} Tcl' | tclsh 2>&1 | head -1
octave-cli --eval 'disp(inv([1 2; 3 4])), disp(fft([1 2 3]))'
node -e 'console.log(process.version, require("crypto").createHash("sha256").update("x").digest("hex"))'
erl -noshell -eval 'io:format("~p ~p~n", [erlang:md5("x"), erlang:crc32("x")]), halt().'
mono --version | head -1
rm -rf /tmp/pg; mkdir /tmp/pg && chown 34 /tmp/pg && setpriv --reuid 34 --clear-groups sh -c 'cd /tmp && /usr/lib/postgresql/15/bin/initdb -D /tmp/pg -A trust >/dev/null && echo "create function f() returns int as \$\$ begin return 42; end \$\$ language plpgsql; select f();" | /usr/lib/postgresql/15/bin/postgres --single -D /tmp/pg postgres' 2>&1 | grep 'f ='
""".strip().splitlines()
PACKAGES = """qtbase5-dev-tools qttools5-dev-tools openjdk-17-jdk-headless sbcl guile-3.0 ocaml-base-nox ocaml-nox python3
    libpar-packer-perl unzip zip luajit tcl  postgresql-15 mono-runtime erlang-base octave nodejs gcc
    libc6-dev binutils""".split()


def shell(path, command):
    """Runs COMMAND by a shell in the root PATH, with a /proc that goes when it ends."""
    return run(["unshare", "-m", "sh", "-c", 'mount -t proc proc "$1/proc" && exec chroot "$@"', "-", path, "env", "-i",
                "PATH=/usr/bin:/usr/sbin", "HOME=/tmp", "LC_ALL=C.UTF-8", "timeout", "120", "sh", "-c", command], None,
               stdin=subprocess.DEVNULL)


real = root_of("small", "openssl", "openssl-provider-fips", "libnss3-tools", suite="trixie")
expect_equal(shell(real, INSTALL).returncode, 0, "exit status of fipsinstall")
untouched = shell(real, VERIFY)
expect("VERIFY PASSED" in untouched.stdout + untouched.stderr, f"untouched: {untouched}")
said = left_alone(prelink_all(real, "-v").stdout)
expect({f"{MODULES}/{name}" for name in ("ossl-modules/fips.so", "libfreebl3.so", "libfreeblpriv3.so", "libsoftokn3.so")}
       <= said, f"left alone: {said}")
for way in ("prelinked", "planned in a store"):
    done = shell(real, VERIFY)
    expect_equal((done.returncode, done.stdout, done.stderr), (untouched.returncode, untouched.stdout, untouched.stderr),
                 f"FIPS modules of OpenSSL and NSS, {way}")
    if way == "prelinked":
        undo_all(real)
        prelink("--root", real, "--store", "-a")
        VERIFY = f"export LD_AUDIT={module()}\n" + VERIFY

real = root_of("small", *PACKAGES)
made = shell(real, MAKE)
answers = [shell(real, command) for command in READERS]
steady = [(done.returncode, done.stdout) for done in answers] == [
    (done.returncode, done.stdout) for done in (shell(real, command) for command in READERS)]
expect(steady, "what is asked says the same twice")
prelink_all(real)
for command, before in zip(READERS, answers):
    done = shell(real, command)
    print(f"{command.split(';')[0][:70]}: {before.returncode}, {len(before.stdout)} bytes", flush=True)
    expect_equal((done.returncode, done.stdout), (before.returncode, before.stdout), f"{command}: {before.stderr}")
print(f"{len(READERS)} programs that read their own files say prelinked what they said before")

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every variable of ld.so(8), its tunables, and each option of ld.so as a command: what a program prints, its exit status,
and what LD_DEBUG says was bound to what, are as they were before prelinking.  For programs that are lazy and not, with
plugins, with a preload, and with another audit module, which counts what it is shown.

LONG=1: all pairs of them, and the glibc of Debian 11, 13 and sid as well."""
import itertools
import os
import re

import rooted
import whole_root
from harness import compile_c, expect, expect_equal, need, notegen, prelink, skip, write

if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("gcc", "chroot")
LONG = bool(os.environ.get("LONG"))
HERE = "/opt/matrix"
LOADER = "/lib64/ld-linux-x86-64.so.2"
TABLE = "static int f(void) { return 1; } int (*table[40000])(void) = { [0 ... 39999] = f };\n"  # so that a plan pays
LIBRARIES = {
    "libfirst.so": TABLE + '__attribute__((weak)) const char *who(void) { return "weak"; } int first(void) { return table[1](); }',
    "libsecond.so": 'const char *who(void) { return "strong"; } int value = 2; int *place = &value; int second(void) { return *place; }',
    "preload.so": 'const char *who(void) { return "preloaded"; }',
    "other/libsecond.so": 'const char *who(void) { return "other"; } int value = 3; int second(void) { return value; }',
    "plugin.so": 'const char *who(void); int second(void); __thread int t = 4; int call(void) { return who()[0] + second() + t++; }',
    "now.so": 'const char *who(void); extern int value; int *p = &value; int call(void) { return who()[1] + *p; }',
    "auditor.so": r"""
#define _GNU_SOURCE
#include <link.h>
#include <stdio.h>
static int opened, bound, activity;
unsigned la_version(unsigned version) { return version; }
unsigned la_objopen(struct link_map *m, Lmid_t l, uintptr_t *c)
{
	*c = l == LM_ID_BASE; /* of what is done in our module's own namespace it is told, too */
	opened += l == LM_ID_BASE && !__builtin_strstr(m->l_name, "linux-vdso");
	return LA_FLG_BINDTO | LA_FLG_BINDFROM;
}
void la_activity(uintptr_t *c, unsigned flag) { activity += *c == 1; }
uintptr_t la_symbind64(Elf64_Sym *s, unsigned n, uintptr_t *r, uintptr_t *d, unsigned *f, const char *name)
{
	bound += name[0] == 'w' && name[1] == 'h';
	return s->st_value;
}
__attribute__((destructor)) static void end(void) { fprintf(stderr, "auditor: %d %d %d\n", opened, bound, activity); }
""",
}
MAIN = r"""
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
const char *who(void);
int first(void), second(void);
static int load(const char *name, int mode)
{
	void *handle = dlopen(name, mode);
	int (*call)(void) = handle ? (int (*)(void))dlsym(handle, "call") : NULL;
	int result = call ? call() : -1;
	return handle ? dlclose(handle), result : -2;
}
int main(int argc, char **argv)
{
	printf("%s %s %d %d ", strrchr(argv[0], '/'), who(), first(), second());
	printf("%d %d ", load("/opt/matrix/plugin.so", RTLD_LAZY), load("/opt/matrix/now.so", RTLD_NOW));
	printf("%d\n", load("/opt/matrix/plugin.so", RTLD_LAZY | RTLD_GLOBAL));
	return 3;
}
"""
DEBUG = ("libs", "reloc", "files", "symbols", "bindings", "versions", "scopes", "all", "statistics", "unused", "help", "tls",
         "libs,files", "unused bindings", "nonsense")
VARIABLES = [
    {}, *({"LD_DEBUG": word} for word in DEBUG), {"LD_DEBUG": "bindings", "LD_DEBUG_OUTPUT": "/tmp/debug"},
    {"LD_LIBRARY_PATH": HERE + "/other"}, {"LD_LIBRARY_PATH": ""}, {"LD_PRELOAD": HERE + "/preload.so"},
    {"LD_PRELOAD": "/no/such.so"}, {"LD_BIND_NOW": "1"}, {"LD_BIND_NOW": ""}, {"LD_BIND_NOT": "1"},
    {"LD_DYNAMIC_WEAK": "1"}, {"LD_DYNAMIC_WEAK": ""}, {"LD_AUDIT": HERE + "/auditor.so"}, {"LD_AUDIT": "/no/such.so"},
    {"LD_TRACE_LOADED_OBJECTS": "1"}, {"LD_TRACE_LOADED_OBJECTS": "1", "LD_VERBOSE": "1", "LD_WARN": "yes", "LD_BIND_NOW": "1"},
    {"LD_TRACE_PRELINKING": "1"}, {"LD_VERBOSE": "1"}, {"LD_WARN": "1"}, {"LD_SHOW_AUXV": "1"},
    {"LD_PROFILE": "libsecond.so", "LD_PROFILE_OUTPUT": "/tmp"}, {"LD_PROFILE_OUTPUT": "/tmp"}, {"LD_USE_LOAD_BIAS": "0"},
    {"LD_USE_LOAD_BIAS": "1"}, {"LD_HWCAP_MASK": "0"}, {"LD_ORIGIN_PATH": "/"}, {"LD_ASSUME_KERNEL": "3.2.0"},
    {"LD_PREFER_MAP_32BIT_EXEC": "1"}, {"LD_SOMETHING_NEW": "1"}, {"LD_RUN_PATH": "/"},
]
TUNABLES = {"glibc.rtld.nns": (1, 12), "glibc.rtld.optional_static_tls": (0, 8192), "glibc.rtld.dynamic_sort": (1, 2),
            "glibc.rtld.enable_secure": (1,), "glibc.rtld.execstack": (0, 1), "glibc.cpu.plt_rewrite": (1, 2),
            "glibc.cpu.prefer_map_32bit_exec": (1,), "glibc.cpu.hwcaps": ("-AVX2,-AVX2_Usable",), "glibc.malloc.perturb": (3,),
            "glibc.cpu.x86_shstk": ("on",), "glibc.cpu.x86_ibt": ("on",), "glibc.rtld.unheard_of": (1,)}
OPTIONS = {"--list": [], "--verify": [], "--inhibit-cache": [], "--library-path": [HERE + "/other"], "--inhibit-rpath": [HERE + "/now"],
           "--audit": [HERE + "/auditor.so"], "--preload": [HERE + "/preload.so"], "--argv0": ["/x/argv0"],
           "--glibc-hwcaps-prepend": ["x86-64-v2"], "--glibc-hwcaps-mask": ["x86-64-v2"], "--list-tunables": [],
           "--list-diagnostics": [], "--help": [], "--version": []}
PROGRAMS = {"lazy": ["-Wl,-z,lazy"], "now": ["-Wl,-z,now"], "exec": ["-no-pie", "-Wl,-z,lazy"]}


def build(root, *sysroot):
    os.makedirs(root + HERE + "/other")
    flags = ["-O1", *sysroot, f"-L{root}{HERE}", f"-Wl,-rpath,{HERE}", "-Wl,--no-as-needed"]
    for name, source in LIBRARIES.items():
        compile_c(source, root + HERE + "/" + name, *flags, "-shared", "-fPIC", f"-Wl,-soname,{os.path.basename(name)}",
                  "-Wl,-z,now" if name == "now.so" else "-Wl,-z,lazy")
    for name, more in PROGRAMS.items():
        compile_c(MAIN, root + HERE + "/" + name, *flags, *more, "-lfirst", "-lsecond", "-ldl")
    write(root + HERE + "/plugins.yaml", "manifest: 1\napplication: matrix\nhosts:\n" +
          "".join(f"  - path: {HERE}/{name}\n" for name in PROGRAMS) +
          f"plugins:\n  - feature: a\n    path: {HERE}/plugin.so\n  - feature: b\n    path: {HERE}/now.so\n")


def outcome(root, command, environment):
    """Exit status, output, messages, bindings; without addresses, numbers of processes, and our own module."""
    # chroot's own ld.so is not to hear of it.
    done = rooted.start(root, ["/usr/bin/env", *(f"{name}={value}" for name, value in environment.items()), *command])
    debug = done.stderr
    for name in os.listdir(root + "/tmp"):
        if name.startswith("debug."):
            with open(f"{root}/tmp/{name}") as file:
                debug += file.read()
        if name.startswith(("debug.", "libsecond.so.profile")):
            os.unlink(f"{root}/tmp/{name}")
    bindings = set(re.findall(r"binding file (\S+) \[0\] to (\S+) \[0\]: \w+ symbol `(\S+)'", debug))
    lines = [re.sub(r"0x[0-9a-f]+", "0x", line) for line in done.stdout.split("\n")
             if not re.match(r"AT_|dl_|auxv|env|rtld|cpu|x86|uname|version|path", line)]
    messages = [line for line in done.stderr.split("\n") if not re.match(r" +\d+:\t", line) and "DYNAMIC LINKER" not in line]
    # libc asks ld.so for more where there is an audit module of any kind: dlsym() has to tell it.
    return done.returncode, lines, messages, sorted(b for b in bindings if not b[2].startswith("_dl_"))


def cases_of(root):
    cases = [([], variables) for variables in VARIABLES]
    cases += [([], {"GLIBC_TUNABLES": f"{name}={value}"}) for name, values in TUNABLES.items() for value in values]
    offered = set(re.findall(r"^ +(--[a-z0-9-]+)", rooted.start(root, [LOADER, "--help"]).stdout, re.M))
    expect(offered <= set(OPTIONS), f"ld.so has options that are in no table: {offered - set(OPTIONS)}")
    expect(not offered or len(offered) > 10, f"ld.so --help names only {offered}")
    cases += [([LOADER, option, *OPTIONS[option]], {}) for option in (sorted(offered) or list(OPTIONS)[:7])]
    cases += [([LOADER], {})]
    single = [case for case in cases if case[1] != {} or case[0]]
    pairs = [(left[0] or right[0], {**left[1], **right[1]}) for left, right in itertools.combinations(single, 2)
             if not (left[0] and right[0]) and not set(left[1]) & set(right[1])]
    matter = ("LD_PRELOAD", "LD_AUDIT", "LD_BIND_NOW", "LD_DYNAMIC_WEAK", "LD_LIBRARY_PATH", "--preload", "--audit")

    def matters(pair):
        return sum(word in pair[0] or word in pair[1] for word in matter) == 2

    return cases + (pairs if LONG else [pair for pair in pairs if matters(pair)][::4])


def known_difference(suite, command, variables):
    """With glibc before 2.36: LD_TRACE_PRELINKING prints the addresses that prelinking sets; and a program with a list of
    libraries for ld.so dies of an audit module that needs no C library, one that is not there too (prelink(8))."""
    old = suite == "bullseye"
    return old and ("LD_TRACE_PRELINKING" in variables or
                    (command[-1] == HERE + "/exec" and variables.get("LD_AUDIT") == "/no/such.so"))


def check(suite, environment=None):
    packages = ["libc6-dev", "linux-libc-dev"] if suite == "bullseye" else []
    root = whole_root.root_of("small", *packages, suite=suite)
    rooted.install_module(root)
    libraries = root + "/usr/lib/x86_64-linux-gnu/"
    old = ["libc.so.6", "libdl.so.2", "libc_nonshared.a"]  # the running libc's symbols have versions that are too new
    build(root, *(["-x", "none", "-nodefaultlibs", "-B" + libraries, *(libraries + name for name in old), "-lgcc"]
                  if packages else []))
    cases = [([*command, f"{HERE}/{program}"], variables) for command, variables in cases_of(root) for program in PROGRAMS]
    before = [outcome(root, *case) for case in cases]
    notegen("add", "--root", root, "--manifest", root + HERE + "/plugins.yaml")
    listing = prelink("--root", root, "--with-plugins", "-v", HERE).stdout
    for program in PROGRAMS:
        expect(f"{HERE}/{program}: plan:" in listing, f"{suite}: {program} has no plan:\n{listing}")
        said = rooted.start(root, [f"{HERE}/{program}"], PRELINK_RTLD="verbose", **(environment or {}))
        full = {os.path.basename(path) for path, level, _ in rooted.levels_of(said) if level == "full"}
        expect_equal(full, {"libfirst.so", "libsecond.so", "libc.so.6", "plugin.so", "now.so"} |
                     ({"libdl.so.2"} if suite == "bullseye" else set()), f"{suite}: {program}: what is on the fast path")
    for (command, variables), wanted in zip(cases, before):
        if known_difference(suite, command, variables):
            continue
        seen = outcome(root, command, {**(environment or {}), **variables})
        for what, now, then in zip(("exit status", "output", "messages", "bindings"), seen, wanted):
            more = [line for line in now if line not in then] if what == "bindings" else now
            less = [line for line in then if line not in now] if what == "bindings" else then
            if more != less:
                differ.append(f"{suite}: {' '.join(command)} {variables}: {what}\n  expected {less}\n  seen     {more}")
    print(f"{suite}: {len(cases)} cases the same")


differ = []
check("bookworm")
if LONG:
    check("trixie")
    check("sid")
    check("bullseye", {"LD_AUDIT": rooted.module_path(), "LD_USE_LOAD_BIAS": "1"})
expect(not differ, f"{len(differ)} differ:\n" + "\n".join(differ))

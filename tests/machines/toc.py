#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""ppc64el: a library that needs more words than one TOC can have has several, and each of its functions asks for its own.  A
word of its PLT then leads to a function's global entry, though the function is the object's own; where there is one TOC,
to the local one.  A program of such a library prints the same with a store as without, and where these words lead, bound
lazily and at once; all of its objects take the fast path.  A library whose calls do not keep the TOC is bound to
functions that need none, and ld.so's refusal to bind it to one that does is the same with a store.

LONG=1, SUITES: as in abi.py."""
import os
import re
import shutil

import scratch_root
from bare import Bare
from guest import LONG, MACHINES, STORE, sound
from harness import compile_c, expect, expect_equal, need, prelink, run, scratch, skip

PARTS = 3
OPT_MULTI_TOC = 2
# A TOC reaches 64 KB, 8192 words: each object's alone fit, no two objects'.
WORDS = {"several": 6000, "one": 600}
LOCAL = {"several": 0, "one": 8}
# Calls each function, from here and by the pointers of the library, and then prints how far behind the entry that the symbol
# names the words of the library's PLT lead, of its own functions.
MAIN = """#define _GNU_SOURCE
#include <link.h>
#include <stdio.h>
#include <string.h>
extern long f0(long), f1(long), f2(long), (*pf[])(long);
int main(void)
{
	long sum = 0;
	for (int i = 0; i < 3; i++)
		sum += pf[i](2);
	printf("%ld %ld %ld %ld %d:", f0(2), f1(2), f2(2), sum, pf[0] == f0);
	for (struct link_map *map = _r_debug.r_map; map; map = map->l_next) {
		ElfW(Addr) value[64] = { 0 };
		if (!strstr(map->l_name, "libtoc"))
			continue;
		for (ElfW(Dyn) *dyn = map->l_ld; dyn->d_tag; dyn++)
			if (dyn->d_tag < 64)
				value[dyn->d_tag] = dyn->d_un.d_val;
		ElfW(Rela) *reloc = (void *)value[DT_JMPREL];
		for (; (ElfW(Addr))reloc < value[DT_JMPREL] + value[DT_PLTRELSZ]; reloc++) {
			ElfW(Sym) *symbol = (ElfW(Sym) *)value[DT_SYMTAB] + ELF64_R_SYM(reloc->r_info);
			if (symbol->st_shndx)
				printf(" %s+%ld", (char *)value[DT_STRTAB] + symbol->st_name,
				       (long)(*(ElfW(Addr) *)(map->l_addr + reloc->r_offset) - map->l_addr - symbol->st_value));
		}
	}
	printf("\\n");
	return 0;
}
"""


def part(number, words):
    """An object whose function f<NUMBER> adds WORDS variables of another library, and calls the next part's."""
    names = [f"v{number}_{i}" for i in range(words)]
    following = f"f{(number + 1) % PARTS}"
    text = "".join(f"extern int {name}; " for name in names) + f"extern long {following}(long);\n"
    if number == 0:
        text += "extern long f1(long), f2(long), f0(long); long (*pf[])(long) = { f0, f1, f2 };\n"
    # What comes after the call needs this object's TOC again.
    return text + f"long f{number}(long n) {{ long sum = {' + '.join(names[::2])};\n" \
                  f"if (n) sum += {following}(n - 1);\nreturn sum + {' + '.join(names[1::2])}; }}\n"


def wanted(words):
    values = [sum((number + 1) * i % 7 for i in range(words)) for number in range(PARTS)]  # as variables() says
    totals = [sum(values)] * PARTS  # from any of them, one of each
    return " ".join(map(str, totals)) + f" {sum(totals)} 1"


def variables(words):
    return "".join(f"int v{number}_{i} = {(number + 1) * i % 7};\n" for number in range(PARTS) for i in range(words))


def build(guest, name, way, at):
    """The path of a program whose library has NAME TOCs, bound in WAY."""
    compiler, words = MACHINES["ppc64el"][1], WORDS[name]
    directory = f"/usr/lib/{name}{way}"
    os.makedirs(guest.root + directory)
    flags = ["-O1", f"-Wl,-z,{way}", f"-Wl,-rpath,{directory}"]
    objects = []
    for number in range(PARTS):
        objects.append(f"{at}/{name}{number}.o")
        if not os.path.exists(objects[-1]):
            compile_c(part(number, words), objects[-1], "-c", "-fPIC", "-O1", "-mcmodel=small", compiler=compiler)
    data = compile_c(variables(words), f"{guest.root}{directory}/libdata.so", "-shared", "-fPIC", "-Wl,-soname,libdata.so",
                     *flags, compiler=compiler)
    library = compile_c("", f"{guest.root}{directory}/libtoc.so", "-shared", "-Wl,-soname,libtoc.so", *flags, "-x", "none",
                        *objects, data, compiler=compiler)
    options = re.search(r"PPC64_OPT\) +0x([0-9a-f]+)", run(["readelf", "-dW", library]).stdout)
    expect_equal(bool(options and int(options[1], 16) & OPT_MULTI_TOC), name == "several", f"{name}: whether there are several TOCs")
    said = run(["readelf", "-rsW", library]).stdout
    for number in range(PARTS):
        expect(re.search(rf"JMP_SLOT.* f{number} ", said), f"{name}, {way}: f{number} is not called through the PLT")
        expect(re.search(rf"<localentry>: 8\] +\d+ f{number}$", said, re.M), f"{name}, {way}: f{number} has no local entry")
    expect(len(re.findall(r"R_PPC64_(?:ADDR64|GLOB_DAT) .* v\d_", said)) >= PARTS * words, f"{name}: the words are not in the TOCs")
    path = f"/usr/bin/{name}{way}"
    compile_c(MAIN, guest.root + path, "-Wl,--allow-shlib-undefined", *flags, "-x", "none",
              library, data, compiler=compiler)
    return path


def build_careless(guest, name, then):
    """The path of a program whose library has been told that what it calls needs no TOC; it is THEN what is there."""
    compiler, directory = MACHINES["ppc64el"][1], f"/usr/lib/{name}"
    at = guest.root + directory
    os.makedirs(at)
    two = ["-shared", "-fPIC", "-O1", "-Wl,-soname,libtwo.so"]
    compile_c("long two(long n) { return 3 * n; }", at + "/libtwo.so", *two, compiler=compiler)
    library = compile_c("extern long two(long); long one(long n) { return two(n) + two(n + 1); }", at + "/libone.so", "-shared",
                        "-fPIC", "-O1", f"-Wl,-soname,libone.so,--plt-localentry,-z,now,-rpath,{directory}", "-x", "none",
                        at + "/libtwo.so", compiler=compiler)
    expect(re.search(r"PPC64_OPT\) +0x4$", run(["readelf", "-dW", library]).stdout, re.M), f"{name}: calls keep the TOC")
    compile_c('#include <stdio.h>\nlong one(long); int main(void) { printf("%ld\\n", one(1)); return 0; }', f"{guest.root}/usr/bin/{name}",
              f"-Wl,-rpath,{directory}", "-x", "none", library, at + "/libtwo.so", compiler=compiler)
    compile_c(then, at + "/libtwo.so", *two, compiler=compiler)
    return f"/usr/bin/{name}"


def check(suite):
    guest, at = Bare("ppc64el", suite), scratch()
    paths = {(name, way): build(guest, name, way, at) for name in WORDS for way in ("lazy", "now")}
    careless = {build_careless(guest, "good", "long two(long n) { return 3 * n; }"): (0, "9\n", ""),
                build_careless(guest, "bad", "long v = 3; long two(long n) { return v * n; }"): (127, "", "expected localentry:0 `two'")}
    prelink("--root", guest.root, f"--store={STORE}", *paths.values(), *careless)
    for (name, way), path in paths.items():
        plain, seen = guest.start([path]), guest.audited([path])
        printed, _, entries = plain.stdout.partition(":")
        expect_equal((plain.returncode, printed), (0, wanted(WORDS[name])), f"{name}, {way}, as it is: {plain.stderr}")
        expect_equal(sorted(entries.split()), [f"f{number}+{LOCAL[name]}" for number in range(PARTS)], f"{name}, {way}: where its PLT leads")
        expect_equal((seen.returncode, seen.stdout, sound(seen.stderr)), (0, plain.stdout, sound(plain.stderr)), f"{name}, {way}, with a store")
        levels = re.findall(r"^prelink-rtld: (\S+): (full|relative only|none)", seen.stderr, re.M)
        expect(len(levels) >= 3 and {level for _, level in levels} == {"full"}, f"{name}, {way}: not all on the fast path:\n{seen.stderr}")
        print(f"{suite}: TOCs: {name}, {way}: {len(levels)} objects full; {seen.stdout.strip()}")
    for path, (status, printed, error) in careless.items():
        plain, seen = guest.start([path]), guest.audited([path])
        for done in plain, seen:
            expect((done.returncode, done.stdout) == (status, printed) and error in done.stderr, f"{path}: {done}")
        expect_equal(sound(seen.stderr), sound(plain.stderr), f"{path}: what ld.so says, with a store")
        expect(seen.stderr.count(": full\n") >= 3 or status, f"{path}: not all on the fast path:\n{seen.stderr}")
        print(f"{suite}: calls that do not keep the TOC: {seen.stdout.strip() or error}")


need("readelf", "chroot")
missing = [name for name in MACHINES["ppc64el"][1:] if not shutil.which(name)]
if missing:
    skip(f"{' and '.join(missing)} not installed")
done = 0
for suite in os.environ.get("SUITES", "cross trixie sid" if LONG else "cross").split():
    try:
        check(suite)
        done += 1
    except scratch_root.Unavailable as error:
        print(f"ppc64el {suite}: no C library of it:", " ".join(str(error).split()))
expect(done, "no program was run")

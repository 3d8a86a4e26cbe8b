#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A store that is made again, with -q, takes over the plans of programs of which nothing has changed, and has the very bytes
of one that is made from nothing: through a row of random changes to a small tree, and where what lies there is damaged.

LONG=1: a longer row.  SEED=N: another one (that of a failure is printed)."""
import os
import random
import re
import shutil

import whole_root
from harness import expect, expect_equal, need, notegen, prelink, read, run, scratch, write

need("as", "ld", "ldconfig")
LIBRARIES, PROGRAMS, PLUGINS, FUNCTIONS = 12, 14, 6, 200
STEPS = 400 if os.environ.get("LONG") else 26
seed = int(os.environ.get("SEED", "15"))
chance = random.Random(seed)
here = scratch()
root = here + "/root"
LOADER = "/lib64/ld.so"
for directory in ("usr/lib", "usr/bin", "opt/lib", "opt/plugins", "lib64", "etc", whole_root.manifests(own=True).lstrip("/")):
    os.makedirs(f"{root}/{directory}")
shutil.copy(re.search(r"\[Requesting program interpreter: (.*)\]", run(["readelf", "-l", "/bin/true"]).stdout)[1], root + LOADER)


def link(path, functions, calls, needed, *flags):
    """Puts an object to PATH, with FUNCTIONS in this order, and a table of pointers to CALLS."""
    text = [".text", *(f".globl {name}\n.type {name},@function\n{name}: mov ${i},%eax\nret\n.size {name},.-{name}"
                       for i, name in enumerate(functions)), ".data", *(f".quad {name}" for name in calls),
            '.section .note.GNU-stack,"",@progbits\n']
    write(here + "/code.s", "\n".join(text))
    run(["as", "-o", here + "/code.o", here + "/code.s"])
    run(["ld", "-o", here + "/linked", "--build-id", "--no-as-needed", "--unresolved-symbols=ignore-all", "--hash-style=gnu",
         f"-rpath-link={root}/usr/lib:{root}/opt/lib", here + "/code.o", *(f"{root}/usr/lib/{name}" for name in needed), *flags])
    os.replace(here + "/linked", path)


def own(kind, number):
    """Names of functions of one object; every fourth has some that others have, too."""
    shared = [f"shared{i}" for i in range(6)] if number % 4 == 1 else []
    return [f"{kind}{number}_{i}" for i in range(FUNCTIONS)] + shared


def names_of(numbers):
    return [f"libl{number:02}.so" for number in numbers]


NEEDED = {}  # by name: what an object needs.  The last libraries are needed by plugins alone


def library(number, directory="usr/lib", other=False):
    """Another build: its functions lie in another order; OTHER: it needs other libraries, too."""
    name, functions, below = f"libl{number:02}.so", own("l", number), list(range(max(0, number - 3), number))
    chance.shuffle(functions)
    if other or name not in NEEDED:
        NEEDED[name] = chance.sample(below, min(len(below), chance.choice((1, 2))))
    link(f"{root}/{directory}/{name}", functions, [*own("l", number), *(f"shared{i}" for i in range(6)),
         *(called for other in NEEDED[name] for called in own("l", other))], names_of(NEEDED[name]), "-shared", f"-soname={name}")


def plugin(number):
    name, functions = f"plug{number}.so", own("p", number)
    chance.shuffle(functions)
    needed = NEEDED.setdefault(name, [chance.randrange(LIBRARIES), LIBRARIES - 1 - number % 3])
    link(f"{root}/opt/plugins/{name}", functions, [*own("p", number), "shared1", "shared2",
         *(called for other in needed for called in own("l", other))], names_of(needed), "-shared")


def program(number):
    needed = sorted(chance.sample(range(LIBRARIES - 3), chance.choice((1, 2, 4))))
    link(f"{root}/usr/bin/prog{number:02}", ["_start", *(["shared3"] if number % 3 == 0 else [])],
         [name for other in needed for name in own("l", other)], names_of(needed), "-pie", f"-dynamic-linker={LOADER}", "-e", "_start")


ALTERNATIVE = "  - feature: named\n    soname: [libnone{}.so, libl10.so]\n"


def manifest():
    """What the programs may load."""
    hosts = sorted(chance.sample(range(PROGRAMS), 5))
    write(root + whole_root.manifests(own=True) + "/some.yaml", "manifest: 1\napplication: some\nhosts:\n" +
          "".join(f"  - path: /usr/bin/prog{number:02}\n" for number in hosts) + "plugins:\n  - feature: all\n"
          f"    path: /opt/plugins/plug[{chance.choice(('0-2', '0-9', '3-9'))}].so\n" + ALTERNATIVE.format(chance.random()))


def name():
    """The same plugins by the same manifest, but for a name that nothing has."""
    path = root + whole_root.manifests(own=True) + "/some.yaml"
    write(path, read(path).decode().split("  - feature: named")[0] + ALTERNATIVE.format(chance.random()))


def note():
    """A note in a program, or none any more."""
    path = f"/usr/bin/prog{chance.randrange(PROGRAMS):02}"
    write(here + "/note.yaml", f"manifest: 1\napplication: noted\nhosts:\n  - path: {path}\nplugins:\n  - feature: one\n"
          f"    path: /opt/plugins/plug{chance.randrange(PLUGINS)}.so\n  - feature: two\n    soname: [{chance.choice(names_of(range(LIBRARIES)))}]\n")
    if os.path.exists(root + path):
        notegen("remove", "--root", root, path, status=None)
        if chance.random() < 0.7:
            notegen("add", "--root", root, "--manifest", here + "/note.yaml")


def remove(directory, least):
    names = sorted(os.listdir(f"{root}/{directory}"))
    if len(names) > least:
        os.unlink(f"{root}/{directory}/{chance.choice(names)}")


def search():
    """/opt/lib comes before /usr/lib, or not at all."""
    write(root + "/etc/ld.so.conf", "/opt/lib\n" if chance.random() < 0.5 else "")
    run(["ldconfig", "-r", root])


def configuration():
    write(root + "/etc/prelink.conf", "-l /usr/bin\n-l /usr/lib\n-l /opt\n" +
          (f"-b /usr/bin/prog{chance.randrange(PROGRAMS):02}\n" if chance.random() < 0.5 else ""))


def loader():
    """Another one, by its build-id."""
    build_id = bytes.fromhex(re.search(r"Build ID: ([0-9a-f]+)", run(["readelf", "-n", root + LOADER]).stdout)[1])
    data = read(root + LOADER)
    os.unlink(root + LOADER)
    write(root + LOADER, data.replace(build_id, chance.randbytes(len(build_id))))
    os.chmod(root + LOADER, 0o755)


def made_again(what, *options):
    """Makes the store again, and another from nothing; how many plans were taken over."""
    said = prelink("--root", root, "--store=/var/lib/prelink/store", "-aqm", "--with-plugins", *options, status=None).stdout
    prelink("--root", root, "--store=/cold", "-am", "--with-plugins", *options, status=None)
    expect(read(root + "/var/lib/prelink/store") == read(root + "/cold"), f"SEED={seed}: after {what} it is another store than one made from nothing")
    return int((re.search(r"(\d+) plans? taken over", said) or [0, 0])[1])


CHANGES = {
    "another library": lambda: library(chance.randrange(LIBRARIES)),
    "a library that needs others": lambda: library(chance.randrange(LIBRARIES), other=True),
    "a plugin's library": lambda: library(chance.choice(range(LIBRARIES - 3, LIBRARIES))),
    "a library elsewhere": lambda: library(chance.randrange(LIBRARIES), "opt/lib"),
    "a plugin": lambda: plugin(chance.randrange(PLUGINS)),
    "a plugin less": lambda: remove("opt/plugins", 1),
    "a program": lambda: program(chance.randrange(PROGRAMS)),
    "the first programs": lambda: [program(i) for i in range(4)],
    "a program less": lambda: remove("usr/bin", 5),
    "another manifest": manifest,
    "another name": name,
    "another note": note,
    "another ld.so": loader,
    "another ld.so.conf": search,
    "another prelink.conf": configuration,
    "other times": lambda: os.utime(f"{root}/usr/lib/{chance.choice(names_of(range(LIBRARIES)))}"),
    "another directory": lambda: write(f"{root}/usr/lib/file{chance.random()}", ""),
}
OFTEN = ["another library", "the first programs", "a program less"] * 2
for i in range(LIBRARIES):
    library(i)
for i in range(PLUGINS):
    plugin(i)
for i in range(PROGRAMS):
    program(i)
manifest()
search()
configuration()
made_again("nothing")
taken = {}
for step in range(STEPS):
    what = list(CHANGES)[step] if step < len(CHANGES) else chance.choice([*CHANGES, *OFTEN])
    CHANGES[what]()
    if "library" in what:
        run(["ldconfig", "-r", root])
    taken.setdefault(what, []).append(made_again(f"{what} (step {step})"))
total = sum(sum(counts) for counts in taken.values())
print(f"{STEPS} changes, {total} plans taken over:", "; ".join(f"{what} {counts}" for what, counts in sorted(taken.items())))
expect(min(taken["another directory"]) > 3, "nothing was taken over where nothing had changed")

# What is damaged, not ours alone, or of another store counts for nothing; what is in a store that is whole is believed.
store = root + "/var/lib/prelink/store"
sizes = [os.path.getsize(name) for name in (store, store + ".made")]
for name, size in zip((store, store + ".made"), sizes):
    for at in sorted({9, 33, size // 3, *(chance.randrange(size) for _ in range(9 if STEPS > 99 else 1))}):
        bytes_ = bytearray(read(name))
        bytes_[at] ^= 1 << chance.randrange(8)
        write(name, bytes(bytes_))
        write(f"{root}/usr/lib/file{at}{os.path.basename(name)}", "")
        expect_equal(made_again(f"byte {at} of {os.path.basename(name)} damaged"), 0, "plans taken over from what is damaged")
older = read(store)
program(0)
made_again("a program")
write(store, older)
write(f"{root}/usr/lib/older", "")
expect_equal(made_again("the store that was there before"), 0, "plans taken over from another store")
for name, mode in ((store, 0o666), (store + ".made", 0o646)):
    os.chmod(name, mode)
    write(f"{root}/usr/lib/mode{mode}", "")
    expect_equal(made_again("everybody could write it"), 0, "plans taken over from what everybody can write")
write(root + "/usr/lib/last", "")
expect(made_again("all is well") > 3, "nothing was taken over from what is whole")
plain = read(store)
expect(made_again("--freeze-search", "--freeze-search") > 3, "nothing was taken over where the search is frozen")
expect(read(store) != plain, "-q overlooks --freeze-search")

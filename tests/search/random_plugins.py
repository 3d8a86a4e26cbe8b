#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Plugins in small roots made at random: a program with a note, libraries that are there from the start
(ld.so.preload), plugins and what they need.  What is right is what LD_DEBUG=scopes says when the program, inside the
root (chroot), really loads the plugin.

A failure names its seed:  random_plugins.py SEED  makes that one tree again and keeps it."""
import os
import random
import re
import shutil
import subprocess
import sys

import harness
import oracle
import random_trees
import rules

PLACE = "R" * 200  # for DT_RPATH
SOURCE = """
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv)
{
	if (argc > 1 && !dlopen(argv[1], RTLD_LAZY))
		puts(dlerror());
	return 0;
}
"""


def make(seed, opener):
    dice = random.Random(seed)
    tree, maker = rules.Tree(), random_trees.Maker(dice)
    maker.libraries(tree)
    shutil.copy(os.path.realpath(rules.SYSTEM + "/libc.so.6"), tree.root + rules.SYSTEM + "/libc.so.6")
    rpath = maker.path_list() if dice.random() < 0.5 else "/none"
    program = harness.read(opener)
    harness.write(tree.root + "/bin/program", program.replace(PLACE.encode(), rpath.encode().ljust(len(PLACE), b"\0")))
    os.chmod(tree.root + "/bin/program", 0o755)
    preload = [f"{dice.choice(random_trees.DIRECTORIES)}/{dice.choice(maker.names)}" for _ in range(dice.randint(0, 3))]
    harness.write(tree.root + "/etc/ld.so.preload", "\n".join(preload))
    for number in range(5):
        tree.library(f"/plug/{number}.so", *maker.needed(dice.choice([0, 1, 2, 3]), maker.filtering and number > 2),
                     soname=dice.choice([None, f"{number}.so", dice.choice(maker.names)]), **maker.common())
    manifest = tree.root + "/manifest.yaml"
    harness.write(manifest, "manifest: 1\napplication: test\nhosts: [path: /bin/program]\nplugins:\n"
                  "- {feature: f, path: /plug/*.so}\n")
    harness.notegen("add", "--manifest", manifest, "--root", tree.root)
    return tree


def loaded(tree, plugin):
    """Members of the plugin's own scope, None where it is not loaded, "startup" where it was there already."""
    # By way of ld.so, as there is no /proc to tell a program's origin.
    done = subprocess.run([rules.LOADER, "/bin/program", plugin], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, errors="replace", preexec_fn=oracle.into(tree.root),
                          env=oracle.clean_environment(LD_DEBUG="scopes"))
    blocks = re.findall(r"object=(\S+) \[0\]\n((?:\s+\d+:\s+scope \d+: .*\n)*)", done.stderr)
    mine = [scope for name, scope in blocks if name == plugin]
    if not mine:
        return None
    members = re.findall(r"scope \d+: (.*)", mine[-1])[-1].split()
    # Of an object that DT_SYMBOLIC or the start-up brought, the last list is another's.
    return tree.real(members) if plugin in members else "startup"


def check(tree, statistics):
    scopes, _ = oracle.driver("--root", tree.root, "--with-plugins", "/bin/program", status=None)
    program = scopes["/bin/program"]
    if program.missing:
        statistics["broken"] += 1
        return
    mine = {path: members for path, host, members in program.plugins}
    for number in range(5):
        plugin = f"/plug/{number}.so"
        members = loaded(tree, plugin)
        if members is None:
            statistics["refused"] += 1
            continue
        harness.expect(plugin in mine, f"{plugin}: not among the program's plugins: {sorted(mine)}")
        harness.expect_equal(tree.one_name(mine[plugin]), tree.one_name(members), f"scope of {plugin}")
        statistics["equal"] += 1


def main():
    opener = harness.compile_c(SOURCE, harness.scratch() + "/opener", f"-Wl,--disable-new-dtags,-rpath,{PLACE}")
    if sys.argv[1:]:
        os.environ["KEEP"] = "1"
        check(make(sys.argv[1], opener), {"equal": 0, "refused": 0, "broken": 0})
        return
    count = 1000 if os.environ.get("LONG") else 40
    # The short form takes the same trees each time, so that what it says of a change is about the change.
    base = random.SystemRandom().randrange(10 ** 9) if os.environ.get("LONG") else 1
    statistics = {"equal": 0, "refused": 0, "broken": 0}
    for number in range(count):
        tree = make(f"{base}-{number}", opener)
        try:
            check(tree, statistics)
        except SystemExit:
            print(f"seed {base}-{number}")
            raise
        shutil.rmtree(tree.root)
    print(f"{count} trees, seeds {base}-N: {statistics['equal']} plugins compared, {statistics['refused']} not loaded "
          f"by ld.so, {statistics['broken']} programs that do not start: no difference")
    harness.expect(statistics["equal"] > count, "too few plugins compared to mean anything")


if __name__ == "__main__":
    main()

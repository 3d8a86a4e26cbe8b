#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hundreds of small roots made at random, each a program with libraries that need, filter, hide and shadow each
other; ld.so inside the root (chroot) says what is right.

A failure names its seed:  random_trees.py SEED  makes that one tree again and keeps it."""
import os
import random
import shutil
import sys

import harness
import rules
from tiny_elf import AUXILIARY, FILTER, NODEFLIB, NEEDED

DIRECTORIES = ["/a", "/b", "/a/sub", "/opt/c", rules.SYSTEM, "/usr" + rules.SYSTEM, "/usr/lib",
               "/b/glibc-hwcaps/x86-64-v2", "/opt/c/glibc-hwcaps/x86-64-v3", "/b/tls"]


SHAPES = ["/a", "/b", "/opt/c", "$ORIGIN", "$ORIGIN/sub", "$ORIGIN/../a", "${ORIGIN}/../b", "/none", "", "/l",
          "/$LIB", "$ORIGIN/../opt/c/", "/usr/lib"]


class Maker:
    """What is made at random: of DICE, a random.Random."""
    def __init__(self, dice):
        self.dice = dice
        self.names = [f"lib{letter}.so" for letter in "abcdefgh"[:dice.randint(3, 8)]]
        self.filtering = dice.random() < 0.4

    def path_list(self):
        return ":".join(self.dice.choice(SHAPES) for _ in range(self.dice.randint(2, 6)))

    def needed(self, count, filtering):
        result = []
        for _ in range(count):
            name = self.dice.choice(self.names)
            roll = self.dice.random()
            if roll < 0.03:
                name = f"{self.dice.choice(DIRECTORIES)}/{name}"
            elif roll < 0.05:
                name = f"$ORIGIN/{name}"
            tag = NEEDED
            if filtering and self.dice.random() < 0.3:
                tag = self.dice.choice([AUXILIARY, AUXILIARY, FILTER])
            result.append((tag, name))
        return result

    def common(self):
        keywords = {}
        roll = self.dice.random()
        if roll < 0.3:
            keywords["rpath"] = self.path_list()
        elif roll < 0.5:
            keywords["runpath"] = self.path_list()
        elif roll < 0.55:
            keywords.update(rpath=self.path_list(), runpath=self.path_list())
        if self.dice.random() < 0.03:
            keywords["flags_1"] = NODEFLIB
        return keywords

    def libraries(self, tree):
        dice = self.dice
        for name in self.names:
            for directory in dice.sample(DIRECTORIES, dice.choice([1, 1, 2, 2, 3, 4])):
                soname = dice.choice([name, name, name, name, None, dice.choice(self.names)])
                tree.library(f"{directory}/{name}", *self.needed(dice.choice([0, 0, 1, 2, 4]), self.filtering),
                             soname=soname, **self.common())
        for _ in range(dice.randint(0, 4)):
            source = f"{dice.choice(DIRECTORIES)}/{dice.choice(self.names)}"
            target = f"{dice.choice(DIRECTORIES)}/{dice.choice(self.names)}"
            if os.path.lexists(tree.root + target):
                continue
            os.makedirs(os.path.dirname(tree.root + target), exist_ok=True)
            if dice.random() < 0.3 and os.path.isfile(tree.root + source):
                os.link(tree.root + source, tree.root + target)
            else:
                os.symlink(source, tree.root + target)
        if dice.random() < 0.3 and not os.path.lexists(tree.root + "/l"):
            os.symlink(dice.choice(["/a", "a/../b", "../../opt/c", "l", "none"]), tree.root + "/l")
        if dice.random() < 0.5:
            tree.ldconfig("/opt/c", "/b")
        else:
            harness.write(tree.root + "/etc/ld.so.cache", b"")  # ld.so.conf would stand in for none


def make(seed):
    """A tree with a program."""
    dice = random.Random(seed)
    tree, maker = rules.Tree(), Maker(dice)
    keywords = maker.common()
    if dice.random() < 0.9:
        keywords = {dice.choice(["rpath", "rpath", "runpath"]): maker.path_list()}
    # ld.so forgets the filtees of a program, and maps them twice if they are asked for again: none here.
    tree.program(*maker.needed(dice.randint(1, 4), False), **keywords)
    maker.libraries(tree)
    return tree


def main():
    if sys.argv[1:]:
        os.environ["KEEP"] = "1"
        make(sys.argv[1]).check(missing_may_be_auxiliary=True)
        return
    count = 3000 if os.environ.get("LONG") else 60
    base = random.SystemRandom().randrange(10 ** 9) if os.environ.get("LONG") else 1
    statistics = {"whole": 0, "lacking": 0, "fatal": 0}
    for number in range(count):
        seed = f"{base}-{number}"
        tree = make(seed)
        try:
            statistics[tree.check(missing_may_be_auxiliary=True)] += 1
        except SystemExit:
            print(f"seed {seed}")
            raise
        shutil.rmtree(tree.root)
    print(f"{count} trees, seeds {base}-N: {statistics['whole']} whole, {statistics['lacking']} lack something, "
          f"of {statistics['fatal']} ld.so dies: no difference")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The interpreters' own tests on prelinked interpreters: what CPython packages of its test suite for modules that are
extensions, and perl's XS modules used for what has a known answer.  Needs LONG=1."""
import os
import re

import rooted
import whole_root
from harness import expect, expect_equal, need, skip

if not os.environ.get("LONG"):
    skip("some minutes; set LONG=1")
if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("gcc", "chroot")
MODULES = """test_struct test_json test_zlib test_bz2 test_lzma test_hashlib test_decimal test_sqlite3 test_unicodedata
    test_array test_math test_cmath test_heapq test_bisect test_random test_binascii test_csv test_pyexpat""".split()
PERL = r"""use POSIX (); use Storable; use Digest::SHA; use Digest::MD5; use Encode; use List::Util; use Socket; use B;
    use Time::HiRes; use Data::Dumper; use Math::BigInt::FastCalc; use Compress::Raw::Zlib;
    die unless POSIX::floor(-1.5) == -2 && List::Util::sum(1..10) == 55;
    die unless Storable::thaw(Storable::freeze([1, { a => 2 }]))->[1]{a} == 2;
    die unless Digest::SHA::sha1_hex("abc") eq "a9993e364706816aba3e25717850c26c9cd0d89d";
    die unless Digest::MD5::md5_hex("abc") eq "900150983cd24fb0d6963f7d28e17f72";
    die unless length(Encode::decode("UTF-8", "\xc3\xa4")) == 1;
    die unless Socket::inet_ntoa(Socket::inet_aton("127.0.0.1")) eq "127.0.0.1";
    local $Data::Dumper::Terse = 1; die unless Data::Dumper->new([7])->Dump eq "7\n";
    print "good\n";"""

root = whole_root.root_of("python3", "libpython3.11-testsuite", "perl")
for name, minor in (("null", "3"), ("zero", "5"), ("urandom", "9")):
    os.makedirs(root + "/dev", exist_ok=True)
    if not os.path.exists(f"{root}/dev/{name}"):
        os.mknod(f"{root}/dev/{name}", 0o20666, os.makedev(1, int(minor)))


def verdicts():
    """What python3 -m test says of each module, and what perl says."""
    done = rooted.start(root, ["python3", "-m", "test", "-v", *MODULES], timeout=900)
    found = dict(re.findall(r"^(\S+ \(\S+\))(?:\n.*)? \.\.\. (ok|FAIL|ERROR|skipped)", done.stdout + done.stderr, re.M))
    return found, rooted.start(root, ["perl", "-e", PERL]).stdout


rooted.install_module(root)
before = verdicts()
whole_root.add_notes(root)
whole_root.prelink_all(root)
after = verdicts()
differ = {name: (verdict, after[0].get(name)) for name, verdict in before[0].items() if after[0].get(name) != verdict}
good = sum(verdict == "ok" for verdict in after[0].values())
expect_equal(differ, {}, "tests of CPython's own that answer otherwise when prelinked")
expect(good > 500, f"only {good} of CPython's own tests were run")
expect_equal((before[1], after[1]), ("good\n", "good\n"), "perl's XS modules")
for command in (["python3", "-c", "import decimal, sqlite3"], ["perl", "-e", PERL]):
    levels = [level for _, level, _ in rooted.levels_of(rooted.start(root, command, PRELINK_RTLD="verbose"))]
    expect(levels.count("full") > 5, f"{command}: not on the fast path: {levels}")
print(f"python3 -m test: {len(MODULES)} modules, {good} tests good, {len(after[0])} verdicts the same; perl's modules good")

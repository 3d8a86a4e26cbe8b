#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The image of an arm64 board, prelinked while it is built, by Yocto's class and by Buildroot's script: each under a stub
of what calls it, as a user without rights under fakeroot, with all times set to one behind it.  In the image that comes
of it files have their owners, only the store and who names the module are new, and python3 takes the fast path.

LONG=1: slots, too, and the package for Buildroot's host is built and installed as its makefile says."""
import hashlib
import os
import re
import shutil
import stat

import process
import scratch_root
import whole_root
from guest import MACHINES, Guest, sound
from harness import BUILD, SOURCE, expect, expect_equal, need, read, run, scratch, skip, tool, write

HELPERS = os.path.join(SOURCE, "ebuild-helpers")
IMAGE_TOOL = os.path.join(BUILD, "ebuild-helpers/image/prelink-image")
COMMAND = ["/usr/bin/python3", "-c", "import ssl, sqlite3, decimal; print(decimal.Decimal(1) / 3)"]
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
LIBC = "/usr/lib/aarch64-linux-gnu/libc.so.6"
EPOCH = "1700000000"
if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("fakeroot", "setpriv", "make", "tar")
LONG = bool(os.environ.get("LONG"))


class Class:
    """What bitbake makes of the class or recipe at PATH: variables, flags, functions; GIVEN are others' variables."""

    def __init__(self, path, **given):
        self.value, self.function = dict(given), {}
        text = read(path).decode().replace("\\\n", "")
        for name, body in re.findall(r"^([\w:-]+) \(\) \{\n(.*?)^\}", text, re.M | re.S):
            self.function[name] = body
        for name, assign, value in re.findall(r'^([\w:\[\]${}-]+) (\?=|\+=|=\+|=) "(.*)"$', text, re.M):
            if name.endswith(":append"):
                self.value[name[:-7]] = self.value.get(name[:-7], "") + value
            elif "+" in assign:
                self.value[name] = (self.value.get(name, "") + " " + value).strip()
            elif assign == "=" or name not in self.value:
                self.value[name] = value

    def expand(self, text):
        return re.sub(r"\$\{(\w+)\}", lambda found: self.value[found[1]], text)


def files_of(root):
    """{path: what is in it} of the files below ROOT."""
    found = {}
    for base, _, names in os.walk(root):
        for path in (os.path.join(base, name) for name in names):
            mode = os.lstat(path).st_mode
            found[path[len(root):]] = os.readlink(path) if stat.S_ISLNK(mode) else \
                hashlib.sha256(read(path)).digest() if stat.S_ISREG(mode) else mode
    return found


def built(guest, work, commands):
    """The root that comes of the image that COMMANDS, a shell script, make of TARGET, a copy of GUEST's root."""
    target, image = work + "/target", work + "/image.tar"
    shutil.rmtree(target, ignore_errors=True)
    scratch_root.copy(guest.root, target)
    run(["chown", "-hR", "65534:65534", target])
    write(work + "/script", f"set -e\nchown -h -R 0:0 {target}\n{commands}\n"
          f"find {target} -print0 | xargs -0 -r touch -hd @{EPOCH}\ntar -C {target} --numeric-owner -cf {image} .\n")
    done = run([*NOBODY, "fakeroot", "--", "sh", work + "/script"], env={"PATH": os.environ["PATH"], "HOME": work,
                                                                        "FAKEROOTDONTTRYCHOWN": "1"}, cwd=work)
    strange = [line for line in run(["tar", "--numeric-owner", "-tvf", image]).stdout.splitlines() if " 0/0 " not in line]
    expect_equal(strange, [], f"owners in the image\n{done.stdout}{done.stderr}")
    shutil.rmtree(target)
    os.mkdir(target)
    run(["tar", "-C", target, "-xpf", image])
    return target


def check(what, guest, image, slots):
    """The IMAGE that came of GUEST's root."""
    before, after = files_of(guest.root), files_of(image)
    new = sorted(path for path in after if path not in before)
    wanted = ["/etc/profile.d/prelink.sh", "/etc/systemd/system.conf.d/prelink.conf", "/var/lib/prelink/store"]
    expect_equal(new, wanted, f"{what}: files that are new in the image")
    other = [path for path in before if before[path] != after.get(path)]
    expect(slots or not other, f"{what}: files that changed: {other[:5]}")
    expect_equal(bool(process.slot_of(image + LIBC)), slots, f"{what}: whether libc has a slot")
    expect_equal(read(image + wanted[1]), read(image + wanted[0]).replace(b"export ", b"[Manager]\nDefaultEnvironment="),
                 f"{what}: what systemd is told")
    plain = guest.start(COMMAND)
    root, guest.root = guest.root, image
    module = re.fullmatch("export LD_AUDIT=(.*)\n", read(image + wanted[0]).decode())[1]
    seen = guest.start(COMMAND, LD_AUDIT=module, PRELINK_RTLD="verbose")
    guest.root = root
    expect_equal((seen.returncode, seen.stdout, sound(seen.stderr)), (0, plain.stdout, sound(plain.stderr)), what)
    levels = re.findall(r"^prelink-rtld: \S+: (full|relative only|none)", seen.stderr, re.M)
    expect(len(levels) > 5 and set(levels) == {"full"}, f"{what}: not all on the fast path:\n{seen.stderr}")
    print(f"{what}: {len(levels)} objects full in the image; {len(other)} files changed, {len(new)} new")


def by_yocto(guest, work, ways):
    recipe = Class(HELPERS + "/yocto/recipes-devtools/prelink-plugins/prelink-plugins_0.1.bb", PN="prelink-plugins")
    layer = Class(HELPERS + "/yocto/classes/prelink.bbclass", IMAGE_ROOTFS=work + "/target", PRELINK_IMAGE=ways,
                  IMAGE_PREPROCESS_COMMAND="", REPRODUCIBLE_TIMESTAMP_ROOTFS=EPOCH)
    expect(layer.value["IMAGE_INSTALL"].strip() in recipe.expand(recipe.value["PACKAGES"]).split(), "no such package")
    expect_equal(layer.value["do_image[depends]"], "prelink-plugins-native:do_populate_sysroot", "what do_image depends on")
    expect_equal(recipe.value["BBCLASSEXTEND"], "native", "what else the recipe is for")
    copying = hashlib.md5(read(SOURCE + "/COPYING")).hexdigest()
    expect(copying in recipe.value["LIC_FILES_CHKSUM"], "the recipe knows another licence file")
    commands = [name for name in layer.value["IMAGE_PREPROCESS_COMMAND"].replace(";", " ").split()]
    script = "".join(f"{name} () {{\n{layer.expand(body)}}}\n" for name, body in layer.function.items())
    return built(guest, work, f"bbfatal() {{ echo \"$*\" >&2; exit 1; }}\nPATH={work}/native:$PATH\n{script}" + "\n".join(commands))


MAKEFILE = """
qstrip = $(strip $(subst ",,$(1)))
INSTALL = install
BR2_ARCH = "aarch64"
TARGET_CROSS = $(HOST_DIR)/bin/aarch64-linux-gnu-
include %s/buildroot/package/prelink-plugins/prelink-plugins.mk
target:
	$(PRELINK_PLUGINS_INSTALL_TARGET_CMDS)
print:
	@printf '%%s\\n' $(HOST_PRELINK_PLUGINS_CONF_OPTS)
install:
	$(MAKE) -C $(WHERE) $(HOST_PRELINK_PLUGINS_INSTALL_OPTS)
"""


def package(work, host):
    """Buildroot's target package out of what its host package is built as; in the short form out of this build's files."""
    makefile, into, image = work + "/Makefile", work + "/into", host + "/lib/prelink-plugins/image/usr"
    write(makefile, MAKEFILE % HELPERS)
    clean = {**os.environ, "MAKEFLAGS": "", "MFLAGS": ""}
    make = ["make", "-s", "-f", makefile, f"HOST_DIR={host}", f"TARGET_DIR={into}"]
    options = run([*make, "print"], env=clean).stdout.split("\n")[:-1]
    expect("--prefix=/usr" in options and "--with-modules=aarch64-linux-gnu" in options, f"configured with {options}")
    if LONG:
        os.mkdir(work + "/build")
        run([SOURCE + "/configure", "-q", *options], cwd=work + "/build", env=clean)
        run(["make", "-s", "-j2", "-C", work + "/build"], env=clean)
        run([*make, "install", f"WHERE={work}/build"], env=clean)
    else:
        os.makedirs(image + "/lib/prelink-plugins/aarch64")
        os.makedirs(image + "/share/prelink-plugins/manifests")
        write(image + "/share/prelink-plugins/manifests/any.yaml", "manifest: 1\n")
        shutil.copy(os.path.join(BUILD, "prelink-plugins/rtld/aarch64/prelink-rtld.so"), image + "/lib/prelink-plugins/aarch64")
    run([*make, "target"], env=clean)
    have = files_of(into)
    expect("/usr/lib/prelink-plugins/aarch64/prelink-rtld.so" in have and
           any(path.endswith(".yaml") for path in have), f"what the package has: {sorted(have)[:5]}")
    expect(set(have) < set(files_of(image.replace("/usr", ""))) or not LONG, "it has what was not built")


def by_buildroot(guest, work, chosen):
    write(work + "/config", "".join(f"BR2_PACKAGE_PRELINK_PLUGINS_{name}={value}\n" for name, value in chosen.items()))
    words = f"BR2_CONFIG={work}/config HOST_DIR={work}/host TARGET_DIR={work}/target BUILD_DIR={work} BINARIES_DIR={work}"
    return built(guest, work, f"{words} {work}/post-fakeroot.sh {work}/target")


def check_refusals(work):
    """What is no image, or has no module."""
    empty = scratch()
    for words, status, said in ((["/", "store"], 1, "the running system"), ([empty, "store"], 1, "no run-time module"),
                                ([empty], 2, "usage"), ([empty, "none"], 2, "usage"), ([empty + "/x", "slots"], 1, "directory")):
        done = run([IMAGE_TOOL, *words], status=status, env={**os.environ, "PRELINK": tool("prelink")})
        expect(said in done.stderr, f"prelink-image {words}: {done.stderr}")
    expect_equal(os.listdir(empty), [], "what a refusal leaves behind")


try:
    guest = Guest("arm64", "bookworm", "python3", "python3-lxml", "perl", "libxml-libxml-perl", "openssl")
except scratch_root.Unavailable as error:
    skip(str(error))
os.unlink(guest.root + "/etc/prelink.conf")  # an image need not have one
os.makedirs(guest.root + "/etc/profile.d", exist_ok=True)
os.makedirs(guest.root + "/usr/lib/systemd", exist_ok=True)
whole_root.add_notes(guest.root)
work = scratch("images-")
os.chmod(work, 0o755)
for directory in ("native", "host/lib/prelink-plugins/image/usr/sbin"):
    os.makedirs(f"{work}/{directory}")
    for program in (tool("prelink"), IMAGE_TOOL):
        shutil.copy(program, f"{work}/{directory}")
shutil.copy(HELPERS + "/buildroot/post-fakeroot.sh", work)
os.chown(work, 65534, 65534)
need(MACHINES["arm64"][1])
check("Yocto, store", guest, by_yocto(guest, work, "store"), False)
if LONG:
    check("Yocto, slots store", guest, by_yocto(guest, work, "slots store"), True)
    check("Buildroot, store", guest, by_buildroot(guest, work, {"STORE": "y"}), False)
check("Buildroot, slots and store", guest, by_buildroot(guest, work, {"STORE": "y", "SLOTS": "y", "FLAGS": '"-R --seed=5"'}), True)
package(work, scratch())
check_refusals(work)

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The manifests are true of Debian 12, and those of what is newer of the release that has it: in a root made of the real
packages every host and every pattern matches (notegen check --strict), and whatever a program dlopens in a real run, as
ld.so tells it (LD_DEBUG=files), is a plugin that some manifest names, or is listed here with the reason why not.

Without LONG=1: libc, xine, Perl and Python.  NAME... on the command line: only the runs of those manifests."""
import os
import re
import shutil
import subprocess
import sys

import yaml

from harness import SOURCE, expect, fail, need, notegen, run, scratch, skip, tool
from scratch_root import Unavailable, master

MANIFESTS = os.path.join(SOURCE, "manifests")
LIB = "/usr/lib/x86_64-linux-gnu"
SHORT = ["libc", "xine-lib", "perl", "python"]

# What the whole set needs beside the packages of the three.
PACKAGES = """
    apache2-bin libapache2-mod-perl2 libapache2-mod-php8.2 libaprutil1-dbd-sqlite3 libaprutil1-ldap
    php8.2-cli php8.2-fpm php8.2-mysql php8.2-xml php8.2-opcache php8.2-readline
    nginx libnginx-mod-stream libnginx-mod-http-perl
    ruby ruby-nokogiri ruby-json
    gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-alsa
    libgtk-3-0 libgtk-3-bin libgtk-4-1 libgtk-4-media-gstreamer libgtk2.0-0 libgtk2.0-bin librsvg2-common
    libcanberra-gtk3-module libcanberra-gtk-module gtk2-engines-pixbuf ibus-gtk3 ibus-gtk libgdk-pixbuf-2.0-0
    libglib2.0-bin gvfs glib-networking dconf-gsettings-backend
    libgtk3-perl python3-gi gir1.2-gtk-4.0 gir1.2-notify-0.7 gir1.2-secret-1 gir1.2-gstreamer-1.0
    login libpam-modules libpam-cap libpam-systemd libnss-systemd libnss-myhostname libnss-mdns
    vlc-bin vlc-plugin-base imagemagick-6.q16 libmagickcore-6.q16-6-extra
    postgresql-15 postgresql-plperl-15
    alsa-utils libasound2-plugins pipewire wireplumber pulseaudio pulseaudio-utils
    libglx-mesa0 libegl-mesa0 libegl1 libgl1-mesa-dri mesa-utils mesa-utils-bin mesa-vulkan-drivers vulkan-tools
    mesa-va-drivers mesa-vdpau-drivers libvdpau1 libva2
    openssl libengine-gost-openssl
    tcl tk tcl-tls tdom r-base-core r-recommended
    libreoffice-writer libreoffice-calc
    kate dolphin plasma-workspace plasma-desktop kwin-x11 kwin-wayland systemsettings okular drkonqi kinit
    kactivitymanagerd libphonon4qt5-4 phonon4qt5-backend-vlc libkf5kirigami2-5 libkf5purpose5 frameworkintegration
    kde-style-breeze qml qml-module-qtquick-controls2 qml-module-qtquick-controls
    libqt5sql5-sqlite libqt5svg5 qt5-image-formats-plugins
    qtwayland5 libqt5printsupport5 libqt5waylandcompositor5 qt5-gtk-platformtheme
    python3-pyqt5 python3-pyqt5.qtsql python3-pyqt6 libqt6sql6-sqlite qt6-wayland qt6-image-formats-plugins libqt6svg6
    adwaita-qt6 libqt6multimedia6 qml6-module-qtquick-controls qt6-gtk-platformtheme qml-qt6 libqt6waylandcompositor6 libqt6printsupport6
""".split()

# What Debian 12 does not have: release, packages beside the three, and the manifests.
NEWER = [
    ("trixie", """
    kate dolphin okular libkf6purpose-bin libkf6filemetadata-bin frameworkintegration6 kded6 libkirigami6 systemsettings
    plasma-workspace kwin-wayland libphonon4qt6-4
    """.split(), ["kde-frameworks-6"]),
    ("sid", [], ["sdl"]),
]

IMPORT_ALL = r"""
import glob, importlib, os, sys
for path in sorted(glob.glob(sys.argv[1])):
    try: importlib.import_module(os.path.basename(path).split(".")[0])
    except ImportError: pass
for name in ("numpy.linalg", "numpy.random", "numpy.fft", "lxml.etree", "lxml.objectify", "yaml", "_yaml"):
    try: importlib.import_module(name)
    except ImportError: pass
"""
QT = r"""
from PyQt{v}.QtWidgets import QApplication, QStyleFactory
from PyQt{v}.QtGui import QImageReader
from PyQt{v}.QtSql import QSqlDatabase
app = QApplication(["test"])
print(QImageReader.supportedImageFormats(), QSqlDatabase.drivers(), QStyleFactory.keys())
QSqlDatabase.addDatabase("QSQLITE")
"""
TYPELIBS = """
import gi
gi.require_version("Gtk", "4.0")
from gi.repository import Gdk, Gio, Gst, Gtk, Notify, Pango, PangoCairo, Secret
print(Gtk.Label, Gst.Element, Notify.Notification, Pango.Layout, Secret.Service)
"""
XS = "POSIX Socket Storable Data::Dumper Digest::SHA Encode File::Glob List::Util Time::HiRes XML::LibXML JSON::XS " \
     "Net::SSLeay DBD::SQLite"

UNWIND = "import ctypes; ctypes.CDLL(None).backtrace((ctypes.c_void_p * 9)(), 9)"

# Manifest: commands that make it load plugins, as nobody, in a copy of the root.
RUNS = {
    "libc": [["python3", "-c", UNWIND], ["iconv", "-t", "UTF-16", "/etc/passwd"], ["getent", "ahosts", "m\u00fcnchen.invalid"]],
    "xine-lib": [["xine-list-1.2", "-p"], ["xine-list-1.2", "-a"]],
    "perl": [["perl", "-e", f"for (qw({XS})) {{ eval qq{{require $_}} or warn $@ }}"]],
    "python": [["python3", "-c", IMPORT_ALL, "/usr/lib/python3.11/lib-dynload/*.so"]],
    "ruby": [["ruby", "-e", "%w(json socket openssl psych zlib digest etc nokogiri fiddle ripper).each { |n| "
              "begin; require n; rescue LoadError; end }; 'x'.encode('EUC-JP')"]],
    "gstreamer": [["gst-inspect-1.0"]],
    "gtk": [[LIB + "/gdk-pixbuf-2.0/gdk-pixbuf-query-loaders"],
            [LIB + "/libgtk-3-0/gtk-query-immodules-3.0"], [LIB + "/libgtk2.0-0/gtk-query-immodules-2.0"]],
    "gio": [["gio", "info", "/tmp"], ["gsettings", "list-schemas"]],
    "gobject-introspection": [["perl", "-MGtk3", "-e", "1"], ["python3", "-c", TYPELIBS]],
    "apache-httpd": [["apache2", "-t", "-f", "/tmp/apache.conf"]],
    "php": [["php8.2", "-n", "-d", "extension=mysqlnd", "-d", "extension=mysqli", "-d", "extension=xml",
             "-d", "zend_extension=opcache", "-m"]],
    "nginx": [["nginx", "-t", "-e", "/dev/null", "-c", "/tmp/nginx.conf"]],
    "nss": [["getent", "passwd", "nosuchuser"], ["getent", "hosts", "nosuchhost.invalid"]],
    "vlc": [[LIB + "/vlc/vlc-cache-gen", LIB + "/vlc/plugins"]],
    "imagemagick": [["identify-im6.q16", "-list", "format"], ["convert-im6.q16", "rose:", "/tmp/rose.png"]],
    "postgresql": [["/usr/lib/postgresql/15/bin/initdb", "-N", "-D", "/tmp/db"]],
    "sound": [["aplay", "-L"], ["pw-cli", "--version"], ["pulseaudio", "-n", "--dump-modules", "-v"],
              ["timeout", "3", "pipewire"]],
    "graphics": [["vulkaninfo", "--summary"], ["eglinfo"]],
    "openssl": [["openssl", "list", "-providers", "-provider", "legacy", "-provider", "gostprov"],
                ["openssl", "engine", "gost"]],
    "tcl": [["tclsh", "/tmp/load.tcl"]],
    "r": [["R", "--no-save", "-q", "-e",
           "for (f in Sys.glob('/usr/lib/R/library/*/libs/*.so')) try(dyn.load(f))"]],
    "libreoffice": [["soffice", "--headless", "--convert-to", "pdf", "--outdir", "/tmp", "/tmp/apache.conf"]],
    "qt5": [["python3", "-c", QT.format(v=5)]],
    "qt6": [["python3", "-c", QT.format(v=6)]],
    "kde-frameworks": [["timeout", "6", "kate", "-b", "-n", "/tmp/apache.conf"], ["timeout", "6", "dolphin", "/tmp"],
                       ["kcmshell5", "--list"]],
    "kde-frameworks-6": [["timeout", "6", "kate", "-b", "-n", "/tmp/apache.conf"], ["timeout", "6", "dolphin", "/tmp"]],
    "sdl": [["xine-list-1.2", "-p"]],
    "plasma": [["timeout", "6", "okular", "/tmp/rose.png"], ["timeout", "6", "systemsettings"],
               ["timeout", "6", "plasmashell"]],
}
# The same as root.
AS_ROOT = {"pam": [["su", "-s", "/bin/true", "nobody"]]}

# What is dlopened and is no plugin of the application.  Pattern of the name: reason.
ELSEWHERE = {
    r"libsoftokn3|libfreebl|libnssckbi": "Mozilla's NSS loads its own parts",
    r"libmfx|libcuda|libnvidia|libvpl": "hardware that an element probes for",
    r"gconv/": "character sets of iconv, of which any program may ask for any",
    r"/libX[a-z]+\.so|libxcb|libwayland|libdecor": "a window system that a library looks for by itself",
}

PREPARE = r"""
cat >/tmp/nginx.conf <<X
pid /tmp/nginx.pid;
$(for m in /usr/lib/nginx/modules/*.so; do echo "load_module $m;"; done)
events {} http { access_log off; }
X
{
echo 'ServerName localhost'; echo 'PidFile /tmp/apache.pid'; echo 'ErrorLog /dev/null'
echo "LoadModule mpm_prefork_module /usr/lib/apache2/modules/mod_mpm_prefork.so"
for n in alias auth_basic authn_core authn_file authz_core authz_user autoindex cache dav deflate dir env expires \
	ext_filter filter headers info ldap lua mime negotiation proxy proxy_http rewrite session setenvif ssl status; do
	echo "LoadModule ${n}_module /usr/lib/apache2/modules/mod_$n.so"
done
echo "LoadModule php_module /usr/lib/apache2/modules/libphp8.2.so"
echo "LoadModule perl_module /usr/lib/apache2/modules/mod_perl.so"
} >/tmp/apache.conf
mkdir -p /etc/libreoffice/registry; cp -rn /usr/lib/libreoffice/share/.registry/. /etc/libreoffice/registry/ 2>/dev/null
echo 'foreach p {tls tdom Tk} { catch {package require $p} r; puts $r }' >/tmp/load.tcl
{
echo 'auth sufficient pam_permit.so'; echo 'account sufficient pam_permit.so'
for m in /usr/lib/x86_64-linux-gnu/security/pam_*.so; do echo "session optional $m"; done
} >/etc/pam.d/su 2>/dev/null
printf 'passwd: files systemd\nhosts: files mdns4_minimal myhostname\n' >/etc/nsswitch.conf
"""


def alternatives(pattern):
    """The patterns without braces that PATTERN stands for."""
    depth, start = 0, None
    for place, letter in enumerate(pattern):
        if letter == "{":
            depth += 1
            if depth == 1:
                start, cuts = place, [place]
        elif letter == "," and depth == 1:
            cuts.append(place)
        elif letter == "}" and depth:
            depth -= 1
            if depth == 0:
                cuts.append(place)
                middle = [pattern[a + 1:b] for a, b in zip(cuts, cuts[1:])]
                return [whole for each in middle for whole in alternatives(pattern[:start] + each
                                                                           + pattern[place + 1:])]
    return [pattern]


def expression(pattern):
    """PATTERN as a regular expression; written apart from notegen's own matcher, which it checks."""
    whole = []
    for one in alternatives(pattern):
        text = ""
        for part in one.strip("/").split("/"):
            if part == "**":
                text += r"(?:/[^./][^/]*)*"
                continue
            text += "/" + re.sub(r"\\\[(!?)(.*?)\\\]", lambda m: f"[{'^' if m[1] else ''}{m[2]}]".replace("\\-", "-"),
                                 re.escape(part).replace(r"\*", "[^/]*").replace(r"\?", "[^/]").replace(r"\!", "!"))
        whole.append(text)
    return re.compile("|".join(f"(?:{each})" for each in whole))


def inside(root, path):
    """PATH in ROOT with its symbolic links resolved inside it; None if there is nothing."""
    for _ in range(40):
        at = ""
        for part in path.strip("/").split("/"):
            at += "/" + part
            if os.path.islink(root + at):
                target = os.readlink(root + at)
                rest = path.strip("/").split("/")[at.count("/"):]
                path = os.path.normpath(os.path.join(os.path.dirname(at), target, *rest))
                break
        else:
            return path if os.path.exists(root + path) else None
    return None


class Root:
    """MASTER, seen through an overlay that takes what programs write."""

    def __init__(self, path):
        self.path, self.work, self.files = path, scratch("overlay-"), scratch("files-")
        os.chmod(self.files, 0o777)

    def run(self, command, uid=65534, watched=True):
        """What ld.so tells of COMMAND if WATCHED, in a mount name space of its own with /proc and /dev; the
        directory self.files is /files inside."""
        script = f"""set -e; W={self.work}; mkdir -p $W/t; mount -t tmpfs tmpfs $W/t; mkdir -p $W/t/u $W/t/w $W/t/m
mount -t overlay overlay -o lowerdir={self.path},upperdir=$W/t/u,workdir=$W/t/w $W/t/m
mount -t proc proc $W/t/m/proc; mount --rbind /dev $W/t/m/dev; mkdir -p $W/t/m/tmp/run; chmod 1777 $W/t/m/tmp
mkdir $W/t/m/files; mount --bind {self.files} $W/t/m/files; chmod 700 $W/t/m/tmp/run; chown {uid} $W/t/m/tmp/run
chroot $W/t/m /bin/sh -c "$PREPARE"
exec chroot --userspec={uid}:{uid} $W/t/m "$@" """
        environment = {"PATH": "/usr/bin:/usr/sbin:/bin:/sbin", "HOME": "/tmp", "LC_ALL": "C.UTF-8", "TERM": "dumb",
                       "QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": "/tmp/run", "PREPARE": PREPARE}
        return subprocess.run(["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh",
                               "env", *(["LD_DEBUG=files"] if watched else []), "timeout", "120", *command],
                              env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, errors="replace").stderr


def loaded(root, log):
    """The files that were dlopened with success, in LOG, each with those that asked for it."""
    asked, initialised = {}, {}
    for line in log.splitlines():
        found = re.match(r"\s*(\d+):\s+file=(\S+) \[\d+\];\s+dynamically loaded by (\S+) \[", line)
        if found:
            asked.setdefault((found[1], found[2]), set()).add(found[3])
            continue
        found = re.match(r"\s*(\d+):\s+calling init: (\S+)", line)
        if found:
            initialised.setdefault(found[1], set()).add(found[2])
    result = {}
    for (process, name), callers in asked.items():
        for path in initialised.get(process, ()):
            if path == name or ("/" not in name and os.path.basename(path) == name):
                real = inside(root, path)
                if real:
                    result.setdefault(real, set()).update(os.path.basename(caller) for caller in callers)
    return result


def named(root):
    """What all manifests together name: expressions for paths, and sonames."""
    paths, sonames = [], set()
    for name in sorted(os.listdir(MANIFESTS)):
        if name.endswith(".yaml"):
            with open(os.path.join(MANIFESTS, name), encoding="utf-8") as file:
                for document in yaml.safe_load_all(file):
                    for entry in document["plugins"]:
                        if "path" in entry:
                            paths.append(expression(entry["path"]))
                        sonames.update(entry.get("soname", []))
    return paths, sonames


def coverage(root, name, paths, sonames):
    """Runs the commands of manifest NAME.  Returns what they loaded that nobody names."""
    every = {}
    commands = [(command, 65534) for command in RUNS.get(name, [])] + [(command, 0) for command in AS_ROOT.get(name, [])]
    for command, uid in commands:
        for path, callers in loaded(root.path, root.run(command, uid)).items():
            every.setdefault(path, set()).update(callers)
    aside, missing = {}, {}
    for path, callers in every.items():
        if any(one.fullmatch(path) for one in paths) or \
           any(os.path.basename(path).startswith(soname) for soname in sonames):
            continue
        reason = next((why for what, why in ELSEWHERE.items() if re.search(what, path)), None)
        (aside if reason else missing)[path] = callers
    count = len(every) - len(aside)
    print(f"{name}: dlopened {len(every)}, named {count - len(missing)}, for other reasons {len(aside)}: "
          f"coverage {100 * (count - len(missing)) // count if count else 0} %")
    return missing or ({} if count else {"": {f"loads no plugin at all: {commands}"}})


def check_record(root, paths, sonames):
    """What notegen record, inside ROOT, says of kate: every file that it matches is named by a manifest."""
    os.mkdir(root.files + "/lib")
    shutil.copy(tool("notegen"), root.files)
    for line in run(["ldd", tool("notegen")]).stdout.splitlines():
        found = re.search(r"(lib(?:elf|yaml|jansson)\S*) => (\S+)", line)
        if found:
            shutil.copy(found[2], root.files + "/lib/" + found[1])
    said = root.run(["env", "LD_LIBRARY_PATH=/files/lib", "/files/notegen", "record", "-o", "/files/kate.yaml", "--",
                     "env", "-u", "LD_LIBRARY_PATH", "timeout", "8", "kate", "-b", "-n", "/tmp/apache.conf"],
                    watched=False)
    expect(os.path.exists(root.files + "/kate.yaml"), f"notegen record kate wrote nothing: {said}")
    every, extra, hosts = every_file(root.path), set(), 0
    with open(root.files + "/kate.yaml", encoding="utf-8") as file:
        for document in yaml.safe_load_all(file):
            hosts += 1
            for entry in document["plugins"]:
                extra.update(soname for soname in entry.get("soname", [])
                             if soname not in sonames and not any(re.search(what, soname) for what in ELSEWHERE))
                matcher = expression(entry["path"]) if "path" in entry else None
                extra.update(path for path in every if matcher and matcher.fullmatch(path)
                             and not any(one.fullmatch(path) for one in paths)
                             and not any(re.search(what, path) for what in ELSEWHERE))
    expect(not extra, f"kate: recorded, and not what the manifests say: {sorted(extra)}")
    print(f"kate: {hosts} hosts recorded by notegen record, all that they match is named by the manifests")


def every_file(root):
    """Paths in ROOT of all that may be shared objects."""
    return ["/" + os.path.relpath(os.path.join(base, name), root) for base, _, names in os.walk(root + "/usr")
            for name in names if ".so" in name]


def check_names(root, names):
    """What is wrong in ROOT with the manifests NAMES: {name: what nobody names}."""
    files = [os.path.join(MANIFESTS, name + ".yaml") for name in names]
    done = notegen("check", "--strict", "--root", root.path, *files, status=None)
    print(done.stdout, end="")
    if done.returncode:
        fail(f"notegen check --strict: {done.stderr}")
    paths, sonames = named(root.path)
    bad = {name: coverage(root, name, paths, sonames) for name in names}
    return {name: missing for name, missing in bad.items() if missing}


def main():
    need("unshare", "mount", "chroot")
    long = bool(os.environ.get("LONG"))
    only = sys.argv[1:]
    names = sorted(name[:-5] for name in os.listdir(MANIFESTS) if name.endswith(".yaml"))
    untested = [name for name in names if name not in RUNS and name not in AS_ROOT]
    expect(not untested, f"manifests without a run in this test: {untested}")
    names = only or (names if long else SHORT)
    newer = [name for _, _, mine in NEWER for name in mine]
    suites = [("bookworm", PACKAGES if long or only else [], [name for name in names if name not in newer]), *NEWER]
    bad = {}
    try:
        for suite, packages, mine in suites:
            wanted = [name for name in mine if name in names]
            root = Root(master("xine", "perl", "python", *packages, suite=suite)) if wanted else None
            if "record" in wanted or (long and not only and suite == "bookworm"):
                check_record(root, *named(root.path))
            wanted = [name for name in wanted if name != "record"]
            if wanted:
                bad.update(check_names(root, wanted))
    except Unavailable as error:
        skip(str(error))
    for name, missing in bad.items():
        for path, callers in sorted(missing.items()):
            print(f"{name}: {path} is loaded by {', '.join(sorted(callers))} and named by no manifest"
                  if path else f"{name}: {callers.pop()}")
    expect(not bad, f"the manifests of {', '.join(bad)} do not name all that is loaded")


main()

# SPDX-License-Identifier: LGPL-2.1-or-later
"""What debian.py runs, in roots of which packages: for each manifest commands that make its plugins be loaded."""
LIB = "/usr/lib/x86_64-linux-gnu"

DESKTOP = """
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

SERVERS = """
    bind9 bind9-dnsutils bind9-utils binutils cryptsetup-bin curl dbus default-jdk-headless default-jre dovecot-core dovecot-imapd
    dovecot-ldap dovecot-mysql dovecot-sieve elpa-vterm emacs-nox erlang-asn1 erlang-base erlang-crypto gcc gdb
    guile-3.0 guile-gnutls iproute2 krb5-kdc krb5-pkinit krb5-user ldb-tools libfido2-1 libidn2-0 libjna-jni
    liblua5.1-0 liblua5.3-0 libqrencode4 libsasl2-modules libsasl2-modules-gssapi-mit libvirt-clients libvirt-daemon
    libzarith-ocaml lua-expat lua-lpeg lua-socket lua5.1 lua5.2 lua5.3 lua5.4 luajit mariadb-plugin-provider-lz4
    mariadb-server node-iconv node-sqlite3 nodejs ocaml-nox openssh-server p11-kit p11-kit-modules postfix
    postfix-ldap postfix-mysql postfix-pcre postfix-sqlite qemu-block-extra qemu-system-x86 qemu-utils rsyslog
    rsyslog-gnutls rsyslog-openssl samba samba-vfs-modules sasl2-bin smbclient systemd tpm2-tools tshark vim-nox
    winbind xauth xserver-xorg-core xserver-xorg-input-libinput xvfb
""".split()
APPLICATIONS = """
    blender chromium enchant-2 evince ffmpeg firefox-esr frei0r-plugins ghostscript gimp gnucash gphoto2 graphviz
    hunspell-en-us inkscape kodi krita libenchant-2-2 libgl1-mesa-dri libgphoto2-6 libsane-common libsane1 mpv obs-studio octave
    octave-statistics pidgin sane-utils scribus swh-plugins wireshark xauth xvfb
""".split()
KDE_6 = """
    kate dolphin okular libkf6purpose-bin libkf6filemetadata-bin frameworkintegration6 kded6 libkirigami6 systemsettings
    plasma-workspace kwin-wayland libphonon4qt6-4
""".split()

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



def sh(text):
    return ["sh", "-c", text]


def x(text):
    """TEXT as a shell runs it, for 20 seconds, before a display of its own."""
    return ["timeout", "20", "xvfb-run", "-a", "sh", "-c", text]


# Manifest: commands that make it load plugins, in a copy of the root; or a program that has no manifest of its own.
SHORT_RUNS = {
    "libc": [["python3", "-c", "import ctypes; ctypes.CDLL(None).backtrace((ctypes.c_void_p * 9)(), 9)"],
             ["iconv", "-t", "UTF-16", "/etc/passwd"], ["getent", "ahosts", "m\u00fcnchen.invalid"]],
    "xine-lib": [["xine-list-1.2", "-p"], ["xine-list-1.2", "-a"]],
    "perl": [["perl", "-e", f"for (qw({XS})) {{ eval qq{{require $_}} or warn $@ }}"]],
    "python": [["python3", "-c", IMPORT_ALL, "/usr/lib/python3.11/lib-dynload/*.so"]],
}
DESKTOP_RUNS = {
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
    "plasma": [["timeout", "6", "okular", "/tmp/rose.png"], ["timeout", "6", "systemsettings"],
               ["timeout", "6", "plasmashell"]],
    "pam": [["su", "-s", "/bin/true", "nobody"]],
}
SERVER_RUNS = {
    "node": [["node", "-e", "require('iconv'); require('sqlite3')"]],
    "java": [sh("exec /usr/lib/jvm/java-1.*/bin/java -Djava.awt.headless=true /tmp/Load.java")],
    "gdb": [["gdb", "-batch", "-ex", "b main", "-ex", "run", "-ex", "info threads", "-ex", "compile code 1", "/usr/bin/node"]],
    "binutils": [sh("echo 'int main(){}' >/tmp/a.c; gcc -flto /tmp/a.c -o /tmp/a; nm /tmp/a")],
    "samba": [sh("mkdir -p /run/samba /var/log/samba /var/lib/samba/private; timeout 5 winbindd -F -s /tmp/smb.conf; "
                 "timeout 9 smbd -F -s /tmp/smb.conf & sleep 4; smbclient -s /tmp/smb.conf -p 4455 -N //127.0.0.1/x -c ls; "
                 "ldbadd -H /tmp/x.ldb /dev/null")],
    "dovecot": [["doveadm", "-c", "/tmp/dovecot.conf", "mailbox", "list", "-u", "nobody"],
                ["doveconf", "-c", "/tmp/dovecot.conf", "-n"]],
    "postfix": [sh("for m in ldap mysql pcre sqlite; do postmap -q x $m:/tmp/nothing; done")],
    "bind9": [["named-checkconf", "/tmp/named.conf"]],
    "krb5": [sh("echo a | kinit a@X"), sh("mkdir -p /var/lib/krb5kdc; kdb5_util create -s -P x")],
    "sasl": [["saslpluginviewer"]],
    "p11-kit": [["p11-kit", "list-modules"]],
    "rsyslog": [["rsyslogd", "-N1", "-f", "/tmp/rsyslog.conf"]],
    "libvirt": [["timeout", "6", "libvirtd"]],
    "mariadb": [sh("mkdir /tmp/db; timeout 9 mariadbd --no-defaults --user=root --datadir=/tmp/db --socket=/tmp/s "
                   "--skip-grant-tables --plugin-load-add='provider_lz4;simple_password_check'")],
    "xorg": [["timeout", "5", "Xorg", ":8", "-logfile", "/tmp/x.log"], ["timeout", "5", "Xvfb", ":7"]],
    "systemd": [sh("systemd-cryptenroll --fido2-device=list; systemd-cryptenroll --tpm2-device=list; "
                   "systemd-cryptenroll --pkcs11-token-uri=list; journalctl -g x -D /tmp")],
    "cryptsetup": [sh("truncate -s 20M /tmp/d; echo x | cryptsetup -q luksFormat --disable-locks --pbkdf pbkdf2 "
                      "--pbkdf-force-iterations 1000 /tmp/d -; echo '{\"type\":\"systemd-fido2\",\"keyslots\":[]}' | "
                      "cryptsetup --disable-locks token import /tmp/d")],
    "emacs": [["emacs", "-Q", "--batch", "--eval", "(progn (require 'org) (module-load \"VTERM\"))".replace(
        "VTERM", LIB + "/emacs-libvterm/vterm-module.so")]],
    "lua": [sh("for v in 1 2 3 4; do lua5.$v -e 'require \"socket\"; require \"lpeg\"'; done; luajit -e 'require \"socket\"'")],
    "vim": [["vim", "-es", "-c", "py3 import ssl", "-c", "perl use POSIX;", "-c", "lua require 'socket'", "-c", "q"]],
    "ocaml": [["ocaml", "-I", "+unix", "/tmp/unix.ml"]],
    "erlang": [["erl", "-noshell", "-eval", "crypto:start(), asn1rt_nif:module_info(), halt()."]],
    "guile": [["guile", "-c", "(use-modules (ice-9 readline) (gnutls))"]],
    "qemu": [["qemu-system-x86_64", "-device", "help"], ["qemu-img", "info", "ssh://u@127.0.0.1:1/x"]],
    "wireshark": [["tshark", "-G", "plugins"]],
}
APPLICATION_RUNS = {
    "ffmpeg": [sh("ffmpeg -f lavfi -i testsrc=d=1 -vf frei0r=cluster -f null -; "
                  "ffmpeg -f lavfi -i anullsrc=d=1 -af ladspa=file=amp_1181:p=amp -f null -")],
    "graphics": [x("mpv --no-config --vo=gpu --ao=null --length=1 av://lavfi:testsrc=d=1"), x("kodi --standalone")],
    "obs": [x("obs --multi --disable-updater")],
    "tbb": [["blender", "-b", "--python-expr", "import bpy, numpy; bpy.ops.render.render()"]],
    "krita": [x("ffmpeg -f lavfi -i testsrc=d=1 -frames 1 /tmp/i.png; krita --export --export-filename /tmp/o.jpg /tmp/i.png")],
    "enchant": [sh("echo a | enchant-2 -a -d en_US")],
    "x11": [x("inkscape --export-type=png -o /tmp/o.png /usr/share/icons/hicolor/scalable/apps/org.inkscape.Inkscape.svg"),
            x("kodi --standalone")],
    "scribus": [["timeout", "20", "scribus", "-g", "-ns", "-py", "/dev/null"]],
    "gnucash": [x("gnucash --nofile --extra")],
    "wireshark": [["timeout", "20", "wireshark"]],
    "octave": [["octave-cli", "--eval", "pkg load statistics; __init_gnuplot__; pdist(eye(3)); amd(sparse(eye(3)))"]],
    "gimp": [x("gimp -n -s -d")],
    "mozilla": [["timeout", "25", "firefox-esr", "--headless", "--screenshot", "/tmp/a.png", "about:blank"]],
    "chromium": [["timeout", "25", "chromium", "--headless", "--no-sandbox", "--dump-dom", "about:blank"]],
    "gphoto2": [["gphoto2", "--auto-detect"]],
    "sane": [["scanimage", "-L"]],
    "graphviz": [sh("dot -c; echo 'digraph { a -> b }' | dot -Tpdf -o /tmp/a.pdf")],
    "evince": [sh("echo showpage | gs -q -sDEVICE=pdfwrite -o /tmp/a.pdf -; evince-thumbnailer /tmp/a.pdf /tmp/a.png")],
    "pidgin": [x("pidgin -c /tmp/pidgin -n")],
}
PLAYERS = "kodi kodi-inputstream-adaptive kodi-peripheral-joystick libmpv2 mpv mpv-mpris xauth xvfb".split()
PLAYER_RUNS = {
    "kodi": [x("kodi --standalone")],
    "mpv": [x("mpv --vo=null --ao=null --length=1 av://lavfi:testsrc=d=1")],
}
NEWER_RUNS = {
    "kde-frameworks-6": [["timeout", "6", "kate", "-b", "-n", "/tmp/apache.conf"], ["timeout", "6", "dolphin", "/tmp"]],
}
SID_RUNS = {
    "lua": [["lua5.5", "-e", "require 'socket'; require 'lpeg'"]],
    "tcl": [sh("echo 'package require Tk' | tclsh9.0"), sh("echo 'package require img::png' | tclsh9.0")],
}
SDL_RUNS = {
    "sdl": [["xine-list-1.2", "-p"]],
}
AS_ROOT = {"graphviz", "pam"} | SERVER_RUNS.keys() - {"vim"}

# What is dlopened and is no plugin of the application.  Pattern of the name: reason.
ELSEWHERE = {
    r"libsoftokn3|libfreebl|libnssckbi": "Mozilla's NSS loads its own parts",
    r"libmfx|libcuda|libnvidia|libvpl": "hardware that an element probes for",
    r"gconv/": "character sets of iconv, of which any program may ask for any",
    r"/libX[a-z]+\.so|libxcb|libwayland|libdecor": "a window system that a library looks for by itself",
}

DESKTOP_FILES = r"""
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
SERVER_FILES = r"""
cat >/tmp/Load.java <<X
import java.awt.*; import java.awt.image.*;
public class Load { public static void main(String[] a) throws Exception {
	System.load("/usr/lib/x86_64-linux-gnu/jni/libjnidispatch.system.so");
	new java.net.ServerSocket(0); java.lang.management.ManagementFactory.getRuntimeMXBean().getPid();
	new BufferedImage(9, 9, BufferedImage.TYPE_INT_RGB).createGraphics().drawString("a", 1, 8);
}}
X
echo '#load "unix.cma";;' >/tmp/unix.ml
cat >/tmp/smb.conf <<X
[global]
smb ports = 4455
map to guest = bad user
idmap config * : backend = rid
[x]
path = /tmp
guest ok = yes
vfs objects = recycle acl_xattr
X
case $(dovecot --version) in
2.3*) printf 'import_environment = TZ LD_DEBUG\nmail_location = maildir:/tmp/mail\nmail_plugins = quota acl zlib\nplugin {\n quota = maildir\n}\n' ;;
*) printf 'dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\nmail_driver = maildir\nmail_path = /tmp/mail\n'
   printf 'import_environment {\n LD_DEBUG = %%{env:LD_DEBUG}\n}\nmail_plugins {\n quota = yes\n acl = yes\n}\n' ;;
esac >/tmp/dovecot.conf
echo 'compatibility_level = 3.6' >/etc/postfix/main.cf
echo postfix:x:120:120::/:/bin/false >>/etc/passwd; printf 'postfix:x:120:\npostdrop:x:121:\n' >>/etc/group
for m in ldap mysql pcre sqlite; do printf "$m\tpostfix-$m.so\tdict_${m}_open\n"; done >/etc/postfix/dynamicmaps.cf
printf 'options { directory "/tmp"; };\nplugin query "filter-aaaa.so" { filter-aaaa-on-v4 yes; };\n' >/tmp/named.conf
printf '[libdefaults]\ndefault_realm = X\n[realms]\nX = {\nkdc = 127.0.0.1:99\n}\n' >/etc/krb5.conf
for m in imuxsock imtcp imfile lmnsd_gtls mmjsonparse; do echo "module(load=\"$m\")"; done >/tmp/rsyslog.conf
echo '*.* /tmp/log' >>/tmp/rsyslog.conf
"""

SETS = ["xine", "perl", "python"]
# Releases, packages, runs, and the script that makes the files which the runs read.  The first is the short form.
MONITORS = "collectd-core libcurl3-gnutls libmemcached11 libmodbus5 libpython3.11 libyajl2 librrd8 libnuma1 procps".split()
MONITOR_RUNS = {
    "collectd": [sh("for p in logfile cpu csv curl_json memcachec modbus network perl python rrdtool; do echo LoadPlugin $p; done "
                    ">/tmp/collectd.conf; collectd -T -C /tmp/collectd.conf")],
    "procps": [["ps", "--version"]],
}
GROUPS = [
    (["bookworm"], SETS, SHORT_RUNS, ""),
    (["bookworm"], [*SETS, *DESKTOP], DESKTOP_RUNS, DESKTOP_FILES),
    (["bookworm", "trixie"], SERVERS, SERVER_RUNS, SERVER_FILES),
    (["bookworm", "trixie"], APPLICATIONS, APPLICATION_RUNS, ""),
    (["bookworm"], PLAYERS, PLAYER_RUNS, ""),
    (["bookworm"], MONITORS, MONITOR_RUNS, ""),
    (["trixie"], [*SETS, *KDE_6], NEWER_RUNS, DESKTOP_FILES),
    (["sid"], SETS, SDL_RUNS, ""),
    (["sid"], "lua5.5 liblua5.5-0 lua-socket lua-lpeg tcl9.0 tk9.0 libtk-img".split(), SID_RUNS, ""),
]

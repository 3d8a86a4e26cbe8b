# SPDX-License-Identifier: LGPL-2.1-or-later
"""What daemons.py runs: for each daemon its packages, files in /t, and a shell script that starts it, asks it, has it reload
TIMES times, asks it after each, and stops it.  What the script prints is compared."""

LIB = "/usr/lib/x86_64-linux-gnu"
FUNCTIONS = r"""
cd /t
becomes() {   # WANTED COMMAND...: waits until what COMMAND prints has WANTED in it
	wanted=$1; shift
	for attempt in $(seq 600); do
		case "$("$@" 2>&1)" in *"$wanted"*) return 0;; esac
		sleep 0.1
	done
	echo "never $wanted: $("$@" 2>&1)"
	return 1
}
gone() {      # PID: waits until it has ended
	for attempt in $(seq 600); do
		case "$(sed 's/.*) //' /proc/$1/stat 2>/dev/null)" in Z*|'') return 0;; esac
		sleep 0.1
	done
	echo "$1 did not end"
}
as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups env HOME=/tmp "$@"; }
counted() { sort | uniq -c | sed 's/^ *//'; }
"""


class Daemon:
    def __init__(self, packages, script, **files):
        self.packages, self.script = packages.split() + ["iproute2", "procps"], FUNCTIONS + script
        self.files = {name.replace("_", ".", 1): text for name, text in files.items()}


DAEMONS = {
    "apache2": Daemon("apache2-bin libapache2-mod-perl2 libapache2-mod-php8.2 libaprutil1-dbd-sqlite3 curl", r"""
mkdir -p www; echo '<?php echo "php ", 6 * 7, " ", count(get_loaded_extensions()) > 9;' >www/a.php; echo static >www/b.txt
ask() { curl -sS http://127.0.0.1:8080/$1 2>&1; }
apache2 -f /t/apache.conf -k start
becomes Generation:\ 0 ask status?auto
main=$(cat apache.pid)
ask a.php; echo; ask b.txt; ask perl; echo
for i in $(seq $TIMES); do
	[ $((i % 2)) = 1 ] && how=USR1 || how=HUP
	kill -$how $main
	becomes "Generation: $i
" ask status?auto || break
	ask a.php; ask perl; echo
done | counted
apache2 -f /t/apache.conf -t 2>&1
apache2 -f /t/apache.conf -M 2>/dev/null | wc -l
kill -TERM $main; gone $main
grep -cE 'exit signal|Segmentation|undefined symbol|crit|emerg' error.log
""", apache_conf="ServerRoot /t\nServerName x\nListen 8080\nPidFile /t/apache.pid\nErrorLog /t/error.log\nDocumentRoot /t/www\nUser nobody\n"
                     "StartServers 2\nMaxRequestWorkers 4\nMutex pthread\nExtendedStatus On\n" + "".join(
                         f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n" for name in
                         """mpm_prefork authn_core authz_core authz_host auth_basic authn_file authn_dbd dbd mime dir alias status rewrite headers env setenvif ssl
                         socache_shmcb cgi deflate filter expires proxy proxy_http cache cache_disk dav dav_fs lua include negotiation session perl""".split()) +
                     "LoadModule php_module /usr/lib/apache2/modules/libphp8.2.so\nTypesConfig /dev/null\nDBDriver sqlite3\n"
                     "<FilesMatch \\.php$>\nSetHandler application/x-httpd-php\n</FilesMatch>\n<Location /status>\nSetHandler server-status\n</Location>\n"
                     "<Perl>\npackage My; use POSIX; use Socket; use Apache2::RequestRec; use Apache2::RequestIO; sub handler { my $r = shift; $r->print('perl ' . POSIX::floor(3.5)); return 0; } 1;\n</Perl>\n"
                     "<Location /perl>\nSetHandler modperl\nPerlResponseHandler My\n</Location>\n"),
    "nginx": Daemon("nginx libnginx-mod-stream libnginx-mod-http-perl libnginx-mod-http-geoip libnginx-mod-http-xslt-filter curl", r"""
mkdir -p /var/lib/nginx /var/log/nginx
ask() { curl -s http://127.0.0.1:8081/; }
configure() { sed "s/GENERATION/$1/" nginx.in >nginx.conf; }
configure 0; nginx -c /t/nginx.conf; becomes "generation 0 42" ask; ask; echo
for i in $(seq $TIMES); do
	configure $i; kill -HUP $(cat nginx.pid)
	becomes "generation $i 42" ask && echo reloaded
	curl -s http://127.0.0.1:8082/ | sed 's/generation.*/by stream/'; echo
done | counted
nginx -c /t/nginx.conf -t 2>&1
main=$(cat nginx.pid); kill -QUIT $main; gone $main
grep -cE 'signal|crit|emerg|undefined symbol' error.log
""", nginx_in="user nobody nogroup;\npid /t/nginx.pid;\nerror_log /t/error.log;\nworker_processes 2;\n" + "".join(
                    f"load_module /usr/lib/nginx/modules/ngx_{name}_module.so;\n" for name in ("stream", "http_perl", "http_geoip", "http_xslt_filter")) +
                  "events {}\nstream { server { listen 8082; proxy_pass 127.0.0.1:8081; } }\n"
                  "http { access_log off; perl_set $answer 'sub { use POSIX; return POSIX::floor(42.5); }';\n"
                  "server { listen 8081; location / { return 200 \"generation GENERATION $answer\"; } } }\n"),
    "postgres": Daemon("postgresql-15 postgresql-plperl-15 postgresql-plpython3-15 postgresql-pltcl-15", r"""
P=/usr/lib/postgresql/15/bin; mkdir -p db /dev/shm /var/run/postgresql; chmod 1777 /dev/shm; chown 65534:65534 /t db
sql() { as_nobody $P/psql -h /t -U nobody -d postgres -Atc "$1" 2>&1; }
as_nobody $P/initdb -N -A trust -U nobody -D db >/dev/null || exit 1
printf "%s\n" "shared_preload_libraries = 'pg_stat_statements,auto_explain'" "listen_addresses = ''" "unix_socket_directories = '/t'" >>db/postgresql.conf
as_nobody $P/pg_ctl -D db -l /t/db.log -w start >/dev/null
for e in plperl plperlu plpython3u pltcl hstore pgcrypto pg_trgm btree_gin citext ltree unaccent uuid-ossp xml2 postgres_fdw fuzzystrmatch; do sql "create extension \"$e\""; done
sql "create function p() returns int language plperlu as 'use POSIX; return POSIX::floor(42.5)'"
sql "create function y() returns int language plpython3u as 'import json, decimal; return json.loads(\"43\")'"
sql "create function t() returns int language pltcl as 'expr 6 * 7 + 2'"
for i in $(seq $TIMES); do
	echo "work_mem = $((1024 + i))kB" >db/postgresql.auto.conf
	kill -HUP $(head -1 db/postmaster.pid)
	becomes $((1024 + i))kB sql "show work_mem" || break
	sql "select p(), y(), t(), encode(digest('a', 'sha256'), 'hex'), 'a=>1'::hstore -> 'a', similarity('abc', 'abd'), levenshtein('a', 'b')"
done | counted
sql "set jit = on; set jit_above_cost = 0; select sum(i * 2) from generate_series(1, 1000) i"
sql "set max_parallel_workers_per_gather = 2; set parallel_setup_cost = 0; set parallel_tuple_cost = 0; select count(*) > 9 from pg_attribute"
sql "create extension pg_stat_statements"; sql "select count(*) > 0 from pg_stat_statements"
main=$(head -1 db/postmaster.pid); as_nobody $P/pg_ctl -D db -w -m fast stop >/dev/null; gone $main
grep -cE 'terminated by signal|PANIC|undefined symbol' db.log
"""),
    "slapd": Daemon("slapd ldap-utils", r"""
mkdir -p data
ask() { ldapsearch -x -LLL -H ldap://127.0.0.1:3890 -b dc=x "$@" 2>&1; }
for i in $(seq $((TIMES / 5))); do
	slapd -f /t/slapd.conf -h ldap://127.0.0.1:3890 -d 0 & main=$!
	becomes "namingContexts: dc=x" ldapsearch -x -LLL -H ldap://127.0.0.1:3890 -b '' -s base namingContexts || break
	[ $i != 1 ] || ldapadd -x -H ldap://127.0.0.1:3890 -D cn=a,dc=x -w secret -f start.ldif 2>&1
	ask cn=member memberOf cn
	ldapwhoami -x -H ldap://127.0.0.1:3890 -D cn=member,dc=x -w hashed 2>&1
	kill -TERM $main; wait $main; echo "ended $?"
done | counted
slaptest -f /t/slapd.conf 2>&1; slapcat -f /t/slapd.conf 2>/dev/null | grep -c ^dn; slappasswd -h '{SSHA}' -s a | cut -c1-6
""", slapd_conf="include /etc/ldap/schema/core.schema\npidfile /t/slapd.pid\nmodulepath /usr/lib/ldap\n" + "".join(
                     f"moduleload {name}\n" for name in "back_mdb back_ldap back_meta back_null back_monitor memberof ppolicy syncprov accesslog refint unique dynlist rwm".split()) +
                   "database monitor\ndatabase mdb\nsuffix dc=x\nrootdn cn=a,dc=x\nrootpw secret\ndirectory /t/data\noverlay memberof\noverlay syncprov\noverlay refint\noverlay ppolicy\n"
                   "access to * by * write\n",
                   start_ldif="dn: dc=x\nobjectClass: dcObject\nobjectClass: organization\no: x\ndc: x\n\ndn: cn=member,dc=x\nobjectClass: person\nsn: m\ncn: member\nuserPassword: hashed\n\n"
                   "dn: cn=group,dc=x\nobjectClass: groupOfNames\ncn: group\nmember: cn=member,dc=x\n"),
    "postfix": Daemon("postfix postfix-pcre postfix-sqlite sqlite3", r"""
echo 'postfix:x:101:101::/var/spool/postfix:/bin/false' >>/etc/passwd; printf 'postfix:x:101:\npostdrop:x:102:\n' >>/etc/group
rm -f /var/mail/root; mkdir -p /var/spool/postfix /var/lib/postfix /var/mail; chown 101:101 /var/lib/postfix; ln -sf /t/main.cf /etc/postfix/main.cf
[ -f /etc/postfix/master.cf ] || cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf
cp /etc/hosts /etc/resolv.conf /etc/services /etc/nsswitch.conf /t 2>/dev/null; printf '127.0.0.1 localhost\n' >/etc/hosts
printf 'pcre\tpostfix-pcre.so\tdict_pcre_open\nsqlite\tpostfix-sqlite.so\tdict_sqlite_open\n' >/etc/postfix/dynamicmaps.cf
printf '/^(.*)@here$/ root\n' >map.pcre; sqlite3 map.db 'create table m(k, v); insert into m values("b@here", "root")'
printf 'dbpath = /t/map.db\nquery = select v from m where k = "%%s"\n' >map.sqlite
postmap -q a@here pcre:/t/map.pcre; postmap -q b@here sqlite:/t/map.sqlite; postmap -q nothing sqlite:/t/map.sqlite; echo $?
postfix start 2>&1 | grep -v starting; becomes up sh -c 'postfix status && echo up'
for i in $(seq $TIMES); do
	postconf -e "myhostname=host$i.x"; postfix reload 2>&1 | grep -v refreshing
	printf 'ehlo x\nmail from:<a@here>\nrcpt to:<b@here>\nquit\n' | /usr/lib/postfix/sbin/smtpd -S 2>&1 | sed "s/host$i\.x/HOST/"
done | counted
printf 'To: a@here\n\nword\n' | sendmail -i a@here; becomes word cat /var/mail/root; grep -c word /var/mail/root
main=$(tr -d ' ' </var/spool/postfix/pid/master.pid); postfix stop 2>/dev/null; gone $main
grep -cE 'fatal|signal|undefined symbol' /t/mail.log
""", main_cf="compatibility_level = 3.6\nmaillog_file = /t/mail.log\nmaillog_file_prefixes = /t\nmyhostname = host.x\nmydestination = here\nmyorigin = here\ninet_interfaces = loopback-only\n"
                 "inet_protocols = ipv4\nvirtual_alias_maps = pcre:/t/map.pcre, sqlite:/t/map.sqlite\nalias_maps =\n"),
    "dovecot": Daemon("dovecot-core dovecot-imapd dovecot-sqlite dovecot-sieve curl", r"""
printf 'dovecot:x:103:103::/:/bin/false\ndovenull:x:104:104::/:/bin/false\n' >>/etc/passwd; printf 'dovecot:x:103:\ndovenull:x:104:\n' >>/etc/group
mkdir -p /t/run /t/mail; chown 65534:65534 /t/mail; echo 'u:{PLAIN}p:65534:65534::/t/mail' >users
ask() { curl -s --max-time 20 imap://127.0.0.1:1430 -u u:p -X "$@" 2>&1 | tr -d '\r'; }
dovecot -c /t/dovecot.conf
becomes LIST ask 'LIST "" *'; ask 'CREATE box'; ask CAPABILITY
main=$(cat run/master.pid)
for i in $(seq $TIMES); do
	kill -HUP $main; becomes LIST ask 'LIST "" *'; ask 'LIST "" *'
	doveadm -c /t/dovecot.conf auth test u p 2>&1 | head -2
done | counted
doveadm -c /t/dovecot.conf mailbox list -u u 2>&1; doveadm -c /t/dovecot.conf pw -s SHA512-CRYPT -p a | cut -c1-15
doveconf -c /t/dovecot.conf -n | wc -l
kill $main; gone $main
grep -cE 'killed with signal|Panic|undefined symbol' dovecot.log
""", dovecot_conf="base_dir = /t/run\nlog_path = /t/dovecot.log\nprotocols = imap\nlisten = 127.0.0.1\nssl = no\ndisable_plaintext_auth = no\ndefault_login_user = dovenull\n"
                      "default_internal_user = dovecot\nmail_location = maildir:~/m\nmail_plugins = quota acl zlib virtual mail_log notify\nfirst_valid_uid = 1\n"
                      "service imap-login {\n inet_listener imap {\n  port = 1430\n }\n}\npassdb {\n driver = passwd-file\n args = /t/users\n}\n"
                      "userdb {\n driver = passwd-file\n args = /t/users\n}\nprotocol imap {\n mail_plugins = $mail_plugins imap_acl imap_quota imap_zlib\n}\n"
                      "plugin {\n acl = vfile\n quota = maildir:User quota\n}\n"),
    "samba": Daemon("samba samba-vfs-modules smbclient", r"""
mkdir -p /run/samba /var/log/samba /var/lib/samba/private /var/cache/samba share; chmod 777 share; echo contents >share/a
ask() { smbclient -s /t/smb.conf -p 4455 -N //127.0.0.1/x -c "$1" 2>&1; }
smbd -D -s /t/smb.conf; becomes a ask ls
main=$(cat /run/samba/smbd.pid)
for i in $(seq $TIMES); do
	kill -HUP $main; ask 'get a /tmp/a; put /tmp/a b; del b'| sed 's/ (.*//'; cat /tmp/a
done | counted
testparm -s /t/smb.conf 2>/dev/null | wc -l; net -s /t/smb.conf getlocalsid 2>/dev/null | wc -l; pdbedit -s /t/smb.conf -L 2>&1 | grep -v "^Can't" | wc -l
ask 'allinfo a' | grep -c attributes
kill $main; gone $main
grep -rhE . /var/log/samba | grep -cE 'INTERNAL ERROR|PANIC|undefined symbol|Error loading module'
""", smb_conf="[global]\nsmb ports = 4455\nmap to guest = Bad User\nguest account = nobody\ninterfaces = lo\nbind interfaces only = yes\nlog level = 0\nlog file = /var/log/samba/log\n"
                  "load printers = no\ndisable spoolss = yes\n[x]\npath = /t/share\nguest ok = yes\nwritable = yes\n"
                  "vfs objects = acl_xattr catia fruit streams_xattr recycle full_audit shadow_copy2 xattr_tdb\n"),
    "pulseaudio": Daemon("pulseaudio pulseaudio-utils", r"""
export PULSE_SERVER=unix:/t/native HOME=/t XDG_RUNTIME_DIR=/t
pulseaudio -n --exit-idle-time=-1 --disallow-exit=0 --log-target=file:/t/log -L 'module-native-protocol-unix socket=/t/native auth-anonymous=1' -L module-null-sink & main=$!
becomes Name pactl info; pactl list short sinks | cut -f2
for i in $(seq $TIMES); do
	for module in module-null-sink module-null-source module-sine module-virtual-sink module-loopback module-echo-cancel module-remap-sink module-combine-sink module-ladspa-sink \
		module-device-restore module-stream-restore module-switch-on-port-available module-pipe-sink; do
		n=$(pactl load-module $module 2>&1) && pactl unload-module $n && echo "$module was loaded" || echo "$module: $n"
	done
done | counted
pacmd --version; pactl list short modules | wc -l; head -c 99999 /dev/zero | timeout 60 pacat --format=s16le; echo $?
kill $main; wait $main; echo $?
grep -cE 'undefined symbol|Assertion' log
"""),
    "pipewire": Daemon("pipewire pipewire-bin libspa-0.2-modules", r"""
export XDG_RUNTIME_DIR=/t HOME=/t PIPEWIRE_RUNTIME_DIR=/t
pipewire >log 2>&1 & main=$!
becomes core pw-cli info 0
pw-cli ls Module | grep name | sort
for i in $(seq $TIMES); do
	printf 'load-module libpipewire-module-loopback\nload-module libpipewire-module-filter-chain\ncreate-node adapter { factory.name=support.null-audio-sink node.name=s%d }\nquit\n' $i |
		pw-cli 2>&1 | grep -c .
	spa-inspect /usr/lib/x86_64-linux-gnu/spa-0.2/audioconvert/libspa-audioconvert.so 2>&1 | grep -c factory
done | counted
kill $main; wait $main; echo $?
grep -cE 'undefined symbol|dlopen' log
"""),
}

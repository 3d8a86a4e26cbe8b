# SPDX-License-Identifier: LGPL-2.1-or-later
"""What languages.py runs: for each language its packages, what it is started with, scripts, and what is built for them."""
COMPILER = "gcc libc6-dev"
# A library for those that call C.
C = """
#include <errno.h>
int twice(int x) { errno = 7; return 2 * x; }
int apply(int (*f)(int), int x) { return f(x) + 1; }
const char *text(void) { return "from C"; }
"""
HOST = r"""
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		void *handle = dlopen(argv[i], RTLD_NOW);
		int (*call)(int) = handle ? (int (*)(int))dlsym(handle, "call") : NULL;
		printf("%d\n", call ? call(i) : -1);
		if (!handle)
			puts(dlerror());
	}
	return 0;
}
"""


class Language:
    """A run time: PACKAGES, what starts a script that is the last argument, or in the file /t/N.SUFFIX; SCRIPTS, one a line;
    files that are needed in /t, and a shell script that builds there."""

    def __init__(self, packages, start, scripts, suffix=None, files=(), build="", separator="\n"):
        self.packages, self.start, self.suffix, self.build = packages.split(), start.split(), suffix, build
        self.scripts = [text.strip() for text in scripts.strip().split(separator)]
        self.files = {"c.c": C, "host.c": HOST, "heavy.c": HEAVY, **dict(files)}


HEAVY = "static int f(void) { return 1; } int (*table[40000])(void) = { [0 ... 39999] = f };\n"  # so that a plan of host's pays
CC = "gcc -shared -fPIC -o libc1.so c.c && gcc -shared -fPIC -o libheavy.so heavy.c && gcc -o host host.c -L. -Wl,--no-as-needed -lheavy -Wl,-rpath,/t && "
LANGUAGES = {
    "python": Language(f"python libpython3.11-testsuite python3-pil {COMPILER}", "python3 -c", r"""
import ctypes; c = ctypes.CDLL('/t/libc1.so'); print(c.twice(4), c.apply(ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda x: x * 3), 5))
import numpy, numpy.fft, numpy.linalg, numpy.random; print(numpy.linalg.det(numpy.eye(3) * 2), numpy.fft.fft([1, 0]), numpy.random.RandomState(3).rand())
import lxml.etree, lxml.objectify, yaml; print(lxml.etree.tostring(lxml.etree.XML('<a><b/></a>')), yaml.load('[1, 2]', yaml.CSafeLoader))
import ssl, hashlib, sqlite3; print(hashlib.sha3_256(b'a').hexdigest(), sqlite3.connect(':memory:').execute('select 1+2').fetchall())
import multiprocessing as m, functools, operator; print(m.get_context('fork').Pool(2).map(functools.partial(operator.mul, 3), range(5)))
import PIL.Image, io; b = io.BytesIO(); PIL.Image.new('RGB', (9, 9), 'red').save(b, 'PNG'); print(len(b.getvalue()), PIL.Image.open(b).size)
import threading, decimal; t = [threading.Thread(target=lambda: decimal.Decimal(2).sqrt()) for i in range(9)]; [x.start() or x.join() for x in t]; print(decimal.getcontext())
import glob, importlib, os; print([n for n in sorted(os.path.basename(p).split('.')[0] for p in glob.glob('/usr/lib/python3.11/lib-dynload/*')) if not importlib.import_module(n)])
import unittest, test.test_ctypes; r = unittest.TextTestRunner(open('/dev/null', 'w')).run(unittest.defaultTestLoader.loadTestsFromName('test.test_ctypes')); print(r)
import unittest; r = unittest.TextTestRunner(open('/dev/null', 'w')).run(unittest.defaultTestLoader.loadTestsFromNames(['test.test_zlib', 'test.test_struct', 'test.test_json', 'test.test_array'])); print(r)
import faulthandler, os, signal; os.kill(os.getpid(), signal.SIGTERM)
import sys; sys.stdout.write('exit'); raise SystemExit(5)
""", build=CC + "true"),
    "perl": Language("perl libgd-perl libinline-c-perl libffi-platypus-perl " + COMPILER, "perl -e", r"""
use POSIX; print floor(3.5), strftime("%Y", gmtime 0), setlocale(LC_ALL, "C")
use XML::LibXML; print XML::LibXML->new->parse_string("<a><b/></a>")->findnodes("//b")->size
use DBI; my $d = DBI->connect("dbi:SQLite:dbname=:memory:"); print $d->selectrow_array("select 1 + 2")
use JSON::XS; print JSON::XS->new->canonical->encode({ a => [1, 2], b => undef })
use Net::SSLeay; Net::SSLeay::initialize(); print Net::SSLeay::SSLeay() > 0
use GD; my $i = GD::Image->new(9, 9); $i->colorAllocate(255, 0, 0); print length $i->png
use FFI::Platypus 1.00; my $f = FFI::Platypus->new(api => 1, lib => "/t/libc1.so"); print $f->function(twice => ["int"] => "int")->call(4)
use threads; print join ",", map { $_->join } map { my $n = $_; threads->create(sub { $n * $n }) } 1 .. 5
use Encode; print encode("UTF-16BE", decode("shiftjis", "\x83\x65")); use Digest::SHA; print Digest::SHA::sha256_hex("a")
use Storable; use List::Util "sum"; use Time::HiRes; use Socket; use IO::Socket; print sum(@{Storable::thaw(Storable::freeze([1, 2]))})
if (my $p = fork) { waitpid $p, 0; print $? >> 8 } else { require Data::Dumper; require B; exit 7 }
use B::Deparse; print B::Deparse->new->coderef2text(sub { 1 + $_[0] }); kill 15, $$; sleep 9
""", build=CC + "true"),
    "ruby": Language("ruby ruby-nokogiri ruby-json ruby-sqlite3 ruby-bcrypt " + COMPILER, "ruby -e", r"""
require 'fiddle'; l = Fiddle.dlopen('/t/libc1.so'); puts Fiddle::Function.new(l['twice'], [Fiddle::TYPE_INT], Fiddle::TYPE_INT).call(4)
require 'nokogiri'; puts Nokogiri::XML('<a><b/></a>').xpath('//b').size
require 'sqlite3'; p SQLite3::Database.new(':memory:').execute('select 1 + 2')
require 'json'; puts JSON.generate({ 'a' => [1, nil] })
require 'openssl'; puts OpenSSL::Digest::SHA256.hexdigest('a')
require 'bcrypt'; puts BCrypt::Password.new(BCrypt::Password.create('x', cost: 4)) == 'x'
require 'zlib'; puts Zlib.inflate(Zlib.deflate('abc' * 99)).size; require 'psych'; puts({ 'a' => 1 }.to_yaml)
require 'ripper'; p Ripper.sexp('1 + 2'); require 'socket'; p Socket.gethostname.size > 0
puts 'caf\u00e9'.encode('EUC-JP', undef: :replace).bytes.sum; puts 'x'.encode('UTF-16').inspect
p (1..5).map { |i| Thread.new { i * i } }.map(&:value); p Ractor.new { 3 }.take
p Process.wait2(fork { require 'date'; exit 7 })[1].exitstatus; require 'bigdecimal'; puts BigDecimal('0.1') + 1
require 'etc'; puts Etc.getpwuid(0).name; Process.kill(:TERM, $$); sleep 9
""", build=CC + "true"),
    "php": Language("php8.2-cli php8.2-xml php8.2-mbstring php8.2-sqlite3 php8.2-curl php8.2-gd php8.2-opcache php8.2-intl " + COMPILER,
                    "php8.2 -n -d extension=ffi -d extension=mbstring -d extension=dom -d extension=simplexml -d extension=pdo -d "
                    "extension=pdo_sqlite -d extension=curl -d extension=gd -d extension=intl -d zend_extension=opcache -d opcache.enable_cli=1 -d "
                    "opcache.jit_buffer_size=16M -d extension=posix -d extension=ctype -r", r"""
$f = FFI::cdef("int twice(int); int apply(int (*f)(int), int x);", "/t/libc1.so"); echo $f->twice(4), $f->apply(fn($x) => $x * 3, 5);
echo count((new SimpleXMLElement("<a><b/><b/></a>"))->b);
print_r((new PDO("sqlite::memory:"))->query("select 1 + 2")->fetchAll());
$c = curl_init("file:///etc/passwd"); curl_setopt($c, CURLOPT_RETURNTRANSFER, 1); echo strlen(curl_exec($c));
$i = imagecreatetruecolor(9, 9); ob_start(); imagepng($i); echo md5(ob_get_clean());
echo mb_strtoupper("caf\u{e9}"), mb_convert_encoding("a", "UTF-16");
echo (new NumberFormatter("de_DE", NumberFormatter::DECIMAL))->format(1234.5), Collator::create("sv")->compare("a", "b");
function f($n) { return $n < 2 ? $n : f($n - 1) + f($n - 2); } echo f(24), json_encode(opcache_get_status()["jit"]["enabled"]);
print_r(get_loaded_extensions());
echo hash("sha3-256", "a"), strlen(random_bytes(9)), password_verify("x", password_hash("x", PASSWORD_BCRYPT, ["cost" => 4])); exit(5);
posix_kill(getmypid(), 15); sleep(9);
""", build=CC + "true"),
    "r": Language("r-base-core r-recommended " + COMPILER, "R --vanilla --no-echo -e", r"""
dyn.load('/t/libc1.so'); print(is.loaded('twice'))
print(solve(matrix(c(2, 1, 1, 3), 2)), digits = 5)
print(summary(lm(dist ~ speed, cars)))
library(MASS); print(fractions(0.75)); print(coef(rlm(stack.loss ~ ., stackloss)))
library(Matrix); print(Matrix(0:3, 2) %*% Diagonal(2))
library(survival); print(survfit(Surv(time, status) ~ 1, aml))
library(nlme); print(fixef(lme(distance ~ age, Orthodont, ~ 1 | Subject)))
print(unlist(parallel::mclapply(1:4, function(i) i^2, mc.cores = 2)))
for (f in Sys.glob('/usr/lib/R/library/*/libs/*.so')) try(dyn.load(f)); print(length(getLoadedDLLs()))
pdf('/tmp/a.pdf'); plot(1:10); dev.off(); print(file.size('/tmp/a.pdf') > 1000); png('/tmp/a.png', type = 'cairo'); plot(1:10); dev.off()
set.seed(1); print(rnorm(3)); print(fft(1:4)); print(optim(c(1, 1), function(x) sum((x - 3)^2))$par); quit(status = 5)
print(methods:::.S4methods(class = 'numeric')[1:3]); print(grepl('a+', 'caa', perl = TRUE)); tools::pskill(Sys.getpid(), 15); Sys.sleep(9)
""", build=CC + "true"),
    "lua": Language("lua5.4 luajit lua-lpeg lua-cjson lua-socket lua-expat lua-sql-sqlite3 lua-posix lua-zlib " + COMPILER, "sh -c", r"""
lua5.4 -e 'local l = require "lpeg"; print(l.match(l.C(l.R("az")^1), "abc1"))'
luajit -e 'print(require "cjson".encode({1, "a"}))'
lua5.4 -e 'local s = require "socket"; print(s.bind("127.0.0.1", 0) ~= nil, require "mime".b64("abc"))'
lua5.4 -e 'local p = require "lxp".new({StartElement = function(_, n) print(n) end}); p:parse("<a><b/></a>")'
lua5.4 -e 'local c = require "luasql.sqlite3".sqlite3():connect(""); print(c:execute("select 1 + 2"):fetch())'
luajit -e 'local p = require "posix"; local n = p.fork(); if n == 0 then os.exit(7) else print(select(2, p.wait(n)), select(3, p.wait(n))) end'
lua5.4 -e 'local z = require "zlib"; print(#z.deflate()(("x"):rep(999), "finish"))'
luajit -e 'local f = require "ffi"; f.cdef "int twice(int); int apply(int (*)(int), int);"; local c = f.load("/t/libc1.so"); print(c.twice(4), c.apply(function(x) return x * 3 end, 5))'
luajit -e 'local s = 0; for i = 1, 1e7 do s = s + i % 7 end print(s)'
lua5.4 -e 'print(package.loadlib("/t/libc1.so", "*"), package.loadlib("/t/libc1.so", "nothing"))'
lua5.4 -e 'for i = 1, 99 do local f = coroutine.wrap(function() coroutine.yield(i) end); f() end print(collectgarbage("count") > 0) error("on purpose")'
luajit -e 'local p = require "posix"; p.kill(p.getpid("pid"), 15)'
""", build=CC + "true"),
    "guile": Language("guile-3.0 guile-gnutls guile-sqlite3 " + COMPILER, "guile --no-auto-compile -c", r"""
(use-modules (system foreign) (system foreign-library)) (display ((foreign-library-function "/t/libc1.so" "twice" #:return-type int #:arg-types (list int)) 4))
(use-modules (system foreign)) (display ((pointer->procedure double (dynamic-func "cos" (dynamic-link "libm.so.6")) (list double)) 0.0))
(use-modules (gnutls)) (display (gnutls-version))
(use-modules (sqlite3)) (define d (sqlite-open ":memory:")) (define s (sqlite-prepare d "select 1 + 2")) (display (sqlite-step s))
(use-modules (ice-9 threads)) (display (par-map (lambda (x) (* x x)) '(1 2 3)))
(use-modules (ice-9 regex) (srfi srfi-1) (srfi srfi-43)) (display (match:substring (string-match "b+" "abbc")))
(display (iota 5)) (display (exact->inexact 1/3)) (display (expt 2 200))
(let ((p (primitive-fork))) (if (= p 0) (primitive-exit 7) (display (status:exit-val (cdr (waitpid p))))))
(use-modules (rnrs bytevectors) (ice-9 iconv)) (display (string->bytevector "\u00e9" "UTF-16"))
(define (f n) (if (< n 2) n (+ (f (- n 1)) (f (- n 2))))) (display (f 25)) (gc) (exit 5)
(use-modules (srfi srfi-19) (ice-9 textual-ports)) (display (date->string (time-utc->date (make-time time-utc 0 0) 0) "~Y"))
(catch 'a (lambda () (throw 'a 1)) (lambda x (display x))) (kill (getpid) SIGTERM) (sleep 9)
""", build=CC + "true"),
    "tcl": Language("tcl tcllib tdom tcl-tls libsqlite3-tcl tclx8.4 tclthread critcl " + COMPILER, "tclsh /t/run.tcl", r"""
package require tdom; puts [llength [[dom parse <a><b/><b/></a>] getElementsByTagName b]]
package require tls; puts [llength [tls::ciphers tls1.2]]
package require sqlite3; sqlite3 d :memory:; puts [d eval {select 1 + 2}]
package require Tclx; set p [fork]; if {$p == 0} {exit 7}; puts [lindex [wait $p] 2]
package require Thread; set t [thread::create]; puts [thread::send $t {expr 6 * 7}]
package require md5; package require sha256; puts [sha2::sha256 abc]
package require json; puts [json::json2dict {{"a": [1, 2]}}]
puts [encoding convertto shiftjis \u3042]; puts [clock format 0 -gmt 1]
puts [zlib crc32 abc]; puts [string length [zlib compress [string repeat a 999]]]
set i [interp create]; puts [$i eval {expr {2 ** 100}}]; coroutine c apply {{} {yield 1}}; puts [info commands c]
puts [catch {load /t/libc1.so}]; puts [exec tclsh << {puts [info tclversion]}]; exit 5
package require Tclx; kill [pid]; after 9000
""", files={"run.tcl": "eval [lindex $argv 0]\n"}, build=CC + "true"),
    "node": Language("nodejs node-iconv node-sqlite3 libnode-dev g++ " + COMPILER, "node -e", r"""
console.log(new (require('iconv').Iconv)('UTF-8', 'UTF-16BE').convert('a'))
new (require('sqlite3').Database)(':memory:').get('select 1 + 2 as n', (e, r) => console.log(r))
console.log(require('/t/addon.node').call(4)); try { process.dlopen({ exports: {} }, '/t/libc1.so') } catch (e) { console.log(e.code) }
console.log(require('crypto').createHash('sha256').update('a').digest('hex'), require('crypto').scryptSync('a', 'b', 8))
console.log(require('zlib').brotliDecompressSync(require('zlib').brotliCompressSync('abc')).toString())
const { Worker } = require('worker_threads'); for (let i = 0; i < 4; i++) new Worker("require('worker_threads').parentPort.postMessage(require('/t/addon.node').call(5))", { eval: true }).on('message', m => console.log(m))
console.log(require('child_process').execFileSync('node', ['-p', '6 * 7']).toString())
let s = 0; for (let i = 0; i < 1e8; i++) s += i % 7; console.log(s, new Intl.NumberFormat('de').format(1234.5))
require('http').createServer((q, r) => r.end('served')).listen(8123, function () { require('http').get('http://127.0.0.1:8123', r => r.on('data', d => { console.log(d + ''); this.close() })) })
WebAssembly.instantiate(Buffer.from('0061736d0100000001070160027f7f017f030201000707010361646400000a09010700200020016a0b', 'hex')).then(m => console.log(m.instance.exports.add(2, 3)))
const v = require('vm'); console.log(v.runInNewContext('1 + 2'), structuredClone({ a: 1n })); process.exitCode = 5
process.kill(process.pid, 'SIGTERM'); setTimeout(() => 0, 9000)
""", files={"addon.c": r"""
#include <node_api.h>
static napi_value call(napi_env env, napi_callback_info info)
{
	size_t count = 1;
	napi_value argument, result;
	int x = 0;
	napi_get_cb_info(env, info, &count, &argument, 0, 0);
	napi_get_value_int32(env, argument, &x);
	napi_create_int32(env, 2 * x, &result);
	return result;
}
static napi_value start(napi_env env, napi_value exports)
{
	napi_value function;
	napi_create_function(env, "call", NAPI_AUTO_LENGTH, call, 0, &function);
	napi_set_named_property(env, exports, "call", function);
	return exports;
}
NAPI_MODULE(addon, start)
"""}, build=CC + "gcc -shared -fPIC -I/usr/include/node -o addon.node addon.c"),
    "java": Language("openjdk-17-jdk-headless libjna-java libjna-jni " + COMPILER, "sh -c", r"""
$J -cp . T jni 4
$J -cp .:/usr/share/java/jna.jar -Djna.library.path=/t T jna 4
$J -cp . T threads
$J -cp . T crypto
$J -cp . T zip
$J -cp . T net
$J -Djava.awt.headless=true -cp . T image
$J -Xint -cp . T loop; $J -Xcomp -cp . T loop
$J -XX:+UseSerialGC -cp . T gc; $J -XX:+UseZGC -cp . T gc; $J -XX:+UseParallelGC -Xmx64m -cp . T gc
$J -cp . T crash 2>&1 | head -3
$J -Xshare:off -cp . T threads; $J -XX:-UseCompressedOops -cp . T jni 5
$J -cp . T exit
""", files={"T.java": r"""
import java.util.*; import java.util.stream.*;
public class T {
    static native int call(int x);
    public interface C extends com.sun.jna.Library { int twice(int x); }
    static class Jna { static void run(int x) { System.out.println(com.sun.jna.Native.load("c1", C.class).twice(x)); } }
    public static void main(String[] a) throws Exception {
        switch (a[0]) {
        case "jni": System.load("/t/libjni1.so"); System.out.println(call(Integer.parseInt(a[1]))); break;
        case "jna": Jna.run(Integer.parseInt(a[1])); break;
        case "threads": System.out.println(IntStream.range(0, 999).parallel().mapToLong(i -> i * i).sum()); break;
        case "crypto": System.out.println(new java.math.BigInteger(1, java.security.MessageDigest.getInstance("SHA3-256").digest(new byte[9])).toString(16));
            System.out.println(javax.net.ssl.SSLContext.getDefault().getProtocol()); break;
        case "zip": var o = new java.io.ByteArrayOutputStream(); try (var z = new java.util.zip.GZIPOutputStream(o)) { z.write(new byte[9999]); }
            System.out.println(o.size()); break;
        case "net": var s = new java.net.ServerSocket(0); new Thread(() -> { try (var c = new java.net.Socket("127.0.0.1", s.getLocalPort())) {
            c.getOutputStream().write(42); } catch (Exception e) { } }).start(); System.out.println(s.accept().getInputStream().read()); break;
        case "image": var i = new java.awt.image.BufferedImage(9, 9, 1); i.setRGB(1, 1, 5); var b = new java.io.ByteArrayOutputStream();
            System.out.println(javax.imageio.ImageIO.write(i, "png", b) + " " + b.size()); break;
        case "loop": long n = 0; for (int k = 0; k < 3000000; k++) n += k % 7; System.out.println(n); break;
        case "gc": var l = new ArrayList<byte[]>(); for (int k = 0; k < 3000; k++) { l.add(new byte[9999]); if (l.size() > 99) l.clear(); }
            System.out.println(l.size()); break;
        case "crash": System.load("/t/libjni1.so"); System.out.println(call(-1)); break;
        case "exit": Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook"))); System.exit(5);
        }
    }
}
""", "jni1.c": "#include <jni.h>\nJNIEXPORT jint JNICALL Java_T_call(JNIEnv *e, jclass c, jint x) { if (x < 0) *(volatile int *)0 = 1; return 2 * x; }\n"},
        build=CC + "J=$(echo /usr/lib/jvm/java-17-openjdk-*/bin); ln -s $J jdk && gcc -shared -fPIC -I$J/../include -I$J/../include/linux -o "
        "libjni1.so jni1.c && $J/javac -cp /usr/share/java/jna.jar T.java"),
    "mono": Language("mono-runtime mono-mcs libmono-posix4.0-cil libmono-system-core4.0-cil libmono-system-numerics4.0-cil " + COMPILER, "mono /t/t.exe", r"""
invoke
callback
threads
regex
file
number
reflection
exception
gc
process
linq
exit
""", files={"t.cs": r"""
using System; using System.Linq; using System.Runtime.InteropServices; using System.Threading;
class T {
    delegate int F(int x);
    [DllImport("/t/libc1.so", SetLastError = true)] static extern int twice(int x);
    [DllImport("/t/libc1.so")] static extern int apply(F f, int x);
    [DllImport("libc", CharSet = CharSet.Ansi)] static extern int atoi(string s);
    static int Main(string[] a) {
        switch (a[0]) {
        case "invoke": Console.WriteLine(twice(4) + " " + Marshal.GetLastWin32Error() + " " + atoi("12")); break;
        case "callback": Console.WriteLine(apply(x => x * 3, 5)); break;
        case "threads": long s = 0; var t = Enumerable.Range(0, 8).Select(i => new Thread(() => Interlocked.Add(ref s, i))).ToList();
            t.ForEach(x => x.Start()); t.ForEach(x => x.Join()); Console.WriteLine(s); break;
        case "regex": Console.WriteLine(System.Text.RegularExpressions.Regex.Match("abbc", "b+").Value); break;
        case "file": System.IO.File.WriteAllText("/tmp/x", "abc"); Console.WriteLine(new System.IO.FileInfo("/tmp/x").Length); break;
        case "number": Console.WriteLine(1.5.ToString("N3") + " " + 10m / 3); break;
        case "reflection": Console.WriteLine(typeof(T).GetMethods((System.Reflection.BindingFlags)60).Length); break;
        case "exception": try { object o = null; o.ToString(); } catch (NullReferenceException) { Console.WriteLine("null caught"); } break;
        case "gc": for (int i = 0; i < 99999; i++) { var b = new byte[999]; } GC.Collect(); Console.WriteLine(GC.MaxGeneration); break;
        case "process": var p = System.Diagnostics.Process.Start("/bin/echo", "child"); p.WaitForExit(); Console.WriteLine(p.ExitCode); break;
        case "linq": Console.WriteLine(string.Join(",", from x in Enumerable.Range(1, 9) where x % 2 == 0 select x * x)); break;
        case "exit": Environment.Exit(5); break;
        }
        return 3;
    }
}
"""}, build=CC + "mcs -out:t.exe t.cs"),
    "sbcl": Language("sbcl zlib1g " + COMPILER, "sbcl --noinform --no-sysinit --no-userinit --disable-debugger --eval", r"""
(progn (load-shared-object "/t/libc1.so") (print (sb-alien:alien-funcall (sb-alien:extern-alien "twice" (function sb-alien:int sb-alien:int)) 4)) (exit))
(progn (print (sb-thread:join-thread (sb-thread:make-thread (lambda () (* 6 7))))) (exit))
(progn (require :sb-posix) (print (funcall (intern "GETUID" "SB-POSIX"))) (exit))
(progn (require :sb-bsd-sockets) (print (find-package "SB-BSD-SOCKETS")) (exit))
(progn (dotimes (i 20) (make-array 1000000)) (gc :full t) (print (expt 2 200)) (exit))
(handler-case (progn (sb-sys:with-pinned-objects () (setf (sb-sys:sap-ref-8 (sb-sys:int-sap 16) 0) 1))) (error (e) (print (type-of e)) (exit)))
(handler-case (labels ((f (x) (+ 1 (f x)))) (f 1)) (storage-condition () (print :deep) (exit)))
(progn (print (with-output-to-string (s) (sb-ext:run-program "/bin/echo" '("child") :output s))) (exit))
(progn (defun f (n) (if (< n 2) n (+ (f (- n 1)) (f (- n 2))))) (print (f 27)) (exit :code 5))
(progn (print (sb-ext:run-program "/usr/bin/sbcl" '("--non-interactive" "--eval" "(sb-ext:save-lisp-and-die \"/tmp/saved\" :executable t :toplevel (lambda () (print :saved) (exit :code 6)))") :output nil)) (print (sb-ext:run-program "/tmp/saved" nil :output t)) (exit))
(progn (print (sb-ext:run-program "/usr/bin/sbcl" '("--dynamic-space-size" "150GB" "--non-interactive" "--eval" "(print 150)") :output t)) (exit))
(progn (print (sb-alien:alien-funcall (sb-alien:extern-alien "getenv" (function sb-alien:c-string sb-alien:c-string)) "LC_ALL")) (exit))
""", build=CC + "true"),
    "erlang": Language("erlang-base erlang-crypto erlang-asn1 erlang-ssl erlang-public-key erlang-dev " + COMPILER, "erl -noshell -eval", r"""
io:format("~p~n", [crypto:hash(sha256, <<"a">>)]), halt().
io:format("~p~n", [erlang:load_nif("/t/nif1", 0)]), halt().
code:add_path("/t"), io:format("~p~n", [nif1:call(4)]), halt().
io:format("~p~n", [zlib:unzip(zlib:zip(<<"abc">>))]), halt().
ssl:start(), io:format("~p~n", [length(ssl:cipher_suites(all, 'tlsv1.3'))]), halt().
io:format("~p~n", [public_key:generate_key({namedCurve, secp256r1}) =/= []]), halt().
S = self(), [spawn(fun() -> S ! I * I end) || I <- lists:seq(1, 99)], io:format("~p~n", [lists:sum([receive X -> X end || _ <- lists:seq(1, 99)])]), halt().
io:format("~s", [os:cmd("echo child")]), halt().
{ok, L} = gen_tcp:listen(0, []), {ok, P} = inet:port(L), io:format("~p~n", [P > 0]), halt().
io:format("~p~n", [re:run("abbc", "b+")]), io:format("~p~n", [erl_eval:expr(hd(element(2, erl_parse:parse_exprs(element(2, erl_scan:string("1 + 2."))))), [])]), halt().
F = fun F(N) when N < 2 -> N; F(N) -> F(N - 1) + F(N - 2) end, io:format("~p~n", [F(22)]), halt(5).
application:ensure_all_started(ssl), io:format("~p~n", [[element(1, A) || A <- application:which_applications()]]), init:stop(3).
""", files={"nif1.erl": '-module(nif1).\n-export([call/1]).\n-on_load(start/0).\nstart() -> erlang:load_nif("/t/nif1", 0).\ncall(_) -> no.\n',
            "nif1.c": '#include <erl_nif.h>\nstatic ERL_NIF_TERM call(ErlNifEnv *e, int n, const ERL_NIF_TERM a[]) { int x = 0; enif_get_int(e, a[0], &x); '
            'return enif_make_int(e, 2 * x); }\nstatic ErlNifFunc f[] = { { "call", 1, call, 0 } };\nERL_NIF_INIT(nif1, f, 0, 0, 0, 0)\n'},
        build=CC + "gcc -shared -fPIC -I/usr/lib/erlang/usr/include -o nif1.so nif1.c && erlc nif1.erl"),
    "octave": Language("octave octave-statistics octave-io", "octave-cli --norc -q --eval", r"""
disp(eig([2 1; 1 3]))
disp(abs(fft([1 0 0 1])))
[q, r] = qr(magic(3)); disp(abs(r))
disp(regexprep('abbc', 'b+', 'x'))
pkg load statistics; disp(normcdf(0)); disp(pdist([0 0; 3 4]))
disp(sparse([1 0; 0 2]) \ [1; 2])
try, error('a:b', 'on purpose'), catch e, disp(e.message), end
test fft
test svd
disp(quad(@(x) x .^ 2, 0, 3)); disp(fsolve(@(x) x ^ 2 - 4, 1))
disp(delaunay([0 1 0 1], [0 0 1 1])); disp(jsonencode(struct('a', [1 2])))
[s, t] = system('echo child'); disp(t); exit(5)
"""),
    "ocaml": Language("ocaml-nox " + COMPILER, "sh -c", r"""
./native p1.cmxs
./native p1.cmxs p2.cmxs
./native nothing.cmxs
./bytes p1.cmo
./bytes p1.cmo p2.cmo
ocaml unix.cma t.ml
ocaml str.cma s.ml
./native p2.cmxs p1.cmxs
ocamlrun bytes p2.cmo
OCAMLRUNPARAM=b ./native p3.cmxs
OCAMLRUNPARAM=v=0x1 ./native p1.cmxs 2>/dev/null
""", files={"host.ml": 'let say = ref (fun s -> print_endline s)\n',
            "main.ml": 'let () = Host.(!say) "start"; for i = 1 to Array.length Sys.argv - 1 do (try Dynlink.loadfile Sys.argv.(i) with Dynlink.Error e -> '
            'print_endline (Dynlink.error_message e)) done; Host.(!say) (string_of_int (Unix.getuid ()))\n',
            "p1.ml": 'let () = let old = !Host.say in Host.say := (fun s -> old ("1:" ^ s)); print_endline "p1"\n',
            "p2.ml": 'let () = let old = !Host.say in Host.say := (fun s -> old (Printf.sprintf "2:%s %f" s (sqrt 2.0))); Gc.compact ()\n',
            "p3.ml": 'let rec f x = 1 + f x\nlet () = (try ignore (f 1) with Stack_overflow -> print_endline "deep"); failwith "on purpose"\n',
            "t.ml": 'let () = match Unix.fork () with 0 -> exit 7 | p -> (match Unix.waitpid [] p with _, Unix.WEXITED n -> print_int n | _ -> ())\n',
            "s.ml": 'let () = print_endline (Str.global_replace (Str.regexp "b+") "x" "abbc")\n'},
        build="ocamlopt -shared -version >/dev/null; ocamlopt -c host.ml && ocamlopt -linkall -I +unix unix.cmxa dynlink.cmxa host.cmx main.ml -o native && "
        "for p in p1 p2 p3; do ocamlopt -shared $p.ml -o $p.cmxs || exit; done; ocamlc -c host.ml && ocamlc -linkall unix.cma dynlink.cma host.cmo main.ml -o "
        "bytes && ocamlc -c p1.ml p2.ml"),
    "go": Language("golang-go " + COMPILER, "sh -c", r"""
./main one.so
./main one.so two.so three.so four.so five.so
./main five.so four.so three.so two.so one.so five.so
./main one.so missing.so libc1.so
./main two.so three.so two.so
GOGC=1 ./main one.so four.so
GOMAXPROCS=1 ./main five.so one.so
GODEBUG=asyncpreemptoff=1 ./main one.so
./host /t/shared1.so
./host /t/shared1.so /t/shared2.so
./net
./cgo
""", files={"main.go": 'package main\nimport ("fmt"; "os"; "plugin")\nfunc main() { for i, name := range os.Args[1:] { p, err := plugin.Open(name); if err != nil { '
            'fmt.Println(err); continue }; f, err := p.Lookup("Call"); if err != nil { fmt.Println(err); continue }; fmt.Println(f.(func(int) int)(i + 1)) } }\n',
            "one.go": 'package main\nimport "sync"\nfunc Call(x int) int { var w sync.WaitGroup; var m sync.Mutex; n := 0; for i := 0; i < 50; i++ { w.Add(1); go func() { '
            'defer w.Done(); m.Lock(); n += x; m.Unlock() }() }; w.Wait(); return n }\n',
            "two.go": 'package main\nimport ("fmt"; "errors")\nvar table = map[string]int{"a": 1, "b": 2}\nfunc Call(x int) (n int) { defer func() { n = len(fmt.Sprint(recover())) + '
            'table["b"] }(); panic(errors.New("on purpose")) }\n',
            "three.go": 'package main\n// int twice(int x) { return 2 * x; }\nimport "C"\nfunc Call(x int) int { return int(C.twice(C.int(x))) }\n',
            "four.go": 'package main\nimport ("encoding/json"; "strings"; "time"; "runtime")\ntype T struct { A []int; B string }\nfunc Call(x int) int { runtime.GC(); select { case '
            '<-time.After(time.Millisecond): }; b, _ := json.Marshal(T{[]int{x}, strings.Repeat("a", 1000)}); return len(b) }\n',
            "five.go": 'package main\nimport ("net"; "os/exec"; "io")\nfunc init() { started = 3 }\nvar started int\nfunc Call(x int) int { a, b := net.Pipe(); go func() { '
            'a.Write([]byte("word")); a.Close() }(); s, _ := io.ReadAll(b); o, _ := exec.Command("echo", "of a child").Output(); return started + len(s) + len(o) }\n',
            "shared1.go": 'package main\nimport "C"\n//export call\nfunc call(x C.int) C.int { c := make(chan C.int); go func() { c <- 2 * x }(); return <-c }\nfunc main() {}\n',
            "net.go": 'package main\nimport ("fmt"; "net"; "os/user")\nfunc main() { a, _ := net.LookupHost("localhost"); u, _ := user.Lookup("root"); fmt.Println(len(a) >= 0, u.Uid) }\n',
            "cgo.go": 'package main\n// #include <stdlib.h>\nimport "C"\nimport "fmt"\nfunc main() { fmt.Println(C.abs(-3)); var p *int; defer func() { fmt.Println(recover()) }(); *p = 1 }\n'},
        # Without debugging information, which would keep them from a slot.
        build="export HOME=/t GO111MODULE=off GOFLAGS=-p=2; " + CC + "for p in one two three four five; do go build -ldflags '-s -w' -buildmode=plugin $p.go || exit; done; "
        "go build -ldflags '-s -w' -buildmode=c-shared -o shared1.so shared1.go && cp shared1.so shared2.so && go build net.go && go build cgo.go && "
        "go build -ldflags '-s -w -extldflags \"-L/t -Wl,--no-as-needed -lheavy -Wl,-rpath,/t\"' main.go"),
    "rust": Language("rustc " + COMPILER, "sh -c", r"""
./host /t/libone.so
./host /t/libone.so /t/libtwo.so
./host /t/libtwo.so
./main
./main panic
./main threads
./main thread_local
""", files={"one.rs": '#[no_mangle] pub extern "C" fn call(x: i32) -> i32 { std::thread::spawn(move || x * 2).join().unwrap() }\n',
            "two.rs": 'thread_local! { static N: std::cell::Cell<i32> = std::cell::Cell::new(7); }\n#[no_mangle] pub extern "C" fn call(x: i32) -> i32 { '
            'std::panic::catch_unwind(|| if x > 0 { panic!("on purpose") }).is_err() as i32 + N.with(|n| n.get()) }\n',
            "main.rs": 'use std::cell::RefCell; thread_local! { static V: RefCell<Vec<i32>> = RefCell::new(vec![1]); }\nfn main() { match std::env::args().nth(1).as_deref() { '
            'Some("panic") => { let v: Vec<i32> = vec![]; println!("{}", v[v.len()]); } Some("threads") => println!("{}", (0..8).map(|i| std::thread::spawn(move || '
            'i * i)).map(|t| t.join().unwrap()).sum::<i32>()), Some("thread_local") => { V.with(|v| v.borrow_mut().push(2)); println!("{}", V.with(|v| v.borrow().len())) } '
            '_ => println!("{:?}", std::env::args().len()) } }\n'},
        build=CC + "ln -s gcc /usr/bin/cc && rustc --crate-type cdylib one.rs && rustc --crate-type cdylib -C prefer-dynamic two.rs -C link-arg=-Wl,-rpath,/t && rustc -C prefer-dynamic main.rs"),
}

#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The page of prelink --report in a real browser: it loads without a complaint, shows what the tree has,
its search filters, and pointing at a program lights up that program's slots.  The browser has no network."""
import json
import os
import re
import subprocess
import urllib.request

from harness import (compile_c, expect, expect_equal, fail, need, notegen, prelink, read, scratch, skip, write)
import scratch_root

need("chromium", "chromedriver")


def make_tree():
    try:
        root = scratch_root.make("small")
    except scratch_root.Unavailable as reason:
        skip(str(reason))
    os.makedirs(f"{root}/usr/lib/app")
    for name in ("first", "second"):
        compile_c(f"int {name}(void) {{ return 1; }}", f"{root}/usr/lib/app/{name}.so", "-shared", "-fPIC",
                  *(["-Wl,--no-as-needed", "-lm"] if name == "first" else []))
    write(f"{root}/app.yaml", "manifest: 1\napplication: app\nhosts: [{path: /usr/bin/bash}]\n"
                              "plugins: [{feature: crayons, path: /usr/lib/app/*.so}]\n")
    write(f"{root}/etc/prelink.conf", "-l /usr/bin\n-l /usr/lib\n")
    # A name that would end the script element, or the page, if it were put there as it is.
    os.rename(f"{root}/usr/lib/app/second.so", f"{root}/usr/lib/app/<script><!--second.so")
    notegen("add", "--root", root, "--manifest", f"{root}/app.yaml")
    prelink("--root", root, "--with-plugins", "-a")
    return root


class Browser:
    """Chromium through chromedriver (W3C WebDriver)."""

    def __enter__(self):
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True,
                                       stderr=subprocess.DEVNULL)
        for line in self.driver.stdout:
            port = re.search(r"started successfully on port (\d+)", line)
            if port:
                break
        else:
            fail("chromedriver did not say which port it listens on")
        self.url = f"http://127.0.0.1:{port.group(1)}/session"
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update", "--disable-sync",
                 "--disable-dev-shm-usage", f"--user-data-dir={scratch()}", "--window-size=1280,1200",
                 "--host-resolver-rules=MAP * ~NOTFOUND"]
        self.url += "/" + self("", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": {"args": flags},
            "goog:loggingPrefs": {"browser": "ALL"}}}})["sessionId"]
        return self

    def __exit__(self, *_):
        try:
            urllib.request.urlopen(urllib.request.Request(self.url, method="DELETE")).read()
        finally:
            self.driver.terminate()
            self.driver.wait()

    def __call__(self, path, body):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["value"]

    def script(self, text):
        return self("/execute/sync", {"script": text, "args": []})


VISIBLE = "return [...document.querySelectorAll('#%s > tr:not(.detail)')].filter(r => !r.hidden)" \
          ".map(r => r.querySelector('td.path').textContent)"

root = make_tree()
page = f"{scratch()}/report.html"
prelink("--root", root, "--report", page)
text = read(page).decode()
expect(not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", text), "the page fetches something")
cache = json.loads(prelink("--root", root, "-p", "--json").stdout)["objects"]
slots = sorted(o["path"] for o in cache if o["slot"])
programs = sorted(o["path"] for o in cache if o["kind"] in ("pie", "exec") and o["scope"])
status = sorted([row["program"], row["state"]] for row in
                json.loads(prelink("--root", root, "--status", "--json", status=None).stdout))
status = [row for row in status if row[0] in programs]
advice = {}
for item in json.loads(prelink("--root", root, "--advise", "-a", "--json", status=None).stdout)["findings"]:
    advice[item["object"]] = advice.get(item["object"], 0) + 1
bash = next(o for o in cache if o["path"] == "/usr/bin/bash")

with Browser() as browser:
    browser("/url", {"url": f"file://{page}"})
    expect_equal(sorted(browser.script(VISIBLE % "objects")), slots, "libraries shown")
    expect_equal(sorted(browser.script(VISIBLE % "programs")), programs, "programs shown")
    boxes = browser.script("return new Set([...document.querySelectorAll('rect.o title')]"
                           ".map(t => t.textContent.split('\\n')[0])).size")
    expect_equal(boxes, len(slots), "objects drawn in the map")

    seen = browser.script("return programs.map(o => [o.path, o.next]).sort()")
    expect_equal(seen, status, "what the page says of each program's next start")

    browser.script("const s = document.getElementById('search'); s.value = 'crayons';"
                   "s.dispatchEvent(new Event('input'))")
    expect_equal(browser.script(VISIBLE % "programs"), ["/usr/bin/bash"], "programs with the feature 'crayons'")
    expect_equal(browser.script(VISIBLE % "objects"), [], "libraries whose path has 'crayons'")

    lit = "return [...new Set([...document.querySelectorAll('rect.%s title')]" \
          ".map(t => t.textContent.split('\\n')[0]))].sort()"
    browser.script("[...document.querySelectorAll('tr.program')].find(r => !r.hidden).click()")
    expect_equal(browser.script(lit % "plugin"), sorted({path for p in bash["plugins"] for path in (p["path"], *p["adds"])}),
                 "plugins lit up")
    expect_equal(browser.script(lit % "start"), sorted(p for p in bash["scope"] if p in slots),
                 "start-up scope lit up")
    expect("crayons" in browser.script("return document.querySelector('tr.detail').textContent"),
           "the details do not name the feature")

    # What --advise says, of programs and of libraries: found, and shown.
    browser.script("const s = document.getElementById('search'); s.value = 'needs libm.so.6';"
                   "s.dispatchEvent(new Event('input'))")
    expect_equal(browser.script(VISIBLE % "objects"), ["/usr/lib/app/first.so"], "libraries with that advice")
    browser.script("[...document.querySelectorAll('#objects tr')].find(r => !r.hidden).click()")
    expect("costly: unused: needs libm.so.6" in
           browser.script("return document.querySelector('#objects tr.detail').textContent"), "the advice is not shown")
    shown = browser.script("return Object.fromEntries(objects.map(o => [o.path, advised(o).length]).filter(p => p[1]))")
    expect_equal(shown, {path: count for path, count in advice.items() if path in shown}, "advice on the page")
    expect({"/usr/bin/bash", "/usr/lib/app/first.so"} <= shown.keys(), f"advice for {shown.keys()}")

    log = browser("/se/log", {"type": "browser"})
    expect_equal(log, [], "what the browser complained of")
print(f"{len(slots)} slots, {len(programs)} programs; search, light and details work")

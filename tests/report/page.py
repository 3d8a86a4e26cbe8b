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
import rooted
import scratch_root

need("chromium", "chromedriver")


UNTOUCHED = []  # how many symbols a start of bash looks up before it is prelinked


def looked_up(root):
    """How many symbols ld.so looks up for a start of bash, as it says itself."""
    said = rooted.start(root, ["/usr/bin/bash", "-c", ":"], LD_DEBUG="statistics").stderr
    return int(re.findall(r"final number of relocations: +(\d+)", said)[-1])


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
    rooted.install_module(root)
    notegen("add", "--root", root, "--manifest", f"{root}/app.yaml")
    UNTOUCHED.append(looked_up(root))
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

    def press(self, *keys):
        """KEYS, one after the other, to what has the focus."""
        self("/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": [
            {"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]}]})

    def script(self, text):
        return self("/execute/sync", {"script": text, "args": []})


def check_spared(root, lookups, pages):
    """LOOKUPS and PAGES of one start of bash: ld.so's own count, and what is dirty of libraries, without and with."""
    seen = {}
    for mode in ("off", "on"):
        waits = subprocess.Popen(["chroot", root, "/usr/bin/bash", "-c", "echo; read word"], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, env={**rooted.SETTINGS, "PRELINK_RTLD": mode})
        waits.stdout.readline()
        dirty = sum(int(kb) for name, kb in re.findall(r"(/\S+)\n(?:\w+:.*\n)*?Private_Dirty: +(\d+) kB",
                                                       read(f"/proc/{waits.pid}/smaps").decode()) if ".so" in name and "rtld" not in name)
        waits.communicate(b"\n")
        seen[mode] = dirty // 4
    fewer = [UNTOUCHED[0] - looked_up(root), seen["off"] - seen["on"]]
    print(f"bash: the page says {lookups} lookups and {pages} pages; ld.so and the kernel count {fewer} less")
    expect(lookups * .8 <= fewer[0] <= lookups * 1.2, f"the page says {lookups} lookups; ld.so counts {fewer[0]} less")
    expect(pages * .5 <= fewer[1] <= pages + 4, f"the page says {pages} pages; pages of libraries that are dirty: {seen}")


# Words of each kind, with their colour and that of what is behind them.
COLOURS = """return ['#answer', '#summary', 'th button', 'td.path', '#states button', '#said', '#next code', 'button.open'].map(name => {
    const element = document.querySelector(name), rgb = text => text.match(/[0-9.]+/g).map(Number);
    let behind = element;
    while (rgb(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
    return [name, rgb(getComputedStyle(element).color).slice(0, 3), rgb(getComputedStyle(behind).backgroundColor).slice(0, 3)];
})"""


def contrast(*colours):
    """The ratio of two colours, as WCAG counts it."""
    def luminance(rgb):
        parts = [c / 3294.6 if c <= 10.3 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
    dark, light = sorted(map(luminance, colours))
    return (light + 0.05) / (dark + 0.05)


VISIBLE = "return [...document.querySelectorAll('#%s > tr:not(.detail)')].filter(r => !r.hidden)" \
          ".map(r => r.querySelector('td.path').textContent)"

root = make_tree()
page = f"{scratch()}/report.html"
prelink("--root", root, "--report", page)
text = read(page).decode()
data = re.search(r'id="data">(.*?)</script>', text, re.S)[1]
expect("<" not in data and "<script><!--second.so" in json.dumps(json.loads(data)), "a name in the data could be markup")
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

    expect("true" not in browser.script("return document.querySelector('#objects').textContent"), "a slot is shown as true")

    # The answer, and what to type next.
    expect(any(row[1] == "fast" for row in status), "no program is fast: nothing to filter")
    states = {name: sum(row[1] == name for row in status) for name in ("fast", "partly", "slow", "no plan")}
    answer = browser.script("return document.getElementById('answer').textContent")
    expect(answer.startswith(f"{states['fast']} of {len(programs)} programs start fast") and
           f"{states['no plan']} are not sped up" in answer, f"the answer: {answer}")
    # What it saves: every number of it is that of the files, as ld.so and the kernel count, too.
    spared = browser.script("const o = programs.find(o => o.path === '/usr/bin/bash'); return [o.lookups, o.pages]")
    check_spared(root, *spared)
    sums = browser.script("return ['spared', 'lookups', 'pages'].map(w => number("
                          "programs.reduce((n, o) => n + (o[w] || 0), 0)))")
    saves = browser.script("return document.getElementById('saves').textContent")
    expect(all(re.search(rf"\b{re.escape(part)}\b", saves) for part in sums) and "Estimated" in saves and " ms " in saves,
           f"what is saved: {saves}")
    print(saves)
    about = [browser.script(f"return document.getElementById('{part}').textContent") for part in ("title", "summary")]
    expect(root in about[0] and re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC, prelink \S+: ", about[1]), f"where and when: {about}")
    expect(f"prelink --root '{root}' -ua" in browser.script("return document.getElementById('next').textContent"),
           "not said what to type")
    row = browser.script("return document.getElementById('features').textContent")
    expect("crayons" in row and "/usr/bin/bash" in row, f"plugins by feature: {row}")

    # By keyboard alone: a state, a column, a program's details.  No column moves.
    COLUMNS = "return [...document.querySelectorAll('th')].map(h => h.getBoundingClientRect().left)"
    browser.script("const s = document.getElementById('search'); s.value = ''; s.dispatchEvent(new Event('input')); s.focus()")
    places = browser.script(COLUMNS)
    TAB, ENTER = "\ue004", "\ue007"
    browser.press(TAB, TAB, ENTER)
    expect_equal(sorted(browser.script(VISIBLE % "programs")), sorted(p for p, state in status if state == "fast"),
                 "programs that are fast")
    expect_equal(browser.script(COLUMNS), places, "columns after filtering")
    browser.press(*[TAB] * 4, ENTER)
    expect_equal(browser.script("return document.activeElement.textContent"), "program", "what has the focus")
    expect_equal(browser.script(VISIBLE % "programs"), browser.script("return programs.filter(o => o.next === 'fast')"
                 ".map(o => o.path).sort((a, b) => a.localeCompare(b, 'en'))"), "programs in order")
    browser.press(TAB, TAB, TAB, ENTER)
    spared = browser.script("return [...document.querySelectorAll('#programs > tr:not(.detail)')]"
                            ".map(r => r.children[4].textContent.replaceAll(',', ''))")
    expect_equal(spared, sorted(spared, key=lambda text: int(text or -1), reverse=True), "relocations spared, the most first")
    browser.script("if (pinned) pinned.row.click()")  # nothing is lit
    browser.press(TAB, TAB, TAB)
    expect(browser.script("return document.querySelectorAll('rect.start').length"), "the focus lights up no program")
    browser.press(ENTER)
    expect_equal(browser.script("return document.activeElement.getAttribute('aria-expanded')"), "true", "opened by Enter")
    FOCUS = "const e = document.activeElement, s = getComputedStyle(e); return [e.tagName, s.outlineStyle, s.outlineWidth]"
    browser.script("document.getElementById('search').focus()")
    for _ in range(16):  # states, columns of the first table, programs
        browser.press(TAB)
        expect_equal(browser.script(FOCUS), ["BUTTON", "solid", "2px"], "what has the focus, and how that is seen")

    # At each width nothing lies beyond the window's edge, and the map's words can be read.
    for width in (390, 768, 1280):
        browser("/window/rect", {"width": width, "height": 900})
        browser("/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": {
            "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}})
        browser.script("fit()")  # as it does a moment after
        beyond = browser.script("return [innerWidth, document.documentElement.scrollWidth, Math.min("
                                "...[...document.querySelectorAll('svg text')].map(t => t.getBoundingClientRect().height))]")
        expect(beyond[0] == width and beyond[1] <= width and beyond[2] >= 8, f"at {width} pixels: {beyond}")
        paths = browser.script("return [...document.querySelectorAll('td.path')].filter(t => t.textContent.startsWith('/'))"
                               ".map(t => [t.clientWidth, t.textContent]).filter(row => row[0]).sort((a, b) => a[0] - b[0])[0]")
        expect(paths[0] >= 95, f"at {width} pixels a path has only {paths}")
        for scheme in ("light", "dark"):
            browser("/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": {
                "features": [{"name": "prefers-color-scheme", "value": scheme}]}})
            weak = [row for row in browser.script(COLOURS) if contrast(*row[1:]) < 4.5]  # WCAG 2.1, 1.4.3
            expect(not weak, f"{scheme}: words that cannot be read: {weak}")

    log = browser("/se/log", {"type": "browser"})
    expect_equal(log, [], "what the browser complained of")
print(f"{len(slots)} slots, {len(programs)} programs; search, light and details work")

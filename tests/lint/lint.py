"""House rules that a script can check; each finding is `file:line: rule: what`.

A line may waive one rule with `LINT: rule reason` in a comment on it or on the line above; a waiver that waives nothing
is a finding itself.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

# third-party header -> where it may be included
HOMES = {
    r"zmq\.h": ["common/wire/link.c", "common/wire/link_guard.c"],
    r"msgpack": ["common/wire/", "master/proto/"],
    r"civetweb\.h": ["master/web/"],
    r"Python\.h|greenlet\.h": ["worker/py/", "worker/main.c"],
    r"openssl/(?!evp|sha|rand|crypto)": ["worker/net/", "master/web/listen.c", "master/web/front"],
    r"nghttp2/": ["worker/http2/"],
    r"zlib\.h|brotli|zstd": ["worker/proto/", "worker/grpc/coding.c", "worker/websocket/", "worker/journal/journal_file.c", "master/web/", "master/store/", "master/sink/http_post.c", "master/sink/hdr_text.c"],
    r"sqlite3\.h": ["master/store/history"],
    r"snappy": ["master/sink/remote_write.c"],
    r"curl/": ["master/sink/http_post.c"],
    r"libpq": ["master/sink/postgres.c"],
    r"jansson\.h": ["master/"],
}
BANNED = r"\b(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atof|gets|rand|srand|gettimeofday|system|alloca|setjmp|longjmp)\s*\("
# What text may name: a path of the tree, or a file of C by its name alone.
MENTION = re.compile(r"(?<![\w./-])((?:common|master|worker|tests|docs|setup|webui|locustfiles|docker|findings)/[\w./-]*\w"
                     r"\.(?:c|h|py|md|def|mjs|tsx?|json|yml|sh|html)|\w+\.[ch])(?![\w/-]|\.\w)")
OTHERS_FILES = {"zmq.h", "Python.h", "_ssl.c", "OUT.c"}
MADE = ("webui/dist/", "webui/node_modules/")
GENERATORS = ["setup/columns.py", "setup/options.py", "setup/manpages.py"]
ALLOCATORS = r"\b(malloc|calloc|realloc|reallocarray|strdup|strndup|asprintf|vasprintf|getline|getdelim|open_memstream)\s*\("
MEM = "common/base/mem.c"
FILE_MAX, HEADER_MAX, FUNCTION_MAX, WIDTH = 700, 200, 80, 100


class Findings:
    def __init__(self):
        self.lines = []

    def add(self, path, number, rule, what):
        self.lines.append(f"{path}:{number}: {rule}: {what}")


def waived(lines, index, rule, used):
    for at in (index, index - 1):
        if 0 <= at < len(lines) and f"LINT: {rule} " in lines[at]:
            used.add(at)
            return True
    return False


def read_layers():
    """{folder: {word: folders it may include from and call into}}, as the table of CONTRIBUTING.md says."""
    rows = re.findall(r"^\| `([\w/]+)` \| .* \| ([^|]*) \|$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    rows = [(folder, words.split(", ")) for folder, words in rows if folder.startswith(("common/", "master/", "worker")) and folder != "worker/pylib"]
    named = {Path(folder).name: [folder] for folder, _ in rows} | {"libc": []}
    for whole in ("common", "master"):
        named[whole] = [folder for folder, _ in rows if folder.startswith(whole + "/")]

    def meant(folder, word):
        beside = f"{folder.partition('/')[0]}/{word}"  # two folders may have one name: the one nearby
        return [beside] if beside in dict(rows) else named[word]

    return {folder: {word: meant(folder, word) for word in words} for folder, words in rows}


WORDS = read_layers()
LAYERS = {folder: [target for targets in words.values() for target in targets] for folder, words in WORDS.items()}


def may_use(folder, target):
    return folder not in LAYERS or target == folder or target in LAYERS[folder]


def check_table(paths, findings):
    """Every folder with C has a row, and every row a folder, which uses those of rows above it only."""
    there = {str(Path(path).parent) for path in paths if path.endswith(".c") and path.startswith(("common/", "master/", "worker/"))}
    for folder in sorted(there ^ LAYERS.keys()):
        findings.add("CONTRIBUTING.md", 1, "layer", f"{folder} has a row and no C" if folder in LAYERS else f"{folder} has no row")
    for at, (folder, targets) in enumerate(LAYERS.items()):
        for target in set(targets) - set(list(LAYERS)[:at]) - {folder}:
            findings.add("CONTRIBUTING.md", 1, "layer", f"{folder} may use {target}, which is not above it in the table")


def check_permissions(paths, homes, findings):
    """What a row allows is made use of."""
    used = {folder: set() for folder in LAYERS}
    for path in paths:
        folder = str(Path(path).parent)
        if folder in LAYERS and path.endswith((".c", ".h")):
            text = (ROOT / path).read_text()
            used[folder] |= {str(Path(name).parent) for name in re.findall(r'^\s*#include "([^"]+)"', text, re.MULTILINE)}
            used[folder] |= {homes[name] for name in re.findall(r"\b[a-z]\w+\b", text) if name in homes}
    for folder, words in WORDS.items():
        for word, targets in words.items():
            if targets and not used[folder] & set(targets):
                findings.add("CONTRIBUTING.md", 1, "layer", f"{folder} may use {word}, and does not")


def check_includes(path, lines, report):
    folder = str(Path(path).parent)
    for index, line in enumerate(lines):
        own = re.match(r'\s*#include "([^"]+)"', line)
        other = re.match(r"\s*#include <([^>]+)>", line)
        if own and not may_use(folder, str(Path(own.group(1)).parent)):
            report(index, "layer", f"{folder} may not include {own.group(1)}")
        if other and not path.startswith("tests/"):
            for pattern, homes in HOMES.items():
                if re.match(pattern, other.group(1)) and not any(path.startswith(h) for h in homes):
                    report(index, "home", f"<{other.group(1)}> belongs in {', '.join(homes)}")


def code_of(line):
    """The line without its texts and comments."""
    return re.sub(r'"(\\.|[^"\\])*"|//.*|/\*.*?\*/', "", line)


def definitions(paths, findings):
    """{function: folder} of what is not for its file alone. A name is one folder's: else nobody could say who may call it."""
    homes = {}
    for path in paths:
        text = (ROOT / path).read_text()
        for found in re.finditer(r"^(?!static\b|typedef\b)[A-Za-z_][\w *]*?\b(\w+)\([^;{}]*\)\n\{", text, re.MULTILINE):
            homes.setdefault(found.group(1), set()).add(str(Path(path).parent))
    homes.pop("main")  # of two programs
    for name, folders in homes.items():
        if len(folders) > 1:
            findings.add(max(folders), 1, "name", f"{name} is defined in {min(folders)} too")
    return {name: min(folders) for name, folders in homes.items()}


def check_calls(path, lines, homes, report):
    """A function of a folder above may not be reached by declaring it anew, or by a header that lies elsewhere."""
    folder = str(Path(path).parent)
    if folder not in LAYERS or not path.endswith(".c"):
        return
    for index, line in enumerate(lines):
        for name in re.findall(r"(?<![.>\w])[a-z]\w+\b", code_of(line)):
            if not line.startswith(" *") and name in homes and not may_use(folder, homes[name]):
                report(index, "call", f"{folder} may not use {name} of {homes[name]}")


# Who calls whom in a circle, on purpose: one state machine in several files, as the header says. No other file calls one that
# calls it, by however many others.
CIRCLES = {
    "worker/proto/fetch_int.h": r"worker/proto/(conn|dial|engine|fetch|pool)\.c",
    "worker/py/loop.h": r"worker/py/(callback|guest|hub|loop|watcher\w*)\.c",
}


def calls_of(paths):
    """{file: the files whose functions it calls}."""
    texts = {path: re.sub(r'"(\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/|\b(struct|enum|union) \w+', "", (ROOT / path).read_text(), flags=re.DOTALL) for path in paths}
    defined = r"^(?!static\b|typedef\b)(?:[A-Za-z_][\w *]*?\b(\w+)\([^;{}]*\)|[A-Z]+\((\w+)\))\n\{"
    homes = {a or b: path for path, text in texts.items() for a, b in re.findall(defined, text, re.MULTILINE)}
    return {path: {homes[name] for name in re.findall(r"(?<![.>\w])[a-z]\w+\b", text) if homes.get(name, path) != path} for path, text in texts.items()}


def in_circles(arrows):
    """Those from which the arrows {file: files} lead back."""
    for path in arrows:
        reached, ahead = set(), list(arrows[path])
        while ahead:
            at = ahead.pop()
            if at not in reached:
                reached.add(at)
                ahead += arrows[at]
        if path in reached:
            yield path


def python_imports(path, modules):
    """The modules of ours that it imports, wherever in the file; not those for type checkers alone."""
    tree = ast.parse((ROOT / path).read_text())
    aside = {inner for node in ast.walk(tree) if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
             for inner in ast.walk(node)}
    package = list(Path(path).parent.relative_to("worker/pylib").parts)
    for node in ast.walk(tree):
        if node in aside or not isinstance(node, (ast.Import, ast.ImportFrom)):
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            base = package[: len(package) + 1 - node.level] if node.level else []
            start = ".".join(base + (node.module or "").split(".")).strip(".")
            names = [f"{start}.{alias.name}" if f"{start}.{alias.name}" in modules else start for alias in node.names]
        yield from (modules[name] for name in names if modules.get(name, path) != path)


def check_circles(paths, findings):
    for header in CIRCLES:
        if "circle" not in (ROOT / header).read_text():
            findings.add(header, 1, "circle", "does not say that its files call each other in a circle")
    for folder in LAYERS:
        calls = calls_of([path for path in paths if str(Path(path).parent) == folder and path.endswith(".c")])
        for path in in_circles(calls):
            if not any(re.fullmatch(stated, path) for stated in CIRCLES.values()):
                findings.add(path, 1, "circle", "calls files that call it")
    modules = {".".join(Path(path).with_suffix("").relative_to("worker/pylib").parts).removesuffix(".__init__"): path
               for path in paths if path.startswith("worker/pylib/") and path.endswith(".py")}
    for path in in_circles({path: set(python_imports(path, modules)) for path in modules.values()}):
        findings.add(path, 1, "circle", "imports modules that import it")


def check_functions(lines, report):
    start = None
    for index, line in enumerate(lines):
        if line == "{":
            start = index
        elif line == "}" and start is not None:
            if index - start - 1 > FUNCTION_MAX:
                report(start, "function-length", f"{index - start - 1} lines; {FUNCTION_MAX} at most")
            start = None


def check(path, homes, findings):
    lines = (ROOT / path).read_text().splitlines()
    used = set()

    def report(index, rule, what):
        if not waived(lines, index, rule, used):
            findings.add(path, index + 1, rule, what)

    if len(lines) > FILE_MAX:
        report(0, "file-length", f"{len(lines)} lines; {FILE_MAX} at most")
    if path.endswith(".h") and len(lines) > HEADER_MAX:
        report(0, "header-length", f"{len(lines)} lines; {HEADER_MAX} at most")
    if path.endswith((".c", ".h")):
        if "SPDX-License-Identifier: MIT" not in lines[0]:
            report(0, "licence", "the first line names the licence")
        check_includes(path, lines, report)
        check_functions(lines, report)
        check_calls(path, lines, homes, report)
        for index, line in enumerate(lines):
            code = code_of(line)
            if not path.startswith("tests/") and re.search(BANNED, code) and not code.lstrip().startswith("*"):
                report(index, "banned", re.search(BANNED, code).group(1))
            if not path.startswith("tests/") and path != MEM and (found := re.search(ALLOCATORS, code)):
                report(index, "memory", f"{found.group(1)}: memory comes from {MEM}")
            if not path.startswith(("tests/", "common/base/clk.")) and re.search(r"\b(time\(|clock_gettime\()", code):
                report(index, "clock", "time is passed in; who begins reads it by common/base/clk.h")
            if len(line) > WIDTH:
                report(index, "width", f"{len(line)} columns")
    for index, line in enumerate(lines):
        if path.endswith(".mjs") and re.search(r"import\.meta\.(dirname|filename)", line) and not line.startswith("/**"):
            report(index, "node", "import.meta.dirname is not in the Node of Debian 12: HERE of browser.mjs")
        if path.startswith("tests/") and path != "tests/lint/lint.py" and re.search(r"\bpytest\.(mark\.)?(skip|skipif|xfail|importorskip)\b", line):
            report(index, "skip", "the Makefile brings what a test needs; without it the test fails")
        if line != line.rstrip():
            report(index, "whitespace", "trailing blanks")
        if "LINT: " in line and path != "tests/lint/lint.py" and index not in used:
            findings.add(path, index + 1, "waiver", "waives nothing")


def check_mentions(path, lines, paths, findings):
    """What a comment or a page names is there."""
    names = {Path(other).name for other in paths}
    for index, line in enumerate(lines):
        for name in MENTION.findall(line):
            is_there = name in paths or f"webui/{name}" in paths or name in names or name in OTHERS_FILES or name.startswith(MADE)
            if not is_there and "#include <" not in line and not name.startswith(".") and "../" + name not in line:
                findings.add(path, index + 1, "mention", f"{name} is not there")


def main():
    files = subprocess.run(["git", "ls-files", "*.c", "*.h", "*.py", "*.ts", "*.tsx", "*.mjs"], cwd=ROOT, check=True, capture_output=True, text=True)
    paths = [path for path in files.stdout.split() if (ROOT / path).exists()]
    findings = Findings()
    homes = definitions([path for path in paths if str(Path(path).parent) in LAYERS and path.endswith(".c")], findings)
    check_table(paths, findings)
    check_permissions(paths, homes, findings)
    check_circles(paths, findings)
    for path in paths:
        check(path, homes, findings)
    everything = set(subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split())
    for path in sorted(everything):
        if path.endswith((".md", ".c", ".h", ".def", ".py", ".ts", ".tsx", ".mjs", "Makefile")) and (ROOT / path).exists():
            check_mentions(path, (ROOT / path).read_text().splitlines(), everything, findings)
    for program in GENERATORS:
        stale = subprocess.run([sys.executable, program, "--check"], cwd=ROOT, capture_output=True, text=True)
        findings.lines += (stale.stdout + stale.stderr).splitlines()
    print("\n".join(findings.lines))
    print(f"lint: {len(findings.lines)} findings")
    return 1 if findings.lines else 0


if __name__ == "__main__":
    sys.exit(main())

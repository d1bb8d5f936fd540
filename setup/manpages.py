# SPDX-License-Identifier: MIT
"""The manual pages docs/man/katydid.1 and docs/man/katydid-worker.1, made of what --help is made of.

    manpages.py            writes what is not current (part of make)
    manpages.py --check    names what is not current, exit code 1 (part of make lint)

The options come from master/options/options.def, the exit codes from docs/exit-codes.md, the words of the worker and
of `katydid runs`, `compare`, `merge` and `keys` from the programs' own usage, the version from the Makefile.
"""

import re
import sys
import textwrap

import options
from generated import ROOT, settle

MADE = r'.\" Made by setup/manpages.py, as part of make: edit what that reads.'
WIDTH = 78


# ---- roff


def escaped(text):
    """Text as roff prints it: hyphens that can be copied into a shell, nothing that begins a macro."""
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return "".join(char if char.isascii() else rf"\[u{ord(char):04X}]" for char in text)


def prose(text):
    lines = textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)
    return [re.sub(r"^(?=[.'])", r"\\&", escaped(line)) for line in lines]


def tagged(tag, text):
    return [".TP", tag, *prose(text)]


def form(name, metavar):
    """An option in bold; of what follows, the words in italics."""
    word = re.sub(r"<([^<>]+)>", r"\\fI\1\\fR", escaped(metavar)) if metavar else ""
    return rf"\fB{escaped(name)}\fR" + (f" {word}" if word else "")


def head(name, version, what):
    return [MADE, f'.TH {name.upper()} 1 "" "Katydid {version}" "User Commands"', ".SH NAME", rf"{escaped(name)} \- {escaped(what)}"]


# ---- what the pages are made of


def text_of(path):
    return (ROOT / path).read_text(encoding="utf-8")


def version():
    return re.search(r"^VERSION +:= (\S+)$", text_of("Makefile"), re.MULTILINE)[1]


def usage(path, name="usage"):
    """The lines of a text in C of that name."""
    source = text_of(path)
    body = re.search(rf"\b{name}\[\] =\n(.*?);\n", source, re.DOTALL)[1].replace("KATYDID_VERSION", "")
    for macro, text in re.findall(r'^#define (\w+) (".*")$', source, re.MULTILINE):
        body = body.replace(macro, text)
    return "".join(re.findall(r'"((?:\\.|[^"\\])*)"', body)).replace(r"\n", "\n").replace(r"\"", '"').splitlines()


def without_marks(text):
    text = re.sub(r"\[([^\]]+)\]\([^)]+\.md\)", r"docs/\1", text)
    return re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", text).replace("`", "").replace("docs/docs/", "docs/")


def exit_codes():
    rows = re.findall(r"^\| ([\d, ]+) \| (.*) \|$", text_of("docs/exit-codes.md"), re.MULTILINE)
    return [line for code, meaning in rows for line in tagged(rf"\fB{code}\fR", without_marks(meaning))]


# ---- the pages


def option_lines(row):
    forms = ["-" + row["short"]] if row.get("short") else []
    metavar = row.get("metavar")
    tag = ", ".join(form(name, metavar) for name in (*forms, "--" + row["name"]))
    env = f" (environment: {row['env']})" if row.get("env") else ""
    return tagged(tag, row["help"] + env)


def option_groups(table):
    lines = []
    for title, note, group in options.groups(table):
        shown = [row for row in group if row["macro"] != "LEGACY" and "HIDDEN" not in options.marks_of(row)]
        lines += [f".SS {title}", *(prose(note) if note else [])]
        lines += [line for row in shown for line in option_lines(row)]
    return lines


COMMANDS = ("master/app/runs_command.c", "master/app/merge_command.c", "master/app/keys_command.c")


def commands():
    lines = []
    for path in COMMANDS:
        calls, _, words = "\n".join(usage(path, "USAGE")).partition("\n\n")
        lines += [line for call in calls.splitlines() for line in (".PP", *prose(call))]
        lines += [line for said in re.split(r"\n\n|(?<=\.)\n(?=A|\w+: )", words) for line in (".PP", *prose(" ".join(said.split())))]
    return lines


EXAMPLES = (
    ("The dashboard on http://127.0.0.1:8089, from which a test is started:", "katydid -f my.py -H http://127.0.0.1:8000"),
    ("A test in a terminal or pipeline, one worker a core:",
     "katydid -f my.py -H http://127.0.0.1:8000 --headless -u 100 -r 10 -t 1m --processes -1"),
    ("On two machines, the master first:", "katydid -f my.py -H https://shop.test --master --expect-workers 1",
     "katydid -f my.py --worker --master-host 10.0.0.1 --processes -1"),
)


def examples():
    lines = []
    for said, *typed in EXAMPLES:
        lines += [*(lines and [".PP"]), *prose(said), ".PP", ".RS 4", ".nf", *(escaped(line) for line in typed), ".fi", ".RE"]
    return lines


def katydid(table):
    return [
        *head("katydid", version(), "load tests in Python, with Locust's API on an engine in C"),
        ".SH SYNOPSIS",
        r"\fBkatydid\fR [\fIoptions\fR] [\fIUserClass\fR ...]", ".br",
        r"\fBkatydid runs\fR [\fIcommand\fR]", ".br",
        r"\fBkatydid compare\fR \fIA\fR \fIB\fR", ".br",
        r"\fBkatydid merge\fR \fIFILE\fR ...", ".br",
        r"\fBkatydid keys\fR \fIcommand\fR",
        ".SH DESCRIPTION",
        *prose("Runs the User classes of a Python file as Locust does, and measures what the target answers. Without --headless the test is "
               "started and watched in a browser, on http://127.0.0.1:8089. Words that are not options name the User classes to run "
               "(environment: LOCUST_USER_CLASSES); without any it runs them all."),
        ".SH OPTIONS", *option_groups(table),
        ".SH COMMANDS", *prose("Runs are stored, and looked at later; files of workers are merged; keys of a cluster are made."), *commands(),
        ".SH EXIT STATUS", *exit_codes(),
        ".SH FILES",
        *prose("Options may be set in these files, the later ones winning; the environment wins over files, the command line over everything."),
        *tagged(r"\fI~/.locust.conf\fR, \fI./locust.conf\fR", "lines such as users = 100"),
        *tagged(r"\fI./pyproject.toml\fR", "its table [tool.locust]"),
        *tagged(r"the file of \fB\-\-config\fR", "either of the two formats"),
        ".SH EXAMPLES", *examples(),
        ".SH SEE ALSO", r"\fBkatydid\-worker\fR(1), and the documents installed with the program.",
    ]


def worker():
    lines = usage("worker/main.c")
    calls = [found.groups() for line in lines if (found := re.match(r"  katydid-worker (.*?)  +(.*)$", line))]
    others = next(line.strip().removeprefix("katydid-worker ") for line in lines if line.endswith("--version | --help"))
    bold = lambda call: " ".join(rf"\fB{escaped(word)}\fR" if word.startswith("-") else escaped(word) for word in call.split())  # noqa: E731
    return [
        *head("katydid-worker", version(), "the load generator of katydid"),
        ".SH SYNOPSIS",
        *[line for call, _ in calls for line in (rf"\fBkatydid\-worker\fR {bold(call)}", ".br")],
        rf"\fBkatydid\-worker\fR {bold(others)}",
        ".SH DESCRIPTION",
        *prose("Embeds Python and runs the User classes of a test. The program katydid starts it; nobody needs to type it, but for trying "
               "things in a worker's environment."),
        *prose(lines[-1]),
        ".SH OPTIONS",
        *[line for call, meaning in calls for line in tagged(bold(call), meaning)],
        ".SH SEE ALSO", r"\fBkatydid\fR(1)",
    ]


def main(arguments):
    folder = ROOT / "docs/man"
    if not folder.exists():  # an image is built from a part of the tree
        return 0
    pages = {"katydid.1": katydid(options.rows(options.TABLE.read_text())), "katydid-worker.1": worker()}
    return settle({folder / name: "\n".join(lines) + "\n" for name, lines in pages.items()}, arguments, "what the programs say")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

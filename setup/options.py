# SPDX-License-Identifier: MIT
"""What is made of master/options/options.def besides the C that includes it.

    options.py            writes what is not current (part of make)
    options.py --check    names what is not current, exit code 1 (part of make lint)

    worker/pylib/locust/_option_table.py    for Python's parser of the same options
    docs/options.md                         its tables; what stands around them is written by hand
"""

import ast
import re
import sys

from generated import ROOT, settle

TABLE = ROOT / "master/options/options.def"
TOKEN = re.compile(r"""\s+|/\*.*?\*/|//[^\n]*|(?P<text>"(?:\\.|[^"\\])*")|'(?P<char>.)'|(?P<name>[A-Za-z_]\w*)"""
                   r"""|(?P<number>-?\d[\d.]*(?:e\d+)?)|(?P<mark>[(),|])""", re.DOTALL)
BEGIN, END = "<!-- made of master/options/options.def by make: edit that -->", "<!-- end of what is made -->"


# ---- options.def


def columns_of(source):
    """{macro: [column ...]}, from the comment at the head."""
    found = re.findall(r"^ \* ([A-Z]+) *\(([a-z_, ]+)\)$", source, re.MULTILINE)
    return {macro: columns.replace(" ", "").split(",") for macro, columns in found}


def tokens(source):
    at = 0
    while at < len(source):
        found = TOKEN.match(source, at)
        if found is None:
            sys.exit(f"{TABLE}: {source[at:at + 40]!r}: neither text nor number nor name")
        at = found.end()
        if found.lastgroup:
            yield found.lastgroup, found[found.lastgroup]


def value_of(words):
    """A column: texts one after another, names with | between, a number, a character, or NULL."""
    kinds = {kind for kind, _ in words}
    if kinds == {"text"}:
        return "".join(ast.literal_eval(text) for _, text in words)
    if kinds == {"char"}:
        return words[0][1]
    if kinds == {"number"}:
        number = float(words[0][1])
        return int(number) if number.is_integer() else number
    names = [word for kind, word in words if kind == "name"]
    return None if names == ["NULL"] else names


def rows(source):
    """[{"macro": "FLAG", column: value}] in order."""
    columns, found, row, words = columns_of(source), [], None, []
    for kind, word in tokens(source):
        if row is None:
            row = [word]
        elif word == "(" and not words and len(row) == 1:
            continue
        elif kind == "mark" and word in ",)":
            row.append(value_of(words))
            words = []
            if word == ")":
                macro = row[0]
                found.append({"macro": macro, **dict(zip(columns[macro], row[1:], strict=True))})
                row = None
        else:
            words.append((kind, word))
    return found


def marks_of(row):
    return [mark.removeprefix("OPTION_") for mark in row["marks"] or []]


def kind_of(row):
    return row["kind"][0].removeprefix("OPTION_") if "kind" in row else row["macro"]


# ---- for Python


def default_of(row):
    """As Locust's parser has it: what is left to a type is a text."""
    kind, marks = kind_of(row), marks_of(row)
    if kind == "FLAG" or "FALSE" in marks:
        return False
    if "EMPTY" in marks:
        return ""
    initial = None if "NULL" in marks else row.get("initial")
    return str(initial) if kind == "SPAN" and initial is not None else initial


def forms_of(row):
    forms = ["--" + row["name"]]
    if row.get("short"):
        forms.insert(1 if "LONG_FIRST" in marks_of(row) else 0, "-" + row["short"])
    return tuple(forms)


def metavar_of(row):
    """argparse puts brackets and dots of its own around the word of a list."""
    return re.sub(r"^\[(.*) \.\.\.\]$", r"\1", row.get("metavar") or "")


def python_row(row):
    fields = {"names": forms_of(row), "dest": row.get("dest"), "kind": kind_of(row), "default": default_of(row),
              "env_var": row.get("env"), "metavar": metavar_of(row),
              "choices": row["choices"].split() if row.get("choices") else None,
              "help": row["help"].replace("%", "%%"), "words": row.get("words"),
              "is_hidden": kind_of(row) == "LEGACY" or "HIDDEN" in marks_of(row), "takes_value": "VALUE" in marks_of(row)}
    return {key: value for key, value in fields.items() if value or key in ("dest", "default")}


def python_table(table):
    lines = ["# SPDX-License-Identifier: MIT", '"""Made of master/options/options.def by make: edit that."""', "",
             "# (title, note, options) of each group that has options of Locust", "GROUPS = ("]
    for title, note, group in groups(table):
        options = [python_row(row) for row in group if row.get("dest") or kind_of(row) == "VERSION"]
        if options:
            lines += ["    (", f"        {title!r},", f"        {note!r},", "        ("]
            lines += [f"            {option!r}," for option in options]
            lines += ["        ),", "    ),"]
    own = [row for row in table if row["macro"] not in ("GROUP", "ACTION", "LEGACY") and not row["dest"]]
    in_files = tuple(row["name"] for row in own if "TYPED" not in marks_of(row))
    return "\n".join([*lines, ")", "", "# of the command katydid alone: those that may stand in configuration files", f"OURS = {in_files!r}",
                      "# and of all of them the forms, and whether a value follows", "OUR_FORMS = (",
                      *(f"    ({forms_of(row)!r}, {kind_of(row) != 'FLAG'})," for row in own), ")", ""])


def groups(table):
    found = []
    for row in table:
        if row["macro"] == "GROUP":
            found.append((row["title"], row["note"], []))
        else:
            found[-1][2].append(row)
    return found


# ---- for people


def escaped(text):
    """For a cell of a table; names of options and variables are code."""
    parts = re.split(r"((?<![\w-])--[a-z][a-z0-9-]*(?![\w-])|\b[A-Z]+_[A-Z_]+\b)", text)
    return "".join(f"`{part}`" if index % 2 else re.sub(r"[|*<>]|(?<!\w)_", r"\\\g<0>", part) for index, part in enumerate(parts))


def manual_row(row):
    forms = [("-" + row["short"])] if row.get("short") else []
    forms.append(f"--{row['name']}" + (f" {row['metavar']}" if row.get("metavar") else ""))
    meaning, _, default = row["help"].partition("Default: ")
    meaning = re.sub(r"[.,; ]+$", "", meaning)
    if row["macro"] == "FLAG" and row["env"]:
        default = default or "off"
    option = ", ".join(f"`{form}`" for form in forms).replace("|", r"\|")  # it would end the cell, in code too
    cells = [option, f"`{row['env']}`" if row.get("env") else "", escaped(default), escaped(meaning)]
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)


def manual_tables(table):
    lines = [BEGIN, ""]
    for title, note, group in groups(table):
        lines += [f"### {title}", ""] + ([escaped(note), ""] if note else [])
        lines += ["| option | environment | default | meaning |", "|---|---|---|---|"]
        lines += [manual_row(row) for row in group if row["macro"] not in ("LEGACY",)]
        lines.append("")
    return "\n".join([*lines, END])


def manual(table, text):
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        sys.exit(f"docs/options.md: the lines {BEGIN!r} and {END!r} are gone")
    return head + manual_tables(table) + tail


def main(arguments):
    table = rows(TABLE.read_text())
    python, page = ROOT / "worker/pylib/locust/_option_table.py", ROOT / "docs/options.md"
    made = {python: python_table(table)} if python.parent.exists() else {}  # an image is built from a part of the tree
    if page.exists():
        made[page] = manual(table, page.read_text())
    return settle(made, arguments, "master/options/options.def")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What is written from common/metric/columns.def: webui/src/live/columns.ts, and lists in docs/. `make columns` does it;
with --check nothing is written, and what is not current is said."""

import json
import re
import sys

from generated import ROOT, settle

LINE = re.compile(r"^(KEPT|SHOWN)_([A-Z]+)\((.*)\)$")
CELL = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,\s][^,]*)')
UNITS = {"count": "", "ms": "ms", "rate": "1/s", "bytes": "bytes"}


def listed(text):
    """(kept, shown): each a list of (kind, arguments)."""
    found = {"KEPT": [], "SHOWN": []}
    for line in text.splitlines():
        match = LINE.match(line)
        if match:
            cells = [quoted or plain.strip() for quoted, plain in CELL.findall(match[3].replace('""', '"\0"'))]
            found[match[1]].append((match[2], [cell.replace("\0", "") for cell in cells]))
    return found["KEPT"], found["SHOWN"]


def camel(name):
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


class Columns:
    def __init__(self, text):
        kept, shown = listed(text)
        self.kept = [(kind, args) for kind, args in kept if args[1]]
        self.shown = shown
        self.window = ["from", "to", "id", *(args[1] for _, args in self.kept)]
        self.row = [args[1] for _, args in shown]
        self.place = {args[0]: 3 + i for i, (_, args) in enumerate(self.kept)}

    def of_kind(self, *kinds):
        return [self.place[args[0]] for kind, args in self.kept if kind in kinds]

    def meanings(self):
        """name, unit and words of each column of a row."""
        return [(args[1], "" if kind == "ID" else UNITS[args[-4]], "The row's number, 0 for the total" if kind == "ID" else args[-1])
                for kind, args in self.shown]

    def typescript(self):
        counts, quantiles, table = [], [], []
        for at, (kind, args) in enumerate(self.shown):
            if kind == "COUNT":
                counts.append([at, self.place[args[2].removeprefix("extra.")]])
            if kind == "QUANTILE":
                quantiles.append([at, self.place[args[2]], float(args[3])])
            if kind != "ID" and args[-3]:
                table.append([at, camel(args[1]), args[-3], args[-1], args[-4], int(args[-2])])

        def constant(name, names):
            return f"export const {name} = {{\n  " + ", ".join(f"{camel(n)}: {i}" for i, n in enumerate(names)) + ",\n} as const;\n"

        def array(name, kind, values):
            return f"export const {name}: {kind} = [\n" + "".join(f"  {json.dumps(v, ensure_ascii=False)},\n" for v in values) + "];\n"

        return ("/* Written by setup/columns.py from common/metric/columns.def: change that. */\n\n"
                "/** Where what is in a row of the endpoints. */\n" + constant("ROW", self.row) +
                f"export const ROW_WIDTH = {len(self.row)};\n\n"
                "/** Where what is in a row of a report's window. */\n" + constant("WIN", self.window) +
                f"/** Of these: sums, and histograms. */\nexport const SUMS = {self.of_kind('COUNT', 'AMOUNT', 'EXTRA')};\n"
                f"export const HISTS = {self.of_kind('TREND', 'PART')};\n\n"
                "/** Columns of a row that are sums of a window, and percentiles of its histograms. */\n" +
                array("COUNTS", "readonly [number, number][]", counts) + array("QUANTILES", "readonly [number, number, number][]", quantiles) +
                '\nexport type Unit = "' + '" | "'.join(UNITS) + '";\n'
                "/** What the endpoints table can show: column, key, label, title, unit, width. */\n" +
                array("TABLE", "readonly [number, string, string, string, Unit, number][]", table))

    def openapi(self, text):
        api = json.loads(text)
        items = [{"title": name, "description": words + (f" ({unit})" if unit and unit not in words else "")}
                 for name, unit, words in self.meanings()]
        api["components"]["schemas"]["Row"] = {"type": "array", "description": "an endpoint; more columns may follow; null: not measured", "prefixItems": items}
        return json.dumps(api, indent=1) + "\n"

    def documents(self):
        shown = "| column | unit | is |\n|---|---|---|\n" + "".join(f"| `{n}` | {u} | {w} |\n" for n, u, w in self.meanings())
        return {"shown": shown, "row": f"`{' '.join(self.row)}`\n", "window": f"`{' '.join(self.window)}`\n"}


def filled(text, lists):
    """Each list between the marks that name it."""
    def fill(match):
        return match[1] + lists[match[2]] + match[3]
    return re.sub(r"(<!-- columns: (\w+) -->\n).*?(<!-- end -->)", fill, text, flags=re.S)


def written():
    """path -> text, of everything that is made."""
    columns = Columns((ROOT / "common/metric/columns.def").read_text())
    texts = {ROOT / "webui/src/live/columns.ts": columns.typescript()}
    for name in ("docs/statistics.md", "docs/api.md"):
        texts[ROOT / name] = filled((ROOT / name).read_text(), columns.documents())
    texts[ROOT / "docs/openapi.json"] = columns.openapi((ROOT / "docs/openapi.json").read_text())
    return texts


if __name__ == "__main__":
    sys.exit(settle(written(), sys.argv[1:], "common/metric/columns.def", "make columns"))

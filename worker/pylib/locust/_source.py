# SPDX-License-Identifier: MIT
"""Where locustfiles come from (the names of -f), and what a master sends to workers that ask for
its own (`-f -`): the files, and beside them the modules they import from their folders.
"""

import ast
import os
import re
import sys
import urllib.error
import urllib.request

import gevent
import msgpack

from . import _folders
from .exception import LocustError
from .util.directory import get_abspaths_in
from .util.url import is_url

EXIT_NO_FILE = 64
EXIT_IMPORT = 65

MAX_CHOICES = 200
MAX_MODULES = 1000
MAX_BYTES = 8 << 20  # of all files together

_HEAD_BYTES = 1 << 16
_DOWNLOAD_TIMEOUT_S = 300
_OFFER_EVERY_S = 1.0
_WARN_AT_S = (10, 70, 130, 190, 250)


class Refusal(LocustError):
    """Why the process ends before it began; `code` is its exit code. `text` is Locust's, where it
    has words for it; `lead` and `mend` are what we add, but not when called by the name
    locust."""

    def __init__(self, code, text, mend="", is_logged=False, lead=""):
        super().__init__(lead + text + mend)
        self.code = code
        self.text = text
        self.is_logged = is_logged  # by Locust, which has its log by then


def find(names, endpoint=None, is_locust=False):
    """Paths of the files that -f means: comma list, folders, addresses, "-" for the master's."""
    if names == "-":
        return from_master(endpoint, is_locust)
    return [path for name in names.split(",") for path in _find(name.strip())]


def _find(name):
    if is_url(name):
        return [download(name)]
    if os.path.isdir(name):
        found = sorted(get_abspaths_in(name, extension=".py"))
        if not found:
            raise Refusal(EXIT_NO_FILE, f"Could not find any locustfiles in directory '{name}'")
        return found
    if not os.path.exists(name) or not name.endswith(".py"):
        raise Refusal(EXIT_NO_FILE, f"Could not find '{name}'. Ensure your locustfile ends with "
                                    "'.py' or is a directory with locustfiles. "
                                    "See --help for available options.",
                      " Put it here, or name it with -f")
    return [os.path.abspath(name)]


def choices(files, names):
    """Names of the locustfiles beside the one that -f names, which the page may choose from: Python files
    of its folder that speak of locust. None when -f names several, or a place elsewhere."""
    if len(files) != 1 or names == "-" or is_url(names) or not os.path.isfile(names):
        return []
    folder = os.path.dirname(os.path.abspath(files[0]))
    found = [name for name in sorted(os.listdir(folder)) if name.endswith(".py") and name[0] not in "._"]
    return [name for name in found[:MAX_CHOICES] if _speaks_of_locust(os.path.join(folder, name))]


def _speaks_of_locust(path):
    try:
        with open(path, "rb") as file:
            text = file.read(_HEAD_BYTES)
    except OSError:
        return False
    return re.search(rb"^\s*(from|import)\s+locust\b", text, re.MULTILINE) is not None


def _write(folder, path, text):
    target = os.path.join(folder, path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "w", encoding="utf-8") as file:
        file.write(text)
    return target


def download(url):
    """The path of the file at that address, once it has been fetched and is Python."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            text = answer.read().decode("utf-8")
        ast.parse(text)
    except (OSError, urllib.error.URLError, UnicodeDecodeError) as error:
        raise Refusal(EXIT_NO_FILE,
                      f"Failed to get locustfile from: {url}. Exception: {error}") from None
    except (SyntaxError, ValueError):
        raise Refusal(EXIT_IMPORT, f"Failed to get locustfile from: {url}. Response was not valid "
                                   f"python code: '{text[:100]}'") from None
    name = url.split("?", 1)[0].rsplit("/", 1)[-1]
    return _write(_folders.new(), name if name.endswith(".py") else "locustfile.py", text)


# From the master


def from_master(endpoint, is_locust=True):
    """Asks the master for its locustfile, until it answers. is_locust: in Locust's words."""
    import _katydid

    from ._version import __version__
    from .rpc.protocol import Message, new_node_id

    node_id = new_node_id().replace("_", "_download_locustfile_", 1)
    link = _katydid.Link(endpoint, node_id)
    question = Message("locustfile", {"version": __version__}, node_id).serialize()
    answer = gevent.spawn(link.recv)
    try:
        for second in range(_DOWNLOAD_TIMEOUT_S):
            link.send(question)
            answer.join(timeout=_OFFER_EVERY_S)
            if answer.ready():
                return unpack(answer.get())
            if second in _WARN_AT_S:
                where = "" if is_locust else f" at {link.endpoint}"
                print(f"Waiting to connect to master{where} to receive locustfile...",
                      file=sys.stderr, flush=True)
                if link.trouble:
                    print(f"the master at {link.endpoint} {link.trouble}", file=sys.stderr, flush=True)
        why = f": is a master running at {link.endpoint}?"
        if link.trouble:
            why = f": the master at {link.endpoint} {link.trouble}"
    finally:
        answer.kill()
        link.close()
    raise Refusal(EXIT_NO_FILE, "Got no locustfile response from master, gave up after "
                                f"{_DOWNLOAD_TIMEOUT_S}s", why)


def unpack(message):
    """Writes the files of a master's answer into a private folder; the locustfiles' paths."""
    try:
        kind, data, _ = msgpack.unpackb(message, strict_map_key=False)
        if kind != "locustfile":
            raise Refusal(EXIT_NO_FILE, f"Got wrong message type from master {kind}")
        if "error" in data:
            raise Refusal(EXIT_NO_FILE, f"Got error from master: {data['error']}")
        paths = _unpack_tree(data["katydid"]) if "katydid" in data else _unpack_files(data)
        if not paths:
            raise ValueError("there is no file in it")
        return paths
    except (ValueError, TypeError, KeyError, AttributeError, OSError, RecursionError,
            msgpack.UnpackException) as error:
        raise Refusal(EXIT_NO_FILE, f"the master's locustfile cannot be read: {error!r}") from None


def _unpack_files(data):
    """As a stock master sends them: each with its base name, or an address."""
    return [
        _write(_folders.new(), os.path.basename(source["filename"]) or "locustfile.py",
               source["contents"])
        if isinstance(source, dict) and "contents" in source
        else download(source)
        for source in data.get("locustfiles", [])
    ]


def _unpack_tree(tree):
    folder = _folders.new()
    locustfiles = []
    for file in tree["files"]:
        parts = file["path"].split("/")
        if file["path"].startswith("/") or ".." in parts or "\0" in file["path"]:
            raise ValueError(f"{file['path']!r} is no place in a folder")
        path = _write(folder, os.path.join(*parts), file["contents"])
        if file.get("is_locustfile"):
            locustfiles.append(path)
    for name in reversed(tree["folders"]):
        sys.path.insert(0, os.path.join(folder, os.path.basename(name)))
    return locustfiles


# On the master


def package(locustfiles):
    """The answer to a worker that asks for the locustfile: in a stock master's form, and for our
    workers with the modules that were imported from the folders beside it."""
    try:
        folders = list(dict.fromkeys([*map(os.path.dirname, locustfiles), os.getcwd()]))
        modules = _Modules(folders)
        for path in locustfiles:
            modules.add(path)
        modules.add_loaded()
        texts = modules.texts
        if sum(map(len, texts.values())) > MAX_BYTES:
            raise ValueError(f"it and what it imports are larger than {MAX_BYTES >> 20} MiB")
    except (OSError, ValueError) as error:
        return {"error": f"the locustfile cannot be sent to workers: {error}"}
    return {
        "locustfiles": [
            {"filename": os.path.basename(path), "contents": texts[path]} for path in locustfiles
        ],
        "katydid": {
            "folders": [str(index) for index in range(len(folders))],
            "files": [
                {"path": modules.place(path), "contents": text,
                 "is_locustfile": path in locustfiles}
                for path, text in texts.items()
            ],
        },
    }


class _Modules:
    """The Python files below some folders that files import, found by reading their imports;
    what is imported by other means counts once it has been loaded."""

    def __init__(self, folders):
        self._folders = folders
        self.texts = {}  # path -> text

    def place(self, path):
        """Where a worker puts it: the number of the folder, and the way from there."""
        index, folder = max(
            ((i, f) for i, f in enumerate(self._folders) if path.startswith(_with_slash(f))),
            key=lambda pair: len(pair[1]),
        )
        return f"{index}/{os.path.relpath(path, folder)}"

    def add(self, path):
        todo = [path]
        while todo:
            path = todo.pop()
            if path in self.texts:
                continue
            if len(self.texts) > MAX_MODULES:
                raise ValueError(f"it imports more than {MAX_MODULES} modules of its folder")
            with open(path, encoding="utf-8") as file:
                self.texts[path] = file.read()
            todo += self._imports_of(path)

    def add_loaded(self):
        for name, module in list(sys.modules.items()):
            path = getattr(module, "__file__", None)
            if path and path in self._resolve(name):
                self.add(path)

    def _imports_of(self, path):
        try:
            tree = ast.parse(self.texts[path])
        except (SyntaxError, ValueError):
            return []
        found = []
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    found += self._resolve(alias.name)
            elif isinstance(node, ast.ImportFrom):
                above = [os.path.dirname(path)] + [os.pardir] * (node.level - 1)
                folders = [os.path.normpath(os.path.join(*above))] if node.level else None
                for alias in node.names:
                    name = f"{node.module}.{alias.name}" if node.module else alias.name
                    found += self._resolve(name, folders)
        return [file for file in found if self._is_below(file)]

    def _is_below(self, path):
        return any(path.startswith(_with_slash(folder)) for folder in self._folders)

    def _resolve(self, name, folders=None):
        """The files that importing a dotted name reads, packages' included; none of elsewhere."""
        if name.split(".", 1)[0] in ("locust", "katydid_boot"):
            return []
        found = []
        for folder in folders or self._folders:
            place = folder
            for part in name.split("."):
                place = os.path.join(place, part)
                found += [path for path in (os.path.join(place, "__init__.py"), place + ".py")
                          if os.path.isfile(path)]
        return found


def _with_slash(folder):
    return os.path.join(folder, "")

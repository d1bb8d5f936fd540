# SPDX-License-Identifier: MIT
"""Files of rows, read from one row to the next: CSV, whose first line names the columns, and JSON lines. A row is the number of
its line and its values; a file of any size needs no more memory than a row."""

import csv
import json
import os

_LINE_MAX = 1 << 20  # characters
_CHECKED_BYTES = 16 << 20  # of a file, before anything starts
_FORMATS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


class BadRows(Exception):
    """What is wrong with the file, in words for its author."""


class RowsFile:
    """fields: the names of the columns, where the file does not say them."""

    def __init__(self, path, folder, format, fields, delimiter, encoding):
        self.path, self._folder = os.fspath(path), folder
        self.fields = None if fields is None else list(fields)
        self._has_head = fields is None
        self.format = format or _FORMATS.get(os.path.splitext(self.path)[1].lower())
        if self.format not in _FORMATS.values():
            raise ValueError(f"{self.path}: what it is cannot be seen from its name: give format='csv', 'tsv' or 'jsonl'")
        if self.is_json and fields is not None:
            raise ValueError(f"{self.path}: fields are of CSV; JSON has names of its own")
        self._delimiter = delimiter or ("\t" if self.format == "tsv" else ",")
        self._encoding = encoding

    @property
    def is_json(self):
        return self.format == "jsonl"

    def check(self):
        """Reads the begin of it."""
        with self._open() as file:
            rows = self._rows(file)
            while next(rows, None) is not None and file.buffer.tell() < _CHECKED_BYTES:
                pass

    def rows(self):
        """All of them, once: (line, values), of JSON its text."""
        with self._open() as file:
            yield from self._rows(file)

    def _open(self):
        path = self.path
        if not os.path.exists(path) and not os.path.isabs(path):
            path = os.path.join(self._folder, path)
        try:
            return open(path, encoding=self._encoding, newline=None if self.is_json else "")
        except (OSError, LookupError) as error:
            raise BadRows(f"{self.path}: {getattr(error, 'strerror', None) or error}") from None

    def _rows(self, file):
        count = 0
        for row in self._of_json(file) if self.is_json else self._of_csv(file):
            count += 1
            yield row
        if not count:
            raise BadRows(f"{self.path}: there is no row in it")

    def _lines(self, file):
        number = 0
        while True:
            number += 1
            try:
                line = file.readline(_LINE_MAX)
            except (UnicodeError, OSError) as error:
                raise BadRows(f"{self.path}:{number}: {error} (encoding={self._encoding!r})") from None
            if len(line) == _LINE_MAX:
                raise BadRows(f"{self.path}:{number}: the line is longer than {_LINE_MAX} characters")
            if not line:
                return
            yield line

    def _of_csv(self, file):
        reader = csv.reader(self._lines(file), delimiter=self._delimiter, strict=True)
        fields = None if self._has_head else self.fields
        while True:
            line = reader.line_num + 1
            try:
                row = next(reader, None)
            except csv.Error as error:
                raise BadRows(f"{self.path}:{line}: {error}") from None
            if row is None:
                return
            if not row:  # an empty line
                continue
            if fields is None:
                self.fields = fields = self._head(line, row)
            elif len(row) != len(fields):
                raise BadRows(f"{self.path}:{line}: {len(row)} values for {len(fields)} columns ({', '.join(fields)})")
            else:
                yield line, row

    def _head(self, line, row):
        names = [name.strip() for name in row]
        twice = next((name for name in names if names.count(name) > 1 or not name), None)
        if twice is not None:
            raise BadRows(f"{self.path}:{line}: the first line names the columns, and {twice!r} is not one name of one column")
        return names

    def _of_json(self, file):
        for line, text in enumerate(self._lines(file), 1):
            if not text.strip():
                continue
            try:
                json.loads(text)
            except (ValueError, RecursionError) as error:
                raise BadRows(f"{self.path}:{line}: no JSON: {error}") from None
            yield line, text.strip()

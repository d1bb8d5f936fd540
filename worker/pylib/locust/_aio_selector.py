# SPDX-License-Identifier: MIT
"""asyncio's selector on gevent's hub: a watcher of the hub's loop for each descriptor, which stays as long as asyncio wants to
know of it. So it is the loop that all greenlets wait on that polls, and nothing here ever does."""

import selectors


class Selector(selectors.BaseSelector):
    def __init__(self, loop, wake):
        """loop: the hub's. wake() is called when a descriptor is ready, any number of times."""
        self._loop, self._wake = loop, wake
        self._keys, self._watchers = {}, {}  # by descriptor
        self._ready = {}  # descriptor -> events

    def register(self, fileobj, events, data=None):
        fd = _descriptor(fileobj)
        if fd in self._keys:
            raise KeyError(f"descriptor {fd} is registered already")
        self._watch(fd, events)
        key = self._keys[fd] = selectors.SelectorKey(fileobj, fd, events, data)
        return key

    def unregister(self, fileobj):
        fd = _descriptor(fileobj)
        key = self._keys.pop(fd)
        self._unwatch(fd)
        return key

    def modify(self, fileobj, events, data=None):
        fd = _descriptor(fileobj)
        if events != self._keys[fd].events:
            self._unwatch(fd)
            self._watch(fd, events)
        key = self._keys[fd] = selectors.SelectorKey(fileobj, fd, events, data)
        return key

    def select(self, timeout=None):
        """What has become ready since the last time; never waits."""
        ready, self._ready = self._ready, {}
        return [(self._keys[fd], events) for fd, events in ready.items()]

    @property
    def is_ready(self):
        return bool(self._ready)

    def get_key(self, fileobj):
        return self._keys[_descriptor(fileobj)]

    def get_map(self):
        return self._keys

    def close(self):
        for fd in list(self._keys):
            self.unregister(fd)

    def _watch(self, fd, events):
        watcher = self._watchers[fd] = self._loop.io(fd, events)  # both sides have 1 for reading and 2 for writing
        watcher.start(self._became_ready, fd, pass_events=True)

    def _unwatch(self, fd):
        self._ready.pop(fd, None)
        self._watchers.pop(fd).close()

    def _became_ready(self, events, fd):
        if events > 0 and fd in self._keys:
            self._ready[fd] = events & self._keys[fd].events
            self._wake()


def _descriptor(fileobj):
    return fileobj if isinstance(fileobj, int) else fileobj.fileno()

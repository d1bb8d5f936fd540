"""Who looks at the page: a socket that keeps up stays, whatever happens beside it."""

import threading
import time

from test_web_host import PLAIN, page
from test_web_spelling import COMMAND, ask
from viewer import Viewer

MANY = 50  # in half a second: in one of two seconds more than a viewer may say of itself


def test_a_viewer_that_keeps_up_is_no_flood():
    """What happens is shown at once, so that many ticks come in a second when many things happen; each has its answer."""
    is_over, came = threading.Event(), []

    def reset(port):
        while not is_over.is_set():
            assert ask(port, "POST", "/api/v1/reset", *COMMAND)[0] == 200

    with page(PLAIN) as process:
        viewer = Viewer(process.call.base)
        others = [threading.Thread(target=reset, args=(process.port,)) for _ in range(4)]
        for other in others:
            other.start()
        try:
            while len(came) < 10 * MANY and not (len(came) > MANY and came[-1] - came[-MANY] < 0.5):
                said = viewer.message("tick", "bye")
                assert said and said["type"] == "tick", said or "the socket was closed"
                viewer.say({"type": "ack", "tick": said["tick"]})
                came.append(time.monotonic())
            assert viewer.message("tick"), "the socket was closed"
        finally:
            is_over.set()
            for other in others:
                other.join()
            viewer.close()

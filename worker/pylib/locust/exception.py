# SPDX-License-Identifier: MIT
"""The exceptions that a locustfile raises, or catches."""


class LocustError(Exception):
    """A mistake in how the API was used."""


class MissingWaitTimeError(LocustError):
    """Neither the user nor its task set says how long to wait."""


class ResponseError(Exception):
    """The response was not what the request asked for."""


class CatchResponseError(Exception):
    """A response that the locustfile itself declared a failure."""


class InterruptTaskSet(Exception):
    """Leaves the running task set; the parent goes on at once, or after its wait."""

    def __init__(self, reschedule=True):
        super().__init__(reschedule)
        self.reschedule = reschedule


class StopTest(Exception):
    """Ends the whole test, from wherever it is raised."""


class StopUser(Exception):
    """Ends the user that raises it."""


class RescheduleTask(Exception):
    """Ends the task; the user waits and goes on with another one."""


class RescheduleTaskImmediately(Exception):
    """Ends the task; the user goes on with another one without waiting."""


class RPCError(Exception):
    """The link between master and worker broke."""


class RPCSendError(Exception):
    """A message could not be sent."""


class RPCReceiveError(Exception):
    """A message arrived that cannot be understood; `addr` names the sender when known."""

    def __init__(self, *args, addr=None):
        super().__init__(*args)
        self.addr = addr


class RunnerAlreadyExistsError(Exception):
    """An Environment has one runner, and it was created already."""

# SPDX-License-Identifier: MIT
"""States and constants of runners. locust.runners has the public names."""

STATE_INIT = "ready"
STATE_SPAWNING = "spawning"
STATE_RUNNING = "running"
STATE_CLEANUP = "cleanup"
STATE_STOPPING = "stopping"
STATE_STOPPED = "stopped"
STATE_MISSING = "missing"

# A locustfile may set these at run time; they are read where they are used.
WORKER_REPORT_INTERVAL = 3.0  # to a Locust master; a Katydid master says how often
WORKER_LOG_REPORT_INTERVAL = 10  # negative: never
CPU_MONITOR_INTERVAL = 10.0
CPU_WARNING_THRESHOLD = 90
HEARTBEAT_INTERVAL = 1
HEARTBEAT_LIVENESS = 3
HEARTBEAT_DEAD_INTERNAL = -60
MASTER_HEARTBEAT_TIMEOUT = 60
FALLBACK_INTERVAL = 5
CONNECT_TIMEOUT = 5
CONNECT_RETRY_COUNT = 60

# SPDX-License-Identifier: MIT
"""Made of master/options/options.def by make: edit that."""

# (title, note, options) of each group that has options of Locust
GROUPS = (
    (
        'Common options',
        None,
        (
            {'names': ('-f', '--locustfile'), 'dest': 'locustfile', 'kind': 'TEXT', 'default': 'locustfile.py', 'env_var': 'LOCUST_LOCUSTFILE', 'metavar': '<file>', 'help': "Python file with the User classes: a .py file, several separated by commas, a directory, or an http(s) URL; a worker may give '-' to get it from its master. Default: locustfile.py"},
            {'names': ('--config',), 'dest': 'config', 'kind': 'TEXT', 'default': None, 'metavar': '<file>', 'help': 'one more configuration file; it wins over ./pyproject.toml, ./locust.conf and ~/.locust.conf'},
            {'names': ('-H', '--host'), 'dest': 'host', 'kind': 'URL', 'default': None, 'env_var': 'LOCUST_HOST', 'metavar': '<base url>', 'help': 'where the load goes, such as https://www.example.com; replaces the host of every User class'},
            {'names': ('-u', '--users'), 'dest': 'num_users', 'kind': 'WHOLE', 'default': None, 'env_var': 'LOCUST_USERS', 'metavar': '<n>', 'help': 'peak number of users. On a terminal the keys w and W add 1 or 10 users while a test runs, s and S take them away. Default: 1 with --headless or --autostart'},
            {'names': ('-r', '--spawn-rate'), 'dest': 'spawn_rate', 'kind': 'RATE', 'default': None, 'env_var': 'LOCUST_SPAWN_RATE', 'metavar': '<n>', 'help': 'users to start per second. Default: 1 with --headless or --autostart'},
            {'names': ('-t', '--run-time'), 'dest': 'run_time', 'kind': 'SPAN', 'default': None, 'env_var': 'LOCUST_RUN_TIME', 'metavar': '<time>', 'help': 'stop after this time, counted from the start of the test: 300, 300s, 20m, 1h30m. With --headless or --autostart. Default: run until stopped'},
            {'names': ('-l', '--list'), 'dest': 'list_commands', 'kind': 'FLAG', 'default': False, 'help': 'print the User classes of the locustfile and exit'},
            {'names': ('--config-users',), 'dest': 'config_users', 'kind': 'USERS_JSON', 'default': None, 'env_var': 'LOCUST_CONFIG_USERS', 'metavar': '<json>', 'help': 'attributes for User classes as JSON objects or .json files; each object names its "user_class_name"'},
        ),
    ),
    (
        'Web UI options',
        None,
        (
            {'names': ('--web-host',), 'dest': 'web_host', 'kind': 'ADDRESS', 'default': '', 'env_var': 'LOCUST_WEB_HOST', 'metavar': '<address>', 'help': "address on which the web interface listens; '*' is every address of the machine. Default: 127.0.0.1, so that only this machine can reach it"},
            {'names': ('--web-host-display-name',), 'dest': 'web_host_display_name', 'kind': 'TEXT', 'default': None, 'env_var': 'LOCUST_WEB_HOST_DISPLAY_NAME', 'metavar': '<text>', 'help': 'URL to show in the log instead of the address of the web interface'},
            {'names': ('--web-port', '-P'), 'dest': 'web_port', 'kind': 'INT', 'default': 8089, 'env_var': 'LOCUST_WEB_PORT', 'metavar': '<port>', 'help': 'port of the web interface, 0 for any free one. Default: 8089'},
            {'names': ('--headless',), 'dest': 'headless', 'kind': 'FLAG', 'default': False, 'env_var': 'LOCUST_HEADLESS', 'help': 'no web interface; start the test at once and end with it. Goes with -u, -r and -t'},
            {'names': ('--autostart',), 'dest': 'autostart', 'kind': 'FLAG', 'default': False, 'env_var': 'LOCUST_AUTOSTART', 'help': 'start the test at once and keep the web interface'},
            {'names': ('--autoquit',), 'dest': 'autoquit', 'kind': 'WHOLE', 'default': -1, 'env_var': 'LOCUST_AUTOQUIT', 'metavar': '<seconds>', 'help': 'with --autostart: end this many seconds after the test did. Default: stay until ended'},
            {'names': ('--headful',), 'dest': 'headful', 'kind': 'FLAG', 'default': False, 'env_var': 'LOCUST_HEADFUL', 'help': 'cancel a --headless that a configuration file or the environment asks for'},
            {'names': ('--web-login',), 'dest': 'web_login', 'kind': 'FLAG', 'default': False, 'env_var': 'LOCUST_WEB_LOGIN', 'help': 'ask for a login, which the locustfile must provide'},
            {'names': ('--tls-cert',), 'dest': 'tls_cert', 'kind': 'TEXT', 'default': '', 'env_var': 'LOCUST_TLS_CERT', 'metavar': '<file>', 'help': 'certificate (PEM) to serve the web interface over HTTPS; with --tls-key'},
            {'names': ('--tls-key',), 'dest': 'tls_key', 'kind': 'TEXT', 'default': '', 'env_var': 'LOCUST_TLS_KEY', 'metavar': '<file>', 'help': 'private key (PEM) of that certificate'},
            {'names': ('--class-picker',), 'dest': 'class_picker', 'kind': 'FLAG', 'default': False, 'env_var': 'LOCUST_USERCLASS_PICKER', 'help': 'let people choose User classes in the web interface'},
            {'names': ('--build-path',), 'dest': 'build_path', 'kind': 'TEXT', 'default': '', 'env_var': 'LOCUST_BUILD_PATH', 'metavar': '<directory>', 'help': 'serve the static files of this folder too; the page itself is built in', 'is_hidden': True},
            {'names': ('--web-base-path',), 'dest': 'web_base_path', 'kind': 'BASE_PATH', 'default': '', 'env_var': 'LOCUST_WEB_BASE_PATH', 'metavar': '<path>', 'help': 'path under which the web interface is served, such as /load. Default: the root'},
            {'names': ('--web-auth',), 'dest': 'web_auth', 'kind': 'LEGACY', 'default': None, 'env_var': 'LOCUST_WEB_AUTH', 'help': 'it was replaced by --web-login; remove it', 'words': 'The --web-auth parameters has been replaced with --web-login. See https://docs.locust.io/en/stable/extending-locust.html#authentication for details', 'is_hidden': True, 'takes_value': True},
            {'names': ('--legacy-ui',), 'dest': 'legacy_ui', 'kind': 'LEGACY', 'default': False, 'env_var': 'LOCUST_LEGACY_UI', 'help': 'there is only one web interface now; remove it', 'words': '--legacy-ui is no longer supported, remove the parameter to continue', 'is_hidden': True},
        ),
    ),
    (
        'Master options',
        'A master runs no users itself; it waits for workers and leads them.',
        (
            {'names': ('--master',), 'dest': 'master', 'kind': 'FLAG', 'default': False, 'env_var': 'LOCUST_MODE_MASTER', 'help': 'be the master of workers that connect'},
            {'names': ('--master-bind-host',), 'dest': 'master_bind_host', 'kind': 'ADDRESS', 'default': '*', 'env_var': 'LOCUST_MASTER_BIND_HOST', 'metavar': '<address>', 'help': 'address on which the master waits for workers. Default: * (every address)'},
            {'names': ('--master-bind-port',), 'dest': 'master_bind_port', 'kind': 'INT', 'default': 5557, 'env_var': 'LOCUST_MASTER_BIND_PORT', 'metavar': '<port>', 'help': 'port on which the master waits for workers. Default: 5557'},
            {'names': ('--expect-workers',), 'dest': 'expect_workers', 'kind': 'COUNT', 'default': 1, 'env_var': 'LOCUST_EXPECT_WORKERS', 'metavar': '<n>', 'help': 'with --headless or --autostart: wait for this many workers before the start. Default: 1'},
            {'names': ('--expect-workers-max-wait',), 'dest': 'expect_workers_max_wait', 'kind': 'WHOLE', 'default': 0, 'env_var': 'LOCUST_EXPECT_WORKERS_MAX_WAIT', 'metavar': '<seconds>', 'help': 'give up when they have not come after this time. Default: wait for ever'},
            {'names': ('--enable-rebalancing',), 'dest': 'enable_rebalancing', 'kind': 'FLAG', 'default': False, 'help': 'spread the users again when workers come or go; Katydid always does'},
            {'names': ('--expect-slaves',), 'dest': 'expect_slaves', 'kind': 'LEGACY', 'default': None, 'help': 'it was renamed; use --expect-workers', 'words': 'The --expect-slaves parameter has been renamed --expect-workers', 'is_hidden': True},
        ),
    ),
    (
        'Worker options',
        'A worker needs only these and --locustfile; the master tells it everything else.',
        (
            {'names': ('--worker',), 'dest': 'worker', 'kind': 'FLAG', 'default': False, 'env_var': 'LOCUST_MODE_WORKER', 'help': 'be a worker of a master'},
            {'names': ('--processes',), 'dest': 'processes', 'kind': 'INT', 'default': None, 'env_var': 'LOCUST_PROCESSES', 'metavar': '<n>', 'help': 'number of worker processes on this machine, -1 for one per processor. With --worker they join the master that --master-host names'},
            {'names': ('--slave',), 'dest': 'slave', 'kind': 'LEGACY', 'default': None, 'help': 'it was renamed; use --worker', 'words': 'The --slave parameter has been renamed --worker', 'is_hidden': True},
            {'names': ('--master-host',), 'dest': 'master_host', 'kind': 'ADDRESS', 'default': '127.0.0.1', 'env_var': 'LOCUST_MASTER_NODE_HOST', 'metavar': '<host>', 'help': 'machine of the master. Default: 127.0.0.1'},
            {'names': ('--master-port',), 'dest': 'master_port', 'kind': 'INT', 'default': 5557, 'env_var': 'LOCUST_MASTER_NODE_PORT', 'metavar': '<port>', 'help': 'port of the master. Default: 5557'},
        ),
    ),
    (
        'Tag options',
        'Tasks that carry @tag("name") can be chosen by their tags.',
        (
            {'names': ('-T', '--tags'), 'dest': 'tags', 'kind': 'LIST', 'default': None, 'env_var': 'LOCUST_TAGS', 'metavar': '<tag>', 'help': 'run only tasks with at least one of these tags'},
            {'names': ('-E', '--exclude-tags'), 'dest': 'exclude_tags', 'kind': 'LIST', 'default': None, 'env_var': 'LOCUST_EXCLUDE_TAGS', 'metavar': '<tag>', 'help': 'run no task with one of these tags'},
        ),
    ),
    (
        'Request statistics options',
        None,
        (
            {'names': ('--csv',), 'dest': 'csv_prefix', 'kind': 'TEXT', 'default': None, 'env_var': 'LOCUST_CSV', 'metavar': '<prefix>', 'help': 'write <prefix>_stats.csv, _stats_history.csv, _failures.csv and _exceptions.csv while the test runs; directories are made'},
            {'names': ('--csv-full-history',), 'dest': 'stats_history_enabled', 'kind': 'FLAG', 'default': False, 'env_var': 'LOCUST_CSV_FULL_HISTORY', 'help': 'with --csv: put every name into the history, not only the total'},
            {'names': ('--print-stats',), 'dest': 'print_stats', 'kind': 'FLAG', 'default': False, 'env_var': 'LOCUST_PRINT_STATS', 'help': 'print the statistics again and again, also with the web interface'},
            {'names': ('--only-summary',), 'dest': 'only_summary', 'kind': 'FLAG', 'default': False, 'env_var': 'LOCUST_ONLY_SUMMARY', 'help': 'print the statistics only at the end'},
            {'names': ('--reset-stats',), 'dest': 'reset_stats', 'kind': 'FLAG', 'default': False, 'env_var': 'LOCUST_RESET_STATS', 'help': 'forget the statistics of the ramp-up when all users have started'},
            {'names': ('--html',), 'dest': 'html_file', 'kind': 'TEXT', 'default': None, 'env_var': 'LOCUST_HTML', 'metavar': '<file>', 'help': 'write a report; {u}, {r} and {t} in the name become users, spawn rate and run time'},
            {'names': ('--json',), 'dest': 'json', 'kind': 'FLAG', 'default': False, 'help': 'print the final statistics as JSON to stdout'},
            {'names': ('--json-file',), 'dest': 'json_file', 'kind': 'TEXT', 'default': None, 'metavar': '<name>', 'help': 'write the final statistics as JSON to <name>.json'},
        ),
    ),
    (
        'Logging options',
        None,
        (
            {'names': ('--skip-log-setup',), 'dest': 'skip_log_setup', 'kind': 'FLAG', 'default': False, 'env_var': 'LOCUST_SKIP_LOG_SETUP', 'help': "leave Python's logging to the locustfile; of our own lines only warnings and errors, and no tables"},
            {'names': ('--loglevel', '-L'), 'dest': 'loglevel', 'kind': 'CHOICE', 'default': 'INFO', 'env_var': 'LOCUST_LOGLEVEL', 'metavar': '<level>', 'choices': ['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'], 'help': 'DEBUG, INFO, WARNING, ERROR or CRITICAL. Default: INFO'},
            {'names': ('--logfile',), 'dest': 'logfile', 'kind': 'TEXT', 'default': None, 'env_var': 'LOCUST_LOGFILE', 'metavar': '<file>', 'help': 'append the log to this file. Default: stderr'},
        ),
    ),
    (
        'Other options',
        None,
        (
            {'names': ('--show-task-ratio',), 'dest': 'show_task_ratio', 'kind': 'FLAG', 'default': False, 'help': 'print how often each task is chosen and exit; give -u when classes have a fixed_count'},
            {'names': ('--show-task-ratio-json',), 'dest': 'show_task_ratio_json', 'kind': 'FLAG', 'default': False, 'help': 'print the same as JSON and exit'},
            {'names': ('--version', '-V'), 'dest': None, 'kind': 'VERSION', 'default': None, 'help': 'print the version and exit'},
            {'names': ('--exit-code-on-error',), 'dest': 'exit_code_on_error', 'kind': 'INT', 'default': 1, 'env_var': 'LOCUST_EXIT_CODE_ON_ERROR', 'metavar': '<n>', 'help': 'exit code when a request or a task failed. Default: 1'},
            {'names': ('-s', '--stop-timeout'), 'dest': 'stop_timeout', 'kind': 'SPAN', 'default': '0', 'env_var': 'LOCUST_STOP_TIMEOUT', 'metavar': '<time>', 'help': 'at the end, give users this long to finish the task they are in; the master tells its workers. Default: 0, end at once'},
            {'names': ('--equal-weights',), 'dest': 'equal_weights', 'kind': 'FLAG', 'default': False, 'help': 'give every task of a class the same weight'},
            {'names': ('--profile',), 'dest': 'profile', 'kind': 'TEXT', 'default': None, 'metavar': '<name>', 'help': 'a name that groups test runs'},
            {'names': ('--otel',), 'dest': 'otel', 'kind': 'FLAG', 'default': False, 'env_var': 'LOCUST_ENABLE_OPENTELEMETRY', 'help': 'trace with OpenTelemetry, when its Python packages are installed'},
        ),
    ),
)

# of the command katydid alone; they may stand in configuration files
OURS = ('scenario', 'scenarios', 'scenario-only', 'from-stage', 'rate', 'rate-ramp', 'stages', 'iterations', 'ips', 'seed', 'http2', 'fresh-user', 'reassign', 'worker-weights', 'master-max-wait', 'series-tags', 'timeline-memory', 'html-samples', 'html-logs', 'out', 'trace', 'out-required', 'test-id', 'timescale', 'pghost', 'pgport', 'pguser', 'pgpassword', 'pgdatabase', 'test-env', 'test-version', 'description', 'override-plan-name', 'grafana-url', 'threshold', 'thresholds', 'fail-on-invalid', 'check-rps', 'check-fail-ratio', 'check-avg-response-time', 'setup-timeout', 'teardown-timeout', 'no-setup', 'no-teardown', 'k6-names', 'junit', 'junit-checks', 'jtl', 'summary', 'k6-summary', 'metrics-file', 'markdown', 'metrics-buckets', 'github', 'history', 'no-history', 'history-keep', 'history-days', 'history-mb', 'no-git', 'tag', 'baseline', 'gate', 'repeat', 'note')

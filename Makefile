# Katydid. `make help` lists the targets.
#
# One tree, one build folder per variant (build/, build/asan/ …): switching costs nothing.
# Sources are found by folder; a new .c file needs no line here.
# Missing packages are installed on the way, by setup/: what is included below is made first, so that pkg-config
# answers right on the first run of a bare machine, and what is missing is named before anything is compiled.

VERSION  := 0.1.0
VARIANT  ?= release
CC       := $(if $(filter default,$(origin CC)),gcc,$(CC))
PYTHON   ?= /usr/bin/python3
# An environment that PYTHON names gets the programs as well.
ifeq ($(origin PREFIX),undefined)
PREFIX   := $(or $(if $(filter install uninstall,$(MAKECMDGOALS)),$(shell $(PYTHON) -c 'import sys; print(sys.prefix if sys.prefix != sys.base_prefix else "")' 2>/dev/null)),/usr/local)
endif
DESTDIR  ?=
V        ?= 0
O        := build$(if $(filter-out release,$(VARIANT)),/$(VARIANT))
Q        := $(if $(filter 1,$(V)),,@)
LOCUST   := 2.47.0# the stock Locust that tests and benchmarks compare with

# As many jobs as processors, and one that waits for the network. `make -j1` is heard; a make within make
# shares the jobs of the outer one, which it cannot see here.
ifeq ($(MAKELEVEL)$(filter -j% --jobserver%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell expr $$(nproc) + 1)
endif
ifneq ($(filter clean,$(MAKECMDGOALS)),)
.NOTPARALLEL:
endif

# ---- packages -------------------------------------------------------------------------------

include setup/packages.mk
ifneq ($(help_like),)
include $(O)/python.mk
endif
$(O)/python.mk: FORCE | $(DEPS)
	@mkdir -p $(@D); $(PYTHON) setup/python.py $@ build/venv-python

# ---- flags ----------------------------------------------------------------------------------

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wswitch-enum -Wvla \
        -Wundef -Wwrite-strings -Wformat=2 -Wpointer-arith -Wcast-qual -Wconversion -Wno-sign-conversion
BASE := -std=gnu17 -D_GNU_SOURCE -g -fno-omit-frame-pointer -fvisibility=hidden -fPIC -pthread \
        -I. -DKATYDID_VERSION='"$(VERSION)"' $(WARN) $(WERROR)
is_clang := $(findstring clang,$(CC))
ifeq ($(VARIANT),asan)
# Undefined behaviour as well: one run of the suites sees both. greenlet copies stacks, red zones included: stack
# instrumentation would see phantoms.
OPT := -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -DKATYDID_SANITIZE=1 $(if $(is_clang),-mllvm -asan-stack=0,--param asan-stack=0)
LD  := -fsanitize=address,undefined
else ifeq ($(VARIANT),ubsan)
OPT := -O1 -fsanitize=undefined -fno-sanitize-recover=undefined -DKATYDID_SANITIZE=1
LD  := -fsanitize=undefined
else ifeq ($(VARIANT),tsan)
OPT := -O1 -fsanitize=thread -DKATYDID_SANITIZE=1
LD  := -fsanitize=thread
else ifeq ($(VARIANT),fuzz)
OPT := -O2 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -DKATYDID_SANITIZE=1
LD  := -fsanitize=fuzzer,address,undefined
else ifeq ($(VARIANT),debug)
OPT := -O0
LD  :=# not the program that make knows by this name
else
OPT := -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong
LD  := -Wl,-z,relro,-z,now
endif

pc         = $(shell pkg-config $(1) 2>/dev/null)
MSGPACK   := $(shell pkg-config --exists msgpack-c 2>/dev/null && echo msgpack-c || echo msgpack)
DEP_CF    := $(subst -I/,-isystem /,$(call pc,--cflags libevent libevent_pthreads libzmq $(MSGPACK) jansson openssl \
             zlib libbrotlidec libzstd libnghttp2 sqlite3))
COMMON_LD := $(call pc,--libs libzmq $(MSGPACK)) -lcrypto -lm
MASTER_LD := $(call pc,--libs libevent libevent_pthreads libevent_openssl jansson libcurl zlib openssl libzstd sqlite3 libpq) -lcivetweb -lsnappy $(COMMON_LD)
WORKER_LD := $(call pc,--libs libevent libevent_pthreads openssl zlib libbrotlidec libzstd libnghttp2) $(COMMON_LD)
ALL_CF     = $(BASE) $(OPT) $(DEP_CF) $(CFLAGS)

# ---- programs -------------------------------------------------------------------------------

src      = $(wildcard $(addsuffix /*.c,$(1)))
COMMON_C := $(call src,common/base common/metric common/plan common/run common/wire)
MASTER_C := $(filter-out master/app/main.c,$(call src,$(wildcard master/*)))
NET_C    := $(call src,worker/journal worker/net worker/proto worker/http1 worker/http2 worker/grpc worker/websocket)
PY_C     := $(call src,worker/py)
PY_SO    := $(O)/python/_katydid$(PY_TAG)
obj       = $(patsubst %.c,$(O)/obj/%.o,$(1))

.DEFAULT_GOAL := all
.PHONY: all
# The page first: npm waits for the network while the C is compiled.
all: $(O)/obj/assets.o $(O)/katydid $(O)/katydid-worker $(O)/python/.stamp $(O)/.generated $(O)/.bytecode $(O)/dist/.stamp ## build build/katydid, build/katydid-worker and the library in build/python

$(O)/libcommon.a: $(call obj,$(COMMON_C))
$(O)/libmaster.a: $(call obj,$(MASTER_C)) $(O)/obj/assets.o
$(O)/libnet.a:    $(call obj,$(NET_C))
$(O)/lib%.a:
	$(Q)rm -f $@ && ar rcs $@ $^

$(O)/katydid: $(O)/obj/master/app/main.o $(O)/libmaster.a $(O)/libcommon.a
	@echo "  LD    $@"
	$(Q)$(CC) $(LD) -pie -pthread -o $@ $^ $(MASTER_LD) $(LDFLAGS)
$(O)/katydid-worker: $(O)/obj/worker/main.o $(call obj,$(PY_C)) $(O)/libnet.a $(O)/libcommon.a
	@echo "  LD    $@"
	$(Q)$(CC) $(LD) -pie -pthread -rdynamic -o $@ $(filter %.o %.a,$^) $(WORKER_LD) $(PY_LD) $(LDFLAGS)

# The Python that PYTHON names is embedded, and `import locust` is built for it (setup/python.py).
$(O)/katydid-worker $(PY_SO): $(O)/.flags-python
$(O)/obj/worker/py/%.o $(O)/obj/worker/main.o: EXTRA = $(PY_CF) -DKATYDID_PYTHON='"$(PY_EMBEDDED)"'
$(call obj,$(PY_C) worker/main.c): $(O)/.flags-python
$(O)/obj/master/sink/postgres.o: EXTRA = $(subst -I/,-isystem /,$(call pc,--cflags libpq))
$(O)/obj/%.o: %.c $(O)/.flags
	@mkdir -p $(@D); echo "  CC    $<"
	$(Q)$(CC) $(ALL_CF) $(EXTRA) -MMD -MP -c $< -o $@
$(O)/.flags: FORCE
	@mkdir -p $(@D); echo '$(CC) $(ALL_CF)' | cmp -s - $@ || echo '$(CC) $(ALL_CF)' >$@
$(O)/.flags-python: $(O)/python.mk
	@touch $@
FORCE:

# What is made of the table of options besides C, and kept in the tree: Python's table, the manual's tables, the pages of man.
$(O)/.generated: master/options/options.def setup/generated.py setup/options.py setup/manpages.py Makefile worker/main.c master/app/runs_command.c master/app/merge_command.c master/app/keys_command.c $(wildcard docs/exit-codes.md)
	@mkdir -p $(@D); $(PYTHON) setup/options.py && $(PYTHON) setup/manpages.py && touch $@

# Byte code beside the modules: else who may not write there, or must not (PYTHONDONTWRITEBYTECODE), compiles all of them at every start.
$(O)/.bytecode: $(wildcard worker/pylib/*/*.py worker/pylib/*/*/*.py)
	@mkdir -p $(@D); $(if $^,$(PY_COMPLETE) -m compileall -q $^ &&) touch $@

# The package katydid for stock Locust.
$(O)/dist/.stamp: setup/wheel.py $(wildcard worker/pylib/katydid/*.py)
	@$(PYTHON) setup/wheel.py $(VERSION) $(@D) && touch $@

# The library: `import locust` in the ordinary Python that PYTHON names, without the programs above.
# $(O)/python is what PYTHONPATH takes. The worker's objects serve.
PY_SO_C  := $(filter-out %/embed.c,$(PY_C))

$(O)/python/.stamp: $(PY_SO) $(wildcard worker/pylib/*/__init__.py worker/pylib/*.dist-info/METADATA)
	@rm -rf $(O)/python/*.dist-info; for p in worker/pylib/*/; do ln -sfnr $${p%/} $(O)/python/; done; touch $@
$(PY_SO): $(call obj,$(PY_SO_C)) $(O)/libnet.a $(O)/libcommon.a
	@mkdir -p $(@D); echo "  LD    $@"
	$(Q)$(CC) $(LD) -shared -Wl,--exclude-libs,ALL -pthread -o $@ $(filter %.o %.a,$^) $(WORKER_LD) $(LDFLAGS)

# The page: built by npm once per change of webui/, then embedded as one C file of gzipped bytes.
WEBUI_SRC := $(shell find webui -type f -not -path '*/node_modules/*' -not -path '*/dist/*' -not -path '*/test*' 2>/dev/null)
webui/dist/.stamp: webui/node_modules/.stamp $(WEBUI_SRC)
	@echo "  NPM   build"
	$(Q)cd webui && PATH=$(NODE_PATH):$$PATH npm run --silent build >/dev/null && touch dist/.stamp
WEBUI ?= 1# 0 builds without Node and without the page: the API only
webui_dist := $(if $(filter 0,$(WEBUI)),none,webui/dist)
$(O)/obj/assets.c: $(if $(filter 0,$(WEBUI)),,webui/dist/.stamp) webui/embed.py docs/openapi.json $(O)/.webui-$(webui_dist:webui/%=%)
	@mkdir -p $(@D)
	$(Q)$(PYTHON) webui/embed.py $(webui_dist) $@ /api/v1/openapi.json=docs/openapi.json
$(O)/.webui-%:
	@mkdir -p $(@D); rm -f $(O)/.webui-*; touch $@
$(O)/obj/assets.o: $(O)/obj/assets.c $(O)/.flags
	$(Q)$(CC) $(ALL_CF) -c $< -o $@

# ---- packages of Python, for tests and examples -------------------------------------------------

# Programs of an environment name the place where it was made: one that was moved is made anew.
if_moved  = d=$$(readlink -f build/$(1)) && [ -e $$d/bin/pip ] && ! head -3 $$d/bin/pip | grep -qF "$$d/bin" && rm -f $$d/.stamp*
ifneq ($(help_like),)
$(shell $(foreach v,venv-locust venv-clients venv-plugins venv-browser venv-api,$(call if_moved,$(v));))
endif
OTHER_PY := $(filter-out /usr/bin/python3,$(PY_COMPLETE))
LOCUST_STAMP := build/venv-locust/.stamp-$(LOCUST)$(if $(OTHER_PY),$(PY_TAG))
# Libraries of locust.contrib's clients (tests/integration/test_contrib.py), for the worker's own Python.
CLIENTS := paho-mqtt>=2.1 dnspython psycopg[binary] pymongo python-socketio[client] openai httpx aiohttp h2 grpcio==1.85.3 grpcio-reflection==1.85.1 grpcio-health-checking==1.85.1 grpcio-status==1.85.1 grpcio-tools==1.85.1 grpc-interceptor==0.15.4 websocket-client websockets
# What others read our files with (tests/support/read_outputs.py).
READERS := junitparser==5.0.3 jsonschema==4.26.0 xmlschema==4.3.2 pyyaml==6.0.4 hdrhistogram==0.10.8 grafana-foundation-sdk==1769699998!10.1.0
CLIENTS_STAMP := build/venv-clients/.stamp-$(shell echo '$(strip $(CLIENTS) $(READERS) $(OTHER_PY))' | cksum | cut -d' ' -f1)

$(LOCUST_STAMP):
	@echo "  PIP   locust==$(LOCUST) (stock, to test against)"
	$(Q)rm -rf build/venv-locust && $(PY_COMPLETE) -m venv build/venv-locust && \
	  build/venv-locust/bin/pip install -q --disable-pip-version-check locust==$(LOCUST) faker && touch $@

$(CLIENTS_STAMP):
	@echo "  PIP   $(CLIENTS) $(READERS)"
	$(Q)rm -rf build/venv-clients && $(PY_COMPLETE) -m venv build/venv-clients && \
	  build/venv-clients/bin/pip install -q --disable-pip-version-check $(foreach p,$(CLIENTS) $(READERS),'$(p)') && touch $@

# Playwright by itself (tests/integration/test_browser.py): it brings another greenlet than the system's.
BROWSER_PY    := playwright==1.65.2
BROWSER_STAMP := build/venv-browser/.stamp-$(shell echo '$(strip $(BROWSER_PY) $(OTHER_PY))' | cksum | cut -d' ' -f1)
$(BROWSER_STAMP):
	@echo "  PIP   $(BROWSER_PY)"
	$(Q)rm -rf build/venv-browser && $(PY_COMPLETE) -m venv build/venv-browser && \
	  build/venv-browser/bin/pip install -q --disable-pip-version-check $(BROWSER_PY) && touch $@

# Plug-ins of Locust (tests/integration/test_plugins.py). They want a distribution locust, which is ours: so each
# comes without what it depends on, and that by itself.
PLUGINS      := locust-plugins==5.0.3 locust-telemetry==2.1.2 har2locust==0.9.4
PLUGINS_WANT := typing-extensions python-json-logger opentelemetry-sdk opentelemetry-exporter-otlp psutil jinja2 configargparse
PLUGINS_STAMP := build/venv-plugins/.stamp-$(shell echo '$(strip $(PLUGINS) $(PLUGINS_WANT) $(OTHER_PY))' | cksum | cut -d' ' -f1)
$(PLUGINS_STAMP):
	@echo "  PIP   $(PLUGINS)"
	$(Q)rm -rf build/venv-plugins && $(PY_COMPLETE) -m venv build/venv-plugins && \
	  build/venv-plugins/bin/pip install -q --disable-pip-version-check $(PLUGINS_WANT) && \
	  build/venv-plugins/bin/pip install -q --disable-pip-version-check --no-deps $(PLUGINS) 2>build/plugins.log && touch $@

# ---- run ------------------------------------------------------------------------------------

.PHONY: run
ARGS    ?=
EXAMPLE ?= ecommerce
run: all $(if $(filter protocols/browser%,$(EXAMPLE)),$(BROWSER_STAMP),$(if $(filter protocols/%,$(EXAMPLE)),$(CLIENTS_STAMP))) $(if $(filter faker_users,$(EXAMPLE)),$(LOCUST_STAMP)) ## a sample shop under load; EXAMPLE=client/upload: another of locustfiles/; or ARGS="-f my.py -H http://…"
	@$(PY_COMPLETE) tests/support/run_example.py $(O) $(EXAMPLE) $(ARGS)

# ---- tests ----------------------------------------------------------------------------------

# test_mem* have a malloc of their own, and one thread: ThreadSanitizer takes the one and needs more of the other.
UNIT_B  := $(patsubst tests/unit/%.c,$(O)/unit/%,$(filter-out $(if $(filter tsan,$(VARIANT)),%/test_mem.c %/test_mem_answers.c),$(wildcard tests/unit/*/*/test_*.c)))
SUPPORT := $(patsubst tests/support/%.c,$(O)/support/%,$(wildcard tests/support/*.c)) \
           $(patsubst tests/bench/%.c,$(O)/bench/%,$(wildcard tests/bench/*.c)) \
           $(patsubst tests/support/preload/%.c,$(O)/support/%.so,$(wildcard tests/support/preload/*.c))
LIBS     = $(O)/libmaster.a $(O)/libnet.a $(O)/libcommon.a

$(O)/unit/%: tests/unit/%.c $(O)/libmaster.a $(O)/libnet.a $(O)/libcommon.a
	@mkdir -p $(@D); echo "  CC    $<"
	$(Q)$(CC) $(ALL_CF) -Wno-missing-prototypes -MMD -MP $(LD) -pie -o $@ $< $(LIBS) -lcmocka $(MASTER_LD) $(WORKER_LD)
$(O)/support/%: tests/support/%.c $(O)/libmaster.a $(O)/libnet.a $(O)/libcommon.a
	@mkdir -p $(@D); echo "  CC    $<"
	$(Q)$(CC) $(ALL_CF) -Wno-missing-prototypes -MMD -MP $(LD) -pie -o $@ $< $(LIBS) $(MASTER_LD) $(WORKER_LD)
$(O)/support/%.so: tests/support/preload/%.c
	@mkdir -p $(@D); echo "  CC    $<"
	$(Q)$(CC) -std=gnu17 -O2 -Wall -Wextra $(WERROR) -fPIC -shared -o $@ $<
$(O)/bench/%: tests/bench/%.c $(O)/libmaster.a $(O)/libnet.a $(O)/libcommon.a
	@mkdir -p $(@D); echo "  CC    $<"
	$(Q)$(CC) $(ALL_CF) -Wno-missing-prototypes -MMD -MP $(LD) -pie -o $@ $< $(LIBS) $(MASTER_LD) $(WORKER_LD)

VENVS := $(LOCUST_STAMP) $(CLIENTS_STAMP) $(PLUGINS_STAMP) $(BROWSER_STAMP) $(if $(PY_EMBEDDED),,build/venv-python/.stamp-tests)
build/venv-python/.stamp-tests: $(O)/python.mk # the distribution's pytest is for its own Python
	$(Q)$(PY_COMPLETE) -m pip install -q --disable-pip-version-check pytest pytest-xdist pyzmq && touch $@

TEST_ENV = KATYDID_BUILD=$(CURDIR)/$(O) KATYDID_LOCUST_VENV=$(CURDIR)/build/venv-locust KATYDID_CLIENTS_VENV=$(CURDIR)/build/venv-clients KATYDID_PLUGINS_VENV=$(CURDIR)/build/venv-plugins KATYDID_BROWSER_VENV=$(CURDIR)/build/venv-browser PYTHONDONTWRITEBYTECODE=1 \
           $(if $(CHROMIUM),CHROMIUM=$(CHROMIUM)) PATH="$(NODE_PATH):/usr/sbin:/sbin:$$PATH"
# The result is the last line of the terminal, also when it is a bad one: on SIGQUIT make ends with 1 without a line of
# its own. The sleep lets it do so before its child ends. Shells start what runs in the background with SIGQUIT ignored.
FAILED   = { grep -qs '^SigIgn:.*[4-7c-f]$$' /proc/$$PPID/status && exit 1; kill -QUIT $$PPID; sleep 1; }
SUITES   = $(TEST_ENV) $(PY_COMPLETE) tests/run.py --build $(O) $(1) || $(FAILED)
.PHONY: test unit integration e2e asan ubsan tsan ci
test: all $(UNIT_B) $(SUPPORT) $(VENVS) build/browser/.stamp ## every test; last line "N passed, N failed"
	@$(call SUITES,unit pylib integration webui e2e)
unit: $(UNIT_B) ## unit tests of the C code
	@$(call SUITES,unit)
integration: all $(SUPPORT) $(VENVS) build/browser/.stamp ## real processes on loopback and in network namespaces; T=pattern
	@$(call SUITES,pylib integration $(if $(T),--only '$(T)'))
e2e: all $(SUPPORT) build/browser/.stamp ## the page in headless Chromium
	@$(call SUITES,webui e2e)
.PHONY: screenshots
screenshots: all build/browser/.stamp ## pictures of every screen of a real run, for docs/images
	@cd webui && PATH=$(NODE_PATH):$$PATH node tests/e2e/portrait.mjs $(CURDIR)/$(O)/katydid $(CURDIR)/docs/images
asan ubsan: ## unit and integration tests under a sanitizer (make asan: both; make ubsan: sooner)
	@$(MAKE) --no-print-directory VARIANT=$@ sanitized
tsan: all ## the C unit tests, and the master with real workers, under ThreadSanitizer
	@$(MAKE) --no-print-directory VARIANT=tsan threaded
.PHONY: sanitized threaded
sanitized: all $(UNIT_B) $(SUPPORT) $(VENVS)
	@$(call SUITES,unit integration)
# Greenlets exchange stacks, which ThreadSanitizer cannot follow: its master drives the release's workers.
MASTERS := web or page or distributed or reload or outputs or timeline or verdicts or scenarios or series or signals
threaded: $(O)/katydid $(UNIT_B) $(SUPPORT) $(VENVS)
	@ln -sfn ../katydid-worker ../python ../dist $(O)/
	@$(call SUITES,unit)
	@$(call SUITES,integration --only '$(or $(T),$(MASTERS))')
# What --out writes to, but for what Debian has. Built once; Go is told where its own things are by its own variables.
# Of Prometheus (0.316 is its 3.16) without service discoveries, which are most of its code.
STORES := github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics@v1.136.23 github.com/prometheus/statsd_exporter@v0.31.0 github.com/prometheus/prometheus/cmd/prometheus@v0.316.0
STORES_STAMP := build/stores/.stamp-$(shell echo '$(STORES)' | cksum | cut -d' ' -f1)
$(STORES_STAMP):
	@mkdir -p $(@D); command -v go >/dev/null || { echo 'make outputs-test: Go is missing (1.26 or later)'; exit 1; }
	$(Q)for m in $(STORES); do echo "  GO    $$m"; GOBIN=$(CURDIR)/$(@D) GOTOOLCHAIN=local nice go install -tags remove_all_sd $$m || exit 1; done; touch $@
# ... and a collector of OpenTelemetry.
COLLECTOR_STAMP := build/stores/.stamp-$(shell cksum < tests/stores/collector.yaml | cut -d' ' -f1)
$(COLLECTOR_STAMP): tests/stores/collector.yaml
	@mkdir -p $(@D); command -v go >/dev/null || { echo 'make outputs-test: Go is missing (1.26 or later)'; exit 1; }
	@echo '  GO    collector'; GOTOOLCHAIN=local nice go run go.opentelemetry.io/collector/cmd/builder@v0.150.0 --config $< --skip-strict-versioning > build/stores/collector.log 2>&1 || \
	  { tail -3 build/stores/collector.log; exit 1; }; mv build/stores/collector.src/collector build/stores/ && touch $@
.PHONY: outputs-test
outputs-test: all $(O)/support/target $(STORES_STAMP) $(COLLECTOR_STAMP) ## --out and the panels of docs/grafana with the stores themselves; not part of make test; T=pattern
	@$(call SUITES,stores $(if $(T),--only '$(T)'))
# Servers of others that are in no package of the system: ws and graphql-ws for Node, grpc-go.
PEERS_STAMP := build/peers/.stamp-$(shell cat tests/peers/package-lock.json tests/peers/grpc/* | cksum | cut -d' ' -f1)
$(PEERS_STAMP): tests/peers/package-lock.json $(wildcard tests/peers/grpc/*) | build/node/.stamp
	@mkdir -p $(@D); command -v go >/dev/null || { echo 'make peers-test: Go is missing (1.26 or later)'; exit 1; }
	@echo "  NPM   tests/peers"
	$(Q)cp tests/peers/package.json tests/peers/package-lock.json $(@D) && cd $(@D) && \
	  PATH=$(NODE_PATH):$$PATH npm ci --ignore-scripts --no-audit --no-fund --no-progress --no-update-notifier --loglevel=error >/dev/null
	@echo "  GO    tests/peers/grpc"
	$(Q)cd tests/peers/grpc && GOTOOLCHAIN=local nice go build -o $(CURDIR)/$(@D)/grpc . && touch $(CURDIR)/$@
.PHONY: peers-test
peers-test: all $(CLIENTS_STAMP) $(PEERS_STAMP) ## our clients with the servers ws, graphql-ws and grpc-go; not part of make test; T=pattern
	@cp tests/peers/ws.mjs build/peers/
	@$(call SUITES,peers $(if $(T),--only '$(T)'))
# Schemathesis asks of every route of docs/openapi.json what a program that has only read that may ask.
SCHEMATHESIS := schemathesis==4.32.5
API_STAMP    := build/venv-api/.stamp-$(shell echo '$(strip $(SCHEMATHESIS) $(OTHER_PY))' | cksum | cut -d' ' -f1)
$(API_STAMP):
	@echo "  PIP   $(SCHEMATHESIS)"
	$(Q)rm -rf build/venv-api && $(PY_COMPLETE) -m venv build/venv-api && \
	  build/venv-api/bin/pip install -q --disable-pip-version-check $(SCHEMATHESIS) && touch $@
.PHONY: api-test
api-test: all $(O)/support/target $(API_STAMP) ## every route of docs/openapi.json under Schemathesis; not part of make test; T=pattern
	@KATYDID_API_VENV=$(CURDIR)/build/venv-api $(call SUITES,api $(if $(T),--only '$(T)'))
# The Autobahn test suite's cases. The package is for Python 2: what it says is converted, what it runs on is tests/autobahn/server.py.
AUTOBAHN := autobahntestsuite==25.10.1
AUTOBAHN_STAMP := build/autobahn/.stamp-$(AUTOBAHN)
$(AUTOBAHN_STAMP): | $(CLIENTS_STAMP)
	@echo "  PIP   $(AUTOBAHN)"
	$(Q)rm -rf build/autobahn && build/venv-clients/bin/pip install -q --disable-pip-version-check --no-deps --target build/autobahn $(AUTOBAHN) 2>build/autobahn.log && \
	  $(PY_COMPLETE) -W ignore -m lib2to3 -w -n --no-diffs build/autobahn/autobahntestsuite >build/autobahn/2to3.log 2>&1 && touch $@
.PHONY: autobahn
autobahn: all $(AUTOBAHN_STAMP) ## the client cases of the Autobahn test suite against our WebSocket; not part of make test
	@$(PY_COMPLETE) tests/autobahn/run.py $(O) build/autobahn
# They make networks, small disks and control groups of their own, and hurt what runs in them.
HOURS ?= 24
.PHONY: drills soak
drills: all $(SUPPORT) ## faults, long: kill, stop, partition, loss, clocks, full disks …; wants root, prints a table; not part of make test; T=pattern, KEYS=1: with keys
	@$(TEST_ENV) $(PY_COMPLETE) tests/drills/run.py --build $(O) $(if $(KEYS),--keys) $(if $(T),--only '$(T)') || $(FAILED)
soak: all $(SUPPORT) $(CLIENTS_STAMP) ## a test of HOURS=24 with everything that could grow; prints slopes of memory, descriptors and processor share
	@$(TEST_ENV) $(PY_COMPLETE) tests/drills/soak.py --build $(O) $(HOURS) || $(FAILED)
.PHONY: docker-test
docker-test: ## the image and the cluster of docker/ on a Docker engine; not part of make test
	@PYTHONDONTWRITEBYTECODE=1 $(PYTHON) tests/docker/cluster.py || $(FAILED)
ci: lint ## lint, then every test
	+@$(MAKE) --no-print-directory test

SECONDS ?= 20
JOBS ?= $(shell nproc)
FUZZ ?=
.PHONY: fuzz fuzzers
fuzz: ## run every fuzzer for SECONDS each, JOBS at a time (libFuzzer, clang); FUZZ="report json …": only those
	@$(MAKE) --no-print-directory CC=clang VARIANT=fuzz WEBUI=0 fuzzers
	@$(PYTHON) tests/fuzz/run.py --build build/fuzz --seconds $(SECONDS) --jobs $(JOBS) $(FUZZ) || $(FAILED)
fuzzers: $(patsubst tests/fuzz/%.c,$(O)/%,$(wildcard tests/fuzz/fuzz_*.c))
# Those of the worker that have to do with Python take what they need of it; the others have none.
$(O)/libpy.a: $(call obj,$(PY_SO_C))
$(O)/fuzz_json $(O)/fuzz_site: EXTRA = $(PY_CF)
$(O)/fuzz_%: tests/fuzz/fuzz_%.c tests/fuzz/fuzz.h $(O)/libpy.a $(O)/libmaster.a $(O)/libnet.a $(O)/libcommon.a
	@echo "  CC    $<"
	$(Q)$(CC) $(ALL_CF) $(EXTRA) -Wno-missing-prototypes $(LD) -o $@ $< $(O)/libpy.a $(LIBS) $(if $(EXTRA),$(PY_LD)) $(MASTER_LD) $(WORKER_LD)

# ---- measure --------------------------------------------------------------------------------

.PHONY: bench
BENCH ?=
bench: all $(SUPPORT) $(LOCUST_STAMP) $(CLIENTS_STAMP) build/browser/.stamp ## side-by-side measurements, with ratios in one run; BENCH="name …", K6=path puts k6 beside ours
	@$(TEST_ENV) $(PYTHON) tests/bench/bench.py --build $(O) $(BENCH)

# ---- lint -----------------------------------------------------------------------------------

ALL_C := $(shell git ls-files '*.c' '*.h' 2>/dev/null)
.PHONY: lint format tidy
lint: ## layers, sizes, formatting, cppcheck
	@$(PYTHON) tests/lint/lint.py
	@clang-format --dry-run --Werror $(ALL_C)
	@cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr --enable=warning,portability \
	  --suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches '-DPy_RETURN_NONE=return 0' '-DPy_RETURN_FALSE=return 0' \
	  '-Djson_array_foreach(a,i,v)=while ((v = json_array_get(a, i)))' -I. common master worker
.PHONY: columns
columns: ## what common/metric/columns.def says, into webui/src/live/columns.ts and docs/
	@$(PYTHON) setup/columns.py
tidy: ## clang-tidy over every C file
	@clang-tidy --quiet $(filter %.c,$(filter-out tests/%,$(ALL_C))) -- $(ALL_CF) $(PY_CF)
format: ## clang-format everything
	@clang-format -i $(ALL_C)

# ---- install --------------------------------------------------------------------------------

LIB := $(DESTDIR)$(PREFIX)/lib/katydid
BIN := $(DESTDIR)$(PREFIX)/bin
# Where shells look for what completes a command's options, by the command's name.
SHARE := $(DESTDIR)$(PREFIX)/share
completion_bash = $(SHARE)/bash-completion/completions/$(1)
completion_zsh  = $(SHARE)/zsh/site-functions/_$(1)
completion_fish = $(SHARE)/fish/vendor_completions.d/$(1).fish
completions     = $(foreach s,bash zsh fish,$(call completion_$(s),$(1)))
put_completions = install -d $(dir $(call completions,$(1))) $(foreach s,bash zsh fish,&& $(BIN)/$(1) --completion $(s) >$(call completion_$(s),$(1)))
LIBRARY ?= 1# 0: not the Python library
LOCUST_COMMAND ?= 0# 1: the command `locust` too, if there is none yet; force: even then
.PHONY: install uninstall
install: all ## install under PREFIX (/usr/local), DESTDIR honoured; the library for PYTHON; LOCUST_COMMAND=1: `locust` too
	@$(PYTHON) worker/install.py check '$(PREFIX)' '$(DESTDIR)' $(LIBRARY)
	$(if $(filter 0,$(LIBRARY)),,$(PYTHON) worker/install.py install '$(PREFIX)' '$(DESTDIR)' $(VERSION) $(PY_SO))
	install -d $(BIN) $(LIB)
	install -m 755 $(O)/katydid $(O)/katydid-worker $(BIN)/
	cd worker/pylib && find . \( -name '*.py' -o -path '*.dist-info/*' \) -exec install -D -m 644 {} $(abspath $(LIB))/pylib/{} \;
	$(PY_COMPLETE) -m compileall -q --invalidation-mode checked-hash $(if $(DESTDIR),-s '$(DESTDIR)' -p /) $(LIB)/pylib # who starts it may not write there
	$(if $(PY_EMBEDDED),,cp -a build/venv-python $(LIB)/)
	install -d $(SHARE)/doc/katydid $(SHARE)/man/man1
	install -m 644 README.md LICENSE CHANGES.md docs/*.md $(SHARE)/doc/katydid/
	install -m 644 docs/man/*.1 $(SHARE)/man/man1/
	@$(call put_completions,katydid)
ifneq ($(LOCUST_COMMAND),0)
	@other=$$(command -v locust); if [ "$(LOCUST_COMMAND)" != force ] && [ -n "$$other" ] && \
	  [ "$$(readlink "$$other")" != katydid ] || { [ -e $(BIN)/locust ] && [ "$$(readlink $(BIN)/locust)" != katydid ] && [ "$(LOCUST_COMMAND)" != force ]; }; then \
	  echo "make install: there is a command locust already ($${other:-$(BIN)/locust}); LOCUST_COMMAND=force puts ours into $(BIN) all the same"; exit 1; fi
	ln -sfn katydid $(BIN)/locust
	@$(call put_completions,locust)
else
	@echo 'for a command locust that is Katydid: make install LOCUST_COMMAND=1'
endif
uninstall: ## remove what install put there
	$(Q)$(PYTHON) worker/install.py uninstall '$(PREFIX)' '$(DESTDIR)' $(VERSION)
	rm -f $(BIN)/katydid $(BIN)/katydid-worker
	if [ "$$(readlink $(BIN)/locust)" = katydid ]; then rm -f $(BIN)/locust $(call completions,locust); fi
	rm -f $(call completions,katydid)
	rm -f $(patsubst docs/man/%,$(SHARE)/man/man1/%,$(wildcard docs/man/*.1))
	rm -rf $(LIB) $(SHARE)/doc/katydid
	$(Q)$(PYTHON) worker/install.py tidy '$(PREFIX)' '$(DESTDIR)'

-include packaging/packaging.mk # not in an image

-include $(shell find $(O)/obj $(O)/unit $(O)/support $(O)/bench -name '*.d' 2>/dev/null)

.PHONY: clean help
clean: ## remove everything that was built
	rm -rf build webui/dist
help: ## this list
	@grep -hE '^[a-z][a-z0-9 -]*:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

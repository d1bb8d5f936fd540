# Katydid. `make help` lists the targets.
#
# One tree, one build folder per variant (build/, build/asan/ …): switching costs nothing.
# Sources are found by folder; a new .c file needs no line here.
# Missing Debian packages are installed on the way: build/.deps-* are made (by apt) and included
# before anything else is read, so that pkg-config answers right on the first run of a bare machine.

VERSION  := 0.1.0
VARIANT  ?= release
CC       := $(if $(filter default,$(origin CC)),gcc,$(CC))
PYTHON   ?= /usr/bin/python3
PREFIX   ?= /usr/local
DESTDIR  ?=
V        ?= 0
O        := build$(if $(filter-out release,$(VARIANT)),/$(VARIANT))
Q        := $(if $(filter 1,$(V)),,@)
LOCUST   := 2.47.0# the stock Locust that tests and benchmarks compare with

# ---- packages -------------------------------------------------------------------------------

DEPS_BUILD := gcc make pkg-config libevent-dev libzmq3-dev libmsgpack-dev libcivetweb-dev \
  libssl-dev libjansson-dev zlib1g-dev libbrotli-dev libzstd-dev python3-dev \
  python3-gevent python3-greenlet python3-requests python3-msgpack python3-brotli
DEPS_TEST  := libcmocka-dev python3-flask python3-flask-login python3-pytest python3-zmq python3-venv nginx-light iproute2 openssl curl procps \
  postgresql mosquitto
DEPS_E2E   := chromium
DEPS_BENCH := wrk nginx-light python3-venv
DEPS_LINT  := clang clang-format clang-tidy cppcheck libclang-rt-14-dev

help_like := $(or $(if $(MAKECMDGOALS),,no),$(if $(filter-out help clean uninstall,$(MAKECMDGOALS)),no))
wants      = $(filter $(1),$(MAKECMDGOALS))
ifneq ($(help_like),)
-include build/.deps-build
ifneq ($(call wants,test unit integration e2e asan ubsan tsan ci bench screenshots),)
-include build/.deps-test
endif
ifneq ($(call wants,test e2e ci bench screenshots),)
-include build/.deps-e2e
endif
ifneq ($(call wants,bench),)
-include build/.deps-bench
endif
ifneq ($(call wants,lint tidy format fuzz),)
-include build/.deps-lint
endif
endif

build/.deps-build:  LIST = $(DEPS_BUILD) $(if $(filter 0,$(WEBUI)),,$(if $(shell command -v node),,nodejs) $(if $(shell command -v npm),,npm))
build/.deps-test:   LIST = $(DEPS_TEST)
build/.deps-e2e:    LIST = $(DEPS_E2E)
build/.deps-bench:  LIST = $(DEPS_BENCH)
build/.deps-lint:   LIST = $(DEPS_LINT)
build/.deps-%: Makefile
	@mkdir -p build; \
	missing=$$(for p in $(LIST); do dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	if [ -n "$$missing" ]; then \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  echo "  APT  " $$missing; \
	  { $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $$missing; } \
	    >build/apt.log 2>&1 || { tail -5 build/apt.log; echo "could not install:" $$missing "(install them by hand, then run make again)"; exit 1; }; \
	fi; touch $@

# ---- flags ----------------------------------------------------------------------------------

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wswitch-enum -Wvla \
        -Wundef -Wwrite-strings -Wformat=2 -Wpointer-arith -Wcast-qual -Wconversion -Wno-sign-conversion
BASE := -std=gnu17 -D_GNU_SOURCE -g -fno-omit-frame-pointer -fvisibility=hidden -fPIC -pthread \
        -I. -DKATYDID_VERSION='"$(VERSION)"' $(WARN) $(WERROR)
is_clang := $(findstring clang,$(CC))
ifeq ($(VARIANT),asan)
# greenlet copies stacks, red zones included: stack instrumentation would see phantoms.
OPT := -O1 -fsanitize=address -DKATYDID_SANITIZE=1 $(if $(is_clang),-mllvm -asan-stack=0,--param asan-stack=0)
LD  := -fsanitize=address
else ifeq ($(VARIANT),ubsan)
OPT := -O1 -fsanitize=undefined -fno-sanitize-recover=undefined -DKATYDID_SANITIZE=1
LD  := -fsanitize=undefined
else ifeq ($(VARIANT),tsan)
OPT := -O1 -fsanitize=thread -DKATYDID_SANITIZE=1
LD  := -fsanitize=thread
else ifeq ($(VARIANT),debug)
OPT := -O0
else
OPT := -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong
LD  := -Wl,-z,relro,-z,now
endif

pc         = $(shell pkg-config $(1) 2>/dev/null)
DEP_CF    := $(subst -I/,-isystem /,$(call pc,--cflags libevent libevent_pthreads libzmq msgpack jansson openssl \
             zlib libbrotlidec libzstd))
PY_CF     := $(subst -I/,-isystem /,$(call pc,--cflags python3-embed)) \
             -isystem $(shell /usr/bin/python3 -c 'import greenlet, os; print(os.path.dirname(greenlet.__file__))' 2>/dev/null)
COMMON_LD := $(call pc,--libs libzmq msgpack) -lcrypto -lm
MASTER_LD := $(call pc,--libs libevent libevent_pthreads libevent_openssl jansson zlib openssl) -lcivetweb $(COMMON_LD)
WORKER_LD := $(call pc,--libs libevent libevent_pthreads openssl zlib libbrotlidec libzstd) $(COMMON_LD)
PY_LD     := $(call pc,--libs python3-embed)
ALL_CF     = $(BASE) $(OPT) $(DEP_CF) $(CFLAGS)

# ---- programs -------------------------------------------------------------------------------

src      = $(wildcard $(addsuffix /*.c,$(1)))
COMMON_C := $(call src,common/base common/stats common/wire)
MASTER_C := $(filter-out master/main.c,$(call src,master master/web))
NET_C    := $(call src,worker/net worker/http)
PY_C     := $(call src,worker/py)
obj       = $(patsubst %.c,$(O)/obj/%.o,$(1))

.DEFAULT_GOAL := all
.PHONY: all
all: $(O)/katydid $(O)/katydid-worker $(O)/python/.stamp ## build build/katydid, build/katydid-worker and the library in build/python

$(O)/libcommon.a: $(call obj,$(COMMON_C))
$(O)/libmaster.a: $(call obj,$(MASTER_C)) $(O)/obj/assets.o
$(O)/libnet.a:    $(call obj,$(NET_C))
$(O)/lib%.a:
	$(Q)rm -f $@ && ar rcs $@ $^

$(O)/katydid: $(O)/obj/master/main.o $(O)/libmaster.a $(O)/libcommon.a
	@echo "  LD    $@"
	$(Q)$(CC) $(LD) -pie -pthread -o $@ $^ $(MASTER_LD) $(LDFLAGS)
$(O)/katydid-worker: $(O)/obj/worker/main.o $(call obj,$(PY_C)) $(O)/libnet.a $(O)/libcommon.a
	@echo "  LD    $@"
	$(Q)$(CC) $(LD) -pie -pthread -rdynamic -o $@ $^ $(WORKER_LD) $(PY_LD) $(LDFLAGS)

$(O)/obj/worker/py/%.o $(O)/obj/worker/main.o: EXTRA = $(PY_CF)
$(O)/obj/%.o: %.c $(O)/.flags
	@mkdir -p $(@D); echo "  CC    $<"
	$(Q)$(CC) $(ALL_CF) $(EXTRA) -MMD -MP -c $< -o $@
$(O)/.flags: FORCE
	@mkdir -p $(@D); echo '$(CC) $(ALL_CF) $(PY_CF)' | cmp -s - $@ || echo '$(CC) $(ALL_CF) $(PY_CF)' >$@
FORCE:

# The library: `import locust` in the ordinary Python that PYTHON names, without the programs above.
# $(O)/python is what PYTHONPATH takes. With the Python that the worker embeds, its objects serve.
py_ask    = $(shell $(PYTHON) -c 'import sysconfig; print(sysconfig.$(1))' 2>/dev/null)
PY_TAG   := $(call py_ask,get_config_var("EXT_SUFFIX"))
PY_INC   := $(call py_ask,get_path("include"))
PY_OBJ   := $(O)/obj$(if $(findstring $(PY_INC)$(empty) ,$(PY_CF) ),,/python$(PY_TAG))
PY_SO    := $(O)/python/_katydid$(PY_TAG)
PY_SO_C  := $(filter-out %/embed.c %/arena.c,$(PY_C))

$(O)/python/.stamp: $(PY_SO) $(wildcard worker/pylib/*/__init__.py)
	@for p in worker/pylib/*/; do ln -sfnr $${p%/} $(O)/python/; done; touch $@
$(PY_SO): $(patsubst %.c,$(PY_OBJ)/%.o,$(PY_SO_C)) $(O)/libnet.a $(O)/libcommon.a
	@mkdir -p $(@D); echo "  LD    $@"
	$(Q)$(CC) $(LD) -shared -Wl,--exclude-libs,ALL -pthread -o $@ $^ $(WORKER_LD) $(LDFLAGS)
ifneq ($(PY_OBJ),$(O)/obj)
$(PY_OBJ)/%.o: %.c $(O)/.flags
	@mkdir -p $(@D); echo "  CC    $< ($(PYTHON))"
	$(Q)$(CC) $(ALL_CF) -isystem $(PY_INC) $(PY_CF) -MMD -MP -c $< -o $@
endif

# The page: built by npm once per change of webui/, then embedded as one C file of gzipped bytes.
WEBUI_SRC := $(shell find webui -type f -not -path '*/node_modules/*' -not -path '*/dist/*' -not -path '*/test*' 2>/dev/null)
webui/node_modules/.stamp: webui/package-lock.json
	@echo "  NPM   ci"
	$(Q)cd webui && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && touch node_modules/.stamp
webui/dist/.stamp: webui/node_modules/.stamp $(WEBUI_SRC)
	@echo "  NPM   build"
	$(Q)cd webui && npm run --silent build >/dev/null && touch dist/.stamp
WEBUI ?= 1 # 0 builds without Node and without the page: the API only
webui_dist := $(if $(filter 0,$(WEBUI)),none,webui/dist)
$(O)/obj/assets.c: $(if $(filter 0,$(WEBUI)),,webui/dist/.stamp) webui/embed.py docs/openapi.json $(O)/.webui-$(webui_dist:webui/%=%)
	@mkdir -p $(@D)
	$(Q)$(PYTHON) webui/embed.py $(webui_dist) $@ /api/v1/openapi.json=docs/openapi.json
$(O)/.webui-%:
	@mkdir -p $(@D); rm -f $(O)/.webui-*; touch $@
$(O)/obj/assets.o: $(O)/obj/assets.c $(O)/.flags
	$(Q)$(CC) $(ALL_CF) -c $< -o $@

# ---- run ------------------------------------------------------------------------------------

.PHONY: run
ARGS ?=
run: all ## build, start a sample shop and a test against it; or ARGS="-f my.py -H http://…"
	@tests/support/run.sh $(O)/katydid $(ARGS)

# ---- tests ----------------------------------------------------------------------------------

UNIT_B  := $(patsubst tests/unit/%.c,$(O)/unit/%,$(wildcard tests/unit/test_*.c))
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

build/venv-locust/.stamp-$(LOCUST): | build/.deps-test
	@echo "  PIP   locust==$(LOCUST) (stock, to test against)"
	$(Q)rm -rf build/venv-locust && $(PYTHON) -m venv build/venv-locust && \
	  build/venv-locust/bin/pip install -q --disable-pip-version-check locust==$(LOCUST) faker && touch $@

# Libraries of locust.contrib's clients (tests/integration/test_contrib.py), for the worker's own Python.
CLIENTS := paho-mqtt>=2.1 dnspython psycopg[binary] pymongo python-socketio[client] openai httpx grpcio websocket-client websockets
CLIENTS_STAMP := build/venv-clients/.stamp-$(shell echo '$(CLIENTS)' | cksum | cut -d' ' -f1)
$(CLIENTS_STAMP): | build/.deps-test
	@echo "  PIP   $(CLIENTS)"
	$(Q)rm -rf build/venv-clients && /usr/bin/python3 -m venv build/venv-clients && \
	  build/venv-clients/bin/pip install -q --disable-pip-version-check $(foreach p,$(CLIENTS),'$(p)') && touch $@
VENVS := build/venv-locust/.stamp-$(LOCUST) $(CLIENTS_STAMP)

TEST_ENV = KATYDID_BUILD=$(CURDIR)/$(O) KATYDID_LOCUST_VENV=$(CURDIR)/build/venv-locust KATYDID_CLIENTS_VENV=$(CURDIR)/build/venv-clients PYTHONDONTWRITEBYTECODE=1 \
           PATH="/usr/sbin:/sbin:$$PATH"
PYTEST   = $(TEST_ENV) $(PYTHON) -m pytest -q -p no:cacheprovider
.PHONY: test unit integration e2e asan ubsan tsan ci
test: all $(UNIT_B) $(SUPPORT) $(VENVS) ## every test; last line "N passed, N failed"
	@$(TEST_ENV) $(PYTHON) tests/run.py --build $(O) unit pylib integration webui e2e
unit: $(UNIT_B) ## unit tests of the C code
	@$(TEST_ENV) $(PYTHON) tests/run.py --build $(O) unit
integration: all $(SUPPORT) $(VENVS) ## real processes on loopback and in network namespaces; T=pattern
	@$(TEST_ENV) $(PYTHON) tests/run.py --build $(O) pylib integration $(if $(T),--only '$(T)')
e2e: all $(SUPPORT) ## the page in headless Chromium
	@$(TEST_ENV) $(PYTHON) tests/run.py --build $(O) webui e2e
.PHONY: screenshots
screenshots: all ## pictures of every screen of a real run, for docs/images
	@cd webui && node tests/e2e/portrait.mjs $(CURDIR)/$(O)/katydid $(CURDIR)/docs/images
asan ubsan: ## unit and integration tests under a sanitizer (make asan, make ubsan)
	@$(MAKE) --no-print-directory VARIANT=$@ sanitized
tsan: ## the C unit tests and the master under ThreadSanitizer
	@$(MAKE) --no-print-directory VARIANT=tsan unit
.PHONY: sanitized
sanitized: all $(UNIT_B) $(SUPPORT) $(VENVS)
	@$(TEST_ENV) $(PYTHON) tests/run.py --build $(O) unit integration
ci: test lint ## what continuous integration runs

FUZZ_S ?= 20
.PHONY: fuzz
fuzz: ## run every fuzzer for FUZZ_S seconds each (libFuzzer, clang)
	@$(MAKE) --no-print-directory CC=clang VARIANT=fuzz CFLAGS='-fsanitize=fuzzer-no-link,address' LDFLAGS='-fsanitize=address' fuzzers
	@for f in build/fuzz/fuzz_*; do [ -x $$f ] && [ -f $$f ] || continue; n=$$(basename $$f); mkdir -p build/corpus/$$n; \
	  echo "  FUZZ  $$n"; $$f -max_total_time=$(FUZZ_S) -verbosity=0 -print_final_stats=0 build/corpus/$$n $$(ls -d tests/fuzz/corpus/$${n#fuzz_} 2>/dev/null) || exit 1; done
.PHONY: fuzzers
fuzzers: $(patsubst tests/fuzz/%.c,$(O)/%,$(wildcard tests/fuzz/fuzz_*.c))
$(O)/fuzz_%: tests/fuzz/fuzz_%.c $(O)/libmaster.a $(O)/libnet.a $(O)/libcommon.a
	$(Q)$(CC) $(ALL_CF) -Wno-missing-prototypes -fsanitize=fuzzer,address -o $@ $< $(LIBS) $(MASTER_LD) $(WORKER_LD)

# ---- measure --------------------------------------------------------------------------------

.PHONY: bench
BENCH ?=
bench: all $(SUPPORT) build/venv-locust/.stamp-$(LOCUST) ## side-by-side measurements, with ratios in one run; BENCH="name …"
	@$(TEST_ENV) $(PYTHON) tests/bench/bench.py --build $(O) $(BENCH)

# ---- lint -----------------------------------------------------------------------------------

ALL_C := $(shell git ls-files '*.c' '*.h' 2>/dev/null)
.PHONY: lint format tidy
lint: ## layers, sizes, formatting, cppcheck
	@$(PYTHON) tests/lint/lint.py
	@clang-format --dry-run --Werror $(ALL_C)
	@cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr --enable=warning,portability \
	  --suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches '-DPy_RETURN_NONE=return 0' -I. common master worker
tidy: ## clang-tidy over every C file
	@clang-tidy --quiet $(filter %.c,$(filter-out tests/%,$(ALL_C))) -- $(ALL_CF) $(PY_CF)
format: ## clang-format everything
	@clang-format -i $(ALL_C)

# ---- install --------------------------------------------------------------------------------

LIB := $(DESTDIR)$(PREFIX)/lib/katydid
BIN := $(DESTDIR)$(PREFIX)/bin
LIBRARY ?= 1# 0: not the Python library
LOCUST_COMMAND ?= 0# 1: the command `locust` too, if there is none yet; force: even then
.PHONY: install uninstall
install: all ## install under PREFIX (/usr/local), DESTDIR honoured; the library for PYTHON; LOCUST_COMMAND=1: `locust` too
	$(if $(filter 0,$(LIBRARY)),,$(PYTHON) worker/install.py install '$(PREFIX)' '$(DESTDIR)' $(VERSION) $(PY_SO))
	install -d $(BIN) $(LIB) $(DESTDIR)$(PREFIX)/share/doc/katydid
	install -m 755 $(O)/katydid $(O)/katydid-worker $(BIN)/
	cd worker/pylib && find . -name '*.py' -exec install -D -m 644 {} $(abspath $(LIB))/pylib/{} \;
	install -m 644 README.md LICENSE CHANGES.md docs/*.md $(DESTDIR)$(PREFIX)/share/doc/katydid/
ifneq ($(LOCUST_COMMAND),0)
	@other=$$(command -v locust); if [ "$(LOCUST_COMMAND)" != force ] && [ -n "$$other" ] && \
	  [ "$$(readlink "$$other")" != katydid ] || { [ -e $(BIN)/locust ] && [ "$$(readlink $(BIN)/locust)" != katydid ] && [ "$(LOCUST_COMMAND)" != force ]; }; then \
	  echo "make install: there is a command locust already ($${other:-$(BIN)/locust}); LOCUST_COMMAND=force puts ours into $(BIN) all the same"; exit 1; fi
	ln -sfn katydid $(BIN)/locust
else
	@echo 'for a command locust that is Katydid: make install LOCUST_COMMAND=1'
endif
uninstall: ## remove what install put there
	$(Q)$(PYTHON) worker/install.py uninstall '$(PREFIX)' '$(DESTDIR)' $(VERSION)
	rm -f $(BIN)/katydid $(BIN)/katydid-worker
	if [ "$$(readlink $(BIN)/locust)" = katydid ]; then rm -f $(BIN)/locust; fi
	rm -rf $(LIB) $(DESTDIR)$(PREFIX)/share/doc/katydid

-include $(shell find $(O)/obj $(O)/unit $(O)/support $(O)/bench -name '*.d' 2>/dev/null)

.PHONY: clean help
clean: ## remove everything that was built
	rm -rf build webui/dist
help: ## this list
	@grep -hE '^[a-z][a-z0-9 ]*:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

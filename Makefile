# Katydid. `make help` lists the targets.
#
# One tree, one build folder per variant (build/, build/asan/ …): switching costs nothing.
# Sources are found by folder; a new .c file needs no line here.

VERSION  := 0.1.0
VARIANT  ?= release
CC       ?= gcc
PYTHON   ?= /usr/bin/python3
PREFIX   ?= /usr/local
DESTDIR  ?=
V        ?= 0
O        := build$(if $(filter-out release,$(VARIANT)),/$(VARIANT))
Q        := $(if $(filter 1,$(V)),,@)

include make/deps.mk

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wswitch-enum -Wvla \
        -Wundef -Wwrite-strings -Wformat=2 -Wpointer-arith -Wcast-qual -Wconversion -Wno-sign-conversion
BASE := -std=gnu17 -D_GNU_SOURCE -g -fno-omit-frame-pointer -fvisibility=hidden -pthread \
        -I. -DKATYDID_VERSION='"$(VERSION)"' $(WARN) $(WERROR)
ifeq ($(VARIANT),asan)
OPT  := -O1 -fsanitize=address -DKATYDID_SANITIZE=1
# greenlet copies stacks, red zones included: stack instrumentation would see phantoms.
OPT  += $(if $(findstring clang,$(CC)),-mllvm -asan-stack=0,--param asan-stack=0)
LD   := -fsanitize=address
else ifeq ($(VARIANT),ubsan)
OPT  := -O1 -fsanitize=undefined -fno-sanitize-recover=undefined -DKATYDID_SANITIZE=1
LD   := -fsanitize=undefined
else ifeq ($(VARIANT),tsan)
OPT  := -O1 -fsanitize=thread -DKATYDID_SANITIZE=1
LD   := -fsanitize=thread
else ifeq ($(VARIANT),debug)
OPT  := -O0
else
OPT  := -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong
endif

PKGS      := libevent libevent_pthreads libevent_openssl libzmq msgpack jansson openssl zlib libbrotlidec libzstd
DEP_CF    := $(subst -I/,-isystem /,$(shell pkg-config --cflags $(PKGS) 2>/dev/null)) -isystem /usr/share/include/llhttp
PY_CF     := $(subst -I/,-isystem /,$(shell pkg-config --cflags python3-embed 2>/dev/null)) \
             -isystem $(shell $(PYTHON) -c 'import greenlet, os; print(os.path.dirname(greenlet.__file__))' 2>/dev/null)
COMMON_LD := $(shell pkg-config --libs libzmq msgpack 2>/dev/null) -lm
MASTER_LD := $(shell pkg-config --libs libevent libevent_pthreads jansson zlib openssl 2>/dev/null) -lcivetweb $(COMMON_LD)
WORKER_LD := $(shell pkg-config --libs libevent libevent_pthreads openssl zlib libbrotlidec libzstd 2>/dev/null) \
             $(COMMON_LD) -lm
PY_LD     := $(shell pkg-config --libs python3-embed 2>/dev/null)
ALL_CF     = $(BASE) $(OPT) $(DEP_CF) $(CFLAGS)

src      = $(wildcard $(addsuffix /*.c,$(1)))
COMMON_C := $(call src,common/base common/stats common/wire)
MASTER_C := $(filter-out master/main.c,$(call src,master master/web))
NET_C    := $(call src,worker/net worker/http)
PY_C     := $(call src,worker/py)
LLHTTP_C := /usr/share/llhttp/llhttp.c /usr/share/llhttp/api.c /usr/share/llhttp/http.c
obj       = $(patsubst %.c,$(O)/obj/%.o,$(1))
LLHTTP_O := $(patsubst /usr/share/llhttp/%.c,$(O)/obj/llhttp/%.o,$(LLHTTP_C))

.PHONY: all
all: $(O)/katydid $(O)/katydid-worker

$(O)/libcommon.a: $(call obj,$(COMMON_C))
$(O)/libmaster.a: $(call obj,$(MASTER_C)) $(O)/obj/assets.o
$(O)/libnet.a:    $(call obj,$(NET_C)) $(LLHTTP_O)
$(O)/lib%.a:
	$(Q)rm -f $@ && ar rcs $@ $^

$(O)/katydid: $(O)/obj/master/main.o $(O)/libmaster.a $(O)/libcommon.a
	@echo "  LD    $@"
	$(Q)$(CC) $(LD) -pthread -o $@ $^ $(MASTER_LD) $(LDFLAGS)
$(O)/katydid-worker: $(O)/obj/worker/main.o $(call obj,$(PY_C)) $(O)/libnet.a $(O)/libcommon.a
	@echo "  LD    $@"
	$(Q)$(CC) $(LD) -pthread -rdynamic -o $@ $^ $(WORKER_LD) $(PY_LD) $(LDFLAGS)

$(O)/obj/worker/py/%.o $(O)/obj/worker/main.o: EXTRA = $(PY_CF)
$(O)/obj/%.o: %.c $(O)/.flags
	@mkdir -p $(@D); echo "  CC    $<"
	$(Q)$(CC) $(ALL_CF) $(EXTRA) -MMD -MP -c $< -o $@
$(O)/obj/llhttp/%.o: /usr/share/llhttp/%.c $(O)/.flags
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu17 $(OPT) -g -fvisibility=hidden -isystem /usr/share/include/llhttp -c $< -o $@
$(O)/.flags: FORCE
	@mkdir -p $(@D); echo '$(CC) $(ALL_CF) $(PY_CF)' | cmp -s - $@ || echo '$(CC) $(ALL_CF) $(PY_CF)' >$@
FORCE:

# The page: built by npm once per change of webui/, then embedded as one C file of gzipped bytes.
WEBUI_SRC := $(shell find webui -type f -not -path '*/node_modules/*' -not -path '*/dist/*' -not -path '*/test*' 2>/dev/null)
webui/dist/.stamp: $(WEBUI_SRC)
	@echo "  NPM   webui"
	$(Q)cd webui && ([ -d node_modules ] || npm ci --ignore-scripts --no-audit --no-fund >/dev/null) && npm run --silent build >/dev/null
	$(Q)touch $@
$(O)/obj/assets.c: webui/dist/.stamp webui/embed.py
	@mkdir -p $(@D)
	$(Q)$(PYTHON) webui/embed.py webui/dist $@
$(O)/obj/assets.o: $(O)/obj/assets.c
	$(Q)$(CC) $(ALL_CF) -c $< -o $@

include make/test.mk
include make/install.mk

-include $(shell find $(O)/obj -name '*.d' 2>/dev/null)

.PHONY: clean help
clean: ## remove everything that was built
	rm -rf build webui/dist
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | sort | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

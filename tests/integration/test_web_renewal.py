"""TLS of the page: a certificate that is renewed is served without a restart, and one that cannot be used changes nothing."""

import os
import ssl
import subprocess

from harness import wait_for
from test_web_host import PLAIN, Caller, page


def write_pair(folder, name):
    """A certificate whose subject is that name, and its key, put in place one after the other as who renews them does."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", folder / "new.key", "-out", folder / "new.pem"],
        check=True, capture_output=True)
    os.replace(folder / "new.pem", folder / "page.pem")
    os.replace(folder / "new.key", folder / "page.key")


def test_a_renewed_certificate_is_served(tmp_path):
    write_pair(tmp_path, "first")
    first = (tmp_path / "page.pem").read_text()
    with page(PLAIN, "--tls-cert", tmp_path / "page.pem", "--tls-key", tmp_path / "page.key", scheme="https", address="localhost",
              trusted=tmp_path / "page.pem") as process:
        served = lambda: ssl.get_server_certificate(("127.0.0.1", process.port))  # noqa: E731
        assert served() == first and process.call("/api/v1/state")[0] == 200
        (tmp_path / "page.key").write_text("no key\n")
        process.wait_line("--tls-key .* cannot be used: .*; the page goes on with the certificate from before")
        assert served() == first and process.call("/api/v1/state")[0] == 200
        write_pair(tmp_path, "second")
        second = (tmp_path / "page.pem").read_text()
        wait_for(lambda: served() == second, "the second certificate")
        assert second != first
        process.wait_line("The certificate of the page was read again")
        assert Caller(process.call.base, tmp_path / "page.pem")("/api/v1/state")[0] == 200
        (tmp_path / "page.pem").unlink()
        process.wait_line("--tls-cert .* cannot be used: No such file")
        assert served() == second

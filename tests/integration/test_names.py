# SPDX-License-Identifier: MIT
"""Names: a target that moves is followed, a name server that is not there or does not answer is told."""

from named import run_inside


def test_a_name_that_moves_is_followed(tmp_path):
    (first, second, code), failures, total, out = run_inside(tmp_path, 6, meanwhile="""
        while seen.get("127.0.0.2", 0) < 30 and run.poll() is None:
            time.sleep(0.05)
        address = "127.0.0.3"
        listeners["127.0.0.2"].shutdown(socket.SHUT_RDWR)
        listeners["127.0.0.2"].close()
    """)
    assert first >= 30 and second > 30, out
    assert int(total["Request Count"]) - int(total["Failure Count"]) <= first + second, out
    # those that were answered with the old address in the second for which an answer is kept
    assert int(total["Failure Count"]) < 60, (failures, out)
    assert code in (0, 1)


def test_a_name_server_that_is_not_there_fails_at_once(tmp_path):
    _, failures, total, out = run_inside(tmp_path, 2, nameserver="10.255.255.1")
    assert int(total["Request Count"]) == int(total["Failure Count"]) > 20, out
    assert all("name resolution" in row["Error"] for row in failures), failures


def test_a_name_server_that_does_not_answer_is_told(tmp_path):
    (_, _, code), failures, total, out = run_inside(tmp_path, 3, address="")
    assert int(total["Request Count"]) == int(total["Failure Count"]) >= 4 and code == 1, out
    assert all("name resolution" in row["Error"] for row in failures), failures

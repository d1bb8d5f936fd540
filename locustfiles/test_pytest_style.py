"""A test in pytest's style that is a load test as well (needs pytest): each function becomes a User class.

    pytest locustfiles/test_pytest_style.py --host http://127.0.0.1:8000
    katydid -f locustfiles/test_pytest_style.py -H http://127.0.0.1:8000
    make run EXAMPLE=test_pytest_style      # against the sample shop
"""


def test_catalogue(session):
    products = session.get("/api/products").json()
    assert products


def test_product(fastsession):
    with fastsession.get("/api/products/1", catch_response=True, name="/api/products/[id]") as answer:
        answer.raise_for_status()

"""An option of the test's own, on the command line and in LOCUST_PRODUCT.

    katydid -f locustfiles/custom_option.py -H http://127.0.0.1:8000 --product 7
    make run EXAMPLE=custom_option      # against the sample shop
"""

from locust import HttpUser, between, events, task


@events.init_command_line_parser.add_listener
def add_options(parser):
    parser.add_argument("--product", type=int, default=1, env_var="LOCUST_PRODUCT", help="the product everybody looks at")


class Visitor(HttpUser):
    wait_time = between(0.1, 0.5)

    @task
    def product(self):
        self.client.get(f"/api/products/{self.environment.parsed_options.product}", name="/api/products/[id]")

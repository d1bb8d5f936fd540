"""GraphQL: rows by the name of the operation, and errors that come with status 200 as failures.

    katydid -f locustfiles/protocols/graphql_heroes.py -H http://127.0.0.1:7003
    make run EXAMPLE=protocols/graphql_heroes      # brings a server
"""

import katydid
from locust import FastHttpUser, between, task

HERO = "query Hero($id: ID!) { hero(id: $id) { name } }"
RENAME = "mutation Rename($id: ID!, $name: String!) { rename(id: $id, name: $name) { id } }"


class Fan(FastHttpUser):
    wait_time = between(0.05, 0.1)

    @task(3)
    def look(self):
        answer = self.client.graphql(HERO, {"id": 7})
        katydid.check.that("has a name", answer.ok and "name" in answer.data["hero"])

    @task
    def rename(self):
        self.client.graphql(RENAME, {"id": 7, "name": "R2-D2"})

"""A multipart upload: files= as in requests.

It needs the tests' echo server, and this starts both:

    make run EXAMPLE=client/upload
"""

from locust import HttpUser, constant, task


class Uploader(HttpUser):
    wait_time = constant(0.05)

    @task
    def upload(self):
        files = {"photo": ("cat.png", b"not really a picture", "image/png")}
        with self.client.post("/echo", files=files, data={"title": "cat"}, catch_response=True) as response:
            body = response.json()["body"]
            if 'filename="cat.png"' not in body or "not really a picture" not in body or 'name="title"' not in body:
                response.failure("the server did not get the upload")

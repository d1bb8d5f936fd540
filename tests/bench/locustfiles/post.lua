wrk.method = "POST"
wrk.body = '{"id": 4711, "amount": 3}'
wrk.headers["Content-Type"] = "application/json"

// For k6: the same as get_seconds.py.
import http from "k6/http";
import { sleep } from "k6";

export default function () {
  http.get(__ENV.TARGET);
  sleep(1);
}

// For k6: the same as post_json.py.
import http from "k6/http";
import { check } from "k6";

const headers = { "Content-Type": "application/json" };
const checks = { "right product": (r) => r.json().id === 4711 };

export default function () {
  check(http.post(__ENV.TARGET, JSON.stringify({ product: 4711, currency: "EUR" }), { headers }), checks);
}

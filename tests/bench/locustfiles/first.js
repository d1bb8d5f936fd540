// For k6: the same as first.py.
import http from 'k6/http';

export default function () {
  http.get(__ENV.TARGET + '/');
}

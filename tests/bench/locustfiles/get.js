// For k6: GET of $TARGET, as fast as it comes.
import http from "k6/http";

export default function () {
  http.get(__ENV.TARGET);
}

// For k6: $RATE times a second GET of $TARGET, for $DURATION.
import http from "k6/http";

export const options = {
  scenarios: {
    a: { executor: "constant-arrival-rate", rate: Number(__ENV.RATE), duration: __ENV.DURATION, preAllocatedVUs: 200 },
  },
};

export default function () {
  http.get(__ENV.TARGET);
}

// For k6: as ws_echo.py, but the time of each echo, which k6 knows nothing of itself, is measured with $TIMED only.
import { WebSocket } from "k6/websockets";
import { Trend } from "k6/metrics";

const message = "x".repeat(32);
const took = new Trend("echo", true);

export default function () {
  const socket = new WebSocket(__ENV.TARGET);
  let sent = 0;
  const send = () => {
    sent = Date.now();
    socket.send(message);
  };
  socket.onopen = send;
  socket.onmessage = !__ENV.TIMED ? send : () => {
    took.add(Date.now() - sent);
    send();
  };
  socket.onerror = (e) => {
    throw new Error(e.error);
  };
}

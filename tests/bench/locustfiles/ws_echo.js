// For k6: the same as ws_echo.py.
import { WebSocket } from "k6/websockets";

const message = "x".repeat(32);

export default function () {
  const socket = new WebSocket(__ENV.TARGET);
  socket.onopen = socket.onmessage = () => socket.send(message);
  socket.onerror = (e) => { throw new Error(e.error); };
}

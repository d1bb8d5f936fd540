/* As much of WebSocket as a master needs: the handshake, frames out, small text frames in. */
import { createHash } from "node:crypto";

const MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

function frame(data) {
  const body = Buffer.from(data);
  const kind = typeof data === "string" ? 0x81 : 0x82;
  const head = body.length < 126 ? Buffer.from([kind, body.length])
    : body.length < 65536 ? Buffer.from([kind, 126, body.length >> 8, body.length & 255])
    : Buffer.concat([Buffer.from([kind, 127, 0, 0, 0, 0]), Buffer.from([body.length >>> 24, (body.length >> 16) & 255, (body.length >> 8) & 255, body.length & 255])]);
  return Buffer.concat([head, body]);
}

/** Whole frames at the start of `data`: [texts, whether a close came, rest]. */
function unframe(data) {
  const texts = [];
  let isClosed = false;
  while (data.length >= 6) {
    let length = data[1] & 127;
    let at = 2;
    if (length === 126) {
      if (data.length < 8) break;
      length = data.readUInt16BE(2);
      at = 4;
    }
    if (data.length < at + 4 + length) break;
    const mask = data.subarray(at, at + 4);
    const body = Buffer.from(data.subarray(at + 4, at + 4 + length)).map((byte, i) => byte ^ mask[i & 3]);
    if ((data[0] & 15) === 1) texts.push(body.toString());
    if ((data[0] & 15) === 8) isClosed = true;
    data = data.subarray(at + 4 + length);
  }
  return [texts, isClosed, data];
}

/** Answers the upgrade; calls onText for what comes. */
export function accept(request, socket, onText, onEnd) {
  const key = createHash("sha1").update(request.headers["sec-websocket-key"] + MAGIC).digest("base64");
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${key}\r\n\r\n`);
  socket.setNoDelay(true);
  let rest = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    const [texts, isClosed, left] = unframe(Buffer.concat([rest, chunk]));
    rest = left;
    texts.forEach(onText);
    if (isClosed) socket.end();
  });
  socket.on("error", () => undefined);
  socket.on("close", onEnd);
  return { send: (data) => socket.writable && socket.write(frame(data)), close: () => socket.end() };
}

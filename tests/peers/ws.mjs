// SPDX-License-Identifier: MIT
// WebSocket servers by the package ws, and one of GraphQL by graphql-ws upon it. Prints their ports as JSON; ends with its
// standard input.
//
//   plain      says back what it hears                 deflate   the same, with permessage-deflate, its windows kept
//   forgetful  … both sides forget theirs              narrow    … of 2^9 bytes
//   small      takes messages of at most 1,000 bytes   subscriptions
//
// Paths: /pings asks after each message, /closes/CODE ends with it, /gone ends without a word, /refused is none (401),
// /pieces says back in frames of 5 bytes, /speaks chooses the last subprotocol that is offered.

import { createServer } from "node:http";
import { GraphQLError, GraphQLInt, GraphQLObjectType, GraphQLSchema, GraphQLString } from "graphql";
import { useServer } from "graphql-ws/use/ws";
import { WebSocketServer } from "ws";

function listen(server) {
  return new Promise((done) => server.listen(0, "127.0.0.1", () => done(server.address().port)));
}

function converse(socket, request) {
  const path = request.url.split("?")[0];
  socket.on("error", () => {}); // a message that is too large: ws closes by itself
  if (path.startsWith("/closes/"))
    socket.close(Number(path.slice(8)), "as you wish");
  if (path === "/gone")
    socket.terminate();
  socket.on("message", (data, isBinary) => {
    if (path !== "/pieces") {
      socket.send(data, { binary: isBinary });
    } else {
      for (let at = 0; at < data.length; at += 5)
        socket.send(data.subarray(at, at + 5), { binary: isBinary, fin: at + 5 >= data.length });
    }
    if (path === "/pings")
      socket.ping("are you there?");
  });
  socket.on("pong", (data) => socket.send(`pong: ${data}`));
}

function start(options) {
  const server = createServer();
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered].at(-1), ...options });
  sockets.on("connection", converse);
  server.on("upgrade", (request, socket, head) => {
    if (request.url === "/refused")
      socket.end("HTTP/1.1 401 Unauthorized\r\nContent-Length: 9\r\nConnection: close\r\n\r\nnot you, ");
    else
      sockets.handleUpgrade(request, socket, head, (opened) => sockets.emit("connection", opened, request));
  });
  return listen(server);
}

// ---- GraphQL

const ticks = {
  type: GraphQLInt,
  args: { to: { type: GraphQLInt } },
  async *subscribe(_, { to }) {
    for (let i = 1; i <= to; i++) {
      await new Promise((done) => setTimeout(done, 5));
      yield { ticks: i };
    }
    if (to > 100)
      throw new GraphQLError("enough", { extensions: { code: "TOO_MANY" } });
  },
};
const schema = new GraphQLSchema({
  query: new GraphQLObjectType({ name: "Query", fields: { hello: { type: GraphQLString, resolve: () => "world" } } }),
  subscription: new GraphQLObjectType({ name: "Subscription", fields: { ticks } }),
});

function subscriptions() {
  const server = createServer();
  const sockets = new WebSocketServer({ server, path: "/graphql" });
  useServer({ schema, onConnect: (context) => context.connectionParams?.token !== "no" }, sockets, 50);
  return listen(server);
}

const deflate = (options) => ({ perMessageDeflate: { threshold: 0, ...options } });
const ports = {
  plain: await start({}),
  deflate: await start(deflate({})),
  forgetful: await start(deflate({ serverNoContextTakeover: true, clientNoContextTakeover: true })),
  narrow: await start(deflate({ serverMaxWindowBits: 9, clientMaxWindowBits: 9 })),
  small: await start({ maxPayload: 1000 }),
  subscriptions: await subscriptions(),
};
console.log(JSON.stringify(ports));
process.stdin.on("end", () => process.exit()).resume();

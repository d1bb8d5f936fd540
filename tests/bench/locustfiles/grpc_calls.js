// For k6: the same as grpc_calls.py.
import grpc from "k6/net/grpc";

const client = new grpc.Client();
client.load([__ENV.PROTOS], "shop.proto");

export default function () {
  if (__ITER === 0) client.connect(__ENV.TARGET, { plaintext: true });
  const answer = client.invoke("shop.v1.Shop/Buy", { name: "pen", count: 3 });
  if (answer.message.total !== "3") throw new Error(JSON.stringify(answer));
}

import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream";

/** The least that an HTTP proxy is, as a process of its own: what goes in goes out on a connection that is kept. */
process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));

const agent = new Agent({ keepAlive: true });
const server = createServer((incoming, outgoing) => {
  const { hostname, port, pathname } = new URL(incoming.url ?? "");
  const onward = request({ agent, hostname, port, path: pathname, method: incoming.method ?? "GET" }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    pipeline(answer, outgoing, () => undefined);
  });
  onward.once("error", () => outgoing.destroy());
  pipeline(incoming, onward, () => undefined);
});
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));

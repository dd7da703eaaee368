import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Two ends of one Unix socket: real file descriptors, where the end of one side is seen by the other. */
export async function socketPair(): Promise<[Socket, Socket]> {
  const directory = mkdtempSync(join(tmpdir(), "wd-pair-"));
  const path = join(directory, "s");
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
  const near = connect(path);
  const far = await accepted;
  server.close();
  rmSync(directory, { recursive: true });
  return [near, far];
}

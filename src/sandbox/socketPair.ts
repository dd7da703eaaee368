import { mkdtempSync, rmSync } from "node:fs";
import { createServer, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Two ends of one Unix socket. `near` was accepted paused and nobody has read from it, so that it can be given to another
 * process without losing a byte; `far` is for whoever is at the other end.
 */
export type SocketPair = { near: Socket; far: Socket };

/** Rejects when there is no descriptor or no temporary directory to be had; then neither end is left. */
export async function socketPair(): Promise<SocketPair> {
  // Mode 0700, so nobody else can connect first.
  const directory = mkdtempSync(join(tmpdir(), "wd-pair-"));
  const path = join(directory, "s");
  const pair = Promise.withResolvers<SocketPair>();
  const listener = createServer({ pauseOnConnect: true });
  const far = new Socket();
  listener.once("error", pair.reject).once("connection", (near) => pair.resolve({ near, far }));
  far.once("error", pair.reject);
  // Out of descriptors, the listener says nothing and hangs up.
  far.once("close", () => pair.reject(new Error("a socket pair could not be made: its far end was closed")));
  // On a path both take effect before they return, so whoever kills us cannot leave the directory behind.
  listener.listen(path);
  far.connect(path);
  rmSync(directory, { recursive: true, force: true });
  try {
    return await pair.promise;
  } catch (thrown) {
    far.destroy();
    throw thrown;
  } finally {
    far.off("error", pair.reject);
    listener.close();
  }
}

/** Has nobody read from it yet, so that it can be given away whole? `pauseOnConnect` is Node's way to make one such. */
export function isUntouched(stream: unknown): stream is Socket {
  return stream instanceof Socket && !stream.destroyed && stream.isPaused() && stream.bytesRead === 0;
}

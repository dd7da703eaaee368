import { mkdtempSync, rmSync } from "node:fs";
import { createServer, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Two ends of one Unix socket. Nobody has read from `near` yet, so that it can be given to another process without losing a
 * byte; `far` is for whoever is at the other end.
 */
export type SocketPair = { near: Socket; far: Socket };

/** Rejects when there is no descriptor or no temporary directory to be had; then neither end is left. */
export async function socketPair(): Promise<SocketPair> {
  // Mode 0700, so nobody else can connect first.
  const directory = mkdtempSync(join(tmpdir(), "wd-pair-"));
  const path = join(directory, "s");
  const accepted = Promise.withResolvers<Socket>();
  const connected = Promise.withResolvers<void>();
  const listener = createServer();
  const near = new Socket();
  const fail = (thrown: Error) => {
    accepted.reject(thrown);
    connected.reject(thrown);
  };
  // Out of descriptors, the listener says nothing and hangs up.
  const hungUp = () => fail(new Error("no pair of sockets could be made: the listener hung up"));
  listener.once("error", fail).once("connection", accepted.resolve);
  near.once("error", fail).once("close", hungUp).once("connect", connected.resolve);
  // One that is paused before it is connected does not begin to read.
  near.pause();
  // On a path both take effect before they return, so whoever kills us cannot leave the directory behind.
  listener.listen(path);
  near.connect(path);
  rmSync(directory, { recursive: true, force: true });
  try {
    const [far] = await Promise.all([accepted.promise, connected.promise]);
    return { near, far };
  } catch (thrown) {
    near.destroy();
    throw thrown;
  } finally {
    near.off("error", fail).off("close", hungUp);
    listener.close();
  }
}

/** Has nobody read from it yet, so that it can be given away whole? */
export function isUntouched(stream: unknown): stream is Socket {
  return stream instanceof Socket && !stream.destroyed && stream.isPaused() && stream.bytesRead === 0;
}

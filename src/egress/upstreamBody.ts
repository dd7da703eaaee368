import { Readable } from "node:stream";
import type { Dispatcher } from "undici";

/** The body of one answer between undici, which tells it piece by piece, and whoever reads it: all at once, or as a stream. */
export type UpstreamBody = {
  take(chunk: Buffer): void;
  end(): void;
  fail(error: Error): void;
  whole: () => Buffer | null;
  stream: () => Readable;
  letGo: () => void;
};

/** What is kept for a reader that has not come yet; then the host waits. */
const HELD_BYTES_MAX = 64 * 1024;

/** @param onOver called when the host is let go of before the end. */
export function upstreamBody(host: Dispatcher.DispatchController, onOver: () => void): UpstreamBody {
  let held: Buffer[] = [];
  let heldBytes = 0;
  let isWhole = false;
  let failure: Error | undefined;
  let reader: Readable | undefined;
  const stop = (reason: Error) => {
    onOver();
    if (!isWhole && failure === undefined) host.abort(reason);
  };
  return {
    take(chunk) {
      if (reader === undefined) held.push(chunk);
      heldBytes += chunk.length;
      const isRoom = reader === undefined ? heldBytes < HELD_BYTES_MAX : reader.push(chunk);
      if (!isRoom) host.pause();
    },
    end() {
      isWhole = true;
      reader?.push(null);
    },
    fail(error) {
      failure ??= error;
      reader?.destroy(error);
    },
    whole: () => (isWhole && reader === undefined ? joined(held) : null),
    stream() {
      const opened = new Readable({
        read: () => {
          if (!isWhole && failure === undefined) host.resume();
        },
        destroy(error, done) {
          stop(error ?? new Error("let go of"));
          done(error);
        },
      });
      reader = opened;
      for (const chunk of held) opened.push(chunk);
      held = [];
      if (isWhole) opened.push(null);
      if (failure !== undefined) opened.destroy(failure);
      return opened;
    },
    letGo: () => stop(new Error("let go of")),
  };
}

function joined(chunks: readonly Buffer[]): Buffer {
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
}

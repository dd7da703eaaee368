import { Transform } from "node:stream";
import type { SourceFault } from "./faults.ts";

/** A stream was longer than it may be. */
export class Overrun extends Error {
  readonly reason: SourceFault;

  constructor(reason: SourceFault, bytesMax: number) {
    super(`over ${bytesMax} bytes`);
    this.reason = reason;
  }
}

/** Lets through so many bytes and breaks the stream with an Overrun at the first one more. */
export function overrunGuard(
  bytesMax: number,
  reason: SourceFault,
  onBytes: (bytes: number) => void = () => undefined,
): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, pass) {
      bytes += chunk.length;
      onBytes(chunk.length);
      if (bytes > bytesMax) pass(new Overrun(reason, bytesMax));
      else pass(null, chunk);
    },
  });
}

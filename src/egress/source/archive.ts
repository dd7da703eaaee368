import type { Transform } from "node:stream";
import type { SourceFault } from "./faults.ts";
import { Overrun } from "./guard.ts";

/** One plain file. `name` is the archive's word, for its ending alone; null when the file came as it is. */
export type Member = { file: string; name: string | null };

/** What an archive made us give up. Thrown by those who read archives, caught by `unpack`. */
export class ArchiveFault extends Error {
  readonly reason: SourceFault;

  constructor(reason: SourceFault, detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.reason = reason;
  }
}

/** What those who read an archive may still do. */
export type Room = {
  /** A path that is not there yet. */
  next(): string;
  /** Counts an entry, checks its name, and gives what its bytes go through. Throws ArchiveFault. */
  admit(name: string): Transform;
};

/** A decompressor's complaint as the archive's fault; anything else as it is. */
export function brokenOr(thrown: unknown): unknown {
  if (!(thrown instanceof Error) || thrown instanceof ArchiveFault || thrown instanceof Overrun) return thrown;
  const isZlib = "code" in thrown && typeof thrown.code === "string" && thrown.code.startsWith("Z_");
  // A system error has an errno: then it is the disk, and no archive.
  if ("errno" in thrown && !isZlib) return thrown;
  return new ArchiveFault("source-archive-broken", thrown.message.slice(0, 200), { cause: thrown });
}

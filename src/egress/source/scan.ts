import { createReadStream } from "node:fs";
import NodeClam from "clamscan";
import { messageOf } from "../../base/errors.ts";
import { oneLine } from "../../base/text.ts";

/**
 * What clamd says of a file. Only its own word `OK` is `clean`: no socket, no answer in time, an answer that is not
 * understood and a file longer than its StreamMaxLength are all `not-scanned`, and such a file is not processed.
 */
export type Verdict =
  | { status: "clean" }
  | { status: "infected"; signature: string }
  | { status: "not-scanned"; reason: string };

export type Scan = (file: string) => Promise<Verdict>;

const SCAN_MS = 60_000;

/** @param socket path of clamd's Unix socket; null when none is configured. */
export function clamdScan(socket: string | null, timeoutMs = SCAN_MS): Scan {
  if (socket === null) return async () => ({ status: "not-scanned", reason: "no clamd socket is configured" });
  return async (file) => {
    // An empty stream is never begun by the client, and never answered by clamd. Empty files do not come this far.
    const late = Promise.withResolvers<Verdict>();
    const timer = setTimeout(
      () => late.resolve({ status: "not-scanned", reason: `clamd did not answer within ${timeoutMs} ms` }),
      timeoutMs,
    );
    try {
      return await Promise.race([ask(socket, file, timeoutMs), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  };
}

/** The bytes go over the socket, so clamd needs no right to the file, and no program is ever run instead. */
async function ask(socket: string, file: string, timeoutMs: number): Promise<Verdict> {
  const stream = createReadStream(file);
  try {
    const clam = await new NodeClam().init({
      removeInfected: false,
      quarantineInfected: false,
      clamscan: { active: false },
      clamdscan: { socket, timeout: timeoutMs, localFallback: false, active: true, path: "", multiscan: false },
      preference: "clamdscan",
    });
    // Its types know no null, which is what it gives when it does not understand clamd.
    const found: { isInfected: boolean | null; viruses: string[] } = await clam.scanStream(stream);
    if (found.isInfected === null) return { status: "not-scanned", reason: "clamd's answer was not understood" };
    if (!found.isInfected) return { status: "clean" };
    return { status: "infected", signature: oneLine(found.viruses[0] ?? "unnamed", 100) };
  } catch (thrown) {
    return { status: "not-scanned", reason: oneLine(messageOf(thrown), 200) };
  } finally {
    stream.destroy();
  }
}

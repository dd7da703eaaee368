import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import NodeClam from "clamscan";
import { messageOf } from "../../base/errors.ts";
import { oneLine } from "../../base/text.ts";
import { bytesOf } from "./quarantine.ts";
import { testFile } from "./reach.ts";

/**
 * What clamd says of a file. Only its own word `OK` is `clean`, and of a long file only when it finds the test file in one as long: no
 * socket, no answer in time, an answer that is not understood, and a file longer than one of clamd's limits are all
 * `not-scanned`, and such a file is not processed.
 */
export type Verdict =
  | { status: "clean" }
  | { status: "infected"; signature: string }
  | { status: "not-scanned"; reason: string };

export type Scan = (file: string) => Promise<Verdict>;

const SCAN_MS = 60_000;
/** Nobody sets a limit below this: clamd would be of no use. Debian's own are 25 MB and more. */
const SHORT_BYTES = 1024 * 1024;

/** @param socket path of clamd's Unix socket; null when none is configured. */
export function clamdScan(socket: string | null, timeoutMs = SCAN_MS): Scan {
  if (socket === null) return async () => ({ status: "not-scanned", reason: "no clamd socket is configured" });
  let reachBytes = SHORT_BYTES;
  const look = (stream: Readable) => asked(socket, stream, timeoutMs);
  const scan = async (file: string, bytes: number): Promise<Verdict> => {
    const found = await look(createReadStream(file));
    if (found.status === "hung-up") return hungUp(found.reason, bytes, await look(Readable.from([Buffer.from("a")])));
    if (found.status === "infected" && LIMIT.test(found.signature)) return unreached(bytes, found.signature);
    if (found.status !== "clean" || bytes <= reachBytes) return found;
    const test = await look(testFile(bytes));
    if (test.status !== "infected" || !EICAR.test(test.signature)) return unreached(bytes, "it does not see into it");
    reachBytes = bytes;
    return found;
  };
  let last: Promise<unknown> = Promise.resolve();
  return async (file) => {
    const bytes = bytesOf(file);
    if (bytes <= SHORT_BYTES) return scan(file, bytes);
    // The client reads a file as fast as the disk gives it and holds what clamd has not taken: one long file at a time.
    const turn = last.then(
      () => scan(file, bytes),
      () => scan(file, bytes),
    );
    last = turn;
    return turn;
  };
}

const LIMIT = /^Heuristics\.Limits\.Exceeded/;
const EICAR = /eicar/i;

/** clamd says so, or only breaks off: what it has not read of the stream is lost with its answer. */
function hungUp(reason: string, bytes: number, small: Heard): Verdict {
  const takesSmall = small.status === "clean" || SIZE.test(reason);
  const why = takesSmall
    ? `not scanned: clamd takes no file of ${bytes} bytes: raise StreamMaxLength in its clamd.conf over that`
    : reason;
  return { status: "not-scanned", reason: oneLine(why, 200) };
}

function unreached(bytes: number, how: string): Verdict {
  const what = `not scanned: clamd does not look at files of ${bytes} bytes (${how})`;
  const reason = `${what}: raise MaxFileSize and MaxScanSize in its clamd.conf over that`;
  return { status: "not-scanned", reason: oneLine(reason, 250) };
}

type Heard = Verdict | { status: "hung-up"; reason: string };

async function asked(socket: string, stream: Readable, timeoutMs: number): Promise<Heard> {
  // An empty stream is never begun by the client, and never answered by clamd. Empty files do not come this far.
  const late = Promise.withResolvers<Heard>();
  const timer = setTimeout(
    () => late.resolve({ status: "not-scanned", reason: `clamd did not answer within ${timeoutMs} ms` }),
    timeoutMs,
  );
  try {
    return await Promise.race([ask(socket, stream, timeoutMs), late.promise]);
  } finally {
    clearTimeout(timer);
    stream.destroy();
  }
}

const SIZE = /size limit exceeded/i;
const HUNG_UP = /size limit exceeded|ECONNRESET|EPIPE/i;

/** The bytes go over the socket, so clamd needs no right to the file, and no program is ever run instead. */
async function ask(socket: string, stream: Readable, timeoutMs: number): Promise<Heard> {
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
    const reason = oneLine(messageOf(thrown), 200);
    return { status: HUNG_UP.test(reason) ? "hung-up" : "not-scanned", reason };
  }
}

import { createInterface } from "node:readline";
import { openSigningState } from "./signing.ts";

/**
 * The signer's process: `signerProcess.ts DIRECTORY ORIGIN`, one JSON request a line in, one answer a line out. A
 * signal that a terminal sends to all of its processes does not end it: the last checkpoint of a stopped cycle is
 * still to be signed. It ends with its input, that is, with whoever started it.
 */
const [directory = "", origin = ""] = process.argv.slice(2);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => undefined);

const signing = openSigningState(directory, origin);
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(signing.answer(line))}\n`);
}

import { createHash } from "node:crypto";
import {
  closeSync,
  fdatasyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { commitTo, formatStored, SALT_BYTES } from "../../src/ledger/entry.ts";
import type { LeafInput } from "../../src/ledger/ledger.ts";
import { ledgerDirectory, openLedger } from "../../src/ledger/open.ts";
import { segmentPath } from "../../src/ledger/segments.ts";
import { verifyLedger } from "../../src/ledger/verify.ts";
import type { Bed } from "./bed.ts";
import { type Bench, type Measured, milliseconds, sideBySide } from "./figure.ts";

/** The log that an outsider can verify, beside a file that nobody can. */
export const ledger: Bench = { name: "ledger", run: async (bed) => [await append(bed), await verify(bed)] };

const INPUT: LeafInput = {
  kind: "step.ended",
  actor: { kind: "cycle", name: "cycle" },
  cycle: "c20270101-000000-000000",
  payload: { step: "measure", ms: 512 },
};

const RUNS = 7;
const APPENDS = 30;

async function append(bed: Bed): Promise<Measured> {
  const state = bed.fresh("state");
  const log = openLedger(state, { clock: systemClock });
  log.append(INPUT);
  const line = readFileSync(segmentPath(ledgerDirectory(state), 0));
  const plain = openSync(bed.fresh("plain"), "a");
  try {
    const figures = await sideBySide(
      RUNS,
      async () => (await milliseconds(() => times(APPENDS, () => log.append(INPUT)))) / APPENDS,
      async () =>
        (await milliseconds(() =>
          times(APPENDS, () => {
            writeSync(plain, line);
            fdatasyncSync(plain);
          }),
        )) / APPENDS,
    );
    return { name: "ledger append, durable", unit: "ms", ...figures, goal: null };
  } finally {
    closeSync(plain);
    await log.close();
  }
}

const LEAVES = 10_000;

async function verify(bed: Bed): Promise<Measured> {
  const state = bed.fresh("state");
  const directory = ledgerDirectory(state);
  writeLeaves(directory);
  const figures = await sideBySide(
    3,
    () =>
      milliseconds(() => {
        const verified = verifyLedger(state);
        if (verified.status !== "ok" || verified.leaves !== LEAVES) throw new Error(JSON.stringify(verified));
      }),
    () =>
      milliseconds(() => {
        const hash = createHash("sha256");
        for (const name of readdirSync(directory)) hash.update(readFileSync(join(directory, name)));
        hash.digest();
      }),
  );
  return { name: "ledger verify of 10,000 leaves", unit: "ms", ...figures, goal: null };
}

/** The bytes that as many appends would have left, without as many syncs. */
function writeLeaves(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { payload, ...rest } = INPUT;
  const lines = Array.from({ length: LEAVES }, (_, seq) => {
    const salt = seq.toString(16).padStart(SALT_BYTES * 2, "0");
    const t = new Date(Date.UTC(2027, 0, 1) + seq).toISOString();
    return formatStored({ leaf: { v: 1, seq, t, ...rest, commit: commitTo(salt, payload) }, payload, salt });
  });
  writeFileSync(segmentPath(directory, 0), lines.join(""));
}

function times(n: number, work: () => unknown): void {
  for (let i = 0; i < n; i++) work();
}

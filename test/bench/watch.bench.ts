import { randomBytes } from "node:crypto";
import { systemClock } from "../../src/base/clock.ts";
import type { Fake } from "../../src/canaries/canaries.ts";
import { fakeMaker } from "../../src/canaries/fakes.ts";
import { KINDS } from "../../src/canaries/kinds/all.ts";
import { writtenForms } from "../../src/canaries/written.ts";
import { openWatch } from "../../src/egress/watch/openWatch.ts";
import { type Bench, type Measured, mbPerSecond, sideBySide } from "./figure.ts";

/**
 * What the canary watch adds to an upload: a body of eight megabytes is looked at whole, for every fake of a clone in every
 * encoding. Beside it, on the same bytes, the search that somebody would write first, one `indexOf` for each way in which each
 * fake may be written once, and a scan for one string.
 */
export const watch: Bench = {
  name: "watch",
  async run() {
    const masterKey = randomBytes(32);
    const fakes = fakesOf(masterKey);
    const watch = openWatch();
    watch.fakes(fakes, masterKey);
    const look = async (body: Buffer) => {
      const looked = await watch.look("wd-bench", { ":authority": "a.example", ":path": "/" }, body);
      if (looked.status !== "searched" || looked.hits.length > 0)
        throw new Error("it saw a fake where there is none");
    };
    const needles = fakes.flatMap((fake) => writtenForms(Buffer.from(fake.value)).map(({ bytes }) => bytes));
    const name = `canary watch, ${fakes.length} fakes`;
    const text = plainText();
    await look(text);
    const measured: Measured[] = [];
    for (const [body, bytes] of Object.entries({
      "plain text": text,
      JSON: json(),
      "random bytes": randomBytes(BYTES),
    })) {
      const figures = await sideBySide(
        RUNS,
        () => mbPerSecond(bytes.length, () => look(bytes)),
        () => mbPerSecond(bytes.length, () => bytes.indexOf(NOT_THERE)),
      );
      const goal =
        body === "plain text" ? { text: "at least 200 MB/s", isMet: (value: number) => value >= 200 } : null;
      measured.push({ name: `${name}, ${body}`, unit: "MB/s", ...figures, goal });
    }
    const inTurn = await sideBySide(
      RUNS,
      () => mbPerSecond(text.length, () => look(text)),
      () => mbPerSecond(text.length, () => needles.every((needle) => !text.includes(needle))),
    );
    const goal = { text: "faster than a search for each in turn", isMet: (_: number, ratio: number) => ratio > 1 };
    measured.push({ name: `${name} beside ${needles.length} searches`, unit: "MB/s", ...inTurn, goal });
    return measured;
  },
};

const RUNS = 5;
const BYTES = 8_000_000;
const NOT_THERE = Buffer.from("the agent that is not there");

/** Two of each kind, and no key of many lines: those have more lines than anybody would search for one by one. */
function fakesOf(masterKey: Uint8Array): readonly Fake[] {
  const maker = fakeMaker({ masterKey, cycle: "bench", clock: systemClock });
  const names = KINDS.map(({ name }) => name).filter((name) => name !== "generic" && name !== "private-key");
  for (const name of names)
    for (const file of ["home/one", "home/two"]) maker.fakeFor("", name, { cycle: "bench", file });
  return maker.all();
}

function plainText(): Buffer {
  return repeated(`${sentences().join(".\n")}.\n`);
}

/** As an agent sends it: long strings with their line ends escaped. */
function json(): Buffer {
  const messages = sentences().map((line, i) => ({
    role: i % 2 === 0 ? "user" : "assistant",
    content: `${line}\n"${line}"\n`,
  }));
  return repeated(JSON.stringify({ messages }));
}

function sentences(): string[] {
  const words = ["agent", "the", "sandbox", "reads", "a", "file", "and", "says", "what", "it", "found", "there"];
  return Array.from({ length: 2_000 }, (_, i) =>
    Array.from({ length: 12 }, (_, j) => words[(i * 7 + j * 5 + ((i * j) % 3)) % words.length]).join(" "),
  );
}

function repeated(block: string): Buffer {
  return Buffer.from(block.repeat(Math.ceil(BYTES / block.length)).slice(0, BYTES));
}

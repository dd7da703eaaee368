import { randomBytes } from "node:crypto";
import { systemClock } from "../../src/base/clock.ts";
import { fakeMaker } from "../../src/canaries/fakes.ts";
import { KINDS } from "../../src/canaries/kinds/all.ts";
import { recogniser as recogniserOf } from "../../src/canaries/recogniser.ts";
import { type Bench, mbPerSecond, sideBySide } from "./figure.ts";

/** Every fake of a clone, in every encoding, looked for in plain text, beside a search for one string. */
export const recogniser: Bench = {
  name: "recogniser",
  async run() {
    const masterKey = randomBytes(32);
    const maker = fakeMaker({ masterKey, cycle: "bench", clock: systemClock });
    for (const { name } of KINDS)
      for (const file of ["home/one", "home/two"])
        if (name !== "generic") maker.fakeFor("", name, { cycle: "bench", file });
    const fakes = maker.all();
    const text = plainText();
    const search = recogniserOf(fakes, masterKey);
    const needle = Buffer.from("the agent that is not there");
    const figures = await sideBySide(
      5,
      () =>
        mbPerSecond(text.length, () => {
          if (search.search(text).length > 0) throw new Error("it saw a fake in a text that holds none");
        }),
      () => mbPerSecond(text.length, () => text.indexOf(needle)),
    );
    const goal = { text: "at least 200 MB/s", isMet: (value: number) => value >= 200 };
    return [{ name: `recogniser, ${fakes.length} fakes in plain text`, unit: "MB/s", ...figures, goal }];
  },
};

const TEXT_BYTES = 4_000_000;

function plainText(): Buffer {
  const words = ["agent", "the", "sandbox", "reads", "a", "file", "and", "says", "what", "it", "found", "there"];
  const lines = Array.from({ length: 2_000 }, (_, i) =>
    Array.from({ length: 12 }, (_, j) => words[(i * 7 + j * 5 + ((i * j) % 3)) % words.length]).join(" "),
  );
  const block = `${lines.join(".\n")}.\n`;
  return Buffer.from(block.repeat(Math.ceil(TEXT_BYTES / block.length)).slice(0, TEXT_BYTES));
}

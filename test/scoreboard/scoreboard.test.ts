import { join } from "node:path";
import { expect, test } from "vitest";
import { tryAll } from "../egress/bypass/enter.ts";

/**
 * What others let through is theirs. That some of it is seen to get through says that the cases can tell the difference: the
 * same attempts against our gateway are shut, and not for want of a way to see them.
 */
test.each([
  ["squid", [6, 7, 8, 16]],
  ["tinyproxy", [1, 6, 7, 8, 16]],
])(
  "the cases are seen to succeed against %s, which looks into no tunnel",
  async (name, open) => {
    const judged = await tryAll(join(import.meta.dirname, `${name}.ts`));
    const byNumber = new Map(judged.map(({ number, verdict }) => [number, verdict.status]));
    expect(open.map((number) => byNumber.get(number))).toEqual(open.map(() => "open"));
    // Where there is no sandbox there is nothing to say, and that is not green.
    expect([12, 20, 21].map((number) => byNumber.get(number))).toEqual(["not-run", "not-run", "not-run"]);
  },
  200_000,
);

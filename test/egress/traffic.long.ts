import { expect, test } from "vitest";
import { day, GROWTH_MIB_MAX } from "../soak/egress/day.ts";
import { storm } from "../soak/egress/storm.ts";

/** The first two parts of a soak, where no sandbox is: long, and each a claim of its own. */
const quiet = () => undefined;

test("a day of traffic in a minute leaves the gateway's memory flat and its log intact", async () => {
  const { grownMiB, log, requests, isFlat } = await day(quiet);
  expect({ log, isFlat }).toEqual({ log: "intact", isFlat: true });
  expect(grownMiB).toBeLessThanOrEqual(GROWTH_MIB_MAX);
  expect(requests).toBeGreaterThan(20_000);
}, 600_000);

test("a minute of floods from many sandboxes costs one that behaves no answer, and the gateway nothing that stays", async () => {
  const { floods, wrong, answers, log, descriptorsMore, isSound } = await storm(60, quiet);
  expect({ wrong, log, isSound }).toEqual({ wrong: 0, log: "intact", isSound: true });
  expect(descriptorsMore).toBeLessThanOrEqual(0);
  expect(answers).toBeGreaterThan(0);
  expect(floods).toBeGreaterThan(100);
}, 600_000);

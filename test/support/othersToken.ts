import { systemClock } from "../../src/base/clock.ts";
import { fakeMaker } from "../../src/canaries/fakes.ts";

/** A fake of an installation that is not ours: its form and its checksum are right, and nobody here knows it. */
export function othersToken(): string {
  const maker = fakeMaker({ masterKey: Buffer.alloc(32, 9), cycle: "c", clock: systemClock });
  return maker.fakeFor("", "github-token", { cycle: "c", file: "somewhere" }).value;
}

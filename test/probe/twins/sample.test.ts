import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TWINS } from "../../../src/probe/twins/all.ts";
import { inventoryOf, roomsOf } from "../../../src/probe/twins/hardened.ts";
import { makeStage } from "../../../src/probe/twins/stage.ts";
import { verdictOf } from "../../../src/probe/twins/verdict.ts";
import { bubblewrapDriver } from "../../../src/sandbox/bubblewrap/bubblewrap.ts";
import { prepareImage } from "../../../src/sandbox/image.ts";
import { type Stand, standOn } from "../../fixtures/stand.ts";

/** One of each kind, on the backend that starts fastest; `npm run fixtures` runs them all on all three. */
const SAMPLE = [
  "host-directory",
  "cloud-credential",
  "cap-sys-admin",
  "agent-settings",
  "docker-socket",
  "secret-variable",
];

let home: string;
let stand: Stand;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "wdtwin-"));
  chmodSync(home, 0o755);
  const driver = bubblewrapDriver({ runDirectory: join(home, "run") });
  const image = await prepareImage(join(home, "cache"));
  stand = standOn("bubblewrap", driver, image, new AbortController().signal);
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

test.each(SAMPLE)("the weak twin %s opens its own rows alone, and its sibling stays quiet", async (name) => {
  const twin = TWINS.find((candidate) => candidate.name === name);
  if (twin === undefined) throw new Error(`there is no twin ${name}`);
  await using stage = makeStage(home);
  const rooms = await roomsOf(twin, stage);
  const [sibling, weak] = await Promise.all([stand.measure(rooms.sibling), stand.measure(rooms.weak)]);
  const verdict = verdictOf(twin, sibling, weak, inventoryOf(rooms));
  expect(verdict).toMatchObject({ status: "fired" });
});

test("a twin that is told to open what it does not open is caught", async () => {
  const twin = TWINS.find((candidate) => candidate.name === "secret-variable");
  if (twin === undefined) throw new Error("there is no such twin");
  await using stage = makeStage(home);
  const rooms = await roomsOf(twin, stage);
  const [sibling, weak] = await Promise.all([stand.measure(rooms.sibling), stand.measure(rooms.weak)]);
  expect(verdictOf({ flips: ["syscall-boundary"] }, sibling, weak, [])).toMatchObject({ status: "silent" });
});

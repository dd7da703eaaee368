import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { messageOf } from "../../../src/base/errors.ts";
import { touchCanary } from "../../../src/guest/drill/canary.ts";
import type { CanaryOrder, DrillOrder, DrillWord } from "../../../src/guest/drill/order.ts";
import type { Touched } from "../../../src/probe/host/canaries.ts";
import { type Again, askMemory, type MemoryRows } from "../../../src/probe/host/memory.ts";

/** Sandboxes in this very process: what is at a path inside is at that path below a directory of its own, or of another's. */
let root: string;
let ended: string[];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "wd-memory-"));
  ended = [];
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

type Guest = (orders: readonly DrillOrder[]) => Promise<Touched>;

/** `shared`: paths that all sandboxes have in common. */
function guest(name: string, shared: readonly string[], isMute = false): Guest {
  const at = (path: string) =>
    join(root, shared.some((common) => path.startsWith(`${common}/`)) ? "host" : name, path);
  for (const path of ["/home", "/ws"])
    for (const place of ["host", name]) mkdirSync(join(root, place, path), { recursive: true });
  mkdirSync(join(root, name, "tmp"), { recursive: true });
  return (orders) => {
    if (isMute) return Promise.resolve({ status: "nothing-said", reason: `${name} is mute` });
    const words = orders.map((order): DrillWord => {
      try {
        const { path = "" } = order as { path?: string };
        return touchCanary({ ...order, path: at(path) } as CanaryOrder);
      } catch (thrown) {
        return { status: "failed", answer: 0, detail: messageOf(thrown) };
      }
    });
    return Promise.resolve({ status: "said", words });
  };
}

function opened(touch: Guest): Again {
  return { status: "open", touch, [Symbol.asyncDispose]: async () => void ended.push("later") };
}

const PLACES = [
  { name: "home", inside: "/home" },
  { name: "~/.codex", inside: "/home/.codex" },
  { name: "tmp", inside: "/tmp" },
];
const verdicts = ({ observations }: MemoryRows) =>
  Object.fromEntries(observations.map(({ id, verdict }) => [id, verdict]));

async function ask(later: Again, tenant: Again, shared: string[] = ["/home"]): Promise<MemoryRows> {
  const again = async (whose: "later" | "tenant") => (whose === "later" ? later : tenant);
  return askMemory({ places: PLACES, first: guest("first", shared), again });
}

test("what a run leaves in a home that is kept is read by the next one, and by nobody who has another", async () => {
  const rows = await ask(opened(guest("later", ["/home"])), opened(guest("tenant", [])));
  expect(verdicts(rows)).toEqual({
    "memory-canary:home": "reachable",
    "memory-canary:~/.codex": "absent",
    "memory-canary:tmp": "absent",
    "tenant-canary:home": "absent",
    "tenant-canary:~/.codex": "absent",
    "tenant-canary:tmp": "absent",
  });
  expect(rows.checks.map(({ status }) => status)).toEqual(["ran", "ran"]);
});

test("a home of each run's own carries nothing over", async () => {
  const rows = verdicts(await ask(opened(guest("later", [])), opened(guest("tenant", [])), []));
  expect(Object.values(rows)).toEqual(Array.from({ length: 6 }, () => "absent"));
});

test("a place that two tenants share is told of the tenant too", async () => {
  const rows = verdicts(await ask(opened(guest("later", ["/home"])), opened(guest("tenant", ["/home"]))));
  expect(rows["tenant-canary:home"]).toBe("reachable");
});

test("a later run that did not start, and a reader that cannot read what it wrote, are not measured", async () => {
  const none: Again = { status: "refused", reason: "no room", [Symbol.asyncDispose]: () => Promise.resolve() };
  const rows = await ask(
    none,
    opened(() => Promise.resolve({ status: "said", words: blind() })),
  );
  expect(verdicts(rows)).toEqual({ "memory-canary": "not-measured", "tenant-canary": "not-measured" });
  expect(rows.checks.map(({ reason }) => reason)).toEqual([
    "no room",
    "the reader could not read what it wrote itself",
  ]);
});

const blind = () =>
  Array.from({ length: PLACES.length + 1 }, (): DrillWord => ({ status: "failed", answer: 0, detail: "EIO" }));

test("when the first says nothing nothing is concluded, and no other is begun", async () => {
  let begun = 0;
  const again = async () => opened(guest(`later${++begun}`, []));
  const rows = await askMemory({ places: PLACES, first: guest("first", [], true), again });
  expect(verdicts(rows)).toEqual({ "memory-canary": "not-measured", "tenant-canary": "not-measured" });
  expect(begun).toBe(0);
});

test("what was left is taken away, and the others have ended, also when one of them threw", async () => {
  const broken = opened(() => Promise.reject(new Error("broken off")));
  await expect(ask(broken, opened(guest("tenant", [])))).rejects.toThrow("broken off");
  expect(ended).toEqual(["later", "later"]);
  expect(readdirSync(join(root, "host/home"))).toEqual([]);
  expect(readdirSync(join(root, "first/tmp"))).toEqual([]);
});

import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { cp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { messageOf } from "../../../src/base/errors.ts";
import { touchCanary } from "../../../src/guest/drill/canary.ts";
import type { CanaryOrder, DrillOrder, DrillWord } from "../../../src/guest/drill/order.ts";
import { askCanaries, type CanaryRows, type Touched } from "../../../src/probe/host/canaries.ts";
import { askCopyOut } from "../../../src/probe/host/copyOut.ts";

/** A guest in this very process: what it is told to do to a file it does, unless the path is one it cannot see. */
let home: string;
let workspace: string;
let elsewhere: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "wd-canary-"));
  workspace = join(home, "workspace");
  elsewhere = join(home, "elsewhere");
  for (const path of [workspace, elsewhere]) mkdirSync(path);
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function guest(seesNot: string | undefined, lies?: (word: DrillWord) => DrillWord) {
  return (orders: readonly DrillOrder[]): Promise<Touched> => {
    const words = orders.map((order): DrillWord => {
      try {
        const { path = "" } = order as { path?: string };
        if (seesNot !== undefined && path.startsWith(seesNot)) throw new Error("ENOENT: no such file or directory");
        const word = touchCanary(order as CanaryOrder);
        return lies?.(word) ?? word;
      } catch (thrown) {
        const word: DrillWord = { status: "failed", answer: 0, detail: messageOf(thrown) };
        return lies?.(word) ?? word;
      }
    });
    return Promise.resolve({ status: "said", words });
  };
}

const verdicts = ({ observations }: CanaryRows) => new Map(observations.map(({ id, verdict }) => [id, verdict]));
const place = () => ({ name: "workspace", inside: workspace, outside: workspace });

test("what a sandbox was not given is out of its reach, which counts because its workspace is not", async () => {
  const rows = await askCanaries({ places: [place()], elsewhere, touch: guest(elsewhere) });
  expect(Object.fromEntries(verdicts(rows))).toEqual({
    "outside-canary:read": "absent",
    "outside-canary:write": "absent",
    "place-canary:workspace-read": "reachable",
    "place-canary:workspace-write": "reachable",
    "write-persists:workspace": "reachable",
  });
});

test("a sandbox that reads and writes outside is told by what only the file holds, and by the file that is seen here", async () => {
  const rows = verdicts(await askCanaries({ places: [place()], elsewhere, touch: guest(undefined) }));
  expect(rows.get("outside-canary:read")).toBe("reachable");
  expect(rows.get("outside-canary:write")).toBe("reachable");
});

test("without a workspace that works a refusal proves nothing", async () => {
  const rows = verdicts(await askCanaries({ places: [place()], elsewhere, touch: guest(home) }));
  expect(rows.get("outside-canary:read")).toBe("not-measured");
  expect(rows.get("outside-canary:write")).toBe("not-measured");
});

test("a guest that says it wrote what nobody sees here contradicts what we see", async () => {
  const lie = (word: DrillWord): DrillWord => ({ ...word, status: "touched", answer: 1 });
  const rows = verdicts(await askCanaries({ places: [place()], elsewhere, touch: guest(home, lie) }));
  expect(rows.get("place-canary:workspace-write")).toBe("contradictory");
  expect(rows.get("outside-canary:write")).not.toBe("reachable");
});

test("a place of the sandbox's own is written, and ends with it", async () => {
  const scratch = join(home, "scratch");
  mkdirSync(scratch);
  const touch = guest(elsewhere);
  const rows = verdicts(await askCanaries({ places: [{ name: "tmp", inside: scratch }], elsewhere, touch }));
  expect(rows.get("place-canary:tmp-write")).toBe("reachable");
  expect(rows.get("write-persists:tmp")).toBe("absent");
});

test("a guest that says nothing leaves rows and lines that say so", async () => {
  const touch = () => Promise.resolve({ status: "nothing-said", reason: "it ended" } as const);
  const rows = await askCanaries({ places: [place()], elsewhere, touch });
  expect(new Set(verdicts(rows).values())).toEqual(new Set(["not-measured"]));
  expect(rows.checks.map(({ status }) => status)).toEqual(["failed", "failed", "failed"]);
});

test("nothing of it is left, whatever the guest did", async () => {
  for (const touch of [guest(elsewhere), guest(undefined), guest(home)])
    await askCanaries({ places: [place()], elsewhere, touch });
  expect(readdirSync(workspace)).toEqual([]);
  expect(readdirSync(elsewhere)).toEqual([]);
});

test("a link in the place of a canary is not followed from this side", async () => {
  const touch = (orders: readonly DrillOrder[]): Promise<Touched> => {
    const words = orders.map((order): DrillWord => {
      if (order.touch === "canary-write" && order.path.startsWith(workspace)) symlinkSync("/etc/passwd", order.path);
      return { status: "touched", answer: 1, detail: "" };
    });
    return Promise.resolve({ status: "said", words });
  };
  const rows = verdicts(await askCanaries({ places: [place()], elsewhere, touch }));
  expect(rows.get("place-canary:workspace-write")).toBe("contradictory");
});

test("the guest's program touches no file that is not a canary", () => {
  expect(() => touchCanary({ touch: "canary-remove", path: workspace })).toThrow("no canary of ours");
  expect(() => touchCanary({ touch: "canary-write", path: join(workspace, "x"), text: "y" })).toThrow("no canary");
  expect(existsSync(workspace)).toBe(true);
});

const copyTo = (dereference: boolean) => async (directory: string) => {
  const out = join(home, "copy");
  await cp(directory, out, { recursive: true, dereference });
  return out;
};

test("a copier that follows links is caught by what is in its copy", async () => {
  const ground = { inside: workspace, outside: workspace, elsewhere, touch: guest(undefined), copy: copyTo(true) };
  const rows = verdicts(await askCopyOut(ground));
  expect(rows.get("copy-out:link")).toBe("reachable");
  expect(rows.get("copy-out:directory-link")).toBe("reachable");
  expect(readdirSync(workspace)).toEqual([]);
});

test("a copier that leaves links alone is not, and where no link can be made nothing is claimed", async () => {
  const ground = { inside: workspace, outside: workspace, elsewhere, touch: guest(undefined), copy: copyTo(false) };
  const rows = verdicts(await askCopyOut(ground));
  expect(rows.get("copy-out:link")).toBe("absent");
  expect(rows.get("copy-out:climbing-link")).toBe("absent");
  rmSync(elsewhere, { recursive: true });
  mkdirSync(elsewhere);
  const closed = verdicts(await askCopyOut({ ...ground, touch: guest(workspace) }));
  expect([...closed]).toEqual([["copy-out", "not-measured"]]);
});

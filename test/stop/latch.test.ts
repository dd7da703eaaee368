import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { latchPath, readLatch, rearm, reserveLatch, setLatch } from "../../src/stop/latch.ts";
import { latchSignal, watchLatch } from "../../src/stop/watchLatch.ts";

const LATCH = resolve(import.meta.dirname, "../../src/stop/latch.ts");

let state: string;

beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "weakdoor-latch-"));
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

test("an armed latch is clear; a set one keeps the first one's words", () => {
  expect(readLatch(state)).toEqual({ status: "clear" });
  const first = setLatch(state, { who: "ada", why: "drill" }, systemClock);
  expect(first).toMatchObject({ status: "set", who: "ada", why: "drill" });
  expect(setLatch(state, { who: "eve", why: "later" }, systemClock)).toEqual(first);
  expect(readLatch(state)).toEqual(first);
});

test("rearming writes down who cleared what and why, and leaves a latch that can be set again", () => {
  setLatch(state, { who: "ada", why: "drill" }, systemClock);
  expect(rearm(state, { who: "bob", why: "drill is over" }, systemClock)).toMatchObject({ who: "ada" });
  expect(readLatch(state)).toEqual({ status: "clear" });
  const line: unknown = JSON.parse(readFileSync(join(state, "latch.jsonl"), "utf8"));
  expect(line).toMatchObject({ cleared: { who: "ada", why: "drill" }, who: "bob", why: "drill is over" });
  expect(setLatch(state, { who: "ada", why: "again" }, systemClock).why).toBe("again");
});

test("words of any length fit, and come back cut", () => {
  const long = "\u0001".repeat(10_000);
  expect(setLatch(state, { who: long, why: long }, systemClock)).toMatchObject({
    who: long.slice(0, 100),
    why: long.slice(0, 500),
  });
});

describe("what cannot be looked at counts as set", () => {
  test.each<[string, (path: string) => void]>([
    ["an empty file, as a crash between create and write leaves it", (path) => writeFileSync(path, "")],
    ["a torn file", (path) => writeFileSync(path, '{"who":"ada","wh')],
    ["JSON of another shape", (path) => writeFileSync(path, "null")],
    ["a directory", (path) => mkdirSync(path)],
    ["a link that leads nowhere", (path) => symlinkSync("/nowhere/at/all", path)],
    ["a FIFO", (path) => expect(spawnSync("mkfifo", [path]).status).toBe(0)],
  ])("%s", (_, plant) => {
    plant(latchPath(state));
    expect(readLatch(state).status).toBe("set");
    rearm(state, { who: "bob", why: "repaired" }, systemClock);
    expect(readLatch(state).status).toBe("clear");
  });

  test("a state directory that is not there, or is a file", () => {
    expect(readLatch(join(state, "gone")).status).toBe("set");
    writeFileSync(join(state, "file"), "");
    expect(readLatch(join(state, "file")).status).toBe("set");
  });

  test("a directory we may not search", () => {
    // Root may look everywhere, so somebody else looks.
    chmodSync(state, 0o000);
    // The code is loaded before, because the checkout may lie where only root may look.
    const script = `import { readLatch } from ${JSON.stringify(LATCH)};
      process.setuid(65534);
      console.log(readLatch(${JSON.stringify(state)}).status)`;
    const looked = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    expect(looked.stdout.trim()).toBe("set");
  });
});

test("whoever looks while it is being set sees no latch or a whole one", async () => {
  const script = `import { setLatch, rearm } from ${JSON.stringify(LATCH)};
    const clock = { now: () => new Date(), monotonicMs: () => 0 };
    for (;;) { setLatch(process.argv[1], { who: "ada", why: "drill" }, clock); rearm(process.argv[1], { who: "bob", why: "" }, clock); }`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script, state], { stdio: "inherit" });
  const seen = new Set<string>();
  const until = performance.now() + 500;
  while (performance.now() < until) {
    const latch = readLatch(state);
    seen.add(latch.status === "set" ? latch.why : "clear");
  }
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(seen).toEqual(new Set(["clear", "drill"]));
});

test("a setter killed at any moment leaves either nothing or a latch that counts as set", async () => {
  const script = `import { setLatch } from ${JSON.stringify(LATCH)};
    process.stdout.write("go\\n");
    setLatch(process.argv[1], { who: "ada", why: "drill" }, { now: () => new Date(), monotonicMs: () => 0 });`;
  for (let round = 0; round < 6; round++) {
    const directory = join(state, String(round));
    mkdirSync(directory);
    const child = spawn(process.execPath, ["--input-type=module", "-e", script, directory], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    const until = performance.now() + round * 0.4;
    while (performance.now() < until);
    child.kill("SIGKILL");
    await once(child, "exit");
    const isThere = existsSync(latchPath(directory));
    expect(readLatch(directory).status).toBe(isThere ? "set" : "clear");
  }
});

describe("on a full disk", () => {
  let mounted: string;

  beforeEach(() => {
    mounted = join(state, "full");
    mkdirSync(mounted);
    run("mount", "-t", "tmpfs", "-o", "size=32k,nr_inodes=8", "weakdoor-test", mounted);
  });
  afterEach(() => run("umount", mounted));

  test("without a free block the latch is set, words and all", () => {
    reserveLatch(mounted);
    expect(() => writeFileSync(join(mounted, "filler"), Buffer.alloc(64 * 1024))).toThrow("ENOSPC");
    expect(setLatch(mounted, { who: "ada", why: "full" }, systemClock)).toMatchObject({ who: "ada", why: "full" });
    expect(readdirSync(mounted).sort()).toEqual(["KILL", "filler"]);
  });

  test("without a free inode the latch is set, words and all", () => {
    reserveLatch(mounted);
    fillInodes(mounted);
    expect(setLatch(mounted, { who: "ada", why: "full" }, systemClock)).toMatchObject({ who: "ada", why: "full" });
  });

  test("without a block and without the reserve it is set, with its words lost", () => {
    expect(() => writeFileSync(join(mounted, "filler"), Buffer.alloc(64 * 1024))).toThrow("ENOSPC");
    expect(setLatch(mounted, { who: "ada", why: "full" }, systemClock)).toMatchObject({
      status: "set",
      who: "unknown",
    });
  });

  test("with nothing left at all it says so, and what to do", () => {
    fillInodes(mounted);
    expect(() => setLatch(mounted, { who: "ada", why: "full" }, systemClock)).toThrow(/cannot be set/);
  });

  test("a rearm that cannot be written down does not clear", () => {
    setLatch(mounted, { who: "ada", why: "drill" }, systemClock);
    fillInodes(mounted);
    expect(() => rearm(mounted, { who: "bob", why: "x" }, systemClock)).toThrow("ENOSPC");
    expect(readLatch(mounted).status).toBe("set");
  });
});

test("whoever watches is told once, within a poll, also when it was set before", async () => {
  const told: string[] = [];
  using early = watchLatch(state, (latch) => told.push(`early ${latch.why}`));
  setLatch(state, { who: "ada", why: "drill" }, systemClock);
  await expect.poll(() => told, { interval: 5, timeout: 200 }).toEqual(["early drill"]);
  using late = watchLatch(state, (latch) => told.push(`late ${latch.why}`));
  await expect.poll(() => told, { interval: 5, timeout: 200 }).toEqual(["early drill", "late drill"]);
  early[Symbol.dispose]();
  late[Symbol.dispose]();
});

test("a state directory that vanishes under the watcher stops the work", async () => {
  using stop = latchSignal(state);
  expect(stop.signal.aborted).toBe(false);
  rmSync(state, { recursive: true });
  await expect.poll(() => stop.signal.aborted, { interval: 5, timeout: 500 }).toBe(true);
  expect(String(stop.signal.reason)).toContain("state directory cannot be looked at");
});

function fillInodes(directory: string): void {
  expect(() => {
    for (let n = 0; n < 20; n++) writeFileSync(join(directory, `filler-${n}`), "");
  }).toThrow("ENOSPC");
}

function run(program: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program}: ${stderr}`);
}

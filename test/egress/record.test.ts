import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { exec } from "../../src/base/exec.ts";
import { type CloseLine, type OpenLine, startRecord } from "../../src/egress/record.ts";
import { verifyRecord } from "../../src/egress/verifyRecord.ts";

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "wd-record-"));
  path = join(directory, "egress.jsonl");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const HEAD = { cycle: "c1" };

function openLine(flow: number, over: Partial<OpenLine> = {}): OpenLine {
  return {
    event: "open",
    policyHash: "p",
    backend: "runsc",
    bodySha256: null,
    budgetLeft: null,
    credential: null,
    redactions: [],
    sandbox: "wd-lab",
    role: "lab",
    flow,
    authority: "api.example",
    scheme: "https",
    method: "GET",
    path: "/x",
    queryKeys: [],
    host: null,
    port: null,
    verdict: "deny",
    reason: "host-not-listed",
    rule: null,
    pathTemplate: null,
    bytesUp: 0,
    mode: null,
    tunnel: null,
    stripped: [],
    sni: null,
    alpn: null,
    ech: null,
    ...over,
  };
}

function closeLine(flow: number): CloseLine {
  return {
    event: "close",
    policyHash: "p",
    sandbox: "wd-lab",
    flow,
    status: 403,
    closedBy: "answer",
    reason: "host-not-listed",
    resolved: [],
    dialed: null,
    bytesUp: 0,
    bytesDown: 12,
    dnsMs: null,
    connectMs: null,
    durationMs: 1,
    credential: null,
    sni: null,
    alpn: null,
    ech: null,
  };
}

async function writeFive() {
  const record = startRecord(path, HEAD, systemClock);
  for (const flow of [0, 1]) {
    await record.open(openLine(flow));
    record.close(closeLine(flow));
  }
  await record.open(openLine(2));
  record.end();
}

test("an untouched log is intact, and says how many flows were still open", async () => {
  await writeFive();
  expect(await verifyRecord(path)).toMatchObject({ status: "intact", lines: 5, unclosed: 1 });
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

describe("a log that was touched is broken, at the line where it was", () => {
  test.each([
    ["a changed byte", (text: string) => text.replace('"status":403', '"status":200'), 3],
    ["a dropped line", (text: string) => text.split("\n").toSpliced(1, 1).join("\n"), 2],
    ["swapped lines", (text: string) => swap(text), 1],
    ["a line that is none", (text: string) => `${text}{"seq"\n`, 6],
    ["an added line", (text: string) => text + text.split("\n")[0], 6],
  ])("%s", async (_, change, line) => {
    await writeFive();
    writeFileSync(path, change(readFileSync(path, "utf8")));
    expect(await verifyRecord(path)).toMatchObject({ status: "broken", line });
  });

  test("closing a flow that is not open", async () => {
    const record = startRecord(path, HEAD, systemClock);
    record.close(closeLine(9));
    record.flush();
    expect(await verifyRecord(path)).toMatchObject({ status: "broken", line: 1 });
  });
});

test("a log that cannot be looked at is neither intact nor broken", async () => {
  expect(await verifyRecord(join(directory, "none"))).toMatchObject({ status: "not-checked" });
});

test("nothing that a guest writes makes a second line or hides in one", async () => {
  const record = startRecord(path, HEAD, systemClock);
  const nasty = 'a\n{"seq":1}\r\u2028\u2029\u202e\u200b\0"\ud800';
  expect(await record.open(openLine(0, { authority: nasty, path: nasty }))).toEqual({ status: "written" });
  record.close(closeLine(0));
  record.flush();
  const text = readFileSync(path, "latin1");
  expect(text).toMatch(/^[\x20-\x7e\n]+$/);
  expect(text.trimEnd().split("\n")).toHaveLength(2);
  expect(JSON.parse(text.split("\n")[0] ?? "")).toMatchObject({ authority: nasty });
  expect(await verifyRecord(path)).toMatchObject({ status: "intact", lines: 2 });
});

test("a log that was removed under us takes no line", async () => {
  const record = startRecord(path, HEAD, systemClock);
  expect(await record.open(openLine(0))).toEqual({ status: "written" });
  rmSync(path);
  expect(await record.open(openLine(1))).toEqual({ status: "failed", reason: "the log file was removed" });
});

test("a log has an end, and closes what it opened", async () => {
  const record = startRecord(path, HEAD, systemClock, 500);
  let flow = 0;
  while ((await record.open(openLine(flow))).status === "written") flow++;
  expect(flow).toBeGreaterThan(0);
  for (let i = 0; i < flow; i++) record.close(closeLine(i));
  record.flush();
  expect(await verifyRecord(path)).toMatchObject({ status: "intact", lines: 2 * flow, unclosed: 0 });
});

test("what is said in one turn is written together, and whoever opens waits for it and no longer", async () => {
  const record = startRecord(path, HEAD, systemClock);
  const opened = [0, 1, 2].map((flow) => record.open(openLine(flow)));
  record.close(closeLine(1));
  expect(readFileSync(path, "utf8")).toBe("");
  await opened[0];
  expect(await verifyRecord(path)).toMatchObject({ status: "intact", lines: 4, unclosed: 2 });
  expect(await Promise.all(opened)).toEqual(opened.map(() => ({ status: "written" })));
  record.close(closeLine(0));
  record.flush();
  expect(await verifyRecord(path)).toMatchObject({ status: "intact", lines: 5, unclosed: 1 });
});

test("of what is said in one turn on a disk that takes only a part, each is told for itself", async () => {
  const mounted = await exec(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", directory]);
  expect(mounted).toMatchObject({ code: 0 });
  try {
    const record = startRecord(path, HEAD, systemClock);
    const opened = Array.from({ length: 60 }, (_, flow) => record.open(openLine(flow)));
    record.close(closeLine(0));
    const written = (await Promise.all(opened)).filter(({ status }) => status === "written").length;
    expect(written).toBeGreaterThan(0);
    expect(written).toBeLessThan(60);
    expect(await verifyRecord(path)).toMatchObject({ status: "intact" });
    expect(await record.open(openLine(60))).toMatchObject({ status: "failed" });
  } finally {
    expect(await exec(["umount", "--lazy", directory])).toMatchObject({ code: 0 });
  }
});

test("a log that is there already is not written into", () => {
  appendFileSync(path, "someone else's\n");
  expect(() => startRecord(path, HEAD, systemClock)).toThrow(/EEXIST/);
});

test("a clock that jumps, either way, breaks no chain and loses no line", async () => {
  const times = ["2026-06-15T12:00:00Z", "2036-01-01T00:00:00Z", "2001-01-01T00:00:00Z", "2026-06-15T12:00:01Z"];
  let at = 0;
  const clock = { now: () => new Date(times[at++ % times.length] ?? 0), monotonicMs: () => 0 };
  const record = startRecord(path, HEAD, clock);
  for (const flow of [0, 1]) {
    expect(await record.open(openLine(flow))).toEqual({ status: "written" });
    record.close(closeLine(flow));
  }
  record.end();
  expect(await verifyRecord(path)).toMatchObject({ status: "intact", lines: 4, unclosed: 0 });
  const written = readFileSync(path, "utf8").trimEnd().split("\n");
  expect(written.map((line) => (JSON.parse(line) as { ts: string }).ts.slice(0, 4))).toEqual([
    "2026",
    "2036",
    "2001",
    "2026",
  ]);
});

test("on a full disk nothing opens, and with room again what was owed comes first and the chain holds", async () => {
  const mounted = await exec(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", directory]);
  expect(mounted).toMatchObject({ code: 0 });
  try {
    const record = startRecord(path, HEAD, systemClock);
    await record.open(openLine(0));
    const filler = join(directory, "filler");
    await exec(["dd", "if=/dev/zero", `of=${filler}`, "bs=1k", "count=64"]);
    let flow = 1;
    while ((await record.open(openLine(flow))).status === "written") flow++;
    // Longer than an opening line, so that it does not fit where none did.
    record.close({ ...closeLine(0), reason: "x".repeat(2_000) });
    expect(await record.open(openLine(flow))).toMatchObject({
      status: "failed",
      reason: expect.stringContaining("ENOSPC"),
    });
    expect(await verifyRecord(path)).toMatchObject({ status: "intact", lines: flow });
    rmSync(filler);
    expect(await record.open(openLine(flow))).toEqual({ status: "written" });
    expect(await verifyRecord(path)).toMatchObject({ status: "intact", lines: flow + 2, unclosed: flow });
    record.end();
  } finally {
    // Lazily: what looks through every mount just then must not keep it.
    expect(await exec(["umount", "--lazy", directory])).toMatchObject({ code: 0 });
  }
});

function swap(text: string): string {
  const [a = "", b = "", ...rest] = text.split("\n");
  return [b, a, ...rest].join("\n");
}

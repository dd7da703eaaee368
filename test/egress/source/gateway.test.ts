import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadAllowlist } from "../../../src/egress/allowlist.ts";
import type { Gateway } from "../../../src/egress/egress.ts";
import { startGateway } from "../../../src/egress/gateway.ts";
import { readInProcess } from "../../../src/egress/source/reader.ts";
import { AUTHORITY } from "../../../src/guest/wire.ts";
import type { Role } from "../../../src/sandbox/sandbox.ts";
import { SOURCES } from "../../../src/sources/all.ts";
import { fakeShim } from "../../support/fakeShim.ts";
import { socketPair } from "../../support/socketPair.ts";

let directory: string;
let gateway: Gateway;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "wd-gw-src-"));
  gateway = await startGateway({
    cycle: "c1",
    runDirectory: join(directory, "run"),
    allowlists: [await loadAllowlist(join(import.meta.dirname, "../../../allowlists/sources.yaml"), new Date())],
    // Nothing listens there, and no test goes further than this machine.
    pins: [{ host: "www.cisa.gov", address: "127.0.0.1" }],
    canaryHosts: [],
    sources: { directory: join(directory, "sources"), clamdSocket: null },
    onRequest: async () => ({ status: 404, body: {} }),
    onAlarm: () => undefined,
    signal: new AbortController().signal,
  });
});
afterEach(async () => {
  await gateway.cut("the test ended");
  rmSync(directory, { recursive: true });
});

async function bring(role: Role) {
  const [inside, outside] = await socketPair();
  await gateway.attach({ name: `wd-${role}`, role, channel: outside });
  const shim = fakeShim(inside);
  const at = (path: string) => ({ ":authority": AUTHORITY.source, ":path": path });
  return {
    list: () => shim.ask(at("/v1/sources")),
    fetch: (body: unknown) => shim.ask({ ...at("/v1/fetch"), ":method": "POST" }, JSON.stringify(body)),
  };
}

test("the one in the lab is told what there is, and reads an excerpt where there is no network", async () => {
  const { list, fetch } = await bring("lab");
  const listed = await list();
  expect(listed.status).toBe(200);
  const ids = SOURCES.map(({ id }) => id);
  expect((JSON.parse(listed.text) as { id: string }[]).map(({ id }) => id)).toEqual(ids);
  const read = await fetch({ source: "cisa-kev", params: { cveId: "CVE-2024-1086" }, from: "snapshot" });
  expect(read).toMatchObject({ status: 200, headers: { "content-type": "text/plain; charset=utf-8" } });
  expect(read.text).toContain("| [CVE-2024-1086]");
  expect(read.text).toContain("documents: 1 of 1");
});

test("a source that cannot be reached is refused in one sentence, and the hop is in the log", async () => {
  const { fetch } = await bring("lab");
  const reply = await fetch({ source: "cisa-kev" });
  expect(reply).toMatchObject({ status: 502, text: "the host could not be reached\n" });
  // The last line is written when the answer is through.
  const lines = () =>
    readFileSync(gateway.logPath, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
  await expect.poll(() => lines().length).toBe(4);
  expect(lines()).toMatchObject([
    { event: "open", authority: AUTHORITY.source, verdict: "internal" },
    { event: "open", authority: "www.cisa.gov", rule: "cisa-kev", verdict: "allow", role: "source-fetcher" },
    { event: "close", dialed: "127.0.0.1", reason: expect.stringContaining("upstream-unreachable") as string },
    { event: "close", status: 502, reason: expect.stringContaining("upstream-unreachable") as string },
  ]);
});

test("a target asks for no source", async () => {
  const { list, fetch } = await bring("target");
  expect(await list()).toMatchObject({ status: 403 });
  expect(await fetch({ source: "cisa-kev", from: "snapshot" })).toMatchObject({ status: 403 });
});

test("the reading process says of a file that it cannot read it, and does not end in silence", async () => {
  const [source] = SOURCES;
  if (source === undefined) throw new Error("there are no sources");
  const signal = new AbortController().signal;
  const read = (text: string) => readInProcess(source, "application/json", Buffer.from(text), signal);
  expect(await read('{"vulnerabilities":[{"cve":1}]}')).toMatchObject({ status: "unreadable" });
  expect(await read(`${"[".repeat(200_000)}${"]".repeat(200_000)}`)).toMatchObject({ status: "unreadable" });
  expect(await read('{"vulnerabilities":[]}')).toMatchObject({ status: "read", documents: [] });
});

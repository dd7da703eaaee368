import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { canonicalJson, sha256Hex } from "../../src/base/hash.ts";
import { readFile } from "../../src/egress/source/read.ts";
import { Report } from "../../src/report/report.ts";
import { CISA_KEV } from "../../src/sources/cisa-kev/source.ts";
import { CATALOGUE } from "../../src/sources/weaknesses/catalogue.ts";
import { type ModelServer, type Move, modelServer } from "../support/modelServer.ts";
import { type SmallStack, stackOf } from "../support/stackOf.ts";
import { start, weakdoor } from "../support/weakdoor.ts";

/** A whole cycle whose model studies a source: what it read, and what it did not, stands in the report and in the log. */
const KEY_ENV = "SOURCES_TEST_KEY";
let server: ModelServer;
let stack: SmallStack;

beforeAll(async () => {
  server = await modelServer("anthropic");
  stack = stackOf(
    "sources",
    `lab: { minimum: container, allowWeakIsolation: true }\nresearch: { mode: anthropic, model: m-1, keyEnv: ${KEY_ENV}, baseUrl: "${server.baseUrl}" }\n`,
  );
});
afterAll(async () => {
  stack.remove();
  await server[Symbol.asyncDispose]();
});

const call = (name: string, input: unknown): Move => ({ say: "calls", calls: [{ name, input }] });

test("sources that were read, refused and left alone are told apart, and what a candidate cites is in the report", async () => {
  const read = readFile(CISA_KEV, CISA_KEV.snapshot.mediaType, Buffer.from(CISA_KEV.snapshot.body));
  if (read.status !== "read") throw new Error(read.reason);
  const [document] = read.documents;
  const sha256 = sha256Hex(canonicalJson(read.documents));
  const quote = document?.text.split("\n")[0]?.slice(0, 60) ?? "";
  const [weakness] = CATALOGUE;
  const about = [weakness?.id ?? ""];
  const study = (source: string, from: string) =>
    call("study_source", { source, from, question: "exploited", about, params: {} });
  server.play([
    study("cisa-kev", "snapshot"),
    { say: "text", text: JSON.stringify({ claims: [{ weakness: about[0], quote }] }) },
    // The excerpt has two documents.
    { say: "text", text: '{"claims":[]}' },
    study("mitre-atlas", "kept"),
    call("propose_candidate", { weakness: about[0], observations: ["none:/x"], cites: [{ claim: "c1", sha256 }] }),
    call("finish", {}),
  ]);
  const ran = await start(["run", ...stack.args], { [KEY_ENV]: "k" }).ended;
  const [cycle] = readdirSync(stack.reports);
  if (cycle === undefined) throw new Error(ran.err);
  const report = Report.parse(JSON.parse(readFileSync(join(stack.reports, cycle, "report.json"), "utf8")));
  expect(server.complaints).toEqual([]);
  expect(report.research.end, ran.err).toBe("finished");
  expect(report.research.sources).toMatchObject([
    { source: "cisa-kev", excerpts: 1, fetched: 0, failed: 0 },
    { source: "mitre-atlas", failed: 1, asOf: null, reason: "source-not-kept" },
  ]);
  expect(report.research.citations).toMatchObject([
    { weakness: about[0], source: "cisa-kev", sha256, quote, question: "exploited" },
  ]);
  const rows = report.coverage.filter(({ check }) => /^(?:source: |public-sources)/.test(check));
  expect(rows.map(({ check, status }) => [check, status])).toEqual([
    ["source: cisa-kev", "degraded"],
    ["source: mitre-atlas", "failed"],
    ["public-sources", "skipped"],
  ]);
  // A source that was asked for and not read is coverage that is not there.
  expect(ran.code).toBe(20);
  const log = await weakdoor("log", "show", "--json", "--state", stack.state);
  const entries = JSON.parse(log.out) as { leaf: { kind: string }; payload: Record<string, unknown> }[];
  expect(entries.flatMap(({ leaf, payload }) => (leaf.kind === "source.asked" ? [payload.outcome] : []))).toEqual([
    "snapshot",
    "failed",
  ]);
});

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { readFile as readBytes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { Rule } from "../../src/egress/allowlist.ts";
import type { Answer } from "../../src/egress/answer.ts";
import type { FromGateway, Pin } from "../../src/egress/messages.ts";
import { answerFor } from "../../src/egress/reasons.ts";
import { startRecord } from "../../src/egress/record.ts";
import type { Resolve } from "../../src/egress/resolver.ts";
import { SourceAsked } from "../../src/egress/source/asked.ts";
import { pace } from "../../src/egress/source/pace.ts";
import { readFile } from "../../src/egress/source/read.ts";
import type { Reader } from "../../src/egress/source/reader.ts";
import type { Scan } from "../../src/egress/source/scan.ts";
import { sourceDesk } from "../../src/egress/source/source.ts";
import { dataOf, defineSource, documentOf, type Limits, type Source } from "../../src/sources/source.ts";
import { neverResolved } from "./flowBench.ts";

/** The desk that answers `source.weakdoor.internal`, with a source and hosts of the test's own. */
export type SourceBench = {
  directory: string;
  /** Alarms. */
  told: FromGateway[];
  /** What CONTROL hears of each time a source was asked for. */
  heard: SourceAsked[];
  ask(body: unknown, signal?: AbortSignal): Promise<Asked>;
  list(): Promise<unknown>;
  log(): Record<string, unknown>[];
  /** Files anywhere below the desk's directory, by path. */
  files(): string[];
  [Symbol.dispose](): void;
};
export type Asked = { code: number; text: string; reason: string; detail: string };

export const HOST = "feed.example";

/** One source, `feed`: JSON with a `text`, from `https://feed.example/feed/<name>`. */
export function feed(port: number, over: Partial<Source> & { limits?: Limits } = {}): Source {
  return {
    ...defineSource({
      id: "feed",
      title: "A feed",
      publisher: "Nobody",
      kind: "feed",
      terms: { licence: "CC0-1.0", url: "https://feed.example/terms", attribution: null },
      rules: ["feed"],
      params: z.strictObject({ name: z.string().regex(/^[a-z0-9-]{1,20}$/) }),
      request: ({ name }) => ({
        method: "GET",
        url: `https://${HOST}:${port}/feed/${name}`,
        body: null,
        accept: ["application/json", "application/zip", "application/gzip", "application/x-tar", "text/html"],
      }),
      limits: { wireBytesMax: 20_000, bytesMax: 100_000, timeMs: 5_000 },
      intervalMs: 0,
      freshness: { reuseHours: 0, staleDays: 7 },
      snapshot: { writtenOn: "2026-11-01", mediaType: "application/json", body: '{"text":"an excerpt"}' },
      read(content) {
        if (content.kind === "page") return [documentOf({ id: "p", title: content.title, text: [content.text] })];
        const { text } = z.object({ text: z.string() }).parse(dataOf(content));
        return [documentOf({ id: "one", title: "One", text: [text] })];
      },
    }),
    ...over,
  };
}

export function feedRule(port: number, over: Record<string, unknown> = {}) {
  return { id: "feed", host: HOST, port, methods: ["GET", "POST"], paths: ["/feed/{name}"], ...over };
}

export function sourceBench(options: {
  sources: Source[];
  rules: Record<string, unknown>[];
  scan: Scan;
  certificates?: string[];
  pins?: Pin[];
  resolve?: Resolve;
  clock?: Clock;
  read?: Reader;
  waitMsMax?: number;
  openingMs?: number;
  secrets?: Record<string, string>;
}): SourceBench {
  const directory = mkdtempSync(join(tmpdir(), "wd-src-"));
  const logPath = join(directory, "egress.jsonl");
  const desks = join(directory, "sources");
  const clock = options.clock ?? systemClock;
  const rules = options.rules.map((rule) => Rule.parse({ responseBytesMax: 1_000_000, why: "a test", ...rule }));
  const told: FromGateway[] = [];
  const heard: SourceAsked[] = [];
  let flows = 0;
  const record = startRecord(logPath, { cycle: "c" }, clock);
  const desk = sourceDesk({
    sources: options.sources,
    directory: desks,
    fetch: {
      policy: () => ({
        isLatched: false,
        today: "2026-01-01",
        canaryHosts: ["canary.example"],
        rules,
        secrets: options.secrets ?? {},
        hash: "p",
      }),
      vetting: {
        resolve: options.resolve ?? neverResolved,
        pins: options.pins ?? [{ host: HOST, address: "127.0.0.1" }],
        ownAddresses: () => new Set(),
      },
      certificates: options.certificates ?? [],
      record,
      pace: pace(clock, options.waitMsMax),
      clock,
      nextFlow: () => flows++,
    },
    scan: options.scan,
    ...(options.openingMs === undefined ? {} : { openingMs: options.openingMs }),
    mark: "a-mark-of-the-test",
    read: options.read ?? readHere,
    tell: (message) =>
      message.type === "source" ? heard.push(SourceAsked.parse(message.asked)) : told.push(message),
    clock,
  });
  const request = (method: string, path: string, body: unknown, signal?: AbortSignal) =>
    desk.answer({
      sandbox: "wd-lab",
      method,
      path,
      query: "",
      body: Buffer.from(typeof body === "string" ? body : JSON.stringify(body)),
      signal: signal ?? new AbortController().signal,
    });
  return {
    directory: desks,
    told,
    heard,
    ask: async (body, signal) => wordsOf(await request("POST", "/v1/fetch", body, signal)),
    list: async () => JSON.parse(wordsOf(await request("GET", "/v1/sources", "")).text),
    log: () => {
      record.flush();
      return readFileSync(logPath, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    },
    files: () =>
      readdirSync(desks, { recursive: true, encoding: "utf8" }).filter((name) =>
        statSync(join(desks, name)).isFile(),
      ),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true }),
  };
}

/** The same reading, in the test's own process, so that the source can be the test's. */
const readHere: Reader = async (source, mediaType, from) =>
  readFile(source, mediaType, typeof from === "string" ? await readBytes(from) : from);

function wordsOf(answer: Answer): Asked {
  if (answer.status === "refused") {
    const { status, sentence } = answerFor(answer.reason);
    return { code: status, text: answer.sentence ?? sentence, reason: answer.reason, detail: answer.detail ?? "" };
  }
  if (answer.status === "tunnel" || !(answer.body instanceof Uint8Array))
    throw new TypeError("the desk answers with whole bodies");
  return { code: answer.code, text: Buffer.from(answer.body).toString(), reason: "ok", detail: "" };
}

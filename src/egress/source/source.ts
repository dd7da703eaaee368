import { z } from "zod";
import { oneLine } from "../../base/text.ts";
import type { Asked, Source, SourceDocument, SourceRequest } from "../../sources/source.ts";
import { type Answer, answerJson, NO_TRAIL, refuse, type Trail } from "../answer.ts";
import { jsonOf } from "../body.ts";
import { age } from "./age.ts";
import type { SourceAsked } from "./asked.ts";
import { SOURCE_FAULTS } from "./faults.ts";
import { frame, type Origin } from "./frame.ts";
import { type IntakeParts, intake, type Taken } from "./intake.ts";
import { nothingRemoved, type Removed } from "./invisible.ts";
import { type Kept, type KeptStore, keptStore } from "./kept.ts";

/**
 * `source.weakdoor.internal`, for the lab: a source is named by its id and asked with parameters of its own shape. No URL
 * comes from inside, and none is made of what comes.
 *
 *   GET  /v1/sources   what there is to study, its parameters and how old its copies are
 *   POST /v1/fetch     { source, params, from?, offset? }: text in the frame of `frame.ts`
 *
 * `from` is `live` when left out: a copy younger than the source's own bound, or else the source itself. What cannot be
 * fetched is refused and said; the `kept` copy or the `snapshot` is read only when it is asked for by name, so that old
 * text never passes for new. The way of a file: intake.ts. Whatever came of it, CONTROL is told before the one inside is.
 */
export type SourceDesk = { answer(request: DeskRequest): Promise<Answer> };

export type DeskRequest = {
  /** By its channel. */
  sandbox: string;
  method: string;
  path: string;
  query: string;
  body: Buffer;
  signal: AbortSignal;
};

export type DeskParts = IntakeParts & {
  sources: readonly Source[];
  /** Stands in every page, so that the relay knows one again wherever it is sent. Made anew by each gateway: no source can know it. */
  mark: string;
};

const FetchBody = z.strictObject({
  source: z.string().max(60),
  params: z.record(z.string().max(40), z.unknown()).default({}),
  from: z.enum(["live", "kept", "snapshot"]).default("live"),
  offset: z.int().min(0).max(100_000).default(0),
});
type FetchBody = z.infer<typeof FetchBody>;

/** Fetches that a cycle may make; copies that are young enough are not counted. */
const FETCHES_MAX = 200;
const AT_ONCE_MAX = 4;
const HOUR_MS = 3_600_000;

/** Throws the system error when the directory cannot be made. */
export function sourceDesk(parts: DeskParts): SourceDesk {
  const kept = keptStore(parts.directory);
  let fetches = 0;
  let atOnce = 0;
  const fetchAndRead = async (body: FetchBody, source: Source, request: SourceRequest, desk: DeskRequest) => {
    const known = kept.find(request);
    if (known.status === "kept" && isYoung(known, source, parts.clock.now()))
      return text(parts, source, body, known, "young");
    if (fetches >= FETCHES_MAX) return failed(refuse("source-budget"));
    fetches++;
    const { sandbox, signal } = desk;
    const taken = await intake({ sandbox, source, request, params: body.params, known, signal }, kept, parts);
    if (taken.status === "refused") return failed(refusal(taken));
    return text(parts, source, body, taken.kept, taken.how, taken.trail);
  };
  const serve = async (desk: DeskRequest, body: FetchBody, source: Source): Promise<Served> => {
    const asked = source.ask(body.params);
    if (body.from === "snapshot") return snapshot(parts, kept, source, body, asked, desk.signal);
    if (asked.status === "refused") return failed(refuseParameters(asked));
    if (body.from === "live") return fetchAndRead(body, source, asked.request, desk);
    const found = kept.find(asked.request);
    return found.status === "kept" ? text(parts, source, body, found, "kept") : failed(refuse("source-not-kept"));
  };
  const answerFetch = async (desk: DeskRequest): Promise<Answer> => {
    const parsed = FetchBody.safeParse(jsonOf(desk.body));
    if (!parsed.success) return refuse("body-shape");
    const body = parsed.data;
    const source = parts.sources.find(({ id }) => id === body.source);
    if (source === undefined) return refuse("source-unknown");
    const { answer, ...came } = await serve(desk, body, source).catch((thrown: unknown) => {
      if (!desk.signal.aborted) throw thrown;
      // Whoever asked has gone; nobody reads this answer, but CONTROL is told.
      return failed(refuse("body-broken-off"));
    });
    const asked = { sandbox: desk.sandbox, source: source.id, ...came, at: parts.clock.now().toISOString() };
    parts.tell({ type: "source", asked });
    return answer;
  };
  return {
    async answer(desk) {
      const { method, path, query } = desk;
      if (query !== "") return refuse("route-unknown");
      if (method === "GET" && path === "/v1/sources") return answerJson(200, list(parts, kept));
      if (method !== "POST" || path !== "/v1/fetch") return refuse("route-unknown");
      if (atOnce >= AT_ONCE_MAX) return refuse("too-many-at-once");
      atOnce++;
      try {
        return await answerFetch(desk);
      } finally {
        atOnce--;
      }
    },
  };
}

type Found = Extract<Kept, { status: "kept" }>;

/** An answer, and what CONTROL is told of it. */
type Served = { answer: Answer } & Pick<SourceAsked, "outcome" | "textSha256" | "asOf" | "reason">;

function failed(answer: Refused): Served {
  const reason = oneLine(`${answer.reason} ${answer.detail ?? ""}`, 390);
  return { answer, outcome: "failed", textSha256: null, asOf: null, reason };
}

/** A source says in days what is stale, and in hours what need not be asked for again. After a jump of the clock, nothing is young. */
function isYoung({ provenance }: Found, source: Source, now: Date): boolean {
  const ageMs = now.getTime() - Date.parse(provenance.checkedAt);
  return ageMs >= 0 && ageMs < source.freshness.reuseHours * HOUR_MS;
}

function text(
  parts: DeskParts,
  source: Source,
  body: FetchBody,
  { provenance, documents }: Found,
  outcome: "fetched" | "not-modified" | "young" | "kept",
  trail: Trail = NO_TRAIL,
): Served {
  const { fetchedAt, checkedAt, textSha256, removed } = provenance;
  const picked = source.pick(documents, body.params);
  const kind = outcome === "young" || outcome === "kept" ? "kept" : "live";
  const origin = { kind, fetchedAt, checkedAt, textSha256 } as const;
  const answer = framed(parts, source, picked, body.offset, origin, removed, trail);
  return { answer, outcome, textSha256, asOf: checkedAt, reason: "" };
}

/** Ours, so it is not scanned; read by the same reader all the same. Parameters that fit pick from it, and none are needed. */
async function snapshot(
  parts: DeskParts,
  kept: KeptStore,
  source: Source,
  body: FetchBody,
  asked: Asked,
  signal: AbortSignal,
): Promise<Served> {
  const isWhole = Object.keys(body.params).length === 0;
  if (!isWhole && asked.status === "refused") return failed(refuseParameters(asked));
  const { mediaType, body: excerpt, writtenOn } = source.snapshot;
  const read = await parts.read(source, mediaType, Buffer.from(excerpt), signal);
  if (read.status === "unreadable")
    return failed({ status: "refused", reason: "source-unreadable", detail: read.reason, trail: NO_TRAIL });
  const picked = isWhole ? read.documents : source.pick(read.documents, body.params);
  const textSha256 = kept.hold(read.documents);
  const origin = { kind: "snapshot", writtenOn, textSha256 } as const;
  const answer = framed(parts, source, picked, body.offset, origin, nothingRemoved(), NO_TRAIL);
  return { answer, outcome: "snapshot", textSha256, asOf: writtenOn, reason: "" };
}

function framed(
  parts: DeskParts,
  source: Source,
  documents: readonly SourceDocument[],
  offset: number,
  origin: Origin,
  removed: Removed,
  trail: Trail,
): Answer {
  const words = frame({ source, documents, offset, origin, removed, mark: parts.mark, now: parts.clock.now() });
  const headers = { "content-type": "text/plain; charset=utf-8" };
  return { status: "ready", code: 200, headers, body: Buffer.from(words), trail };
}

type Refused = Extract<Answer, { status: "refused" }>;

function refuseParameters({ place }: Extract<Asked, { status: "refused" }>): Refused {
  const [, sentence] = SOURCE_FAULTS["source-parameters"];
  const words = place === "" ? sentence : `${sentence}: see ${place}`;
  return { status: "refused", reason: "source-parameters", sentence: words, trail: NO_TRAIL };
}

/** The detail is for the log; the one inside gets the sentence. */
function refusal({ reason, detail, waitMs, trail }: Extract<Taken, { status: "refused" }>): Refused {
  const refused: Refused = { status: "refused", reason, detail: oneLine(detail, 300), trail };
  if (reason !== "source-wait" || waitMs === undefined) return refused;
  const [, sentence] = SOURCE_FAULTS["source-wait"];
  return { ...refused, sentence: `${sentence}: come again in ${Math.ceil(waitMs / 1_000)} seconds` };
}

/** What the one inside may choose from. Hosts, rules and limits are not its business. */
function list({ sources, clock }: DeskParts, kept: KeptStore): unknown {
  const now = clock.now();
  const copies = kept.all();
  return sources.map((source) => {
    const { $schema: _, ...params } = z.toJSONSchema(source.params);
    const { id, title, publisher, kind, snapshot } = source;
    return {
      id,
      title,
      publisher,
      kind,
      params,
      snapshot: { writtenOn: snapshot.writtenOn, ...age(snapshot.writtenOn, source, now) },
      kept: copies
        .filter((copy) => copy.source === id)
        .map(({ params: of, checkedAt }) => ({ params: of, checkedAt, ...age(checkedAt, source, now) })),
    };
  });
}

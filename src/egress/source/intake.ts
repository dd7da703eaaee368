import type { Clock } from "../../base/clock.ts";
import type { Source, SourceDocument, SourceRequest } from "../../sources/source.ts";
import type { Trail } from "../answer.ts";
import type { FromGateway } from "../messages.ts";
import type { Member } from "./archive.ts";
import type { SourceFault } from "./faults.ts";
import { echoes, type Fetched, type FetchFault, type FetchParts, fetchSource } from "./fetch.ts";
import { nothingRemoved, type Removed } from "./invisible.ts";
import type { Kept, KeptStore } from "./kept.ts";
import { bytesOf, type Quarantine, quarantine, sha256Of } from "./quarantine.ts";
import type { Reader } from "./reader.ts";
import type { Scan } from "./scan.ts";
import { type UnpackLimits, unpack } from "./unpack.ts";

/**
 * One file's way: fetched into quarantine, scanned whole, opened if it is an archive and its files scanned one by one, read
 * by the reader, kept. Nothing is opened or read before clamd has said `OK` to it.
 */
export type IntakeParts = {
  /** Quarantine and kept copies. */
  directory: string;
  fetch: FetchParts;
  scan: Scan;
  read: Reader;
  /** For scanning and reading one file; as usual when it is left out. */
  openingMs?: number;
  tell(message: FromGateway): void;
  clock: Clock;
};

export type IntakeJob = {
  sandbox: string;
  source: Source;
  request: SourceRequest;
  params: unknown;
  known: Kept;
  signal: AbortSignal;
};

type Found = Extract<Kept, { status: "kept" }>;

export type Taken =
  | { status: "taken"; kept: Found; how: "fetched" | "not-modified"; trail: Trail }
  | { status: "refused"; reason: FetchFault; detail: string; waitMs?: number; trail: Trail };

/** For everything after the last byte is in. Two thousand small files are within every other bound, and each is a scan and a process. */
const OPENING_MS = 180_000;
/** Of one file, all its members together. */
const DOCUMENTS_MAX = 20_000;
const ARCHIVES: Omit<UnpackLimits, "bytesMax"> = { depthMax: 2, ratioMax: 100, countMax: 2_000 };

/** Rejects when the disk does, or with the signal's reason; the quarantine is gone in each case. */
export async function intake(job: IntakeJob, store: KeptStore, parts: IntakeParts): Promise<Taken> {
  await using cell = await quarantine(parts.directory);
  const { known, request } = job;
  const file = cell.next();
  const validators = known.status === "kept" ? known.provenance : null;
  const fetched = await fetchSource({ ...job, known: validators, file }, parts.fetch);
  if (fetched.status === "refused") return fetched;
  const now = parts.clock.now().toISOString();
  if (fetched.status === "unchanged") {
    if (known.status === "none") return refuse("source-status", "unchanged, and nothing is kept", fetched.trail);
    const provenance = store.confirm(request, { ...known.provenance, checkedAt: now });
    return { status: "taken", kept: { ...known, provenance }, how: "not-modified", trail: fetched.trail };
  }
  const raw = { rawSha256: await sha256Of(file), rawBytes: bytesOf(file) };
  const opened = await open(job, file, fetched, cell, parts);
  if (opened.status === "refused") return refuse(opened.reason, opened.detail, fetched.trail);
  const { documents, removed } = opened;
  // A host that repeats what it was sent would bring our key inside, and into the copy.
  const words = JSON.stringify([documents, fetched.url, fetched.etag, fetched.lastModified]);
  if (echoes(words, parts.fetch.policy())) return refuse("source-secret-echoed", "in the answer", fetched.trail);
  const { url, etag, lastModified, mediaType } = fetched;
  const head = { source: job.source.id, params: job.params, url, etag, lastModified, mediaType };
  const provenance = store.keep(
    request,
    { ...head, ...raw, fetchedAt: now, checkedAt: now, removed, scan: "clean" },
    documents,
  );
  return {
    status: "taken",
    kept: { status: "kept", provenance, documents },
    how: "fetched",
    trail: fetched.trail,
  };
}

type Opened =
  | { status: "opened"; documents: SourceDocument[]; removed: Removed }
  | { status: "refused"; reason: SourceFault; detail: string };

async function open(
  job: IntakeJob,
  file: string,
  fetched: Extract<Fetched, { status: "whole" }>,
  cell: Quarantine,
  parts: IntakeParts,
): Promise<Opened> {
  const fault = await scanned(job, file, cell, parts);
  if (fault !== null) return fault;
  const unpacked = await unpack(file, () => cell.next(), { ...ARCHIVES, bytesMax: job.source.limits.bytesMax });
  if (unpacked.status === "refused") return unpacked;
  const until = parts.clock.monotonicMs() + (parts.openingMs ?? OPENING_MS);
  const documents: SourceDocument[] = [];
  const removed = nothingRemoved();
  for (const [index, member] of unpacked.members.entries()) {
    if (parts.clock.monotonicMs() > until) {
      const detail = `${index} of ${unpacked.members.length} files were opened in time`;
      return { status: "refused", reason: "source-too-slow", detail };
    }
    const fault = member.file === file ? null : await scanned(job, member.file, cell, parts);
    if (fault !== null) return fault;
    const read = await parts.read(job.source, mediaTypeOf(member, fetched.mediaType), member.file, job.signal);
    if (read.status === "unreadable") return { status: "refused", reason: "source-unreadable", detail: read.reason };
    documents.push(...read.documents);
    if (documents.length > DOCUMENTS_MAX)
      return { status: "refused", reason: "source-archive-count", detail: `more than ${DOCUMENTS_MAX} documents` };
    for (const what of Object.keys(removed) as (keyof Removed)[]) removed[what] += read.removed[what];
  }
  if (unpacked.members.length === 0) return { status: "refused", reason: "source-empty", detail: "an empty archive" };
  return { status: "opened", documents, removed };
}

/** Null when clamd found nothing. An infected file is told to CONTROL and set aside. */
async function scanned(
  job: IntakeJob,
  file: string,
  cell: Quarantine,
  parts: IntakeParts,
): Promise<Extract<Opened, { status: "refused" }> | null> {
  // There is nothing in it to scan, and the protocol has no way to ask.
  if (bytesOf(file) === 0) return { status: "refused", reason: "source-empty", detail: "an empty file" };
  const verdict = await parts.scan(file);
  job.signal.throwIfAborted();
  switch (verdict.status) {
    case "clean":
      return null;
    case "not-scanned":
      return { status: "refused", reason: "source-not-scanned", detail: verdict.reason };
    case "infected": {
      const detail = `${verdict.signature} in what ${job.source.id} sent, sha256 ${await sha256Of(file)}`;
      const at = parts.clock.now().toISOString();
      const alarm = { carrier: "infected-source" as const, sandbox: job.sandbox, subject: job.source.id, detail, at };
      parts.tell({ type: "alarm", alarm });
      await cell.setAside(file);
      return { status: "refused", reason: "source-infected", detail };
    }
  }
}

const BY_ENDING: Readonly<Record<string, string>> = {
  json: "application/json",
  xml: "application/xml",
  html: "text/html",
  yaml: "application/yaml",
  yml: "application/yaml",
};

/** A file of an archive is what its name ends in. */
function mediaTypeOf({ name }: Member, answered: string): string {
  if (name === null) return answered;
  const ending = name.slice(name.lastIndexOf(".") + 1).toLowerCase();
  return BY_ENDING[ending] ?? "text/plain";
}

function refuse(reason: FetchFault, detail: string, trail: Trail): Taken {
  return { status: "refused", reason, detail, trail };
}

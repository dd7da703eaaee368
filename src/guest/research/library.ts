import { oneLine } from "../../base/text.ts";
import { askBroker, throughProxy } from "../proxy.ts";
import { AUTHORITY } from "../wire.ts";
import type { Brief } from "./brief.ts";
import { type Material, pageOf } from "./material.ts";
import { type Reader, read } from "./reader.ts";
import { type Reading, ReadingHeld } from "./reading.ts";
import type { StudyOfSource } from "./tools.ts";

/** The way from a source to the deciding model, in words for that model. Every string in them is ours, or the gateway's. */
export type Shelves = {
  list(): Promise<string>;
  /** Fetches a page and has its first documents read, each by a reader of its own. */
  study(wanted: StudyOfSource): Promise<string>;
};

/** A source may take three minutes, and the gateway waits for its turn before. */
const FETCH_TIMEOUT_MS = 240_000;
const PAGE_BYTES_MAX = 1024 * 1024;
/** Each is a call of the model. */
const DOCUMENTS_MAX = 4;

export function shelves(brief: Brief, reader: Reader): Shelves {
  const readOne = async (sha256: string, { id, text }: Material, { question, about }: StudyOfSource) => {
    const studied = brief.weaknesses.filter((weakness) => about.includes(weakness.id));
    const { outcome, claims, reason } = await read(reader, text, question, studied);
    const reading: Reading = { sha256, document: id, question, about, outcome, claims };
    const { status, body } = await askBroker("POST", "/v1/research/reading", reading);
    if (status >= 500) throw new Error(`the broker answered ${status} to a reading: ${body.slice(0, 200)}`);
    // A source may write an id that is none, and then its document is no loss of the others.
    if (status !== 200) return { outcome: "not-taken" as const };
    const held = ReadingHeld.parse(JSON.parse(body));
    return { outcome, ...held, ...(outcome === "failed" ? { reason: oneLine(reason, 200) } : {}) };
  };
  return {
    async list() {
      const answer = await throughProxy("GET", `http://${AUTHORITY.source}/v1/sources`, { bytesMax: PAGE_BYTES_MAX });
      return answer.status === 200 ? answer.body : oneLine(answer.body, 300);
    },
    async study(wanted) {
      const unknown = wanted.about.filter((id) => !brief.weaknesses.some((weakness) => weakness.id === id));
      if (unknown.length > 0) return "about names a weakness that is not in the catalogue";
      const { source, params, from, offset } = wanted;
      const answer = await throughProxy("POST", `http://${AUTHORITY.source}/v1/fetch`, {
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ source, params, from, offset }),
        timeoutMs: FETCH_TIMEOUT_MS,
        bytesMax: PAGE_BYTES_MAX,
      });
      if (answer.status !== 200) return oneLine(answer.body, 300);
      const page = pageOf(answer.body);
      if (page === null) throw new Error("the gateway's page has another frame than ours");
      const readings: unknown[] = [];
      for (const material of page.documents.slice(0, DOCUMENTS_MAX)) {
        const one = await readOne(page.sha256, material, wanted);
        readings.push(one);
        // The next reader would meet the same end.
        if (one.outcome === "cut" || one.outcome === "failed") break;
      }
      const { sha256, origin, age, total } = page;
      const next = page.offset + readings.length;
      return JSON.stringify({ sha256, origin, age, offset, readings, total, ...(next < total ? { next } : {}) });
    },
  };
}

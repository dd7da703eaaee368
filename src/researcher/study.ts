import { readFileSync } from "node:fs";
import { z } from "zod";
import { OperatorError } from "../base/errors.ts";
import { oneLine } from "../base/text.ts";
import type { Guest, GuestRequest, GuestResponse } from "../egress/egress.ts";
import { Observation } from "../guest/observation.ts";
import { type Brief, ResearchEnd } from "../guest/research/brief.ts";
import { Cite, Reading } from "../guest/research/reading.ts";
import type { Task, TaskResult } from "../guest/wire.ts";
import type { Weakness } from "../sources/weaknesses/weakness.ts";
import { claims } from "./claims.ts";
import type { Library } from "./library.ts";
import type { HandedIn, Research } from "./researcher.ts";

const STUDY_TIMEOUT_MS = 10 * 60_000;
const CANDIDATES_MAX = 2_000;
const TURNS_MAX = 40;
const TOKENS_PER_TURN_MAX = 4_000;

export type StudyOptions = {
  mode: Brief["mode"];
  model: string;
  prompt: string;
  readerPrompt: string;
  /** What the gateway hands inside while it lasts. */
  library: Library;
  observations: readonly Observation[];
  weaknesses: readonly Weakness[];
};

/** One study. After the researcher's last word nothing more is taken. */
export type Study = {
  /** The route table's entry for `/v1/research/…`. */
  answer(request: GuestRequest): GuestResponse;
  /** Runs the researcher in the lab to its end. One that ends without a last word is `failed`, with the reason. */
  run(lab: Guest, signal: AbortSignal): Promise<Research>;
};

export function study(options: StudyOptions): Study {
  const brief = briefOf(options);
  const candidates: HandedIn[] = [];
  const read = claims();
  let refused = 0;
  let unfounded = 0;
  let end: ResearchEnd | undefined;
  const refuse = (status: number, error: string): GuestResponse => {
    refused++;
    return { status, body: { error } };
  };
  const takeReading = ({ sandbox, body }: GuestRequest): GuestResponse => {
    const reading = Reading.safeParse(body);
    if (!reading.success) return refuse(400, "not a reading");
    const held = read.take(reading.data, options.library.handed(sandbox, reading.data.sha256));
    return held === null ? refuse(400, "no such document was fetched") : { status: 200, body: held };
  };
  const takeCandidate = ({ sandbox, body }: GuestRequest): GuestResponse => {
    if (candidates.length >= CANDIDATES_MAX) return refuse(400, `at most ${CANDIDATES_MAX} candidates are taken`);
    const candidate = Candidate.safeParse(body);
    if (!candidate.success) return refuse(400, "a candidate is { weakness, observations, note }");
    const { cites, ...claimed } = candidate.data;
    const cited = read.cited(
      claimed.weakness,
      cites,
      (sha256) => options.library.handed(sandbox, sha256) !== undefined,
    );
    if (cited.status === "refused") {
      unfounded++;
      return refuse(400, cited.reason);
    }
    candidates.push({ ...claimed, citations: cited.citations });
    return { status: 200, body: { taken: candidates.length } };
  };
  const takeLastWord = (body: unknown): GuestResponse => {
    const last = ResearchEnd.safeParse(body);
    if (!last.success) return refuse(400, "not the last word of a researcher");
    end = last.data;
    return { status: 200, body: {} };
  };
  return {
    answer(request) {
      const { method, path, body } = request;
      if (end !== undefined) return refuse(409, "the study has ended");
      if (method === "GET" && path === "/v1/research/brief") return { status: 200, body: brief };
      if (method === "POST" && path === "/v1/research/candidate") return takeCandidate(request);
      if (method === "POST" && path === "/v1/research/reading") return takeReading(request);
      if (method === "POST" && path === "/v1/research/done") return takeLastWord(body);
      return refuse(404, "no such route");
    },
    async run(lab, signal) {
      const result = await lab.run(TASK, signal);
      const last = end ?? silent(result, candidates.length);
      return { candidates, refused, unfounded, read: read.tally(), asked: [...options.library.asked()], end: last };
    },
  };
}

const TASK: Omit<Task, "id"> = {
  run: { program: "research", args: [] },
  env: {},
  cwd: "/",
  stdin: "",
  timeoutMs: STUDY_TIMEOUT_MS,
  outputBytesMax: 64 * 1024,
};

function silent({ code, signal, isTimedOut, stderr }: TaskResult, candidates: number): ResearchEnd {
  const how = isTimedOut ? `was killed after ${STUDY_TIMEOUT_MS / 60_000} minutes` : `ended with ${code ?? signal}`;
  const reason = `the researcher ${how} and said no last word: ${oneLine(stderr, 250)}`.slice(0, 400);
  return { candidates, turns: 0, status: "failed", reason };
}

/** Shape only: ids are looked up later, and the note is shown inert. */
const Candidate = z.strictObject({
  weakness: z.string().max(80),
  observations: z.array(z.string().max(240)).min(1).max(200),
  note: z.string().max(600),
  cites: z.array(Cite).max(20).default([]),
});

function briefOf({ mode, model, prompt, readerPrompt, observations, weaknesses }: StudyOptions): Brief {
  return {
    mode,
    model,
    prompt,
    readerPrompt,
    turnsMax: TURNS_MAX,
    tokensPerTurnMax: TOKENS_PER_TURN_MAX,
    observations: [...observations],
    weaknesses: weaknesses.map(({ id, title, when }) => ({ id, title, when })),
  };
}

/** The body of a prompt file, without its front matter. Throws OperatorError when it has none. */
export function readPrompt(path: string): string {
  const text = readFileSync(path, "utf8");
  const match = /^---\n[\s\S]*?\n---\n([\s\S]+)$/.exec(text);
  if (match?.[1] === undefined) {
    throw new OperatorError(`${path} has no front matter`, "a prompt begins with --- purpose, version, inputs ---");
  }
  return match[1].trim();
}

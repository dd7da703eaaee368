import { readFileSync } from "node:fs";
import { z } from "zod";
import { OperatorError } from "../base/errors.ts";
import { oneLine } from "../base/text.ts";
import type { Guest, GuestRequest, GuestResponse } from "../egress/egress.ts";
import { Observation } from "../guest/observation.ts";
import { Brief, ResearchEnd } from "../guest/research/brief.ts";
import type { Weakness } from "../sources/weaknesses/weakness.ts";
import type { HandedIn, Research } from "./researcher.ts";

const STUDY_TIMEOUT_MS = 10 * 60_000;
const CANDIDATES_MAX = 2_000;

export type StudyOptions = {
  mode: Brief["mode"];
  model: string;
  prompt: string;
  observations: readonly Observation[];
  weaknesses: readonly Weakness[];
};

/** Has the lab's messages go to this study: `answer` is the route table's entry for `/v1/research/…`. */
export type Study = {
  answer(request: GuestRequest): GuestResponse;
  /** Runs the researcher in the lab to its end. A researcher that ends without a last word is `failed`, with the reason. */
  run(lab: Guest, signal: AbortSignal): Promise<Research>;
};

export function study(options: StudyOptions): Study {
  const brief = briefOf(options);
  const candidates: HandedIn[] = [];
  let refused = 0;
  let end: ResearchEnd | undefined;
  return {
    answer({ method, path, body }) {
      if (method === "GET" && path === "/v1/research/brief") return { status: 200, body: brief };
      if (method === "POST" && path === "/v1/research/candidate") {
        const candidate = Candidate.safeParse(body);
        if (!candidate.success || candidates.length >= CANDIDATES_MAX) {
          refused++;
          return { status: 400, body: { error: "a candidate is { weakness, observations, note }" } };
        }
        candidates.push(candidate.data);
        return { status: 200, body: { taken: candidates.length } };
      }
      if (method === "POST" && path === "/v1/research/done") {
        const last = ResearchEnd.safeParse(body);
        if (!last.success) {
          refused++;
          return { status: 400, body: { error: "not the last word of a researcher" } };
        }
        end = last.data;
        return { status: 200, body: {} };
      }
      return { status: 404, body: { error: "no such route" } };
    },
    async run(lab, signal) {
      const result = await lab.run(
        {
          run: { program: "research", args: [] },
          env: {},
          cwd: "/",
          stdin: "",
          timeoutMs: STUDY_TIMEOUT_MS,
          outputBytesMax: 64 * 1024,
        },
        signal,
      );
      const reason = `the researcher ended with ${result.code ?? result.signal} and no last word: ${oneLine(result.stderr, 250)}`;
      return {
        candidates,
        refused,
        end: end ?? { candidates: candidates.length, turns: 0, status: "failed", reason },
      };
    },
  };
}

/** Shape only: ids are looked up later, and the note is shown inert. */
const Candidate = z.strictObject({
  weakness: z.string().max(80),
  observations: z.array(z.string().max(240)).min(1).max(200),
  note: z.string().max(600),
});

function briefOf({ mode, model, prompt, observations, weaknesses }: StudyOptions): Brief {
  return {
    mode,
    model,
    prompt,
    turnsMax: 40,
    tokensPerTurnMax: 4_000,
    observations: [...observations],
    weaknesses: weaknesses.map(({ id, title, when }) => ({ id, title, when })),
  };
}

/** The body of a prompt file, without its front matter. */
export function readPrompt(path: string): string {
  const text = readFileSync(path, "utf8");
  const match = /^---\n[\s\S]*?\n---\n([\s\S]+)$/.exec(text);
  if (match?.[1] === undefined) {
    throw new OperatorError(`${path} has no front matter`, "a prompt begins with --- purpose, version, inputs ---");
  }
  return match[1].trim();
}

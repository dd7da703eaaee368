import { z } from "zod";
import { bounded } from "../base/text.ts";
import { logLines } from "../egress/logLines.ts";
import type { Candidate } from "../findings/finding.ts";
import type { CheckRun, Observation } from "../guest/observation.ts";

/**
 * Credentials of others that something inside sent to a host which it may reach, as the egress log tells of them: seen from
 * outside, by the gateway, which let none of them through. What nobody sent is not seen.
 */
export type Foreign = { observations: Observation[]; checks: CheckRun[]; candidates: Candidate[] };

export const FOREIGN_CHECK = "foreign-credential";
const WEAKNESS = "foreign-credential-used";

const Credential = z.object({ place: z.string(), kind: z.string(), hash: z.string() }).nullish();

/** A request that was held against a rule: on these alone it was looked for. */
const ToHost = z.object({
  event: z.literal("open"),
  flow: z.int(),
  sandbox: z.string(),
  /** Not the fetcher's own. */
  role: z.string().refine((role) => role !== "source-fetcher"),
  host: z.string(),
  credential: Credential,
});

/** Of a websocket, whose messages were looked at as they came. */
const Ended = z.object({ event: z.literal("close"), flow: z.int(), credential: Credential });
const Line = z.union([ToHost, Ended]);

export function foreignCredentials(logPath: string): Foreign {
  const seen = new Map<string, { details: Set<string>; times: number }>();
  const open = new Map<number, { host: string; sandbox: string }>();
  let looked = 0;
  for (const raw of logLines(logPath)) {
    const line = Line.safeParse(raw).data;
    if (line === undefined) continue;
    const flow = line.event === "open" ? line : open.get(line.flow);
    if (flow === undefined) continue;
    if (line.event === "open") {
      looked++;
      open.set(line.flow, line);
    } else open.delete(line.flow);
    if (line.credential === null || line.credential === undefined) continue;
    const { place, kind, hash } = line.credential;
    const host = seen.get(flow.host) ?? { details: new Set(), times: 0 };
    seen.set(flow.host, host);
    host.times++;
    if (host.details.size < 10) host.details.add(`${place} of kind ${kind} (${hash}) from ${flow.sandbox}`);
  }
  const observations = [...seen].map(([host, { details, times }]) => ({
    id: `${FOREIGN_CHECK}:${host}`,
    category: "secrets" as const,
    subject: `a credential of others, sent to ${host}`,
    verdict: "reachable" as const,
    access: ["read" as const],
    from: "outside" as const,
    detail: bounded(`refused ${times} times: ${[...details].join("; ")}`, 600),
  }));
  return {
    observations,
    checks: [coverage(looked)],
    candidates:
      observations.length === 0
        ? []
        : [{ weakness: WEAKNESS, observations: observations.map(({ id }) => id).slice(0, 200), note: "" }],
  };
}

function coverage(looked: number): CheckRun {
  const about = { check: FOREIGN_CHECK, category: "secrets" as const, from: "outside" as const };
  if (looked > 0) return { ...about, status: "ran", reason: "" };
  return { ...about, status: "skipped", reason: "no request to a host that a rule names was made" };
}

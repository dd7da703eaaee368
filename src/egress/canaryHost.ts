import { type Answer, NO_TRAIL } from "./answer.ts";

/**
 * What a canary host says, whatever it is asked: always the same, so that who touches it learns nothing and goes on. A tunnel to
 * one is denied instead: it rings as it is asked for, and an answer in it would have to be signed by an authority of ours, which
 * gives more away than a refusal.
 */
export function canaryAnswer(): Answer {
  return {
    status: "ready",
    code: 200,
    headers: { "content-type": "application/json" },
    body: Buffer.from('{"status":"ok"}\n'),
    trail: NO_TRAIL,
  };
}

import type { Clock } from "../base/clock.ts";
import type { AdmittedGuest } from "./admitted.ts";
import type { Control } from "./broker.ts";
import type { ForeignCredential } from "./credentials.ts";
import type { Decision } from "./decide.ts";
import { type Asked, wordsOf } from "./flowLines.ts";
import type { Drills } from "./watch/drills.ts";
import type { Hit } from "./watch/watch.ts";

/** What was seen in a request that somebody must know of at once. */
export type Seen = { hits: readonly Hit[]; credential?: ForeignCredential | undefined };

export type RingParts = { control: Control; clock: Clock; drills: Drills };

/** The hundredth touch tells nobody more, and each is a leaf in the ledger. */
const ALARMS_MAX = 100;

/**
 * Raises the alarms of one request. Returns why everything must stop, null when it need not: a fake on its way out that is no
 * drill of ours is somebody taking something out, and our own programs are the only ones that drill.
 */
export function ring(
  guest: AdmittedGuest,
  parts: RingParts,
  asked: Asked,
  decision: Decision,
  { hits, credential }: Seen,
): string | null {
  const raise = (
    carrier: "fake-credential" | "canary-host" | "foreign-credential",
    subject: string,
    detail: string,
  ) => {
    guest.alarms++;
    if (guest.alarms > ALARMS_MAX) return;
    const at = parts.clock.now().toISOString();
    parts.control.tell({ type: "alarm", alarm: { carrier, sandbox: guest.name, subject, detail, at } });
  };
  if (decision.verdict === "deny" && decision.canaryHost !== null) {
    raise("canary-host", decision.canaryHost, `asked for with ${asked.method.slice(0, 20)}`);
  }
  let theft: string | null = null;
  for (const hit of hits) {
    const { fakeId } = hit.sighting;
    const isDrill = parts.drills.take(guest.name, fakeId);
    const words = wordsOf(hit, asked);
    raise("fake-credential", fakeId, isDrill ? `${words}, in a drill` : words);
    if (!isDrill) theft ??= `a fake was on its way out of ${guest.name}: ${fakeId}, ${words}`;
  }
  if (credential !== undefined && decision.rule !== null) {
    const { place, kind, length, hash } = credential;
    const words = `${place} of kind ${kind}, ${length} characters, keyed hash ${hash}, refused`;
    raise("foreign-credential", decision.rule.host, words);
  }
  return theft;
}

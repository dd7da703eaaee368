import { z } from "zod";
import { type Clock, sleep } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Life } from "./life.ts";
import { surveyNow } from "./lookout.ts";
import { genericLooks } from "./looks.ts";
import { type Driver, type DriverKind, ISOLATIONS, isDriverKind, type Look } from "./sandbox.ts";

/**
 * A death certificate: what was looked at on the machine after a sandbox ended, and what was seen. `destroyed` only if
 * every look was made and each found nothing; one trace left or one look not made reads `unverified`.
 */

const LookRow = z.discriminatedUnion("status", [
  z.strictObject({ what: z.string(), status: z.literal("clean"), evidence: z.string() }),
  z.strictObject({ what: z.string(), status: z.literal("left"), evidence: z.string() }),
  z.strictObject({ what: z.string(), status: z.literal("not-looked"), reason: z.string() }),
]) satisfies z.ZodType<Look>;

export const Certificate = z.strictObject({
  sandbox: z.string(),
  driver: z.custom<DriverKind>((value) => typeof value === "string" && isDriverKind(value)),
  isolation: z.enum(ISOLATIONS),
  /** `unknown` when a sweep found it and its name does not say. */
  role: z.enum(["target", "lab", "scratch", "unknown"]),
  /** ISO 8601; null when it was never born, or when a sweep found it. */
  bornAt: z.string().nullable(),
  /** When the last look was made. */
  endedAt: z.string(),
  status: z.enum(["destroyed", "unverified"]),
  looks: z.array(LookRow),
});
export type Certificate = z.infer<typeof Certificate>;

export type CertifyOptions = {
  role: Certificate["role"];
  bornAt: string | null;
  /** Where drivers keep what belongs to one sandbox, in a directory of its name. */
  runDirectory: string;
  clock: Clock;
  /** What was known of it while it lived; nothing when left out. */
  life?: Life;
  /** Made besides the driver's and the machine's: of the streams that hung on it. */
  alsoLook?: () => Look[];
};

/** The kernel takes its time to reap a big process tree: that much is granted before a trace counts. */
const WAITS_MS = [50, 150, 300, 500];
/** A look at a backend that does not answer takes seconds itself, and is not repeated. */
const PATIENCE_MS = 1_500;

/** Looks, and looks again while something is left, for a second at most. Ends nothing itself. */
export async function certify(driver: Driver, name: string, options: CertifyOptions): Promise<Certificate> {
  const endsAtMs = options.clock.monotonicMs() + PATIENCE_MS;
  let looks = await lookAll(driver, name, options);
  for (const waitMs of WAITS_MS) {
    if (looks.every((look) => look.status !== "left") || options.clock.monotonicMs() > endsAtMs) break;
    await sleep(waitMs);
    looks = await lookAll(driver, name, options);
  }
  return {
    sandbox: name,
    driver: driver.kind,
    isolation: driver.isolation,
    role: options.role,
    bornAt: options.bornAt,
    endedAt: options.clock.now().toISOString(),
    status: looks.length > 0 && looks.every((look) => look.status === "clean") ? "destroyed" : "unverified",
    looks,
  };
}

/** What keeps it from being called destroyed, in one line; empty when nothing does. */
export function doubtsOf(certificate: Certificate): string {
  return certificate.looks
    .flatMap((look) =>
      look.status === "clean" ? [] : [`${look.what}: ${look.status === "left" ? look.evidence : look.reason}`],
    )
    .join("; ");
}

async function lookAll(driver: Driver, name: string, options: CertifyOptions): Promise<Look[]> {
  const life = options.life ?? { processes: [], netns: [], aliveUntil: options.clock.now() };
  const ofDriver = driverLooks(driver, name);
  const survey = (await driver.lookout?.survey()) ?? surveyNow();
  const ofMachine = genericLooks(name, options.runDirectory, life, survey);
  return [...(await ofDriver), ...ofMachine, ...(options.alsoLook?.() ?? [])];
}

async function driverLooks(driver: Driver, name: string): Promise<Look[]> {
  try {
    return await driver.look(name);
  } catch (thrown) {
    // A driver that cannot look has not looked; the certificate says so, and is no certificate.
    return [{ what: `${driver.kind} itself`, status: "not-looked", reason: messageOf(thrown) }];
  }
}

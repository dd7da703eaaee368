import { z } from "zod";

/** Done to files of ours alone, whose fate the host looks at. */
const CANARY_ORDERS = [
  z.strictObject({ touch: z.literal("canary-write"), path: z.string(), text: z.string().max(64) }),
  /** `detail` is what it holds. */
  z.strictObject({ touch: z.literal("canary-read"), path: z.string() }),
  /** The directory it stands in is made, and is ours. */
  z.strictObject({
    touch: z.literal("canary-link"),
    path: z.string(),
    to: z.string(),
    how: z.enum(["symbolic", "hard"]),
  }),
  z.strictObject({ touch: z.literal("canary-remove"), path: z.string() }),
  /** Leave a process behind that bears this name on its command line. */
  z.strictObject({ touch: z.literal("linger"), marker: z.string().max(80), ms: z.int().max(60_000) }),
] as const;
export type CanaryOrder = z.infer<(typeof CANARY_ORDERS)[number]>;

/**
 * What the drill program is told to touch. The first four are the carriers of an alarm, each touched the way an
 * intruder's tool would touch it. The next three make it the known-bad guest of the preflight: a guest that misbehaves
 * on purpose, so that each trap is seen to catch. The last ones are done to files of ours, whose fate the host looks at.
 */
export const DrillOrder = z.discriminatedUnion("touch", [
  /** Start the server as the client's own file says, list its tools, call the first with the nonce. */
  z.strictObject({ touch: z.literal("mcp-decoy"), configFile: z.string(), server: z.string(), nonce: z.string() }),
  z.strictObject({ touch: z.literal("fake-credential"), url: z.url(), value: z.string() }),
  z.strictObject({ touch: z.literal("sentinel-file"), path: z.string() }),
  z.strictObject({ touch: z.literal("canary-host"), host: z.string() }),
  z.strictObject({ touch: z.literal("undeclared-host"), host: z.string() }),
  /** A message to the broker that no route takes, that is no JSON, or that is over the size limit. */
  z.strictObject({
    touch: z.literal("broker"),
    path: z.string(),
    body: z.string(),
    repeat: z.int().min(1).max(100_000_000),
  }),
  /** Ask for an authority that this role may not have. */
  z.strictObject({ touch: z.literal("authority"), authority: z.string() }),
  ...CANARY_ORDERS,
]);
export type DrillOrder = z.infer<typeof DrillOrder>;

export const DrillOrders = z.array(DrillOrder).min(1).max(50);

/** What it says of the touch. The guest's word: the alarm in the ledger is the proof. */
export const DrillWord = z.strictObject({
  status: z.enum(["touched", "failed"]),
  answer: z.int(),
  detail: z.string().max(400),
});
export type DrillWord = z.infer<typeof DrillWord>;

/** One word for each order, in their order. */
export const DrillWords = z.array(DrillWord).max(50);

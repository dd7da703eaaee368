import { z } from "zod";
import { ModelPrice } from "../config/price.ts";
import { GUEST_PROGRAMS, Hello, TaskResult } from "../guest/wire.ts";
import { Allowlist } from "./allowlist.ts";
import { SourceAsked } from "./source/asked.ts";

/**
 * What CONTROL and the gateway process say to each other over the fork's IPC channel. Both ends parse what they get:
 * the gateway stands nearest to the guests, so CONTROL does not trust its word's shape either.
 */
const Name = z.string().min(1).max(200);
const RoleName = z.enum(["target", "lab", "scratch"]);

const FakeSent = z.strictObject({
  id: z.string().max(64),
  kind: z.string().max(100),
  value: z.string().max(1024 * 1024),
  cycle: z.string().max(100),
  file: z.string().max(4_096),
});

/** What calls may cost; with `max`, every model has a price, because without one nothing could be held. */
const Money = z.strictObject({
  /** In the currency of the prices; without it money is only counted. */
  max: z.number().positive().optional(),
  currency: z.string().max(3),
  prices: z.record(z.string(), ModelPrice),
});

export const ModelRelay = z
  .strictObject({
    kind: z.enum(["anthropic", "openai"]),
    /** With or without the closing `/v1`. */
    baseUrl: z.url({ protocol: /^https?$/ }),
    /** Known to the gateway alone; never in argv, environment or log. */
    key: z.string().max(4_096),
    models: z.array(z.string().min(1).max(200)).min(1),
    /** Tokens in and out together, for the whole cycle. */
    tokensMax: z.int().positive(),
    money: Money.optional(),
    /** Types of tools that the vendor's servers run, as the vendor writes them; none when it is not given. */
    hostedTools: z.array(z.string().min(1).max(100)).optional(),
  })
  .refine(
    ({ models, money }) => money?.max === undefined || models.every((model) => Object.hasOwn(money.prices, model)),
    "a money budget is held by the price of each model",
  );
export type ModelRelay = z.infer<typeof ModelRelay>;

/**
 * A name that is dialed at a fixed address without asking a resolver and without looking at the address's class. It opens
 * nothing that no rule names. For an upstream on this very machine, and for tests.
 */
export const Pin = z.strictObject({ host: Name, address: z.union([z.ipv4(), z.ipv6()]) });
export type Pin = z.infer<typeof Pin>;

/** What the source fetcher works with. */
export const SourceSetup = z.strictObject({
  /** For quarantine and kept copies; made when it is not there. */
  directory: z.string(),
  /** Path of clamd's Unix socket; null: no file of a source is read. */
  clamdSocket: z.string().nullable(),
});
export type SourceSetup = z.infer<typeof SourceSetup>;

const Lists = {
  allowlists: z.array(Allowlist),
  /** What their rules put in, by the name of the variable. Known to the gateway alone. */
  secrets: z.record(z.string(), z.string().max(4_096)),
};

export const Setup = z.strictObject({
  cycle: z.string().min(1).max(100),
  logPath: z.string(),
  /** Where the kill latch is; null: nothing but the cut stops it. */
  stateDir: z.string().nullable(),
  /** What a fake on its way out does, besides being refused and reported. Without a latch to set it is no more than that. */
  onHit: z.enum(["latch", "alarm"]),
  ...Lists,
  canaryHosts: z.array(Name),
  /** What one sandbox may ask for. */
  caps: z.strictObject({
    streamsMax: z.int().positive(),
    requestsPerSecond: z.number().positive(),
    requestBurst: z.number().positive(),
    bytesPerMinute: z.number().positive(),
  }),
  model: ModelRelay.nullable(),
  /** Null: sources are not fetched. */
  sources: SourceSetup.nullable(),
  pins: z.array(Pin),
  /** PEM certificates trusted besides the system's. */
  certificates: z.array(z.string()),
});
export type Setup = z.infer<typeof Setup>;

const TaskSent = z.strictObject({
  id: Name,
  run: z.union([
    z.strictObject({ program: z.enum(GUEST_PROGRAMS), args: z.array(z.string()) }),
    z.strictObject({ argv: z.tuple([z.string()], z.string()) }),
  ]),
  env: z.record(z.string(), z.string()),
  cwd: z.string(),
  stdin: z.string(),
  timeoutMs: z.number().positive(),
  outputBytesMax: z.number().positive(),
});

export const ToGateway = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("setup"), setup: Setup }),
  /** Comes with a descriptor, the sandbox's channel. Which sandbox it is follows from this alone. */
  z.strictObject({ type: z.literal("admit"), id: z.int(), sandbox: Name, role: RoleName, backend: Name.nullable() }),
  z.strictObject({ type: z.literal("drop"), sandbox: Name }),
  z.strictObject({ type: z.literal("task"), sandbox: Name, task: TaskSent }),
  z.strictObject({ type: z.literal("task-dropped"), sandbox: Name, id: Name }),
  z.strictObject({
    type: z.literal("answer"),
    id: z.int(),
    response: z.strictObject({ status: z.int().min(200).max(599), body: z.unknown() }),
  }),
  /** This sandbox will be made to send this fake, once: no theft, but a drill of ours. */
  z.strictObject({ type: z.literal("drill"), id: z.int(), sandbox: Name, fake: z.string().max(64) }),
  z.strictObject({
    type: z.literal("watch"),
    id: z.int(),
    fakes: z.array(FakeSent),
    masterKey: z.base64().nullable(),
  }),
  /** The lists changed: from here on these hold. */
  z.strictObject({ type: z.literal("policy"), id: z.int(), ...Lists }),
  /** The lists changed, and are no good: those of before hold. */
  z.strictObject({ type: z.literal("policy-kept"), id: z.int(), reason: z.string().max(1_000) }),
]);
export type ToGateway = z.infer<typeof ToGateway>;

const Tokens = z.int().nonnegative();
export const ModelSpent = z.strictObject({
  calls: Tokens,
  unsaid: Tokens,
  inputTokens: Tokens,
  outputTokens: Tokens,
  tokens: Tokens,
  tokensMax: Tokens,
  money: z
    .strictObject({ spent: z.number().nonnegative(), max: z.number().nullable(), currency: z.string().max(3) })
    .nullable(),
});

export const FromGateway = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("ready") }),
  z.strictObject({ type: z.literal("failed"), message: z.string() }),
  z.strictObject({ type: z.literal("done"), id: z.int() }),
  z.strictObject({ type: z.literal("admitted"), sandbox: Name }),
  z.strictObject({ type: z.literal("hello"), sandbox: Name, hello: Hello }),
  z.strictObject({ type: z.literal("result"), sandbox: Name, result: TaskResult }),
  z.strictObject({ type: z.literal("result-refused"), sandbox: Name, id: Name, reason: z.string() }),
  z.strictObject({
    type: z.literal("request"),
    id: z.int(),
    request: z.strictObject({
      sandbox: Name,
      role: RoleName,
      method: z.enum(["GET", "POST"]),
      path: z.string().max(4_096),
      body: z.unknown(),
    }),
  }),
  z.strictObject({
    type: z.literal("alarm"),
    alarm: z.strictObject({
      carrier: z.enum(["fake-credential", "canary-host", "infected-source", "foreign-credential", "model-key"]),
      sandbox: Name,
      subject: z.string().max(300),
      detail: z.string().max(600),
      at: z.iso.datetime(),
    }),
  }),
  z.strictObject({ type: z.literal("source"), asked: SourceAsked }),
  z.strictObject({ type: z.literal("refused"), sandbox: Name, total: z.int() }),
  z.strictObject({ type: z.literal("spent"), spend: ModelSpent }),
  z.strictObject({ type: z.literal("gone"), sandbox: Name, reason: z.string() }),
]);
export type FromGateway = z.infer<typeof FromGateway>;

import { z } from "zod";
import { GUEST_PROGRAMS, Hello, TaskResult } from "../guest/wire.ts";
import { Allowlist } from "./allowlist.ts";

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

export const ModelRelay = z.strictObject({
  kind: z.enum(["anthropic", "openai"]),
  /** With or without the closing `/v1`. */
  baseUrl: z.url({ protocol: /^https?$/ }),
  /** Known to the gateway alone; never in argv, environment or log. */
  key: z.string().max(4_096),
  models: z.array(z.string().min(1).max(200)).min(1),
  /** Tokens in and out together, for the whole cycle. */
  tokensMax: z.int().positive(),
});
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

export const Setup = z.strictObject({
  cycle: z.string().min(1).max(100),
  logPath: z.string(),
  /** Where the kill latch is; null: nothing but the cut stops it. */
  stateDir: z.string().nullable(),
  allowlists: z.array(Allowlist),
  canaryHosts: z.array(Name),
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
  z.strictObject({ type: z.literal("admit"), id: z.int(), sandbox: Name, role: RoleName }),
  z.strictObject({ type: z.literal("drop"), sandbox: Name }),
  z.strictObject({ type: z.literal("task"), sandbox: Name, task: TaskSent }),
  z.strictObject({ type: z.literal("task-dropped"), sandbox: Name, id: Name }),
  z.strictObject({
    type: z.literal("answer"),
    id: z.int(),
    response: z.strictObject({ status: z.int().min(200).max(599), body: z.unknown() }),
  }),
  z.strictObject({
    type: z.literal("watch"),
    id: z.int(),
    fakes: z.array(FakeSent),
    masterKey: z.base64().nullable(),
  }),
]);
export type ToGateway = z.infer<typeof ToGateway>;

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
      carrier: z.enum(["fake-credential", "canary-host", "infected-source"]),
      sandbox: Name,
      subject: z.string().max(300),
      detail: z.string().max(600),
      at: z.iso.datetime(),
    }),
  }),
  z.strictObject({ type: z.literal("refused"), sandbox: Name, total: z.int() }),
  z.strictObject({ type: z.literal("gone"), sandbox: Name, reason: z.string() }),
]);
export type FromGateway = z.infer<typeof FromGateway>;

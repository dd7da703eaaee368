import { basename } from "node:path";
import { z } from "zod";
import { errnoOf, messageOf, OperatorError } from "../base/errors.ts";
import { readBounded } from "../base/files.ts";
import { complaintOf } from "../config/complaint.ts";
import { parseYaml } from "../config/yaml.ts";
import { isPlainName } from "./grammar.ts";
import { isPathTemplate } from "./path.ts";
import { dayOf, isExpired } from "./ruleDay.ts";

/**
 * `allowlists/<purpose>.yaml`: capabilities, not hosts. A rule says which host and port may be asked for which paths,
 * by which methods, with which query keys, which types of content and how many bytes each way, how often, and why. What no
 * rule names is denied.
 */
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] as const;

const MIB = 1024 * 1024;
/** Of a list, and of a rule. */
export const RULES_MAX = 1_000;
export const RULE_PATHS_MAX = 100;
export const RULE_QUERY_KEYS_MAX = 100;
const Id = z.string().regex(/^[a-z0-9][a-z0-9-]{0,60}$/, "an id is lower-case letters, digits and dashes");

/** `type/subtype` in lower case, without parameters. */
const MediaType = z
  .string()
  .max(127)
  .regex(/^[a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*$/, "a media type as in application/json");

/** What says where a request goes, how long it is, and what comes back, is not a rule's to write. */
const OF_THE_GATEWAY: ReadonlySet<string> = new Set([
  "accept-encoding",
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "expect",
  "host",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "user-agent",
]);

const RuleKeys = z.strictObject({
  id: Id,
  /** Exact: no wildcard, no address. */
  host: z
    .string()
    .max(253)
    .refine(isPlainName, "one exact host name in lower case, IDN as xn--, no wildcard, no address, no port"),
  port: z.int().min(1).max(65_535).default(443),
  /** How the gateway speaks to the host, whatever the guest asked for. */
  scheme: z.enum(["https", "http"]).default("https"),
  /**
   * What becomes of a tunnel to it. `terminate`: TLS ends in the gateway, and each request in it is held against the rules.
   * `splice`: bytes pass unseen once the TLS greeting was looked at, and only half of what the rule allows.
   */
  mode: z.enum(["terminate", "splice"]).default("terminate"),
  /** At least one, but none where the mode is `splice`; so it is with `paths`. */
  methods: z.array(z.enum(METHODS)).max(METHODS.length).default([]),
  paths: z
    .array(z.string().refine(isPathTemplate, "a path as /literal/{one}/…, with /** only at its end"))
    .max(RULE_PATHS_MAX)
    .default([]),
  /** Query keys that may be there; none when left out. */
  query: z
    .array(z.string().regex(/^[A-Za-z0-9_.[\]-]{1,64}$/, "a query key is letters, digits, _ . - [ ]"))
    .max(RULE_QUERY_KEYS_MAX)
    .default([]),
  /** Of what a request carries; any when left out. */
  contentTypes: z.array(MediaType).min(1).max(50).optional(),
  /** Of what an answer carries; any when left out. */
  responseTypes: z.array(MediaType).min(1).max(50).optional(),
  /** May HTTP/2 be agreed on with a host that offers it? What the guest speaks with us is another matter, and its own. */
  http2: z.boolean().default(false),
  /** May a GET of these paths become a WebSocket? `requestBytesMax` and `responseBytesMax` then hold for each of them. */
  websocket: z.boolean().default(false),
  /** Names that may be agreed on for what is spoken in it (RFC 6455, 1.9); those of a guest that are not here stay inside. */
  subprotocols: z
    .array(
      z
        .string()
        .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/, "a subprotocol is one token, as in graphql-transport-ws"),
    )
    .max(20)
    .default([]),
  /** How often it may be used: at most `burst` at once, refilled by `perMinute`. As often as one likes when left out. */
  rate: z.strictObject({ perMinute: z.int().min(1).max(60_000), burst: z.int().min(1).max(10_000) }).optional(),
  requestBytesMax: z
    .int()
    .min(0)
    .max(16 * MIB)
    .default(0),
  responseBytesMax: z
    .int()
    .min(1)
    .max(1024 * MIB),
  /** What one cycle may carry to and from the host and port, all their rules together; as much as one likes when left out. */
  cycleBytesMax: z
    .strictObject({
      up: z
        .int()
        .min(0)
        .max(1024 * MIB),
      down: z
        .int()
        .min(1)
        .max(64 * 1024 * MIB),
    })
    .optional(),
  /** A secret of ours that goes out with every request, and is known to the gateway alone: never to who asks, nor to the log. */
  inject: z
    .strictObject({
      header: z
        .string()
        .regex(/^[a-z][a-z0-9-]{0,63}$/, "a header's name in lower case")
        .refine((name) => !OF_THE_GATEWAY.has(name), "a header that the gateway itself writes"),
      /** The variable of the environment that weakdoor runs in. */
      secretEnv: z
        .string()
        .regex(/^[A-Z][A-Z0-9_]{0,100}$/, "the name of an environment variable, as in SEARCH_API_KEY"),
      /** Before the secret, as in `Bearer `. */
      prefix: z
        .string()
        .regex(/^(?:[A-Za-z]{1,20} )?$/, "one word and a space")
        .default(""),
    })
    .optional(),
  why: z.string().min(1, "say why it may be reached").max(400),
  owner: z.string().min(1).max(200).optional(),
  /** Last day it holds, UTC; from the next day on the list does not load, and where it is loaded the rule allows nothing more. */
  expires: z.iso.date("a day as in 2027-01-31").optional(),
});

export const Rule = RuleKeys.superRefine((rule, context) => {
  const wrong = (key: keyof z.infer<typeof RuleKeys>, message: string) =>
    context.addIssue({ code: "custom", path: [key], message });
  if (rule.inject !== undefined && rule.scheme === "http") wrong("inject", "a secret goes out over TLS alone");
  if (rule.websocket) for (const [key, message] of websocketFaultsOf(rule)) wrong(key, message);
  else if (rule.subprotocols.length > 0) wrong("subprotocols", "only a websocket has them: say websocket: true");
  if (rule.http2 && rule.scheme === "http") wrong("http2", "HTTP/2 is agreed on over TLS alone");
  if (rule.mode === "terminate") {
    if (rule.methods.length === 0) wrong("methods", "name at least one method");
    if (rule.paths.length === 0) wrong("paths", "name at least one path");
    return;
  }
  // Nobody looks into a spliced tunnel, so what cannot be kept must not be promised.
  const promised = ["methods", "paths", "query", "contentTypes", "responseTypes"] as const;
  for (const key of promised.filter((key) => (rule[key] ?? []).length > 0)) {
    wrong(key, "a spliced tunnel is not looked into: take it out, or terminate");
  }
  if (rule.scheme === "http") wrong("scheme", "only TLS is spliced");
  if (rule.http2)
    wrong("http2", "what is spoken in a spliced tunnel is not for us to say: take it out, or terminate");
  if (rule.inject !== undefined)
    wrong("inject", "nothing can be put into a spliced tunnel: take it out, or terminate");
  if (rule.requestBytesMax === 0) wrong("requestBytesMax", "a tunnel that nothing may go up is of no use");
});
export type Rule = z.infer<typeof Rule>;

/** What a WebSocket could not keep must not be promised beside it. */
function websocketFaultsOf(rule: z.infer<typeof RuleKeys>): [keyof typeof rule, string][] {
  const faults: [keyof typeof rule, string][] = [];
  if (rule.mode === "splice")
    faults.push(["websocket", "a spliced tunnel is not looked into: take it out, or terminate"]);
  else if (!rule.methods.includes("GET")) faults.push(["methods", "a websocket begins with GET: name it"]);
  if (rule.scheme === "http") faults.push(["scheme", "a websocket goes over TLS alone"]);
  if (rule.requestBytesMax === 0) faults.push(["requestBytesMax", "a websocket that nothing may go up is of no use"]);
  for (const key of ["contentTypes", "responseTypes"] as const) {
    if (rule[key] !== undefined)
      faults.push([key, "what goes through a websocket has no type: take it out, or split the rule"]);
  }
  return faults;
}

export const Allowlist = z.strictObject({
  version: z.literal(1),
  purpose: Id,
  rules: z.array(Rule).max(RULES_MAX),
});
export type Allowlist = z.infer<typeof Allowlist>;

export const FILE_BYTES_MAX = MIB;

/** Reads one list whole. Anything wrong with it, an expired rule included, is an OperatorError: there is no half-loaded list. */
export async function loadAllowlist(path: string, now: Date): Promise<Allowlist> {
  const { bytes, isWhole } = await read(path);
  if (!isWhole) throw new OperatorError(`${basename(path)}: over ${FILE_BYTES_MAX} bytes`, "split it by purpose");
  const parsed = parseYaml(path, bytes);
  const result = Allowlist.safeParse(parsed.value);
  if (!result.success) throw complaintOf(path, parsed, result.error.issues, Allowlist);
  refuseWrongPurpose(path, result.data);
  refuseTwice(path, result.data);
  refuseTwoModes(path, result.data);
  refuseExpired(path, result.data, now);
  return result.data;
}

async function read(path: string) {
  try {
    return await readBounded(path, FILE_BYTES_MAX);
  } catch (thrown) {
    const code = errnoOf(thrown);
    if (code === undefined) throw thrown;
    const hint = code === "ENOENT" ? "create it, or take its purpose off the list" : "make it a readable file";
    throw new OperatorError(`${path}: cannot be read: ${messageOf(thrown)}`, hint, { cause: thrown });
  }
}

function refuseWrongPurpose(path: string, list: Allowlist): void {
  const expected = basename(path).replace(/\.ya?ml$/, "");
  if (list.purpose === expected) return;
  throw new OperatorError(
    `${basename(path)}: purpose: ${list.purpose} does not fit the file's name`,
    `write purpose: ${expected}, or rename the file`,
  );
}

function refuseTwice(path: string, list: Allowlist): void {
  const seen = new Set<string>();
  for (const [i, rule] of list.rules.entries()) {
    if (seen.has(rule.id)) {
      throw new OperatorError(
        `${basename(path)}: rules.${i}.id: ${rule.id} is there twice`,
        "give each rule its own id",
      );
    }
    seen.add(rule.id);
  }
}

/** A tunnel is opened to a host and port, before it is known which rule it will be used under. */
function refuseTwoModes(path: string, list: Allowlist): void {
  const modes = new Map<string, Rule>();
  for (const [i, rule] of list.rules.entries()) {
    const place = `${rule.host}:${rule.port}`;
    const first = modes.get(place) ?? rule;
    modes.set(place, first);
    if (first.mode === rule.mode) continue;
    throw new OperatorError(
      `${basename(path)}: rules.${i}.mode: ${rule.id} would ${rule.mode} what ${first.id} would ${first.mode}`,
      `give all rules of ${place} the same mode`,
    );
  }
}

function refuseExpired(path: string, list: Allowlist, now: Date): void {
  for (const [i, rule] of list.rules.entries()) {
    if (!isExpired(rule, dayOf(now))) continue;
    throw new OperatorError(
      `${basename(path)}: rules.${i}.expires: ${rule.id} expired on ${rule.expires}`,
      `${rule.owner ?? "its owner"} renews it with a new date, or takes the rule out`,
    );
  }
}

import { basename } from "node:path";
import { z } from "zod";
import { errnoOf, messageOf, OperatorError } from "../base/errors.ts";
import { readBounded } from "../base/files.ts";
import { complaintOf } from "../config/complaint.ts";
import { parseYaml } from "../config/yaml.ts";
import { isPlainName } from "./grammar.ts";
import { isPathTemplate } from "./path.ts";

/**
 * `allowlists/<purpose>.yaml`: capabilities, not hosts. A rule says which host and port may be asked for which paths,
 * by which methods, with which query keys and how many bytes each way, and why. What no rule names is denied.
 */
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] as const;

const MIB = 1024 * 1024;
const Id = z.string().regex(/^[a-z0-9][a-z0-9-]{0,60}$/, "an id is lower-case letters, digits and dashes");

export const Rule = z.strictObject({
  id: Id,
  /** Exact: no wildcard, no address. */
  host: z
    .string()
    .max(253)
    .refine(isPlainName, "one exact host name in lower case, IDN as xn--, no wildcard, no address, no port"),
  port: z.int().min(1).max(65_535).default(443),
  /** How the gateway speaks to the host, whatever the guest asked for. */
  scheme: z.enum(["https", "http"]).default("https"),
  methods: z.array(z.enum(METHODS)).min(1, "name at least one method").max(METHODS.length),
  paths: z
    .array(z.string().refine(isPathTemplate, "a path as /literal/{one}/…, with /** only at its end"))
    .min(1, "name at least one path")
    .max(100),
  /** Query keys that may be there; none when left out. */
  query: z
    .array(z.string().regex(/^[A-Za-z0-9_.[\]-]{1,64}$/, "a query key is letters, digits, _ . - [ ]"))
    .max(100)
    .default([]),
  requestBytesMax: z
    .int()
    .min(0)
    .max(16 * MIB)
    .default(0),
  responseBytesMax: z
    .int()
    .min(1)
    .max(1024 * MIB),
  why: z.string().min(1, "say why it may be reached").max(400),
  owner: z.string().min(1).max(200).optional(),
  /** Last day it holds, UTC; from the next day on the list does not load. */
  expires: z.iso.date("a day as in 2027-01-31").optional(),
});
export type Rule = z.infer<typeof Rule>;

export const Allowlist = z.strictObject({
  version: z.literal(1),
  purpose: Id,
  rules: z.array(Rule).max(1_000),
});
export type Allowlist = z.infer<typeof Allowlist>;

const FILE_BYTES_MAX = MIB;

/** Reads one list whole. Anything wrong with it, an expired rule included, is an OperatorError: there is no half-loaded list. */
export async function loadAllowlist(path: string, now: Date): Promise<Allowlist> {
  const { bytes, isWhole } = await read(path);
  if (!isWhole) throw new OperatorError(`${basename(path)}: over ${FILE_BYTES_MAX} bytes`, "split it by purpose");
  const parsed = parseYaml(path, bytes);
  const result = Allowlist.safeParse(parsed.value);
  if (!result.success) throw complaintOf(path, parsed, result.error.issues, Allowlist);
  refuseWrongPurpose(path, result.data);
  refuseTwice(path, result.data);
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

function refuseExpired(path: string, list: Allowlist, now: Date): void {
  const today = now.toISOString().slice(0, 10);
  for (const [i, rule] of list.rules.entries()) {
    if (rule.expires === undefined || rule.expires >= today) continue;
    throw new OperatorError(
      `${basename(path)}: rules.${i}.expires: ${rule.id} expired on ${rule.expires}`,
      `${rule.owner ?? "its owner"} renews it with a new date, or takes the rule out`,
    );
  }
}

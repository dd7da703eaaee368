import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { OperatorError } from "../base/errors.ts";
import { complaintOf } from "../config/complaint.ts";
import { parseYaml } from "../config/yaml.ts";

/** A line of a .pub file: type, key, and perhaps a comment. */
const KEY_LINE =
  /^(sk-)?(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|ssh-rsa)(@openssh\.com)? [A-Za-z0-9+/]+={0,2}( [\x20-\x7e]*)?$/;

/**
 * Who may decide, where the operator has written it down in `<state>/roster.yaml`:
 *
 *     version: 1
 *     people:
 *       - id: ada
 *         keys:
 *           - ssh-ed25519 AAAAC3Nza…
 *
 * When the file is there, only signatures by its keys count. One person may have several keys, no key two owners.
 */
export const Roster = z.strictObject({
  version: z.literal(1),
  people: z
    .array(
      z.strictObject({
        // Stands in an allowed_signers file, where a space, comma, quote, * or ? would mean something.
        id: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/, "letters, digits and . _ @ - only"),
        keys: z.array(z.string().regex(KEY_LINE, "one public key as in a .pub file")).min(1).max(20),
      }),
    )
    .min(1)
    .max(1_000),
});
export type Roster = z.infer<typeof Roster>;

/** Undefined when there is no roster. Throws OperatorError when there is one that cannot be read: never as if none. */
export function readRoster(stateDir: string): Roster | undefined {
  const path = join(stateDir, "roster.yaml");
  if (!existsSync(path)) return undefined;
  const parsed = parseYaml(path, readFileSync(path));
  const roster = Roster.safeParse(parsed.value);
  if (!roster.success) throw complaintOf(path, parsed, roster.error.issues, Roster);
  refuseTwice(
    roster.data.people.map(({ id }) => id),
    "the person",
  );
  refuseTwice(
    roster.data.people.flatMap(({ keys }) => keys.map(keyOf)),
    "the key",
  );
  return roster.data;
}

/** In the form of ssh-keygen's allowed_signers, limited to one namespace. */
export function allowedSigners(roster: Roster, namespace: string): string {
  const lines = roster.people.flatMap(({ id, keys }) =>
    keys.map((key) => `${id} namespaces="${namespace}" ${keyOf(key)}\n`),
  );
  return lines.join("");
}

/** Type and key without the comment. */
function keyOf(line: string): string {
  return line.split(" ").slice(0, 2).join(" ");
}

function refuseTwice(values: string[], what: string): void {
  const twice = values.find((value, index) => values.indexOf(value) !== index);
  if (twice !== undefined)
    throw new OperatorError(`roster.yaml: ${what} ${twice} stands there twice`, "leave one of them out");
}

import { createHmac } from "node:crypto";
import type { Check, Row } from "../probe.ts";
import { absent, named, reachable } from "../row.ts";
import { formOf, isSecretName } from "./secret-shapes.ts";

export const envSecret: Check = {
  id: "env-secret",
  category: "secrets",
  why: "The environment goes to every program that is started, also to those an intruder chooses.",
  misses: "A secret under an innocent name and without a known form. Its value never leaves this process.",
  source: "MITRE ATT&CK T1552; CWE-526",
  async run({ environment, request }) {
    const rows: Row[] = [];
    for (const name of Object.keys(environment).sort()) {
      const value = environment[name] ?? "";
      const form = formOf(value);
      if (value === "" || (form === undefined && !isSecretName(name))) continue;
      const detail = [
        `${value.length} characters`,
        form ?? "secret by its name",
        ...hashed(value, request.keyHex),
      ].join(", ");
      rows.push(
        reachable(`env-secret:${named(name)}`, `environment variable ${name}`, ["read"], detail, `env:${name}`),
      );
    }
    if (rows.length === 0)
      rows.push(absent("env-secret", "secrets in the environment", "no name and no form of a secret"));
    return { rows };
  },
};

/** Tells whether two sightings are of one value, to whoever has the key, and nothing else. */
function hashed(value: string, keyHex: string | undefined): string[] {
  if (keyHex === undefined) return [];
  return [`keyed hash ${createHmac("sha256", Buffer.from(keyHex, "hex")).update(value).digest("hex").slice(0, 16)}`];
}

import { createHash } from "node:crypto";

/** What a decoy looks like. No name in it says what it is. */
export type Persona = {
  server: string;
  version: string;
  tools: { name: string; title: string; description: string }[];
};

const SERVERS = ["team-vault", "ops-secrets", "keyring", "config-store", "infra-params", "deploy-vars"];
const NOUNS = ["secret", "entry", "parameter", "record", "credential", "value"];
const VERBS = ["read", "get", "fetch", "lookup", "show"];

/** A persona from a seed: the same seed gives the same one, other seeds nearly always another. */
export function persona(seed: string): Persona {
  const digest = createHash("sha256").update(seed).digest();
  const noun = pick(NOUNS, digest[1] ?? 0);
  const verb = pick(VERBS, digest[2] ?? 0);
  const suffix = digest.subarray(4, 6).toString("hex");
  return {
    server: `${pick(SERVERS, digest[0] ?? 0)}-${suffix}`,
    version: `1.${(digest[6] ?? 0) % 20}.${(digest[7] ?? 0) % 10}`,
    tools: [
      {
        name: `${verb}_${noun}`,
        title: `${capital(verb)} ${noun}`,
        description: `${capital(verb)} one ${noun} of the shared store by its path.`,
      },
      {
        name: `list_${noun}s`,
        title: `List ${noun}s`,
        description: `List the ${noun}s below a path of the shared store.`,
      },
    ],
  };
}

function pick(words: readonly string[], byte: number): string {
  return words[byte % words.length] ?? "store";
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

import type { Config } from "./config.ts";
import { type Environment, secretNamed } from "./env.ts";

/** What the driver for E2B is made with. */
export type E2bSettings = {
  /** Undefined when its variable is not set. */
  apiKey: string | undefined;
  keyEnv: string;
  template: string;
  apiUrl: string | undefined;
  sandboxUrl: string | undefined;
};

/** Undefined unless the file asks for E2B: a clone goes to an outside service only when a person wrote so. */
export function e2bSettings(
  { e2b, target, lab }: Pick<Config, "e2b" | "target" | "lab">,
  environment: Environment,
): E2bSettings | undefined {
  if (target.driver !== "e2b" && !lab.allowE2b) return undefined;
  const { keyEnv, template, apiUrl, sandboxUrl } = e2b;
  return { apiKey: secretNamed(environment, keyEnv), keyEnv, template, apiUrl, sandboxUrl };
}

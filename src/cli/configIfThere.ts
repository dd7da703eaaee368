import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { type Config, loadConfig } from "../config/config.ts";
import { CONFIG_NAME } from "../config/name.ts";
import { text, type VerbInput } from "./verb.ts";

/** What is configured decides which engine is asked and whether E2B is; without a configuration the usual places are. */
export async function configIfThere(values: VerbInput["values"], cwd: string): Promise<Config | undefined> {
  const named = text(values, "config");
  const path = resolve(cwd, named ?? CONFIG_NAME);
  return named !== undefined || existsSync(path) ? loadConfig(path) : undefined;
}

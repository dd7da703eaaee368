import { codexSetSandboxMode } from "./catalogue/codexSetSandboxMode.ts";
import { devcontainerDropCapability } from "./catalogue/devcontainerDropCapability.ts";
import { devcontainerRemoveEnv } from "./catalogue/devcontainerRemoveEnv.ts";
import { devcontainerRemoveMount } from "./catalogue/devcontainerRemoveMount.ts";
import { mcpPinVersion } from "./catalogue/mcpPinVersion.ts";
import type { Mitigation } from "./mitigation.ts";

/** Every mitigation we can write, prove and undo. The catalogue of weaknesses names them by id. */
export const MITIGATIONS: readonly Mitigation[] = [
  devcontainerRemoveMount,
  devcontainerDropCapability,
  devcontainerRemoveEnv,
  mcpPinVersion,
  codexSetSandboxMode,
];

import { CROSS_BOUNDARY } from "./crossBoundary.ts";
import { FILESYSTEM } from "./filesystem.ts";
import { MEMORY } from "./memory.ts";
import { NETWORK } from "./network.ts";
import { PROCESS } from "./process.ts";
import { SECRETS } from "./secrets.ts";
import type { Twin } from "./twin.ts";

/** Every twin that a spec of ours can make. */
export const TWINS: readonly Twin[] = [
  ...FILESYSTEM,
  ...SECRETS,
  ...NETWORK,
  ...PROCESS,
  ...MEMORY,
  ...CROSS_BOUNDARY,
];

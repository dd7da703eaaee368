import type { BypassCase } from "./case.ts";
import { INSIDE_CASES } from "./inside.ts";
import { NAME_CASES } from "./names.ts";
import { REQUEST_CASES } from "./requests.ts";
import { TUNNEL_CASES } from "./tunnels.ts";

/** The 23 known ways round an egress allowlist, by number. */
export const CASES: readonly BypassCase[] = [
  ...NAME_CASES,
  ...TUNNEL_CASES,
  ...REQUEST_CASES,
  ...INSIDE_CASES,
].toSorted((a, b) => a.number - b.number);

import { ARXIV } from "./arxiv/source.ts";
import { CISA_KEV } from "./cisa-kev/source.ts";
import { GITHUB_ADVISORIES } from "./github-advisories/source.ts";
import { MITRE_ATLAS } from "./mitre-atlas/source.ts";
import { MITRE_ATTACK } from "./mitre-attack/source.ts";
import { NIST_AI_RMF } from "./nist-ai-rmf/source.ts";
import { NVD } from "./nvd/source.ts";
import { OSV } from "./osv/source.ts";
import { OWASP_LLM } from "./owasp-llm/source.ts";
import type { Source } from "./source.ts";
import { VENDOR_ADVISORIES } from "./vendor-advisories/source.ts";

/** Every source that may be studied, in the order in which they are listed. */
export const SOURCES: readonly Source[] = [
  NVD,
  CISA_KEV,
  OSV,
  GITHUB_ADVISORIES,
  VENDOR_ADVISORIES,
  MITRE_ATTACK,
  MITRE_ATLAS,
  OWASP_LLM,
  NIST_AI_RMF,
  ARXIV,
];

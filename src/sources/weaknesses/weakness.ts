import { z } from "zod";
import { Category, Observation, Verdict } from "../../guest/observation.ts";

/**
 * A weakness: a condition on observations, what it means, and what closes it. The catalogue is ours, plain data, and
 * the same file serves the scripted researcher inside the lab and the verification outside.
 */

export const SEVERITIES = ["info", "low", "medium", "high", "critical"] as const;
export const Severity = z.enum(SEVERITIES);
export type Severity = z.infer<typeof Severity>;

export const Weakness = z.strictObject({
  /** Kebab case; the `rule` of a fingerprint. Never renamed without an alias. */
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{2,60}$/),
  title: z.string().max(120),
  category: Category,
  /** True when one observation matches every field given. */
  when: z.strictObject({
    check: z.string(),
    verdict: z.array(Verdict).min(1),
    from: z.array(Observation.shape.from).min(1),
    /** All of these accesses were shown. */
    access: Observation.shape.access.optional(),
    /** The check's instance is one of these paths or lies below one; any instance when left out. */
    within: z.array(z.string()).optional(),
  }),
  /** One finding for each matching observation, or one for all together. */
  one: z.enum(["per-observation", "per-target"]),
  severity: Severity,
  /** What someone inside could do with it, in two or three sentences for a security reviewer. No recipe. */
  explanation: z.string().max(900),
  attack: z.array(z.string().regex(/^T\d{4}(\.\d{3})?$/)),
  atlas: z.array(z.string().regex(/^AML\.T\d{4}(\.\d{3})?$/)),
  /** OWASP ids: LLM01:2025…, ASI01…, MCP01:2025… */
  owasp: z.array(z.string().max(20)),
  cwe: z.array(z.string().regex(/^CWE-\d+$/)),
  /** Ids of mitigation/catalogue entries; advice alone when empty. */
  mitigations: z.array(z.string()),
  advice: z.string().max(600),
});
export type Weakness = z.infer<typeof Weakness>;

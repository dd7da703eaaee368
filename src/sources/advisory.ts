import { z } from "zod";
import { documentOf, type SourceDocument } from "./source.ts";

/** A GitHub security advisory, global or of a repository. The two differ in how they name what fixes it. */
export const Advisory = z.object({
  ghsa_id: z.string(),
  cve_id: z.string().nullable().optional(),
  summary: z.string(),
  description: z.string().nullable().optional(),
  severity: z.string().nullable().optional(),
  html_url: z.string().optional(),
  published_at: z.string().nullable().optional(),
  withdrawn_at: z.string().nullable().optional(),
  vulnerabilities: z
    .array(
      z.object({
        package: z.object({ ecosystem: z.string(), name: z.string().nullable() }).nullable().optional(),
        vulnerable_version_range: z.string().nullable().optional(),
        /** Global. */
        first_patched_version: z.string().nullable().optional(),
        /** Of a repository. */
        patched_versions: z.string().nullable().optional(),
      }),
    )
    .nullable()
    .optional(),
  cvss: z.object({ vector_string: z.string().nullable(), score: z.number().nullable() }).nullable().optional(),
  cwes: z
    .array(z.object({ cwe_id: z.string(), name: z.string() }))
    .nullable()
    .optional(),
});

export function readAdvisory(advisory: z.infer<typeof Advisory>): SourceDocument {
  const affected = (advisory.vulnerabilities ?? []).map((one) => {
    const fixed = one.first_patched_version ?? one.patched_versions;
    const name = one.package == null ? "" : `${one.package.ecosystem} ${one.package.name ?? ""} `;
    return `affected: ${name}${one.vulnerable_version_range ?? "unsaid"}, fixed in ${fixed || "nothing yet"}`;
  });
  return documentOf({
    id: advisory.ghsa_id,
    title: advisory.summary,
    published: advisory.published_at,
    url: advisory.html_url,
    text: [
      advisory.withdrawn_at == null ? null : `withdrawn: ${advisory.withdrawn_at}`,
      advisory.cve_id == null ? null : `also known as: ${advisory.cve_id}`,
      advisory.severity == null ? null : `severity: ${advisory.severity}`,
      advisory.cvss?.vector_string == null ? null : `score: ${advisory.cvss.vector_string}`,
      ...(advisory.cwes ?? []).map(({ cwe_id, name }) => `weakness: ${cwe_id} ${name}`),
      ...affected,
      advisory.description,
    ],
  });
}

import { z } from "zod";
import { AttackTechnique, MIB } from "../patterns.ts";
import { dataOf, defineSource, documentOf, getJson } from "../source.ts";
import { SNAPSHOT } from "./snapshot.ts";

/**
 * MITRE ATT&CK Enterprise as STIX 2.1 (https://github.com/mitre-attack/attack-stix-data), about 50 MB in one file: more
 * than the StreamMaxLength that Debian's clamd starts with (25M), and what clamd does not take is not read. Only
 * techniques on the platforms that a sandbox stands on are kept; revoked and deprecated ones are left out.
 */
const PLATFORMS = ["Containers", "Linux", "IaaS"];

const Technique = z.object({
  type: z.literal("attack-pattern"),
  name: z.string(),
  description: z.string().optional(),
  created: z.string().optional(),
  revoked: z.boolean().optional(),
  x_mitre_deprecated: z.boolean().optional(),
  x_mitre_platforms: z.array(z.string()).optional(),
  kill_chain_phases: z.array(z.object({ phase_name: z.string() })).optional(),
  external_references: z.array(
    z.object({ source_name: z.string(), external_id: z.string().optional(), url: z.string().optional() }),
  ),
});
const Bundle = z.object({ type: z.literal("bundle"), objects: z.array(z.looseObject({ type: z.string() })) });

export const MITRE_ATTACK = defineSource({
  id: "mitre-attack",
  title: "MITRE ATT&CK, Enterprise",
  publisher: "MITRE",
  kind: "dataset",
  terms: {
    licence: "ATT&CK terms of use, royalty-free",
    url: "https://attack.mitre.org/resources/legal-and-branding/terms-of-use/",
    attribution:
      "© The MITRE Corporation. This work is reproduced and distributed with the permission of The MITRE Corporation.",
  },
  rules: ["mitre-attack"],
  params: z.strictObject({ technique: AttackTechnique.optional() }),
  request: () => ({
    ...getJson(
      "https://raw.githubusercontent.com/mitre-attack/attack-stix-data/master/enterprise-attack/enterprise-attack.json",
    ),
    accept: ["application/json", "text/plain"],
  }),
  limits: { wireBytesMax: 64 * MIB, bytesMax: 96 * MIB, timeMs: 180_000 },
  intervalMs: 2_000,
  freshness: { reuseHours: 24 * 7, staleDays: 200 },
  snapshot: SNAPSHOT,
  read(content) {
    const techniques = Bundle.parse(dataOf(content)).objects.flatMap((object) =>
      object.type === "attack-pattern" ? [Technique.parse(object)] : [],
    );
    return techniques.flatMap((technique) => {
      if (technique.revoked === true || technique.x_mitre_deprecated === true) return [];
      if (!(technique.x_mitre_platforms ?? []).some((platform) => PLATFORMS.includes(platform))) return [];
      const reference = technique.external_references.find(({ source_name: name }) => name === "mitre-attack");
      if (reference?.external_id === undefined) return [];
      return [
        documentOf({
          id: reference.external_id,
          title: technique.name,
          published: technique.created,
          url: reference.url,
          text: [
            `platforms: ${(technique.x_mitre_platforms ?? []).join(", ")}`,
            `tactics: ${(technique.kill_chain_phases ?? []).map(({ phase_name: name }) => name).join(", ")}`,
            technique.description,
          ],
        }),
      ];
    });
  },
  pick: (documents, { technique }) =>
    documents.filter(({ id }) => technique === undefined || id === technique || id.startsWith(`${technique}.`)),
});

import { z } from "zod";
import { AtlasTechnique, MIB } from "../patterns.ts";
import { dataOf, defineSource, documentOf } from "../source.ts";
import { SNAPSHOT } from "./snapshot.ts";

/** MITRE ATLAS (https://github.com/mitre-atlas/atlas-data): techniques against systems that use AI, in one YAML file of 0.5 MB. */
const Atlas = z.object({
  matrices: z.array(
    z.object({
      techniques: z.array(
        z.object({
          id: z.string(),
          name: z.string(),
          description: z.string().optional(),
          created_date: z.string().optional(),
          tactics: z.array(z.string()).optional(),
          "ATT&CK-reference": z.object({ id: z.string() }).optional(),
        }),
      ),
    }),
  ),
});

export const MITRE_ATLAS = defineSource({
  id: "mitre-atlas",
  title: "MITRE ATLAS",
  publisher: "MITRE",
  kind: "dataset",
  terms: {
    licence: "Apache-2.0",
    url: "https://github.com/mitre-atlas/atlas-data/blob/main/LICENSE",
    attribution: "© The MITRE Corporation, Apache-2.0.",
  },
  rules: ["mitre-atlas"],
  params: z.strictObject({ technique: AtlasTechnique.optional() }),
  request: () => ({
    method: "GET",
    url: "https://raw.githubusercontent.com/mitre-atlas/atlas-data/main/dist/ATLAS.yaml",
    body: null,
    accept: ["text/plain", "application/yaml", "text/yaml"],
  }),
  limits: { wireBytesMax: 4 * MIB, bytesMax: 8 * MIB, timeMs: 60_000 },
  intervalMs: 2_000,
  freshness: { reuseHours: 24 * 7, staleDays: 200 },
  snapshot: SNAPSHOT,
  read: (content) =>
    Atlas.parse(dataOf(content))
      .matrices.flatMap(({ techniques }) => techniques)
      .map((technique) =>
        documentOf({
          id: technique.id,
          title: technique.name,
          published: technique.created_date,
          url: `https://atlas.mitre.org/techniques/${technique.id}`,
          text: [
            `tactics: ${(technique.tactics ?? []).join(", ")}`,
            technique["ATT&CK-reference"] === undefined ? null : `ATT&CK: ${technique["ATT&CK-reference"].id}`,
            technique.description,
          ],
        }),
      ),
  pick: (documents, { technique }) =>
    documents.filter(({ id }) => technique === undefined || id === technique || id.startsWith(`${technique}.`)),
});

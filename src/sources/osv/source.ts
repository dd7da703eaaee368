import { z } from "zod";
import { ECOSYSTEMS, MIB, PackageName, PackageVersion } from "../patterns.ts";
import { dataOf, defineSource, documentOf, getJson, type SourceDocument } from "../source.ts";
import { SNAPSHOT } from "./snapshot.ts";

/**
 * OSV.dev (https://google.github.io/osv.dev/api/): one record by id, or the records that concern a package. A record that
 * was `withdrawn` is said to be; `last_affected` is no `fixed`.
 */
const Range = z.object({ type: z.string(), events: z.array(z.record(z.string(), z.string())) });
const Vulnerability = z.object({
  id: z.string(),
  published: z.string().optional(),
  withdrawn: z.string().optional(),
  aliases: z.array(z.string()).optional(),
  summary: z.string().optional(),
  details: z.string().optional(),
  severity: z.array(z.object({ type: z.string(), score: z.string() })).optional(),
  affected: z
    .array(
      z.object({
        package: z.object({ ecosystem: z.string(), name: z.string() }).optional(),
        ranges: z.array(Range).optional(),
      }),
    )
    .optional(),
});
/** A package that nothing concerns is answered with an empty object. */
const Answer = z.union([
  Vulnerability.transform((one) => [one]),
  z.object({ vulns: z.array(Vulnerability).default([]) }),
]);

const Id = z.string().regex(/^[A-Z]{2,12}-[A-Za-z0-9-]{4,40}$/, "an id as in GO-2024-2491 or GHSA-xr7r-f8xq-vfvv");

export const OSV = defineSource({
  id: "osv",
  title: "OSV.dev",
  publisher: "Google and the publishers of each record",
  kind: "api",
  terms: {
    licence: "that of each record's publisher, mostly CC-BY-4.0",
    url: "https://google.github.io/osv.dev/data/",
    attribution: null,
  },
  rules: ["osv-vulnerability", "osv-query"],
  params: z.union([
    z.strictObject({ id: Id }),
    z.strictObject({ ecosystem: z.enum(ECOSYSTEMS), package: PackageName, version: PackageVersion.optional() }),
  ]),
  request(params) {
    if ("id" in params) return getJson(`https://api.osv.dev/v1/vulns/${params.id}`);
    const { ecosystem, package: name, version } = params;
    const body = JSON.stringify({ package: { ecosystem, name }, version });
    return { method: "POST", url: "https://api.osv.dev/v1/query", body, accept: ["application/json"] };
  },
  limits: { wireBytesMax: 4 * MIB, bytesMax: 16 * MIB, timeMs: 30_000 },
  intervalMs: 1_000,
  freshness: { reuseHours: 12, staleDays: 14 },
  snapshot: SNAPSHOT,
  read(content) {
    const answer = Answer.parse(dataOf(content));
    return (Array.isArray(answer) ? answer : answer.vulns).map(read);
  },
});

function read(record: z.infer<typeof Vulnerability>): SourceDocument {
  const affected = (record.affected ?? []).flatMap(({ package: one, ranges }) =>
    (ranges ?? []).map(({ type, events }) => {
      const steps = events.map((event) =>
        Object.entries(event)
          .map(([what, version]) => `${what} ${version}`)
          .join(" "),
      );
      return `affected: ${one === undefined ? "" : `${one.ecosystem} ${one.name} `}${type} ${steps.join(", ")}`;
    }),
  );
  return documentOf({
    id: record.id,
    title: record.summary ?? record.id,
    published: record.published,
    url: `https://osv.dev/vulnerability/${record.id}`,
    text: [
      record.withdrawn === undefined ? null : `withdrawn: ${record.withdrawn}`,
      record.aliases === undefined ? null : `also known as: ${record.aliases.join(", ")}`,
      ...(record.severity ?? []).map(({ type, score }) => `severity: ${type} ${score}`),
      ...affected,
      record.details,
    ],
  });
}

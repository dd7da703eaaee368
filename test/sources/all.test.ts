import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { loadAllowlist } from "../../src/egress/allowlist.ts";
import { decide } from "../../src/egress/decide.ts";
import { nothingRemoved } from "../../src/egress/source/invisible.ts";
import { readFile } from "../../src/egress/source/read.ts";
import { SOURCES } from "../../src/sources/all.ts";
import type { Source } from "../../src/sources/source.ts";

const ALLOWLIST = fileURLToPath(new URL("../../allowlists/sources.yaml", import.meta.url));

/** Parameters that each source takes, and some that it must not. */
const CASES: Record<string, { ok: unknown[]; ng: unknown[] }> = {
  nvd: {
    ok: [{ cveId: "CVE-2024-21626" }, { keywords: "runc container" }],
    ng: [{}, { cveId: "CVE-2024-1&x=1" }, { cveId: "CVE-2024-21626", keywords: "runc" }, { keywords: "a/../b" }],
  },
  "cisa-kev": { ok: [{}, { cveId: "CVE-2024-1086" }], ng: [{ cve: "CVE-2024-1086" }] },
  osv: {
    ok: [{ id: "GO-2024-2491" }, { ecosystem: "npm", package: "@scope/name", version: "1.0.0" }],
    ng: [{ id: "../v1/query" }, { ecosystem: "npm" }, { ecosystem: "other", package: "a" }],
  },
  "github-advisories": {
    ok: [{}, { ghsaId: "GHSA-xr7r-f8xq-vfvv" }, { ecosystem: "npm", severity: "high" }],
    ng: [{ ghsaId: "GHSA-xr7r-f8xq-vfvv/x" }, { ecosystem: "npm&per_page=1" }],
  },
  "vendor-advisories": { ok: [{ product: "runc" }], ng: [{}, { product: "someone/else" }, { product: "toString" }] },
  "mitre-attack": { ok: [{}, { technique: "T1552.001" }], ng: [{ technique: "T1" }] },
  "mitre-atlas": { ok: [{}, { technique: "AML.T0051" }], ng: [{ technique: "T1611" }] },
  "owasp-llm": { ok: [{ entry: "LLM01" }], ng: [{ entry: "LLM11" }, { entry: "__proto__" }, {}] },
  "nist-ai-rmf": { ok: [{}], ng: [{ page: "x" }] },
  arxiv: {
    ok: [{ words: "agent sandbox escape" }, { paper: "2603.02277" }],
    ng: [{ words: "a AND%20b" }, { words: 'all:"x"' }, { paper: "2603.02277&x" }, { words: "" }],
  },
};

test("every source has cases here, a folder of its own and an id of its own", () => {
  expect(SOURCES.map(({ id }) => id).toSorted()).toEqual(Object.keys(CASES).toSorted());
  for (const { id } of SOURCES) {
    expect(existsSync(fileURLToPath(new URL(`../../src/sources/${id}/source.ts`, import.meta.url))), id).toBe(true);
  }
});

describe.each(SOURCES.map((source) => [source.id, source] as const))("%s", (id, source) => {
  test("asks for nothing but what its own rules of the allowlist let through", async () => {
    const { rules } = await loadAllowlist(ALLOWLIST, new Date());
    for (const params of CASES[id]?.ok ?? []) {
      const asked = source.ask(params);
      if (asked.status === "refused") throw new Error(`${id} refused ${JSON.stringify(params)} at ${asked.place}`);
      const url = new URL(asked.request.url);
      expect(url.href, "written as a URL parser writes it").toBe(asked.request.url);
      const decision = decide(
        {
          role: "lab",
          method: asked.request.method,
          scheme: "https",
          authority: url.host,
          path: `${url.pathname}${url.search}`,
        },
        { isLatched: false, today: "2026-01-01", canaryHosts: [], rules },
      );
      expect(decision, asked.request.url).toMatchObject({ verdict: "allow" });
      expect(source.rules).toContain(decision.rule?.id);
      expect(decision.rule?.scheme).toBe("https");
      expect(source.limits.wireBytesMax).toBeLessThanOrEqual(decision.rule?.responseBytesMax ?? 0);
      expect(asked.request.body === null).toBe(asked.request.method === "GET");
      expect(Buffer.byteLength(asked.request.body ?? "")).toBeLessThanOrEqual(decision.rule?.requestBytesMax ?? 0);
    }
  });

  test("takes no parameters of another shape", () => {
    for (const params of [...(CASES[id]?.ng ?? []), null, "x", [], { url: "https://evil.example/" }]) {
      expect(source.ask(params), JSON.stringify(params)).toMatchObject({ status: "refused" });
    }
  });
});

test.each(SOURCES.map((source) => [source.id, source] as const))(
  "%s's excerpt is in the form of the source",
  (_, source) => {
    const { mediaType, body, writtenOn } = source.snapshot;
    const read = readFile(source, mediaType, Buffer.from(body));
    if (read.status === "unreadable") throw new Error(read.reason);
    expect(read.documents.length).toBeGreaterThan(0);
    for (const { id, title, text } of read.documents) expect([id, title, text].every((one) => one !== "")).toBe(true);
    expect(read.removed).toEqual(nothingRemoved());
    expect(writtenOn).toMatch(/^20\d\d-\d\d-\d\d$/);
    expect(readFile(source, mediaType, Buffer.from("<p hidden>{}</p>"))).toMatchObject({ status: "unreadable" });
  },
);

test("what parameters ask for is picked out of a source that is fetched whole", () => {
  const documents = ["T1611", "T1552", "T1552.001"].map((name) => ({
    id: name,
    title: name,
    published: null,
    url: null,
    text: "",
  }));
  const attack = byId("mitre-attack");
  expect(attack.pick(documents, { technique: "T1552" }).map(({ id }) => id)).toEqual(["T1552", "T1552.001"]);
  expect(attack.pick(documents, {})).toHaveLength(3);
  expect(byId("nvd").pick(documents, { keywords: "runc" })).toHaveLength(3);
});

function byId(id: string): Source {
  const source = SOURCES.find((one) => one.id === id);
  if (source === undefined) throw new Error(`no source ${id}`);
  return source;
}

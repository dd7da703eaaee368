import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { egressTable } from "../../src/cycle/egress.ts";
import { foreignCredentials } from "../../src/cycle/foreign.ts";
import { verify } from "../../src/findings/verify.ts";
import { CATALOGUE } from "../../src/sources/weaknesses/catalogue.ts";

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "wd-table-"));
  path = join(directory, "egress.jsonl");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

type Fields = Record<string, unknown>;

function write(...lines: Fields[]) {
  writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
}

function open(flow: number, over: Fields = {}): Fields {
  const asked = { authority: "API.example:443", host: "api.example", port: 443, bytesUp: 10 };
  return { event: "open", flow, sandbox: "wd-lab", role: "lab", verdict: "allow", reason: "rule", ...asked, ...over };
}

function close(flow: number, over: Fields = {}): Fields {
  return { event: "close", flow, sandbox: "wd-lab", reason: "ok", bytesUp: 0, bytesDown: 100, ...over };
}

function deny(flow: number, over: Fields = {}): Fields {
  return open(flow, { verdict: "deny", reason: "host-not-listed", host: null, port: null, ...over });
}

describe("the table of what asked to leave", () => {
  test("has a row for each sandbox and host, however the host was written, with bytes each way", () => {
    write(
      open(0),
      open(1, { authority: "api.example" }),
      close(1),
      close(0, { bytesUp: 5 }),
      open(2, { sandbox: "wd-other" }),
      open(3, { port: 8443 }),
    );
    expect(egressTable(path)).toEqual([
      {
        sandbox: "wd-lab",
        authority: "api.example",
        allowed: 2,
        denied: 0,
        bytesUp: 25,
        bytesDown: 200,
        reasons: [],
      },
      expect.objectContaining({ sandbox: "wd-other", authority: "api.example", allowed: 1, bytesDown: 0 }),
      expect.objectContaining({ sandbox: "wd-lab", authority: "api.example:8443" }),
    ]);
  });

  test("says why it was denied, or what became of it, and counts no bytes of what was denied", () => {
    write(
      deny(0, { authority: "evil.example" }),
      close(0),
      deny(1, { authority: "evil.example" }),
      deny(2, { host: "api.example", port: 443, reason: "path-not-listed" }),
      open(3),
      close(3, { reason: "upstream-unreachable ECONNREFUSED", bytesDown: 0 }),
      deny(4, { authority: "" }),
    );
    expect(egressTable(path)).toMatchObject([
      { authority: "api.example", allowed: 1, denied: 1, reasons: ["path-not-listed", "upstream-unreachable"] },
      { authority: "evil.example", denied: 2, bytesUp: 0, bytesDown: 0, reasons: ["host-not-listed"] },
      { authority: "(not shown: it carried a fake)", denied: 1 },
    ]);
  });

  test("counts what a cap turned away unread", () => {
    write(open(0), { event: "capped", sandbox: "wd-lab", reason: "too-many-requests", times: 41 });
    expect(egressTable(path)[0]).toMatchObject({ denied: 41, reasons: ["too-many-requests"] });
  });

  test("stays short when a guest makes up names, and loses none of them", () => {
    write(open(0), open(1), ...Array.from({ length: 1_000 }, (_, i) => deny(i + 2, { authority: `h${i}.example` })));
    const rows = egressTable(path);
    expect(rows).toHaveLength(200);
    expect(rows[0]).toMatchObject({ authority: "api.example", allowed: 2 });
    expect(rows.reduce((sum, { denied }) => sum + denied, 0)).toBe(1_000);
    expect(rows.at(-1)).toMatchObject({ authority: "(802 others)", reasons: ["host-not-listed"] });
  });

  test("is read in pieces: a line may lie across two of them", () => {
    write(...Array.from({ length: 9_000 }, (_, i) => open(i, { filler: "x".repeat(100) })));
    expect(egressTable(path)).toMatchObject([{ allowed: 9_000, bytesUp: 90_000 }]);
  });
});

describe("a credential of others", () => {
  const credential = { place: "header authorization", kind: "unknown", hash: "0123456789abcdef" };
  const foreign = { verdict: "deny", reason: "foreign-credential", credential };

  test("that was sent to a host of the rules is a finding", () => {
    write(open(0, foreign), open(1, foreign), open(2, { credential: null }));
    const seen = foreignCredentials(path);
    expect(seen.checks).toMatchObject([{ check: "foreign-credential", status: "ran" }]);
    const { findings, rejected } = verify({
      candidates: seen.candidates,
      observations: seen.observations,
      catalogue: CATALOGUE,
      target: "t",
      cycle: "c",
      at: new Date(0),
    });
    expect(rejected).toEqual([]);
    expect(findings).toMatchObject([
      { weakness: "foreign-credential-used", severity: "high", evidenceClass: "observed" },
    ]);
    expect(findings[0]?.evidence[0]?.detail).toBe(
      "refused 2 times: header authorization of kind unknown (0123456789abcdef) from wd-lab",
    );
  });

  test("that was in a message of a websocket is one, too, of the host that it was opened to", () => {
    const message = { place: "message", kind: "github-token", hash: "0123456789abcdef" };
    write(
      open(0),
      open(1, { mode: "websocket" }),
      close(0),
      close(1, { credential: message }),
      close(1, { credential }),
    );
    expect(foreignCredentials(path).observations).toMatchObject([
      {
        id: "foreign-credential:api.example",
        detail: "refused 1 times: message of kind github-token (0123456789abcdef) from wd-lab",
      },
    ]);
  });

  test("that nobody sent is none, and that was looked for", () => {
    write(open(0, { credential: null }));
    expect(foreignCredentials(path)).toMatchObject({ observations: [], candidates: [], checks: [{ status: "ran" }] });
  });

  test("was not looked for where no request was held against a rule", () => {
    write(deny(0), close(0), open(1, { role: "source-fetcher" }));
    expect(foreignCredentials(path)).toMatchObject({ observations: [], checks: [{ status: "skipped" }] });
  });
});

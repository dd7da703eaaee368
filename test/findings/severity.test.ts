import { expect, test } from "vitest";
import { blastRadiusOf } from "../../src/findings/blastRadius.ts";
import { routeOf } from "../../src/findings/route.ts";
import { severityOf } from "../../src/findings/severity.ts";
import type { Observation } from "../../src/guest/observation.ts";
import { CATALOGUE, weaknessOf } from "../../src/sources/weaknesses/catalogue.ts";
import type { Weakness } from "../../src/sources/weaknesses/weakness.ts";
import { CLOUD, SOCKET, UNPINNED } from "./sample.ts";

function known(id: string): Weakness {
  const weakness = weaknessOf(CATALOGUE, id);
  if (weakness === undefined) throw new Error(`${id} is not in the catalogue`);
  return weakness;
}

test.each<[string, Weakness, Observation, string]>([
  ["the catalogue's own", known("cloud-credentials-in-sandbox"), CLOUD, "high"],
  [
    "raised when it can be altered too",
    known("cloud-credentials-in-sandbox"),
    { ...CLOUD, access: ["read", "write"] },
    "critical",
  ],
  [
    "never over critical",
    { ...known("cloud-credentials-in-sandbox"), severity: "critical" },
    { ...CLOUD, access: ["read", "write"] },
    "critical",
  ],
  ["never critical by a file alone", { ...known("mcp-server-unpinned"), severity: "critical" }, UNPINNED, "high"],
  ["not raised by the access it is about", known("engine-socket-in-sandbox"), SOCKET, "critical"],
])("the severity is %s", (_, weakness, observation, expected) => {
  const { severity, reasons } = severityOf(weakness, [observation]);
  expect(severity).toBe(expected);
  expect(reasons.length).toBeGreaterThan(0);
});

test("a raised severity says what raised it", () => {
  const { reasons } = severityOf(known("cloud-credentials-in-sandbox"), [{ ...CLOUD, access: ["read", "write"] }]);
  expect(reasons.at(-1)).toContain("write");
});

test("the blast radius lists each resource once and says that it is a lower bound", () => {
  const radius = blastRadiusOf(known("cloud-credentials-in-sandbox"), [CLOUD, CLOUD]);
  expect(radius.reaches).toHaveLength(1);
  expect(radius.summary).toContain("at least");
});

test("a route of many alike resources stays readable", () => {
  const many = Array.from({ length: 40 }, (_, i) => ({
    ...CLOUD,
    id: `cloud-credential-file:/f${i}`,
    subject: `file ${i}`,
  }));
  const route = routeOf(known("cloud-credentials-in-sandbox"), many);
  expect(route.length).toBeLessThanOrEqual(12);
  expect(route.join("\n")).toContain("35 more");
});

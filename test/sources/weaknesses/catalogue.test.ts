import { expect, test } from "vitest";
import type { Observation } from "../../../src/guest/observation.ts";
import { CATALOGUE, weaknessOf } from "../../../src/sources/weaknesses/catalogue.ts";
import { instanceOf, matches, matching } from "../../../src/sources/weaknesses/match.ts";
import { Weakness } from "../../../src/sources/weaknesses/weakness.ts";

const PROBE_CHECKS =
  "engine-socket unix-socket capability cloud-credential-file agent-credential-file credential-file env-secret foreign-environ trust-file trust-file-creatable trust-file-changed git-program git-settings root-filesystem system-directory host-mount mount-propagation device-node kernel-control-file procfs-masking cgroup-control inherited-descriptor service-account-token agent-socket loopback-listener abstract-socket host-network-namespace user-identity syscall-boundary no-new-privs lsm namespace user-namespace host-processes ptrace-scope socket-family kernel-sysctl host-ipc host-uts persistence-path dangerous-syscall resource-limit sensitive-file data-flow dns-channel metadata-responder proxy-ignored host-gateway".split(
    " ",
  );
const AUDIT_CHECKS =
  "codex-sandbox-mode claude-permission-mode mcp-server-unpinned mcp-server-broad-root mcp-remote-plaintext gemini-trust sandbox-declared devcontainer-flags devcontainer-engine-socket instruction-hidden-text hook-runs-workspace-script credentials-in-config codex-approval-policy".split(
    " ",
  );

const GATEWAY_CHECKS = ["foreign-credential"];
const TOOL_CHECKS = ["tool-plane", "tool-rule"];
/** Told from the host's own tables. */
const IDENTITY_CHECKS = ["mcp-identity", "hook-identity", "agent-sandbox"];
/** Told by files of ours. */
const MEMORY_CHECKS = ["memory-canary", "tenant-canary"];

test("every entry has the shape of a weakness, and no id is there twice", () => {
  expect(CATALOGUE.filter((weakness) => !Weakness.safeParse(weakness).success).map((w) => w.id)).toEqual([]);
  expect(new Set(CATALOGUE.map((w) => w.id)).size).toBe(CATALOGUE.length);
  expect(CATALOGUE.length).toBeGreaterThanOrEqual(30);
});

test.each([
  ...[...PROBE_CHECKS, ...TOOL_CHECKS].map((c) => [c, "target"] as const),
  ...AUDIT_CHECKS.map((c) => [c, "audit"] as const),
  ...[...GATEWAY_CHECKS, ...IDENTITY_CHECKS, ...MEMORY_CHECKS].map((c) => [c, "outside"] as const),
])("what the check %s sees from %s has a meaning in the catalogue", (check, from) => {
  const meant = CATALOGUE.filter((w) => w.when.check === check);
  expect(meant.length).toBeGreaterThan(0);
  for (const weakness of meant) expect(weakness.when.from).toContain(from);
});

test("no entry waits for a check that nobody runs", () => {
  const known = new Set([
    ...PROBE_CHECKS,
    ...AUDIT_CHECKS,
    ...GATEWAY_CHECKS,
    ...TOOL_CHECKS,
    ...IDENTITY_CHECKS,
    ...MEMORY_CHECKS,
  ]);
  expect(CATALOGUE.filter((w) => !known.has(w.when.check)).map((w) => w.id)).toEqual([]);
});

test("what runtimes do by default is no alarm", () => {
  for (const id of [
    "root-filesystem-writable",
    "sandbox-user-is-root",
    "new-privileges-allowed",
    "raw-socket-creatable",
  ])
    expect(["info", "low"]).toContain(weaknessOf(CATALOGUE, id)?.severity);
});

const socket: Observation = {
  id: "engine-socket:/var/run/docker.sock",
  category: "cross-boundary",
  subject: "container engine socket",
  verdict: "decoy-reached",
  access: ["connect"],
  from: "target",
  detail: "",
};

test.each<[string, Partial<Observation>, boolean]>([
  ["the stand-in answered", {}, true],
  ["the real thing answered", { verdict: "reachable" }, true],
  ["more was shown than asked for", { access: ["list", "connect"] }, true],
  ["it was denied", { verdict: "denied", access: [] }, false],
  ["it could not be asked", { verdict: "not-measured", access: [] }, false],
  ["the access is not the one that matters", { access: ["list"] }, false],
  ["it was seen from the lab", { from: "lab" }, false],
  ["it was seen from the host", { from: "host" }, false],
  ["it is another check", { id: "unix-socket:/var/run/docker.sock" }, false],
  ["it is a check whose name only begins alike", { id: "engine-socket-other:/var/run/docker.sock" }, false],
])("an engine socket matters or not when %s", (_, change, expected) => {
  const weakness = weaknessOf(CATALOGUE, "engine-socket-in-sandbox");
  if (weakness === undefined) throw new Error("not in the catalogue");
  expect(matches(weakness, { ...socket, ...change })).toBe(expected);
});

test.each([
  ["host-mount:/etc", true],
  ["host-mount:/etc/ssl", true],
  ["host-mount:/etcetera", false],
  ["host-mount:/workspaces/p", false],
])("a mount is a system directory's by whole path parts: %s", (id, expected) => {
  const weakness = weaknessOf(CATALOGUE, "host-system-directory-writable");
  if (weakness === undefined) throw new Error("not in the catalogue");
  expect(matches(weakness, { ...socket, id, verdict: "reachable", access: ["read", "write"] })).toBe(expected);
});

test("the slave mounts that most machines have are not taken for shared ones", () => {
  const slave: Observation = { ...socket, id: "mount-propagation:slave", verdict: "reachable", access: ["list"] };
  expect(matching(CATALOGUE, [slave])).toEqual([]);
});

test("what the observations bear out is listed by weakness, and nothing else", () => {
  const found = matching(CATALOGUE, [socket, { ...socket, from: "lab" }]);
  expect(found.map((f) => [f.weakness.id, f.observations.length])).toEqual([["engine-socket-in-sandbox", 1]]);
  expect(matching(CATALOGUE, [])).toEqual([]);
});

test("the instance is what follows the first colon", () => {
  expect(instanceOf("env-secret:A:B")).toBe("A:B");
  expect(instanceOf("root-filesystem")).toBe("");
});

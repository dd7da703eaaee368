import { expect, test } from "vitest";
import { type SandboxSpec, STRICT } from "../../../src/sandbox/sandbox.ts";
import { settingsOf, wantedTools, weakSettings } from "../../../src/sandbox/srt/settings.ts";

const SPEC: SandboxSpec = {
  name: "wd-a-scratch-1",
  cycle: "a",
  role: "scratch",
  rootfs: "/rootfs",
  guest: "/guest",
  mounts: [
    { kind: "bind", source: "/a", path: "/in", mode: "ro" },
    { kind: "bind", source: "/b", path: "/out[1]", mode: "rw" },
    { kind: "tmpfs", path: "/tmp", sizeMiB: 1 },
  ],
  env: {},
  cwd: "/",
  uid: 1000,
  gid: 1000,
  limits: { memoryMiB: 64, cpus: 1, pids: 64 },
  confinement: STRICT,
};

test("the agent's settings are used as they stand, whatever is in them", () => {
  const settings = { network: "odd", mounts: [1] };
  expect(settingsOf({ ...SPEC, settings })).toBe(settings);
});

test("without any, nobody may be asked, and what may be written is what the spec says, by name and not by pattern", () => {
  expect(settingsOf(SPEC)).toMatchObject({
    network: { allowedDomains: [] },
    filesystem: {
      allowWrite: [
        { path: "/tmp", literal: true },
        { path: "/out[1]", literal: true },
      ],
    },
  });
  const writable = { ...SPEC, confinement: { ...STRICT, readOnlyRoot: false } };
  expect(settingsOf(writable)).toMatchObject({ filesystem: { allowWrite: [{ path: "/", literal: true }] } });
});

test.each([
  [{}, []],
  [{ enableWeakerNestedSandbox: false, network: { allowAllUnixSockets: false } }, []],
  // For macOS alone: not read on Linux.
  [{ enableWeakerNetworkIsolation: true, allowAppleEvents: true }, []],
  [{ enableWeakerNestedSandbox: true }, ["enableWeakerNestedSandbox"]],
  [
    { allowNestedUserNamespaces: true, network: { allowAllUnixSockets: true }, filesystem: { disabled: true } },
    ["allowNestedUserNamespaces", "network.allowAllUnixSockets", "filesystem.disabled"],
  ],
  [{ network: null, filesystem: "odd" }, []],
])("of %j these weaken: %j", (settings, expected) => {
  const weak = weakSettings(settings);
  expect(weak.map(({ what }) => what)).toEqual(expected);
  expect(weak.every(({ why }) => why.length > 0)).toBe(true);
});

test("only tools at absolute places are brought there", () => {
  const settings = { bwrapPath: "/opt/bwrap", socatPath: "socat", ripgrep: { command: "/opt/rg", args: [] } };
  expect(wantedTools(settings)).toEqual([
    { tool: "bwrap", path: "/opt/bwrap" },
    { tool: "rg", path: "/opt/rg" },
  ]);
});

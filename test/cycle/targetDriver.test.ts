import { describe, expect, test } from "vitest";
import { OperatorError } from "../../src/base/errors.ts";
import { chooseDriver } from "../../src/cycle/targetDriver.ts";
import type { Driver, DriverKind, Isolation } from "../../src/sandbox/sandbox.ts";
import { readDeclared } from "../../src/stack/declared.ts";
import { tree } from "../support/tree.ts";

const original = { home: "/home/dev", workspace: "/home/dev/desk" };

/** Ready, and never started here. */
function ready(kind: DriverKind, isolation: Isolation = "container"): Driver {
  const never = () => Promise.reject(new Error("not in this test"));
  return { kind, isolation, cannot: [], check: never, create: never, list: never, destroy: never, look: never };
}

const BWRAP = ready("bubblewrap");
const RUNC = ready("docker-runc");
const SRT = ready("srt");
const RUNSC = ready("runsc", "gvisor");
const DOCKER_RUNSC = ready("docker-runsc", "gvisor");
const QEMU = ready("qemu", "microvm");
const E2B = ready("e2b", "microvm");
const AUTO = { driver: "auto", nest: false };

const FILES = {
  devcontainer: ["workspace/.devcontainer.json", "{}"],
  compose: ["workspace/compose.yaml", "services: {a: {}}"],
  "docker-run": ["workspace/run.sh", "docker run img"],
  bubblewrap: ["workspace/run.sh", "bwrap --unshare-all --seccomp 9 sh"],
  srt: ["home/.srt-settings.json", '{"network": {}}'],
  weak: ["workspace/run.sh", "docker run --privileged img"],
  runsc: ["workspace/run.sh", "docker run --runtime=runsc img"],
} as const;

async function choice(form: keyof typeof FILES | "none", drivers: readonly Driver[], target = AUTO) {
  const [file, text] = form === "none" ? ["workspace/x", ""] : FILES[form];
  await using place = tree({ [file]: text });
  return chooseDriver(target, drivers, await readDeclared(place, form === "none" ? "none" : file, original));
}

test.each([
  ["devcontainer", [BWRAP, RUNC, SRT], "docker-runc", /a devcontainer, and a container engine answers/],
  ["compose", [BWRAP, RUNC], "docker-runc", /a compose service, and/],
  ["docker-run", [BWRAP, RUNC], "docker-runc", /of a container engine, and/],
  ["devcontainer", [BWRAP, RUNSC], "bubblewrap", /because none answers here/],
  ["bubblewrap", [RUNC, BWRAP], "bubblewrap", /bubblewrap$/],
  ["srt", [BWRAP, RUNC, SRT], "srt", /run by srt itself/],
  ["srt", [RUNC, BWRAP], "bubblewrap", /not ready here: bubblewrap stands in its place/],
  ["none", [RUNC, BWRAP, SRT], "bubblewrap", /no sandbox is declared/],
  ["none", [RUNC], "docker-runc", /no sandbox is declared/],
  ["runsc", [RUNC, DOCKER_RUNSC, BWRAP], "docker-runsc", /a container engine answers/],
] as const)("of %s, with what is ready, the target stands in %s", async (form, drivers, kind, why) => {
  const chosen = await choice(form, drivers);
  expect(chosen.driver.kind).toBe(kind);
  expect(chosen.why).toMatch(why);
});

test("with nothing ready a person is told", async () => {
  await expect(choice("none", [])).rejects.toThrow(OperatorError);
  await expect(choice("none", [RUNSC])).rejects.toThrow(/no isolation is ready/);
});

describe("srt", () => {
  test("by its own driver nothing is other than the real one", async () => {
    expect(await choice("srt", [SRT])).toMatchObject({ isTool: true, rows: [], narrower: [], wider: [] });
  });

  test("where another stands in its place, it is said in which way that is narrower and in which wider", async () => {
    const chosen = await choice("srt", [BWRAP]);
    expect(chosen.isTool).toBe(false);
    expect(chosen.rows.map(({ what }) => what)).toEqual(["srt"]);
    expect(chosen.rows[0]?.why).toMatch(/Narrower: .+ Wider: /);
    expect(chosen.narrower.map(({ of }) => of)).toContain("process");
    expect(chosen.wider.map(({ of }) => of)).toEqual(expect.arrayContaining(["engine-socket", "trust-file"]));
  });
});

test("a runtime that is declared and not here is said", async () => {
  const chosen = await choice("runsc", [RUNC]);
  expect(chosen.rows).toEqual([{ what: "runtime runsc", why: expect.stringContaining("docker-runc") as string }]);
  expect((await choice("runsc", [RUNC, DOCKER_RUNSC])).rows).toEqual([]);
});

describe("nesting", () => {
  const NEST = { driver: "auto", nest: true };

  test.each([
    [[BWRAP, RUNC, RUNSC, QEMU], "qemu"],
    [[RUNC, E2B, DOCKER_RUNSC, RUNSC], "runsc"],
    [[RUNC, DOCKER_RUNSC], "docker-runsc"],
  ] as const)("weak ground stands in the strongest kernel of its own that is ready", async (drivers, kind) => {
    const chosen = await choice("weak", drivers, NEST);
    expect(chosen.driver.kind).toBe(kind);
    expect(chosen.rows.map(({ what }) => what)).toEqual([
      "the boundary of system calls",
      "the kernel's own tables and files",
    ]);
    expect(chosen.narrower.map(({ of }) => of)).toContain("process");
    expect(chosen.wider.map(({ of }) => of)).toContain("syscall-boundary");
  });

  test("sound ground is never nested, and weak ground only when that is asked for", async () => {
    expect((await choice("compose", [RUNC, QEMU], NEST)).driver.kind).toBe("docker-runc");
    expect((await choice("weak", [RUNC, QEMU])).driver.kind).toBe("docker-runc");
    expect((await choice("weak", [RUNC, QEMU])).rows).toEqual([]);
  });

  test("where it is asked for and cannot be, nothing weaker takes its place", async () => {
    await expect(choice("weak", [BWRAP, RUNC], NEST)).rejects.toThrow(/neither is ready/);
    await expect(choice("weak", [E2B], NEST)).rejects.toThrow(/neither is ready/);
    await expect(choice("weak", [RUNC, QEMU], { driver: "docker-runc", nest: true })).rejects.toThrow(
      /shares the host's kernel/,
    );
  });

  test("a driver that the configuration names is taken, and its own kernel is said", async () => {
    const chosen = await choice("compose", [RUNSC], { driver: "runsc", nest: false });
    expect(chosen).toMatchObject({ driver: { kind: "runsc" }, why: "weakdoor.yaml asks for runsc" });
    expect(chosen.rows).toHaveLength(2);
    await expect(choice("compose", [RUNC], { driver: "qemu", nest: false })).rejects.toThrow(/qemu is not ready/);
  });
});

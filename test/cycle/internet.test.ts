import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { faithful } from "../../src/cycle/faithful.ts";
import {
  heldAgainstSink,
  interfaceFor,
  listeningIn,
  othersByFirewall,
  planResolver,
} from "../../src/cycle/internet.ts";
import type { Room } from "../../src/cycle/rooms.ts";
import type { TargetPlan } from "../../src/cycle/targetPlan.ts";
import { networkFor } from "../../src/probe/internet/addresses.ts";
import type { Standing } from "../../src/probe/internet/internet.ts";
import type { Driver } from "../../src/sandbox/sandbox.ts";
import type { Declared } from "../../src/stack/stack.ts";
import { observed, reportOf } from "../support/observed.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "wd-net-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const declared = (more: Partial<Declared>): Declared => ({ network: "has-network", ...more }) as Declared;
const driver = (kind: Driver["kind"], isolation: Driver["isolation"]): Driver => ({ kind, isolation }) as Driver;
const planOf = (...mounts: TargetPlan["mounts"]): TargetPlan => ({ mounts }) as TargetPlan;

test.each<[string, Partial<Declared>, Driver, boolean]>([
  ["a container", {}, driver("docker-runc", "container"), true],
  ["bubblewrap", {}, driver("bubblewrap", "container"), true],
  ["a target without a network", { network: "none" }, driver("bubblewrap", "container"), false],
  ["gVisor by an engine", {}, driver("docker-runsc", "gvisor"), false],
  ["gVisor of our own", {}, driver("runsc", "gvisor"), true],
  ["a virtual machine", {}, driver("qemu", "microvm"), false],
  ["an outside service", {}, driver("e2b", "microvm"), false],
])("%s is told whom to ask for names only where somebody answers", (_what, more, by, isTold) => {
  const plan = planOf();
  planResolver(plan, declared(more), by, directory);
  expect(plan.mounts.map(({ path }) => path)).toEqual(isTold ? ["/etc/resolv.conf"] : []);
});

test("a guest with a network stack of its own is made with its interface, and nobody else is", () => {
  const isThere = (more: Partial<Declared>, by: Driver) => interfaceFor(declared(more), by) !== undefined;
  expect(isThere({}, driver("runsc", "gvisor"))).toBe(process.getuid?.() === 0);
  expect(isThere({ network: "none" }, driver("runsc", "gvisor"))).toBe(false);
  expect(isThere({}, driver("docker-runsc", "gvisor"))).toBe(false);
  expect(isThere({}, driver("bubblewrap", "container"))).toBe(false);
});

test("where its own network stack keeps the table of listeners, nobody says that there are none", async () => {
  const internet = { ...standing(() => Promise.reject(new Error("unasked"))), isOwnStack: true };
  const { observations, checks } = await listeningIn({ sandbox: { pid: process.pid } } as Room, internet);
  expect(observations).toEqual([]);
  expect(checks).toMatchObject([{ check: "listening-port", status: "skipped" }]);
});

test("a resolv.conf that the stack itself brings stays, and ours names the sink", () => {
  const own = { kind: "bind", source: "/x", path: "/etc/resolv.conf", mode: "ro" } as const;
  const plan = planOf(own);
  planResolver(plan, declared({}), driver("bubblewrap", "container"), directory);
  expect(plan.mounts).toEqual([own]);
  planResolver(planOf(), declared({}), driver("bubblewrap", "container"), directory);
  expect(readFileSync(join(directory, "resolv.conf"), "utf8")).toMatch(/^nameserver 192\.0\.2\.1$/m);
});

test("of a firewall that was not run what is open says nothing, of one that ended badly nothing does, and of one that stands all", () => {
  const why = "postStartCommand is not run here";
  const names = (others: { of: string }[]) => others.map(({ of }) => of);
  const unknown = othersByFirewall({ status: "unknown", why });
  expect(names(unknown.wider)).toEqual(expect.arrayContaining(["outbound-tcp", "dns-channel", "metadata-responder"]));
  expect(unknown.wider[0]?.why).toBe(why);
  expect(unknown.narrower).toEqual([]);
  const failed = othersByFirewall({ status: "failed", name: "x", why });
  expect(names(failed.narrower)).toEqual(names(failed.wider));
  expect(names(failed.wider)).toEqual(names(unknown.wider));
  for (const firewall of [{ status: "none" }, { status: "raised", name: "x", asked: [] }] as const)
    expect(othersByFirewall(firewall)).toEqual({ narrower: [], wider: [] });
});

test("a target with a network and no simulated one says nothing of it, an engine's port included, and says why", () => {
  const rows = [
    observed("outbound-tcp", "absent"),
    observed("engine-endpoint", "absent", { category: "cross-boundary" }),
  ];
  const other = observed("engine-socket:/x", "absent", { category: "cross-boundary" });
  const report = reportOf(...rows, other);
  const view = { report, observations: report.observations, checks: [] };
  const plan = { narrower: [], wider: [] } as unknown as TargetPlan;
  const internet = { status: "none", reason: "only root can" } as const;
  const seen = faithful({ network: "has-network", plan, internet }, view).observations;
  expect(seen.map(({ verdict }) => verdict)).toEqual(["not-measured", "not-measured", "absent"]);
  expect(seen[0]?.detail).toContain("only root can");
  expect(faithful({ network: "none", plan, internet }, view).observations).toEqual(report.observations);
});

const room = { role: "target" } as Room;
const nobody = () => Promise.resolve({ code: 1, stdout: "1 0\n0\n", stderr: "permission denied" });
const standing = (told: Standing["told"]) =>
  ({
    status: "standing",
    network: () => networkFor({ nonce: "00", allowed: [] }),
    told,
    control: { isHeld: true, evidence: "it was reached" },
  }) as Standing;

test("a sink that does not answer ends no cycle: what hangs on it is not measured", async () => {
  const probe = () =>
    Promise.resolve({
      status: "measured",
      report: reportOf(observed("outbound-tcp:address:443", "reachable")),
    } as const);
  const dead = standing(() => Promise.reject(new Error("the sink has ended")));
  const measured = await heldAgainstSink(room, dead, probe, nobody);
  expect(measured).toMatchObject({
    status: "measured",
    report: { observations: [{ verdict: "not-measured", detail: expect.stringContaining("the sink has ended") }] },
  });
});

test("an inside that claims what the sink never saw contradicts it", async () => {
  const silent = {
    type: "arrivals",
    id: 1,
    arrivals: [],
    connected: {},
    echoes: { ipv4: 0, ipv6: 0 },
    names: {},
    isFull: false,
  } as const;
  let asked: unknown;
  const measured = await heldAgainstSink(
    room,
    standing(() => Promise.resolve({ ...silent, arrivals: [] })),
    (network) => {
      asked = network;
      return Promise.resolve({ status: "measured", report: reportOf(observed("data-flow:raw", "reachable")) });
    },
    nobody,
  );
  expect(asked).toMatchObject({ gateway: "192.0.2.1" });
  expect(measured).toMatchObject({
    report: { observations: [{ verdict: "contradictory" }, { id: "control:sink" }] },
  });
});

test("without one the probe is asked without a section for it", async () => {
  const asked: unknown[] = [];
  const probe = (network: unknown) => {
    asked.push(network);
    return Promise.resolve({ status: "refused", reason: "x" } as const);
  };
  expect(await heldAgainstSink(room, undefined, probe, nobody)).toEqual({ status: "refused", reason: "x" });
  expect(await heldAgainstSink(room, { status: "none", reason: "y" }, probe, nobody)).toMatchObject({
    status: "refused",
  });
  expect(asked).toEqual([undefined, undefined]);
});

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { hostFacts } from "../../src/probe/baseline.ts";
import { compareViews } from "../../src/probe/compare.ts";
import { lookFromOutside, type Outside, outsideElsewhere } from "../../src/probe/outside.ts";
import { report, row } from "./sample.ts";

const started: ChildProcess[] = [];

afterEach(async () => {
  for (const child of started.splice(0)) {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
});

/** A sandbox that says when it stands, and waits. */
async function sandbox(args: string[]): Promise<number> {
  const program = ["sh", "-c", "echo ready; exec sleep 60"];
  const child = spawn("bwrap", [
    "--ro-bind",
    "/",
    "/",
    "--proc",
    "/proc",
    "--die-with-parent",
    ...args,
    "--",
    ...program,
  ]);
  started.push(child);
  await once(child.stdout, "data");
  return child.pid ?? 0;
}

async function look(pid: number): Promise<Map<string, string>> {
  const outside = await lookFromOutside(pid, (await hostFacts()).namespaces);
  return new Map(outside.observations.map((row) => [row.id, row.verdict]));
}

test("from outside the sandbox's own namespaces, rights and root are seen, through its launcher", async () => {
  const seen = await look(await sandbox(["--unshare-all", "--cap-drop", "ALL"]));
  expect(seen.get("namespace:pid")).toBe("absent");
  expect(seen.get("host-network-namespace")).toBe("absent");
  expect(seen.get("no-new-privs")).toBe("absent");
  expect(seen.get("capability:CAP_SYS_ADMIN")).toBe("absent");
  expect(seen.get("root-filesystem")).toBe("absent");
  expect(seen.get("syscall-boundary")).toBe("reachable");
});

test("a shared network and an added capability are seen from outside", async () => {
  const seen = await look(await sandbox(["--unshare-pid", "--unshare-ipc", "--cap-add", "CAP_NET_ADMIN"]));
  expect(seen.get("host-network-namespace")).toBe("reachable");
  expect(seen.get("capability:CAP_NET_ADMIN")).toBe("reachable");
  expect(seen.get("host-ipc")).toBe("absent");
});

test("a process that is gone is a failed check and not a clean one", async () => {
  const child = spawn("true");
  await once(child, "exit");
  const outside = await lookFromOutside(child.pid ?? 0, {});
  expect(outside.observations).toEqual([]);
  expect(outside.checks).toMatchObject([{ check: "outside-view", status: "failed" }]);
});

const outside = (verdict: "reachable" | "absent", process: Outside["process"] = "guest"): Outside => ({
  observations: [row("no-new-privs", verdict, { from: "outside" })],
  checks: [],
  process,
});

test("two views that disagree become a contradiction, with both sides' words", () => {
  const compared = compareViews(report("target", [row("no-new-privs", "denied")]), outside("reachable"));
  expect(compared.contradictory).toMatchObject([{ id: "no-new-privs", verdict: "contradictory", access: [] }]);
});

test("denied inside and absent outside is one fact in two words", () => {
  expect(compareViews(report("target", [row("no-new-privs", "denied")]), outside("absent"))).toEqual({
    agreeing: 1,
    contradictory: [],
  });
});

test("what the inside could not measure is compared with nothing", () => {
  expect(compareViews(report("target", [row("no-new-privs", "not-measured")]), outside("reachable")).agreeing).toBe(
    0,
  );
});

test("where the host sees a kernel of its own, or nothing, nothing is compared", () => {
  const inside = report("lab", [row("no-new-privs", "denied")], { boundary: "gvisor" });
  for (const process of ["kernel", "none"] as const)
    expect(compareViews(inside, outside("reachable", process))).toEqual({ agreeing: 0, contradictory: [] });
});

test("a guest that says it is gVisor is compared all the same when the host sees the guest itself", () => {
  const inside = report("lab", [row("no-new-privs", "denied")], { boundary: "gvisor" });
  expect(compareViews(inside, outside("reachable")).contradictory).toHaveLength(1);
});

test("a sandbox that stands elsewhere was not looked at, and says why", () => {
  expect(outsideElsewhere("it stands at a service")).toMatchObject({
    observations: [],
    checks: [{ check: "outside-view", status: "skipped", reason: "it stands at a service" }],
  });
});

test("the mounts are the host's to list as well, by the names that the inside gives them", async () => {
  const pid = await sandbox([
    "--unshare-all",
    "--tmpfs",
    "/mnt",
    "--dir",
    "/mnt/work",
    "--ro-bind",
    "/usr",
    "/mnt/work",
  ]);
  const places = { home: "/mnt", workspace: "/mnt/work" };
  const { observations } = await lookFromOutside(pid, (await hostFacts()).namespaces, places);
  const mounts = new Map(observations.map((one) => [one.id, one.access]));
  expect(mounts.get("mount:/mnt")).toEqual(["read", "write"]);
  expect(mounts.get("mount:/mnt/work")).toEqual(["read"]);
});

test("a mount that the inside calls read-only or leaves out, and the host does not, is a contradiction", () => {
  const mount = (path: string, access: ("read" | "write")[], from: "target" | "outside") =>
    row(`mount:${path}`, "reachable", { access, from });
  const seen: Outside = {
    observations: [mount("/a", ["read", "write"], "outside"), mount("/b", ["read"], "outside")],
    checks: [],
    process: "guest",
  };
  const compared = (rows: Parameters<typeof report>[1]) =>
    compareViews(report("target", rows), seen).contradictory.map(({ id, from }) => [id, from]);
  expect(compared([mount("/a", ["read", "write"], "target"), mount("/b", ["read"], "target")])).toEqual([]);
  expect(compared([mount("/a", ["read"], "target")])).toEqual([
    ["mount:/a", "target"],
    ["mount:/b", "target"],
  ]);
  // A table that shows none is hidden, and is said to be.
  expect(compared([row("mount", "not-measured")])).toEqual([]);
});

import { spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Observation, ProbeReport } from "../../../src/guest/observation.ts";
import { hostFacts } from "../../../src/probe/baseline.ts";
import { parseProbe, requestOf } from "../../../src/probe/probe.ts";
import { makeWorld, type World } from "./world.ts";

/** A /proc that hides or lies, made with the means that a sandbox has: what it says is not taken for the kernel's word. */

let world: World;

beforeAll(async () => {
  world = await makeWorld();
});
afterAll(() => world.close());

const rowsOf = (report: ProbeReport) => new Map(report.observations.map((row) => [row.id, row]));
const ofKernel = ({ id }: Observation) =>
  /^(capability|no-new-privs|syscall-boundary|namespace|host-|mount|foreign-|visible-process|kernel-control-file:\/proc|procfs-masking:\/proc|user-identity)/.test(
    id,
  );

test("a whole /proc that is made up is seen to be one: nothing it says of rights and walls is repeated", async () => {
  const proc = join(world.directory, "made-up");
  mkdirSync(join(proc, "self/ns"), { recursive: true });
  mkdirSync(join(proc, "1"));
  mkdirSync(join(proc, "sys/kernel"), { recursive: true });
  const status =
    "Name:\tnode\nUid:\t1000\t1000\t1000\t1000\nCapEff:\t0000000000000000\nSeccomp:\t2\nNoNewPrivs:\t1\n";
  writeFileSync(join(proc, "self/status"), status);
  writeFileSync(join(proc, "self/mountinfo"), "1 0 8:1 / / ro - ext4 d ro\n");
  writeFileSync(join(proc, "version"), "Linux version 9.9.9");
  writeFileSync(join(proc, "sys/kernel/core_pattern"), "core", { mode: 0o666 });
  writeFileSync(join(proc, "1/comm"), "init");
  for (const kind of ["pid", "mnt", "net"]) symlinkSync(`${kind}:[1]`, join(proc, "self/ns", kind));
  const report = await world.bubblewrap({ without: ["--proc"], args: ["--ro-bind", proc, "/proc"] });
  expect(report.boundary).toBe("unknown");
  const believed = report.observations.filter(ofKernel).filter(({ verdict }) => verdict !== "not-measured");
  expect(believed.map(({ id, verdict }) => `${id} ${verdict}`)).toEqual([]);
});

test("a file that was laid over one table of the kernel's is not read as the kernel's", async () => {
  const lie = join(world.directory, "lie");
  writeFileSync(lie, "2\n");
  const args = ["--ro-bind", lie, "/proc/sys/kernel/kptr_restrict"];
  const rows = rowsOf(await world.bubblewrap({ args }));
  expect(rows.get("kernel-sysctl:kernel.kptr_restrict")).toMatchObject({
    verdict: "not-measured",
    detail: expect.stringContaining("in the place of the kernel's"),
  });
  expect(rows.get("no-new-privs")?.verdict).toBe("denied");
});

test("where /proc hides other users' processes, none in sight is not taken for none there", async () => {
  const { namespaces } = await hostFacts();
  const request = JSON.stringify(requestOf({ vantage: "target", host: { namespaces } }));
  const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"];
  const argv = [...nobody, process.execPath, join(world.guest, "probe.mjs"), request];
  const hiding = `mount -t proc -o hidepid=2 proc /proc && exec "$@"`;
  const run = (script: string) =>
    spawnSync("unshare", ["--mount", "--pid", "--fork", "--", "sh", "-c", script, "sh", ...argv], {
      encoding: "utf8",
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    });
  const reported = (script: string) => {
    const ended = run(script);
    const parsed = parseProbe(ended.stdout);
    if (parsed.status === "refused") throw new Error(`${parsed.reason}: ${ended.stderr}`);
    return rowsOf(parsed.report);
  };
  const hidden = reported(`sleep 60 & ${hiding}`);
  const asked = ["foreign-environ:others", "foreign-signal:others", "command-line-secret:others", "host-processes"];
  for (const id of [...asked, "visible-process:of-other-users"]) {
    expect(hidden.get(id), id).toMatchObject({ verdict: "not-measured", detail: expect.stringContaining("hidepid") });
  }
  const shown = reported(`sleep 60 & mount -t proc proc /proc && exec "$@"`);
  expect(shown.get("foreign-environ:others")?.verdict).toBe("denied");
  expect(shown.get("host-processes")?.verdict).toBe("absent");
});

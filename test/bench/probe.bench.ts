import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../../src/base/errors.ts";
import { carried, guestArgv } from "../../src/guest/argv.ts";
import type { ProbeReport } from "../../src/guest/observation.ts";
import { GUEST_DIR } from "../../src/guest/wire.ts";
import { hostFacts } from "../../src/probe/baseline.ts";
import { diffReports } from "../../src/probe/diff.ts";
import { INTERFACE, RESOLV_CONF } from "../../src/probe/internet/addresses.ts";
import { openInternet } from "../../src/probe/internet/internet.ts";
import { measure, requestOf } from "../../src/probe/probe.ts";
import type { DriverKind, Mount } from "../../src/sandbox/sandbox.ts";
import type { ScratchBroker } from "../../src/sandbox/scratchBroker.ts";
import { findProcesses } from "../../src/stop/processes.ts";
import { type Bed, type Live, liveSandbox } from "./bed.ts";
import { type Bench, type Measured, milliseconds, sideBySide } from "./figure.ts";

/**
 * The whole probe inside, beside a Node that does nothing in the same sandbox; the deep one beside find over the same
 * half a million paths; a comparison of ten thousand rows beside writing them down as JSON.
 */
export const probe: Bench = {
  name: "probe",
  run: async (bed) => [
    ...(await probeIn("docker-runc", 300, bed)),
    ...(await probeIn("bubblewrap", 300, bed)),
    ...(await probeIn("runsc", 600, bed)),
    ...(await joinedIn("bubblewrap", bed)),
    ...(await joinedIn("runsc", bed)),
    ...(await deep(bed)),
    await diffOfMany(),
  ],
};

const RUNS = 5;
const RESIDENT_MIB_MAX = 96;
const DEEP_MIB_MAX = 256;
const DEEP_PATHS = 500_000;
const DEEP_RATIO_MAX = 2;
const ROWS = 10_000;
const PROBE_MS = 20_000;
const DEEP_MS = 90_000;

async function probeIn(kind: DriverKind, atMostMs: number, bed: Bed): Promise<Measured[]> {
  await using live = await liveSandbox(await bed.driver(kind), bed.spec(), bed.signal);
  const request = JSON.stringify(await requested());
  const probing = () => milliseconds(() => probed(live.broker, request));
  const nothing = () => milliseconds(() => live.broker.run(task([...carried("node"), "-e", "0"])));
  await probing();
  const figures = await sideBySide(RUNS, probing, nothing);
  const reports = new Set<string>();
  for (let i = 0; i < RUNS; i++)
    reports.add(JSON.stringify({ ...(await probed(live.broker, request)), durationMs: 0 }));
  return [
    { name: `probe in ${kind}`, unit: "ms", ...figures, goal: atMost(atMostMs, "ms") },
    {
      name: `different reports of ${RUNS} in ${kind}`,
      unit: "",
      values: [reports.size],
      baseline: null,
      goal: atMost(1, ""),
    },
    ...(kind === "runsc" ? [] : [await resident(live, kind, request)]),
  ];
}

/** Where everything that is tried outwards arrives, beside the same probe that is asked for nothing outwards. */
async function joinedIn(kind: DriverKind, bed: Bed): Promise<Measured[]> {
  const isOwnStack = kind === "runsc";
  const spec = { ...bed.spec(), ...(isOwnStack ? { interface: INTERFACE } : {}) };
  const resolver = join(bed.fresh("resolver"));
  writeFileSync(resolver, RESOLV_CONF);
  const bound: Mount = { kind: "bind", source: resolver, path: "/etc/resolv.conf", mode: "ro" };
  const mounts = [...spec.mounts, bound];
  await using live = await liveSandbox(await bed.driver(kind), { ...spec, mounts }, bed.signal);
  const internet = await openInternet({
    sandbox: spec.name,
    pid: live.sandbox.pid,
    cannot: undefined,
    isTool: false,
    isEngine: true,
    isOwnStack,
    allowed: [],
    busybox: join(bed.image.guest, "busybox"),
  });
  if (internet.status === "none") throw new Error(internet.reason);
  try {
    const request = await requested();
    const joined = () => probed(live.broker, JSON.stringify({ ...request, network: internet.network() }));
    const alone = () => probed(live.broker, JSON.stringify(request));
    await joined();
    const figures = await sideBySide(
      RUNS,
      () => milliseconds(joined),
      () => milliseconds(alone),
    );
    const report = await joined();
    const arrived = (await internet.told()).arrivals.length;
    if (arrived < ARRIVALS_MIN) throw new Error(`only ${arrived} attempts arrived: ${report.boundary}`);
    const goal = {
      text: `at most ${NETWORK_RATIO_MAX} x without`,
      isMet: (_value: number, ratio: number) => ratio <= NETWORK_RATIO_MAX,
    };
    return [{ name: `probe in ${kind}, its network measured`, unit: "ms", ...figures, goal }];
  } finally {
    await internet.end();
  }
}

const NETWORK_RATIO_MAX = 1.5;
/** Of the attempts of six measurements. */
const ARRIVALS_MIN = 100;

/** Not in gVisor: the host sees the memory of its kernel and not of a process in it. */
const resident = (live: Live, kind: DriverKind, request: string) =>
  residentOf(live, { name: `probe's memory in ${kind}`, request, timeoutMs: PROBE_MS, mostMiB: RESIDENT_MIB_MAX });

const requested = async (isDeep = false) =>
  requestOf({
    vantage: "target",
    home: "/home/dev",
    workspace: "/workspace",
    keyHex: randomBytes(32).toString("hex"),
    host: await hostFacts(),
    isDeep,
  });

async function probed(broker: ScratchBroker, request: string, timeoutMs = PROBE_MS): Promise<ProbeReport> {
  const carry = (stdin: string) => broker.run(task(guestArgv("probe", []), stdin, timeoutMs));
  const measured = await measure(carry, JSON.parse(request));
  if (measured.status !== "measured") throw new Error(`the probe was refused: ${measured.reason}`);
  return measured.report;
}

/** The most that it held at any time, as the host's kernel counts it until shortly before its end. */
async function residentOf(
  { broker }: Live,
  { name, request, timeoutMs, mostMiB }: { name: string; request: string; timeoutMs: number; mostMiB: number },
): Promise<Measured> {
  const probing = await watched("/probe.mjs", () => probed(broker, request, timeoutMs));
  const idle = "setTimeout(() => undefined, 300)";
  const nothing = await watched(idle, () => broker.run(task([...carried("node"), "-e", idle])));
  return { name, unit: "MiB", values: [probing], baseline: [nothing], goal: atMost(mostMiB, "MiB") };
}

const LOOK_EVERY_MS = 4;

async function watched(ending: string, work: () => Promise<unknown>): Promise<number> {
  let mostKib = 0;
  let pid: number | undefined;
  const looking = setInterval(() => {
    pid ??= findProcesses(({ commandLine }) => commandLine.endsWith(ending) && commandLine.startsWith(GUEST_DIR))[0]
      ?.pid;
    if (pid !== undefined) mostKib = Math.max(mostKib, highWaterKib(pid));
  }, LOOK_EVERY_MS);
  await work().finally(() => clearInterval(looking));
  if (mostKib === 0) throw new Error(`no process that ends in ${ending} was seen`);
  return mostKib / 1024;
}

/** Zero when it has gone. */
function highWaterKib(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT" || errnoOf(thrown) === "ESRCH") return 0;
    throw thrown;
  }
}

/** The machine's own find stands in the same sandbox. */
async function deep(bed: Bed): Promise<Measured[]> {
  const tree = bed.fresh("tree");
  plant(tree);
  const ro = (source: string, path: string): Mount => ({ kind: "bind", source, path, mode: "ro" });
  const mounts = [ro(tree, "/srv"), ro("/usr", "/usr"), ro("/usr/lib", "/lib"), ro("/usr/lib64", "/lib64")];
  const spec = { ...bed.spec(), mounts };
  await using live = await liveSandbox(await bed.driver("bubblewrap"), spec, bed.signal);
  const request = JSON.stringify(await requested(true));
  const probing = () => milliseconds(() => probed(live.broker, request, DEEP_MS));
  const finding = () =>
    milliseconds(async () => {
      const script = "/usr/bin/find / -readable -o -writable 2>/dev/null | wc -l";
      const { code, stdout } = await live.broker.run(task(["/bin/sh", "-c", script], "", DEEP_MS));
      if (code !== 0 || Number(stdout) < DEEP_PATHS)
        throw new Error(`find ended with ${code} and ${stdout.trim()} paths`);
    });
  await finding();
  const figures = await sideBySide(RUNS, probing, finding);
  const goal = {
    text: `at most ${DEEP_RATIO_MAX} x find`,
    isMet: (_value: number, ratio: number) => ratio <= DEEP_RATIO_MAX,
  };
  return [
    { name: `probe --deep over ${DEEP_PATHS} paths`, unit: "ms", ...figures, goal },
    await residentOf(live, { name: "probe --deep, memory", request, timeoutMs: DEEP_MS, mostMiB: DEEP_MIB_MAX }),
  ];
}

function plant(tree: string): void {
  const files = 500;
  for (let d = 0; d < DEEP_PATHS / files; d++) {
    const directory = join(tree, `${d % 20}`, `${d}`);
    mkdirSync(directory, { recursive: true });
    for (let f = 0; f < files; f++) writeFileSync(join(directory, `${f}`), "");
  }
}

async function diffOfMany(): Promise<Measured> {
  const made = (open: number): ProbeReport => ({
    version: 1,
    from: "target",
    boundary: "seccomp",
    runtime: "x",
    durationMs: 1,
    checks: [{ check: "a", category: "filesystem", from: "target", status: "ran", reason: "" }],
    observations: Array.from({ length: ROWS }, (_, i) => ({
      id: `a:/some/place/${i}`,
      category: "filesystem" as const,
      subject: `place ${i}`,
      verdict: i % open === 0 ? ("reachable" as const) : ("absent" as const),
      access: i % open === 0 ? ["read" as const] : [],
      from: "target" as const,
      detail: "made for the bench",
    })),
  });
  const [before, after] = [made(3), made(5)];
  const figures = await sideBySide(
    RUNS,
    () => milliseconds(() => diffReports(before, after)),
    () => milliseconds(() => JSON.stringify([before, after])),
  );
  return { name: `diff of ${ROWS} rows`, unit: "ms", ...figures, goal: atMost(1_000, "ms") };
}

function atMost(most: number, unit: string) {
  return { text: `at most ${most} ${unit}`.trim(), isMet: (value: number) => value <= most };
}

function task(argv: readonly string[], stdin = "", timeoutMs = PROBE_MS) {
  const [program = "", ...args] = argv;
  const run = { argv: [program, ...args] as [string, ...string[]] };
  return { run, env: {}, cwd: "/", stdin, timeoutMs, outputBytesMax: 4 * 1024 * 1024 };
}

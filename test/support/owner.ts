import { spawn } from "node:child_process";
import { appendEntry } from "../../src/stop/journal.ts";
import type { Leases } from "../../src/stop/leases.ts";
import { processId } from "../../src/stop/processes.ts";
import { startWatchdog } from "../../src/stop/startWatchdog.ts";

/**
 * A cycle reduced to what the watchdog sees of it, to be run as a process of its own and then mistreated:
 * `owner.ts STATE CYCLE STALE_MS [LEASES]`. Its sandbox and its gateway are detached sleeps that ignore its end, as leaked ones do. Prints
 * one JSON line with their pids; a line `block` on its standard input blocks its event loop, `hang` begins a create that never ends, `done` ends it well.
 */
const [stateDir = "", cycle = "", staleMs = "", leases = "{}"] = process.argv.slice(2);

const watchdog = await startWatchdog({
  stateDir,
  cycle,
  staleMs: Number(staleMs),
  heartbeatMs: 50,
  leases: JSON.parse(leases) as Partial<Leases>,
});
const name = `wd-${cycle}-lab-1`;
const at = new Date().toISOString();
const gateway = leak("sleep");
const recorded = leak("sleep");
// Not recorded, but bears the name; and one that the journal never heard of.
const helper = leak(name);
const unheard = leak(`wd-${cycle}-target-7`);

appendEntry(stateDir, { kind: "gateway", cycle, process: identify(gateway), at });
appendEntry(stateDir, { kind: "intent", cycle, name, driver: "fake", hints: {}, at, deadline: at });
appendEntry(stateDir, { kind: "born", cycle, name, driver: "fake", processes: [identify(recorded)], hints: {}, at });
console.log(JSON.stringify({ watchdog: watchdog.process, pids: [gateway, recorded, helper, unheard].map(identify) }));

for await (const line of process.stdin) {
  if (String(line).includes("block")) for (;;);
  if (String(line).includes("hang")) hang();
  if (String(line).includes("done")) break;
}
await watchdog.done();

function hang(): void {
  const now = new Date();
  const deadline = new Date(now.getTime() + 100).toISOString();
  const scratch = `wd-${cycle}-scratch-1`;
  appendEntry(stateDir, {
    kind: "intent",
    cycle,
    name: scratch,
    driver: "fake",
    hints: {},
    at: now.toISOString(),
    deadline,
  });
}

function leak(argv0: string): number {
  const child = spawn("sleep", ["300"], { argv0, detached: true, stdio: "ignore" });
  child.unref();
  if (child.pid === undefined) throw new Error("sleep did not start");
  return child.pid;
}

function identify(pid: number) {
  const id = processId(pid);
  if (id === undefined) throw new Error(`no process ${pid}`);
  return id;
}

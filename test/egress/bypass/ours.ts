import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { systemClock } from "../../../src/base/clock.ts";
import { type Allowlist, Rule } from "../../../src/egress/allowlist.ts";
import { startGateway } from "../../../src/egress/gateway.ts";
import { carried } from "../../../src/guest/argv.ts";
import { PROXY_PORT } from "../../../src/guest/constants.ts";
import { bubblewrapDriver } from "../../../src/sandbox/bubblewrap/bubblewrap.ts";
import { scratchSpec } from "../../../src/sandbox/contract/fixture.ts";
import { writeSystemCall } from "../../../src/sandbox/contract/systemCall.ts";
import { prepareImage } from "../../../src/sandbox/image.ts";
import { setLatch } from "../../../src/stop/latch.ts";
import { fakeShim } from "../../support/fakeShim.ts";
import { socketPair } from "../../support/socketPair.ts";
import type { Bench, InsideRunner } from "./case.ts";
import { channelDoor, proxyDoor } from "./door.ts";
import { ALLOWED_HOSTS, API, RATED, SOCKETS, SPLICED } from "./places.ts";

export type BenchOptions = { directory: string; certificates: readonly string[] };
export type StartBench = (options: BenchOptions) => Promise<Bench>;

const COMMON = { responseBytesMax: 100_000, why: "to be tried" };
const ASKED = { methods: ["GET", "POST"], paths: ["/v1/{id}"], query: ["q"], requestBytesMax: 1_000 };

function rules(): Rule[] {
  const plain = ALLOWED_HOSTS.map((host) => ({
    ...COMMON,
    ...ASKED,
    id: host.replaceAll(".", "-"),
    host,
    port: 80,
    scheme: "http",
    ...(Object.values<string>(RATED).includes(host) ? { rate: { perMinute: 1, burst: 5 } } : {}),
  }));
  const tls = { ...COMMON, ...ASKED, id: "tls", host: API };
  const sockets = { ...COMMON, ...ASKED, id: "sockets", host: SOCKETS, websocket: true };
  const spliced = { ...COMMON, id: "spliced", host: SPLICED, mode: "splice", requestBytesMax: 20_000 };
  return [...plain, tls, sockets, spliced].map((rule) => Rule.parse(rule));
}

const FAMILIES = [
  [2, 1],
  [17, 3],
  [40, 1],
  [38, 5],
  [31, 3],
] as const;

/**
 * All of ours and nothing that stands in for it: the gateway process, a bubblewrap sandbox, the shim in it. The proxy is
 * spoken to from within the sandbox's network namespace; a second channel is spoken to as it is, as a guest that has
 * overcome the shim would.
 */
export const start: StartBench = async ({ directory, certificates }) => {
  const stateDir = join(directory, "state");
  const calls = join(directory, "calls");
  for (const made of [stateDir, calls]) mkdirSync(made, { mode: 0o755 });
  for (const [family, type] of FAMILIES) {
    writeSystemCall(join(calls, `${family}`), { name: "socket", x64: 41, arm64: 198, args: [family, type, 0] });
  }
  const signal = new AbortController().signal;
  const list: Allowlist = { version: 1, purpose: "test", rules: rules() };
  const gateway = await startGateway({
    cycle: "c1",
    runDirectory: join(directory, "run"),
    stateDir,
    allowlists: [list],
    canaryHosts: [],
    certificates,
    onRequest: async () => ({ status: 200, body: {} }),
    onAlarm: () => undefined,
    signal,
  });
  const driver = bubblewrapDriver({ runDirectory: join(directory, "bwrap") });
  const image = await prepareImage(join(directory, "image"));
  const mounts = [{ kind: "bind", source: calls, path: "/calls", mode: "ro" }] as const;
  const sandbox = await driver.create(scratchSpec({ image, cycle: "bypass", signal }, { mounts }), signal);
  const guest = await gateway.attach({ name: sandbox.name, role: "lab", channel: sandbox.channel });
  await guest.hello;
  const [inside, outside] = await socketPair();
  await gateway.attach({ name: "wd-bypass-lab-1", role: "lab", channel: outside });
  const { session } = fakeShim(inside);
  const relay = await startRelay(directory, sandbox.pid);
  const log = () => readFileSync(gateway.logPath, "utf8");
  return {
    doors: [proxyDoor("proxy", async () => connect(relay.path)), channelDoor(session)],
    sandbox: insideOf(guest),
    log,
    forgedLines: () => log().trimEnd().split("\n").filter(isForged),
    withdrawals: [
      {
        name: "a hot reload",
        take: () => gateway.reload({ allowlists: [{ ...list, rules: [] }], secrets: {} }),
        giveBack: () => gateway.reload({ allowlists: [list], secrets: {} }),
      },
      {
        name: "the latch",
        async take() {
          setLatch(stateDir, { who: "the test", why: "to take it back" }, systemClock);
          await gateway.died;
        },
        giveBack: null,
      },
    ],
    async close() {
      relay.end();
      await gateway.cut("done");
      await sandbox.kill();
    },
  };
};

function insideOf(guest: Awaited<ReturnType<Awaited<ReturnType<typeof startGateway>>["attach"]>>): InsideRunner {
  const run = (argv: readonly [string, ...string[]], env: Record<string, string> = {}) => {
    const task = { run: { argv: [...argv] as [string, ...string[]] }, env, cwd: "/", stdin: "" };
    return guest.run({ ...task, timeoutMs: 15_000, outputBytesMax: 10_000 }, new AbortController().signal);
  };
  return {
    async node(script, env) {
      const { stdout, stderr, code } = await run([...carried("node"), "-e", script] as [string, ...string[]], env);
      if (code !== 0) throw new Error(`a script inside ended with ${code}: ${stderr.slice(-300)}`);
      return stdout;
    },
    opensSocket: async (family) => (await run([`/calls/${family}`])).code === 0,
  };
}

/** Joins a Unix socket out here, which knows no network namespace, with the proxy's port in the sandbox's. */
async function startRelay(directory: string, pid: number): Promise<{ path: string; end(): void }> {
  const path = join(directory, "proxy.sock");
  const file = join(directory, "relay.mjs");
  writeFileSync(
    file,
    `import { connect, createServer } from "node:net";
     createServer((from) => {
       const to = connect(${PROXY_PORT}, "127.0.0.1");
       from.on("error", () => to.destroy()).once("close", () => to.destroy());
       to.on("error", () => from.destroy()).once("close", () => from.end());
       from.pipe(to).pipe(from);
     }).listen(${JSON.stringify(path)}, () => console.log("ready"));`,
  );
  const child = spawn("nsenter", [`--net=/proc/${pid}/ns/net`, process.execPath, file], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await Promise.race([
    once(child.stdout, "data"),
    once(child, "exit").then(([code]) => Promise.reject(new Error(`the relay ended with ${String(code)}`))),
  ]);
  return { path, end: () => void child.kill("SIGKILL") };
}

/** A line that is no JSON of the log's, or holds what a terminal or an eye reads as something else. */
function isForged(line: string): boolean {
  // oxlint-disable-next-line no-control-regex -- it is control characters that are looked for
  if (/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/.test(line)) return true;
  try {
    const parsed: unknown = JSON.parse(line);
    return typeof parsed !== "object" || parsed === null || !("seq" in parsed);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return true;
    throw thrown;
  }
}

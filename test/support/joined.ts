import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exec } from "../../src/base/exec.ts";
import type { Observation, ProbeReport } from "../../src/guest/observation.ts";
import { RESOLV_CONF } from "../../src/probe/internet/addresses.ts";
import { type Raised, raiseFirewall } from "../../src/probe/internet/firewall.ts";
import { type Internet, type OpenOptions, openInternet, type Standing } from "../../src/probe/internet/internet.ts";
import { judge } from "../../src/probe/internet/judge.ts";
import { type Runner, withPings } from "../../src/probe/internet/ping.ts";
import { measure, requestOf } from "../../src/probe/probe.ts";
import { scratchSpec } from "../../src/sandbox/contract/fixture.ts";
import { type Image, prepareImage } from "../../src/sandbox/image.ts";
import type { Driver, Sandbox, SandboxSpec } from "../../src/sandbox/sandbox.ts";
import { type ScratchBroker, scratchBroker } from "../../src/sandbox/scratchBroker.ts";

/** Real sandboxes with a simulated internet around them. */
export type Bed = {
  runDirectory: string;
  image: Image;
  open(driver: Driver, changes?: Partial<SandboxSpec>, more?: Partial<OpenOptions>): Promise<Joined>;
  remove(): void;
};

export type Joined = {
  sandbox: Sandbox;
  broker: ScratchBroker;
  internet: Internet;
  /** Fails the test where there is none. */
  standing(): Standing;
  /** Runs a program in the sandbox's network namespace, as its root would. */
  inNetwork(...argv: [string, ...string[]]): Promise<void>;
  /** Puts up a firewall of the sandbox's own, as a cycle does. */
  raise(script: string, more?: { timeoutMs: number }): Promise<Raised>;
  /** By the probe inside and the sink outside. */
  rows(env?: Record<string, string>, direct?: readonly string[]): Promise<Map<string, Observation>>;
  /** As `rows`, before anybody looked at the sink. */
  inside(env?: Record<string, string>): Promise<ProbeReport>;
  end(): Promise<void>;
};

/** Generous, so that a busy machine does not turn an open door into a closed one. */
const TRY_MS = 1_500;

export async function internetBed(): Promise<Bed> {
  const home = mkdtempSync(join(tmpdir(), "wdnet-"));
  chmodSync(home, 0o755);
  const image = await prepareImage(join(home, "cache"));
  const resolvConf = join(home, "resolv.conf");
  writeFileSync(resolvConf, RESOLV_CONF);
  // No cycle's own form: a real one that starts meanwhile would take it for its own leftovers.
  const cycle = `joined${process.pid}`;
  const signal = new AbortController().signal;
  const open: Bed["open"] = async (driver, changes = {}, more = {}) => {
    const { mounts = [], ...rest } = changes;
    const resolver = { kind: "bind", source: resolvConf, path: "/etc/resolv.conf", mode: "ro" } as const;
    const fixture = { image, signal, cycle };
    const spec = scratchSpec(fixture, { role: "target", ...rest, mounts: [resolver, ...mounts] });
    const sandbox = await driver.create(spec, signal);
    const broker = scratchBroker(sandbox.channel);
    await broker.hello.catch((cause: unknown) => {
      throw new Error(`${spec.name} did not start: ${sandbox.stderrTail().slice(-400)}`, { cause });
    });
    const internet = await openInternet({
      sandbox: spec.name,
      pid: sandbox.pid,
      cannot: undefined,
      isTool: false,
      isEngine: true,
      allowed: [],
      busybox: join(image.guest, "busybox"),
      timeoutMs: TRY_MS,
      ...more,
    });
    return joined({ home, sandbox, broker, internet });
  };
  return {
    runDirectory: join(home, "run"),
    image,
    open,
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}

type Parts = Pick<Joined, "sandbox" | "broker" | "internet"> & { home: string };

function joined({ home, sandbox, broker, internet }: Parts): Joined {
  const standing = (): Standing => {
    if (internet.status === "none") throw new Error(internet.reason);
    return internet;
  };
  const probe = async (
    network: ReturnType<Standing["network"]>,
    env: Record<string, string>,
  ): Promise<ProbeReport> => {
    const measured = await measure(
      (stdin) =>
        broker.run({
          run: { program: "probe", args: [] },
          env: { PATH: "/bin", ...env },
          cwd: "/",
          stdin,
          timeoutMs: 30_000,
          outputBytesMax: 4 * 1024 * 1024,
        }),
      requestOf({ vantage: "target", network }),
    );
    if (measured.status === "refused") throw new Error(measured.reason);
    return measured.report;
  };
  const runner: Runner = (argv) =>
    broker.run({ run: { argv }, env: {}, cwd: "/", stdin: "", timeoutMs: 10_000, outputBytesMax: 4_096 });
  return {
    sandbox,
    broker,
    internet,
    standing,
    async inNetwork(...argv) {
      const { code, stderr } = await exec(["nsenter", `--net=/proc/${sandbox.pid}/ns/net`, "--", ...argv]);
      if (code !== 0) throw new Error(`${argv.join(" ")}: ${stderr}`);
    },
    raise(text, more) {
      const directory = mkdtempSync(join(home, "fw-"));
      const source = join(directory, "init-firewall.sh");
      writeFileSync(source, text);
      const { authority } = standing();
      return raiseFirewall({
        sandbox: sandbox.name,
        pid: sandbox.pid,
        script: { source, path: "/usr/local/bin/init-firewall.sh", arguments: [] },
        workspace: { source: directory, path: "/workspaces/demo" },
        env: {},
        directory: join(directory, "room"),
        ...(authority === undefined ? {} : { authority }),
        signal: new AbortController().signal,
        ...more,
      });
    },
    async rows(env = {}, direct = []) {
      const internet = standing();
      const network = internet.network(direct);
      const before = await internet.told();
      const report = await withPings(await probe(network, env), network, runner);
      const judged = judge(report, { network, before, after: await internet.told(), control: internet.control });
      return new Map(judged.observations.map((row) => [row.id, row]));
    },
    inside: (env = {}) => probe(standing().network(), env),
    async end() {
      broker.destroy();
      await sandbox.kill();
      if (internet.status === "standing") await internet.end();
    },
  };
}

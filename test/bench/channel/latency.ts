import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { exec } from "../../../src/base/exec.ts";
import { carried } from "../../../src/guest/argv.ts";
import { PROXY_PORT, type Task, type TaskResult } from "../../../src/guest/wire.ts";
import { type Measured, median } from "../figure.ts";

const RUNS = 5;
const REQUESTS = 500;
/** Until the processes on the way have compiled what they run: their first answers take twice as long. */
const WARM_UP_REQUESTS = 500;

export type Run = (task: Omit<Task, "id">) => Promise<Pick<TaskResult, "code" | "stdout" | "stderr">>;

/**
 * Asked inside for `url` through the shim's proxy, beside the same client asking a server on `port` of loopback for the same
 * answer: through a plain proxy, which is what the goal is over, and directly.
 */
export async function requestLatency(
  name: string,
  { port, url, addedMs, run }: { port: number; url: string; addedMs: number | null; run: Run },
): Promise<Measured[]> {
  const proxy = fork(join(import.meta.dirname, "plainProxy.ts"), [], { env: {}, execArgv: [] });
  try {
    const [proxyPort] = (await once(proxy, "message")) as [number];
    const outside = async (...where: [number, string]) =>
      middle(await exec([process.execPath, "-e", asking(...where)]));
    const values: number[] = [];
    const proxied: number[] = [];
    const direct: number[] = [];
    for (let i = 0; i < RUNS; i++) {
      direct.push(await outside(port, "/v1"));
      proxied.push(await outside(proxyPort, `http://127.0.0.1:${port}/v1`));
      values.push(middle(await run(task([...carried("node"), "-e", asking(PROXY_PORT, url)]))));
    }
    const added = { text: `at most ${addedMs} ms over a plain proxy`, isMet: isOver(addedMs ?? 0) };
    return [
      {
        name: `${name}, beside a plain proxy`,
        unit: "ms",
        values,
        baseline: proxied,
        goal: addedMs === null ? null : added,
      },
      { name: `${name}, beside none`, unit: "ms", values, baseline: direct, goal: null },
    ];
  } finally {
    proxy.kill("SIGKILL");
  }
}

function isOver(addedMs: number) {
  return (value: number, ratio: number) => value - value / ratio <= addedMs;
}

function middle({ code, stdout, stderr }: { code: number | null; stdout: string; stderr: string }): number {
  if (code !== 0) throw new Error(`the asking client ended with ${code}: ${stderr}`);
  return median(JSON.parse(stdout) as number[]);
}

/** One after the other over one connection. Prints the milliseconds of each. */
function asking(port: number, path: string): string {
  return `
const { Agent, get } = require("node:http");
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const once = () => new Promise((done, fail) => {
  const start = performance.now();
  get({ host: "127.0.0.1", port: ${port}, path: ${JSON.stringify(path)}, agent }, (response) => {
    if (response.statusCode !== 200) fail(new Error("answered " + response.statusCode));
    response.resume().once("end", () => done(performance.now() - start));
  }).once("error", fail);
});
(async () => {
  const times = [];
  for (let i = 0; i < ${REQUESTS + WARM_UP_REQUESTS}; i++) times.push(await once());
  console.log(JSON.stringify(times.slice(${WARM_UP_REQUESTS})));
  agent.destroy();
})();`;
}

export function task(argv: [string, ...string[]]) {
  const env = { PATH: "/bin:/usr/bin" };
  return { run: { argv }, env, cwd: "/", stdin: "", timeoutMs: 60_000, outputBytesMax: 8_000_000 };
}

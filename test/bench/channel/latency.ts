import { exec } from "../../../src/base/exec.ts";
import { carried } from "../../../src/guest/argv.ts";
import { PROXY_PORT, type Task, type TaskResult } from "../../../src/guest/wire.ts";
import { type Measured, median, sideBySide } from "../figure.ts";

const RUNS = 5;
const REQUESTS = 500;

export type Run = (task: Omit<Task, "id">) => Promise<Pick<TaskResult, "code" | "stdout" | "stderr">>;

/** Asked inside for `url` through the shim's proxy, beside the same client asking a server on `port` of loopback. */
export async function requestLatency(
  name: string,
  { port, url, goal, run }: { port: number; url: string; goal: Measured["goal"]; run: Run },
): Promise<Measured> {
  const asked = asking(PROXY_PORT, url);
  const inside = async () => middle(await run(task([...carried("node"), "-e", asked])));
  const direct = async () => middle(await exec([process.execPath, "-e", asking(port, "/v1")]));
  return { name, unit: "ms", ...(await sideBySide(RUNS, inside, direct)), goal };
}

function middle({ code, stdout, stderr }: { code: number | null; stdout: string; stderr: string }): number {
  if (code !== 0) throw new Error(`the asking client ended with ${code}: ${stderr}`);
  return median(JSON.parse(stdout) as number[]);
}

/** One after the other over one connection; the first hundred warm it up. Prints the milliseconds of each. */
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
  for (let i = 0; i < ${REQUESTS} + 100; i++) times.push(await once());
  console.log(JSON.stringify(times.slice(100)));
  agent.destroy();
})();`;
}

export function task(argv: [string, ...string[]]) {
  const env = { PATH: "/bin:/usr/bin" };
  return { run: { argv }, env, cwd: "/", stdin: "", timeoutMs: 60_000, outputBytesMax: 8_000_000 };
}

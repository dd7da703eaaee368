import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { exec } from "../../../src/base/exec.ts";
import { Rule } from "../../../src/egress/allowlist.ts";
import type { Guest } from "../../../src/egress/egress.ts";
import { startGateway } from "../../../src/egress/gateway.ts";
import { carried } from "../../../src/guest/argv.ts";
import { bubblewrapDriver } from "../../../src/sandbox/bubblewrap/bubblewrap.ts";
import { scratchSpec } from "../../../src/sandbox/contract/fixture.ts";
import { prepareImage } from "../../../src/sandbox/image.ts";
import type { Role } from "../../../src/sandbox/sandbox.ts";
import { selfSigned } from "../../support/selfSigned.ts";
import { upstream } from "../../support/upstream.ts";

const HOST = "api.example";
const signal = new AbortController().signal;

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "wd-tun-"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

test("inside a real sandbox curl and Node trust the gateway, reach what a rule allows, and nothing else", async () => {
  const pair = selfSigned(HOST);
  await using host = await upstream((response) => response.end("from outside"), pair);
  const url = `https://${HOST}:${host.port}`;
  await using lab = await sandbox("lab", host.port, pair.cert);
  const curl = "/workspace/ld.so --library-path /workspace/lib /workspace/curl -sS";
  const asked = await shell(
    lab.guest,
    `${curl} ${url}/v1/7; echo; ${curl} --http1.1 ${url}/v2/7; ${curl} https://evil.example/`,
  );
  expect(asked.stdout).toBe("from outside\nthis path may not be asked for from here\n");
  expect(asked.stderr).toMatch(/CONNECT tunnel failed, response 403/);
  const fetched = await node(lab.guest, `fetch("${url}/v1/8").then((r) => r.text()).then(console.log)`);
  expect(fetched.stdout).toBe("from outside\n");
  // Whoever goes round the authority is not trusted either: the host's own certificate never comes in.
  const bare = await node(
    lab.guest,
    `fetch("${url}/v1/9").then((r) => r.text()).catch((e) => console.log(e.cause.code))`,
    { NODE_EXTRA_CA_CERTS: "" },
  );
  expect(bare.stdout).toMatch(/UNABLE_TO|SELF_SIGNED/);
  expect(host.seen.map(({ url }) => url)).toEqual(["/v1/7", "/v1/8"]);
  expect(readFileSync(lab.logPath, "utf8")).not.toContain("BEGIN");

  await using target = await sandbox("target", host.port, pair.cert);
  const env = await shell(target.guest, "env; ls /tmp");
  expect(env.stdout).toContain("HTTPS_PROXY=");
  expect(env.stdout).not.toMatch(/CA_CERTS|trust-/);
});

async function sandbox(role: Role, port: number, certificate: string) {
  const image = await prepareImage(join(root, "cache"));
  const driver = bubblewrapDriver({ runDirectory: join(root, "run") });
  const rule = {
    id: "one",
    host: HOST,
    port,
    methods: ["GET"],
    paths: ["/v1/{id}"],
    responseBytesMax: 1_000,
    why: "a test",
  };
  const gateway = await startGateway({
    cycle: "c1",
    runDirectory: join(root, `gateway-${role}`),
    allowlists: [{ version: 1, purpose: "test", rules: [Rule.parse(rule)] }],
    canaryHosts: [],
    pins: [{ host: HOST, address: "127.0.0.1" }],
    certificates: [certificate],
    onRequest: async () => ({ status: 200, body: {} }),
    onAlarm: () => undefined,
    signal,
  });
  const source = await curlDirectory();
  const mounts = [{ kind: "bind", source, path: "/workspace", mode: "ro" }] as const;
  const spec = scratchSpec({ image, signal, cycle: "c1" }, { role, mounts });
  const made = await driver.create(spec, signal);
  const guest = await gateway.attach({ name: spec.name, role, channel: made.channel });
  await guest.hello;
  return {
    guest,
    logPath: gateway.logPath,
    async [Symbol.asyncDispose]() {
      await gateway.cut("the test ended");
      await made.kill();
    },
  };
}

/** curl as it stands on this machine, with its loader and libraries. */
async function curlDirectory(): Promise<string> {
  const directory = join(root, "curl");
  mkdirSync(join(directory, "lib"), { recursive: true });
  const { stdout: at } = await exec(["sh", "-c", "command -v curl"]);
  const { stdout: linked } = await exec(["ldd", at.trim()]);
  copyFileSync(at.trim(), join(directory, "curl"));
  for (const [library = ""] of linked.matchAll(/\/\S+/g)) {
    const isLoader = /\/ld-linux/.test(library);
    copyFileSync(library, isLoader ? join(directory, "ld.so") : join(directory, "lib", basename(library)));
    if (isLoader) chmodSync(join(directory, "ld.so"), 0o755);
  }
  return directory;
}

const TASK = { cwd: "/", stdin: "", timeoutMs: 60_000, outputBytesMax: 65_536 };

function shell(guest: Guest, script: string) {
  const env = { PATH: "/bin:/usr/bin:/sbin:/usr/sbin" };
  return guest.run({ ...TASK, env, run: { argv: ["/bin/sh", "-c", script] } }, signal);
}

function node(guest: Guest, script: string, env: Record<string, string> = {}) {
  return guest.run({ ...TASK, env, run: { argv: [...carried("node"), "-e", script] } }, signal);
}

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CONFINEMENT_CASES } from "../../../src/sandbox/contract/confinement.ts";
import { LIMIT_CASES } from "../../../src/sandbox/contract/limits.ts";
import { boots, CONTRACT, type Fixture, unmetNeeds } from "../../../src/sandbox/contract.ts";
import { dockerDriver } from "../../../src/sandbox/docker/docker.ts";
import { type Image, prepareImage } from "../../../src/sandbox/image.ts";
import { STRICT_PROFILE_PATH } from "../../../src/sandbox/seccomp.ts";
import { type Engine, startEngine } from "../../support/engine.ts";

/** What each cannot do, and nothing else. */
const CANNOT = {
  runc: [],
  runsc: [
    "show no_new_privs",
    "filter system calls inside",
    "shield process 1 from inside",
    "limit pids",
    "pass unix sockets in",
  ],
  /** Another implementation of the same specification, under the name that the engine has for it. */
  crun: [],
} as const;

/** crun takes no machine that has control groups of both versions: it sees those of the first alone. */
const CRUN = `#!/bin/sh
exec unshare --mount sh -c 'umount /sys/fs/cgroup/unified 2>/dev/null; exec crun "$@"' crun "$@"
`;

const OWNER = resolve(import.meta.dirname, "../../support/sandboxOwner.ts");

let home: string;
let image: Image;
let engine: Engine;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "weakdoor-docker-contract-"));
  const crun = join(home, "crun.sh");
  writeFileSync(crun, CRUN, { mode: 0o755 });
  engine = await startEngine({ crun: { path: crun } });
  image = await prepareImage(join(home, "cache"));
});
afterAll(async () => {
  await engine.stop();
  rmSync(home, { recursive: true, force: true });
});

describe.each(["runc", "runsc", "crun"] as const)("a Docker engine with %s", (runtime) => {
  const driver = () =>
    dockerDriver({
      runtime,
      socket: engine.socket,
      runDirectory: join(home, runtime),
      seccompPath: STRICT_PROFILE_PATH,
    });
  // Which cases there are must be known before the engine runs.
  const blueprint = dockerDriver({
    runtime,
    socket: "/nonexistent",
    runDirectory: "/nonexistent",
    seccompPath: "/nonexistent",
  });

  test("what it cannot do is this and nothing else, each with its reason", () => {
    expect(driver().cannot.map(({ what }) => what)).toEqual(CANNOT[runtime]);
    expect(driver().cannot.every(({ why }) => why.length > 0)).toBe(true);
  });

  test("it boots within a deadline, and a deadline that is too short is a failure that leaves nothing", async () => {
    const signal = new AbortController().signal;
    expect(await boots(driver(), { image, deadlineMs: 20_000, signal })).toMatchObject({ status: "booted" });
    expect(await boots(driver(), { image, deadlineMs: 10, signal })).toMatchObject({ status: "failed" });
    expect(await driver().list()).toEqual([]);
  });

  // Of another implementation: what the runtime itself does. The rest is ours and the engine's, and is asked twice already.
  const asked = runtime === "crun" ? [...CONFINEMENT_CASES, ...LIMIT_CASES] : CONTRACT;
  const cases = asked.filter((one) => unmetNeeds(blueprint, one).length === 0);
  test.each(cases)("$name", async (one) => {
    expect(await one.run(driver(), fixture())).toBeUndefined();
  });

  const fixture = (): Fixture => ({
    image,
    signal: new AbortController().signal,
    cycle: `contract${process.pid}`,
    async owner({ kind }, spec) {
      const order = JSON.stringify({ kind, runDirectory: join(home, runtime), dockerSocket: engine.socket, spec });
      const child = spawn(process.execPath, [OWNER, order], { stdio: ["ignore", "pipe", "inherit"] });
      const [said] = (await Promise.race([once(child.stdout, "data"), once(child, "exit")])) as unknown[];
      if (String(said) !== "ready\n") throw new Error(`the owner made no sandbox: ${String(said)}`);
      return { kill: () => void child.kill("SIGKILL") };
    },
  });
});

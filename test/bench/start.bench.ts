import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Docker from "dockerode";
import { TOOL_PATH } from "../../src/base/exec.ts";
import { carried } from "../../src/guest/argv.ts";
import { GUEST_DIR } from "../../src/guest/wire.ts";
import { imageFor } from "../../src/sandbox/docker/rootImage.ts";
import { makeOwnRoot, type OwnRoot } from "../../src/sandbox/ownRoot.ts";
import { bundleConfig } from "../../src/sandbox/runsc/bundle.ts";
import { offeredPlatforms } from "../../src/sandbox/runsc/platform.ts";
import type { Driver, SandboxSpec } from "../../src/sandbox/sandbox.ts";
import { type Bed, liveSandbox } from "./bed.ts";
import { type Bench, type Measured, milliseconds, sideBySide } from "./figure.ts";

/**
 * From `create` to the guest's first word, which the shim says once its proxy listens. Beside it, without an engine, the
 * same tool started by hand with the same mounts around a Node that prints one line; with one, a bare container of the
 * same image made, started, and that Node run in it by exec, through the same API.
 */
export const starts: readonly Bench[] = [
  { name: "start docker-runc", run: (bed) => docker("runc", bed) },
  { name: "start docker-runsc", run: (bed) => docker("runsc", bed) },
  { name: "start bubblewrap", run: async (bed) => [await bubblewrap(bed)] },
  { name: "start runsc", run: async (bed) => [await runsc(bed)] },
  { name: "start qemu", run: async (bed) => [await qemu(bed)] },
];

const RUNS = 7;
const RUNS_OF_MACHINES = 3;
const ONE_LINE: readonly string[] = [...carried("node"), "-e", "console.log('up')"];

async function bubblewrap(bed: Bed): Promise<Measured> {
  const { root, spec } = await bareRoot(bed);
  const places = ["--ro-bind", root.path, "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"];
  const argv = ["bwrap", "--unshare-all", "--die-with-parent", ...places, "--ro-bind", spec.guest, GUEST_DIR];
  const measured = await beside(bed, await bed.driver("bubblewrap"), () => firstLineMs([...argv, "--", ...ONE_LINE]));
  const goal = { text: "at most 150 ms", isMet: (value: number) => value <= 150 };
  return { name: "start bubblewrap, create to hello", unit: "ms", ...measured, goal };
}

async function runsc(bed: Bed): Promise<Measured> {
  const { root, spec } = await bareRoot(bed);
  const bundle = bed.fresh("bundle");
  mkdirSync(bundle);
  writeFileSync(join(bundle, "config.json"), JSON.stringify(bundleConfig(spec, root, { argv: ONE_LINE })));
  const platform = (await offeredPlatforms("runsc", bed.signal)).at(-1);
  const flags = [`--root=${bed.fresh("state")}`, `--platform=${platform}`, "--network=none", "--ignore-cgroups"];
  let id = 0;
  const bare = () => firstLineMs(["runsc", ...flags, "run", "--bundle", bundle, `bare${process.pid}-${++id}`]);
  return {
    name: "start runsc, create to hello",
    unit: "ms",
    ...(await beside(bed, await bed.driver("runsc"), bare)),
    goal: null,
  };
}

/** Without KVM every instruction of a whole boot is emulated: seconds, so few runs. Nothing comparable boots without our parts. */
async function qemu(bed: Bed): Promise<Measured> {
  const driver = await bed.driver("qemu");
  const values: number[] = [];
  for (let i = 0; i < RUNS_OF_MACHINES; i++) {
    await using live = await liveSandbox(driver, bed.spec(), bed.signal);
    values.push(live.helloMs);
  }
  return { name: "start qemu, create to hello", unit: "ms", values, baseline: null, goal: null };
}

async function docker(runtime: "runc" | "runsc", bed: Bed): Promise<Measured[]> {
  const client = new Docker({ socketPath: (await bed.engine()).socket });
  const parts = { wanted: undefined, rootfs: bed.image.rootfs, tags: new Map() };
  const image = await imageFor(client, parts, bed.signal);
  const bare = () => bareContainerMs(client, image, runtime, bed.image.guest);
  const figures = await beside(bed, await bed.driver(`docker-${runtime}`), bare);
  const goal = { text: "at most 1.3 times the bare one", isMet: (_: number, ratio: number) => ratio <= 1.3 };
  return [{ name: `start docker-${runtime}, create to hello`, unit: "ms", ...figures, goal }];
}

/** The first of each is not counted: it warms caches. */
async function beside(bed: Bed, driver: Driver, bare: () => Promise<number>) {
  const once = async () => {
    await using live = await liveSandbox(driver, bed.spec(), bed.signal);
    return live.helloMs;
  };
  await bare();
  await once();
  return sideBySide(RUNS, once, bare);
}

async function bareRoot(bed: Bed): Promise<{ root: OwnRoot; spec: SandboxSpec }> {
  const spec = bed.spec();
  return { spec, root: await makeOwnRoot(spec, bed.fresh("root"), bed.signal) };
}

async function firstLineMs([program = "", ...args]: readonly string[]): Promise<number> {
  const startMs = performance.now();
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"], env: { PATH: TOOL_PATH } });
  const closed = once(child, "close");
  const [said] = await Promise.race([once(child.stdout, "data"), closed]);
  const ms = performance.now() - startMs;
  await closed;
  if (String(said) !== "up\n") throw new Error(`${program} alone printed ${String(said)}`);
  return ms;
}

async function bareContainerMs(client: Docker, image: string, runtime: string, guest: string): Promise<number> {
  const container = { id: "" };
  try {
    return await milliseconds(async () => {
      const created = await client.createContainer({
        Image: image,
        Entrypoint: [`${GUEST_DIR}/busybox`, "sleep", "600"],
        Cmd: [],
        User: "1000:1000",
        HostConfig: {
          Runtime: runtime,
          NetworkMode: "none",
          LogConfig: { Type: "none", Config: {} },
          ReadonlyRootfs: true,
          Tmpfs: { "/tmp": "" },
          Mounts: [{ Type: "bind", Source: guest, Target: GUEST_DIR, ReadOnly: true }],
        },
      });
      container.id = created.id;
      await created.start();
      const program = await created.exec({ Cmd: [...ONE_LINE], AttachStdout: true, AttachStderr: true });
      const stream = await program.start({});
      const [said] = await Promise.race([once(stream, "data"), once(stream, "end")]);
      if (!String(said).includes("up")) throw new Error(`a container alone printed ${String(said)}`);
    });
  } finally {
    if (container.id !== "") await client.getContainer(container.id).remove({ force: true });
  }
}

import { mkdirSync, statSync } from "node:fs";
import { join, posix } from "node:path";
import { standInSocket } from "../decoys/standIn.ts";
import type { Gateway } from "../egress/egress.ts";
import type { Layout } from "../probe/tools/declared.ts";
import { AGENTS_DIR, type CommandLine } from "../probe/tools/find.ts";
import { makeKit, missingMakers } from "../probe/tools/kit.ts";
import { type Outside, outsideOf } from "../probe/tools/outside.ts";
import type { ToolRoom } from "../probe/tools/tools.ts";
import { type Mount, type SandboxSpec, STRICT } from "../sandbox/sandbox.ts";
import type { Declared } from "../stack/stack.ts";
import type { Copy } from "./copy.ts";
import { planFirewall, raiseOwn } from "./firewall.ts";
import { giveTo } from "./giveTo.ts";
import type { Ground } from "./ground.ts";
import { internetAround, planResolver } from "./internet.ts";
import { makeMountPoints } from "./mountPoints.ts";
import { narrowTo } from "./narrower.ts";
import { open } from "./rooms.ts";
import type { Chosen } from "./targetDriver.ts";
import { planTarget, type TargetPlan } from "./targetPlan.ts";
import { fitDriver } from "./toolDriver.ts";
import { isNested } from "./weakGround.ts";

/** The room of the tool plane: the target's declaration rebuilt once more, with the agents' command lines in it. Leaving its scope ends it. */
export type Opened = AsyncDisposable &
  (
    | {
        status: "opened";
        room: ToolRoom;
        layout: Layout /** How it is other than the real one; empty when it is not. */;
        caveat: string;
      }
    | { status: "refused"; reason: string }
  );

type Wanted = {
  clone: Copy;
  declared: Declared;
  commandLines: readonly CommandLine[];
  /** One of the agents declares a sandbox that it makes itself. */
  hasOwnSandbox: boolean;
};

export const OUTSIDE = "/srv/weakdoor";
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;

/** Throws what opening a room throws. */
export async function openToolRoom(ground: Ground, gateway: Gateway, wanted: Wanted): Promise<Opened> {
  const { clone, declared, commandLines, hasOwnSandbox } = wanted;
  const fit = fitDriver(ground.config, ground.drivers, declared, { hasOwnSandbox });
  if (fit.status === "refused") return { ...fit, [Symbol.asyncDispose]: () => Promise.resolve() };
  const { chosen } = fit;
  const at = (name: string) => join(ground.runDir, "tools", name);
  for (const name of ["target", "kit", "posts", "outside"]) mkdirSync(at(name), { recursive: true, mode: 0o755 });
  const { rootfs } = ground.image;
  const onTouch = () => undefined;
  const plan = await planTarget({ declared, chosen, clone, directory: at("target"), rootfs, onTouch });
  if (fit.isForOwnSandbox)
    plan.confinement = { ...STRICT, readOnlyRoot: plan.confinement.readOnlyRoot, seccomp: "nested" };
  narrowTo(chosen.driver, plan);
  planResolver(plan, declared, chosen.driver, at("target"));
  await using cleanup = new AsyncDisposableStack();
  for (const sentinel of plan.sentinels) cleanup.defer(() => sentinel.stop());
  for (const standIn of plan.standIns) cleanup.defer(() => standIn.close());
  const mounts: Mount[] = [
    ...plan.mounts,
    { kind: "bind", source: at("outside"), path: OUTSIDE, mode: "rw" },
    { kind: "bind", source: at("posts"), path: `${AGENTS_DIR}/posts`, mode: "ro" },
    ...(await makeKit(at("kit"), commandLines, { hasSandbox: hasOwnSandbox })),
    ...commandLines.flatMap((commandLine) => commandLine.mounts),
  ];
  const { uid, gid } = declared.user;
  const give = (path: string) => giveTo(path, uid, gid);
  await makeMountPoints(declared, clone, directoriesOf(plan));
  for (const tree of [at("target"), at("outside"), clone.home, clone.workspace]) give(tree);
  const opened = await open(ground, gateway, chosen.driver, {
    role: "target",
    mounts,
    confinement: plan.confinement,
    user: { uid, gid },
    cwd: "/",
    name: "tools",
    limits: roomFor(ground.config.limits),
  });
  const { sandbox, guest } = opened;
  cleanup.defer(async () => void (await opened.end()));
  const outside = await outsideAround(ground, opened, { declared, chosen, clone, directory: at("target") });
  const layout: Layout = {
    home: declared.homePath,
    workspace: declared.workspacePath,
    outside: OUTSIDE,
    hostOf: (path) => hostPathOf(mounts, path),
  };
  const room: ToolRoom = {
    run: (order, timeoutMs) =>
      ground.stepper.inSandbox(() =>
        guest.run(
          {
            run: { program: "tools", args: [] },
            env: {},
            cwd: "/",
            stdin: JSON.stringify(order),
            timeoutMs,
            outputBytesMax: ANSWER_BYTES_MAX,
          },
          ground.signal,
        ),
      ),
    processes: isNested(chosen.driver.isolation)
      ? {
          status: "unseen",
          reason: `the processes stand on ${chosen.driver.isolation}'s kernel, and the host sees none of them`,
        }
      : { status: "seen", pid: sandbox.pid },
    env: { HOME: declared.homePath, ...declared.env },
    places: [
      { name: "workspace", path: layout.workspace, host: requireHost(layout, layout.workspace) },
      { name: "home", path: layout.home, host: requireHost(layout, layout.home) },
      { name: "outside", path: OUTSIDE, host: at("outside") },
    ],
    posts: { path: `${AGENTS_DIR}/posts`, host: at("posts") },
    give,
    listen: (path) => standInSocket(path, onTouch),
    internet: outside,
  };
  const kept = cleanup.move();
  const lacks = hasOwnSandbox ? missingMakers() : [];
  const without = lacks.length === 0 ? "" : `this machine has no ${lacks.join(", ")} for an agent's own sandbox`;
  const caveat = [fit.caveat, without].filter(Boolean).join("; ");
  return { status: "opened", room, layout, caveat, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

type Around = { declared: Declared; chosen: Chosen; clone: Copy; directory: string };

/** The simulated internet, behind the stack's own firewall where it has one: without that, what is open says nothing of the real one. */
async function outsideAround(
  ground: Ground,
  room: Awaited<ReturnType<typeof open>>,
  { declared, chosen, clone, directory }: Around,
): Promise<Outside> {
  const own = planFirewall(declared, clone);
  const internet = await internetAround(ground, room, { declared, chosen, isSigning: own.status === "script" });
  const firewall = await raiseOwn(ground, room, { own, declared, clone, internet, directory });
  if (firewall.status === "failed" || firewall.status === "unknown") return { status: "none", reason: firewall.why };
  return outsideOf(internet);
}

/** Their programs are large and have many threads. */
function roomFor(limits: SandboxSpec["limits"]): SandboxSpec["limits"] {
  const { memoryMiB, cpus, pids } = limits;
  return { memoryMiB: Math.max(memoryMiB, 2_048), cpus: Math.max(cpus, 2), pids: Math.max(pids, 512) };
}

function directoriesOf(plan: TargetPlan): { path: string; root: string }[] {
  return plan.mounts.flatMap((mount) =>
    mount.kind === "bind" && statSync(mount.source).isDirectory() ? [{ path: mount.path, root: mount.source }] : [],
  );
}

/** By the innermost mount that holds the path; undefined when that is none of ours. */
function hostPathOf(mounts: readonly Mount[], path: string): string | undefined {
  const [mount] = mounts
    .filter((one) => path === one.path || path.startsWith(`${one.path}/`))
    .toSorted((a, b) => b.path.length - a.path.length);
  return mount?.kind === "bind" ? join(mount.source, posix.relative(mount.path, path)) : undefined;
}

function requireHost(layout: Layout, path: string): string {
  const host = layout.hostOf(path);
  if (host === undefined) throw new Error(`nothing of ours is mounted at ${path}`);
  return host;
}

import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { giveTo } from "../../src/cycle/giveTo.ts";
import { standInSocket } from "../../src/decoys/standIn.ts";
import { RESOLV_CONF } from "../../src/probe/internet/addresses.ts";
import { openInternet } from "../../src/probe/internet/internet.ts";
import { type CommandLine, type DrivenAgent, findCommandLine } from "../../src/probe/tools/find.ts";
import { makeKit } from "../../src/probe/tools/kit.ts";
import { type Outside, outsideOf } from "../../src/probe/tools/outside.ts";
import { type Declaration, measureAgent, type ToolPlane } from "../../src/probe/tools/tools.ts";
import { bubblewrapDriver } from "../../src/sandbox/bubblewrap/bubblewrap.ts";
import { live } from "../../src/sandbox/contract/fixture.ts";
import { type Image, prepareImage } from "../../src/sandbox/image.ts";
import { type Mount, STRICT } from "../../src/sandbox/sandbox.ts";

/** The command lines that the project's own set-up brings for the tests. */
export const AGENT_DIRECTORIES = [join(import.meta.dirname, "../agents/node_modules")];

const UID = 1000;
const HOME = "/home/dev";
const WORKSPACE = "/workspace";

type Stack = {
  /** `home/…`, `workspace/…` and their content. */
  files: Record<string, string>;
  servers?: Declaration["servers"];
  hooks?: Declaration["hooks"];
  /** A filter that lets an agent make a sandbox of its own inside. */
  isOpen?: boolean;
  /** A simulated one around the sandbox. */
  hasInternet?: boolean;
  subAgents?: Declaration["subAgents"];
  ownSandbox?: Declaration["ownSandbox"];
  /** What an agent makes a sandbox with is there. */
  hasMakers?: boolean;
  /** A program of the test's own in the place of the vendor's, below the workspace; Node runs it. */
  program?: string;
  /** Servers at a URL. */
  remote?: Declaration["remote"];
  /** Runs a program on this machine that has the sandbox's network, as a server beside it has; it is ended with the sandbox. */
  beside?: (paths: Readonly<Record<string, string>>) => string[];
  /** How long one run may take; generous when left out. */
  driveMs?: number;
  /** Paths that the settings close, below the home or the workspace, by the rule that does. */
  denied?: Record<string, string>;
};

export type ToolBed = Disposable & {
  /** Measures the tools of an agent in a sandbox around a home and a workspace with these files. */
  measure(agent: DrivenAgent, stack: Stack): Promise<ToolPlane>;
};

/** A real bubblewrap sandbox with a real agent's command line in it, and no network. */
export async function toolBed(): Promise<ToolBed> {
  const root = mkdtempSync(join(tmpdir(), "wd-tp-"));
  const image = await prepareImage(join(root, "cache"));
  let runs = 0;
  return {
    measure: (agent, stack) => measured(join(root, `r${runs++}`), image, agent, stack),
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}

async function measured(
  root: string,
  image: Image,
  agent: DrivenAgent,
  {
    files,
    servers = [],
    hooks = [],
    denied = {},
    isOpen = false,
    hasInternet = false,
    subAgents = [],
    hasMakers = false,
    program,
    remote = [],
    beside,
    driveMs = 180_000,
    ownSandbox,
  }: Stack,
): Promise<ToolPlane> {
  const at = (name: string) => join(root, name);
  for (const name of ["home", "workspace", "outside", "posts", "kit"]) mkdirSync(at(name), { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), content);
  }
  const found = await findCommandLine(agent, { home: at("home"), directories: AGENT_DIRECTORIES });
  if (found.status === "absent") throw new Error(found.reason);
  const commandLine: CommandLine =
    program === undefined
      ? found.commandLine
      : { ...found.commandLine, mounts: [], linked: [], argv: ["/.agents/bin/node", `${WORKSPACE}/${program}`] };
  const mounts: Mount[] = [
    { kind: "tmpfs", path: "/tmp", sizeMiB: 64 },
    { kind: "bind", source: at("home"), path: HOME, mode: "rw" },
    { kind: "bind", source: at("workspace"), path: WORKSPACE, mode: "rw" },
    { kind: "bind", source: at("outside"), path: "/srv/outside", mode: "rw" },
    { kind: "bind", source: at("posts"), path: "/.agents/posts", mode: "ro" },
    ...(await makeKit(at("kit"), [commandLine], { hasSandbox: hasMakers })),
    ...commandLine.mounts,
    ...(hasInternet ? [resolverIn(root)] : []),
  ];
  const give = (path: string) => giveTo(path, UID, UID);
  for (const name of ["home", "workspace", "outside"]) give(at(name));
  chmodSync(root, 0o711);
  const signal = AbortSignal.timeout(420_000);
  const driver = bubblewrapDriver({ runDirectory: at("run") });
  const deniedPaths = Object.entries(denied).map(([rule, path]) => ({
    rule,
    path: path.replace(/^home/, HOME).replace(/^workspace/, WORKSPACE),
    host: at(path),
  }));
  let plane: ToolPlane | undefined;
  const limits = { memoryMiB: 2048, cpus: 2, pids: 512 };
  await live(
    driver,
    { image, signal, cycle: `tools${process.pid}` },
    { mounts, limits, confinement: { ...STRICT, seccomp: isOpen ? "nested" : "strict" } },
    async ({ sandbox, broker, spec }) => {
      const paths = { [HOME]: at("home"), [WORKSPACE]: at("workspace"), "/srv/outside": at("outside") };
      using _program = besideOf(sandbox.pid, beside?.(paths));
      await using internet = await internetFor({ hasInternet, sandbox: spec.name, pid: sandbox.pid, image });
      plane = await measureAgent(
        {
          run: (order, timeoutMs) =>
            broker.run({
              run: { program: "tools", args: [] },
              env: {},
              cwd: "/",
              stdin: JSON.stringify(order),
              timeoutMs,
              outputBytesMax: 4 * 1024 * 1024,
            }),
          processes: { status: "seen", pid: sandbox.pid },
          env: { HOME },
          places: [
            { name: "workspace", path: WORKSPACE, host: at("workspace") },
            { name: "home", path: HOME, host: at("home") },
            { name: "outside", path: "/srv/outside", host: at("outside") },
          ],
          posts: { path: "/.agents/posts", host: at("posts") },
          give,
          // On a machine that others use too: what is claimed is what happens, not how fast.
          driveMs,
          listen: (path) => standInSocket(path, () => undefined),
          internet: internet.outside,
        },
        commandLine,
        { deniedPaths, servers, hooks, subAgents, remote, ...(ownSandbox === undefined ? {} : { ownSandbox }) },
      );
    },
  );
  if (plane === undefined) throw new Error("nothing was measured");
  return plane;
}

function besideOf(pid: number, argv: readonly string[] | undefined): Disposable {
  if (argv === undefined) return { [Symbol.dispose]: () => undefined };
  const child = spawn("nsenter", [`--net=/proc/${pid}/ns/net`, "--", ...argv], { stdio: "ignore" });
  return { [Symbol.dispose]: () => void child.kill("SIGKILL") };
}

function resolverIn(root: string): Mount {
  const source = join(root, "resolv.conf");
  writeFileSync(source, RESOLV_CONF);
  return { kind: "bind", source, path: "/etc/resolv.conf", mode: "ro" };
}

type Around = { hasInternet: boolean; sandbox: string; pid: number; image: Image };

async function internetFor({
  hasInternet,
  sandbox,
  pid,
  image,
}: Around): Promise<AsyncDisposable & { outside: Outside }> {
  if (!hasInternet) {
    const outside = { status: "none", reason: "this bed has none" } as const;
    return { outside, [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  const busybox = join(image.guest, "busybox");
  const options = { sandbox, pid, busybox, cannot: undefined, isTool: false, isEngine: true, allowed: [] };
  const internet = await openInternet(options);
  if (internet.status === "none") throw new Error(internet.reason);
  return { outside: outsideOf(internet), [Symbol.asyncDispose]: () => internet.end() };
}

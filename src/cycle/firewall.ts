import { existsSync, lstatSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { join, posix, relative } from "node:path";
import type { CheckRun } from "../guest/observation.ts";
import { raiseFirewall, type Script } from "../probe/internet/firewall.ts";
import type { Internet } from "../probe/internet/internet.ts";
import type { Clone, Declared } from "../stack/stack.ts";
import type { Ground } from "./ground.ts";
import type { Room } from "./rooms.ts";

/**
 * A sandbox's own firewall: a script that the container runs at its start, with the right to change its own network
 * (CAP_NET_ADMIN). `raised` it was run, and stands; `failed` it was run, and what stands now is neither the one thing nor the
 * other; `unknown` there are commands at the start of which nobody knows whether they put one up.
 */
export type Firewall =
  | { status: "none" }
  | { status: "unknown"; why: string }
  | { status: "failed"; name: string; why: string }
  /** `asked`: names that the script looked up, in their order. */
  | { status: "raised"; name: string; asked: readonly string[] };

export type FirewallPlan =
  | { status: "none" }
  | { status: "unknown"; why: string }
  | ({ status: "script"; name: string } & Script);

/** Looks into the clone, and nowhere else. */
export function planFirewall(
  { capabilities, startCommands = [], workspacePath, unrepeatable }: Declared,
  { workspace }: Pick<Clone, "workspace">,
): FirewallPlan {
  if (!capabilities.includes("CAP_NET_ADMIN")) return { status: "none" };
  for (const { name, words } of startCommands) {
    const script = scriptOf(words, { workspace, workspacePath });
    if (script !== undefined) return { status: "script", name, ...script };
  }
  const unread = unrepeatable.filter(({ what }) => AT_START.test(what)).map(({ what }) => what.split(" ")[0] ?? what);
  if (unread.length === 0) return { status: "none" };
  const why = `${unread.join(", ")} is not run here, and may put up a firewall of its own (CAP_NET_ADMIN)`;
  return { status: "unknown", why };
}

const AT_START =
  /(postStartCommand|postCreateCommand|onCreateCommand|updateContentCommand|postAttachCommand|post_start|entrypoint|command)\b/;

/** What stands before the script in a command: who runs it, and with which variables. */
const BEFORE = /^(?:.*\/)?(?:sudo|env|exec|nohup|bash|sh|dash)$|^-|^\w+=/;
const FILTERS = /(?:^|[\s;&|(`/])(?:ip6?tables(?:-\w+)*|nft|ipset|ufw)\s/;
const SCRIPT_BYTES_MAX = 256 * 1024;

function scriptOf(
  words: readonly string[],
  { workspace, workspacePath }: { workspace: string; workspacePath: string },
): Script | undefined {
  const at = words.findIndex((word) => !BEFORE.test(word));
  const written = words[at];
  if (written === undefined || written.includes("$")) return undefined;
  const isBare = !written.includes("/") && !existsSync(join(workspace, written));
  const path = isBare ? `/usr/local/bin/${written}` : posix.resolve(workspacePath, written);
  const below = posix.relative(workspacePath, path);
  const isInside = !below.startsWith("..") && below !== "";
  const source = isInside ? join(workspace, below) : sourceOf(posix.basename(path), workspace);
  if (source === undefined || !isOf(workspace, source) || !isFirewall(source)) return undefined;
  return { source, path, arguments: words.slice(at + 1) };
}

/** An image is built from files of the workspace: one of the same name is the one that was copied in. */
const BUILT_FROM = [".devcontainer", ".", "docker", ".docker", "scripts", "build"];

function sourceOf(name: string, workspace: string): string | undefined {
  const places = BUILT_FROM.flatMap((directory) => {
    const base = join(workspace, directory);
    if (!existsSync(base) || !lstatSync(base).isDirectory()) return [];
    const below =
      directory === "." ? [] : readdirSync(base, { withFileTypes: true }).filter((one) => one.isDirectory());
    return [join(base, name), ...below.map((one) => join(base, one.name, name))];
  });
  return places.find((path) => existsSync(path));
}

/** What a link leads to is none of the clone's. */
function isOf(workspace: string, path: string): boolean {
  return existsSync(path) && realpathSync(path) === join(realpathSync(workspace), relative(workspace, path));
}

function isFirewall(source: string): boolean {
  const status = lstatSync(source);
  return status.isFile() && status.size <= SCRIPT_BYTES_MAX && FILTERS.test(readFileSync(source, "utf8"));
}

/** Runs it where the target's network is the simulated one; elsewhere nothing is run. */
export async function raiseOwn(
  ground: Ground,
  { sandbox }: Pick<Room, "sandbox">,
  {
    own,
    declared,
    clone,
    internet,
    directory,
  }: {
    own: FirewallPlan;
    declared: Declared;
    clone: Pick<Clone, "workspace">;
    internet: Internet;
    directory: string;
  },
): Promise<Firewall> {
  if (own.status !== "script") return own;
  const name = `${own.name} (${posix.basename(own.path)})`;
  if (internet.status === "none") return { status: "unknown", why: `${name} is not run here: ${internet.reason}` };
  if (internet.isOwnStack)
    return {
      status: "unknown",
      why: `${name} is not run here: this target's packets pass no filter of the kernel's`,
    };
  const before = await namesAt(internet);
  const raised = await raiseFirewall({
    sandbox: sandbox.name,
    pid: sandbox.pid,
    script: own,
    workspace: { source: clone.workspace, path: declared.workspacePath },
    env: declared.env,
    directory: join(directory, "firewall"),
    ...(internet.authority === undefined ? {} : { authority: internet.authority }),
    signal: ground.signal,
  });
  if (raised.status === "failed")
    return { status: "failed", name, why: `${name} was run and did not end well: ${raised.reason}` };
  const asked = (await namesAt(internet)).filter((one) => !before.includes(one));
  return { status: "raised", name, asked };
}

async function namesAt(internet: Extract<Internet, { status: "standing" }>): Promise<string[]> {
  return Object.keys((await internet.told()).names);
}

/** That it was looked at, or why not; no line where none is declared. */
export function firewallRun(firewall: Firewall): CheckRun[] {
  const line = { check: "own-firewall", category: "network", from: "outside" } as const;
  switch (firewall.status) {
    case "none":
      return [];
    case "raised":
      return [{ ...line, status: "ran", reason: "" }];
    case "unknown":
      return [{ ...line, status: "skipped", reason: firewall.why.slice(0, 400) }];
    case "failed":
      return [{ ...line, status: "failed", reason: firewall.why.slice(0, 400) }];
  }
}

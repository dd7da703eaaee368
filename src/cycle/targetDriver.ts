import { OperatorError } from "../base/errors.ts";
import type { Config } from "../config/config.ts";
import { type Driver, ISOLATIONS } from "../sandbox/sandbox.ts";
import type { Declared, Unrepeatable } from "../stack/stack.ts";
import type { Other } from "./faithful.ts";
import { isNested, weaknessesOf } from "./weakGround.ts";

/** In which driver a target stands, why, and what follows from that for what it can show. */
export type Chosen = {
  driver: Driver;
  why: string;
  /** The driver runs the very tool that confines the agent. */
  isTool: boolean;
  rows: Unrepeatable[];
  narrower: Other[];
  wider: Other[];
};

/**
 * Pure: the configuration's own word first; then, for a target on weak ground that is to be nested, the strongest kernel of its own;
 * then the tool that the declaration is written for; else what comes nearest, which is said. Throws OperatorError when what is
 * asked for is not ready.
 */
export function chooseDriver(
  { driver: wanted, nest }: Pick<Config["target"], "driver" | "nest">,
  ready: readonly Driver[],
  declared: Declared,
): Chosen {
  const weakGround = weaknessesOf(declared);
  const isToNest = nest && weakGround.length > 0;
  if (wanted !== "auto") {
    const driver = ready.find(({ kind }) => kind === wanted);
    if (driver === undefined)
      throw new OperatorError(`${wanted} is not ready on this machine`, "run weakdoor doctor to see what is");
    if (isToNest && !isNested(driver.isolation)) {
      throw new OperatorError(
        `target.driver ${wanted} shares the host's kernel, and target.nest asks for another around weak ground`,
        "leave target.driver at auto, name qemu or runsc, or set target.nest: false",
      );
    }
    return asChosen(driver, `weakdoor.yaml asks for ${wanted}`, declared, isToNest);
  }
  if (isToNest) {
    const driver = strongestNest(ready);
    return asChosen(driver, `weak ground (${weakGround.join(", ")}), nested as target.nest asks`, declared, true);
  }
  const { driver, why } = nearest(ready, declared);
  return asChosen(driver, why, declared, false);
}

/** A real Linux first: of what a target shows, it hides least. E2B is none: nothing comes back from its mounts. */
function strongestNest(ready: readonly Driver[]): Driver {
  const rank = ({ kind, isolation }: Driver) =>
    ISOLATIONS.indexOf(isolation) * 2 + (kind === "qemu" || kind === "runsc" ? 1 : 0);
  const fit = ready.filter(({ kind, isolation }) => kind !== "e2b" && isNested(isolation));
  const [best] = fit.toSorted((a, b) => rank(b) - rank(a));
  if (best !== undefined) return best;
  throw new OperatorError(
    "target.nest asks for gVisor or a microVM around a target on weak ground, and neither is ready",
    "run weakdoor doctor to see what is missing, or set target.nest: false",
  );
}

const SAID: Record<Declared["kind"], string> = {
  devcontainer: "a devcontainer",
  compose: "a compose service",
  "docker-run": "a command line of a container engine",
  bubblewrap: "a command line of bubblewrap",
  srt: "settings of srt",
  none: "no sandbox is declared",
};

function nearest(ready: readonly Driver[], declared: Declared): { driver: Driver; why: string } {
  const of = (kind: string) => ready.find((driver) => driver.kind === kind);
  const { kind, runtime } = declared;
  const isContainer = kind === "devcontainer" || kind === "compose" || kind === "docker-run";
  const engine = (isContainer && runtime !== undefined ? of(`docker-${runtime}`) : undefined) ?? of("docker-runc");
  const said = SAID[kind];
  if (isContainer && engine !== undefined) return { driver: engine, why: `${said}, and a container engine answers` };
  const tool = kind === "srt" ? of("srt") : undefined;
  if (tool !== undefined) return { driver: tool, why: `${said}, run by srt itself` };
  const driver = of("bubblewrap") ?? of("docker-runc");
  if (driver === undefined) throw new OperatorError("no isolation is ready on this machine", "run weakdoor doctor");
  if (isContainer) return { driver, why: `${said}, rebuilt without an engine because none answers here` };
  return {
    driver,
    why: kind === "srt" ? `${said}, which is not ready here: ${driver.kind} stands in its place` : said,
  };
}

function asChosen(driver: Driver, why: string, declared: Declared, isToNest: boolean): Chosen {
  const isTool = declared.kind === "srt" && driver.kind === "srt";
  const chosen: Chosen = { driver, why, isTool, rows: [], narrower: [], wider: [] };
  if (isToNest || (isNested(driver.isolation) && !isDeclaredRuntime(driver, declared))) addNest(chosen);
  if (declared.kind === "srt" && !isTool) addStandIn(chosen, declared);
  if (declared.runtime !== undefined && !isDeclaredRuntime(driver, declared)) addRuntime(chosen, declared.runtime);
  return chosen;
}

function isDeclaredRuntime(driver: Driver, { runtime }: Declared): boolean {
  return runtime !== undefined && driver.kind === `docker-${runtime}`;
}

/** The outer kernel answers in the place of the real one: its walls are not the stack's. */
function addNest({ driver, rows, narrower, wider }: Chosen): void {
  const why = `it stands inside ${driver.isolation} (${driver.kind}), whose kernel answers and not the stack's`;
  rows.push({ what: "the boundary of system calls", why }, { what: "the kernel's own tables and files", why });
  narrower.push(...["process", "cross-boundary"].map((of) => ({ of, why })));
  // Capabilities and the user are as declared, also in there.
  wider.push(...OF_THE_KERNEL.map((of) => ({ of, why })));
}

const OF_THE_KERNEL =
  "dangerous-syscall syscall-boundary socket-family kernel-sysctl procfs-masking kernel-control-file namespace user-namespace ptrace-scope lsm".split(
    " ",
  );

function addStandIn({ driver, rows, narrower, wider }: Chosen, { loosened }: Declared): void {
  rows.push({
    what: "srt",
    why:
      `it is not what runs here: ${driver.kind} stands in its place. Narrower: our filter of system calls. Wider: srt's own filter of sockets, its ` +
      "patterns, and the files that it always protects are not there",
  });
  narrower.push({ of: "process", why: `${driver.kind} with our filter stands in srt's place` });
  const socket = "srt holds back unix sockets, and what stands in its place does not";
  const file = "srt always protects some files, and what stands in its place does not";
  if (!loosened.includes("seccomp-unconfined"))
    wider.push(...["engine-socket", "agent-socket", "unix-socket"].map((of) => ({ of, why: socket })));
  const guarded = ["trust-file", "trust-file-creatable", "git-settings", "git-program", "persistence-path"];
  wider.push(...guarded.map((of) => ({ of, why: file })));
}

function addRuntime({ driver, rows, wider }: Chosen, runtime: string): void {
  const why = `the runtime ${runtime} is declared, and ${driver.kind} stands in its place`;
  rows.push({ what: `runtime ${runtime}`, why });
  wider.push(...OF_THE_KERNEL.map((of) => ({ of, why })));
}

import { OperatorError } from "../base/errors.ts";
import type { Config } from "../config/config.ts";
import type { Driver } from "../sandbox/sandbox.ts";
import type { Declared } from "../stack/stack.ts";
import { type Chosen, chooseDriver } from "./targetDriver.ts";
import { mayRunThirdParty, weaknessesOf } from "./weakGround.ts";

/** In which driver the tool plane's room stands; `caveat` says how that is other than the target's own, and is empty when it is not. */
export type Fit =
  | {
      status: "fit";
      chosen: Chosen;
      caveat: string;
      /** The room lets an agent make a sandbox within it, and is confined as strictly as any otherwise, whatever is declared. */
      isForOwnSandbox: boolean;
    }
  | { status: "refused"; reason: string };

/**
 * Others' mounts are copies: nothing could be seen from outside. srt would put its own shell between. An engine's own image has
 * libraries of its own, which the command lines' would cover.
 */
const SHARING = /^(?:bubblewrap|runsc|docker-.*)$/;

/**
 * Pure: the target's own driver where it fits; on weak ground gVisor, because an agent's command line is third-party code. For an
 * agent that declares a sandbox of its own, where the declared confinement leaves it the means to make one, a room of bubblewrap with
 * the filter that srt's room has: no wall that is declared away is away there, so it is no weak ground.
 */
export function fitDriver(
  { target, docker }: Pick<Config, "target" | "docker">,
  drivers: readonly Driver[],
  declared: Declared,
  { hasOwnSandbox }: { hasOwnSandbox: boolean },
): Fit {
  const hasOwnImage = docker.image !== undefined;
  const sharing = drivers.filter(({ kind }) => SHARING.test(kind) && !(hasOwnImage && kind.startsWith("docker-")));
  const fits = target.driver === "auto" || sharing.some(({ kind }) => kind === target.driver);
  const nesting = drivers.find(({ kind }) => kind === "bubblewrap");
  try {
    if (hasOwnSandbox && letsNamespaces(declared) && nesting !== undefined) {
      const chosen = chooseDriver({ driver: nesting.kind, nest: false }, sharing, declared);
      return { status: "fit", chosen, caveat: FOR_OWN_SANDBOX, isForOwnSandbox: true };
    }
    const chosen = chooseDriver(fits ? target : { ...target, driver: "auto" }, sharing, declared);
    const { kind, isolation } = chosen.driver;
    if (mayRunThirdParty({ weakGround: weaknessesOf(declared), isolation }).verdict === "allowed")
      return {
        status: "fit",
        chosen,
        caveat: caveatOf(kind, fits ? undefined : target.driver, declared),
        isForOwnSandbox: false,
      };
    const nested = chooseDriver({ driver: "auto", nest: true }, sharing, declared);
    const caveat = `weak ground, so in ${nested.driver.isolation}: a sandbox that an agent makes for itself may not stand there`;
    return { status: "fit", chosen: nested, caveat, isForOwnSandbox: false };
  } catch (thrown) {
    if (!(thrown instanceof OperatorError)) throw thrown;
    const reason = `no sandbox here may run an agent's command line for this stack: ${thrown.message}`;
    return { status: "refused", reason };
  }
}

const FOR_OWN_SANDBOX =
  "in bubblewrap with all its walls but the one that keeps an agent from making a sandbox of its own, whatever else is declared";

/** An engine's filter keeps an unprivileged process from it; srt's settings and a bare machine do not. */
function letsNamespaces({ kind, seccomp }: Declared): boolean {
  return kind === "none" || kind === "srt" || seccomp === "none";
}

function caveatOf(kind: string, asked: string | undefined, declared: Declared): string {
  if (asked !== undefined) return `in ${kind}, because the host does not see into ${asked} while it runs`;
  return declared.kind === "srt" ? `in ${kind}, without srt's own filters` : "";
}

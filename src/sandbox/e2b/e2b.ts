import { mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf, messageOf, OperatorError } from "../../base/errors.ts";
import { claim, destroyLocal, type Local, markedDirectories, sandboxOf } from "../local.ts";
import { type Lookout, openLookout } from "../lookout.ts";
import { look, processesOf } from "../looks.ts";
import type { Availability, Driver, Sandbox, SandboxSpec } from "../sandbox.ts";
import { type Account, type AccountOptions, DEFAULT_API_URL, openAccount } from "./account.ts";
import { ANSWER_MS, answers } from "./asking.ts";
import { startCarrier } from "./carrier.ts";
import { openDaemon } from "./daemon.ts";
import { proveClosed } from "./egress.ts";
import { BrokenStream } from "./frames.ts";
import { furnish } from "./furnish.ts";
import { LEASE_SLACK_MS, machinesOf } from "./machines.ts";
import { nameOf, ownMarks } from "./marks.ts";
import { renewed } from "./renewed.ts";

/**
 * Sandboxes at E2B (e2b.dev), an outside service: a Firecracker virtual machine on a machine of theirs. Never chosen unless the
 * configuration asks for it, because a clone leaves this machine with it. In the machine stands the box that bubblewrap builds
 * here, with a network namespace of its own; a small process here stands for it (carrierProcess.ts) and is what `pid` names.
 */
export type E2bOptions = {
  runDirectory: string;
  /** Undefined: the variable of that name is not set; nothing is contacted then. */
  apiKey: string | undefined;
  /** The variable's name, for a hint. */
  keyEnv: string;
  /** One that the account has. */
  template: string;
  apiUrl?: string | undefined;
  sandboxUrl?: string | undefined;
  /** E2B kills what is not renewed for so long, whoever died here; renewed three times in it. */
  leaseMs?: number;
  /** Between the two listings of a look: E2B's list may lag behind what it does. */
  listApartMs?: number;
  lookout?: Lookout;
};

const LEASE_MS = 120_000;
const LIST_APART_MS = 5_000;
const THEIRS = "the machine's template sets it";

const CANNOT: Driver["cannot"] = [
  { what: "limit memory", why: THEIRS },
  { what: "limit cpus", why: THEIRS },
  { what: "limit pids", why: "no limit but the machine's memory" },
  { what: "write to mounts as any user", why: "a mount is a copy, and nothing comes back" },
  { what: "share a directory with the host", why: "a mount is a copy" },
  { what: "pass unix sockets in", why: "only files and directories can be copied" },
  { what: "allow new privileges", why: "bwrap always sets no_new_privs" },
  { what: "be looked at from outside", why: "its processes are on a machine of E2B's" },
  {
    what: "take the interface out of the machine",
    why: "E2B's daemon is reached by it; the guest's namespace has none",
  },
];

/** The guest's runtime is 55 MB, which goes up unless the template holds it already. */
const CREATE_TIMEOUT_MS = 90_000;

export function e2bDriver(options: E2bOptions): Driver {
  const { runDirectory, apiKey, keyEnv, apiUrl = DEFAULT_API_URL, sandboxUrl } = options;
  const leaseMs = options.leaseMs ?? LEASE_MS;
  const local: Local = {
    kind: "e2b",
    isolation: "microvm",
    runDirectory,
    cgroups: { status: "unusable", reason: "its processes are on a machine of E2B's" },
    lookout: options.lookout ?? openLookout(),
  };
  const credentials = (): AccountOptions => {
    if (apiKey === undefined) throw missingKey(keyEnv);
    return { apiKey, apiUrl, ...(sandboxUrl === undefined ? {} : { sandboxUrl }) };
  };
  const account = (): Account => openAccount(credentials());
  const machines = machinesOf({
    account,
    runDirectory,
    template: options.template,
    leaseMs,
    listApartMs: options.listApartMs ?? LIST_APART_MS,
  });

  /** The channel first, then whatever bears the name over there. */
  async function destroy(name: string): Promise<void> {
    await destroyLocal(local, name);
    await machines.kill(name);
  }

  async function start(spec: SandboxSpec, directory: string, signal: AbortSignal): Promise<Sandbox> {
    const machine = await machines.create(spec.name, signal);
    signal.throwIfAborted();
    const daemon = openDaemon(machine);
    const stage = join(directory, "stage");
    const renewing = renewed(() => account().renew(machine.id, leaseMs), leaseMs);
    try {
      mkdirSync(stage);
      const { tools, argv } = await furnish(daemon, spec, stage, signal);
      await proveClosed(daemon, tools, signal);
      const order = { account: credentials(), machine, argv: [...argv], leaseMs };
      const linked = await startCarrier(spec.name, order, signal);
      const { pid } = linked.child;
      if (pid === undefined) throw new Error("the carrier has no process id");
      const sandbox = sandboxOf(local, spec, linked, pid, () => destroy(spec.name));
      return { ...sandbox, hints: hintsOf(leaseMs) };
    } finally {
      renewing.stop();
      daemon.close();
      for (const path of [stage, `${stage}.tar.gz`]) await rm(path, { recursive: true, force: true });
    }
  }

  return {
    kind: "e2b",
    createTimeoutMs: CREATE_TIMEOUT_MS,
    isolation: "microvm",
    cannot: CANNOT,
    check: (signal) =>
      apiKey === undefined
        ? Promise.resolve(withoutKey(keyEnv))
        : answers(account(), { marks: ownMarks(runDirectory), keyEnv, apiUrl }, signal),
    hints: () => hintsOf(leaseMs),
    async create(spec, signal) {
      signal.throwIfAborted();
      credentials();
      if (!spec.confinement.noNewPrivileges)
        throw new OperatorError(
          "E2B's box cannot leave new privileges allowed",
          "use docker for a target that declares it",
        );
      const { directory } = claim(local, spec);
      try {
        return await start(spec, directory, signal);
      } catch (thrown) {
        const first = signal.aborted ? signal.reason : asOperatorError(thrown, spec.name);
        await destroy(spec.name).catch((error: unknown) => {
          throw new SuppressedError(error, first);
        });
        throw first;
      }
    },
    async list() {
      const over = await account().list(ownMarks(runDirectory), ANSWER_MS);
      return [...new Set([...markedDirectories(local), ...over.flatMap(({ marks }) => nameOf(marks) ?? [])])];
    },
    destroy,
    async look(name) {
      const survey = await local.lookout.survey();
      return [look("e2b processes here", () => processesOf(name, survey)), ...(await machines.look(name))];
    },
    lookout: local.lookout,
  };
}

function hintsOf(leaseMs: number) {
  return { leaseEndsWithinMs: leaseMs + LEASE_SLACK_MS };
}

function missingKey(keyEnv: string): OperatorError {
  return new OperatorError("no key for E2B", `set ${keyEnv}; e2b.dev/dashboard makes one`);
}

function withoutKey(keyEnv: string): Availability {
  const { message: reason, hint } = missingKey(keyEnv);
  return { status: "missing", reason, hint };
}

/** What breaks between here and there is for a person to look into; a fault of our own keeps its stack. */
function asOperatorError(thrown: unknown, name: string): unknown {
  if (!(thrown instanceof BrokenStream || errnoOf(thrown) !== undefined)) return thrown;
  const message = `E2B does not start ${name}: ${messageOf(thrown)}`;
  return new OperatorError(message, "see E2B's status page", { cause: thrown });
}

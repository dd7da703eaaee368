import type { Look } from "../sandbox.ts";
import { type Account, type Listed, Refused } from "./account.ts";
import { ANSWER_MS, lookForId, lookTwice } from "./asking.ts";
import { KILL_MS } from "./carrier.ts";
import type { Machine } from "./daemon.ts";
import { marksOf } from "./marks.ts";

/**
 * The machines that bear one name. Mostly one; none or several when a reply was lost or a request was carried out twice. What
 * this process learned of them is kept beside the list, which may lag behind.
 */
export type Machines = {
  create(name: string, signal: AbortSignal): Promise<Machine>;
  /** Bounded to KILL_MS for the list and again for the kills. Throws what one of them failed with. */
  kill(name: string): Promise<void>;
  look(name: string): Promise<Look[]>;
};

export type MachinesOptions = {
  account: () => Account;
  runDirectory: string;
  template: string;
  leaseMs: number;
  listApartMs: number;
};

/** How long a create that is aborted is still waited for: E2B makes the machine whether or not we hang up. */
const ABORT_WAIT_MS = 2_000;
/** On top of the lease, for E2B to act on it. */
export const LEASE_SLACK_MS = 10_000;

export function machinesOf({ account, runDirectory, template, leaseMs, listApartMs }: MachinesOptions): Machines {
  const ids = new Map<string, Set<string>>();
  /** Creates that were sent and never answered, and when the lease of what they may have made is over at the latest. */
  const unanswered = new Map<string, Date>();
  const learn = (name: string, id: string): void => {
    ids.set(name, (ids.get(name) ?? new Set()).add(id));
    unanswered.delete(name);
  };
  const list = async (name: string, deadlineMs: number): Promise<Listed[]> => {
    const found = await account().list(marksOf(runDirectory, name), deadlineMs);
    for (const { id } of found) learn(name, id);
    return found;
  };

  async function ask(name: string): Promise<Machine> {
    unanswered.set(name, new Date(Date.now() + leaseMs + LEASE_SLACK_MS));
    try {
      const machine = await account().create(template, marksOf(runDirectory, name), leaseMs);
      learn(name, machine.id);
      return machine;
    } catch (thrown) {
      if (thrown instanceof Refused) unanswered.delete(name);
      throw thrown;
    }
  }

  return {
    async create(name, signal) {
      const asked = ask(name);
      const given = Promise.withResolvers<never>();
      let timer: NodeJS.Timeout | undefined;
      const onAbort = (): void => {
        timer = setTimeout(() => given.reject(signal.reason), ABORT_WAIT_MS);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      try {
        return await Promise.race([asked, given.promise]);
      } finally {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        // Nobody waits for it any more; that it never answered is kept.
        asked.catch(() => undefined);
      }
    },
    async kill(name) {
      // What is known by its id dies also while the list does not come.
      const [listing] = await Promise.allSettled([list(name, KILL_MS)]);
      const kills = [...(ids.get(name) ?? [])].map((id) => account().kill(id, KILL_MS));
      const outcomes = [listing, ...(await Promise.allSettled(kills))];
      const failed = outcomes.find((outcome) => outcome.status === "rejected");
      if (failed !== undefined) throw failed.reason;
    },
    async look(name) {
      const inList = await lookTwice(() => list(name, ANSWER_MS), listApartMs);
      const byId = await Promise.all([...(ids.get(name) ?? [])].map((id) => lookForId(account(), id)));
      const until = unanswered.get(name);
      return [inList, ...byId, ...(until === undefined || until < new Date() ? [] : [neverAnswered(until)])];
    },
  };
}

/** No machine showed itself, and nobody said that there is none. */
function neverAnswered(until: Date): Look {
  const reason = `it never came: if there is a machine, its lease ends it by ${until.toISOString()}`;
  return { what: "E2B's answer to the create", status: "not-looked", reason };
}

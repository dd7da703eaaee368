import { TOKEN } from "../../guest/probe/network/try.ts";
import type { Internet } from "../internet/internet.ts";

/** The simulated internet around a room: by which protocol each token came to it; or why there is none to be asked. */
export type Outside =
  | {
      status: "standing";
      arrived(): Promise<ReadonlyMap<string, "dns" | "tcp" | "udp">>;
      /** That were asked for, but those of a canary. */
      names(): Promise<string[]>;
    }
  | { status: "none"; reason: string };

/** One to which nothing came that was sent from the room's own network proves no refusal, and counts as none. */
export function outsideOf(internet: Internet): Outside {
  if (internet.status === "none") return internet;
  if (!internet.control.isHeld) return { status: "none", reason: internet.control.evidence };
  return {
    status: "standing",
    async names() {
      const { names } = await internet.told();
      return Object.keys(names).filter((name) => !TOKEN.test(name));
    },
    async arrived() {
      const { arrivals } = await internet.told();
      // A name alone is less than what is said in a connection, which is told last.
      const told = arrivals.toSorted((a, b) => Number(a.protocol === "tcp") - Number(b.protocol === "tcp"));
      return new Map(told.map(({ token, protocol }) => [token, protocol]));
    },
  };
}

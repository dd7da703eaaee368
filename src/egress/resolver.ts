import { Resolver } from "node:dns/promises";
import { errnoOf } from "../base/errors.ts";
import { classifyAddress } from "./addresses.ts";
import type { Pin } from "./messages.ts";

/** Looks one name up. Rejects with the resolver's error (a `code`) when there is no answer. */
export type Resolve = (host: string) => Promise<string[]>;

export type Vetted =
  | { status: "vetted"; address: string; resolved: string[] }
  | { status: "refused"; reason: "name-unresolved" | "address-denied"; resolved: string[] };

export type Vetting = {
  resolve: Resolve;
  pins: readonly Pin[];
  /** This machine's addresses at this moment. */
  ownAddresses(): ReadonlySet<string>;
};

/**
 * From a name that a rule allows to the one address that will be dialed: resolved once, so that no second answer can
 * lead elsewhere. Addresses of a denied class are dropped; of the rest the first is taken.
 */
export async function vet(host: string, vetting: Vetting): Promise<Vetted> {
  const pin = vetting.pins.find((pin) => pin.host === host);
  if (pin !== undefined) return { status: "vetted", address: pin.address, resolved: [pin.address] };
  let resolved: string[];
  try {
    resolved = await vetting.resolve(host);
  } catch (thrown) {
    if (errnoOf(thrown) === undefined) throw thrown;
    return { status: "refused", reason: "name-unresolved", resolved: [] };
  }
  const own = vetting.ownAddresses();
  const address = resolved.find((candidate) => classifyAddress(candidate, own).verdict === "global");
  if (address !== undefined) return { status: "vetted", address, resolved };
  return { status: "refused", reason: resolved.length === 0 ? "name-unresolved" : "address-denied", resolved };
}

/**
 * c-ares by /etc/resolv.conf, never getaddrinfo: no /etc/hosts, no search list, no number forms. IPv4 first.
 * It holds an answer to its question's number and name, and not each record to its owner: a name server that is asked may say
 * what it likes. What it says is looked at by class, and over TLS a host has to prove its name.
 * @param servers address and port of others than those of /etc/resolv.conf.
 */
export function ownResolver(timeoutMs = 3_000, servers?: readonly string[]): Resolve {
  const resolver = new Resolver({ timeout: timeoutMs, tries: 2 });
  if (servers !== undefined) resolver.setServers(servers);
  return async (host) => {
    const [v4, v6] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    if (v4.status === "rejected" && v6.status === "rejected") throw v4.reason;
    return [v4, v6].flatMap((answer) => (answer.status === "fulfilled" ? answer.value : [])).slice(0, 32);
  };
}

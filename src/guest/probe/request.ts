import type { Vantage } from "../observation.ts";

/** What the owner of the sandbox tells the probe. Everything but the vantage is optional. */
export type ProbeRequest = {
  vantage: Vantage;
  /** Absolute, inside the sandbox; by default HOME of the environment. */
  home?: string;
  /** Absolute, inside the sandbox; rows about a workspace are not measured without it. */
  workspace?: string;
  /** Hex. Key of the hashes that let two sightings of one secret be compared; no hash is made without it. */
  keyHex?: string;
  /**
   * Paths, `env:NAME`, `tcp:HOST:PORT` and `@abstract` names that are stand-ins of ours: reached, they read
   * `decoy-reached`.
   */
  standIns: string[];
  /**
   * Places, written the same way, `proc:1` and `proc:parent`, that belong to the machinery that carries the probe. Their rows are kept
   * under the check `own`, where nobody takes them for the stack's.
   */
  ours: string[];
  /** Ask for permission on sockets and do not connect, so that looking wakes no service. */
  isPassive: boolean;
  /** Map every path of every mount besides; takes seconds, and up to a minute. */
  isDeep: boolean;
  host: {
    /** Inode of each namespace of the host by kind (`net`, `pid`, …), digits. */
    namespaces: Record<string, string>;
    /** /proc/sys/kernel/random/boot_id of the host: another one inside means another kernel. */
    bootId?: string;
  };
  /** The simulated internet around the sandbox, in which everything that is sent arrives at a sink of ours; without one nothing is sent. */
  network?: NetworkRequest;
  /** Whether the owner loaded a seccomp filter; when what is seen differs, the row is `contradictory`. */
  seccompExpected?: "filter" | "none";
};

export type NetworkRequest = {
  /** Hex; of this one measurement. */
  nonce: string;
  /** Of one attempt. */
  timeoutMs: number;
  /** A domain whose every name is the sink's to answer. */
  zone: string;
  gateway: string;
  gateway6: string;
  neighbour: string;
  neighbour6: string;
  /** An address on the internet, and a resolver that the sandbox was not given. */
  outside: string;
  foreignResolver: string;
  outside6: string;
  foreignResolver6: string;
  /** Names that the stack's own policy lets through its proxy. */
  allowed: string[];
  /** Names that the sandbox's own filter of addresses was made for: they are gone to without a proxy. */
  direct: string[];
};

export const REQUEST_CHARACTERS_MAX = 256 * 1024;

/** Takes the request apart by hand, because nothing but Node travels with the probe. Throws TypeError saying which key is wrong. */
export function parseRequest(text: string): ProbeRequest {
  if (text.length > REQUEST_CHARACTERS_MAX) throw new TypeError("the request is too long");
  const value: unknown = JSON.parse(text);
  const given = record(value, "request");
  const host = given["host"] === undefined ? {} : record(given["host"], "host");
  const namespaces: Record<string, string> = {};
  for (const [kind, inode] of Object.entries(record(host["namespaces"] ?? {}, "host.namespaces"))) {
    namespaces[kind] = string(inode, `host.namespaces.${kind}`);
  }
  return {
    vantage: vantage(given["vantage"]),
    ...optional("home", given["home"]),
    ...optional("workspace", given["workspace"]),
    ...optional("keyHex", given["keyHex"]),
    standIns: strings(given["standIns"] ?? [], "standIns"),
    ours: strings(given["ours"] ?? [], "ours"),
    isPassive: given["isPassive"] === true,
    isDeep: given["isDeep"] === true,
    host: { namespaces, ...optional("bootId", host["bootId"]) },
    ...seccomp(given["seccompExpected"]),
    ...(given["network"] === undefined ? {} : { network: network(record(given["network"], "network")) }),
  };
}

function network(given: Record<string, unknown>): NetworkRequest {
  const text = (key: string) => string(given[key], `network.${key}`);
  const timeoutMs = given["timeoutMs"];
  if (typeof timeoutMs !== "number" || !(timeoutMs > 0))
    throw new TypeError("network.timeoutMs: a number is expected");
  return {
    nonce: text("nonce"),
    timeoutMs,
    zone: text("zone"),
    gateway: text("gateway"),
    gateway6: text("gateway6"),
    neighbour: text("neighbour"),
    neighbour6: text("neighbour6"),
    outside: text("outside"),
    foreignResolver: text("foreignResolver"),
    outside6: text("outside6"),
    foreignResolver6: text("foreignResolver6"),
    allowed: strings(given["allowed"] ?? [], "network.allowed"),
    direct: strings(given["direct"] ?? [], "network.direct"),
  };
}

function vantage(value: unknown): Vantage {
  if (value === "target" || value === "lab" || value === "host") return value;
  throw new TypeError("vantage: target, lab or host is expected");
}

function seccomp(value: unknown): { seccompExpected?: "filter" | "none" } {
  if (value === undefined) return {};
  if (value === "filter" || value === "none") return { seccompExpected: value };
  throw new TypeError("seccompExpected: filter or none is expected");
}

function optional<K extends string>(key: K, value: unknown): { [P in K]?: string } {
  const made: { [P in K]?: string } = {};
  if (value !== undefined) made[key] = string(value, key);
  return made;
}

function strings(value: unknown, key: string): string[] {
  if (!Array.isArray(value)) throw new TypeError(`${key}: a list of strings is expected`);
  return value.map((entry) => string(entry, key));
}

function string(value: unknown, key: string): string {
  if (typeof value !== "string") throw new TypeError(`${key}: a string is expected`);
  return value;
}

function record(value: unknown, key: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TypeError(`${key}: an object is expected`);
  }
  return { ...value };
}

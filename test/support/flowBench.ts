import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import type { Fake } from "../../src/canaries/canaries.ts";
import { admittedGuest } from "../../src/egress/admitted.ts";
import { Rule } from "../../src/egress/allowlist.ts";
import { refuse } from "../../src/egress/answer.ts";
import type { Control } from "../../src/egress/broker.ts";
import { CAPS, type Caps } from "../../src/egress/caps.ts";
import { keptConnections } from "../../src/egress/connections.ts";
import { type FlowParts, serveFlow } from "../../src/egress/flow.ts";
import { guestCaps } from "../../src/egress/guestCaps.ts";
import type { FromGateway, ModelRelay, Pin } from "../../src/egress/messages.ts";
import { modelDesk } from "../../src/egress/model.ts";
import { type EgressRecord, startRecord } from "../../src/egress/record.ts";
import type { Resolve } from "../../src/egress/resolver.ts";
import { spending } from "../../src/egress/spending.ts";
import { type AuthorityAtHand, authorityAtHand } from "../../src/egress/tunnel/authority.ts";
import { type TunnelLimits, tunnelDesk } from "../../src/egress/tunnel/tunnel.ts";
import { websocketDesk } from "../../src/egress/tunnel/websocket.ts";
import { announcedDrills } from "../../src/egress/watch/drills.ts";
import { openWatch } from "../../src/egress/watch/openWatch.ts";
import { serveChannel } from "../../src/sandbox/channel.ts";
import type { Role } from "../../src/sandbox/sandbox.ts";
import { type FakeShim, fakeShim } from "./fakeShim.ts";
import { socketPair } from "./socketPair.ts";

/** The gateway's flows in the test's own process, so that the resolver can be the test's. */
export type FlowBench = {
  shim: FakeShim;
  told: FromGateway[];
  /** Where the model's key was seen in what came back. */
  echoes: string[];
  drill(fakeId: string): void;
  /** PEM of the authority that tunnels are terminated under. */
  certificate(): Promise<string>;
  latch(): void;
  /** As a reload does: from here on there are only these. */
  keepRules(ids: readonly string[]): void;
  log(): Record<string, unknown>[];
  [Symbol.asyncDispose](): Promise<void>;
};

export type FlowBenchOptions = {
  rules?: Record<string, unknown>[];
  resolve?: Resolve;
  pins?: Pin[];
  certificates?: string[];
  model?: ModelRelay;
  role?: Role;
  ask?: Control["ask"];
  canaryHosts?: string[];
  secrets?: Record<string, string>;
  caps?: Partial<Caps>;
  fakes?: Fake[];
  masterKey?: Uint8Array;
  /** Null, unless given: what a theft does besides. */
  seal?: (why: string) => void;
  authority?: () => Promise<AuthorityAtHand>;
  limits?: Partial<TunnelLimits>;
  /** By which rules expire. */
  today?: () => string;
};

export const neverResolved: Resolve = (host) => {
  throw new TypeError(`${host} was looked up, and must not be`);
};

export async function flowBench(options: FlowBenchOptions): Promise<FlowBench> {
  const directory = mkdtempSync(join(tmpdir(), "wd-flow-"));
  const path = join(directory, "egress.jsonl");
  const record: EgressRecord = startRecord(path, { cycle: "c" }, systemClock);
  const rules = (options.rules ?? []).map((rule) => Rule.parse({ responseBytesMax: 10_000, why: "a test", ...rule }));
  const told: FromGateway[] = [];
  const echoes: string[] = [];
  let flows = 0;
  const connections = keptConnections(options.certificates ?? []);
  const vetting = {
    resolve: options.resolve ?? neverResolved,
    pins: options.pins ?? [],
    ownAddresses: () => new Set<string>(),
  };
  const authority = options.authority ?? authorityAtHand(systemClock);
  const watch = openWatch();
  if (options.fakes !== undefined) watch.fakes(options.fakes, options.masterKey);
  const drills = announcedDrills(systemClock);
  let isLatched = false;
  let policyHash = "p";
  let live = rules;
  const today = options.today ?? (() => "2026-01-01");
  const parts: FlowParts = {
    policy: () => ({
      isLatched,
      today: today(),
      canaryHosts: options.canaryHosts ?? [],
      rules: live,
      secrets: options.secrets ?? {},
      hash: policyHash,
    }),
    policyHash: () => policyHash,
    today,
    spending: spending(),
    hashKey: () => Buffer.from("k"),
    watch,
    drills,
    seal: options.seal ?? null,
    record,
    control: { tell: (message) => told.push(message), ask: options.ask ?? (async () => ({ status: 200, body: {} })) },
    forward: { vetting, connections, clock: systemClock },
    model: modelDesk(options.model ?? null, {
      materialMark: "a-mark-of-the-test",
      connections,
      clock: systemClock,
      onSpent: (spend) => told.push({ type: "spent", spend }),
      onKeyEchoed: (sandbox, where) => echoes.push(`${sandbox} ${where}`),
    }),
    source: { answer: async () => refuse("source-not-configured") },
    tunnel: tunnelDesk({
      vetting,
      authority,
      isLatched: () => isLatched,
      clock: systemClock,
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    }),
    websocket: websocketDesk({
      connections,
      watch,
      isLatched: () => isLatched,
      clock: systemClock,
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    }),
    certificate: async () => {
      const found = await authority();
      return found.status === "made" ? found.authority.certificate : null;
    },
    clock: systemClock,
    nextFlow: () => flows++,
  };
  const guest = admittedGuest("wd-lab", options.role ?? "lab", {
    backend: "bubblewrap",
    caps: guestCaps(
      systemClock,
      (reason, times) => record.close({ event: "capped", policyHash: "p", sandbox: "wd-lab", reason, times }),
      { ...CAPS, ...options.caps },
      100,
    ),
  });
  const [inside, outside] = await socketPair();
  const served = serveChannel(outside, (stream, headers) => void serveFlow(stream, headers, guest, parts));
  return {
    shim: fakeShim(inside),
    told,
    echoes,
    drill: (fakeId) => drills.announce("wd-lab", fakeId),
    async certificate() {
      const found = await authority();
      if (found.status === "missing") throw new Error(found.why);
      return found.authority.certificate;
    },
    latch: () => {
      isLatched = true;
    },
    keepRules(ids) {
      live = rules.filter(({ id }) => ids.includes(id));
      policyHash = `p ${ids.join(" ")}`;
    },
    log: () => {
      record.flush();
      const text = readFileSync(path, "utf8").trimEnd();
      return text === "" ? [] : text.split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
    },
    async [Symbol.asyncDispose]() {
      served.destroy();
      inside.destroy();
      await served.closed;
      await connections.end();
      rmSync(directory, { recursive: true });
    },
  };
}

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { admittedGuest } from "../../src/egress/admitted.ts";
import { Rule } from "../../src/egress/allowlist.ts";
import { refuse } from "../../src/egress/answer.ts";
import type { Control } from "../../src/egress/broker.ts";
import { type FlowParts, serveFlow } from "../../src/egress/flow.ts";
import type { FromGateway, ModelRelay, Pin } from "../../src/egress/messages.ts";
import { modelDesk } from "../../src/egress/model.ts";
import { type EgressRecord, startRecord } from "../../src/egress/record.ts";
import type { Resolve } from "../../src/egress/resolver.ts";
import { serveChannel } from "../../src/sandbox/channel.ts";
import type { Role } from "../../src/sandbox/sandbox.ts";
import { type FakeShim, fakeShim } from "./fakeShim.ts";
import { socketPair } from "./socketPair.ts";

/** The gateway's flows in the test's own process, so that the resolver can be the test's. */
export type FlowBench = {
  shim: FakeShim;
  told: FromGateway[];
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
};

export const neverResolved: Resolve = (host) => {
  throw new TypeError(`${host} was looked up, and must not be`);
};

export async function flowBench(options: FlowBenchOptions): Promise<FlowBench> {
  const directory = mkdtempSync(join(tmpdir(), "wd-flow-"));
  const path = join(directory, "egress.jsonl");
  const record: EgressRecord = startRecord(path, { cycle: "c", policyHash: "p" }, systemClock);
  const rules = (options.rules ?? []).map((rule) => Rule.parse({ responseBytesMax: 10_000, why: "a test", ...rule }));
  const told: FromGateway[] = [];
  let flows = 0;
  const certificates = options.certificates ?? [];
  const parts: FlowParts = {
    policy: () => ({ isLatched: false, canaryHosts: [], rules }),
    recogniser: () => null,
    record,
    control: { tell: (message) => told.push(message), ask: options.ask ?? (async () => ({ status: 200, body: {} })) },
    forward: {
      vetting: { resolve: options.resolve ?? neverResolved, pins: options.pins ?? [], ownAddresses: () => new Set() },
      certificates,
      clock: systemClock,
    },
    model: modelDesk(options.model ?? null, certificates, systemClock),
    source: { answer: async () => refuse("source-not-configured") },
    clock: systemClock,
    nextFlow: () => flows++,
  };
  const guest = admittedGuest("wd-lab", options.role ?? "lab");
  const [inside, outside] = await socketPair();
  const served = serveChannel(outside, (stream, headers) => void serveFlow(stream, headers, guest, parts));
  return {
    shim: fakeShim(inside),
    told,
    log: () => {
      const text = readFileSync(path, "utf8").trimEnd();
      return text === "" ? [] : text.split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
    },
    async [Symbol.asyncDispose]() {
      served.destroy();
      inside.destroy();
      await served.closed;
      rmSync(directory, { recursive: true });
    },
  };
}

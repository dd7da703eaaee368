import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { answer, fail } from "./answer.ts";
import { type Box, makeBox, type Template } from "./box.ts";
import { type Processes, serveDaemon } from "./envd.ts";
import { type Faults, noFaults, strikes } from "./faults.ts";

/**
 * E2B on loopback: its control plane, and the daemon of each machine at the same address, told apart by the header
 * `E2b-Sandbox-Id`. Processes really run, in a box without network. The wire is that of the clients e2b 2.51.0 and
 * @e2b/code-interpreter 2.8.0, which a test holds it to.
 */
export type FakeE2b = {
  url: string;
  apiKey: string;
  faults: Faults;
  /** Machines whose processes run, by what the machine says and not by the list. */
  living(): Living[];
  /** Method and path of each call of the control plane, in order. */
  calls: string[];
  templates: Record<string, Template>;
  stop(): Promise<void>;
};

export type Living = {
  id: string;
  metadata: Record<string, string>;
  state: "running" | "paused";
  /** What was started in it and still runs. */
  processes: Processes;
};

type Machine = Living & {
  box: Box;
  body: CreateBody;
  startedAtMs: number;
  endsAtMs: number;
  timer: NodeJS.Timeout | undefined;
};

type CreateBody = {
  templateID: string;
  metadata?: Record<string, string>;
  timeout?: number;
  allow_internet_access?: boolean;
  network?: { denyOut?: string[] };
  autoPause?: boolean;
};

const ENVD_VERSION = "0.5.7";
const PAGE = 3;

export async function startFakeE2b(): Promise<FakeE2b> {
  const machines = new Map<string, Machine>();
  const everMade: Machine[] = [];
  const fake: FakeE2b = {
    url: "",
    // E2B's client wants this shape.
    apiKey: `e2b_${randomBytes(20).toString("hex")}`,
    faults: noFaults(),
    living: () => everMade.filter(({ box }) => box.isAlive()),
    calls: [],
    templates: { base: {} },
    async stop() {
      for (const machine of everMade) end(machine);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const end = (machine: Machine): void => {
    clearTimeout(machine.timer);
    machines.delete(machine.id);
    machine.box.kill();
  };
  const lease = (machine: Machine, seconds: number): void => {
    clearTimeout(machine.timer);
    machine.endsAtMs = Date.now() + seconds * 1_000;
    machine.timer = setTimeout(() => {
      if (machine.body.autoPause === true) machine.state = "paused";
      else end(machine);
    }, seconds * 1_000);
  };
  const make = async (body: CreateBody): Promise<Machine> => {
    const box = await makeBox(fake.templates[body.templateID] ?? {});
    const { metadata = {} } = body;
    const id = `i${randomBytes(8).toString("hex")}`;
    const startedAtMs = Date.now();
    const machine: Machine = {
      id,
      metadata,
      state: "running",
      box,
      body,
      startedAtMs,
      endsAtMs: 0,
      timer: undefined,
      processes: new Map(),
    };
    machines.set(id, machine);
    everMade.push(machine);
    lease(machine, body.timeout ?? 15);
    return machine;
  };
  const create = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = (await json(request)) as CreateBody;
    if (fake.templates[body.templateID] === undefined) return fail(response, 404, "template not found");
    const machine = await make(body);
    if (strikes(fake.faults, "duplicateCreate")) await make(body);
    await sleep(fake.faults.createDelayMs);
    if (strikes(fake.faults, "loseCreateReply")) return void request.socket.destroy();
    const { envdVersion, ...rest } = detailOf(machine, fake.faults);
    const tokens = { envdAccessToken: tokenOf(machine), trafficAccessToken: `traffic-${machine.id}`, domain: null };
    const version = strikes(fake.faults, "createWithoutVersion") ? {} : { envdVersion };
    answer(response, 201, { ...rest, ...version, ...tokens });
  };
  const list = (query: URLSearchParams, response: ServerResponse): void => {
    if (strikes(fake.faults, "listFails")) return fail(response, 500, "the list is not there");
    const wanted = new URLSearchParams(query.get("metadata") ?? "");
    const states = (query.get("state") ?? "running,paused").split(",");
    const found = [...machines.values()].filter(
      ({ metadata, state, startedAtMs }) =>
        states.includes(state) &&
        Date.now() - startedAtMs >= fake.faults.listLagMs &&
        [...wanted].every(([name, value]) => metadata[decodeURIComponent(name)] === decodeURIComponent(value)),
    );
    const from = Number(query.get("nextToken") ?? 0);
    const next: Record<string, string> = from + PAGE < found.length ? { "x-next-token": String(from + PAGE) } : {};
    answer(
      response,
      200,
      found.slice(from, from + PAGE).map((machine) => detailOf(machine, fake.faults)),
      next,
    );
  };
  const one = async (machine: Machine, action: string, request: IncomingMessage, response: ServerResponse) => {
    if (action === "GET") return answer(response, 200, detailOf(machine, fake.faults));
    if (action === "DELETE") {
      if (strikes(fake.faults, "deleteFails")) return fail(response, 500, "not now");
      end(machine);
      return answer(response, 204);
    }
    if (action === "POST timeout") {
      if (strikes(fake.faults, "renewFails")) return fail(response, 500, "not now");
      lease(machine, ((await json(request)) as { timeout: number }).timeout);
      return answer(response, 204);
    }
    if (action === "POST pause") {
      machine.state = "paused";
      return answer(response, 204);
    }
    fail(response, 404, `no ${action}`);
  };
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? "/", fake.url);
    const { method = "" } = request;
    const inside = request.headers["e2b-sandbox-id"];
    if (typeof inside === "string") {
      const machine = machines.get(inside);
      if (machine === undefined || !machine.box.isAlive()) return fail(response, 502, "The sandbox was not found");
      if (request.headers["x-access-token"] !== tokenOf(machine)) return fail(response, 401, "no access token");
      return serveDaemon({ ...machine, faults: fake.faults }, url, request, response);
    }
    fake.calls.push(`${method} ${url.pathname}`);
    if (request.headers["x-api-key"] !== fake.apiKey) return fail(response, 401, "no such key");
    if (strikes(fake.faults, "tooManyRequests")) {
      const after = fake.faults.retryAfterSeconds;
      return fail(response, 429, "slow down", after === undefined ? {} : { "retry-after": String(after) });
    }
    if (url.pathname === "/v2/sandboxes" && method === "POST") return create(request, response);
    if (url.pathname === "/v2/sandboxes") return list(url.searchParams, response);
    const [, , id = "", verb] = url.pathname.split("/");
    const machine = machines.get(id);
    if (machine === undefined) return fail(response, 404, `sandbox ${id} not found`);
    return one(machine, verb === undefined ? method : `${method} ${verb}`, request, response);
  };
  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      if (!response.headersSent) fail(response, 500, String(error));
      else response.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  fake.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return fake;
}

function tokenOf({ id }: Living): string {
  return `access-${id}`;
}

function detailOf(machine: Machine, { clockSkewMs }: Faults) {
  return {
    sandboxID: machine.id,
    templateID: machine.body.templateID,
    clientID: "fake",
    envdVersion: ENVD_VERSION,
    metadata: machine.metadata,
    state: machine.state,
    startedAt: new Date(machine.startedAtMs + clockSkewMs).toISOString(),
    endAt: new Date(machine.endsAtMs + clockSkewMs).toISOString(),
    cpuCount: 2,
    memoryMB: 512,
    allowInternetAccess: machine.body.allow_internet_access ?? null,
    network: machine.body.network,
    lifecycle: { onTimeout: machine.body.autoPause === true ? "pause" : "kill", autoResume: false },
  };
}

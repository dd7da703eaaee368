import { z } from "zod";
import { Hello, TASK_POLL_MS, TaskResult, type Welcome } from "../guest/wire.ts";
import type { AdmittedGuest } from "./admitted.ts";
import { type Answer, answerJson, refuse } from "./answer.ts";
import { jsonOf } from "./body.ts";
import { hasOutside } from "./decide.ts";
import type { GuestRequest, GuestResponse } from "./egress.ts";
import type { FromGateway } from "./messages.ts";

/**
 * `broker.weakdoor.internal`: the shim's greeting, heartbeat and tasks are answered here; every other message is JSON
 * that CONTROL gets to see, and only when it is whole and of bounded length.
 */
export type Control = {
  tell(message: FromGateway): void;
  /** Rejects never; null when no answer came in time. */
  ask(request: GuestRequest): Promise<GuestResponse | null>;
};

export type BrokerRequest = { method: string; path: string; query: string; body: Buffer; signal: AbortSignal };

const KIB = 1024;
const MESSAGE_BYTES_MAX = 1024 * KIB;
/** 8 MiB of characters take more bytes when they are escaped or not ASCII. */
const RESULT_BYTES_MAX = 32 * 1024 * KIB;
/** Messages of one guest that CONTROL works on at once. */
const PENDING_MAX = 16;
/** The poll ends before the guest gives up on it. */
const POLL_MARGIN_MS = 1_000;

const TASK_PATH = /^\/v1\/task\/([A-Za-z0-9-]{1,64})$/;

/** How many bytes of body are read for a request to the broker. */
export function brokerBytesMax(method: string, path: string): number {
  if (method !== "POST") return 0;
  if (path === "/v1/hello" || path === "/v1/heartbeat") return KIB;
  return TASK_PATH.test(path) ? RESULT_BYTES_MAX : MESSAGE_BYTES_MAX;
}

/** What comes every second and every poll is counted, and logged only when it is refused. */
export function isUpkeep(method: string, path: string): boolean {
  return (method === "POST" && path === "/v1/heartbeat") || (method === "GET" && path === "/v1/task");
}

/** @param certificate of the authority that a guest with an outside is to trust, PEM. */
export async function answerBroker(
  request: BrokerRequest,
  guest: AdmittedGuest,
  control: Control,
  certificate: () => Promise<string | null>,
): Promise<Answer> {
  const { method, path } = request;
  if (path === "/v1/hello") {
    return method === "POST" ? greet(request.body, guest, control, certificate) : refuse("route-unknown");
  }
  if (path === "/v1/heartbeat") return method === "POST" ? beat(request.body) : refuse("route-unknown");
  if (path === "/v1/task") return method === "GET" ? handOut(guest, request.signal) : refuse("route-unknown");
  const id = TASK_PATH.exec(path)?.[1];
  if (id !== undefined) return method === "POST" ? takeIn(id, request.body, guest, control) : refuse("route-unknown");
  if (method !== "GET" && method !== "POST") return refuse("route-unknown");
  return passOn({ ...request, method }, guest, control);
}

async function greet(
  body: Buffer,
  guest: AdmittedGuest,
  control: Control,
  certificate: () => Promise<string | null>,
): Promise<Answer> {
  const value = jsonOf(body);
  if (value === undefined) return refuse("body-not-json");
  const hello = Hello.safeParse(value);
  if (!hello.success) return refuse("body-shape");
  if (guest.hasSaidHello) return refuse("hello-twice");
  guest.hasSaidHello = true;
  const welcome: Welcome = { certificate: hasOutside(guest.role) ? await certificate() : null };
  control.tell({ type: "hello", sandbox: guest.name, hello: hello.data });
  return answerJson(200, welcome);
}

const Heartbeat = z.strictObject({});

function beat(body: Buffer): Answer {
  const value = jsonOf(body);
  if (value === undefined) return refuse("body-not-json");
  return Heartbeat.safeParse(value).success ? answerJson(200, {}) : refuse("body-shape");
}

async function handOut(guest: AdmittedGuest, signal: AbortSignal): Promise<Answer> {
  const task = await guest.desk.take(TASK_POLL_MS - POLL_MARGIN_MS, signal);
  return task === null ? answerJson(204, null) : answerJson(200, task);
}

function takeIn(id: string, body: Buffer, guest: AdmittedGuest, control: Control): Answer {
  const standing = guest.desk.standing(id);
  if (standing === "unknown") return refuse("task-unknown");
  if (standing === "dropped") return answerJson(200, {});
  const value = jsonOf(body);
  const result = TaskResult.safeParse(value);
  guest.desk.handIn(id);
  if (!result.success || result.data.id !== id) {
    const reason = value === undefined ? "body-not-json" : "body-shape";
    control.tell({ type: "result-refused", sandbox: guest.name, id, reason });
    return refuse(reason);
  }
  control.tell({ type: "result", sandbox: guest.name, result: result.data });
  return answerJson(200, {});
}

async function passOn(
  request: BrokerRequest & { method: "GET" | "POST" },
  guest: AdmittedGuest,
  control: Control,
): Promise<Answer> {
  const body = request.method === "GET" ? null : jsonOf(request.body);
  if (body === undefined) return refuse("body-not-json");
  if (guest.pendingMessages >= PENDING_MAX) return refuse("too-many-at-once");
  guest.pendingMessages++;
  try {
    const path = request.query === "" ? request.path : `${request.path}?${request.query}`;
    const { name: sandbox, role } = guest;
    const response = await control.ask({ sandbox, role, method: request.method, path, body });
    return response === null ? refuse("control-too-slow") : answerJson(response.status, response.body);
  } finally {
    guest.pendingMessages--;
  }
}

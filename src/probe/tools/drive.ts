import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../base/errors.ts";
import type { Order } from "../../guest/tools/order.ts";
import { Transcript } from "../../guest/tools/transcript.ts";
import { AGENT_DRIVERS, startOf } from "./agents.ts";
import type { Place } from "./canaries.ts";
import type { CommandLine } from "./find.ts";
import type { Standing } from "./posts.ts";
import type { ToolRoom } from "./tools.ts";

/** What came back of one run of the program inside. */
export type Ran = { code: number | null; stdout: string; stderr: string; isTruncated: boolean; isTimedOut: boolean };

/** What the scripted model says. `hasServers` false keeps the stack's own MCP servers out. */
export type Script = Pick<Extract<Order, { mode: "drive" }>, "calls" | "subs"> & { hasServers: boolean };

/** `failed` also when it ran and asked its model nothing: a login, a crash, a start that never ends. */
export type Driven =
  | { status: "driven"; transcript: Transcript }
  | { status: "failed"; reason: string; isTimedOut: boolean };

const DRIVE_MS = 50_000;
/** For the program inside to start and to hand in its answer, on a busy machine. */
const AROUND_MS = 9_000;

/** One run of an agent's command line against the scripted model, in the workspace. Rejects only when the carrier does. */
export async function drive(
  room: ToolRoom,
  commandLine: CommandLine,
  posts: readonly Standing[],
  { hasServers, ...script }: Script,
): Promise<Driven> {
  const { protocol } = AGENT_DRIVERS[commandLine.agent];
  const [server = "", hook = ""] = posts.map(({ file }) => file);
  const settingsFile = join(room.posts.path, "settings.json");
  const { env } = room;
  const { settings, ...start } = startOf(commandLine, { server, hook, settings: settingsFile }, { env, hasServers });
  if (settings !== undefined) writeFileSync(join(room.posts.host, "settings.json"), settings, { mode: 0o644 });
  const cwd = workspaceOf(room).path;
  const timeoutMs = room.driveMs ?? DRIVE_MS;
  const order: Order = { mode: "drive", protocol, cwd, ...script, timeoutMs, ...start };
  const answered = answerOf(await room.run(order, timeoutMs + AROUND_MS), Transcript);
  if (answered.status === "failed") return answered;
  const transcript = answered.value;
  if (transcript.turns > 0) return { status: "driven", transcript };
  const { code, said, isTimedOut } = transcript.end;
  const how = isTimedOut ? "was ended when its time was up" : `ended with ${code ?? "a signal"}`;
  const reason = `it ${how} and asked the model nothing: ${said.trim().slice(-200) || "it said nothing"}`;
  return { status: "failed", reason, isTimedOut };
}

export function workspaceOf({ places }: ToolRoom): Place {
  const place = places.find(({ name }) => name === "workspace");
  if (place === undefined) throw new Error("a tool room has a workspace");
  return place;
}

type Parser<T> = { safeParse(value: unknown): { success: true; data: T } | { success: false } };

type Answered<T> = { status: "answered"; value: T } | { status: "failed"; reason: string; isTimedOut: boolean };

export function answerOf<T>(ran: Ran, shape: Parser<T>): Answered<T> {
  const failed = (reason: string) => ({ status: "failed" as const, reason, isTimedOut: ran.isTimedOut });
  if (ran.isTimedOut) return failed("the program inside did not end in its time");
  if (ran.isTruncated) return failed("the answer from inside is longer than allowed");
  try {
    const parsed = shape.safeParse(JSON.parse(ran.stdout));
    return parsed.success
      ? { status: "answered", value: parsed.data }
      : failed("the answer from inside has another shape");
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    return failed(`no answer came from inside (${messageOf(thrown).slice(0, 60)}): ${ran.stderr.slice(-200)}`);
  }
}

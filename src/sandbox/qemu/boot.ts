import { readFileSync } from "node:fs";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { z } from "zod";
import { type Linked, startLinked, tailOf } from "../local.ts";
import { INFO_FD } from "./walls.ts";

/** A machine whose init has said that it stands: from then on the channel is the guest's. `pid` is the emulator's. */
export type Standing = { status: "stands"; linked: Linked; pid: number };

export type Boot = Standing | { status: "failed"; reason: string };

/**
 * Starts it and waits until its init says that it stands. One that ends, or does not come that far in time, has failed, and
 * its emulator is killed. Throws only the signal's reason.
 */
export async function bootMachine(
  argv: readonly [string, ...string[]],
  deadlineMs: number,
  signal: AbortSignal,
): Promise<Boot> {
  signal.throwIfAborted();
  const linked = await startLinked(argv, "pipe", "pipe");
  const { child, channel } = linked;
  const said = tailOf(child.stderr);
  // Typed by Node for the first three only; these two are the pipes asked for above.
  const [info, ready] = [child.stdio[INFO_FD], child.stdio[INFO_FD + 1]] as unknown as [Readable, Readable];
  const given = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
  const outcome = await new Promise<"stands" | "ended" | "over">((resolve) => {
    // Only init can write there yet, so whatever comes is its word; the guest's own are not waited for.
    ready.once("data", () => resolve("stands")).on("error", () => undefined);
    child.once("exit", () => resolve("ended")).once("error", () => resolve("ended"));
    if (given.aborted) resolve("over");
    given.addEventListener("abort", () => resolve("over"), { once: true });
  });
  ready.destroy();
  if (outcome === "stands") return { status: "stands", linked, pid: await emulatorPid(info) };
  child.kill("SIGKILL");
  channel.destroy();
  if (outcome === "ended") await new Promise((resolve) => child.once("close", resolve));
  signal.throwIfAborted();
  const why = outcome === "over" ? `it did not stand within ${deadlineMs} ms` : "it ended";
  const last = said().trim().slice(-TOLD_CHARACTERS);
  return { status: "failed", reason: last === "" ? why : `${why}: ${last}` };
}

const TOLD_CHARACTERS = 500;

const Info = z.object({ "child-pid": z.int().positive() });

/** The emulator is the one child of process 1 behind its wall. */
async function emulatorPid(info: Readable): Promise<number> {
  const first = Info.parse(JSON.parse(await text(info)))["child-pid"];
  const [child] = readFileSync(`/proc/${first}/task/${first}/children`, "utf8").trim().split(" ").map(Number);
  return child === undefined || child === 0 ? first : child;
}

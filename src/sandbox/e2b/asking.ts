import { sleep } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { Availability, Look } from "../sandbox.ts";
import type { Account, Marks } from "./account.ts";

/** What E2B is asked when nothing is to be changed: whether it is there, and whether a machine is. */
export const ANSWER_MS = 3_000;

/** Asks for the list, which also tells whether the key is good. */
export async function answers(
  account: Account,
  { marks, keyEnv, apiUrl }: { marks: Marks; keyEnv: string; apiUrl: string },
  signal: AbortSignal,
): Promise<Availability> {
  const where = new URL(apiUrl).host;
  try {
    await account.list(marks, ANSWER_MS);
    signal.throwIfAborted();
    return { status: "ready", version: `E2B at ${where}` };
  } catch (thrown) {
    if (signal.aborted) throw signal.reason;
    const hint = `see whether ${keyEnv} is good and ${where} is reached from here`;
    return { status: "missing", reason: `E2B does not answer: ${messageOf(thrown)}`, hint };
  }
}

/** One empty list proves nothing: what was made a moment ago may not be in it yet. */
export async function lookTwice(list: () => Promise<{ id: string }[]>, apartMs: number): Promise<Look> {
  const what = "E2B's list";
  try {
    for (const pauseMs of [0, apartMs]) {
      await sleep(pauseMs);
      const found = await list();
      if (found.length > 0) return { what, status: "left", evidence: found.map(({ id }) => id).join(", ") };
    }
    return { what, status: "clean", evidence: `empty twice, ${apartMs} ms apart` };
  } catch (thrown) {
    return { what, status: "not-looked", reason: messageOf(thrown) };
  }
}

export async function lookForId(account: Account, id: string): Promise<Look> {
  const what = `E2B's machine ${id}`;
  try {
    if (await account.isThere(id, ANSWER_MS)) return { what, status: "left", evidence: "it is there" };
    return { what, status: "clean", evidence: "404" };
  } catch (thrown) {
    return { what, status: "not-looked", reason: messageOf(thrown) };
  }
}

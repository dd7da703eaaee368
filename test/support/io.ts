import type { Io, Verb } from "../../src/cli/verb.ts";

export type Ran = { code: number; out: string[]; err: string[]; json: unknown[] };

/** Runs a verb as main does, and takes down what it prints. */
export async function runVerb(
  verb: Verb,
  positionals: string[],
  values: Record<string, string | boolean> = {},
  cwd = "/",
): Promise<Ran> {
  const ran: Ran = { code: -1, out: [], err: [], json: [] };
  const io: Io = {
    out: (line) => void ran.out.push(line),
    err: (line) => void ran.err.push(line),
    json: (value) => void ran.json.push(value),
  };
  ran.code = await verb.run({ values, positionals, io, cwd, signal: new AbortController().signal });
  return ran;
}

import { mkdirSync } from "node:fs";
import { refuse } from "../answer.ts";
import type { FromGateway, SourceSetup } from "../messages.ts";
import type { FetchParts } from "./fetch.ts";
import type { SourceDesk } from "./source.ts";

export const SOURCE_BYTES_MAX = 4 * 1024;

/**
 * The desk as the gateway process has it. What it is made of is loaded when a source is first asked for: got and the list of
 * sources would cost every start of a gateway a quarter of a second and 20 MB. Throws the system error when its directory
 * cannot be made.
 */
export function openSources(
  setup: SourceSetup | null,
  parts: Omit<FetchParts, "pace">,
  mark: string,
  tell: (message: FromGateway) => void,
): SourceDesk {
  if (setup === null) return { answer: async () => refuse("source-not-configured") };
  mkdirSync(setup.directory, { recursive: true, mode: 0o700 });
  let desk: Promise<SourceDesk> | undefined;
  return {
    async answer(request) {
      desk ??= load(setup, parts, mark, tell);
      return (await desk).answer(request);
    },
  };
}

async function load(
  { directory, clamdSocket }: SourceSetup,
  parts: Omit<FetchParts, "pace">,
  mark: string,
  tell: (message: FromGateway) => void,
): Promise<SourceDesk> {
  const [{ SOURCES }, { pace }, { readInProcess }, { clamdScan }, { sourceDesk }] = await Promise.all([
    import("../../sources/all.ts"),
    import("./pace.ts"),
    import("./reader.ts"),
    import("./scan.ts"),
    import("./source.ts"),
  ]);
  const { clock } = parts;
  return sourceDesk({
    sources: SOURCES,
    directory,
    fetch: { ...parts, pace: pace(clock) },
    scan: clamdScan(clamdSocket),
    read: readInProcess,
    mark,
    tell,
    clock,
  });
}

import { SOURCES } from "../../sources/all.ts";
import { refuse } from "../answer.ts";
import type { FromGateway, SourceSetup } from "../messages.ts";
import type { FetchParts } from "./fetch.ts";
import { pace } from "./pace.ts";
import { readInProcess } from "./reader.ts";
import { clamdScan } from "./scan.ts";
import { type SourceDesk, sourceDesk } from "./source.ts";

/** The desk as the gateway process has it. Throws the system error when its directory cannot be made. */
export function openSources(
  setup: SourceSetup | null,
  parts: Omit<FetchParts, "pace">,
  tell: (message: FromGateway) => void,
): SourceDesk {
  if (setup === null) return { answer: async () => refuse("source-not-configured") };
  const { clock } = parts;
  return sourceDesk({
    sources: SOURCES,
    directory: setup.directory,
    fetch: { ...parts, pace: pace(clock) },
    scan: clamdScan(setup.clamdSocket),
    read: readInProcess,
    tell,
    clock,
  });
}

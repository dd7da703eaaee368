import { fileURLToPath } from "node:url";
import { oneLine } from "../base/text.ts";
import type { Observation } from "../guest/observation.ts";
import type { Subset } from "../probe/subset.ts";
import { claims } from "../researcher/claims.ts";
import type { Library } from "../researcher/library.ts";
import type { Research } from "../researcher/researcher.ts";
import { readPrompt, study } from "../researcher/study.ts";
import { CATALOGUE } from "../sources/weaknesses/catalogue.ts";
import type { Broker } from "./broker.ts";
import type { Ground } from "./ground.ts";
import type { Lab } from "./rooms.ts";

const PROMPT = fileURLToPath(new URL("../../prompts/researcher.md", import.meta.url));
const READER_PROMPT = fileURLToPath(new URL("../../prompts/reader.md", import.meta.url));

/** Lets the researcher in the lab study the observations; while it does, its messages are this study's. */
export async function research(
  ground: Ground,
  messages: Broker,
  library: Library,
  lab: Lab,
  observations: readonly Observation[],
): Promise<Research> {
  const { mode, model } = ground.config.research;
  const current = study({
    mode,
    model: model ?? "",
    prompt: readPrompt(PROMPT),
    readerPrompt: readPrompt(READER_PROMPT),
    library,
    observations,
    weaknesses: CATALOGUE,
  });
  messages.setStudy(current);
  try {
    return await ground.stepper.inSandbox(() => current.run(lab.guest, ground.signal));
  } finally {
    messages.setStudy(undefined);
  }
}

/** In place of a study, when the lab was not shown to be within the target: nobody starts in it. */
export function notStudied(subset: Subset): Research | undefined {
  if (subset.status !== "not_run") return undefined;
  const end = { candidates: 0, turns: 0, status: "failed" as const };
  const reason = oneLine(`the researcher was not started: ${subset.reason}`, 390);
  return {
    candidates: [],
    refused: 0,
    unfounded: 0,
    read: claims().tally(),
    asked: [],
    end: { ...end, reason },
  };
}

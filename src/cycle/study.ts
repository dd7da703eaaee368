import { fileURLToPath } from "node:url";
import type { Observation } from "../guest/observation.ts";
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

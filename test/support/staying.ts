import type { Leaving } from "../../src/egress/leaving.ts";

/** A guest that waits for its answer however long it takes. */
export const staying: Leaving = { onGone: () => () => undefined, signal: new AbortController().signal };

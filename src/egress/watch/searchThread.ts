import { parentPort, workerData } from "node:worker_threads";
import { examine, findersFor } from "./examine.ts";
import type { SearchOrder, SearchSetup } from "./searcher.ts";

/** The thread that long requests are looked at in: one order at a time, in order. Started by `searcher.ts`. */
const { fakes, masterKey } = workerData as SearchSetup;
const finders = findersFor(fakes, masterKey);
parentPort?.on("message", ({ headers, body, tokensAtMs }: SearchOrder) => {
  parentPort?.postMessage(examine(finders, headers, body, tokensAtMs));
});

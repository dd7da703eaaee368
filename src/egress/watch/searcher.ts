import type { IncomingHttpHeaders } from "node:http";
import { Worker } from "node:worker_threads";
import type { Fake } from "../../canaries/canaries.ts";
import { type Examined, examine, type Finders, findersFor } from "./examine.ts";

/** Looks at requests: short ones at once, long ones in a thread of its own, so that other flows and the kill switch do not wait. */
export type Searcher = {
  fakes(fakes: readonly Fake[], masterKey?: Uint8Array): void;
  /** Null before there are fakes. */
  finders(): Finders | null;
  /** Never rejects. Of one sandbox one long request is looked at a time, and sandboxes take turns. */
  examine(
    sandbox: string,
    headers: IncomingHttpHeaders,
    body: Uint8Array,
    tokensAtMs?: number,
  ): Promise<Examined> | Examined;
};

export type SearchOrder = { headers: IncomingHttpHeaders; body: Uint8Array; tokensAtMs: number | undefined };
export type SearchSetup = { fakes: readonly Fake[]; masterKey: Uint8Array | undefined };

/** The worst of it is searched at about a megabyte a second on a busy machine. */
const HERE_BYTES_MAX = 32 * 1024;
/** What a short request may unpack to where others wait for it: some thirty milliseconds. */
const HERE_SPARE_BYTES = 256 * 1024;
/** A body that takes longer was made to: it is not passed on. */
const DEADLINE_MS = 30_000;
const THREAD_HEAP_MIB = 512;

type Waiting = { order: SearchOrder; resolve(examined: Examined): void };

export function searcher(deadlineMs = DEADLINE_MS): Searcher {
  let setup: SearchSetup = { fakes: [], masterKey: undefined };
  let finders: Finders | null = null;
  const noFakes = findersFor([]);
  let thread: SearchThread | undefined;
  let isBusy = false;
  const queues = new Map<string, Waiting[]>();

  const next = async (): Promise<void> => {
    const turn = queues.entries().next();
    if (isBusy || turn.done) return;
    const [sandbox, queue] = turn.value;
    const waiting = queue.shift();
    // To the end of the row, if it still waits for anything.
    queues.delete(sandbox);
    if (queue.length > 0) queues.set(sandbox, queue);
    if (waiting === undefined) return;
    isBusy = true;
    thread ??= searchThread(setup);
    const examined = await thread.examine(waiting.order, deadlineMs);
    if (examined === null) {
      thread.end();
      thread = undefined;
    }
    isBusy = false;
    waiting.resolve(examined ?? GIVEN_UP);
    await next();
  };
  return {
    fakes(fakes, masterKey) {
      setup = { fakes: [...fakes], masterKey };
      finders = findersFor(fakes, masterKey);
      // What it is just doing it does with the fakes it has; the next one starts with these.
      thread?.retire();
      thread = undefined;
    },
    finders: () => finders,
    examine(sandbox, headers, body, tokensAtMs) {
      if (isShort(headers, body)) {
        const here = examine(finders ?? noFakes, headers, body, tokensAtMs, HERE_SPARE_BYTES);
        if (here.looked.status === "searched" || here.looked.hits.length > 0) return here;
        // It holds more to decode than its length says: looked at again, and for as long as it takes, where nobody waits.
      }
      return new Promise((resolve) => {
        const queue = queues.get(sandbox) ?? [];
        queues.set(sandbox, queue);
        queue.push({ order: { headers: { ...headers }, body, tokensAtMs }, resolve });
        void next();
      });
    },
  };
}

/** A short body that is compressed may be a long one. */
function isShort(headers: IncomingHttpHeaders, body: Uint8Array): boolean {
  if (body.length === 0) return true;
  if (body.length > HERE_BYTES_MAX || headers["content-encoding"] !== undefined) return false;
  return !Buffer.from(body.buffer, body.byteOffset, body.byteLength).includes(GZIP);
}

/** RFC 1952, 2.3.1: there is one method, 8. Two bytes alone stand in one random greeting of a hundred. */
const GZIP = Buffer.from([0x1f, 0x8b, 0x08]);

const GIVEN_UP: Examined = {
  looked: { status: "unsearchable", why: "its search took too long", hits: [], tokens: null },
  ends: [],
};

type SearchThread = {
  /** Null when it took too long or needed too much memory; then the thread is gone. */
  examine(order: SearchOrder, deadlineMs: number): Promise<Examined | null>;
  end(): void;
  /** Ends it when it has nothing to do. */
  retire(): void;
};

function searchThread(setup: SearchSetup): SearchThread {
  const worker = new Worker(entry(), {
    workerData: setup,
    resourceLimits: { maxOldGenerationSizeMb: THREAD_HEAP_MIB },
  });
  worker.unref();
  let onDone: (examined: Examined | null) => void = () => undefined;
  let fault: Error | undefined;
  let isAsked = false;
  let isRetired = false;
  worker.on("message", (examined: Examined) => onDone(examined));
  worker.on("error", (error) => {
    // Out of memory is the body's doing; anything else is a bug of ours.
    fault = "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY" ? undefined : error;
  });
  worker.on("exit", () => {
    if (fault !== undefined) throw fault;
    onDone(null);
  });
  const end = (): void => void worker.terminate();
  return {
    async examine(order, deadlineMs) {
      isAsked = true;
      const examined = await new Promise<Examined | null>((resolve) => {
        const late = setTimeout(end, deadlineMs);
        onDone = (done) => {
          clearTimeout(late);
          resolve(done);
        };
        worker.postMessage(order);
      });
      isAsked = false;
      onDone = () => undefined;
      if (isRetired) end();
      return examined === null ? null : revived(examined);
    },
    end,
    retire() {
      isRetired = true;
      if (!isAsked) end();
    },
  };
}

/** A Buffer comes out of a thread as the bytes that it is. */
function revived({ looked, ends }: Examined): Examined {
  const buffer = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    looked,
    ends: ends.map((part) => part.map((end) => ({ ...end, head: buffer(end.head), tail: buffer(end.tail) }))),
  };
}

/** The same file as source and, compiled, in the published package. */
function entry(): URL {
  return new URL(`./searchThread.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`, import.meta.url);
}

/** What a real service was seen to do wrong. Numbers count down: so many times, then it is well again. */
export type Faults = {
  /** The machine is made and the connection cut before the reply. */
  loseCreateReply: number;
  /** Two machines for one request. */
  duplicateCreate: number;
  /** The machine is made, and the reply lacks `envdVersion`. */
  createWithoutVersion: number;
  createDelayMs: number;
  /** Calls of the control plane that are answered 429; with a Retry-After of so many seconds, or without one. */
  tooManyRequests: number;
  retryAfterSeconds: number | undefined;
  /** 500. */
  deleteFails: number;
  /** What was made is not in the list for so long. */
  listLagMs: number;
  listFails: number;
  /** Every `endAt` is off by so much. */
  clockSkewMs: number;
  sendInputDelayMs: number;
  /** Answered 502. */
  sendInputFails: number;
  renewFails: number;
  /** A stream of output ends after so many bytes of it: how is told by `streamEnd`. */
  streamBreaksAfterBytes: number | undefined;
  streamEnd: "reset" | "cut within a frame" | "trailer with an error" | "huge frame" | "no json";
};

export function noFaults(): Faults {
  return {
    loseCreateReply: 0,
    duplicateCreate: 0,
    createWithoutVersion: 0,
    createDelayMs: 0,
    tooManyRequests: 0,
    retryAfterSeconds: undefined,
    deleteFails: 0,
    listLagMs: 0,
    listFails: 0,
    clockSkewMs: 0,
    sendInputDelayMs: 0,
    sendInputFails: 0,
    renewFails: 0,
    streamBreaksAfterBytes: undefined,
    streamEnd: "reset",
  };
}

type Counted = { [K in keyof Faults]: Faults[K] extends number ? K : never }[keyof Faults];

/** Whether this time is one of the bad ones. */
export function strikes(faults: Faults, fault: Counted): boolean {
  if (faults[fault] <= 0) return false;
  faults[fault]--;
  return true;
}

import { setImmediate as turnOfTheLoop } from "node:timers/promises";
import { sleep } from "../base/clock.ts";

/**
 * Looks at the whole machine, shared by the sandboxes that end at the same moment: fifty that each read the process table
 * for themselves keep the loop so busy that an engine's answers lie unread until they are too late.
 *
 * What keeps a shared look as good as one's own: it begins after everybody who shares it has asked. Whoever asks once it
 * has begun gets the next one, so a look never counts for a kill that came after its beginning.
 */
export type Lookout = {
  /** One that begins after this call. */
  survey(): Promise<Survey>;
};

export type Survey = {
  /** What `look` returns, or throws: it is called when the first one asks, and answers all who ask with the same function. */
  of<Seen>(look: () => Seen): Seen;
};

export function openLookout(): Lookout {
  return { survey: sharedLook(surveyNow) };
}

/** For whoever looks for himself alone: it begins now. */
export function surveyNow(): Survey {
  const made = new Map<() => unknown, () => unknown>();
  return {
    of<Seen>(look: () => Seen): Seen {
      const answer = made.get(look) ?? outcomeOf(look);
      made.set(look, answer);
      return answer() as Seen;
    },
  };
}

/** A look is shared by all who ask in the same turn of the loop, and, while another is under way, for at most so long. */
const GATHERING_MS = 100;

/** Each call is answered by a look that begins after it; calls that come before one has begun have that one in common. */
export function sharedLook<Seen>(look: () => Seen | Promise<Seen>): () => Promise<Seen> {
  let next: Promise<Seen> | undefined;
  let underWay: Promise<unknown> | undefined;
  const begin = async (): Promise<Seen> => {
    await turnOfTheLoop();
    if (underWay !== undefined) await Promise.race([underWay, sleep(GATHERING_MS)]);
    next = undefined;
    const answer = Promise.resolve(look());
    const over = answer.then(
      () => undefined,
      () => undefined,
    );
    underWay = over;
    void over.then(() => {
      if (underWay === over) underWay = undefined;
    });
    return await answer;
  };
  return () => (next ??= begin());
}

function outcomeOf<Seen>(look: () => Seen): () => Seen {
  try {
    const seen = look();
    return () => seen;
  } catch (thrown) {
    return () => {
      throw thrown;
    };
  }
}

/** Asks once in a turn of the event loop: whoever asks again in the same turn gets the same answer. */
export function oncePerTurn<T>(ask: () => T): () => T {
  let kept: { answer: T } | undefined;
  return () => {
    if (kept === undefined) {
      kept = { answer: ask() };
      setImmediate(() => {
        kept = undefined;
      });
    }
    return kept.answer;
  };
}

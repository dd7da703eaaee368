/**
 * One thing that a declaration asks of the engine, whichever way it is written: a key of its own (`capAdd`, `cap_add`), a
 * `docker run` flag, or a mount. Every key and every flag becomes a directive; none is dropped.
 */
export type Directive = {
  /** Long form of the flag without dashes, `cap-add`, or the key of the file when there is no such flag. */
  name: string;
  /** A mount may be an object; a flag without value is `true`. */
  value: unknown;
  /** JSON pointer in the file, or its line. */
  place: string;
  /** Of a compose file: what it is called there. */
  key?: string;
};

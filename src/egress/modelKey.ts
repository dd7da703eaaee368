import { Transform } from "node:stream";
import { matcher } from "../canaries/matcher.ts";
import { writtenForms } from "../canaries/written.ts";

/** The model's server sent our key back; what came before it has gone in, the key has not. */
export class KeyEchoed extends Error {}

/** Under this a key is no secret: servers on one's own machine take any word, and any word comes back in answers. */
const KEY_LENGTH_MIN = 12;

/** Keeps the model's key out of what goes in: a server that is broken, or not what it should be, may send it back. */
export type KeyGuard = {
  holds(text: string): boolean;
  /**
   * Passes bytes on and fails with KeyEchoed before the first of the key, plain, base64, hex, URL or JSON, also when it comes in
   * pieces. Only bytes that may be the beginning of one are held back until the next chunk.
   */
  stream(): Transform;
};

export function keyGuard(key: string): KeyGuard {
  const forms = key.length < KEY_LENGTH_MIN ? [] : writtenForms(Buffer.from(key)).map(({ bytes }) => bytes);
  const search = matcher(forms.map((bytes) => ({ bytes, tag: null })));
  const isIn = (bytes: Uint8Array): boolean => {
    let isThere = false;
    search.find(bytes, () => {
      isThere = true;
    });
    return isThere;
  };
  return {
    holds: (text) => isIn(Buffer.from(text)),
    stream() {
      let held = Buffer.alloc(0);
      return new Transform({
        transform(chunk: Buffer, _encoding, pass) {
          const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
          if (isIn(bytes)) return pass(new KeyEchoed());
          const length = beginningAtEnd(bytes, forms);
          held = Buffer.from(bytes.subarray(bytes.length - length));
          pass(null, bytes.subarray(0, bytes.length - length));
        },
        flush(pass) {
          pass(null, held);
        },
      });
    },
  };
}

/** How many bytes at the end may be the first of one of these; the longest such end. */
function beginningAtEnd(bytes: Buffer, forms: readonly Buffer[]): number {
  let longest = 0;
  for (const form of forms) {
    for (let length = Math.min(form.length - 1, bytes.length); length > longest; length--) {
      if (bytes.subarray(bytes.length - length).equals(form.subarray(0, length))) longest = length;
    }
  }
  return longest;
}

/**
 * What TLS records carry, without the five bytes at the head of each: a fake in the clear may be cut over two of them. From the
 * first head on that is none, whatever comes is given as it is.
 */
export function recordPayloads(): (chunk: Buffer) => Buffer {
  const head: number[] = [];
  let left = 0;
  let isFramed = true;
  return (chunk) => {
    const payloads: Buffer[] = [];
    for (let at = 0; at < chunk.length; ) {
      if (!isFramed || left > 0) {
        const end = isFramed ? Math.min(chunk.length, at + left) : chunk.length;
        payloads.push(chunk.subarray(at, end));
        left -= isFramed ? end - at : 0;
        at = end;
        continue;
      }
      head.push(chunk[at++] ?? 0);
      if (head.length < HEAD_BYTES) continue;
      const [type = 0, major, , high = 0, low = 0] = head;
      isFramed = type >= FIRST_TYPE && type <= LAST_TYPE && major === 3;
      if (!isFramed) payloads.push(Buffer.from(head));
      left = high * 256 + low;
      head.length = 0;
    }
    return Buffer.concat(payloads);
  };
}

/** RFC 8446, 5.1: type, version, length. */
const HEAD_BYTES = 5;
const FIRST_TYPE = 20;
const LAST_TYPE = 24;

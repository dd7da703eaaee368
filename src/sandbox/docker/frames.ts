const HEADER_BYTES = 8;
const STDOUT = 1;
const STDERR = 2;

/**
 * Without a terminal the engine frames output: one byte for the stream, three of zero, four of length, big-endian, then that many
 * bytes (Docker Engine API, "Attach to a container"). Frames come in any pieces; what is handed on is part of the piece that
 * came, and is the taker's only until it returns. Throws on a stream that does not exist.
 */
export function unframed(take: {
  stdout(bytes: Buffer): void;
  stderr(bytes: Buffer): void;
}): (piece: Buffer) => void {
  const header = Buffer.alloc(HEADER_BYTES);
  let headerBytes = 0;
  let stream = 0;
  let left = 0;

  const takeHeader = (piece: Buffer): number => {
    const taken = piece.copy(header, headerBytes, 0, HEADER_BYTES - headerBytes);
    headerBytes += taken;
    if (headerBytes < HEADER_BYTES) return taken;
    headerBytes = 0;
    stream = header.readUInt8(0);
    left = header.readUInt32BE(4);
    if (stream > STDERR) throw new TypeError(`the engine sent a frame of unknown kind ${stream}`);
    return taken;
  };
  return (piece) => {
    for (let at = 0; at < piece.length; ) {
      if (left === 0) {
        at += takeHeader(piece.subarray(at));
        continue;
      }
      const bytes = piece.subarray(at, at + left);
      at += bytes.length;
      left -= bytes.length;
      if (stream === STDOUT) take.stdout(bytes);
      else if (stream === STDERR) take.stderr(bytes);
    }
  };
}

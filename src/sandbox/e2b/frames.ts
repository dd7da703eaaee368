import { z } from "zod";

/**
 * The envelope of a Connect stream (connectrpc.com/docs/protocol, "Streaming RPCs"): one byte of flags, four of length,
 * big-endian, then that many bytes, which are JSON here. The last one bears a flag and says how the call ended.
 */
export type Frame = { isLast: boolean; message: unknown };

/** The far end broke the protocol or a limit. */
export class BrokenStream extends Error {
  override readonly name = "BrokenStream";
}

/** E2B's daemon sends 32 KiB of output a frame, 44 KiB as base64; a frame larger than this is no output. */
export const FRAME_BYTES_MAX = 1024 * 1024;

const HEADER_BYTES = 5;
const COMPRESSED = 0x01;
const END_OF_STREAM = 0x02;

export function encodeFrame(message: unknown, flags = 0): Buffer {
  const body = Buffer.from(JSON.stringify(message));
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(flags, 0);
  header.writeUInt32BE(body.length, 1);
  return Buffer.concat([header, body]);
}

/** Frames in pieces of any size. `take` throws BrokenStream; `isBetween` is false while a frame is half there. */
export function frameReader(bytesMax = FRAME_BYTES_MAX) {
  let held: Buffer = Buffer.alloc(0);
  return {
    isBetween: (): boolean => held.length === 0,
    *take(chunk: Buffer): Generator<Frame> {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      while (held.length >= HEADER_BYTES) {
        const flags = held.readUInt8(0);
        const length = held.readUInt32BE(1);
        if (length > bytesMax) throw new BrokenStream(`a frame of ${length} bytes, more than ${bytesMax}`);
        if ((flags & COMPRESSED) !== 0) throw new BrokenStream("a compressed frame, which nobody asked for");
        if (held.length < HEADER_BYTES + length) return;
        const body = held.subarray(HEADER_BYTES, HEADER_BYTES + length);
        held = held.subarray(HEADER_BYTES + length);
        yield { isLast: (flags & END_OF_STREAM) !== 0, message: parsed(body) };
      }
    },
  };
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    throw new BrokenStream("a frame that is no JSON", { cause: thrown });
  }
}

/** Proto JSON leaves out what is zero, so an exit code of 0 is not there. */
export const ProcessEvent = z.object({
  event: z.union([
    z.object({ start: z.object({ pid: z.int().nonnegative() }) }),
    z.object({ data: z.object({ stdout: z.string().optional(), stderr: z.string().optional() }) }),
    z.object({
      end: z.object({
        exitCode: z.int().default(0),
        exited: z.boolean().default(false),
        status: z.string().max(500).default(""),
      }),
    }),
    z.object({ keepalive: z.unknown() }),
  ]),
});

export const LastMessage = z.object({
  error: z.object({ code: z.string().max(100), message: z.string().max(10_000).default("") }).optional(),
});

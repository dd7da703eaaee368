/** The first message of TLS, made by hand: what no client of ours would send. */
export type HelloParts = {
  names?: readonly string[];
  /** Type and value; behind the one for the names. */
  extensions?: readonly (readonly [number, Buffer])[];
  /** After the end. */
  behind?: string;
};

export function clientHello({ names = [], extensions = [], behind = "" }: HelloParts): Buffer {
  const all = [...(names.length === 0 ? [] : [nameExtension(names)]), ...extensions];
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7),
    vector(1, Buffer.alloc(32, 9)),
    vector(2, Buffer.from([0x13, 0x01])),
    vector(1, Buffer.from([0])),
    vector(2, Buffer.concat(all.flatMap(([type, value]) => [number(2, type), vector(2, value)]))),
    Buffer.from(behind),
  ]);
  return inRecords(Buffer.concat([Buffer.from([1]), vector(3, body)]), 16_384);
}

/** @param kind 0 is a host name; there is no other. */
export function nameExtension(names: readonly string[], kind = 0): [number, Buffer] {
  return [0, vector(2, Buffer.concat(names.flatMap((name) => [Buffer.from([kind]), vector(2, Buffer.from(name))])))];
}

export function inRecords(message: Buffer, bytesMax: number): Buffer {
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += bytesMax) {
    records.push(Buffer.from([22, 3, 1]), vector(2, message.subarray(at, at + bytesMax)));
  }
  return Buffer.concat(records);
}

function vector(bytes: number, value: Buffer): Buffer {
  return Buffer.concat([number(bytes, value.length), value]);
}

function number(bytes: number, value: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
}

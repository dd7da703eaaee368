#!/usr/bin/env node
/**
 * Checks a copy of a weakdoor log without weakdoor: this one file, Node 18 or later, nothing else.
 *
 *     node outsider.mjs LEDGER_FOLDER KEY        KEY is the log's public key or a file that holds it
 *
 * Get the key from elsewhere than from whoever gave you the folder. Exit code 0: every leaf is whole, in turn and has
 * the payload it commits to, and every checkpoint is signed with the key over exactly the first leaves. 1: it is not,
 * and where. 2: it could not be checked.
 *
 * It shares no code with what writes the log. The formats: canonical JSON (RFC 8785), Merkle tree (RFC 6962),
 * signed note and tlog-checkpoint (C2SP).
 */
import { createHash, createPublicKey, verify as verifySignature } from "node:crypto";
import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** @returns {{ok: true, leaves: number, signed: number, root: string} | {ok: false, where: string, what: string}} */
export function check(folder, keyText) {
  try {
    const key = readKey(keyText);
    const hashes = readLeaves(folder);
    const roots = rootsOf(hashes);
    const signed = holdCheckpoints(folder, key, roots);
    holdMark(folder, roots);
    return { ok: true, leaves: hashes.length, signed, root: roots[hashes.length].toString("hex") };
  } catch (thrown) {
    if (thrown instanceof Broken) return { ok: false, where: thrown.where, what: thrown.message };
    throw thrown;
  }
}

class Broken extends Error {
  constructor(where, what) {
    super(what);
    this.where = where;
  }
}

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();

/** Every leaf's hash, in turn. */
function readLeaves(folder) {
  const files = readdirSync(folder)
    .filter((name) => /^leaves-[0-9]{12}\.jsonl$/.test(name))
    .sort();
  const hashes = [];
  for (const name of files) {
    if (Number(name.slice(7, 19)) !== hashes.length) throw new Broken(name, `leaf ${hashes.length} belongs here`);
    const bytes = readFileSync(join(folder, name));
    for (let start = 0; start < bytes.length; ) {
      const end = bytes.indexOf(10, start);
      if (end < 0) throw new Broken(name, `it ends inside leaf ${hashes.length}`);
      hashes.push(leafHash(bytes.subarray(start, end), hashes.length, name));
      start = end + 1;
    }
  }
  return hashes;
}

function leafHash(bytes, seq, name) {
  const line = parse(bytes, name);
  const isShaped = isObject(line) && isObject(line.leaf) && isObject(line.payload) && typeof line.salt === "string";
  if (!isShaped || Object.keys(line).length !== 3) throw new Broken(name, `leaf ${seq} has another shape`);
  if (!Buffer.from(canonical(line)).equals(bytes)) throw new Broken(name, `leaf ${seq} is not in canonical form`);
  const { leaf, payload, salt } = line;
  if (leaf.v !== 1 || leaf.seq !== seq) throw new Broken(name, `leaf ${seq} is out of turn`);
  if (!/^[0-9a-f]{32}$/.test(salt)) throw new Broken(name, `leaf ${seq} has no salt`);
  const commit = sha256(Buffer.from(salt, "hex"), canonical(payload)).toString("hex");
  if (leaf.commit !== commit) throw new Broken(name, `leaf ${seq} commits to another payload`);
  return sha256(Buffer.of(0), canonical(leaf));
}

/** The root at each size from 0 to all. */
function rootsOf(hashes) {
  const roots = [sha256()];
  const stack = [];
  for (const [index, hash] of hashes.entries()) {
    stack.push({ width: 1, hash });
    while (stack.length > 1 && stack.at(-1).width === stack.at(-2).width) {
      const right = stack.pop();
      const left = stack.pop();
      stack.push({ width: left.width * 2, hash: node(left.hash, right.hash) });
    }
    roots[index + 1] = stack.map((piece) => piece.hash).reduceRight((right, left) => node(left, right));
  }
  return roots;
}

const node = (left, right) => sha256(Buffer.of(1), left, right);

/** The size of the newest checkpoint, 0 when there is none. */
function holdCheckpoints(folder, key, roots) {
  const path = join(folder, "checkpoints.jsonl");
  if (!existsSync(path)) return 0;
  const text = readFileSync(path);
  if (text.length > 0 && text.at(-1) !== 10) throw new Broken("checkpoints.jsonl", "it ends inside a checkpoint");
  let newest = -1;
  let start = 0;
  for (let end = text.indexOf(10); end >= 0; end = text.indexOf(10, start)) {
    const note = parse(text.subarray(start, end), "checkpoints.jsonl");
    if (typeof note !== "string" || !Buffer.from(JSON.stringify(note)).equals(text.subarray(start, end))) {
      throw new Broken("checkpoints.jsonl", "a line is no checkpoint");
    }
    start = end + 1;
    const { size, root } = openNote(note, key);
    if (size <= newest) throw new Broken("checkpoints.jsonl", `size ${size} after ${newest}`);
    if (size >= roots.length)
      throw new Broken("checkpoints.jsonl", `${size} leaves were signed, ${roots.length - 1} are here`);
    if (!roots[size].equals(root))
      throw new Broken("checkpoints.jsonl", `another root was signed for ${size} leaves`);
    newest = size;
  }
  return Math.max(newest, 0);
}

function openNote(note, key) {
  const fail = (what) => new Broken("checkpoints.jsonl", what);
  const match = /^([^\n]+)\n(0|[1-9][0-9]{0,14})\n([A-Za-z0-9+/=]{44})\n\n((?:— [^\s+]+ [A-Za-z0-9+/=]+\n)+)$/u.exec(
    note,
  );
  if (match === null) throw fail("a checkpoint is malformed");
  const [, origin, size, root, signatures] = match;
  const rootBytes = base64(root);
  const lines = signatures
    .trimEnd()
    .split("\n")
    .map((line) => line.split(" "));
  const read = lines.map(([, name, encoded]) => ({ name, bytes: base64(encoded) }));
  if (rootBytes?.length !== 32 || read.some((line) => line.bytes === undefined || line.bytes.length < 5)) {
    throw fail("a checkpoint is not base64 where it must be");
  }
  const ours = read.filter((line) => line.name === key.name && line.bytes.subarray(0, 4).equals(key.id));
  if (origin !== key.name || ours.length !== 1 || lines.length > 32) throw fail(`not signed once by ${key.name}`);
  const text = Buffer.from(`${origin}\n${size}\n${root}\n`);
  if (!verifySignature(null, text, key.publicKey, ours[0].bytes.subarray(4))) throw fail("a signature does not fit");
  return { size: Number(size), root: rootBytes };
}

/** tip.json, the writer's note of where the log ended: unsigned, may lag behind, and must not contradict. */
function holdMark(folder, roots) {
  const path = join(folder, "tip.json");
  const mark = existsSync(path) ? tryParse(readFileSync(path)) : undefined;
  if (!isObject(mark)) return;
  const { sha256: sum, ...rest } = mark;
  const isWhole = ["bytes", "hashes", "segment", "size"].join() === Object.keys(rest).sort().join();
  if (!isWhole || sha256(canonical(rest)).toString("hex") !== sum) return;
  if (rest.size >= roots.length) throw new Broken("tip.json", `the log had ${rest.size} leaves`);
  const pieces = rest.hashes.map((hash) => Buffer.from(hash, "base64"));
  const root = pieces.length === 0 ? sha256() : pieces.reduceRight((right, left) => node(left, right));
  if (!root.equals(roots[rest.size])) throw new Broken("tip.json", `the first ${rest.size} leaves were others`);
}

function readKey(text) {
  const [, name, id, encoded] = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)\s*$/.exec(text) ?? [];
  const typed = encoded === undefined ? undefined : base64(encoded);
  if (typed?.length !== 33 || typed[0] !== 1) throw new TypeError("not a log's public key");
  const expected = sha256(`${name}\n`, typed).subarray(0, 4);
  if (expected.toString("hex") !== id) throw new TypeError("the key's id is not that of its name and bytes");
  const x = typed.subarray(1).toString("base64url");
  return {
    name,
    id: expected,
    publicKey: createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" }),
  };
}

/** RFC 8785 for what JSON.parse returns: JavaScript writes strings and numbers as it asks, keys are sorted by UTF-16. */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`);
  return `{${members.join()}}`;
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function base64(text) {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}

function parse(bytes, where) {
  const value = tryParse(bytes);
  if (value === undefined) throw new Broken(where, "a line is not JSON");
  return value;
}

function tryParse(bytes) {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (thrown) {
    if (thrown instanceof SyntaxError || thrown instanceof TypeError) return undefined;
    throw thrown;
  }
}

function main(folder, key) {
  if (folder === undefined || key === undefined) {
    console.error("usage: node outsider.mjs LEDGER_FOLDER KEY");
    return 2;
  }
  const result = check(folder, existsSync(key) ? readFileSync(key, "utf8") : key);
  if (!result.ok) {
    console.log(`broken: ${result.where}: ${result.what}`);
    return 1;
  }
  console.log(`ok: ${result.leaves} leaves, ${result.signed} of them signed, root ${result.root}`);
  return 0;
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    process.exitCode = main(process.argv[2], process.argv[3]);
  } catch (thrown) {
    console.error(`could not be checked: ${thrown.message}`);
    process.exitCode = 2;
  }
}

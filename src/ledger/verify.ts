import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { errnoOf, OperatorError } from "../base/errors.ts";
import { formatLogKey, type LogKey, openCheckpoint, parseLogKey } from "./checkpoint.ts";
import { CHECKPOINTS, noteOf } from "./checkpoints.ts";
import { hashLeaf } from "./entry.ts";
import { openLock, sqliteCodeOf } from "./lock.ts";
import { readMark } from "./mark.ts";
import { ledgerDirectory, signerDirectory } from "./open.ts";
import { linesOf, type Position, START, type Step, segmentsIn, stepsFrom } from "./segments.ts";
import { readLast, SIGNER_KEY_PUB } from "./signing.ts";
import { extend, rootOf, type TreeHead } from "./tree.ts";

/**
 * Recomputes the whole log from its files and holds it against every signed checkpoint, what the signer remembers and
 * the mark of its end. Says `broken` with the first place that does not hold. What it cannot see: leaves removed after
 * the last checkpoint by who also rewrote the mark; `signedLeaves` says how far the signatures reach.
 */
export type Verification =
  | {
      status: "ok";
      leaves: number;
      /** Hex. */
      root: string;
      checkpoints: number;
      /** Leaves under the newest checkpoint; the rest are whole, and not yet signed. */
      signedLeaves: number;
      /** The key they were checked with, null when nothing is signed. */
      key: string | null;
    }
  | { status: "broken"; where: string; what: string };

/**
 * @param publicKey `name+id+base64`, from elsewhere than the log; the default is the signer's own `key.pub`.
 * Throws OperatorError when there is no log, or checkpoints and no key to check them with.
 */
export function verifyLedger(stateDir: string, publicKey?: string): Verification {
  const directory = ledgerDirectory(stateDir);
  if (segmentsIn(directory).length === 0 && !existsSync(join(directory, CHECKPOINTS))) {
    throw new OperatorError(`there is no log in ${directory}`, "give --state the folder that a cycle has written to");
  }
  const key = keyFor(stateDir, publicKey);
  // What is claimed is read before the leaves: a log that grows meanwhile then only has more than was claimed.
  const claims = claimsIn(stateDir, directory, key);
  if (claims.status === "broken") return claims;
  const end = holdAgainst(directory, claims.heads);
  if (end.status === "broken") return end;
  const { edge } = end.position;
  const unmet = claims.heads.find((claim) => claim.head.size > edge.size);
  if (unmet !== undefined) return broken(unmet.where, `it has ${unmet.head.size} leaves and the log ${edge.size}`);
  return {
    status: "ok",
    leaves: edge.size,
    root: rootOf(edge).toString("hex"),
    checkpoints: claims.checkpoints,
    signedLeaves: claims.signedLeaves,
    key: key === undefined ? null : formatLogKey(key),
  };
}

/** A size and root that somebody vouches for. */
type Claim = { where: string; head: TreeHead };

type Claims = { status: "read"; heads: Claim[]; checkpoints: number; signedLeaves: number };

type Broken = Extract<Verification, { status: "broken" }>;

function broken(where: string, what: string): Broken {
  return { status: "broken", where, what };
}

function claimsIn(stateDir: string, directory: string, key: LogKey | undefined): Claims | Broken {
  const heads: Claim[] = [];
  let signedLeaves = 0;
  for (const line of linesOf(join(directory, CHECKPOINTS), 0)) {
    const where = `${CHECKPOINTS} line ${heads.length + 1}`;
    if (key === undefined) {
      throw new OperatorError("there is no public key to check the log with", "give --key the log's public key");
    }
    const note = noteOf(line);
    if (note === undefined)
      return broken(where, line.isWhole ? "not a checkpoint" : "torn: it ends inside a checkpoint");
    const opened = openCheckpoint(note, key);
    if (opened.status === "bad") return broken(where, opened.reason);
    if (heads.length > 0 && opened.checkpoint.size <= signedLeaves) return broken(where, "its size does not grow");
    signedLeaves = opened.checkpoint.size;
    heads.push({ where, head: opened.checkpoint });
  }
  const checkpoints = heads.length;
  const last = readLast(signerDirectory(stateDir));
  if (last !== undefined) heads.push({ where: "what the signer signed last", head: last });
  const mark = readMark(join(directory, "tip.json"));
  if (mark !== undefined) heads.push({ where: "tip.json", head: { size: mark.edge.size, root: rootOf(mark.edge) } });
  return { status: "read", heads, checkpoints, signedLeaves };
}

function holdAgainst(directory: string, claims: Claim[]): { status: "held"; position: Position } | Broken {
  const bySize = Map.groupBy(claims, (claim) => claim.head.size);
  let position = START;
  const differing = () =>
    bySize.get(position.edge.size)?.find((claim) => !rootOf(position.edge).equals(claim.head.root));
  for (const step of settledSteps(directory)) {
    if (step.status === "broken") return broken(basename(step.where), step.what);
    if (step.status === "torn")
      return broken("the end", `torn: ${step.bytes} bytes after leaf ${position.edge.size - 1}`);
    const claim = differing();
    if (claim !== undefined) return broken(claim.where, mismatch(claim));
    position = { edge: extend(position.edge, hashLeaf(step.stored.leaf)), segment: step.segment, bytes: step.end };
  }
  const claim = differing();
  return claim === undefined ? { status: "held", position } : broken(claim.where, mismatch(claim));
}

function mismatch(claim: Claim): string {
  return `its root is not that of the first ${claim.head.size} leaves`;
}

/** A torn end is looked at again once no writer is at it. */
function* settledSteps(directory: string): Generator<Step, void> {
  let at = { segment: 0, bytes: 0, seq: 0 };
  let isSettled = false;
  for (;;) {
    let isTorn = false;
    for (const step of stepsFrom(directory, at.segment, at.bytes, at.seq)) {
      isTorn = step.status === "torn" && !isSettled;
      if (isTorn) break;
      yield step;
      if (step.status === "leaf") at = { segment: step.segment, bytes: step.end, seq: step.stored.leaf.seq + 1 };
    }
    if (!isTorn) return;
    waitForWriter(directory);
    isSettled = true;
  }
}

/** A folder in which no lock can be taken (read-only, a copy) has no writer either. */
function waitForWriter(directory: string): void {
  const path = join(directory, "lock");
  if (!existsSync(path)) return;
  try {
    const lock = openLock(path);
    lock.hold(() => undefined);
    lock.close();
  } catch (thrown) {
    if (sqliteCodeOf(thrown) === undefined) throw thrown;
  }
}

/** The key given, else the signer's; undefined when there is neither. */
export function keyFor(stateDir: string, publicKey: string | undefined): LogKey | undefined {
  const text = publicKey ?? textIn(join(signerDirectory(stateDir), SIGNER_KEY_PUB));
  if (text === undefined) return undefined;
  const key = parseLogKey(text);
  if (key === undefined) {
    throw new OperatorError(
      "the log's public key cannot be read",
      "it is one line: name, +, 8 hex digits, +, base64",
    );
  }
  return key;
}

function textIn(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return undefined;
    throw thrown;
  }
}

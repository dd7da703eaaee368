import { createHash } from "node:crypto";
import type { Access } from "../observation.ts";
import { NOT_THE_KERNELS } from "./ground.ts";
import { LANDLOCKED } from "./landlock.ts";
import type { Row } from "./probe.ts";

/** The positive controls, one for each kind of question; rows of the check `control`. */
export const CONTROL = {
  table: "control:kernel-table",
  read: "control:file-read",
  write: "control:file-write",
  list: "control:directory-list",
  connect: "control:connect",
} as const;
export type Control = (typeof CONTROL)[keyof typeof CONTROL];

export function reachable(id: string, subject: string, access: Access[], detail: string, place?: string): Row {
  return { id, subject, verdict: "reachable", access, detail, ...at(place) };
}

/** A refusal that nobody made is none: what could not be asked is said instead. */
export function denied(id: string, subject: string, control: Control, detail: string, place?: string): Row {
  if (NO_REFUSAL.test(detail)) return notMeasured(id, subject, detail);
  return { id, subject, verdict: "denied", access: [], control, detail, ...at(place) };
}

/** What came instead of an answer: the question was too long, the kernel had no room for it, the disk failed. */
const NO_REFUSAL = new RegExp(
  `\\b(?:ENAMETOOLONG|EMFILE|ENFILE|ENOMEM|EINTR|EIO|ESTALE|EOVERFLOW|ETIMEDOUT|ENOTCONN)\\b|${LANDLOCKED}|${NOT_THE_KERNELS}`,
);

export function absent(id: string, subject: string, detail: string): Row {
  return { id, subject, verdict: "absent", access: [], detail };
}

export function notMeasured(id: string, subject: string, reason: string): Row {
  return { id, subject, verdict: "not-measured", access: [], detail: reason };
}

export function contradictory(id: string, subject: string, detail: string): Row {
  return { id, subject, verdict: "contradictory", access: [], detail };
}

function at(place: string | undefined): { place?: string } {
  return place === undefined ? {} : { place };
}

/** What an errno tells about who refused. */
export function mechanism(errno: string): string {
  switch (errno) {
    case "EROFS":
      return "EROFS, a read-only mount";
    case "EACCES":
      return "EACCES, file permissions or a security module";
    case "EPERM":
      return "EPERM, a missing capability, a filter or a security module";
    case "ETIMEDOUT":
      return "ETIMEDOUT, it lies on a mount that does not answer";
    case "ECONNREFUSED":
      return "ECONNREFUSED, nobody listens";
    default:
      return errno;
  }
}

/** Nothing there, as opposed to not allowed. */
export function isAbsence(errno: string): boolean {
  return errno === "ENOENT" || errno === "ENOTDIR" || errno === "ENXIO" || errno === "ENODEV" || errno === "ELOOP";
}

const ID_CHARACTERS_MAX = 200;

/**
 * A name as the instance of an id: what changes from run to run (hashes, UUIDs, random suffixes, numbers of three digits and
 * more) gives way to a placeholder, what an id cannot hold is percent-encoded, a long one is cut and ends in a hash.
 */
export function instance(name: string): string {
  return short(encode(stable(name)));
}

/** The same for a name that people chose: nothing gives way. */
export function named(name: string): string {
  return short(encode(name));
}

function stable(name: string): string {
  return name
    .replace(/[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/gi, "<uuid>")
    .replace(/\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b/gi, "<hex>")
    .replace(/([-._])(?=[A-Za-z0-9]*[0-9A-Z])[A-Za-z0-9]{6,}(?=$|[/.])/g, "$1<random>")
    .replace(/\d{3,}/g, "<n>");
}

function encode(name: string): string {
  return name.replace(/[^\x21-\x7e]/gu, (character) =>
    encodeURIComponent(character.isWellFormed() ? character : "?"),
  );
}

function short(name: string): string {
  if (name.length <= ID_CHARACTERS_MAX) return name;
  return `${name.slice(0, ID_CHARACTERS_MAX - 17)}~${createHash("sha256").update(name).digest("hex").slice(0, 16)}`;
}

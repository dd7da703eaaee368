import type { SocketPlace } from "./ground.ts";
import { mountOf } from "./mounts.ts";
import { isSpelt, NOT_SPELT } from "./paths.ts";
import type { Context, Row } from "./probe.ts";
import { absent, CONTROL, denied, isAbsence, mechanism, notMeasured, reachable } from "./row.ts";

/**
 * Can the socket at this path be used? Connects and closes; when the probe is passive it asks for write permission, which
 * is what the kernel asks for (unix(7)), and wakes no service.
 */
export async function askSocket(context: Context, id: string, subject: string, path: string): Promise<Row> {
  const thing = await context.ground.stat(path);
  if (thing.status === "refused") {
    if (!isSpelt(path)) return notMeasured(id, subject, NOT_SPELT);
    if (isAbsence(thing.errno)) return absent(id, subject, `${thing.errno}: not there`);
    return denied(id, subject, CONTROL.connect, mechanism(thing.errno), path);
  }
  if (thing.value.kind !== "socket") {
    if (context.request.standIns.includes(path))
      return reachable(id, subject, ["connect"], "there, and no socket", path);
    return absent(id, subject, `there, but a ${thing.value.kind} and no socket`);
  }
  if (context.request.isPassive) return askPermission(context, id, subject, path);
  return connecting(context, { id, subject, place: path, target: { path }, through: readOnlyNote(context, path) });
}

async function askPermission(context: Context, id: string, subject: string, path: string): Promise<Row> {
  const asked = await context.ground.access(path, "write");
  // The flag of the mount does not keep a socket from being connected to.
  if (asked.status === "answered" || asked.errno === "EROFS") {
    return reachable(
      id,
      subject,
      ["connect"],
      "permissions allow connecting; not connected to, so that nothing wakes",
      path,
    );
  }
  return denied(id, subject, CONTROL.connect, mechanism(asked.errno), path);
}

export type Attempt = { id: string; subject: string; place: string; target: SocketPlace; through: string };

export async function connecting(context: Context, attempt: Attempt): Promise<Row> {
  const { id, subject, place, through } = attempt;
  const asked = await context.ground.connect(attempt.target);
  if (asked.status === "answered")
    return reachable(id, subject, ["connect"], `connected and closed${through}`, place);
  switch (asked.errno) {
    // The kernel looks at the permission before the type, and at both before the length of the queue (unix(7)).
    case "EPROTOTYPE":
      return reachable(id, subject, ["connect"], `a datagram socket; permission was granted${through}`, place);
    case "EAGAIN":
      return reachable(id, subject, ["connect"], `somebody listens, the queue is full${through}`, place);
    case "ETIMEDOUT":
      return notMeasured(id, subject, "no answer in time");
    case "ECONNREFUSED":
      // gVisor refuses a socket of the host in this way.
      if (context.facts.boundary === "gvisor")
        return denied(id, subject, CONTROL.connect, mechanism(asked.errno), place);
      return absent(id, subject, "a socket that nobody listens on");
    default:
      if (isAbsence(asked.errno)) return absent(id, subject, asked.errno);
      return denied(id, subject, CONTROL.connect, mechanism(asked.errno), place);
  }
}

function readOnlyNote(context: Context, path: string): string {
  const mount = context.facts.mounts === undefined ? undefined : mountOf(context.facts.mounts, path);
  return mount?.isReadOnly === true ? ", through a read-only mount" : "";
}

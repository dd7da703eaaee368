import type { Role } from "../sandbox/sandbox.ts";
import type { GuestCaps } from "./guestCaps.ts";
import { type TaskDesk, taskDesk } from "./tasks.ts";

/** What the gateway process keeps of one sandbox while its channel is open. */
export type AdmittedGuest = {
  readonly name: string;
  readonly role: Role;
  /** What it stands on, for the log; null when nobody said. */
  readonly backend: string | null;
  readonly caps: GuestCaps;
  readonly desk: TaskDesk;
  hasSaidHello: boolean;
  pendingMessages: number;
  /** Bytes that the bodies now being read may grow to. */
  bodyBytesReserved: number;
  alarms: number;
  /** How often its output was refused. */
  refused: number;
  isRefusalTold: boolean;
};

export function admittedGuest(
  name: string,
  role: Role,
  { backend, caps }: { backend: string | null; caps: GuestCaps },
): AdmittedGuest {
  return {
    name,
    role,
    backend,
    caps,
    desk: taskDesk(),
    hasSaidHello: false,
    pendingMessages: 0,
    bodyBytesReserved: 0,
    alarms: 0,
    refused: 0,
    isRefusalTold: true,
  };
}

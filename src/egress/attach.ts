import type { Socket } from "node:net";
import { type Duplex, pipeline } from "node:stream";
import { messageOf } from "../base/errors.ts";
import { isUntouched, socketPair } from "../sandbox/socketPair.ts";
import type { GuestEnd } from "./guestEnd.ts";

/**
 * A socket that the gateway process can be given: the channel itself where that is one, so that its bytes never pass
 * through CONTROL; else one end of a pair whose other end CONTROL joins to the channel.
 */
export async function asSocket(channel: Duplex): Promise<Socket> {
  if (isUntouched(channel)) return channel;
  const { near, far } = await socketPair();
  // Either side's end is the other's, and is seen as the channel's.
  pipeline(channel, far, () => channel.destroy());
  pipeline(far, channel, () => channel.destroy());
  channel.once("close", () => far.destroy());
  return near;
}

/** When the channel closes here, the gateway is told to let go of it; when the guest is gone, it is closed here. */
export function followChannel(channel: Duplex, end: GuestEnd, drop: () => void): void {
  let why = "its channel closed";
  channel.once("error", (error) => {
    why = `its channel broke: ${messageOf(error)}`;
  });
  channel.once("close", () => {
    end.end(why);
    drop();
  });
  void end.guest.closed.then(() => channel.destroy());
}

import { closeSync, openSync } from "node:fs";
import { basename, dirname } from "node:path";

/** sockaddr_un holds 108 bytes, the closing NUL among them (unix(7)). */
const SOCKET_PATH_BYTES_MAX = 107;

/**
 * A path by which this process can bind or reach a Unix socket however long the real one is: through an open directory
 * where it is too long for the kernel. To be closed once the socket is bound or connected. Throws when the directory is
 * not there.
 */
export function nearSocket(path: string): { path: string; close: () => void } {
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX) return { path, close: () => undefined };
  const directory = openSync(dirname(path), "r");
  return { path: `/proc/self/fd/${directory}/${basename(path)}`, close: () => closeSync(directory) };
}

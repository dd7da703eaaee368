import { GUEST_DIR, type GuestProgram } from "./constants.ts";

/**
 * How a program of ours is started inside. The runtime brings its own loader and libraries, so it runs in any Linux image
 * of the machine's architecture, also on musl and from scratch; image.ts lays it out. `process.execPath` inside is the
 * loader, never Node: to start a program of ours use this.
 */
export function guestArgv(program: GuestProgram, args: readonly string[]): [string, ...string[]] {
  return [...carried("node"), `${GUEST_DIR}/${program}.mjs`, ...args];
}

/** A dynamically linked tool that the runtime brings, started by the runtime's own loader. */
export function carried(tool: "node" | "setpriv"): [string, ...string[]] {
  return [`${GUEST_DIR}/lib/ld.so`, "--library-path", `${GUEST_DIR}/lib`, `${GUEST_DIR}/${tool}`];
}

/**
 * The argv of a sandbox's first process: a few words of shell that start the shim, collect what the dead leave behind, which
 * Node as process 1 cannot, and end with the shim. `name` stands in the command line so that the process is found by it.
 * `through` is for a sandbox inside a tool that sets variables of its own: see `Inherited` in shim/task.ts.
 */
export function firstArgv(name: string, through?: readonly string[]): [string, ...string[]] {
  return [
    `${GUEST_DIR}/busybox`,
    "sh",
    "-c",
    `${CLOSE_INHERITED}; ${START_AND_WAIT}`,
    name,
    ...guestArgv("shim", [name, ...(through === undefined ? [] : [through.join(",")])]),
  ];
}

/** Whoever started us may have left descriptors open, and a backend may hand them on: none of them is the guest's. */
const CLOSE_INHERITED =
  'for f in /proc/self/fd/*; do f=${f##*/}; case $f in [012]|*[!0-9]*) ;; *) eval "exec $f>&-";; esac; done';

/**
 * It lets go of the channel, so that the channel's end is seen. What runs inside may stop the shim, which is its own user's, but
 * not the first process (pid_namespaces(7)): that hears of it, and ends as it does when the shim is dead.
 */
const START_AND_WAIT =
  'exec 3<&0; "$@" <&3 3<&- & p=$!; exec 3<&- </dev/null >/dev/null; trap : CHLD; ' +
  'while wait $p; [ -d /proc/$p ] && read -r s </proc/$p/stat; do case $s in *") T "*) exit;; esac; done';

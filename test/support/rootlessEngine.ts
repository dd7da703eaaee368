import { spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TOOL_PATH } from "../../src/base/exec.ts";
import { RUNSC_ARGS } from "./engine.ts";
import { end, ready } from "./engineEnd.ts";

/**
 * A rootless engine for tests, of a user who exists only in a mount namespace of its own: there its name and its subordinate
 * ids are bound over the machine's files, which stay as they are. Like the other one it stands in an empty network namespace.
 */
export type RootlessEngine = {
  socket: string;
  /** Whose engine it is, on the host. */
  uid: number;
  stop(): Promise<void>;
};

const UID = 47_110;
/** `name:first:count`, subuid(5). */
const SUBORDINATE = "wdrootless:4711000:65536\n";

export async function startRootlessEngine(): Promise<RootlessEngine> {
  for (const program of ["dockerd", "rootlesskit", "newuidmap", "newgidmap"]) {
    const found = TOOL_PATH.split(":").some((directory) => existsSync(join(directory, program)));
    if (!found) throw new Error(`${program} is not installed: apt-get install docker.io rootlesskit uidmap`);
  }
  const home = mkdtempSync(join(tmpdir(), "wdrl-"));
  const parts = { home, socket: join(home, "engine.sock"), group: `/${home.split("/").at(-1)}` };
  write(home, parts.socket);
  const log = openSync(join(home, "log"), "a");
  const argv = ["--net", "--mount", "--propagation", "private", "sh", join(home, "outer.sh"), home];
  const child = spawn("unshare", argv, { stdio: ["ignore", log, log], env: { PATH: TOOL_PATH }, detached: true });
  closeSync(log);
  await ready(child, parts);
  return { socket: parts.socket, uid: UID, stop: () => end(child, parts) };
}

/** As root: the user, then the user's own part. What is bound over must be there, so a machine without the files is not changed. */
const OUTER = `set -e
for file in passwd group subuid subgid; do mount --bind "$1/$file" "/etc/$file"; done
exec setpriv --reuid=${UID} --regid=${UID} --clear-groups --inh-caps=-all env -i PATH="$PATH" HOME="$1/user" XDG_RUNTIME_DIR="$1/user" \\
  rootlesskit --state-dir="$1/kit" --net=host --copy-up=/etc --copy-up=/run --propagation=rslave unshare --net sh "$1/inner.sh" "$1"
`;

const INNER = `set -e
rm -f /run/docker /run/containerd /run/xtables.lock
ip link set lo up
exec dockerd --config-file "$1/config.json"
`;

function write(home: string, socket: string): void {
  const config = {
    "data-root": join(home, "data"),
    "exec-root": join(home, "exec"),
    pidfile: join(home, "pid"),
    hosts: [`unix://${socket}`],
    bridge: "none",
    iptables: false,
    "storage-driver": "vfs",
    runtimes: { runsc: { path: "runsc", runtimeArgs: [...RUNSC_ARGS, "--ignore-cgroups"] } },
  };
  const files = {
    "outer.sh": OUTER,
    "inner.sh": INNER,
    "config.json": JSON.stringify(config),
    passwd: `root:x:0:0:root:/root:/bin/sh\nwdrootless:x:${UID}:${UID}::${home}/user:/bin/sh\n`,
    group: `root:x:0:\nwdrootless:x:${UID}:\n`,
    subuid: SUBORDINATE,
    subgid: SUBORDINATE,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(home, name), text, { mode: 0o644 });
  chmodSync(home, 0o755);
  for (const name of ["user", "kit"]) {
    mkdirSync(join(home, name), { mode: 0o700 });
    chownSync(join(home, name), UID, UID);
  }
  chownSync(home, UID, UID);
}

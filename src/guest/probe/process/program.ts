import type { Check, Context, Row } from "../probe.ts";
import { findPrograms } from "../programs.ts";
import { absent, CONTROL, denied, reachable } from "../row.ts";

/** Interpreters, then what reaches other machines, engines and namespaces, then what builds and debugs. */
const NAMES = (
  "bash busybox node perl php python3 ruby sh awk " +
  "curl dig ftp git nc ncat nmap openssl rsync scp socat ssh telnet wget " +
  "aws az containerd crictl ctr docker gcloud gh helm kubectl nerdctl nsenter podman runc unshare virsh " +
  "apt-get apk cc dnf gcc gdb ip iptables mount npm pip3 strace sudo tcpdump"
).split(" ");

export const program: Check = {
  id: "program",
  category: "process",
  why: "What an intruder finds need not be brought in; a new one in the image is a change worth knowing.",
  misses: "Programs by other names, and those outside PATH and the usual directories. None is started.",
  source: "CDK and deepce, available commands; CIS Docker Benchmark 1.6, 4.3",
  async run(context) {
    const found = await findPrograms(context, NAMES);
    const rows = await Promise.all(NAMES.map((name) => ask(context, name, found.paths.get(name) ?? [])));
    return found.isWhole ? { rows } : { rows, fellShort: "a directory of programs could not be listed to its end" };
  },
};

async function ask({ ground }: Context, name: string, paths: readonly string[]): Promise<Row> {
  const id = `program:${name}`;
  let refused: string | undefined;
  for (const path of paths) {
    const asked = await ground.access(path, "execute");
    if (asked.status === "answered") return reachable(id, name, ["execute"], "there, and may be started", path);
    refused = asked.errno;
  }
  if (refused !== undefined) return denied(id, name, CONTROL.read, `there, and may not be started: ${refused}`);
  return absent(id, name, "not in PATH nor in the usual directories");
}

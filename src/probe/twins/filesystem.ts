import { companion, IDLE, OF_THE_COMPANION } from "./companion.ts";
import { bound, writable } from "./mounts.ts";
import { HOME, type Twin } from "./twin.ts";

/** What an image has there, so that a directory over it hides nothing that a check asks for. */
const ETC = {
  passwd: "root:x:0:0:root:/root:/bin/sh\nagent:x:1000:1000::/home/agent:/bin/sh\n",
  group: "root:x:0:\nagent:x:1000:\n",
  hosts: "127.0.0.1 localhost\n",
  hostname: "sandbox\n",
  "resolv.conf": "",
};

export const FILESYSTEM: readonly Twin[] = [
  {
    name: "writable-root",
    category: "filesystem",
    weak: "the root is mounted read-write",
    given: () => ({ uid: 0 }),
    weaken: () => ({ confinement: { readOnlyRoot: false } }),
    flips: ["root-filesystem", "system-directory:*"],
    alongside: {
      "mount:/": "the inventory says it too",
      "mount:/etc/hostname": "an engine's own file, as writable as the root",
      "mount:/etc/hosts": "an engine's own file, as writable as the root",
      "mount:/etc/resolv.conf": "an engine's own file, as writable as the root",
      "scratch-space:*": "directories of the root have no size of their own",
      "write-and-execute:*": "directories of the root",
      "persistence-path:*": "places for programs that start by themselves lie in the root",
      "trust-file-creatable:*": "what is not there could be made, anywhere below the root",
    },
  },
  {
    name: "host-directory",
    category: "filesystem",
    weak: "a directory of the host, read-only",
    weaken: (stage) => bound("/mnt/host", stage.tree({ notes: "made up" })),
    flips: ["host-mount:/mnt/host"],
  },
  {
    name: "host-etc-writable",
    category: "filesystem",
    weak: "the host's /etc, read-write where its sibling has it read-only",
    given: (stage) => bound("/etc", stage.tree(ETC)),
    weaken: (_, sibling) => writable(sibling, "/etc"),
    flips: ["host-mount:/etc", "system-directory:/etc"],
    open: ["host-mount:/etc"],
  },
  {
    name: "home-writable",
    category: "filesystem",
    weak: "the home, read-write where its sibling has it read-only",
    given: (stage) => bound(HOME, stage.tree()),
    weaken: (_, sibling) => writable(sibling, HOME),
    flips: ["host-mount:/home/agent", "scratch-space:~/", "trust-file-creatable:~/.gitconfig"],
    alongside: {
      "trust-file-creatable:*": "what is not in the home could be made there",
      "write-and-execute:~/": "a program of one's own can be put there",
    },
    open: ["host-mount:/home/agent"],
    notOn: { gvisor: "gVisor does not show the size of a mount" },
  },
  {
    name: "kvm-device",
    category: "filesystem",
    weak: "a device of a notable name in /dev",
    weaken: () => bound("/dev/kvm", "/dev/null"),
    flips: ["device-node:/dev/kvm"],
    notOn: { gvisor: "gVisor has a /dev of its own" },
  },
  {
    name: "password-hashes",
    category: "filesystem",
    weak: "a readable /etc/shadow",
    weaken: (stage) => bound("/etc/shadow", stage.file("made up")),
    flips: ["sensitive-file:/etc/shadow"],
    alongside: { "host-mount:/etc/shadow": "the file comes from outside" },
  },
  {
    name: "set-id-program",
    category: "filesystem",
    weak: "a set-user-id program in PATH",
    given: (stage) => ({
      confinement: { noNewPrivileges: false },
      ...bound("/usr/bin/sudo", stage.file("made up", 0o755)),
    }),
    weaken: (stage) => bound("/usr/bin/sudo", stage.file("made up", 0o4755)),
    flips: ["set-id-program:sudo"],
    open: ["no-new-privs", "host-mount:/usr/bin/sudo"],
    notOn: { gvisor: "only towards gVisor's kernel, not the host's", bubblewrap: "bwrap always sets no_new_privs" },
  },
  {
    name: "inherited-directory",
    category: "filesystem",
    weak: "an open directory is handed down as a descriptor",
    given: () => ({ companion: IDLE }),
    open: OF_THE_COMPANION,
    weaken: () => ({ companion: companion('inherited = [openSync("/", "r")];') }),
    flips: ["inherited-descriptor:directory"],
  },
];

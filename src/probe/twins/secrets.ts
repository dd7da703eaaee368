import { companion, IDLE, OF_THE_COMPANION } from "./companion.ts";
import { bound, writable } from "./mounts.ts";
import { HOME, type Twin } from "./twin.ts";

/** Stands for what is secret: the checks ask for places, names and forms, and never for this. */
const MADE_UP = "made up, and never to be seen";
const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";
const NO_SOCKETS = "gVisor lets no socket of the host in";

const IDLING = '"-e", "setInterval(() => undefined, 1e6)", "--"';
/** What a process of the same user opens besides, whatever it does. */
const NEIGHBOUR = {
  "foreign-environ:others": "it is of the same user",
  "foreign-signal:others": "it is of the same user",
  "foreign-root:others": "it is of the same user",
  "visible-process:*": "it is in the same table",
};

/** A home that holds one more file than its sibling's. */
function credential(name: string, place: string, check: string, weak: string): Twin {
  return {
    name,
    category: "secrets",
    weak,
    given: (stage) => bound(HOME, stage.tree()),
    weaken: (stage) => bound(HOME, stage.tree({ [place]: MADE_UP })),
    flips: [`${check}:~/${place}`],
    ...(check === "agent-credential-file"
      ? { alongside: { "memory-store:*": "the agent's memory lies in the same directory" } }
      : {}),
    open: [`host-mount:${HOME}`],
  };
}

/** An agent's socket at its usual place in the home, or where a variable points. */
function agentSocket(name: string, place: string, env: Readonly<Record<string, string>>): Twin {
  return {
    name,
    category: "secrets",
    weak: `the socket of a ${name}`,
    weaken: async (stage) => ({ ...bound(place, await stage.socket()), env }),
    flips: [`agent-socket:${name}`],
    alongside: { "unix-socket:*": "it is a socket as well" },
    notOn: { gvisor: NO_SOCKETS },
  };
}

export const SECRETS: readonly Twin[] = [
  {
    name: "secret-variable",
    category: "secrets",
    weak: "a variable with the name of a secret",
    weaken: () => ({ env: { BUILD_TOKEN: MADE_UP } }),
    flips: ["env-secret:BUILD_TOKEN"],
  },
  {
    name: "secret-value",
    category: "secrets",
    weak: "a variable of an innocent name with a value in the form of a key",
    // Joined here, so that no scanner of this file takes it for a real one.
    weaken: () => ({ env: { COLOUR: ["gh", "p_", "a1".repeat(18)].join("") } }),
    flips: ["env-secret:COLOUR"],
  },
  credential("cloud-credential", ".aws/credentials", "cloud-credential-file", "AWS access keys in the home"),
  credential("cluster-credential", ".kube/config", "cloud-credential-file", "cluster credentials in the home"),
  credential("ssh-key", ".ssh/id_ed25519", "credential-file", "an SSH key in the home"),
  credential("git-password", ".git-credentials", "credential-file", "Git passwords in the home"),
  credential(
    "claude-credential",
    ".claude/.credentials.json",
    "agent-credential-file",
    "Claude Code's credentials in the home",
  ),
  credential("codex-credential", ".codex/auth.json", "agent-credential-file", "Codex's credentials in the home"),
  {
    name: "credential-writable",
    category: "secrets",
    weak: "a credential that can be rewritten, where its sibling's can only be read",
    given: (stage) => bound(`${HOME}/.aws/credentials`, stage.file(MADE_UP)),
    weaken: (_, sibling) => writable(sibling, `${HOME}/.aws/credentials`),
    flips: ["cloud-credential-file:~/.aws/credentials"],
    alongside: { "host-mount:~/.aws/credentials": "the file comes from outside" },
    open: ["cloud-credential-file:~/.aws/credentials", "host-mount:~/.aws/credentials"],
  },
  {
    name: "service-account",
    category: "secrets",
    weak: "a cluster's service-account token",
    weaken: (stage) => bound(SERVICE_ACCOUNT, stage.tree({ token: MADE_UP })),
    flips: [`service-account-token:${SERVICE_ACCOUNT}/token`],
    alongside: { [`host-mount:${SERVICE_ACCOUNT}`]: "the directory comes from outside" },
  },
  agentSocket("ssh-agent", "/run/agent.sock", { SSH_AUTH_SOCK: "/run/agent.sock" }),
  agentSocket("gpg-agent", "/run/user/1000/gnupg/S.gpg-agent", {}),
  {
    name: "neighbour",
    category: "secrets",
    weak: "another process of the same user, whose environment can be opened",
    given: () => ({ companion: IDLE }),
    open: OF_THE_COMPANION,
    weaken: () => ({ companion: companion(`beside = await started(["-e", "setInterval(() => undefined, 1e6)"]);`) }),
    flips: ["foreign-environ:others"],
    alongside: NEIGHBOUR,
  },
  {
    name: "command-line",
    category: "secrets",
    weak: "a token on another process's command line",
    given: () => ({ companion: companion(`beside = await started([${IDLING}, "--level=low"]);`) }),
    weaken: () => ({ companion: companion(`beside = await started([${IDLING}, "--token=" + "a1".repeat(18)]);`) }),
    flips: ["command-line-secret:others"],
    open: [...OF_THE_COMPANION, ...Object.keys(NEIGHBOUR)],
  },
];

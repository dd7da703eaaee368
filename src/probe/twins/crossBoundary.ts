import { companion, IDLE, OF_THE_COMPANION } from "./companion.ts";
import { bound } from "./mounts.ts";
import { type Twin, WORKSPACE } from "./twin.ts";

const NO_SOCKETS = "gVisor lets no socket of the host in";

/** A service's socket at a place of its own. */
function service(name: string, weak: string, place: string, flips: string): Twin {
  return {
    name,
    category: "cross-boundary",
    weak,
    weaken: async (stage) => bound(place, await stage.socket()),
    flips: [flips],
    alongside: { "unix-socket:*": "it is a socket as well" },
    notOn: { gvisor: NO_SOCKETS },
  };
}

export const CROSS_BOUNDARY: readonly Twin[] = [
  service("docker-socket", "the Docker engine's socket", "/run/docker.sock", "engine-socket:/run/docker.sock"),
  service(
    "containerd-socket",
    "containerd's socket",
    "/run/containerd/containerd.sock",
    "engine-socket:/run/containerd/containerd.sock",
  ),
  service(
    "odd-socket",
    "an engine's socket under another name",
    "/run/tool/odd.sock",
    "unix-socket:/run/tool/odd.sock",
  ),
  {
    name: "socket-behind-read-only",
    category: "cross-boundary",
    weak: "a socket below a directory that is mounted read-only",
    given: (stage) => bound("/run/host", stage.tree()),
    weaken: async (stage) => bound("/run/host", await stage.socketIn("service.sock")),
    flips: ["unix-socket:/run/host/service.sock"],
    open: ["host-mount:/run/host"],
    notOn: { gvisor: NO_SOCKETS },
  },
  service("wayland-socket", "the desktop's display", "/run/user/1000/wayland-0", "desktop-socket:wayland"),
  service("session-bus", "the desktop's message bus", "/run/user/1000/bus", "desktop-socket:session-bus"),
  {
    name: "workspace-link",
    category: "cross-boundary",
    weak: "a link in the workspace that leads out of it",
    given: (stage) => bound(WORKSPACE, stage.tree()),
    weaken: (stage) => bound(WORKSPACE, stage.link("notes", "../etc/passwd")),
    flips: ["workspace-link:notes"],
    open: [`host-mount:${WORKSPACE}`],
  },
  {
    name: "abstract-socket",
    category: "cross-boundary",
    weak: "a service under an abstract name, which no mount shows",
    given: () => ({ companion: IDLE }),
    open: OF_THE_COMPANION,
    weaken: () => ({ companion: companion('await listen({ path: "\\0tool-server" });') }),
    flips: ["abstract-socket:@tool-server"],
  },
];

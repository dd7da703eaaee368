import { posix } from "node:path";
import { resolvePlace } from "../paths.ts";
import type { Check, Context, Row } from "../probe.ts";
import { absent } from "../row.ts";
import { askSocket } from "../sockets.ts";

type Service = readonly [name: string, what: string, paths: (string | undefined)[]];

export const desktopSocket: Check = {
  id: "desktop-socket",
  category: "cross-boundary",
  why: "The desktop's own services start programs, read the clipboard and watch keys for whoever connects.",
  misses:
    "Desktops that listen on TCP or by an abstract name, which other checks show, and a portal that asks a person first.",
  source: "CVE-2017-5226 and Flatpak's sandbox documentation, sockets; X.Org security model",
  async run(context) {
    const rows = services(context).map(([name, what, paths]) => strongest(context, name, what, paths));
    return { rows: await Promise.all(rows) };
  },
};

/** The variable that names the place first, then the usual places. */
function services({ environment, facts }: Context): Service[] {
  const uid = facts.status?.get("Uid")?.split(/\s+/)[0] ?? "0";
  const runtime = environment["XDG_RUNTIME_DIR"] ?? `/run/user/${uid}`;
  const display = /^(?:unix)?:(\d{1,4})/.exec(environment["DISPLAY"] ?? "")?.[1] ?? "0";
  const wayland = environment["WAYLAND_DISPLAY"] ?? "wayland-0";
  return [
    ["session-bus", "D-Bus of the session", [busPath(environment["DBUS_SESSION_BUS_ADDRESS"]), `${runtime}/bus`]],
    [
      "system-bus",
      "D-Bus of the system",
      [
        busPath(environment["DBUS_SYSTEM_BUS_ADDRESS"]),
        "/run/dbus/system_bus_socket",
        "/var/run/dbus/system_bus_socket",
      ],
    ],
    ["x11", "X11 display", [`/tmp/.X11-unix/X${display}`]],
    ["wayland", "Wayland display", [wayland.startsWith("/") ? wayland : `${runtime}/${wayland}`]],
    ["pipewire", "PipeWire", [`${runtime}/pipewire-0`]],
    ["pulseaudio", "PulseAudio", [`${runtime}/pulse/native`]],
    [
      "editor",
      "the editor's command line",
      [environment["VSCODE_IPC_HOOK_CLI"], environment["VSCODE_GIT_IPC_HANDLE"]],
    ],
    ["systemd-user", "the user's service manager", [`${runtime}/systemd/private`]],
    ["systemd", "the machine's service manager", ["/run/systemd/private"]],
    ["terminal-multiplexer", "tmux", [environment["TMUX"]?.split(",")[0], `/tmp/tmux-${uid}/default`]],
  ];
}

/** Of an address such as `unix:path=/run/user/1000/bus,guid=…`, D-Bus specification, server addresses. */
export function busPath(address: string | undefined): string | undefined {
  return /(?:^|;)unix:(?:[^;]*,)?path=([^,;]+)/.exec(address ?? "")?.[1];
}

/** The id holds the service only, for the paths differ from session to session. */
async function strongest(context: Context, name: string, what: string, paths: (string | undefined)[]): Promise<Row> {
  const id = `desktop-socket:${name}`;
  let best = absent(id, what, "no socket at its usual places");
  for (const place of paths) {
    const path = place === undefined || place === "" ? undefined : resolvePlace(context, place);
    if (path === undefined) continue;
    const row = await askSocket(context, id, what, posix.normalize(path));
    if (row.verdict === "reachable") return row;
    if (best.verdict === "absent") best = row;
  }
  return best;
}

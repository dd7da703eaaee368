import { resolvePlace } from "../paths.ts";
import type { Check, Context, Row } from "../probe.ts";
import { absent } from "../row.ts";
import { askSocket } from "../sockets.ts";

export const agentSocket: Check = {
  id: "agent-socket",
  category: "secrets",
  why: "An SSH, GnuPG or keyring agent signs and decrypts for whoever connects, without giving the key away.",
  misses: "Agents at unusual places that no environment variable names; unix-socket finds those as sockets.",
  source: "CVE-2023-38408 (a forwarded ssh-agent); ssh-agent(1)",
  async run(context) {
    const uid = context.facts.status?.get("Uid")?.split(/\s+/)[0] ?? "0";
    const environment = context.environment;
    const places: readonly (readonly [name: string, what: string, paths: (string | undefined)[]])[] = [
      ["ssh-agent", "SSH agent", [environment["SSH_AUTH_SOCK"], "/ssh-agent", "/run/host-services/ssh-auth.sock"]],
      ["gpg-agent", "GnuPG agent", ["~/.gnupg/S.gpg-agent", `/run/user/${uid}/gnupg/S.gpg-agent`]],
      [
        "gpg-agent-ssh",
        "GnuPG agent for SSH",
        ["~/.gnupg/S.gpg-agent.ssh", `/run/user/${uid}/gnupg/S.gpg-agent.ssh`],
      ],
      ["keyring", "desktop keyring", [`/run/user/${uid}/keyring/control`, `/run/user/${uid}/keyring/ssh`]],
      [
        "git-credential-cache",
        "Git's password cache",
        ["~/.cache/git/credential/socket", "~/.git-credential-cache/socket"],
      ],
      ["1password", "1Password agent", ["~/.1password/agent.sock"]],
    ];
    return { rows: await Promise.all(places.map(([name, what, paths]) => strongest(context, name, what, paths))) };
  },
};

/** The path differs from session to session, so the id holds the kind of agent only: the first that is there decides. */
async function strongest(
  context: Context,
  name: string,
  what: string,
  paths: readonly (string | undefined)[],
): Promise<Row> {
  const id = `agent-socket:${name}`;
  let best = absent(id, what, "no socket at its usual places");
  for (const place of paths) {
    const path = place === undefined || place === "" ? undefined : resolvePlace(context, place);
    if (path === undefined) continue;
    const row = await askSocket(context, id, what, path);
    if (row.verdict === "reachable") return row;
    if (best.verdict === "absent") best = row;
  }
  return best;
}

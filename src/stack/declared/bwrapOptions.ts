import type { Command } from "./commandFile.ts";

/** One option of bwrap with the words it takes (bwrap(1), 0.11). */
export type BwrapOption = { name: string; values: string[] };

const TAKES: readonly (readonly [number, string])[] = [
  [
    0,
    "help version unshare-all share-net unshare-user unshare-user-try unshare-ipc unshare-pid unshare-net unshare-uts unshare-cgroup unshare-cgroup-try disable-userns assert-userns-disabled clearenv new-session die-with-parent as-pid-1 level-prefix",
  ],
  [
    1,
    "args argv0 userns userns2 pidns uid gid hostname chdir unsetenv lock-file sync-fd remount-ro exec-label file-label proc dev tmpfs mqueue dir seccomp add-seccomp-fd block-fd userns-block-fd info-fd json-status-fd cap-add cap-drop perms size overlay-src tmp-overlay ro-overlay",
  ],
  [
    2,
    "setenv bind bind-try dev-bind dev-bind-try ro-bind ro-bind-try bind-fd ro-bind-fd file bind-data ro-bind-data symlink chmod",
  ],
  [3, "overlay"],
];
const ARITY: ReadonlyMap<string, number> = new Map(
  TAKES.flatMap(([count, names]) => names.split(" ").map((name) => [`--${name}`, count])),
);

/** Options until the command that is run inside, which is the first word that is none. An option that is not known takes no word. */
export function bwrapOptions({ words }: Command): { options: BwrapOption[]; unknown: string[]; command: string[] } {
  const options: BwrapOption[] = [];
  const unknown: string[] = [];
  let i = 0;
  while (i < words.length) {
    const word = words[i] ?? "";
    if (word === "--") return { options, unknown, command: words.slice(i + 1) };
    if (!word.startsWith("--")) break;
    const count = ARITY.get(word);
    if (count === undefined) unknown.push(word);
    else options.push({ name: word.slice(2), values: words.slice(i + 1, i + 1 + count) });
    i += 1 + (count ?? 0);
  }
  return { options, unknown, command: words.slice(i) };
}

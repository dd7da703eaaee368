import type { StackReader } from "../reader.ts";

/** Users whose number is the same in every image that we know of: the images' own documentation says so. */
const KNOWN: Readonly<Record<string, number>> = { root: 0, node: 1000, vscode: 1000, codespace: 1000, ubuntu: 1000 };

export type UserRead = {
  user: { name: string; uid: number; gid: number };
  homePath: string;
  guess: string | undefined;
};

/** `node`, `1000`, `1000:1000`, `node:node`. `guess` says what had to be assumed, the image not being here. */
export function userOf(written: string | undefined): UserRead {
  if (written === undefined) {
    return read("root", 0, 0, "no user is declared: the image's own is unknown, root is taken");
  }
  const [name = "", group] = written.split(":");
  const uid = /^\d{1,9}$/.test(name) ? Number(name) : KNOWN[name];
  const gid = group !== undefined && /^\d{1,9}$/.test(group) ? Number(group) : uid;
  if (uid === undefined)
    return read(safeName(name), 1000, gid ?? 1000, `the number of user ${name} is in the image: 1000 is taken`);
  const isNumber = /^\d/.test(name);
  const known = isNumber ? (uid === 0 ? "root" : uid === 1000 ? "node" : `user${uid}`) : name;
  const guess =
    isNumber && uid !== 0 ? `the home of user ${uid} is in the image: /home/${known} is taken` : undefined;
  return read(known, uid, gid ?? uid, guess);
}

function read(name: string, uid: number, gid: number, guess: string | undefined): UserRead {
  return { user: { name, uid, gid }, homePath: uid === 0 ? "/root" : `/home/${name}`, guess };
}

/** A name that can be part of a path. */
function safeName(name: string): string {
  return /^[a-z_][a-z0-9_-]{0,31}$/i.test(name) ? name : "user";
}

/** The last `USER` of a Dockerfile's last stage; undefined when there is none or it is a variable. */
function userOfDockerfile(text: string): string | undefined {
  const lastStage = text.split(/^[ \t]*FROM[ \t]/im).at(-1) ?? "";
  const user = [...lastStage.matchAll(/^[ \t]*USER[ \t]+(\S+)/gim)].at(-1)?.[1];
  return user?.includes("$") ? undefined : user;
}

/** The user that the agent's terminal has when no declaration says one: the image's, as far as a Dockerfile of the workspace tells. */
export async function userOfImage(reader: StackReader, dockerfile: string | undefined): Promise<string | undefined> {
  if (dockerfile?.startsWith("workspace/") !== true) return undefined;
  const text = await reader.text(dockerfile);
  return text === undefined ? undefined : userOfDockerfile(text);
}

import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { dirname, join } from "node:path";
import { nearSocket } from "../../base/socketPath.ts";

/**
 * What is made on this side for one twin: directories, files and listeners of ours, in a directory of its own that goes
 * with it. Everybody may write what may be written at all, so that only the mount decides.
 */
export type Stage = AsyncDisposable & {
  /** A directory with these files; those without text are directories. */
  tree(files?: Readonly<Record<string, string | undefined>>): string;
  file(text: string, mode?: number): string;
  /** A directory with one link in it. */
  link(name: string, to: string): string;
  /** A socket at which somebody listens and hangs up. */
  socket(): Promise<string>;
  /** A directory with such a socket in it. */
  socketIn(name: string): Promise<string>;
};

/** `parent`: a directory of ours. */
export function makeStage(parent: string): Stage {
  const directory = mkdtempSync(join(parent, "t"));
  chmodSync(directory, 0o755);
  const servers: Server[] = [];
  let made = 0;
  const next = () => join(directory, String(made++));
  const listen = (path: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const server = createServer((socket) => socket.destroy());
      servers.push(server);
      const place = nearSocket(path);
      server.once("close", place.close);
      server.once("error", (error) => {
        place.close();
        reject(error);
      });
      server.listen(place.path, () => {
        chmodSync(path, 0o777);
        resolve(path);
      });
    });
  return {
    tree(files = {}) {
      const root = next();
      openDirectory(root);
      for (const [name, text] of Object.entries(files)) {
        const path = join(root, name);
        for (const above of ancestors(name)) openDirectory(join(root, above));
        if (text === undefined) openDirectory(path);
        else writeFile(path, text, 0o666);
      }
      return root;
    },
    file(text, mode = 0o666) {
      const path = next();
      writeFile(path, text, mode);
      return path;
    },
    link(name, to) {
      const root = next();
      openDirectory(root);
      symlinkSync(to, join(root, name));
      return root;
    },
    socket: () => listen(next()),
    async socketIn(name) {
      const root = next();
      openDirectory(root);
      await listen(join(root, name));
      return root;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The umask would take from what is asked for. */
function openDirectory(path: string): void {
  mkdirSync(path, { recursive: true });
  chmodSync(path, 0o777);
}

function writeFile(path: string, text: string, mode: number): void {
  writeFileSync(path, text);
  chmodSync(path, mode);
}

/** `a/b` of `a/b/c`, after `a`. */
function ancestors(name: string): string[] {
  const above = dirname(name);
  return above === "." ? [] : [...ancestors(above), above];
}

import { createServer } from "node:net";
import { LANDLOCKED } from "./landlock.ts";
import { resolvePlace } from "./paths.ts";
import type { Check, Context, Row } from "./probe.ts";
import { CONTROL, notMeasured, reachable } from "./row.ts";

/** The positive controls: each kind of question is put once where the answer must be yes. */
export const controlCheck: Check = {
  id: "control",
  category: "process",
  why: "A refusal proves something only when the same question can succeed in the same process.",
  misses: "A filter that treats one path or one address apart from another.",
  source: "harn sandbox conformance: a refusal with no admitted sibling proves nothing",
  async run(context) {
    return {
      rows: [
        await tableControl(context),
        await fileControl(context, CONTROL.read, "read", [process.execPath, "/proc/self/status"]),
        await fileControl(context, CONTROL.write, "write", writablePlaces(context)),
        await listControl(context),
        await connectControl(context),
      ],
    };
  },
};

async function tableControl({ facts }: Context): Promise<Row> {
  const subject = "a kernel table";
  if (facts.status?.has("Uid") === true)
    return reachable(CONTROL.table, subject, ["read"], "/proc/self/status was read");
  return notMeasured(CONTROL.table, subject, "/proc/self/status cannot be read");
}

async function fileControl(context: Context, id: string, mode: "read" | "write", places: string[]): Promise<Row> {
  const subject = `a file that may be ${mode === "read" ? "read" : "written"}`;
  for (const path of places) {
    const asked = await context.ground.access(path, mode);
    if (asked.status === "answered") return reachable(id, subject, [mode], "access(2) allowed it");
    if (asked.errno === LANDLOCKED && KERNELS_OR_OURS.has(path)) {
      const opened = await context.ground.opens(path, mode);
      if (opened.status === "answered") return reachable(id, subject, [mode], "it was opened, and closed again");
    }
  }
  return notMeasured(id, subject, "no such file was found among those that should be");
}

/** Where opening does nothing. */
const KERNELS_OR_OURS: ReadonlySet<string> = new Set([process.execPath, "/proc/self/status", "/dev/null"]);

function writablePlaces(context: Context): string[] {
  const workspace = resolvePlace(context, ".");
  return [...(workspace === undefined ? [] : [workspace]), "/tmp", "/dev/null", "/proc/self/comm"];
}

async function listControl({ ground }: Context): Promise<Row> {
  const subject = "a directory that may be listed";
  const asked = await ground.list("/", 1);
  if (asked.status === "answered") return reachable(CONTROL.list, subject, ["list"], "the root was listed");
  return notMeasured(CONTROL.list, subject, `the root cannot be listed: ${asked.errno}`);
}

/** Our own listener on the loopback; gone again before the next check. */
async function connectControl({ ground }: Context): Promise<Row> {
  const subject = "a listener of our own";
  const errno = await withListener(async (port) => {
    const asked = await ground.connect({ host: "127.0.0.1", port });
    return asked.status === "answered" ? undefined : asked.errno;
  });
  if (errno === undefined)
    return reachable(CONTROL.connect, subject, ["connect"], "connected on the loopback and closed");
  return notMeasured(CONTROL.connect, subject, `cannot reach a listener of our own: ${errno}`);
}

/** Resolves to what `use` gives, or to the errno when there can be no listener. */
function withListener(use: (port: number) => Promise<string | undefined>): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "unknown"));
    server.listen({ host: "127.0.0.1", port: 0 }, () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      use(port).then(
        (value) => server.close(() => resolve(value)),
        (error: unknown) => server.close(() => reject(error)),
      );
    });
  });
}

import { OperatorError } from "../../base/errors.ts";
import { oneLine } from "../../base/text.ts";
import type { Roots, StackReader } from "../reader.ts";
import type { Declared } from "../stack.ts";
import { readBubblewrap } from "./bubblewrap.ts";
import { type Command, commandsIn } from "./commandFile.ts";
import { readDockerRun } from "./dockerRun.ts";

export function readCommand(command: Command, file: string, original: Roots): Declared {
  return command.tool === "bubblewrap"
    ? readBubblewrap(command, file, original)
    : readDockerRun(command, file, original);
}

/** The one command line of a file, or the one whose number, from 1, is given. */
export async function readCommandFile(
  reader: StackReader,
  { file, part }: { file: string; part: string | undefined },
  original: Roots,
): Promise<Declared> {
  const commands = await commandsIn(reader, file, original);
  const chosen = /^\d{1,4}$/.test(part ?? "1") ? commands[Number(part ?? "1") - 1] : undefined;
  if (chosen === undefined) {
    const found = commands.length === 0 ? "no docker run, podman run or bwrap" : `${commands.length} command lines`;
    const wanted = part === undefined ? "" : `, and none is #${oneLine(part, 20)}`;
    throw new OperatorError(
      `${file}: ${found} in it${wanted}`,
      "name a file that holds the command line, and its number from 1 as FILE#NUMBER when it holds several",
    );
  }
  const declared = readCommand(chosen, file, original);
  const others = part === undefined ? commands.filter((command) => command !== chosen) : [];
  for (const { line, tool } of others)
    declared.unrepeatable.push({
      what: `${file}:${line} ${tool}`,
      why: "one sandbox is studied at a time, and the first is taken",
    });
  return declared;
}

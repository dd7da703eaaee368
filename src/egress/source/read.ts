import { z } from "zod";
import { oneLine } from "../../base/text.ts";
import type { Source } from "../../sources/source.ts";
import { contentOf, Unreadable } from "./content.ts";
import type { Read } from "./reading.ts";

/** Reads a file of a source. Never throws for what is in the file. */
export function readFile(source: Source, mediaType: string, bytes: Uint8Array): Read {
  try {
    const { content, removed } = contentOf(mediaType, bytes);
    return { status: "read", documents: source.read(content), removed };
  } catch (thrown) {
    // Whatever a parser makes of hostile bytes is said of the file: nothing here reaches disk, network or state.
    if (thrown instanceof z.ZodError) return unreadable(`another form than the source's: ${formOf(thrown)}`);
    if (thrown instanceof Unreadable || thrown instanceof TypeError || thrown instanceof RangeError)
      return unreadable(thrown.message);
    // The alias bound of the YAML parser.
    if (thrown instanceof ReferenceError) return unreadable(thrown.message);
    throw thrown;
  }
}

function formOf(error: z.ZodError): string {
  const [issue] = error.issues;
  return issue === undefined ? "" : `${issue.path.join(".")}: ${issue.message}`;
}

function unreadable(reason: string): Read {
  return { status: "unreadable", reason: oneLine(reason, 280).slice(0, 300) };
}

import { SOURCES } from "../../sources/all.ts";
import { readFile } from "./read.ts";

/**
 * Reads one file of a source in a process of its own: no key, no socket, no right to write a file or to start a program, and killed when
 * it takes too long. What parses bytes that anyone on the Internet may have written does not run beside the model's key.
 *
 *   readProcess SOURCE MEDIA-TYPE < file
 */
const [id, mediaType = ""] = process.argv.slice(2);
const source = SOURCES.find((one) => one.id === id);
if (source === undefined) throw new TypeError("the first argument is a source's id");
const chunks: Uint8Array[] = [];
for await (const chunk of process.stdin) chunks.push(chunk as Uint8Array);
process.stdout.write(JSON.stringify(readFile(source, mediaType, Buffer.concat(chunks))));
